//! The book: all instruments of a program with their series, and their collection.

use std::any::Any;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::buckets::OPENTELEMETRY;
use super::family::{Family, Series};
use super::reader::Reader;
use super::scrape::Scrape;
use super::state::{Cell, DistributionCell, Shape, State};
use super::view::{Aggregation, LabelChoice, View};
use super::{
    Amount, GaugeCell, Instrument, InstrumentKind, Labels, MetricSink, Point, Stream, StreamKind, SumCell,
    Temporality,
};

/// How a book keeps what is measured.
///
/// ```
/// use spanloom::meter::{BookOptions, View};
/// let options = BookOptions { views: vec![View::of("*").drop_labels(["user"])], ..BookOptions::default() };
/// assert_eq!(options.limit, 2000);
/// ```
#[derive(Debug, Clone)]
pub struct BookOptions {
    /// Changes of what leaves; for each instrument the first that selects it counts.
    pub views: Vec<View>,
    /// So many series at most, for each instrument.
    pub limit: usize,
    /// So many instruments at most. What further ones measure leaves nowhere: such a program makes names out of data.
    pub instruments: usize,
    /// How histograms are kept that no view speaks of.
    pub histograms: Aggregation,
    /// Labels of all series.
    pub labels: Labels,
}

impl Default for BookOptions {
    fn default() -> Self {
        Self {
            views: Vec::new(),
            limit: 2000,
            instruments: 10_000,
            histograms: Aggregation::Usual,
            labels: Labels::none(),
        }
    }
}

/// Things that were not as they should be, counted since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MeterProblems {
    /// Measurements that are no number, without end, or negative where only growth is possible. They are left out.
    pub invalid: u64,
    /// Instruments whose name, unit or bounds had to be mended.
    pub mended: u64,
    /// Instruments with the name of another one that is declared otherwise. Both work, and both leave.
    pub conflicts: u64,
    /// Points of other hosts that fit no instrument.
    pub misfits: u64,
    /// Instruments, and observers, beyond the limit. What they measure leaves nowhere.
    pub surplus: u64,
}

/// All that a program measures.
///
/// ```
/// use spanloom::meter::{Book, Instrument, InstrumentKind, Labels, Reader, Slot};
/// # use spanloom::meter::{MetricSink, Point, Stream};
/// # #[derive(Default)] struct Lines(Vec<String>);
/// # impl MetricSink for Lines {
/// #     fn stream(&mut self, stream: &Stream<'_>) { self.0.push(stream.name.to_owned()); }
/// #     fn point(&mut self, point: &Point<'_>) { self.0.push(format!("{:?} {:?}", point.labels, point.reading)); }
/// # }
/// let book = Book::default();
/// let requests = book.sums::<i64>(Instrument::new("requests", InstrumentKind::Counter));
/// let asked = requests.series(&Labels::new([("route", "/ask".into())]), || 5);
/// asked.cell.add(Slot::ONLY, 2);
///
/// let mut lines = Lines::default();
/// book.collect(&mut Reader::cumulative(), 10, &mut lines);
/// assert_eq!(lines.0, ["requests", r#"{"route": "/ask"} Number(Int(2))"#]);
/// ```
#[derive(Default)]
pub struct Book {
    options: BookOptions,
    entries: Mutex<Vec<Entry>>,
    observers: Mutex<Vec<Arc<Observer>>>,
    /// Held while somebody collects: what the program says for one collection is not for another.
    collecting: Mutex<u64>,
    invalid: AtomicU64,
    mended: AtomicU64,
    conflicts: AtomicU64,
    misfits: AtomicU64,
    surplus: AtomicU64,
}

/// Says what some instruments stand at, when it is asked.
type Observer = dyn Fn(&Saying) + Send + Sync;

/// The collection for which somebody says what instruments stand at.
#[derive(Debug, Clone, Copy)]
pub struct Saying {
    collection: u64,
    /// When it is made, in nanoseconds since 1970.
    pub now_unix_nano: u64,
}

struct Entry {
    /// As it was declared, before views.
    declared: Instrument,
    /// The family, as it is found again by its type.
    typed: Arc<dyn Any + Send + Sync>,
    told: Arc<dyn Told>,
    leaves: bool,
}

/// How many streams and points a collection told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Collected {
    /// Streams that have points.
    pub streams: u64,
    /// Their points.
    pub points: u64,
}

impl Book {
    /// An empty book.
    #[must_use]
    pub fn new(options: BookOptions) -> Self {
        Self { options, ..Self::default() }
    }

    /// An instrument that sums.
    pub fn sums<N: Amount>(&self, instrument: Instrument) -> Arc<Family<SumCell<N>>> {
        self.family(instrument)
    }

