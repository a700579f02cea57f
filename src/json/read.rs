//! The reader of JSON: RFC 8259, strictly.
//!
//! One loop over the text; which containers are open is one bit each, so depth costs no memory. A number without
//! fraction and exponent is a whole number where it fits 64 bits with sign, else a double; `-0` is the double -0.0, and
//! what is larger than any double is an infinity. Half a surrogate pair, escaped, becomes U+FFFD. Keys are told in
//! their order, repeated ones too.

use core::fmt;

use thiserror::Error;

use super::scan::plain_len;
use crate::value::ValueSink;

/// How deep arrays and maps may nest at most.
pub const MAX_DEPTH: u32 = u128::BITS;

/// What should have stood where a text stops being JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Expected {
    /// Valid UTF-8.
    Utf8,
    /// A value.
    Value,
    /// A key or the end of the map.
    KeyOrEnd,
    /// A key.
    Key,
    /// A colon behind a key.
    Colon,
    /// A comma or the end of the array.
    CommaOrArrayEnd,
    /// A comma or the end of the map.
    CommaOrMapEnd,
    /// Nothing more.
    End,
    /// A quotation mark that ends the text.
    Quote,
    /// A character that may stand in a text: control characters must be escaped.
    Character,
    /// A character that may follow a backslash.
    Escape,
    /// A hex digit.
    HexDigit,
    /// A digit.
    Digit,
    /// A value that nests less deep.
    LessDepth,
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Utf8 => "valid UTF-8",
            Self::Value => "a value",
            Self::KeyOrEnd => "a key or '}'",
            Self::Key => "a key",
            Self::Colon => "':'",
            Self::CommaOrArrayEnd => "',' or ']'",
            Self::CommaOrMapEnd => "',' or '}'",
            Self::End => "the end of the text",
            Self::Quote => "a closing '\"'",
            Self::Character => "an escaped control character",
            Self::Escape => "an escape",
            Self::HexDigit => "a hex digit",
            Self::Digit => "a digit",
            Self::LessDepth => "less depth",
        })
    }
}

/// Why a text is no JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no JSON at byte {at}: expected {expected}")]
pub struct JsonError {
    /// The byte at which the text stops being JSON.
    pub at: usize,
    /// What should have stood there.
    pub expected: Expected,
}

/// Reads one JSON text and tells the sink its value.
///
/// When this fails, the sink has heard the part before the error.
///
/// # Errors
/// When the text is not JSON, or nests deeper than [`MAX_DEPTH`].
pub fn read<S: ValueSink + ?Sized>(text: &[u8], sink: &mut S) -> Result<(), JsonError> {
    read_within(text, MAX_DEPTH, sink)
}

/// Like [`read`], with at most `depth` levels (and never more than [`MAX_DEPTH`]).
///
/// # Errors
/// When the text is not JSON, or nests deeper than that.
pub fn read_within<S: ValueSink + ?Sized>(text: &[u8], depth: u32, sink: &mut S) -> Result<(), JsonError> {
    let mut events = Events::new(text, depth.min(MAX_DEPTH))?;
    while let Some(event) = events.next_event()? {
        match event {
            Event::Null => sink.null(),
            Event::Bool(value) => sink.bool(value),
            Event::Number(text) => match number(text) {
                Number::Int(value) => sink.int(value),
                Number::Double(value) => sink.double(value),
            },
            Event::String(value) => sink.string(value),
            Event::BeginArray => sink.begin_array(),
            Event::EndArray => sink.end_array(),
            Event::BeginMap => sink.begin_map(),
            Event::Key(key) => sink.key(key),
            Event::EndMap => sink.end_map(),
        }
    }
    Ok(())
}

