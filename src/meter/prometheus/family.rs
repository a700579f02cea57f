//! A metric family: what Prometheus calls the series that share a name.

use std::collections::BTreeSet;

use super::name::{clean, metric_name, unit_suffix};
use super::{Format, Naming};
use crate::meter::{Stream, StreamKind, Temporality};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Family {
    /// The name in the lines of HELP and TYPE.
    pub name: String,
    pub kind: FamilyKind,
    pub help: String,
    /// How the name ends, where that is a unit.
    pub unit: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FamilyKind {
    Counter,
    Gauge,
    Histogram,
    Info,
}

impl Family {
    /// The family of a stream; `None` where its name leaves nothing.
    pub(super) fn of(stream: &Stream<'_>, format: Format, naming: Naming) -> Option<Self> {
        let kind = match stream.kind {
            StreamKind::Sum { monotonic: true, .. } => FamilyKind::Counter,
            StreamKind::Gauge | StreamKind::Sum { .. } => FamilyKind::Gauge,
            StreamKind::Histogram { .. } | StreamKind::Exponential { .. } => FamilyKind::Histogram,
        };
        let mut name = match naming {
            Naming::Translate => metric_name(stream.name, stream.unit, stream.kind),
            Naming::Exact if stream.name.is_empty() => String::new(),
            Naming::Exact => clean(stream.name, true),
        };
        if name.is_empty() {
            return None;
        }
        if format == Format::OpenMetrics && kind == FamilyKind::Counter {
            // There the family has the name without what its samples end with.
            if let Some(family) = name.strip_suffix("_total").filter(|family| !family.is_empty()) {
                name.truncate(family.len());
            }
        }
        let unit = unit_suffix(stream.unit, stream.kind);
        let ends_with_unit = name.strip_suffix(&unit).is_some_and(|before| before.ends_with('_'));
        Some(Self {
            name,
            kind,
            help: stream.description.to_owned(),
            unit: if ends_with_unit { unit } else { String::new() },
        })
    }

    /// The family that tells the attributes of the resource.
    pub(super) fn of_target(format: Format) -> Self {
        let is_open = format == Format::OpenMetrics;
        Self {
            name: if is_open { "target" } else { "target_info" }.to_owned(),
            kind: if is_open { FamilyKind::Info } else { FamilyKind::Gauge },
            help: "Attributes of the program that is measured".to_owned(),
            unit: String::new(),
        }
    }

    /// What the names of its samples may end with.
    fn suffixes(&self, format: Format) -> &'static [&'static str] {
        match (self.kind, format) {
            (FamilyKind::Counter, Format::OpenMetrics) => &["_total", "_created"],
            (FamilyKind::Histogram, Format::OpenMetrics) => &["_bucket", "_sum", "_count", "_created"],
            (FamilyKind::Histogram, _) => &["_bucket", "_sum", "_count"],
            (FamilyKind::Info, _) => &["_info"],
            (FamilyKind::Counter | FamilyKind::Gauge, _) => &[],
        }
    }
}

impl FamilyKind {
    /// The word of the TYPE line.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Info => "info",
        }
    }
}

/// True for a stream that tells only what happened since the collection before: no scraper can read that.
pub(super) fn is_delta(kind: StreamKind) -> bool {
    match kind {
        StreamKind::Gauge => false,
        StreamKind::Sum { temporality, .. }
        | StreamKind::Histogram { temporality }
        | StreamKind::Exponential { temporality } => temporality == Temporality::Delta,
    }
}

/// The names that families have taken, those of their samples among them.
#[derive(Debug, Default)]
pub(super) struct TakenNames {
    names: BTreeSet<String>,
}

impl TakenNames {
    /// Takes the names of a family, unless one of them is taken already.
    pub(super) fn take(&mut self, family: &Family, format: Format) -> bool {
        let suffixes = family.suffixes(format).iter().map(|suffix| format!("{}{suffix}", family.name));
        let mut names: Vec<String> = suffixes.collect();
        names.push(family.name.clone());
        if names.iter().any(|name| self.names.contains(name)) {
            return false;
        }
        self.names.extend(names);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOTAL: StreamKind = StreamKind::Sum { monotonic: true, temporality: Temporality::Cumulative };

    fn family(name: &str, unit: &str, kind: StreamKind, format: Format, naming: Naming) -> Family {
        Family::of(&Stream { name, unit, description: "", kind }, format, naming).unwrap()
    }

    #[test]
    fn counters_of_open_metrics_lose_their_suffix() {
        let made = |format, naming| family("cpu.time", "s", TOTAL, format, naming);
        assert_eq!(made(Format::Prometheus, Naming::Translate).name, "cpu_time_seconds_total");
        let open = made(Format::OpenMetrics, Naming::Translate);
        assert_eq!((open.name.as_str(), open.unit.as_str()), ("cpu_time_seconds", "seconds"));
        assert_eq!(made(Format::OpenMetrics, Naming::Exact).unit, "");
        assert_eq!(family("_total", "", TOTAL, Format::OpenMetrics, Naming::Exact).name, "_total");
    }

    #[test]
    fn exact_names_stay_but_can_break_nothing() {
        let exact = |name| family(name, "s", StreamKind::Gauge, Format::Dynamo, Naming::Exact).name;
        assert_eq!(exact("dynamo__x"), "dynamo__x");
        assert_eq!(exact("x 1\ny"), "x_1_y");
        let empty = Stream { name: "", unit: "s", description: "", kind: TOTAL };
        for naming in [Naming::Exact, Naming::Translate] {
            assert_eq!(Family::of(&empty, Format::Prometheus, naming), None);
        }
    }

    #[test]
    fn names_of_samples_are_taken_too() {
        let mut taken = TakenNames::default();
        let histogram = StreamKind::Histogram { temporality: Temporality::Cumulative };
        let mut take = |name, kind| {
            taken.take(&family(name, "", kind, Format::OpenMetrics, Naming::Translate), Format::OpenMetrics)
        };
        assert!(take("a", histogram));
        assert!(!take("a", StreamKind::Gauge));
        assert!(!take("a_count", StreamKind::Gauge));
        assert!(take("a_counts", StreamKind::Gauge));
        assert!(take("b_total", StreamKind::Gauge));
        assert!(!take("b", TOTAL), "its samples are b_total");
    }
}
