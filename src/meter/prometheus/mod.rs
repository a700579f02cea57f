//! Metrics as text that Prometheus reads.
//!
//! How it works: each stream gets a family, that is a name, a type and a description, by the rules that OpenTelemetry has
//! for Prometheus. Each series is then a line, or several for a histogram, and goes out at once. Held in memory are one piece
//! of text of some 16 KiB and, so that no series stands twice, eight bytes for each series of the family that is
//! being written.
//!
//! Two ways lead here:
//!
//! - [`PrometheusText`] is a [`MetricSink`](super::MetricSink): what is told is written in that order.
//! - [`Families`] takes several collections that can be asked twice, puts streams of one name together and sorts the
//!   families by name.
//!
//! [`negotiate`] finds the [`Format`] that a request asks for.

mod escape;
mod exponential;
mod families;
mod family;
mod format;
mod histogram;
mod label_text;
mod name;
mod number;
mod options;
mod page;
mod samples;
mod seen;
#[cfg(test)]
mod tests;
mod text;

pub use families::{Families, FamilyError, MetricSource};
pub use format::{Format, negotiate};
pub use name::{label_name, metric_name};
pub use options::{Naming, OnConflict, PrometheusOptions, Scope, Skipped, Written};
pub use text::PrometheusText;
