//! From spans to a log: our own exactly, foreign ones sensibly.
//!
//! The root is the span whose parent is not among the others; all others become nodes. A span that says it holds a log
//! (see [`vocabulary::LOG_ID`](crate::vocabulary::LOG_ID)) is read back exactly; any other span is read as what its
//! attributes mean under the conventions of OpenTelemetry GenAI and OpenInference, and what has no place of its own is
//! kept in the node's `config`. Nothing here fails: spans that make no sense give a log that makes as little.

use std::collections::BTreeMap;

use super::foreign::{self, is_workflow};
use super::line::{Level, LogLine};
use super::node::NodeLog;
use super::parts::{Entries, Number, Status, TokenUsage};
use super::to_spans::{SECOND, ms_of};
use super::trace::NodeTraceLog;
use crate::id::{SpanId, TraceId};
use crate::otlp::any::AnyView;
use crate::otlp::span::{EventView, SpanView, StatusCode};
use crate::record::Records;
use crate::value::{Value, ValueBuilder};
use crate::vocabulary as key;

/// Makes a log of spans, in whatever order they come. Times in new log lines are so many minutes ahead of UTC.
///
/// Of spans with the same id the one that ends last counts. Nodes stand in the order of their starts, those of a log
/// that became spans in the order that they had. Usage is the sum over the tree, where a span that reports no more than
/// its children together adds nothing.
#[must_use]
pub fn from_spans(spans: &[SpanView<'_>], utc_offset_minutes: i32) -> NodeTraceLog {
    let tree = Tree::new(spans);
    let Some(root) = tree.root else { return NodeTraceLog::default() };
    let Some(root_span) = tree.spans.get(root) else { return NodeTraceLog::default() };
    let offset = root_span
        .attribute(key::LOG_UTC_OFFSET)
        .and_then(AnyView::as_int)
        .and_then(|minutes| i32::try_from(minutes).ok())
        .unwrap_or(utc_offset_minutes);

    let exact = root_span.attribute(key::LOG_VERSION).is_some();
    let mut log = if exact { exact_root(root_span) } else { foreign::root(root_span) };
    // A lone span of foreign origin is a workflow and its only node.
    let root_is_node = tree.spans.len() == 1 && !is_workflow(root_span);
    let order = tree.node_order(root, root_is_node);
    log.trace = Vec::with_capacity(order.len());
    for index in &order {
        let Some(span) = tree.spans.get(*index) else { continue };
        log.trace.push(node_of(span, &log.sid, offset));
    }
    tree.add_links(&order, &mut log.trace);
    log.usage = match root_span.attribute(key::LOG_USAGE).filter(|_| exact) {
        Some(numbers) => usage_of_array(numbers),
        None if exact => log.sum_of_nodes(),
        None => tree.usage(),
    };
    if !exact && log.first_frame_duration.is_unset() {
        foreign::first_frame_of_nodes(&mut log);
    }
    log
}

/// Makes a log of the spans in a stream of records; of records of the same span the highest revision counts. What cannot
/// be read is left out.
#[must_use]
pub fn from_records(stream: &[u8], utc_offset_minutes: i32) -> NodeTraceLog {
    let mut views: Vec<SpanView<'_>> = Vec::new();
    let mut known: BTreeMap<(TraceId, SpanId), (u32, usize)> = BTreeMap::new();
    for record in Records::new(stream).flatten().filter(|record| record.kind.is_span()) {
        let Ok(span) = SpanView::read(record.body) else { continue };
        let id = (span.trace_id, span.span_id);
        let (revision, place) = *known.entry(id).or_insert((record.revision, views.len()));
        match views.get_mut(place) {
            None => views.push(span),
            Some(view) if (revision, view.end_unix_nano) <= (record.revision, span.end_unix_nano) => {
                *view = span;
                known.insert(id, (record.revision, place));
            }
            Some(_) => {}
        }
    }
    from_spans(&views, utc_offset_minutes)
}

/// Spans, who is whose parent, and which is the root.
struct Tree<'a> {
    spans: Vec<&'a SpanView<'a>>,
    /// For each span the place of its parent.
    parents: Vec<Option<usize>>,
    places: BTreeMap<(TraceId, SpanId), usize>,
    root: Option<usize>,
}

