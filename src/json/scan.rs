//! Finds the characters at which a JSON text is not plain, eight bytes at a time.

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// How many bytes come before the first control character, quotation mark or backslash.
pub(crate) fn plain_len(text: &[u8]) -> usize {
    let mut plain = 0;
    let mut words = text.chunks_exact(8);
    for word in &mut words {
        let Ok(bytes) = word.try_into() else { break };
        let word = u64::from_le_bytes(bytes);
        // Each test sets the highest bit of the bytes it is about; bits behind the first such byte may be wrong.
        let control = word.wrapping_sub(LOW * 0x20) & !word;
        let quote = zero_bytes(word ^ (LOW * 0x22));
        let backslash = zero_bytes(word ^ (LOW * 0x5c));
        let found = (control | quote | backslash) & HIGH;
        if found != 0 {
            return plain + (found.trailing_zeros() / 8) as usize;
        }
        plain += 8;
    }
    let is_special = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
    plain + words.remainder().iter().position(is_special).unwrap_or(words.remainder().len())
}

const fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(LOW) & !word
}

#[cfg(test)]
mod tests {
    use super::plain_len;

    #[test]
    fn every_byte_at_every_place() {
        for byte in 0..=255u8 {
            for place in 0..20 {
                for after in [b'x', 0, b'"', 0xff] {
                    let mut text = [b'x'; 20];
                    text[place..].fill(after);
                    text[place] = byte;
                    let slow = text.iter().position(|byte| *byte < 0x20 || *byte == b'"' || *byte == b'\\');
                    assert_eq!(plain_len(&text), slow.unwrap_or(20), "{text:?}");
                }
            }
        }
    }
}
