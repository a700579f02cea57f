//! Handles by their labels, found without a lock.
//!
//! Places are filled once and never emptied. When half of them are filled a table of twice the size takes over; the old one stays
//! until the end, so that whoever looks into it needs no permission. All of them together are twice the last one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Places of the first table.
const FIRST: usize = 16;
/// Tables of growing size: more than fit into the memory of any machine.
const SIZES: usize = 32;

/// Things by their keys.
pub(super) struct Table<K, T> {
    tables: [OnceLock<Places<K, T>>; SIZES],
    /// Which of the tables counts.
    newest: AtomicUsize,
    /// How many things there are. Held while one is added.
    len: Mutex<usize>,
    most: usize,
}

type Places<K, T> = Box<[OnceLock<Arc<Entry<K, T>>>]>;

struct Entry<K, T> {
    hash: u64,
    key: K,
    thing: T,
}

impl<K, T> Table<K, T> {
    /// A table for so many things at most.
    pub(super) fn new(most: usize) -> Self {
        Self {
            tables: [const { OnceLock::new() }; SIZES],
            newest: AtomicUsize::new(0),
            len: Mutex::new(0),
            most,
        }
    }

    /// The thing whose hash is this one and whose key `is` says yes to.
    #[inline]
    pub(super) fn find(&self, hash: u64, is: impl Fn(&K) -> bool) -> Option<&T> {
        let places = self.tables.get(self.newest.load(Ordering::Acquire))?.get()?;
        let mut place = first_place(hash);
        // Half of the places are empty: the walk ends.
        loop {
            let entry = places.get(place & (places.len() - 1))?.get()?;
            if entry.hash == hash && is(&entry.key) {
                return Some(&entry.thing);
            }
            place = place.wrapping_add(1);
        }
    }

    /// Adds a thing, unless there is one with this key meanwhile; `None` where no more may be added.
    pub(super) fn add(&self, hash: u64, key: K, make: impl FnOnce() -> T) -> Option<&T>
    where
        K: PartialEq,
    {
        let mut len = self.len.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = self.find(hash, |known| *known == key) {
            return Some(known);
        }
        if *len >= self.most {
            return None;
        }
        let mut newest = self.newest.load(Ordering::Acquire);
        if *len * 2 >= FIRST << newest {
            self.grow(newest)?;
            newest += 1;
        }
        let places = self.tables.get(newest)?.get_or_init(|| empty(FIRST << newest));
        let placed = put(places, Arc::new(Entry { hash, key, thing: make() }))?;
        self.newest.store(newest, Ordering::Release);
        *len += 1;
        Some(&placed.thing)
    }

    /// Fills the next table with what is in this one.
    fn grow(&self, newest: usize) -> Option<()> {
        let next = self.tables.get(newest + 1)?.get_or_init(|| empty(FIRST << (newest + 1)));
        for entry in self.tables.get(newest)?.get()?.iter().filter_map(OnceLock::get) {
            put(next, Arc::clone(entry))?;
        }
        Some(())
    }
}

fn empty<K, T>(size: usize) -> Places<K, T> {
    (0..size).map(|_| OnceLock::new()).collect()
}

/// Puts an entry into the first free place of its walk.
fn put<K, T>(places: &Places<K, T>, entry: Arc<Entry<K, T>>) -> Option<&Arc<Entry<K, T>>> {
    let first = first_place(entry.hash);
    let walk = (0..places.len()).map(|step| first.wrapping_add(step) & (places.len() - 1));
    let place = walk.filter_map(|place| places.get(place)).find(|place| place.get().is_none())?;
    let _ = place.set(entry);
    place.get()
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the low bits are what is wanted")]
const fn first_place(hash: u64) -> usize {
    hash as usize
}

/// A text as words: its length, and its ends, which are all of it up to 16 bytes.
pub(super) type Words = [u64; 3];

/// How long a text may be to be known by its words.
pub(super) const SHORT: usize = 16;

/// The words of a text.
#[inline]
pub(super) fn words(text: &[u8]) -> Words {
    let [first, last] = ends(text);
    [text.len() as u64, first, last]
}

/// A hash of some texts by their words. Not one that withstands an attacker: a walk is as long as the table at worst, and that
/// has a limit.
#[inline]
pub(super) fn hash_of(all: &[Words]) -> u64 {
    let mut hash = 0x51a2_7c9d_0b4e_68f3;
    for [length, first, last] in all {
        hash = mix(hash ^ first, *last ^ length.rotate_left(56));
    }
    hash
}

#[inline]
fn mix(one: u64, other: u64) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let product = u128::from(one ^ ODD) * u128::from(other ^ ODD.rotate_left(32));
    #[expect(clippy::cast_possible_truncation, reason = "both halves are used")]
    let (low, high) = (product as u64, (product >> 64) as u64);
    low ^ high
}

#[inline]
fn ends(text: &[u8]) -> [u64; 2] {
    if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        return [u64::from_le_bytes(*first), u64::from_le_bytes(*last)];
    }
    if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        return [u32::from_le_bytes(*first).into(), u32::from_le_bytes(*last).into()];
    }
    match text {
        [] => [0, 0],
        [one] => [(*one).into(), 0],
        [one, two] => [(*one).into(), (*two).into()],
        [one, two, .., three] => [u64::from(*one) | u64::from(*two) << 8, (*three).into()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(number: u32) -> u64 {
        hash_of(&[words(number.to_string().as_bytes())])
    }

    #[test]
    fn what_was_added_is_found_while_it_grows() {
        let table = Table::new(1000);
        for number in 0..1000 {
            assert!(table.find(hash(number), |key| *key == number).is_none());
            assert_eq!(table.add(hash(number), number, || number), Some(&number));
            assert_eq!(table.add(hash(number), number, || panic!("it is there")), Some(&number));
        }
        assert!(table.add(1, 1000, || 0).is_none());
        for number in 0..1000 {
            assert_eq!(table.find(hash(number), |key| *key == number), Some(&number));
        }
    }

    #[test]
    fn equal_hashes_are_told_apart() {
        let table = Table::new(100);
        for number in 0..100 {
            assert_eq!(table.add(7, number, || number), Some(&number));
        }
        assert_eq!(table.find(7, |key| *key == 42), Some(&42));
        assert_eq!(table.find(7, |key| *key == 100), None);
    }

    #[test]
    fn short_texts_are_known_by_their_words() {
        let text: Vec<u8> = (1..=16).collect();
        for length in 0..=SHORT {
            let one = &text[..length];
            for changed in 0..length {
                let mut other = one.to_vec();
                other[changed] ^= 0x55;
                assert_ne!(words(one), words(&other), "{length} {changed}");
                assert_ne!(hash_of(&[words(one)]), hash_of(&[words(&other)]));
            }
        }
        assert_ne!(words(b""), words(b"\0"));
        assert_ne!(words(b"a"), words(b"a\0"));
        assert_ne!(hash_of(&[words(b"a"), words(b"b")]), hash_of(&[words(b"b"), words(b"a")]));
    }

    #[test]
    fn threads_find_what_others_add() {
        let table = Table::new(10_000);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for number in 0..500 {
                        let known = table.find(hash(number), |key| *key == number);
                        let known = known.or_else(|| table.add(hash(number), number, || number));
                        assert_eq!(known, Some(&number));
                    }
                });
            }
        });
        assert_eq!(*table.len.lock().unwrap(), 500);
    }
}
