//! From a log to spans that hold all of it.
//!
//! The workflow becomes a root span, each node a child of it; their encoded messages are what records, spool and export
//! work with. A field goes where OpenTelemetry has a place for it, else into an attribute of
//! [`vocabulary`](crate::vocabulary). What follows from something else (a duration from start and end, a function's name
//! from the node's, a sum from its parts) is written only where it differs, so the way back is exact and the spans stay
//! small. Log lines become events.
//!
//! Two things have no place in a span and are written in another form: maps that nest deeper than protobuf readers go
//! become JSON text, and below 128 levels nothing is kept.

use std::collections::BTreeSet;

use super::line::LogLine;
use super::node::NodeLog;
use super::parts::{Entries, Number, TokenUsage};
use super::trace::NodeTraceLog;
use crate::id::{SpanId, TraceId};
use crate::json::{MAX_DEPTH, Style, Writer};
use crate::otlp::any::AnyWriter;
use crate::otlp::span::{SpanKind, StatusCode, field};
use crate::otlp::wire::{close_message, open_message, put_bytes_field, put_fixed64_field, put_varint_field};
use crate::record::envelope::flags;
use crate::record::{Record, RecordKind};
use crate::value::{Bounded, Bounds, ValueSink};
use crate::vocabulary as key;

/// What a log does not know of its spans.
#[derive(Debug, Clone, Copy, Default)]
pub struct SpanOptions {
    /// The trace that the spans belong to.
    pub trace_id: TraceId,
    /// The parent of the root span; none for the root of the trace.
    pub parent: SpanId,
    /// How many minutes the local times in the log lines are ahead of UTC.
    pub utc_offset_minutes: i32,
}

/// Makes OTLP `Span` messages of a log: first the root, then the nodes in their order.
///
/// A node's span id is the first half of its log id, the root's comes from trace id and SID; where that is no span id
/// or is taken, it is hashed until it is free.
#[must_use]
pub fn to_spans(log: &NodeTraceLog, options: &SpanOptions) -> Vec<Vec<u8>> {
    span_messages(log, options).into_iter().map(|(_, message)| message).collect()
}

/// Appends a log to a stream of records: the nodes, then the end of the workflow.
pub fn to_records(log: &NodeTraceLog, options: &SpanOptions, out: &mut Vec<u8>) {
    let spans = span_messages(log, options);
    let Some(((workflow, root), nodes)) = spans.split_first() else { return };
    let mut put = |kind, flags, body: &[u8]| {
        Record { kind, flags, revision: 1, workflow: *workflow, body }.write(out);
    };
    for (_, node) in nodes {
        put(RecordKind::Finished, flags::NODE, node);
    }
    put(RecordKind::WorkflowClosed, 0, root);
}

fn span_messages(log: &NodeTraceLog, options: &SpanOptions) -> Vec<(SpanId, Vec<u8>)> {
    let mut taken = BTreeSet::new();
    let seed = [options.trace_id.as_bytes().as_slice(), log.sid.as_bytes()];
    let root_id = free_id(SpanId::NONE, &seed, 0, &mut taken);
    let mut spans = Vec::with_capacity(log.trace.len() + 1);
    spans.push((root_id, root_span(log, options, root_id)));
    for (position, node) in log.trace.iter().enumerate() {
        let wanted = node.id.get(..16).and_then(|half| half.parse().ok()).unwrap_or(SpanId::NONE);
        let id = free_id(wanted, &[node.id.as_bytes()], position as u64 + 1, &mut taken);
        let ids = Ids { trace: options.trace_id, span: id, parent: root_id };
        let position = i64::try_from(position).unwrap_or(i64::MAX);
        spans.push((id, node_span(node, log, ids, position, options.utc_offset_minutes)));
    }
    spans
}

/// The id that is wanted, or else the first free one that comes from hashing seed and salt on. The salt keeps many equal
/// seeds from going through the same hashes.
fn free_id(wanted: SpanId, seed: &[&[u8]], salt: u64, taken: &mut BTreeSet<SpanId>) -> SpanId {
    // FNV-1a: these ids have to be steady and spread, not safe.
    let hash = |start: u64| {
        let bytes = seed.iter().flat_map(|part| part.iter());
        bytes.fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
    };
    let mut id = wanted;
    let mut state = 0xcbf2_9ce4_8422_2325 ^ salt.rotate_left(32);
    while !id.is_valid() || !taken.insert(id) {
        // The step makes sure that a hash does not lead back to itself.
        state = hash(state).wrapping_add(0x9e37_79b9_7f4a_7c15);
        id = SpanId::from_u64(state);
    }
    id
}

