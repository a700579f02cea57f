//! Instruments: what is measured, as the program declares it.

use std::sync::Arc;

use super::buckets::{BucketsError, check_bounds};
use super::{Aggregation, StreamKind, Temporality};

/// What a program measures: a name, and what its numbers mean.
///
/// ```
/// use spanloom::meter::{Instrument, InstrumentKind};
/// let requests = Instrument::new("http.server.requests", InstrumentKind::Counter)
///     .unit("{request}")
///     .description("Requests that were answered.");
/// assert_eq!(requests.name, "http.server.requests");
/// assert!(requests.check().is_ok());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Instrument {
    /// Its name.
    pub name: String,
    /// The unit of its numbers, as UCUM writes it; empty for none.
    pub unit: String,
    /// What it tells people.
    pub description: String,
    /// What it does with numbers.
    pub kind: InstrumentKind,
    /// Where the program says what it stands at, instead of what is added.
    pub observed: bool,
    /// How its numbers are kept together, where no view says otherwise.
    pub aggregation: Aggregation,
}

/// What an instrument does with numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InstrumentKind {
    /// Sums what only grows.
    Counter,
    /// Sums what grows and shrinks.
    UpDownCounter,
    /// Keeps the last number.
    Gauge,
    /// Counts how numbers are distributed.
    Histogram,
}

/// Why an instrument cannot be as it was declared.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InstrumentError {
    /// The name.
    #[error(
        "`{name}` names no instrument: begin with a letter, then use letters, digits, `_`, `.`, `-` and `/`, at most 255 in all"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// The unit.
    #[error("`{unit}` is no unit: use at most 63 ASCII characters")]
    Unit {
        /// The unit.
        unit: String,
    },
    /// The bounds.
    #[error("the buckets of `{name}`: {error}")]
    Bounds {
        /// The instrument.
        name: String,
        /// What is wrong with them.
        error: BucketsError,
    },
}

impl Instrument {
    /// An instrument with this name.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: InstrumentKind) -> Self {
        Self {
            name: name.into(),
            unit: String::new(),
            description: String::new(),
            kind,
            observed: false,
            aggregation: Aggregation::Usual,
        }
    }

    /// The same with this unit.
    #[must_use]
    pub fn unit(self, unit: impl Into<String>) -> Self {
        Self { unit: unit.into(), ..self }
    }

    /// The same with this description.
    #[must_use]
    pub fn description(self, description: impl Into<String>) -> Self {
        Self { description: description.into(), ..self }
    }

    /// The same with these bounds of buckets.
    #[must_use]
    pub fn bounds(self, bounds: impl Into<Arc<[f64]>>) -> Self {
        self.aggregation(Aggregation::Bounds(bounds.into()))
    }

    /// The same with its numbers kept together in this way.
    #[must_use]
    pub fn aggregation(self, aggregation: Aggregation) -> Self {
        Self { aggregation, ..self }
    }

    /// The same where the program says what it stands at.
    #[must_use]
    pub fn observed(self) -> Self {
        Self { observed: true, ..self }
    }

    /// Whether it can be as it is declared.
    ///
    /// # Errors
    /// When the name, the unit or the bounds cannot be.
    pub fn check(&self) -> Result<(), InstrumentError> {
        if !is_name(&self.name) {
            return Err(InstrumentError::Name { name: self.name.clone() });
        }
        if self.unit.len() > 63 || !self.unit.is_ascii() {
            return Err(InstrumentError::Unit { unit: self.unit.clone() });
        }
        let checked = match &self.aggregation {
            Aggregation::Bounds(bounds) => check_bounds(bounds),
            _ => Ok(()),
        };
        checked.map_err(|error| InstrumentError::Bounds { name: self.name.clone(), error })
    }

    /// The nearest that can be: what may not stand in the name becomes `_`, a unit or bounds that cannot be are left out.
    pub(super) fn mend(&mut self) {
        if !is_name(&self.name) {
            let mut name: String =
                self.name.chars().map(|char| if is_inner(char) { char } else { '_' }).collect();
            if !name.starts_with(|first: char| first.is_ascii_alphabetic()) {
                name.insert_str(0, "m_");
            }
            name.truncate(255);
            self.name = name;
        }
        if self.unit.len() > 63 || !self.unit.is_ascii() {
            self.unit.clear();
        }
        if matches!(self.check(), Err(InstrumentError::Bounds { .. })) {
            self.aggregation = Aggregation::Usual;
        }
    }

    /// What leaves of it.
    pub(super) fn stream_kind(&self, temporality: Temporality, exponential: bool) -> StreamKind {
        match self.kind {
            InstrumentKind::Counter => StreamKind::Sum { monotonic: true, temporality },
            InstrumentKind::UpDownCounter => StreamKind::Sum { monotonic: false, temporality },
            InstrumentKind::Gauge => StreamKind::Gauge,
            InstrumentKind::Histogram if exponential => StreamKind::Exponential { temporality },
            InstrumentKind::Histogram => StreamKind::Histogram { temporality },
        }
    }
}

fn is_name(name: &str) -> bool {
    name.len() <= 255
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(is_inner)
}

fn is_inner(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '_' | '.' | '-' | '/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Instrument {
        Instrument::new(name, InstrumentKind::Counter)
    }

    #[test]
    fn names_units_and_bounds_are_checked_and_mended() {
        for good in ["a", "http.server/x-1_Y", &"a".repeat(255)] {
            assert_eq!(named(good).check(), Ok(()), "{good}");
        }
        for (bad, mended) in [
            ("", "m_"),
            ("1a", "m_1a"),
            ("a b", "a_b"),
            ("\u{e4}", "m__"),
            (&"a".repeat(256), &"a".repeat(255)),
        ] {
            let mut instrument = named(bad);
            assert!(instrument.check().is_err(), "{bad}");
            instrument.mend();
            assert_eq!((instrument.name.as_str(), instrument.check()), (mended, Ok(())));
        }
        let mut odd = named("a").unit("µs").bounds([1.0, 1.0]);
        assert!(odd.check().unwrap_err().to_string().contains("µs"));
        odd.mend();
        assert_eq!(odd, named("a"));
        assert!(named("a").bounds([1.0, f64::NAN]).check().is_err());
        assert!(named("a").bounds([0.0, 5.0]).check().is_ok());
    }
}
