//! The metrics of one level.

use std::sync::Arc;

use super::spec::Checked;
use super::{MetricKind, RegistryError};
use crate::meter::state::{Cell, State};
use crate::meter::{Exemplar, Family, Labels, Number, Series};

/// Metrics in the order in which they were made, those of one name together.
#[derive(Default)]
pub(super) struct Shelf {
    pub named: Vec<Named>,
}

/// The metrics of one name: they differ in the values of their constant labels.
#[derive(Clone)]
pub(super) struct Named {
    pub name: Arc<str>,
    pub help: Arc<str>,
    pub kind: MetricKind,
    label_keys: (Vec<String>, Vec<String>),
    members: Vec<(Labels, Arc<dyn Held>)>,
}

/// A family, whatever it counts in.
pub(super) trait Held: Send + Sync {
    fn is_empty(&self) -> bool;
    /// Adds all series to these.
    fn put_lines(&self, lines: &mut Vec<Line>);
}

/// A series with the bounds of its buckets.
pub(super) struct Line {
    pub series: Arc<dyn Stated>,
    pub bounds: Arc<[f64]>,
}

/// A series, whatever it counts in.
pub(super) trait Stated: Send + Sync {
    fn labels(&self) -> &Labels;
    fn start_unix_nano(&self) -> u64;
    fn state(&self) -> State;
    fn exemplars(&self) -> Vec<Exemplar>;
}

impl Shelf {
    /// Whether a metric may be added.
    pub(super) fn check(&self, metric: &Checked, kind: MetricKind) -> Result<(), RegistryError> {
        let Some(named) = self.find(&metric.name) else { return Ok(()) };
        let name = || metric.name.clone();
        if named.members.iter().any(|(constant, _)| *constant == metric.constant) {
            return Err(RegistryError::Duplicate { name: name() });
        }
        let fits = named.kind == kind && *named.help == *metric.help && named.label_keys == metric.label_keys;
        if fits { Ok(()) } else { Err(RegistryError::Mismatch { name: name() }) }
    }

    /// Adds a metric that was checked.
    pub(super) fn add(&mut self, metric: Checked, kind: MetricKind, held: Arc<dyn Held>) {
        let member = (metric.constant, held);
        if let Some(named) = self.named.iter_mut().find(|named| *named.name == *metric.name) {
            return named.members.push(member);
        }
        self.named.push(Named {
            name: metric.name.into(),
            help: metric.help.into(),
            kind,
            label_keys: metric.label_keys,
            members: vec![member],
        });
    }

    fn find(&self, name: &str) -> Option<&Named> {
        self.named.iter().find(|named| *named.name == *name)
    }
}

impl Named {
    pub(super) fn is_empty(&self) -> bool {
        self.members.iter().all(|(_, held)| held.is_empty())
    }

    /// All series, sorted by the values of their labels.
    pub(super) fn lines(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        self.members.iter().for_each(|(_, held)| held.put_lines(&mut lines));
        lines.sort_by(|one, other| by_values(one.series.labels(), other.series.labels()));
        lines
    }
}

/// Fewer labels first, then by the values in the order of the names.
fn by_values(one: &Labels, other: &Labels) -> std::cmp::Ordering {
    let counts = one.pairs().count().cmp(&other.pairs().count());
    counts.then_with(|| values(one).cmp(values(other)))
}

fn values(labels: &Labels) -> impl Iterator<Item = &str> {
    labels.iter().map(|(_, value)| value.as_str().unwrap_or_default())
}

impl<C: Cell> Held for Family<C> {
    fn is_empty(&self) -> bool {
        Self::is_empty(self)
    }

    fn put_lines(&self, lines: &mut Vec<Line>) {
        let start = lines.len();
        loop {
            let some = self.some_from(lines.len() - start);
            if some.is_empty() {
                return;
            }
            let line = |series| Line { series, bounds: Arc::clone(&self.shape.bounds) };
            lines.extend(some.into_iter().map(|series| line(series as Arc<dyn Stated>)));
        }
    }
}

impl<C: Cell> Stated for Series<C> {
    fn labels(&self) -> &Labels {
        Self::labels(self)
    }

    fn start_unix_nano(&self) -> u64 {
        Self::start_unix_nano(self)
    }

    fn state(&self) -> State {
        // A gauge that nobody has set stands at zero here.
        self.cell.state().unwrap_or(State::Number(Number::Int(0)))
    }

    fn exemplars(&self) -> Vec<Exemplar> {
        self.examples.read(Self::start_unix_nano(self))
    }
}
