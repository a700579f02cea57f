use super::*;
use crate::meter::{
    Book, Fold, Instrument, InstrumentKind, Number, Reader, Slot, Stream, StreamKind, Temporality,
};
use crate::otlp::json::metrics_from_json;
use crate::otlp::{Resource, Scope, decode_metrics, encode_metrics};
use crate::{SpanId, TraceId};

/// What was told, as text: so that points need no owner.
#[derive(Default, Debug, PartialEq)]
struct Heard(Vec<String>);

impl MetricSink for Heard {
    fn stream(&mut self, stream: &Stream<'_>) {
        self.0.push(format!("{stream:?}"));
    }
    fn point(&mut self, point: &Point<'_>) {
        self.0.push(format!("{point:?}"));
    }
}

fn some_metrics(sink: &mut dyn MetricSink) {
    let labels = Labels::new([("a", 1.into()), ("b", "two".into())]);
    let exemplar = Exemplar {
        time_unix_nano: 1,
        value: Number::Double(2.0),
        trace_id: TraceId::from_halves(1, 2),
        span_id: SpanId::from_u64(3),
        labels: Labels::new([("c", 0.5.into())]),
    };
    let temporality = Temporality::Delta;
    let histogram = HistogramPoint {
        bounds: &[1.0, 2.0],
        counts: &[1, 0, 4],
        sum: Some(-0.0),
        min: Some(f64::NEG_INFINITY),
        max: None,
    };
    let exponential = ExponentialPoint {
        scale: 20,
        zero_count: 2,
        zero_threshold: 0.0,
        positive: Buckets { offset: i32::MIN, counts: &[1, 2] },
        negative: Buckets { offset: 7, counts: &[3] },
        count: 9,
        sum: Some(1.0),
        min: None,
        max: None,
    };
    for (kind, reading) in [
        (StreamKind::Gauge, Reading::Number(Number::Double(f64::NAN))),
        (StreamKind::Sum { monotonic: true, temporality }, Reading::Number(Number::Int(-1))),
        (StreamKind::Sum { monotonic: false, temporality }, Reading::Number(Number::Int(0))),
        (StreamKind::Histogram { temporality: Temporality::Cumulative }, Reading::Histogram(histogram)),
        (StreamKind::Exponential { temporality }, Reading::Exponential(exponential)),
    ] {
        sink.stream(&Stream { name: "n", unit: "s", description: "d", kind });
        for exemplars in [&[][..], &[exemplar.clone(), exemplar.clone()]] {
            let (start_unix_nano, time_unix_nano) = (5, 6);
            sink.point(&Point { labels: &labels, start_unix_nano, time_unix_nano, reading, exemplars });
        }
    }
}

#[test]
fn what_was_written_is_told_again() {
    let mut request = Vec::new();
    encode_metrics(&Resource::default(), &Scope::default(), &mut request, some_metrics);
    let (mut told, mut again) = (Heard::default(), Heard::default());
    some_metrics(&mut told);
    for found in decode_metrics(&request).unwrap().metrics() {
        assert_eq!(found.metric.tell(&mut again), Told { points: 2, left_out: 0 });
    }
    assert_eq!(again, told);
}

/// What becomes of the points of a metric that is told; and what was heard.
fn told(metric: &str) -> (Told, Vec<String>) {
    let text = format!(r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{metric}]}}]}}]}}"#);
    let request = metrics_from_json(text.as_bytes()).unwrap();
    let found = decode_metrics(&request).unwrap().metrics().next().unwrap();
    let mut heard = Heard::default();
    (found.metric.tell(&mut heard), heard.0)
}

