//! What the fuzz targets do with their bytes: read them as a stranger's input and hold what was read to its promises.
//!
//! Kept apart from the targets so that `tests/fuzz_seeds.rs` runs the committed seeds through the same functions on a
//! stable toolchain.

use spanloom::context::{extract_with_report, inject};
use spanloom::json;
use spanloom::loom::{TextOptions, Weaver, WeaverOptions, tree_text};
use spanloom::meter::{Book, MetricSink, Reader};
use spanloom::otlp::json::{metrics_from_json, metrics_to_json};
use spanloom::otlp::metrics::{MetricView, ReadingView, Told};
use spanloom::otlp::span::SpanView;
use spanloom::otlp::{Resource, Scope, decode_logs, decode_metrics, decode_traces, encode_metrics};
use spanloom::record::{Ingest, Limits, RecordKind, Records, fold_metrics};
use spanloom::redact::Redactor;
use spanloom::spool::{MemoryFiles, RecoveryOptions, RecoveryReport, Spool, SpoolOptions, recover};
use spanloom::value::{Bounded, Bounds, Value, ValueBuilder};
use spanloom::workflow::from_spans;

/// A stream of records: read, woven, drawn, made a log.
pub fn records(data: &[u8]) {
    let mut spans = Vec::new();
    let mut reader = Records::new(data);
    for record in reader.by_ref().flatten() {
        if record.kind != RecordKind::MetricDelta
            && let Ok(span) = SpanView::read(record.body)
        {
            spans.push(span);
        }
    }
    assert!(reader.rest().is_empty());
    let log = from_spans(&spans, 0);
    let text = log.to_json(json::Style::Compact);
    Value::from_json(&text).expect("a log is JSON");
    let mut weaver = Weaver::new(WeaverOptions { workflow_bytes: 1 << 20, ..WeaverOptions::default() });
    weaver.take_stream(data, 1);
    for woven in weaver.finish(2) {
        assert!(!tree_text(&woven, &TextOptions::default()).contains('\u{1b}'));
        for record in woven.records() {
            SpanView::read(record.body).expect("a woven span reads");
        }
    }
}

/// What a host's batch becomes: whole records with valid spans, whatever the batch holds.
fn ingested(records: &[u8]) {
    for record in Records::new(records) {
        let record = record.expect("a record is whole");
        let span = SpanView::read(record.body).expect("a span reads");
        assert!(span.attributes().count() <= 128 + 64);
    }
}

/// A batch in the compact layout, twice: names that it defined stay.
pub fn compact(data: &[u8]) {
    let mut ingest = Ingest::new(Limits::default());
    let mut out = Vec::new();
    let spans = ingest.compact(data, &mut out) + ingest.compact(data, &mut out);
    assert_eq!(spans, ingest.counts().spans);
    ingested(&out);
}

/// A batch that claims to be marshalled.
pub fn marshal(data: &[u8]) {
    let mut ingest = Ingest::new(Limits::default());
    let mut out = Vec::new();
    ingest.marshal(data, &mut out);
    ingested(&out);
    marshalled_metrics(data);
}

/// The same bytes as a batch of metrics: each record is a metric that can be read, and what it says can be collected.
fn marshalled_metrics(data: &[u8]) {
    let (mut ingest, mut out) = (Ingest::new(Limits::default()), Vec::new());
    let metrics = ingest.marshal_metrics(data, &mut out);
    let mut points = 0;
    let mut records = 0;
    for record in Records::new(&out) {
        let record = record.expect("records are whole");
        assert_eq!(record.kind, RecordKind::MetricDelta);
        points += MetricView::read(record.body).expect("metrics can be read").len();
        records += 1;
    }
    assert_eq!((metrics, ingest.counts().metrics), (records, records));
    let book = Book::default();
    let told = fold_metrics(&out, &book, 1);
    assert_eq!(told.points + told.left_out, points);
    let mut request = Vec::new();
    encode_metrics(&Resource::default(), &Scope::default(), &mut request, |sink| {
        book.collect(&mut Reader::delta(), 2, sink);
    });
    assert!(decode_metrics(&request).is_ok());
}

