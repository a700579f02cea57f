//! The tables in `docs/configuration.md` are what the library reads.

use std::cell::RefCell;
use std::collections::BTreeSet;

use spanloom::config::{Config, FILE_VARIABLE, KnownSetting, known_settings};

const PAGE: &str = include_str!("../docs/configuration.md");

/// The rows of the table that begins with this line.
fn rows<'p>(page: &'p str, head: &str) -> Vec<&'p str> {
    let (_, table) = page.split_once(head).expect("the page has this table");
    table.lines().skip(2).take_while(|line| line.starts_with('|')).collect()
}

fn row(setting: &KnownSetting) -> String {
    let names: Vec<String> = setting.variables.iter().map(|name| format!("`{name}`")).collect();
    let names = if names.is_empty() { "-".to_owned() } else { names.join(", ") };
    let KnownSetting { key, default, system, meaning, .. } = setting;
    format!("| `{key}` | {names} | `{default}` | {system} | {meaning} |")
}

#[test]
fn the_table_of_settings_is_whole() {
    let expected: Vec<String> = known_settings().iter().map(row).collect();
    let written = rows(PAGE, "| key | variables | default | of | meaning |");
    assert_eq!(written, expected, "the table should be:\n{}", expected.join("\n"));
}

#[test]
fn every_variable_that_is_read_is_in_the_tables() {
    let asked = RefCell::new(BTreeSet::new());
    Config::from_lookup(|name| {
        asked.borrow_mut().insert(name.to_owned());
        None
    })
    .unwrap();
    let mut told: BTreeSet<String> =
        known_settings().into_iter().flat_map(|setting| setting.variables).collect();
    assert!(rows(PAGE, "| variable | meaning |").iter().any(|row| row.contains(FILE_VARIABLE)));
    assert!(rows(PAGE, "| variable | meaning |").iter().any(|row| row.contains("`OTEL_CONFIG_FILE`")));
    told.insert("OTEL_CONFIG_FILE".into());
    assert_eq!(asked.into_inner(), told);
}

#[cfg(feature = "yaml")]
#[test]
fn every_key_of_the_semantic_router_is_read() {
    let rows = rows(PAGE, "| router's key | left out, newer place | left out, older place | becomes |");
    assert_eq!(rows.len(), 11);
    for row in rows {
        let key = row.split('`').nth(1).unwrap();
        for place in ["observability", "global.services.observability"] {
            let mut file = String::new();
            let steps: Vec<&str> = place.split('.').chain(["tracing"]).chain(key.split('.')).collect();
            for (depth, step) in steps.iter().enumerate() {
                file.push_str(&format!("{}{step}:\n", "  ".repeat(depth)));
            }
            Config::from_yaml(&file, |_| None).unwrap_or_else(|error| panic!("{error}"));
            let mistyped = file.replace(&format!("{}:\n", steps[steps.len() - 1]), "zzz: 1\n");
            assert!(Config::from_yaml(&mistyped, |_| None).is_err(), "{mistyped}");
        }
    }
}

#[cfg(feature = "yaml")]
#[test]
fn the_example_is_read() {
    let (_, example) = PAGE.split_once("```yaml\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let (config, warnings) =
        Config::from_yaml(example, |name| (name == "COLLECTOR_TOKEN").then(|| "abc".to_owned())).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    let (_, printed) = PAGE.split_once("```text\n").unwrap();
    let (printed, _) = printed.split_once("```").unwrap();
    let all = config.to_string();
    for line in printed.lines() {
        assert!(all.lines().any(|found| found == line), "no line {line:?} in\n{all}");
    }
}
