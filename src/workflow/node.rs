//! The log of one node.

use super::fields::{Fields, LogError};
use super::line::{Level, LogLine};
use super::parts::{Entries, Number, TokenUsage, put_entry, tell_entries, tell_int, tell_text, tell_texts};
use crate::json::{Style, Writer};
use crate::value::{Value, ValueSink};

/// What a node is: given once, when its log begins.
#[derive(Debug, Clone, Copy, Default)]
pub struct NodeAbout<'a> {
    /// Session id of the request.
    pub sid: &'a str,
    /// Id of the node in its workflow: `{type}::{id}`.
    pub node_id: &'a str,
    /// Type of the node.
    pub node_type: &'a str,
    /// Name of the node.
    pub node_name: &'a str,
    /// Id of the function; falls back to that of the node.
    pub func_id: &'a str,
    /// Type of the function; falls back to that of the node.
    pub func_type: &'a str,
    /// Name of the function; falls back to that of the node.
    pub func_name: &'a str,
}

/// What a node worked with.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NodeData {
    /// What went in.
    pub input: Entries,
    /// What came out.
    pub output: Entries,
    /// How it was configured.
    pub config: Entries,
    /// Tokens that it used.
    pub usage: TokenUsage,
}

/// The log of one node: plain data, fields in the order of its JSON.
///
/// ```
/// use spanloom::workflow::{NodeAbout, NodeLog};
/// let about = NodeAbout { sid: "s", node_id: "llm::1", ..NodeAbout::default() };
/// let mut node = NodeLog::new("feedfacecafebeef0000000000000001", &about, 1_000);
/// node.append_input("question", "why?");
/// node.set_first_frame(1_150);
/// node.set_end(2_000);
/// assert_eq!((node.duration, node.first_frame_duration), (1_000, 150));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct NodeLog {
    /// 32 hex digits of its own: see [`uuid4_hex`](super::uuid4_hex).
    pub id: String,
    /// Session id of the request.
    pub sid: String,
    /// Id of the node in its workflow.
    pub node_id: String,
    /// Type of the node.
    pub node_type: String,
    /// Name of the node.
    pub node_name: String,
    /// Id of the function.
    pub func_id: String,
    /// Type of the function.
    pub func_type: String,
    /// Name of the function.
    pub func_name: String,
    /// Ids of the logs of the nodes that follow.
    pub next_log_ids: Vec<String>,
    /// Unix milliseconds.
    pub start_time: i64,
    /// Unix milliseconds.
    pub end_time: i64,
    /// Milliseconds.
    pub duration: i64,
    /// Milliseconds from the start; -1 where there was none.
    pub first_frame_duration: i64,
    /// Seconds; the whole number -1 where nobody set it.
    pub node_first_cost_time: Number,
    /// What a model said.
    pub llm_output: String,
    /// False when the node failed.
    pub running_status: bool,
    /// What the node worked with.
    pub data: NodeData,
    /// Log lines, each a JSON text: see [`LogLine`].
    pub logs: Vec<String>,
}

impl Default for NodeLog {
    fn default() -> Self {
        Self::new("", &NodeAbout::default(), 0)
    }
}

impl NodeLog {
    /// The log of a node that begins now.
    #[must_use]
    pub fn new(id: impl Into<String>, about: &NodeAbout<'_>, now_unix_ms: i64) -> Self {
        let func = |func: &str, node: &str| if func.is_empty() { node.into() } else { func.into() };
        Self {
            id: id.into(),
            sid: about.sid.into(),
            node_id: about.node_id.into(),
            node_type: about.node_type.into(),
            node_name: about.node_name.into(),
            func_id: func(about.func_id, about.node_id),
            func_type: func(about.func_type, about.node_type),
            func_name: func(about.func_name, about.node_name),
            next_log_ids: Vec::new(),
            start_time: now_unix_ms,
            end_time: now_unix_ms,
            duration: 0,
            first_frame_duration: -1,
            node_first_cost_time: Number::Int(-1),
            llm_output: String::new(),
            running_status: true,
            data: NodeData::default(),
            logs: Vec::new(),
        }
    }

    /// Adds the id of a node's log that follows, once.
    pub fn set_next_node_id(&mut self, id: &str) {
        if !self.next_log_ids.iter().any(|known| known == id) {
            self.next_log_ids.push(id.into());
        }
    }

    /// The first frame came now.
    pub const fn set_first_frame(&mut self, now_unix_ms: i64) {
        self.first_frame_duration = now_unix_ms.saturating_sub(self.start_time);
    }

    /// The seconds up to the first cost.
    pub fn set_first_cost_time(&mut self, seconds: impl Into<Number>) {
        self.node_first_cost_time = seconds.into();
    }

    /// The node starts now.
    pub const fn set_start(&mut self, now_unix_ms: i64) {
        self.start_time = now_unix_ms;
    }

