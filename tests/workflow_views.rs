//! A workflow log becomes spans and a log again without loss; any other spans become a sensible log.
#![cfg(not(target_arch = "wasm32"))]

use std::time::Duration;

use proptest::prelude::*;
use spanloom::json::Style;
use spanloom::otlp::any::put_key_value;
use spanloom::otlp::span::{SpanView, field};
use spanloom::otlp::wire::{
    close_message, open_message, put_bytes_field, put_fixed64_field, put_varint_field,
};
use spanloom::record::{RecordKind, Records};
use spanloom::value::Value;
use spanloom::workflow::{
    Entries, Level, LogLine, NodeAbout, NodeData, NodeLog, NodeTraceLog, Number, SpanOptions, Status,
    TokenUsage, TraceAbout, from_records, from_spans, to_records, to_spans,
};
use spanloom::{SpanId, TraceId};

fn back(spans: &[Vec<u8>]) -> NodeTraceLog {
    let views: Vec<SpanView<'_>> = spans.iter().map(|span| SpanView::read(span).unwrap()).collect();
    from_spans(&views, 0)
}

fn any_value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop::collection::vec(any::<u8>(), 0..9).prop_map(Value::Bytes),
        Just(Value::from("ä".repeat(9_000))),
    ];
    scalar.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((any::<String>(), inner), 0..4).prop_map(Value::Map),
        ]
    })
}

fn any_entries() -> impl Strategy<Value = Entries> {
    prop::collection::vec((any::<String>(), any_value()), 0..4)
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), Just("same".into()), any::<String>()]
}

fn any_ms() -> impl Strategy<Value = i64> {
    prop_oneof![1_772_600_000_000..1_772_600_100_000_i64, any::<i64>(), -2..3_i64]
}

fn any_number() -> impl Strategy<Value = Number> {
    prop_oneof![
        any::<i64>().prop_map(Number::Int),
        (-1e9..1e9).prop_map(Number::Double),
        (-1..2_i64).prop_map(|n| { if n == 0 { Number::Int(-1) } else { Number::Double(-1.0) } })
    ]
}

fn any_usage() -> impl Strategy<Value = TokenUsage> {
    let number = || prop_oneof![0..1000_i64, any::<i64>()];
    (number(), number(), number(), number()).prop_map(|(question, prompt, completion, total)| TokenUsage {
        question_tokens: question,
        prompt_tokens: prompt,
        completion_tokens: completion,
        total_tokens: total,
    })
}

fn any_line() -> impl Strategy<Value = String> {
    let level = prop_oneof![Just(Level::Debug), Just(Level::Info), Just(Level::Warn), Just(Level::Error)];
    prop_oneof![
        (level, any::<String>(), any_ms()).prop_map(|(level, message, ms)| {
            LogLine { level, message, local_seconds: ms / 1_000 }.to_json()
        }),
        any::<String>(),
    ]
}

prop_compose! {
    fn any_node()(
        id in prop_oneof!["[0-9a-f]{32}", any_text(), Just("00000000000000000000000000000000".into())],
        texts in prop::array::uniform8(any_text()),
        next_log_ids in prop::collection::vec(any_text(), 0..3),
        (start_time, end_time, duration) in (any_ms(), any_ms(), any_ms()),
        first_frame_duration in prop_oneof![Just(-1), any::<i64>()],
        node_first_cost_time in any_number(),
        running_status in any::<bool>(),
        (input, output, config) in (any_entries(), any_entries(), any_entries()),
        usage in any_usage(),
        logs in prop::collection::vec(any_line(), 0..4),
    ) -> NodeLog {
        let [sid, node_id, node_type, node_name, func_id, func_type, func_name, llm_output] = texts;
        NodeLog {
            id, sid, node_id, node_type, node_name, func_id, func_type, func_name, next_log_ids, start_time, end_time,
            duration, first_frame_duration, node_first_cost_time, llm_output, running_status,
            data: NodeData { input, output, config, usage },
            logs,
        }
    }
}

