//! What one level has, for one scrape.

use std::cell::Cell;

use super::MetricKind;
use super::shelf::{Line, Named};
use crate::meter::prometheus::MetricSource;
use crate::meter::{Point, Stream, StreamKind, Temporality};

/// The metrics of a level that have series.
pub(super) struct Gathered {
    named: Vec<Named>,
    now_unix_nano: u64,
    /// The series of the metric that was asked for last: it may be asked for twice.
    last: Cell<Option<(usize, Vec<Line>)>>,
}

impl Gathered {
    pub(super) fn new(named: &[Named], now_unix_nano: u64) -> Self {
        let named = named.iter().filter(|named| !named.is_empty()).cloned().collect();
        Self { named, now_unix_nano, last: Cell::new(None) }
    }

    fn lines(&self, index: usize) -> Vec<Line> {
        match self.last.take() {
            Some((last, lines)) if last == index => lines,
            _ => self.named.get(index).map(Named::lines).unwrap_or_default(),
        }
    }
}

impl MetricSource for Gathered {
    fn streams(&self, tell: &mut dyn FnMut(&Stream<'_>)) {
        for named in &self.named {
            let kind = stream_kind(named.kind);
            tell(&Stream { name: &named.name, unit: "", description: &named.help, kind });
        }
    }

    fn points(&self, index: usize, tell: &mut dyn FnMut(&Point<'_>)) {
        let lines = self.lines(index);
        for Line { series, bounds } in &lines {
            tell(&Point {
                labels: series.labels(),
                start_unix_nano: series.start_unix_nano(),
                time_unix_nano: self.now_unix_nano,
                reading: series.state().reading(bounds),
                exemplars: &series.exemplars(),
            });
        }
        self.last.set(Some((index, lines)));
    }
}

const fn stream_kind(kind: MetricKind) -> StreamKind {
    let temporality = Temporality::Cumulative;
    match kind {
        MetricKind::Counter => StreamKind::Sum { monotonic: true, temporality },
        MetricKind::Gauge => StreamKind::Gauge,
        MetricKind::Histogram => StreamKind::Histogram { temporality },
    }
}