impl<'a> Tree<'a> {
    fn new(all: &'a [SpanView<'a>]) -> Self {
        let mut spans: Vec<&SpanView<'_>> = Vec::with_capacity(all.len());
        let mut places = BTreeMap::new();
        for span in all {
            let place = if span.span_id.is_valid() {
                *places.entry((span.trace_id, span.span_id)).or_insert(spans.len())
            } else {
                spans.len()
            };
            match spans.get_mut(place) {
                None => spans.push(span),
                Some(known) if known.end_unix_nano <= span.end_unix_nano => *known = span,
                Some(_) => {}
            }
        }
        let parent_of = |(place, span): (usize, &&SpanView<'_>)| {
            let parent = places.get(&(span.trace_id, span.parent_span_id)).copied();
            parent.filter(|parent| *parent != place && span.parent_span_id.is_valid())
        };
        let parents: Vec<_> = spans.iter().enumerate().map(parent_of).collect();
        // Where all parents are in a cycle, any span may be the root.
        let rootless = parents.iter().all(Option::is_some);
        let root = spans
            .iter()
            .zip(&parents)
            .enumerate()
            .filter(|(_, (_, parent))| rootless || parent.is_none())
            .min_by_key(|(_, (span, _))| {
                (!is_workflow(span), span.parent_span_id.is_valid(), span.start_unix_nano)
            })
            .map(|(place, _)| place);
        Self { spans, parents, places, root }
    }

    /// The places of the nodes in the order in which a log has them.
    fn node_order(&self, root: usize, root_is_node: bool) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.spans.len()).filter(|at| *at != root || root_is_node).collect();
        let position = |at: &usize| self.spans.get(*at)?.attribute(key::LOG_POSITION)?.as_int();
        let start = |at: &usize| self.spans.get(*at).map_or(0, |span| span.start_unix_nano);
        if order.iter().all(|at| position(at).is_some()) {
            order.sort_by_cached_key(position);
        } else {
            order.sort_by_key(start);
        }
        order
    }

    /// A link tells what came before: there the id of the linking node's log is the next one.
    fn add_links(&self, order: &[usize], nodes: &mut [NodeLog]) {
        let node_of_span: BTreeMap<usize, usize> = order.iter().copied().zip(0..).collect();
        for (index, place) in order.iter().enumerate() {
            let Some(span) = self.spans.get(*place) else { continue };
            for link in span.links() {
                let before = self.places.get(&(link.trace_id, link.span_id));
                let before =
                    before.and_then(|place| node_of_span.get(place)).filter(|before| **before != index);
                let Some(next) = nodes.get(index).map(|node| node.id.clone()) else { continue };
                if let Some(node) = before.and_then(|before| nodes.get_mut(*before)) {
                    node.set_next_node_id(&next);
                }
            }
        }
    }

    /// The usage of the whole tree: of a span and what is below it together, number by number, the larger one counts.
    fn usage(&self) -> TokenUsage {
        let count = self.spans.len();
        let mut below = vec![TokenUsage::default(); count];
        let mut open_children = vec![0usize; count];
        for parent in self.parents.iter().flatten() {
            if let Some(children) = open_children.get_mut(*parent) {
                *children += 1;
            }
        }
        let mut ready: Vec<usize> = (0..count).filter(|at| open_children.get(*at) == Some(&0)).collect();
        let mut sum = TokenUsage::default();
        // From the leaves up. Spans in a cycle are never ready: they are left out, as nobody can say what they add.
        while let Some(at) = ready.pop() {
            let (Some(span), Some(below_span)) = (self.spans.get(at), below.get(at)) else { continue };
            let together = larger(foreign::usage(span), *below_span);
            let Some(parent) = self.parents.get(at).copied().flatten() else {
                sum = sum.plus(together);
                continue;
            };
            if let (Some(below), Some(children)) = (below.get_mut(parent), open_children.get_mut(parent)) {
                *below = below.plus(together);
                *children -= 1;
                if *children == 0 {
                    ready.push(parent);
                }
            }
        }
        sum
    }
}

fn larger(a: TokenUsage, b: TokenUsage) -> TokenUsage {
    TokenUsage {
        question_tokens: a.question_tokens.max(b.question_tokens),
        prompt_tokens: a.prompt_tokens.max(b.prompt_tokens),
        completion_tokens: a.completion_tokens.max(b.completion_tokens),
        total_tokens: a.total_tokens.max(b.total_tokens),
    }
}

