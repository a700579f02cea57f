//! An OTLP/HTTP server that fails on purpose.
//!
//! A [`Scenario`] is a list of steps: a fault and when it happens. [`Chaos`] plays it on a port of the loopback
//! interface with an HTTP server of its own, which rules every byte: it can reset a connection after byte *n*, answer
//! one byte a second, close its door for a while, or send a gigabyte. Requests that it accepts are read as OTLP, and
//! the ids of their spans are kept, so that the [`Report`] tells what was stored, and what was stored twice.
//!
//! ```
//! use std::time::Duration;
//! use spanloom_chaos::{Action, Chaos, RetryAfter, Scenario, Step};
//!
//! let scenario = Scenario::new("busy at first")
//!     .step(Step::new(Action::retry_after(429, RetryAfter::Seconds(1))).times(2))
//!     .step(Step::new(Action::store_then_reset()).times(1));
//! let chaos = Chaos::start(scenario)?;
//! // Point the program under test to chaos.endpoint(), then:
//! let done = chaos.wait_for(|report| report.spans.unique() == 10, Duration::from_millis(10));
//! assert!(!done); // nobody sent anything in this example
//! assert_eq!(chaos.stop().spans.duplicates(), 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The command `spanloom chaos` plays the same scenarios from files.
//!
//! A [`NetworkFault`] is for what a server cannot do: it describes a fault of a cluster's network to Chaos Mesh.
#![deny(missing_docs, unsafe_code)]
#![allow(
    clippy::disallowed_methods,
    reason = "the lists in clippy.toml bind the core; a server needs clock and threads"
)]

mod answer;
mod builtin;
mod http;
mod http_date;
mod line;
mod network_fault;
mod plan;
mod play;
mod report;
mod scenario;
mod server;
mod shared;
mod store;

pub use builtin::BUILT_IN;
pub use network_fault::{Impairment, NETWORK_PARAMETERS, NetworkFault, NetworkFaultError, Partition};
pub use report::{Outcome, Report, Request, StoredSpans};
pub use scenario::{
    Action, AfterPause, Cors, Garbage, Huge, HugeKind, Network, Numbers, PartialSuccess, PauseAfterStore,
    Redirect, Refuse, Reset, ResetAt, RetryAfter, Scenario, ScenarioError, Stall, Status, Step, Window,
};
pub use server::{Chaos, StartError};