prop_compose! {
    fn any_log()(
        texts in prop::array::uniform10(any_text()),
        ids in (prop::option::of(any_text()), prop::option::of(any_text())),
        (start_time, end_time, duration) in (any_ms(), any_ms(), any_ms()),
        first_frame_duration in any_number(),
        srv in prop::collection::vec((any_text(), any_text()), 0..3),
        srv_tag in prop::collection::vec((any_text(), any_text()), 0..3),
        status in (prop_oneof![Just(0), any::<i64>()], any_text()),
        usage in prop::option::of(any_usage()),
        version in prop_oneof![Just("v2.0.0".to_owned()), any_text()],
        trace in prop::collection::vec(any_node(), 0..5),
    ) -> NodeTraceLog {
        let [service_id, sid, app_id, uid, chat_id, sub, caller, log_caller, question, answer] = texts;
        let (flow_id, bot_id) = ids;
        let (code, message) = status;
        let mut log = NodeTraceLog {
            service_id, flow_id, sid, app_id, uid, bot_id, chat_id, sub, caller, log_caller, question, answer,
            start_time, end_time, duration, first_frame_duration, srv, srv_tag, status: Status { code, message },
            usage: TokenUsage::default(), version, trace,
        };
        log.usage = usage.unwrap_or_else(|| {
            let mut ended = log.clone();
            ended.set_end(0);
            ended.usage
        });
        log
    }
}

/// NaN is not equal to itself, but prints the same.
fn same(a: &NodeTraceLog, b: &NodeTraceLog) -> bool {
    a == b || format!("{a:?}") == format!("{b:?}")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn logs_become_spans_and_logs_again(
        log in any_log(),
        utc_offset_minutes in prop_oneof![Just(0), -900..900_i32, any::<i32>()],
        turn in 0..6_usize,
    ) {
        let options = SpanOptions { trace_id: TraceId::from_halves(1, 2), utc_offset_minutes, ..SpanOptions::default() };
        let mut spans = to_spans(&log, &options);
        // The order in which spans arrive is nobody's to choose.
        let turn = turn % spans.len();
        spans.rotate_left(turn);
        let again = back(&spans);
        prop_assert!(same(&log, &again), "{log:#?}\n became \n{again:#?}");
    }

    #[test]
    fn logs_become_json_and_logs_again(log in any_log()) {
        let text = log.to_json(Style::Spaced);
        let again = NodeTraceLog::from_json(&text).unwrap();
        prop_assert_eq!(again.to_json(Style::Spaced), text);
    }

    #[test]
    fn any_spans_become_some_log(spans in prop::collection::vec(any_span(), 0..8)) {
        let log = back(&spans);
        prop_assert!(log.trace.len() <= spans.len());
        prop_assert_eq!(NodeTraceLog::from_json(&log.to_json(Style::Compact)).unwrap().to_json(Style::Compact), log.to_json(Style::Compact));
    }
}

/// A span of a few ids and times, so that parents, cycles and repetitions happen.
fn any_span() -> impl Strategy<Value = Vec<u8>> {
    let known = [
        "spanloom.log.id",
        "spanloom.log.version",
        "spanloom.log.position",
        "spanloom.log.usage",
        "spanloom.kind",
        "spanloom.input",
        "spanloom.next",
        "spanloom.tags",
        "spanloom.first_frame_ms",
        "spanloom.start_ms",
        "spanloom.duration_ms",
        "gen_ai.usage.input_tokens",
        "llm.token_count.total",
        "gen_ai.operation.name",
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "input.value",
        "output.value",
        "sid",
        "user.id",
        "",
        "gen_ai.response.time_to_first_chunk",
        "spanloom.log.utc_offset_minutes",
        "openinference.span.kind",
    ];
    let attribute = (prop::sample::select(known.to_vec()), any_value());
    let time = || prop_oneof![0..5_u64, any::<u64>()];
    let event = (
        prop::sample::select(vec!["exception", "INFO", "x", ""]),
        time(),
        prop::collection::vec(any_value(), 0..2),
    );
    (
        (0..5_u64, 0..5_u64, time(), time(), 0..3_u64),
        prop::collection::vec(attribute, 0..8),
        prop::collection::vec(event, 0..3),
        prop::collection::vec(0..5_u64, 0..3),
    )
        .prop_map(|((id, parent, start, end, status), attributes, events, links)| {
            let mut span = Foreign::new(id, parent, "name", start, end);
            for (key, value) in attributes {
                put_key_value(&mut span.0, field::ATTRIBUTES, key, &value);
            }
            for (name, time, values) in events {
                let attributes: Vec<_> = ["exception.message", "LOG"].into_iter().zip(values).collect();
                span.event(name, time, &attributes);
            }
            for link in links {
                span.link(link);
            }
            span.status(status, "")
        })
}

