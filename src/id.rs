//! Trace and span ids of the W3C and OpenTelemetry: bytes inside, lower-case hex outside.
//!
//! An id of all zeros means "none" everywhere in this crate, as it does on the wire.

use core::fmt;
use core::str::FromStr;

use thiserror::Error;

/// Why a text is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum IdError {
    /// The text has the wrong number of hex digits.
    #[error("an id of {expected} hex digits was expected, got {got} bytes")]
    Length {
        /// How many digits this kind of id has.
        expected: usize,
        /// How many bytes came.
        got: usize,
    },
    /// A byte is no hex digit.
    #[error("byte {at} is not a hex digit")]
    Digit {
        /// Position of the byte.
        at: usize,
    },
}

/// The id that all spans of one trace share.
///
/// ```
/// use spanloom::TraceId;
/// let id: TraceId = "0af7651916cd43dd8448eb211c80319c".parse()?;
/// assert!(id.is_valid());
/// assert_eq!(id.to_string(), "0af7651916cd43dd8448eb211c80319c");
/// # Ok::<(), spanloom::IdError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TraceId([u8; 16]);

/// The id of one span.
///
/// ```
/// use spanloom::SpanId;
/// assert_eq!(SpanId::from_u64(0xb7ad).to_string(), "000000000000b7ad");
/// assert!(!SpanId::NONE.is_valid());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SpanId([u8; 8]);

macro_rules! id_type {
    ($name:ident, $bytes:literal) => {
        impl $name {
            /// All zeros: no id.
            pub const NONE: Self = Self([0; $bytes]);

            /// The id with these bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; $bytes]) -> Self {
                Self(bytes)
            }

            /// The id in this slice; `None` where its length differs.
            #[must_use]
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// The bytes of the id.
            #[must_use]
            pub const fn to_bytes(self) -> [u8; $bytes] {
                self.0
            }

            /// The bytes of the id, borrowed.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }

            /// False for the id of all zeros.
            #[must_use]
            pub fn is_valid(self) -> bool {
                self != Self::NONE
            }

            /// Reads hex digits in either case (OTLP JSON allows both).
            ///
            /// # Errors
            /// When the length is wrong or a byte is no hex digit.
            pub fn from_hex(text: &[u8]) -> Result<Self, IdError> {
                let mut bytes = [0; $bytes];
                read_hex(text, &mut bytes)?;
                Ok(Self(bytes))
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::from_hex(text.as_bytes())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut text = [0; $bytes * 2];
                write_hex(&self.0, &mut text);
                f.write_str(core::str::from_utf8(&text).unwrap_or_default())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

id_type!(TraceId, 16);
id_type!(SpanId, 8);

impl TraceId {
    /// The id made of two halves, most significant first.
    #[must_use]
    pub fn from_halves(high: u64, low: u64) -> Self {
        Self(((u128::from(high) << 64) | u128::from(low)).to_be_bytes())
    }

    /// The right-most eight bytes as a number: what ratio samplers look at.
    #[must_use]
    pub fn low_half(self) -> u64 {
        let [.., a, b, c, d, e, f, g, h] = self.0;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}

impl SpanId {
    /// The id whose bytes are this number, most significant first.
    #[must_use]
    pub const fn from_u64(id: u64) -> Self {
        Self(id.to_be_bytes())
    }

    /// The id as a number.
    #[must_use]
    pub const fn to_u64(self) -> u64 {
        u64::from_be_bytes(self.0)
    }
}

pub(crate) fn read_hex(text: &[u8], bytes: &mut [u8]) -> Result<(), IdError> {
    if text.len() != bytes.len() * 2 {
        return Err(IdError::Length { expected: bytes.len() * 2, got: text.len() });
    }
    for (index, (pair, byte)) in text.chunks_exact(2).zip(bytes).enumerate() {
        let [high, low] = pair else { continue };
        let high = hex_digit(*high).ok_or(IdError::Digit { at: index * 2 })?;
        let low = hex_digit(*low).ok_or(IdError::Digit { at: index * 2 + 1 })?;
        *byte = (high << 4) | low;
    }
    Ok(())
}

const fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Writes bytes as lower-case hex; `text` has room for two digits a byte.
pub(crate) fn write_hex(bytes: &[u8], text: &mut [u8]) {
    const fn digit(nibble: u8) -> u8 {
        if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }
    }
    for (byte, pair) in bytes.iter().zip(text.chunks_exact_mut(2)) {
        if let [high, low] = pair {
            *high = digit(byte >> 4);
            *low = digit(byte & 15);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_both_cases_in_lower_case_out() {
        let id = TraceId::from_hex(b"0AF7651916CD43DD8448EB211C80319C").unwrap();
        assert_eq!(format!("{id:?}"), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(id.low_half(), 0x8448_eb21_1c80_319c);
        assert_eq!(TraceId::from_halves(0x0af7_6519_16cd_43dd, id.low_half()), id);
    }

    #[test]
    fn wrong_texts_say_what_is_wrong() {
        assert_eq!("12".parse::<SpanId>(), Err(IdError::Length { expected: 16, got: 2 }));
        assert_eq!("b7ad6b716920333x".parse::<SpanId>(), Err(IdError::Digit { at: 15 }));
    }
}
