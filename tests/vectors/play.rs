//! Plays a program on the native handles.

use std::time::Duration;

use serde_json::Value as Json;
use spanloom::context::{Context, SpanContext, TraceFlags};
use spanloom::host::{ManualClock, SeededEntropy};
use spanloom::otlp::span::{SpanKind, SpanView, StatusCode};
use spanloom::otlp::{Resource, Scope, encode_traces, json::traces_to_json};
use spanloom::record::{Limits, finished_spans};
use spanloom::value::{Value, ValueRef};
use spanloom::{Loom, MemoryExporter, Node, NodeBuilder, Usage, UsageMode, Workflow};

/// What a program gives, in all forms.
pub struct Played {
    pub records: Vec<u8>,
    pub otlp: Vec<u8>,
    pub json: String,
    pub log: String,
}

/// Runs a program.
pub fn play(program: &Json) -> Played {
    let clock = ManualClock::at(number(program.get("clock").unwrap_or(&"1700000000000000000".into())));
    let memory = MemoryExporter::new();
    let loom = Loom::builder()
        .exporter(memory.clone())
        .clock(clock.clone())
        .entropy(SeededEntropy::new(number(&program["seed"])))
        .limits(limits(&program["limits"]))
        .live_view(program["live"] == true)
        .build();
    let mut stage = Stage { loom: &loom, clock, handles: Vec::new() };
    for op in program["ops"].as_array().unwrap() {
        stage.act(op);
    }
    drop(stage);
    loom.flush(Duration::from_secs(30));
    forms(memory.records())
}

fn forms(records: Vec<u8>) -> Played {
    let mut otlp = Vec::new();
    let resource =
        Resource::new([("service.name", Value::from("vectors")), ("telemetry.sdk.language", "any".into())]);
    encode_traces(&resource, &Scope::new("vectors", "1"), finished_spans(&records), &mut otlp);
    let spans: Vec<_> = finished_spans(&records).map(|span| SpanView::read(span).unwrap()).collect();
    let log = spanloom::workflow::from_spans(&spans, 0).to_json(spanloom::json::Style::Compact);
    Played { json: traces_to_json(&otlp).unwrap(), otlp, log, records }
}

fn limits(json: &Json) -> Limits {
    let mut limits = Limits::default();
    for (name, value) in json.as_object().into_iter().flatten() {
        let value = value.as_u64().unwrap();
        let (small, size) = (u32::try_from(value).unwrap(), usize::try_from(value).unwrap());
        match name.as_str() {
            "attributes" => limits.attributes = small,
            "events" => limits.events = small,
            "links" => limits.links = small,
            "nested_attributes" => limits.nested_attributes = small,
            "value_length" => limits.value_length = size,
            "key_length" => limits.key_length = size,
            "value_depth" => limits.value_depth = small,
            "value_nodes" => limits.value_nodes = small,
            "span_bytes" => limits.span_bytes = size,
            other => panic!("no limit {other}"),
        }
    }
    limits
}

enum Handle {
    Workflow(Workflow),
    Node(Option<Node>),
}

struct Stage<'a> {
    loom: &'a Loom,
    clock: ManualClock,
    handles: Vec<Handle>,
}

