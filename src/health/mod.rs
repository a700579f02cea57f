//! Health: whether a program, and each of its endpoints, can be used, and what probes are told.
//!
//! ```text
//!  register, unregister ──▶ ┌───────┐ ──status──▶ worker:   /health, /live   200 or 503
//!  checked ───────────────▶ │ Board │ ──status_of─▶         /health/<endpoint>
//!     ▲                     └───────┘ ──summary──▶ what checks have found
//!     │ Ready, NotReady         instances ───────▶ frontend: /health, /live
//!  ┌────────┐
//!  │ Canary │ ◀── watch, active (an endpoint is in use), the time
//!  └────────┘
//! ```
//!
//! [`Board`] holds what is known and the rule by which the program is ready. [`Canary`] decides when an endpoint that nobody
//! uses is checked. The bodies are those of Dynamo's workers and frontends, byte for byte; [`Paths`] and [`Answer`] are
//! all that a server needs of HTTP. [`Exporters`] adds how exporters are doing, where that is asked for.
//!
//! Nothing here knows the time, a socket or a thread: times come in as durations since any fixed moment. Native programs use
//! the `Health` of [`native`](crate::native), which has all of it. The repository's `docs/health.md` is the page for users.

mod answer;
mod board;
mod canary;
mod exporters;
mod frontend;
mod status;
mod worker;

pub use answer::{Answer, Paths, Route};
pub use board::{Board, Watched};
pub use canary::{Canary, CanaryOptions, CheckId, NextCheck};
pub use exporters::{Condition, ExporterHealth, Exporters};
pub use frontend::{Instance, frontend_health, frontend_live};
pub use status::Status;
