//! The log of a whole workflow.

use super::fields::{Fields, LogError};
use super::node::NodeLog;
use super::parts::{Number, Status, TokenUsage, put_entry, tell_int, tell_text, tell_text_map};
use crate::json::{Style, Writer};
use crate::value::{Value, ValueSink};

/// The version that logs carry.
pub const LOG_VERSION: &str = "v2.0.0";

/// What a workflow is: given once, when its log begins.
#[derive(Debug, Clone, Copy, Default)]
pub struct TraceAbout<'a> {
    /// Id of the service.
    pub service_id: &'a str,
    /// Session id of the request.
    pub sid: &'a str,
    /// The application on whose behalf it runs.
    pub app_id: &'a str,
    /// The user on whose behalf it runs.
    pub uid: &'a str,
    /// The conversation that it belongs to.
    pub chat_id: &'a str,
    /// The subsystem.
    pub sub: &'a str,
    /// Who called.
    pub caller: &'a str,
    /// Who asked for the log.
    pub log_caller: &'a str,
}

/// The log of a workflow: plain data, fields in the order of its JSON.
///
/// ```
/// use spanloom::workflow::{NodeAbout, NodeLog, NodeTraceLog, TraceAbout, TokenUsage};
/// let mut log = NodeTraceLog::new(&TraceAbout { sid: "s", ..TraceAbout::default() }, 1_000);
/// let mut node = NodeLog::new("01", &NodeAbout::default(), 1_000);
/// node.append_usage(TokenUsage { total_tokens: 3, ..TokenUsage::default() });
/// log.add_nodes([node]);
/// log.set_end(2_000);
/// log.set_end(2_500);
/// assert_eq!((log.duration, log.usage.total_tokens), (1_500, 3));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct NodeTraceLog {
    /// Id of the service.
    pub service_id: String,
    /// Id of the flow; only in the variant of the workflow engine, where it is printed behind `service_id`.
    pub flow_id: Option<String>,
    /// Session id of the request.
    pub sid: String,
    /// The application on whose behalf it runs.
    pub app_id: String,
    /// The user on whose behalf it runs.
    pub uid: String,
    /// Id of the bot; only in the variant of the workflow engine, where it is printed behind `uid`.
    pub bot_id: Option<String>,
    /// The conversation that it belongs to.
    pub chat_id: String,
    /// The subsystem.
    pub sub: String,
    /// Who called.
    pub caller: String,
    /// Who asked for the log.
    pub log_caller: String,
    /// What the user asked.
    pub question: String,
    /// What the workflow answered.
    pub answer: String,
    /// Unix milliseconds.
    pub start_time: i64,
    /// Unix milliseconds.
    pub end_time: i64,
    /// Milliseconds.
    pub duration: i64,
    /// Milliseconds; the double -1.0 where nobody set it.
    pub first_frame_duration: Number,
    /// Texts by key.
    pub srv: Vec<(String, String)>,
    /// Texts by key: those of `srv`, and further ones.
    pub srv_tag: Vec<(String, String)>,
    /// How it went.
    pub status: Status,
    /// The sum over the nodes, as of the end.
    pub usage: TokenUsage,
    /// Version of the log's form.
    pub version: String,
    /// The nodes.
    pub trace: Vec<NodeLog>,
}

impl Default for NodeTraceLog {
    fn default() -> Self {
        Self::new(&TraceAbout::default(), 0)
    }
}

impl NodeTraceLog {
    /// The log of a workflow that begins now.
    #[must_use]
    pub fn new(about: &TraceAbout<'_>, now_unix_ms: i64) -> Self {
        Self {
            service_id: about.service_id.into(),
            flow_id: None,
            sid: about.sid.into(),
            app_id: about.app_id.into(),
            uid: about.uid.into(),
            bot_id: None,
            chat_id: about.chat_id.into(),
            sub: about.sub.into(),
            caller: about.caller.into(),
            log_caller: about.log_caller.into(),
            question: String::new(),
            answer: String::new(),
            start_time: now_unix_ms,
            end_time: now_unix_ms,
            duration: 0,
            first_frame_duration: Number::Double(-1.0),
            srv: Vec::new(),
            srv_tag: Vec::new(),
            status: Status::default(),
            usage: TokenUsage::default(),
            version: LOG_VERSION.into(),
            trace: Vec::new(),
        }
    }

    /// Adds nodes.
    pub fn add_nodes(&mut self, nodes: impl IntoIterator<Item = NodeLog>) {
        self.trace.extend(nodes);
    }

    /// Sets a text of `srv`, which is also one of `srv_tag`.
    pub fn add_srv(&mut self, key: &str, text: &str) {
        put_entry(&mut self.srv, key, text.into());
        put_entry(&mut self.srv_tag, key, text.into());
    }

