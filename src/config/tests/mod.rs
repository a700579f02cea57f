//! What the tests of the configuration share; each file has one subject.

mod addresses;
#[cfg(feature = "yaml")]
mod files;
#[cfg(feature = "yaml")]
mod router;
mod rules;
mod secrets;
mod systems;
mod variables;

use super::*;

/// The value of a variable in a test.
type Pairs<'a> = &'a [(&'a str, &'a str)];

fn lookup(pairs: Pairs<'_>) -> impl Fn(&str) -> Option<String> {
    move |name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
}

fn read(pairs: Pairs<'_>) -> (Config, Vec<String>) {
    let (config, warnings) = Config::from_lookup(lookup(pairs)).unwrap();
    (config, warnings.iter().map(ToString::to_string).collect())
}

fn refused(pairs: Pairs<'_>) -> String {
    Config::from_lookup(lookup(pairs)).unwrap_err().to_string()
}

fn otlp(config: &Config) -> &OtlpExporting {
    otlp_in(&config.exporters)
}

fn otlp_in(exporters: &[Exporting]) -> &OtlpExporting {
    match exporters {
        [Exporting::Otlp(otlp), ..] => otlp,
        other => panic!("no OTLP exporter in {other:?}"),
    }
}

#[cfg(feature = "yaml")]
fn read_yaml(yaml: &str, pairs: Pairs<'_>) -> (Config, Vec<String>) {
    let (config, warnings) = Config::from_yaml(yaml, lookup(pairs)).unwrap();
    (config, warnings.iter().map(ToString::to_string).collect())
}

#[cfg(feature = "yaml")]
fn refused_yaml(yaml: &str) -> String {
    Config::from_yaml(yaml, |_| None).unwrap_err().to_string()
}