impl Stage<'_> {
    fn act(&mut self, op: &Json) {
        let verb = op[0].as_str().unwrap();
        match verb {
            "workflow" => {
                let handle = self.workflow(op);
                self.handles.push(handle);
            }
            "root" => {
                let (name, context) = (text(&op[1]), context(&op[2]["parent"]));
                let kind = text(&op[2]["kind"]);
                let node = about(self.loom.span(&name, context.span.as_ref()), &op[2], &kind).start();
                self.handles.push(Handle::Node(Some(node)));
            }
            "node" | "span" => {
                let (name, kind) = (text(&op[2]), text(&op[3]["kind"]));
                let builder = match (&self.handles[index(&op[1])], verb) {
                    (Handle::Workflow(run), "node") => run.node(&name),
                    (Handle::Workflow(run), _) => run.span(&name),
                    (Handle::Node(node), "node") => node.as_ref().unwrap().node(&name),
                    (Handle::Node(node), _) => node.as_ref().unwrap().span(&name),
                };
                let node = about(builder, &op[3], &kind).start();
                self.handles.push(Handle::Node(Some(node)));
            }
            "advance" => self.clock.advance(number(&op[1])),
            "set" => self.clock.set(number(&op[1])),
            _ => match &mut self.handles[index(&op[1])] {
                Handle::Workflow(run) => on_workflow(run, verb, op),
                Handle::Node(node @ Some(_)) if verb == "end" => node.take().unwrap().end(),
                Handle::Node(node @ Some(_)) if verb == "end_at" => {
                    node.take().unwrap().end_at(number(&op[2]))
                }
                Handle::Node(Some(node)) => on_node(node, verb, op),
                Handle::Node(None) => panic!("{op} after the end"),
            },
        }
    }

    fn workflow(&self, op: &Json) -> Handle {
        let name = text(&op[1]);
        let about = &op[2];
        let parts = ["sid", "app", "user", "chat", "question"].map(|part| text(&about[part]));
        let [sid, app, user, chat, question] = &parts;
        let mut builder =
            self.loom.workflow(&name).sid(sid).app(app).user(user).chat(chat).question(question);
        if about["parent"].is_object() {
            builder = builder.parent(&context(&about["parent"]));
        }
        if about["start"].is_string() {
            builder = builder.start_time(number(&about["start"]));
        }
        Handle::Workflow(builder.start())
    }
}

fn about<'a>(builder: NodeBuilder<'a>, about: &Json, kind: &'a str) -> NodeBuilder<'a> {
    let span_kind = match about["span_kind"].as_u64().unwrap_or(1) {
        2 => SpanKind::Server,
        3 => SpanKind::Client,
        4 => SpanKind::Producer,
        5 => SpanKind::Consumer,
        _ => SpanKind::Internal,
    };
    let builder = builder.kind(kind).span_kind(span_kind);
    if about["start"].is_string() { builder.start_time(number(&about["start"])) } else { builder }
}

fn context(json: &Json) -> Context {
    if !json.is_object() {
        return Context::default();
    }
    let span = SpanContext {
        trace_id: text(&json["trace"]).parse().unwrap(),
        span_id: text(&json["span"]).parse().unwrap(),
        flags: TraceFlags::from_bits(u8::try_from(json["flags"].as_u64().unwrap()).unwrap()),
        trace_state: text(&json["state"]).parse().unwrap(),
        is_remote: json["remote"] == true,
    };
    Context { span: Some(span), ..Context::default() }
}

fn on_workflow(run: &Workflow, verb: &str, op: &Json) {
    match verb {
        "question" => drop(run.question(&text(&op[2]))),
        "answer" => drop(run.answer(&text(&op[2]))),
        "tag" => drop(run.tag(&text(&op[2]), &text(&op[3]))),
        "attr" => {
            let value = value(&op[3]);
            run.attribute(&text(&op[2]), borrowed(&value));
        }
        "event" => with_pairs(&op[3], |pairs| {
            let _ = run.event(&text(&op[2]), pairs);
        }),
        "status" => drop(run.status(op[2].as_i64().unwrap(), &text(&op[3]))),
        "first_frame" => drop(run.first_frame()),
        "end" => run.end(),
        "end_at" => run.end_at(number(&op[2])),
        other => panic!("a workflow cannot {other}"),
    }
}

