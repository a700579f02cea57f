//! `NodeLog`.

use core::cell::{Cell, RefCell};
use std::rc::Rc;

use serde::Serialize;
use spanloom::json::Style;
use spanloom::value::{Cuts, Value};
use spanloom::workflow::{Level, NodeAbout, NodeLog as Log, TokenUsage, uuid4_hex};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::args::{Options, moment, number, text};
use crate::error::OrThrow;
use crate::visit::{Visited, visit};
use crate::{give, host};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** What a node is. The names of the JSON (`node_id`) are taken too. */
export interface NodeAbout {
  /** Session id of the request. */
  sid?: string;
  /** Id of the node in its workflow: `type::id`. */
  nodeId?: string;
  nodeType?: string;
  nodeName?: string;
  /** Falls back to that of the node, as the next two do. */
  funcId?: string;
  funcType?: string;
  funcName?: string;
  /** 32 hex digits; random ones where missing. */
  id?: string;
  /** When it begins, in Unix milliseconds; now where missing. */
  now?: number;
  /** How many minutes the times in its log lines are ahead of UTC; those of this machine where missing. */
  utcOffsetMinutes?: number;
}

/** Tokens. What is missing counts as 0. */
export interface TokenUsage {
  question_tokens?: number;
  prompt_tokens?: number;
  completion_tokens?: number;
  total_tokens?: number;
}

/** What became of the values that a log was given. */
export interface Cuts {
  /** Objects and arrays that nested too deep, and became null. */
  deep: number;
  /** Values that were too many. */
  leftOut: number;
  /** Texts and bytes that were cut. */
  shortened: number;
  /** Values that threw when they were read, and became `[unreadable]`. */
  unreadable: number;
}

/** A `NodeLog` as plain data. */
export interface NodeLogObject {
  id: string;
  sid: string;
  node_id: string;
  node_type: string;
  node_name: string;
  func_id: string;
  func_type: string;
  func_name: string;
  next_log_ids: string[];
  start_time: number;
  end_time: number;
  duration: number;
  first_frame_duration: number;
  node_first_cost_time: number;
  llm_output: string;
  running_status: boolean;
  data: {
    input: Record<string, unknown>;
    output: Record<string, unknown>;
    config: Record<string, unknown>;
    usage: Required<TokenUsage>;
  };
  logs: string[];
}
"#;

/// The log of one node of a workflow, with the methods of astron-agent's class in JavaScript's spelling
/// (`set_next_node_id` is `setNextNodeId`). None of them throws, whatever it is given; each that needs the time takes
/// it as its last argument, in Unix milliseconds, or asks the clock.
///
/// ```js
/// const node = new NodeLog({ sid, nodeId: "spark-llm::1", nodeType: "llm", nodeName: "planner" });
/// node.appendInputData("question", "why?");
/// node.setFirstFrameDuration();
/// node.appendUsageData({ prompt_tokens: 812, completion_tokens: 64, total_tokens: 876 });
/// node.setEnd();
/// trace.addNodeLog([node]);
/// ```
#[wasm_bindgen]
pub struct NodeLog {
    shared: Rc<Shared>,
}

/// A log and what belongs to it; a trace log that a node was added to has it too, and sees what happens to it later.
pub struct Shared {
    pub log: RefCell<Log>,
    utc_offset_minutes: Option<i32>,
    cuts: Cell<Cuts>,
    unreadable: Cell<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CutsReport {
    deep: u32,
    left_out: u32,
    shortened: u32,
    unreadable: u32,
}

impl Shared {
    fn of(log: Log, utc_offset_minutes: Option<i32>) -> Rc<Self> {
        Rc::new(Self {
            log: RefCell::new(log),
            utc_offset_minutes,
            cuts: Cell::default(),
            unreadable: Cell::default(),
        })
    }

    /// Reads a value of the program, and counts what was lost.
    fn visit(&self, value: &JsValue) -> Value {
        let Visited { value, cuts, unreadable } = visit(value);
        let known = self.cuts.get();
        self.cuts.set(Cuts {
            deep: known.deep.saturating_add(cuts.deep),
            left_out: known.left_out.saturating_add(cuts.left_out),
            shortened: known.shortened.saturating_add(cuts.shortened),
        });
        self.unreadable.set(self.unreadable.get().saturating_add(unreadable));
        value
    }

