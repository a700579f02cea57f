//! What a collection tells: streams, and the points of their series.

use super::{Labels, Number};
use crate::{SpanId, TraceId};

/// A metric as it leaves: its points follow, one for each series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stream<'a> {
    /// Its name.
    pub name: &'a str,
    /// The unit of its numbers, as UCUM writes it; empty for none.
    pub unit: &'a str,
    /// What it tells people; may be empty.
    pub description: &'a str,
    /// What its points are.
    pub kind: StreamKind,
}

/// What the points of a stream are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StreamKind {
    /// The last number that was said.
    Gauge,
    /// A sum of all that was added.
    Sum {
        /// It never goes down.
        monotonic: bool,
        /// Since when it is summed.
        temporality: Temporality,
    },
    /// How many numbers fell between fixed bounds.
    Histogram {
        /// Since when they are counted.
        temporality: Temporality,
    },
    /// How many numbers fell into buckets whose bounds grow by a factor.
    Exponential {
        /// Since when they are counted.
        temporality: Temporality,
    },
}

/// Since when a point counts. The numbers are OTLP's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Temporality {
    /// Since the collection before.
    Delta = 1,
    /// Since the series began.
    Cumulative = 2,
}

/// What one series stands at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point<'a> {
    /// Which series it is.
    pub labels: &'a Labels,
    /// Since when it counts, in nanoseconds since 1970; 0 where it stands for a moment.
    pub start_unix_nano: u64,
    /// When it was collected.
    pub time_unix_nano: u64,
    /// What it stands at.
    pub reading: Reading<'a>,
    /// Examples of what was measured, with the spans that they were measured in.
    pub exemplars: &'a [Exemplar],
}

/// What a point stands at, by the kind of its stream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reading<'a> {
    /// Of a gauge or a sum.
    Number(Number),
    /// Of a histogram.
    Histogram(HistogramPoint<'a>),
    /// Of an exponential histogram.
    Exponential(ExponentialPoint<'a>),
}

/// How many numbers fell between fixed bounds. The count of all is the sum of `counts`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HistogramPoint<'a> {
    /// Upper bounds, each belonging to its bucket; strictly increasing.
    pub bounds: &'a [f64],
    /// One more than bounds: the last counts what is above all of them.
    pub counts: &'a [u64],
    /// The sum of the numbers.
    pub sum: Option<f64>,
    /// The least of them.
    pub min: Option<f64>,
    /// The greatest of them.
    pub max: Option<f64>,
}

impl HistogramPoint<'_> {
    /// How many numbers there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }
}

/// How many numbers fell into buckets of a base-2 exponential histogram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExponentialPoint<'a> {
    /// How fine it is: the bounds are powers of 2^(2^-scale).
    pub scale: i32,
    /// How many numbers are zero.
    pub zero_count: u64,
    /// Magnitudes up to this one count as zero.
    pub zero_threshold: f64,
    /// Numbers above zero.
    pub positive: Buckets<'a>,
    /// Numbers below zero, by magnitude.
    pub negative: Buckets<'a>,
    /// How many numbers there were: also those that are no finite number, which are in no bucket.
    pub count: u64,
    /// The sum of the numbers.
    pub sum: Option<f64>,
    /// The least of them.
    pub min: Option<f64>,
    /// The greatest of them.
    pub max: Option<f64>,
}

/// Neighbouring buckets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Buckets<'a> {
    /// The index of the first one.
    pub offset: i32,
    /// How many numbers each has.
    pub counts: &'a [u64],
}

/// A number as it was measured, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar {
    /// When.
    pub time_unix_nano: u64,
    /// The number.
    pub value: Number,
    /// The trace in which it was measured; zeros for none.
    pub trace_id: TraceId,
    /// The span in which it was measured; zeros for none.
    pub span_id: SpanId,
    /// Labels that it was measured with and its series does not have.
    pub labels: Labels,
}

/// Is told what was collected.
///
/// ```
/// use spanloom::meter::{MetricSink, Point, Stream};
///
/// #[derive(Default)]
/// struct Names(Vec<String>);
///
/// impl MetricSink for Names {
///     fn stream(&mut self, stream: &Stream<'_>) {
///         self.0.push(stream.name.to_owned());
///     }
///     fn point(&mut self, _point: &Point<'_>) {}
/// }
/// ```
pub trait MetricSink {
    /// A stream begins: the points that follow are its. One that has no points is not told.
    fn stream(&mut self, stream: &Stream<'_>);

    /// A point of the stream that began last.
    fn point(&mut self, point: &Point<'_>);
}
