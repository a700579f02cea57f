use super::*;
use crate::otlp::any::AnyView;
use crate::otlp::span::SpanView;
use crate::record::envelope::flags;
use crate::record::{Record, RecordKind, Records};
use crate::value::Value;

fn start(name: &str) -> SpanStart<'_> {
    SpanStart {
        workflow: SpanId::from_u64(1),
        trace_id: TraceId::from_halves(7, 8),
        span_id: SpanId::from_u64(2),
        parent_span_id: SpanId::from_u64(1),
        parent_is_remote: false,
        trace_flags: 0,
        trace_state: "",
        name,
        span_kind: SpanKind::Internal,
        node_kind: "",
        role: SpanRole::Node,
        start_unix_nano: 1_000,
    }
}

fn record(bytes: &[u8]) -> (Record<'_>, SpanView<'_>) {
    let mut records = Records::new(bytes);
    let record = records.next().unwrap().unwrap();
    assert!(records.next().is_none());
    (record, SpanView::read(record.body).unwrap())
}

fn attributes(span: &SpanView<'_>) -> Value {
    Value::Map(span.attributes().map(|(key, value)| (key.into(), value.to_value())).collect())
}

/// The field numbers of a message never go down: the order in which every encoder writes.
fn assert_ascending(message: &[u8]) {
    let mut fields = crate::otlp::wire::Fields::new(message);
    let mut last = 0;
    while let Some(field) = fields.next_field().unwrap() {
        assert!(field.number >= last, "field {} behind {last}", field.number);
        last = field.number;
    }
}

#[test]
fn a_span_reads_as_it_was_recorded() {
    let mut builder = SpanBuilder::default();
    for _ in 0..2 {
        // The second time nothing of the first is left.
        builder.start(&SpanStart { trace_state: "a=b", node_kind: "tool", ..start("weather") });
        builder.attribute("city", "Paris");
        builder.event(1_500, "asked", &[("attempt", 1.into())]);
        builder.attribute("attempt", 1);
        builder.attribute("ratio", 0.5);
        builder.attribute("city", "Lyon, which is longer");
        builder.attribute("cached", false);
        builder.section(Section::Output, "temperature", 21);
        builder.section(Section::Input, "city", "Paris");
        builder.section(Section::Input, "city", "Lyon");
        builder.usage(Usage { prompt: 3, completion: 4, ..Usage::default() });
        builder.first_frame(1_600);
        builder.first_frame(1_700);
        builder.next("answer");
        builder.next("answer");
        let mut link = builder.open_link(TraceId::from_halves(1, 1), SpanId::from_u64(5), "", 0x101).unwrap();
        link.attribute("why", &mut |sink| sink.string("retry"));
        link.close();
        builder.status(StatusCode::Error, "no answer");
        let bytes = builder.finish(2_000);
        let (record, span) = record(bytes);
        assert_eq!(record.kind, RecordKind::Finished);
        assert_eq!((record.flags, record.revision, record.workflow), (flags::NODE, 1, SpanId::from_u64(1)));
        assert_ascending(record.body);
        assert_eq!((span.name, span.kind, span.trace_state), ("weather", 1, "a=b"));
        assert_eq!((span.start_unix_nano, span.end_unix_nano, span.flags), (1_000, 2_000, 0x101));
        assert_eq!((span.status(), span.status_message), (StatusCode::Error, "no answer"));
        let expected = Value::from([
            ("spanloom.kind", "tool".into()),
            ("gen_ai.operation.name", "execute_tool".into()),
            ("gen_ai.tool.name", "weather".into()),
            ("city", "Lyon, which is longer".into()),
            ("attempt", 1.into()),
            ("ratio", 0.5.into()),
            ("cached", false.into()),
            ("spanloom.input", Value::from([("city", Value::from("Lyon"))])),
            ("spanloom.output", Value::from([("temperature", Value::from(21))])),
            ("spanloom.next", Value::Array(vec!["answer".into()])),
            ("gen_ai.response.time_to_first_chunk", 6e-7.into()),
            ("gen_ai.usage.input_tokens", 3.into()),
            ("gen_ai.usage.output_tokens", 4.into()),
        ]);
        assert_eq!(attributes(&span), expected);
        let events: Vec<_> = span.events().collect();
        assert_eq!((events.len(), events[0].name, events[0].time_unix_nano), (1, "asked", 1_500));
        assert_eq!(events[0].attributes().next(), Some(("attempt", AnyView::Int(1))));
        let link = span.links().next().unwrap();
        assert_eq!((link.span_id, link.flags), (SpanId::from_u64(5), 0x101));
    }
}

