//! Where metrics go.

use std::time::Duration;

use crate::deliver::Answer;

/// Metrics on their way out: what a [`MetricExporter`] is given.
#[derive(Debug, Clone, Copy)]
pub struct OutgoingMetrics<'a> {
    /// An OTLP `ExportMetricsServiceRequest`, in protobuf. Read it with [`decode_metrics`](crate::otlp::decode_metrics).
    pub request: &'a [u8],
    /// How many points are in it.
    pub points: u64,
    /// How long sending may take.
    pub within: Duration,
}

/// Takes metrics somewhere. A loom calls it from a thread of its own, never twice at a time.
///
/// ```
/// use spanloom::deliver::Answer;
/// use spanloom::native::{MetricExporter, OutgoingMetrics};
/// struct Count;
/// impl MetricExporter for Count {
///     fn export_metrics(&mut self, outgoing: &OutgoingMetrics<'_>) -> Answer {
///         println!("{} points", outgoing.points);
///         Answer::taken()
///     }
/// }
/// let loom = spanloom::Loom::builder().metric_exporter(Count).build();
/// loom.meter().counter("requests").build().add(1);
/// let receipt = loom.flush(std::time::Duration::from_secs(5));
/// assert_eq!(receipt.points.pending, 0);
/// ```
pub trait MetricExporter: Send {
    /// What it is called in ledgers and messages.
    fn metrics_name(&self) -> &str {
        "metrics"
    }

    /// Takes one request, within the time that it says.
    fn export_metrics(&mut self, outgoing: &OutgoingMetrics<'_>) -> Answer;
}