    /// An instrument that keeps the last number.
    pub fn gauges<N: Amount>(&self, instrument: Instrument) -> Arc<Family<GaugeCell<N>>> {
        self.family(instrument)
    }

    /// An instrument that counts how numbers are distributed.
    pub fn distributions(&self, instrument: Instrument) -> Arc<Family<DistributionCell>> {
        self.family(instrument)
    }

    /// The instrument as it is known already, or a new one.
    fn family<C: Cell>(&self, mut instrument: Instrument) -> Arc<Family<C>> {
        if instrument.check().is_err() {
            self.mended.fetch_add(1, Ordering::Relaxed);
            instrument.mend();
        }
        let mut entries = locked(&self.entries);
        let mut same_name = false;
        for entry in entries.iter() {
            if !entry.declared.name.eq_ignore_ascii_case(&instrument.name) {
                continue;
            }
            same_name = true;
            if entry.is_for(&instrument)
                && let Ok(known) = Arc::clone(&entry.typed).downcast::<Family<C>>()
            {
                return known;
            }
        }
        if entries.len() >= self.options.instruments {
            self.surplus.fetch_add(1, Ordering::Relaxed);
            // Nobody else has it: it goes with its handle.
            return Arc::new(self.make(instrument).0);
        }
        if same_name {
            self.conflicts.fetch_add(1, Ordering::Relaxed);
        }
        let (family, leaves) = self.make(instrument.clone());
        let family = Arc::new(family);
        entries.push(Entry {
            declared: instrument,
            typed: Arc::clone(&family) as Arc<dyn Any + Send + Sync>,
            told: Arc::clone(&family) as Arc<dyn Told>,
            leaves,
        });
        family
    }

    /// The family of an instrument, as views make it; and whether it leaves.
    fn make<C: Cell>(&self, mut instrument: Instrument) -> (Family<C>, bool) {
        let view = self.options.views.iter().find(|view| view.selects(&instrument));
        let is_histogram = instrument.kind == InstrumentKind::Histogram;
        let declared = std::mem::take(&mut instrument.aggregation);
        let chosen = [view.map(|view| &view.aggregation), Some(&declared), Some(&self.options.histograms)];
        let chosen = chosen.into_iter().flatten().find(|chosen| **chosen != Aggregation::Usual);
        let mut shape = Shape { bounds: OPENTELEMETRY.into(), exponential: None };
        match chosen {
            Some(Aggregation::Bounds(bounds)) => shape.bounds = Arc::clone(bounds),
            Some(Aggregation::Exponential { max_size, max_scale }) if is_histogram => {
                shape.exponential = Some((*max_size, *max_scale));
            }
            _ => {}
        }
        let leaves = chosen != Some(&Aggregation::Drop);
        let (mut keep, mut limit) = (LabelChoice::All, self.options.limit);
        if let Some(view) = view {
            keep = view.keep.clone();
            limit = view.limit.unwrap_or(limit);
            instrument.name = view.rename.clone().unwrap_or(instrument.name);
            instrument.description = view.description.clone().unwrap_or(instrument.description);
        }
        // What does not leave needs no series of its own for each set of labels.
        let limit = if leaves { limit } else { 1 };
        (Family::new(instrument, shape, keep, self.options.labels.clone(), limit), leaves)
    }

    /// Has somebody asked at each collection what some instruments stand at.
    pub fn observe(&self, observer: impl Fn(&Saying) + Send + Sync + 'static) {
        let mut observers = locked(&self.observers);
        if observers.len() >= self.options.instruments {
            self.surplus.fetch_add(1, Ordering::Relaxed);
            return;
        }
        observers.push(Arc::new(observer));
    }

    /// Tells a reader what everything stands at.
    pub fn collect(&self, reader: &mut Reader, now_unix_nano: u64, sink: &mut dyn MetricSink) -> Collected {
        let mut collection = locked(&self.collecting);
        let saying = self.begin(&mut collection, now_unix_nano);
        let told: Vec<_> =
            locked(&self.entries).iter().map(|entry| entry.leaves.then(|| Arc::clone(&entry.told))).collect();
        reader.begin(now_unix_nano);
        let mut collected = Collected::default();
        for (index, told) in told.iter().enumerate() {
            let points = told.as_ref().map_or(0, |told| told.tell(index, reader, &saying, sink));
            collected.streams += u64::from(points > 0);
            collected.points += points;
        }
        collected
    }

