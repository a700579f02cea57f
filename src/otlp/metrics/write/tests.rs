use super::*;
use crate::meter::{Buckets, Exemplar, ExponentialPoint, HistogramPoint, Labels, Number, Temporality};
use crate::otlp::metrics::{ReadingView, decode_metrics};
use crate::{SpanId, TraceId};

const GAUGE: Stream<'_> =
    Stream { name: "queue.length", unit: "{item}", description: "How many wait", kind: StreamKind::Gauge };

fn sum(name: &str) -> Stream<'_> {
    let kind = StreamKind::Sum { monotonic: true, temporality: Temporality::Delta };
    Stream { name, unit: "", description: "", kind }
}

fn tell(sink: &mut dyn MetricSink, labels: &Labels, reading: Reading<'_>) {
    let point = Point { labels, start_unix_nano: 7, time_unix_nano: 9, reading, exemplars: &[] };
    sink.point(&point);
}

fn number(number: i64) -> Reading<'static> {
    Reading::Number(Number::Int(number))
}

/// For each request: how many points, and the names of its metrics, with the scope before it, and their points.
fn outlines(requests: &[Vec<u8>]) -> Vec<(usize, String)> {
    let outline = |request: &Vec<u8>| {
        let view = decode_metrics(request).unwrap();
        let metrics = view.metrics().map(|found| {
            assert_eq!(found.metric.points().count(), found.metric.len());
            format!("{}/{}:{}", found.scope.name, found.metric.name, found.metric.len())
        });
        (view.points(), metrics.collect::<Vec<_>>().join(" "))
    };
    requests.iter().map(outline).collect()
}

#[test]
fn no_points_no_bytes() {
    let mut out = Vec::new();
    let told = encode_metrics(&Resource::default(), &Scope::default(), &mut out, |sink| sink.stream(&GAUGE));
    assert_eq!((out, told), (vec![], Told::default()));
}

#[test]
fn requests_are_full_at_so_many_points_and_repeat_what_stands_around() {
    let resource = Resource::new([("service.name", "planner".into())]).with_schema_url("https://r");
    let (one, other) = (Scope::new("one", "1").with_schema_url("https://s"), Scope::new("other", ""));
    let mut requests = Vec::new();
    let mut announced = Vec::new();
    let mut writer = MetricsWriter::new(&resource, &one, 3, |request| {
        announced.push((request.points(), request.encoded_len()));
        requests.push(request.to_vec());
    });
    for (name, points) in [("a", 1), ("b", 4), ("empty", 0), ("c", 1)] {
        writer.stream(&sum(name));
        (0..points).for_each(|at| tell(&mut writer, &Labels::none(), number(at)));
    }
    writer.scope(&other);
    writer.stream(&sum("c"));
    tell(&mut writer, &Labels::none(), number(1));
    assert_eq!(writer.finish(), Told { points: 7, left_out: 0 });
    assert_eq!(
        outlines(&requests),
        [(3, "one/a:1 one/b:2".to_owned()), (3, "one/b:2 one/c:1".to_owned()), (1, "other/c:1".to_owned())]
    );
    let lengths: Vec<_> = requests.iter().map(Vec::len).collect();
    assert_eq!(announced, [(3, lengths[0]), (3, lengths[1]), (1, lengths[2])]);
    for request in &requests {
        let group = decode_metrics(request).unwrap().resources().next().unwrap();
        assert_eq!(group.schema_url(), "https://r");
        assert_eq!(group.resource.attribute("service.name").and_then(|name| name.as_str()), Some("planner"));
    }
}

#[test]
fn scopes_stand_in_one_request() {
    let resource = Resource::default();
    let scopes = [Scope::new("one", ""), Scope::new("none", ""), Scope::new("two", "")];
    let mut requests = Vec::new();
    let mut writer =
        MetricsWriter::new(&resource, &scopes[0], usize::MAX, |request| requests.push(request.to_vec()));
    writer.stream(&sum("a"));
    tell(&mut writer, &Labels::none(), number(1));
    writer.scope(&scopes[1]);
    writer.stream(&sum("nothing"));
    writer.scope(&scopes[2]);
    writer.stream(&sum("a"));
    tell(&mut writer, &Labels::none(), number(1));
    writer.finish();
    assert_eq!(outlines(&requests), [(2, "one/a:1 two/a:1".to_owned())]);
}

