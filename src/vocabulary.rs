//! The attribute keys in which a record tells what its span is.
//!
//! Where OpenTelemetry has a name in its GenAI conventions v1.41.1, that name is the inner one, so that the default export
//! copies. What it has no name for stands under `spanloom.`. The names of astron-agent (`sid`, `app_id`, `uid`, `chat_id`)
//! are kept as they are: its back ends look for them.

pub mod metric;

/// Session id of the request that a workflow serves.
pub const SID: &str = "sid";
/// The application on whose behalf a workflow runs.
pub const APP_ID: &str = "app_id";
/// The user on whose behalf a workflow runs.
pub const UID: &str = "uid";
/// The conversation that a workflow belongs to.
pub const CHAT_ID: &str = "chat_id";
/// Version of the four keys above, on every span that has one of them.
pub const SPAN_VERSION: &str = "span_version";
/// The value of [`SPAN_VERSION`].
pub const SPAN_VERSION_VALUE: &str = "1.0.0";

/// What kind of step a node is, as its program said: `llm`, `tool`, ...; `workflow` for the root of a workflow.
pub const KIND: &str = "spanloom.kind";
/// The value of [`KIND`] on the root of a workflow.
pub const KIND_WORKFLOW: &str = "workflow";
/// What the user asked; on the root.
pub const QUESTION: &str = "spanloom.question";
/// What the workflow answered; on the root.
pub const ANSWER: &str = "spanloom.answer";
/// Tags of the workflow: a map of texts; on the root.
pub const TAGS: &str = "spanloom.tags";
/// Status number of the workflow; on the root.
pub const STATUS_CODE: &str = "spanloom.status_code";
/// What went into a node: a map.
pub const INPUT: &str = "spanloom.input";
/// What came out of a node: a map.
pub const OUTPUT: &str = "spanloom.output";
/// How a node is configured: a map.
pub const CONFIG: &str = "spanloom.config";
/// Ids of the nodes that follow: an array of texts.
pub const NEXT: &str = "spanloom.next";

/// Seconds from the start to the first frame of a stream, a double.
pub const FIRST_FRAME: &str = "gen_ai.response.time_to_first_chunk";

/// What the step does, in the words of the GenAI conventions.
pub const OPERATION: &str = "gen_ai.operation.name";
/// Name of a workflow.
pub const WORKFLOW_NAME: &str = "gen_ai.workflow.name";
/// Name of a tool.
pub const TOOL_NAME: &str = "gen_ai.tool.name";
/// Name of an agent.
pub const AGENT_NAME: &str = "gen_ai.agent.name";
/// The model that was asked for.
pub const REQUEST_MODEL: &str = "gen_ai.request.model";
/// The model that answered.
pub const RESPONSE_MODEL: &str = "gen_ai.response.model";
/// Whose model it is.
pub const PROVIDER: &str = "gen_ai.provider.name";
/// Host name or address of the server.
pub const SERVER_ADDRESS: &str = "server.address";
/// Port of the server.
pub const SERVER_PORT: &str = "server.port";

/// Tokens that went into a model.
pub const USAGE_INPUT: &str = "gen_ai.usage.input_tokens";
/// Tokens that came out of a model.
pub const USAGE_OUTPUT: &str = "gen_ai.usage.output_tokens";
/// Of the input tokens, those read from a cache.
pub const USAGE_CACHE_READ: &str = "gen_ai.usage.cache_read.input_tokens";
/// Of the input tokens, those written to a cache.
pub const USAGE_CACHE_WRITE: &str = "gen_ai.usage.cache_creation.input_tokens";
/// Of the output tokens, those spent on reasoning.
pub const USAGE_REASONING: &str = "gen_ai.usage.reasoning.output_tokens";
/// Tokens of the question alone.
pub const USAGE_QUESTION: &str = "spanloom.usage.question_tokens";
/// All tokens, where their number is not the sum of input and output.
pub const USAGE_TOTAL: &str = "spanloom.usage.total_tokens";
/// True where the numbers came from a stream of running totals.
pub const USAGE_CUMULATIVE: &str = "spanloom.usage.cumulative";

/// The number with which a request was answered, in the workflow engine; 0 is success.
pub const CODE: &str = "code";

/// Name of the event that an information line becomes.
pub const INFO_EVENT: &str = "INFO";
/// The text of an information line.
pub const INFO_LOG: &str = "INFO LOG";
/// Name of the event that an error line becomes.
pub const ERROR_EVENT: &str = "ERROR";
/// The text of an error line.
pub const ERROR_LOG: &str = "ERROR LOG";
/// Name of the event that an exception becomes.
pub const EXCEPTION_EVENT: &str = "exception";
/// Type of an exception.
pub const EXCEPTION_TYPE: &str = "exception.type";
/// What an exception says.
pub const EXCEPTION_MESSAGE: &str = "exception.message";
/// Where an exception came from.
pub const EXCEPTION_STACKTRACE: &str = "exception.stacktrace";
/// What kind of error ended the span.
pub const ERROR_TYPE: &str = "error.type";
/// The end that a host gave, where it was before the start: nanoseconds as a text.
pub const CLOCK_SUSPECT_END: &str = "spanloom.clock_suspect.end";
/// True on a span that was sent when it started, and has not ended.
pub const IN_PROGRESS: &str = "spanloom.in_progress";
/// Which word on a span this is: 0 when it was sent as it started. The whole span, without this, follows under the same ids.
pub const REVISION: &str = "spanloom.revision";
/// How many values of the span were cut or left out of their attribute by a limit.
pub const CUT: &str = "spanloom.cut";

