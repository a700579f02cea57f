//! A sum.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

use super::owner::{Owner, Place, Slot, Stripes};
use crate::meter::number::Amount;

/// What all threads added, together.
///
/// ```
/// use spanloom::meter::{Slot, SumCell};
/// let sum = SumCell::<i64>::default();
/// sum.add(Slot::new(1), 2);
/// sum.add(Slot::new(2), 3);
/// assert_eq!(sum.total(), 5);
/// ```
#[derive(Debug)]
pub struct SumCell<N> {
    owner: Owner,
    own: AtomicU64,
    stripes: Stripes<AtomicU64>,
    counts_in: PhantomData<N>,
}

impl<N: Amount> Default for SumCell<N> {
    fn default() -> Self {
        Self {
            owner: Owner::default(),
            own: AtomicU64::new(N::default().to_bits()),
            stripes: Stripes::default(),
            counts_in: PhantomData,
        }
    }
}

impl<N: Amount> SumCell<N> {
    /// Adds to it where this thread alone writes to it, which is the cheapest way there is; false, and nothing is added, where
    /// that is not so or not known yet, or the sum would be out of its range.
    #[inline]
    pub fn add_alone(&self, slot: Slot, amount: N) -> bool {
        if !self.owner.is(slot) {
            return false;
        }
        // A branch that is never taken costs less than waiting for what to choose.
        match N::from_bits(self.own.load(Ordering::Relaxed)).checked_plus(amount) {
            Some(sum) => self.own.store(sum.to_bits(), Ordering::Relaxed),
            None => return false,
        }
        true
    }

    /// Adds to it.
    #[inline]
    pub fn add(&self, slot: Slot, amount: N) {
        match self.owner.place_of(slot) {
            Place::Own => add_alone(&self.own, amount),
            Place::Stripe => self.add_to_stripe(slot, amount),
            Place::Unknown => self.add_first(slot, amount),
        }
    }

    #[cold]
    fn add_first(&self, slot: Slot, amount: N) {
        if self.owner.claim(slot) {
            add_alone(&self.own, amount);
        } else {
            self.add_to_stripe(slot, amount);
        }
    }

    #[inline]
    fn add_to_stripe(&self, slot: Slot, amount: N) {
        let Some((stripe, alone)) = self.stripes.of(slot, || AtomicU64::new(N::default().to_bits())) else {
            return;
        };
        if alone {
            add_alone(stripe, amount);
        } else {
            add_among_others(stripe, amount);
        }
    }

    /// What all threads added.
    #[must_use]
    pub fn total(&self) -> N {
        let read = |part: &AtomicU64| N::from_bits(part.load(Ordering::Relaxed));
        self.stripes.iter().fold(read(&self.own), |sum, part| sum.plus(read(part)))
    }
}

/// Adds where only this thread writes.
#[inline]
pub(super) fn add_alone<N: Amount>(place: &AtomicU64, amount: N) {
    let sum = N::from_bits(place.load(Ordering::Relaxed)).plus(amount);
    place.store(sum.to_bits(), Ordering::Relaxed);
}

/// Adds where others write, too.
pub(super) fn add_among_others<N: Amount>(place: &AtomicU64, amount: N) {
    let _ = place.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |bits| {
        Some(N::from_bits(bits).plus(amount).to_bits())
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_stay_at_the_end_of_their_range() {
        let sum = SumCell::default();
        sum.add(Slot::ONLY, i64::MAX);
        sum.add(Slot::ONLY, 1);
        sum.add(Slot::SHARED, 1);
        assert_eq!(sum.total(), i64::MAX);
    }

    #[test]
    fn fractions_are_summed() {
        let sum = SumCell::default();
        for slot in [1, 2, 0, 99] {
            sum.add(Slot::new(slot), 0.5);
        }
        assert_eq!(sum.total(), 2.0);
    }

    #[cfg(not(target_arch = "wasm32"))]
    #[test]
    fn no_thread_loses_anything() {
        let (threads, each) = (24, if cfg!(miri) { 50 } else { 20_000 });
        let sum = SumCell::<i64>::default();
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let sum = &sum;
                scope.spawn(move || (0..each).for_each(|_| sum.add(Slot::new(thread), 1)));
            }
        });
        assert_eq!(sum.total(), i64::from(threads) * each);
    }
}
