//! A piece of a thread's records: written by that thread, read by another at the same time, without a lock.
//!
//! The bytes are only ever appended. One number tells how many there are and how many spans they end; the writer sets it
//! behind each append, and readers look at nothing behind it. So what the writer writes and what readers read never meet:
//!
//! ```text
//!  bytes   [ record │ record │ record │ free ................ ]
//!                                     ▲
//!  filled ────────────────────────────┘   readers: everything before it        writer: everything behind it
//! ```
//!
//! This is the one file with `unsafe` on the way of a span. What it relies on: there is one [`Writer`] for a chunk, since only
//! [`Writer::new`] makes one and it cannot be cloned; and a length that was stored with `Release` after the bytes, and loaded
//! with `Acquire` before them, makes them visible.
#![expect(unsafe_code, reason = "a lock for each span costs more than the span's own bytes; see above")]

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::record::ENVELOPE_LEN;

/// Records of one thread, as many as fit.
pub(super) struct Chunk {
    /// How far it is filled, as one number, so that all of it is seen together.
    filled: AtomicU64,
    bytes: Box<[UnsafeCell<MaybeUninit<u8>>]>,
}

// SAFETY: bytes before `filled` are never written again, bytes behind it are touched by the one writer alone.
unsafe impl Sync for Chunk {}

/// How far a chunk is filled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Filled {
    pub(super) bytes: u32,
    /// Records of spans that have ended.
    pub(super) spans: u16,
    /// How often something else was appended.
    pub(super) others: u16,
}

/// One more span, and one more of something else, in the number of [`Filled`].
const SPAN: u64 = 1 << 32;
const OTHER: u64 = 1 << 48;
/// No chunk is larger. The shortest record is an envelope, so neither number overflows.
const MOST_BYTES: usize = ENVELOPE_LEN * u16::MAX as usize;

impl Filled {
    #[inline]
    const fn from_number(number: u64) -> Self {
        let [b0, b1, b2, b3, s0, s1, o0, o1] = number.to_le_bytes();
        Self {
            bytes: u32::from_le_bytes([b0, b1, b2, b3]),
            spans: u16::from_le_bytes([s0, s1]),
            others: u16::from_le_bytes([o0, o1]),
        }
    }
}

impl Chunk {
    /// How far it is filled by now.
    pub(super) fn filled(&self) -> Filled {
        Filled::from_number(self.filled.load(Ordering::Acquire))
    }

    /// The bytes between two states of the chunk, or none where the later one has not been reached.
    pub(super) fn between(&self, from: Filled, to: Filled) -> &[u8] {
        self.as_ref().get(from.bytes as usize..to.bytes as usize).unwrap_or_default()
    }

    /// Bytes that it has room for.
    #[cfg(test)]
    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl AsRef<[u8]> for Chunk {
    /// What it is filled with by now.
    fn as_ref(&self) -> &[u8] {
        let filled = self.filled().bytes as usize;
        let Some(cells) = self.bytes.get(..filled) else { return &[] };
        // SAFETY: all of these bytes stand before `filled`: they have been written, and are not written again while somebody
        // holds the chunk.
        unsafe { std::slice::from_raw_parts(cells.as_ptr().cast(), cells.len()) }
    }
}

/// The one that writes to a chunk.
pub(super) struct Writer {
    chunk: Arc<Chunk>,
    /// As in the chunk, where only this writer changes it.
    filled: u64,
}

impl Writer {
    /// A writer to a new chunk for so many bytes.
    pub(super) fn new(capacity: usize) -> Self {
        let capacity = capacity.min(MOST_BYTES);
        let bytes = (0..capacity).map(|_| UnsafeCell::new(MaybeUninit::uninit())).collect();
        Self { chunk: Arc::new(Chunk { filled: AtomicU64::new(0), bytes }), filled: 0 }
    }

    /// A writer to a chunk that nobody else holds any more, from its start; `None` where somebody does.
    pub(super) fn again(mut chunk: Arc<Chunk>) -> Option<Self> {
        *Arc::get_mut(&mut chunk)?.filled.get_mut() = 0;
        Some(Self { chunk, filled: 0 })
    }

    /// The chunk, for readers.
    pub(super) const fn chunk(&self) -> &Arc<Chunk> {
        &self.chunk
    }

    /// Appends the record of a span that has ended, or records of another kind; false, and nothing is written, where there is
    /// no room.
    #[inline]
    pub(super) fn append(&mut self, bytes: &[u8], is_ended_span: bool) -> bool {
        let at = Filled::from_number(self.filled).bytes as usize;
        let Some(place) = self.chunk.bytes.get(at..).and_then(|free| free.get(..bytes.len())) else {
            return false;
        };
        // SAFETY: `place` is as long as `bytes` and stands behind `filled`, where nobody but this one writer reads or writes;
        // it is reached through `UnsafeCell`s.
        unsafe {
            std::ptr::copy_nonoverlapping(
                bytes.as_ptr(),
                UnsafeCell::raw_get(place.as_ptr()).cast(),
                bytes.len(),
            );
        }
        self.filled += if is_ended_span { SPAN } else { OTHER } + bytes.len() as u64;
        self.chunk.filled.store(self.filled, Ordering::Release);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_appended_can_be_read_and_no_more() {
        let mut writer = Writer::new(8);
        let chunk = Arc::clone(writer.chunk());
        assert_eq!((chunk.filled(), chunk.capacity()), (Filled::default(), 8));
        assert!(writer.append(b"abc", true));
        let first = chunk.filled();
        assert_eq!(first, Filled { bytes: 3, spans: 1, others: 0 });
        assert!(!writer.append(b"defghi", true), "no room");
        assert!(writer.append(b"defgh", false));
        assert_eq!(chunk.between(Filled::default(), first), b"abc");
        assert_eq!(chunk.between(first, chunk.filled()), b"defgh");
        assert_eq!(chunk.filled(), Filled { bytes: 8, spans: 1, others: 1 });
        assert_eq!(chunk.between(first, Filled { bytes: 9, ..first }), b"", "not written yet");
        assert!(Writer::again(chunk).is_none(), "the writer holds it");
    }

    #[test]
    fn a_chunk_is_used_again_when_nobody_reads_it() {
        let mut writer = Writer::new(4);
        assert!(writer.append(b"abcd", true));
        let Writer { chunk, .. } = writer;
        let mut again = Writer::again(chunk).unwrap();
        assert_eq!(again.chunk().filled(), Filled::default());
        assert!(again.append(b"xy", true));
        assert_eq!(again.chunk().between(Filled::default(), again.chunk().filled()), b"xy");
    }

    #[test]
    fn a_reader_sees_whole_appends_while_they_are_made() {
        const LENGTH: usize = ENVELOPE_LEN;
        let mut writer = Writer::new(LENGTH * if cfg!(miri) { 100 } else { 60_000 });
        let chunk = Arc::clone(writer.chunk());
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut number = 0u32;
                while writer.append(&[number.to_le_bytes(); LENGTH / 4].concat(), !number.is_multiple_of(3)) {
                    number += 1;
                }
            });
            let (mut seen, mut expected) = (Filled::default(), 0u32);
            while (seen.bytes as usize) < chunk.capacity() {
                let now = chunk.filled();
                assert_eq!(now.bytes as usize, (usize::from(now.spans) + usize::from(now.others)) * LENGTH);
                for number in chunk.between(seen, now).chunks(LENGTH) {
                    assert_eq!(number, [expected.to_le_bytes(); LENGTH / 4].concat());
                    expected += 1;
                }
                seen = now;
            }
        });
    }
}
