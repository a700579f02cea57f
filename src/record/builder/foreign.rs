//! What only other libraries' spans do: they change their name, and come with counts of what they lost.

use super::SpanBuilder;
use crate::otlp::span::field;
use crate::otlp::wire::put_bytes_field;
use crate::record::envelope::ENVELOPE_LEN;
use crate::record::keys::pair_at;

/// The wire type of fields with a length.
const WITH_LENGTH: u8 = 2;
/// The tag of the name.
const NAME_TAG: u8 = 0x2a;

impl SpanBuilder {
    /// Gives the span another name. What its kind of step says of the first one stays.
    ///
    /// ```
    /// # use spanloom::record::{Limits, SpanBuilder, SpanRole, SpanStart, finished_spans};
    /// # use spanloom::otlp::span::{SpanKind, SpanView};
    /// # use spanloom::{SpanId, TraceId};
    /// let mut span = SpanBuilder::new(Limits::default());
    /// # let start = SpanStart { workflow: SpanId::NONE, trace_id: TraceId::from_halves(1, 2),
    /// #     span_id: SpanId::from_u64(3), parent_span_id: SpanId::NONE, parent_is_remote: false, trace_flags: 1,
    /// #     trace_state: "", name: "GET", span_kind: SpanKind::Server, node_kind: "", role: SpanRole::Span,
    /// #     start_unix_nano: 1 };
    /// span.start(&start);
    /// span.attribute("http.route", "/users/{id}");
    /// span.rename("GET /users/{id}");
    /// let record = span.finish(2).to_vec();
    /// let message = finished_spans(&record).next().unwrap();
    /// assert_eq!(SpanView::read(message).unwrap().name, "GET /users/{id}");
    /// ```
    pub fn rename(&mut self, name: &str) {
        let kept = self.kept_name(name);
        let out = self.out.as_slice();
        let mut at = ENVELOPE_LEN;
        // Ids stand in front of the name, each with a length; the kind, a number, behind it.
        let range = loop {
            match (out.get(at), pair_at(out, at)) {
                (Some(&NAME_TAG), Some((end, _))) => break at..end,
                (Some(tag), Some((end, _))) if tag & 7 == WITH_LENGTH => at = end,
                _ => break at..at,
            }
        };
        self.cut = self.cut.saturating_add(u32::from(kept.len() < name.len()));
        self.rare.scratch.clear();
        if !kept.is_empty() {
            put_bytes_field(&mut self.rare.scratch, field::NAME, kept.as_bytes());
        }
        let (old, new) = (range.len(), self.rare.scratch.len());
        self.keys.shift(range.start, old, new);
        self.head.end_at = self.head.end_at + new - old;
        self.out.replace(range, &self.rare.scratch);
        #[cfg(not(target_arch = "wasm32"))]
        self.look_around();
    }

    /// Adds to the counts of attributes, events and links that the span lost before it came here.
    pub fn note_dropped(&mut self, attributes: u32, events: u32, links: u32) {
        self.dropped_attributes = self.dropped_attributes.saturating_add(attributes);
        self.dropped_events = self.dropped_events.saturating_add(events);
        self.dropped_links = self.dropped_links.saturating_add(links);
    }
}