    /// A collection that can be asked for one stream after the other, and again: what text for Prometheus is made of.
    ///
    /// Nobody waits for whoever reads it. Numbers are read when they are asked for, so a later look may see later ones.
    pub fn scrape(&self, now_unix_nano: u64) -> Scrape {
        let saying = self.begin(&mut locked(&self.collecting), now_unix_nano);
        let entries = locked(&self.entries);
        let told = entries.iter().filter(|entry| entry.leaves).map(|entry| Arc::clone(&entry.told)).collect();
        Scrape { told, saying }
    }

    /// A collection begins: observers say what they know.
    fn begin(&self, collection: &mut u64, now_unix_nano: u64) -> Saying {
        *collection += 1;
        let saying = Saying { collection: *collection, now_unix_nano };
        let observers = locked(&self.observers).clone();
        observers.iter().for_each(|observer| observer(&saying));
        saying
    }

    /// A measurement was none.
    #[cold]
    pub fn count_invalid(&self) {
        self.invalid.fetch_add(1, Ordering::Relaxed);
    }

    /// What was not as it should be.
    #[must_use]
    pub fn problems(&self) -> MeterProblems {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        MeterProblems {
            invalid: read(&self.invalid),
            mended: read(&self.mended),
            conflicts: read(&self.conflicts),
            misfits: read(&self.misfits),
            surplus: read(&self.surplus),
        }
    }

    pub(super) fn count_misfit(&self) {
        self.misfits.fetch_add(1, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Book {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let instruments: Vec<_> =
            locked(&self.entries).iter().map(|entry| entry.declared.name.clone()).collect();
        f.debug_struct("Book").field("instruments", &instruments).field("problems", &self.problems()).finish()
    }
}

impl Entry {
    fn is_for(&self, instrument: &Instrument) -> bool {
        let known = &self.declared;
        known.kind == instrument.kind
            && known.observed == instrument.observed
            && known.unit == instrument.unit
            && (known.description == instrument.description || instrument.description.is_empty())
            && (known.aggregation == instrument.aggregation || instrument.aggregation == Aggregation::Usual)
    }
}

impl Saying {
    /// Says what a series stands at.
    pub fn say<N: Amount>(&self, series: &Series<GaugeCell<N>>, number: N) {
        series.cell.set(number);
        series.note_said(self.collection);
    }
}

/// Can be told to a sink.
pub(super) trait Told: Send + Sync {
    /// What its series have in common, for a reader that is told what everything stands at.
    fn head(&self) -> Stream<'_>;

    /// Tells all series; gives back how many there were.
    fn tell(&self, index: usize, reader: &mut Reader, saying: &Saying, sink: &mut dyn MetricSink) -> u64;
}

impl<C: Cell> Told for Family<C> {
    fn head(&self) -> Stream<'_> {
        self.stream(Temporality::Cumulative)
    }

    fn tell(&self, index: usize, reader: &mut Reader, saying: &Saying, sink: &mut dyn MetricSink) -> u64 {
        let temporality = reader.temporality(&self.instrument);
        let stream = self.stream(temporality);
        let (mut at, mut points) = (0, 0);
        loop {
            let some = self.some_from(at);
            if some.is_empty() {
                return points;
            }
            for series in some {
                let said = !self.instrument.observed || series.was_said(saying.collection);
                let state = series.cell.state().filter(|_| said);
                let at_now = at;
                at += 1;
                let Some(state) = state else { continue };
                let start = match (stream.kind, temporality) {
                    (StreamKind::Gauge, _) => 0,
                    (_, Temporality::Delta) => reader.since(series.start_unix_nano()),
                    (_, Temporality::Cumulative) => series.start_unix_nano(),
                };
                let Some(told) = told_of(state, at_now, index, temporality, reader) else { continue };
                let exemplars = series.examples.read(start);
                if points == 0 {
                    sink.stream(&stream);
                }
                points += 1;
                sink.point(&Point {
                    labels: series.labels(),
                    start_unix_nano: start,
                    time_unix_nano: saying.now_unix_nano,
                    reading: told.reading(&self.shape.bounds),
                    exemplars: &exemplars,
                });
            }
        }
    }
}

/// What a reader is told of a state; `None` where there is nothing new.
fn told_of(
    state: State,
    series: usize,
    instrument: usize,
    temporality: Temporality,
    reader: &mut Reader,
) -> Option<State> {
    if temporality == Temporality::Cumulative {
        return Some(state);
    }
    let memory = reader.memory_of(instrument);
    let since = state.since(memory.before(series))?;
    memory.note(series, state);
    Some(since)
}

impl<C: Cell> Family<C> {
    fn stream(&self, temporality: Temporality) -> Stream<'_> {
        Stream {
            name: &self.instrument.name,
            unit: &self.instrument.unit,
            description: &self.instrument.description,
            kind: self.instrument.stream_kind(temporality, self.shape.exponential.is_some()),
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