struct Foreign(Vec<u8>);

impl Foreign {
    fn new(id: u64, parent: u64, name: &str, start: u64, end: u64) -> Self {
        let mut out = Vec::new();
        put_bytes_field(&mut out, field::TRACE_ID, &[9; 16]);
        put_bytes_field(&mut out, field::SPAN_ID, &SpanId::from_u64(id).to_bytes());
        put_bytes_field(&mut out, field::PARENT_SPAN_ID, &SpanId::from_u64(parent).to_bytes());
        put_bytes_field(&mut out, field::NAME, name.as_bytes());
        put_fixed64_field(&mut out, field::START, start);
        put_fixed64_field(&mut out, field::END, end);
        Self(out)
    }

    fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        put_key_value(&mut self.0, field::ATTRIBUTES, key, &value.into());
        self
    }

    fn event(&mut self, name: &str, time: u64, attributes: &[(&str, Value)]) {
        let event = open_message(&mut self.0, field::EVENTS);
        put_fixed64_field(&mut self.0, 1, time);
        put_bytes_field(&mut self.0, 2, name.as_bytes());
        for (key, value) in attributes {
            put_key_value(&mut self.0, 3, key, value);
        }
        close_message(&mut self.0, event);
    }

    fn link(&mut self, id: u64) {
        let link = open_message(&mut self.0, field::LINKS);
        put_bytes_field(&mut self.0, 1, &[9; 16]);
        put_bytes_field(&mut self.0, 2, &SpanId::from_u64(id).to_bytes());
        close_message(&mut self.0, link);
    }

    fn status(mut self, code: u64, message: &str) -> Vec<u8> {
        let status = open_message(&mut self.0, field::STATUS);
        put_bytes_field(&mut self.0, 2, message.as_bytes());
        put_varint_field(&mut self.0, 3, code);
        close_message(&mut self.0, status);
        self.0
    }
}

const MS: u64 = 1_000_000;

#[test]
fn values_deeper_than_protobuf_readers_go_come_back_too() {
    for depth in [60, 63, 64, 100, 127] {
        let mut value = Value::from(1.5);
        for _ in 0..depth {
            value = Value::Array(vec![value]);
        }
        let mut log = NodeTraceLog::default();
        let mut node = NodeLog::default();
        node.append_input("deep", value);
        log.add_nodes([node]);
        assert_eq!(back(&to_spans(&log, &SpanOptions::default())), log, "depth {depth}");
    }
}

#[test]
fn many_nodes_of_one_id_get_ids_of_their_own_in_no_time() {
    let mut log = NodeTraceLog::default();
    log.add_nodes((0..20_000).map(|_| NodeLog::new("same", &NodeAbout::default(), 5)));
    let spans = to_spans(&log, &SpanOptions::default());
    assert_eq!(back(&spans), log);
}

