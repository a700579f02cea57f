//! The numbers by which host and module understand each other; the twins in other languages are generated from here.

/// What a call came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Answer {
    /// It worked; what there is to read stands in the answer.
    Ok = 0,
    /// The bytes that came in are not what the call takes.
    Malformed = 1,
    /// There is no limit or counter with this number.
    Unknown = 2,
    /// The records could not be read.
    Records = 3,
}

/// What the module counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Count {
    /// Spans that became records.
    Spans = 0,
    /// Entries that could not be read.
    Malformed = 1,
    /// Entries of unknown kinds, which were passed over.
    Unknown = 2,
    /// Texts that were repaired.
    Repaired = 3,
}

/// What one span may hold: the fields of [`Limits`](spanloom::record::Limits).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Limit {
    /// Attributes of a span.
    Attributes = 0,
    /// Events of a span.
    Events = 1,
    /// Links of a span.
    Links = 2,
    /// Attributes of an event or a link.
    NestedAttributes = 3,
    /// Characters of a text.
    ValueLength = 4,
    /// Bytes of a key.
    KeyLength = 5,
    /// How deep values nest.
    ValueDepth = 6,
    /// Values within one attribute.
    ValueNodes = 7,
    /// Bytes of a span.
    SpanBytes = 8,
}

impl Count {
    /// The counter with this number.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::Spans,
            1 => Self::Malformed,
            2 => Self::Unknown,
            3 => Self::Repaired,
            _ => return None,
        })
    }
}

impl Limit {
    /// The limit with this number.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::Attributes,
            1 => Self::Events,
            2 => Self::Links,
            3 => Self::NestedAttributes,
            4 => Self::ValueLength,
            5 => Self::KeyLength,
            6 => Self::ValueDepth,
            7 => Self::ValueNodes,
            8 => Self::SpanBytes,
            _ => return None,
        })
    }
}
