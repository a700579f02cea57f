//! Where the numbers of a series are kept: cells that many threads write to without waiting for each other.
//!
//! The first thread that writes to a cell owns it, and then adds by a plain load and store, since nobody else writes there.
//! When a second thread comes the cell is marked as contended: from then on each thread has a stripe of its own, and a reading
//! is the sum of all of them.
//!
//! ```text
//!  one writer                       many writers
//!  ┌───────┬─────┐                  ┌───────────┬─────┐   ┌─ stripe 1 ─┬─ stripe 2 ─┬─ ... ─┬─ shared ─┐
//!  │ owner │ own │                  │ contended │ own │ + │            │            │       │          │
//!  └───────┴─────┘                  └───────────┴─────┘   └────────────┴────────────┴───────┴──────────┘
//! ```
//!
//! A plain load and store is no atomic addition: it loses nothing only because a [`Slot`] belongs to one living thread. Threads
//! that got no slot of their own add atomically to the shared stripe.

mod exponential;
mod gauge;
mod histogram;
mod owner;
mod sum;

pub use exponential::ExponentialCell;
pub use gauge::GaugeCell;
pub use histogram::{HistogramCell, HistogramState};
pub use owner::Slot;
pub use sum::SumCell;
