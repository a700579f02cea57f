//! Instruments that are about to be made.

use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::Shared;
use super::handles::{Counter, Gauge, Handle, Histogram, UpDownCounter};
use super::labelled::{AnyLabels, Labelled};
use crate::meter::{
    Aggregation, Amount, Family, GaugeCell, Instrument, InstrumentError, InstrumentKind, Labels, Saying,
};
use crate::value::ValueRef;

/// An instrument that is about to be made.
///
/// A name, unit or bounds that cannot be are mended, and counted in [`MeterProblems`](crate::meter::MeterProblems): measuring
/// never fails. [`Self::check`] tells what is wrong with them.
///
/// ```
/// let loom = spanloom::Loom::builder().build();
/// let tokens = loom.meter().histogram("tokens").unit("{token}").bounds([1.0, 10.0, 100.0]);
/// assert!(tokens.check().is_ok());
/// let tokens = tokens.build();
/// tokens.record(42.0);
/// ```
#[must_use = "an instrument is made when `build`, `labelled` or another of these is called"]
pub struct InstrumentBuilder<'a, H> {
    shared: &'a Arc<Shared>,
    instrument: Instrument,
    makes: PhantomData<H>,
}

impl<'a, H: Made> InstrumentBuilder<'a, H> {
    pub(super) fn new(shared: &'a Arc<Shared>, name: &str) -> Self {
        Self { shared, instrument: Instrument::new(name, H::KIND), makes: PhantomData }
    }

    /// The unit of its numbers, as UCUM writes it: `s`, `By`, `{request}`.
    pub fn unit(mut self, unit: &str) -> Self {
        self.instrument = self.instrument.unit(unit);
        self
    }

    /// What it tells people.
    pub fn description(mut self, description: &str) -> Self {
        self.instrument = self.instrument.description(description);
        self
    }

    /// Whether it can be as it is declared.
    ///
    /// # Errors
    /// When the name, the unit or the bounds cannot be.
    pub fn check(&self) -> Result<(), InstrumentError> {
        self.instrument.check()
    }

    /// The handle for the series without labels.
    pub fn build(self) -> H {
        self.bind(&[])
    }

    /// The handle for the series with these labels.
    pub fn bind(self, labels: &[(&str, ValueRef<'_>)]) -> H {
        H::bind(&H::family(self.shared, self.instrument), &Labels::new(labels.iter().copied()), self.shared)
    }

    /// An instrument whose labels have these names; the values are said with each measurement.
    pub fn labelled<const L: usize>(self, names: [&str; L]) -> Labelled<H, L> {
        Labelled::new(names, H::family(self.shared, self.instrument), self.shared)
    }

    /// An instrument whose labels may be any.
    pub fn any_labels(self) -> AnyLabels<H> {
        AnyLabels::new(H::family(self.shared, self.instrument), self.shared)
    }

    fn into<O>(self) -> InstrumentBuilder<'a, O> {
        InstrumentBuilder { shared: self.shared, instrument: self.instrument, makes: PhantomData }
    }

    fn observed<N: Amount>(self, tell: impl Fn(&mut Observing<'_, N>) + Send + Sync + 'static) {
        let family = self.shared.book.gauges::<N>(self.instrument.observed());
        self.shared.book.observe(move |saying| {
            let mut observing = Observing { family: &family, saying };
            // What the program does wrong here is not to end the thread that collects.
            let _ = catch_unwind(AssertUnwindSafe(|| tell(&mut observing)));
        });
    }
}

impl<'a> InstrumentBuilder<'a, Counter<i64>> {
    /// Counts in fractions instead of whole numbers.
    pub fn fractional(self) -> InstrumentBuilder<'a, Counter<f64>> {
        self.into()
    }
}

impl<'a> InstrumentBuilder<'a, UpDownCounter<i64>> {
    /// Counts in fractions instead of whole numbers.
    pub fn fractional(self) -> InstrumentBuilder<'a, UpDownCounter<f64>> {
        self.into()
    }
}

