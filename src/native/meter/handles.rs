//! The handles that a program measures with. Each is bound to one series; clones are the same one.

use std::sync::Arc;
use std::time::Duration;

use super::slot;
use super::{Examples, Shared};
use crate::meter::{Amount, DistributionCell, Exemplar, Family, GaugeCell, Labels, Number, Series, SumCell};

/// A handle that can be bound to a series of its family.
pub trait Handle: Sized + Clone + sealed::Sealed {
    /// Where its series keep their numbers.
    type Cell: crate::meter::Cell;
    #[doc(hidden)]
    fn bind(family: &Family<Self::Cell>, labels: &Labels, shared: &Arc<Shared>) -> Self;
    /// True where its series takes what goes beyond the limit.
    #[doc(hidden)]
    fn is_overflow(&self) -> bool;
}

pub(super) mod sealed {
    /// Handles are those of this crate.
    pub trait Sealed {}
}

/// What every handle has.
struct Bound<C> {
    series: Arc<Series<C>>,
    shared: Arc<Shared>,
    examples: Examples,
    /// Labels that views keep from the series: for examples.
    aside: Labels,
}

// Not derived: the cell itself is not cloned.
impl<C> Clone for Bound<C> {
    fn clone(&self) -> Self {
        Self {
            series: Arc::clone(&self.series),
            shared: Arc::clone(&self.shared),
            examples: self.examples,
            aside: self.aside.clone(),
        }
    }
}

impl<C: crate::meter::Cell> Bound<C> {
    fn to(family: &Family<C>, labels: &Labels, shared: &Arc<Shared>) -> Self {
        Self {
            series: family.series(labels, || shared.time.unix_nanos()),
            shared: Arc::clone(shared),
            examples: shared.examples,
            aside: family.dropped(labels),
        }
    }

    /// Offers what was measured as an example, where it is one.
    #[inline]
    fn exemplify(&self, number: impl Into<Number>) {
        if self.examples.wants_this() {
            self.offer(number.into());
        }
    }

    #[cold]
    #[inline(never)]
    fn offer(&self, number: Number) {
        let make = || {
            let span = super::super::current().and_then(|current| current.context().span);
            Exemplar {
                time_unix_nano: self.shared.time.unix_nanos(),
                value: number,
                trace_id: span.as_ref().map(|span| span.trace_id).unwrap_or_default(),
                span_id: span.as_ref().map(|span| span.span_id).unwrap_or_default(),
                labels: self.aside.clone(),
            }
        };
        let (place, places) = self.series.cell.example_place(number);
        self.series.offer_example(place, places, make);
    }

    #[cold]
    #[inline(never)]
    fn refuse(&self) {
        self.shared.book.count_invalid();
    }
}

/// Adds to a sum: by the cheapest way where this thread owns it.
#[inline]
fn add<N: Amount>(sum: &SumCell<N>, amount: N) {
    if !sum.add_alone(slot::if_known(), amount) {
        add_beside(sum, amount);
    }
}

/// Apart, so that the cheapest way has nothing to save and to bring back.
#[inline(never)]
fn add_beside<N: Amount>(sum: &SumCell<N>, amount: N) {
    sum.add(slot::here(), amount);
}

/// Counts what only grows.
///
/// ```
/// let loom = spanloom::Loom::builder().build();
/// let requests = loom.meter().counter("requests").unit("{request}").build();
/// requests.add(1);
/// requests.add(-1); // Left out, and counted as invalid: a counter does not shrink.
/// assert_eq!(requests.total(), 1);
/// ```
#[derive(Clone)]
pub struct Counter<N: Amount = i64>(Bound<SumCell<N>>);

impl<N: Amount> Counter<N> {
    /// Adds to it. What is below zero, no number or without end is left out, and counted.
    #[inline]
    pub fn add(&self, amount: N) {
        if amount >= N::default() && amount.is_measured() {
            add(&self.0.series.cell, amount);
            self.0.exemplify(amount);
        } else {
            self.0.refuse();
        }
    }

    /// What it stands at.
    #[must_use]
    pub fn total(&self) -> N {
        self.0.series.cell.total()
    }
}

/// Counts what grows and shrinks.
///
/// ```
/// let loom = spanloom::Loom::builder().build();
/// let running = loom.meter().up_down_counter("running").build();
/// running.add(2);
/// running.add(-1);
/// assert_eq!(running.total(), 1);
/// ```
#[derive(Clone)]
pub struct UpDownCounter<N: Amount = i64>(Bound<SumCell<N>>);

