//! What happens to records before they are offered to the destinations: whole workflows pass the tail sampler, every span the
//! redactor; then long texts of events go to a store.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::entropy::system_u64;
use super::store::Store;
use super::stream::Stream;
use crate::deliver::{Dropped, Reason};
use crate::loom::{Losses, NodeFlags, Weaver, WeaverOptions, Woven};
use crate::meter::{Feed, Hand};
use crate::offload::{BlobError, BlobStore, EVENT_TEXT_LIMIT, offload_events};
use crate::record::{Record, RecordKind, Records};
use crate::redact::Redactor;
use crate::sample::{TailSampler, WorkflowFacts};

/// A store that the loom's thread uses.
pub(super) type Blobs = Arc<dyn BlobStore + Send + Sync>;

/// What the records of one loom go through.
pub(super) struct Pipeline {
    /// Makes metrics of all that ends, also of what is left out behind.
    pub(super) feed: Option<Feed>,
    pub(super) tail: Option<Tail>,
    pub(super) redactor: Option<Arc<Redactor>>,
    /// Where long texts of events go.
    pub(super) blobs: Option<Blobs>,
    /// Where records are written down before they are offered.
    pub(super) store: Option<Store>,
}

/// Holds workflows back until they are whole and can be decided over.
pub(super) struct Tail {
    weaver: Weaver,
    sampler: TailSampler,
    /// Spans that the weaver was given and has not given out: those that it holds, and those that it lost.
    inside: u64,
    /// Records of any kind that the weaver has lost so far.
    lost: Losses,
}

impl Tail {
    pub(super) fn new(sampler: TailSampler) -> Self {
        Self { weaver: Weaver::new(WeaverOptions::default()), sampler, inside: 0, lost: Losses::default() }
    }

    /// How many spans the weaver has lost since the last time. It counts records; a lost start is no lost span. So how many
    /// spans they are is known, and for which reasons; where there were several, not how many for which, and each may
    /// have no more of them than it has records.
    fn newly_lost(&mut self) -> Dropped {
        let mut dropped = Dropped::default();
        let now = self.weaver.counts().lost;
        let before = std::mem::replace(&mut self.lost, now);
        if before == now {
            return dropped;
        }
        let held = self.weaver.held_ended();
        let mut left = std::mem::replace(&mut self.inside, held).saturating_sub(held);
        for (reason, records) in [
            (Reason::EncodeError, now.undecodable.saturating_sub(before.undecodable)),
            (Reason::Misuse, now.invalid_id.saturating_sub(before.invalid_id)),
            (Reason::Misuse, now.repeated.saturating_sub(before.repeated)),
            (Reason::TooLarge, now.too_large.saturating_sub(before.too_large)),
        ] {
            let spans = left.min(records);
            dropped.add(reason, spans);
            left -= spans;
        }
        dropped.add(Reason::QueueFull, left);
        dropped
    }

    /// The records of a workflow that is kept; `None` where it is not.
    fn decide(&self, woven: &Woven) -> Option<Vec<u8>> {
        let mut facts = WorkflowFacts::default();
        for span in woven.spans() {
            self.sampler.observe(&mut facts, &span);
        }
        facts.set_tokens(woven.usage().total_tokens());
        if !self.sampler.decide(&facts).keep {
            return None;
        }
        let mut records = Vec::new();
        for record in woven.records() {
            record.write(&mut records);
        }
        Some(records)
    }
}

/// What came of records.
#[derive(Default)]
pub(super) struct Passed {
    /// To be offered to the destinations.
    pub(super) streams: Vec<Stream>,
    /// Spans that the tail sampler left out.
    pub(super) sampled_out: u64,
    /// Spans that nobody ended: they are offered without having been accepted.
    pub(super) abandoned: u64,
    /// Spans that were lost.
    pub(super) lost: Dropped,
}

impl Passed {
    /// With room for so many streams.
    pub(super) fn with_capacity(streams: usize) -> Self {
        Self { streams: Vec::with_capacity(streams), ..Self::default() }
    }
}

impl Pipeline {
    /// Takes records on their way; so many of them are of spans that have ended.
    pub(super) fn take_on(&mut self, stream: Stream, spans: u64, now: u64, passed: &mut Passed) {
        if let Some(feed) = &mut self.feed {
            feed.take_stream(stream.records(), hand_at(now));
        }
        let Some(tail) = &mut self.tail else {
            passed.streams.push(self.leaving(stream));
            return;
        };
        tail.weaver.take_stream(stream.records(), now);
        tail.inside += spans;
        self.decide(false, now, passed);
    }

    /// All threads were asked for their records; with `finish` nothing comes behind them.
    pub(super) fn end_round(&mut self, finish: bool, now: u64) {
        match &mut self.feed {
            Some(feed) if finish => feed.settle(hand_at(now)),
            Some(feed) => feed.end_round(hand_at(now)),
            None => {}
        }
    }

