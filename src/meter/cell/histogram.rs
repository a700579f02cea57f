//! How many numbers fell between fixed bounds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::owner::{Owner, Place, Slot, Stripes};
use super::sum::{add_alone, add_among_others};

/// Up to so many bounds are all looked at, without a branch; of more the right one is searched.
const FEW: usize = 32;

/// Counts of numbers between fixed bounds, with their sum, their least and their greatest.
///
/// ```
/// use spanloom::meter::{HistogramCell, Slot};
/// let histogram = HistogramCell::new([1.0, 10.0].into());
/// histogram.record(Slot::ONLY, 1.0);
/// histogram.record(Slot::ONLY, 50.0);
/// let state = histogram.read();
/// assert_eq!((state.counts.as_slice(), state.sum), ([1, 0, 1].as_slice(), 51.0));
/// ```
#[derive(Debug)]
pub struct HistogramCell {
    bounds: Arc<[f64]>,
    owner: Owner,
    own: Counts,
    stripes: Stripes<Counts>,
}

/// What a histogram stands at.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HistogramState {
    /// Numbers between the bounds, one more than there are bounds.
    pub counts: Vec<u64>,
    /// Their sum.
    pub sum: f64,
    /// The least; infinity where there is none.
    pub min: f64,
    /// The greatest; minus infinity where there is none.
    pub max: f64,
}

#[derive(Debug)]
struct Counts {
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
    min: AtomicU64,
    max: AtomicU64,
}

impl Counts {
    fn new(buckets: usize) -> Self {
        Self {
            counts: (0..buckets).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
            min: AtomicU64::new(f64::INFINITY.to_bits()),
            max: AtomicU64::new(f64::NEG_INFINITY.to_bits()),
        }
    }

    /// Where only this thread writes.
    #[inline]
    fn record_alone(&self, bucket: usize, number: f64) {
        if let Some(count) = self.counts.get(bucket) {
            count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        }
        add_alone(&self.sum, number);
        if number < read(&self.min) {
            self.min.store(number.to_bits(), Ordering::Relaxed);
        }
        if number > read(&self.max) {
            self.max.store(number.to_bits(), Ordering::Relaxed);
        }
    }

    fn record_among_others(&self, bucket: usize, number: f64) {
        if let Some(count) = self.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        add_among_others(&self.sum, number);
        let replace = |place: &AtomicU64, if_so: fn(f64, f64) -> bool| {
            let _ = place.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |bits| {
                if_so(number, f64::from_bits(bits)).then_some(number.to_bits())
            });
        };
        replace(&self.min, |new, old| new < old);
        replace(&self.max, |new, old| new > old);
    }

    fn add_to(&self, state: &mut HistogramState) {
        for (sum, count) in state.counts.iter_mut().zip(&self.counts) {
            *sum = sum.saturating_add(count.load(Ordering::Relaxed));
        }
        state.sum += read(&self.sum);
        state.min = state.min.min(read(&self.min));
        state.max = state.max.max(read(&self.max));
    }
}

#[inline]
fn read(place: &AtomicU64) -> f64 {
    f64::from_bits(place.load(Ordering::Relaxed))
}

impl HistogramCell {
    /// Counts between these bounds, which are strictly increasing.
    #[must_use]
    pub fn new(bounds: Arc<[f64]>) -> Self {
        let own = Counts::new(bounds.len() + 1);
        Self { bounds, owner: Owner::default(), own, stripes: Stripes::default() }
    }

    /// Counts a number. A bound belongs to the bucket below it.
    #[inline]
    pub fn record(&self, slot: Slot, number: f64) {
        let bucket = bucket_of(&self.bounds, number);
        match self.owner.place_of(slot) {
            Place::Own => self.own.record_alone(bucket, number),
            Place::Stripe => self.record_in_stripe(slot, bucket, number),
            Place::Unknown => self.record_first(slot, bucket, number),
        }
    }

    #[cold]
    fn record_first(&self, slot: Slot, bucket: usize, number: f64) {
        if self.owner.claim(slot) {
            self.own.record_alone(bucket, number);
        } else {
            self.record_in_stripe(slot, bucket, number);
        }
    }

