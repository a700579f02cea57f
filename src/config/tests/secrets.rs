//! What must be seen nowhere.

use super::*;

#[test]
fn secrets_are_in_no_message() {
    const HUSH: &str = "hush";
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=hush"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization: hush"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "hush"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=x,hush=\r\n"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=x,hu sh, hush"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=hush%0a"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "content-length=hush"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://me:hush@c"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c/?key=hush"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://me:hush@c"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "me:hush@c:4317"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://me:hush@c:4317"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://me:hu/sh@c:0?key=hush"),
    ] {
        let seen = match Config::from_lookup(lookup(&[(name, value)])) {
            Ok((config, warnings)) => format!("{config}{config:?}{warnings:?}"),
            Err(error) => format!("{error}{error:?}"),
        };
        // The name of a header is none.
        assert!(!seen.contains(HUSH) || value.contains("hush="), "{value}: {seen}");
    }
}

#[cfg(feature = "yaml")]
#[test]
fn what_was_filled_in_is_in_no_message() {
    for yaml in [
        "spanloom: {exporters: [{endpoint: \"${HUSH}\"}]}",
        "spanloom: {live_view: \"${HUSH}\"}",
        "spanloom: {sampler: {type: \"${HUSH}\"}}",
        "spanloom: {sampler: {type: traceidratio, ratio: \"${HUSH}\"}}",
        "spanloom: {batch: {schedule_delay: \"${HUSH}\"}}",
        "spanloom: {exporters: [{type: \"${HUSH}\"}]}",
        "spanloom: {propagators: \"${HUSH}\"}",
    ] {
        let error = Config::from_yaml(yaml, |name| (name == "HUSH").then(|| "silence".into())).unwrap_err();
        assert!(!format!("{error}{error:?}").contains("silence"), "{error}");
    }
}