#[derive(Clone, Copy)]
struct Ids {
    trace: TraceId,
    span: SpanId,
    parent: SpanId,
}

/// A span message that is being written.
struct Span {
    out: Vec<u8>,
}

impl Span {
    fn begin(ids: Ids, name: &str, times: &Times) -> Self {
        let mut out = Vec::with_capacity(512);
        put_bytes_field(&mut out, field::TRACE_ID, ids.trace.as_bytes());
        put_bytes_field(&mut out, field::SPAN_ID, ids.span.as_bytes());
        if ids.parent.is_valid() {
            put_bytes_field(&mut out, field::PARENT_SPAN_ID, ids.parent.as_bytes());
        }
        put_bytes_field(&mut out, field::NAME, name.as_bytes());
        put_varint_field(&mut out, field::KIND, SpanKind::Internal as u64);
        put_fixed64_field(&mut out, field::START, times.start_ns);
        put_fixed64_field(&mut out, field::END, times.end_ns);
        let mut span = Self { out };
        span.exact_int(key::START_MS, times.start_ms, Some(ms_of(times.start_ns)));
        span.exact_int(key::END_MS, times.end_ms, Some(ms_of(times.end_ns)));
        span.exact_int(key::DURATION_MS, times.duration_ms, times.end_ms.checked_sub(times.start_ms));
        span
    }