/// OTLP protobuf: what is accepted goes through JSON and back.
pub fn otlp_proto(data: &[u8]) {
    if let Ok(view) = decode_traces(data) {
        for found in view.spans() {
            let values = found.span.attributes().map(|(_, value)| value.to_value());
            let nested = found.span.events().map(|event| event.attributes().count());
            let linked = found.span.links().map(|link| link.attributes().count());
            assert!(values.count() + nested.sum::<usize>() + linked.sum::<usize>() <= data.len());
        }
        let text = json_of(data);
        // An encoder may say a default that JSON leaves out, so the first way through JSON may change bytes; the second not.
        let again = spanloom::otlp::json::traces_from_json(text.as_bytes()).expect("our JSON reads");
        let once_more = spanloom::otlp::json::traces_from_json(json_of(&again).as_bytes());
        assert_eq!(once_more, Ok(again));
    }
    let _ = decode_logs(data).map(|view| view.records().count());
}

fn json_of(request: &[u8]) -> String {
    spanloom::otlp::json::traces_to_json(request).expect("a decoded request is told as JSON")
}

/// OTLP JSON: what is accepted is valid protobuf and the same JSON again.
pub fn otlp_json(data: &[u8]) {
    if let Ok(request) = spanloom::otlp::json::traces_from_json(data) {
        decode_traces(&request).expect("protobuf made of JSON reads");
        let text = json_of(&request);
        assert_eq!(spanloom::otlp::json::traces_from_json(text.as_bytes()).as_ref(), Ok(&request));
    }
    let _ = spanloom::otlp::json::logs_from_json(data);
}

/// OTLP metrics, as protobuf or JSON: what is accepted goes through JSON and back; what can be told is written as it was
/// told.
pub fn otlp_metrics(data: &[u8]) {
    if let Ok(request) = metrics_from_json(data) {
        decode_metrics(&request).expect("protobuf made of JSON reads");
        let text = metrics_to_json(&request).expect("protobuf made of JSON is told as JSON");
        assert_eq!(metrics_from_json(text.as_bytes()).as_ref(), Ok(&request));
    }
    let Ok(view) = decode_metrics(data) else { return };
    let mut parts = 0;
    let points = view.metrics().flat_map(|found| found.metric.points());
    let points = points.inspect(|point| {
        parts += point.attributes().count();
        parts += point.exemplars().map(|exemplar| 1 + exemplar.attributes().count()).sum::<usize>();
        parts += match point.reading {
            ReadingView::Histogram(histogram) => histogram.bounds().count() + histogram.counts().count(),
            ReadingView::Exponential(histogram) => {
                histogram.positive.counts().count() + histogram.negative.counts().count()
            }
            ReadingView::Summary(summary) => summary.quantiles().count(),
            _ => 0,
        };
    });
    assert_eq!(points.count(), view.points());
    assert!(parts <= data.len());

    let text = metrics_to_json(data).expect("a decoded request is told as JSON");
    let again = metrics_from_json(text.as_bytes()).expect("our JSON reads");
    let once_more = metrics_to_json(&again).expect("protobuf made of JSON is told as JSON");
    assert_eq!(metrics_from_json(once_more.as_bytes()).as_ref(), Ok(&again));

    let (written, told) = written(data);
    assert_eq!(told.points + told.left_out, view.points());
    let (same, told_again) = self::written(&written);
    assert_eq!((same, told_again), (written, Told { left_out: 0, ..told }));
}

/// What a request tells, written as a request of one scope.
fn written(request: &[u8]) -> (Vec<u8>, Told) {
    let mut out = Vec::new();
    let mut all = Told::default();
    let tell = |sink: &mut dyn MetricSink| {
        for found in decode_metrics(request).into_iter().flat_map(|view| view.metrics()) {
            let told = found.metric.tell(sink);
            all.points += told.points;
            all.left_out += told.left_out;
        }
    };
    let written = encode_metrics(&Resource::default(), &Scope::default(), &mut out, tell);
    assert_eq!(written, Told { left_out: 0, ..all });
    (out, all)
}

/// Headers, one a line: what comes out again is valid and stays as it is.
pub fn context(data: &[u8]) {
    let headers: Vec<(&[u8], &[u8])> = data
        .split(|byte| *byte == b'\n')
        .filter_map(|line| {
            let at = line.iter().position(|byte| *byte == b':')?;
            Some((line.get(..at)?, line.get(at + 1..)?))
        })
        .collect();
    let (context, _) = extract_with_report(headers.as_slice());
    let mut out: Vec<(String, String)> = Vec::new();
    inject(&context, &mut out);
    assert!(out.iter().all(|(_, value)| !value.contains(['\r', '\n'])));
    let (again, report) = extract_with_report(&out);
    assert!(report.is_clean(), "{out:?}: {report:?}");
    assert_eq!(again.span.map(|span| span.traceparent()), context.span.map(|span| span.traceparent()));
}