    /// The node ends now; a later end replaces an earlier one.
    pub const fn set_end(&mut self, now_unix_ms: i64) {
        self.end_time = now_unix_ms;
        self.duration = now_unix_ms.saturating_sub(self.start_time);
    }

    /// Sets one value of what went in.
    pub fn append_input(&mut self, key: &str, value: impl Into<Value>) {
        put_entry(&mut self.data.input, key, value.into());
    }

    /// Sets one value of what came out.
    pub fn append_output(&mut self, key: &str, value: impl Into<Value>) {
        put_entry(&mut self.data.output, key, value.into());
    }

    /// Merges entries into the configuration; of the same key the new value counts.
    pub fn append_config(&mut self, config: impl IntoIterator<Item = (String, Value)>) {
        for (key, value) in config {
            put_entry(&mut self.data.config, &key, value);
        }
    }

    /// Replaces all four numbers of the usage.
    pub fn append_usage(&mut self, usage: impl Into<TokenUsage>) {
        self.data.usage = usage.into();
    }

    /// Adds an information line, its time in UTC.
    pub fn info(&mut self, message: &str, now_unix_ms: i64) {
        self.log(Level::Info, message, now_unix_ms, 0);
    }

    /// Adds an error line, its time in UTC. Nothing else changes.
    pub fn error(&mut self, message: &str, now_unix_ms: i64) {
        self.log(Level::Error, message, now_unix_ms, 0);
    }

    /// Adds a line with the local time, which is so many minutes ahead of UTC.
    pub fn log(&mut self, level: Level, message: &str, now_unix_ms: i64, utc_offset_minutes: i32) {
        let local_seconds = now_unix_ms.div_euclid(1_000) + i64::from(utc_offset_minutes) * 60;
        self.logs.push(LogLine { level, message: message.into(), local_seconds }.to_json());
    }

    /// What an error of its span does to a node: an error line, the end, and a running status of false.
    pub fn fail(&mut self, message: &str, now_unix_ms: i64, utc_offset_minutes: i32) {
        self.log(Level::Error, message, now_unix_ms, utc_offset_minutes);
        self.set_end(now_unix_ms);
        self.running_status = false;
    }

    /// Tells the log to a sink, fields in their order.
    pub fn tell<S: ValueSink + ?Sized>(&self, sink: &mut S) {
        sink.begin_map();
        tell_text(sink, "id", &self.id);
        tell_text(sink, "sid", &self.sid);
        tell_text(sink, "node_id", &self.node_id);
        tell_text(sink, "node_type", &self.node_type);
        tell_text(sink, "node_name", &self.node_name);
        tell_text(sink, "func_id", &self.func_id);
        tell_text(sink, "func_type", &self.func_type);
        tell_text(sink, "func_name", &self.func_name);
        tell_texts(sink, "next_log_ids", &self.next_log_ids);
        tell_int(sink, "start_time", self.start_time);
        tell_int(sink, "end_time", self.end_time);
        tell_int(sink, "duration", self.duration);
        tell_int(sink, "first_frame_duration", self.first_frame_duration);
        sink.key("node_first_cost_time");
        self.node_first_cost_time.tell(sink);
        tell_text(sink, "llm_output", &self.llm_output);
        sink.key("running_status");
        sink.bool(self.running_status);
        sink.key("data");
        sink.begin_map();
        tell_entries(sink, "input", &self.data.input);
        tell_entries(sink, "output", &self.data.output);
        tell_entries(sink, "config", &self.data.config);
        sink.key("usage");
        self.data.usage.tell(sink);
        sink.end_map();
        tell_texts(sink, "logs", &self.logs);
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
        let mut fields = Fields::of(value, "node log")?;
        let mut data = fields.map("data")?;
        Ok(Self {
            id: fields.text("id")?,
            sid: fields.text("sid")?,
            node_id: fields.text("node_id")?,
            node_type: fields.text("node_type")?,
            node_name: fields.text("node_name")?,
            func_id: fields.text("func_id")?,
            func_type: fields.text("func_type")?,
            func_name: fields.text("func_name")?,
            next_log_ids: fields.texts("next_log_ids")?,
            start_time: fields.int("start_time", 0)?,
            end_time: fields.int("end_time", 0)?,
            duration: fields.int("duration", 0)?,
            first_frame_duration: fields.int("first_frame_duration", -1)?,
            node_first_cost_time: fields.number("node_first_cost_time", Number::Int(-1))?,
            llm_output: fields.text("llm_output")?,
            running_status: fields.bool("running_status", true)?,
            data: NodeData {
                input: data.entries("input")?,
                output: data.entries("output")?,
                config: data.entries("config")?,
                usage: data.usage("usage")?,
            },
            logs: fields.texts("logs")?,
        })
    }
}
