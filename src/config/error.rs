//! What was wrong with a configuration: errors end it, warnings do not.

use core::fmt;

use thiserror::Error;

/// Why there is no configuration. Every error names the key as it was written and what to do; what may be a secret is
/// not in it.
///
/// ```
/// use spanloom::Config;
/// let environment = |name: &str| {
///     (name == "OTEL_EXPORTER_OTLP_ENDPOINT").then(|| "ftp://me:secret@collector".to_owned())
/// };
/// assert_eq!(
///     Config::from_lookup(environment).unwrap_err().to_string(),
///     "OTEL_EXPORTER_OTLP_ENDPOINT: \"ftp://***@collector\" cannot be used: the scheme must be http or https",
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A value that cannot be used.
    #[error("{key}{}: {value} cannot be used: {fix}", at(*line))]
    Value {
        /// The variable, or the path of the key in the file.
        key: String,
        /// The line in the file; `None` for variables.
        line: Option<usize>,
        /// The value in quotes; without what may be secret.
        value: String,
        /// What is wrong, or what it should be.
        fix: String,
    },
    /// A key that does not exist.
    #[error("{key}{}: there is no such key{}", at(*line), did_you_mean(nearest.as_deref()))]
    UnknownKey {
        /// The path of the key in the file.
        key: String,
        /// The line in the file.
        line: Option<usize>,
        /// A key that looks like it.
        nearest: Option<String>,
    },
    /// The file is no YAML, or more than is read.
    #[error("line {line}, column {column}: {message}")]
    Yaml {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// A file that was named cannot be read.
    #[error("{key}: cannot read {path:?}: {why}")]
    File {
        /// The variable or key that named it.
        key: String,
        /// Its name.
        path: String,
        /// What the system said, or what the file should have been.
        why: String,
    },
}

fn at(line: Option<usize>) -> String {
    line.map_or_else(String::new, |line| format!(" (line {line})"))
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!("; did you mean {nearest}?"))
}

/// Something in a configuration that had no effect, or not the one that was wanted.
///
/// ```
/// use spanloom::Config;
/// let environment = |name: &str| (name == "OTEL_BSP_SCHEDULE_DELAY").then(|| "soon".to_owned());
/// let (config, warnings) = Config::from_lookup(environment)?;
/// assert_eq!(config.batch, Config::default().batch);
/// assert_eq!(
///     warnings[0].to_string(),
///     "OTEL_BSP_SCHEDULE_DELAY: \"soon\" is ignored: it must be a whole number of milliseconds, 0 or more",
/// );
/// # Ok::<(), spanloom::config::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigWarning {
    /// The variable or key.
    pub key: String,
    /// What is to be said of it; without what may be secret.
    pub message: String,
}

impl fmt::Display for ConfigWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.message)
    }
}
