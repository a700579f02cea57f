//! spanloom traces workflows: agents, LLM pipelines, any graph of steps.
#![deny(missing_docs, unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::todo,
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        clippy::disallowed_methods
    )
)]

// The same tests run natively, in Node and in Chromium: see tests/on-wasm.
#[cfg(all(test, target_arch = "wasm32", target_os = "unknown"))]
#[macro_use]
extern crate spanloom_on_wasm;

pub mod context;
pub mod host;
mod id;
pub mod json;
pub mod loom;
#[cfg(all(feature = "native", not(target_arch = "wasm32")))]
pub mod native;
pub mod offload;
pub mod otlp;
pub mod record;
pub mod redact;
pub mod sample;
#[cfg(feature = "serde")]
mod serde_impls;
mod sid;
mod usage;
pub mod value;
pub mod vocabulary;
pub mod workflow;

pub use id::{IdError, SpanId, TraceId};
pub use sid::{Sid, SidConfig, SidError, SidGenerator};
pub use usage::{Usage, UsageMode};

/// Holds the examples of the README to what is there.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
#[cfg(all(feature = "native", not(target_arch = "wasm32")))]
pub use native::{
    FileSink, Ledger, Loom, LoomBuilder, MemorySink, Node, NodeBuilder, Outgoing, Receipt, RecordSink, Span,
    Workflow, WorkflowBuilder,
};
