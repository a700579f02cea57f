//! A value that is handed over without being copied first.

use super::{Value, ValueSink};

/// A borrowed value: what an attribute is set to.
///
/// Everything that is plainly a value converts into it, so that `node.attribute("attempt", 2)` reads well. Whole numbers that
/// do not fit OTLP's 64-bit signed integers become texts of their digits, without loss.
#[derive(Debug, Clone, Copy)]
pub enum ValueRef<'a> {
    /// The empty value.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number that is too large for [`Self::Int`].
    Large(u64),
    /// A floating-point number.
    Double(f64),
    /// A text.
    Str(&'a str),
    /// Bytes that are no text.
    Bytes(&'a [u8]),
    /// Any value.
    Value(&'a Value),
}

impl ValueRef<'_> {
    /// Tells this value to a sink.
    pub fn tell<S: ValueSink + ?Sized>(self, sink: &mut S) {
        match self {
            Self::Null => sink.null(),
            Self::Bool(value) => sink.bool(value),
            Self::Int(value) => sink.int(value),
            Self::Large(value) => sink.string(decimal(value, &mut [0; 20])),
            Self::Double(value) => sink.double(value),
            Self::Str(value) => sink.string(value),
            Self::Bytes(value) => sink.bytes(value),
            Self::Value(value) => value.tell(sink),
        }
    }
}

/// The decimal digits of a number.
pub(crate) fn decimal(mut number: u64, digits: &mut [u8; 20]) -> &str {
    let mut start = digits.len();
    for (at, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        start = at;
        if number == 0 {
            break;
        }
    }
    core::str::from_utf8(digits.get(start..).unwrap_or_default()).unwrap_or_default()
}

impl From<bool> for ValueRef<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i32> for ValueRef<'_> {
    fn from(value: i32) -> Self {
        Self::Int(value.into())
    }
}

impl From<u32> for ValueRef<'_> {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
    }
}

impl From<i64> for ValueRef<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<u64> for ValueRef<'_> {
    fn from(value: u64) -> Self {
        i64::try_from(value).map_or(Self::Large(value), Self::Int)
    }
}

impl From<usize> for ValueRef<'_> {
    fn from(value: usize) -> Self {
        (value as u64).into()
    }
}

impl From<f32> for ValueRef<'_> {
    fn from(value: f32) -> Self {
        Self::Double(value.into())
    }
}

impl From<f64> for ValueRef<'_> {
    fn from(value: f64) -> Self {
        Self::Double(value)
    }
}

impl<'a> From<&'a str> for ValueRef<'a> {
    fn from(value: &'a str) -> Self {
        Self::Str(value)
    }
}

impl<'a> From<&'a String> for ValueRef<'a> {
    fn from(value: &'a String) -> Self {
        Self::Str(value)
    }
}

impl<'a> From<&'a [u8]> for ValueRef<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Bytes(value)
    }
}

impl<'a> From<&'a Value> for ValueRef<'a> {
    fn from(value: &'a Value) -> Self {
        Self::Value(value)
    }
}

impl<'a, T: Into<ValueRef<'a>>> From<Option<T>> for ValueRef<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_beyond_64_bits_signed_become_their_digits() {
        let mut builder = crate::value::ValueBuilder::default();
        ValueRef::from(u64::MAX).tell(&mut builder);
        assert_eq!(builder.finish(), Value::from("18446744073709551615"));
        assert_eq!(decimal(0, &mut [0; 20]), "0");
    }
}
