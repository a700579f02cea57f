//! What the module measures: instruments and series by handles, which are numbers.
//!
//! A handle is an index into a list that only grows, so it stays valid as long as the module lives, and a measurement is a
//! look into that list and an addition. Whoever makes series makes them once: the same labels give the same handle.

use std::sync::Arc;

use spanloom::meter::{
    Aggregation, Amount, Book, BookOptions, DistributionCell, Family, GaugeCell, Instrument, InstrumentKind,
    Labels, Reader, Series, Slot, SumCell,
};
use spanloom::otlp::{Resource, Scope, encode_metrics};
use spanloom::record::labels_of_compact;

use crate::codes::{Answer, InstrumentCode, MeterProblem, TemporalityCode};

/// So many instruments at most; each has a limit for its series.
const MOST_INSTRUMENTS: usize = 1000;

/// The meter of a module.
#[derive(Debug)]
pub struct Meter {
    book: Book,
    instruments: Vec<Declared>,
    series: Vec<Handle>,
    delta: Reader,
    cumulative: Reader,
    /// Who collected last.
    collected: TemporalityCode,
    misused: u64,
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            book: Book::default(),
            instruments: Vec::new(),
            series: Vec::new(),
            delta: Reader::delta(),
            cumulative: Reader::cumulative(),
            collected: TemporalityCode::Cumulative,
            misused: 0,
        }
    }
}

/// An instrument, with the handles of its series.
#[derive(Debug)]
struct Declared {
    family: AnyFamily,
    /// The handles of its series, in the order in which they were asked for.
    known: Vec<u32>,
}

#[derive(Debug)]
enum AnyFamily {
    SumInt(Arc<Family<SumCell<i64>>>),
    SumDouble(Arc<Family<SumCell<f64>>>),
    GaugeInt(Arc<Family<GaugeCell<i64>>>),
    GaugeDouble(Arc<Family<GaugeCell<f64>>>),
    Distribution(Arc<Family<DistributionCell>>),
}

/// A series, and whether it only grows.
#[derive(Debug)]
enum Handle {
    SumInt(Arc<Series<SumCell<i64>>>, bool),
    SumDouble(Arc<Series<SumCell<f64>>>, bool),
    GaugeInt(Arc<Series<GaugeCell<i64>>>),
    GaugeDouble(Arc<Series<GaugeCell<f64>>>),
    Distribution(Arc<Series<DistributionCell>>),
}

impl Meter {
    /// Holds instruments to so many series each.
    pub fn limit(&mut self, series: u32) -> Answer {
        if !self.instruments.is_empty() {
            return Answer::Malformed;
        }
        self.book = Book::new(BookOptions { limit: series as usize, ..BookOptions::default() });
        Answer::Ok
    }

    /// The handle of an instrument; 0 where it cannot be made.
    pub fn instrument(&mut self, kind: u32, text: &[u8], numbers: &[u8]) -> u32 {
        let (Some(kind), Ok(text)) = (InstrumentCode::from_number(kind), core::str::from_utf8(text)) else {
            return self.refuse();
        };
        if self.instruments.len() >= MOST_INSTRUMENTS {
            return self.refuse();
        }
        let mut parts = text.splitn(3, '\n');
        let mut part = || parts.next().unwrap_or_default();
        let instrument = Instrument::new(part(), kind_of(kind)).unit(part()).description(part());
        let instrument = instrument.aggregation(aggregation_of(kind, numbers));
        let book = &self.book;
        let family = match kind {
            InstrumentCode::CounterInt | InstrumentCode::UpDownCounterInt => {
                AnyFamily::SumInt(book.sums(instrument))
            }
            InstrumentCode::CounterDouble | InstrumentCode::UpDownCounterDouble => {
                AnyFamily::SumDouble(book.sums(instrument))
            }
            InstrumentCode::GaugeInt => AnyFamily::GaugeInt(book.gauges(instrument)),
            InstrumentCode::GaugeDouble => AnyFamily::GaugeDouble(book.gauges(instrument)),
            InstrumentCode::Histogram | InstrumentCode::Exponential => {
                AnyFamily::Distribution(book.distributions(instrument))
            }
        };
        let same = self.instruments.iter().position(|known| known.family.place() == family.place());
        let index = same.unwrap_or_else(|| {
            self.instruments.push(Declared { family, known: Vec::new() });
            self.instruments.len() - 1
        });
        handle_of(index)
    }

