//! What somebody wishes to measure, and whether it can be had.

use super::Place;
use super::place::{AUTO_LABELS, WORKER_ID};
use crate::meter::Labels;
use crate::meter::buckets::{BucketsError, PROMETHEUS, check_bounds};
use crate::meter::name::metric_name;

/// What a metric does with numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MetricKind {
    /// Sums what only grows.
    Counter,
    /// Keeps the last number.
    Gauge,
    /// Counts how numbers are distributed.
    Histogram,
}

impl MetricKind {
    /// Its name, for people and scrapers.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A metric as somebody wishes it.
///
/// ```
/// use spanloom::meter::registry::MetricSpec;
/// let seconds = MetricSpec::new("request_duration_seconds", "Time of a request")
///     .label("zone", "a")
///     .label_names(["model"])
///     .buckets([0.1, 1.0, 10.0]);
/// assert_eq!(seconds.label_names.as_deref(), Some(&["model".to_owned()][..]));
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MetricSpec {
    /// Its name, without the prefix of the tree.
    pub name: String,
    /// What it tells people.
    pub help: String,
    /// Labels that all its series have.
    pub labels: Vec<(String, String)>,
    /// The labels by which its series differ; `None` for a metric that is one series.
    pub label_names: Option<Vec<String>>,
    /// The upper bounds of its buckets, for a histogram only. An empty list is that of Prometheus' clients, as is none.
    pub buckets: Option<Vec<f64>>,
}

impl MetricSpec {
    /// A metric that is one series.
    #[must_use]
    pub fn new(name: &str, help: &str) -> Self {
        Self { name: name.to_owned(), help: help.to_owned(), ..Self::default() }
    }

    /// The same with this label on all its series.
    #[must_use]
    pub fn label(mut self, name: &str, value: &str) -> Self {
        self.labels.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with a series for each combination of values of these labels.
    #[must_use]
    pub fn label_names<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.label_names = Some(names.into_iter().map(str::to_owned).collect());
        self
    }

    /// The same with these upper bounds of buckets.
    #[must_use]
    pub fn buckets(mut self, bounds: impl Into<Vec<f64>>) -> Self {
        self.buckets = Some(bounds.into());
        self
    }
}

/// Why a registry does not have a level or metric as it was wished.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// A level's name.
    #[error("`{name}` has nothing that a label can hold: give the level a name with a letter or digit")]
    LevelName {
        /// The name.
        name: String,
    },
    /// A level where it cannot be.
    #[error("no {level} can be right below a {above}: the order is runtime, namespaces, component, endpoint")]
    Misplaced {
        /// What was to be made.
        level: &'static str,
        /// What it was to be below.
        above: &'static str,
    },
    /// Levels in levels without end.
    #[error("the hierarchy has {most} levels at most: keep the levels that you made instead of nesting them")]
    TooDeep {
        /// How many there may be.
        most: usize,
    },
    /// A metric's name.
    #[error("metric `{name}` has nothing that a name can hold: give it a letter or digit")]
    MetricName {
        /// The name.
        name: String,
    },
    /// No help text.
    #[error("metric `{name}` has an empty help text: say what it tells people")]
    EmptyHelp {
        /// The metric.
        name: String,
    },
    /// A label that the registry sets itself.
    #[error("label `{label}` is set by the registry: leave it out, or give it another name")]
    AutoLabel {
        /// The label.
        label: String,
    },
    /// A label that is there twice.
    #[error("label `{label}` is there twice: leave one of them out")]
    DuplicateLabel {
        /// The label.
        label: String,
    },
    /// What is no name of a label.
    #[error(
        "`{label}` is no name of a label: use letters, digits and `_`, no digit in front, and not `le` for a histogram"
    )]
    LabelName {
        /// The label.
        label: String,
    },
    /// Values for labels that are not as many as the labels.
    #[error("metric `{name}` has {wanted} labels and {given} values were given: give one for each")]
    LabelValues {
        /// The metric.
        name: String,
        /// How many labels it has.
        wanted: usize,
        /// How many values were given.
        given: usize,
    },
    /// A metric of several series that differ by nothing.
    #[error("metric `{name}` is to have several series: say by which labels they differ")]
    NoLabelNames {
        /// The metric.
        name: String,
    },
    /// It is made as something that the wished names of labels do not fit to.
    #[error(
        "metric `{name}` was wished with other names of labels than it is made with: only what differs by labels has names for them"
    )]
    LabelNames {
        /// The metric.
        name: String,
    },
    /// Buckets of what is no histogram.
    #[error("metric `{name}` is a {kind} and has no buckets: leave them out")]
    Buckets {
        /// The metric.
        name: String,
        /// What it is.
        kind: &'static str,
    },
    /// Buckets that cannot be.
    #[error("the buckets of `{name}`: {error}")]
    Bounds {
        /// The metric.
        name: String,
        /// What is wrong with them.
        error: BucketsError,
    },
    /// The metric is there already.
    #[error("duplicate metric `{name}`: it is registered here already, keep the handle of the first")]
    Duplicate {
        /// The metric.
        name: String,
    },
    /// The name is there already, with another kind, help text or other labels.
    #[error(
        "metric `{name}` is registered here with another kind, help text or set of labels: make them the same, or give it another name"
    )]
    Mismatch {
        /// The metric.
        name: String,
    },
}

