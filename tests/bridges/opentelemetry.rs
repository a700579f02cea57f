//! Code that is written for OpenTelemetry's API, unchanged, records into a loom.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{
    FutureExt as _, Link, Span as _, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags,
    TraceId, TraceState, Tracer as _, TracerProvider as _, get_active_span, mark_span_as_active,
};
use opentelemetry::{Array, Context, InstrumentationScope, KeyValue, Value};
use spanloom::context::Propagators;
use spanloom::host::{ManualClock, SeededEntropy};
use spanloom::opentelemetry::{Propagator, provider};
use spanloom::sample::{Root, Sampler};
use spanloom::{Loom, current};

use crate::support::{PATIENCE, attributes, loom, loom_with, of_span, tree};

fn remote(flags: TraceFlags) -> Context {
    let state = TraceState::from_key_value([("vendor", "abc")]).unwrap();
    Context::new().with_remote_span_context(SpanContext::new(
        TraceId::from(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c),
        SpanId::from(0xb7ad_6b71_6920_3331),
        flags,
        true,
        state,
    ))
}

#[test]
fn the_loom_decides_what_its_propagator_carries() {
    let only_baggage = Propagators { trace_context: false, ..Propagators::ALL };
    let loom = Loom::builder().propagators(only_baggage).build();
    let propagator = Propagator::of(&loom);
    let context = remote(TraceFlags::SAMPLED).with_baggage([KeyValue::new("tenant", "7")]);
    let mut headers = HashMap::new();
    propagator.inject_context(&context, &mut headers);
    assert_eq!(headers, HashMap::from([("baggage".to_owned(), "tenant=7".to_owned())]));
    Propagator::new().inject_context(&context, &mut headers);
    let came = propagator.extract(&headers);
    assert!(!came.span().span_context().is_valid());
    assert_eq!(came.baggage().get("tenant").map(ToString::to_string).as_deref(), Some("7"));
}

#[test]
fn spans_nest_by_the_active_span() {
    let (loom, memory) = loom();
    let tracer = provider(&loom).tracer("shop");
    tracer.in_span("order", |context| {
        context.span().set_attribute(KeyValue::new("order.id", 7));
        tracer.in_span("pay", |_| {
            get_active_span(|span| span.add_event("charged", vec![KeyValue::new("cents", 1250)]));
        });
        tracer.start("ship").end();
    });
    {
        let _active = mark_span_as_active(tracer.start("after"));
        tracer.start("inside").end();
    }
    // Traces without a workflow come in any order.
    let text = tree(&loom, &memory);
    assert!(text.contains("order\n├─ pay\n└─ ship\n") && text.contains("after\n└─ inside\n"), "{text}");
    let events = of_span(&loom, &memory, "pay", |span| {
        span.events().map(|event| event.name.to_owned()).collect::<Vec<_>>()
    });
    assert_eq!(events, ["charged"]);
}

#[test]
fn all_that_a_span_can_say_arrives() {
    let (loom, memory) = loom();
    let scope = InstrumentationScope::builder("shop").with_version("2.1").build();
    let tracer = provider(&loom).tracer_with_scope(scope);
    let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    let other =
        SpanContext::new(TraceId::from(5), SpanId::from(6), TraceFlags::SAMPLED, false, TraceState::NONE);
    let mut span = tracer
        .span_builder("GET")
        .with_kind(SpanKind::Client)
        .with_start_time(at(100))
        .with_attributes([KeyValue::new("b", true), KeyValue::new("x", 1.5)])
        .with_links(vec![Link::new(other, vec![KeyValue::new("why", "retry")], 0)])
        .start(&tracer);
    assert!(span.is_recording() && span.span_context().is_valid() && span.span_context().is_sampled());
    span.set_attribute(KeyValue::new("list", Value::Array(Array::String(vec!["a".into(), "b".into()]))));
    span.set_attribute(KeyValue::new("x", 2));
    span.add_event_with_timestamp("sent", at(101), vec![]);
    span.record_error(&std::io::Error::other("reset"));
    span.update_name("GET /users/{id}");
    span.set_attribute(KeyValue::new("late", "yes"));
    span.set_status(Status::error("reset"));
    let ids = (span.span_context().trace_id().to_string(), span.span_context().span_id().to_string());
    span.end_with_timestamp(at(102));
    span.set_attribute(KeyValue::new("after", 1));
    span.end();
    assert!(!span.is_recording());
    drop(span);
    of_span(&loom, &memory, "GET /users/{id}", |seen| {
        assert_eq!((seen.trace_id.to_string(), seen.span_id.to_string()), ids);
        assert_eq!((seen.kind, seen.status_code, seen.status_message), (3, 2, "reset"));
        assert_eq!((seen.start_unix_nano, seen.end_unix_nano), (100_000_000_000, 102_000_000_000));
        let expected = [
            r#"otel.scope.name="shop""#,
            r#"otel.scope.version="2.1""#,
            "b=true",
            "x=2",
            r#"list=["a","b"]"#,
            r#"late="yes""#,
        ];
        assert_eq!(attributes(seen), expected);
        let events: Vec<_> =
            seen.events().map(|event| (event.name.to_owned(), event.time_unix_nano)).collect();
        assert_eq!(events[0], ("sent".to_owned(), 101_000_000_000));
        assert_eq!(events[1].0, "exception");
        let links: Vec<_> =
            seen.links().map(|link| (link.trace_id.to_string(), link.span_id.to_string())).collect();
        assert_eq!(links, [(format!("{:032x}", 5), format!("{:016x}", 6))]);
    });
    assert_eq!(loom.ledger().accepted, 1);
}

