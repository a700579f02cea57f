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
//!
//! What a program calls its metrics is brought into the form that Prometheus reads by the rules of [`name`]; the bounds
//! between the buckets of its histograms are lists, given or computed, that [`buckets`] has and checks. A [`registry`] has
//! metrics in a hierarchy, as NVIDIA Dynamo's programs have them.

mod book;
#[cfg(test)]
mod book_tests;
pub mod buckets;
mod cell;
mod example;
mod exponential;
mod family;
mod feed;
mod fold;
mod instrument;
mod labels;
pub mod name;
mod number;
pub mod prometheus;
mod reader;
mod reading;
pub mod registry;
mod scrape;
mod state;
mod view;

pub use book::{Book, BookOptions, Collected, MeterProblems, Saying};
pub use cell::{ExponentialCell, GaugeCell, HistogramCell, HistogramState, Slot, SumCell};
pub use exponential::ExponentialState;
pub use family::{Family, Series};
pub use feed::{Feed, Hand};
pub use fold::Fold;
pub use instrument::{Instrument, InstrumentError, InstrumentKind};
pub use labels::Labels;
pub use number::{Amount, Number};
pub use reader::Reader;
pub use reading::{
    Buckets, Exemplar, ExponentialPoint, HistogramPoint, MetricSink, Point, Reading, Stream, StreamKind,
    Temporality,
};
pub use scrape::Scrape;
pub use state::{Cell, DistributionCell, Shape, State};
pub use view::{Aggregation, View};