    /// How the workflow went.
    pub fn set_status(&mut self, code: i64, message: &str) {
        self.status = Status { code, message: message.into() };
    }

    /// The milliseconds up to the first frame.
    pub fn set_first_frame_duration(&mut self, ms: impl Into<Number>) {
        self.first_frame_duration = ms.into();
    }

    /// The workflow starts now.
    pub const fn set_start(&mut self, now_unix_ms: i64) {
        self.start_time = now_unix_ms;
    }

    /// The workflow ends now, and its usage is the sum over its nodes. A later end replaces an earlier one.
    pub fn set_end(&mut self, now_unix_ms: i64) {
        self.end_time = now_unix_ms;
        self.duration = now_unix_ms.saturating_sub(self.start_time);
        self.usage = self.sum_of_nodes();
    }

    pub(crate) fn sum_of_nodes(&self) -> TokenUsage {
        self.trace.iter().fold(TokenUsage::default(), |sum, node| sum.plus(node.data.usage))
    }

    /// Tells the log to a sink, fields in their order.
    pub fn tell<S: ValueSink + ?Sized>(&self, sink: &mut S) {
        sink.begin_map();
        tell_text(sink, "service_id", &self.service_id);
        if let Some(flow_id) = &self.flow_id {
            tell_text(sink, "flow_id", flow_id);
        }
        tell_text(sink, "sid", &self.sid);
        tell_text(sink, "app_id", &self.app_id);
        tell_text(sink, "uid", &self.uid);
        if let Some(bot_id) = &self.bot_id {
            tell_text(sink, "bot_id", bot_id);
        }
        tell_text(sink, "chat_id", &self.chat_id);
        tell_text(sink, "sub", &self.sub);
        tell_text(sink, "caller", &self.caller);
        tell_text(sink, "log_caller", &self.log_caller);
        tell_text(sink, "question", &self.question);
        tell_text(sink, "answer", &self.answer);
        tell_int(sink, "start_time", self.start_time);
        tell_int(sink, "end_time", self.end_time);
        tell_int(sink, "duration", self.duration);
        sink.key("first_frame_duration");
        self.first_frame_duration.tell(sink);
        tell_text_map(sink, "srv", &self.srv);
        tell_text_map(sink, "srv_tag", &self.srv_tag);
        sink.key("status");
        sink.begin_map();
        tell_int(sink, "code", self.status.code);
        tell_text(sink, "message", &self.status.message);
        sink.end_map();
        sink.key("usage");
        self.usage.tell(sink);
        tell_text(sink, "version", &self.version);
        sink.key("trace");
        sink.begin_array();
        for node in &self.trace {
            node.tell(sink);
        }
        sink.end_array();
        sink.end_map();
    }

    /// The log as JSON text.
    #[must_use]
    pub fn to_json(&self, style: Style) -> String {
        let mut text = String::new();
        self.tell(&mut Writer::new(&mut text, style));
        text
    }

    /// Reads a log from JSON text.
    ///
    /// # Errors
    /// When the text is no JSON or a field has the wrong type.
    pub fn from_json(text: &str) -> Result<Self, LogError> {
        Self::from_value(Value::from_json(text)?)
    }

    /// Reads a log from a value.
    ///
    /// # Errors
    /// When a field has the wrong type.
    pub fn from_value(value: Value) -> Result<Self, LogError> {
        let mut fields = Fields::of(value, "trace log")?;
        let nodes = fields.values("trace")?;
        Ok(Self {
            service_id: fields.text("service_id")?,
            flow_id: fields.optional_text("flow_id")?,
            sid: fields.text("sid")?,
            app_id: fields.text("app_id")?,
            uid: fields.text("uid")?,
            bot_id: fields.optional_text("bot_id")?,
            chat_id: fields.text("chat_id")?,
            sub: fields.text("sub")?,
            caller: fields.text("caller")?,
            log_caller: fields.text("log_caller")?,
            question: fields.text("question")?,
            answer: fields.text("answer")?,
            start_time: fields.int("start_time", 0)?,
            end_time: fields.int("end_time", 0)?,
            duration: fields.int("duration", 0)?,
            first_frame_duration: fields.number("first_frame_duration", Number::Double(-1.0))?,
            srv: fields.text_map("srv")?,
            srv_tag: fields.text_map("srv_tag")?,
            status: fields.status("status")?,
            usage: fields.usage("usage")?,
            version: fields.optional_text("version")?.unwrap_or_else(|| LOG_VERSION.into()),
            trace: nodes.into_iter().map(NodeLog::from_value).collect::<Result<_, _>>()?,
        })
    }
}
