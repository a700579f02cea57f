//! `NodeTraceLog`.

use core::cell::RefCell;
use std::rc::Rc;

use js_sys::{Array, Function, Uint8Array};
use spanloom::json::{Style, Writer};
use spanloom::offload::{BlobError, BlobStore, Offload};
use spanloom::otlp::{decode_traces, json};
use spanloom::workflow::{NodeTraceLog as Log, TraceAbout, WorkflowLog, from_records, from_spans, to_spans};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::args::{Options, int, moment, number, text};
use crate::error::OrThrow;
use crate::node_log::{NodeLog, Shared, shared_of};
use crate::otlp::{Export, OTLP_ERROR};
use crate::{give, host};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** What a workflow is. The names of the JSON (`app_id`) are taken too. */
export interface TraceAbout {
  serviceId?: string;
  /** Session id of the request. */
  sid?: string;
  /** The application on whose behalf it runs. */
  appId?: string;
  /** The user on whose behalf it runs. */
  uid?: string;
  /** The conversation that it belongs to. */
  chatId?: string;
  sub?: string;
  caller?: string;
  logCaller?: string;
  question?: string;
  answer?: string;
  /** When it begins, in Unix milliseconds; now where missing. */
  now?: number;
}

/** A `NodeTraceLog` as plain data. */
export interface NodeTraceLogObject {
  service_id: string;
  flow_id?: string;
  sid: string;
  app_id: string;
  uid: string;
  bot_id?: string;
  chat_id: string;
  sub: string;
  caller: string;
  log_caller: string;
  question: string;
  answer: string;
  start_time: number;
  end_time: number;
  duration: number;
  first_frame_duration: number;
  srv: Record<string, string>;
  srv_tag: Record<string, string>;
  status: { code: number; message: string };
  usage: Required<TokenUsage>;
  version: string;
  trace: NodeLogObject[];
}
"#;

const LOG_ERROR: &str = "LogError";

/// The log of a workflow, with the methods of astron-agent's class in JavaScript's spelling. None of them throws but
/// those that read or write formats; each that needs the time takes it as its last argument, or asks the clock.
///
/// ```js
/// const trace = new NodeTraceLog({ serviceId: "flow-1", sid, appId: "app-1", uid: "u-7", sub: "workflow" });
/// trace.addQ("why?");
/// trace.addNodeLog([node]);
/// trace.addA("because");
/// trace.setStatus(0, "Success");
/// trace.setEnd();
/// const body = trace.toOtlp({ serviceName: "planner" });
/// ```
#[wasm_bindgen]
pub struct NodeTraceLog {
    /// The log without its nodes. Where no type of node streams, it is a plain trace log.
    workflow: RefCell<WorkflowLog>,
    nodes: RefCell<Vec<Rc<Shared>>>,
}

/// What is told of a workflow at its start, as owned texts.
pub struct About {
    texts: [String; 8],
    question: String,
    answer: String,
    pub now: i64,
}

impl About {
    pub fn read(options: &Options) -> Self {
        let text = |names| options.text(names);
        Self {
            texts: [
                ["serviceId", "service_id"],
                ["sid", "sid"],
                ["appId", "app_id"],
                ["uid", "uid"],
                ["chatId", "chat_id"],
                ["sub", "sub"],
                ["caller", "caller"],
                ["logCaller", "log_caller"],
            ]
            .map(text),
            question: text(["question", "question"]),
            answer: text(["answer", "answer"]),
            now: options.int(["now", "now"]).unwrap_or_else(|| host::now() as i64),
        }
    }

    pub fn borrow(&self) -> TraceAbout<'_> {
        let [service_id, sid, app_id, uid, chat_id, sub, caller, log_caller] = &self.texts;
        TraceAbout { service_id, sid, app_id, uid, chat_id, sub, caller, log_caller }
    }
}

impl NodeTraceLog {
    /// The log that `workflow` begins.
    pub(crate) fn begin(mut workflow: WorkflowLog, about: About) -> Self {
        workflow.log.question = about.question;
        workflow.log.answer = about.answer;
        Self { workflow: RefCell::new(workflow), nodes: RefCell::default() }
    }

