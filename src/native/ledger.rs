//! What became of the spans of a loom.

use crate::deliver::{self, Dropped, Reason};

/// What became of the spans of a loom, at one moment.
///
/// `accepted = delivered + rejected + dropped + pending` holds at every moment; spans that were sampled out are counted apart.
/// Where there are several destinations, the numbers here are those of the one that has taken least so far, for a span
/// counts as delivered when all have it; each one's own are in [`Self::destinations`]. A loom without a destination keeps
/// nothing: there a span counts as delivered when it has come to the end of its way.
///
/// ```
/// use std::time::Duration;
/// use spanloom::{Loom, MemoryExporter};
/// let loom = Loom::builder().exporter(MemoryExporter::new()).build();
/// let run = loom.workflow("answer").start();
/// run.node("planner").start().end();
/// assert_eq!((loom.ledger().accepted, loom.ledger().delivered), (1, 0));
/// run.end();
/// loom.flush(Duration::from_secs(5));
/// let ledger = loom.ledger();
/// assert_eq!((ledger.accepted, ledger.delivered, ledger.pending), (2, 2, 0));
/// assert_eq!(ledger.to_string(), "2 accepted = 2 delivered + 0 rejected + 0 dropped + 0 pending");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Spans that ended and were not sampled out.
    pub accepted: u64,
    /// Spans that arrived.
    pub delivered: u64,
    /// Spans that a receiver refused.
    pub rejected: u64,
    /// Spans that were lost.
    pub dropped: u64,
    /// Why they were lost.
    pub reasons: Dropped,
    /// Spans that are on their way.
    pub pending: u64,
    /// What sampling left out: spans by a tail sampler; by head sampling workflows and spans without a parent here, for what
    /// would have stood below them never came to be.
    pub sampled_out: u64,
    /// Of the accepted ones: spans that an earlier process left in the spool.
    pub recovered: u64,
    /// Calls that made no sense, such as changes of a workflow after its end.
    pub misuse: u64,
    /// What became of them at each destination, by its name.
    pub destinations: Vec<(String, deliver::Ledger)>,
    /// What became of the points of metrics at each of their destinations, by its name. Points that were replaced by newer ones
    /// before they were sent are not in it.
    pub metrics: Vec<(String, deliver::Ledger)>,
}

impl Ledger {
    /// True when every accepted span is accounted for, here and at each destination.
    ///
    /// ```
    /// let loom = spanloom::Loom::builder().build();
    /// loom.workflow("answer").start().end();
    /// assert!(loom.ledger().adds_up());
    /// ```
    #[must_use]
    pub fn adds_up(&self) -> bool {
        let parts = [self.delivered, self.rejected, self.dropped, self.pending];
        let sum = parts.iter().try_fold(0u64, |sum, part| sum.checked_add(*part));
        sum == Some(self.accepted)
            && self.dropped == self.reasons.total()
            && self.destinations.iter().chain(&self.metrics).all(|(_, ledger)| ledger.adds_up())
    }
}

impl Ledger {
    fn totals(&self) -> deliver::Ledger {
        let Self { accepted, delivered, rejected, reasons: dropped, pending, .. } = *self;
        deliver::Ledger { accepted, delivered, rejected, dropped, pending }
    }
}

impl std::fmt::Display for Ledger {
    /// The equation, and apart from it what there is of sampled, recovered and misused. Destinations are not in it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { sampled_out, recovered, misuse, .. } = *self;
        write!(f, "{}", self.totals())?;
        for (count, what) in [(sampled_out, "sampled out"), (recovered, "recovered"), (misuse, "misuses")] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        Ok(())
    }
}

impl From<Ledger> for deliver::Ledger {
    /// The same numbers without those that only a loom has.
    ///
    /// ```
    /// let loom = spanloom::Loom::builder().build();
    /// loom.workflow("answer").start().end();
    /// let ledger: spanloom::deliver::Ledger = loom.ledger().into();
    /// assert_eq!(ledger.accepted, 1);
    /// ```
    fn from(ledger: Ledger) -> Self {
        ledger.totals()
    }
}

/// What a flush or a shutdown really did.
///
/// ```
/// use std::time::Duration;
/// use spanloom::{Loom, MemoryExporter};
/// let loom = Loom::builder().exporter(MemoryExporter::new()).build();
/// loom.workflow("answer").start().end();
/// let receipt = loom.flush(Duration::from_secs(5));
/// assert_eq!((receipt.delivered, receipt.rejected, receipt.dropped, receipt.pending), (1, 0, 0, 0));
/// assert!(receipt.is_complete());
/// assert_eq!(receipt.to_string(), "1 delivered, 0 rejected, 0 dropped, 0 pending");
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Receipt {
    /// Spans that it delivered.
    pub delivered: u64,
    /// Spans that a receiver refused during it.
    pub rejected: u64,
    /// Spans that were lost during it.
    pub dropped: u64,
    /// Why they were lost.
    pub reasons: Dropped,
    /// Spans that are still on their way after it.
    pub pending: u64,
    /// What it did with the points of metrics.
    pub points: Points,
}

/// What a flush or a shutdown did with the points of metrics, at all their destinations together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Points {
    /// Points that it delivered.
    pub delivered: u64,
    /// Points that a receiver refused during it.
    pub rejected: u64,
    /// Points that were lost during it.
    pub dropped: u64,
    /// Points that are still on their way after it.
    pub pending: u64,
}

