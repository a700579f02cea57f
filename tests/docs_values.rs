//! The table of values in `docs/values.md` is what the library does.

use spanloom::otlp::json::span_to_json;
use spanloom::otlp::span::{SpanKind, SpanView};
use spanloom::record::{Limits, Records, SpanBuilder, SpanRole, SpanStart};
use spanloom::value::{ValueBuilder, ValueRef};
use spanloom::{SpanId, TraceId};

const PAGE: &str = include_str!("../docs/values.md");

/// A span with this value as its only attribute, which is named `v`.
fn span_with(value: ValueRef<'_>) -> Vec<u8> {
    let mut builder = SpanBuilder::new(Limits::default());
    builder.start(&SpanStart {
        workflow: SpanId::NONE,
        trace_id: TraceId::from_halves(1, 2),
        span_id: SpanId::from_u64(3),
        parent_span_id: SpanId::NONE,
        parent_is_remote: false,
        trace_flags: 1,
        trace_state: "",
        name: "n",
        span_kind: SpanKind::Internal,
        node_kind: "",
        role: SpanRole::Span,
        start_unix_nano: 0,
    });
    builder.attribute("v", value);
    let record = builder.finish(0);
    Records::new(record).next().unwrap().unwrap().body.to_vec()
}

#[test]
fn the_values_of_rust_become_what_the_page_says() {
    let values: [(&str, ValueRef<'_>); 15] = [
        ("true", true.into()),
        ("7_i32", 7_i32.into()),
        ("9_007_199_254_740_993_i64", 9_007_199_254_740_993_i64.into()),
        ("i64::MIN", i64::MIN.into()),
        ("u64::MAX", u64::MAX.into()),
        ("1.0_f64", 1.0_f64.into()),
        ("0.5_f32", 0.5_f32.into()),
        ("-0.0_f64", (-0.0_f64).into()),
        ("5e-324_f64", 5e-324_f64.into()),
        ("f64::NAN", f64::NAN.into()),
        ("f64::INFINITY", f64::INFINITY.into()),
        ("f64::NEG_INFINITY", f64::NEG_INFINITY.into()),
        ("\"text\"", "text".into()),
        (r#"&b"\xff\x00"[..]"#, (&b"\xff\x00"[..]).into()),
        ("None::<i64>", None::<i64>.into()),
    ];
    let (_, table) = PAGE.split_once("| value | kept as |").expect("the page has this table");
    assert_eq!(table.lines().skip(2).take_while(|line| line.starts_with('|')).count(), values.len());
    for (written, value) in values {
        let span = span_with(value);
        let json = SpanView::read(&span).unwrap().attribute("v").unwrap().to_value().to_json();
        let otlp_json = span_to_json(&span).unwrap();
        let (_, otlp) = otlp_json.split_once(r#""key":"v","value":"#).expect("the attribute is in the JSON");
        let (otlp, _) = otlp.split_once("}],").expect("the attribute ends");
        let row = |kept: &str| format!("| `{written}` | {kept} | `{json}` | `{otlp}` |");
        let kinds = [
            "truth value",
            "whole number",
            "text of its digits",
            "double",
            "text",
            "bytes",
            "the empty value",
        ];
        assert!(kinds.iter().any(|kept| PAGE.contains(&row(kept))), "{}", row("?"));
        let mut told = ValueBuilder::default();
        value.tell(&mut told);
        assert_eq!(told.finish().to_json(), json);
    }
}
