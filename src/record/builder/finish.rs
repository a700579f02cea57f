//! The end of a span: what was kept beside the attributes is joined, and the record is whole.

use super::SpanBuilder;
use crate::otlp::span::{StatusCode, field};
use crate::otlp::wire::{
    bytes_field_len, close_message, open_message, put_bytes_field, put_fixed32_field, put_varint_field,
};
use crate::record::SpanRole;
use crate::record::buffer::put_array;
use crate::record::envelope::{ENVELOPE_LEN, RecordKind, flags, write_envelope};
use crate::record::keys::key_hash;
use crate::record::nested::put_count;
use crate::record::pairs::put_pair_head;
use crate::usage::UsageMode;
use crate::value::{ValueRef, decimal};
use crate::vocabulary as key;

impl SpanBuilder {
    /// The record of a span that has begun: what is known of it so far. The builder goes on unchanged.
    pub fn write_started(&self, out: &mut Vec<u8>) {
        let at = out.len();
        // The end is not known yet: an explicit zero would not be the shortest form.
        let so_far = self.out.as_slice();
        out.extend_from_slice(so_far.get(..self.head.end_at - 1).unwrap_or_default());
        out.extend_from_slice(so_far.get(self.head.end_at + 8..).unwrap_or_default());
        put_fixed32_field(out, field::FLAGS, self.head.span_flags);
        let kind = match self.head.role {
            SpanRole::Workflow => RecordKind::WorkflowOpened,
            SpanRole::Node | SpanRole::Span => RecordKind::Started,
        };
        let length = out.len() - at;
        let envelope = write_envelope(length, kind, self.record_flags(), 0, self.head.workflow);
        if let Some(place) = out.get_mut(at..at + ENVELOPE_LEN) {
            place.copy_from_slice(&envelope);
        }
    }

    /// Ends the span and gives its record. An end before the start counts as the start, and is noted.
    #[inline]
    pub fn finish(&mut self, end_unix_nano: u64) -> &[u8] {
        let counted = self.cut
            | self.dropped_attributes
            | self.dropped_events
            | self.dropped_links
            | self.link_count
            | u32::from(self.has_extras | self.repaired);
        if counted > 0 || end_unix_nano < self.head.start {
            self.finish_generally(end_unix_nano);
        } else {
            // What nearly all spans have: attributes, events and a plain status.
            self.out.patch(self.head.end_at, end_unix_nano.to_le_bytes());
            self.out.put(&self.events);
            self.close(self.node_flag(), self.status != StatusCode::Unset);
        }
        self.out.as_slice()
    }

    #[cold]
    fn finish_generally(&mut self, end_unix_nano: u64) {
        let mut record_flags = self.record_flags();
        let mut end = end_unix_nano;
        if end < self.head.start {
            record_flags |= flags::CLOCK_SUSPECT;
            self.put_own(key::CLOCK_SUSPECT_END, ValueRef::Str(decimal(end, &mut [0; 20])));
            end = self.head.start;
        }
        self.out.patch(self.head.end_at, end.to_le_bytes());
        if self.has_extras {
            self.put_extras();
        }
        if self.cut > 0 {
            record_flags |= flags::CUT;
            self.put_own(key::CUT, ValueRef::Int(self.cut.into()));
        }
        self.put_events_and_links();
        let has_message = self.has_extras && !self.rare.status_message.is_empty();
        if has_message {
            self.put_status_message();
        }
        self.close(record_flags, !has_message && self.status != StatusCode::Unset);
    }

    /// Appends a status without a message, where there is one, and the flags; then the envelope is known.
    #[inline]
    fn close(&mut self, record_flags: u16, bare_status: bool) {
        let out = &mut self.out;
        if let Some(window) = out.window::<10>() {
            put_array(window, 0, [0x7a, 2, 0x18, self.status as u8]);
            let at = if bare_status { 4 } else { 0 };
            put_array(window, at, [0x85, 0x01]);
            put_array(window, at + 2, self.head.span_flags.to_le_bytes());
            out.advance(at + 6);
        }
        let kind = match self.head.role {
            SpanRole::Workflow => RecordKind::WorkflowClosed,
            SpanRole::Node | SpanRole::Span => RecordKind::Finished,
        };
        out.patch(0, write_envelope(out.len(), kind, record_flags, 1, self.head.workflow));
    }

