//! The variables of other systems: Dynamo and astron.

use super::*;

#[test]
fn dynamo() {
    let jsonl = ("DYN_LOGGING_JSONL", "1");
    let endpoint = |value| ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", value);
    let on = ("OTEL_EXPORT_ENABLED", "true");
    // Local only: ids are made, nothing is sent.
    for pairs in [&[jsonl][..], &[jsonl, ("OTEL_EXPORT_ENABLED", "false"), endpoint("http://c:4317")]] {
        let (config, _) = read(pairs);
        assert!(config.enabled && !config.export && config.exporters.is_empty(), "{pairs:?}");
        assert!(config.log_exporters.is_empty());
    }
    for (pairs, url, protocol) in [
        (&[jsonl, on][..], "http://localhost:4317", Protocol::Grpc),
        (&[on, endpoint("http://tempo:4317")], "http://tempo:4317", Protocol::Grpc),
        (&[on, endpoint("http://c:4318")], "http://c:4318/", Protocol::HttpProtobuf),
        (&[on, endpoint("http://c/v1/traces")], "http://c/v1/traces", Protocol::HttpProtobuf),
        (
            &[on, ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")],
            "http://localhost:4318/v1/traces",
            Protocol::HttpJson,
        ),
        // An address that somebody wrote down is meant.
        (&[jsonl, endpoint("http://c:4318/v1/traces")], "http://c:4318/v1/traces", Protocol::HttpProtobuf),
    ] {
        let (config, warnings) = read(pairs);
        assert!(config.export && warnings.is_empty(), "{pairs:?} {warnings:?}");
        assert_eq!(otlp(&config).endpoint.reveal(), url, "{pairs:?}");
        assert_eq!(otlp(&config).protocol, protocol, "{pairs:?}");
    }
}

#[test]
fn astron() {
    let console = ("OTEL_TRACES_EXPORTER", "otlp,console");
    let kinds = |value| {
        let (config, _) = read(&[("OTLP_ENABLE", value), console]);
        config.exporters.iter().map(Exporting::kind).collect::<Vec<_>>().join(" ")
    };
    for (value, left) in [("1", "otlp console"), ("Yes", "otlp console"), ("0", "console"), ("x", "console")]
    {
        assert_eq!(kinds(value), left, "{value}");
    }
    // Where both systems speak, Dynamo's variable counts: it is the name that OpenTelemetry users look for.
    assert!(read(&[("OTLP_ENABLE", "0"), ("OTEL_EXPORT_ENABLED", "1")]).0.export);
}