/// What a metric is when all is checked.
#[derive(Debug)]
pub(super) struct Checked {
    /// With the prefix.
    pub name: String,
    pub help: String,
    /// Those of the level as well.
    pub constant: Labels,
    /// The names of `constant` and of the other labels, sorted.
    pub label_keys: (Vec<String>, Vec<String>),
    pub bounds: Vec<f64>,
}

/// Checks a metric that is to be a `kind`.
pub(super) fn check(
    spec: &MetricSpec,
    kind: MetricKind,
    place: &Place,
    prefix: &str,
    worker_id: Option<&str>,
) -> Result<Checked, RegistryError> {
    let name = || spec.name.clone();
    let cleaned = metric_name(&spec.name).map_err(|_| RegistryError::MetricName { name: name() })?;
    let full = if prefix.is_empty() { cleaned } else { format!("{prefix}_{cleaned}") };
    let own: Vec<&str> = spec.labels.iter().map(|(label, _)| label.as_str()).collect();
    check_labels(&own, kind, worker_id.is_some())?;
    let varying: Vec<&str> = spec.label_names.iter().flatten().map(String::as_str).collect();
    if spec.label_names.is_some() && varying.is_empty() {
        return Err(RegistryError::NoLabelNames { name: name() });
    }
    check_labels(&varying, kind, worker_id.is_some())?;
    if spec.help.is_empty() {
        return Err(RegistryError::EmptyHelp { name: name() });
    }
    if spec.buckets.is_some() && kind != MetricKind::Histogram {
        return Err(RegistryError::Buckets { name: name(), kind: kind.word() });
    }
    let bounds = bounds(spec).map_err(|error| RegistryError::Bounds { name: name(), error })?;
    let labels = spec.labels.iter().map(|(label, value)| (label.as_str(), value.as_str()));
    let worker = worker_id.map(|id| (WORKER_ID, id));
    let all = place.labels().chain(worker).chain(labels).map(|(label, value)| (label, value.into()));
    let constant = Labels::new(all);
    let label_keys = (keys(constant.iter().map(|(key, _)| key)), keys(varying.into_iter()));
    Ok(Checked { name: full, help: spec.help.clone(), constant, label_keys, bounds })
}

fn check_labels(labels: &[&str], kind: MetricKind, has_worker: bool) -> Result<(), RegistryError> {
    for (at, label) in labels.iter().copied().enumerate() {
        let owned = || label.to_owned();
        if labels.iter().take(at).any(|before| *before == label) {
            return Err(RegistryError::DuplicateLabel { label: owned() });
        }
        if AUTO_LABELS.contains(&label) || has_worker && label == WORKER_ID {
            return Err(RegistryError::AutoLabel { label: owned() });
        }
        let is_taken = kind == MetricKind::Histogram && label == "le";
        if is_taken || !is_label_name(label) {
            return Err(RegistryError::LabelName { label: owned() });
        }
    }
    Ok(())
}

fn is_label_name(label: &str) -> bool {
    label.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn keys<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut names: Vec<String> = names.map(str::to_owned).collect();
    names.sort_unstable();
    names
}

/// The bounds of the buckets. The last one may be infinite, which says nothing that is not so anyway.
fn bounds(spec: &MetricSpec) -> Result<Vec<f64>, BucketsError> {
    let given = spec.buckets.as_deref().filter(|given| !given.is_empty()).unwrap_or(&PROMETHEUS);
    let bounds = given.strip_suffix(&[f64::INFINITY]).unwrap_or(given);
    check_bounds(bounds)?;
    Ok(bounds.to_vec())
}
