//! `fastrace` with its spans of the calling thread (`LocalSpan`), the fastest way it has. Its reporter drops what it
//! gets. Its own thread is kept asleep; each burst is followed by a flush, for its speed holds only while the queue to
//! that thread has room.

use std::hint::black_box;
use std::time::Duration;

use fastrace::collector::{Config, Reporter};
use fastrace::prelude::{Event, LocalSpan, Span, SpanContext, SpanRecord};

use crate::harness::Scenario;
use crate::workload::{
    BURST, BURST_SPANS, EVENT, ID, INDEX_KEY, INPUT, INPUT_KEY, MODEL, NODE, NODES, SPANS, TOKENS_KEY, TYPE,
    WORKFLOW, tokens,
};

/// Bursts of W.
pub fn record() -> Scenario<'static> {
    start();
    let work = || (0..BURST).for_each(|_| record_workflow(SpanContext::random()));
    Scenario::new(BURST_SPANS, work).settling(::fastrace::flush)
}

/// W below a parent that was not sampled.
pub fn unsampled() -> Scenario<'static> {
    start();
    Scenario::new(SPANS, || record_workflow(SpanContext::random().sampled(false)))
}

fn record_workflow(context: SpanContext) {
    let root = Span::root(WORKFLOW, context);
    let _current = root.set_local_parent();
    for index in 0..NODES {
        let _node = LocalSpan::enter_with_local_parent(NODE).with_properties(|| properties(index));
        LocalSpan::add_event(Event::new(EVENT));
    }
}

fn properties(index: i64) -> [(&'static str, String); 7] {
    [
        (INDEX_KEY, index.to_string()),
        (TOKENS_KEY, tokens(index).to_string()),
        (TYPE.0, black_box(TYPE.1).to_owned()),
        (MODEL.0, black_box(MODEL.1).to_owned()),
        (ID.0, black_box(ID.1).to_owned()),
        (INPUT_KEY, black_box(INPUT).to_owned()),
        ("span.status_code", "ok".to_owned()),
    ]
}

fn start() {
    ::fastrace::set_reporter(Forget, Config::default().report_interval(Duration::from_secs(3600)));
}

struct Forget;

impl Reporter for Forget {
    fn report(&mut self, spans: Vec<SpanRecord>) {
        black_box(&spans);
    }
}
