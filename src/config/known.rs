//! What is known of all settings: what `docs/configuration.md` tells, for programs.

use super::exporter::{FIELDS, Signal, variables};
use super::model::Config;
use super::settings::{OTEL, SETTINGS};

/// What is known of a setting: what `docs/configuration.md` tells, for programs.
///
/// ```
/// use spanloom::config::known_settings;
/// let delay = known_settings().into_iter().find(|setting| setting.key == "batch.schedule_delay").unwrap();
/// assert_eq!(delay.variables, ["OTEL_BSP_SCHEDULE_DELAY"]);
/// assert_eq!((delay.default.as_str(), delay.system), ("5000 ms", "OpenTelemetry"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KnownSetting {
    /// Its path below `spanloom` in files.
    pub key: String,
    /// Its variables, those that count more behind the others.
    pub variables: Vec<String>,
    /// What counts where nothing was said.
    pub default: String,
    /// Whose setting it is.
    pub system: &'static str,
    /// What it does.
    pub meaning: &'static str,
}

/// All settings.
#[must_use]
pub fn known_settings() -> Vec<KnownSetting> {
    let defaults = Config::default();
    let mut known: Vec<KnownSetting> = SETTINGS
        .iter()
        .map(|setting| KnownSetting {
            key: setting.key.into(),
            variables: setting.variables.iter().map(|name| (*name).into()).collect(),
            default: (setting.show)(&defaults),
            system: setting.system,
            meaning: setting.meaning,
        })
        .collect();
    for signal in Signal::ALL {
        known.push(KnownSetting {
            key: signal.key().into(),
            variables: vec![signal.selector().into()],
            default: "otlp".into(),
            system: OTEL,
            meaning: match signal {
                Signal::Traces => {
                    "where spans go: `otlp`, `console`, `otlp/stdout`, `none`; in a file a list of maps"
                }
                Signal::Metrics => {
                    "where metrics go, also `prometheus`: a page that the program answers with"
                }
                Signal::Logs => "where log records go",
            },
        });
    }
    for field in &FIELDS {
        let mut names: Vec<String> = Vec::new();
        for signal in Signal::ALL {
            for (name, _) in variables(field, signal) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        known.push(KnownSetting {
            key: format!("exporters[].{}", field.key),
            variables: names,
            default: field.default.into(),
            system: OTEL,
            meaning: field.meaning,
        });
    }
    known
}
