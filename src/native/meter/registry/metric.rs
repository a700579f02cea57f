//! Metrics of a registry that are about to be made.

use std::marker::PhantomData;
use std::sync::Arc;

use super::{LabelledBy, Registry};
use crate::meter::registry::{Level, MetricSpec, RegistryError};
use crate::meter::{Amount, Family, Labels};
use crate::native::meter::{AnyLabels, Counter, Gauge, Handle, Histogram, Labelled};

/// A metric of a registry that is about to be made.
///
/// ```
/// use spanloom::native::meter::Registry;
/// let registry = Registry::new();
/// let seconds = registry
///     .histogram("request_duration_seconds", "Time of a request")
///     .label("zone", "a")
///     .buckets([0.1, 1.0, 10.0])
///     .labelled(["model"])?;
/// seconds.with(["small"]).record(0.8);
/// # Ok::<(), spanloom::meter::registry::RegistryError>(())
/// ```
#[must_use = "a metric is made when `build`, `labelled` or `labelled_by` is called"]
pub struct RegistryMetric<'a, H> {
    registry: &'a Registry,
    spec: MetricSpec,
    makes: PhantomData<H>,
}

impl<'a, H: Registered> RegistryMetric<'a, H> {
    pub(super) fn new(registry: &'a Registry, spec: MetricSpec) -> Self {
        Self { registry, spec, makes: PhantomData }
    }

    /// A label that all its series have.
    pub fn label(self, name: &str, value: &str) -> Self {
        Self { spec: self.spec.label(name, value), ..self }
    }

    /// The handle of a metric that is one series. It is in the text at once, at zero.
    ///
    /// # Errors
    /// When the metric cannot be as it is wished, or is there already.
    pub fn build(self) -> Result<H, RegistryError> {
        if self.spec.label_names.is_some() {
            return Err(self.other_labels());
        }
        let family = H::family(&self.registry.level, &self.spec)?;
        Ok(H::bind(&family, &Labels::none(), &self.registry.shared))
    }

    /// A metric whose series differ by these labels. A series is in the text when its handle was asked for.
    ///
    /// # Errors
    /// When the metric cannot be as it is wished, or is there already.
    pub fn labelled<const L: usize>(self, names: [&str; L]) -> Result<Labelled<H, L>, RegistryError> {
        let (registry, spec) = (self.registry, self.differing_by(&names)?);
        Ok(Labelled::new(names, H::family(&registry.level, &spec)?, &registry.shared))
    }

    /// As [`Self::labelled`], for names that are known only when the program runs.
    ///
    /// # Errors
    /// When the metric cannot be as it is wished, or is there already.
    pub fn labelled_by<N: AsRef<str>>(self, names: &[N]) -> Result<LabelledBy<H>, RegistryError> {
        let (registry, spec) = (self.registry, self.differing_by(names)?);
        let family = H::family(&registry.level, &spec)?;
        let names = names.iter().map(|name| name.as_ref().into()).collect();
        Ok(LabelledBy::new(&spec.name, names, AnyLabels::new(family, &registry.shared)))
    }

    /// What is to be made, with these names of labels: they are those that it was wished with, if it was wished with any.
    fn differing_by<N: AsRef<str>>(self, names: &[N]) -> Result<MetricSpec, RegistryError> {
        let are_those =
            |wished: &Vec<String>| wished.iter().map(String::as_str).eq(names.iter().map(AsRef::as_ref));
        if self.spec.label_names.as_ref().is_some_and(|wished| !are_those(wished)) {
            return Err(self.other_labels());
        }
        Ok(self.spec.label_names(names.iter().map(AsRef::as_ref)))
    }

    fn other_labels(&self) -> RegistryError {
        RegistryError::LabelNames { name: self.spec.name.clone() }
    }

    fn into<O>(self) -> RegistryMetric<'a, O> {
        RegistryMetric { registry: self.registry, spec: self.spec, makes: PhantomData }
    }
}

impl<'a> RegistryMetric<'a, Counter<i64>> {
    /// Counts in fractions instead of whole numbers.
    pub fn fractional(self) -> RegistryMetric<'a, Counter<f64>> {
        self.into()
    }
}

impl<'a> RegistryMetric<'a, Gauge<f64>> {
    /// Stands at whole numbers.
    pub fn whole(self) -> RegistryMetric<'a, Gauge<i64>> {
        self.into()
    }
}

impl RegistryMetric<'_, Histogram> {
    /// The upper bounds of its buckets. An empty list is that of Prometheus' clients, as is none.
    pub fn buckets(self, bounds: impl Into<Vec<f64>>) -> Self {
        Self { spec: self.spec.buckets(bounds), ..self }
    }
}

impl<H> std::fmt::Debug for RegistryMetric<'_, H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegistryMetric").field("spec", &self.spec).finish_non_exhaustive()
    }
}

/// A handle whose metric can be in a registry.
pub trait Registered: Handle {
    #[doc(hidden)]
    fn family(level: &Level, spec: &MetricSpec) -> Result<Arc<Family<Self::Cell>>, RegistryError>;
}

impl<N: Amount> Registered for Counter<N> {
    fn family(level: &Level, spec: &MetricSpec) -> Result<Arc<Family<Self::Cell>>, RegistryError> {
        level.sums(spec)
    }
}

impl<N: Amount> Registered for Gauge<N> {
    fn family(level: &Level, spec: &MetricSpec) -> Result<Arc<Family<Self::Cell>>, RegistryError> {
        level.gauges(spec)
    }
}

impl Registered for Histogram {
    fn family(level: &Level, spec: &MetricSpec) -> Result<Arc<Family<Self::Cell>>, RegistryError> {
        level.distributions(spec)
    }
}
