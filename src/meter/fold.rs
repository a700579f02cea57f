//! What other hosts measured, added to a book.
//!
//! A host that sums up by itself hands over what has come since the last time: points of delta streams, and the last numbers of
//! gauges. They are told like everything that is collected; this sink adds them up.

use super::cell::{HistogramState, Slot};
use super::exponential::ExponentialState;
use super::state::DistributionCell;
use super::{
    Aggregation, Book, ExponentialPoint, HistogramPoint, Instrument, InstrumentKind, MetricSink, Number,
    Point, Reading, Stream, StreamKind, Temporality,
};

/// Most buckets of one sign that are taken from another host.
const MOST_BUCKETS: usize = 1024;

/// Adds what it is told to a book. Sums and histograms have to be differences; those that are told since the start are counted
/// as misfits, as nobody knows which part of them is known already.
///
/// ```
/// use spanloom::meter::{Book, Fold, Instrument, InstrumentKind, Labels, Reader, Slot};
/// let (host, book) = (Book::default(), Book::default());
/// let tokens = host.sums::<i64>(Instrument::new("tokens", InstrumentKind::Counter));
/// tokens.series(&Labels::none(), || 1).cell.add(Slot::ONLY, 8);
/// host.collect(&mut Reader::delta(), 2, &mut Fold::into(&book, 2));
///
/// let tokens = book.sums::<i64>(Instrument::new("tokens", InstrumentKind::Counter));
/// assert_eq!(tokens.series(&Labels::none(), || 2).cell.total(), 8);
/// ```
#[derive(Debug)]
pub struct Fold<'a> {
    book: &'a Book,
    now_unix_nano: u64,
    stream: Option<(Instrument, StreamKind)>,
}

impl<'a> Fold<'a> {
    /// A sink that adds to this book.
    #[must_use]
    pub const fn into(book: &'a Book, now_unix_nano: u64) -> Self {
        Self { book, now_unix_nano, stream: None }
    }

    /// When a series began that is not known here: as the host says. What it hands over has been measured since.
    const fn start_of(&self, point: &Point<'_>) -> u64 {
        if point.start_unix_nano > 0 { point.start_unix_nano } else { self.now_unix_nano }
    }

    fn sum(&self, instrument: Instrument, point: &Point<'_>, number: Number) {
        let now = || self.start_of(point);
        let is_counter = instrument.kind == InstrumentKind::Counter;
        if is_counter && number.as_f64() < 0.0 || !number.as_f64().is_finite() {
            return self.book.count_invalid();
        }
        // The shared place of a cell: the host may be any thread of this program.
        match number {
            Number::Int(number) => {
                self.book.sums::<i64>(instrument).series(point.labels, now).cell.add(Slot::SHARED, number);
            }
            Number::Double(number) => {
                self.book.sums::<f64>(instrument).series(point.labels, now).cell.add(Slot::SHARED, number);
            }
        }
    }

    fn gauge(&self, instrument: Instrument, point: &Point<'_>, number: Number) {
        let now = || self.start_of(point);
        match number {
            Number::Int(number) => {
                self.book.gauges::<i64>(instrument).series(point.labels, now).cell.set(number);
            }
            Number::Double(number) => {
                self.book.gauges::<f64>(instrument).series(point.labels, now).cell.set(number);
            }
        }
    }

    fn histogram(&self, instrument: Instrument, point: &Point<'_>, histogram: &HistogramPoint<'_>) {
        if [histogram.sum, histogram.min, histogram.max].iter().flatten().any(|number| !number.is_finite()) {
            return self.book.count_invalid();
        }
        let instrument = instrument.bounds(histogram.bounds);
        let series = self.book.distributions(instrument).series(point.labels, || self.start_of(point));
        let state = HistogramState {
            counts: histogram.counts.to_vec(),
            sum: histogram.sum.unwrap_or(0.0),
            min: histogram.min.unwrap_or(f64::INFINITY),
            max: histogram.max.unwrap_or(f64::NEG_INFINITY),
        };
        let merged = match &series.cell {
            DistributionCell::Explicit(cell) => cell.merge(histogram.bounds, &state),
            DistributionCell::Exponential(_) => false,
        };
        if !merged {
            self.book.count_misfit();
        }
    }

    fn exponential(&self, instrument: Instrument, point: &Point<'_>, told: &ExponentialPoint<'_>) {
        let family = self.book.distributions(instrument.aggregation(Aggregation::exponential()));
        let series = family.series(point.labels, || self.start_of(point));
        let state = ExponentialState::of_point(told, MOST_BUCKETS);
        match (&series.cell, state) {
            (DistributionCell::Exponential(cell), Some(state)) => cell.merge(&state),
            _ => self.book.count_misfit(),
        }
    }
}

impl MetricSink for Fold<'_> {
    fn stream(&mut self, stream: &Stream<'_>) {
        let kind = match stream.kind {
            StreamKind::Gauge => InstrumentKind::Gauge,
            StreamKind::Sum { monotonic: true, .. } => InstrumentKind::Counter,
            StreamKind::Sum { monotonic: false, .. } => InstrumentKind::UpDownCounter,
            StreamKind::Histogram { .. } | StreamKind::Exponential { .. } => InstrumentKind::Histogram,
        };
        let instrument = Instrument::new(stream.name, kind).unit(stream.unit).description(stream.description);
        self.stream = Some((instrument, stream.kind));
    }

    fn point(&mut self, point: &Point<'_>) {
        const DELTA: Temporality = Temporality::Delta;
        let Some((instrument, kind)) = &self.stream else { return self.book.count_misfit() };
        let instrument = instrument.clone();
        match (kind, &point.reading) {
            (StreamKind::Gauge, Reading::Number(number)) => self.gauge(instrument, point, *number),
            (StreamKind::Sum { temporality: DELTA, .. }, Reading::Number(number)) => {
                self.sum(instrument, point, *number);
            }
            (StreamKind::Histogram { temporality: DELTA }, Reading::Histogram(histogram)) => {
                self.histogram(instrument, point, histogram);
            }
            (StreamKind::Exponential { temporality: DELTA }, Reading::Exponential(told)) => {
                self.exponential(instrument, point, told);
            }
            _ => self.book.count_misfit(),
        }
    }
}
