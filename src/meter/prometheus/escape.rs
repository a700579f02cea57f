//! Texts between their neighbours: what must not stand there as it is.

use crate::json::plain_len;

/// Appends the value of a label, without its quotation marks.
#[inline]
pub(super) fn put_label_value(out: &mut Vec<u8>, text: &[u8]) {
    put_escaped(out, text, true);
}

/// Appends a HELP text; OpenMetrics escapes quotation marks there too.
pub(super) fn put_help(out: &mut Vec<u8>, text: &[u8], quotes: bool) {
    put_escaped(out, text, quotes);
}

#[inline]
fn put_escaped(out: &mut Vec<u8>, text: &[u8], quotes: bool) {
    // What JSON lets stand as it is needs no escape here either.
    if plain_len(text) == text.len() { out.extend_from_slice(text) } else { put_slowly(out, text, quotes) }
}

#[cold]
fn put_slowly(out: &mut Vec<u8>, text: &[u8], quotes: bool) {
    for byte in text {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'"' if quotes => out.extend_from_slice(b"\\\""),
            other => out.push(*other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_three_characters_are_escaped() {
        let mut out = Vec::new();
        put_label_value(&mut out, "a\"b\\c\nd\re\tf\u{0}é".as_bytes());
        assert_eq!(out, "a\\\"b\\\\c\\nd\re\tf\u{0}é".as_bytes());
        out.clear();
        put_help(&mut out, b"say \"x\"\n\\", false);
        assert_eq!(out, b"say \"x\"\\n\\\\");
    }
}
