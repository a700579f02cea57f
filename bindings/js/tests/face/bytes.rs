//! The same bytes from the core, natively, and from the face.

use sha2::{Digest, Sha256};

const CASES: [(&str, &str); 3] = [
    (
        include_str!("../../../../tests/golden/astron/error_node.json"),
        "d5b21117443e1df08e082c66e0db7dac266b41f56c862104a05fb6bb1d720b65",
    ),
    (
        include_str!("../../../../tests/golden/astron/llm_usage.json"),
        "f61bbbbd4b23af2432d54a320dfcb91b24507df2c062be10da6aaabf96bb7a5c",
    ),
    (
        include_str!("../../../../tests/golden/astron/random_3.json"),
        "58ade205e5c058501c5fc7ec54b1889081442cd2abd074a120da2a713015c3eb",
    ),
];

/// The log that a golden case prints.
fn printed(case: &str) -> String {
    let case = spanloom::value::Value::from_json(case).unwrap();
    case.get("expected").unwrap().as_str().unwrap().to_owned()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(not(target_arch = "wasm32"))]
#[test]
fn the_core_gives_these_bytes() {
    use spanloom::otlp::{Resource, Scope, encode_traces, json};
    use spanloom::workflow::{NodeTraceLog, SpanOptions, to_spans};

    for (case, expected) in CASES {
        let log = NodeTraceLog::from_json(&printed(case)).unwrap();
        let trace_id = "ab".repeat(16).parse().unwrap();
        let spans = to_spans(&log, &SpanOptions { trace_id, ..SpanOptions::default() });
        let resource = Resource::new([("service.name", "planner".into())]);
        let mut request = Vec::new();
        encode_traces(&resource, &Scope::new("golden", ""), spans.iter().map(Vec::as_slice), &mut request);
        let both = sha256(&[&request[..], json::traces_to_json(&request).unwrap().as_bytes()].concat());
        assert_eq!(both, expected);
    }
}

#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
#[wasm_bindgen_test]
fn the_face_gives_the_same_bytes_as_the_core_natively() {
    use crate::program::run_with;
    use js_sys::{Array, Uint8Array};

    for (case, expected) in CASES {
        let made = run_with(
            "
            const trace = NodeTraceLog.fromJson(argument);
            const options = { serviceName: 'planner', scopeName: 'golden', traceId: 'ab'.repeat(16) };
            return [trace.toOtlp(options), trace.toOtlpJson(options)];
            ",
            &printed(case).into(),
        );
        let made = Array::from(&made);
        let request = Uint8Array::from(made.get(0)).to_vec();
        let json = made.get(1).as_string().unwrap();
        assert_eq!(sha256(&[&request[..], json.as_bytes()].concat()), expected);
        assert_eq!(spanloom_js::traces_to_json(&request).unwrap(), json);
        assert_eq!(spanloom_js::traces_from_json(&json.into()).unwrap(), request);
    }
}