#[test]
fn a_name_may_change_to_any_length_and_back() {
    let (loom, memory) = loom();
    let tracer = provider(&loom).tracer("");
    let mut span = tracer.start("a");
    span.set_attribute(KeyValue::new("k", "v"));
    for name in [String::new(), "n".repeat(300), "short".to_owned()] {
        span.update_name(name);
        span.set_attribute(KeyValue::new("k", "w"));
    }
    span.end();
    of_span(&loom, &memory, "short", |seen| {
        assert_eq!(attributes(seen), [r#"k="w""#]);
        assert!(seen.end_unix_nano >= seen.start_unix_nano && seen.start_unix_nano > 0);
    });
}

#[test]
fn the_clock_and_the_ids_are_the_looms() {
    let record = || {
        let clock = ManualClock::at(1_700_000_000_000_000_000);
        let builder = Loom::builder().clock(clock.clone()).entropy(SeededEntropy::new(7));
        let (loom, memory) = loom_with(builder);
        let tracer = provider(&loom).tracer("shop");
        let mut span = tracer.start("order");
        clock.advance(1_000);
        span.add_event("half", vec![]);
        clock.advance(1_000);
        drop(span);
        loom.flush(PATIENCE);
        memory.to_otlp()
    };
    assert_eq!(record(), record());
}

#[test]
fn callers_of_other_programs_are_followed() {
    let (loom, memory) = loom();
    let tracer = provider(&loom).tracer("shop");
    let span = tracer.start_with_context("order", &remote(TraceFlags::SAMPLED));
    assert_eq!(span.span_context().trace_id(), TraceId::from(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c));
    assert_eq!(span.span_context().trace_state().get("vendor"), Some("abc"));
    assert!(!span.span_context().is_remote());
    drop(span);
    of_span(&loom, &memory, "order", |seen| {
        assert_eq!(seen.parent_span_id.to_string(), "b7ad6b7169203331");
        assert_eq!(seen.trace_state, "vendor=abc");
        assert_eq!(seen.flags & 0x300, 0x300);
    });
}

#[test]
fn what_is_not_sampled_is_passed_on_and_not_recorded() {
    let (unsampled, memory) = loom();
    let tracer = provider(&unsampled).tracer("shop");
    let below = |context: &Context| tracer.start_with_context("order", context);
    let span = below(&remote(TraceFlags::default()));
    assert!(!span.is_recording() && !span.span_context().is_sampled());
    assert_eq!(span.span_context().trace_id(), TraceId::from(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c));
    let child = below(&Context::new().with_span(span));
    assert!(!child.is_recording());
    let none = below(&Context::new().with_remote_span_context(SpanContext::empty_context()));
    assert!(!none.is_recording());
    drop((child, none));
    unsampled.flush(PATIENCE);
    assert_eq!(memory.span_count(), 0);

    let (off, memory) = loom_with(Loom::builder().sampler(Sampler::Root(Root::AlwaysOff)));
    let tracer = provider(&off).tracer("shop");
    tracer.in_span("order", |context| assert!(!context.span().is_recording()));
    off.flush(PATIENCE);
    assert_eq!((memory.span_count(), off.ledger().sampled_out), (0, 1));
}

#[test]
fn suppressed_telemetry_is_not_recorded() {
    let (loom, memory) = loom();
    let tracer = provider(&loom).tracer("shop");
    {
        let _quiet = Context::enter_telemetry_suppressed_scope();
        tracer.in_span("quiet", |_| tracer.in_span("below", |_| ()));
    }
    let span = spanloom::native::suppress(|| tracer.start("exporting"));
    // Also what starts later below it:
    tracer.start_with_context("later", &Context::new().with_span(span)).end();
    tracer.start("loud").end();
    assert_eq!(tree(&loom, &memory), "loud\n");
}

#[test]
fn both_ways_of_recording_make_one_tree() {
    let (loom, memory) = loom();
    let tracer = provider(&loom).tracer("shop");
    let run = loom.workflow("answer").user("u-7").start();
    run.node("weather")
        .kind("tool")
        .run(|_| {
            tracer.in_span("GET /forecast", |_| tracer.in_span("connect", |_| ()));
            Ok::<(), std::fmt::Error>(())
        })
        .unwrap();
    let inside = run.enter();
    let llm = tracer.span_builder("chat").with_attributes([KeyValue::new("spanloom.kind", "llm")]);
    drop(llm.start(&tracer));
    drop(inside);
    run.end();
    assert_eq!(
        tree(&loom, &memory),
        "answer  workflow\n├─ weather  tool\n│  └─ GET /forecast\n│     └─ connect\n└─ chat  llm\n"
    );
    // Also far below the identity of the workflow is known.
    of_span(&loom, &memory, "connect", |seen| {
        assert_eq!(seen.attribute("uid").and_then(|uid| uid.as_str()), Some("u-7"));
    });
    assert!(current().is_none());
}

#[test]
fn futures_carry_their_context() {
    let (loom, memory) = loom();
    let tracer = provider(&loom).tracer("shop");
    let context = Context::new().with_span(tracer.start("order"));
    let mut work = Box::pin(async { tracer.start("below").end() }.with_context(context));
    let mut task = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(work.as_mut().poll(&mut task).is_ready());
    drop(work);
    assert_eq!(tree(&loom, &memory), "order\n└─ below\n");
}

#[test]
fn times_before_1970_are_1970() {
    let (loom, memory) = loom();
    let tracer = provider(&loom).tracer("shop");
    let before: SystemTime = UNIX_EPOCH - Duration::from_secs(1);
    tracer.span_builder("old").with_start_time(before).start(&tracer).end_with_timestamp(before);
    of_span(&loom, &memory, "old", |seen| assert_eq!((seen.start_unix_nano, seen.end_unix_nano), (0, 0)));
}

#[test]
fn headers_are_read_and_written_by_our_rules() {
    let (loom, memory) = loom();
    let tracer = provider(&loom).tracer("shop");
    let propagator = Propagator::new();
    let came = HashMap::from([
        ("traceparent".to_owned(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        ("tracestate".to_owned(), "vendor=abc".to_owned()),
        ("baggage".to_owned(), "user=7;p=1,bad key=x".to_owned()),
    ]);
    let context = propagator.extract(&came);
    assert_eq!(context.baggage().get("user").map(ToString::to_string).as_deref(), Some("7"));
    let context = context.with_span(tracer.start_with_context("order", &context));
    let mut goes = HashMap::new();
    propagator.inject_context(&context, &mut goes);
    let span = context.span().span_context().span_id();
    assert_eq!(goes["traceparent"], format!("00-0af7651916cd43dd8448eb211c80319c-{span}-01"));
    assert_eq!((goes["tracestate"].as_str(), goes["baggage"].as_str()), ("vendor=abc", "user=7;p=1"));
    drop(context);
    assert_eq!(of_span(&loom, &memory, "order", |seen| seen.parent_span_id.to_string()), "b7ad6b7169203331");

    for bad in ["", "garbage", "00-00000000000000000000000000000000-b7ad6b7169203331-01"] {
        let came = HashMap::from([("traceparent".to_owned(), bad.to_owned())]);
        let context = propagator.extract(&came);
        assert!(!context.has_active_span(), "{bad}");
        let mut goes: HashMap<String, String> = HashMap::new();
        propagator.inject_context(&context, &mut goes);
        assert!(goes.is_empty(), "{goes:?}");
    }
    assert_eq!(propagator.fields().collect::<Vec<_>>(), ["traceparent", "tracestate", "baggage"]);
}