#[test]
fn the_spans_of_a_log_read_well_elsewhere() {
    let mut log = NodeTraceLog::new(&TraceAbout { sid: "s1", app_id: "a1", ..TraceAbout::default() }, 10_500);
    let about =
        NodeAbout { sid: "s1", node_id: "llm::1", node_type: "llm", node_name: "L", ..NodeAbout::default() };
    let mut node = NodeLog::new("feedfacecafebeef0000000000000001", &about, 10_500);
    node.append_usage(TokenUsage {
        prompt_tokens: 3,
        completion_tokens: 4,
        total_tokens: 7,
        ..TokenUsage::default()
    });
    node.set_first_frame(10_750);
    node.info("hello", 10_600);
    node.fail("boom", 11_000, 0);
    log.add_nodes([node]);
    log.set_status(20_001, "plugin");
    log.set_end(12_000);

    let mut stream = Vec::new();
    let trace_id = TraceId::from_halves(7, 7);
    to_records(&log, &SpanOptions { trace_id, ..SpanOptions::default() }, &mut stream);
    let records: Vec<_> = Records::new(&stream).map(Result::unwrap).collect();
    let kinds: Vec<_> = records.iter().map(|record| record.kind).collect();
    assert_eq!(kinds, [RecordKind::Finished, RecordKind::WorkflowClosed]);
    let views: Vec<_> = records.iter().map(|record| SpanView::read(record.body).unwrap()).collect();
    let [node, root] = views.as_slice() else { panic!("{views:?}") };
    assert_eq!((root.name, root.trace_id, root.parent_span_id), ("workflow", trace_id, SpanId::NONE));
    assert_eq!((records[0].workflow, node.parent_span_id), (root.span_id, root.span_id));
    assert_eq!((root.start_unix_nano, root.end_unix_nano), (10_500 * MS, 12_000 * MS));
    assert_eq!((root.status_code, root.status_message), (2, "plugin"));
    assert_eq!(node.span_id.to_string(), "feedfacecafebeef");
    assert_eq!((node.name, node.status_code), ("L", 2));
    let attributes: Vec<_> =
        node.attributes().map(|(key, value)| (key, value.to_value().to_json())).collect();
    assert_eq!(
        attributes.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>(),
        [
            r#"spanloom.kind="llm""#,
            r#"gen_ai.operation.name="chat""#,
            r#"spanloom.log.id="feedfacecafebeef0000000000000001""#,
            "spanloom.log.position=0",
            r#"sid="s1""#,
            r#"app_id="a1""#,
            r#"span_version="1.0.0""#,
            r#"spanloom.node_id="llm::1""#,
            "gen_ai.response.time_to_first_chunk=0.25",
            "spanloom.first_frame_ms=250",
            "gen_ai.usage.input_tokens=3",
            "gen_ai.usage.output_tokens=4",
        ]
    );
    // The lines say 10 and 11 seconds; the first is moved to the start of the span, within its second.
    let events: Vec<_> = node.events().map(|event| (event.name, event.time_unix_nano / MS)).collect();
    assert_eq!(events, [("INFO", 10_500), ("ERROR", 11_000)]);
    assert_eq!(from_spans(&views, 0), log);

    // Of two records of one span the higher revision counts, whichever comes first; rubbish is left out.
    let mut late = Vec::new();
    for record in &records {
        let other = Foreign::new(node.span_id.to_u64(), 0, "other", 0, u64::MAX).status(0, "");
        let body = other.as_slice();
        spanloom::record::Record { revision: 0, body, ..*record }.write(&mut late);
        spanloom::record::Record { body: b"rubbish", ..*record }.write(&mut late);
    }
    let mut replaced = late.clone();
    to_records(
        &log,
        &SpanOptions { trace_id: TraceId::from_bytes([9; 16]), ..SpanOptions::default() },
        &mut replaced,
    );
    replaced.extend_from_slice(&late);
    assert_eq!(from_records(&replaced, 0), log);
}

