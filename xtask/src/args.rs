//! The words after a command: flags and values are taken out by name, the rest must be used up or is refused.

use std::fmt;

use anyhow::Result;

/// The command line is wrong: shown with exit code 2.
#[derive(Debug)]
pub struct UsageError(String);

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (see --help)", self.0)
    }
}

impl std::error::Error for UsageError {}

pub struct Args(Vec<String>);

impl Args {
    pub fn new(words: impl IntoIterator<Item = String>) -> Self {
        Self(words.into_iter().collect())
    }

    /// Words behind `--` belong to another program.
    pub fn asks_for_help(&self) -> bool {
        self.0.iter().take_while(|word| *word != "--").any(|word| word == "--help" || word == "-h")
    }

    /// Takes `name` out; whether it was there.
    pub fn flag(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|word| word != name);
        self.0.len() < before
    }

    /// Takes `name VALUE` or `name=VALUE` out.
    pub fn value(&mut self, name: &str) -> Result<Option<String>> {
        let Some(at) = self.0.iter().position(|word| word.split('=').next() == Some(name)) else {
            return Ok(None);
        };
        let word = self.0.remove(at);
        if let Some((_, value)) = word.split_once('=') {
            return Ok(Some(value.to_owned()));
        }
        if at < self.0.len() {
            return Ok(Some(self.0.remove(at)));
        }
        Err(UsageError(format!("{name} needs a value")).into())
    }

    /// Takes the next word that is no option.
    pub fn word(&mut self) -> Option<String> {
        let at = self.0.iter().position(|word| !word.starts_with('-'))?;
        Some(self.0.remove(at))
    }

    /// All words that are left, for another program.
    pub fn rest(self) -> Vec<String> {
        self.0
    }

    /// Refuses what nothing has asked for.
    pub fn done(self) -> Result<()> {
        match self.0.first() {
            None => Ok(()),
            Some(word) => Err(UsageError(format!("'{word}' means nothing here")).into()),
        }
    }
}

/// A usage error with this text.
pub fn usage_error(text: impl Into<String>) -> anyhow::Error {
    UsageError(text.into()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(text: &str) -> Args {
        Args::new(text.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn flags_values_and_words_are_taken_out() {
        let mut args = args("records --seconds 5 --check --out=file");
        assert!(args.flag("--check") && !args.flag("--check"));
        assert_eq!(args.value("--seconds").unwrap().as_deref(), Some("5"));
        assert_eq!(args.value("--out").unwrap().as_deref(), Some("file"));
        assert_eq!(args.value("--absent").unwrap(), None);
        assert_eq!(args.word().as_deref(), Some("records"));
        args.done().unwrap();
    }

    #[test]
    fn what_is_left_or_incomplete_is_a_usage_error() {
        assert!(args("--wrong").done().unwrap_err().is::<UsageError>());
        assert!(args("--seconds").value("--seconds").unwrap_err().is::<UsageError>());
    }

    #[test]
    fn help_for_another_program_is_not_ours() {
        assert!(args("x --help").asks_for_help());
        assert!(!args("-- --help").asks_for_help());
    }
}