#[test]
fn a_further_resource_joins_the_request() {
    let mut request = Vec::new();
    for name in ["first", "second"] {
        let resource = Resource::new([("service.name", name.into())]);
        encode_metrics(&resource, &Scope::default(), &mut request, |sink| {
            sink.stream(&GAUGE);
            tell(sink, &Labels::none(), number(0));
        });
    }
    assert_eq!(decode_metrics(&request).unwrap().resources().count(), 2);
}

#[test]
fn points_that_do_not_fit_their_stream_are_left_out() {
    let mut out = Vec::new();
    let histogram = HistogramPoint { bounds: &[], counts: &[1], sum: None, min: None, max: None };
    let told = encode_metrics(&Resource::default(), &Scope::default(), &mut out, |sink| {
        tell(sink, &Labels::none(), number(1));
        sink.stream(&GAUGE);
        tell(sink, &Labels::none(), Reading::Histogram(histogram));
        tell(sink, &Labels::none(), number(2));
        let kind = StreamKind::Histogram { temporality: Temporality::Delta };
        sink.stream(&Stream { kind, ..GAUGE });
        tell(sink, &Labels::none(), number(3));
    });
    assert_eq!(told, Told { points: 1, left_out: 3 });
    assert_eq!(outlines(&[out]), [(1, "/queue.length:1".to_owned())]);
}

#[test]
fn a_number_has_these_bytes() {
    let mut out = Vec::new();
    encode_metrics(&Resource::default(), &Scope::default(), &mut out, |sink| {
        sink.stream(&Stream { name: "n", unit: "s", description: "d", ..sum("") });
        tell(sink, &Labels::new([("k", true.into())]), Reading::Number(Number::Double(0.0)));
    });
    let mut point = vec![0x11, 7, 0, 0, 0, 0, 0, 0, 0, 0x19, 9, 0, 0, 0, 0, 0, 0, 0];
    point.extend([0x21, 0, 0, 0, 0, 0, 0, 0, 0]); // said, though it is zero
    point.extend([0x3a, 7, 0x0a, 1, b'k', 0x12, 2, 0x10, 1]);
    let metric = [&[0x0a, 1, b'n', 0x12, 1, b'd', 0x1a, 1, b's', 0x3a, 42, 0x0a, 36][..], &point].concat();
    let metric = [metric, vec![0x10, 1, 0x18, 1]].concat();
    assert_eq!(out, [&[0x0a, 57, 0x12, 55, 0x12, 53][..], &metric].concat());
}

#[test]
fn lengths_of_several_bytes_on_all_levels() {
    let long = "x".repeat(20_000);
    let labels = Labels::new([("k", long.as_str().into())]);
    let mut out = Vec::new();
    encode_metrics(&Resource::default(), &Scope::default(), &mut out, |sink| {
        for name in ["a", &long] {
            sink.stream(&sum(name));
            (0..200).for_each(|at| tell(sink, &labels, number(at)));
        }
    });
    let view = decode_metrics(&out).unwrap();
    assert_eq!((view.len(), view.points()), (2, 400));
    for found in view.metrics() {
        for (at, point) in found.metric.points().enumerate() {
            assert!(matches!(point.reading, ReadingView::Number(Number::Int(n)) if n == at as i64));
            assert_eq!(point.attributes().next().and_then(|(_, value)| value.as_str()), Some(long.as_str()));
        }
    }
}

