//! What spans mean that no log became: those of OpenTelemetry GenAI, OpenInference, and any other.

use super::from_spans::{entries, line_of, parsed, status_of, text, texts};
use super::line::{Level, LogLine};
use super::node::NodeLog;
use super::parts::{Number, TokenUsage, put_entry, uuid4_hex};
use super::to_spans::{SECOND, ms_of};
use super::trace::NodeTraceLog;
use crate::otlp::any::AnyView;
use crate::otlp::span::{SpanView, StatusCode};
use crate::value::Value;
use crate::vocabulary as key;

/// Attributes that tell what went into a span; those that end with a point are the first part of many.
const INPUTS: [&str; 9] = [
    "gen_ai.input.messages",
    "gen_ai.system_instructions",
    "gen_ai.tool.call.arguments",
    "gen_ai.prompt",
    "gen_ai.prompt.",
    "input.value",
    "llm.input_messages.",
    "llm.prompts.",
    "traceloop.entity.input",
];

/// Attributes that tell what came out of a span.
const OUTPUTS: [&str; 9] = [
    "gen_ai.output.messages",
    "gen_ai.tool.call.result",
    "gen_ai.completion",
    "gen_ai.completion.",
    "output.value",
    "llm.output_messages.",
    "retrieval.documents.",
    "reranker.output_documents.",
    "traceloop.entity.output",
];

/// Attributes that have a place of their own in a node's log.
const PLACED: [&str; 15] = [
    key::SID,
    key::APP_ID,
    key::UID,
    key::CHAT_ID,
    key::SPAN_VERSION,
    key::KIND,
    key::NODE_ID,
    key::NEXT,
    key::FIRST_FRAME,
    key::LLM_OUTPUT,
    key::QUESTION,
    key::ANSWER,
    key::TAGS,
    key::STATUS_CODE,
    key::STATUS_MESSAGE,
];

fn is_one_of(names: &[&str], name: &str) -> bool {
    names.iter().any(|known| *known == name || (known.ends_with('.') && name.starts_with(known)))
}

/// True for a span that says it is a workflow.
pub(super) fn is_workflow(span: &SpanView<'_>) -> bool {
    let says = |key: &str, word: &str| span.attribute(key).and_then(AnyView::as_str) == Some(word);
    says(key::KIND, key::KIND_WORKFLOW) || says(key::OPERATION, "invoke_workflow")
}

/// The log of a workflow, as far as its root span tells of it.
pub(super) fn root(span: &SpanView<'_>) -> NodeTraceLog {
    let mut log = NodeTraceLog {
        start_time: ms_of(span.start_unix_nano),
        end_time: ms_of(span.end_unix_nano.max(span.start_unix_nano)),
        status: status_of(span),
        ..NodeTraceLog::default()
    };
    log.duration = log.end_time.saturating_sub(log.start_time);
    // Names that mean the same: the first of each list counts.
    log.sid = first_text(span, &[key::SID]).unwrap_or_else(|| span.trace_id.to_string());
    log.app_id = first_text(span, &[key::APP_ID]).unwrap_or_default();
    log.uid = first_text(span, &[key::UID, "user.id", "enduser.id"]).unwrap_or_default();
    let chat = [key::CHAT_ID, "gen_ai.conversation.id", "session.id"];
    log.chat_id = first_text(span, &chat).unwrap_or_default();
    let service = [key::SERVICE_ID, "service.name", key::WORKFLOW_NAME, key::AGENT_NAME];
    log.service_id = first_text(span, &service).unwrap_or_else(|| span.name.into());
    log.sub = first_text(span, &[key::SUB]).unwrap_or_default();
    log.caller = first_text(span, &[key::CALLER]).unwrap_or_default();
    log.log_caller = first_text(span, &[key::LOG_CALLER]).unwrap_or_default();
    let question = [key::QUESTION, "input.value", "gen_ai.input.messages", "traceloop.entity.input"];
    log.question = first_said(span, &question).unwrap_or_default();
    let answer = [key::ANSWER, "output.value", "gen_ai.output.messages", "traceloop.entity.output"];
    log.answer = first_said(span, &answer).unwrap_or_default();
    if let Some(code) = span.attribute(key::STATUS_CODE).and_then(AnyView::as_int) {
        log.status.code = code;
    }
    if let Some(message) = first_text(span, &[key::STATUS_MESSAGE]) {
        log.status.message = message;
    }
    for (name, value) in span.attributes() {
        // Tags stand in one map, or each in an attribute below that map's name.
        if name == key::TAGS {
            value.entries().for_each(|(tag, value)| put_entry(&mut log.srv_tag, tag, text(value)));
        } else if let Some(tag) = name.strip_prefix(key::TAGS).and_then(|rest| rest.strip_prefix('.')) {
            put_entry(&mut log.srv_tag, tag, text(value));
        }
    }
    if let Some(ms) = first_frame_ms(span) {
        log.first_frame_duration = Number::Int(ms);
    }
    log
}