fn on_node(node: &mut Node, verb: &str, op: &Json) {
    let name = text(&op[2]);
    match verb {
        "attr" | "input" | "output" | "config" => {
            let value = value(&op[3]);
            let value = borrowed(&value);
            match verb {
                "attr" => node.attribute(&name, value),
                "input" => node.input(&name, value),
                "output" => node.output(&name, value),
                _ => node.config(&name, value),
            };
        }
        "event" => with_pairs(&op[3], |pairs| {
            let _ = node.event(&name, pairs);
        }),
        "info" => drop(node.info(&name)),
        "error" => drop(node.error(&name)),
        "exception" => drop(node.exception(&name, &text(&op[3]))),
        "next" => drop(node.next(&name)),
        "first_frame" => drop(node.first_frame()),
        "status" => {
            let code = StatusCode::from_number(u32::try_from(op[2].as_u64().unwrap()).unwrap());
            node.status(code, &text(&op[3]));
        }
        "usage" => {
            let numbers: Vec<u64> = op[2].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect();
            let [prompt, completion, question, total, cache_read, cache_write, reasoning] = numbers[..]
            else {
                panic!("{op}")
            };
            let mode = match op[3].as_str() {
                Some("delta") => UsageMode::Delta,
                Some("cumulative") => UsageMode::Cumulative,
                _ => UsageMode::Total,
            };
            node.usage(Usage {
                prompt,
                completion,
                question,
                total,
                cache_read,
                cache_write,
                reasoning,
                mode,
            });
        }
        "link" => with_pairs(&op[3], |pairs| {
            let _ = node.link(&context(&op[2]).span.unwrap(), pairs);
        }),
        other => panic!("a node cannot {other}"),
    }
}

pub fn with_pairs(json: &Json, call: impl FnOnce(&[(&str, ValueRef<'_>)])) {
    let pairs: Vec<(String, Value)> =
        json.as_array().unwrap().iter().map(|pair| (text(&pair[0]), value(&pair[1]))).collect();
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), borrowed(value))).collect();
    call(&pairs);
}

/// Scalars as programs hand them over, not wrapped.
fn borrowed(value: &Value) -> ValueRef<'_> {
    match value {
        Value::Null => ValueRef::Null,
        Value::Bool(value) => ValueRef::Bool(*value),
        Value::Int(value) => ValueRef::Int(*value),
        Value::Double(value) => ValueRef::Double(*value),
        Value::String(value) => ValueRef::Str(value),
        Value::Bytes(value) => ValueRef::Bytes(value),
        Value::Array(_) | Value::Map(_) => ValueRef::Value(value),
    }
}

pub fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::String(text) => text.as_str().into(),
        Json::Array(values) => Value::Array(values.iter().map(value).collect()),
        Json::Object(_) => {
            if let Some(digits) = json["i"].as_str() {
                digits.parse::<i64>().map_or_else(|_| digits.into(), Value::Int)
            } else if let Some(number) = json["f"].as_str() {
                Value::Double(number.parse().unwrap())
            } else if let Some(hex) = json["b"].as_str() {
                Value::Bytes(unhex(hex))
            } else if let Some(entries) = json["m"].as_array() {
                Value::Map(entries.iter().map(|entry| (text(&entry[0]), value(&entry[1]))).collect())
            } else {
                text(json).into()
            }
        }
        Json::Number(_) => panic!("numbers say what they are: {json}"),
    }
}

/// A text; what is absent is empty. Halves of surrogate pairs are repaired, as a Rust text cannot hold them.
pub fn text(json: &Json) -> String {
    if let Some(units) = json["utf16"].as_array() {
        let units: Vec<u16> =
            units.iter().map(|unit| u16::try_from(unit.as_u64().unwrap()).unwrap()).collect();
        return String::from_utf16_lossy(&units);
    }
    if let Some(repeated) = json["rep"].as_array() {
        let times = usize::try_from(repeated[1].as_u64().unwrap()).unwrap();
        return repeated[0].as_str().unwrap().repeat(times);
    }
    json.as_str().unwrap_or_default().into()
}

fn unhex(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

pub fn number(json: &Json) -> u64 {
    json.as_str().unwrap().parse().unwrap()
}

pub fn index(json: &Json) -> usize {
    usize::try_from(json.as_u64().unwrap()).unwrap()
}
