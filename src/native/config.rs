//! The configuration of this process: its environment, and the file that `SPANLOOM_CONFIG` names.

use std::cell::RefCell;
use std::env::VarError;
use std::fs;
use std::path::Path;

use crate::config::{Config, ConfigError, ConfigWarning, Exporting, FILE_VARIABLE, Origin, Signal};

/// No certificate and no configuration is larger.
const MOST_BYTES: u64 = 4 << 20;

impl Config {
    /// The configuration of this process: its variables, over those of the file that `SPANLOOM_CONFIG` names.
    ///
    /// ```no_run
    /// use spanloom::Config;
    /// let (config, warnings) = Config::from_env()?;
    /// for warning in warnings {
    ///     eprintln!("spanloom: {warning}");
    /// }
    /// println!("{config}");
    /// # Ok::<(), spanloom::config::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// When a value cannot be used, or a file that is named cannot be read: also those with certificates and keys.
    pub fn from_env() -> Result<(Self, Vec<ConfigWarning>), ConfigError> {
        with_environment(|lookup| match lookup(FILE_VARIABLE).filter(|path| !path.trim().is_empty()) {
            None => Self::from_lookup(lookup),
            Some(path) => read_file(FILE_VARIABLE, Path::new(path.trim()), lookup),
        })
    }

    /// The configuration of this process with this file, whatever `SPANLOOM_CONFIG` says. Variables count more.
    ///
    /// ```
    /// use spanloom::Config;
    /// let missing = Config::from_file("no/such/file.yaml").unwrap_err();
    /// assert!(missing.to_string().starts_with("the configuration file: cannot read \"no/such/file.yaml\""));
    /// ```
    ///
    /// # Errors
    /// As [`Config::from_env`].
    pub fn from_file(path: impl AsRef<Path>) -> Result<(Self, Vec<ConfigWarning>), ConfigError> {
        with_environment(|lookup| read_file("the configuration file", path.as_ref(), lookup))
    }
}

type Read = Result<(Config, Vec<ConfigWarning>), ConfigError>;

fn with_environment(read: impl FnOnce(&dyn Fn(&str) -> Option<String>) -> Read) -> Read {
    let broken = RefCell::new(None);
    let lookup = |name: &str| match variable(name) {
        Ok(value) => Some(value),
        Err(VarError::NotPresent) => None,
        Err(VarError::NotUnicode(_)) => {
            broken.borrow_mut().get_or_insert_with(|| name.to_owned());
            None
        }
    };
    let read = read(&lookup);
    if let Some(key) = broken.into_inner() {
        return Err(ConfigError::Value {
            key,
            line: None,
            value: "***".into(),
            fix: "it must be UTF-8".into(),
        });
    }
    #[cfg_attr(not(feature = "tracing"), expect(unused_mut, reason = "filters are of log lines alone"))]
    let (mut config, mut warnings) = read?;
    #[cfg(feature = "tracing")]
    super::filter_files::read(&mut config, &mut warnings, Path::new(super::filter_files::SYSTEM_WIDE))?;
    // What is switched off needs no certificates.
    if config.enabled {
        check_files(&config)?;
    }
    Ok((config, warnings))
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn variable(name: &str) -> Result<String, VarError> {
    std::env::var(name)
}

#[cfg(feature = "yaml")]
fn read_file(key: &str, path: &Path, lookup: &dyn Fn(&str) -> Option<String>) -> Read {
    let text = read_text(key, path)?;
    Config::from_yaml(&text, lookup)
}

#[cfg(not(feature = "yaml"))]
fn read_file(key: &str, path: &Path, _: &dyn Fn(&str) -> Option<String>) -> Read {
    Err(unreadable(key, path, "spanloom was built without its feature yaml"))
}

pub(super) fn unreadable(key: &str, path: &Path, why: impl ToString) -> ConfigError {
    ConfigError::File { key: key.into(), path: path.display().to_string(), why: why.to_string() }
}

pub(super) fn read_text(key: &str, path: &Path) -> Result<String, ConfigError> {
    let about = fs::metadata(path).map_err(|error| unreadable(key, path, error))?;
    // A pipe or a device might never end.
    if !about.is_file() {
        return Err(unreadable(key, path, "it is no file"));
    }
    if about.len() > MOST_BYTES {
        return Err(unreadable(key, path, "it has more than 4 MiB"));
    }
    let bytes = fs::read(path).map_err(|error| unreadable(key, path, error))?;
    String::from_utf8(bytes).map_err(|_| unreadable(key, path, "it is no UTF-8 text"))
}

/// Files with certificates and keys must be there and look like what they are: a collector is never reached otherwise, and
/// the first request is too late to hear of it.
fn check_files(config: &Config) -> Result<(), ConfigError> {
    for signal in Signal::ALL {
        for (index, exporting) in config.exporters_of(signal).iter().enumerate() {
            let Exporting::Otlp(otlp) = exporting else { continue };
            for (field, path) in [
                ("certificate", &otlp.certificate),
                ("client_key", &otlp.client_key),
                ("client_certificate", &otlp.client_certificate),
            ] {
                let Some(path) = path else { continue };
                let place = format!("{}[{index}].{field}", signal_key(signal));
                let key = match config.origins.get(&place) {
                    Some(Origin::Variable(name)) => name.clone(),
                    Some(Origin::Line(line)) => format!("spanloom.{place} (line {line})"),
                    _ => place,
                };
                let path = Path::new(path);
                if !read_text(&key, path)?.contains("-----BEGIN ") {
                    return Err(unreadable(&key, path, "it is no PEM file"));
                }
            }
        }
    }
    Ok(())
}

const fn signal_key(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "exporters",
        Signal::Metrics => "metrics.exporters",
        Signal::Logs => "logs.exporters",
    }
}
