//! spanloom traces workflows: agents, LLM pipelines, any graph of steps.
//!
//! A program makes one [`Loom`]. A run of a workflow is a [`Workflow`], each of its steps
//! a [`Node`]. What they record is written as OpenTelemetry protobuf (OTLP) at once, span by span, and goes
//! to exporters: over OTLP, into memory, into a file, to code of your own.
//!
#![cfg_attr(feature = "native", doc = "```")]
#![cfg_attr(not(feature = "native"), doc = "```ignore")]
//! use spanloom::loom::TextOptions;
//! use spanloom::{Loom, MemoryExporter, Usage};
//!
//! let memory = MemoryExporter::new();
//! let loom = Loom::builder().service("planner").exporter(memory.clone()).build();
//!
//! let run = loom.workflow("answer").question("Will it rain in Paris?").start();
//! let mut plan = run.node("plan").kind("llm").start();
//! plan.usage(Usage { prompt: 812, completion: 64, ..Usage::default() });
//! plan.end();
//! let weather = run.node("weather").kind("tool").run(|node| {
//!     node.input("city", "Paris");
//!     Err::<(), _>("no route")
//! });
//! assert!(weather.is_err());
//! run.end();
//!
//! let receipt = loom.flush(std::time::Duration::from_secs(5));
//! assert_eq!((receipt.delivered, receipt.pending), (3, 0));
//! assert_eq!(
//!     memory.tree_text(&TextOptions::stable()),
//!     "answer  workflow  812 in, 64 out
//! ├─ plan  llm  812 in, 64 out
//! └─ weather  tool  error: no route
//! "
//! );
//! ```
//!
//! # What is in it
//!
//! | module | what |
//! |---|---|
//! | [`native`] | the handles above, exporters, the spool's files, bridges; the only module that knows threads, clock, files and sockets |
//! | [`record`] | records: OTLP spans in envelopes, the builder that writes them, what hosts in other languages send |
//! | [`loom`] | from records to workflow trees, and their picture as text |
//! | [`workflow`] | workflow logs (`NodeLog`, `NodeTraceLog`, `WorkflowLog`): a view of spans, and back |
//! | [`otlp`] | OTLP protobuf and JSON, both ways |
//! | [`deliver`] | batches, repeats and accounts: the state machine between records and a transport |
//! | [`context`] | `traceparent`, `tracestate`, `baggage` and `x-request-id` in any header map |
//! | [`sample`], [`redact`], [`offload`] | which runs are kept; secrets taken out; large values moved out |
//! | [`meter`], [`serving`] | names and buckets of metrics; latency and throughput of a benchmark |
//! | [`spool`] | records on disk: what was written survives the death of its process |
//! | [`value`], [`json`], [`vocabulary`] | values of attributes, JSON without loss, names of attributes |
//! | [`health`] | whether the program and its endpoints are ready, and what probes are told |
//! | [`config`] | settings from the environment and a YAML file |
//! | [`host`] | the clock and randomness that a test rules itself |
//!
//! All but `native` do no I/O and ask nobody for the time: the same input gives the same bytes on every target. Nothing
//! there panics or recurses over its input.
//!
//! # Features
//!
//! - `native` (default): [`native`]. Without it the crate is the core alone, which also compiles to WebAssembly.
//! - `yaml` (default): configuration files.
//! - `otlp-http` (default): spans over OTLP/HTTP, with TLS, gzip and proxies.
//! - `otlp-grpc`: spans over OTLP/gRPC.
//! - `regex`: regular expressions as matchers of the redactor.
//! - `serde`: serde's traits for values, SIDs, usage and workflow logs.
//! - `tracing`: `tracing`, a layer that records tracing spans, and `logs`, one that writes log lines with trace ids.
//! - `tower`: health as a tower service, for axum, tonic and hyper.
//! - `opentelemetry`: `opentelemetry`, a provider behind OpenTelemetry's API.
//! - `opentelemetry-sdk`: `opentelemetry_sdk`, an exporter for OpenTelemetry's SDK.
//!
//! # Not supported yet
//!
//! - packages for JavaScript and Python: their modules are there, the packages are not.
//!
//! # Where to read on
//!
//! [`examples/demo.rs`](https://github.com/spanloom/spanloom/blob/main/examples/demo.rs) is a whole agent. In the
//! repository `docs/records.md` tells what is written, byte by byte, `docs/bridges.md` how what is instrumented already
//! records into a loom, `ARCHITECTURE.md` how the parts hang together.
#![deny(missing_docs, unsafe_code)]
// The overview names what only the native feature has.
#![cfg_attr(not(feature = "native"), allow(rustdoc::broken_intra_doc_links))]
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

mod calendar;
pub mod config;
pub mod context;
pub mod deliver;
pub mod health;
pub mod host;
mod id;
pub mod json;
pub mod loom;
pub mod meter;
#[cfg(all(feature = "native", not(target_arch = "wasm32")))]
pub mod native;
pub mod offload;
pub mod otlp;
pub mod record;
pub mod redact;
pub mod sample;
#[cfg(feature = "serde")]
mod serde_impls;
pub mod serving;
mod sid;
pub mod spool;
mod usage;
pub mod value;
pub mod vocabulary;
pub mod workflow;

pub use config::Config;
pub use id::{IdError, SpanId, TraceId};
pub use sid::{Sid, SidConfig, SidError, SidGenerator};
pub use usage::{Usage, UsageMode};

/// Holds the examples of the README to what is there.
#[cfg(all(doctest, feature = "native"))]
#[doc = include_str!("../README.md")]
pub struct Readme;
#[cfg(all(feature = "opentelemetry", not(target_arch = "wasm32")))]
pub use native::bridges::opentelemetry;
#[cfg(all(feature = "opentelemetry-sdk", not(target_arch = "wasm32")))]
pub use native::bridges::opentelemetry_sdk;
#[cfg(all(feature = "tracing", not(target_arch = "wasm32")))]
pub use native::bridges::{logs, tracing};
#[cfg(all(feature = "native", not(target_arch = "wasm32")))]
pub use native::{
    Counter, Current, Endpoint, Entered, Exporter, FileExporter, Gauge, Health, HealthBuilder, Histogram,
    InNode, Ledger, Loom, LoomBuilder, MemoryExporter, Meter, MetricExporter, Node, NodeBuilder, Outgoing,
    Receipt, SetupError, Span, UpDownCounter, Workflow, WorkflowBuilder, current,
};
