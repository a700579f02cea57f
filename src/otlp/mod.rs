//! OTLP: the protobuf messages in which spans live inside this crate, on disk and on the wire.
//!
//! [`wire`] has the primitives, [`any`] values and key-value pairs, [`span`] the `Span` message, [`log_record`] the
//! `LogRecord`. Requests are written by copying such messages behind a [`Resource`] and a [`Scope`] ([`encode_traces`],
//! [`encode_logs`]); a collection of metrics is written as it is told ([`metrics`]). Reading is done in place, by views that borrow the bytes; writing appends to a buffer.

pub mod any;
pub mod convention;
mod export;
pub mod json;
pub mod log_record;
mod logs;
pub mod metrics;
mod response;
pub mod span;
mod traces;
pub mod wire;

pub use export::{Resource, ResourceGroup, ResourceView, Scope, ScopeGroup, ScopeView};
pub use logs::{FoundLogRecord, LogsView, decode_logs, encode_logs, logs_len};
pub use metrics::{FoundMetric, MetricsRequest, MetricsView, MetricsWriter, decode_metrics, encode_metrics};
pub use response::{ExportResponse, RpcStatus, Signal};
pub use traces::{FoundSpan, TracesView, decode_traces, encode_traces, traces_len};
pub use wire::DecodeError;
