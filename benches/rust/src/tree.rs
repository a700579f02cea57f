//! What a large tree costs: records become a tree, the tree becomes an OTLP request. Half of the nodes are a chain, each
//! below the one before, half stand in a row below the root; all come children first, as they end.

use std::hint::black_box;

use spanloom::loom::{Weaver, WeaverOptions};
use spanloom::otlp::span::{SpanKind, StatusCode};
use spanloom::otlp::{Resource, Scope, encode_traces};
use spanloom::record::{SpanBuilder, SpanRole, SpanStart};
use spanloom::{SpanId, TraceId};

use crate::harness::Scenario;
use crate::workload::{
    EVENT, ID, INDEX_KEY, INPUT, INPUT_KEY, MODEL, NODE, TOKENS_KEY, TYPE, WORKFLOW, tokens,
};

/// A time after everything was settled, in nanoseconds since 1970.
const LATER: u64 = 10_000_000_000_000;

/// Assembles and encodes a tree of so many nodes.
pub fn assemble_and_encode(nodes: u32) -> Scenario<'static> {
    let records = records(nodes);
    let (resource, scope) = (Resource::default(), Scope::new("bench", ""));
    Scenario::new(nodes, move || {
        let mut weaver = Weaver::new(WeaverOptions::default());
        weaver.take_stream(&records, LATER);
        let mut spans = 0;
        let mut request = Vec::new();
        for tree in weaver.finish(LATER) {
            let messages: Vec<_> = tree.records().map(|record| record.body).collect();
            spans += encode_traces(&resource, &scope, messages, &mut request);
        }
        black_box(&request);
        assert_eq!(spans, nodes as usize, "the tree lost nodes");
    })
}

fn records(nodes: u32) -> Vec<u8> {
    let mut builder = SpanBuilder::default();
    let mut records = Vec::new();
    for number in (1..nodes).rev() {
        let parent = if number < nodes / 2 { number } else { 1 };
        start(&mut builder, number + 1, parent);
        let index = i64::from(number);
        builder.attribute(INDEX_KEY, index);
        builder.attribute(TOKENS_KEY, tokens(index));
        for (key, value) in [TYPE, MODEL, ID, (INPUT_KEY, INPUT)] {
            builder.attribute(key, value);
        }
        builder.event(1_500, EVENT, &[]);
        builder.status(StatusCode::Ok, "");
        records.extend_from_slice(builder.finish(2_000_000_000));
    }
    start(&mut builder, 1, 0);
    records.extend_from_slice(builder.finish(2_000_000_000));
    records
}

/// The root has the number 1 and the parent 0, which is none.
fn start(builder: &mut SpanBuilder, number: u32, parent: u32) {
    builder.start(&SpanStart {
        workflow: SpanId::from_u64(1),
        trace_id: TraceId::from_halves(7, 7),
        span_id: SpanId::from_u64(number.into()),
        parent_span_id: SpanId::from_u64(parent.into()),
        parent_is_remote: false,
        trace_flags: 0,
        trace_state: "",
        name: if parent == 0 { WORKFLOW } else { NODE },
        span_kind: SpanKind::Internal,
        node_kind: "",
        role: if parent == 0 { SpanRole::Workflow } else { SpanRole::Node },
        start_unix_nano: u64::from(number) * 1_000,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_tree_comes_out_whole() {
        assemble_and_encode(100).run(1);
    }
}
