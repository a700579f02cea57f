//! Counters, gauges and histograms: what a program measures beside its traces.
//!
//! How it hangs together:
//!
//! ```text
//!  handles ──add, record──▶ cells of series ──┐
//!                                            book ──collect──▶ MetricSink: OTLP, Prometheus text
//!  delta records of other hosts ──fold───────┘
//! ```
//!
//! A [`Stream`] is a metric as it leaves: name, unit, kind. It has a series for each set of [`Labels`], and each series says at a
//! collection what it stands at, as a [`Point`]. Who collects tells streams and points to a [`MetricSink`], one after
//! the other, so that a million series need no copy of a million points.

mod labels;
pub mod prometheus;
mod reading;

pub use labels::Labels;
pub use reading::{
    Buckets, Exemplar, ExponentialPoint, HistogramPoint, MetricSink, Number, Point, Reading, Stream,
    StreamKind, Temporality,
};
