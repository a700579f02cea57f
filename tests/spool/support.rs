//! Records to put into spools, and what comes out of them.

use spanloom::otlp::span::{SpanKind, SpanView};
use spanloom::record::{Limits, RecordKind, Records, SpanBuilder, SpanRole, SpanStart};
use spanloom::spool::{MemoryFiles, RecoveryOptions, RecoveryReport, SpoolOptions, recover};
use spanloom::{SpanId, TraceId};

pub const NOW: u64 = 1_700_000_000_000_000_000;
pub const MILLISECOND: u64 = 1_000_000;

fn begun(id: u64, text: &str) -> SpanBuilder {
    let mut builder = SpanBuilder::new(Limits::default());
    builder.start(&SpanStart {
        workflow: SpanId::from_u64(1),
        trace_id: TraceId::from_halves(1, 2),
        span_id: SpanId::from_u64(id),
        parent_span_id: SpanId::NONE,
        parent_is_remote: false,
        trace_flags: 1,
        trace_state: "",
        name: "step",
        span_kind: SpanKind::Internal,
        node_kind: "tool",
        role: SpanRole::Node,
        start_unix_nano: NOW + id,
    });
    if !text.is_empty() {
        builder.attribute("text", text);
    }
    builder
}

/// The record of a span that has ended.
pub fn ended(id: u64) -> Vec<u8> {
    ended_with(id, "")
}

pub fn ended_with(id: u64, text: &str) -> Vec<u8> {
    begun(id, text).finish(NOW + id + 10).to_vec()
}

/// The record of a span that has begun.
pub fn started(id: u64) -> Vec<u8> {
    let mut record = Vec::new();
    begun(id, "").write_started(&mut record);
    record
}

/// Small segments, so that there are several.
pub fn options(session: u64) -> SpoolOptions {
    SpoolOptions { segment_bytes: 4 << 10, ..SpoolOptions::new(session) }
}

/// The ids of the spans in a stream, all of which have to be ends.
pub fn ids(records: &[u8]) -> Vec<u64> {
    Records::new(records)
        .map(|record| {
            let record = record.expect("what is recovered is whole");
            assert!(matches!(record.kind, RecordKind::Finished | RecordKind::WorkflowClosed));
            SpanView::read(record.body).expect("a span").span_id.to_u64()
        })
        .collect()
}

/// What one recovery of everything came to. All of it is acknowledged.
pub struct Found {
    pub ids: Vec<u64>,
    pub records: Vec<u8>,
    pub report: RecoveryReport,
}

impl std::fmt::Debug for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {:?}", self.ids, self.report)
    }
}

pub fn recover_all(files: &MemoryFiles) -> Found {
    let options = RecoveryOptions { chunk_bytes: 1000, ..RecoveryOptions::default() };
    let mut recovered = recover(files.clone(), options, NOW + 1_000_000);
    let mut records = Vec::new();
    while let Some(chunk) = recovered.next_chunk() {
        assert!(!chunk.records.is_empty());
        records.extend_from_slice(&chunk.records);
        recovered.acknowledge(chunk.number);
    }
    assert_eq!(recovered.unsettled(), 0);
    Found { ids: ids(&records), records, report: recovered.report().clone() }
}
