//! Configuration: what is set from outside of a program, by variables and a file.
//!
//! ```text
//!  file (YAML) ──▶ draft ◀── variables        what counts more goes over what counts less:
//!                    │                        code > variables > file > defaults
//!                    ▼
//!                 Config ──▶ set by code ──▶ a loom
//! ```
//!
//! One table tells of every setting its key in files, its variables, how a text becomes its value and how the value is
//! shown. Reading, printing ([`Config`]'s `Display`) and `docs/configuration.md` all go through it. Nothing here reads
//! the environment or a file: variables come in as a lookup function, a file as its text, so that a browser can give the
//! same names in an object. Native programs use `Config::from_env`.
//!
//! What OpenTelemetry says to ignore is ignored with a [`ConfigWarning`]. What would go to the wrong place, or let a
//! header break out of its line, is a [`ConfigError`] that names the key and the fix. In a file every wrong value and
//! unknown key is an error, with its line. No secret is ever in a message or in a printed configuration.

mod endpoint;
mod error;
mod exporter;
#[cfg(feature = "yaml")]
mod file;
mod headers;
mod health;
mod known;
mod log_filters;
mod model;
#[cfg(feature = "yaml")]
mod near;
mod parse;
mod print;
mod read;
#[cfg(feature = "yaml")]
mod router;
mod secret;
mod settings;
#[cfg(feature = "yaml")]
mod yaml;

#[cfg(test)]
mod tests;

pub use endpoint::{Endpoint, EndpointError};
pub use error::{ConfigError, ConfigWarning};
pub use exporter::{Compression, ConsoleFormat, Exporting, FileExporting, OtlpExporting, Protocol, Signal};
pub use headers::Headers;
pub use health::{Canary, ExportersInHealth, Health};
pub use known::{KnownSetting, known_settings};
pub use log_filters::LogFilters;
#[cfg(feature = "tracing")]
pub use log_filters::LogFiltersError;
pub use model::{
    Batch, Config, ExemplarFilter, HistogramAggregation, JsonLogs, LogLevel, Metrics, Origin, Propagator,
    Redaction, Spool, Temporality,
};
pub(crate) use parse::percent_decoded;
pub use secret::Secret;

/// The variable that names the configuration file.
pub const FILE_VARIABLE: &str = "SPANLOOM_CONFIG";

impl Config {
    /// The configuration that these variables make; `lookup` gives the value of a variable. Empty ones count as unset.
    ///
    /// # Errors
    /// When a value cannot be used and ignoring it would do harm.
    pub fn from_lookup(
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<(Self, Vec<ConfigWarning>), ConfigError> {
        read::finish(read::Draft::default(), &lookup)
    }

    /// The configuration that this file and these variables make; variables count more.
    ///
    /// ```
    /// use spanloom::Config;
    /// let file = "
    /// spanloom:
    ///   service: { name: planner }
    ///   exporters:
    ///     - endpoint: http://collector:4318
    ///       headers:
    ///         authorization: Bearer ${TOKEN}
    /// ";
    /// let environment = |name: &str| (name == "TOKEN").then(|| "abc".to_owned());
    /// let (config, _) = Config::from_yaml(file, environment)?;
    /// assert_eq!(config.service_name.as_deref(), Some("planner"));
    ///
    /// let mistyped = Config::from_yaml("spanloom:\n  servce: { name: planner }", |_| None);
    /// assert_eq!(
    ///     mistyped.unwrap_err().to_string(),
    ///     "spanloom.servce.name (line 2): there is no such key; did you mean spanloom.service.name?",
    /// );
    /// # Ok::<(), spanloom::config::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// When the text is no YAML, a key below `spanloom` or `observability.tracing` is not known, or a value cannot be used.
    #[cfg(feature = "yaml")]
    pub fn from_yaml(
        text: &str,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<(Self, Vec<ConfigWarning>), ConfigError> {
        let mut draft = read::Draft::default();
        file::read(&mut draft, text, &lookup)?;
        read::finish(draft, &lookup)
    }
}
