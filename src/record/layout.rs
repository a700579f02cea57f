//! The numbers of the host layouts, in one place: the twins in other languages are generated from here.
//!
//! `docs/records.md` describes the layouts byte by byte.

/// Version of both host layouts.
pub const LAYOUT_VERSION: u32 = 1;
/// Bytes of the fixed part of a span's entry in the compact layout.
pub const SPAN_HEADER_LEN: usize = 80;
/// A reference to a name with this bit is the number of an interned name.
pub const INTERNED: u16 = 0x8000;
/// A reference to a name with this value is followed by a length of four bytes.
pub const LONG_NAME: u16 = 0x7fff;
/// How many names can be interned before they must be forgotten.
pub const MAX_NAMES: usize = 0x7fff;
/// Members of a span's tuple in the marshalled layout.
pub const TUPLE_LEN: usize = 14;

/// Members of a metric's tuple in the marshalled layout.
pub const METRIC_TUPLE_LEN: usize = 6;

/// Kinds of metrics in the marshalled layout.
pub mod metric {
    /// A sum that only grows.
    pub const COUNTER: u8 = 1;
    /// A sum that grows and shrinks.
    pub const UP_DOWN_COUNTER: u8 = 2;
    /// The last number.
    pub const GAUGE: u8 = 3;
    /// Numbers between bounds.
    pub const HISTOGRAM: u8 = 4;
    /// Numbers in buckets that grow by a factor.
    pub const EXPONENTIAL: u8 = 5;
}

/// Kinds of entries that are no records; the kinds of records are those of [`RecordKind`](super::RecordKind).
pub mod entry {
    /// Gives a name its number.
    pub const DEFINE_NAME: u8 = 16;
    /// Forgets all names.
    pub const FORGET_NAMES: u8 = 17;
}

/// Bits of a host's span.
pub mod host_flag {
    /// The span is a node of its workflow.
    pub const NODE: u16 = 1;
    /// The parent lives in another process.
    pub const PARENT_IS_REMOTE: u16 = 2;
}

/// What may follow the fixed part of a span, in any order and number.
pub mod item {
    /// An attribute.
    pub const ATTRIBUTE: u8 = 1;
    /// An entry of the input.
    pub const INPUT: u8 = 2;
    /// An entry of the output.
    pub const OUTPUT: u8 = 3;
    /// An entry of the configuration.
    pub const CONFIG: u8 = 4;
    /// An event.
    pub const EVENT: u8 = 5;
    /// A link to another span.
    pub const LINK: u8 = 6;
    /// A report of tokens: seven numbers, in the order of [`Usage`](crate::Usage)'s fields, and the number of its mode.
    pub const USAGE: u8 = 7;
    /// The time of the first frame.
    pub const FIRST_FRAME: u8 = 8;
    /// The id of a node that follows.
    pub const NEXT: u8 = 9;
    /// The message of the status.
    pub const STATUS_MESSAGE: u8 = 10;
    /// On whose behalf the span runs: sid, application, user, conversation.
    pub const IDENTITY: u8 = 11;
}

/// Types of values in the compact layout.
pub mod value {
    /// The empty value.
    pub const NULL: u8 = 0;
    /// False.
    pub const FALSE: u8 = 1;
    /// True.
    pub const TRUE: u8 = 2;
    /// A whole number of four bytes.
    pub const INT32: u8 = 3;
    /// A whole number of eight bytes.
    pub const INT64: u8 = 4;
    /// A floating-point number of eight bytes.
    pub const DOUBLE: u8 = 5;
    /// A text: a length of four bytes and UTF-8.
    pub const TEXT: u8 = 6;
    /// Bytes: a length of four bytes and the bytes.
    pub const BYTES: u8 = 7;
    /// An array: a count of four bytes and the values.
    pub const ARRAY: u8 = 8;
    /// A map: a count of four bytes, and for each entry a name and a value.
    pub const MAP: u8 = 9;
    /// A text: a length of one byte and UTF-8.
    pub const SHORT_TEXT: u8 = 10;
    /// A text that is an interned name: its number in two bytes.
    pub const NAME: u8 = 11;
}
