//! How metrics are written as text, and what came of it.

use super::Format;
use crate::meter::Labels;

/// How names come about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Naming {
    /// From OpenTelemetry's names and units, by [`metric_name`](super::metric_name) and
    /// [`label_name`](super::label_name).
    #[default]
    Translate,
    /// As they are; only characters that would break the text are replaced.
    Exact,
}

/// What happens when streams of one name have different kinds or descriptions, or when the samples of two families would
/// share a name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum OnConflict {
    /// The one that comes first is written, series of another kind are left out and counted. The first description counts.
    #[default]
    KeepFirst,
    /// Nothing is written, and the error tells the name.
    Fail,
}

/// How metrics are written as text.
///
/// ```
/// use spanloom::meter::prometheus::{Format, PrometheusOptions};
/// let options = PrometheusOptions { created: false, ..PrometheusOptions::new(Format::OpenMetrics) };
/// assert_eq!(options.exponential_scale, 2);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrometheusOptions {
    /// The text format.
    pub format: Format,
    /// How names come about.
    pub naming: Naming,
    /// What happens when streams of one name do not fit together.
    pub on_conflict: OnConflict,
    /// Attributes of the program, which become the labels of `target_info`; none leaves it out.
    pub resource: Labels,
    /// Tells when counters and histograms began, in OpenMetrics.
    pub created: bool,
    /// Exponential histograms have `2^scale` buckets from one power of two to the next; no more than eight, so 3 is the most.
    pub exponential_scale: i32,
}

impl Default for PrometheusOptions {
    fn default() -> Self {
        Self::new(Format::default())
    }
}

impl PrometheusOptions {
    /// What this format usually goes with. Dynamo's has names as they are, and fails where descriptions differ.
    #[must_use]
    pub fn new(format: Format) -> Self {
        let is_dynamo = format == Format::Dynamo;
        Self {
            format,
            naming: if is_dynamo { Naming::Exact } else { Naming::Translate },
            on_conflict: if is_dynamo { OnConflict::Fail } else { OnConflict::KeepFirst },
            resource: Labels::none(),
            created: true,
            exponential_scale: 2,
        }
    }
}

/// Who measured: the library whose meter it was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Scope<'a> {
    /// Its name, the label `otel_scope_name`; empty for none.
    pub name: &'a str,
    /// Its version, the label `otel_scope_version`; empty for none.
    pub version: &'a str,
}

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Written {
    /// How many families.
    pub families: u64,
    /// How many series; a histogram is one.
    pub series: u64,
    /// How many bytes.
    pub bytes: u64,
    /// What was left out.
    pub skipped: Skipped,
}

/// How many series were left out, and why.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Skipped {
    /// They tell only what happened since the collection before.
    pub delta: u64,
    /// A series with the same labels came before.
    pub duplicate: u64,
    /// Their family has another kind, or shares a name with another family.
    pub conflict: u64,
    /// The reading is not of the stream's kind, or a counter below zero, or none at all, in OpenMetrics.
    pub unfit: u64,
    /// Nothing is left of the stream's name.
    pub unnamed: u64,
}

impl Skipped {
    /// All of them.
    ///
    /// ```
    /// use spanloom::meter::prometheus::Skipped;
    /// assert_eq!(Skipped { delta: 1, duplicate: 2, ..Skipped::default() }.total(), 3);
    /// ```
    #[must_use]
    pub const fn total(&self) -> u64 {
        let Self { delta, duplicate, conflict, unfit, unnamed } = *self;
        delta.saturating_add(duplicate).saturating_add(conflict).saturating_add(unfit).saturating_add(unnamed)
    }
}

/// Why a stream's series are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    Delta,
    Conflict,
    Unnamed,
}

impl Skipped {
    pub(super) const fn add(&mut self, reason: Reason) {
        match reason {
            Reason::Delta => self.delta += 1,
            Reason::Conflict => self.conflict += 1,
            Reason::Unnamed => self.unnamed += 1,
        }
    }
}
