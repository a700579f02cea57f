//! What a filter file says: the TOML file that Dynamo's `DYN_LOGGING_CONFIG_PATH` names.
//!
//! ```text
//! log_level = "debug"
//! [log_filters]
//! h2 = "warn"
//! "app::db" = "trace"
//! ```
//!
//! The parser tells of keys and values as they come; what is neither of these two keys is passed over, as Dynamo does.

/// A level for all, and levels for some targets, as files say them.
///
/// ```
/// use spanloom::config::LogFilters;
/// let mut filters = LogFilters { level: Some("warn".into()), targets: vec![("h2".into(), "info".into())] };
/// filters.merge(LogFilters { level: None, targets: vec![("h2".into(), "trace".into())] });
/// assert_eq!(filters.level.as_deref(), Some("warn"));
/// assert_eq!(filters.targets, [("h2".to_owned(), "trace".to_owned())]);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogFilters {
    /// The level where the filter of the environment gives none.
    pub level: Option<String>,
    /// Targets and their levels, which win over the filter of the environment.
    pub targets: Vec<(String, String)>,
}

impl LogFilters {
    /// Takes in what another file says, which counts more.
    pub fn merge(&mut self, later: Self) {
        self.level = later.level.or(self.level.take());
        for (target, level) in later.targets {
            match self.targets.iter_mut().find(|(known, _)| *known == target) {
                Some(known) => known.1 = level,
                None => self.targets.push((target, level)),
            }
        }
    }
}

#[cfg(feature = "tracing")]
pub use toml::LogFiltersError;

#[cfg(feature = "tracing")]
mod toml {
    use thiserror::Error;
    use toml_parser::decoder::{Encoding, ScalarKind};
    use toml_parser::parser::{EventReceiver, parse_document};
    use toml_parser::{ErrorSink, ParseError, Raw, Source, Span};

    use super::LogFilters;

    const LEVEL: &str = "log_level";
    const TARGETS: &str = "log_filters";
    /// Tables within tables in one value; what is deeper is none of ours.
    const DEEPEST: usize = 4;

    /// Why a filter file cannot be used.
    ///
    /// ```
    /// use spanloom::config::LogFilters;
    /// let error = LogFilters::from_toml("[log_filters]\nh2 = 3\n").unwrap_err();
    /// assert_eq!(error.to_string(), "line 2: log_filters.h2 must be a level in quotes, such as \"warn\"");
    /// ```
    #[derive(Debug, Clone, PartialEq, Eq, Error)]
    #[error("line {line}: {problem}")]
    pub struct LogFiltersError {
        /// The line, from 1.
        pub line: usize,
        /// What is wrong, and what would do.
        pub problem: String,
    }

    impl LogFilters {
        /// Reads a filter file. Whether its levels are some is found out by who filters.
        ///
        /// ```
        /// use spanloom::config::LogFilters;
        /// let filters = LogFilters::from_toml("log_level = 'debug'\n[log_filters]\n\"app::db\" = \"trace\"\n")?;
        /// assert_eq!(filters.level.as_deref(), Some("debug"));
        /// assert_eq!(filters.targets, [("app::db".to_owned(), "trace".to_owned())]);
        /// # Ok::<(), spanloom::config::LogFiltersError>(())
        /// ```
        ///
        /// # Errors
        /// When the text is no TOML, or one of the two keys holds something else than texts.
        pub fn from_toml(text: &str) -> Result<Self, LogFiltersError> {
            let source = Source::new(text);
            let tokens: Vec<_> = source.lex().collect();
            let mut fold = Fold::new(source);
            let mut broken: Option<ParseError> = None;
            parse_document(&tokens, &mut fold, &mut broken);
            let unreadable = broken.map(|error| {
                let at = error.unexpected().or(error.context()).unwrap_or_default();
                (at.start(), format!("it is no TOML: {}", error.description()))
            });
            match unreadable.or(fold.problem) {
                Some((at, problem)) => Err(LogFiltersError { line: line_of(text, at), problem }),
                None => Ok(fold.found),
            }
        }
    }

