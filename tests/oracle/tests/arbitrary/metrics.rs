//! Arbitrary metrics: any that the wire can hold, and those that a collection can tell.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use spanloom_oracle::proto::common::v1::KeyValue;
use spanloom_oracle::proto::metrics::v1::exemplar::Value as ExemplarValue;
use spanloom_oracle::proto::metrics::v1::exponential_histogram_data_point::Buckets;
use spanloom_oracle::proto::metrics::v1::metric::Data;
use spanloom_oracle::proto::metrics::v1::number_data_point::Value as NumberValue;
use spanloom_oracle::proto::metrics::v1::summary_data_point::ValueAtQuantile;
use spanloom_oracle::proto::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint,
    Metric, MetricsData, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint,
};

use super::{any_value, attributes, count, double, edgy, id, key_value, resource, scope, text, time};

/// Where a field without presence stands, prost does not write a negative zero.
fn plain_double() -> impl Strategy<Value = f64> {
    double().prop_map(|number| if number == 0.0 { 0.0 } else { number })
}

fn long() -> impl Strategy<Value = i64> {
    edgy(&[0, -1, i64::MIN, i64::MAX])
}

fn signed() -> impl Strategy<Value = i32> {
    edgy(&[0, -1, 20, i32::MIN, i32::MAX])
}

fn exemplar_value() -> impl Strategy<Value = ExemplarValue> {
    prop_oneof![double().prop_map(ExemplarValue::AsDouble), long().prop_map(ExemplarValue::AsInt)]
}

fn exemplar(
    attributes: impl Strategy<Value = Vec<KeyValue>>,
    value: impl Strategy<Value = Option<ExemplarValue>>,
) -> impl Strategy<Value = Exemplar> {
    (attributes, time(), id(8), id(16), value).prop_map(
        |(filtered_attributes, time_unix_nano, span_id, trace_id, value)| Exemplar {
            filtered_attributes,
            time_unix_nano,
            span_id,
            trace_id,
            value,
        },
    )
}

fn exemplars() -> impl Strategy<Value = Vec<Exemplar>> {
    vec(exemplar(attributes(), option::weighted(0.9, exemplar_value())), 0..3)
}

fn number_value() -> impl Strategy<Value = NumberValue> {
    prop_oneof![double().prop_map(NumberValue::AsDouble), long().prop_map(NumberValue::AsInt)]
}

fn number_point() -> impl Strategy<Value = NumberDataPoint> {
    (attributes(), time(), time(), exemplars(), count(), option::weighted(0.9, number_value())).prop_map(
        |(attributes, start_time_unix_nano, time_unix_nano, exemplars, flags, value)| NumberDataPoint {
            attributes,
            start_time_unix_nano,
            time_unix_nano,
            exemplars,
            flags,
            value,
        },
    )
}

pub fn histogram_point() -> impl Strategy<Value = HistogramDataPoint> {
    let some = || option::of(double());
    (
        (attributes(), time(), time(), time(), exemplars(), count()),
        (vec(time(), 0..20), vec(double(), 0..20), some(), some(), some()),
    )
        .prop_map(|((attributes, start, time_unix_nano, count, exemplars, flags), numbers)| {
            let (bucket_counts, explicit_bounds, sum, min, max) = numbers;
            HistogramDataPoint {
                attributes,
                start_time_unix_nano: start,
                time_unix_nano,
                count,
                sum,
                bucket_counts,
                explicit_bounds,
                exemplars,
                flags,
                min,
                max,
            }
        })
}

fn exponential_point() -> impl Strategy<Value = ExponentialHistogramDataPoint> {
    let some = || option::of(double());
    let buckets = || {
        option::of(
            (signed(), vec(time(), 0..20))
                .prop_map(|(offset, bucket_counts)| Buckets { offset, bucket_counts }),
        )
    };
    (
        (attributes(), time(), time(), time(), exemplars(), count()),
        (signed(), time(), buckets(), buckets(), some(), some(), some(), plain_double()),
    )
        .prop_map(|((attributes, start, time_unix_nano, count, exemplars, flags), numbers)| {
            let (scale, zero_count, positive, negative, sum, min, max, zero_threshold) = numbers;
            ExponentialHistogramDataPoint {
                attributes,
                start_time_unix_nano: start,
                time_unix_nano,
                count,
                sum,
                scale,
                zero_count,
                positive,
                negative,
                flags,
                exemplars,
                min,
                max,
                zero_threshold,
            }
        })
}

fn summary_point() -> impl Strategy<Value = SummaryDataPoint> {
    let quantile =
        (plain_double(), plain_double()).prop_map(|(quantile, value)| ValueAtQuantile { quantile, value });
    (attributes(), time(), time(), time(), plain_double(), vec(quantile, 0..4), count()).prop_map(
        |(attributes, start, time_unix_nano, count, sum, quantile_values, flags)| SummaryDataPoint {
            attributes,
            start_time_unix_nano: start,
            time_unix_nano,
            count,
            sum,
            quantile_values,
            flags,
        },
    )
}

