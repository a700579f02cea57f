//! The series of one instrument.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::example::Examples;
use super::state::{Cell, Shape};
use super::view::LabelChoice;
use super::{Exemplar, Instrument, Labels};

/// Label of the series that takes what goes beyond the limit.
const OVERFLOW: &str = "otel.metric.overflow";

/// An instrument with all its series.
#[derive(Debug)]
pub struct Family<C> {
    pub(super) instrument: Instrument,
    pub(super) shape: Shape,
    pub(super) keep: LabelChoice,
    /// Labels of every series.
    pub(super) constant: Labels,
    pub(super) limit: usize,
    known: Mutex<Known<C>>,
}

#[derive(Debug)]
struct Known<C> {
    by_labels: BTreeMap<Labels, usize>,
    in_order: Vec<Arc<Series<C>>>,
    /// Takes what goes beyond the limit, once there is such a thing.
    overflow: Option<usize>,
}

/// The numbers of an instrument for one set of labels.
#[derive(Debug)]
pub struct Series<C> {
    labels: Labels,
    start_unix_nano: u64,
    /// Where it is written to.
    pub cell: C,
    pub(super) examples: Examples,
    /// The collection for which somebody last said what it stands at.
    said: AtomicU64,
}

impl<C> Series<C> {
    /// Its labels.
    #[must_use]
    pub const fn labels(&self) -> &Labels {
        &self.labels
    }

    /// When it began, in nanoseconds since 1970.
    #[must_use]
    pub const fn start_unix_nano(&self) -> u64 {
        self.start_unix_nano
    }

    /// True where it takes what goes beyond the limit.
    #[must_use]
    pub fn is_overflow(&self) -> bool {
        self.labels.get(OVERFLOW).is_some()
    }

    /// Offers a measurement as an example, for one of so many places.
    pub fn offer_example(&self, place: usize, places: usize, make: impl FnOnce() -> Exemplar) {
        self.examples.offer(place, places, make);
    }

    pub(super) fn note_said(&self, collection: u64) {
        self.said.store(collection, Ordering::Relaxed);
    }

    pub(super) fn was_said(&self, collection: u64) -> bool {
        // Another collection may have begun meanwhile.
        self.said.load(Ordering::Relaxed) >= collection
    }
}

impl<C: Cell> Family<C> {
    pub(super) fn new(
        instrument: Instrument,
        shape: Shape,
        keep: LabelChoice,
        constant: Labels,
        limit: usize,
    ) -> Self {
        let known = Known { by_labels: BTreeMap::new(), in_order: Vec::new(), overflow: None };
        Self { instrument, shape, keep, constant, limit: limit.max(1), known: Mutex::new(known) }
    }

    /// What is measured.
    #[must_use]
    pub const fn instrument(&self) -> &Instrument {
        &self.instrument
    }

    /// The series for these labels. Where there are too many already, it is the one that takes all the rest.
    pub fn series(&self, labels: &Labels, now_unix_nano: impl FnOnce() -> u64) -> Arc<Series<C>> {
        let labels = self.kept(labels);
        let mut known = self.known();
        if let Some(series) = known.by_labels.get(&labels).and_then(|at| known.in_order.get(*at)) {
            return Arc::clone(series);
        }
        // One place is for the series that takes all the rest.
        if known.in_order.len() + usize::from(known.overflow.is_none()) < self.limit {
            return known.add(labels, &self.shape, now_unix_nano());
        }
        if let Some(series) = known.overflow.and_then(|at| known.in_order.get(at)) {
            return Arc::clone(series);
        }
        known.overflow = Some(known.in_order.len());
        // The constant ones tell whose it is, where several have such a series.
        let labels = self.constant.and(&Labels::one(OVERFLOW, true.into()));
        known.add(labels, &self.shape, now_unix_nano())
    }

    /// What the series for these labels is labelled with.
    #[must_use]
    pub fn kept(&self, labels: &Labels) -> Labels {
        let kept = match &self.keep {
            LabelChoice::All => labels.clone(),
            choice => labels.keeping(|key| choice.keeps(key)),
        };
        if self.constant.is_empty() { kept } else { self.constant.and(&kept) }
    }

    /// The labels that views drop from these, for the examples.
    #[must_use]
    pub fn dropped(&self, labels: &Labels) -> Labels {
        match &self.keep {
            LabelChoice::All => Labels::none(),
            choice => labels.keeping(|key| !choice.keeps(key)),
        }
    }

    /// Some series from the one at `from` on, in the order in which they began: so that nobody who measures waits for a reader.
    pub(super) fn some_from(&self, from: usize) -> Vec<Arc<Series<C>>> {
        const SOME: usize = 512;
        self.known().in_order.iter().skip(from).take(SOME).cloned().collect()
    }

    /// So many series at most.
    #[must_use]
    pub const fn limit(&self) -> usize {
        self.limit
    }

    /// How many series there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known().in_order.len()
    }

    /// True where there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn known(&self) -> MutexGuard<'_, Known<C>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Cell> Known<C> {
    fn add(&mut self, labels: Labels, shape: &Shape, start_unix_nano: u64) -> Arc<Series<C>> {
        let series = Arc::new(Series {
            labels: labels.clone(),
            start_unix_nano,
            cell: C::new(shape),
            examples: Examples::default(),
            said: AtomicU64::new(0),
        });
        self.by_labels.insert(labels, self.in_order.len());
        self.in_order.push(Arc::clone(&series));
        series
    }
}
