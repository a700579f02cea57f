//! Metrics requests: written while a collection tells them, read in place.
//!
//! Writing: [`MetricsWriter`] is a [`MetricSink`](crate::meter::MetricSink). It encodes each point as it is told, behind the
//! points before it, and notes where a metric and a scope begin. Only when a request is full are the lengths of
//! the messages around the points known; then headers and points are put together, and each byte is copied once,
//! however deep it stands. So the memory that a collection needs is that of one request, not that of all its points.
//!
//! Reading: [`decode_metrics`] goes through the bytes once and checks all of them. The views that come out of a
//! [`MetricsView`] read the checked bytes again and hold no memory of their own. [`MetricView::tell`] tells a metric
//! that was read to a sink again.

mod metric;
mod numbers;
mod point;
mod tell;
mod write;
mod write_point;

use core::cell::Cell;

pub use metric::{MetricKind, MetricView};
pub use numbers::{Counts, Doubles};
pub use point::{
    BucketsView, ExemplarView, ExponentialView, HistogramView, PointView, Quantile, ReadingView, SummaryView,
};
pub use tell::Told;
pub use write::{MetricsRequest, MetricsWriter, encode_metrics};
pub(crate) use write::{put_metric, put_metric_point};

use super::export::{self, ResourceGroup, ResourceView, ScopeGroup, ScopeView};
use super::wire::DecodeError;

/// A checked metrics request (or `MetricsData`, which is the same), read in place.
#[derive(Debug, Clone, Copy)]
pub struct MetricsView<'a> {
    message: &'a [u8],
    metrics: usize,
    points: usize,
}

/// A metric, and who measured it.
#[derive(Debug, Clone, Copy)]
pub struct FoundMetric<'a> {
    /// Who made it.
    pub resource: ResourceView<'a>,
    /// Through what it was measured.
    pub scope: ScopeView<'a>,
    /// The metric.
    pub metric: MetricView<'a>,
}

/// Reads a metrics request and checks everything in it: lengths, wire types, UTF-8, lengths of ids, depth of values.
///
/// What the numbers say is not checked here, but where they are told to a sink.
///
/// ```
/// use spanloom::otlp::{decode_metrics, json::metrics_from_json};
/// let text = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[
///     {"name":"asked","sum":{"dataPoints":[{"asInt":"3"}],"aggregationTemporality":2,"isMonotonic":true}}]}]}]}"#;
/// let request = metrics_from_json(text.as_bytes())?;
/// let view = decode_metrics(&request)?;
/// let names: Vec<_> = view.metrics().map(|found| found.metric.name).collect();
/// assert_eq!((names.as_slice(), view.points()), (["asked"].as_slice(), 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// When anything in it is not valid.
pub fn decode_metrics(request: &[u8]) -> Result<MetricsView<'_>, DecodeError> {
    let points = Cell::new(0);
    let metrics = export::check(request, |metric| {
        points.set(points.get() + MetricView::read(metric)?.len());
        Ok(())
    })?;
    Ok(MetricsView { message: request, metrics, points: points.get() })
}

impl<'a> MetricsView<'a> {
    /// How many metrics there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.metrics
    }

    /// True when there are no metrics.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.metrics == 0
    }

    /// How many points all metrics have together: what a receiver counts as rejected or accepted.
    #[must_use]
    pub const fn points(&self) -> usize {
        self.points
    }

    /// The resources with their scopes.
    pub fn resources(&self) -> impl Iterator<Item = ResourceGroup<'a>> + use<'a> {
        export::groups(self.message)
    }

    /// All metrics, in the order in which they stand.
    pub fn metrics(&self) -> impl Iterator<Item = FoundMetric<'a>> + use<'a> {
        self.resources().flat_map(|group| {
            group.scopes().flat_map(move |scope| {
                scope.metrics().map(move |metric| FoundMetric {
                    resource: group.resource,
                    scope: scope.scope,
                    metric,
                })
            })
        })
    }
}

impl<'a> ScopeGroup<'a> {
    /// The items as metrics, where this group is part of a metrics request.
    pub fn metrics(&self) -> impl Iterator<Item = MetricView<'a>> + use<'a> {
        self.items().filter_map(|message| MetricView::read_checked(message).ok())
    }
}

/// Field numbers of `Metric` and of the messages with its points.
mod field {
    pub const NAME: u32 = 1;
    pub const DESCRIPTION: u32 = 2;
    pub const UNIT: u32 = 3;
    pub const GAUGE: u32 = 5;
    pub const SUM: u32 = 7;
    pub const HISTOGRAM: u32 = 9;
    pub const EXPONENTIAL: u32 = 10;
    pub const SUMMARY: u32 = 11;
    pub const METADATA: u32 = 12;

    pub const POINTS: u32 = 1;
    pub const TEMPORALITY: u32 = 2;
    pub const MONOTONIC: u32 = 3;
}