/// What spans that hold a log and others have in common.
fn node_of(span: &SpanView<'_>, sid: &str, utc_offset_minutes: i32) -> NodeLog {
    match span.attribute(key::LOG_ID).and_then(AnyView::as_str) {
        Some(id) => exact_node(span, id, sid, utc_offset_minutes),
        None => foreign::node(span, sid, utc_offset_minutes),
    }
}

fn exact_root(span: &SpanView<'_>) -> NodeTraceLog {
    let mut log = NodeTraceLog::default();
    let mut times = ExactTimes::new(span);
    for (name, value) in span.attributes() {
        match name {
            key::LOG_VERSION => log.version = text(value),
            key::SERVICE_ID => log.service_id = text(value),
            key::FLOW_ID => log.flow_id = Some(text(value)),
            key::SID => log.sid = text(value),
            key::APP_ID => log.app_id = text(value),
            key::UID => log.uid = text(value),
            key::BOT_ID => log.bot_id = Some(text(value)),
            key::CHAT_ID => log.chat_id = text(value),
            key::SUB => log.sub = text(value),
            key::CALLER => log.caller = text(value),
            key::LOG_CALLER => log.log_caller = text(value),
            key::QUESTION => log.question = text(value),
            key::ANSWER => log.answer = text(value),
            key::FIRST_FRAME_MS => log.first_frame_duration = number(value, Number::Double(-1.0)),
            key::SRV => log.srv = text_map(value),
            key::TAGS => log.srv_tag = text_map(value),
            key::STATUS_CODE => log.status.code = value.as_int().unwrap_or(0),
            key::STATUS_MESSAGE => log.status.message = text(value),
            _ => times.attribute(name, value),
        }
    }
    if log.status.code != 0 {
        log.status.message = span.status_message.into();
    }
    (log.start_time, log.end_time, log.duration) = times.finish();
    log
}

fn exact_node(span: &SpanView<'_>, id: &str, sid: &str, utc_offset_minutes: i32) -> NodeLog {
    let mut node =
        NodeLog { id: id.into(), sid: sid.into(), node_name: span.name.into(), ..NodeLog::default() };
    let mut times = ExactTimes::new(span);
    let (mut func_id, mut func_type, mut func_name, mut total) = (None, None, None, None);
    let usage = &mut node.data.usage;
    for (name, value) in span.attributes() {
        match name {
            key::SID => node.sid = text(value),
            key::KIND => node.node_type = text(value),
            key::NODE_ID => node.node_id = text(value),
            key::NODE_NAME => node.node_name = text(value),
            key::FUNC_ID => func_id = Some(text(value)),
            key::FUNC_TYPE => func_type = Some(text(value)),
            key::FUNC_NAME => func_name = Some(text(value)),
            key::NEXT => node.next_log_ids = texts(value),
            key::FIRST_FRAME_MS => node.first_frame_duration = value.as_int().unwrap_or(-1),
            key::FIRST_COST => node.node_first_cost_time = number(value, Number::Int(-1)),
            key::LLM_OUTPUT => node.llm_output = text(value),
            key::INPUT => node.data.input = entries(value),
            key::OUTPUT => node.data.output = entries(value),
            key::CONFIG => node.data.config = entries(value),
            key::USAGE_INPUT => usage.prompt_tokens = value.as_int().unwrap_or(0),
            key::USAGE_OUTPUT => usage.completion_tokens = value.as_int().unwrap_or(0),
            key::USAGE_QUESTION => usage.question_tokens = value.as_int().unwrap_or(0),
            key::USAGE_TOTAL => total = value.as_int(),
            _ => times.attribute(name, value),
        }
    }
    usage.total_tokens = total.unwrap_or_else(|| usage.prompt_tokens.saturating_add(usage.completion_tokens));
    node.func_id = func_id.unwrap_or_else(|| node.node_id.clone());
    node.func_type = func_type.unwrap_or_else(|| node.node_type.clone());
    node.func_name = func_name.unwrap_or_else(|| node.node_name.clone());
    (node.start_time, node.end_time, node.duration) = times.finish();
    node.running_status = span.status() != StatusCode::Error;
    node.logs = span.events().map(|event| line_of(&event, utc_offset_minutes)).collect();
    node
}

/// The times of a span in milliseconds, and what its attributes say differently.
struct ExactTimes {
    start: i64,
    end: i64,
    duration: Option<i64>,
}