#[test]
fn a_started_record_is_the_span_so_far() {
    let mut builder = SpanBuilder::default();
    builder.start(&start("plan"));
    builder.attribute("a", 1);
    let mut out = vec![];
    builder.write_started(&mut out);
    let (record, span) = record(&out);
    assert_eq!((record.kind, record.revision), (RecordKind::Started, 0));
    assert_eq!((span.name, span.end_unix_nano, span.flags), ("plan", 0, 0x101));
    assert_eq!(span.attribute("a"), Some(AnyView::Int(1)));
    assert_ascending(record.body);
}

#[test]
fn what_goes_over_the_limits_is_counted() {
    let mut builder =
        SpanBuilder::new(Limits { attributes: 2, events: 1, links: 1, value_length: 3, ..Limits::default() });
    builder.start(&SpanStart { node_kind: "llm", ..start("x") });
    builder.attribute("", 1);
    for name in ["a", "b", "c", "d"] {
        builder.attribute(name, "long text");
    }
    builder.attribute("a", "new");
    for _ in 0..3 {
        builder.event(1, "e", &[]);
        if let Some(link) = builder.open_link(TraceId::NONE, SpanId::NONE, "", 0) {
            link.close();
        }
    }
    let (record, span) = record(builder.finish(1_000));
    assert_eq!(record.flags, flags::NODE | flags::CUT);
    assert_eq!((span.dropped_attributes, span.dropped_events, span.dropped_links), (3, 2, 2));
    let kept: Vec<_> = span.attributes().collect();
    let texts = [("spanloom.kind", "llm"), ("gen_ai.operation.name", "cha"), ("a", "new"), ("b", "lon")];
    for (found, (key, text)) in kept.iter().zip(texts) {
        assert_eq!(*found, (key, AnyView::String(text)));
    }
    assert_eq!(span.attribute("spanloom.cut"), Some(AnyView::Int(3)));
}

#[test]
fn a_million_attributes_and_events_stay_within_the_limits() {
    let mut builder = SpanBuilder::default();
    builder.start(&start("x"));
    for number in 0..1_000_000 {
        builder.attribute(&format!("key-{number}"), number);
        builder.event(1, "e", &[]);
    }
    let bytes = builder.finish(2_000).to_vec();
    let (_, span) = record(&bytes);
    assert_eq!((span.dropped_attributes, span.attributes().count()), (1_000_000 - 128, 128));
    assert_eq!((span.dropped_events, span.events().count()), (1_000_000 - 128, 128));
    assert!(bytes.len() < 10_000);
}

#[test]
fn an_end_before_the_start_is_noted() {
    let mut builder = SpanBuilder::default();
    builder.start(&start("x"));
    let (record, span) = record(builder.finish(999));
    assert_eq!(record.flags, flags::NODE | flags::CLOCK_SUSPECT);
    assert_eq!((span.start_unix_nano, span.end_unix_nano), (1_000, 1_000));
    assert_eq!(span.attribute(key::CLOCK_SUSPECT_END), Some(AnyView::String("999")));
}

#[test]
fn huge_values_and_keys_are_held_to_the_span_s_bytes() {
    let mut builder =
        SpanBuilder::new(Limits { value_length: usize::MAX, span_bytes: 10_000, ..Limits::default() });
    builder.start(&start("x"));
    builder.attribute("big", &*"é".repeat(50_000_000));
    builder.attribute(&"k".repeat(65_536), 1);
    builder.attribute("late", 1);
    let (_, span) = record(builder.finish(2_000));
    assert!(span.message.len() < 10_500, "{}", span.message.len());
    assert_eq!(span.dropped_attributes, 2);
    assert_eq!(span.attribute("spanloom.cut"), Some(AnyView::Int(1)));
}

#[test]
fn ok_is_final_and_unset_changes_nothing() {
    let mut builder = SpanBuilder::default();
    builder.start(&start("x"));
    builder.status(StatusCode::Error, "first");
    builder.status(StatusCode::Unset, "");
    builder.status(StatusCode::Ok, "ignored");
    builder.status(StatusCode::Error, "late");
    let (_, span) = record(builder.finish(2_000));
    assert_eq!((span.status(), span.status_message), (StatusCode::Ok, ""));
}

#[test]
fn what_tells_what_the_span_is_finds_a_place_over_the_limit() {
    let mut builder = SpanBuilder::new(Limits { attributes: 2, ..Limits::default() });
    builder.start(&start("x"));
    for name in ["a", "b", "c", key::ANSWER, key::ERROR_TYPE, "error", key::STATUS_CODE] {
        builder.attribute(name, 1);
    }
    let (_, span) = record(builder.finish(2_000));
    let names: Vec<&str> = span.attributes().map(|(name, _)| name).collect();
    assert_eq!(names, ["a", "b", key::ANSWER, key::ERROR_TYPE, "error", key::STATUS_CODE]);
    assert_eq!(span.dropped_attributes, 1);
}

