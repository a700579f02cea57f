//! Which keys a list of key-value pairs has, and where.

use core::ops::Range;

use crate::otlp::wire::take_varint;

/// Where the attributes of a span stand, by their keys.
///
/// A span has few attributes, so a plain list of hashes is searched from end to end: that is faster than any table up to
/// far more keys than the limits allow.
#[derive(Debug, Default)]
pub(super) struct KeyIndex {
    /// The places that are taken, and room for more.
    places: Vec<Place>,
    /// How many are taken.
    count: usize,
    /// A bit for each hash that is there, by its low six bits: a key whose bit is not set is new, which most are.
    seen: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Place {
    hash: u32,
    /// Where the pair starts. Spans are far shorter than that can say.
    start: u32,
}

impl Place {
    #[inline(always)]
    fn start(self) -> usize {
        usize::try_from(self.start).unwrap_or(usize::MAX)
    }
}

#[inline(always)]
fn short(start: usize) -> u32 {
    u32::try_from(start).unwrap_or(u32::MAX)
}

impl KeyIndex {
    #[inline]
    pub(super) fn clear(&mut self) {
        self.count = 0;
        self.seen = 0;
    }

    /// Notes that the pair with the key of this hash starts at `start`.
    #[inline]
    pub(super) fn add(&mut self, hash: u32, start: usize) {
        if self.count == self.places.len() {
            self.grow();
        }
        self.add_in_room(hash, start);
    }

    /// As [`Self::add`], where there is room.
    #[inline(always)]
    pub(super) fn add_in_room(&mut self, hash: u32, start: usize) {
        if let Some(place) = self.places.get_mut(self.count) {
            *place = Place { hash, start: short(start) };
            self.count += 1;
            self.seen |= bit(hash);
        }
    }

    #[cold]
    fn grow(&mut self) {
        self.places.resize((2 * self.count).max(16), Place::default());
    }

    fn taken(&self) -> &[Place] {
        self.places.get(..self.count).unwrap_or_default()
    }

    /// False where a key with this hash may be there.
    #[cfg(not(target_arch = "wasm32"))]
    #[inline(always)]
    pub(super) const fn is_new(&self, hash: u32) -> bool {
        self.seen & bit(hash) == 0
    }

    /// How many keys there are.
    #[cfg(not(target_arch = "wasm32"))]
    #[inline(always)]
    pub(super) const fn len(&self) -> usize {
        self.count
    }

    /// How many keys there is room for.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) const fn capacity(&self) -> usize {
        self.places.len()
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
        for (index, place) in self.taken().iter().enumerate() {
            if place.hash == hash && self.key_at(index, out) == Some(key.as_bytes()) {
                return Some(index);
            }
        }
        None
    }

    /// The key of a pair, read from the pair itself.
    #[cold]
    fn key_at<'a>(&self, index: usize, out: &'a [u8]) -> Option<&'a [u8]> {
        let (_, pair) = pair_at(out, self.taken().get(index)?.start())?;
        key_of(pair)
    }

    /// Where a pair stands, tag and length included.
    pub(super) fn range(&self, index: usize, out: &[u8]) -> Option<Range<usize>> {
        let start = self.taken().get(index)?.start();
        pair_at(out, start).map(|(end, _)| start..end)
    }

    /// Notes that the pair at `start` went from `old` bytes to `new`: what stands behind it has moved.
    pub(super) fn shift(&mut self, start: usize, old: usize, new: usize) {
        for place in self.places.iter_mut().take(self.count) {
            if place.start() > start {
                place.start = short(place.start() + new - old);
            }
        }
    }
}

/// The end of the length-delimited field that starts at `start`, and its content.
pub(super) fn pair_at(out: &[u8], start: usize) -> Option<(usize, &[u8])> {
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
