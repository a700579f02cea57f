//! Texts that nobody is to see: in logs, in errors, in a printed configuration.

use core::fmt;

/// What stands in the place of a secret.
pub(super) const MASK: &str = "***";

/// As many characters of a value are shown in a message.
const MOST_SHOWN: usize = 120;

/// A text that prints itself as `***`.
///
/// ```
/// use spanloom::config::Secret;
/// let token = Secret::new("Bearer abc");
/// assert_eq!(format!("{token} {token:?}"), "*** ***");
/// assert_eq!(token.reveal(), "Bearer abc");
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Secret(String);

impl Secret {
    /// Keeps this text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself: for the one who sends it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// How the value of a setting is shown in messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// As it is.
    Plainly,
    /// Without what a URL may hold of secrets.
    AsUrl,
    /// Not at all.
    Never,
}

impl Shown {
    /// The value as a message may hold it: quoted, without line breaks, not too long.
    pub(super) fn show(self, value: &str) -> String {
        match self {
            Self::Plainly => quoted(value),
            Self::AsUrl => quoted(&masked_url(value)),
            Self::Never => MASK.into(),
        }
    }
}

/// A text in quotes, cut and on one line.
pub(super) fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(MOST_SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("{shown:?}")
}

/// A text that was meant to be a URL, without anything that may be a password or a token. As it may be no URL at all,
/// rather too much is hidden than too little.
pub(super) fn masked_url(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").map_or(("", text), |(scheme, rest)| (scheme, rest));
    // A broken scheme may hold the user's name: `me:secret@host://`.
    let scheme_is_one = !scheme.is_empty()
        && scheme.len() <= 16
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let mut out = String::new();
    if scheme_is_one {
        out.push_str(scheme);
        out.push_str("://");
    } else if !scheme.is_empty() {
        return MASK.into();
    }
    let rest = match rest.rsplit_once('@') {
        // Is it the @ of a query, or one behind a password with a question mark? Both may be.
        Some((before, _)) if before.contains(['?', '#']) => {
            out.push_str(MASK);
            return out;
        }
        Some((_, behind)) => {
            out.push_str(MASK);
            out.push('@');
            behind
        }
        None => rest,
    };
    let end = rest.find(['?', '#']).unwrap_or(rest.len());
    let (shown, hidden) = rest.split_at_checked(end).unwrap_or((rest, ""));
    out.push_str(shown);
    if let Some(mark) = hidden.chars().next() {
        out.push(mark);
        out.push_str(MASK);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_lose_their_secrets() {
        for (text, shown) in [
            ("http://host:4318/v1/traces", "http://host:4318/v1/traces"),
            ("http://me:secret@host/x", "http://***@host/x"),
            ("http://me:sec/ret@host/x?key=secret", "http://***@host/x?***"),
            ("http://me:sec?ret@host", "http://***"),
            ("http://host/?key=@secret", "http://***"),
            ("http://host/x?key=secret#secret", "http://host/x?***"),
            ("http://host#secret", "http://host#***"),
            ("me:secret@host:4317", "***@host:4317"),
            ("me:secret@host://x", "***"),
            ("ftp://host", "ftp://host"),
            ("", ""),
        ] {
            assert_eq!(masked_url(text), shown);
        }
    }

    #[test]
    fn values_are_shown_short_and_on_one_line() {
        assert_eq!(Shown::Plainly.show("a\nb"), r#""a\nb""#);
        assert_eq!(Shown::Never.show("a"), "***");
        let shown = Shown::Plainly.show(&"ü".repeat(500));
        assert_eq!(shown.chars().count(), MOST_SHOWN + 3);
    }
}
