//! The `x-request-id` header: one opaque word that names a request.
//!
//! A value is taken as it is or not at all: visible ASCII, 1 to 128 characters. No space, no control character and so
//! no line break can come in, or leave, through it.

use core::fmt;
use core::str;
use std::sync::Arc;

use thiserror::Error;

use super::trim_ows;

const MAX_CHARS: usize = 128;

/// Why a text is no request id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RequestIdError {
    /// Empty, or longer than 128 characters.
    #[error("a request id has 1 to 128 characters, this one {0}")]
    Length(usize),
    /// A character that is no visible ASCII.
    #[error("byte {0} of the request id is not visible ascii")]
    Character(usize),
}

/// A request id that is safe to put into a header or a log line. Clones share the text.
///
/// ```
/// use spanloom::context::RequestId;
/// assert_eq!(RequestId::new("req-7f3a")?.as_str(), "req-7f3a");
/// assert!(RequestId::new("x\r\nset-cookie: a=b").is_err());
/// # Ok::<(), spanloom::context::RequestIdError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// The request id with this text.
    ///
    /// # Errors
    /// When the text is empty, too long, or holds anything but visible ASCII.
    pub fn new(text: &str) -> Result<Self, RequestIdError> {
        if !(1..=MAX_CHARS).contains(&text.len()) {
            return Err(RequestIdError::Length(text.len()));
        }
        if let Some(at) = text.bytes().position(|byte| !byte.is_ascii_graphic()) {
            return Err(RequestIdError::Character(at));
        }
        Ok(Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads the value of a header.
    pub(super) fn read(value: &[u8]) -> Result<Self, RequestIdError> {
        let value = trim_ows(value);
        str::from_utf8(value)
            .map_err(|error| RequestIdError::Character(error.valid_up_to()))
            .and_then(Self::new)
    }
}

impl str::FromStr for RequestId {
    type Err = RequestIdError;

    fn from_str(text: &str) -> Result<Self, RequestIdError> {
        Self::new(text)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestId({:?})", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visible_ascii_up_to_128_characters() {
        use RequestIdError::{Character, Length};
        let longest = "r".repeat(128);
        let all: String = ('!'..='~').collect();
        for text in ["1", "550e8400-e29b-41d4-a716-446655440000", &longest, &all] {
            assert_eq!(RequestId::new(text).unwrap().as_str(), text);
        }
        let too_long = "r".repeat(129);
        let table = [
            ("", Length(0)),
            (&too_long, Length(129)),
            ("a b", Character(1)),
            ("a\r\nb: c", Character(1)),
            ("a\nb", Character(1)),
            ("a\0", Character(1)),
            ("a\x7f", Character(1)),
            ("é", Character(0)),
        ];
        for (text, why) in table {
            assert_eq!(RequestId::new(text), Err(why), "{text:?}");
        }
    }

    #[test]
    fn header_values_may_have_white_space_around_them() {
        assert_eq!(RequestId::read(b" \tabc ").unwrap().as_str(), "abc");
        assert_eq!(RequestId::read(b" "), Err(RequestIdError::Length(0)));
        assert_eq!(RequestId::read(b"ab\xffc"), Err(RequestIdError::Character(2)));
    }
}
