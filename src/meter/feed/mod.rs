//! Metrics out of workflows and nodes that have ended: nobody has to measure what is recorded anyway.
//!
//! ```text
//!  records ──take──▶ facts of the span ──▶ places for spans like it ──▶ runs, errors, duration, first frame
//!                          │                (looked up, made once)
//!                          └──▶ roll-up ──settle──▶ tokens, each once
//! ```
//!
//! A host hands over its records as they come, and then settles: tokens that a node reports may contain those of nodes below it,
//! whose records must not be missing then. Of each sort of span, by kind, model and error,
//! the series are looked up once.
//!
//! What counts is a record of an end. One that comes twice, or again with a higher revision, counts each time; starts and
//! abandoned nodes do not.

mod facts;
mod instruments;
mod roll_up;
mod series;

use std::collections::BTreeMap;
use std::sync::Arc;

use self::facts::Facts;
use self::instruments::Instruments;
use self::roll_up::{Adds, Ended, RollUp};
use self::series::{Origin, Places};
use super::{Book, Slot};
use crate::otlp::convention::Wording;
use crate::otlp::span::SpanView;
use crate::record::{Record, Records};
use crate::redact::Redactor;

/// So many sorts of spans are known at a time. Beyond the limit of a book their series are one anyway.
const MOST_SORTS: usize = 4096;

/// Who writes, and when.
///
/// ```
/// use spanloom::meter::{Hand, Slot};
/// let hand = Hand { slot: Slot::ONLY, now_unix_nano: 1_700_000_000_000_000_000 };
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Hand {
    /// The slot of the thread that calls.
    pub slot: Slot,
    /// The time, in nanoseconds since 1970.
    pub now_unix_nano: u64,
}

/// Counts what has ended.
///
/// ```
/// use spanloom::meter::{Book, Feed, Hand, MetricSink, Point, Reader, Slot, Stream};
/// use spanloom::otlp::convention::Wording;
/// # use spanloom::record::{Limits, SpanBuilder, SpanRole, SpanStart};
/// # use spanloom::{SpanId, TraceId, otlp::span::SpanKind};
/// # let mut builder = SpanBuilder::new(Limits::default());
/// # builder.start(&SpanStart { workflow: SpanId::NONE, trace_id: TraceId::from_halves(1, 2), span_id: SpanId::from_u64(3),
/// #     parent_span_id: SpanId::NONE, parent_is_remote: false, trace_flags: 1, trace_state: "", name: "plan",
/// #     span_kind: SpanKind::Internal, node_kind: "tool", role: SpanRole::Node, start_unix_nano: 5 });
/// # let records = builder.finish(9).to_vec();
/// # struct Names(Vec<String>);
/// # impl MetricSink for Names {
/// #     fn stream(&mut self, stream: &Stream<'_>) { self.0.push(stream.name.to_owned()); }
/// #     fn point(&mut self, _: &Point<'_>) {}
/// # }
/// let book = Book::default();
/// let mut feed = Feed::new(&book, Wording::default());
/// let hand = Hand { slot: Slot::ONLY, now_unix_nano: 10 };
/// feed.take_stream(&records, hand); // a node of the kind `tool`
/// feed.settle(hand);
///
/// let mut names = Names(Vec::new());
/// book.collect(&mut Reader::cumulative(), 11, &mut names);
/// assert_eq!(names.0, ["spanloom.node.runs", "spanloom.node.duration", "gen_ai.client.operation.duration"]);
/// ```
#[derive(Debug)]
pub struct Feed {
    instruments: Instruments,
    redactor: Option<Arc<Redactor>>,
    exemplars: bool,
    sorts: BTreeMap<Box<[u8]>, usize>,
    places: Vec<Places>,
    roll_up: RollUp,
    key: Vec<u8>,
}

impl Feed {
    /// A feed that counts in this book, also in the words in which spans leave.
    #[must_use]
    pub fn new(book: &Book, wording: Wording) -> Self {
        Self {
            instruments: Instruments::new(book, wording),
            redactor: None,
            exemplars: false,
            sorts: BTreeMap::new(),
            places: Vec::new(),
            roll_up: RollUp::default(),
            key: Vec::new(),
        }
    }

    /// Takes secrets out of the texts that become labels.
    #[must_use]
    pub fn redact(self, redactor: Arc<Redactor>) -> Self {
        Self { redactor: Some(redactor), ..self }
    }

    /// Durations offer their spans as exemplars.
    #[must_use]
    pub fn exemplars(self, on: bool) -> Self {
        Self { exemplars: on, ..self }
    }

    /// Counts the records of a stream. What cannot be read is passed over.
    pub fn take_stream(&mut self, records: &[u8], hand: Hand) {
        for record in Records::new(records).flatten() {
            self.take(&record, hand);
        }
    }

    /// Counts a record, where it tells of an end; its tokens when [`Self::settle`] is called.
    pub fn take(&mut self, record: &Record<'_>, hand: Hand) {
        if !record.kind.is_span() {
            return;
        }
        // Texts are checked when they are read, and nothing else is looked at.
        let Ok(span) = SpanView::read_checked(record.body) else { return };
        let Some(facts) = Facts::of(record, &span) else { return };
        let place = (facts.is_workflow || facts.is_node).then(|| self.place_of(&facts, hand));
        if let Some(places) = place.and_then(|place| self.places.get_mut(place)) {
            let origin = Origin { trace: span.trace_id, span: span.span_id };
            places.count(&self.instruments, &facts, self.exemplars.then_some(origin), hand);
        }
        self.roll_up.take(Ended {
            trace: span.trace_id,
            span: span.span_id,
            parent: span.parent_span_id,
            start: span.start_unix_nano,
            end: span.end_unix_nano,
            usage: facts.usage,
            is_workflow: facts.is_workflow,
            place,
        });
        if self.roll_up.is_full() {
            self.settle(hand);
        }
    }

    /// Nothing is missing that ended before what was taken, or it will not come any more: counts all tokens.
    pub fn settle(&mut self, hand: Hand) {
        let Self { instruments, places, roll_up, .. } = self;
        roll_up.settle(|adds| count_tokens(places, instruments, adds, hand));
    }

    /// Every thread was asked for its records, one after the other: counts tokens as far as nothing can be missing. What is
    /// taken in a round is counted at the end of the next one at the latest.
    pub fn end_round(&mut self, hand: Hand) {
        let Self { instruments, places, roll_up, .. } = self;
        roll_up.end_round(|adds| count_tokens(places, instruments, adds, hand));
    }

    /// Where spans like this one are counted.
    fn place_of(&mut self, facts: &Facts<'_>, hand: Hand) -> usize {
        facts.put_key(&mut self.key);
        if let Some(place) = self.sorts.get(&*self.key) {
            return *place;
        }
        if self.places.len() >= MOST_SORTS {
            self.settle(hand);
            self.sorts.clear();
            self.places.clear();
        }
        let place = self.places.len();
        self.places.push(Places::new(&self.instruments, facts, self.redactor.as_deref(), hand));
        self.sorts.insert(self.key.as_slice().into(), place);
        place
    }
}

fn count_tokens(places: &mut [Places], instruments: &Instruments, adds: Adds, hand: Hand) {
    if let Some(places) = places.get_mut(adds.place) {
        places.count_tokens(instruments, adds.usage, hand);
    }
}

#[cfg(test)]
mod tests;
