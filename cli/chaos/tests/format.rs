//! What is wrong in a scenario is told with its place.

use spanloom_chaos::{BUILT_IN, Scenario};

const PAGE: &str = include_str!("../../../docs/chaos.md");

fn problem(text: &str) -> String {
    Scenario::from_json(text).unwrap_err().to_string()
}

#[test]
fn unknown_keys_are_named_with_their_place() {
    for (text, key, line) in [
        ("{\"name\": \"x\",\n \"sed\": 1}", "`sed`", "line 2"),
        ("{\"name\": \"x\", \"steps\": [\n {\"tims\": 1}]}", "`tims`", "line 2"),
        ("{\"name\": \"x\", \"steps\": [\n\n {\"do\": {\"stop\": 1}}]}", "`stop`", "line 3"),
        (
            "{\"name\": \"x\", \"steps\": [{\"do\": {\"status\": {\n\"code\": 1, \"text\": 2}}}]}",
            "`text`",
            "line 2",
        ),
        ("{\"name\": \"x\", \"steps\": [{\"during\": {\"form\": 1}}]}", "`form`", "line 1"),
        ("{\"name\": \"x\", \"network\": {\"delay\": 1}}", "`delay`", "line 1"),
        (
            "{\"name\": \"x\", \"steps\": [{\"do\": {\"reset\": {\"when\": {\"byte\": 1}}}}]}",
            "`byte`",
            "line 1",
        ),
    ] {
        let problem = problem(text);
        assert!(problem.contains(key) && problem.contains(line), "{problem}");
    }
}

#[test]
fn values_that_make_no_sense_are_named_with_their_place() {
    for (step, place) in [
        (r#"{"requests": {"from": 0}}"#, "steps[1].requests"),
        (r#"{"requests": {"from": 3, "to": 2}}"#, "steps[1].requests"),
        (r#"{"during": {"from": 3, "to": 2}}"#, "steps[1].during"),
        (r#"{"during": {"from": -1}}"#, "steps[1].during"),
        (r#"{"during": {"to": 5, "every": 4}}"#, "steps[1].during"),
        (r#"{"during": {"every": 4}}"#, "steps[1].during"),
        (r#"{"probability": 1.5}"#, "steps[1].probability"),
        (r#"{"probability": 0.5, "do": {"refuse": {}}}"#, "steps[1].probability"),
        (r#"{"path": "/v1", "do": {"refuse": {}}}"#, "steps[1].path"),
        (r#"{"network": {"loss_percent": 101}}"#, "steps[1].network"),
        (r#"{"network": {"bytes_per_second": 0}}"#, "steps[1].network"),
        (r#"{"do": {"status": {"code": 100}}}"#, "steps[1].do"),
        (r#"{"do": {"status": {"code": 200, "headers": {"a b": ""}}}}"#, "steps[1].do"),
        (r#"{"do": {"status": {"code": 200, "retry_after": {"text": "a\r\nb"}}}}"#, "steps[1].do"),
        (r#"{"do": {"stall": {"think_seconds": -1}}}"#, "steps[1].do"),
        (r#"{"do": {"stall": {"bytes_per_second": 0}}}"#, "steps[1].do"),
        (r#"{"do": {"redirect": {"code": 200, "to": "x"}}}"#, "steps[1].do"),
        (r#"{"do": {"refuse": {"seconds": 1e300}}}"#, "steps[1].do"),
        (r#"{"do": {"pause_after_store": {"seconds": 1e10}}}"#, "steps[1].do"),
    ] {
        let problem = problem(&format!(r#"{{"name": "x", "steps": [{{}}, {step}]}}"#));
        assert!(problem.starts_with(place), "{problem}");
    }
}

#[test]
fn the_example_of_the_page_can_be_played() {
    let example = PAGE.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert_eq!(Scenario::from_json(example).unwrap().steps.len(), 5);
}

#[test]
fn the_page_has_all_scenarios() {
    for name in BUILT_IN {
        assert!(PAGE.contains(&format!("\n| `{name}` |")), "{name}");
    }
}