/// Version of a workflow log; on a root that holds all of one. Such a root has its further fields in the keys below.
pub const LOG_VERSION: &str = "spanloom.log.version";
/// Id of a node's log; on a span that holds all of one. Such a span has its further fields in the keys below.
pub const LOG_ID: &str = "spanloom.log.id";
/// Which node of its workflow log a span is, from 0.
pub const LOG_POSITION: &str = "spanloom.log.position";
/// A log line that is not of the usual form, as it stands.
pub const LOG_LINE: &str = "spanloom.log.line";
/// How many minutes the local times in log lines are ahead of UTC; on the root.
pub const LOG_UTC_OFFSET: &str = "spanloom.log.utc_offset_minutes";
/// The usage that a workflow log says, where it is not the sum over its nodes: four numbers, question first, total last.
pub const LOG_USAGE: &str = "spanloom.log.usage";
/// Start in Unix milliseconds, where the span cannot say it.
pub const START_MS: &str = "spanloom.start_ms";
/// End in Unix milliseconds, where the span cannot say it.
pub const END_MS: &str = "spanloom.end_ms";
/// Duration in milliseconds, where it is not the difference of end and start.
pub const DURATION_MS: &str = "spanloom.duration_ms";
/// Milliseconds up to the first frame, exactly as a log says it.
pub const FIRST_FRAME_MS: &str = "spanloom.first_frame_ms";
/// Seconds up to the first cost of a node.
pub const FIRST_COST: &str = "spanloom.first_cost_s";
/// Id of the service whose workflow it is.
pub const SERVICE_ID: &str = "spanloom.service_id";
/// Id of the flow, in the workflow engine.
pub const FLOW_ID: &str = "spanloom.flow_id";
/// Id of the bot, in the workflow engine.
pub const BOT_ID: &str = "spanloom.bot_id";
/// Subsystem of the workflow.
pub const SUB: &str = "spanloom.sub";
/// Who called the workflow.
pub const CALLER: &str = "spanloom.caller";
/// Who asked for the workflow's log.
pub const LOG_CALLER: &str = "spanloom.log_caller";
/// Service texts of the workflow: a map; on the root.
pub const SRV: &str = "spanloom.srv";
/// What the status of the workflow says, where it is no error.
pub const STATUS_MESSAGE: &str = "spanloom.status_message";
/// Id of the node in its workflow.
pub const NODE_ID: &str = "spanloom.node_id";
/// Name of the node, where it is not the span's.
pub const NODE_NAME: &str = "spanloom.node_name";
/// Id of the node's function, where it is not that of the node.
pub const FUNC_ID: &str = "spanloom.func_id";
/// Type of the node's function, where it is not that of the node.
pub const FUNC_TYPE: &str = "spanloom.func_type";
/// Name of the node's function, where it is not that of the node.
pub const FUNC_NAME: &str = "spanloom.func_name";
/// What a model said.
pub const LLM_OUTPUT: &str = "spanloom.llm_output";

/// True for a key that tells what a span is or how it went: no limit leaves such an attribute out.
#[must_use]
pub fn is_reserved(key: &str) -> bool {
    const RESERVED: [&str; 29] = [
        SID,
        APP_ID,
        UID,
        CHAT_ID,
        SPAN_VERSION,
        KIND,
        QUESTION,
        ANSWER,
        STATUS_CODE,
        INPUT,
        OUTPUT,
        CONFIG,
        NEXT,
        FIRST_FRAME,
        OPERATION,
        WORKFLOW_NAME,
        TOOL_NAME,
        AGENT_NAME,
        REQUEST_MODEL,
        USAGE_INPUT,
        USAGE_OUTPUT,
        USAGE_CACHE_READ,
        USAGE_CACHE_WRITE,
        USAGE_REASONING,
        USAGE_QUESTION,
        USAGE_TOTAL,
        USAGE_CUMULATIVE,
        ERROR_TYPE,
        "error",
    ];
    RESERVED.contains(&key)
}

/// The GenAI operation of a kind of node; `None` for kinds that the conventions do not know.
#[must_use]
pub fn operation_of(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "llm" | "chat" => "chat",
        "completion" => "text_completion",
        "generate" => "generate_content",
        "tool" | "plugin" => "execute_tool",
        "agent" => "invoke_agent",
        "retriever" | "retrieval" | "knowledge" => "retrieval",
        "embedding" | "embeddings" => "embeddings",
        KIND_WORKFLOW => "invoke_workflow",
        _ => return None,
    })
}
