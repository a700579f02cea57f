//! Registries in a hierarchy: a program, its namespaces, their components and endpoints, by the rules of NVIDIA Dynamo.
//!
//! ```text
//!  runtime ── metrics, callbacks                     scrape of a level:
//!   └─ namespace "prod" ── metrics, callbacks          1. update callbacks of this level and all below
//!       └─ component "router" ── …                     2. their metrics, merged by name
//!           └─ endpoint "generate" ── …                3. what text callbacks add
//! ```
//!
//! Each [`Level`] has metrics of its own. Their names begin with the tree's prefix, and their series have labels that tell the
//! place of the level: nobody repeats them by hand, and nobody can set them to something else. A [`MetricSpec`] is what somebody
//! wishes; a level checks it and gives the [`Family`](super::Family) to measure with, or says what is wrong.
//!
//! A scrape visits a level and all below it, each before those below it, in the order in which they were made. Metrics that have
//! one name become one family; where their kinds or help texts differ there is no text but an error. The series of a
//! level are sorted by the values of their labels. Nothing is written before all of that is known.
//!
//! [`builtin`] has the names that Dynamo's own metrics have.

pub mod builtin;
mod callback;
mod gathered;
mod level;
mod place;
mod shelf;
mod spec;
#[cfg(test)]
mod tests;

pub use callback::{CallbackError, RegistryProblem};
pub use level::{Level, RegistryOptions};
pub use place::{AUTO_LABELS, LevelKind, Place};
pub use spec::{MetricKind, MetricSpec, RegistryError};
