//! The way of records inside a loom: whole workflows past the tail sampler, every span past the redactor, then to the sinks.

use std::time::Duration;

use super::export::{Exporter, Outgoing};
use crate::deliver::Answer;
use crate::loom::{NodeFlags, Weaver, WeaverOptions, Woven};
use crate::otlp::convention::Wording;
use crate::otlp::{Resource, Scope};
use crate::record::{Record, RecordKind, Records};
use crate::redact::Redactor;
use crate::sample::{TailSampler, WorkflowFacts};

/// The way of one loom's records.
pub(super) struct Delivery {
    pub(super) tail: Option<Tail>,
    pub(super) redactor: Option<Redactor>,
    pub(super) sinks: Vec<Box<dyn Exporter>>,
    pub(super) resource: Resource,
    pub(super) scope: Scope,
    pub(super) wording: Wording,
}

/// Holds workflows back until they are whole and can be decided over.
pub(super) struct Tail {
    weaver: Weaver,
    sampler: TailSampler,
    /// Spans that the weaver was given and has not given out: those that it holds, and those that it lost.
    inside: u64,
    /// Records of any kind that the weaver has lost so far.
    lost: u64,
}

impl Tail {
    pub(super) fn new(sampler: TailSampler) -> Self {
        Self { weaver: Weaver::new(WeaverOptions::default()), sampler, inside: 0, lost: 0 }
    }

    /// How many spans the weaver has lost since the last time. It counts records; a lost start is no lost span.
    fn newly_lost(&mut self) -> u64 {
        let lost = self.weaver.counts().lost.total();
        if std::mem::replace(&mut self.lost, lost) == lost {
            return 0;
        }
        let held = self.weaver.held_ended();
        std::mem::replace(&mut self.inside, held).saturating_sub(held)
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

/// What became of records.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Outcome {
    pub(super) delivered: u64,
    pub(super) dropped: u64,
    pub(super) sampled_out: u64,
    /// Spans that nobody ended: they are delivered without having been accepted.
    pub(super) abandoned: u64,
    /// Calls of sinks that failed.
    pub(super) sink_errors: u64,
}

impl Outcome {
    fn add(&mut self, other: Self) {
        self.delivered += other.delivered;
        self.dropped += other.dropped;
        self.sampled_out += other.sampled_out;
        self.abandoned += other.abandoned;
        self.sink_errors += other.sink_errors;
    }
}

impl Delivery {
    /// Takes records on their way; so many of them are of spans that have ended.
    pub(super) fn pass_on(&mut self, records: &[u8], spans: u64, now: u64) -> Outcome {
        let Some(tail) = &mut self.tail else { return self.send(records, spans) };
        tail.weaver.take_stream(records, now);
        tail.inside += spans;
        self.send_decided(false, now)
    }

    /// Makes the sinks write out what they hold back; with `finish` whatever is held back goes out as it is.
    pub(super) fn flush(&mut self, finish: bool, now: u64) -> Outcome {
        let mut outcome = self.send_decided(finish, now);
        for sink in &mut self.sinks {
            // How many spans a sink could not write out only the sink knows.
            outcome.sink_errors += u64::from(!went_well(|| sink.flush()));
        }
        outcome
    }

    /// Sends the workflows that can be decided over.
    fn send_decided(&mut self, finish: bool, now: u64) -> Outcome {
        let mut outcome = Outcome::default();
        let Some(tail) = &mut self.tail else { return outcome };
        let ready: Vec<Woven> =
            if finish { tail.weaver.finish(now).collect() } else { tail.weaver.poll(now).collect() };
        let mut decided = Vec::with_capacity(ready.len());
        for woven in &ready {
            let abandoned = woven.marked(NodeFlags::ABANDONED) as u64;
            let ended = ended(woven.records());
            tail.inside = tail.inside.saturating_sub(ended.saturating_sub(abandoned));
            decided.push((tail.decide(woven), ended, abandoned));
        }
        outcome.dropped += tail.newly_lost();
        for (records, ended, abandoned) in decided {
            match records {
                Some(records) => {
                    outcome.abandoned += abandoned;
                    outcome.add(self.send(&records, ended));
                }
                None => outcome.sampled_out += ended.saturating_sub(abandoned),
            }
        }
        outcome
    }

    /// Sends records to every sink, redacted where that is asked for.
    fn send(&mut self, records: &[u8], spans: u64) -> Outcome {
        let redacted = self.redactor.as_ref().map(|redactor| redacted(redactor, records));
        let records = redacted.as_deref().unwrap_or(records);
        let outgoing = Outgoing {
            records,
            resource: &self.resource,
            scope: &self.scope,
            wording: self.wording,
            within: Duration::from_secs(10),
        };
        let mut sink_errors = 0;
        for sink in &mut self.sinks {
            sink_errors += u64::from(!went_well(|| match sink.export(&outgoing) {
                Answer::Taken { .. } => Ok(()),
                other => Err(std::io::Error::other(format!("{other:?}"))),
            }));
        }
        let mut outcome = Outcome { sink_errors, ..Outcome::default() };
        *(if sink_errors > 0 { &mut outcome.dropped } else { &mut outcome.delivered }) = spans;
        outcome
    }
}

/// False where a sink failed. A panic of a sink is a failure like any other: it is not the program's that records.
fn went_well(run: impl FnOnce() -> std::io::Result<()>) -> bool {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_ok_and(|result| result.is_ok())
}

/// How many of these records are of spans that have ended.
fn ended<'a>(records: impl Iterator<Item = Record<'a>>) -> u64 {
    records.filter(|record| matches!(record.kind, RecordKind::Finished | RecordKind::WorkflowClosed)).count()
        as u64
}

/// The records without secrets.
fn redacted(redactor: &Redactor, records: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(records.len());
    let mut body = Vec::new();
    for record in Records::new(records).flatten() {
        body.clear();
        if record.kind.is_span() {
            redactor.apply(record.body, &mut body);
            Record { body: &body, ..record }.write(&mut out);
        } else {
            record.write(&mut out);
        }
    }
    out
}