    /// The record that [`Self::finish`] gave, until the next start.
    #[inline]
    #[must_use]
    pub fn record(&self) -> &[u8] {
        self.out.as_slice()
    }

    /// Appends the status with its message.
    #[cold]
    fn put_status_message(&mut self) {
        self.rare.scratch.clear();
        let start = open_message(&mut self.rare.scratch, field::STATUS);
        put_bytes_field(&mut self.rare.scratch, 2, self.rare.status_message.as_bytes());
        put_varint_field(&mut self.rare.scratch, 3, self.status as u64);
        close_message(&mut self.rare.scratch, start);
        self.out.put(&self.rare.scratch);
    }

    /// Appends events, links, and the counts of what was left out.
    fn put_events_and_links(&mut self) {
        self.rare.scratch.clear();
        let out = &mut self.rare.scratch;
        put_count(out, field::DROPPED_ATTRIBUTES, self.dropped_attributes);
        out.extend_from_slice(&self.events);
        put_count(out, field::DROPPED_EVENTS, self.dropped_events);
        if self.link_count > 0 {
            out.extend_from_slice(&self.links);
        }
        put_count(out, field::DROPPED_LINKS, self.dropped_links);
        self.out.put(&self.rare.scratch);
    }

    #[inline]
    fn node_flag(&self) -> u16 {
        if self.head.role == SpanRole::Node { flags::NODE } else { 0 }
    }

    fn record_flags(&self) -> u16 {
        let left_out = self.dropped_attributes | self.dropped_events | self.dropped_links;
        let cut = if left_out > 0 { flags::CUT } else { 0 };
        self.node_flag() | cut | if self.repaired { flags::REPAIRED } else { 0 }
    }

    /// Writes what was kept beside the attributes as attributes, in a fixed order.
    #[cold]
    fn put_extras(&mut self) {
        for (index, name) in [key::INPUT, key::OUTPUT, key::CONFIG].into_iter().enumerate() {
            let bytes =
                core::mem::take(self.rare.sections.get_mut(index).map_or(&mut Vec::new(), |s| &mut s.bytes));
            if !bytes.is_empty() {
                self.put_list(name, 6, &bytes);
            }
            if let Some(section) = self.rare.sections.get_mut(index) {
                section.bytes = bytes;
            }
        }
        let next = core::mem::take(&mut self.rare.next.bytes);
        if !next.is_empty() {
            self.put_list(key::NEXT, 5, &next);
        }
        self.rare.next.bytes = next;
        if let Some(nanos) = self.rare.first_frame {
            self.put_own(key::FIRST_FRAME, ValueRef::Double(seconds(nanos)));
        }
        let names = [
            key::USAGE_INPUT,
            key::USAGE_OUTPUT,
            key::USAGE_QUESTION,
            key::USAGE_TOTAL,
            key::USAGE_CACHE_READ,
            key::USAGE_CACHE_WRITE,
            key::USAGE_REASONING,
        ];
        for (name, number) in names.into_iter().zip(self.rare.usage.numbers()) {
            if number > 0 {
                self.put_own(name, ValueRef::Int(i64::try_from(number).unwrap_or(i64::MAX)));
            }
        }
        if self.rare.usage.mode == UsageMode::Cumulative {
            self.put_own(key::USAGE_CUMULATIVE, ValueRef::Bool(true));
        }
    }

    /// Sets an attribute to an array (5) or a map (6) whose content is encoded already.
    fn put_list(&mut self, name: &str, any_field: u32, list: &[u8]) {
        let hash = key_hash(name.as_bytes());
        let existing = self.keys.find(self.out.as_slice(), name, hash);
        let value = bytes_field_len(any_field, list.len());
        self.rare.scratch.clear();
        let out = &mut self.rare.scratch;
        put_pair_head(out, field::ATTRIBUTES, name, value);
        put_bytes_field(out, any_field, list);
        self.place_scratch(existing, hash);
    }
}

#[expect(clippy::cast_precision_loss, reason = "durations have far fewer than 53 bits of nanoseconds")]
fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}