#[test]
fn points_of_all_kinds_are_read_as_they_were_told() {
    let exemplars = [
        Exemplar {
            time_unix_nano: 8,
            value: Number::Int(-3),
            trace_id: TraceId::from_halves(1, 2),
            span_id: SpanId::from_u64(3),
            labels: Labels::new([("user", "u".into())]),
        },
        Exemplar {
            time_unix_nano: 0,
            value: Number::Double(0.0),
            trace_id: TraceId::NONE,
            span_id: SpanId::NONE,
            labels: Labels::none(),
        },
    ];
    let labels = Labels::new([("route", "/ask".into())]);
    let histogram =
        HistogramPoint { bounds: &[0.0, 5.0], counts: &[1, 0, 2], sum: Some(0.0), min: None, max: Some(9.0) };
    let exponential = ExponentialPoint {
        scale: -4,
        zero_count: 1,
        zero_threshold: 0.5,
        positive: Buckets { offset: -1, counts: &[1, 300] },
        negative: Buckets { offset: 9, counts: &[] },
        count: 303,
        sum: None,
        min: Some(-0.0),
        max: Some(f64::INFINITY),
    };
    let temporality = Temporality::Cumulative;
    let mut out = Vec::new();
    encode_metrics(&Resource::default(), &Scope::default(), &mut out, |sink| {
        for (kind, reading) in [
            (StreamKind::Histogram { temporality }, Reading::Histogram(histogram)),
            (StreamKind::Exponential { temporality }, Reading::Exponential(exponential)),
            (StreamKind::Sum { monotonic: false, temporality }, number(i64::MIN)),
        ] {
            sink.stream(&Stream { kind, ..GAUGE });
            let (start_unix_nano, time_unix_nano) = (0, u64::MAX);
            sink.point(&Point {
                labels: &labels,
                start_unix_nano,
                time_unix_nano,
                reading,
                exemplars: &exemplars,
            });
        }
    });
    let view = decode_metrics(&out).unwrap();
    let points: Vec<_> =
        view.metrics().map(|found| (found.metric, found.metric.points().next().unwrap())).collect();
    for (metric, point) in &points {
        assert_eq!(
            (metric.name, metric.unit, metric.description),
            ("queue.length", "{item}", "How many wait")
        );
        assert_eq!((point.start_unix_nano, point.time_unix_nano, point.flags), (0, u64::MAX, 0));
        assert_eq!(point.attributes().next().map(|(key, _)| key), Some("route"));
        let found: Vec<_> = point.exemplars().collect();
        let values: Vec<_> = found.iter().map(|found| (found.time_unix_nano, found.value)).collect();
        assert_eq!(values, [(8, Some(Number::Int(-3))), (0, Some(Number::Double(0.0)))]);
        assert_eq!((found[0].trace_id, found[0].span_id), (exemplars[0].trace_id, exemplars[0].span_id));
        assert_eq!(found[0].attributes().next().map(|(key, _)| key), Some("user"));
    }
    let ReadingView::Histogram(read) = points[0].1.reading else { panic!() };
    assert_eq!((read.count, read.sum, read.min, read.max), (3, Some(0.0), None, Some(9.0)));
    assert!(read.bounds().eq([0.0, 5.0]) && read.counts().eq([1, 0, 2]));
    let ReadingView::Exponential(read) = points[1].1.reading else { panic!() };
    assert_eq!((read.count, read.scale, read.zero_count, read.zero_threshold), (303, -4, 1, 0.5));
    assert_eq!((read.sum, read.min.map(f64::to_bits)), (None, Some((-0.0f64).to_bits())));
    assert_eq!(read.max, Some(f64::INFINITY));
    assert_eq!((read.positive.offset, read.positive.counts().collect::<Vec<_>>()), (-1, vec![1, 300]));
    assert_eq!((read.negative.offset, read.negative.counts().count()), (0, 0));
}

/// However many points there are, the writer holds one request, and no byte of a point is written twice before its
/// request is put together.
#[test]
fn memory_is_that_of_one_request() {
    let resource = Resource::default();
    let scope = Scope::new("spanloom", "");
    let labels: Vec<_> = (0..100).map(|at| Labels::new([("room", (at % 10).into())])).collect();
    let mut longest = 0;
    let mut bytes = 0;
    let mut writer = MetricsWriter::new(&resource, &scope, 100, |request| {
        longest = longest.max(request.encoded_len());
        bytes += request.encoded_len();
    });
    let mut held = Vec::new();
    for round in 0..200 {
        writer.stream(&GAUGE);
        labels.iter().for_each(|labels| tell(&mut writer, labels, number(1)));
        if round % 50 == 0 {
            held.push((writer.parts.points.capacity(), writer.parts.heads.capacity()));
        }
    }
    assert!(held.iter().all(|sizes| *sizes == held[0]), "{held:?}");
    let points = writer.parts.points.capacity();
    assert_eq!(writer.finish().points, 20_000);
    assert_eq!(bytes, 200 * longest);
    assert!(points < 4 * longest, "{points} bytes are held for requests of {longest}");
}
