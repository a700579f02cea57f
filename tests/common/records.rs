//! Records to put into spools, and what comes out of them.

use spanloom::otlp::span::{SpanKind, SpanView};
use spanloom::record::{Limits, RecordKind, Records, SpanBuilder, SpanRole, SpanStart};
use spanloom::{SpanId, TraceId};

pub const NOW: u64 = 1_700_000_000_000_000_000;

/// A span that has begun.
pub fn begun(id: u64, text: &str) -> SpanBuilder {
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
        start_unix_nano: NOW.wrapping_add(id),
    });
    if !text.is_empty() {
        builder.attribute("text", text);
    }
    builder
}

/// The record of a span that has ended.
pub fn ended_with(id: u64, text: &str) -> Vec<u8> {
    begun(id, text).finish(NOW.wrapping_add(id) + 10).to_vec()
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
