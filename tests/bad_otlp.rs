//! What OTLP receivers get that is no OTLP: every reader refuses it (or reads it, where the specification says so),
//! quickly and on a small stack.
#![allow(clippy::disallowed_methods, reason = "tests measure time")]

use std::thread;
use std::time::{Duration, Instant};

use spanloom::meter::{MetricSink, Point, Stream};
use spanloom::otlp::json::{
    logs_from_json, logs_to_json, metrics_from_json, metrics_to_json, span_from_json, span_to_json,
    traces_from_json, traces_to_json,
};
use spanloom::otlp::metrics::Told;
use spanloom::otlp::span::SpanView;
use spanloom::otlp::{
    DecodeError, ExportResponse, RpcStatus, Signal, decode_logs, decode_metrics, decode_traces,
};

/// Runs a test as a receiver's thread would: with a small stack.
fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    thread::Builder::new().stack_size(256 << 10).spawn(test).unwrap().join().unwrap();
}

/// Asks for an answer within 10 ms, of the best of twenty tries: other programs run here too.
fn quickly<T>(name: &str, run: impl Fn() -> T) -> T {
    let mut best = Duration::MAX;
    for _ in 0..20 {
        let start = Instant::now();
        let result = run();
        best = best.min(start.elapsed());
        if best < Duration::from_millis(10) {
            return result;
        }
    }
    panic!("{name} took {best:?}");
}