    /// The handle of a series; 0 where it cannot be made.
    pub fn series(&mut self, instrument: u32, labels: &[u8], now_unix_nano: u64) -> u32 {
        let labels = if labels.is_empty() { Some(Labels::none()) } else { labels_of_compact(labels) };
        let declared = index_of(instrument).and_then(|index| self.instruments.get_mut(index));
        let (Some(labels), Some(declared)) = (labels, declared) else { return self.refuse() };
        let handle = declared.family.series(&labels, now_unix_nano);
        // The book has found the series by its labels; whether it has a handle already is a matter of addresses.
        let is_this = |known: &&u32| {
            index_of(**known)
                .and_then(|index| self.series.get(index))
                .is_some_and(|series| series.place() == handle.place())
        };
        if let Some(known) = declared.known.iter().find(is_this) {
            return *known;
        }
        let number = handle_of(self.series.len());
        declared.known.push(number);
        self.series.push(handle);
        number
    }

    /// Adds to a sum or a gauge.
    #[inline]
    pub fn add(&mut self, series: u32, amount: f64) {
        match self.handle(series) {
            Some(Handle::SumDouble(series, grows)) if amount.is_finite() && !(*grows && amount < 0.0) => {
                series.cell.add(Slot::ONLY, amount);
            }
            Some(Handle::SumInt(series, grows)) if amount.is_finite() && !(*grows && amount < 0.0) => {
                series.cell.add(Slot::ONLY, i64::of(amount.into()));
            }
            Some(Handle::SumInt(..) | Handle::SumDouble(..)) => self.book.count_invalid(),
            Some(Handle::GaugeDouble(series)) => series.cell.add(amount),
            Some(Handle::GaugeInt(series)) => series.cell.add(i64::of(amount.into())),
            Some(Handle::Distribution(_)) | None => self.misuse(),
        }
    }

    /// Adds a whole number to a sum or a gauge.
    #[expect(clippy::cast_precision_loss, reason = "the nearest number is what a double can have")]
    pub fn add_int(&mut self, series: u32, amount: i64) {
        match self.handle(series) {
            Some(Handle::SumInt(series, grows)) if !(*grows && amount < 0) => {
                series.cell.add(Slot::ONLY, amount);
            }
            Some(Handle::GaugeInt(series)) => series.cell.add(amount),
            _ => self.add(series, amount as f64),
        }
    }

    /// Says what a gauge stands at.
    #[inline]
    pub fn set(&mut self, series: u32, number: f64) {
        match self.handle(series) {
            Some(Handle::GaugeDouble(series)) => series.cell.set(number),
            Some(Handle::GaugeInt(series)) => series.cell.set(i64::of(number.into())),
            _ => self.misuse(),
        }
    }

    /// Says what a gauge stands at, in a whole number.
    #[expect(clippy::cast_precision_loss, reason = "the nearest number is what a double can have")]
    pub fn set_int(&mut self, series: u32, number: i64) {
        match self.handle(series) {
            Some(Handle::GaugeInt(series)) => series.cell.set(number),
            _ => self.set(series, number as f64),
        }
    }

    /// Counts a number in a histogram.
    #[inline]
    pub fn record(&mut self, series: u32, number: f64) {
        match self.handle(series) {
            Some(Handle::Distribution(series)) if number.is_finite() => {
                series.cell.record(Slot::ONLY, number);
            }
            Some(Handle::Distribution(_)) => self.book.count_invalid(),
            _ => self.misuse(),
        }
    }

    /// Adds what the metrics among these records say.
    #[cfg(feature = "deltas")]
    pub fn fold(&mut self, records: &[u8], now_unix_nano: u64) {
        spanloom::record::fold_metrics(records, &self.book, now_unix_nano);
    }

    /// Appends what everything stands at as a metrics request.
    pub fn collect(
        &mut self,
        resource: &Resource,
        scope: &Scope,
        now_unix_nano: u64,
        temporality: u32,
        out: &mut Vec<u8>,
    ) -> Answer {
        let Some(temporality) = TemporalityCode::from_number(temporality) else { return Answer::Unknown };
        let reader = match temporality {
            TemporalityCode::Delta => &mut self.delta,
            TemporalityCode::Cumulative => &mut self.cumulative,
        };
        encode_metrics(resource, scope, out, |sink| {
            self.book.collect(reader, now_unix_nano, sink);
        });
        self.collected = temporality;
        Answer::Ok
    }

    /// What was collected last has arrived.
    pub fn commit(&mut self) {
        match self.collected {
            TemporalityCode::Delta => self.delta.commit(),
            TemporalityCode::Cumulative => self.cumulative.commit(),
        }
    }

    /// How often a problem occurred; doubles hold it exactly up to 2^53.
    #[must_use]
    pub fn problems(&self, number: u32) -> f64 {
        let problems = self.book.problems();
        let count = match MeterProblem::from_number(number) {
            Some(MeterProblem::Invalid) => problems.invalid,
            Some(MeterProblem::Mended) => problems.mended,
            Some(MeterProblem::Conflicts) => problems.conflicts,
            Some(MeterProblem::Misfits) => problems.misfits,
            Some(MeterProblem::Misused) => self.misused,
            Some(MeterProblem::Surplus) => problems.surplus,
            None => return -1.0,
        };
        #[expect(clippy::cast_precision_loss, reason = "told in the documentation")]
        let count = count as f64;
        count
    }

