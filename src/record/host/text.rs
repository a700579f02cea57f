//! Texts of hosts: UTF-8, or made so.

use std::borrow::Cow;

/// The bytes as text. What is no UTF-8 is repaired the way JavaScript's encoder does it: a lone surrogate becomes one
/// U+FFFD, and two that belong together become the character that they mean. Any other broken sequence becomes U+FFFD.
#[inline]
pub(super) fn text<'a>(bytes: &'a [u8], repaired: &mut u64) -> Cow<'a, str> {
    match core::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => {
            *repaired += 1;
            Cow::Owned(repair(bytes))
        }
    }
}

#[cold]
fn repair(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        let (valid, broken) = match core::str::from_utf8(rest) {
            Ok(valid) => (valid, 0),
            Err(error) => {
                let (valid, _) = rest.split_at(error.valid_up_to());
                (
                    core::str::from_utf8(valid).unwrap_or_default(),
                    error.error_len().unwrap_or(rest.len() - valid.len()),
                )
            }
        };
        out.push_str(valid);
        rest = rest.get(valid.len()..).unwrap_or_default();
        if rest.is_empty() {
            break;
        }
        let (character, length) = match (surrogate(rest), rest.get(3..).and_then(surrogate)) {
            (Some(high @ 0xd800..0xdc00), Some(low @ 0xdc00..=0xdfff)) => {
                let code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 6)
            }
            (Some(_), _) => (char::REPLACEMENT_CHARACTER, 3),
            (None, _) => (char::REPLACEMENT_CHARACTER, broken.max(1)),
        };
        out.push(character);
        rest = rest.get(length..).unwrap_or_default();
    }
    out
}

/// The surrogate that these bytes begin with, in the three bytes that UTF-8 does not allow for it.
fn surrogate(bytes: &[u8]) -> Option<u32> {
    match bytes {
        [0xed, second @ 0xa0..=0xbf, third @ 0x80..=0xbf, ..] => {
            Some(0xd000 | u32::from(second & 0x3f) << 6 | u32::from(third & 0x3f))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_texts_are_repaired() {
        let cases: [(&[u8], &str); 9] = [
            (b"plain", "plain"),
            ("a😀\u{0}\u{feff}ب".as_bytes(), "a😀\u{0}\u{feff}ب"),
            (b"a\xed\xa0\xbdb", "a\u{fffd}b"),
            (b"\xed\xb8\x80\xed\xa0\xbd", "\u{fffd}\u{fffd}"),
            (b"x\xed\xa0\xbd\xed\xb8\x80y", "x😀y"),
            (b"\xff\xfe", "\u{fffd}\u{fffd}"),
            (b"cut \xf0\x9f\x98", "cut \u{fffd}"),
            (b"overlong \xc0\xaf", "overlong \u{fffd}\u{fffd}"),
            (b"\xed\xa0", "\u{fffd}\u{fffd}"),
        ];
        for (bytes, expected) in cases {
            let mut repaired = 0;
            assert_eq!(text(bytes, &mut repaired), expected, "{bytes:?}");
            assert_eq!(repaired, u64::from(core::str::from_utf8(bytes).is_err()));
        }
    }
}
