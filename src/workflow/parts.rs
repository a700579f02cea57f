//! What logs are made of.

use crate::usage::Usage;
use crate::value::{Value, ValueSink};

/// Keys and values in the order in which the keys came.
pub type Entries = Vec<(String, Value)>;

/// Sets the value of a key: in its place where there is one, else at the end.
pub fn put_entry<V>(entries: &mut Vec<(String, V)>, key: &str, value: V) {
    match entries.iter_mut().find(|(name, _)| name == key) {
        Some((_, old)) => *old = value,
        None => entries.push((key.into(), value)),
    }
}

/// A number that is printed as it was given: whole or floating-point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// A whole number.
    Int(i64),
    /// A floating-point number.
    Double(f64),
}

impl Number {
    /// The number as a double.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "an exact number is not asked for")]
    pub const fn to_f64(self) -> f64 {
        match self {
            Self::Int(number) => number as f64,
            Self::Double(number) => number,
        }
    }

    /// True for -1 of either type: nothing was measured yet.
    #[must_use]
    pub fn is_unset(self) -> bool {
        matches!(self, Self::Int(-1)) || matches!(self, Self::Double(number) if number == -1.0)
    }

    pub(crate) fn tell<S: ValueSink + ?Sized>(self, sink: &mut S) {
        match self {
            Self::Int(number) => sink.int(number),
            Self::Double(number) => sink.double(number),
        }
    }
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

/// The four numbers of a log's usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct TokenUsage {
    /// Tokens of the question alone.
    pub question_tokens: i64,
    /// Tokens that went in.
    pub prompt_tokens: i64,
    /// Tokens that came out.
    pub completion_tokens: i64,
    /// All tokens.
    pub total_tokens: i64,
}

impl TokenUsage {
    /// Both together. Sums stop at the largest number instead of wrapping.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            question_tokens: self.question_tokens.saturating_add(other.question_tokens),
            prompt_tokens: self.prompt_tokens.saturating_add(other.prompt_tokens),
            completion_tokens: self.completion_tokens.saturating_add(other.completion_tokens),
            total_tokens: self.total_tokens.saturating_add(other.total_tokens),
        }
    }

    pub(crate) fn tell<S: ValueSink + ?Sized>(&self, sink: &mut S) {
        sink.begin_map();
        for (key, number) in [
            ("question_tokens", self.question_tokens),
            ("prompt_tokens", self.prompt_tokens),
            ("completion_tokens", self.completion_tokens),
            ("total_tokens", self.total_tokens),
        ] {
            sink.key(key);
            sink.int(number);
        }
        sink.end_map();
    }
}

impl From<Usage> for TokenUsage {
    fn from(usage: Usage) -> Self {
        let number = |tokens| i64::try_from(tokens).unwrap_or(i64::MAX);
        Self {
            question_tokens: number(usage.question),
            prompt_tokens: number(usage.prompt),
            completion_tokens: number(usage.completion),
            total_tokens: number(usage.total_tokens()),
        }
    }
}

/// How a workflow went.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct Status {
    /// 0 for success.
    pub code: i64,
    /// What there is to say.
    pub message: String,
}

/// The 32 hex digits of the version 4 UUID that has these random bits.
///
/// ```
/// assert_eq!(spanloom::workflow::uuid4_hex([0xff; 16]), "ffffffffffff4fffbfffffffffffffff");
/// ```
#[must_use]
pub fn uuid4_hex(random: [u8; 16]) -> String {
    let variant = u128::from_be_bytes(random) & !(0xf << 76) & !(0x3 << 62);
    crate::TraceId::from_bytes((variant | 0x4 << 76 | 0x2 << 62).to_be_bytes()).to_string()
}

pub(crate) fn tell_text<S: ValueSink + ?Sized>(sink: &mut S, key: &str, text: &str) {
    sink.key(key);
    sink.string(text);
}

pub(crate) fn tell_int<S: ValueSink + ?Sized>(sink: &mut S, key: &str, number: i64) {
    sink.key(key);
    sink.int(number);
}

pub(crate) fn tell_entries<S: ValueSink + ?Sized>(sink: &mut S, key: &str, entries: &[(String, Value)]) {
    sink.key(key);
    sink.begin_map();
    for (key, value) in entries {
        sink.key(key);
        value.tell(sink);
    }
    sink.end_map();
}

pub(crate) fn tell_texts<S: ValueSink + ?Sized>(sink: &mut S, key: &str, texts: &[String]) {
    sink.key(key);
    sink.begin_array();
    for text in texts {
        sink.string(text);
    }
    sink.end_array();
}

pub(crate) fn tell_text_map<S: ValueSink + ?Sized>(sink: &mut S, key: &str, entries: &[(String, String)]) {
    sink.key(key);
    sink.begin_map();
    for (key, text) in entries {
        tell_text(sink, key, text);
    }
    sink.end_map();
}