    #[inline]
    fn handle(&self, series: u32) -> Option<&Handle> {
        self.series.get(index_of(series)?)
    }

    #[cold]
    fn misuse(&mut self) {
        self.misused += 1;
    }

    /// The handle of what cannot be made.
    fn refuse(&mut self) -> u32 {
        self.misuse();
        0
    }
}

impl AnyFamily {
    /// The series for these labels.
    fn series(&self, labels: &Labels, now_unix_nano: u64) -> Handle {
        let now = || now_unix_nano;
        match self {
            Self::SumInt(family) => Handle::SumInt(family.series(labels, now), grows(family.instrument())),
            Self::SumDouble(family) => {
                Handle::SumDouble(family.series(labels, now), grows(family.instrument()))
            }
            Self::GaugeInt(family) => Handle::GaugeInt(family.series(labels, now)),
            Self::GaugeDouble(family) => Handle::GaugeDouble(family.series(labels, now)),
            Self::Distribution(family) => Handle::Distribution(family.series(labels, now)),
        }
    }

    /// Where the family is: no two have the same place.
    fn place(&self) -> *const () {
        match self {
            Self::SumInt(family) => Arc::as_ptr(family).cast(),
            Self::SumDouble(family) => Arc::as_ptr(family).cast(),
            Self::GaugeInt(family) => Arc::as_ptr(family).cast(),
            Self::GaugeDouble(family) => Arc::as_ptr(family).cast(),
            Self::Distribution(family) => Arc::as_ptr(family).cast(),
        }
    }
}

impl Handle {
    /// Where the series is: no two have the same place.
    fn place(&self) -> *const () {
        match self {
            Self::SumInt(series, _) => Arc::as_ptr(series).cast(),
            Self::SumDouble(series, _) => Arc::as_ptr(series).cast(),
            Self::GaugeInt(series) => Arc::as_ptr(series).cast(),
            Self::GaugeDouble(series) => Arc::as_ptr(series).cast(),
            Self::Distribution(series) => Arc::as_ptr(series).cast(),
        }
    }
}

fn grows(instrument: &Instrument) -> bool {
    instrument.kind == InstrumentKind::Counter
}

const fn kind_of(code: InstrumentCode) -> InstrumentKind {
    match code {
        InstrumentCode::CounterInt | InstrumentCode::CounterDouble => InstrumentKind::Counter,
        InstrumentCode::UpDownCounterInt | InstrumentCode::UpDownCounterDouble => {
            InstrumentKind::UpDownCounter
        }
        InstrumentCode::GaugeInt | InstrumentCode::GaugeDouble => InstrumentKind::Gauge,
        InstrumentCode::Histogram | InstrumentCode::Exponential => InstrumentKind::Histogram,
    }
}

fn aggregation_of(code: InstrumentCode, numbers: &[u8]) -> Aggregation {
    let mut numbers = numbers.chunks_exact(8).map(|bytes| bytes.try_into().map_or(0.0, f64::from_le_bytes));
    match code {
        InstrumentCode::Histogram => {
            let bounds: Vec<f64> = numbers.collect();
            if bounds.is_empty() { Aggregation::Usual } else { Aggregation::Bounds(bounds.into()) }
        }
        InstrumentCode::Exponential => match (numbers.next(), numbers.next()) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
            (Some(max_size), Some(max_scale)) => Aggregation::Exponential {
                max_size: (max_size as usize).min(MOST_BUCKETS),
                max_scale: max_scale as i32,
            },
            _ => Aggregation::exponential(),
        },
        _ => Aggregation::Usual,
    }
}

/// An exponential histogram has no more buckets of one sign.
const MOST_BUCKETS: usize = 1024;

/// Handles begin with 1: 0 is none.
fn handle_of(index: usize) -> u32 {
    u32::try_from(index + 1).unwrap_or(0)
}

