//! The golden cases of workflow logs, as a program in JavaScript.

use crate::program::run_with;
use spanloom::value::Value;

const CASES: [(&str, &str); 6] = [
    ("double_end", include_str!("../../../../tests/golden/astron/double_end.json")),
    ("empty", include_str!("../../../../tests/golden/astron/empty.json")),
    ("error_node", include_str!("../../../../tests/golden/astron/error_node.json")),
    ("llm_usage", include_str!("../../../../tests/golden/astron/llm_usage.json")),
    ("one_node", include_str!("../../../../tests/golden/astron/one_node.json")),
    ("random_3", include_str!("../../../../tests/golden/astron/random_3.json")),
];

#[wasm_bindgen_test]
fn every_golden_case_gives_the_same_json() {
    for (name, case) in CASES {
        let printed = run_with(include_str!("golden.js"), &case.into()).as_string().unwrap();
        let expected = Value::from_json(case).unwrap();
        let mut expected = Value::from_json(expected.get("expected").unwrap().as_str().unwrap()).unwrap();
        let mut printed = Value::from_json(&printed).unwrap();
        normalize(&mut expected);
        normalize(&mut printed);
        assert_eq!(printed, expected, "{name}");
        // Equality of values passes over the difference of 1 and 1.0 nowhere; the texts show the order of keys too.
        assert_eq!(printed.to_json(), expected.to_json(), "{name}");
    }
}

/// The original prints `[0]` for a duration that nobody set, and a set in any order. And JavaScript does not tell 2.0
/// from 2: such numbers came through its JSON.
fn normalize(log: &mut Value) {
    let Value::Map(fields) = log else { return };
    let Some((_, Value::Array(nodes))) = fields.iter_mut().find(|(name, _)| name == "trace") else { return };
    for node in nodes {
        let Value::Map(fields) = node else { continue };
        for (name, value) in fields {
            match (name.as_str(), value) {
                ("duration", value) if *value == Value::Array(vec![0.into()]) => *value = 0.into(),
                ("next_log_ids", Value::Array(ids)) => ids.sort_by(|a, b| a.as_str().cmp(&b.as_str())),
                _ => {}
            }
        }
    }
}