/// JSON text through the bounded visitor: the bounds hold, and what is kept is written and read without change.
pub fn json(data: &[u8]) {
    let mut builder = ValueBuilder::default();
    if json::read(data, &mut builder).is_err() {
        return;
    }
    let value = builder.finish();
    let text = value.to_json();
    assert_eq!(Value::from_json(&text).expect("our JSON reads").to_json(), text);
    let bounds = Bounds { depth: 4, nodes: 50, text: 20, bytes: 200 };
    let mut kept = ValueBuilder::default();
    value.tell(&mut Bounded::new(&mut kept, bounds));
    assert!(kept.finish().to_json().len() < 200 * 6 + 50 * 32);
}

/// A span past the redactor: the result reads, and a second time nothing changes. A text past it twice: what takes the place
/// of a secret may look like the beginning of another one, but nothing grows.
pub fn redact(data: &[u8]) {
    let Ok(_) = SpanView::read(data) else {
        let redactor = Redactor::default();
        let text = String::from_utf8_lossy(data);
        let clean = redactor.redact_text(&text);
        assert!(redactor.redact_text(&clean).len() <= clean.len() + 64);
        return;
    };
    let redactor = Redactor::default();
    let (mut once, mut twice) = (Vec::new(), Vec::new());
    redactor.apply(data, &mut once);
    SpanView::read(&once).expect("a redacted span reads");
    redactor.apply(&once, &mut twice);
    assert_eq!(once, twice);
}

/// A spool: its first byte says how much of a whole one is replaced, the rest is files or changes to files. What is given
/// out is whole, all is counted, and what is left is left as well by the next recovery.
pub fn spool(data: &[u8]) {
    let Some((how, data)) = data.split_first() else { return };
    let files = MemoryFiles::new();
    let options = SpoolOptions { segment_bytes: 4 << 10, write_bytes: 1 << 10, ..SpoolOptions::new(7) };
    let mut spool = Spool::open(files.clone(), options, 1);
    for _ in 0..80 {
        spool.append(SPOOLED, 1).expect("there is room");
    }
    spool.sync(1).expect("memory does not fail");
    spool.acknowledge(u64::from(how >> 2), 1);
    spool.append(SPOOLED, 1).expect("there is room");
    drop(spool);
    let names = files.names();
    let (segment, run) = (names.first().expect("a segment"), names.last().expect("a run file"));
    match how & 3 {
        0 => files.put(segment, data),
        1 => files.put(run, data),
        _ => damage(&files, &names, data),
    }
    let (chunks, report) = recover_all(&files);
    assert_eq!(chunks, report.records + report.abandoned);
    let (again, second) = recover_all(&files);
    assert_eq!((again, second.lost().records, second.io_errors), (0, 0, 0), "{report:?} {second:?}");
}

/// A sealed record would do as well: the spool seals what it takes.
const SPOOLED: &[u8] = &[
    52, 0, 0, 0, 0, 0, 0, 0, 1, 3, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 10, 16, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 18, 8, 2, 2, 2, 2, 2, 2, 2, 2,
];

/// Changes of files: which one, how, where, and with what.
fn damage(files: &MemoryFiles, names: &[String], data: &[u8]) {
    for change in data.chunks_exact(5) {
        let [which, how, at, place, with] = *change else { continue };
        let name = &names[usize::from(which) % names.len()];
        let mut bytes = files.contents(name).expect("it is there");
        let at = usize::from(u16::from_le_bytes([at, place])) % (bytes.len() + 1);
        match how % 5 {
            0 if at < bytes.len() => bytes[at] ^= with,
            1 => bytes.truncate(at),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            3 => bytes.insert(at, with),
            _ => {
                let to = (at + usize::from(with) * 4).min(bytes.len());
                bytes[at..to].fill(0);
            }
        }
        files.put(name, &bytes);
    }
}

/// How many records a recovery gives out, and its report.
fn recover_all(files: &MemoryFiles) -> (u64, RecoveryReport) {
    let mut recovered =
        recover(files.clone(), RecoveryOptions { chunk_bytes: 500, ..RecoveryOptions::default() }, 5);
    let mut records = 0;
    while let Some(chunk) = recovered.next_chunk() {
        assert!(!chunk.records.is_empty());
        for record in Records::new(&chunk.records) {
            record.expect("a recovered record is whole");
            records += 1;
        }
        recovered.acknowledge(chunk.number);
    }
    (records, recovered.report().clone())
}
