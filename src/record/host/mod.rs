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
use crate::meter::Labels;
use crate::otlp::any::{AnyView, AnyWriter};
use crate::value::{Bounded, Bounds, ValueSink};

/// What the labels of one series may hold together.
const LABELS: Bounds = Bounds { depth: 16, nodes: 4096, text: 1 << 16, bytes: 1 << 18 };

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
    /// Metrics that became records.
    pub metrics: u64,
    /// Numbers that cannot be measured, which were left out.
    pub invalid: u64,
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

    /// Appends the records of a batch of metrics that Python marshalled; gives how many metrics there were. What they say is
    /// what has come since the batch before.
    pub fn marshal_metrics(&mut self, batch: &[u8], out: &mut Vec<u8>) -> u64 {
        let before = self.counts.metrics;
        marshal::ingest_metrics(self, batch, out);
        self.counts.metrics - before
    }
}

/// The labels that stand in a map of the compact layout, as a value of its own; none where it is the empty value. Names of
/// entries stand there as they are, none is interned.
///
/// ```
/// use spanloom::record::labels_of_compact;
/// // A map with one entry: a name of five bytes, a short text of four.
/// let labels = labels_of_compact(b"\x09\x01\0\0\0\x05\0route\x0a\x04/ask").unwrap();
/// assert_eq!(labels.get("route").and_then(|route| route.as_str()), Some("/ask"));
/// assert!(labels_of_compact(b"\x02").is_none());
/// ```
#[must_use]
pub fn labels_of_compact(value: &[u8]) -> Option<Labels> {
    compact::labels(value).ok()
}

/// The labels that are told as a map.
fn labels_of(tell: impl FnOnce(&mut dyn ValueSink) -> Result<(), Malformed>) -> Result<Labels, Malformed> {
    let mut message = Vec::new();
    let mut writer = AnyWriter::new(&mut message);
    tell(&mut Bounded::new(&mut writer, LABELS))?;
    writer.finish();
    match AnyView::read(&message).map_err(|_| Malformed)? {
        map @ AnyView::Map(_) => Ok(Labels::of_views(map.entries().collect())),
        AnyView::Null => Ok(Labels::none()),
        _ => Err(Malformed),
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
