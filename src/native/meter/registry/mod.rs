//! The hierarchy of registries for native programs: the tree of [`crate::meter::registry`], with handles to measure with.
//!
//! ```text
//!  Registry ──counter, gauge, histogram──▶ RegistryMetric ──build, labelled──▶ handles, or what is wrong
//!     │                                                                          │ their families
//!   Level ◀── metrics, callbacks ────────────────────────────────────────────────┘
//!     └──scrape──▶ text
//! ```
//!
//! A handle does here what it does everywhere: it writes to the cell of its series and meets no lock. Only making a metric and
//! scraping look into the tree.

mod callbacks;
mod frontend;
mod labelled_by;
mod metric;
#[cfg(test)]
mod tests;
mod worker;

use std::sync::Arc;

use super::{Examples, Meter, Shared};
use crate::config::ExemplarFilter;
use crate::meter::prometheus::{FamilyError, Format, PrometheusOptions, Written};
use crate::meter::registry::builtin::{BuiltIn, COMPONENT, find};
use crate::meter::registry::{
    CallbackError, Level, LevelKind, MetricSpec, Place, RegistryError, RegistryOptions, RegistryProblem,
};
use crate::meter::{Book, MeterProblems};
use crate::native::clock::TimeSource;

pub use frontend::{FrontendMetrics, FrontendRequest};
pub use labelled_by::LabelledBy;
pub use metric::{Registered, RegistryMetric};
pub use worker::{WorkerMetrics, WorkerRequest};

use super::handles::{Counter, Gauge, Histogram};