    fn add_line(&self, level: Level, message: &JsValue, now: &JsValue) {
        let (message, now) = (text(message), moment(now));
        let offset = self.utc_offset_minutes.unwrap_or_else(|| host::utc_offset_minutes(now));
        self.log.borrow_mut().log(level, &message, now, offset);
    }
}

impl NodeLog {
    pub(crate) fn of(log: Log) -> Self {
        Self { shared: Shared::of(log, None) }
    }

    pub(crate) fn into_shared(self) -> Rc<Shared> {
        self.shared
    }

    pub(crate) fn of_shared(shared: &Rc<Shared>) -> Self {
        Self { shared: Rc::clone(shared) }
    }
}

#[wasm_bindgen]
impl NodeLog {
    /// The log of a node that begins now.
    ///
    /// ```js
    /// const node = new NodeLog({ sid: "s-1", nodeId: "tool::7" });
    /// ```
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new(#[wasm_bindgen(unchecked_param_type = "NodeAbout")] about: &JsValue) -> Self {
        let options = Options::read(about);
        let [sid, node_id, node_type, node_name, func_id, func_type, func_name] = [
            ["sid", "sid"],
            ["nodeId", "node_id"],
            ["nodeType", "node_type"],
            ["nodeName", "node_name"],
            ["funcId", "func_id"],
            ["funcType", "func_type"],
            ["funcName", "func_name"],
        ]
        .map(|names| options.text(names));
        let about = NodeAbout {
            sid: &sid,
            node_id: &node_id,
            node_type: &node_type,
            node_name: &node_name,
            func_id: &func_id,
            func_type: &func_type,
            func_name: &func_name,
        };
        let id = options.get(["id", "id"]).map(|_| options.text(["id", "id"]));
        let id = id.unwrap_or_else(|| uuid4_hex(host::random()));
        let now = options.int(["now", "now"]).unwrap_or_else(|| host::now() as i64);
        let offset = options.int(["utcOffsetMinutes", "utc_offset_minutes"]);
        Self { shared: Shared::of(Log::new(id, &about, now), offset.map(|minutes| minutes as i32)) }
    }

    /// Reads a log from its JSON. Throws a `LogError`.
    ///
    /// ```js
    /// const again = NodeLog.fromJson(node.toJson());
    /// ```
    ///
    /// # Errors
    /// When the text is no JSON or a field has the wrong type.
    #[wasm_bindgen(js_name = fromJson)]
    pub fn from_json(
        #[wasm_bindgen(unchecked_param_type = "string")] json: &JsValue,
    ) -> Result<Self, JsValue> {
        Log::from_json(&text(json)).or_throw("LogError").map(Self::of)
    }

    /// Another handle of the same log. Each handle has a `free()` of its own.
    ///
    /// ```js
    /// const same = node.share();
    /// node.free();
    /// same.setEnd();
    /// ```
    #[must_use]
    pub fn share(&self) -> Self {
        Self::of_shared(&self.shared)
    }

    /// Adds the id of a node's log that follows, once.
    ///
    /// ```js
    /// planner.setNextNodeId(tool.id);
    /// ```
    #[wasm_bindgen(js_name = setNextNodeId)]
    pub fn set_next_node_id(&self, #[wasm_bindgen(unchecked_param_type = "string")] id: &JsValue) {
        let id = text(id);
        self.shared.log.borrow_mut().set_next_node_id(&id);
    }

    /// The first frame of the answer came.
    ///
    /// ```js
    /// for await (const chunk of stream) if (first) node.setFirstFrameDuration();
    /// ```
    #[wasm_bindgen(js_name = setFirstFrameDuration)]
    pub fn set_first_frame_duration(
        &self,
        #[wasm_bindgen(unchecked_optional_param_type = "number")] now: &JsValue,
    ) {
        let now = moment(now);
        self.shared.log.borrow_mut().set_first_frame(now);
    }

