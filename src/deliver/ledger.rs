//! The ledger: what became of every span that one destination was given.

use std::fmt;

use super::reason::Reason;

/// Spans that were lost, by reason.
///
/// ```
/// use spanloom::deliver::{Dropped, Reason};
/// let mut dropped = Dropped::default();
/// dropped.add(Reason::QueueFull, 3);
/// assert_eq!((dropped.get(Reason::QueueFull), dropped.total()), (3, 3));
/// assert_eq!(dropped.iter().collect::<Vec<_>>(), [(Reason::QueueFull, 3)]);
/// assert_eq!(format!("{dropped}, {dropped:?}"), "3 queue_full, {\"queue_full\": 3}");
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Dropped([u64; Reason::COUNT]);

impl Dropped {
    /// Counts so many more under this reason.
    pub fn add(&mut self, reason: Reason, spans: u64) {
        if let Some(count) = self.0.get_mut(reason as usize) {
            *count = count.saturating_add(spans);
        }
    }

    /// Counts all that the other one counts.
    ///
    /// ```
    /// # use spanloom::deliver::{Dropped, Reason};
    /// let (mut dropped, mut later) = (Dropped::default(), Dropped::default());
    /// dropped.add(Reason::QueueFull, 3);
    /// later.add(Reason::QueueFull, 4);
    /// later.add(Reason::Auth, 1);
    /// dropped.add_all(&later);
    /// assert_eq!(dropped.iter().collect::<Vec<_>>(), [(Reason::QueueFull, 7), (Reason::Auth, 1)]);
    /// ```
    pub fn add_all(&mut self, other: &Self) {
        for (reason, spans) in other.iter() {
            self.add(reason, spans);
        }
    }

    /// How many were lost for this reason.
    #[must_use]
    pub fn get(&self, reason: Reason) -> u64 {
        self.0.get(reason as usize).copied().unwrap_or(0)
    }

    /// How many were lost.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The reasons for which spans were lost, in the order of their numbers, and how many.
    pub fn iter(&self) -> impl Iterator<Item = (Reason, u64)> + use<> {
        Reason::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }
}

impl fmt::Debug for Dropped {
    /// By name, and only those that there are: people read it in logs and failed tests.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(reason, count)| (reason.name(), count))).finish()
    }
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (reason, count)) in self.iter().enumerate() {
            write!(f, "{}{count} {}", if place == 0 { "" } else { ", " }, reason.name())?;
        }
        Ok(())
    }
}

/// What became of the spans of one signal at one destination.
///
/// `accepted = delivered + rejected + dropped + pending` holds after every call: spans come in through [`Self::accept`] as
/// pending and leave by one of the others. A span that goes to two destinations stands in the ledger of each.
///
/// ```
/// use spanloom::deliver::{Ledger, Reason};
/// let mut ledger = Ledger::default();
/// ledger.accept(10);
/// ledger.deliver(6);
/// ledger.reject(1);
/// ledger.lose(Reason::TooLarge, 1);
/// assert!(ledger.adds_up());
/// assert_eq!(
///     ledger.to_string(),
///     "10 accepted = 6 delivered + 1 rejected + 1 dropped (1 too_large) + 2 pending"
/// );
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Ledger {
    /// Spans that ended, were not sampled out, and were meant for this destination.
    pub accepted: u64,
    /// Spans that it took.
    pub delivered: u64,
    /// Spans that it refused out of requests that it took.
    pub rejected: u64,
    /// Spans that were lost.
    pub dropped: Dropped,
    /// Spans that are on their way.
    pub pending: u64,
}

impl Ledger {
    /// So many spans are on their way.
    pub const fn accept(&mut self, spans: u64) {
        self.accepted = self.accepted.saturating_add(spans);
        self.pending = self.pending.saturating_add(spans);
    }

    /// So many pending spans have arrived.
    pub fn deliver(&mut self, spans: u64) {
        self.delivered = self.delivered.saturating_add(self.leave(spans));
    }

    /// So many pending spans were refused out of a request that was taken.
    pub fn reject(&mut self, spans: u64) {
        self.rejected = self.rejected.saturating_add(self.leave(spans));
    }

    /// So many pending spans were lost.
    pub fn lose(&mut self, reason: Reason, spans: u64) {
        let spans = self.leave(spans);
        self.dropped.add(reason, spans);
    }

    /// No more can leave than are pending: whoever counts twice does not spoil the sum.
    fn leave(&mut self, spans: u64) -> u64 {
        let spans = spans.min(self.pending);
        self.pending -= spans;
        spans
    }

    /// True when every accepted span is accounted for.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        let parts = [self.delivered, self.rejected, self.dropped.total(), self.pending];
        parts.iter().try_fold(0u64, |sum, part| sum.checked_add(*part)) == Some(self.accepted)
    }

    /// What happened since an earlier moment; `pending` is what is pending now.
    ///
    /// ```
    /// use spanloom::deliver::Ledger;
    /// let mut ledger = Ledger::default();
    /// ledger.accept(3);
    /// let before = ledger;
    /// ledger.deliver(2);
    /// let receipt = ledger.since(&before);
    /// assert_eq!((receipt.delivered, receipt.pending), (2, 1));
    /// ```
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut dropped = Dropped::default();
        for (reason, count) in self.dropped.iter() {
            dropped.add(reason, count.saturating_sub(earlier.dropped.get(reason)));
        }
        Self {
            accepted: self.accepted.saturating_sub(earlier.accepted),
            delivered: self.delivered.saturating_sub(earlier.delivered),
            rejected: self.rejected.saturating_sub(earlier.rejected),
            dropped,
            pending: self.pending,
        }
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { accepted, delivered, rejected, dropped, pending } = self;
        write!(
            f,
            "{accepted} accepted = {delivered} delivered + {rejected} rejected + {} dropped",
            dropped.total()
        )?;
        if dropped.total() > 0 {
            write!(f, " ({dropped})")?;
        }
        write!(f, " + {pending} pending")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_stand_at_their_numbers() {
        for (place, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place);
        }
    }

    #[test]
    fn no_more_leaves_than_came() {
        let mut ledger = Ledger::default();
        ledger.accept(2);
        ledger.deliver(5);
        ledger.reject(1);
        ledger.lose(Reason::Auth, 1);
        assert_eq!((ledger.delivered, ledger.rejected, ledger.dropped.total()), (2, 0, 0));
        assert!(ledger.adds_up());
    }

    #[test]
    fn a_sum_that_is_off_shows() {
        let mut ledger = Ledger::default();
        ledger.accept(2);
        ledger.delivered = 1;
        assert!(!ledger.adds_up());
        ledger.delivered = u64::MAX;
        assert!(!ledger.adds_up());
    }

    #[test]
    fn one_line_names_every_reason() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.to_string(), "0 accepted = 0 delivered + 0 rejected + 0 dropped + 0 pending");
        ledger.accept(5);
        ledger.lose(Reason::RetryExhausted, 2);
        ledger.lose(Reason::QueueFull, 3);
        assert_eq!(
            ledger.to_string(),
            "5 accepted = 0 delivered + 0 rejected + 5 dropped (3 queue_full, 2 retry_exhausted) + 0 pending"
        );
    }
}
