//! Spans of OpenTelemetry's SDK are delivered by a loom, and nothing of them is lost on the way.

use std::time::{Duration, UNIX_EPOCH};

use opentelemetry::trace::{
    Link, Span as _, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags, TraceId,
    TraceState, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanExporter as _};
use spanloom::deliver::{Answer, Reason};
use spanloom::opentelemetry_sdk::exporter;
use spanloom::{Exporter, Loom, Outgoing};

use crate::support::{PATIENCE, attributes, loom, of_span, tree};

#[test]
fn a_batch_arrives_whole() {
    let (loom, memory) = loom();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter(&loom)).build();
    let tracer = provider.tracer("shop");
    tracer.in_span("order", |_| {
        for name in ["pay", "ship"] {
            tracer.start(name).end();
        }
    });
    provider.force_flush().unwrap();
    // The SDK's own flush only hands over.
    assert!(loom.flush(PATIENCE).is_complete());
    assert_eq!((loom.ledger().accepted, loom.ledger().delivered), (3, 3));
    assert_eq!(tree(&loom, &memory), "order\n├─ pay\n└─ ship\n");
    provider.shutdown_with_timeout(PATIENCE).unwrap();
}

#[test]
fn every_part_of_a_span_arrives() {
    let (loom, memory) = loom();
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(exporter(&loom))
        .with_max_attributes_per_span(2)
        .build();
    let scope = InstrumentationScope::builder("shop").with_version("2.1").build();
    let tracer = provider.tracer_with_scope(scope);
    let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    let state = TraceState::from_key_value([("vendor", "abc")]).unwrap();
    let parent = SpanContext::new(TraceId::from(1), SpanId::from(2), TraceFlags::SAMPLED, true, state);
    let other =
        SpanContext::new(TraceId::from(5), SpanId::from(6), TraceFlags::SAMPLED, false, TraceState::NONE);
    let mut span = tracer
        .span_builder("order")
        .with_kind(SpanKind::Server)
        .with_start_time(at(100))
        .with_attributes([KeyValue::new("a", 1), KeyValue::new("b", "two"), KeyValue::new("c", 3)])
        .with_links(vec![Link::new(other, vec![KeyValue::new("why", "retry")], 0)])
        .start_with_context(&tracer, &Context::new().with_remote_span_context(parent));
    span.add_event_with_timestamp("sent", at(101), vec![KeyValue::new("bytes", 9)]);
    span.set_status(Status::error("no stock"));
    span.end_with_timestamp(at(102));
    of_span(&loom, &memory, "order", |seen| {
        assert_eq!(seen.trace_id.to_string(), format!("{:032x}", 1));
        assert_eq!(seen.parent_span_id.to_string(), format!("{:016x}", 2));
        assert_eq!((seen.trace_state, seen.flags), ("vendor=abc", 0x301));
        assert_eq!((seen.kind, seen.status_code, seen.status_message), (2, 2, "no stock"));
        assert_eq!((seen.start_unix_nano, seen.end_unix_nano), (100_000_000_000, 102_000_000_000));
        let expected = [r#"otel.scope.name="shop""#, r#"otel.scope.version="2.1""#, "a=1", r#"b="two""#];
        assert_eq!(attributes(seen), expected);
        assert_eq!(seen.dropped_attributes, 1);
        let event = seen.events().next().unwrap();
        assert_eq!((event.name, event.time_unix_nano), ("sent", 101_000_000_000));
        assert_eq!(seen.links().next().unwrap().span_id.to_string(), format!("{:016x}", 6));
    });
    provider.shutdown_with_timeout(PATIENCE).unwrap();
}

/// An exporter that no span gets past.
struct Closed;

impl Exporter for Closed {
    fn export(&mut self, _: &Outgoing<'_>) -> Answer {
        Answer::Refused { reason: Reason::NonRetryable, why: "closed".to_owned() }
    }
}

#[test]
fn what_is_lost_is_told() {
    let loom = Loom::builder().exporter(Closed).build();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter(&loom)).build();
    provider.tracer("shop").start("order").end();
    provider.force_flush().unwrap();
    loom.flush(PATIENCE);
    let ledger = loom.ledger();
    assert_eq!((ledger.accepted, ledger.delivered, ledger.dropped), (1, 0, 1));
}

#[test]
fn after_a_shutdown_nothing_is_taken() {
    let (loom, _memory) = loom();
    let exporter = exporter(&loom);
    assert!(exporter.shutdown_with_timeout(PATIENCE).is_ok());
    assert!(matches!(exporter.shutdown(), Err(OTelSdkError::AlreadyShutdown)));
    let mut export = Box::pin(exporter.export(Vec::new()));
    let mut task = std::task::Context::from_waker(std::task::Waker::noop());
    let ready = export.as_mut().poll(&mut task);
    assert!(matches!(ready, std::task::Poll::Ready(Err(OTelSdkError::AlreadyShutdown))));
}
