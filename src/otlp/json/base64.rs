//! Base64 as proto3 JSON reads it.

/// The bytes that a text means: the standard or the URL alphabet, with padding or without. `None` when it is neither.
pub(super) fn decode(text: &str, out: &mut Vec<u8>) -> Option<()> {
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    if padding > 0 && (!text.len().is_multiple_of(4) || padding > 2) {
        return None;
    }
    for group in digits.as_bytes().chunks(4) {
        let mut bits = 0u32;
        for &digit in group {
            bits = bits << 6 | u32::from(value(digit)?);
        }
        match group.len() {
            4 => out.extend_from_slice(bits.to_be_bytes().get(1..)?),
            3 if bits & 3 == 0 => out.extend_from_slice((bits << 6).to_be_bytes().get(1..3)?),
            2 if bits & 15 == 0 => out.extend_from_slice((bits << 12).to_be_bytes().get(1..2)?),
            // One digit is no byte, and bits behind the last byte are no base64.
            _ => return None,
        }
    }
    Some(())
}

const fn value(digit: u8) -> Option<u8> {
    Some(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn both_alphabets_with_and_without_padding() {
        for (text, bytes) in [
            ("", Some(&b""[..])),
            ("Zg==", Some(b"f")),
            ("Zg", Some(b"f")),
            ("Zm8=", Some(b"fo")),
            ("Zm9v", Some(b"foo")),
            ("++//AA==", Some(b"\xfb\xef\xff\x00")),
            ("--__AA", Some(b"\xfb\xef\xff\x00")),
            ("Zg=", None),
            ("Z", None),
            ("Zm9vZ", None),
            ("Zh==", None),
            ("Zm9=", None),
            ("=", None),
            ("Zg===", None),
            ("Z g=", None),
        ] {
            let mut out = Vec::new();
            assert_eq!(super::decode(text, &mut out).map(|()| out.as_slice()), bytes, "{text}");
        }
    }
}
