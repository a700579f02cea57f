//! The names of the metrics that are measured without being asked for, and of their labels.
//!
//! Ours begin with `spanloom.`, and their labels are one or two words. What begins with `gen_ai.` is named, and labelled, by OpenTelemetry's
//! GenAI conventions: up to v1.41.1, or as they are developed after that; never both at once. The rest is the workflow engine's.

/// Runs of workflows that ended.
pub const WORKFLOW_RUNS: &str = "spanloom.workflow.runs";
/// Runs of workflows that failed.
pub const WORKFLOW_ERRORS: &str = "spanloom.workflow.errors";
/// How long runs of workflows took.
pub const WORKFLOW_DURATION: &str = "spanloom.workflow.duration";
/// How long runs of workflows took up to their first frame.
pub const WORKFLOW_FIRST_FRAME: &str = "spanloom.workflow.first_frame";
/// Tokens of workflows.
pub const WORKFLOW_TOKENS: &str = "spanloom.workflow.tokens";
/// Of the tokens of workflows: those of some sort.
pub const WORKFLOW_TOKEN_DETAILS: &str = "spanloom.workflow.token_details";
/// Nodes that ended.
pub const NODE_RUNS: &str = "spanloom.node.runs";
/// Nodes that failed.
pub const NODE_ERRORS: &str = "spanloom.node.errors";
/// How long nodes took.
pub const NODE_DURATION: &str = "spanloom.node.duration";
/// How long nodes took up to their first frame.
pub const NODE_FIRST_FRAME: &str = "spanloom.node.first_frame";
/// Tokens of nodes.
pub const NODE_TOKENS: &str = "spanloom.node.tokens";
/// Of the tokens of nodes: those of some sort.
pub const NODE_TOKEN_DETAILS: &str = "spanloom.node.token_details";

/// Spans, or points of metrics, that a destination was given.
pub const EXPORTER_ACCEPTED: &str = "spanloom.exporter.accepted";
/// Spans, or points, that a destination has.
pub const EXPORTER_DELIVERED: &str = "spanloom.exporter.delivered";
/// Spans, or points, that a destination refused.
pub const EXPORTER_REJECTED: &str = "spanloom.exporter.rejected";
/// Spans, or points, that were lost on their way to a destination.
pub const EXPORTER_DROPPED: &str = "spanloom.exporter.dropped";
/// Spans, or points, that are on their way to a destination.
pub const EXPORTER_PENDING: &str = "spanloom.exporter.pending";
/// Spans that were lost before any destination was given them.
pub const RECORDER_DROPPED: &str = "spanloom.recorder.dropped";
/// Spans that ended, and that not all destinations have.
pub const RECORDER_PENDING: &str = "spanloom.recorder.pending";
/// Spans that sampling left out.
pub const RECORDER_SAMPLED_OUT: &str = "spanloom.recorder.sampled_out";
/// Spans that an earlier process left in the spool.
pub const RECORDER_RECOVERED: &str = "spanloom.recorder.recovered";
/// Calls that made no sense.
pub const RECORDER_MISUSE: &str = "spanloom.recorder.misuse";
/// Bytes of the spool's own files.
pub const SPOOL_BYTES: &str = "spanloom.spool.bytes";
/// Bytes that wait to be written into the spool.
pub const SPOOL_WAITING: &str = "spanloom.spool.waiting";
/// Records in the spool that are not settled.
pub const SPOOL_UNSETTLED: &str = "spanloom.spool.unsettled";
/// How often the file system failed the spool.
pub const SPOOL_FAILURES: &str = "spanloom.spool.failures";

/// Label: the name of a workflow.
pub const LABEL_WORKFLOW: &str = "workflow";
/// Label: the kind of a node.
pub const LABEL_KIND: &str = "kind";
/// Label: the model that was asked for, else the one that answered.
pub const LABEL_MODEL: &str = "model";
/// Label: `ok` or `error`.
pub const LABEL_STATUS: &str = "status";
/// Label: what tokens are: `input`, `output` or `other`; of token details `cache_read`, `cache_write` or `reasoning`.
pub const LABEL_TOKEN_TYPE: &str = "token.type";
/// Label: the name of a destination.
pub const LABEL_DESTINATION: &str = "destination";
/// Label: what a destination is given: `traces` or `metrics`.
pub const LABEL_SIGNAL: &str = "signal";
/// Label: why something was lost.
pub const LABEL_REASON: &str = "reason";

