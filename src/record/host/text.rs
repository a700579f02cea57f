//! Texts of hosts: UTF-8, or made so.

use core::cell::OnceCell;

/// Repaired texts, each with the place for the next one. Texts that need no repair are not copied, and nothing that reads
/// them has to know which kind it has.
#[derive(Debug, Default)]
pub(super) struct Repaired {
    next: OnceCell<Box<(String, Repaired)>>,
}

impl Drop for Repaired {
    /// One after the other: there may be more of them than the stack has room for.
    fn drop(&mut self) {
        let mut next = self.next.take();
        while let Some(mut kept) = next {
            next = kept.1.next.take();
        }
    }
}

/// Where repaired texts are kept, and how many there were.
#[derive(Debug, Clone, Copy)]
pub(super) struct Repairs<'a> {
    place: &'a Repaired,
    pub(super) count: u64,
}

impl<'a> Repairs<'a> {
    pub(super) const fn new(place: &'a Repaired) -> Self {
        Self { place, count: 0 }
    }

    /// For a reader that goes over a part; [`Self::join`] comes after it.
    pub(super) const fn fork(&self) -> Self {
        Self { place: self.place, count: 0 }
    }

    pub(super) const fn join(&mut self, part: Self) {
        self.place = part.place;
        self.count += part.count;
    }

    /// Keeps a text as long as the place lives.
    pub(super) fn keep(&mut self, text: String) -> &'a str {
        while let Some(kept) = self.place.next.get() {
            self.place = &kept.1;
        }
        let kept = self.place.next.get_or_init(|| Box::new((text, Repaired::default())));
        self.place = &kept.1;
        &kept.0
    }
}

/// The bytes as text. What is no UTF-8 is repaired the way JavaScript's encoder does it: a lone surrogate becomes one
/// U+FFFD, and two that belong together become the character that they mean. Any other broken sequence becomes U+FFFD.
#[inline]
pub(super) fn text<'a>(bytes: &'a [u8], repairs: &mut Repairs<'a>) -> &'a str {
    match core::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => repaired(bytes, repairs),
    }
}

#[cold]
fn repaired<'a>(bytes: &[u8], repairs: &mut Repairs<'a>) -> &'a str {
    repairs.count += 1;
    repairs.keep(repair(bytes))
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
            let place = Repaired::default();
            let mut repairs = Repairs::new(&place);
            assert_eq!(text(bytes, &mut repairs), expected, "{bytes:?}");
            assert_eq!(repairs.count, u64::from(core::str::from_utf8(bytes).is_err()));
        }
    }

    #[test]
    fn a_million_repaired_texts_are_kept_and_dropped() {
        let place = Repaired::default();
        let mut repairs = Repairs::new(&place);
        let stale = repairs;
        let mut part = repairs.fork();
        assert_eq!(text(b"\xff", &mut part), "\u{fffd}");
        repairs.join(part);
        for _ in 0..1_000_000 {
            text(b"a\xff", &mut repairs);
        }
        assert_eq!(repairs.count, 1_000_001);
        assert_eq!(stale.fork().keep("last".into()), "last");
    }
}