impl<N: Amount> UpDownCounter<N> {
    /// Adds to it, or takes away. What is no number or without end is left out, and counted.
    #[inline]
    pub fn add(&self, amount: N) {
        if amount.is_measured() {
            add(&self.0.series.cell, amount);
            self.0.exemplify(amount);
        } else {
            self.0.refuse();
        }
    }

    /// What it stands at.
    #[must_use]
    pub fn total(&self) -> N {
        self.0.series.cell.total()
    }
}

/// Keeps the last number.
///
/// ```
/// let loom = spanloom::Loom::builder().build();
/// let heat = loom.meter().gauge("heat").unit("Cel").build();
/// heat.set(36.5);
/// assert_eq!(heat.last(), Some(36.5));
/// ```
#[derive(Clone)]
pub struct Gauge<N: Amount = f64>(Bound<GaugeCell<N>>);

impl<N: Amount> Gauge<N> {
    /// Says what it stands at. A gauge may be without end, or no number.
    #[inline]
    pub fn set(&self, number: N) {
        self.0.series.cell.set(number);
        self.0.exemplify(number);
    }

    /// Moves it up or down.
    #[inline]
    pub fn add(&self, amount: N) {
        self.0.series.cell.add(amount);
        self.0.exemplify(amount);
    }

    /// What it stands at; `None` where nobody has said.
    #[must_use]
    pub fn last(&self) -> Option<N> {
        self.0.series.cell.last()
    }
}

/// Counts how numbers are distributed.
///
/// ```
/// let loom = spanloom::Loom::builder().build();
/// let seconds = loom.meter().histogram("request.duration").unit("s").bounds([0.1, 1.0, 10.0]).build();
/// seconds.record(0.25);
/// seconds.record_duration(std::time::Duration::from_millis(1500));
/// ```
#[derive(Clone)]
pub struct Histogram(Bound<DistributionCell>);

impl Histogram {
    /// Counts a number. What is no number or without end is left out, and counted.
    #[inline]
    pub fn record(&self, number: f64) {
        if number.is_finite() {
            self.0.series.cell.record(slot::here(), number);
            self.0.exemplify(number);
        } else {
            self.0.refuse();
        }
    }

    /// Counts a duration, in seconds.
    #[inline]
    pub fn record_duration(&self, duration: Duration) {
        self.record(duration.as_secs_f64());
    }
}

impl<N: Amount> sealed::Sealed for Counter<N> {}
impl<N: Amount> sealed::Sealed for UpDownCounter<N> {}
impl<N: Amount> sealed::Sealed for Gauge<N> {}
impl sealed::Sealed for Histogram {}

impl<N: Amount> Handle for Counter<N> {
    type Cell = SumCell<N>;
    fn bind(family: &Family<SumCell<N>>, labels: &Labels, shared: &Arc<Shared>) -> Self {
        Self(Bound::to(family, labels, shared))
    }
    fn is_overflow(&self) -> bool {
        self.0.series.is_overflow()
    }
}

impl<N: Amount> Handle for UpDownCounter<N> {
    type Cell = SumCell<N>;
    fn bind(family: &Family<SumCell<N>>, labels: &Labels, shared: &Arc<Shared>) -> Self {
        Self(Bound::to(family, labels, shared))
    }
    fn is_overflow(&self) -> bool {
        self.0.series.is_overflow()
    }
}

impl<N: Amount> Handle for Gauge<N> {
    type Cell = GaugeCell<N>;
    fn bind(family: &Family<GaugeCell<N>>, labels: &Labels, shared: &Arc<Shared>) -> Self {
        Self(Bound::to(family, labels, shared))
    }
    fn is_overflow(&self) -> bool {
        self.0.series.is_overflow()
    }
}

impl Handle for Histogram {
    type Cell = DistributionCell;
    fn bind(family: &Family<DistributionCell>, labels: &Labels, shared: &Arc<Shared>) -> Self {
        Self(Bound::to(family, labels, shared))
    }
    fn is_overflow(&self) -> bool {
        self.0.series.is_overflow()
    }
}

impl<N: Amount> std::fmt::Debug for Counter<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.show("Counter", f)
    }
}

impl<N: Amount> std::fmt::Debug for UpDownCounter<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.show("UpDownCounter", f)
    }
}

impl<N: Amount> std::fmt::Debug for Gauge<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.show("Gauge", f)
    }
}

impl std::fmt::Debug for Histogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.show("Histogram", f)
    }
}

impl<C: crate::meter::Cell> Bound<C> {
    fn show(&self, name: &str, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct(name)
            .field("labels", self.series.labels())
            .field("state", &self.series.cell.state())
            .finish()
    }
}
