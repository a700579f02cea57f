//! The face for JavaScript: classes and objects over the core, bound by wasm-bindgen.
//!
//! It holds no logic: each class wraps a type of the core, in a file of its own. Built by `cargo xtask wasm`, apart from
//! the plain module, because features unify within one cargo invocation.
//!
//! # How values cross
//!
//! ```text
//!  any JavaScript value ──visit──▶ bounded ValueSink ──▶ Value ──▶ core
//!  JavaScript object    ◀──give───────────────────────── Value ◀── core
//!  fixed shapes, reports ◀──serde-wasm-bindgen──────────────────── core
//! ```
//!
//! What a program hands over is walked by `visit` alone: it asks the value everything through guarded calls, so a
//! getter or a proxy that throws costs one value and nothing more.
//!
//! # What never happens
//!
//! - A tracing call throws. Constructors and parsers do: an `Error` whose `name` tells the kind. The exception is a
//!   handle used after its `free()`: wasm-bindgen's glue throws there, before any code of ours runs.
//! - User code runs while a log is borrowed: values are read first, so a getter may use the very log it is read for.
#![deny(missing_docs)]

mod args;
mod carrier;
mod context;
mod error;
mod give;
mod host;
mod meter;
mod node_log;
mod node_trace_log;
mod otlp;
mod redactor;
mod sid;
mod sid_generator;
mod visit;
mod workflow_log;

use wasm_bindgen::prelude::wasm_bindgen;

pub use context::Context;
pub use meter::{Counter, Gauge, Histogram, Meter};
pub use node_log::NodeLog;
pub use node_trace_log::NodeTraceLog;
pub use otlp::{
    logs_from_json, logs_to_json, metrics_from_json, metrics_to_json, records_to_otlp, records_to_otlp_json,
    traces_from_json, traces_to_json,
};
pub use redactor::Redactor;
pub use sid::Sid;
pub use sid_generator::SidGenerator;
pub use workflow_log::WorkflowLog;

/// The version of spanloom in this module.
#[wasm_bindgen]
#[must_use]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