/// Tokens of an operation, up to v1.41.1.
pub const GEN_AI_TOKEN_USAGE: &str = "gen_ai.client.token.usage";
/// How long an operation took; in later versions only where it is no inference.
pub const GEN_AI_OPERATION_DURATION: &str = "gen_ai.client.operation.duration";
/// How long it took up to the first chunk, up to v1.41.1.
pub const GEN_AI_FIRST_CHUNK: &str = "gen_ai.client.operation.time_to_first_chunk";
/// How long a workflow took, up to v1.41.1.
pub const GEN_AI_WORKFLOW_DURATION: &str = "gen_ai.workflow.duration";
/// Label: what tokens are, up to v1.41.1.
pub const GEN_AI_TOKEN_TYPE: &str = "gen_ai.token.type";

/// How long an inference took, in later versions.
pub const GEN_AI_INFERENCE_DURATION: &str = "gen_ai.client.inference.duration";
/// How long an inference took up to the first chunk, in later versions.
pub const GEN_AI_INFERENCE_FIRST_CHUNK: &str = "gen_ai.client.inference.time_to_first_chunk";
/// Input tokens of an inference, in later versions.
pub const GEN_AI_INFERENCE_INPUT: &str = "gen_ai.client.inference.operation.input_tokens";
/// Output tokens of an inference, in later versions.
pub const GEN_AI_INFERENCE_OUTPUT: &str = "gen_ai.client.inference.operation.output_tokens";
/// Input tokens of all inferences, in later versions.
pub const GEN_AI_USAGE_INPUT: &str = "gen_ai.client.inference.usage.input_tokens";
/// Output tokens of all inferences, in later versions.
pub const GEN_AI_USAGE_OUTPUT: &str = "gen_ai.client.inference.usage.output_tokens";
/// Of the input tokens, those read from a cache, in later versions.
pub const GEN_AI_USAGE_CACHE_READ: &str = "gen_ai.client.inference.usage.cache_read.input_tokens";
/// Of the input tokens, those written to a cache, in later versions.
pub const GEN_AI_USAGE_CACHE_WRITE: &str = "gen_ai.client.inference.usage.cache_write.input_tokens";
/// Of the output tokens, those spent on reasoning, in later versions.
pub const GEN_AI_USAGE_REASONING: &str = "gen_ai.client.inference.usage.reasoning.output_tokens";
/// How long a workflow took, in later versions.
pub const GEN_AI_INVOKE_WORKFLOW: &str = "gen_ai.invoke_workflow.duration";
/// How long an agent took, in later versions.
pub const GEN_AI_INVOKE_AGENT: &str = "gen_ai.invoke_agent.duration";
/// How long a tool took, in later versions.
pub const GEN_AI_EXECUTE_TOOL: &str = "gen_ai.execute_tool.duration";
/// Label: whether tokens are of text, images or sounds, in later versions.
pub const GEN_AI_TOKEN_MODALITY: &str = "gen_ai.token.modality";

/// Requests that a program answered, by the code with which it did.
pub const SERVER_REQUESTS: &str = "server_request_total";
/// How long requests took that a program answered.
pub const SERVER_REQUEST_MICROSECONDS: &str = "server_request_time_microseconds";
/// Requests that a program made.
pub const RELY_SERVER_REQUESTS: &str = "rely_server_request";
/// How long requests took.
pub const SERVER_REQUEST_TIME: &str = "server_request_time";
/// How long requests took, by application.
pub const SERVER_APPID_REQUEST_TIME: &str = "server_appid_request_time";
/// How long requests took that a program made.
pub const RELY_SERVER_REQUEST_TIME: &str = "rely_server_request_time";
/// Requests that a program answers at the moment.
pub const SERVER_CONCURRENCY: &str = "server_conc";
/// Requests of a program that are on their way at the moment.
pub const RELY_SERVER_CONCURRENCY: &str = "rely_server_conc";

/// Label of the workflow engine's metrics: the data centre.
pub const LABEL_DC: &str = "dc";
/// Label of the workflow engine's metrics: the address of the machine.
pub const LABEL_SERVER_HOST: &str = "server_host";
/// Label of the workflow engine's metrics: the service.
pub const LABEL_SERVER_NAME: &str = "server_name";
/// Label of the workflow engine's metrics: the application on whose behalf a request is answered.
pub const LABEL_APP_ID: &str = "app_id";
/// Label of the workflow engine's metrics: what answers the request.
pub const LABEL_FUNC: &str = "func";
/// Label of the workflow engine's metrics: the process.
pub const LABEL_PID: &str = "pid";
/// Label of the workflow engine's metrics: the code; 0 is success.
pub const LABEL_RET: &str = "ret";