    fn of(mut log: Log) -> Self {
        let nodes = core::mem::take(&mut log.trace).into_iter().map(|node| NodeLog::of(node).into_shared());
        let nodes = RefCell::new(nodes.collect());
        Self { workflow: RefCell::new(without_streams(log)), nodes }
    }

    /// The log with its nodes as they are now.
    fn whole(&self) -> Log {
        let mut log = self.workflow.borrow().log.clone();
        log.trace = self.nodes.borrow().iter().map(|node| node.log.borrow().clone()).collect();
        log
    }

    fn add(&self, node: Rc<Shared>) {
        let mut workflow = self.workflow.borrow_mut();
        workflow.add_nodes([node.log.borrow().clone()]);
        // The node itself stays where the program can go on with it.
        workflow.log.trace.clear();
        self.nodes.borrow_mut().push(node);
    }
}

fn without_streams(log: Log) -> WorkflowLog {
    WorkflowLog { log, streaming_types: Vec::new() }
}

#[wasm_bindgen]
impl NodeTraceLog {
    /// The log of a workflow that begins now.
    ///
    /// ```js
    /// const trace = new NodeTraceLog({ sid: "s-1", appId: "app-1" });
    /// ```
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new(#[wasm_bindgen(unchecked_param_type = "TraceAbout")] about: &JsValue) -> Self {
        let about = About::read(&Options::read(about));
        Self::begin(without_streams(Log::new(&about.borrow(), about.now)), about)
    }

    /// Reads a log from its JSON. Throws a `LogError`.
    ///
    /// ```js
    /// const again = NodeTraceLog.fromJson(trace.toJson());
    /// ```
    ///
    /// # Errors
    /// When the text is no JSON or a field has the wrong type.
    #[wasm_bindgen(js_name = fromJson)]
    pub fn from_json(
        #[wasm_bindgen(unchecked_param_type = "string")] json: &JsValue,
    ) -> Result<Self, JsValue> {
        Log::from_json(&text(json)).or_throw(LOG_ERROR).map(Self::of)
    }

    /// Makes a log of any OTLP trace, ours or foreign: protobuf as bytes, or OTLP/JSON as text. Throws an `OtlpError`.
    ///
    /// ```js
    /// const trace = NodeTraceLog.fromOtlp(await (await fetch(url)).text());
    /// ```
    ///
    /// # Errors
    /// When the bytes or the text are no OTLP trace.
    #[wasm_bindgen(js_name = fromOtlp)]
    pub fn from_otlp(
        #[wasm_bindgen(unchecked_param_type = "Uint8Array | string")] traces: &JsValue,
        #[wasm_bindgen(unchecked_optional_param_type = "number")] utc_offset_minutes: &JsValue,
    ) -> Result<Self, JsValue> {
        let request = match traces.dyn_ref::<Uint8Array>() {
            Some(bytes) => bytes.to_vec(),
            None => json::traces_from_json(text(traces).as_bytes()).or_throw(OTLP_ERROR)?,
        };
        let view = decode_traces(&request).or_throw(OTLP_ERROR)?;
        let spans: Vec<_> = view.spans().map(|found| found.span).collect();
        let offset = int(utc_offset_minutes).unwrap_or_default();
        Ok(Self::of(from_spans(&spans, offset as i32)))
    }

    /// Makes a log of a stream of records; what cannot be read in it is left out.
    ///
    /// ```js
    /// const trace = NodeTraceLog.fromRecords(records);
    /// ```
    #[wasm_bindgen(js_name = fromRecords)]
    #[must_use]
    pub fn from_records(
        records: &[u8],
        #[wasm_bindgen(unchecked_optional_param_type = "number")] utc_offset_minutes: &JsValue,
    ) -> Self {
        Self::of(from_records(records, int(utc_offset_minutes).unwrap_or_default() as i32))
    }