    fn record_in_stripe(&self, slot: Slot, bucket: usize, number: f64) {
        let Some((stripe, alone)) = self.stripes.of(slot, || Counts::new(self.bounds.len() + 1)) else {
            return;
        };
        if alone {
            stripe.record_alone(bucket, number);
        } else {
            stripe.record_among_others(bucket, number);
        }
    }

    /// Adds what somebody else has counted between the same bounds; false, and nothing is added, where the bounds are others.
    pub fn merge(&self, bounds: &[f64], state: &HistogramState) -> bool {
        if *bounds != *self.bounds || state.counts.len() != self.own.counts.len() {
            return false;
        }
        let make = || Counts::new(self.bounds.len() + 1);
        // The shared stripe, so that no thread's plain addition is in between.
        self.owner.claim(Slot::SHARED);
        let Some((shared, _)) = self.stripes.of(Slot::SHARED, make) else { return false };
        for (count, more) in shared.counts.iter().zip(&state.counts) {
            count.fetch_add(*more, Ordering::Relaxed);
        }
        add_among_others(&shared.sum, state.sum);
        if state.min < read(&shared.min) {
            shared.min.store(state.min.to_bits(), Ordering::Relaxed);
        }
        if state.max > read(&shared.max) {
            shared.max.store(state.max.to_bits(), Ordering::Relaxed);
        }
        true
    }

    /// Which bucket a number falls into.
    #[must_use]
    pub fn bucket_of(&self, number: f64) -> usize {
        bucket_of(&self.bounds, number)
    }

    /// Its bounds.
    #[must_use]
    pub fn bounds(&self) -> &[f64] {
        &self.bounds
    }

    /// What it stands at.
    #[must_use]
    pub fn read(&self) -> HistogramState {
        let mut state = HistogramState {
            counts: vec![0; self.own.counts.len()],
            sum: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
        };
        self.own.add_to(&mut state);
        self.stripes.iter().for_each(|stripe| stripe.add_to(&mut state));
        state
    }
}

/// The bucket of a number: that of the first bound that is not below it.
#[inline]
fn bucket_of(bounds: &[f64], number: f64) -> usize {
    if bounds.len() <= FEW {
        bounds.iter().map(|bound| usize::from(*bound < number)).sum()
    } else {
        bounds.partition_point(|bound| *bound < number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_the_bucket_below() {
        let bounds: Vec<f64> = (0..100).map(f64::from).collect();
        for few in [&bounds[..3], &bounds] {
            assert_eq!(bucket_of(few, -1.0), 0);
            assert_eq!(bucket_of(few, 0.0), 0);
            assert_eq!(bucket_of(few, 1.0), 1);
            assert_eq!(bucket_of(few, 1.5), 2);
            assert_eq!(bucket_of(few, 1e9), few.len());
        }
    }

    #[test]
    fn owners_and_others_are_read_together() {
        let cell = HistogramCell::new([0.0, 5.0].into());
        for (slot, number) in [(1, 1.0), (1, 5.0), (2, -3.0), (0, 7.5), (40, 2.0)] {
            cell.record(Slot::new(slot), number);
        }
        let expected = HistogramState { counts: vec![1, 3, 1], sum: 12.5, min: -3.0, max: 7.5 };
        assert_eq!(cell.read(), expected);
        assert!(!cell.merge(&[0.0, 6.0], &expected));
        assert!(cell.merge(&[0.0, 5.0], &expected));
        assert_eq!(cell.read().counts, [2, 6, 2]);
    }

    #[cfg(not(target_arch = "wasm32"))]
    #[test]
    fn no_thread_loses_anything() {
        let (threads, each) = (20, if cfg!(miri) { 20 } else { 5_000 });
        let cell = HistogramCell::new([10.0].into());
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let cell = &cell;
                scope.spawn(move || {
                    (0..each).for_each(|_| cell.record(Slot::new(thread), f64::from(thread)));
                });
            }
        });
        let state = cell.read();
        assert_eq!(state.counts, [11 * each, 9 * each]);
        assert_eq!(state.sum, (0..threads).map(f64::from).sum::<f64>() * each as f64);
        assert_eq!((state.min, state.max), (0.0, 19.0));
    }
}