    /// The seconds that a model took up to its first frame.
    ///
    /// ```js
    /// node.setNodeFirstCostTime(0.25);
    /// ```
    #[wasm_bindgen(js_name = setNodeFirstCostTime)]
    pub fn set_node_first_cost_time(
        &self,
        #[wasm_bindgen(unchecked_param_type = "number")] seconds: &JsValue,
    ) {
        if let Some(seconds) = number(seconds) {
            self.shared.log.borrow_mut().set_first_cost_time(seconds);
        }
    }

    /// The node starts.
    ///
    /// ```js
    /// node.setStart();
    /// ```
    #[wasm_bindgen(js_name = setStart)]
    pub fn set_start(&self, #[wasm_bindgen(unchecked_optional_param_type = "number")] now: &JsValue) {
        let now = moment(now);
        self.shared.log.borrow_mut().set_start(now);
    }

    /// The node ends; a later end replaces an earlier one.
    ///
    /// ```js
    /// node.setEnd();
    /// ```
    #[wasm_bindgen(js_name = setEnd)]
    pub fn set_end(&self, #[wasm_bindgen(unchecked_optional_param_type = "number")] now: &JsValue) {
        let now = moment(now);
        self.shared.log.borrow_mut().set_end(now);
    }

    /// Sets one value of what went in: any value, see `docs/values.md`.
    ///
    /// ```js
    /// node.appendInputData("messages", [{ role: "user", content: "why?" }]);
    /// ```
    #[wasm_bindgen(js_name = appendInputData)]
    pub fn append_input_data(
        &self,
        #[wasm_bindgen(unchecked_param_type = "string")] key: &JsValue,
        #[wasm_bindgen(unchecked_param_type = "unknown")] value: &JsValue,
    ) {
        let (key, value) = (text(key), self.shared.visit(value));
        self.shared.log.borrow_mut().append_input(&key, value);
    }

    /// Sets one value of what came out.
    ///
    /// ```js
    /// node.appendOutputData("answer", "because");
    /// ```
    #[wasm_bindgen(js_name = appendOutputData)]
    pub fn append_output_data(
        &self,
        #[wasm_bindgen(unchecked_param_type = "string")] key: &JsValue,
        #[wasm_bindgen(unchecked_param_type = "unknown")] value: &JsValue,
    ) {
        let (key, value) = (text(key), self.shared.visit(value));
        self.shared.log.borrow_mut().append_output(&key, value);
    }

    /// Merges an object into the configuration; of the same key the new value counts.
    ///
    /// ```js
    /// node.appendConfigData({ model: "spark", temperature: 0.2 });
    /// ```
    #[wasm_bindgen(js_name = appendConfigData)]
    pub fn append_config_data(
        &self,
        #[wasm_bindgen(unchecked_param_type = "Record<string, unknown> | Map<string, unknown>")]
        config: &JsValue,
    ) {
        if let Value::Map(entries) = &mut self.shared.visit(config) {
            self.shared.log.borrow_mut().append_config(core::mem::take(entries));
        }
    }

    /// Replaces all four numbers of the usage.
    ///
    /// ```js
    /// node.appendUsageData({ prompt_tokens: 812, completion_tokens: 64, total_tokens: 876 });
    /// ```
    #[wasm_bindgen(js_name = appendUsageData)]
    pub fn append_usage_data(&self, #[wasm_bindgen(unchecked_param_type = "TokenUsage")] usage: &JsValue) {
        let usage = Options::read(usage);
        let tokens = |names| match usage.get(names) {
            Some(Value::Int(tokens)) => *tokens,
            // A fraction is cut off; not a number is 0.
            Some(Value::Double(tokens)) => *tokens as i64,
            _ => 0,
        };
        let usage = TokenUsage {
            question_tokens: tokens(["question_tokens", "questionTokens"]),
            prompt_tokens: tokens(["prompt_tokens", "promptTokens"]),
            completion_tokens: tokens(["completion_tokens", "completionTokens"]),
            total_tokens: tokens(["total_tokens", "totalTokens"]),
        };
        self.shared.log.borrow_mut().append_usage(usage);
    }

