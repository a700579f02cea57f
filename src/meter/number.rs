//! Numbers that are measured: whole ones and others.

/// A number that is whole or not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// A whole one.
    Int(i64),
    /// Any one.
    Double(f64),
}

impl From<i64> for Number {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<f64> for Number {
    fn from(number: f64) -> Self {
        Self::Double(number)
    }
}

impl Number {
    /// The nearest floating-point number.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "the nearest one is asked for")]
    pub const fn as_f64(self) -> f64 {
        match self {
            Self::Int(number) => number as f64,
            Self::Double(number) => number,
        }
    }
}

/// What counters and gauges count in: `i64` or `f64`.
pub trait Amount: Copy + PartialOrd + Default + Send + Sync + 'static + Into<Number> {
    /// As 64 bits.
    fn to_bits(self) -> u64;
    /// From 64 bits.
    fn from_bits(bits: u64) -> Self;
    /// The sum; a whole one stays at the end of its range instead of wrapping around.
    #[must_use]
    fn plus(self, other: Self) -> Self;
    /// The sum, where it is within the range.
    #[must_use]
    #[inline]
    fn checked_plus(self, other: Self) -> Option<Self> {
        Some(self.plus(other))
    }
    /// The difference.
    #[must_use]
    fn minus(self, other: Self) -> Self;
    /// False for what cannot be measured: no number, or one without end.
    fn is_measured(self) -> bool;
    /// The number as this type; a whole one is cut off behind the point.
    fn of(number: Number) -> Self;
}

impl Amount for i64 {
    #[inline]
    fn to_bits(self) -> u64 {
        self.cast_unsigned()
    }
    #[inline]
    fn from_bits(bits: u64) -> Self {
        bits.cast_signed()
    }
    #[inline]
    fn plus(self, other: Self) -> Self {
        self.saturating_add(other)
    }
    #[inline]
    fn checked_plus(self, other: Self) -> Option<Self> {
        self.checked_add(other)
    }
    #[inline]
    fn minus(self, other: Self) -> Self {
        self.saturating_sub(other)
    }
    #[inline]
    fn is_measured(self) -> bool {
        true
    }
    #[expect(clippy::cast_possible_truncation, reason = "what lies beyond becomes the end of the range")]
    fn of(number: Number) -> Self {
        match number {
            Number::Int(number) => number,
            Number::Double(number) => number as Self,
        }
    }
}

impl Amount for f64 {
    #[inline]
    fn to_bits(self) -> u64 {
        Self::to_bits(self)
    }
    #[inline]
    fn from_bits(bits: u64) -> Self {
        Self::from_bits(bits)
    }
    #[inline]
    fn plus(self, other: Self) -> Self {
        self + other
    }
    #[inline]
    fn minus(self, other: Self) -> Self {
        self - other
    }
    #[inline]
    fn is_measured(self) -> bool {
        self.is_finite()
    }
    fn of(number: Number) -> Self {
        number.as_f64()
    }
}
