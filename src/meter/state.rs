//! What a series stands at, owned: for a moment of reading, and as a reader's memory of the time before.

use std::sync::Arc;

use super::cell::{ExponentialCell, GaugeCell, HistogramCell, HistogramState, Slot, SumCell};
use super::exponential::ExponentialState;
use super::{Amount, HistogramPoint, Number, Reading};

/// How many examples a series of an exponential histogram has.
const EXPONENTIAL_EXAMPLES: usize = 20;

/// What the cells of an instrument are made by.
#[derive(Debug, Clone)]
pub struct Shape {
    pub(super) bounds: Arc<[f64]>,
    /// Buckets and scale, where it is an exponential histogram.
    pub(super) exponential: Option<(usize, i32)>,
}

/// Keeps the numbers of a series.
pub trait Cell: Send + Sync + 'static {
    /// One that nobody has written to.
    fn new(shape: &Shape) -> Self;
    /// What it stands at; `None` where nobody has said.
    fn state(&self) -> Option<State>;
    /// The place of a number among the examples, and how many places there are.
    fn example_place(&self, _number: Number) -> (usize, usize) {
        (0, 1)
    }
}

impl<N: Amount> Cell for SumCell<N> {
    fn new(_: &Shape) -> Self {
        Self::default()
    }
    fn state(&self) -> Option<State> {
        Some(State::Number(self.total().into()))
    }
}

impl<N: Amount> Cell for GaugeCell<N> {
    fn new(_: &Shape) -> Self {
        Self::default()
    }
    fn state(&self) -> Option<State> {
        self.last().map(|number| State::Number(number.into()))
    }
}

/// Counts how numbers are distributed, in one of two ways.
#[derive(Debug)]
pub enum DistributionCell {
    /// Between fixed bounds.
    Explicit(HistogramCell),
    /// Between bounds that grow by a factor.
    Exponential(ExponentialCell),
}

impl DistributionCell {
    /// Counts a number.
    #[inline]
    pub fn record(&self, slot: Slot, number: f64) {
        match self {
            Self::Explicit(cell) => cell.record(slot, number),
            Self::Exponential(cell) => cell.record(number),
        }
    }
}

impl Cell for DistributionCell {
    fn new(shape: &Shape) -> Self {
        match shape.exponential {
            Some((max_size, max_scale)) => Self::Exponential(ExponentialCell::new(max_size, max_scale)),
            None => Self::Explicit(HistogramCell::new(Arc::clone(&shape.bounds))),
        }
    }
    fn state(&self) -> Option<State> {
        Some(match self {
            Self::Explicit(cell) => State::Histogram(cell.read()),
            Self::Exponential(cell) => State::Exponential(cell.read()),
        })
    }
    fn example_place(&self, number: Number) -> (usize, usize) {
        match self {
            Self::Explicit(cell) => (cell.bucket_of(number.as_f64()), cell.bounds().len() + 1),
            // Magnitudes by powers of two: as good a spread as any.
            Self::Exponential(_) => {
                let exponent = usize::try_from(number.as_f64().abs().to_bits() >> 52).unwrap_or(0);
                (exponent % EXPONENTIAL_EXAMPLES, EXPONENTIAL_EXAMPLES)
            }
        }
    }
}

/// What a series stands at.
#[derive(Debug, Clone, PartialEq)]
pub enum State {
    /// Of a sum or a gauge.
    Number(Number),
    /// Of a histogram.
    Histogram(HistogramState),
    /// Of an exponential histogram.
    Exponential(ExponentialState),
}

impl State {
    /// What has come since `before`; `None` where nothing has.
    pub(super) fn since(&self, before: Option<&Self>) -> Option<Self> {
        match (self, before) {
            (Self::Number(Number::Int(now)), Some(Self::Number(Number::Int(before)))) => {
                (now != before).then(|| Self::Number(now.minus(*before).into()))
            }
            (Self::Number(Number::Double(now)), Some(Self::Number(Number::Double(before)))) => {
                (now != before).then(|| Self::Number((now - before).into()))
            }
            (Self::Histogram(now), Some(Self::Histogram(before))) => {
                let counts = now.counts.iter().zip(&before.counts);
                let counts: Vec<u64> = counts.map(|(now, before)| now.saturating_sub(*before)).collect();
                // The least and the greatest are those of all time, and so of no use for a part of it.
                let (min, max) = (f64::INFINITY, f64::NEG_INFINITY);
                let some = counts.iter().any(|count| *count > 0);
                some.then_some(Self::Histogram(HistogramState {
                    counts,
                    sum: now.sum - before.sum,
                    min,
                    max,
                }))
            }
            (Self::Exponential(now), Some(Self::Exponential(before))) => {
                let mut since = now.since(before);
                (since.min, since.max) = (f64::INFINITY, f64::NEG_INFINITY);
                (since.count > 0).then_some(Self::Exponential(since))
            }
            _ => (!self.is_empty()).then(|| self.clone()),
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Number(number) => number.as_f64() == 0.0,
            Self::Histogram(state) => state.counts.iter().all(|count| *count == 0),
            Self::Exponential(state) => state.count == 0,
        }
    }

    /// As it is told to a sink.
    pub(super) fn reading<'a>(&'a self, bounds: &'a [f64]) -> Reading<'a> {
        match self {
            Self::Number(number) => Reading::Number(*number),
            Self::Histogram(state) => Reading::Histogram(HistogramPoint {
                bounds,
                counts: &state.counts,
                sum: Some(state.sum),
                min: state.min.is_finite().then_some(state.min),
                max: state.max.is_finite().then_some(state.max),
            }),
            Self::Exponential(state) => Reading::Exponential(state.point()),
        }
    }
}