#[test]
fn every_part_of_a_span_counts_towards_its_bytes() {
    let mut builder = SpanBuilder::new(Limits { span_bytes: 100_000, ..Limits::default() });
    let big = "y".repeat(40_000);
    let state = "s".repeat(50_000);
    builder.start(&SpanStart { trace_state: &state, ..start("x") });
    for index in 0..4 {
        let name = format!("k{index}");
        builder.section(Section::Input, &name, &*big);
        builder.section(Section::Output, &name, &*big);
        builder.next(&big);
        builder.event(1, "e", &[("big", (&*big).into())]);
        if let Some(mut link) = builder.open_link(TraceId::NONE, SpanId::NONE, "", 0) {
            link.attribute("big", &mut |sink| sink.string(&big));
            link.close();
        }
        builder.attribute(&name, &*big);
    }
    builder.status(StatusCode::Error, &big);
    let (record, span) = record(builder.finish(2_000));
    assert!(span.message.len() < 130_000, "{}", span.message.len());
    assert_eq!(record.flags & flags::CUT, flags::CUT);
    assert_eq!((span.trace_state, span.status_message.len()), ("", 25_000));
}

#[test]
fn a_value_that_is_left_open_is_closed() {
    let mut builder = SpanBuilder::default();
    builder.start(&start("x"));
    builder.attribute_told("open", &mut |sink| {
        sink.begin_map();
        sink.key("list");
        sink.begin_array();
        sink.int(1);
        sink.begin_map();
        sink.key("alone");
    });
    let (_, span) = record(builder.finish(2_000));
    let inner = Value::Array(vec![1.into(), Value::from([("alone", Value::Null)])]);
    assert_eq!(span.attribute("open").unwrap().to_value(), Value::from([("list", inner)]));
}

#[cfg(not(target_arch = "wasm32"))] // Takes more memory than a module should.
#[test]
fn no_limits_make_a_record_longer_than_records_may_be() {
    let limits = Limits {
        attributes: u32::MAX,
        events: u32::MAX,
        links: u32::MAX,
        nested_attributes: u32::MAX,
        value_length: usize::MAX,
        key_length: usize::MAX,
        value_depth: 64,
        value_nodes: u32::MAX,
        span_bytes: usize::MAX,
    };
    let big = "b".repeat(70_000_000);
    // Values without bytes of their own: what stands around them counts as well.
    let many =
        Value::Map((0..2_000_000).map(|_| (String::new(), Value::from([("", Value::Null)]))).collect());
    let mut builder = SpanBuilder::new(limits);
    for kind in ["many", "big"] {
        builder.start(&SpanStart { trace_state: &big, node_kind: &big, name: &big, ..start("x") });
        builder.identity(&Identity { sid: &big, app_id: &big, uid: &big, chat_id: &big });
        if kind == "many" {
            builder.attribute("many", &many);
        }
        builder.attribute("big", &*big);
        builder.attribute(&big, 1);
        builder.attribute("bytes", big.as_bytes());
        builder.section(Section::Input, "many", &many);
        builder.section(Section::Output, "big", &*big);
        builder.section(Section::Config, &big, &*big);
        builder.next(&big);
        builder.event(1, &big, &[("big", (&*big).into())]);
        builder.event(1, "e", &[("many", (&many).into())]);
        if let Some(mut link) = builder.open_link(TraceId::NONE, SpanId::NONE, &big, 0) {
            link.attribute("many", &mut |sink| many.tell(sink));
        }
        builder.status(StatusCode::Error, &big);
        let bytes = builder.finish(2_000).to_vec();
        assert!(bytes.len() <= crate::record::envelope::MAX_RECORD_LEN, "{kind}: {}", bytes.len());
        let (record, _) = record(&bytes);
        assert_eq!(record.flags & flags::CUT, flags::CUT, "{kind}");
    }
}

#[test]
fn a_value_that_replaces_another_has_its_room() {
    let mut builder = SpanBuilder::new(Limits { span_bytes: 2_000, ..Limits::default() });
    builder.start(&start("x"));
    builder.attribute("large", &*"l".repeat(2_000));
    builder.attribute("large", "small");
    let (_, span) = record(builder.finish(2_000));
    assert_eq!(span.attribute("large"), Some(AnyView::String("small")));
}

#[test]
fn an_event_that_is_dropped_is_whole() {
    let mut builder = SpanBuilder::default();
    builder.start(&start("x"));
    let mut event = builder.open_event(1, "e").unwrap();
    event.attribute("long", &mut |sink| sink.string(&"x".repeat(300)));
    drop(event);
    let (_, span) = record(builder.finish(2_000));
    assert_eq!(span.events().next().unwrap().attributes().count(), 1);
}
