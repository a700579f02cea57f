//! The metrics that Dynamo's own programs have: their names, what they are and by what their series differ.
//!
//! They are tables, so that what measures, what draws dashboards and what checks them say the same. Names stand without the prefix
//! of their registry: `dynamo_component` for a component's, what `DYN_METRICS_PREFIX` says or `dynamo_frontend` for a frontend's
//! ([`frontend_prefix`](crate::meter::name::frontend_prefix)).
//!
//! ```
//! use spanloom::meter::registry::{Level, RegistryOptions, builtin};
//! use spanloom::meter::name::frontend_prefix;
//! let frontend = Level::new(RegistryOptions { prefix: frontend_prefix(None), ..RegistryOptions::default() });
//! let first_token = builtin::find(builtin::FRONTEND, "time_to_first_token_seconds").expect("it is in the table");
//! frontend.distributions(&first_token.spec(|_variable| None))?;
//! # Ok::<(), spanloom::meter::registry::RegistryError>(())
//! ```

use super::{MetricKind, MetricSpec};
use crate::meter::buckets::{
    FRONTEND_INPUT_TOKENS, FRONTEND_OUTPUT_TOKENS, FRONTEND_REQUEST_SECONDS, FRONTEND_SECONDS_BETWEEN_TOKENS,
    FRONTEND_SECONDS_TO_FIRST_TOKEN, LogBuckets,
};

/// A metric of Dynamo's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BuiltIn {
    /// Its name, without the prefix.
    pub name: &'static str,
    /// What it tells people.
    pub help: &'static str,
    /// What it does with numbers.
    pub kind: MetricKind,
    /// By what its series differ; empty for one series.
    pub label_names: &'static [&'static str],
    /// The range of its buckets, and the word in the variables that change it; `None` for those that histograms have anyway.
    pub range: Option<(&'static str, LogBuckets)>,
}

impl BuiltIn {
    /// As a registry is asked for it. The variables of the environment may change the range of its buckets, see
    /// [`LogBuckets::overridden`].
    #[must_use]
    pub fn spec(&self, look_up: impl Fn(&str) -> Option<String>) -> MetricSpec {
        let mut spec = MetricSpec::new(self.name, self.help);
        if !self.label_names.is_empty() {
            spec = spec.label_names(self.label_names.iter().copied());
        }
        spec.buckets = self.range.map(|(what, range)| range.overridden(what, look_up).bounds());
        spec
    }
}

/// The metric of this name.
#[must_use]
pub fn find<'a>(table: &'a [BuiltIn], name: &str) -> Option<&'a BuiltIn> {
    table.iter().find(|metric| metric.name == name)
}

