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
    /// Metrics that became records.
    Metrics = 4,
    /// Numbers of metrics that cannot be measured.
    Invalid = 5,
}

/// What an instrument does with numbers, and of which type they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum InstrumentCode {
    /// Sums whole numbers that only grow.
    CounterInt = 0,
    /// Sums numbers that only grow.
    CounterDouble = 1,
    /// Sums whole numbers that grow and shrink.
    UpDownCounterInt = 2,
    /// Sums numbers that grow and shrink.
    UpDownCounterDouble = 3,
    /// Keeps the last number, a whole one.
    GaugeInt = 4,
    /// Keeps the last number.
    GaugeDouble = 5,
    /// Counts numbers between bounds.
    Histogram = 6,
    /// Counts numbers in buckets that grow by a factor.
    Exponential = 7,
}

/// Since when what is collected counts: the numbers of OTLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum TemporalityCode {
    /// Since the collection before that arrived.
    Delta = 1,
    /// Since the series began.
    Cumulative = 2,
}

/// What the meter counts of things that were not as they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum MeterProblem {
    /// Measurements that are no number, without end, or negative where only growth is possible.
    Invalid = 0,
    /// Instruments whose name, unit or bounds had to be mended.
    Mended = 1,
    /// Instruments with the name of another one that is declared otherwise.
    Conflicts = 2,
    /// Points of other hosts that fit no instrument.
    Misfits = 3,
    /// Calls with a handle that there is not, or one that cannot do this; instruments and series that could not be made.
    Misused = 4,
    /// Instruments beyond the limit. What they measure leaves nowhere.
    Surplus = 5,
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
            4 => Self::Metrics,
            5 => Self::Invalid,
            _ => return None,
        })
    }
}

impl InstrumentCode {
    /// The kind with this number.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::CounterInt,
            1 => Self::CounterDouble,
            2 => Self::UpDownCounterInt,
            3 => Self::UpDownCounterDouble,
            4 => Self::GaugeInt,
            5 => Self::GaugeDouble,
            6 => Self::Histogram,
            7 => Self::Exponential,
            _ => return None,
        })
    }
}

impl TemporalityCode {
    /// The temporality with this number.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            1 => Self::Delta,
            2 => Self::Cumulative,
            _ => return None,
        })
    }
}

impl MeterProblem {
    /// The problem with this number.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::Invalid,
            1 => Self::Mended,
            2 => Self::Conflicts,
            3 => Self::Misfits,
            4 => Self::Misused,
            5 => Self::Surplus,
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
