//! Workflow logs: [`NodeLog`], [`NodeTraceLog`] and [`WorkflowLog`], the JSON documents of astron-agent.
//!
//! They are plain data: fields that anybody may set, and operations for the program that fills one in while it runs.
//! Nothing here looks at a clock or makes ids; both come in as arguments. A log *tells* itself to a
//! [`ValueSink`](crate::value::ValueSink), fields in their fixed order, so [`to_json`](NodeTraceLog::to_json) is the
//! JSON writer behind that, and [`Offload`](crate::offload::Offload) may stand in between.
//!
//! A log is also a view of spans: [`to_spans`] makes OTLP spans that hold all of it, [`from_spans`] makes a log of any
//! spans, ours or foreign ones.

mod fields;
mod foreign;
mod from_spans;
mod line;
mod node;
mod parts;
mod stream;
mod to_spans;
mod trace;

pub use fields::LogError;
pub use from_spans::{from_records, from_spans};
pub use line::{Level, LogLine};
pub use node::{NodeAbout, NodeData, NodeLog};
pub use parts::{Entries, Number, Status, TokenUsage, put_entry, uuid4_hex};
pub use stream::WorkflowLog;
pub use to_spans::{SpanOptions, to_records, to_spans};
pub use trace::{LOG_VERSION, NodeTraceLog, TraceAbout};