/// A registry in the hierarchy runtime, namespace, component, endpoint. Clones are the same one.
///
/// Each metric's name begins with the tree's prefix, and each series says where in the hierarchy it was measured. A scrape of a
/// registry has all below it.
///
/// ```
/// use spanloom::native::meter::{Counter, Registry};
/// let runtime = Registry::new();
/// let endpoint = runtime.namespace("prod")?.component("router")?.endpoint("generate")?;
/// let requests: Counter = endpoint.counter("requests_total", "Requests").build()?;
/// requests.add(42);
/// let line = concat!(
///     "dynamo_component_requests_total{dynamo_component=\"router\",dynamo_endpoint=\"generate\",",
///     "dynamo_namespace=\"prod\"} 42",
/// );
/// assert_eq!(runtime.scrape()?.lines().last(), Some(line));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Registry {
    level: Level,
    shared: Arc<Shared>,
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Registry {
    /// The runtime of a new tree, whose metrics begin with `dynamo_component`.
    #[must_use]
    pub fn new() -> Self {
        Self::with(RegistryOptions::default())
    }

    /// The runtime of a new tree.
    ///
    /// ```
    /// use spanloom::meter::registry::RegistryOptions;
    /// use spanloom::native::meter::Registry;
    /// let options = RegistryOptions { prefix: "my_program".to_owned(), ..RegistryOptions::default() };
    /// let registry = Registry::with(options);
    /// registry.gauge("heat", "Degrees").build()?.set(36.5);
    /// assert!(registry.scrape()?.ends_with("\nmy_program_heat 36.5\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with(options: RegistryOptions) -> Self {
        // The book counts what cannot be measured; the metrics themselves are the tree's.
        let book = Book::default();
        let examples = Examples(ExemplarFilter::AlwaysOff);
        Self::sharing(Arc::new(Shared { book, time: TimeSource::System, examples }), options)
    }

    /// The runtime of a new tree, with the clock of this meter and its choice of exemplars. What cannot be measured is counted in
    /// the meter's [`problems`](Meter::problems).
    ///
    /// ```
    /// use spanloom::meter::registry::RegistryOptions;
    /// use spanloom::native::meter::Registry;
    /// let loom = spanloom::Loom::builder().build();
    /// let registry = Registry::of(loom.meter(), RegistryOptions::default());
    /// registry.counter("tasks_total", "Tasks").build()?.add(-1);
    /// assert_eq!(loom.meter().problems().invalid, 1);
    /// # Ok::<(), spanloom::meter::registry::RegistryError>(())
    /// ```
    #[must_use]
    pub fn of(meter: &Meter, options: RegistryOptions) -> Self {
        Self::sharing(Arc::clone(&meter.shared), options)
    }

    fn sharing(shared: Arc<Shared>, options: RegistryOptions) -> Self {
        Self { level: Level::new(options), shared }
    }

    /// A new namespace below the runtime or another namespace. Make each level once and keep it: it stays as long as the tree.
    ///
    /// # Errors
    /// When there can be none here, or the name leaves nothing for its label.
    pub fn namespace(&self, name: &str) -> Result<Self, RegistryError> {
        self.below(LevelKind::Namespace, name)
    }

    /// A new component below a namespace.
    ///
    /// # Errors
    /// When there can be none here, or the name leaves nothing for its label.
    pub fn component(&self, name: &str) -> Result<Self, RegistryError> {
        self.below(LevelKind::Component, name)
    }

    /// A new endpoint below a component.
    ///
    /// # Errors
    /// When there can be none here, or the name leaves nothing for its label.
    pub fn endpoint(&self, name: &str) -> Result<Self, RegistryError> {
        self.below(LevelKind::Endpoint, name)
    }

    fn below(&self, kind: LevelKind, name: &str) -> Result<Self, RegistryError> {
        Ok(Self { level: self.level.below(kind, name)?, shared: Arc::clone(&self.shared) })
    }

    /// Where it stands.
    #[must_use]
    pub fn place(&self) -> &Place {
        self.level.place()
    }

    /// A metric that sums what only grows, in whole numbers.
    pub fn counter(&self, name: &str, help: &str) -> RegistryMetric<'_, Counter> {
        self.metric(MetricSpec::new(name, help))
    }

    /// A metric that keeps the last number, at first zero.
    pub fn gauge(&self, name: &str, help: &str) -> RegistryMetric<'_, Gauge> {
        self.metric(MetricSpec::new(name, help))
    }

    /// A metric that counts how numbers are distributed.
    pub fn histogram(&self, name: &str, help: &str) -> RegistryMetric<'_, Histogram> {
        self.metric(MetricSpec::new(name, help))
    }

    /// A metric as it is wished: from one of the tables in [`builtin`](crate::meter::registry::builtin), for example.
    ///
    /// ```
    /// use spanloom::meter::registry::builtin::{COMPONENT, find};
    /// use spanloom::native::meter::{Counter, Registry};
    /// let registry = Registry::new();
    /// let wish = find(COMPONENT, "kv_cache_events_applied").ok_or("no such metric")?.spec(|_variable| None);
    /// let events = registry.metric::<Counter>(wish.clone()).labelled(["status", "event_type"])?;
    /// events.with(["ok", "stored"]).add(1);
    /// assert!(registry.metric::<Counter>(wish).build().is_err(), "it has names of labels");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn metric<H: Registered>(&self, wish: MetricSpec) -> RegistryMetric<'_, H> {
        RegistryMetric::new(self, wish)
    }

    /// A metric of a table; one that is not in it has no name, and cannot be made.
    fn built_in<H: Registered>(
        &self,
        table: &[BuiltIn],
        name: &str,
        look_up: impl Fn(&str) -> Option<String>,
    ) -> RegistryMetric<'_, H> {
        self.metric(find(table, name).map(|metric| metric.spec(look_up)).unwrap_or_default())
    }

    /// Has metrics brought up to date before each scrape of this level or one above. An error, or a panic, is told to
    /// [`on_problem`](Self::on_problem) and ends nothing.
    ///
    /// ```
    /// use spanloom::native::meter::Registry;
    /// let registry = Registry::new();
    /// let scrapes = registry.gauge("scrapes", "Scrapes so far").whole().build()?;
    /// registry.on_scrape(move || Ok(scrapes.add(1)));
    /// assert!(registry.scrape()?.ends_with("scrapes 1\n"));
    /// assert!(registry.scrape()?.ends_with("scrapes 2\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_scrape(&self, update: impl Fn() -> Result<(), CallbackError> + Send + Sync + 'static) {
        self.level.on_scrape(callbacks::guarded(update));
    }

    /// Has text of other libraries put behind the metrics, as it is, at each scrape of this level or one above.
    ///
    /// ```
    /// use spanloom::native::meter::Registry;
    /// let registry = Registry::new();
    /// registry.add_text(|| Ok("engine_up 1\n".to_owned()));
    /// assert_eq!(registry.scrape()?, "\nengine_up 1\n");
    /// # Ok::<(), spanloom::meter::prometheus::FamilyError>(())
    /// ```
    pub fn add_text(&self, text: impl Fn() -> Result<String, CallbackError> + Send + Sync + 'static) {
        self.level.add_text(callbacks::guarded(text));
    }

    /// Who is told what goes wrong at scrapes anywhere in the tree: a log, for example. Nobody by default.
    pub fn on_problem(&self, hook: impl Fn(&RegistryProblem) + Send + Sync + 'static) {
        self.level.on_problem(hook);
    }

    /// Adds the gauge `uptime_seconds`: the time since now, set before each scrape.
    ///
    /// # Errors
    /// When this level has it already.
    pub fn uptime(&self) -> Result<(), RegistryError> {
        let seconds: Gauge = self.built_in(COMPONENT, "uptime_seconds", |_| None).build()?;
        let (shared, began) = (Arc::clone(&self.shared), self.now());
        self.on_scrape(move || {
            seconds.set(since(&shared, began));
            Ok(())
        });
        Ok(())
    }

    /// The text of this level and all below it, byte by byte as Dynamo's registry has it.
    ///
    /// # Errors
    /// When metrics of one name have different kinds or help texts.
    pub fn scrape(&self) -> Result<String, FamilyError> {
        self.level.to_text(self.now())
    }

    /// As [`Self::scrape`], in any format and piece by piece.
    ///
    /// ```
    /// use spanloom::meter::prometheus::{Format, PrometheusOptions};
    /// use spanloom::native::meter::Registry;
    /// let registry = Registry::new();
    /// registry.gauge("heat", "Degrees").build()?.set(f64::INFINITY);
    /// let mut page = Vec::new();
    /// registry.write(&PrometheusOptions::new(Format::Prometheus), &mut |piece| page.extend_from_slice(piece))?;
    /// assert!(page.ends_with(b"dynamo_component_heat +Inf\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When metrics of one name have different kinds or help texts, and the options say that this is an error.
    pub fn write(
        &self,
        options: &PrometheusOptions,
        tell: &mut dyn FnMut(&[u8]),
    ) -> Result<Written, FamilyError> {
        self.level.write(options, self.now(), tell)
    }

    /// The content type and text that `/metrics` answers with; `None` where metrics do not fit together, which is a problem.
    pub(in crate::native) fn page(&self) -> Option<(String, String)> {
        match self.scrape() {
            Ok(text) => Some((Format::Dynamo.content_type().to_owned(), text)),
            Err(error) => {
                self.level.report(&RegistryProblem::Unfit { error });
                None
            }
        }
    }

    /// What could not be measured, in the whole tree.
    #[must_use]
    pub fn problems(&self) -> MeterProblems {
        self.shared.book.problems()
    }

    fn now(&self) -> u64 {
        self.shared.time.unix_nanos()
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").field("level", &self.level).finish_non_exhaustive()
    }
}

/// Seconds since a moment.
fn since(shared: &Shared, began_unix_nano: u64) -> f64 {
    let passed = shared.time.unix_nanos().saturating_sub(began_unix_nano);
    std::time::Duration::from_nanos(passed).as_secs_f64()
}
