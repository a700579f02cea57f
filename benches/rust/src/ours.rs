//! spanloom doing W, through the handles that a program uses, with the limits and the sampling that it has by default.

use std::hint::black_box;
use std::time::Duration;

use spanloom::deliver::Answer;
use spanloom::otlp::span::StatusCode;
use spanloom::otlp::{Resource, Scope, encode_traces};
use spanloom::sample::Sampler;
use spanloom::{Exporter, Loom, MemoryExporter, Node, Outgoing, Workflow};

use crate::harness::Scenario;
use crate::workload::{
    BURST, BURST_SPANS, EVENT, ID, INDEX_KEY, INPUT, INPUT_KEY, LONG_BURST, MODEL, NODE, NODES, SERVICE,
    SPANS, TOKENS_KEY, TYPE, WORKFLOW, tokens,
};

/// Bursts of W to a sink that drops the records.
pub fn record() -> Scenario<'static> {
    bursts(Forget)
}

/// As [`record`], in long bursts, so that what a flush allocates does not count for much.
pub fn record_long() -> Scenario<'static> {
    bursts_of(LONG_BURST, Forget)
}

/// Bursts of W to a sink that makes an OTLP request of every batch of records.
pub fn record_and_encode() -> Scenario<'static> {
    bursts(Encode { is_immediate: true, ..Encode::default() })
}

/// As [`record_and_encode`], where the exporter's own thread makes the request, as one that sends it would: the peer's way.
pub fn record_and_hand_over() -> Scenario<'static> {
    bursts(Encode::default())
}

fn bursts(sink: impl Exporter + 'static) -> Scenario<'static> {
    bursts_of(BURST, sink)
}

fn bursts_of(workflows: u32, sink: impl Exporter + 'static) -> Scenario<'static> {
    let loom = Loom::builder().service(SERVICE).resource("service.version", "1.0.0").exporter(sink).build();
    let recorder = loom.clone();
    let work = move || (0..workflows).for_each(|_| record_workflow(&recorder));
    Scenario::new(workflows * SPANS, work).settling(move || {
        let receipt = loom.flush(Duration::from_secs(30));
        assert_eq!((receipt.dropped, receipt.pending), (0, 0), "the burst was not delivered");
    })
}

/// W that the sampler refuses.
pub fn unsampled() -> Scenario<'static> {
    let loom = Loom::builder().service(SERVICE).sampler(Sampler::ALWAYS_OFF).exporter(Forget).build();
    Scenario::new(SPANS, move || record_workflow(&loom))
}

/// Records of a burst become an OTLP request: the encoder alone.
pub fn encode() -> Scenario<'static> {
    let memory = MemoryExporter::new();
    bursts(memory.clone()).run(1);
    let records = memory.take_records();
    let (resource, scope) = (Resource::default(), Scope::new(SERVICE, ""));
    let mut request = Vec::new();
    Scenario::new(BURST_SPANS, move || {
        request.clear();
        let outgoing = Outgoing {
            within: std::time::Duration::MAX,
            running: false,
            runs: black_box(records.as_slice()).into(),
            resource: &resource,
            scope: &scope,
            wording: Default::default(),
        };
        encode_traces(&resource, &scope, outgoing.spans(), &mut request);
        black_box(&request);
    })
}

pub fn record_workflow(loom: &Loom) {
    let run = loom.workflow(WORKFLOW).start();
    for index in 0..NODES {
        node(&run, index).end();
    }
    run.status(0, "");
    run.end();
}

/// A node of W, up to its end.
#[inline]
pub fn node(run: &Workflow, index: i64) -> Node {
    let mut node = run.node(NODE).start();
    node.attribute(INDEX_KEY, index);
    node.attribute(TOKENS_KEY, tokens(index));
    for (key, value) in [TYPE, MODEL, ID, (INPUT_KEY, INPUT)] {
        node.attribute(key, black_box(value));
    }
    node.event(EVENT, &[]);
    node.status(StatusCode::Ok, "");
    node
}

struct Forget;

impl Exporter for Forget {
    fn export(&mut self, outgoing: &Outgoing<'_>) -> Answer {
        black_box(outgoing.runs);
        Answer::taken()
    }

    fn is_immediate(&self) -> bool {
        true
    }
}

/// Makes requests and drops them; the buffer is used again, as an exporter's is.
#[derive(Default)]
struct Encode {
    request: Vec<u8>,
    is_immediate: bool,
}

impl Exporter for Encode {
    fn export(&mut self, outgoing: &Outgoing<'_>) -> Answer {
        self.request.clear();
        encode_traces(outgoing.resource, outgoing.scope, outgoing.spans(), &mut self.request);
        black_box(&self.request);
        Answer::taken()
    }

    fn is_immediate(&self) -> bool {
        self.is_immediate
    }
}

#[cfg(test)]
mod tests {
    use spanloom::otlp::decode_traces;

    use super::*;

    #[test]
    fn our_w_is_the_peers_w() {
        let memory = MemoryExporter::new();
        bursts(memory.clone()).run(1);
        let ours = memory.to_otlp();
        let peers = crate::peers::opentelemetry::request();
        let nodes = |request: &[u8]| {
            let traces = decode_traces(request).unwrap();
            let nodes = traces.spans().filter(|found| found.span.name == NODE);
            let mut nodes: Vec<String> = nodes
                .map(|found| {
                    let span = found.span;
                    let events: Vec<_> = span.events().map(|event| event.name).collect();
                    let attributes: Vec<_> =
                        span.attributes().map(|(key, value)| (key, value.to_value())).collect();
                    format!("{attributes:?} {events:?} {:?}", span.status())
                })
                .collect();
            nodes.sort();
            nodes
        };
        assert_eq!(nodes(&ours), nodes(&peers));
        assert_eq!(nodes(&ours).len(), usize::try_from(NODES).unwrap() * BURST as usize);
    }
}
