//! The tracing section of the semantic router's configuration, in both places where its versions have it.
//!
//! The newer place, `global.services.observability.tracing`, has the router's own defaults for what is left out. The
//! older one, `observability.tracing`, has none: what is left out is off or empty there, as in the router.

use std::collections::BTreeMap;

use super::endpoint::{PathRule, Written};
use super::error::ConfigError;
use super::exporter::{ConsoleFormat, Protocol, choice};
use super::file::{Filled, unknown};
use super::model::{Config, Origin, put_attribute};
use super::read::{Draft, ExporterDraft, Kind};
use super::secret::Shown;
use super::yaml::{Entry, Leaf, Step, dotted};
use crate::sample::Sampler;

const KEYS: [&str; 11] = [
    "enabled",
    "provider",
    "exporter.type",
    "exporter.endpoint",
    "exporter.insecure",
    // Not the router's: it speaks gRPC only.
    "exporter.protocol",
    "sampling.type",
    "sampling.rate",
    "resource.service_name",
    "resource.service_version",
    "resource.deployment_environment",
];

const SECTIONS: [&str; 3] = ["exporter", "sampling", "resource"];

/// What counts where a key is left out.
struct Defaults {
    enabled: bool,
    endpoint: Option<&'static str>,
    insecure: bool,
    service: Option<&'static str>,
    version: Option<&'static str>,
    environment: Option<&'static str>,
}

const OLDER: Defaults = Defaults {
    enabled: false,
    endpoint: None,
    insecure: false,
    service: None,
    version: None,
    environment: None,
};

const NEWER: Defaults = Defaults {
    enabled: true,
    endpoint: Some("vllm-sr-jaeger:4317"),
    insecure: true,
    service: Some("vllm-sr"),
    version: Some("v0.3.0"),
    environment: Some("development"),
};

/// Reads both sections; where a file has both, the newer one counts.
pub(super) fn read(draft: &mut Draft, entries: &[Entry]) -> Result<(), ConfigError> {
    read_section(draft, entries, "observability.tracing", &OLDER)?;
    read_section(draft, entries, "global.services.observability.tracing", &NEWER)
}

fn read_section(
    draft: &mut Draft,
    entries: &[Entry],
    place: &str,
    defaults: &Defaults,
) -> Result<(), ConfigError> {
    let steps = place.split('.').count();
    let mut values: BTreeMap<&str, Filled> = BTreeMap::new();
    let mut line = None;
    for entry in entries {
        let (above, below) = entry.path.split_at_checked(steps).unwrap_or_default();
        // A dot within a key is no place.
        if above.len() != steps || dotted(above) != place || above.iter().any(has_dot) {
            continue;
        }
        line = line.or(Some(entry.line));
        let key = dotted(below);
        let known = KEYS.into_iter().find(|known| *known == key);
        match (&entry.leaf, known) {
            (Leaf::Text(text), Some(known)) => {
                if !text.is_empty() {
                    values.insert(known, Filled::as_it_is(entry, text));
                }
            }
            (Leaf::Null, Some(_)) => {}
            (Leaf::Null | Leaf::EmptyMap, None) if key.is_empty() || SECTIONS.contains(&key.as_str()) => {}
            (_, None) => return Err(unknown(entry, &format!("{place}."), KEYS.into_iter())),
            (_, Some(_)) => {
                let filled = Filled::as_it_is(entry, "");
                return Err(filled.refused(Shown::Plainly, "it must be a text"));
            }
        }
    }
    let Some(line) = line else { return Ok(()) };
    apply(draft, &values, defaults, &Origin::Line(line))
}

fn has_dot(step: &Step) -> bool {
    matches!(step, Step::Key(key) if key.contains('.'))
}

