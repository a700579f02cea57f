//! Slots of threads: what lets a thread write to its part of a cell by a plain load and store.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::meter::Slot;

/// A bit for each slot that a living thread has. A word and no lock: a forked process has no thread that could open one.
static TAKEN: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static HERE: Cell<Slot> = const { Cell::new(Slot::UNKNOWN) };
    /// Gives the slot back when the thread ends. Apart from the number, so that reading that needs no registration.
    static HELD: Held = const { Held(Cell::new(0)) };
}

struct Held(Cell<u32>);

impl Drop for Held {
    fn drop(&mut self) {
        // What this thread still measures, in other destructors, goes to the shared part.
        HERE.set(Slot::SHARED);
        if let Some(bit) = self.0.get().checked_sub(1) {
            TAKEN.fetch_and(!(1 << bit), Ordering::Release);
        }
    }
}

/// The slot of this thread, or [`Slot::UNKNOWN`] where it has not asked for one.
#[inline]
pub(super) fn if_known() -> Slot {
    HERE.get()
}

/// The slot of this thread.
#[inline]
pub(in crate::native) fn here() -> Slot {
    let slot = HERE.get();
    if slot == Slot::UNKNOWN { take() } else { slot }
}

#[cold]
#[inline(never)]
fn take() -> Slot {
    let number = HELD.try_with(|held| {
        let number = free_number();
        held.0.set(number);
        number
    });
    let slot = Slot::new(number.unwrap_or(0));
    HERE.set(slot);
    slot
}

/// A number from 1 to 64 that no living thread has, or 0.
fn free_number() -> u32 {
    let mut taken = TAKEN.load(Ordering::Relaxed);
    loop {
        let bit = taken.trailing_ones();
        if bit == u64::BITS {
            return 0;
        }
        // Acquire: what the slot's last thread wrote comes before what this one reads.
        match TAKEN.compare_exchange_weak(taken, taken | 1 << bit, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => return bit + 1,
            Err(now) => taken = now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn living_threads_have_different_slots() {
        let (here_now, again) = (here(), here());
        assert_eq!(here_now, again);
        let there = std::thread::scope(|scope| scope.spawn(|| (here(), here())).join()).unwrap();
        assert_eq!(there.0, there.1);
        assert!(here_now == Slot::SHARED || there.0 != here_now);
    }

    #[test]
    fn what_many_threads_count_in_turns_is_all_there() {
        let sum = crate::meter::SumCell::<i64>::default();
        for _ in 0..50 {
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| (0..100).for_each(|_| sum.add(here(), 1)));
                }
            });
        }
        assert_eq!(sum.total(), 20_000);
    }
}
