//! The native runtime: the handles that a Rust program records with, and the only place that knows threads, the system's
//! clock and randomness, and files.
//!
//! ```text
//!  Workflow, Node ──calls──▶ SpanBuilder (one per open span, from the thread's pool)
//!        end ──record──▶ the thread's chunk ──a megabyte, or now and then──▶ loom's thread
//!                                                                 (tail sampler, redactor)
//!                                                                          │ offers
//!                                       exporter ◀── its own thread ◀── Outlet (queue, retries, ledger)
//! ```
//!
//! [`Loom`] is the handle; [`Workflow`] and [`Node`] record. While a span runs its [`SpanBuilder`](crate::record::SpanBuilder)
//! is its own; when it ends the record is appended to a chunk that only this thread writes. Nothing there waits for another
//! thread. The loom's thread takes what all threads recorded to the destinations, each of which has a queue, a
//! [state machine](crate::deliver) and a thread of its own: one that is slow or gone holds up no other.
//! With a tail sampler the end of a workflow does meet other threads: first what all threads recorded is taken on, then the end.

pub(crate) mod bridges;
mod chunk;
mod clock;
mod config;
mod core;
mod current;
mod cycles;
mod entropy;
mod export;
#[cfg(feature = "tracing")]
mod filter_files;
mod folder_store;
mod fork;
mod from_config;
mod health;
mod here;
mod host_ip;
mod ledger;
mod loom;
pub mod meter;
mod node;
mod outlet;
mod pipeline;
mod sids;
mod spool_files;
mod stderr;
mod store;
mod stream;
mod suppress;
mod thread_buffer;
mod workflow;

pub use clock::system_unix_nanos;
pub use current::{Current, Entered, InNode, current};
pub use export::{
    Console, Exporter, FileExporter, MemoryExporter, MetricExporter, Outgoing, OutgoingMetrics,
};
#[cfg(feature = "otlp-http")]
pub use export::{Encoding, OtlpHttp, OtlpHttpBuilder};
#[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
pub use export::{ExporterError, Pem};
#[cfg(feature = "otlp-grpc")]
pub use export::{OtlpGrpc, OtlpGrpcBuilder};
pub use folder_store::FolderStore;
pub use from_config::SetupError;
#[cfg(feature = "tower")]
pub use health::HealthService;
pub use health::{Activity, Endpoint, Health, HealthBuilder, ServeError};
pub use ledger::{Ledger, Points, Receipt};
pub use loom::{Loom, LoomBuilder};
pub use meter::{Counter, Gauge, Histogram, Meter, MetricOptions, UpDownCounter};
pub use node::{Node, NodeBuilder, Span};
pub use spool_files::FolderFiles;
pub use store::SpoolConfig;
pub use suppress::{is_suppressed, suppress};

pub use workflow::{Workflow, WorkflowBuilder};

/// What a loom is made of.
struct Parts {
    time: clock::TimeSource,
    ids: entropy::IdSource,
    limits: crate::record::Limits,
    sampler: crate::sample::Sampler,
    live_view: bool,
    random_flag: bool,
    disabled: bool,
    pipeline: pipeline::Pipeline,
    outlets: Vec<std::sync::Arc<outlet::Outlet>>,
    recipe: core::Recipe,
}
