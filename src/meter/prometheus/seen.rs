//! Which series of a family were written already.
//!
//! A series is remembered by 64 bits of its labels' text. With a million series in one family the chance that two of them
//! share these bits, and that the later one is taken for a repetition, is one in thirty million.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, DefaultHasher, Hasher};

/// A larger set is thrown away rather than emptied: emptying takes as long as it is large, for every small family behind it.
const KEPT: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct SeenSeries {
    prints: HashSet<u64, BuildHasherDefault<AsItIs>>,
}

impl SeenSeries {
    /// A family begins.
    pub(super) fn clear(&mut self) {
        if self.prints.capacity() > KEPT {
            self.prints = HashSet::default();
        } else {
            self.prints.clear();
        }
    }

    /// False where a series with these labels came before.
    pub(super) fn is_new(&mut self, labels: &[u8]) -> bool {
        // Without a seed of its own: the same on every target, and it needs no randomness.
        let mut hasher = DefaultHasher::new();
        hasher.write(labels);
        self.prints.insert(hasher.finish())
    }
}

/// The hash of what is a hash.
#[derive(Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_series_is_new_once_in_a_family() {
        let mut seen = SeenSeries::default();
        for _ in 0..2 {
            for number in 0..10_000 {
                assert!(seen.is_new(format!("a=\"{number}\"").as_bytes()));
            }
            assert!(!seen.is_new(b"a=\"17\""));
            assert!(seen.is_new(b""));
            seen.clear();
        }
    }
}
