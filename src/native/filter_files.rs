//! Filters of log lines from files, as Dynamo reads them: one for the whole system, then the one that is named.

use std::io::ErrorKind;
use std::path::Path;

use super::config::{read_text, unreadable};
use crate::config::{Config, ConfigError, ConfigWarning, LogFilters, Origin};

/// Where Dynamo's containers have theirs.
pub(super) const SYSTEM_WIDE: &str = "/opt/dynamo/etc/logging.toml";

/// Reads what there is. A file that is named and missing is no reason to end; one that is no TOML is.
pub(super) fn read(
    config: &mut Config,
    warnings: &mut Vec<ConfigWarning>,
    system_wide: &Path,
) -> Result<(), ConfigError> {
    let key = match config.origins.get("json_logs.filter_file") {
        Some(Origin::Variable(name)) => name.clone(),
        Some(Origin::Line(line)) => format!("spanloom.json_logs.filter_file (line {line})"),
        _ => "json_logs.filter_file".to_owned(),
    };
    let logs = &mut config.json_logs;
    if logs.enabled
        && let Some(filters) = read_one("json_logs", system_wide)?
    {
        logs.file_filters.merge(filters);
    }
    let Some(path) = &logs.filter_file else { return Ok(()) };
    match read_one(&key, Path::new(path.trim()))? {
        Some(filters) => logs.file_filters.merge(filters),
        None => warnings
            .push(ConfigWarning { key, message: format!("{path:?} is ignored: there is no such file") }),
    }
    Ok(())
}

fn read_one(key: &str, path: &Path) -> Result<Option<LogFilters>, ConfigError> {
    if path.metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        return Ok(None);
    }
    let text = read_text(key, path)?;
    LogFilters::from_toml(&text).map(Some).map_err(|error| unreadable(key, path, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::PathBuf;

    fn file(name: &str, text: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("spanloom-filters-{name}-{}.toml", std::process::id()));
        fs::write(&path, text).unwrap();
        path
    }

    fn config(enabled: bool, named: &Path) -> Config {
        let mut config = Config::default();
        config.json_logs.enabled = enabled;
        config.json_logs.filter_file = Some(named.display().to_string());
        config
    }

    #[test]
    fn the_named_file_counts_more_than_that_of_the_system() {
        let system =
            file("system", "log_level = 'error'\n[log_filters]\nh2 = 'warn'\n\"app::db\" = 'trace'\n");
        let named = file("named", "[log_filters]\nh2 = 'info'\n");
        let pair = |target: &str, level: &str| (target.to_owned(), level.to_owned());
        for (enabled, level, targets) in [
            (true, Some("error".to_owned()), vec![pair("h2", "info"), pair("app::db", "trace")]),
            // Who logs nothing as Dynamo does gets what it names, and no more.
            (false, None, vec![pair("h2", "info")]),
        ] {
            let (mut config, mut warnings) = (config(enabled, &named), Vec::new());
            read(&mut config, &mut warnings, &system).unwrap();
            assert_eq!(config.json_logs.file_filters, LogFilters { level, targets });
            assert_eq!(warnings, []);
        }
        fs::remove_file(system).unwrap();
        fs::remove_file(named).unwrap();
    }

    #[test]
    fn a_missing_file_is_told_of_and_a_broken_one_is_an_error() {
        let (nowhere, mut warnings) = (Path::new("/no/such/log.toml"), Vec::new());
        let mut missing = config(true, nowhere);
        read(&mut missing, &mut warnings, nowhere).unwrap();
        assert_eq!(missing.json_logs.file_filters, LogFilters::default());
        let told: Vec<String> = warnings.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["json_logs.filter_file: \"/no/such/log.toml\" is ignored: there is no such file"]);
        let broken = file("broken", "\n\nlog_level = 1\n");
        let error = read(&mut config(false, &broken), &mut warnings, nowhere).unwrap_err().to_string();
        assert!(
            error.ends_with(": line 3: log_level must be a level in quotes, such as \"warn\""),
            "{error}"
        );
        fs::remove_file(broken).unwrap();
    }
}
