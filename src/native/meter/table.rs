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

/// Things by the hash of their keys.
pub(super) struct Table<T> {
    tables: [OnceLock<Box<[OnceLock<Arc<Entry<T>>>]>>; SIZES],
    /// Which of the tables counts.
    newest: AtomicUsize,
    /// How many things there are. Held while one is added.
    len: Mutex<usize>,
    most: usize,
}

struct Entry<T> {
    hash: u64,
    key: Box<[u8]>,
    thing: T,
}

impl<T> Table<T> {
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
    pub(super) fn find(&self, hash: u64, is: impl Fn(&[u8]) -> bool) -> Option<&T> {
        let places = self.tables.get(self.newest.load(Ordering::Acquire))?.get()?;
        for place in walk(hash, places.len()) {
            let entry = places.get(place)?.get()?;
            if entry.hash == hash && is(&entry.key) {
                return Some(&entry.thing);
            }
        }
        None
    }

    /// Adds a thing, unless there is one with this key meanwhile; `None` where no more may be added.
    pub(super) fn add(&self, hash: u64, key: &[u8], make: impl FnOnce() -> T) -> Option<&T> {
        let mut len = self.len.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = self.find(hash, |known| known == key) {
            return Some(known);
        }
        if *len >= self.most {
            return None;
        }
        let newest = self.newest.load(Ordering::Acquire);
        let size = FIRST << newest;
        let mut at = newest;
        if *len * 2 >= size {
            self.grow(newest)?;
            at = newest + 1;
        }
        let entry = Arc::new(Entry { hash, key: key.into(), thing: make() });
        let places = self.tables.get(at)?.get_or_init(|| empty(FIRST << at));
        let placed = put(places, entry)?;
        self.newest.store(at, Ordering::Release);
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

fn empty<T>(size: usize) -> Box<[OnceLock<T>]> {
    (0..size).map(|_| OnceLock::new()).collect()
}

/// Puts an entry into the first free place of its walk.
fn put<T>(places: &[OnceLock<Arc<Entry<T>>>], entry: Arc<Entry<T>>) -> Option<&Arc<Entry<T>>> {
    let free =
        walk(entry.hash, places.len()).find(|place| places.get(*place).is_some_and(|at| at.get().is_none()));
    let place = places.get(free?)?;
    let _ = place.set(entry);
    place.get()
}

/// The places where a hash may be, one after the other.
#[inline]
fn walk(hash: u64, size: usize) -> impl Iterator<Item = usize> {
    let mask = size - 1;
    #[expect(clippy::cast_possible_truncation, reason = "the low bits are what is wanted")]
    let first = hash as usize;
    (0..size).map(move |step| first.wrapping_add(step) & mask)
}

/// A hash of some texts. Not one that withstands an attacker: a walk is as long as the table at worst, and that has a limit.
#[derive(Clone, Copy)]
pub(super) struct Hash(u64);

impl Hash {
    pub(super) const START: Self = Self(0x51a2_7c9d_0b4e_68f3);

    /// With this text behind the others.
    #[inline]
    pub(super) fn and(self, text: &[u8]) -> Self {
        let (mut hash, mut rest) = (self.0 ^ text.len() as u64, text);
        while rest.len() > 16 {
            let Some((word, behind)) = rest.split_first_chunk::<8>() else { break };
            hash = mix(hash, u64::from_le_bytes(*word));
            rest = behind;
        }
        let [first, last] = ends(rest);
        Self(mix(hash ^ first, last))
    }

    #[inline]
    pub(super) const fn finish(self) -> u64 {
        self.0
    }
}

#[inline]
fn mix(one: u64, other: u64) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let product = u128::from(one ^ ODD) * u128::from(other ^ ODD.rotate_left(32));
    #[expect(clippy::cast_possible_truncation, reason = "both halves are used")]
    let (low, high) = (product as u64, (product >> 64) as u64);
    low ^ high
}

/// All of a text of up to 16 bytes, in two words that may overlap.
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
        [first, .., last] => {
            [u64::from(*first) | u64::from(*text.get(1).unwrap_or(last)) << 8, (*last).into()]
        }
        [only] => [(*only).into(), 0],
    }
}

/// Whether two texts are the same, without a call where they are short.
#[inline]
pub(super) fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && if one.len() <= 16 { ends(one) == ends(other) } else { one == other }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(text: &str) -> u64 {
        Hash::START.and(text.as_bytes()).finish()
    }

    #[test]
    fn what_was_added_is_found_while_it_grows() {
        let table = Table::new(1000);
        for number in 0..1000 {
            let text = number.to_string();
            assert!(table.find(hash(&text), |key| key == text.as_bytes()).is_none());
            assert_eq!(table.add(hash(&text), text.as_bytes(), || number), Some(&number));
            assert_eq!(table.add(hash(&text), text.as_bytes(), || panic!("it is there")), Some(&number));
        }
        assert!(table.add(1, b"one too many", || 0).is_none());
        for number in 0..1000 {
            let text = number.to_string();
            assert_eq!(table.find(hash(&text), |key| same(key, text.as_bytes())), Some(&number));
        }
    }

    #[test]
    fn equal_hashes_are_told_apart() {
        let table = Table::new(100);
        for number in 0..100_u8 {
            assert_eq!(table.add(7, &[number], || number), Some(&number));
        }
        assert_eq!(table.find(7, |key| key == [42]), Some(&42));
    }

    #[test]
    fn texts_of_all_lengths_are_compared_whole() {
        let text: Vec<u8> = (1..=40).collect();
        for length in 0..=40 {
            let one = &text[..length];
            assert!(same(one, &one.to_vec()));
            for changed in 0..length {
                let mut other = one.to_vec();
                other[changed] ^= 0x55;
                assert!(!same(one, &other), "{length} {changed}");
                assert_ne!(Hash::START.and(one).finish(), Hash::START.and(&other).finish());
            }
        }
        assert!(!same(b"", b"\0") && !same(b"a", b"a\0"));
    }

    #[test]
    fn threads_find_what_others_add() {
        let table = Table::new(10_000);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for number in 0..500_u32 {
                        let text = number.to_string();
                        let known = table.find(hash(&text), |key| key == text.as_bytes());
                        let known = known.or_else(|| table.add(hash(&text), text.as_bytes(), || number));
                        assert_eq!(known, Some(&number));
                    }
                });
            }
        });
        assert_eq!(*table.len.lock().unwrap(), 500);
    }
}