    /// Adds an information line.
    ///
    /// ```js
    /// node.addInfoLog("cache miss");
    /// ```
    #[wasm_bindgen(js_name = addInfoLog)]
    pub fn add_info_log(
        &self,
        #[wasm_bindgen(unchecked_param_type = "string")] message: &JsValue,
        #[wasm_bindgen(unchecked_optional_param_type = "number")] now: &JsValue,
    ) {
        self.shared.add_line(Level::Info, message, now);
    }

    /// Adds an error line. Nothing else changes.
    ///
    /// ```js
    /// node.addErrorLog(String(error));
    /// ```
    #[wasm_bindgen(js_name = addErrorLog)]
    pub fn add_error_log(
        &self,
        #[wasm_bindgen(unchecked_param_type = "string")] message: &JsValue,
        #[wasm_bindgen(unchecked_optional_param_type = "number")] now: &JsValue,
    ) {
        self.shared.add_line(Level::Error, message, now);
    }

    /// 32 hex digits of its own: what `setNextNodeId` of the node before takes.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn id(&self) -> String {
        self.shared.log.borrow().id.clone()
    }

    /// What a model said.
    #[wasm_bindgen(getter, js_name = llmOutput)]
    #[must_use]
    pub fn llm_output(&self) -> String {
        self.shared.log.borrow().llm_output.clone()
    }

    /// Sets what a model said.
    ///
    /// ```js
    /// node.llmOutput = "because";
    /// ```
    #[wasm_bindgen(setter, js_name = llmOutput)]
    pub fn set_llm_output(&self, #[wasm_bindgen(unchecked_param_type = "string")] output: &JsValue) {
        let output = text(output);
        self.shared.log.borrow_mut().llm_output = output;
    }

    /// False when the node failed.
    #[wasm_bindgen(getter, js_name = runningStatus)]
    #[must_use]
    pub fn running_status(&self) -> bool {
        self.shared.log.borrow().running_status
    }

    /// Sets whether the node runs well.
    ///
    /// ```js
    /// node.runningStatus = false;
    /// ```
    #[wasm_bindgen(setter, js_name = runningStatus)]
    pub fn set_running_status(&self, #[wasm_bindgen(unchecked_param_type = "boolean")] running: &JsValue) {
        self.shared.log.borrow_mut().running_status = running.is_truthy();
    }

    /// What became of the values that this log was given.
    ///
    /// ```js
    /// node.cuts.unreadable;   // how many threw when they were read
    /// ```
    #[wasm_bindgen(getter, unchecked_return_type = "Cuts")]
    #[must_use]
    pub fn cuts(&self) -> JsValue {
        let Cuts { deep, left_out, shortened } = self.shared.cuts.get();
        give::report(&CutsReport { deep, left_out, shortened, unreadable: self.shared.unreadable.get() })
    }

    /// The log as JSON text, fields in their fixed order.
    ///
    /// ```js
    /// console.log(node.toJson());
    /// ```
    #[wasm_bindgen(js_name = toJson)]
    #[must_use]
    pub fn to_json(&self) -> String {
        self.shared.log.borrow().to_json(Style::Spaced)
    }

    /// The log as plain objects without prototypes.
    ///
    /// ```js
    /// node.toObject().data.usage.total_tokens;
    /// ```
    #[wasm_bindgen(js_name = toObject, unchecked_return_type = "NodeLogObject")]
    #[must_use]
    pub fn to_object(&self) -> JsValue {
        give::told(|sink| self.shared.log.borrow().tell(sink))
    }
}

#[wasm_bindgen]
extern "C" {
    /// Whatever a program passes for a node.
    pub type MaybeNode;
    #[wasm_bindgen(method, catch)]
    fn share(this: &MaybeNode) -> Result<NodeLog, JsValue>;
}

/// The log behind a value, where it is a `NodeLog` that was not freed.
pub fn shared_of(value: JsValue) -> Option<Rc<Shared>> {
    if !value.is_object() {
        return None;
    }
    MaybeNode::from(value).share().ok().map(NodeLog::into_shared)
}