const fn counter(name: &'static str, label_names: &'static [&'static str], help: &'static str) -> BuiltIn {
    BuiltIn { name, help, kind: MetricKind::Counter, label_names, range: None }
}

const fn gauge(name: &'static str, label_names: &'static [&'static str], help: &'static str) -> BuiltIn {
    BuiltIn { name, help, kind: MetricKind::Gauge, label_names, range: None }
}

const fn histogram(
    name: &'static str,
    label_names: &'static [&'static str],
    range: Option<(&'static str, LogBuckets)>,
    help: &'static str,
) -> BuiltIn {
    BuiltIn { name, help, kind: MetricKind::Histogram, label_names, range }
}

const MODEL: &[&str] = &["model"];
const WORKER: &[&str] = &["worker_id", "dp_rank", "worker_type"];

const SECONDS: Option<(&str, LogBuckets)> = Some(("REQUEST_DURATION", FRONTEND_REQUEST_SECONDS));
const INPUT: Option<(&str, LogBuckets)> = Some(("INPUT_SEQUENCE", FRONTEND_INPUT_TOKENS));
const OUTPUT: Option<(&str, LogBuckets)> = Some(("OUTPUT_SEQUENCE", FRONTEND_OUTPUT_TOKENS));
const TO_FIRST: Option<(&str, LogBuckets)> = Some(("TTFT", FRONTEND_SECONDS_TO_FIRST_TOKEN));
const BETWEEN: Option<(&str, LogBuckets)> = Some(("ITL", FRONTEND_SECONDS_BETWEEN_TOKENS));

/// What the label `error_type` of a component's `errors_total` says.
pub const ERROR_TYPES: [&str; 6] = [
    "deserialization",
    "invalid_message",
    "response_stream",
    "generate",
    "publish_response",
    "publish_final",
];

/// What the label `endpoint` of a frontend's requests says.
pub const FRONTEND_ENDPOINTS: [&str; 5] =
    ["completions", "chat_completions", "embeddings", "responses", "tensor"];

/// Metrics of an endpoint that does work, and of its program.
pub const COMPONENT: &[BuiltIn] = &[
    counter("requests_total", &[], "Requests that were taken on"),
    counter("request_bytes_total", &[], "Bytes of requests"),
    counter("response_bytes_total", &[], "Bytes of responses"),
    gauge("inflight_requests", &[], "Requests that are being worked on"),
    histogram("request_duration_seconds", &[], None, "Time of a request"),
    counter("errors_total", &["error_type"], "Requests that failed"),
    gauge("uptime_seconds", &[], "Time since the program began"),
    counter("kv_cache_events_applied", &["status", "event_type"], "Events of KV caches that were applied"),
    gauge("total_blocks", &[], "Blocks of the KV cache"),
    gauge("gpu_cache_usage_percent", &[], "Share of the KV cache that is in use"),
    gauge("model_load_time_seconds", &[], "Time that loading the model took"),
    counter("tasks_issued_total", &[], "Tasks that were asked for"),
    counter("tasks_started_total", &[], "Tasks that began"),
    counter("tasks_success_total", &[], "Tasks that ended well"),
    counter("tasks_cancelled_total", &[], "Tasks that were cancelled"),
    counter("tasks_failed_total", &[], "Tasks that failed"),
    counter("tasks_rejected_total", &[], "Tasks that were not taken on"),
];

/// Metrics of a frontend.
pub const FRONTEND: &[BuiltIn] = &[
    counter("requests_total", &["model", "endpoint", "request_type", "status"], "Requests that ended"),
    gauge("inflight_requests", MODEL, "Requests that have not ended"),
    gauge("queued_requests", MODEL, "Requests that wait for their first token"),
    gauge("disconnected_clients", &[], "Clients that went away before their answer was complete"),
    histogram("request_duration_seconds", MODEL, SECONDS, "Time of a request"),
    histogram("input_sequence_tokens", MODEL, INPUT, "Tokens that go in"),
    histogram("output_sequence_tokens", MODEL, OUTPUT, "Tokens that come out"),
    histogram("cached_tokens", MODEL, INPUT, "Tokens that go in and were in a cache"),
    histogram("time_to_first_token_seconds", MODEL, TO_FIRST, "Time until the first token"),
    histogram("inter_token_latency_seconds", MODEL, BETWEEN, "Time from a token to the next"),
    histogram("tokenizer_latency_ms", &["operation"], None, "Time of the tokenizer, in milliseconds"),
    counter("output_tokens_total", MODEL, "Tokens that came out"),
    gauge("model_total_kv_blocks", MODEL, "Blocks of the model's KV cache"),
    gauge("model_max_num_seqs", MODEL, "Sequences that the model works on at once, at most"),
    gauge("model_max_num_batched_tokens", MODEL, "Tokens in a batch, at most"),
    gauge("model_context_length", MODEL, "Tokens in the model's context"),
    gauge("model_kv_cache_block_size", MODEL, "Tokens in a block of the KV cache"),
    gauge("model_migration_limit", MODEL, "Times that a request may move to another worker"),
    counter(
        "model_migration_total",
        &["model", "migration_type"],
        "Requests that moved to another worker; new_request or ongoing_request",
    ),
    gauge("worker_active_decode_blocks", WORKER, "Blocks that a worker decodes with"),
    gauge("worker_active_prefill_tokens", WORKER, "Tokens that a worker prefills"),
    gauge("worker_last_time_to_first_token_seconds", WORKER, "Last time to the first token, by worker"),
    gauge("worker_last_input_sequence_tokens", WORKER, "Tokens that went in last, by worker"),
    gauge("worker_last_inter_token_latency_seconds", WORKER, "Last time between tokens, by worker"),
];

/// Metrics of the KV block manager, whose prefix is `kvbm`.
pub const BLOCK_MANAGER: &[BuiltIn] = &[
    counter("offload_blocks_d2h", &[], "Blocks that went from device to host"),
    counter("offload_blocks_h2d", &[], "Blocks that went from host to disk"),
    counter("offload_blocks_d2d", &[], "Blocks that went from device to disk"),
    counter("onboard_blocks_h2d", &[], "Blocks that came from host to device"),
    counter("onboard_blocks_d2d", &[], "Blocks that came from disk to device"),
    counter("matched_tokens", &[], "Tokens that were found in a cache"),
    gauge("host_cache_hit_rate", &[], "Share of look-ups that the host's cache answered"),
    gauge("disk_cache_hit_rate", &[], "Share of look-ups that the disk's cache answered"),
];
