//! Whole texts, on every target.

use super::*;
use crate::meter::{
    Buckets, Exemplar, ExponentialPoint, HistogramPoint, Labels, MetricSink, Number, Point, Reading, Stream,
    StreamKind, Temporality,
};
use crate::{SpanId, TraceId};

const CUMULATIVE: Temporality = Temporality::Cumulative;
const COUNTER: StreamKind = StreamKind::Sum { monotonic: true, temporality: CUMULATIVE };
const HISTOGRAM: StreamKind = StreamKind::Histogram { temporality: CUMULATIVE };
const EXPONENTIAL: StreamKind = StreamKind::Exponential { temporality: CUMULATIVE };
const START: u64 = 1_700_000_000_500_000_000;

fn text_of(options: &PrometheusOptions, tell: impl FnOnce(&mut PrometheusText<'_>)) -> (String, Written) {
    let mut text = Vec::new();
    let mut append = |piece: &[u8]| text.extend_from_slice(piece);
    let mut sink = PrometheusText::new(options, &mut append);
    tell(&mut sink);
    let written = sink.finish();
    assert_eq!(written.bytes, text.len() as u64);
    (String::from_utf8(text).unwrap(), written)
}

fn stream<'a>(name: &'a str, unit: &'a str, kind: StreamKind) -> Stream<'a> {
    Stream { name, unit, description: "", kind }
}

fn point<'a>(labels: &'a Labels, reading: Reading<'a>, exemplars: &'a [Exemplar]) -> Point<'a> {
    Point { labels, start_unix_nano: START, time_unix_nano: START + 1, reading, exemplars }
}

fn number(sink: &mut PrometheusText<'_>, labels: &Labels, number: impl Into<Number>) {
    sink.point(&point(labels, Reading::Number(number.into()), &[]));
}

fn exemplar(value: f64, time: u64, labels: Labels) -> Exemplar {
    Exemplar {
        time_unix_nano: time,
        value: value.into(),
        trace_id: TraceId::from_halves(1, 2),
        span_id: SpanId::from_u64(3),
        labels,
    }
}

fn requests(sink: &mut PrometheusText<'_>) {
    sink.stream(&Stream {
        description: "Time of \"all\"\nrequests",
        ..stream("request.duration", "s", HISTOGRAM)
    });
    let histogram = HistogramPoint {
        bounds: &[0.5, 1.0, 2.5],
        counts: &[2, 1, 0, 4],
        sum: Some(31.25),
        min: Some(0.25),
        max: Some(9.0),
    };
    let long = "x".repeat(66);
    let exemplars = [
        exemplar(0.25, START, Labels::new([("user.id", "u\"1".into())])),
        exemplar(0.5, START + 1_000_000_000, Labels::new([("user.id", long.as_str().into())])),
        exemplar(9.0, 0, Labels::none()),
    ];
    let labels = Labels::new([("http.route", "/ask".into())]);
    sink.point(&point(&labels, Reading::Histogram(histogram), &exemplars));
    let none = HistogramPoint { counts: &[0, 0, 0, 0], sum: None, min: None, max: None, ..histogram };
    sink.point(&point(&Labels::none(), Reading::Histogram(none), &[]));
}

#[test]
fn a_histogram_in_prometheus_text() {
    let (text, written) = text_of(&PrometheusOptions::new(Format::Prometheus), requests);
    assert_eq!(
        text,
        r#"# HELP request_duration_seconds Time of "all"\nrequests
# TYPE request_duration_seconds histogram
request_duration_seconds_bucket{http_route="/ask",le="0.5"} 2
request_duration_seconds_bucket{http_route="/ask",le="1"} 3
request_duration_seconds_bucket{http_route="/ask",le="2.5"} 3
request_duration_seconds_bucket{http_route="/ask",le="+Inf"} 7
request_duration_seconds_sum{http_route="/ask"} 31.25
request_duration_seconds_count{http_route="/ask"} 7
request_duration_seconds_bucket{le="0.5"} 0
request_duration_seconds_bucket{le="1"} 0
request_duration_seconds_bucket{le="2.5"} 0
request_duration_seconds_bucket{le="+Inf"} 0
request_duration_seconds_count 0
"#
    );
    assert_eq!((written.families, written.series, written.skipped), (1, 2, Skipped::default()));
}