    /// Adds nodes: a `NodeLog`, or an array of them. What happens to a node later shows here too; what is no `NodeLog`
    /// is passed over.
    ///
    /// ```js
    /// trace.addNodeLog([planner, tool]);
    /// ```
    #[wasm_bindgen(js_name = addNodeLog)]
    pub fn add_node_log(
        &self,
        #[wasm_bindgen(unchecked_param_type = "NodeLog | readonly NodeLog[]")] nodes: &JsValue,
    ) {
        match nodes.dyn_ref::<Array>() {
            Some(nodes) => nodes.iter().filter_map(shared_of).for_each(|node| self.add(node)),
            None => shared_of(nodes.clone()).into_iter().for_each(|node| self.add(node)),
        }
    }

    /// The same as `addNodeLog`, by the older name.
    ///
    /// ```js
    /// trace.addFuncLog([tool]);
    /// ```
    #[wasm_bindgen(js_name = addFuncLog)]
    pub fn add_func_log(
        &self,
        #[wasm_bindgen(unchecked_param_type = "NodeLog | readonly NodeLog[]")] nodes: &JsValue,
    ) {
        self.add_node_log(nodes);
    }

    /// Handles of the nodes that were added.
    ///
    /// ```js
    /// for (const node of trace.nodes()) console.log(node.id);
    /// ```
    #[must_use]
    pub fn nodes(&self) -> Vec<NodeLog> {
        self.nodes.borrow().iter().map(NodeLog::of_shared).collect()
    }

    /// What the user asked.
    ///
    /// ```js
    /// trace.addQ("why?");
    /// ```
    #[wasm_bindgen(js_name = addQ)]
    pub fn add_q(&self, #[wasm_bindgen(unchecked_param_type = "string")] question: &JsValue) {
        let question = text(question);
        self.workflow.borrow_mut().log.question = question;
    }

    /// What the workflow answered.
    ///
    /// ```js
    /// trace.addA("because");
    /// ```
    #[wasm_bindgen(js_name = addA)]
    pub fn add_a(&self, #[wasm_bindgen(unchecked_param_type = "string")] answer: &JsValue) {
        let answer = text(answer);
        self.workflow.borrow_mut().log.answer = answer;
    }

    /// Sets a text of `srv`, which is also one of `srv_tag`.
    ///
    /// ```js
    /// trace.addSrv("region", "hf");
    /// ```
    #[wasm_bindgen(js_name = addSrv)]
    pub fn add_srv(
        &self,
        #[wasm_bindgen(unchecked_param_type = "string")] key: &JsValue,
        #[wasm_bindgen(unchecked_param_type = "string")] value: &JsValue,
    ) {
        let (key, value) = (text(key), text(value));
        self.workflow.borrow_mut().log.add_srv(&key, &value);
    }

    /// The milliseconds up to the first frame.
    ///
    /// ```js
    /// trace.addFirstFrameDuration(250);
    /// ```
    #[wasm_bindgen(js_name = addFirstFrameDuration)]
    pub fn add_first_frame_duration(&self, #[wasm_bindgen(unchecked_param_type = "number")] ms: &JsValue) {
        if let Some(ms) = number(ms) {
            self.workflow.borrow_mut().log.set_first_frame_duration(ms);
        }
    }

    /// The same as `addFirstFrameDuration`.
    ///
    /// ```js
    /// trace.setFirstFrameDuration(250);
    /// ```
    #[wasm_bindgen(js_name = setFirstFrameDuration)]
    pub fn set_first_frame_duration(&self, #[wasm_bindgen(unchecked_param_type = "number")] ms: &JsValue) {
        self.add_first_frame_duration(ms);
    }

    /// How the workflow went: 0 for success.
    ///
    /// ```js
    /// trace.setStatus(20201, "model timed out");
    /// ```
    #[wasm_bindgen(js_name = setStatus)]
    pub fn set_status(
        &self,
        #[wasm_bindgen(unchecked_param_type = "number")] code: &JsValue,
        #[wasm_bindgen(unchecked_param_type = "string")] message: &JsValue,
    ) {
        let (code, message) = (int(code).unwrap_or_default(), text(message));
        self.workflow.borrow_mut().log.set_status(code, &message);
    }

