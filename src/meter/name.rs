//! Names that Prometheus can read, by the rules of NVIDIA Dynamo's registry.
//!
//! A character that is not allowed becomes `_`, and what does not begin with a letter or `_` gets a `_` in front. A text
//! of which nothing but underscores is left names nothing: that is an error.

/// How the names of a Dynamo frontend's metrics begin when nothing else was said.
pub const FRONTEND_PREFIX: &str = "dynamo_frontend";

/// A text that cannot be made a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// No letter and no digit is in it.
    #[error("nothing is left of the name: give it a letter or a digit of ASCII")]
    NothingLeft,
}

/// The name of a metric: letters, digits, `_` and `:`.
///
/// ```
/// use spanloom::meter::name::metric_name;
/// assert_eq!(metric_name("tokens/s").as_deref(), Ok("tokens_s"));
/// assert_eq!(metric_name("4xx").as_deref(), Ok("_4xx"));
/// assert!(metric_name("@#$%").is_err());
/// ```
///
/// # Errors
///
/// When nothing but underscores is left.
pub fn metric_name(text: &str) -> Result<String, NameError> {
    cleaned(text, |c| c == ':')
}

/// The value of a label that tells a place in the hierarchy: letters, digits and `_`, with no two underscores in front,
/// which Prometheus keeps for itself.
///
/// The underscores are looked at once: of four in front three stay.
///
/// ```
/// use spanloom::meter::name::label_value;
/// assert_eq!(label_value("back end").as_deref(), Ok("back_end"));
/// assert_eq!(label_value("__internal").as_deref(), Ok("internal"));
/// assert_eq!(label_value("@@123").as_deref(), Ok("_123"));
/// ```
///
/// # Errors
///
/// When nothing but underscores is left.
pub fn label_value(text: &str) -> Result<String, NameError> {
    let name = cleaned(text, |_| false)?;
    let Some(rest) = name.strip_prefix("__") else { return Ok(name) };
    if rest.starts_with(|c: char| c.is_ascii_alphabetic()) { Ok(rest.into()) } else { Ok(format!("_{rest}")) }
}

/// How the names of a frontend's metrics begin, by what `DYN_METRICS_PREFIX` says; [`FRONTEND_PREFIX`] when it says
/// nothing that can be a name.
///
/// ```
/// use spanloom::meter::name::frontend_prefix;
/// assert_eq!(frontend_prefix(Some("my service")), "my_service");
/// assert_eq!(frontend_prefix(Some("--")), "dynamo_frontend");
/// assert_eq!(frontend_prefix(None), "dynamo_frontend");
/// ```
#[must_use]
pub fn frontend_prefix(wish: Option<&str>) -> String {
    wish.and_then(|wish| metric_name(wish).ok()).unwrap_or_else(|| FRONTEND_PREFIX.into())
}

fn cleaned(text: &str, also: fn(char) -> bool) -> Result<String, NameError> {
    let mut name = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        let c = if c.is_ascii_alphanumeric() || also(c) { c } else { '_' };
        if name.is_empty() && !c.is_ascii_alphabetic() && c != '_' {
            name.push('_');
        }
        name.push(c);
    }
    if name.bytes().all(|byte| byte == b'_') { Err(NameError::NothingLeft) } else { Ok(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_keep_colons_but_not_in_front() {
        assert_eq!(metric_name("a::b").unwrap(), "a::b");
        assert_eq!(metric_name(":a").unwrap(), "_:a");
        assert_eq!(metric_name("__x").unwrap(), "__x");
    }

    #[test]
    fn a_character_is_one_underscore_however_many_bytes_it_has() {
        assert_eq!(metric_name("größe").unwrap(), "gr__e");
        assert_eq!(label_value("a🦀b").unwrap(), "a_b");
    }

    #[test]
    fn nothing_left_is_an_error() {
        for text in ["", "_", "____", "é", "- -"] {
            assert_eq!(metric_name(text), Err(NameError::NothingLeft), "{text}");
            assert_eq!(label_value(text), Err(NameError::NothingLeft), "{text}");
        }
    }

    #[test]
    fn labels_lose_two_underscores_once() {
        for (text, value) in
            [("__a", "a"), ("_a", "_a"), ("___a", "__a"), ("____a", "___a"), ("__9", "_9"), ("::b", "b")]
        {
            assert_eq!(label_value(text).unwrap(), value, "{text}");
        }
    }
}