    fn line_of(text: &str, at: usize) -> usize {
        let before = text.as_bytes().get(..at).unwrap_or(text.as_bytes());
        before.iter().filter(|byte| **byte == b'\n').count().saturating_add(1)
    }

    /// Where the parser is, and what was found so far.
    struct Fold<'s> {
        source: Source<'s>,
        /// The keys from the top down to the value that comes.
        path: Vec<String>,
        /// How many of them belong to the tables around: of the last header, and of tables within values.
        tables: Vec<usize>,
        found: LogFilters,
        /// The first one, and where it is.
        problem: Option<(usize, String)>,
    }

    /// What stands behind a key.
    enum Value {
        Text(String),
        Other,
    }

    impl<'s> Fold<'s> {
        fn new(source: Source<'s>) -> Self {
            let found = LogFilters::default();
            Self { source, path: Vec::new(), tables: vec![0], found, problem: None }
        }

        fn raw(&self, span: Span, encoding: Option<Encoding>) -> Raw<'s> {
            let text = self.source.input().get(span.start()..span.end()).unwrap_or_default();
            Raw::new_unchecked(text, encoding, span)
        }

        /// A header begins: no table is around it.
        fn leave_tables(&mut self) {
            self.path.clear();
            self.tables = vec![0];
        }

        fn enter_table(&mut self) {
            self.tables.push(self.path.len());
        }

        fn take(&mut self, value: Value, at: Span) {
            let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
            let wrong = match (path.as_slice(), value) {
                ([LEVEL], Value::Text(level)) => {
                    self.found.merge(LogFilters { level: Some(level), targets: Vec::new() });
                    None
                }
                ([TARGETS, target], Value::Text(level)) => {
                    let targets = vec![((*target).to_owned(), level)];
                    self.found.merge(LogFilters { level: None, targets });
                    None
                }
                ([LEVEL, ..], _) => Some(format!("{LEVEL} must be a level in quotes, such as \"warn\"")),
                ([TARGETS], _) => Some(format!("{TARGETS} must be a table of targets and levels")),
                ([TARGETS, target], Value::Other) => Some(format!(
                    "{TARGETS}.{} must be a level in quotes, such as \"warn\"",
                    target.escape_debug()
                )),
                ([TARGETS, ..], _) => Some("a target with dots must stand in quotes".to_owned()),
                _ => None,
            };
            if let Some(problem) = wrong {
                self.problem.get_or_insert((at.start(), problem));
            }
            self.path.truncate(self.tables.last().copied().unwrap_or_default());
        }
    }

    impl EventReceiver for Fold<'_> {
        fn std_table_open(&mut self, _: Span, _: &mut dyn ErrorSink) {
            self.leave_tables();
        }

        fn std_table_close(&mut self, _: Span, _: &mut dyn ErrorSink) {
            self.enter_table();
        }

        fn array_table_open(&mut self, _: Span, _: &mut dyn ErrorSink) {
            self.leave_tables();
        }

        fn array_table_close(&mut self, span: Span, _: &mut dyn ErrorSink) {
            if matches!(self.path.first().map(String::as_str), Some(LEVEL | TARGETS)) {
                self.take(Value::Other, span);
            }
            self.enter_table();
        }

        fn inline_table_open(&mut self, span: Span, _: &mut dyn ErrorSink) -> bool {
            if self.tables.len() > DEEPEST {
                self.take(Value::Other, span);
                return false;
            }
            self.enter_table();
            true
        }

        fn inline_table_close(&mut self, _: Span, _: &mut dyn ErrorSink) {
            if self.tables.len() > 1 {
                self.tables.pop();
            }
            self.path.truncate(self.tables.last().copied().unwrap_or_default());
        }

        fn array_open(&mut self, span: Span, _: &mut dyn ErrorSink) -> bool {
            // Passed over without a look into it.
            self.take(Value::Other, span);
            false
        }

        fn simple_key(&mut self, span: Span, encoding: Option<Encoding>, error: &mut dyn ErrorSink) {
            let mut key = std::borrow::Cow::Borrowed("");
            self.raw(span, encoding).decode_key(&mut key, error);
            self.path.push(key.into_owned());
        }

        fn scalar(&mut self, span: Span, encoding: Option<Encoding>, error: &mut dyn ErrorSink) {
            let mut text = std::borrow::Cow::Borrowed("");
            let value = match self.raw(span, encoding).decode_scalar(&mut text, error) {
                ScalarKind::String => Value::Text(text.into_owned()),
                _ => Value::Other,
            };
            self.take(value, span);
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        type Found<'a> = (Option<&'a str>, &'a [(&'a str, &'a str)]);

        fn problem(text: &str) -> String {
            LogFilters::from_toml(text).unwrap_err().to_string()
        }

        #[test]
        fn all_forms_of_tables_and_texts() {
            let h2: &[(&str, &str)] = &[("h2", "warn")];
            let cases: &[(&str, Found<'_>)] = &[
                ("", (None, &[])),
                ("\u{feff}log_level='debug'", (Some("debug"), &[])),
                ("log_level = \"de\\u0062ug\" # c\r\n", (Some("debug"), &[])),
                ("log_level = '''\ndebug'''\n", (Some("debug"), &[])),
                ("[log_filters]\nh2 = 'warn'\n", (None, h2)),
                ("log_filters.h2 = 'warn'", (None, h2)),
                ("log_filters = { h2 = \"warn\", }", (None, h2)),
                ("[ 'log_filters' ]\n\"h2\"='warn'", (None, h2)),
                ("[log_filters]\n\"a.b::c\" = \"x\"\nd = \"y\"", (None, &[("a.b::c", "x"), ("d", "y")])),
                (
                    "a = [1, [2, {b = 3}], \"]\"]\nlog_level = \"info\"\n[x]\nlog_level = 'trace'\n[[y]]\n\
                     log_level = 3\n[log_filters]\nh2 = 'warn'\n[x.log_filters]\nz = 'info'\n",
                    (Some("info"), h2),
                ),
                ("t = {a={b={c={d={e={f=1}}}}}}\nlog_filters.h2 = 'warn'", (None, h2)),
            ];
            for (text, (level, targets)) in cases {
                let found = LogFilters::from_toml(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
                let own = |(target, level): &(&str, &str)| ((*target).to_owned(), (*level).to_owned());
                assert_eq!(found.level.as_deref(), *level, "{text:?}");
                assert_eq!(found.targets, targets.iter().map(own).collect::<Vec<_>>(), "{text:?}");
            }
        }

        #[test]
        fn what_is_wrong_is_told_with_its_line() {
            for (text, error) in [
                ("\nlog_level = 3", "line 2: log_level must be a level in quotes, such as \"warn\""),
                ("[log_level]\na = 'x'", "line 2: log_level must be a level in quotes, such as \"warn\""),
                ("log_filters = 'x'", "line 1: log_filters must be a table of targets and levels"),
                ("log_filters = ['x']", "line 1: log_filters must be a table of targets and levels"),
                ("\n[[log_filters]]\na = 'x'", "line 2: log_filters must be a table of targets and levels"),
                (
                    "[log_filters]\nh2 = true",
                    "line 2: log_filters.h2 must be a level in quotes, such as \"warn\"",
                ),
                ("[log_filters]\na.b = 'x'", "line 2: a target with dots must stand in quotes"),
                ("[log_filters]\na = {b = 'x'}", "line 2: a target with dots must stand in quotes"),
            ] {
                assert_eq!(problem(text), error, "{text:?}");
            }
            for text in ["log_level = debug", "log_level", "[log_filters", "\n= 3", "a = \"\\q\"", "a = 'x"] {
                let error = problem(text);
                let line = if text.starts_with('\n') { 2 } else { 1 };
                assert!(error.starts_with(&format!("line {line}: it is no TOML: ")), "{text:?}: {error}");
            }
        }

        #[test]
        fn depth_is_no_danger() {
            for (open, close) in [("[", "]"), ("{a=", "}")] {
                let text =
                    format!("t = {}1{}\nlog_level = 'info'", open.repeat(100_000), close.repeat(100_000));
                let found = LogFilters::from_toml(&text).unwrap();
                assert_eq!(found.level.as_deref(), Some("info"));
                let _ = LogFilters::from_toml(&format!("t = {}", open.repeat(100_000)));
            }
        }
    }
}