    /// The workflow starts.
    ///
    /// ```js
    /// trace.setStart();
    /// ```
    #[wasm_bindgen(js_name = setStart)]
    pub fn set_start(&self, #[wasm_bindgen(unchecked_optional_param_type = "number")] now: &JsValue) {
        let now = moment(now);
        self.workflow.borrow_mut().log.set_start(now);
    }

    /// The workflow ends, and its usage is the sum over its nodes. A later end replaces an earlier one.
    ///
    /// ```js
    /// trace.setEnd();
    /// ```
    #[wasm_bindgen(js_name = setEnd)]
    pub fn set_end(&self, #[wasm_bindgen(unchecked_optional_param_type = "number")] now: &JsValue) {
        let mut log = self.whole();
        log.set_end(moment(now));
        log.trace.clear();
        self.workflow.borrow_mut().log = log;
    }

    /// The log as JSON text, fields in their fixed order. Where a function is given, it is called with a name and the
    /// bytes of each text over 5,087 bytes, and the link that it returns stands in the text's place; where it throws or
    /// returns no string, the text stays.
    ///
    /// ```js
    /// trace.toJson();
    /// trace.toJson((name, bytes) => { files.set(name, bytes); return `https://blobs.example/${name}`; });
    /// ```
    #[wasm_bindgen(js_name = toJson)]
    #[must_use]
    pub fn to_json(
        &self,
        #[wasm_bindgen(unchecked_optional_param_type = "(name: string, bytes: Uint8Array) => string")]
        save: &JsValue,
    ) -> String {
        let log = self.whole();
        let Some(save) = save.dyn_ref::<Function>() else { return log.to_json(Style::Spaced) };
        let mut text = String::new();
        let mut json = Writer::new(&mut text, Style::Spaced);
        log.tell(&mut Offload::new(&mut json, &Saving(save), host::random));
        text
    }

    /// The log as plain objects without prototypes.
    ///
    /// ```js
    /// trace.toObject().usage.total_tokens;
    /// ```
    #[wasm_bindgen(js_name = toObject, unchecked_return_type = "NodeTraceLogObject")]
    #[must_use]
    pub fn to_object(&self) -> JsValue {
        give::told(|sink| self.whole().tell(sink))
    }

    /// The OTLP trace request that holds all of the log: a root span, and a span for each node. Throws an `OtlpError`
    /// for an id that is none.
    ///
    /// ```js
    /// const body = trace.toOtlp({ serviceName: "planner", traceId: "0af7651916cd43dd8448eb211c80319c" });
    /// ```
    ///
    /// # Errors
    /// When an option is not what it should be.
    #[wasm_bindgen(js_name = toOtlp)]
    pub fn to_otlp(
        &self,
        #[wasm_bindgen(unchecked_optional_param_type = "OtlpOptions")] options: &JsValue,
    ) -> Result<Vec<u8>, JsValue> {
        let export = Export::read(options)?;
        let spans = to_spans(&self.whole(), &export.spans);
        Ok(export.request(spans.iter().map(Vec::as_slice)))
    }

    /// The same as OTLP/JSON.
    ///
    /// ```js
    /// console.log(trace.toOtlpJson({ serviceName: "planner" }));
    /// ```
    ///
    /// # Errors
    /// When an option is not what it should be.
    #[wasm_bindgen(js_name = toOtlpJson)]
    pub fn to_otlp_json(
        &self,
        #[wasm_bindgen(unchecked_optional_param_type = "OtlpOptions")] options: &JsValue,
    ) -> Result<String, JsValue> {
        json::traces_to_json(&self.to_otlp(options)?).or_throw(OTLP_ERROR)
    }
}

/// A function of the program that keeps large texts.
struct Saving<'a>(&'a Function);

impl BlobStore for Saving<'_> {
    fn put(&self, name: &str, bytes: &[u8]) -> Result<String, BlobError> {
        let failed = || BlobError::Store { name: name.into(), message: "no link came back".into() };
        let link = self.0.call2(&JsValue::UNDEFINED, &name.into(), &Uint8Array::from(bytes));
        link.ok().and_then(|link| link.as_string()).ok_or_else(failed)
    }
}