#[test]
fn a_histogram_in_open_metrics() {
    let (text, _) = text_of(&PrometheusOptions::new(Format::OpenMetrics), requests);
    assert_eq!(
        text,
        r#"# HELP request_duration_seconds Time of \"all\"\nrequests
# TYPE request_duration_seconds histogram
# UNIT request_duration_seconds seconds
request_duration_seconds_bucket{http_route="/ask",le="0.5"} 2 # {trace_id="00000000000000010000000000000002",span_id="0000000000000003"} 0.5 1700000001.5
request_duration_seconds_bucket{http_route="/ask",le="1.0"} 3
request_duration_seconds_bucket{http_route="/ask",le="2.5"} 3
request_duration_seconds_bucket{http_route="/ask",le="+Inf"} 7 # {trace_id="00000000000000010000000000000002",span_id="0000000000000003"} 9.0
request_duration_seconds_sum{http_route="/ask"} 31.25
request_duration_seconds_count{http_route="/ask"} 7
request_duration_seconds_created{http_route="/ask"} 1700000000.5
request_duration_seconds_bucket{le="0.5"} 0
request_duration_seconds_bucket{le="1.0"} 0
request_duration_seconds_bucket{le="2.5"} 0
request_duration_seconds_bucket{le="+Inf"} 0
request_duration_seconds_created 1700000000.5
# EOF
"#
    );
}

#[test]
fn counters_gauges_and_the_resource() {
    let tell = |sink: &mut PrometheusText<'_>| {
        sink.scope(Scope { name: "agent", version: "1.2" });
        sink.stream(&stream("tokens.used", "{token}", COUNTER));
        let labels = Labels::new([("model", "m".into()), ("trace_id", "mine".into())]);
        let exemplars = [exemplar(2.0, START, Labels::new([("trace_id", "other".into())]))];
        sink.point(&point(&labels, Reading::Number(Number::Int(812)), &exemplars));
        sink.scope(Scope::default());
        sink.stream(&stream("queue", "", StreamKind::Sum { monotonic: false, temporality: CUMULATIVE }));
        number(sink, &Labels::none(), -3);
        sink.stream(&stream("load", "1", StreamKind::Gauge));
        number(sink, &Labels::new([("cpu", 0.into())]), f64::NAN);
        number(sink, &Labels::new([("cpu", 1.into())]), f64::INFINITY);
        number(sink, &Labels::new([("cpu", 2.into())]), 0.5);
    };
    let resource = Labels::new([("service.name", "planner".into())]);
    let with = |format| PrometheusOptions { resource: resource.clone(), ..PrometheusOptions::new(format) };
    assert_eq!(
        text_of(&with(Format::Prometheus), tell).0,
        r#"# HELP target_info Attributes of the program that is measured
# TYPE target_info gauge
target_info{service_name="planner"} 1
# TYPE tokens_used_total counter
tokens_used_total{model="m",trace_id="mine",otel_scope_name="agent",otel_scope_version="1.2"} 812
# TYPE queue gauge
queue -3
# TYPE load_ratio gauge
load_ratio{cpu="0"} NaN
load_ratio{cpu="1"} +Inf
load_ratio{cpu="2"} 0.5
"#
    );
    assert_eq!(
        text_of(&with(Format::OpenMetrics), tell).0,
        r#"# HELP target Attributes of the program that is measured
# TYPE target info
target_info{service_name="planner"} 1
# TYPE tokens_used counter
tokens_used_total{model="m",trace_id="mine",otel_scope_name="agent",otel_scope_version="1.2"} 812 # {trace_id="00000000000000010000000000000002",span_id="0000000000000003",exported_trace_id="other"} 2.0 1700000000.5
tokens_used_created{model="m",trace_id="mine",otel_scope_name="agent",otel_scope_version="1.2"} 1700000000.5
# TYPE queue gauge
queue -3
# TYPE load_ratio gauge
# UNIT load_ratio ratio
load_ratio{cpu="0"} NaN
load_ratio{cpu="1"} +Inf
load_ratio{cpu="2"} 0.5
# EOF
"#
    );
}

