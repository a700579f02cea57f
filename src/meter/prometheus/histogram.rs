//! Histograms with fixed bounds as lines of buckets.

use super::Format;
use super::number::put_bound;
use super::samples::{Samples, exemplar_between};
use crate::meter::{Exemplar, HistogramPoint};

/// The bounds of the histogram that was written last, as text: the series of a stream have the same ones.
#[derive(Debug, Default)]
pub(super) struct BoundTexts {
    bounds: Vec<f64>,
    text: Vec<u8>,
    /// Where the text of each bound ends.
    ends: Vec<usize>,
}

impl BoundTexts {
    fn of(&mut self, bounds: &[f64], format: Format) -> impl Iterator<Item = &[u8]> {
        if self.bounds != bounds {
            self.bounds.clear();
            self.bounds.extend_from_slice(bounds);
            self.text.clear();
            self.ends.clear();
            for bound in bounds {
                put_bound(&mut self.text, *bound, format);
                self.ends.push(self.text.len());
            }
        }
        let text = self.text.as_slice();
        self.ends.iter().scan(0, move |start, end| text.get(core::mem::replace(start, *end)..*end))
    }
}

/// Writes a bucket for each bound, and one for all.
pub(super) fn put_histogram(
    samples: &mut Samples<'_, '_>,
    point: &HistogramPoint<'_>,
    exemplars: &[Exemplar],
    texts: &mut BoundTexts,
) {
    let mut below = 0_u64;
    let mut lower = f64::NEG_INFINITY;
    let texts = texts.of(point.bounds, samples.format);
    for ((bound, le), count) in point.bounds.iter().zip(texts).zip(point.counts) {
        below = below.saturating_add(*count);
        // A bound that nothing can be above says no more than the last bucket does.
        if bound.is_finite() {
            let exemplar = exemplar_between(exemplars, lower, *bound);
            samples.count("_bucket", Some(le), below, exemplar);
            lower = *bound;
        }
    }
    let all = point.count();
    let exemplar = exemplar_between(exemplars, lower, f64::INFINITY);
    samples.count("_bucket", Some(b"+Inf"), all, exemplar);
    let has_negative = point.bounds.first().is_some_and(|bound| *bound < 0.0)
        || point.min.is_some_and(|least| least < 0.0)
        || point.sum.is_some_and(|sum| sum < 0.0);
    samples.sum_and_count(point.sum, all, has_negative);
}