impl Points {
    /// What happened between two moments, of which ledgers tell.
    pub(super) fn between(before: &[(String, deliver::Ledger)], after: &[(String, deliver::Ledger)]) -> Self {
        let sum = |ledgers: &[(String, deliver::Ledger)], of: fn(&deliver::Ledger) -> u64| {
            ledgers.iter().map(|(_, ledger)| of(ledger)).sum::<u64>()
        };
        let since = |of| sum(after, of).saturating_sub(sum(before, of));
        Self {
            delivered: since(|ledger| ledger.delivered),
            rejected: since(|ledger| ledger.rejected),
            dropped: since(|ledger| ledger.dropped.total()),
            pending: sum(after, |ledger| ledger.pending),
        }
    }
}

impl Receipt {
    /// True when everything that was to be delivered was: spans, and points of metrics where there is an exporter of those.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        let Points { rejected, dropped, pending, .. } = self.points;
        self.rejected + rejected == 0 && self.dropped + dropped == 0 && self.pending + pending == 0
    }

    /// What happened between two moments.
    pub(super) fn between(before: &Ledger, after: &Ledger) -> Self {
        let mut reasons = Dropped::default();
        for (reason, lost) in after.reasons.iter() {
            reasons.add(reason, lost.saturating_sub(before.reasons.get(reason)));
        }
        Self {
            delivered: after.delivered.saturating_sub(before.delivered),
            rejected: after.rejected.saturating_sub(before.rejected),
            dropped: reasons.total(),
            reasons,
            pending: after.pending,
            points: Points::default(),
        }
    }
}

impl std::fmt::Display for Receipt {
    /// The spans; why some were lost, where some were; and the points of metrics, where there are any.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { delivered, rejected, dropped, reasons, pending, points } = self;
        write!(f, "{delivered} delivered, {rejected} rejected, {dropped} dropped")?;
        if reasons.total() > 0 {
            write!(f, " ({reasons})")?;
        }
        write!(f, ", {pending} pending")?;
        if *points == Points::default() {
            return Ok(());
        }
        let Points { delivered, rejected, dropped, pending } = points;
        write!(
            f,
            "; metrics: {delivered} delivered, {rejected} rejected, {dropped} dropped, {pending} pending"
        )
    }
}

/// What became of spans before they were offered to the destinations. Those that still wait in a thread's buffer are not in here.
#[derive(Default)]
pub(super) struct Totals {
    /// Spans that left their thread's buffer, and were not sampled out.
    pub(super) handed_over: u64,
    /// Of these: spans that were offered to all destinations.
    pub(super) offered: u64,
    /// Of these: spans that were lost before.
    pub(super) lost: Dropped,
    pub(super) sampled_out: u64,
}

impl Totals {
    /// Spans that are lost without ever having waited anywhere.
    pub(super) fn refuse(&mut self, reason: Reason, spans: u64) {
        self.handed_over += spans;
        self.lost.add(reason, spans);
    }

    /// The loom's ledger, with so many spans waiting in buffers.
    pub(super) fn ledger(&self, waiting: u64, destinations: Vec<(String, deliver::Ledger)>) -> Ledger {
        let accepted = self.handed_over + waiting;
        let before = waiting + self.handed_over.saturating_sub(self.offered + self.lost.total());
        let worst = destinations.iter().map(|(_, ledger)| *ledger).min_by_key(|ledger| ledger.delivered);
        // Without a destination, what comes to the end of its way has arrived.
        let nowhere = deliver::Ledger { delivered: self.offered, ..deliver::Ledger::default() };
        let there = worst.unwrap_or(nowhere);
        let mut reasons = self.lost;
        for (reason, lost) in there.dropped.iter() {
            reasons.add(reason, lost);
        }
        Ledger {
            accepted,
            delivered: there.delivered,
            rejected: there.rejected,
            dropped: reasons.total(),
            reasons,
            pending: before + there.pending,
            sampled_out: self.sampled_out,
            recovered: 0,
            misuse: 0,
            destinations,
            metrics: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_tells_why_and_of_metrics() {
        let mut reasons = Dropped::default();
        reasons.add(Reason::Auth, 2);
        reasons.add(Reason::QueueFull, 1);
        let points = Points { pending: 16, ..Points::default() };
        let receipt = Receipt { delivered: 4, dropped: 3, reasons, points, ..Receipt::default() };
        assert!(!receipt.is_complete());
        assert_eq!(
            receipt.to_string(),
            "4 delivered, 0 rejected, 3 dropped (1 queue_full, 2 auth), 0 pending; \
             metrics: 0 delivered, 0 rejected, 0 dropped, 16 pending"
        );
    }

    #[test]
    fn a_ledger_tells_what_stands_apart_where_there_is_any() {
        let ledger = Ledger { accepted: 1, pending: 1, sampled_out: 2, misuse: 1, ..Ledger::default() };
        assert_eq!(
            ledger.to_string(),
            "1 accepted = 0 delivered + 0 rejected + 0 dropped + 1 pending, 2 sampled out, 1 misuses"
        );
    }

    #[test]
    fn a_span_that_is_nowhere_is_missed() {
        let whole = Ledger { accepted: 3, delivered: 1, rejected: 1, pending: 1, ..Ledger::default() };
        assert!(whole.adds_up());
        assert!(!Ledger { accepted: 4, ..whole.clone() }.adds_up());
        assert!(!Ledger { accepted: 4, dropped: 1, ..whole.clone() }.adds_up(), "lost for no reason");
        let odd = deliver::Ledger { accepted: 1, ..deliver::Ledger::default() };
        assert!(!Ledger { destinations: vec![("there".to_owned(), odd)], ..whole }.adds_up());
    }
}
