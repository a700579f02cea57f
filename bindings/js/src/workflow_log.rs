//! `WorkflowLog`.

use spanloom::workflow::WorkflowLog as Workflow;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::args::Options;
use crate::node_trace_log::{About, NodeTraceLog};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** What a workflow is, for a log that finds its own first frame. */
export interface WorkflowAbout extends TraceAbout {
  /** Id of the flow; with it, or with `botId`, the log has both, and `sub` falls back to `workflow`. */
  flowId?: string;
  /** Id of the bot. */
  botId?: string;
  /** The types of nodes that stream to the user; `message` and `node-end` where missing. */
  streamingTypes?: string[];
}
"#;

/// A `NodeTraceLog` with one rule more: while its first frame is not known, the first node of a streaming type that
/// is added brings it, by its start.
///
/// ```js
/// const workflow = new WorkflowLog({ sid, flowId: "flow-1" });
/// workflow.addNodeLog([new NodeLog({ nodeId: "message::7" })]);
/// workflow.toObject().first_frame_duration;
/// ```
#[wasm_bindgen(extends = NodeTraceLog)]
pub struct WorkflowLog {}

#[wasm_bindgen]
impl WorkflowLog {
    /// The log of a workflow that begins now.
    ///
    /// ```js
    /// const workflow = new WorkflowLog({ sid, streamingTypes: ["message", "reply"] });
    /// ```
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new(#[wasm_bindgen(unchecked_param_type = "WorkflowAbout")] about: &JsValue) -> Self {
        let options = Options::read(about);
        let about = About::read(&options);
        let [flow, bot] = [["flowId", "flow_id"], ["botId", "bot_id"]];
        let mut workflow = if options.get(flow).or(options.get(bot)).is_some() {
            Workflow::for_engine(&about.borrow(), &options.text(flow), &options.text(bot), about.now)
        } else {
            Workflow::new(&about.borrow(), about.now)
        };
        if let Some(types) = options.texts(["streamingTypes", "streaming_types"]) {
            workflow.streaming_types = types;
        }
        Self { parent: NodeTraceLog::begin(workflow, about).into() }
    }
}
