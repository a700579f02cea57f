//! No input makes the configuration panic, break a line, or show a secret.
#![cfg(all(feature = "yaml", not(target_arch = "wasm32")))]

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use spanloom::Config;
use spanloom::config::{Exporting, Signal, known_settings};

/// What a secret looks like: no word of ours holds it.
const HUSH: &str = "Zq7hushZq7";

fn variables() -> Vec<String> {
    known_settings().into_iter().flat_map(|setting| setting.variables).collect()
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[-+]?[0-9]{0,25}",
        "[0-9]{1,4} ?(ms|s|KiB|GiB|x)?",
        "(http|https|ftp|)(://)?[a-z@:/\\[\\]?#%0-9]{0,20}",
        "[a-zA-Z0-9=,;% \\r\\n]{0,30}",
        select(vec![
            "true",
            "False",
            "none",
            "grpc",
            "http/json",
            "gzip",
            "otlp,console",
            "traceidratio",
            "0.5"
        ])
        .prop_map(str::to_owned),
    ]
}

/// Text that is nearly a configuration file.
fn file() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        select(vec![
            "spanloom",
            "observability",
            "tracing",
            "global",
            "services",
            "exporters",
            "exporter",
            "endpoint",
            "headers",
            "type",
            "service",
            "name",
            "resource",
            "sampler",
            "sampling",
            "rate",
            "batch",
            "limits",
            "propagators",
            "metrics",
            "logs",
            "enabled",
            "~",
            "[]",
            "{}",
            "true",
            "&a",
            "*a",
            "!!str",
            "<<",
            "|",
            ">",
            "---",
            "...",
            "%YAML 1.2",
            "'",
            "\"",
            "? ",
            "[",
            "]",
            "{",
            "}",
            ",",
            "#",
            "$",
            "${A}",
            "${A:-b}",
            "${",
            "http://c:4318",
            "\u{feff}",
            "\t",
            "\0",
            "é",
        ])
        .prop_map(str::to_owned),
        "[a-z0-9.:-]{0,6}",
    ];
    let line = (0..5_usize, any::<bool>(), word.clone(), word).prop_map(|(depth, item, key, value)| {
        format!("{}{}{key}: {value}\n", "  ".repeat(depth), if item { "- " } else { "" })
    });
    prop_oneof![vec(line, 0..12).prop_map(|lines| lines.concat()), any::<String>()]
}

fn is_on_lines(text: &str) -> bool {
    !text.contains(|letter: char| letter.is_control())
}

proptest! {
    #[test]
    fn any_variables_can_be_read(values in vec((select(variables()), value()), 0..12)) {
        let lookup = |name: &str| values.iter().find(|(known, _)| known == name).map(|(_, text)| text.clone());
        match Config::from_lookup(lookup) {
            Ok((config, warnings)) => {
                for warning in &warnings {
                    prop_assert!(is_on_lines(&warning.to_string()), "{}", warning);
                    prop_assert!(values.iter().any(|(name, _)| *name == warning.key)
                        || warning.key == "batch.max_export_batch_size", "{}", warning);
                }
                prop_assert!(config.to_string().lines().all(|line| line.contains(" = ")));
                for signal in Signal::ALL {
                    for exporting in config.exporters_of(signal) {
                        let Exporting::Otlp(otlp) = exporting else { continue };
                        prop_assert!(otlp.endpoint.port() > 0 && !otlp.endpoint.host().is_empty());
                        prop_assert!(otlp.endpoint.reveal().bytes().all(|byte| byte.is_ascii_graphic()));
                        for (name, value) in &otlp.headers {
                            prop_assert!(!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()));
                            prop_assert!(!value.reveal().contains(['\r', '\n', '\0']));
                        }
                    }
                }
            }
            Err(error) => {
                prop_assert!(is_on_lines(&error.to_string()), "{}", error);
                prop_assert!(values.iter().any(|(name, _)| error.to_string().starts_with(name.as_str())), "{}", error);
            }
        }
    }

    #[test]
    fn any_file_can_be_read(text in file()) {
        let lookup = |name: &str| (name == "A").then(|| "x".to_owned());
        match Config::from_yaml(&text, lookup) {
            Ok((config, _)) => prop_assert!(config.to_string().lines().all(|line| line.contains(" = "))),
            Err(error) => prop_assert!(is_on_lines(&error.to_string()), "{:?}", error),
        }
    }

    #[test]
    fn secrets_are_never_shown(
        before in "[a-z0-9 @:/%=,\\r\\n.-]{0,12}",
        after in "[a-z0-9 @:/%,\\r\\n.-]{0,12}",
        place in 0..4_usize,
        specific in any::<bool>(),
        filed in any::<bool>(),
    ) {
        let (what, value) = match place {
            0 => ("HEADERS", format!("authorization={before}{HUSH}{after}")),
            1 => ("ENDPOINT", format!("http://{before}{HUSH}{after}@collector:4318")),
            2 => ("ENDPOINT", format!("http://collector:4318/?{before}{HUSH}{after}")),
            _ => ("HEADERS", format!("{before}{HUSH}{after}")),
        };
        // A name with its = behind it is a name, and those are shown.
        prop_assume!(!after.contains('=') && (place != 0 || !before.contains(',')));
        let infix = if specific { "TRACES_" } else { "" };
        let name = format!("OTEL_EXPORTER_OTLP_{infix}{what}");
        let lookup = |asked: &str| (asked == name || asked == "SECRET").then(|| value.clone());
        let read = if filed {
            let line = if what == "HEADERS" { "headers: {authorization: \"${SECRET}\"}" } else { "endpoint: \"${SECRET}\"" };
            let file = format!("spanloom:\n  exporters:\n    - {line}\n");
            Config::from_yaml(&file, |asked| (asked == "SECRET").then(|| value.clone()))
        } else {
            Config::from_lookup(lookup)
        };
        let seen = match read {
            Ok((config, warnings)) => format!("{config} {config:?} {warnings:?}"),
            Err(error) => format!("{error} {error:?}"),
        };
        prop_assert!(!seen.contains(HUSH), "{}={:?}: {}", name, value, seen);
    }
}
