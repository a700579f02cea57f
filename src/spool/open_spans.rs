//! Spans that have begun and not ended: what a crash makes abandoned.
//!
//! Memory is bounded in bytes. Where more is open than fits, the oldest are given up: they are lost as abandoned spans,
//! never as real ones.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::id::{SpanId, TraceId};
use crate::loom::write_abandoned;
use crate::otlp::span::{SpanView, field};
use crate::otlp::wire::Fields;
use crate::record::envelope::flags;
use crate::record::{Record, RecordKind, Records};

/// What an open span is taken to cost besides its record.
const COST: usize = 128;
/// How many ends are remembered that came before their start: threads hand over their records in any order.
const EARLY_ENDS: usize = 16_384;

type Key = (TraceId, SpanId);

#[derive(Debug)]
pub(super) struct OpenSpans {
    starts: BTreeMap<Key, Start>,
    /// The same, by their places in the stream.
    order: BTreeMap<u64, Key>,
    bytes: usize,
    limit: usize,
    early_ends: BTreeSet<Key>,
    early_order: VecDeque<Key>,
    given_up: u64,
}

#[derive(Debug)]
struct Start {
    sequence: u64,
    record: Vec<u8>,
}

impl OpenSpans {
    pub fn new(limit: usize) -> Self {
        Self {
            starts: BTreeMap::new(),
            order: BTreeMap::new(),
            bytes: 0,
            limit,
            early_ends: BTreeSet::new(),
            early_order: VecDeque::new(),
            given_up: 0,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    pub fn given_up(&self) -> u64 {
        self.given_up
    }

    /// Takes note of a start.
    pub fn begin(&mut self, record: &[u8], key: Key, sequence: u64) {
        if self.early_ends.contains(&key) {
            return;
        }
        self.end(key);
        self.bytes = self.bytes.saturating_add(record.len().saturating_add(COST));
        self.order.insert(sequence, key);
        self.starts.insert(key, Start { sequence, record: record.to_vec() });
        while self.bytes > self.limit
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.remove(oldest);
            self.given_up = self.given_up.saturating_add(1);
        }
    }

    /// Takes note of an end.
    pub fn end(&mut self, key: Key) {
        if let Some(sequence) = self.remove(key) {
            self.order.remove(&sequence);
        }
    }

    /// Takes note of an end whose start may come yet.
    pub fn end_early(&mut self, key: Key) {
        if self.starts.contains_key(&key) {
            return self.end(key);
        }
        if self.early_ends.insert(key) {
            self.early_order.push_back(key);
        }
        if self.early_order.len() > EARLY_ENDS
            && let Some(oldest) = self.early_order.pop_front()
        {
            self.early_ends.remove(&oldest);
        }
    }

    fn remove(&mut self, key: Key) -> Option<u64> {
        let start = self.starts.remove(&key)?;
        self.bytes = self.bytes.saturating_sub(start.record.len().saturating_add(COST));
        Some(start.sequence)
    }

    /// Takes out the start records up to this place, in order.
    pub fn take_up_to(&mut self, sequence: u64) -> Vec<Vec<u8>> {
        let mut taken = Vec::new();
        while let Some(first) = self.order.first_entry().filter(|first| *first.key() <= sequence) {
            let key = first.remove();
            if let Some(start) = self.starts.remove(&key) {
                self.bytes = self.bytes.saturating_sub(start.record.len().saturating_add(COST));
                taken.push(start.record);
            }
        }
        taken
    }

    /// Takes out the next open span, as a record of its end at this time.
    pub fn next_abandoned(&mut self, end: u64, out: &mut Vec<u8>) -> bool {
        while let Some((_, key)) = self.order.pop_first() {
            let Some(start) = self.starts.remove(&key) else { continue };
            self.bytes = self.bytes.saturating_sub(start.record.len().saturating_add(COST));
            let Some(Ok(record)) = Records::new(&start.record).next() else { continue };
            let Ok(span) = SpanView::read(record.body) else { continue };
            let end = end.max(span.start_unix_nano);
            let mut body = Vec::with_capacity(record.body.len().saturating_add(32));
            write_abandoned(record.body, end, &mut body);
            let kind = match record.kind {
                RecordKind::WorkflowOpened => RecordKind::WorkflowClosed,
                _ => RecordKind::Finished,
            };
            Record { kind, flags: record.flags | flags::ABANDONED, body: &body, ..record }.write(out);
            return true;
        }
        false
    }
}

/// What the first fields of a span tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Glance {
    pub key: Option<Key>,
    pub start: u64,
    pub end: u64,
}

/// Reads the ids and times of a span, which stand first, and leaves the rest alone.
pub(super) fn glance(body: &[u8]) -> Glance {
    let mut fields = Fields::new(body);
    let (mut trace_id, mut span_id, mut seen) = (TraceId::NONE, SpanId::NONE, Glance::default());
    while let Ok(Some(found)) = fields.next_field() {
        match found.number {
            field::TRACE_ID => {
                trace_id = found.bytes().ok().and_then(TraceId::from_slice).unwrap_or_default()
            }
            field::SPAN_ID => span_id = found.bytes().ok().and_then(SpanId::from_slice).unwrap_or_default(),
            field::START => seen.start = found.fixed64().unwrap_or_default(),
            field::END => seen.end = found.fixed64().unwrap_or_default(),
            number if number > field::END => break,
            _ => {}
        }
    }
    seen.key = (trace_id.is_valid() && span_id.is_valid()).then_some((trace_id, span_id));
    seen
}
