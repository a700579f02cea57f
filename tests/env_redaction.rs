//! Capturing an environment, held against cases recorded from the original.

use serde_json::Value;
use spanloom::redact::{CaptureOptions, capture_environment};

fn texts(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[test]
fn environments_as_dynamo_captures_them() {
    let vectors: Value =
        serde_json::from_str(include_str!("golden/dynamo/vectors/env_redaction.json")).unwrap();
    let vars: Vec<(&str, &str)> = vectors["environment"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
        .collect();
    let cases = vectors["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 3);
    for case in cases {
        let mut options = CaptureOptions::default();
        for (name, value) in case["options"].as_object().unwrap() {
            match name.as_str() {
                "prefixes" => options.prefixes = texts(value),
                "additional_vars" => options.additional = texts(value),
                other => panic!("option {other} is not known"),
            }
        }
        let captured: serde_json::Map<String, Value> = capture_environment(vars.iter().copied(), &options)
            .into_iter()
            .map(|(name, value)| (name, value.into()))
            .collect();
        assert_eq!(&Value::Object(captured), &case["expected"], "{}", case["options"]);
    }
}
