//! Which spans and events there are: `DYN_LOG`.

use std::str::FromStr as _;

use thiserror::Error;
use tracing_core::LevelFilter;
use tracing_subscriber::filter::Targets;

use crate::config::LogFilters;

/// Libraries that are heard only when something is wrong.
const QUIET: [&str; 14] = [
    "h2",
    "tower",
    "hyper_util",
    "neli",
    "async_nats",
    "rustls",
    "tokenizers",
    "axum",
    "tonic",
    "mistralrs_core",
    "hf_hub",
    "opentelemetry",
    "opentelemetry-otlp",
    "opentelemetry_sdk",
];

/// A level for all, and levels for what stands below some targets.
///
/// ```
/// use spanloom::logs::Filter;
/// let (filter, refused) = Filter::parse("warn,app::db=debug,x=loud");
/// assert_eq!(refused[0].to_string(), "ignoring `x=loud` in the log filter: `loud` is no level, use off, error, warn, info, debug or trace");
/// let options = spanloom::logs::Options::new().filter(&filter.target("app::web", "trace").unwrap());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    level: Option<LevelFilter>,
    targets: Vec<(String, LevelFilter)>,
    fixed: Vec<(String, LevelFilter)>,
}

/// A part of a filter that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "ignoring `{part}` in the log filter: `{level}` is no level, use off, error, warn, info, debug or trace"
)]
pub struct Refused {
    /// The part.
    pub part: String,
    /// What stands where a level should.
    pub level: String,
}

impl Filter {
    /// Reads `level,target=level,...`; what cannot be understood is left out and told.
    #[must_use]
    pub fn parse(text: &str) -> (Self, Vec<Refused>) {
        let (mut filter, mut refused) = (Self::default(), Vec::new());
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                Some((target, level)) => match read_level(part, level) {
                    Ok(level) => filter.targets.push((target.trim().to_owned(), level)),
                    Err(error) => refused.push(error),
                },
                None => match LevelFilter::from_str(part) {
                    Ok(level) => filter.level = Some(level),
                    // A target alone: all of it.
                    Err(_) if is_target(part) => {
                        filter.targets.push((part.to_owned(), LevelFilter::TRACE));
                    }
                    Err(_) => refused.push(Refused { part: part.to_owned(), level: part.to_owned() }),
                },
            }
        }
        (filter, refused)
    }

    /// A level for what stands below a target; wins over the text that was parsed.
    ///
    /// # Errors
    /// Where `level` is none.
    pub fn target(mut self, target: &str, level: &str) -> Result<Self, Refused> {
        self.fixed.push((target.to_owned(), read_level(&format!("{target}={level}"), level)?));
        Ok(self)
    }

    /// A level for all, where the text that was parsed gives none.
    ///
    /// # Errors
    /// Where `level` is none.
    pub fn default_level(mut self, level: &str) -> Result<Self, Refused> {
        let level = read_level(level, level)?;
        self.level.get_or_insert(level);
        Ok(self)
    }

    /// What files say; levels that are none are left out and told.
    pub(super) fn files(mut self, files: &LogFilters, refused: &mut Vec<Refused>) -> Self {
        let mut take = |filter: Self, with: Result<Self, Refused>| {
            with.unwrap_or_else(|error| {
                refused.push(error);
                filter
            })
        };
        if let Some(level) = &files.level {
            self = take(self.clone(), self.default_level(level));
        }
        for (target, level) in &files.targets {
            self = take(self.clone(), self.target(target, level));
        }
        self
    }

    /// The filter for a layer.
    pub(super) fn targets(&self) -> Targets {
        let quiet = QUIET.iter().map(|target| ((*target).to_owned(), LevelFilter::ERROR));
        // The last one of a target counts.
        Targets::new()
            .with_default(self.level.unwrap_or(LevelFilter::INFO))
            .with_targets(self.targets.iter().cloned())
            .with_targets(quiet)
            .with_targets(self.fixed.iter().cloned())
    }
}

fn is_target(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_:-.".contains(&byte))
}

fn read_level(part: &str, level: &str) -> Result<LevelFilter, Refused> {
    let level = level.trim();
    // Tracing reads an empty text as "error".
    let read = if level.is_empty() { None } else { LevelFilter::from_str(level).ok() };
    read.ok_or_else(|| Refused { part: part.to_owned(), level: level.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_core::Level;

    #[test]
    fn the_words_of_the_environment_are_understood() {
        let (filter, refused) = Filter::parse(" warn, app::db=debug,h2=trace ,bad=, oops!,whole");
        let targets = filter.targets();
        assert!(targets.would_enable("whole::part", &Level::TRACE));
        assert!(targets.would_enable("other", &Level::WARN) && !targets.would_enable("other", &Level::INFO));
        assert!(targets.would_enable("app::db::query", &Level::DEBUG));
        // What is quiet by default stays so.
        assert!(!targets.would_enable("h2", &Level::WARN));
        assert_eq!(refused.iter().map(|part| part.part.as_str()).collect::<Vec<_>>(), ["bad=", "oops!"]);
    }

    #[test]
    fn files_win_for_targets_and_lose_for_the_level() {
        let (filter, _) = Filter::parse("app=trace");
        let filter = filter.default_level("error").and_then(|filter| filter.target("app", "warn")).unwrap();
        let targets = filter.targets();
        assert!(!targets.would_enable("app", &Level::INFO) && !targets.would_enable("other", &Level::WARN));
        let (filter, _) = Filter::parse("debug");
        assert!(filter.default_level("error").unwrap().targets().would_enable("other", &Level::DEBUG));
        assert!(Filter::default().target("app", "loud").is_err());
    }

    #[test]
    fn a_file_goes_between() {
        let file = |text: &str| LogFilters::from_toml(text).unwrap();
        let mut refused = Vec::new();
        let (filter, _) = Filter::parse("app=trace,h2=trace");
        let filter = filter.files(
            &file("log_level = 'error'\n[log_filters]\napp = 'warn'\ntower = 'debug'\nx = 'loud'"),
            &mut refused,
        );
        let targets = filter.targets();
        // The file over the text, for a target; what is quiet by default, too; the file over what is quiet.
        assert!(targets.would_enable("app", &Level::WARN) && !targets.would_enable("app", &Level::INFO));
        assert!(!targets.would_enable("h2", &Level::WARN) && targets.would_enable("tower", &Level::DEBUG));
        assert!(!targets.would_enable("other", &Level::WARN));
        assert_eq!(refused.iter().map(|part| part.part.as_str()).collect::<Vec<_>>(), ["x=loud"]);
        // The text over the file, for the level.
        let (filter, _) = Filter::parse("debug");
        let targets = filter.files(&file("log_level = 'error'"), &mut refused).targets();
        assert!(targets.would_enable("other", &Level::DEBUG));
        let targets = Filter::default().files(&file("log_level = ''"), &mut refused).targets();
        assert!(targets.would_enable("other", &Level::INFO) && refused.len() == 2);
    }
}
