//! The cases of the official W3C trace context test suite, without its sockets: headers in, headers of one call out.
//!
//! The suite itself is run by hand (`docs/w3c-harness.md`). Here each of its cases is a row.

use spanloom::context::{self, RootOptions, SpanContext};
use spanloom::{SpanId, TraceId};

const TRACE: &str = "12345678901234567890123456789012";
const PARENT: &str = "1234567890123456";
const NEW_TRACE: &str = "00000000000000aa00000000000000bb";
const NEW_SPAN: &str = "00000000000000cc";

type Headers<'a> = Vec<(&'a str, &'a str)>;

/// What a service sends on when it is called with these headers: the value of traceparent, and of tracestate if any.
fn call(headers: &Headers<'_>) -> (String, Option<String>) {
    let mut context = context::extract(headers);
    let own = SpanId::from_u64(0xcc);
    context.span = Some(match &context.span {
        Some(parent) => parent.child(own),
        None => SpanContext::root(TraceId::from_halves(0xaa, 0xbb), own, RootOptions::default()),
    });
    let mut sent: Vec<(String, String)> = Vec::new();
    context::inject(&context, &mut sent);
    let mut value = |name: &str| {
        let at = sent.iter().position(|(key, _)| key == name)?;
        Some(sent.remove(at).1)
    };
    let (parent, state) = (value("traceparent").unwrap(), value("tracestate"));
    assert!(sent.is_empty(), "{sent:?}");
    (parent, state)
}

fn assert_continues(headers: &Headers<'_>, flags: &str, state: Option<&str>) {
    let (parent, sent) = call(headers);
    assert_eq!(parent, format!("00-{TRACE}-{NEW_SPAN}-{flags}"), "{headers:?}");
    assert_eq!(sent.as_deref(), state, "{headers:?}");
}

fn assert_restarts(headers: &Headers<'_>) {
    let (parent, state) = call(headers);
    assert_eq!(parent, format!("00-{NEW_TRACE}-{NEW_SPAN}-01"), "{headers:?}");
    assert_eq!(state, None, "{headers:?}");
}

fn parent(flags: &str) -> String {
    format!("00-{TRACE}-{PARENT}-{flags}")
}

#[test]
fn traceparent_values_that_continue_the_trace() {
    let table = [
        (parent("01"), "01"),
        (parent("00"), "00"),
        (parent("02"), "02"),
        (parent("03"), "03"),
        (format!("cc-{TRACE}-{PARENT}-01"), "01"),
        (format!("cc-{TRACE}-{PARENT}-01-what-the-future-will-be-like"), "01"),
        (format!(" {}", parent("01")), "01"),
        (format!("\t{}", parent("01")), "01"),
        (format!("{} ", parent("01")), "01"),
        (format!("{}\t", parent("01")), "01"),
        (format!("\t {} \t", parent("01")), "01"),
    ];
    for (value, flags) in &table {
        assert_continues(&vec![("traceparent", value)], flags, None);
        assert_continues(&vec![("tracestate", "foo=1"), ("traceparent", value)], flags, Some("foo=1"));
    }
}

#[test]
fn traceparent_values_that_restart_the_trace() {
    let values = [
        String::new(),
        format!("{}.", parent("01")),
        format!("{}-what-the-future-will-be-like", parent("01")),
        format!("cc-{TRACE}-{PARENT}-01.what-the-future-will-be-like"),
        format!("ff-{TRACE}-{PARENT}-01"),
        format!(".0-{TRACE}-{PARENT}-01"),
        format!("0.-{TRACE}-{PARENT}-01"),
        format!("000-{TRACE}-{PARENT}-01"),
        format!("0000-{TRACE}-{PARENT}-01"),
        format!("0-{TRACE}-{PARENT}-01"),
        format!("00-00000000000000000000000000000000-{PARENT}-01"),
        format!("00-.2345678901234567890123456789012-{PARENT}-01"),
        format!("00-1234567890123456789012345678901.-{PARENT}-01"),
        format!("00-{TRACE}3-{PARENT}-01"),
        format!("00-1234567890123456789012345678901-{PARENT}-01"),
        format!("00-{TRACE}-0000000000000000-01"),
        format!("00-{TRACE}-.234567890123456-01"),
        format!("00-{TRACE}-123456789012345.-01"),
        format!("00-{TRACE}-{PARENT}7-01"),
        format!("00-{TRACE}-123456789012345-01"),
        format!("00-{TRACE}-{PARENT}-.0"),
        format!("00-{TRACE}-{PARENT}-0."),
        format!("00-{TRACE}-{PARENT}-001"),
        format!("00-{TRACE}-{PARENT}-1"),
    ];
    for value in &values {
        assert_restarts(&vec![("traceparent", value)]);
        assert_restarts(&vec![("traceparent", value), ("tracestate", "foo=1,bar=2")]);
    }
}

