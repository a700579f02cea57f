//! What `docs/health.md` says of settings and answers is what the library does.
#![cfg(all(feature = "native", not(target_arch = "wasm32")))]

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use spanloom::config::{ExportersInHealth, known_settings};
use spanloom::health::{Board, Instance, Status, frontend_health, frontend_live};
use spanloom::{Health, Loom, MemoryExporter};

const PAGE: &str = include_str!("../docs/health.md");

#[test]
fn the_table_of_settings_is_whole() {
    let (_, table) = PAGE.split_once("| variable | default | key in files |\n").unwrap();
    let rows = table.lines().skip(1).take_while(|line| line.starts_with('|'));
    let told: BTreeMap<&str, &str> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
            (cells[3], cells[1])
        })
        .collect();
    let known = known_settings();
    let known = known.iter().filter(|setting| setting.key.starts_with("health."));
    let known: BTreeMap<&str, &str> =
        known.map(|setting| (setting.key.as_str(), setting.variables[0].as_str())).collect();
    assert_eq!(told, known);
}

#[test]
fn the_answers_are_as_written() {
    let mut board = Board::new(Status::NotReady, ["generate"]);
    board.register("generate");
    let instance = Instance {
        namespace: "ns".into(),
        component: "backend".into(),
        endpoint: "generate".into(),
        instance_id: 7,
        transport: spanloom::value::Value::from([("tcp", spanloom::value::Value::from("10.0.0.1:9"))]),
    };
    for answer in [
        board.answer(Status::Ready, Duration::new(18, 356_504_530), None),
        board.answer_for("generate"),
        frontend_live(false),
        frontend_live(true),
        frontend_health(&[instance]),
    ] {
        assert!(PAGE.contains(&format!("\n{}\n", answer.body)), "{}", answer.body);
    }
}

#[test]
fn exporters_have_the_keys_that_are_written() {
    let loom = Loom::builder().exporter(MemoryExporter::new()).build();
    let health = Health::builder().loom(&loom).exporters(ExportersInHealth::Shown).build();
    let told: Value = serde_json::from_str(&health.answer("GET", "/health").body).unwrap();
    let line = PAGE.lines().find(|line| line.contains(r#""exporters":"#)).unwrap();
    let written: Value = serde_json::from_str(line).unwrap();
    assert_eq!(keys(&told), keys(&written));
    assert_eq!(keys(&told["exporters"]), keys(&written["exporters"]));
    let first = |of: &Value| keys(&of["exporters"]["destinations"][0]);
    assert_eq!(first(&told), first(&written));
    for value in [&told, &written] {
        let mut sorted = keys(&value["exporters"]["destinations"][0]);
        sorted.sort();
        assert_eq!(sorted, first(value));
    }
}

fn keys(value: &Value) -> Vec<String> {
    value.as_object().unwrap().keys().cloned().collect()
}
