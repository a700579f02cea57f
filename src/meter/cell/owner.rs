//! Who may write where without asking: slots of threads, and the owner of a cell.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// How many threads have a stripe of their own in a contended cell.
const OWN_STRIPES: u32 = 16;

/// The number of a living thread, for cells.
///
/// Whoever gives slots away sees to it that no two threads have the same one at a time, but for [`Self::SHARED`].
///
/// ```
/// use spanloom::meter::Slot;
/// assert_eq!(Slot::new(0), Slot::SHARED);
/// assert_ne!(Slot::new(1), Slot::new(2));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot(u32);

impl Slot {
    /// For threads that have none of their own.
    pub const SHARED: Self = Self(0);
    /// For programs that have one thread.
    pub const ONLY: Self = Self(1);
    /// For threads that have not asked for theirs yet. To a cell it is as [`Self::SHARED`].
    pub const UNKNOWN: Self = Self(UNKNOWN);

    /// The slot with this number, from 1; 0 is [`Self::SHARED`].
    #[inline]
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }
}

/// Nobody has written yet. No slot has this number, and none that of [`MANY`].
const NOBODY: u32 = u32::MAX - 1;
/// Several threads have written.
const MANY: u32 = u32::MAX;
/// The number of [`Slot::UNKNOWN`].
const UNKNOWN: u32 = u32::MAX - 2;

/// Where a thread writes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The cell's own part, which nobody else writes to.
    Own,
    /// A stripe.
    Stripe,
    /// Nobody has written yet, or another thread has.
    Unknown,
}

/// Who writes to a cell.
#[derive(Debug)]
pub(super) struct Owner(AtomicU32);

impl Default for Owner {
    fn default() -> Self {
        Self(AtomicU32::new(NOBODY))
    }
}

impl Owner {
    /// True where this thread alone writes to the cell's own part.
    #[inline]
    pub(super) fn is(&self, slot: Slot) -> bool {
        // The numbers of slots that several threads have, or none yet, are never those of an owner.
        self.0.load(Ordering::Relaxed) == slot.0
    }

    /// What is known of this thread's place.
    #[inline]
    pub(super) fn place_of(&self, slot: Slot) -> Place {
        let owner = self.0.load(Ordering::Relaxed);
        if owner == slot.0 {
            Place::Own
        } else if owner == MANY {
            Place::Stripe
        } else {
            Place::Unknown
        }
    }

    /// For a thread whose place is unknown; true where it is the cell's own part: where nobody has written yet, the thread becomes the owner. Else the cell is
    /// contended from now on.
    pub(super) fn claim(&self, slot: Slot) -> bool {
        let current = self.0.load(Ordering::Relaxed);
        if current == MANY {
            return false;
        }
        let may = slot != Slot::SHARED && slot.0 < UNKNOWN;
        if may && current == NOBODY {
            let claimed =
                self.0.compare_exchange(NOBODY, slot.0, Ordering::Relaxed, Ordering::Relaxed).is_ok();
            if claimed {
                return true;
            }
        }
        self.0.store(MANY, Ordering::Relaxed);
        false
    }
}

/// Parts of a contended cell, one a thread, made when the first one is asked for.
#[derive(Debug)]
pub(super) struct Stripes<T>(OnceLock<Box<[Stripe<T>]>>);

impl<T> Default for Stripes<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

/// Alone in its lines of the cache, so that threads do not take them away from each other.
#[derive(Debug)]
#[repr(align(128))]
struct Stripe<T>(T);

impl<T> Stripes<T> {
    /// The part for a thread, and whether that thread alone writes to it.
    #[inline]
    pub(super) fn of(&self, slot: Slot, make: impl Fn() -> T) -> Option<(&T, bool)> {
        let stripes = match self.0.get() {
            Some(stripes) => stripes,
            None => self.make(make),
        };
        let alone = slot != Slot::SHARED && slot.0 <= OWN_STRIPES;
        let index = if alone { slot.0 } else { 0 };
        Some((&stripes.get(index as usize)?.0, alone))
    }

    #[cold]
    fn make(&self, make: impl Fn() -> T) -> &[Stripe<T>] {
        self.0.get_or_init(|| (0..=OWN_STRIPES).map(|_| Stripe(make())).collect())
    }

    /// All parts; none where the cell has one writer.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.get().into_iter().flatten().map(|stripe| &stripe.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_thread_owns_until_a_second_one_comes() {
        let owner = Owner::default();
        let place = |slot| owner.place_of(Slot::new(slot));
        assert_eq!((place(0), place(1)), (Place::Unknown, Place::Unknown));
        assert!(owner.claim(Slot::new(1)));
        assert_eq!((place(0), place(1), place(2)), (Place::Unknown, Place::Own, Place::Unknown));
        assert!(!owner.claim(Slot::new(2)));
        assert_eq!((place(0), place(1), place(2)), (Place::Stripe, Place::Stripe, Place::Stripe));
        assert!(!owner.claim(Slot::new(1)));
    }

    #[test]
    fn a_thread_without_a_slot_owns_nothing() {
        let owner = Owner::default();
        assert!(!owner.claim(Slot::SHARED));
        assert!(!owner.claim(Slot::new(1)));
        let stripes = Stripes::<u8>::default();
        let of = |slot| stripes.of(slot, || 0).map(|(stripe, alone)| (std::ptr::from_ref(stripe), alone));
        assert_eq!(stripes.iter().count(), 0);
        assert_eq!(of(Slot::SHARED), of(Slot::new(17)));
        assert!(of(Slot::new(16)).unwrap().1 && !of(Slot::new(17)).unwrap().1);
        assert_ne!(of(Slot::new(1)), of(Slot::new(2)));
        assert_eq!(stripes.iter().count(), 17);
    }
}