fn first_text(span: &SpanView<'_>, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| span.attribute(name).map(text).filter(|text| !text.is_empty()))
}

fn first_said(span: &SpanView<'_>, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| span.attribute(name).map(said).filter(|text| !text.is_empty()))
}

/// The first frame of a workflow that did not say one: the earliest of its nodes.
pub(super) fn first_frame_of_nodes(log: &mut NodeTraceLog) {
    let frames = log.trace.iter().filter(|node| node.first_frame_duration >= 0);
    let earliest = frames.map(|node| node.start_time.saturating_add(node.first_frame_duration)).min();
    if let Some(moment) = earliest {
        log.first_frame_duration = Number::Int(moment.saturating_sub(log.start_time));
    }
}

/// The log of a node, as far as its span tells of it.
pub(super) fn node(span: &SpanView<'_>, sid: &str, utc_offset_minutes: i32) -> NodeLog {
    let node_type = type_of(span);
    let node_id =
        first_text(span, &[key::NODE_ID]).unwrap_or_else(|| format!("{node_type}::{}", span.span_id));
    let mut node = NodeLog {
        id: log_id(span),
        sid: first_text(span, &[key::SID]).unwrap_or_else(|| sid.into()),
        func_id: node_id.clone(),
        node_id,
        func_type: node_type.clone(),
        node_type,
        node_name: span.name.into(),
        func_name: first_text(span, &[key::TOOL_NAME, "tool.name"]).unwrap_or_else(|| span.name.into()),
        next_log_ids: span.attribute(key::NEXT).map(texts).unwrap_or_default(),
        start_time: ms_of(span.start_unix_nano),
        end_time: ms_of(span.end_unix_nano.max(span.start_unix_nano)),
        first_frame_duration: first_frame_ms(span).unwrap_or(-1),
        running_status: span.status() != StatusCode::Error,
        ..NodeLog::default()
    };
    node.duration = node.end_time.saturating_sub(node.start_time);
    node.data.usage = usage(span);
    let says_kind = span.attribute(key::KIND).is_some();
    for (name, value) in span.attributes() {
        match name {
            // It follows from the kind; the flag follows from the status.
            key::OPERATION if says_kind => {}
            "error" if value == AnyView::Bool(true) => {}
            key::INPUT => node.append_entries_to(Place::Input, value),
            key::OUTPUT => node.append_entries_to(Place::Output, value),
            key::CONFIG => node.append_entries_to(Place::Config, value),
            _ if is_one_of(&INPUTS, name) => node.append_input(name, structured(value)),
            _ if is_one_of(&OUTPUTS, name) => node.append_output(name, structured(value)),
            _ if is_one_of(&PLACED, name) || is_usage(name) => {}
            _ => node.append_config([(name.into(), value.to_value())]),
        }
    }
    let is_llm = matches!(node.node_type.as_str(), "llm" | "chat" | "completion" | "generate");
    let answers: &[&str] = if is_llm {
        &[key::LLM_OUTPUT, "gen_ai.output.messages", "output.value"]
    } else {
        &[key::LLM_OUTPUT]
    };
    node.llm_output = first_said(span, answers).unwrap_or_default();
    node.logs = span.events().map(|event| line_of(&event, utc_offset_minutes)).collect();
    let has_error_line = node.logs.iter().any(|line| line.starts_with(r#"{"level": "ERROR""#));
    if !node.running_status && !has_error_line {
        let message = if span.status_message.is_empty() { "error" } else { span.status_message };
        let seconds = (span.end_unix_nano / SECOND).cast_signed() + i64::from(utc_offset_minutes) * 60;
        let line = LogLine { level: Level::Error, message: message.into(), local_seconds: seconds };
        node.logs.push(line.to_json());
    }
    node
}

enum Place {
    Input,
    Output,
    Config,
}

impl NodeLog {
    fn append_entries_to(&mut self, place: Place, value: AnyView<'_>) {
        let target = match place {
            Place::Input => &mut self.data.input,
            Place::Output => &mut self.data.output,
            Place::Config => &mut self.data.config,
        };
        for (key, value) in entries(value) {
            put_entry(target, &key, value);
        }
    }
}

/// An id for a log that has none: 32 hex digits of span and trace, so that it is the same on every run and its first half
/// is the span's id.
fn log_id(span: &SpanView<'_>) -> String {
    if !span.span_id.is_valid() {
        return uuid4_hex(span.trace_id.to_bytes());
    }
    crate::TraceId::from_halves(span.span_id.to_u64(), span.trace_id.low_half()).to_string()
}

fn type_of(span: &SpanView<'_>) -> String {
    if let Some(kind) = first_text(span, &[key::KIND]) {
        return kind;
    }
    if let Some(kind) = first_text(span, &["openinference.span.kind", "traceloop.span.kind"]) {
        return kind.to_lowercase();
    }
    let operation = first_text(span, &[key::OPERATION]).unwrap_or_default();
    let known = match operation.as_str() {
        "chat" | "text_completion" | "generate_content" => "llm",
        "execute_tool" => "tool",
        "invoke_agent" | "create_agent" => "agent",
        "invoke_workflow" => key::KIND_WORKFLOW,
        "" if first_text(span, &[key::REQUEST_MODEL, "llm.model_name"]).is_some() => "llm",
        "" => match span.kind {
            2 => "server",
            3 => "client",
            4 => "producer",
            5 => "consumer",
            _ => "span",
        },
        other => other,
    };
    known.into()
}

fn first_frame_ms(span: &SpanView<'_>) -> Option<i64> {
    if let Some(ms) = span.attribute(key::FIRST_FRAME_MS).and_then(AnyView::as_int) {
        return Some(ms);
    }
    let seconds = match span.attribute(key::FIRST_FRAME)? {
        AnyView::Double(seconds) => seconds,
        AnyView::Int(seconds) => Number::Int(seconds).to_f64(),
        _ => return None,
    };
    (seconds >= 0.0).then(|| whole((seconds * 1_000.0).round()))
}

fn is_usage(name: &str) -> bool {
    usage_place(&mut TokenUsage::default(), name).is_some()
}

/// Where a number of this name belongs.
fn usage_place<'u>(usage: &'u mut TokenUsage, name: &str) -> Option<&'u mut i64> {
    Some(match name {
        key::USAGE_INPUT | "llm.token_count.prompt" | "gen_ai.usage.prompt_tokens" => {
            &mut usage.prompt_tokens
        }
        key::USAGE_OUTPUT | "llm.token_count.completion" | "gen_ai.usage.completion_tokens" => {
            &mut usage.completion_tokens
        }
        key::USAGE_TOTAL
        | "llm.token_count.total"
        | "gen_ai.usage.total_tokens"
        | "llm.usage.total_tokens" => &mut usage.total_tokens,
        key::USAGE_QUESTION => &mut usage.question_tokens,
        _ => return None,
    })
}

