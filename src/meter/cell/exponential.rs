//! An exponential histogram that many threads record to.

use std::sync::{Mutex, PoisonError};

use crate::meter::exponential::ExponentialState;

/// Buckets that grow with what is recorded. As the scale belongs to all buckets together, threads take turns.
///
/// ```
/// use spanloom::meter::ExponentialCell;
/// let histogram = ExponentialCell::new(160, 20);
/// histogram.record(4.0);
/// assert_eq!(histogram.read().count, 1);
/// ```
#[derive(Debug)]
pub struct ExponentialCell(Mutex<ExponentialState>);

impl ExponentialCell {
    /// A histogram with at most so many buckets for each sign, and at most this scale.
    #[must_use]
    pub fn new(max_size: usize, max_scale: i32) -> Self {
        Self(Mutex::new(ExponentialState::new(max_size, max_scale)))
    }

    /// Counts a number.
    pub fn record(&self, number: f64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).record(number);
    }

    /// Adds what somebody else has counted.
    pub fn merge(&self, other: &ExponentialState) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).merge(other);
    }

    /// What it stands at.
    #[must_use]
    pub fn read(&self) -> ExponentialState {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
