//! Metrics through a whole loom: measured, collected, sent, accounted for.

#![expect(clippy::disallowed_methods, reason = "tests have a clock and threads")]

mod sending;
mod threads;

use std::collections::BTreeMap;

use spanloom::otlp::decode_metrics;

/// Name and labels of each point in a request, with its number or its count.
pub fn points(request: &[u8]) -> BTreeMap<String, f64> {
    use spanloom::otlp::metrics::ReadingView;
    let view = decode_metrics(request).expect("what is sent is valid");
    let mut points = BTreeMap::new();
    for found in view.metrics() {
        for point in found.metric.points() {
            let labels: Vec<String> =
                point.attributes().map(|(key, value)| format!("{key}={:?}", value.to_value())).collect();
            let number = match point.reading {
                ReadingView::Number(number) => number.as_f64(),
                ReadingView::Histogram(histogram) => histogram.count as f64,
                ReadingView::Exponential(histogram) => histogram.count as f64,
                other => panic!("{other:?}"),
            };
            points.insert(format!("{}{{{}}}", found.metric.name, labels.join(",")), number);
        }
    }
    points
}
