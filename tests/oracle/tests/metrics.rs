//! Arbitrary metrics through our readers and writers and through two others, as `properties.rs` does it for traces.

mod arbitrary;
mod seen;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest as TheirMetrics;
use proptest::prelude::*;
use seen::{attributes_of, fill_values, id_of, is_passed_over, plain, same};
use spanloom::meter::{MetricSink, Number};
use spanloom::otlp::json::{metrics_from_json, metrics_to_json};
use spanloom::otlp::metrics::{
    BucketsView, ExemplarView, MetricKind, MetricView, PointView, ReadingView, Told,
};
use spanloom::otlp::{MetricsWriter, Resource, Scope, decode_metrics, encode_metrics};
use spanloom_oracle::canonical;
use spanloom_oracle::prost::Message;
use spanloom_oracle::proto::common::v1::KeyValue;
use spanloom_oracle::proto::metrics::v1::exponential_histogram_data_point::Buckets;
use spanloom_oracle::proto::metrics::v1::metric::Data;
use spanloom_oracle::proto::metrics::v1::summary_data_point::ValueAtQuantile;
use spanloom_oracle::proto::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint,
    Metric, MetricsData, NumberDataPoint, Sum, Summary, SummaryDataPoint, exemplar, number_data_point,
};

fn exemplar_of(view: ExemplarView<'_>) -> Exemplar {
    Exemplar {
        filtered_attributes: attributes_of(view.attributes()),
        time_unix_nano: view.time_unix_nano,
        span_id: id_of(view.span_id.as_bytes()),
        trace_id: id_of(view.trace_id.as_bytes()),
        value: view.value.map(|value| match value {
            Number::Int(number) => exemplar::Value::AsInt(number),
            Number::Double(number) => exemplar::Value::AsDouble(number),
        }),
    }
}

fn number_point_of(view: PointView<'_>) -> NumberDataPoint {
    NumberDataPoint {
        attributes: attributes_of(view.attributes()),
        start_time_unix_nano: view.start_unix_nano,
        time_unix_nano: view.time_unix_nano,
        exemplars: view.exemplars().map(exemplar_of).collect(),
        flags: view.flags,
        value: match view.reading {
            ReadingView::Nothing => None,
            ReadingView::Number(Number::Int(number)) => Some(number_data_point::Value::AsInt(number)),
            ReadingView::Number(Number::Double(number)) => Some(number_data_point::Value::AsDouble(number)),
            other => panic!("{other:?}"),
        },
    }
}

fn histogram_point_of(view: PointView<'_>) -> HistogramDataPoint {
    let ReadingView::Histogram(histogram) = view.reading else { panic!("{view:?}") };
    HistogramDataPoint {
        attributes: attributes_of(view.attributes()),
        start_time_unix_nano: view.start_unix_nano,
        time_unix_nano: view.time_unix_nano,
        count: histogram.count,
        sum: histogram.sum,
        bucket_counts: histogram.counts().collect(),
        explicit_bounds: histogram.bounds().collect(),
        exemplars: view.exemplars().map(exemplar_of).collect(),
        flags: view.flags,
        min: histogram.min,
        max: histogram.max,
    }
}

/// A view does not tell empty buckets from none.
fn buckets_of(view: BucketsView<'_>) -> Option<Buckets> {
    let buckets = Buckets { offset: view.offset, bucket_counts: view.counts().collect() };
    Some(buckets).filter(|buckets| *buckets != Buckets::default())
}

fn exponential_point_of(view: PointView<'_>) -> ExponentialHistogramDataPoint {
    let ReadingView::Exponential(histogram) = view.reading else { panic!("{view:?}") };
    ExponentialHistogramDataPoint {
        attributes: attributes_of(view.attributes()),
        start_time_unix_nano: view.start_unix_nano,
        time_unix_nano: view.time_unix_nano,
        count: histogram.count,
        sum: histogram.sum,
        scale: histogram.scale,
        zero_count: histogram.zero_count,
        positive: buckets_of(histogram.positive),
        negative: buckets_of(histogram.negative),
        flags: view.flags,
        exemplars: view.exemplars().map(exemplar_of).collect(),
        min: histogram.min,
        max: histogram.max,
        zero_threshold: histogram.zero_threshold,
    }
}

fn summary_point_of(view: PointView<'_>) -> SummaryDataPoint {
    let ReadingView::Summary(summary) = view.reading else { panic!("{view:?}") };
    assert_eq!(view.exemplars().count(), 0);
    let quantile = |found: spanloom::otlp::metrics::Quantile| ValueAtQuantile {
        quantile: found.quantile,
        value: found.value,
    };
    SummaryDataPoint {
        attributes: attributes_of(view.attributes()),
        start_time_unix_nano: view.start_unix_nano,
        time_unix_nano: view.time_unix_nano,
        count: summary.count,
        sum: summary.sum,
        quantile_values: summary.quantiles().map(quantile).collect(),
        flags: view.flags,
    }
}

