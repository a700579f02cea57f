//! From what hosts write to records.
//!
//! A host language keeps a span in objects of its own and writes it once, when it ends, in whichever layout its language
//! writes fastest: JavaScript (and whoever packs bytes) the [compact] one, Python the [marshalled](marshal) one. A batch of
//! spans comes in one piece; [`Ingest`] plays each span on the same [`SpanBuilder`] that native programs record with, so the
//! records are the same to the byte.
//!
//! Nothing in a batch is trusted. What is malformed is left out and counted, and the rest goes on; texts that are no UTF-8
//! are repaired.

mod compact;
mod cursor;
mod marshal;
mod text;

use super::{Limits, SpanBuilder};

/// What came of the batches so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IngestCounts {
    /// Spans that became records.
    pub spans: u64,
    /// Entries that could not be read.
    pub malformed: u64,
    /// Entries of unknown kinds, which were passed over.
    pub unknown: u64,
    /// Texts that were repaired.
    pub repaired: u64,
}

/// Turns batches of host spans into records. Interned names live as long as this does.
#[derive(Debug, Default)]
pub struct Ingest {
    builder: SpanBuilder,
    names: Vec<String>,
    counts: IngestCounts,
}

impl Ingest {
    /// Holds spans to these limits.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { builder: SpanBuilder::new(limits), ..Self::default() }
    }

    /// Holds the spans that follow to other limits.
    pub const fn set_limits(&mut self, limits: Limits) {
        self.builder.set_limits(limits);
    }

    /// The limits that spans are held to.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        self.builder.limits()
    }

    /// What came of the batches so far.
    #[must_use]
    pub const fn counts(&self) -> IngestCounts {
        self.counts
    }

    /// Appends the records of a batch in the compact layout; gives how many spans there were.
    pub fn compact(&mut self, batch: &[u8], out: &mut Vec<u8>) -> u64 {
        let before = self.counts.spans;
        compact::ingest(self, batch, out);
        self.counts.spans - before
    }

    /// Appends the records of a batch that Python marshalled (version 2 of its format); gives how many spans there were.
    pub fn marshal(&mut self, batch: &[u8], out: &mut Vec<u8>) -> u64 {
        let before = self.counts.spans;
        marshal::ingest(self, batch, out);
        self.counts.spans - before
    }
}

/// Ends the span in the builder and appends its record.
#[inline]
fn put_record(builder: &mut SpanBuilder, kind: u8, end_unix_nano: u64, out: &mut Vec<u8>) {
    if kind == super::RecordKind::WorkflowOpened as u8 || kind == super::RecordKind::Started as u8 {
        builder.write_started(out);
    } else {
        out.extend_from_slice(builder.finish(end_unix_nano));
    }
}

/// A host's span cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Malformed;

/// The role of a span whose record has this kind.
fn role_of(kind: u8, host_flags: u16) -> super::SpanRole {
    use super::{RecordKind, SpanRole, layout};
    if kind == RecordKind::WorkflowOpened as u8 || kind == RecordKind::WorkflowClosed as u8 {
        SpanRole::Workflow
    } else if host_flags & layout::host_flag::NODE != 0 {
        SpanRole::Node
    } else {
        SpanRole::Span
    }
}

/// The span kind with this number; unknown ones count as internal.
fn span_kind_of(number: u8) -> crate::otlp::span::SpanKind {
    use crate::otlp::span::SpanKind;
    match number {
        2 => SpanKind::Server,
        3 => SpanKind::Client,
        4 => SpanKind::Producer,
        5 => SpanKind::Consumer,
        _ => SpanKind::Internal,
    }
}

/// Seven numbers as a report of usage; an unknown mode counts as a total.
fn usage_of(numbers: [u64; 7], mode: u8) -> crate::Usage {
    use crate::UsageMode;
    let [prompt, completion, question, total, cache_read, cache_write, reasoning] = numbers;
    let mode = match mode {
        1 => UsageMode::Delta,
        2 => UsageMode::Cumulative,
        _ => UsageMode::Total,
    };
    crate::Usage { prompt, completion, question, total, cache_read, cache_write, reasoning, mode }
}