fn delimited(field: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![field << 3 | 2];
    let mut length = content.len();
    while length >= 0x80 {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(content);
    out
}

/// A request around a span (or a log record or a metric: the numbers are the same).
fn request(item: &[u8]) -> Vec<u8> {
    delimited(1, &delimited(2, &delimited(2, item)))
}

/// `AnyValue`s in arrays or maps, so deep.
fn nested_value(depth: usize, map: bool) -> Vec<u8> {
    // Built from the inside out, backwards, so that this takes linear time.
    let mut reversed: Vec<u8> = vec![1, 0x10]; // a truth value
    let header = |reversed: &mut Vec<u8>, tag: u8| {
        let mut length = reversed.len();
        let mut bytes = vec![tag];
        while length >= 0x80 {
            bytes.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        bytes.push(length as u8);
        reversed.extend(bytes.iter().rev());
    };
    for _ in 0..depth {
        if map {
            header(&mut reversed, 0x12); // the value of a pair
        }
        header(&mut reversed, 0x0a); // an element of the list
        header(&mut reversed, if map { 0x32 } else { 0x2a });
    }
    reversed.reverse();
    reversed
}

fn span_with_attribute(value: &[u8]) -> Vec<u8> {
    delimited(9, &[delimited(1, b"k"), delimited(2, value)].concat())
}

#[test]
fn broken_protobuf_is_refused() {
    on_a_small_stack(|| {
        use DecodeError as E;
        let groups = |count: usize| vec![0x0b; count];
        let mut closed_groups = groups(100_000);
        closed_groups.extend(vec![0x0c; 100_000]);
        for (name, bytes, error) in [
            ("groups nested 100,000 deep", groups(100_000), E::TooDeep),
            ("the same, closed", closed_groups, E::TooDeep),
            ("a group that is not closed", groups(3), E::Truncated),
            ("the end of a group that is not open", vec![0x0c], E::Tag),
            ("a length behind the end", vec![0x0a, 0xff, 0x01, 0], E::Truncated),
            ("a length of 2^63", [&[0x0a][..], &[0xff; 8], &[0x7f]].concat(), E::Truncated),
            ("a varint of 11 bytes", [&[0x08][..], &[0xff; 10], &[1]].concat(), E::Varint),
            ("a varint of more than 64 bits", [&[0x08][..], &[0xff; 9], &[2]].concat(), E::Varint),
            ("field number 0", vec![0x00, 0x00], E::Tag),
            ("wire type 7", vec![0x0f], E::Tag),
            ("a request that is a number", vec![0x08, 1], E::WireType { field: 1 }),
            ("HTML", b"<html></html>".to_vec(), E::Tag),
        ] {
            let view = quickly(name, || decode_traces(&bytes).map(|view| view.len()));
            assert_eq!(view, Err(error), "{name}");
            assert_eq!(quickly(name, || decode_logs(&bytes).map(|view| view.len())), Err(error), "{name}");
            assert_eq!(quickly(name, || decode_metrics(&bytes).map(|view| view.len())), Err(error), "{name}");
            assert_eq!(quickly(name, || traces_to_json(&bytes)), Err(error), "{name}");
            assert_eq!(quickly(name, || metrics_to_json(&bytes)), Err(error), "{name}");
            assert_eq!(quickly(name, || logs_to_json(&bytes)), Err(error), "{name}");
            assert!(quickly(name, || ExportResponse::decode(&bytes)).is_err(), "{name}");
        }
        for (name, span, error) in [
            ("a trace id of 15 bytes", delimited(1, &[1; 15]), E::IdLength { length: 15 }),
            ("a span id of 16 bytes", delimited(2, &[1; 16]), E::IdLength { length: 16 }),
            ("a name that is no UTF-8", delimited(5, b"\xc0\x80"), E::Utf8),
            ("half a surrogate pair as a name", delimited(5, b"\xed\xa0\x80"), E::Utf8),
            ("a start as a varint", vec![0x38, 1], E::WireType { field: 7 }),
            ("values nested 65 deep", span_with_attribute(&nested_value(65, false)), E::TooDeep),
            ("values nested 10,000 deep", span_with_attribute(&nested_value(10_000, false)), E::TooDeep),
            ("maps nested 10,000 deep", span_with_attribute(&nested_value(10_000, true)), E::TooDeep),
        ] {
            let bytes = request(&span);
            let view = quickly(name, || decode_traces(&bytes).map(|view| view.len()));
            assert_eq!(view, Err(error), "{name}");
            assert_eq!(quickly(name, || traces_to_json(&bytes)), Err(error), "{name}");
            assert_eq!(quickly(name, || span_to_json(&span)), Err(error), "{name}");
        }
        for map in [false, true] {
            let span = span_with_attribute(&nested_value(64, map));
            assert_eq!(decode_traces(&request(&span)).map(|view| view.len()), Ok(1));
            assert_eq!(span_from_json(span_to_json(&span).unwrap().as_bytes()), Ok(span));
        }
    });
}

/// Counts what it is told.
#[derive(Default)]
struct Counted {
    streams: usize,
    points: usize,
}

impl MetricSink for Counted {
    fn stream(&mut self, _stream: &Stream<'_>) {
        self.streams += 1;
    }
    fn point(&mut self, _point: &Point<'_>) {
        self.points += 1;
    }
}

#[test]
fn broken_metrics_are_refused() {
    on_a_small_stack(|| {
        use DecodeError as E;
        // A point below the field of its kind.
        let point = |kind: u8, content: &[u8]| delimited(kind, &delimited(1, content));
        let (number, histogram, exponential, summary) = (7, 9, 10, 11);
        let attribute = |value: &[u8]| [delimited(1, b"k"), delimited(2, value)].concat();
        let deep = attribute(&nested_value(10_000, true));
        for (name, metric, error) in [
            ("a name that is no UTF-8", delimited(1, b"\xc0\x80"), E::Utf8),
            ("a unit that is a number", vec![0x18, 1], E::WireType { field: 3 }),
            ("deep metadata", delimited(12, &deep), E::TooDeep),
            ("a kind that is a number", vec![0x28, 1], E::WireType { field: 5 }),
            ("a point that is a number", delimited(5, &[0x08, 1]), E::WireType { field: 1 }),
            ("a temporality of bytes", delimited(7, &[0x12, 0]), E::WireType { field: 2 }),
            ("whether it is monotonic as bytes", delimited(7, &[0x1a, 0]), E::WireType { field: 3 }),
            (
                "a kind that a later one hides",
                [point(5, &[0x10, 1]), point(7, &[])].concat(),
                E::WireType { field: 2 },
            ),
            ("a start as a varint", point(number, &[0x10, 1]), E::WireType { field: 2 }),
            ("a double as a varint", point(number, &[0x20, 1]), E::WireType { field: 4 }),
            ("a whole number as a varint", point(number, &[0x30, 1]), E::WireType { field: 6 }),
            ("flags of bytes", point(number, &[0x42, 0]), E::WireType { field: 8 }),
            ("deep labels", point(number, &delimited(7, &deep)), E::TooDeep),
            (
                "a trace id of 15 bytes",
                point(number, &delimited(5, &delimited(5, &[1; 15]))),
                E::IdLength { length: 15 },
            ),
            (
                "a span id of 9 bytes",
                point(histogram, &delimited(8, &delimited(4, &[1; 9]))),
                E::IdLength { length: 9 },
            ),
            (
                "deep labels of an exemplar",
                point(exponential, &delimited(11, &delimited(7, &deep))),
                E::TooDeep,
            ),
            ("counts of seven bytes", point(histogram, &delimited(6, &[1; 7])), E::Truncated),
            ("bounds of nine bytes", point(histogram, &delimited(7, &[1; 9])), E::Truncated),
            ("bounds as varints", point(histogram, &[0x38, 1]), E::WireType { field: 7 }),
            ("a sum as a varint", point(histogram, &[0x28, 1]), E::WireType { field: 5 }),
            ("deep labels of a histogram", point(histogram, &delimited(9, &deep)), E::TooDeep),
            ("a scale of bytes", point(exponential, &[0x32, 0]), E::WireType { field: 6 }),
            ("buckets that are a number", point(exponential, &[0x40, 1]), E::WireType { field: 8 }),
            (
                "a count that does not end",
                point(exponential, &delimited(9, &delimited(2, &[0x80]))),
                E::Truncated,
            ),
            ("a count of 80 bits", point(exponential, &delimited(9, &delimited(2, &[0xff; 12]))), E::Varint),
            ("a quantile as a varint", point(summary, &delimited(6, &[0x08, 1])), E::WireType { field: 1 }),
            ("deep labels of a summary", point(summary, &delimited(7, &deep)), E::TooDeep),
        ] {
            let bytes = request(&metric);
            let view = quickly(name, || decode_metrics(&bytes).map(|view| view.len()));
            assert_eq!(view, Err(error), "{name}");
            if !name.contains("hides") {
                assert_eq!(quickly(name, || metrics_to_json(&bytes)), Err(error), "{name}");
            }
        }
        let labels = point(number, &delimited(7, &attribute(&nested_value(64, true))));
        assert_eq!(decode_metrics(&request(&labels)).map(|view| view.points()), Ok(1));
    });
}

#[test]
fn metrics_that_are_cut_off_are_refused_or_read_in_part() {
    let whole = std::fs::read("fuzz/corpus/otlp_metrics/example").unwrap();
    let points = decode_metrics(&whole).unwrap().points();
    assert!(points >= 4);
    for length in 0..whole.len() {
        // One resource holds all: whoever cuts it off cuts its length off.
        let cut = decode_metrics(&whole[..length]).map(|view| view.points());
        assert_eq!(cut, if length == 0 { Ok(0) } else { Err(DecodeError::Truncated) }, "{length} bytes");
    }
    for at in 0..whole.len() {
        for damage in [0x01, 0x08, 0x55, 0x80, 0xff] {
            let mut damaged = whole.clone();
            damaged[at] ^= damage;
            if let Ok(view) = decode_metrics(&damaged) {
                let mut counted = Counted::default();
                let told = view.metrics().map(|found| found.metric.tell(&mut counted));
                let points: usize = told.map(|told| told.points + told.left_out).sum();
                assert_eq!(points, view.points(), "byte {at} changed by {damage:#x}");
                assert!(counted.streams <= counted.points && counted.points <= points);
            }
        }
    }
}

#[test]
fn metrics_of_many_empty_points_cost_no_memory_beyond_their_own() {
    let metric = delimited(5, &[0x0a, 0].repeat(1_000_000));
    let bytes = request(&metric);
    let view = decode_metrics(&bytes).unwrap();
    assert_eq!((view.len(), view.points()), (1, 1_000_000));
    let found = view.metrics().next().unwrap();
    assert_eq!(found.metric.points().count(), 1_000_000);
    assert!(size_of_val(&view) <= 32);
    let mut counted = Counted::default();
    assert_eq!(found.metric.tell(&mut counted), Told { points: 0, left_out: 1_000_000 });
    assert_eq!((counted.streams, counted.points), (0, 0));
}

#[test]
fn requests_of_many_empty_items_cost_no_memory_beyond_their_own() {
    let spans = delimited(1, &delimited(2, &[0x12, 0].repeat(1_000_000)));
    let view = decode_traces(&spans).unwrap();
    assert_eq!(view.len(), 1_000_000);
    assert_eq!(view.spans().count(), 1_000_000);
    assert!(size_of_val(&view) <= 32);
}

#[test]
fn packed_numbers_do_not_grow() {
    // A million bucket counts of one byte each.
    let buckets = delimited(8, &delimited(2, &vec![7; 1_000_000]));
    let metric = delimited(10, &delimited(1, &buckets));
    let bytes = request(&metric);
    // They can be read, one by one; no sink is told a point of so many.
    let metric = decode_metrics(&bytes).unwrap().metrics().next().unwrap().metric;
    assert_eq!(metric.tell(&mut Counted::default()), Told { points: 0, left_out: 1 });
    let json = metrics_to_json(&bytes).unwrap();
    assert_eq!(json.matches("\"7\"").count(), 1_000_000);
    assert_eq!(metrics_from_json(json.as_bytes()), Ok(bytes));
}

#[test]
fn broken_json_is_refused() {
    on_a_small_stack(|| {
        let nested = |open: &str| open.repeat(10_000);
        let attribute = |value: &str| format!(r#"{{"attributes":[{{"key":"k","value":{value}}}]}}"#);
        for (name, text, message) in [
            ("arrays nested 10,000 deep", nested("["), "$ at byte 0: expected an object"),
            ("objects nested 10,000 deep", nested(r#"{"a":"#), "expected less depth"),
            ("unknown arrays nested 10,000 deep", format!(r#"{{"a":{}"#, nested("[")), "expected less depth"),
            (
                "values nested 10,000 deep",
                attribute(&nested(r#"{"arrayValue":{"values":["#)),
                "values nest deeper than 64 levels",
            ),
            (
                "maps nested 10,000 deep",
                attribute(&nested(r#"{"kvlistValue":{"values":[{"key":"k","value":"#)),
                "values nest deeper than 64 levels",
            ),
            ("a comma at the end of an object", r#"{"name":"n",}"#.into(), "expected a key"),
            ("a comma at the end of an array", r#"{"events":[{},]}"#.into(), "expected a value"),
            ("the name of an enum", r#"{"kind":"SPAN_KIND_SERVER"}"#.into(), "the number of an enum value"),
            ("an id in base64", r#"{"spanId":"7s0wm5AAAAA="}"#.into(), "16 hex digits"),
            ("hex where base64 stands", attribute(r#"{"bytesValue":"0"}"#), "not base64"),
            ("two texts", "{}{}".into(), "expected the end of the text"),
            ("nothing", String::new(), "expected a value"),
            ("a comment", "{/**/}".into(), "expected a key or '}'"),
            ("NaN as a word", attribute(r#"{"doubleValue":NaN}"#), "expected a value"),
        ] {
            let error = quickly(name, || span_from_json(text.as_bytes())).unwrap_err().to_string();
            assert!(error.contains(message), "{name}: {error}");
            let in_request = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{text}]}}]}}]}}"#);
            if !text.is_empty() {
                assert!(quickly(name, || traces_from_json(in_request.as_bytes())).is_err(), "{name}");
            }
        }
        assert!(span_from_json(b"{\"name\":\"\xff\"}").is_err());
        assert!(RpcStatus::from_json(nested("[").as_bytes()).is_err());
        assert!(ExportResponse::from_json(Signal::Logs, nested("{").as_bytes()).is_err());
        assert!(logs_from_json(b"{\"resourceLogs\":[{\"scopeLogs\":{}}]}").is_err());
    });
}

#[test]
fn odd_json_is_read_as_the_specification_says() {
    for (name, text, form) in [
        ("snake case is unknown", r#"{"trace_id":1,"start_time_unix_nano":2,"name":"n"}"#, r#"{"name":"n"}"#),
        ("the last of repeated keys", r#"{"name":"a","name":"b"}"#, r#"{"name":"b"}"#),
        ("unknown keys", r#"{"later":{"a":[{}]},"name":"n"}"#, r#"{"name":"n"}"#),
        ("numbers as text", r#"{"flags":"1","kind":2}"#, r#"{"kind":2,"flags":1}"#),
        ("half a surrogate pair", r#"{"name":"\ud800"}"#, "{\"name\":\"\u{fffd}\"}"),
        ("a NUL", r#"{"name":"\u0000"}"#, r#"{"name":"\u0000"}"#),
        (
            "2^53 + 1 and the largest number",
            r#"{"startTimeUnixNano":9007199254740993,"endTimeUnixNano":"18446744073709551615"}"#,
            r#"{"startTimeUnixNano":"9007199254740993","endTimeUnixNano":"18446744073709551615"}"#,
        ),
    ] {
        let span = span_from_json(text.as_bytes()).unwrap();
        assert!(SpanView::read(&span).is_ok(), "{name}");
        assert_eq!(span_to_json(&span).unwrap(), form, "{name}");
    }
}

#[test]
fn endless_numbers_take_linear_time() {
    on_a_small_stack(|| {
        // Seconds on a slow machine; hours if each digit cost as much as there are digits.
        let digits = "9".repeat(1 << 20);
        let start = Instant::now();
        for text in [
            format!(r#"{{"endTimeUnixNano":{digits}}}"#),
            format!(r#"{{"endTimeUnixNano":"{digits}"}}"#),
            format!(r#"{{"endTimeUnixNano":1.5{digits}}}"#),
            format!(r#"{{"kind":{digits}}}"#),
        ] {
            assert!(span_from_json(text.as_bytes()).is_err());
        }
        let unknown = format!(r#"{{"later":{digits}}}"#);
        assert_eq!(span_from_json(unknown.as_bytes()), Ok(vec![]));
        let double = format!(r#"{{"attributes":[{{"key":"k","value":{{"doubleValue":{digits}}}}}]}}"#);
        let infinite = span_to_json(&span_from_json(double.as_bytes()).unwrap()).unwrap();
        assert!(infinite.contains(r#""doubleValue":"Infinity""#));
        assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    });
}
