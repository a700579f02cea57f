//! From a metric that was read to a sink.
//!
//! The wire can say more than a [`Point`]: numbers that are not there, counts that do not add up, a million buckets. A sink
//! gets only what keeps the promises of its types; the rest is left out and counted.

use super::{BucketsView, ExemplarView, ExponentialView, HistogramView, MetricView, PointView, ReadingView};
use crate::meter::{Buckets, Exemplar, ExponentialPoint, HistogramPoint, Labels, MetricSink, Point, Reading};
use crate::otlp::any::KeyValues;

/// No point with more buckets is told, nor more exemplars of a point.
const MAX_BUCKETS: usize = 1 << 16;
/// No point with more labels is told.
const MAX_LABELS: usize = 1 << 10;

/// What became of points.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told {
    /// How many went on.
    pub points: usize,
    /// How many could not.
    pub left_out: usize,
}

/// The lists of a point, in the memory of those of the point before it.
#[derive(Default)]
struct Lists {
    bounds: Vec<f64>,
    counts: Vec<u64>,
    negative: Vec<u64>,
}

impl MetricView<'_> {
    /// Tells this metric and its points to a sink; nothing where it has no point that can be told.
    ///
    /// Left out are all points of summaries and of metrics without a temporality, points without a number, histograms whose
    /// counts do not fit their bounds or do not add up, and points with more than 65,536 buckets or 1,024 labels.
    /// A histogram without buckets is told with one, which has all numbers.
    ///
    /// ```
    /// use spanloom::meter::{MetricSink, Number, Point, Reading, Stream};
    /// use spanloom::otlp::{decode_metrics, json::metrics_from_json};
    ///
    /// #[derive(Default)]
    /// struct Total(i64);
    ///
    /// impl MetricSink for Total {
    ///     fn stream(&mut self, _stream: &Stream<'_>) {}
    ///     fn point(&mut self, point: &Point<'_>) {
    ///         if let Reading::Number(Number::Int(number)) = point.reading {
    ///             self.0 += number;
    ///         }
    ///     }
    /// }
    ///
    /// let text = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[
    ///     {"name":"asked","gauge":{"dataPoints":[{"asInt":"3"},{"asInt":"4"},{"flags":1}]}}]}]}]}"#;
    /// let request = metrics_from_json(text.as_bytes())?;
    /// let mut total = Total::default();
    /// for found in decode_metrics(&request)?.metrics() {
    ///     let told = found.metric.tell(&mut total);
    ///     assert_eq!((told.points, told.left_out), (2, 1));
    /// }
    /// assert_eq!(total.0, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn tell<S: MetricSink + ?Sized>(&self, sink: &mut S) -> Told {
        let mut told = Told::default();
        let Some(stream) = self.stream() else {
            told.left_out = self.len();
            return told;
        };
        let mut lists = Lists::default();
        for point in self.points() {
            let (Some(labels), Some(reading)) = (labels_of(point.attributes()), lists.reading(&point)) else {
                told.left_out += 1;
                continue;
            };
            if told.points == 0 {
                sink.stream(&stream);
            }
            told.points += 1;
            let exemplars: Vec<Exemplar> =
                point.exemplars().filter_map(exemplar_of).take(MAX_BUCKETS).collect();
            sink.point(&Point {
                labels: &labels,
                start_unix_nano: point.start_unix_nano,
                time_unix_nano: point.time_unix_nano,
                reading,
                exemplars: &exemplars,
            });
        }
        told
    }
}

impl Lists {
    fn reading(&mut self, point: &PointView<'_>) -> Option<Reading<'_>> {
        if point.is_absent() {
            return None;
        }
        match point.reading {
            ReadingView::Nothing | ReadingView::Summary(_) => None,
            ReadingView::Number(number) => Some(Reading::Number(number)),
            ReadingView::Histogram(view) => self.histogram(&view).map(Reading::Histogram),
            ReadingView::Exponential(view) => self.exponential(&view).map(Reading::Exponential),
        }
    }

    fn histogram(&mut self, view: &HistogramView<'_>) -> Option<HistogramPoint<'_>> {
        fill(&mut self.bounds, view.bounds())?;
        fill(&mut self.counts, view.counts())?;
        if self.bounds.is_empty() && self.counts.is_empty() {
            self.counts.push(view.count);
        }
        let told = HistogramPoint {
            bounds: &self.bounds,
            counts: &self.counts,
            sum: view.sum,
            min: view.min,
            max: view.max,
        };
        let fits = told.counts.len() == told.bounds.len() + 1
            && told.bounds.is_sorted_by(|one, next| one < next)
            && told.bounds.iter().all(|bound| !bound.is_nan())
            && told.count() == view.count;
        fits.then_some(told)
    }

    fn exponential(&mut self, view: &ExponentialView<'_>) -> Option<ExponentialPoint<'_>> {
        fill(&mut self.counts, view.positive.counts())?;
        fill(&mut self.negative, view.negative.counts())?;
        let mut counted = view.zero_count;
        for count in self.counts.iter().chain(&self.negative) {
            counted = counted.checked_add(*count)?;
        }
        // There may be more numbers than the buckets have: those that are not finite.
        (counted <= view.count).then_some(())?;
        Some(ExponentialPoint {
            scale: view.scale,
            zero_count: view.zero_count,
            zero_threshold: view.zero_threshold,
            positive: buckets(&view.positive, &self.counts)?,
            negative: buckets(&view.negative, &self.negative)?,
            count: view.count,
            sum: view.sum,
            min: view.min,
            max: view.max,
        })
    }
}

/// `None` where the last index is no index.
fn buckets<'a>(view: &BucketsView<'_>, counts: &'a [u64]) -> Option<Buckets<'a>> {
    view.offset.checked_add(i32::try_from(counts.len()).ok()?)?;
    Some(Buckets { offset: view.offset, counts })
}

/// `None` where there are more numbers than a point may have.
fn fill<T>(list: &mut Vec<T>, numbers: impl Iterator<Item = T>) -> Option<()> {
    list.clear();
    list.extend(numbers.take(MAX_BUCKETS + 1));
    (list.len() <= MAX_BUCKETS).then_some(())
}

/// `None` for an exemplar without a number.
fn exemplar_of(view: ExemplarView<'_>) -> Option<Exemplar> {
    Some(Exemplar {
        time_unix_nano: view.time_unix_nano,
        value: view.value?,
        trace_id: view.trace_id,
        span_id: view.span_id,
        labels: labels_of(view.attributes())?,
    })
}

/// `None` where there are more labels than a series may have.
fn labels_of(attributes: KeyValues<'_>) -> Option<Labels> {
    let pairs: Vec<_> = attributes.take(MAX_LABELS + 1).collect();
    (pairs.len() <= MAX_LABELS).then(|| Labels::of_views(pairs))
}

#[cfg(test)]
mod tests;