fn metric_of(view: &MetricView<'_>) -> Metric {
    let data = match view.kind {
        MetricKind::Gauge => Data::Gauge(Gauge { data_points: view.points().map(number_point_of).collect() }),
        MetricKind::Sum { monotonic, temporality } => Data::Sum(Sum {
            data_points: view.points().map(number_point_of).collect(),
            aggregation_temporality: temporality.cast_signed(),
            is_monotonic: monotonic,
        }),
        MetricKind::Histogram { temporality } => Data::Histogram(Histogram {
            data_points: view.points().map(histogram_point_of).collect(),
            aggregation_temporality: temporality.cast_signed(),
        }),
        MetricKind::Exponential { temporality } => Data::ExponentialHistogram(ExponentialHistogram {
            data_points: view.points().map(exponential_point_of).collect(),
            aggregation_temporality: temporality.cast_signed(),
        }),
        MetricKind::Summary => {
            Data::Summary(Summary { data_points: view.points().map(summary_point_of).collect() })
        }
        _ => {
            assert_eq!(view.points().count(), 0);
            return Metric {
                name: view.name.into(),
                description: view.description.into(),
                unit: view.unit.into(),
                metadata: attributes_of(view.metadata()),
                data: None,
            };
        }
    };
    assert_eq!(view.points().count(), view.len());
    Metric {
        name: view.name.into(),
        description: view.description.into(),
        unit: view.unit.into(),
        metadata: attributes_of(view.metadata()),
        data: Some(data),
    }
}

/// Goes to all attributes and all exemplars of a metric.
fn each_list(
    metric: &mut Metric,
    attributes: &mut dyn FnMut(&mut Vec<KeyValue>),
    exemplars: &mut dyn FnMut(&mut Vec<Exemplar>),
) {
    attributes(&mut metric.metadata);
    match metric.data.as_mut() {
        Some(Data::Gauge(Gauge { data_points }) | Data::Sum(Sum { data_points, .. })) => {
            for point in data_points {
                attributes(&mut point.attributes);
                exemplars(&mut point.exemplars);
            }
        }
        Some(Data::Histogram(histogram)) => {
            for point in &mut histogram.data_points {
                attributes(&mut point.attributes);
                exemplars(&mut point.exemplars);
            }
        }
        Some(Data::ExponentialHistogram(histogram)) => {
            for point in &mut histogram.data_points {
                attributes(&mut point.attributes);
                exemplars(&mut point.exemplars);
            }
        }
        Some(Data::Summary(summary)) => {
            summary.data_points.iter_mut().for_each(|point| attributes(&mut point.attributes));
        }
        None => {}
    }
}

/// The views do not tell an empty value from none, nor an id of zeros, nor empty buckets.
fn as_seen(mut metric: Metric) -> Metric {
    each_list(&mut metric, &mut |attributes| fill_values(attributes), &mut |exemplars| {
        for exemplar in exemplars {
            fill_values(&mut exemplar.filtered_attributes);
            exemplar.trace_id = id_of(&exemplar.trace_id);
            exemplar.span_id = id_of(&exemplar.span_id);
        }
    });
    if let Some(Data::ExponentialHistogram(histogram)) = &mut metric.data {
        for point in &mut histogram.data_points {
            for buckets in [&mut point.positive, &mut point.negative] {
                *buckets = buckets.take().filter(|buckets| *buckets != Buckets::default());
            }
        }
    }
    metric
}

/// What the JSON of `opentelemetry-proto` can hold: it has null for numbers that are not finite.
fn plain_metric(metric: &mut Metric) {
    let finite = |number: &mut f64| {
        if !number.is_finite() {
            *number = 0.5;
        }
    };
    each_list(metric, &mut |attributes| plain(attributes), &mut |exemplars| {
        for exemplar in exemplars {
            plain(&mut exemplar.filtered_attributes);
            if let Some(exemplar::Value::AsDouble(number)) = &mut exemplar.value {
                finite(number);
            }
        }
    });
    match metric.data.as_mut() {
        Some(Data::Gauge(Gauge { data_points }) | Data::Sum(Sum { data_points, .. })) => {
            for point in data_points {
                if let Some(number_data_point::Value::AsDouble(number)) = &mut point.value {
                    finite(number);
                }
            }
        }
        Some(Data::Histogram(histogram)) => {
            for point in &mut histogram.data_points {
                point.explicit_bounds.iter_mut().for_each(finite);
                [&mut point.sum, &mut point.min, &mut point.max].into_iter().flatten().for_each(finite);
            }
        }
        Some(Data::ExponentialHistogram(histogram)) => {
            for point in &mut histogram.data_points {
                finite(&mut point.zero_threshold);
                [&mut point.sum, &mut point.min, &mut point.max].into_iter().flatten().for_each(finite);
            }
        }
        Some(Data::Summary(summary)) => {
            for point in &mut summary.data_points {
                finite(&mut point.sum);
                for at in &mut point.quantile_values {
                    finite(&mut at.quantile);
                    finite(&mut at.value);
                }
            }
        }
        None => {}
    }
}

