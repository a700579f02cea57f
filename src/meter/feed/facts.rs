//! What metrics want to know of a span that has ended.

use core::time::Duration;

use crate::otlp::any::AnyView;
use crate::otlp::span::{SpanView, StatusCode};
use crate::record::envelope::flags;
use crate::record::{Record, RecordKind};
use crate::usage::Usage;
use crate::vocabulary as key;

/// What is told of a failure whose kind nobody said.
const OTHER: &str = "_OTHER";

/// What metrics want to know of a span. An empty text was not said.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Facts<'a> {
    /// It is the root of a workflow.
    pub(super) is_workflow: bool,
    /// The kind that its program gave it, else its operation.
    pub(super) kind: &'a str,
    pub(super) operation: &'a str,
    /// Of a workflow, an agent or a tool.
    pub(super) name: &'a str,
    pub(super) provider: &'a str,
    pub(super) request_model: &'a str,
    pub(super) response_model: &'a str,
    pub(super) server: &'a str,
    pub(super) port: Option<i64>,
    /// What kind of error ended it; `None` where it went well.
    pub(super) error: Option<ErrorType<'a>>,
    pub(super) seconds: f64,
    /// Seconds up to the first frame.
    pub(super) first_frame: Option<f64>,
    pub(super) usage: Usage,
    /// A step of its workflow, or something that the GenAI conventions name.
    pub(super) is_node: bool,
}

/// What kind of error ended a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ErrorType<'a> {
    Named(&'a str),
    /// Only a number was said.
    Code(i64),
}

impl<'a> Facts<'a> {
    /// What a span says; `None` where its record does not count: it tells of a start, or of an end that nobody made.
    pub(super) fn of(record: &Record<'_>, span: &SpanView<'a>) -> Option<Self> {
        let is_workflow = match record.kind {
            RecordKind::WorkflowClosed => true,
            RecordKind::Finished => false,
            _ => return None,
        };
        if record.flags & flags::ABANDONED != 0 {
            return None;
        }
        let nanos = span.end_unix_nano.saturating_sub(span.start_unix_nano);
        let seconds = Duration::from_nanos(nanos).as_secs_f64();
        let mut facts = Self { is_workflow, seconds, ..Self::default() };
        let (mut error, mut code) = ("", None);
        for (name, value) in span.attributes() {
            let text = value.as_str().unwrap_or_default();
            match name {
                key::KIND => facts.kind = text,
                key::OPERATION => facts.operation = text,
                key::WORKFLOW_NAME | key::AGENT_NAME | key::TOOL_NAME => facts.name = text,
                key::PROVIDER => facts.provider = text,
                key::REQUEST_MODEL => facts.request_model = text,
                key::RESPONSE_MODEL => facts.response_model = text,
                key::SERVER_ADDRESS => facts.server = text,
                key::SERVER_PORT => facts.port = value.as_int(),
                key::FIRST_FRAME => facts.first_frame = seconds_of(value),
                key::ERROR_TYPE => error = text,
                key::STATUS_CODE => code = value.as_int().filter(|code| *code != 0),
                _ => facts.usage.read_attribute(name, value),
            }
        }
        if span.status() == StatusCode::Error || !error.is_empty() {
            let code = code.filter(|_| error.is_empty()).map(ErrorType::Code);
            facts.error =
                Some(code.unwrap_or(ErrorType::Named(if error.is_empty() { OTHER } else { error })));
        }
        if facts.kind.is_empty() {
            facts.kind = facts.operation;
        }
        if facts.name.is_empty() {
            facts.name = span.name;
        }
        let says = !facts.operation.is_empty() || !facts.usage.is_empty();
        facts.is_node = !is_workflow && (record.flags & flags::NODE != 0 || says);
        Some(facts)
    }

    /// The model that was asked for, else the one that answered.
    pub(super) const fn model(&self) -> &'a str {
        if self.request_model.is_empty() { self.response_model } else { self.request_model }
    }

    /// True for a call that has a model write something.
    pub(super) fn is_inference(&self) -> bool {
        matches!(self.operation, "chat" | "text_completion" | "generate_content")
    }

    /// Writes what tells its series from others into `key`.
    pub(super) fn put_key(&self, key: &mut Vec<u8>) {
        key.clear();
        let (error, code) = match self.error {
            None => ("", None),
            Some(ErrorType::Named(error)) => (error, None),
            Some(ErrorType::Code(code)) => ("", Some(code)),
        };
        key.push(u8::from(self.is_workflow));
        for number in [self.port, code] {
            key.push(u8::from(number.is_some()));
            key.extend_from_slice(&number.unwrap_or(0).to_le_bytes());
        }
        // Other names are those of single nodes: too many for a label.
        let name = if self.has_name() { self.name } else { "" };
        for text in [
            self.kind,
            self.operation,
            name,
            self.provider,
            self.request_model,
            self.response_model,
            self.server,
            error,
        ] {
            key.extend_from_slice(&(text.len() as u64).to_le_bytes());
            key.extend_from_slice(text.as_bytes());
        }
    }

    /// True where its name is that of something that runs often.
    pub(super) fn has_name(&self) -> bool {
        self.is_workflow || matches!(self.operation, "invoke_agent" | "execute_tool")
    }
}

fn seconds_of(value: AnyView<'_>) -> Option<f64> {
    let seconds = match value {
        AnyView::Double(seconds) => seconds,
        AnyView::Int(seconds) => super::super::Number::Int(seconds).as_f64(),
        _ => return None,
    };
    (seconds.is_finite() && seconds >= 0.0).then_some(seconds)
}