/// The tokens that a span reports; the sum where it has no total of its own. Negative numbers count as none.
pub(super) fn usage(span: &SpanView<'_>) -> TokenUsage {
    let mut usage = TokenUsage::default();
    for (name, value) in span.attributes() {
        let Some(place) = usage_place(&mut usage, name) else { continue };
        *place = match value {
            AnyView::Int(number) => number.max(0),
            AnyView::Double(number) => whole(number).max(0),
            AnyView::String(digits) => digits.parse().map_or(0, |number: i64| number.max(0)),
            _ => 0,
        };
    }
    let exact_total = span.attribute(key::LOG_ID).is_some() && span.attribute(key::USAGE_TOTAL).is_some();
    if usage.total_tokens == 0 && !exact_total {
        usage.total_tokens = usage.prompt_tokens.saturating_add(usage.completion_tokens);
    }
    usage
}

#[expect(clippy::cast_possible_truncation, reason = "`as` saturates, and NaN becomes 0")]
fn whole(number: f64) -> i64 {
    number as i64
}

/// JSON texts of arrays and maps as such.
fn structured(value: AnyView<'_>) -> Value {
    match value {
        AnyView::String(text) => parsed(text),
        other => other.to_value(),
    }
}

/// What somebody said: a text as it is, the texts of messages (structured, or as JSON) one below the other, anything
/// else as JSON.
fn said(value: AnyView<'_>) -> String {
    if let AnyView::String(text) = value
        && !text.trim_start().starts_with('[')
    {
        return text.into();
    }
    let value = structured(value);
    let texts = texts_of_messages(&value);
    match &value {
        _ if !texts.is_empty() => texts.join("\n"),
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_json(),
    }
}

/// The texts in `[{"role": ..., "parts": [{"type": "text", "content": ...}]}]`, and in the older form
/// `[{"role": ..., "content": ...}]`.
fn texts_of_messages(messages: &Value) -> Vec<&str> {
    let Value::Array(messages) = messages else { return Vec::new() };
    let content = |part| Value::get(part, "content").and_then(Value::as_str);
    let mut texts = Vec::new();
    for message in messages {
        texts.extend(content(message));
        if let Some(Value::Array(parts)) = message.get("parts") {
            texts.extend(parts.iter().filter_map(content));
        }
    }
    texts
}