#[test]
fn which_headers_count() {
    let (first, second) = (parent("01"), format!("00-{TRACE}-1234567890123457-00"));
    for headers in [
        vec![],
        vec![("traceparent", &*first), ("traceparent", &*second)],
        vec![("traceparent", &*first), ("traceparent", &*first)],
        vec![("traceparent", &*first), ("TraceParent", &*second)],
        vec![("trace-parent", &*first)],
        vec![("trace.parent", &*first)],
        vec![("tracestate", "foo=1")],
        vec![("tracestate", "foo=1"), ("tracestate", "bar=2")],
    ] {
        assert_restarts(&headers);
    }
    for name in ["TraceParent", "TrAcEpArEnT", "TRACEPARENT"] {
        assert_continues(&vec![(name, &first)], "01", None);
    }
    for name in ["TraceState", "TrAcEsTaTe", "TRACESTATE"] {
        assert_continues(&vec![("traceparent", &first), (name, "foo=1")], "01", Some("foo=1"));
    }
    for name in ["trace-state", "trace.state"] {
        assert_continues(&vec![("traceparent", &first), (name, "foo=1")], "01", None);
    }
}

#[test]
fn tracestate_fields_and_what_goes_on() {
    let numbered = |count| (1..=count).map(|n| format!("bar{n:02}={n:02}")).collect::<Vec<_>>().join(",");
    let key = |chars| format!("foo=1,{}=1", "z".repeat(chars));
    let tenant = |tenant, system| format!("{}@{}=1", "t".repeat(tenant), "v".repeat(system));
    let (full, too_many) = (numbered(32), numbered(33));
    let (long, too_long) = (key(256), key(257));
    let tenants = [tenant(241, 14), tenant(242, 1), tenant(1, 15)];
    let printable: String = (' '..='~').filter(|c| !matches!(c, ',' | '=')).collect();
    let allowed = format!("foo={printable}");
    let mut table: Vec<(Vec<&str>, Option<&str>)> = vec![
        (vec!["foo=1,bar=2"], Some("foo=1,bar=2")),
        (vec![""], None),
        (vec!["", "foo=1"], Some("foo=1")),
        (vec!["foo=1", ""], Some("foo=1")),
        (vec!["foo=1,bar=2", "rojo=1,congo=2", "baz=3"], Some("foo=1,bar=2,rojo=1,congo=2,baz=3")),
        (vec!["foo=1 \t , \t bar=2, \t baz=3"], Some("foo=1,bar=2,baz=3")),
        (vec!["foo=1\t \t,\t \tbar=2,\t \tbaz=3"], Some("foo=1,bar=2,baz=3")),
        (vec![" foo=1"], Some("foo=1")),
        (vec!["\tfoo=1"], Some("foo=1")),
        (vec!["foo=1 "], Some("foo=1")),
        (vec!["foo=1\t"], Some("foo=1")),
        (vec!["\t foo=1 \t"], Some("foo=1")),
        (vec![&allowed], Some(&allowed)),
        (vec!["foo=1,foo=1"], Some("foo=1")),
        (vec!["foo=1,foo=2"], Some("foo=1")),
        (vec!["foo=1", "foo=1"], Some("foo=1")),
        (vec!["foo=1", "foo=2"], Some("foo=1")),
        (vec!["foo =1"], None),
        (vec!["FOO=1"], None),
        (vec!["foo.bar=1"], None),
        (vec!["foo@=1,bar=2"], Some("foo@=1,bar=2")),
        (vec!["@foo=1,bar=2"], None),
        (vec!["foo@@bar=1,bar=2"], Some("foo@@bar=1,bar=2")),
        (vec!["foo@bar@baz=1,bar=2"], Some("foo@bar@baz=1,bar=2")),
        (vec![&full], Some(&full)),
        (vec![&too_many], None),
        (vec![&long], Some(&long)),
        (vec![&too_long], None),
        (vec!["foo=bar=baz"], None),
        (vec!["foo=,bar=3"], None),
    ];
    table.extend(tenants.iter().map(|tenant| (vec![tenant.as_str()], Some(tenant.as_str()))));
    let traceparent = parent("00");
    for (fields, goes) in table {
        let mut headers: Headers = vec![("traceparent", &traceparent)];
        headers.extend(fields.into_iter().map(|field| ("tracestate", field)));
        assert_continues(&headers, "00", goes);
    }
}

#[test]
fn several_calls_of_one_request_share_the_trace_and_nothing_else() {
    let value = parent("01");
    let context = context::extract(&[("traceparent", &value)]);
    let parent = context.span.unwrap();
    let calls: Vec<String> = (1..=3).map(|id| parent.child(SpanId::from_u64(id)).traceparent()).collect();
    let expected: Vec<String> = (1..=3).map(|id| format!("00-{TRACE}-{id:016x}-01")).collect();
    assert_eq!(calls, expected);
}
