//! Health of a native program: one handle that knows, checks, and answers.
//!
//! ```text
//!  Endpoint (guard) ─ready─▶ ┌────────┐ ◀─answer─ server's threads, tower service, your own server
//!     │ check(...)           │ Health │ ◀─what came of it─┐
//!     └────────────────────▶ └────────┘ ──due──▶ canary's thread ──▶ a thread for each check
//! ```
//!
//! What is known is in [`crate::health`], behind one lock that nobody holds while a check runs or a socket is read. There is
//! no thread before the first check or server, and all of them end when the last handle is gone. A check that hangs keeps
//! its thread, but no other check waits for it, and there are eight at most.
//!
//! A forked process has what its parent knew. It checks nothing and serves nothing until it is told to.

mod answers;
mod builder;
mod endpoint;
mod handle;
mod http1;
mod monitor;
mod serve;
#[cfg(feature = "tower")]
mod tower;

pub use builder::HealthBuilder;
pub use endpoint::{Activity, Endpoint};
pub use handle::Health;
pub use serve::ServeError;
#[cfg(feature = "tower")]
pub use tower::HealthService;
