//! Texts between their neighbours: what must not stand there as it is.

use crate::json::plain_len;

/// Appends the value of a label, without its quotation marks.
#[inline]
pub(super) fn put_label_value(out: &mut String, text: &str) {
    put_escaped(out, text, true);
}

/// Appends a HELP text; OpenMetrics escapes quotation marks there too.
pub(super) fn put_help(out: &mut String, text: &str, quotes: bool) {
    put_escaped(out, text, quotes);
}

#[inline]
fn put_escaped(out: &mut String, text: &str, quotes: bool) {
    // What JSON lets stand as it is needs no escape here either.
    if plain_len(text.as_bytes()) == text.len() { out.push_str(text) } else { put_slowly(out, text, quotes) }
}

#[cold]
fn put_slowly(out: &mut String, text: &str, quotes: bool) {
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if quotes => out.push_str("\\\""),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_three_characters_are_escaped() {
        let mut out = String::new();
        put_label_value(&mut out, "a\"b\\c\nd\re\tf\u{0}é");
        assert_eq!(out, "a\\\"b\\\\c\\nd\re\tf\u{0}é");
        out.clear();
        put_help(&mut out, "say \"x\"\n\\", false);
        assert_eq!(out, "say \"x\"\\n\\\\");
    }
}