#[test]
fn a_genai_trace_becomes_a_sensible_log() {
    let messages = r#"[{"role":"user","parts":[{"type":"text","content":"why?"}]}]"#;
    let mut tool = Foreign::new(3, 1, "execute_tool weather", 5_500 * MS, 6_000 * MS)
        .with("gen_ai.operation.name", "execute_tool")
        .with("gen_ai.tool.name", "weather")
        .with("gen_ai.tool.call.arguments", Value::from([("city", "Paris".into())]));
    tool.event(
        "exception",
        5_900 * MS,
        &[("exception.type", "Timeout".into()), ("exception.message", "too slow".into())],
    );
    tool.link(2);
    let spans = [
        tool.status(2, ""),
        Foreign::new(1, 77, "invoke_agent planner", 5_000 * MS, 7_000 * MS)
            .with("gen_ai.operation.name", "invoke_agent")
            .with("gen_ai.conversation.id", "c9")
            .with("user.id", "u7")
            .with("gen_ai.input.messages", messages)
            .with("gen_ai.usage.input_tokens", 10)
            .with("gen_ai.usage.output_tokens", 5)
            .with("output.value", "because")
            .status(0, ""),
        Foreign::new(2, 1, "chat gpt-4", 5_100 * MS, 5_400 * MS)
            .with("gen_ai.operation.name", "chat")
            .with("gen_ai.request.model", "gpt-4")
            .with("gen_ai.response.time_to_first_chunk", 0.2)
            .with("gen_ai.usage.input_tokens", 10)
            .with("gen_ai.usage.output_tokens", 5)
            .with("gen_ai.input.messages", messages)
            .with("gen_ai.output.messages", Value::Array(vec![Value::from([("content", "because".into())])]))
            .status(1, ""),
    ];
    let log = back(&spans);
    assert_eq!((log.question.as_str(), log.answer.as_str()), ("why?", "because"));
    assert_eq!(
        (log.uid.as_str(), log.chat_id.as_str(), log.sid.as_str()),
        ("u7", "c9", "09090909090909090909090909090909")
    );
    assert_eq!((log.start_time, log.end_time, log.duration), (5_000, 7_000, 2_000));
    assert_eq!(log.first_frame_duration, Number::Int(300));
    // The agent reports what its model used: counted once.
    assert_eq!(
        log.usage,
        TokenUsage { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15, ..TokenUsage::default() }
    );
    let [chat, tool] = log.trace.as_slice() else { panic!("{log:?}") };
    assert_eq!((chat.node_type.as_str(), chat.node_id.as_str()), ("llm", "llm::0000000000000002"));
    assert_eq!(
        (chat.llm_output.as_str(), chat.first_frame_duration, chat.running_status),
        ("because", 200, true)
    );
    assert_eq!(chat.data.input[0].1, Value::from_json(messages).unwrap());
    assert_eq!(chat.data.config[1], ("gen_ai.request.model".into(), "gpt-4".into()));
    assert_eq!(chat.next_log_ids, std::slice::from_ref(&tool.id));
    assert_eq!(
        (tool.node_type.as_str(), tool.func_name.as_str(), tool.running_status),
        ("tool", "weather", false)
    );
    assert_eq!(
        tool.logs,
        [r#"{"level": "ERROR", "message": "Timeout: too slow", "time": "1970-01-01 00:00:05"}"#]
    );
    assert_eq!(tool.id, "00000000000000030909090909090909");
}

#[test]
fn an_openinference_span_alone_is_workflow_and_node() {
    let span = Foreign::new(4, 0, "ChatCompletion", 5_000 * MS, 0)
        .with("openinference.span.kind", "LLM")
        .with("session.id", "c1")
        .with("input.value", r#"{"prompt": "hi"}"#)
        .with("output.value", "yo")
        .with("llm.input_messages.0.message.content", "hi")
        .with("llm.token_count.prompt", 2.0)
        .with("llm.token_count.completion", -3)
        .with("llm.token_count.total", "9")
        .status(2, "");
    let log = back(&[span]);
    assert_eq!((log.status.code, log.chat_id.as_str(), log.answer.as_str()), (1, "c1", "yo"));
    assert_eq!(log.usage, TokenUsage { prompt_tokens: 2, total_tokens: 9, ..TokenUsage::default() });
    let [node] = log.trace.as_slice() else { panic!("{log:?}") };
    assert_eq!((node.node_type.as_str(), node.llm_output.as_str()), ("llm", "yo"));
    assert_eq!(node.data.input[0], ("input.value".into(), Value::from([("prompt", "hi".into())])));
    assert_eq!(node.data.input[1], ("llm.input_messages.0.message.content".into(), "hi".into()));
    assert_eq!((node.end_time, node.duration), (5_000, 0));
    assert_eq!(node.logs.len(), 1);
}

/// What a program records live reads as a log too.
#[cfg(feature = "native")]
#[test]
fn a_live_workflow_becomes_a_sensible_log() {
    use spanloom::native::{Loom, MemoryExporter};
    let memory = MemoryExporter::new();
    let loom = Loom::builder().service("planner").exporter(memory.clone()).build();
    let run = loom.workflow("answer-question").app("app-1").user("u-7").chat("c-9").question("why?").start();
    run.tag("tier", "gold");
    let mut plan = run.node("plan").kind("llm").start();
    plan.input("question", "why?").config("model", "gpt-4").output("answer", "so");
    plan.usage(spanloom::Usage { prompt: 8, completion: 2, ..spanloom::Usage::default() });
    plan.first_frame();
    plan.next("abc").error("boom");
    plan.end();
    run.answer("so").status(3, "failed");
    run.end();
    loom.shutdown(Duration::from_secs(30));
    let mut spans = Vec::new();
    memory.each_span(|span| spans.push(span.message.to_vec()));
    let log = back(&spans);
    assert_eq!((log.app_id.as_str(), log.uid.as_str(), log.chat_id.as_str()), ("app-1", "u-7", "c-9"));
    assert_eq!((log.question.as_str(), log.answer.as_str()), ("why?", "so"));
    assert_eq!(log.service_id, "answer-question");
    assert_eq!((log.status.code, log.status.message.as_str()), (3, "failed"));
    assert_eq!(log.srv_tag, [("tier".into(), "gold".into())]);
    assert_eq!(log.usage.total_tokens, 10);
    assert!(matches!(log.first_frame_duration, Number::Int(0..1_000)));
    let [node] = log.trace.as_slice() else { panic!("{log:?}") };
    assert_eq!(
        (node.node_name.as_str(), node.node_type.as_str(), node.running_status),
        ("plan", "llm", false)
    );
    assert_eq!(node.data.input, [("question".into(), "why?".into())]);
    assert_eq!(node.data.output, [("answer".into(), "so".into())]);
    assert_eq!(node.data.config, [("model".into(), "gpt-4".into())]);
    assert_eq!(node.next_log_ids, ["abc"]);
    assert_eq!(node.logs.len(), 1);
}

#[test]
fn the_published_example_becomes_a_log() {
    let text = include_bytes!("golden/otlp/trace.json");
    let request = spanloom::otlp::json::traces_from_json(text).unwrap();
    let views: Vec<_> =
        spanloom::otlp::decode_traces(&request).unwrap().spans().map(|found| found.span).collect();
    let log = from_spans(&views, 0);
    assert_eq!((log.sid.as_str(), log.duration), ("5b8efff798038103d269b633813fc60c", 1_000));
    let [node] = log.trace.as_slice() else { panic!("{log:?}") };
    assert_eq!((node.node_name.as_str(), node.node_type.as_str()), ("I'm a server span", "server"));
    assert_eq!(node.data.config, [("my.span.attr".into(), "some value".into())]);
    // From here on it is a log like any other.
    assert_eq!(back(&to_spans(&log, &SpanOptions::default())), log);
}

#[test]
fn cycles_orphans_and_repetitions_give_a_log() {
    let cycle = [
        Foreign::new(1, 2, "a", 2, 3),
        Foreign::new(2, 1, "b", 1, 3),
        Foreign::new(3, 3, "own parent", 9, 9),
    ];
    let log = back(&cycle.map(|span| span.with("gen_ai.usage.input_tokens", 5).status(0, "")));
    assert_eq!((log.service_id.as_str(), log.trace.len()), ("own parent", 2));
    let rootless = [Foreign::new(1, 2, "a", 2, 3), Foreign::new(2, 1, "b", 1, 3)];
    let log = back(&rootless.map(|span| span.status(0, "")));
    assert_eq!((log.service_id.as_str(), log.trace.len()), ("b", 1));
    let twice = [Foreign::new(1, 0, "done", 1, 9), Foreign::new(1, 0, "started", 1, 0)];
    assert_eq!(back(&twice.map(|span| span.status(0, ""))).service_id, "done");
    assert_eq!(back(&[]), NodeTraceLog::default());
    // A chain of 20,000 spans: nothing recurses.
    let chain: Vec<_> = (1..=20_000).map(|id| Foreign::new(id, id - 1, "", id, id).status(0, "")).collect();
    assert_eq!(back(&chain).trace.len(), 19_999);
}