#[test]
fn an_exponential_histogram_gets_bounds() {
    let histogram = ExponentialPoint {
        scale: 1,
        zero_count: 2,
        zero_threshold: 0.0,
        // Above 1 up to 1.41, 2 and 2.83.
        positive: Buckets { offset: 0, counts: &[1, 0, 3] },
        // Below -2 down to -2.83.
        negative: Buckets { offset: 2, counts: &[4] },
        count: 11,
        sum: Some(-1.5),
        min: Some(-2.5),
        max: Some(2.5),
    };
    let tell = |sink: &mut PrometheusText<'_>| {
        sink.stream(&stream("x", "", EXPONENTIAL));
        sink.point(&point(&Labels::none(), Reading::Exponential(histogram), &[]));
    };
    let options = PrometheusOptions::new(Format::Prometheus);
    assert_eq!(
        text_of(&options, tell).0,
        r#"# TYPE x histogram
x_bucket{le="-2.8284271247461903"} 0
x_bucket{le="-2"} 4
x_bucket{le="0"} 6
x_bucket{le="1"} 6
x_bucket{le="1.4142135623730951"} 7
x_bucket{le="2"} 7
x_bucket{le="2.8284271247461903"} 10
x_bucket{le="+Inf"} 11
x_sum -1.5
x_count 11
"#
    );
    // Coarser: only powers of two; in OpenMetrics a sum that may go down is none.
    let coarse = PrometheusOptions {
        exponential_scale: 0,
        created: false,
        ..PrometheusOptions::new(Format::OpenMetrics)
    };
    assert_eq!(
        text_of(&coarse, tell).0,
        r#"# TYPE x histogram
x_bucket{le="-4.0"} 0
x_bucket{le="-2.0"} 4
x_bucket{le="0.0"} 6
x_bucket{le="1.0"} 6
x_bucket{le="2.0"} 7
x_bucket{le="4.0"} 10
x_bucket{le="+Inf"} 11
# EOF
"#
    );
}

#[test]
fn what_is_left_out_is_counted() {
    let tell = |sink: &mut PrometheusText<'_>| {
        let (one, two) = (Labels::new([("a", 1.into())]), Labels::new([("a", 2.into())]));
        sink.stream(&stream("d", "", StreamKind::Sum { monotonic: true, temporality: Temporality::Delta }));
        number(sink, &one, 1);
        number(sink, &two, 1);
        sink.stream(&stream("...", "", StreamKind::Gauge));
        number(sink, &one, 1);
        sink.stream(&stream("a.b", "", StreamKind::Gauge));
        number(sink, &one, 1);
        number(sink, &one, 2);
        number(sink, &Labels::new([("a", "1".into())]), 3);
        // Goes on with the family.
        sink.stream(&stream("a_b", "", StreamKind::Gauge));
        number(sink, &one, 4);
        number(sink, &two, 5);
        sink.stream(&stream("c", "", COUNTER));
        number(sink, &one, -1);
        number(sink, &two, f64::NAN);
        sink.point(&point(
            &Labels::none(),
            Reading::Histogram(HistogramPoint { bounds: &[], counts: &[1], sum: None, min: None, max: None }),
            &[],
        ));
        // Its place is past.
        sink.stream(&stream("a-b", "", StreamKind::Gauge));
        number(sink, &Labels::none(), 6);
        number(sink, &Labels::none(), 7);
    };
    let (text, written) = text_of(&PrometheusOptions::new(Format::OpenMetrics), tell);
    assert_eq!(text, "# TYPE a_b gauge\na_b{a=\"1\"} 1\na_b{a=\"2\"} 5\n# EOF\n");
    let skipped = Skipped { delta: 2, duplicate: 3, conflict: 2, unfit: 3, unnamed: 1 };
    assert_eq!(written.skipped, skipped);
    assert_eq!((written.families, written.series), (1, 2));
    let (text, written) = text_of(&PrometheusOptions::new(Format::Prometheus), tell);
    assert!(text.contains("c_total{a=\"1\"} -1\nc_total{a=\"2\"} NaN\n"), "{text}");
    assert_eq!(written.skipped, Skipped { unfit: 1, ..skipped });
}

#[test]
fn nothing_is_an_empty_text() {
    assert_eq!(text_of(&PrometheusOptions::default(), |_| {}).0, "");
    assert_eq!(text_of(&PrometheusOptions::new(Format::OpenMetrics), |_| {}).0, "# EOF\n");
    let no_points = |sink: &mut PrometheusText<'_>| sink.stream(&stream("a", "", COUNTER));
    assert_eq!(text_of(&PrometheusOptions::default(), no_points).0, "");
}

#[test]
fn pieces_are_whole_lines_and_bounded() {
    let options = PrometheusOptions::new(Format::Prometheus);
    let mut lengths = Vec::new();
    let mut lines = 0;
    let mut tell = |piece: &[u8]| {
        assert!(piece.ends_with(b"\n"));
        lengths.push(piece.len());
        lines += piece.iter().filter(|byte| **byte == b'\n').count();
    };
    let mut sink = PrometheusText::new(&options, &mut tell);
    sink.stream(&stream("a", "", StreamKind::Gauge));
    for index in 0..20_000 {
        number(&mut sink, &Labels::new([("series", index.into())]), index);
    }
    assert_eq!(sink.finish().series, 20_000);
    assert_eq!(lines, 20_001);
    assert!(lengths.len() > 20 && lengths.iter().all(|length| *length < 17_000), "{lengths:?}");
}
