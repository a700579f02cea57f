//! Exemplars: a few of the numbers as they were measured, with the spans they were measured in.
//!
//! A series has some places for them: one, or one for each bucket. A place that was read since it was filled may be filled
//! again; so measuring looks at one flag most of the time, whatever the traffic.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::Exemplar;

/// The exemplars of a series.
#[derive(Debug, Default)]
pub(super) struct Examples(OnceLock<Box<[Place]>>);

#[derive(Debug, Default)]
struct Place {
    /// Filled since it was read.
    is_fresh: AtomicBool,
    exemplar: Mutex<Option<Exemplar>>,
}

impl Examples {
    /// Offers a measurement for one of so many places.
    #[cold]
    pub(super) fn offer(&self, place: usize, places: usize, make: impl FnOnce() -> Exemplar) {
        let all = self.0.get_or_init(|| (0..places).map(|_| Place::default()).collect());
        let Some(place) = all.get(place.min(all.len().saturating_sub(1))) else { return };
        if place.is_fresh.load(Ordering::Relaxed) {
            return;
        }
        // Nobody waits for an example.
        if let Ok(mut exemplar) = place.exemplar.try_lock() {
            *exemplar = Some(make());
            place.is_fresh.store(true, Ordering::Relaxed);
        }
    }

    /// What was measured at `since` or later. The places may be filled again from now on.
    pub(super) fn read(&self, since: u64) -> Vec<Exemplar> {
        let Some(all) = self.0.get() else { return Vec::new() };
        let read = |place: &Place| {
            let exemplar = place.exemplar.lock().unwrap_or_else(PoisonError::into_inner).clone();
            place.is_fresh.store(false, Ordering::Relaxed);
            exemplar.filter(|exemplar| exemplar.time_unix_nano >= since)
        };
        all.iter().filter_map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::{Labels, Number};

    #[test]
    fn a_place_is_filled_again_when_it_was_read() {
        let examples = Examples::default();
        let offer = |place, time| {
            examples.offer(place, 2, || Exemplar {
                time_unix_nano: time,
                value: Number::Int(1),
                trace_id: Default::default(),
                span_id: Default::default(),
                labels: Labels::none(),
            });
        };
        let times = |since| examples.read(since).iter().map(|e| e.time_unix_nano).collect::<Vec<_>>();
        assert!(times(0).is_empty());
        offer(0, 10);
        offer(0, 11);
        offer(7, 12);
        assert_eq!(times(0), [10, 12]);
        offer(0, 20);
        assert_eq!(times(0), [20, 12]);
        assert_eq!(times(13), [20]);
    }
}