    fn attribute(&mut self, key: &str, tell: impl FnOnce(&mut AnyWriter<'_>)) {
        put_attribute(&mut self.out, field::ATTRIBUTES, key, tell);
    }

    /// A text, unless it is empty.
    fn text(&mut self, key: &str, text: &str) {
        if !text.is_empty() {
            self.attribute(key, |value| value.string(text));
        }
    }

    /// A text, unless it is what the reader assumes.
    fn exact_text(&mut self, key: &str, text: &str, assumed: &str) {
        if text != assumed {
            self.attribute(key, |value| value.string(text));
        }
    }

    /// A number, unless it is what the reader assumes.
    fn exact_int(&mut self, key: &str, number: i64, assumed: Option<i64>) {
        if Some(number) != assumed {
            self.attribute(key, |value| value.int(number));
        }
    }

    /// The first frame: for everybody in seconds, and exactly.
    fn first_frame(&mut self, ms: Number, unset: Number) {
        let seconds = ms.to_f64() / 1_000.0;
        if seconds >= 0.0 && seconds.is_finite() {
            self.attribute(key::FIRST_FRAME, |value| value.double(seconds));
        }
        if ms != unset {
            self.attribute(key::FIRST_FRAME_MS, |value| ms.tell(value));
        }
    }

    fn texts(&mut self, key: &str, texts: &[String]) {
        if !texts.is_empty() {
            self.attribute(key, |value| {
                value.begin_array();
                texts.iter().for_each(|text| value.string(text));
                value.end_array();
            });
        }
    }

    fn text_map(&mut self, key: &str, entries: &[(String, String)]) {
        if !entries.is_empty() {
            self.attribute(key, |value| {
                value.begin_map();
                for (key, text) in entries {
                    value.key(key);
                    value.string(text);
                }
                value.end_map();
            });
        }
    }

    fn entries(&mut self, key: &str, entries: &Entries) {
        if entries.is_empty() {
            return;
        }
        let mut depth = Depth::default();
        tell_map(entries, &mut depth);
        if depth.largest <= Bounds::MAX_DEPTH {
            return self.attribute(key, |value| tell_map(entries, value));
        }
        let mut text = String::new();
        let mut json = Writer::new(&mut text, Style::Compact);
        tell_map(entries, &mut Bounded::new(&mut json, Bounds { depth: MAX_DEPTH, ..Bounds::WIDE }));
        self.text(key, &text);
    }

    fn event(&mut self, line: &str, start_ns: u64, utc_offset_minutes: i32) {
        let parsed = LogLine::parse(line)
            .and_then(|parsed| Some((second_of(parsed.local_seconds, utc_offset_minutes)?, parsed)));
        let event = open_message(&mut self.out, field::EVENTS);
        if let Some((second, line)) = parsed {
            // The line says the second. Within it, the moment next to the span's start looks best beside it.
            put_fixed64_field(&mut self.out, 1, start_ns.clamp(second, second + (SECOND - 1)));
            put_bytes_field(&mut self.out, 2, line.level.as_str().as_bytes());
            put_attribute(&mut self.out, 3, line.level.event_key(), |value| value.string(&line.message));
        } else {
            put_fixed64_field(&mut self.out, 1, start_ns);
            put_bytes_field(&mut self.out, 2, b"LOG");
            put_attribute(&mut self.out, 3, key::LOG_LINE, |value| value.string(line));
        }
        close_message(&mut self.out, event);
    }

    fn status(&mut self, code: StatusCode, message: &str) {
        let status = open_message(&mut self.out, field::STATUS);
        if !message.is_empty() {
            put_bytes_field(&mut self.out, 2, message.as_bytes());
        }
        put_varint_field(&mut self.out, 3, code as u64);
        close_message(&mut self.out, status);
    }
}

fn root_span(log: &NodeTraceLog, options: &SpanOptions, id: SpanId) -> Vec<u8> {
    let times = Times::new(log.start_time, log.end_time, log.duration);
    let ids = Ids { trace: options.trace_id, span: id, parent: options.parent };
    let mut span = Span::begin(ids, key::KIND_WORKFLOW, &times);
    span.text(key::KIND, key::KIND_WORKFLOW);
    span.text(key::OPERATION, key::operation_of(key::KIND_WORKFLOW).unwrap_or_default());
    span.attribute(key::LOG_VERSION, |value| value.string(&log.version));
    span.text(key::SID, &log.sid);
    identity(&mut span, log);
    span.text(key::SERVICE_ID, &log.service_id);
    if let Some(flow_id) = &log.flow_id {
        span.attribute(key::FLOW_ID, |value| value.string(flow_id));
    }
    if let Some(bot_id) = &log.bot_id {
        span.attribute(key::BOT_ID, |value| value.string(bot_id));
    }
    span.text(key::SUB, &log.sub);
    span.text(key::CALLER, &log.caller);
    span.text(key::LOG_CALLER, &log.log_caller);
    span.text(key::QUESTION, &log.question);
    span.text(key::ANSWER, &log.answer);
    span.first_frame(log.first_frame_duration, Number::Double(-1.0));
    span.text_map(key::SRV, &log.srv);
    span.text_map(key::TAGS, &log.srv_tag);
    span.exact_int(key::STATUS_CODE, log.status.code, Some(0));
    if log.usage != log.sum_of_nodes() {
        let TokenUsage { question_tokens, prompt_tokens, completion_tokens, total_tokens } = log.usage;
        span.attribute(key::LOG_USAGE, |value| {
            value.begin_array();
            for number in [question_tokens, prompt_tokens, completion_tokens, total_tokens] {
                value.int(number);
            }
            value.end_array();
        });
    }
    span.exact_int(key::LOG_UTC_OFFSET, options.utc_offset_minutes.into(), Some(0));
    if log.status.code == 0 {
        span.text(key::STATUS_MESSAGE, &log.status.message);
        span.status(StatusCode::Ok, "");
    } else {
        span.status(StatusCode::Error, &log.status.message);
    }
    span.out
}

/// What every span of a workflow says of it.
fn identity(span: &mut Span, log: &NodeTraceLog) {
    span.text(key::APP_ID, &log.app_id);
    span.text(key::UID, &log.uid);
    span.text(key::CHAT_ID, &log.chat_id);
    span.text(key::SPAN_VERSION, key::SPAN_VERSION_VALUE);
}

fn node_span(node: &NodeLog, log: &NodeTraceLog, ids: Ids, position: i64, utc_offset: i32) -> Vec<u8> {
    let times = Times::new(node.start_time, node.end_time, node.duration);
    let name = [&node.node_name, &node.node_id, &node.node_type].into_iter().find(|name| !name.is_empty());
    let name = name.map_or("node", String::as_str);
    let mut span = Span::begin(ids, name, &times);
    span.text(key::KIND, &node.node_type);
    span.text(key::OPERATION, key::operation_of(&node.node_type).unwrap_or_default());
    span.attribute(key::LOG_ID, |value| value.string(&node.id));
    span.attribute(key::LOG_POSITION, |value| value.int(position));
    // Without one, the reader assumes the root's.
    if !log.sid.is_empty() || !node.sid.is_empty() {
        span.attribute(key::SID, |value| value.string(&node.sid));
    }
    identity(&mut span, log);
    span.text(key::NODE_ID, &node.node_id);
    span.exact_text(key::NODE_NAME, &node.node_name, name);
    span.exact_text(key::FUNC_ID, &node.func_id, &node.node_id);
    span.exact_text(key::FUNC_TYPE, &node.func_type, &node.node_type);
    span.exact_text(key::FUNC_NAME, &node.func_name, &node.node_name);
    span.texts(key::NEXT, &node.next_log_ids);
    span.first_frame(Number::Int(node.first_frame_duration), Number::Int(-1));
    if node.node_first_cost_time != Number::Int(-1) {
        span.attribute(key::FIRST_COST, |value| node.node_first_cost_time.tell(value));
    }
    span.text(key::LLM_OUTPUT, &node.llm_output);
    span.entries(key::INPUT, &node.data.input);
    span.entries(key::OUTPUT, &node.data.output);
    span.entries(key::CONFIG, &node.data.config);
    let usage = &node.data.usage;
    span.exact_int(key::USAGE_INPUT, usage.prompt_tokens, Some(0));
    span.exact_int(key::USAGE_OUTPUT, usage.completion_tokens, Some(0));
    span.exact_int(key::USAGE_QUESTION, usage.question_tokens, Some(0));
    let sum = usage.prompt_tokens.checked_add(usage.completion_tokens);
    span.exact_int(key::USAGE_TOTAL, usage.total_tokens, sum);
    for line in &node.logs {
        span.event(line, times.start_ns, utc_offset);
    }
    if !node.running_status {
        span.status(StatusCode::Error, "");
    }
    span.out
}

fn put_attribute(out: &mut Vec<u8>, number: u32, key: &str, tell: impl FnOnce(&mut AnyWriter<'_>)) {
    let entry = open_message(out, number);
    put_bytes_field(out, 1, key.as_bytes());
    let value = open_message(out, 2);
    tell(&mut AnyWriter::new(out));
    close_message(out, value);
    close_message(out, entry);
}

fn tell_map<S: ValueSink + ?Sized>(entries: &Entries, sink: &mut S) {
    sink.begin_map();
    for (key, value) in entries {
        sink.key(key);
        value.tell(sink);
    }
    sink.end_map();
}

/// The times of a span and of the log that it holds.
struct Times {
    start_ms: i64,
    end_ms: i64,
    duration_ms: i64,
    start_ns: u64,
    /// Not before the start, whatever the log says.
    end_ns: u64,
}

impl Times {
    fn new(start_ms: i64, end_ms: i64, duration_ms: i64) -> Self {
        let start_ns = ns_of(start_ms);
        Self { start_ms, end_ms, duration_ms, start_ns, end_ns: ns_of(end_ms).max(start_ns) }
    }
}

const MILLISECOND: u64 = 1_000_000;
pub(super) const SECOND: u64 = 1_000_000_000;

/// Nanoseconds; 0 for times that a span cannot have.
fn ns_of(ms: i64) -> u64 {
    u64::try_from(ms).ok().and_then(|ms| ms.checked_mul(MILLISECOND)).unwrap_or(0)
}

/// Milliseconds.
pub(super) fn ms_of(ns: u64) -> i64 {
    (ns / MILLISECOND).cast_signed()
}

/// Nanoseconds at which a local second begins, where a span can say them.
fn second_of(local_seconds: i64, utc_offset_minutes: i32) -> Option<u64> {
    let seconds = local_seconds.checked_sub(i64::from(utc_offset_minutes) * 60)?;
    let ns = u64::try_from(seconds).ok()?.checked_mul(SECOND)?;
    ns.checked_add(SECOND).map(|_| ns)
}

/// Hears a value and finds out how deep it nests.
#[derive(Default)]
struct Depth {
    now: u32,
    largest: u32,
}

impl Depth {
    fn open(&mut self) {
        self.now += 1;
        self.largest = self.largest.max(self.now);
    }

    fn close(&mut self) {
        self.now = self.now.saturating_sub(1);
    }
}

impl ValueSink for Depth {
    fn null(&mut self) {}
    fn bool(&mut self, _: bool) {}
    fn int(&mut self, _: i64) {}
    fn double(&mut self, _: f64) {}
    fn string(&mut self, _: &str) {}
    fn bytes(&mut self, _: &[u8]) {}
    fn begin_array(&mut self) {
        self.open();
    }
    fn end_array(&mut self) {
        self.close();
    }
    fn begin_map(&mut self) {
        self.open();
    }
    fn key(&mut self, _: &str) {}
    fn end_map(&mut self) {
        self.close();
    }
}
