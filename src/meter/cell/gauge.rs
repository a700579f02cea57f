//! The last number that was said.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::sum::add_among_others;
use crate::meter::number::Amount;

/// The last number that any thread set; it may be moved up and down, too.
///
/// ```
/// use spanloom::meter::GaugeCell;
/// let gauge = GaugeCell::<f64>::default();
/// assert_eq!(gauge.last(), None);
/// gauge.set(2.5);
/// gauge.add(-1.0);
/// assert_eq!(gauge.last(), Some(1.5));
/// ```
#[derive(Debug)]
pub struct GaugeCell<N> {
    bits: AtomicU64,
    is_set: AtomicBool,
    counts_in: PhantomData<N>,
}

impl<N: Amount> Default for GaugeCell<N> {
    fn default() -> Self {
        Self {
            bits: AtomicU64::new(N::default().to_bits()),
            is_set: AtomicBool::new(false),
            counts_in: PhantomData,
        }
    }
}

impl<N: Amount> GaugeCell<N> {
    /// Says what it stands at.
    #[inline]
    pub fn set(&self, number: N) {
        self.bits.store(number.to_bits(), Ordering::Relaxed);
        self.note_set();
    }

    /// Moves it.
    #[inline]
    pub fn add(&self, amount: N) {
        add_among_others(&self.bits, amount);
        self.note_set();
    }

    #[inline]
    fn note_set(&self) {
        // Most often it is set already: reading leaves the line to the other threads.
        if !self.is_set.load(Ordering::Relaxed) {
            self.is_set.store(true, Ordering::Release);
        }
    }

    /// What it stands at; `None` where nobody has said.
    #[must_use]
    pub fn last(&self) -> Option<N> {
        self.is_set.load(Ordering::Acquire).then(|| N::from_bits(self.bits.load(Ordering::Relaxed)))
    }
}