fn any_data() -> impl Strategy<Value = Option<Data>> {
    let sum = (vec(number_point(), 0..3), 0..4, any::<bool>()).prop_map(|(data_points, temporality, up)| {
        Data::Sum(Sum { data_points, aggregation_temporality: temporality, is_monotonic: up })
    });
    prop_oneof![
        Just(None),
        vec(number_point(), 0..3).prop_map(|data_points| Some(Data::Gauge(Gauge { data_points }))),
        sum.prop_map(Some),
        (vec(histogram_point(), 0..3), 0..4).prop_map(|(data_points, aggregation_temporality)| {
            Some(Data::Histogram(Histogram { data_points, aggregation_temporality }))
        }),
        (vec(exponential_point(), 0..3), 0..4).prop_map(|(data_points, aggregation_temporality)| {
            Some(Data::ExponentialHistogram(ExponentialHistogram { data_points, aggregation_temporality }))
        }),
        vec(summary_point(), 0..3).prop_map(|data_points| Some(Data::Summary(Summary { data_points }))),
    ]
}

pub fn metric() -> impl Strategy<Value = Metric> {
    (text(), text(), text(), attributes(), any_data()).prop_map(
        |(name, description, unit, metadata, data)| Metric { name, description, unit, metadata, data },
    )
}

pub fn metrics() -> impl Strategy<Value = MetricsData> {
    let scope_metrics = (scope(), vec(metric(), 0..3), text())
        .prop_map(|(scope, metrics, schema_url)| ScopeMetrics { scope, metrics, schema_url });
    let resource_metrics =
        (resource(), vec(scope_metrics, 0..3), text()).prop_map(|(resource, scope_metrics, schema_url)| {
            ResourceMetrics { resource, scope_metrics, schema_url }
        });
    vec(resource_metrics, 0..3).prop_map(|resource_metrics| MetricsData { resource_metrics })
}

/// Labels as a collection tells them: each key once, in order, with a value.
fn labels() -> impl Strategy<Value = Vec<KeyValue>> {
    btree_map(text(), any_value(), 0..4).prop_map(|pairs: BTreeMap<_, _>| {
        pairs.into_iter().map(|(key, value)| key_value(key, Some(value))).collect()
    })
}

fn told_exemplars() -> impl Strategy<Value = Vec<Exemplar>> {
    vec(exemplar(labels(), exemplar_value().prop_map(Some)), 0..3)
}

fn told_number() -> impl Strategy<Value = NumberDataPoint> {
    (number_point(), labels(), told_exemplars(), number_value()).prop_map(
        |(point, attributes, exemplars, value)| NumberDataPoint {
            attributes,
            exemplars,
            flags: 0,
            value: Some(value),
            ..point
        },
    )
}

fn told_histogram() -> impl Strategy<Value = HistogramDataPoint> {
    let bounds = vec(-1000..1000i32, 0..40).prop_map(|mut bounds| {
        bounds.sort_unstable();
        bounds.dedup();
        bounds.into_iter().map(|bound| f64::from(bound) / 8.0).collect::<Vec<_>>()
    });
    (histogram_point(), bounds, vec(0..u64::MAX >> 10, 40), labels(), told_exemplars()).prop_map(
        |(point, explicit_bounds, mut bucket_counts, attributes, exemplars)| {
            bucket_counts.resize(explicit_bounds.len() + 1, 0);
            let count = bucket_counts.iter().sum();
            HistogramDataPoint {
                bucket_counts,
                explicit_bounds,
                count,
                attributes,
                exemplars,
                flags: 0,
                ..point
            }
        },
    )
}

fn told_exponential() -> impl Strategy<Value = ExponentialHistogramDataPoint> {
    let buckets = || {
        option::of(
            (-2000..2000, vec(edgy(&[0, 1, 127, 128, 1 << 20]).prop_map(|count| count >> 10), 1..40))
                .prop_map(|(offset, bucket_counts)| Buckets { offset, bucket_counts }),
        )
    };
    (exponential_point(), buckets(), buckets(), 0..9u64, 0..3u64, labels(), told_exemplars()).prop_map(
        |(point, positive, negative, zero_count, not_finite, attributes, exemplars)| {
            let counts = [&positive, &negative].into_iter().flatten().flat_map(|side| &side.bucket_counts);
            let count = counts.sum::<u64>() + zero_count + not_finite;
            ExponentialHistogramDataPoint {
                positive,
                negative,
                zero_count,
                count,
                attributes,
                exemplars,
                flags: 0,
                ..point
            }
        },
    )
}

/// A metric with points that a collection could tell.
pub fn told_metric() -> impl Strategy<Value = Metric> {
    let data = prop_oneof![
        vec(told_number(), 1..4).prop_map(|data_points| Data::Gauge(Gauge { data_points })),
        (vec(told_number(), 1..4), 1..3, any::<bool>()).prop_map(|(data_points, temporality, up)| {
            Data::Sum(Sum { data_points, aggregation_temporality: temporality, is_monotonic: up })
        }),
        (vec(told_histogram(), 1..4), 1..3).prop_map(|(data_points, aggregation_temporality)| {
            Data::Histogram(Histogram { data_points, aggregation_temporality })
        }),
        (vec(told_exponential(), 1..4), 1..3).prop_map(|(data_points, aggregation_temporality)| {
            Data::ExponentialHistogram(ExponentialHistogram { data_points, aggregation_temporality })
        }),
    ];
    (text(), text(), text(), data).prop_map(|(name, description, unit, data)| Metric {
        name,
        description,
        unit,
        metadata: vec![],
        data: Some(data),
    })
}