    /// Decides over the workflows that are whole; with `finish` over all of them, as they are.
    pub(super) fn decide(&mut self, finish: bool, now: u64, passed: &mut Passed) {
        let Some(tail) = &mut self.tail else { return };
        let ready: Vec<Woven> =
            if finish { tail.weaver.finish(now).collect() } else { tail.weaver.poll(now).collect() };
        let mut kept = Vec::with_capacity(ready.len());
        for woven in &ready {
            let abandoned = woven.marked(NodeFlags::ABANDONED) as u64;
            let ended = ended(woven.records()).saturating_sub(abandoned);
            tail.inside = tail.inside.saturating_sub(ended);
            match tail.decide(woven) {
                Some(records) => {
                    passed.abandoned += abandoned;
                    kept.push(records);
                }
                None => passed.sampled_out += ended,
            }
        }
        passed.lost.add_all(&tail.newly_lost());
        passed.streams.extend(kept.into_iter().map(|records| self.leaving(Stream::Copied(records))));
    }

    /// Records as they leave: without secrets, and without long texts, where that is asked for.
    fn leaving(&self, stream: Stream) -> Stream {
        let stream = match self.redactor.as_deref() {
            Some(redactor) => Stream::Copied(rewritten(stream.records(), |span, out| {
                redactor.apply(span, out);
            })),
            None => stream,
        };
        match self.blobs.as_deref() {
            Some(store) if has_long_spans(stream.records()) => {
                Stream::Copied(rewritten(stream.records(), |span, out| {
                    offload_events(span, &Guarded(store), random, out);
                }))
            }
            _ => stream,
        }
    }
}

/// True where a span may hold a text that is too long for an event.
fn has_long_spans(records: &[u8]) -> bool {
    let long = |record: Record<'_>| record.kind.is_span() && record.body.len() >= EVENT_TEXT_LIMIT;
    Records::new(records).flatten().any(long)
}

/// The random bits of a blob's name.
fn random() -> [u8; 16] {
    (u128::from(system_u64()) << 64 | u128::from(system_u64())).to_be_bytes()
}

/// A store that may panic without harm to the loom's thread.
struct Guarded<'a>(&'a (dyn BlobStore + Send + Sync));

impl BlobStore for Guarded<'_> {
    fn put(&self, name: &str, bytes: &[u8]) -> Result<String, BlobError> {
        let put = || self.0.put(name, bytes);
        let panicked = |_| Err(BlobError::Store { name: name.into(), message: "panic".into() });
        catch_unwind(AssertUnwindSafe(put)).unwrap_or_else(panicked)
    }
}

fn hand_at(now_unix_nano: u64) -> Hand {
    Hand { slot: super::meter::slot_here(), now_unix_nano }
}

/// How many of these records are of spans that have ended.
fn ended<'a>(records: impl Iterator<Item = Record<'a>>) -> u64 {
    records.filter(|record| matches!(record.kind, RecordKind::Finished | RecordKind::WorkflowClosed)).count()
        as u64
}

/// The records, each span as `rewrite` writes it.
fn rewritten(records: &[u8], rewrite: impl Fn(&[u8], &mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(records.len());
    let mut body = Vec::new();
    for record in Records::new(records).flatten() {
        body.clear();
        if record.kind.is_span() {
            rewrite(record.body, &mut body);
            Record { body: &body, ..record }.write(&mut out);
        } else {
            record.write(&mut out);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{SpanId, TraceId};
    use crate::otlp::span::SpanKind;
    use crate::record::{Limits, SpanBuilder, SpanRole, SpanStart};
    use crate::sample::TailRules;

    fn span(trace: u64, id: u64) -> Vec<u8> {
        let mut builder = SpanBuilder::new(Limits::default());
        builder.start(&SpanStart {
            workflow: SpanId::NONE,
            trace_id: TraceId::from_halves(0, trace),
            span_id: SpanId::from_u64(id),
            parent_span_id: SpanId::NONE,
            parent_is_remote: false,
            trace_flags: 1,
            trace_state: "",
            name: "s",
            span_kind: SpanKind::Internal,
            node_kind: "",
            role: SpanRole::Span,
            start_unix_nano: 1,
        });
        builder.finish(2).to_vec()
    }

    #[test]
    fn what_the_tail_sampler_cannot_use_is_lost_under_its_own_reason() {
        let mut undecodable = Vec::new();
        Record { kind: RecordKind::Finished, flags: 0, revision: 0, workflow: SpanId::NONE, body: &[0xff] }
            .write(&mut undecodable);
        for (stream, reason) in [
            ([span(1, 1), span(1, 2), span(1, 2)].concat(), Reason::Misuse),
            ([span(1, 1), span(1, 2), span(0, 3)].concat(), Reason::Misuse),
            ([span(1, 1), span(1, 2), undecodable].concat(), Reason::EncodeError),
        ] {
            let tail = Some(Tail::new(TailRules::new().build()));
            let mut pipeline = Pipeline { feed: None, tail, redactor: None, blobs: None, store: None };
            let mut passed = Passed::default();
            pipeline.take_on(Stream::Copied(stream), 3, 10, &mut passed);
            pipeline.decide(true, 20, &mut passed);
            assert_eq!(passed.lost.iter().collect::<Vec<_>>(), [(reason, 1)]);
        }
    }
}