/// A step through a JSON text. Texts are borrowed until the next step; numbers are the text that stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event<'a> {
    Null,
    Bool(bool),
    Number(&'a str),
    String(&'a str),
    BeginArray,
    EndArray,
    BeginMap,
    Key(&'a str),
    EndMap,
}

/// Goes through a JSON text event by event, for readers that stop early, want positions or numbers as they stand.
pub(crate) struct Events<'a> {
    reader: Reader<'a>,
    open: Open,
    next: Next,
    /// Where the last event starts.
    at: usize,
}

impl<'a> Events<'a> {
    /// At most `depth` levels, and never more than [`OPEN_MAX`].
    pub(crate) fn new(text: &'a [u8], depth: u32) -> Result<Self, JsonError> {
        let text = core::str::from_utf8(text)
            .map_err(|error| JsonError { at: error.valid_up_to(), expected: Expected::Utf8 })?;
        let reader = Reader { text, at: 0, scratch: String::new() };
        let open = Open { depth: 0, limit: depth.min(OPEN_MAX), maps: [0; OPEN_WORDS] };
        Ok(Self { reader, open, next: Next::Value, at: 0 })
    }

    /// The byte at which the last event starts.
    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    /// The next event; `None` behind the end of the text.
    pub(crate) fn next_event(&mut self) -> Result<Option<Event<'_>>, JsonError> {
        let Self { reader, open, next, at } = self;
        loop {
            let byte = reader.skip_space();
            *at = reader.at;
            return match (*next, byte) {
                (Next::Value | Next::FirstValue, Some(b'[')) => {
                    open.push(false).map_err(|expected| reader.error(expected))?;
                    reader.at += 1;
                    *next = Next::FirstValue;
                    Ok(Some(Event::BeginArray))
                }
                (Next::Value | Next::FirstValue, Some(b'{')) => {
                    open.push(true).map_err(|expected| reader.error(expected))?;
                    reader.at += 1;
                    *next = Next::FirstKey;
                    Ok(Some(Event::BeginMap))
                }
                (Next::FirstValue | Next::Comma, Some(b']')) if open.in_array() => {
                    reader.at += 1;
                    open.pop();
                    *next = Next::Comma;
                    Ok(Some(Event::EndArray))
                }
                (Next::FirstKey | Next::Comma, Some(b'}')) if open.in_map() => {
                    reader.at += 1;
                    open.pop();
                    *next = Next::Comma;
                    Ok(Some(Event::EndMap))
                }
                (Next::Value | Next::FirstValue, byte) => {
                    *next = Next::Comma;
                    reader.scalar(byte).map(Some)
                }
                (Next::FirstKey | Next::Key, Some(b'"')) => {
                    *next = Next::Colon;
                    Ok(Some(Event::Key(reader.string()?)))
                }
                (Next::Colon, Some(b':')) => {
                    reader.at += 1;
                    *next = Next::Value;
                    continue;
                }
                (Next::Colon, _) => Err(reader.error(Expected::Colon)),
                (Next::FirstKey, _) => Err(reader.error(Expected::KeyOrEnd)),
                (Next::Key, _) => Err(reader.error(Expected::Key)),
                (Next::Comma, Some(b',')) if open.depth > 0 => {
                    reader.at += 1;
                    *next = if open.in_map() { Next::Key } else { Next::Value };
                    continue;
                }
                (Next::Comma, None) if open.depth == 0 => Ok(None),
                (Next::Comma, _) if open.in_map() => Err(reader.error(Expected::CommaOrMapEnd)),
                (Next::Comma, _) if open.in_array() => Err(reader.error(Expected::CommaOrArrayEnd)),
                (Next::Comma, _) => Err(reader.error(Expected::End)),
            };
        }
    }
}

/// What may come next.
#[derive(Clone, Copy)]
enum Next {
    Value,
    /// A value, or the end of an array that has none.
    FirstValue,
    Key,
    /// A key, or the end of a map that has none.
    FirstKey,
    /// The colon behind a key.
    Colon,
    /// A comma, or the end of what is open.
    Comma,
}

/// Words of bits for the open containers.
const OPEN_WORDS: usize = 6;
/// How deep [`Events`] can go: room for 64 levels of OTLP values, five JSON levels each, and what is around them.
const OPEN_MAX: u32 = u64::BITS * 6;

/// The open containers: one bit for each, set for maps.
struct Open {
    depth: u32,
    limit: u32,
    maps: [u64; OPEN_WORDS],
}

impl Open {
    fn push(&mut self, map: bool) -> Result<(), Expected> {
        if self.depth >= self.limit {
            return Err(Expected::LessDepth);
        }
        let bit = 1 << (self.depth % u64::BITS);
        if let Some(word) = self.maps.get_mut((self.depth / u64::BITS) as usize) {
            *word = if map { *word | bit } else { *word & !bit };
        }
        self.depth += 1;
        Ok(())
    }

    fn pop(&mut self) {
        self.depth -= 1;
    }

    /// Whether the innermost container is a map; `None` where none is open.
    fn innermost(&self) -> Option<bool> {
        let place = self.depth.checked_sub(1)?;
        let word = self.maps.get((place / u64::BITS) as usize)?;
        Some(word >> (place % u64::BITS) & 1 == 1)
    }

