//! A byte buffer for short pieces.
//!
//! A span is written as many pieces of a few bytes each, and what they cost is not the bytes but the steps around them: room
//! is checked, a length is set, a copy is called. Here the bytes behind the end exist already (as zeros or leftovers), so a
//! piece is written into a window of fixed size with one check for all of it, and only then the end moves. Texts of up to
//! [`SHORT`] bytes are copied without a call, as two overlapping chunks.

use core::ops::Range;

/// Texts of up to this many bytes are short.
pub(super) const SHORT: usize = 40;

/// The bytes up to the end, and room behind it.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    end: usize,
}

impl Buffer {
    #[inline]
    pub(super) const fn len(&self) -> usize {
        self.end
    }

    #[inline]
    pub(super) const fn clear(&mut self) {
        self.end = 0;
    }

    #[inline]
    pub(super) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.end).unwrap_or_default()
    }

    /// Where the room ends that is there already.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) const fn room_end(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// The next `N` bytes behind the end, to be written before [`Self::advance`]. There is always room for them.
    #[inline]
    pub(super) fn window<const N: usize>(&mut self) -> Option<&mut [u8; N]> {
        self.make_room(N);
        self.window_in_room()
    }

    /// As [`Self::window`], where there is room for it already.
    #[inline(always)]
    pub(super) fn window_in_room<const N: usize>(&mut self) -> Option<&mut [u8; N]> {
        self.bytes.get_mut(self.end..).and_then(<[u8]>::first_chunk_mut)
    }

    /// As [`Self::put`], where there is room for it already.
    #[inline(always)]
    pub(super) fn put_in_room(&mut self, slice: &[u8]) {
        let start = self.end;
        if let Some(place) = self.bytes.get_mut(start..start + slice.len()) {
            self.end = start + slice.len();
            place.copy_from_slice(slice);
        }
    }

    /// Makes sure that there is room for so many bytes.
    #[inline]
    pub(super) fn make_room(&mut self, wanted: usize) {
        if self.bytes.len() < self.end + wanted {
            self.grow(wanted);
        }
    }

    #[cold]
    fn grow(&mut self, wanted: usize) {
        let length = (self.end + wanted).max(512).next_power_of_two();
        self.bytes.resize(length, 0);
    }

    /// Takes the next bytes in, which were written through a window.
    #[inline]
    pub(super) const fn advance(&mut self, written: usize) {
        self.end += written;
    }

    /// Appends a slice of any length.
    #[inline]
    pub(super) fn put(&mut self, slice: &[u8]) {
        self.make_room(slice.len());
        self.put_in_room(slice);
    }

    /// Overwrites what stands at `at`.
    #[inline]
    pub(super) fn patch<const N: usize>(&mut self, at: usize, piece: [u8; N]) {
        put_array(&mut self.bytes, at, piece);
    }

    /// Puts `new` where `range` stands; what is behind it moves.
    pub(super) fn replace(&mut self, range: Range<usize>, new: &[u8]) {
        let tail = self.as_slice().get(range.end..).unwrap_or_default().to_vec();
        self.end = range.start;
        self.put(new);
        self.put(&tail);
    }
}

/// Writes an array at `at`.
#[inline]
pub(super) fn put_array<const N: usize>(window: &mut [u8], at: usize, piece: [u8; N]) {
    if let Some(place) = window.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<N>) {
        *place = piece;
    }
}

/// Copies at most [`SHORT`] bytes to `at`, without calling a copy routine.
#[inline]
pub(super) fn put_short(window: &mut [u8], at: usize, text: &[u8]) {
    if let (Some(first), Some(last)) = (text.first_chunk::<16>(), text.last_chunk::<16>()) {
        put_array(window, at, *first);
        if let Some(middle) = text.get(16..).and_then(<[u8]>::first_chunk::<16>) {
            put_array(window, at + 16, *middle);
        }
        put_array(window, at + text.len() - 16, *last);
    } else if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        put_array(window, at, *first);
        put_array(window, at + text.len() - 8, *last);
    } else if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        put_array(window, at, *first);
        put_array(window, at + text.len() - 4, *last);
    } else {
        for (index, byte) in text.iter().enumerate() {
            put_array(window, at + index, [*byte]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_texts_of_every_length_arrive() {
        for length in 0..=SHORT {
            let text: Vec<u8> = (1..=u8::try_from(length).unwrap()).collect();
            let mut buffer = Buffer::default();
            put_short(buffer.window::<64>().unwrap(), 3, &text);
            buffer.advance(3 + length);
            assert_eq!(buffer.as_slice()[3..], text, "length {length}");
        }
    }

    #[test]
    fn pieces_are_appended_patched_and_replaced() {
        let mut buffer = Buffer::default();
        buffer.put(b"abcdef");
        buffer.patch(1, *b"XY");
        buffer.replace(0..2, b"long");
        assert_eq!(buffer.as_slice(), b"longYdef");
        buffer.put(&[7; 10_000]);
        assert_eq!(buffer.len(), 10_008);
        buffer.clear();
        assert_eq!(buffer.as_slice(), b"");
    }
}