fn each_metric(metrics: &mut MetricsData, mut change: impl FnMut(&mut Metric)) {
    for group in &mut metrics.resource_metrics {
        group.resource.iter_mut().for_each(|resource| plain(&mut resource.attributes));
        for scope in &mut group.scope_metrics {
            scope.scope.iter_mut().for_each(|scope| plain(&mut scope.attributes));
            scope.metrics.iter_mut().for_each(&mut change);
        }
    }
}

/// Tells metrics that prost has written.
fn tell_all(bodies: &[Vec<u8>], sink: &mut dyn MetricSink) -> Told {
    let mut all = Told::default();
    for body in bodies {
        let told = MetricView::read(body).unwrap().tell(sink);
        all.points += told.points;
        all.left_out += told.left_out;
    }
    all
}

fn points_of(metric: &Metric) -> usize {
    MetricView::read(&metric.encode_to_vec()).unwrap().len()
}

fn delimited(field: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![field << 3 | 2];
    spanloom_oracle::prost::encoding::encode_varint(content.len() as u64, &mut out);
    out.extend_from_slice(content);
    out
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn views_show_what_prost_wrote(metrics in arbitrary::metrics::metrics()) {
        let bytes = metrics.encode_to_vec();
        let view = decode_metrics(&bytes).unwrap();
        let mut found = view.metrics();
        let mut points = 0;
        for group in &metrics.resource_metrics {
            for scope in &group.scope_metrics {
                for metric in &scope.metrics {
                    let found = found.next().unwrap();
                    prop_assert!(same(&metric_of(&found.metric), &as_seen(metric.clone())), "{:?}", metric);
                    prop_assert_eq!(found.resource.message, group.resource.clone().unwrap_or_default().encode_to_vec());
                    prop_assert_eq!(found.scope.message, scope.scope.clone().unwrap_or_default().encode_to_vec());
                    points += found.metric.len();
                }
            }
        }
        prop_assert!(found.next().is_none());
        prop_assert_eq!(view.points(), points);
    }

    #[test]
    fn requests_mean_what_was_told(metrics in prop::collection::vec(arbitrary::metrics::told_metric(), 0..4)) {
        let bodies: Vec<Vec<u8>> = metrics.iter().map(Message::encode_to_vec).collect();
        let resource = Resource::new([("service.name", "planner".into())]).with_schema_url("https://r");
        let scope = Scope::new("spanloom", "0.1").with_schema_url("https://s");
        let mut request = b"before".to_vec();
        let mut told = Told::default();
        let written = encode_metrics(&resource, &scope, &mut request, |sink| told = tell_all(&bodies, sink));
        let request = request.strip_prefix(b"before").unwrap();
        prop_assert_eq!(told, written);
        prop_assert_eq!(told, Told { points: metrics.iter().map(points_of).sum(), left_out: 0 });
        let decoded = MetricsData::decode(request).unwrap();
        if let [group] = decoded.resource_metrics.as_slice() {
            prop_assert_eq!(&group.schema_url, "https://r");
            prop_assert_eq!(group.resource.as_ref().unwrap().attributes.len(), 1);
            let [scope] = group.scope_metrics.as_slice() else { panic!() };
            prop_assert_eq!((&*scope.schema_url, &*scope.scope.as_ref().unwrap().name), ("https://s", "spanloom"));
            prop_assert_eq!(scope.metrics.len(), metrics.len());
            for (ours, theirs) in scope.metrics.iter().zip(&metrics) {
                prop_assert!(same(ours, &as_seen(theirs.clone())), "{:?}\n{:?}", ours, theirs);
            }
        } else {
            prop_assert!(request.is_empty() && metrics.is_empty());
        }
        // Ascending fields without defaults (but empty keys, which are said): what the table of JSON writes too. prost
        // itself writes whole numbers before exemplars, though their field number is the higher one.
        let json = metrics_to_json(request).unwrap();
        if !json.contains(r#""key":"""#) {
            prop_assert_eq!(metrics_from_json(json.as_bytes()).unwrap(), request);
            prop_assert_eq!(decoded.encoded_len(), request.len());
            if !json.contains(r#""exemplars""#) {
                prop_assert_eq!(canonical::<MetricsData>(request), request);
            }
        }
    }

    #[test]
    fn full_requests_hold_the_same_points(
        metrics in prop::collection::vec(arbitrary::metrics::told_metric(), 1..5), max_points in 1..6usize,
    ) {
        let bodies: Vec<Vec<u8>> = metrics.iter().map(Message::encode_to_vec).collect();
        let (resource, scope) = (Resource::default(), Scope::default());
        let mut requests = Vec::new();
        let mut writer = MetricsWriter::new(&resource, &scope, max_points, |request| {
            requests.push((request.points(), request.to_vec()));
        });
        tell_all(&bodies, &mut writer);
        let told = writer.finish();
        let points = |bytes: &[u8]| -> Vec<Vec<u8>> {
            let found = decode_metrics(bytes).unwrap();
            found.metrics().flat_map(|found| found.metric.points()).map(|point| point.message.to_vec()).collect()
        };
        let mut whole = Vec::new();
        encode_metrics(&resource, &scope, &mut whole, |sink| { tell_all(&bodies, sink); });
        let split: Vec<_> = requests.iter().flat_map(|(_, bytes)| points(bytes)).collect();
        prop_assert_eq!(split, points(&whole));
        for (at, (count, bytes)) in requests.iter().enumerate() {
            let full = at + 1 < requests.len();
            let least = if full { max_points } else { 1 };
            prop_assert!((least..=max_points).contains(count));
            prop_assert_eq!(decode_metrics(bytes).unwrap().points(), *count);
        }
        prop_assert_eq!(requests.iter().map(|(count, _)| count).sum::<usize>(), told.points);
    }

    #[test]
    fn json_agrees_with_theirs(mut metrics in arbitrary::metrics::metrics()) {
        let bytes = metrics.encode_to_vec();
        let ours = metrics_to_json(&bytes).unwrap();
        prop_assert_eq!(&canonical::<MetricsData>(&metrics_from_json(ours.as_bytes()).unwrap()), &bytes);
        each_metric(&mut metrics, plain_metric);
        let bytes = metrics.encode_to_vec();
        let ours = metrics_to_json(&bytes).unwrap();
        let read: TheirMetrics = serde_json::from_str(&ours).unwrap();
        prop_assert_eq!(&read.encode_to_vec(), &bytes, "{}", ours);
        let theirs = serde_json::to_vec(&TheirMetrics::decode(bytes.as_slice()).unwrap()).unwrap();
        let again = metrics_from_json(&theirs).unwrap();
        prop_assert_eq!(&canonical::<MetricsData>(&again), &bytes, "{}", String::from_utf8_lossy(&theirs));
    }

    #[test]
    fn fields_in_any_order_mean_the_same(
        first in arbitrary::metrics::histogram_point(), second in arbitrary::metrics::histogram_point(),
    ) {
        // Two points behind each other are one whose lists are joined and of whose single fields the last counts.
        let point = [first.encode_to_vec(), second.encode_to_vec()].concat();
        let merged = HistogramDataPoint::decode(point.as_slice()).unwrap();
        let metric = |point: &[u8]| delimited(9, &delimited(1, point));
        let (split, whole) = (metric(&point), metric(&merged.encode_to_vec()));
        let (split_view, whole_view) = (MetricView::read(&split).unwrap(), MetricView::read(&whole).unwrap());
        prop_assert!(same(&metric_of(&split_view), &metric_of(&whole_view)));
        let request = |metric: &[u8]| delimited(1, &delimited(2, &delimited(2, metric)));
        prop_assert_eq!(metrics_to_json(&request(&split)).unwrap(), metrics_to_json(&request(&whole)).unwrap());
    }

    #[test]
    fn what_others_refuse_of_broken_bytes_we_refuse(
        metrics in arbitrary::metrics::metrics(), at in any::<prop::sample::Index>(), bit in 0..8,
    ) {
        let mut bytes = metrics.encode_to_vec();
        if bytes.is_empty() {
            return Ok(());
        }
        let at = at.index(bytes.len());
        bytes[at] ^= 1u8 << bit;
        let view = decode_metrics(&bytes);
        let json = metrics_to_json(&bytes);
        prop_assert!(view.is_err() || json.is_ok(), "{:?}", json);
        if let Err(error) = MetricsData::decode(bytes.as_slice()) {
            let passed_over = is_passed_over(&error);
            prop_assert!(view.is_err() || passed_over, "{}", error);
        }
        if let Ok(view) = view {
            prop_assert_eq!(view.metrics().map(|found| found.metric.points().count()).sum::<usize>(), view.points());
        }
        if let Ok(json) = json {
            let again = metrics_from_json(json.as_bytes());
            prop_assert!(again.is_ok(), "{:?}", again);
        }
    }
}