#[inline]
fn index_of(handle: u32) -> Option<usize> {
    handle.checked_sub(1).map(|index| index as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collected(meter: &mut Meter, temporality: TemporalityCode) -> Vec<(String, Vec<String>)> {
        let mut request = Vec::new();
        let (resource, scope) = (Resource::default(), Scope::default());
        assert_eq!(meter.collect(&resource, &scope, 9, temporality as u32, &mut request), Answer::Ok);
        let view = spanloom::otlp::decode_metrics(&request).unwrap();
        view.metrics()
            .map(|found| {
                let readings = found.metric.points().map(|point| match point.reading {
                    spanloom::otlp::metrics::ReadingView::Number(number) => format!("{number:?}"),
                    spanloom::otlp::metrics::ReadingView::Histogram(histogram) => {
                        format!("{:?}", histogram.counts().collect::<Vec<_>>())
                    }
                    other => format!("{other:?}"),
                });
                (found.metric.name.to_owned(), readings.collect())
            })
            .collect()
    }

    #[test]
    fn numbers_go_by_handles() {
        let mut meter = Meter::default();
        let asked = meter.instrument(InstrumentCode::CounterInt as u32, b"asked\n{question}\nAll.", b"");
        let heat = meter.instrument(InstrumentCode::GaugeDouble as u32, b"heat", b"");
        let bounds: Vec<u8> = [1.0_f64, 10.0].iter().flat_map(|bound| bound.to_le_bytes()).collect();
        let seconds = meter.instrument(InstrumentCode::Histogram as u32, b"seconds\ns", &bounds);
        let (asked, heat, seconds) =
            (meter.series(asked, b"", 5), meter.series(heat, b"", 5), meter.series(seconds, b"", 5));
        meter.add(asked, 2.9);
        meter.add_int(asked, 1);
        meter.set(heat, 36.5);
        meter.record(seconds, 1.0);
        meter.record(seconds, 11.0);
        let wanted = [
            ("asked".to_owned(), vec!["Int(3)".to_owned()]),
            ("heat".to_owned(), vec!["Double(36.5)".to_owned()]),
            ("seconds".to_owned(), vec!["[1, 0, 1]".to_owned()]),
        ];
        assert_eq!(collected(&mut meter, TemporalityCode::Cumulative), wanted);
        assert_eq!(collected(&mut meter, TemporalityCode::Delta), wanted);
        // Not committed: it is told again.
        assert_eq!(collected(&mut meter, TemporalityCode::Delta), wanted);
        meter.commit();
        assert_eq!(collected(&mut meter, TemporalityCode::Delta), wanted[1..2]);
    }

    #[test]
    fn the_same_labels_have_the_same_handle() {
        let mut meter = Meter::default();
        assert_eq!(meter.limit(3), Answer::Ok);
        let asked = meter.instrument(InstrumentCode::CounterInt as u32, b"asked", b"");
        assert_eq!(meter.instrument(InstrumentCode::CounterInt as u32, b"asked", b""), asked);
        assert_eq!(meter.limit(4), Answer::Malformed);
        let labels = |value: u8| [b"\x09\x01\0\0\0\x01\0k\x0a\x01".as_slice(), &[value]].concat();
        let handles: Vec<u32> =
            b"abcdeab".iter().map(|value| meter.series(asked, &labels(*value), 5)).collect();
        assert_eq!(handles, [1, 2, 3, 3, 3, 1, 2]);
    }

    #[test]
    fn what_cannot_be_is_counted() {
        let mut meter = Meter::default();
        let asked = meter.instrument(InstrumentCode::CounterDouble as u32, b"asked", b"");
        let series = meter.series(asked, b"", 5);
        assert_eq!(meter.instrument(99, b"asked", b""), 0);
        assert_eq!(meter.instrument(0, b"\xff", b""), 0);
        assert_eq!(meter.series(7, b"", 5), 0);
        assert_eq!(meter.series(asked, b"\x02", 5), 0);
        for handle in [0, 2, u32::MAX] {
            meter.add(handle, 1.0);
            meter.add_int(handle, 1);
            meter.set(handle, 1.0);
            meter.set_int(handle, 1);
            meter.record(handle, 1.0);
        }
        meter.record(series, 1.0);
        for amount in [f64::NAN, f64::INFINITY, -1.0] {
            meter.add(series, amount);
        }
        meter.add_int(series, -1);
        assert_eq!(meter.problems(MeterProblem::Misused as u32), 20.0);
        assert_eq!(meter.problems(MeterProblem::Invalid as u32), 4.0);
        assert_eq!(meter.problems(77), -1.0);
        assert_eq!(
            collected(&mut meter, TemporalityCode::Cumulative),
            [("asked".into(), vec!["Double(0.0)".into()])]
        );
        let answer = meter.collect(&Resource::default(), &Scope::default(), 9, 3, &mut Vec::new());
        assert_eq!(answer, Answer::Unknown);
    }

    #[test]
    fn there_are_so_many_instruments() {
        let mut meter = Meter::default();
        for index in 0..MOST_INSTRUMENTS {
            assert_ne!(meter.instrument(0, format!("i{index}").as_bytes(), b""), 0);
        }
        assert_eq!(meter.instrument(0, b"more", b""), 0);
    }
}