#[test]
fn what_no_sink_could_believe_is_left_out() {
    for point in [
        // no number
        r#""gauge":{"dataPoints":[{}]}"#,
        r#""gauge":{"dataPoints":[{"asInt":1,"flags":1}]}"#,
        // no temporality, or one that does not exist
        r#""sum":{"dataPoints":[{"asInt":1}]}"#,
        r#""sum":{"dataPoints":[{"asInt":1}],"aggregationTemporality":3}"#,
        r#""summary":{"dataPoints":[{"count":1,"sum":1}]}"#,
        // counts that do not fit the bounds, or do not add up; bounds that do not grow
        r#""histogram":{"dataPoints":[{"count":1,"bucketCounts":[1],"explicitBounds":[1]}],"aggregationTemporality":1}"#,
        r#""histogram":{"dataPoints":[{"count":2,"bucketCounts":[1]}],"aggregationTemporality":1}"#,
        r#""histogram":{"dataPoints":[{"bucketCounts":[0,0,0],"explicitBounds":[1,1]}],"aggregationTemporality":1}"#,
        r#""histogram":{"dataPoints":[{"bucketCounts":[0,0,0],"explicitBounds":["NaN",1]}],"aggregationTemporality":1}"#,
        r#""histogram":{"dataPoints":[{"bucketCounts":[0,0],"explicitBounds":["NaN"]}],"aggregationTemporality":1}"#,
        r#""exponentialHistogram":{"dataPoints":[{"count":1,"zeroCount":2}],"aggregationTemporality":1}"#,
        r#""exponentialHistogram":{"dataPoints":[{"count":1,"positive":{"bucketCounts":["18446744073709551615",2]}}],"aggregationTemporality":1}"#,
        r#""exponentialHistogram":{"dataPoints":[{"count":1,"positive":{"offset":2147483647,"bucketCounts":[1]}}],"aggregationTemporality":1}"#,
    ] {
        let (what, heard) = told(&format!("{{{point}}}"));
        assert_eq!((what, heard), (Told { points: 0, left_out: 1 }, vec![]), "{point}");
    }
}

#[test]
fn points_of_too_many_parts_are_left_out() {
    let ones = |count: usize| vec!["1"; count].join(",");
    let histogram = |count: usize| {
        format!(
            r#"{{"exponentialHistogram":{{"dataPoints":[{{"count":{count},"negative":{{"bucketCounts":[{}]}}}}],"aggregationTemporality":1}}}}"#,
            ones(count)
        )
    };
    assert_eq!(told(&histogram(MAX_BUCKETS)).0.points, 1);
    assert_eq!(told(&histogram(MAX_BUCKETS + 1)).0.left_out, 1);
    let labels = |count: usize| {
        let pairs: Vec<_> = (0..count).map(|at| format!(r#"{{"key":"{at}"}}"#)).collect();
        format!(r#"{{"gauge":{{"dataPoints":[{{"asInt":1,"attributes":[{}]}}]}}}}"#, pairs.join(","))
    };
    assert_eq!(told(&labels(MAX_LABELS)).0.points, 1);
    assert_eq!(told(&labels(MAX_LABELS + 1)).0.left_out, 1);
}

#[test]
fn labels_are_a_set_and_a_histogram_has_buckets() {
    let (what, heard) = told(
        r#"{"name":"n","histogram":{"dataPoints":[{"count":7,"attributes":[
            {"key":"b","value":{"arrayValue":{"values":[{"intValue":1}]}}},
            {"key":"a","value":{"intValue":1}},{"key":"a","value":{"intValue":2}}]}],"aggregationTemporality":2}}"#,
    );
    assert_eq!(what.points, 1);
    assert!(heard[1].contains(r#"labels: {"a": 2, "b": [1]}"#), "{}", heard[1]);
    assert!(heard[1].contains("bounds: [], counts: [7]"), "{}", heard[1]);
}

/// As a host that sums up by itself hands over what has come since the last time.
#[test]
fn what_another_book_collected_is_folded_from_the_wire() {
    let (host, book) = (Book::default(), Book::default());
    let tokens = || Instrument::new("tokens", InstrumentKind::Counter).unit("{token}");
    let seconds = || Instrument::new("seconds", InstrumentKind::Histogram).bounds([0.5, 1.0]);
    let labels = Labels::new([("model", "m".into())]);
    host.sums::<i64>(tokens()).series(&labels, || 1).cell.add(Slot::ONLY, 8);
    host.distributions(seconds()).series(&labels, || 1).cell.record(Slot::ONLY, 0.75);
    let mut request = Vec::new();
    encode_metrics(&Resource::default(), &Scope::default(), &mut request, |sink| {
        host.collect(&mut Reader::delta(), 2, sink);
    });
    for _ in 0..2 {
        for found in decode_metrics(&request).unwrap().metrics() {
            assert_eq!(found.metric.tell(&mut Fold::into(&book, 3)), Told { points: 1, left_out: 0 });
        }
    }
    assert_eq!(book.sums::<i64>(tokens()).series(&labels, || 3).cell.total(), 16);
    let mut heard = Heard::default();
    book.collect(&mut Reader::cumulative(), 4, &mut heard);
    assert!(heard.0.iter().any(|line| line.contains("counts: [0, 2, 0], sum: Some(1.5)")), "{heard:?}");
}
