//! Views: changes of what leaves an instrument, made by whoever sets up the program and not where it measures.

use std::sync::Arc;

use super::{Instrument, InstrumentKind};

/// How the numbers of an instrument are kept together.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub enum Aggregation {
    /// As the instrument's kind says.
    #[default]
    Usual,
    /// In buckets with these upper bounds; histograms only.
    Bounds(Arc<[f64]>),
    /// In buckets that grow by a factor; histograms only.
    Exponential {
        /// At most so many buckets for each sign.
        max_size: usize,
        /// How fine they are at first.
        max_scale: i32,
    },
    /// Not at all.
    Drop,
}

impl Aggregation {
    /// An exponential histogram as OpenTelemetry has it: 160 buckets, scale 20.
    #[must_use]
    pub const fn exponential() -> Self {
        Self::Exponential { max_size: 160, max_scale: 20 }
    }
}

/// A change for the instruments that it selects; the first view that selects an instrument counts.
///
/// ```
/// use spanloom::meter::View;
/// // One series for each route, whoever calls; finer buckets.
/// let view = View::of("http.server.*").keep_labels(["route"]).bounds([0.01, 0.1, 1.0]);
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[must_use = "a view does something when a meter has it"]
pub struct View {
    /// A name; `*` stands for any characters, `?` for one.
    name: String,
    kind: Option<InstrumentKind>,
    pub(super) rename: Option<String>,
    pub(super) description: Option<String>,
    pub(super) keep: LabelChoice,
    pub(super) aggregation: Aggregation,
    pub(super) limit: Option<usize>,
}

/// Which labels a series keeps.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum LabelChoice {
    #[default]
    All,
    Only(Vec<String>),
    AllBut(Vec<String>),
}

impl LabelChoice {
    pub(super) fn keeps(&self, key: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(keys) => keys.iter().any(|known| known == key),
            Self::AllBut(keys) => keys.iter().all(|known| known != key),
        }
    }
}

impl View {
    /// A view of the instruments with this name, in which `*` stands for any characters and `?` for one. Upper and lower case are
    /// the same.
    pub fn of(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Only of instruments of this kind.
    pub fn kind(self, kind: InstrumentKind) -> Self {
        Self { kind: Some(kind), ..self }
    }

    /// Gives it another name.
    pub fn rename(self, name: impl Into<String>) -> Self {
        Self { rename: Some(name.into()), ..self }
    }

    /// Gives it another description.
    pub fn description(self, description: impl Into<String>) -> Self {
        Self { description: Some(description.into()), ..self }
    }

    /// Keeps these labels and drops all others.
    pub fn keep_labels<K: Into<String>>(self, keys: impl IntoIterator<Item = K>) -> Self {
        Self { keep: LabelChoice::Only(keys.into_iter().map(Into::into).collect()), ..self }
    }

    /// Drops these labels and keeps all others.
    pub fn drop_labels<K: Into<String>>(self, keys: impl IntoIterator<Item = K>) -> Self {
        Self { keep: LabelChoice::AllBut(keys.into_iter().map(Into::into).collect()), ..self }
    }

    /// Counts in buckets with these upper bounds.
    pub fn bounds(self, bounds: impl Into<Arc<[f64]>>) -> Self {
        self.aggregation(Aggregation::Bounds(bounds.into()))
    }

    /// Keeps numbers together in another way.
    pub fn aggregation(self, aggregation: Aggregation) -> Self {
        Self { aggregation, ..self }
    }

    /// So many series at most; what goes beyond is counted in one that is labelled `otel.metric.overflow`.
    pub fn limit(self, series: usize) -> Self {
        Self { limit: Some(series), ..self }
    }

    pub(super) fn selects(&self, instrument: &Instrument) -> bool {
        self.kind.is_none_or(|kind| kind == instrument.kind) && matches_pattern(&self.name, &instrument.name)
    }
}

/// Whether a name is one of those that a pattern stands for.
fn matches_pattern(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut at, mut to) = (0, 0);
    // Where the last star stands, and up to where it has swallowed the name.
    let mut star: Option<(usize, usize)> = None;
    while to < name.len() {
        match (pattern.get(at), name.get(to)) {
            (Some(b'*'), _) => {
                star = Some((at, to));
                at += 1;
            }
            (Some(wanted), Some(found)) if *wanted == b'?' || wanted.eq_ignore_ascii_case(found) => {
                at += 1;
                to += 1;
            }
            _ => {
                let Some((star_at, swallowed)) = star else { return false };
                star = Some((star_at, swallowed + 1));
                at = star_at + 1;
                to = swallowed + 1;
            }
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|rest| *rest == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("*", "anything", true),
            ("http.*", "http.server", true),
            ("http.*", "https.server", false),
            ("*.duration", "gen_ai.client.operation.duration", true),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "xxaxxbxx", false),
            ("a?c", "aBC", true),
            ("a?c", "ac", false),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches_pattern(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_view_selects_by_name_and_kind() {
        let counter = Instrument::new("requests", InstrumentKind::Counter);
        assert!(View::of("Requests").selects(&counter));
        assert!(!View::of("requests").kind(InstrumentKind::Gauge).selects(&counter));
        assert!(
            View::of("*").keep_labels(["a"]).keep.keeps("a")
                && !View::of("*").keep_labels(["a"]).keep.keeps("b")
        );
        assert!(
            !View::of("*").drop_labels(["a"]).keep.keeps("a")
                && View::of("*").drop_labels(["a"]).keep.keeps("b")
        );
    }
}