    fn in_map(&self) -> bool {
        self.innermost() == Some(true)
    }

    fn in_array(&self) -> bool {
        self.innermost() == Some(false)
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// Holds a text that has escapes.
    scratch: String,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// The text from `start` up to here; both lie between characters.
    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn error(&self, expected: Expected) -> JsonError {
        JsonError { at: self.at, expected }
    }

    fn skip_space(&mut self) -> Option<u8> {
        loop {
            match self.peek() {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                byte => return byte,
            }
        }
    }

    fn scalar(&mut self, first: Option<u8>) -> Result<Event<'_>, JsonError> {
        match first {
            Some(b'"') => self.string().map(Event::String),
            Some(b'-' | b'0'..=b'9') => self.number().map(Event::Number),
            Some(b't') => self.word("true").map(|()| Event::Bool(true)),
            Some(b'f') => self.word("false").map(|()| Event::Bool(false)),
            Some(b'n') => self.word("null").map(|()| Event::Null),
            _ => Err(self.error(Expected::Value)),
        }
    }

    fn word(&mut self, word: &str) -> Result<(), JsonError> {
        if !self.rest().starts_with(word.as_bytes()) {
            return Err(self.error(Expected::Value));
        }
        self.at += word.len();
        Ok(())
    }

    fn number(&mut self) -> Result<&'a str, JsonError> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _sign = self.take(b'-') || self.take(b'+');
            self.digits()?;
        }
        Ok(self.since(start))
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let count = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 {
            return Err(self.error(Expected::Digit));
        }
        self.at += count;
        Ok(())
    }

    /// Reads a text from its opening quotation mark on; borrows it where it has no escapes.
    fn string(&mut self) -> Result<&str, JsonError> {
        self.at += 1;
        let start = self.at;
        self.skip_plain()?;
        if self.peek() == Some(b'"') {
            let text = self.since(start);
            self.at += 1;
            return Ok(text);
        }
        self.scratch.clear();
        self.scratch.push_str(self.since(start));
        loop {
            if self.take(b'"') {
                return Ok(&self.scratch);
            }
            self.at += 1; // the backslash: nothing else stops `skip_plain`
            let character = self.escape()?;
            self.scratch.push(character);
            let start = self.at;
            self.skip_plain()?;
            self.scratch.push_str(self.since(start));
        }
    }

    /// Goes to the next quotation mark or backslash.
    fn skip_plain(&mut self) -> Result<(), JsonError> {
        self.at += plain_len(self.rest());
        match self.peek() {
            Some(b'"' | b'\\') => Ok(()),
            Some(_) => Err(self.error(Expected::Character)),
            None => Err(self.error(Expected::Quote)),
        }
    }

    /// Reads what follows a backslash.
    fn escape(&mut self) -> Result<char, JsonError> {
        let character = match self.peek() {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode_escape();
            }
            _ => return Err(self.error(Expected::Escape)),
        };
        self.at += 1;
        Ok(character)
    }

    /// Reads the digits of `\u` and, where they are the first half of a pair, the second half.
    fn unicode_escape(&mut self) -> Result<char, JsonError> {
        let first = self.hex4()?;
        if !(0xd800..0xdc00).contains(&first) || !self.rest().starts_with(b"\\u") {
            return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let behind_first = self.at;
        self.at += 2;
        let second = self.hex4()?;
        if (0xdc00..0xe000).contains(&second) {
            let pair = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            return Ok(char::from_u32(pair).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        // The second escape stands for itself.
        self.at = behind_first;
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn hex4(&mut self) -> Result<u32, JsonError> {
        let mut value = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            value = value << 4 | digit.ok_or_else(|| self.error(Expected::HexDigit))?;
            self.at += 1;
        }
        Ok(value)
    }
}

enum Number {
    Int(i64),
    Double(f64),
}

/// What the text of a number means.
fn number(text: &str) -> Number {
    if let Ok(value) = text.parse::<i64>()
        && !(value == 0 && text.starts_with('-'))
    {
        return Number::Int(value);
    }
    // What is a number to JSON is one to Rust.
    Number::Double(text.parse().unwrap_or(f64::NAN))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{Value, ValueBuilder};

    #[test]
    fn numbers_keep_their_type() {
        for (text, value) in [
            ("0", Value::Int(0)),
            ("-0", Value::Double(-0.0)),
            ("-0.0", Value::Double(-0.0)),
            ("1.0", Value::Double(1.0)),
            ("1e2", Value::Double(100.0)),
            ("9223372036854775807", Value::Int(i64::MAX)),
            ("-9223372036854775808", Value::Int(i64::MIN)),
            ("9223372036854775808", Value::Double(9_223_372_036_854_775_808.0)),
            ("1e999", Value::Double(f64::INFINITY)),
            (" \t\r\n12E-1 ", Value::Double(1.2)),
        ] {
            let read = Value::from_json(text).unwrap();
            assert_eq!(format!("{read:?}"), format!("{value:?}"), "{text}");
        }
        let long = "9".repeat(1_000_000);
        assert_eq!(Value::from_json(&long), Ok(Value::Double(f64::INFINITY)));
    }

    #[test]
    fn texts_with_escapes() {
        for (text, value) in [
            (r#""a\"\\\/\b\f\n\r\tz""#, "a\"\\/\u{8}\u{c}\n\r\tz"),
            (r#""\u00e9\uD83D\ude00é😀""#, "é😀é😀"),
            (r#""\ud83d""#, "\u{fffd}"),
            (r#""\ude00x""#, "\u{fffd}x"),
            (r#""\ud83d\ud83d\ude00""#, "\u{fffd}😀"),
            (r#""\ud83d\n""#, "\u{fffd}\n"),
            (r#""\ud83d\u0041""#, "\u{fffd}A"),
            (r#""\u0000""#, "\0"),
        ] {
            assert_eq!(Value::from_json(text), Ok(value.into()), "{text}");
        }
    }

    #[test]
    fn repeated_and_odd_keys_are_kept_in_order() {
        let value = Value::from_json(r#"{"b":1,"a":2,"b":3,"":4,"__proto__":5}"#).unwrap();
        assert_eq!(value.to_json(), r#"{"b":1,"a":2,"b":3,"":4,"__proto__":5}"#);
    }

    #[test]
    fn errors_say_where_and_what() {
        use Expected as E;
        for (text, at, expected) in [
            ("", 0, E::Value),
            ("  ", 2, E::Value),
            ("[1,]", 3, E::Value),
            ("[1 2]", 3, E::CommaOrArrayEnd),
            ("[", 1, E::Value),
            ("[}", 1, E::Value),
            ("]", 0, E::Value),
            ("{\"a\":1,}", 7, E::Key),
            ("{a:1}", 1, E::KeyOrEnd),
            ("{\"a\" 1}", 5, E::Colon),
            ("{\"a\":}", 5, E::Value),
            ("{\"a\":1]", 6, E::CommaOrMapEnd),
            ("1 x", 2, E::End),
            ("1,", 1, E::End),
            ("01", 1, E::End),
            ("-", 1, E::Digit),
            ("1.", 2, E::Digit),
            (".5", 0, E::Value),
            ("1e+", 3, E::Digit),
            ("+1", 0, E::Value),
            ("NaN", 0, E::Value),
            ("tru", 0, E::Value),
            ("\"a", 2, E::Quote),
            ("\"a\n\"", 2, E::Character),
            ("\"\\x\"", 2, E::Escape),
            ("\"\\u12g4\"", 5, E::HexDigit),
            ("\"\\ud83d\\u\"", 9, E::HexDigit),
            ("\u{feff}1", 0, E::Value),
        ] {
            assert_eq!(Value::from_json(text), Err(JsonError { at, expected }), "{text}");
        }
        let mut sink = ValueBuilder::default();
        let error = read(b"\"ab\xff\"", &mut sink).unwrap_err();
        assert_eq!(error, JsonError { at: 3, expected: E::Utf8 });
        assert_eq!(error.to_string(), "no JSON at byte 3: expected valid UTF-8");
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| "[{\"k\":".repeat(depth / 2) + "0" + &"}]".repeat(depth / 2);
        assert!(Value::from_json(&nested(128)).is_ok());
        let too_deep = Value::from_json(&nested(130)).unwrap_err();
        assert_eq!(too_deep.expected, Expected::LessDepth);
        assert!(Value::from_json(&"[".repeat(10_000_000)).is_err());
        let mut sink = ValueBuilder::default();
        assert!(read_within(b"[[1]]", 1, &mut sink).is_err());
        assert!(read_within(b"[[1]]", 2, &mut sink).is_ok());
    }
}
