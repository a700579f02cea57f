//! What is fuzzed: functions that take any bytes and hold what comes out to its promises. `fuzz_targets/` calls them with
//! inputs that a fuzzer makes, `tests/fuzz_seeds.rs` with the seeds.

use spanloom::context::extract_with_report;
use spanloom::json::{Style, Writer, read};
use spanloom::otlp::json::{
    logs_from_json, logs_to_json, metrics_from_json, traces_from_json, traces_to_json,
};
use spanloom::otlp::span::SpanView;
use spanloom::otlp::{decode_logs, decode_traces};
use spanloom::record::{Ingest, Record, Records, finished_spans};
use spanloom::redact::Redactor;
use spanloom::value::{Bounded, Bounds, ValueBuilder};

/// A target's name, and what it does with its input.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 8] = [
    ("records", records),
    ("compact", compact),
    ("marshal", marshal),
    ("otlp_proto", otlp_proto),
    ("otlp_json", otlp_json),
    ("context", context),
    ("value", value),
    ("redactor", redactor),
];

/// A stream of records: what is read can be written again, and its spans can be looked at.
pub fn records(data: &[u8]) {
    let mut again = Vec::new();
    for record in Records::new(data) {
        let Ok(record) = record else { continue };
        let Record { kind, flags, revision, workflow, body } = record;
        again.clear();
        // The seal is not part of what a record says.
        Record { kind, flags: flags & !spanloom::record::envelope::flags::SEALED, revision, workflow, body }
            .write(&mut again);
        assert!(
            Records::new(&again).next().is_some_and(|record| record.is_ok_and(|record| record.body == body))
        );
        if let Ok(span) = SpanView::read(body) {
            look_at(&span);
        }
    }
    let spans: Vec<SpanView<'_>> =
        finished_spans(data).filter_map(|span| SpanView::read(span).ok()).collect();
    drop(spanloom::workflow::from_spans(&spans, 60).to_json(Style::Compact));
}

fn look_at(span: &SpanView<'_>) {
    for (_, value) in span.attributes() {
        drop(value.to_value());
    }
    let events = span.events().map(|event| event.attributes().count()).sum::<usize>();
    let links = span.links().map(|link| link.attributes().count()).sum::<usize>();
    assert!(events + links <= span.message.len());
}

/// A way of ingesting.
type Take = fn(&mut Ingest, &[u8], &mut Vec<u8>) -> u64;

/// A batch in the compact layout.
pub fn compact(data: &[u8]) {
    ingest(data, Ingest::compact);
}

/// A batch that Python marshalled.
pub fn marshal(data: &[u8]) {
    ingest(data, Ingest::marshal);
}

/// Whatever comes in, whole records come out.
fn ingest(data: &[u8], take: Take) {
    let (mut state, mut out) = (Ingest::default(), Vec::new());
    let spans = take(&mut state, data, &mut out);
    let read = Records::new(&out).map(|record| {
        let record = record.expect("records are whole");
        look_at(&SpanView::read(record.body).expect("spans can be read"));
    });
    assert_eq!(read.count() as u64, spans);
    // The state is not spoilt for the next batch.
    let before = out.len();
    take(&mut state, data, &mut out);
    assert!(Records::new(&out[before..]).all(|record| record.is_ok()));
}

/// An OTLP request in protobuf, of traces or logs.
pub fn otlp_proto(data: &[u8]) {
    if let Ok(view) = decode_traces(data) {
        assert_eq!(view.spans().count(), view.len());
        let text = traces_to_json(data).expect("what was checked can be written");
        traces_from_json(text.as_bytes()).expect("what was written can be read");
    }
    if decode_logs(data).is_ok() {
        let text = logs_to_json(data).expect("what was checked can be written");
        logs_from_json(text.as_bytes()).expect("what was written can be read");
    }
}

/// An OTLP request in JSON; what is read is canonical.
pub fn otlp_json(data: &[u8]) {
    if let Ok(request) = traces_from_json(data) {
        decode_traces(&request).expect("what was read can be decoded");
        let text = traces_to_json(&request).expect("what was read can be written");
        assert_eq!(traces_from_json(text.as_bytes()).as_deref(), Ok(request.as_slice()));
    }
    // These take the same ways; they only must not break.
    let _ = (logs_from_json(data), metrics_from_json(data));
}

/// Headers of a call, a line each.
pub fn context(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let headers: Vec<(String, String)> = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .collect();
    let (context, _) = extract_with_report(&headers);
    let mut out: Vec<(String, String)> = Vec::new();
    spanloom::context::inject(&context, &mut out);
    let (again, report) = extract_with_report(&out);
    assert_eq!(again.span, context.span);
    assert!(report.is_clean(), "{out:?}");
}

/// JSON told to a bounded visitor and written again.
pub fn value(data: &[u8]) {
    let mut builder = ValueBuilder::default();
    let bounds = Bounds { depth: 16, nodes: 1000, text: 100, bytes: 10_000 };
    if read(data, &mut Bounded::new(&mut builder, bounds)).is_err() {
        return;
    }
    let (value, mut text) = (builder.finish(), String::new());
    value.tell(&mut Writer::new(&mut text, Style::Compact));
    let again = spanloom::value::Value::from_json(&text).expect("what was written can be read");
    assert_eq!(again.to_json(), text);
}

/// A span, or else a text, from which secrets are taken.
pub fn redactor(data: &[u8]) {
    let redactor = Redactor::default();
    let mut out = Vec::new();
    redactor.apply(data, &mut out);
    if SpanView::read(data).is_ok() && !out.is_empty() {
        SpanView::read(&out).expect("a redacted span is a span");
    }
    let _ = redactor.redact_text(&String::from_utf8_lossy(data));
}
