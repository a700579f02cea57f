//! Context across whole header maps: what each carrier does, what is reported, what stays.

use std::collections::{BTreeMap, HashMap};

use spanloom::context::{
    self, Baggage, Context, ExtractReport, ReadHeaders, RequestId, SpanContext, TraceStateError,
    TraceparentError, WriteHeaders,
};

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03";

fn full_context() -> Context {
    let mut span: SpanContext = TRACEPARENT.parse().unwrap();
    span.trace_state = "ot=th:8,vendor=x y".parse().unwrap();
    Context {
        span: Some(span),
        baggage: Baggage::from_header("user=Am%C3%A9lie;ttl=1,plan=pro"),
        request_id: Some(RequestId::new("req-1").unwrap()),
    }
}

fn goes_through<C: ReadHeaders + WriteHeaders + Default>() {
    let mut headers = C::default();
    headers.set_header("Tracestate", "old=1");
    context::inject(&full_context(), &mut headers);
    assert_eq!(context::extract_with_report(&headers), (full_context(), ExtractReport::default()));
    context::strip(&mut headers);
    assert_eq!(context::extract(&headers), Context::default());
}

#[test]
fn every_carrier_takes_a_context_through() {
    goes_through::<Vec<(String, String)>>();
    goes_through::<HashMap<String, String>>();
    goes_through::<BTreeMap<String, String>>();
    goes_through::<HashMap<String, Vec<String>>>();
    goes_through::<BTreeMap<String, Vec<String>>>();
}

#[test]
fn names_and_values_as_they_are_sent() {
    let mut headers: Vec<(String, String)> = Vec::new();
    context::inject(&full_context(), &mut headers);
    let expected = [
        ("traceparent", TRACEPARENT),
        ("tracestate", "ot=th:8,vendor=x y"),
        ("baggage", "user=Am%C3%A9lie;ttl=1,plan=pro"),
        ("x-request-id", "req-1"),
    ];
    assert_eq!(headers, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn what_the_context_does_not_have_is_left_alone_but_a_foreign_tracestate() {
    let old = [("traceparent", "old"), ("TraceState", "old=1"), ("Baggage", "a=1"), ("X-Request-Id", "r")];
    let old: Vec<(String, String)> = old.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();

    let mut headers = old.clone();
    context::inject(&Context::default(), &mut headers);
    assert_eq!(headers, old);

    let without_ids = Context { span: Some(SpanContext::default()), ..Context::default() };
    context::inject(&without_ids, &mut headers);
    assert_eq!(headers, old);

    let context = Context { span: Some(TRACEPARENT.parse().unwrap()), ..Context::default() };
    context::inject(&context, &mut headers);
    let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["Baggage", "X-Request-Id", "traceparent"]);
}

#[test]
fn a_report_tells_what_was_dropped() {
    let long_state = format!("a={},b={},c={}", "v".repeat(200), "v".repeat(200), "v".repeat(200));
    let headers = [
        ("traceparent", TRACEPARENT),
        ("tracestate", &long_state),
        ("baggage", "a=1,bad,b=\"2\""),
        ("x-request-id", "two words"),
        ("x-request-id", "second"),
    ];
    let (context, report) = context::extract_with_report(&headers);
    assert_eq!(context.span.unwrap().trace_state.iter().count(), 2);
    assert_eq!((context.baggage.as_str(), context.request_id), ("a=1", None));
    assert_eq!((report.traceparent, report.tracestate), (None, None));
    assert_eq!((report.tracestate_cut, report.baggage_dropped), (1, 2));
    assert!(report.request_id.is_some() && !report.is_clean());

    let twice = [("traceparent", TRACEPARENT), ("Traceparent", TRACEPARENT), ("tracestate", "BAD")];
    let (context, report) = context::extract_with_report(&twice);
    assert_eq!((context.span, report.traceparent), (None, Some(TraceparentError::Repeated)));
    assert_eq!(report.tracestate, None);

    let bad_state = [("traceparent", TRACEPARENT), ("tracestate", "BAD=1")];
    let (context, report) = context::extract_with_report(&bad_state);
    assert!(context.span.unwrap().trace_state.is_empty());
    assert_eq!(report.tracestate, Some(TraceStateError::Key));
}

#[test]
fn baggage_and_request_id_survive_a_broken_traceparent() {
    let headers = [("traceparent", "broken"), ("baggage", "a=1"), ("x-request-id", "r-1")];
    let context = context::extract(&headers);
    assert_eq!(context.span, None);
    assert_eq!((context.baggage.as_str(), context.request_id.unwrap().as_str()), ("a=1", "r-1"));
}

/// Golden cases recorded from NVIDIA Dynamo: the ids its log lines show.
#[test]
fn dynamo_shows_the_same_ids() {
    let text = include_str!("golden/dynamo/vectors/runtime_vectors.json");
    let golden: serde_json::Value = serde_json::from_str(text).unwrap();
    let cases = golden["traceparent"].as_array().unwrap();
    assert_eq!(cases.len(), 9);
    let mut accepted = 0;
    for case in cases {
        let value = case["in"].as_str().unwrap();
        let recorded = case["trace_id"].as_str().zip(case["parent_id"].as_str());
        assert_eq!(context::loose_ids(value), recorded, "{value}");
        // The W3C is stricter; where it accepts a value too, both must agree.
        if let Ok(span) = value.parse::<SpanContext>() {
            let ids = (span.trace_id.to_string(), span.span_id.to_string());
            assert_eq!(recorded, Some((&*ids.0, &*ids.1)), "{value}");
            accepted += 1;
        }
    }
    assert_eq!(accepted, 1);
}