fn apply(
    draft: &mut Draft,
    values: &BTreeMap<&str, Filled>,
    defaults: &Defaults,
    section: &Origin,
) -> Result<(), ConfigError> {
    let origin_of =
        |key: &str| values.get(key).map_or_else(|| section.clone(), |filled| filled.origin.clone());
    let truth = |key: &str, default: bool| match values.get(key) {
        Some(filled) => filled
            .given()
            .loose_truth()
            .map_err(|_| filled.refused(Shown::Plainly, "it must be true or false")),
        None => Ok(default),
    };
    let config = &mut draft.config;
    config.enabled = truth("enabled", defaults.enabled)?;
    config.origins.insert("enabled".into(), origin_of("enabled"));
    if !config.enabled {
        // The router reads and writes no headers then.
        config.propagators.clear();
        config.origins.insert("propagators".into(), origin_of("enabled"));
    }
    for (key, attribute, default) in [
        ("resource.service_name", "service.name", defaults.service),
        ("resource.service_version", "service.version", defaults.version),
        ("resource.deployment_environment", "deployment.environment", defaults.environment),
    ] {
        let value = values.get(key).map(|filled| filled.text.as_str()).or(default);
        put(config, attribute, value, origin_of(key));
    }
    config.sampler = Sampler::ALWAYS_ON;
    config.origins.insert("sampler.type".into(), origin_of("sampling.type"));
    draft.sampler.by_router = true;
    draft.sampler.name = values.get("sampling.type").map(Filled::source);
    draft.sampler.ratio = values.get("sampling.rate").map(Filled::source);
    let mut exporter = exporter(draft, values, defaults, truth("exporter.insecure", defaults.insecure)?)?;
    exporter.origin = Some(origin_of("exporter.type"));
    draft.config.origins.insert("exporters".into(), origin_of("exporter.type"));
    if let Some(traces) = draft.exporters.first_mut() {
        *traces = Some(vec![exporter]);
    }
    Ok(())
}

fn put(config: &mut Config, attribute: &str, value: Option<&str>, origin: Origin) {
    let Some(value) = value else { return };
    put_attribute(config, attribute, value.into());
    let key = if attribute == "service.name" { attribute } else { "resource" };
    config.origins.insert(key.into(), origin);
}

fn exporter(
    draft: &mut Draft,
    values: &BTreeMap<&str, Filled>,
    defaults: &Defaults,
    insecure: bool,
) -> Result<ExporterDraft, ConfigError> {
    if let Some(filled) = values.get("exporter.type") {
        match filled.text.as_str() {
            "otlp" => {}
            "stdout" => {
                let mut exporter = ExporterDraft::new(Kind::Console);
                exporter.console = ConsoleFormat::Stdouttrace;
                return Ok(exporter);
            }
            _ => return Err(filled.refused(Shown::Plainly, "it must be otlp or stdout, in lower case")),
        }
    }
    let mut exporter = ExporterDraft::new(Kind::Otlp);
    let otlp = &mut exporter.otlp;
    otlp.insecure = insecure;
    otlp.protocol = Some(Protocol::Grpc);
    if let Some(filled) = values.get("exporter.protocol") {
        let all = [Protocol::Grpc, Protocol::HttpProtobuf, Protocol::HttpJson];
        let result =
            choice(&all, |one| one.name(), &filled.text).map(|protocol| otlp.protocol = Some(protocol));
        draft.judge(result, &filled.given(), Shown::Plainly)?;
    }
    let endpoint = values.get("exporter.endpoint");
    if let Some(text) = endpoint.map(|filled| filled.text.as_str()).or(defaults.endpoint) {
        // The router writes no scheme, whatever the protocol.
        let scheme = match (text.contains("://"), insecure) {
            (true, _) => "",
            (false, true) => "http://",
            (false, false) => "https://",
        };
        otlp.endpoint = Some(Written { text: format!("{scheme}{text}"), rule: PathRule::WhereMissing });
    }
    if let Some(filled) = endpoint {
        exporter.sources.push(("endpoint", filled.source()));
    }
    Ok(exporter)
}
