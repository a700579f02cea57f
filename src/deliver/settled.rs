//! Which parcels are done with, from the first one on.

use std::collections::VecDeque;

/// A parcel of which something is left.
#[derive(Debug)]
struct Open {
    bytes: usize,
    last_sequence: Option<u64>,
}

/// Parcels in the order in which they came. One is done with when each of its bytes is.
#[derive(Debug, Default)]
pub(super) struct Settled {
    open: VecDeque<Open>,
    /// The order of the first open one.
    first: u64,
    up_to: Option<u64>,
}

impl Settled {
    /// A parcel of so many bytes has come; gives its order.
    pub(super) fn open(&mut self, bytes: usize, last_sequence: Option<u64>) -> u64 {
        let order = self.end();
        self.open.push_back(Open { bytes, last_sequence });
        self.close_finished();
        order
    }

    /// So many bytes of a parcel are done with.
    pub(super) fn settle(&mut self, order: u64, bytes: usize) {
        let place = usize::try_from(order.wrapping_sub(self.first)).ok();
        if let Some(open) = place.and_then(|place| self.open.get_mut(place)) {
            open.bytes = open.bytes.saturating_sub(bytes);
        }
        self.close_finished();
    }

    fn close_finished(&mut self) {
        while let Some(done) = self.open.pop_front_if(|open| open.bytes == 0) {
            self.first += 1;
            self.up_to = self.up_to.max(done.last_sequence);
        }
    }

    /// The order that the next parcel will have.
    pub(super) fn end(&self) -> u64 {
        self.first + self.open.len() as u64
    }

    /// True when all parcels before this order are done with.
    pub(super) const fn is_reached(&self, order: u64) -> bool {
        self.first >= order
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// The last sequence number of the last parcel in the unbroken row of those that are done with.
    pub(super) const fn up_to(&self) -> Option<u64> {
        self.up_to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_row_ends_at_the_first_that_is_left() {
        let mut settled = Settled::default();
        let orders = [settled.open(10, Some(3)), settled.open(10, None), settled.open(10, Some(9))];
        assert_eq!(orders, [0, 1, 2]);
        settled.settle(2, 10);
        settled.settle(0, 9);
        assert_eq!((settled.up_to(), settled.is_reached(1)), (None, false));
        settled.settle(0, 1);
        assert_eq!((settled.up_to(), settled.is_reached(1), settled.is_reached(2)), (Some(3), true, false));
        settled.settle(1, 10);
        assert_eq!((settled.up_to(), settled.end(), settled.is_empty()), (Some(9), 3, true));
        // Nothing is settled twice.
        settled.settle(1, 10);
        assert_eq!(settled.open(0, Some(12)), 3);
        assert_eq!((settled.up_to(), settled.end()), (Some(12), 4));
    }
}