impl<'a> InstrumentBuilder<'a, Gauge<f64>> {
    /// Stands at whole numbers.
    pub fn whole(self) -> InstrumentBuilder<'a, Gauge<i64>> {
        self.into()
    }
}

impl<N: Amount> InstrumentBuilder<'_, Counter<N>> {
    /// The program says at each collection what it stands at.
    ///
    /// ```
    /// let loom = spanloom::Loom::builder().build();
    /// loom.meter().counter("process.cpu.time").fractional().unit("s").observe(|cpu| {
    ///     cpu.say(1.5, &[("state", "user".into())]);
    /// });
    /// ```
    pub fn observe(self, tell: impl Fn(&mut Observing<'_, N>) + Send + Sync + 'static) {
        self.observed(tell);
    }
}

impl<N: Amount> InstrumentBuilder<'_, UpDownCounter<N>> {
    /// The program says at each collection what it stands at.
    pub fn observe(self, tell: impl Fn(&mut Observing<'_, N>) + Send + Sync + 'static) {
        self.observed(tell);
    }
}

impl<N: Amount> InstrumentBuilder<'_, Gauge<N>> {
    /// The program says at each collection what it stands at.
    pub fn observe(self, tell: impl Fn(&mut Observing<'_, N>) + Send + Sync + 'static) {
        self.observed(tell);
    }
}

impl InstrumentBuilder<'_, Histogram> {
    /// The upper bounds of its buckets.
    pub fn bounds<const B: usize>(self, bounds: [f64; B]) -> Self {
        self.kept(Aggregation::Bounds(bounds.into()))
    }

    /// How its numbers are kept together, where no view says otherwise.
    pub fn kept(mut self, aggregation: Aggregation) -> Self {
        self.instrument = self.instrument.aggregation(aggregation);
        self
    }
}

/// Says what an instrument stands at, for one collection.
pub struct Observing<'a, N: Amount> {
    family: &'a Family<GaugeCell<N>>,
    saying: &'a Saying,
}

impl<N: Amount> Observing<'_, N> {
    /// For these labels it stands at this number. Labels that nothing is said of are not told.
    pub fn say(&mut self, number: N, labels: &[(&str, ValueRef<'_>)]) {
        let labels = Labels::new(labels.iter().copied());
        let series = self.family.series(&labels, || self.saying.now_unix_nano);
        self.saying.say(&series, number);
    }
}

impl<N: Amount> std::fmt::Debug for Observing<'_, N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Observing").field("instrument", &self.family.instrument().name).finish()
    }
}

/// A handle whose instrument can be made.
pub trait Made: Handle {
    #[doc(hidden)]
    const KIND: InstrumentKind;
    #[doc(hidden)]
    fn family(shared: &Shared, instrument: Instrument) -> Arc<Family<Self::Cell>>;
}

impl<N: Amount> Made for Counter<N> {
    const KIND: InstrumentKind = InstrumentKind::Counter;
    fn family(shared: &Shared, instrument: Instrument) -> Arc<Family<Self::Cell>> {
        shared.book.sums(instrument)
    }
}

impl<N: Amount> Made for UpDownCounter<N> {
    const KIND: InstrumentKind = InstrumentKind::UpDownCounter;
    fn family(shared: &Shared, instrument: Instrument) -> Arc<Family<Self::Cell>> {
        shared.book.sums(instrument)
    }
}

impl<N: Amount> Made for Gauge<N> {
    const KIND: InstrumentKind = InstrumentKind::Gauge;
    fn family(shared: &Shared, instrument: Instrument) -> Arc<Family<Self::Cell>> {
        shared.book.gauges(instrument)
    }
}

impl Made for Histogram {
    const KIND: InstrumentKind = InstrumentKind::Histogram;
    fn family(shared: &Shared, instrument: Instrument) -> Arc<Family<Self::Cell>> {
        shared.book.distributions(instrument)
    }
}
