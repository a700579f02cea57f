//! Which keys a list of key-value pairs has, and where.

use core::ops::Range;

use crate::otlp::wire::take_varint;

/// Where the attributes of a span stand, by their keys.
///
/// A span has few attributes, so a plain list of hashes is searched from end to end: that is faster than any table up to
/// far more keys than the limits allow.
#[derive(Debug, Default)]
pub(super) struct KeyIndex {
    places: Vec<Place>,
    /// A bit for each hash that is there, by its low six bits: a key whose bit is not set is new, which most are.
    seen: u64,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    hash: u32,
    /// Where the pair starts.
    start: u32,
}

impl KeyIndex {
    #[inline]
    pub(super) fn clear(&mut self) {
        self.places.clear();
        self.seen = 0;
    }

    /// Notes that the pair with the key of this hash starts at `start`.
    #[inline]
    pub(super) fn add(&mut self, hash: u32, start: usize) {
        self.seen |= bit(hash);
        self.places.push(Place { hash, start: u32::try_from(start).unwrap_or(u32::MAX) });
    }

    /// As [`Self::add`], where no key with a hash like this is there and no room has to be made; false, and nothing is noted,
    /// where either may be.
    #[cfg(not(target_arch = "wasm32"))]
    #[inline(always)]
    pub(super) fn add_new(&mut self, hash: u32, start: usize) -> bool {
        if self.seen & bit(hash) != 0 || self.places.len() == self.places.capacity() {
            return false;
        }
        self.add(hash, start);
        true
    }

    /// The index of the pair with this key, whose hash is `hash`.
    #[inline]
    pub(super) fn find(&self, out: &[u8], key: &str, hash: u32) -> Option<usize> {
        if self.seen & bit(hash) == 0 {
            return None;
        }
        self.find_seen(out, key, hash)
    }

    fn find_seen(&self, out: &[u8], key: &str, hash: u32) -> Option<usize> {
        for (index, place) in self.places.iter().enumerate() {
            if place.hash == hash && self.key_at(index, out) == Some(key.as_bytes()) {
                return Some(index);
            }
        }
        None
    }

    /// The key of a pair, read from the pair itself.
    #[cold]
    fn key_at<'a>(&self, index: usize, out: &'a [u8]) -> Option<&'a [u8]> {
        let (_, pair) = pair_at(out, self.places.get(index)?.start as usize)?;
        key_of(pair)
    }

    /// Where a pair stands, tag and length included.
    pub(super) fn range(&self, index: usize, out: &[u8]) -> Option<Range<usize>> {
        let start = self.places.get(index)?.start as usize;
        pair_at(out, start).map(|(end, _)| start..end)
    }

    /// Notes that the pair at `start` went from `old` bytes to `new`: what stands behind it has moved.
    pub(super) fn shift(&mut self, start: usize, old: usize, new: usize) {
        for place in &mut self.places {
            if place.start as usize > start {
                place.start = u32::try_from(place.start as usize + new - old).unwrap_or(u32::MAX);
            }
        }
    }
}

/// The end of the length-delimited field that starts at `start`, and its content.
fn pair_at(out: &[u8], start: usize) -> Option<(usize, &[u8])> {
    let mut rest = out.get(start..)?;
    take_varint(&mut rest).ok()?;
    let length = usize::try_from(take_varint(&mut rest).ok()?).ok()?;
    let content = rest.get(..length)?;
    Some((out.len() - rest.len() + length, content))
}

#[inline]
const fn bit(hash: u32) -> u64 {
    1 << (hash & 63)
}

/// The key of a pair: its first field, as all pairs here were written by this crate.
fn key_of(pair: &[u8]) -> Option<&[u8]> {
    pair_at(pair, 0).map(|(_, key)| key)
}

/// True where one of these length-delimited fields has this content.
pub(super) fn has_field(fields: &[u8], content: &[u8]) -> bool {
    let mut start = 0;
    while let Some((end, found)) = pair_at(fields, start) {
        if found == content {
            return true;
        }
        start = end;
    }
    false
}

/// Where the pair with this key stands among the pairs from `from` on.
pub(super) fn find_key_value(out: &[u8], from: usize, number: u32, key: &str) -> Option<Range<usize>> {
    let mut start = from;
    while start < out.len() {
        let (end, pair) = pair_at(out, start)?;
        if key_of(pair) == Some(key.as_bytes()) && number > 0 {
            return Some(start..end);
        }
        start = end;
    }
    None
}

/// Puts `new` where `range` stands. `Vec::splice` does the same for any iterator, and would be a good part of the module.
pub(super) fn replace_range(out: &mut Vec<u8>, range: Range<usize>, new: &[u8]) {
    let tail = out.get(range.end..).unwrap_or_default().to_vec();
    out.truncate(range.start);
    out.extend_from_slice(new);
    out.extend_from_slice(&tail);
}

/// A number that differs for most different keys: the length and the first and last eight bytes, mixed.
#[inline]
pub(super) fn key_hash(key: &[u8]) -> u32 {
    let (first, last) = match (key.first_chunk::<8>(), key.last_chunk::<8>()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => {
            let mut bytes = [0; 8];
            for (place, byte) in bytes.iter_mut().zip(key) {
                *place = *byte;
            }
            (u64::from_le_bytes(bytes), 0)
        }
    };
    let mixed =
        (first ^ last.rotate_left(29) ^ ((key.len() as u64) << 56)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let [a, b, c, d, ..] = mixed.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}
