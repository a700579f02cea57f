//! What reading an OTLP request costs. All sides read the same bytes, those of a burst of W, and check them: `prost`
//! into its structs, we in place, where each span becomes a view, or into values that outlive the request.

use std::hint::black_box;

use spanloom::otlp::any::{AnyView, KeyValues};
use spanloom::otlp::span::{EventView, SpanView};
use spanloom::otlp::{TracesView, decode_traces};
use spanloom::value::Value;
use spanloom::{SpanId, TraceId};

use crate::harness::Scenario;
use crate::peers;
use crate::workload::BURST_SPANS;

/// `prost` decodes into structs that own what they hold.
pub fn prost() -> Scenario<'static> {
    peers::opentelemetry::decode(request())
}

/// Everything is checked and every span stands ready as a view: what `prost` has when it has decoded.
pub fn views() -> Scenario<'static> {
    let request = request();
    Scenario::new(BURST_SPANS, move || {
        for found in read(request).spans() {
            black_box(&found.span);
        }
    })
}

/// As [`views`], and then every field of every span is looked at where it stands; `prost` is not asked to look again.
pub fn visit() -> Scenario<'static> {
    let request = request();
    Scenario::new(BURST_SPANS, move || {
        black_box(look_at_all(read(request)));
    })
}

/// Every span becomes a value of its own.
pub fn own() -> Scenario<'static> {
    let request = request();
    Scenario::new(BURST_SPANS, move || {
        let spans: Vec<OwnedSpan> = read(request).spans().map(|found| OwnedSpan::of(&found.span)).collect();
        black_box(&spans);
    })
}

/// A request that lives as long as the program.
fn request() -> &'static [u8] {
    Box::leak(peers::opentelemetry::request().into_boxed_slice())
}

fn read(request: &[u8]) -> TracesView<'_> {
    decode_traces(black_box(request)).expect("the peer's encoder writes valid requests")
}

/// A sum over all fields: the compiler cannot leave any out.
fn look_at_all(traces: TracesView<'_>) -> u64 {
    let mut sum = 0_u64;
    let mut add = |number: u64| sum = sum.wrapping_add(number);
    for found in traces.spans() {
        let span = found.span;
        add(span.trace_id.low_half());
        add(u64::from_le_bytes(span.span_id.to_bytes()) ^ u64::from_le_bytes(span.parent_span_id.to_bytes()));
        add(span.start_unix_nano ^ span.end_unix_nano);
        add(weight(span.name) + weight(span.trace_state) + weight(span.status_message));
        add(u64::from(span.kind ^ span.flags ^ span.status_code));
        add(pairs(span.attributes()));
        for event in span.events() {
            add(event.time_unix_nano ^ weight(event.name) ^ pairs(event.attributes()));
        }
        for link in span.links() {
            add(link.trace_id.low_half() ^ pairs(link.attributes()));
        }
    }
    sum
}

fn pairs(attributes: KeyValues<'_>) -> u64 {
    attributes.fold(0, |sum: u64, (key, value)| sum.wrapping_add(weight(key) ^ scalar(value)))
}

/// W has integers and texts only.
fn scalar(value: AnyView<'_>) -> u64 {
    match value {
        AnyView::Int(number) => number.cast_unsigned(),
        AnyView::String(text) => weight(text),
        _ => 0,
    }
}

fn weight(text: &str) -> u64 {
    text.len() as u64 + u64::from(text.as_bytes().last().copied().unwrap_or(0))
}

#[expect(dead_code, reason = "it is made, and dropped")]
struct OwnedSpan {
    trace_id: TraceId,
    span_id: SpanId,
    parent_span_id: SpanId,
    trace_state: String,
    name: String,
    kind: u32,
    start_unix_nano: u64,
    end_unix_nano: u64,
    attributes: Vec<(String, Value)>,
    events: Vec<OwnedEvent>,
    links: Vec<OwnedLink>,
    status_code: u32,
    status_message: String,
    flags: u32,
}

#[expect(dead_code, reason = "it is made, and dropped")]
struct OwnedEvent {
    time_unix_nano: u64,
    name: String,
    attributes: Vec<(String, Value)>,
}

#[expect(dead_code, reason = "it is made, and dropped")]
struct OwnedLink {
    trace_id: TraceId,
    span_id: SpanId,
    attributes: Vec<(String, Value)>,
}

impl OwnedSpan {
    fn of(span: &SpanView<'_>) -> Self {
        Self {
            trace_id: span.trace_id,
            span_id: span.span_id,
            parent_span_id: span.parent_span_id,
            trace_state: span.trace_state.to_owned(),
            name: span.name.to_owned(),
            kind: span.kind,
            start_unix_nano: span.start_unix_nano,
            end_unix_nano: span.end_unix_nano,
            attributes: owned(span.attributes()),
            events: span.events().map(|event| OwnedEvent::of(&event)).collect(),
            links: span
                .links()
                .map(|link| OwnedLink {
                    trace_id: link.trace_id,
                    span_id: link.span_id,
                    attributes: owned(link.attributes()),
                })
                .collect(),
            status_code: span.status_code,
            status_message: span.status_message.to_owned(),
            flags: span.flags,
        }
    }
}

impl OwnedEvent {
    fn of(event: &EventView<'_>) -> Self {
        Self {
            time_unix_nano: event.time_unix_nano,
            name: event.name.to_owned(),
            attributes: owned(event.attributes()),
        }
    }
}

fn owned(attributes: KeyValues<'_>) -> Vec<(String, Value)> {
    attributes.map(|(key, value)| (key.to_owned(), value.to_value())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_see_the_whole_burst() {
        let traces = read(request());
        assert_eq!(traces.len(), BURST_SPANS as usize);
        let nodes = traces
            .spans()
            .map(|found| OwnedSpan::of(&found.span))
            .filter(|span| span.name == "node llm_call");
        for node in nodes {
            assert_eq!((node.attributes.len(), node.events.len(), node.status_code), (6, 1, 1));
        }
        assert_ne!(look_at_all(traces), 0);
    }
}
