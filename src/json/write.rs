//! The sink that writes JSON.

use core::fmt::Write as _;

use super::scan::plain_len;
use crate::value::ValueSink;

/// What stands between the parts of a JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Style {
    /// Nothing but commas and colons.
    #[default]
    Compact,
    /// A space behind each comma and colon, as Python's `json` prints.
    Spaced,
}

/// Writes what it is told as JSON text. Non-ASCII characters stand as they are.
///
/// ```
/// use spanloom::json::{Style, Writer};
/// use spanloom::value::ValueSink;
/// let mut text = String::new();
/// let mut json = Writer::new(&mut text, Style::Spaced);
/// json.begin_map();
/// json.key("a");
/// json.int(1);
/// json.key("b");
/// json.string("x\ny");
/// json.end_map();
/// assert_eq!(text, r#"{"a": 1, "b": "x\ny"}"#);
/// ```
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut String,
    style: Style,
    /// A value came before in the same container, so a comma goes before the next.
    comma: bool,
}

impl<'a> Writer<'a> {
    /// Appends to `out`.
    #[must_use]
    pub const fn new(out: &'a mut String, style: Style) -> Self {
        Self { out, style, comma: false }
    }

    fn before_value(&mut self) {
        if core::mem::replace(&mut self.comma, true) {
            self.out.push_str(if self.style == Style::Spaced { ", " } else { "," });
        }
    }

    fn put(&mut self, text: &str) {
        self.before_value();
        self.out.push_str(text);
    }

    /// A number of which the values of attributes have only half.
    pub(crate) fn uint(&mut self, value: u64) {
        self.before_value();
        let _ = write!(self.out, "{value}");
    }

    fn open(&mut self, bracket: char) {
        self.before_value();
        self.out.push(bracket);
        self.comma = false;
    }

    fn close(&mut self, bracket: char) {
        self.out.push(bracket);
        self.comma = true;
    }
}

impl ValueSink for Writer<'_> {
    fn null(&mut self) {
        self.put("null");
    }
    fn bool(&mut self, value: bool) {
        self.put(if value { "true" } else { "false" });
    }
    fn int(&mut self, value: i64) {
        self.before_value();
        // Writing to a String cannot fail; the same holds below.
        let _ = write!(self.out, "{value}");
    }
    fn double(&mut self, value: f64) {
        if value.is_nan() {
            self.put("\"NaN\"");
        } else if value.is_infinite() {
            self.put(if value > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" });
        } else {
            // The debug form always has a point or an exponent: it reads back as a double.
            self.before_value();
            let _ = write!(self.out, "{value:?}");
        }
    }
    fn string(&mut self, value: &str) {
        self.before_value();
        put_string(self.out, value);
    }
    fn bytes(&mut self, value: &[u8]) {
        self.before_value();
        self.out.push('"');
        put_base64(self.out, value);
        self.out.push('"');
    }
    fn begin_array(&mut self) {
        self.open('[');
    }
    fn end_array(&mut self) {
        self.close(']');
    }
    fn begin_map(&mut self) {
        self.open('{');
    }
    fn key(&mut self, key: &str) {
        self.before_value();
        put_string(self.out, key);
        self.out.push_str(if self.style == Style::Spaced { ": " } else { ":" });
        self.comma = false;
    }
    fn end_map(&mut self) {
        self.close('}');
    }
}

/// Appends a text with its quotes; what needs no escape is copied in runs.
fn put_string(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    loop {
        let at = plain_len(rest.as_bytes());
        if at == rest.len() {
            break;
        }
        // The byte is ASCII, so both cuts are between characters.
        let (plain, tail) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(plain);
        let mut chars = tail.chars();
        match chars.next() {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some('\u{8}') => out.push_str("\\b"),
            Some('\u{c}') => out.push_str("\\f"),
            Some(control) => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            None => {}
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

/// Appends bytes as base64 with padding (RFC 4648, the standard alphabet).
pub(crate) fn put_base64(out: &mut String, bytes: &[u8]) {
    const fn digit(six_bits: u8) -> char {
        (match six_bits & 63 {
            value @ 0..26 => b'A' + value,
            value @ 26..52 => b'a' + (value - 26),
            value @ 52..62 => b'0' + (value - 52),
            62 => b'+',
            _ => b'/',
        }) as char
    }
    out.reserve(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let at = |index: usize| group.get(index).copied().unwrap_or(0);
        let [a, b, c] = [at(0), at(1), at(2)];
        out.push(digit(a >> 2));
        out.push(digit(a << 4 | b >> 4));
        out.push(if group.len() > 1 { digit(b << 2 | c >> 6) } else { '=' });
        out.push(if group.len() > 2 { digit(c) } else { '=' });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;

    #[test]
    fn numbers_have_their_shortest_text_and_keep_their_type() {
        for (value, text) in [
            (Value::from(1.0), "1.0"),
            (Value::from(-0.0), "-0.0"),
            (Value::from(1e300), "1e300"),
            (Value::from(5e-324), "5e-324"),
            (Value::from(0.1 + 0.2), "0.30000000000000004"),
            (Value::from(123_456_789.125), "123456789.125"),
            (Value::from(f64::MAX), "1.7976931348623157e308"),
            (Value::from(f64::NAN), "\"NaN\""),
            (Value::from(f64::INFINITY), "\"Infinity\""),
            (Value::from(f64::NEG_INFINITY), "\"-Infinity\""),
            (Value::from(i64::MIN), "-9223372036854775808"),
            (Value::from(9_007_199_254_740_993_i64), "9007199254740993"),
        ] {
            assert_eq!(value.to_json(), text);
        }
    }

    #[test]
    fn texts_are_escaped_where_json_asks_for_it() {
        let value = Value::from("\u{0}\u{1f}\u{7f}\u{2028}\"\\/\n\r\t\u{8}\u{c}ü😀");
        assert_eq!(value.to_json(), "\"\\u0000\\u001f\u{7f}\u{2028}\\\"\\\\/\\n\\r\\t\\b\\fü😀\"");
    }

    #[test]
    fn bytes_are_base64() {
        for (bytes, text) in [
            (&b""[..], ""),
            (b"f", "Zg=="),
            (b"fo", "Zm8="),
            (b"foo", "Zm9v"),
            (b"\xfb\xef\xff\x00", "++//AA=="),
        ] {
            assert_eq!(Value::Bytes(bytes.into()).to_json(), format!("\"{text}\""));
        }
    }

    #[test]
    fn containers_in_both_styles() {
        let value = Value::from([
            ("a", Value::Array(vec![1.into(), Value::Array(vec![]), Value::Null])),
            ("b", Value::Map(vec![])),
            ("c", Value::from([("d", true.into())])),
        ]);
        assert_eq!(value.to_json(), r#"{"a":[1,[],null],"b":{},"c":{"d":true}}"#);
        let mut text = String::new();
        value.tell(&mut Writer::new(&mut text, Style::Spaced));
        assert_eq!(text, r#"{"a": [1, [], null], "b": {}, "c": {"d": true}}"#);
    }
}
