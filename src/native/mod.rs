//! The native runtime: the handles that a Rust program records with, and the only place that knows threads, the system's
//! clock and randomness, and files.
//!
//! ```text
//!  Workflow, Node ──calls──▶ SpanBuilder (one per open span, from the thread's pool)
//!        end ──record──▶ the thread's buffer ──64 KiB or flush──▶ Delivery ──▶ sinks
//!                                                   (tail sampler, redactor)
//! ```
//!
//! [`Loom`] is the handle; [`Workflow`] and [`Node`] record. While a span runs its [`SpanBuilder`](crate::record::SpanBuilder)
//! is its own; when it ends the record is copied into the thread's buffer. Only a full buffer, or a flush, meets other threads.
//! With a tail sampler the end of a workflow does, too: first what all threads recorded is taken on, then the end.

pub(crate) mod bridges;
mod chunk;
mod clock;
mod core;
mod current;
mod cycles;
mod delivery;
mod entropy;
mod export;
mod folder_store;
mod here;
mod loom;
mod node;
mod suppress;
mod workflow;

pub use self::core::Ledger;
pub use clock::system_unix_nanos;
pub use current::{Current, Entered, InNode, current};
pub use export::{Exporter, FileExporter, MemoryExporter, Outgoing};
pub use folder_store::FolderStore;
pub use loom::{Loom, LoomBuilder, Receipt};
pub use node::{Node, NodeBuilder, Span};
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
    delivery: delivery::Delivery,
}
