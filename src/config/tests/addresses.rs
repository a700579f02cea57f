//! Where to, and by which certificates.

use super::*;

#[test]
fn grpc() {
    for (endpoint, insecure, url) in [
        ("c:4317", "", "https://c:4317"),
        ("c:4317", "true", "http://c:4317"),
        ("c:4317", "false", "https://c:4317"),
        ("http://c:4317", "", "http://c:4317"),
        ("https://c:4317", "true", "https://c:4317"),
        ("", "", "http://localhost:4317"),
    ] {
        for signal in ["", "TRACES_"] {
            let (config, warnings) = read(&[
                ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
                (&format!("OTEL_EXPORTER_OTLP_{signal}ENDPOINT"), endpoint),
                (&format!("OTEL_EXPORTER_OTLP_{signal}INSECURE"), insecure),
            ]);
            assert_eq!(
                (otlp(&config).endpoint.reveal().as_str(), warnings.len()),
                (url, 0),
                "{endpoint} {insecure}"
            );
        }
    }
    let (_, warnings) = read(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c:4317")]);
    assert_eq!(
        warnings,
        [
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: port 4317 is that of OTLP over gRPC, but the protocol is HTTP: use 4318, or grpc"
        ]
    );
    let pairs =
        [("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c:4318"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")];
    assert_eq!(read(&pairs).1.len(), 1);
    let (_, warnings) = read(&[("OTEL_EXPORTER_OTLP_TRACES_INSECURE", "1")]);
    assert_eq!(warnings, [r#"OTEL_EXPORTER_OTLP_TRACES_INSECURE: "1" is ignored: it must be true or false"#]);
}

#[test]
fn keys_and_certificates_come_in_pairs() {
    let key = ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/key.pem");
    let certificate = ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", "/client.pem");
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c");
    assert_eq!(
        refused(&[key, endpoint]),
        r#"OTEL_EXPORTER_OTLP_CLIENT_KEY: "/key.pem" cannot be used: a client key needs a client certificate, too"#
    );
    assert!(refused(&[certificate, endpoint]).starts_with("OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE: "));
    let (config, warnings) = read(&[key, endpoint, ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/client.pem")]);
    assert_eq!(warnings.len(), 0);
    assert_eq!(otlp(&config).client_key.as_deref(), Some("/key.pem"));
    assert_eq!(otlp(&config).client_certificate.as_deref(), Some("/client.pem"));
    let (_, warnings) = read(&[("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "/ca.pem")]);
    assert_eq!(
        warnings,
        ["OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE: it has no effect: the endpoint is not https"]
    );
}

#[test]
fn addresses_that_cannot_be_used_end_it() {
    for value in
        ["ftp://c", "http://c:0", "http://c:99999", "nonsense", "http://", "http://c/\r\nx: y", "http://c#x"]
    {
        for name in ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] {
            let error = refused(&[(name, value)]);
            assert!(error.starts_with(name) && !error.contains(['\r', '\n']), "{error}");
            // Also where nobody would send to it.
            let metrics_only =
                [(name, value), ("OTEL_TRACES_EXPORTER", "none"), ("OTEL_LOGS_EXPORTER", "none")];
            let read = Config::from_lookup(lookup(&metrics_only));
            assert_eq!(read.is_err(), name == "OTEL_EXPORTER_OTLP_ENDPOINT", "{name}={value}");
        }
    }
}
