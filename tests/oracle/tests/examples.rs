//! The example messages that OpenTelemetry publishes: JSON to protobuf of known length and hash, and back.

use sha2::{Digest, Sha256};
use spanloom::otlp::DecodeError;
use spanloom::otlp::json::{self, OtlpJsonError};

type FromJson = fn(&[u8]) -> Result<Vec<u8>, OtlpJsonError>;
type ToJson = fn(&[u8]) -> Result<String, DecodeError>;

/// File, length and SHA-256 of its protobuf, computed by another implementation.
const EXAMPLES: [(&str, usize, &str, FromJson, ToJson); 4] = [
    (
        "trace.json",
        214,
        "f4a74a852b721589fbbfad2a3d27df3d4a40101624da607f37cad73ca5ebbce7",
        json::traces_from_json,
        json::traces_to_json,
    ),
    (
        "metrics.json",
        636,
        "5a9c59e47bfbc30bfc9d1f3d012fea40c5b02a682c09f9bc02ce29a62b23a6b2",
        json::metrics_from_json,
        json::metrics_to_json,
    ),
    (
        "logs.json",
        395,
        "51fb95126bf9cd0a02a43b6584927f8bb25edbd7bcbdee32c194c7edfde84719",
        json::logs_from_json,
        json::logs_to_json,
    ),
    (
        "events.json",
        373,
        "0b9d9bcc40195b29f0b3ef3fbf7c9fe2b05726594cbd33f8734ce35485d88ec5",
        json::logs_from_json,
        json::logs_to_json,
    ),
];

#[test]
fn the_published_examples_have_the_published_bytes() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../golden/otlp/");
    for (name, length, hash, from_json, to_json) in EXAMPLES {
        let text = std::fs::read(format!("{folder}{name}")).unwrap();
        let bytes = from_json(&text).unwrap();
        assert_eq!(bytes.len(), length, "{name}");
        let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digest, hash, "{name}");

        let written = to_json(&bytes).unwrap();
        assert_eq!(from_json(written.as_bytes()).unwrap(), bytes, "{name}");
        assert_eq!(to_json(&bytes).unwrap(), written, "{name}");
    }
}