impl ExactTimes {
    fn new(span: &SpanView<'_>) -> Self {
        Self { start: ms_of(span.start_unix_nano), end: ms_of(span.end_unix_nano), duration: None }
    }

    fn attribute(&mut self, name: &str, value: AnyView<'_>) {
        match (name, value.as_int()) {
            (key::START_MS, Some(ms)) => self.start = ms,
            (key::END_MS, Some(ms)) => self.end = ms,
            (key::DURATION_MS, Some(ms)) => self.duration = Some(ms),
            _ => {}
        }
    }

    fn finish(self) -> (i64, i64, i64) {
        let duration = self.duration.unwrap_or_else(|| self.end.saturating_sub(self.start));
        (self.start, self.end, duration)
    }
}

/// The log line that an event is, or that tells of it.
pub(super) fn line_of(event: &EventView<'_>, utc_offset_minutes: i32) -> String {
    let line = |level: Level, message: String| {
        let seconds = (event.time_unix_nano / SECOND).cast_signed();
        LogLine { level, message, local_seconds: seconds + i64::from(utc_offset_minutes) * 60 }.to_json()
    };
    let attribute =
        |key: &str| event.attributes().find(|(name, _)| *name == key).and_then(|(_, value)| value.as_str());
    if let Some(raw) = attribute(key::LOG_LINE) {
        return raw.into();
    }
    for level in Level::ALL {
        if let Some(message) = attribute(level.event_key()) {
            return line(level, message.into());
        }
    }
    if event.name == key::EXCEPTION_EVENT {
        let parts = [attribute(key::EXCEPTION_TYPE), attribute(key::EXCEPTION_MESSAGE)];
        let message: Vec<&str> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
        let message = if message.is_empty() { key::EXCEPTION_EVENT.into() } else { message.join(": ") };
        return line(Level::Error, message);
    }
    let level = Level::ALL.into_iter().find(|level| level.as_str().eq_ignore_ascii_case(event.name));
    let attributes =
        Value::Map(event.attributes().map(|(key, value)| (key.into(), value.to_value())).collect());
    let message = match &attributes {
        Value::Map(entries) if entries.is_empty() => event.name.into(),
        attributes => format!("{} {}", event.name, attributes.to_json()),
    };
    line(level.unwrap_or(Level::Info), message)
}

/// A text; other values as their JSON.
pub(super) fn text(value: AnyView<'_>) -> String {
    match value {
        AnyView::String(text) => text.into(),
        AnyView::Null => String::new(),
        other => other.to_value().to_json(),
    }
}

pub(super) fn texts(value: AnyView<'_>) -> Vec<String> {
    value.values().map(text).collect()
}

fn text_map(value: AnyView<'_>) -> Vec<(String, String)> {
    value.entries().map(|(key, value)| (key.into(), text(value))).collect()
}

/// The entries of a map, or of the JSON text of one; another value stands under `value`.
pub(super) fn entries(value: AnyView<'_>) -> Entries {
    let tree = match value {
        AnyView::String(text) => parsed(text),
        other => other.to_value(),
    };
    match tree {
        Value::Null => Entries::new(),
        mut tree => match &mut tree {
            Value::Map(entries) => core::mem::take(entries),
            _ => vec![("value".into(), tree)],
        },
    }
}

/// The value of a JSON text that holds an array or a map; any other text as it is.
pub(super) fn parsed(text: &str) -> Value {
    if text.trim_start().starts_with(['{', '[']) {
        let mut builder = ValueBuilder::default();
        if crate::json::read(text.as_bytes(), &mut builder).is_ok() {
            return builder.finish();
        }
    }
    text.into()
}

fn number(value: AnyView<'_>, unset: Number) -> Number {
    match value {
        AnyView::Int(number) => number.into(),
        AnyView::Double(number) => number.into(),
        _ => unset,
    }
}

fn usage_of_array(numbers: AnyView<'_>) -> TokenUsage {
    let mut numbers = numbers.values().map(|number| number.as_int().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    TokenUsage {
        question_tokens: next(),
        prompt_tokens: next(),
        completion_tokens: next(),
        total_tokens: next(),
    }
}

/// The status of a workflow that did not say one.
pub(super) fn status_of(span: &SpanView<'_>) -> Status {
    let code = i64::from(span.status() == StatusCode::Error);
    Status { code, message: span.status_message.into() }
}
