//! Flush and shutdown.

use super::{Destination, Flush, Mark};
use crate::deliver::parcel::Piece;
use crate::deliver::reason::Reason;

impl Destination {
    /// Sends what was offered so far at once, without waiting for full batches or for the end of a pause of our own. The
    /// flush is over when all of it is settled, or at the deadline.
    pub fn begin_flush(&mut self, now: u64, deadline: u64) -> Mark {
        let mark = Mark(self.settled.end());
        let deadline = self.flush.map_or(deadline, |running| running.deadline.max(deadline));
        if !self.over {
            self.flush = Some(Flush { mark, deadline });
        }
        self.health.hurry(now);
        self.keep_deadlines(now);
        mark
    }

    /// True when no flush is under way: all that was to be flushed is settled, or the deadline has passed.
    #[must_use]
    pub const fn flush_done(&self) -> bool {
        self.flush.is_none()
    }

    /// True when everything that was offered before the mark is settled: delivered, rejected or dropped.
    #[must_use]
    pub const fn is_settled(&self, mark: Mark) -> bool {
        self.settled.is_reached(mark.0)
    }

    /// Sends what is pending, until all is settled or the deadline has passed. What is pending then is dropped as
    /// [`Reason::ShutdownTimeout`]; what a spool holds stays pending. A second call can only bring the deadline nearer.
    ///
    /// Whoever sends gives requests up at the deadline, too.
    ///
    /// ```
    /// # use spanloom::{SpanId, record::{Record, RecordKind}};
    /// use spanloom::deliver::{Destination, Next, Options, Parcel, Reason};
    /// # let mut stream = Vec::new();
    /// # Record { kind: RecordKind::Finished, flags: 0, revision: 0, workflow: SpanId::NONE, body: b"" }.write(&mut stream);
    /// let mut destination = Destination::new(&Options::default());
    /// destination.offer(Parcel::new(stream.clone()), 0);
    /// destination.offer(Parcel::new(stream).in_spool(7), 0);
    /// destination.shut_down(0, 1_000);
    /// let Next::Send(_) = destination.next(0) else { panic!() }; // and no answer comes
    /// assert!(matches!(destination.next(0), Next::Wait(1_000)));
    /// assert!(matches!(destination.next(1_000), Next::Idle));
    /// assert!(destination.is_over());
    /// let ledger = destination.ledger();
    /// assert_eq!((ledger.pending, ledger.dropped.get(Reason::ShutdownTimeout)), (1, 1));
    /// ```
    pub fn shut_down(&mut self, now: u64, deadline: u64) {
        self.closing = Some(self.closing.map_or(deadline, |earlier| earlier.min(deadline)));
        self.health.hurry(now);
        self.keep_deadlines(now);
    }

    /// True when a shutdown is over: nothing more will be sent. What is offered now is dropped, or stays with its spool.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.over
    }

    /// Ends what is at its end.
    pub(super) fn keep_deadlines(&mut self, now: u64) {
        if self.flush.is_some_and(|flush| flush.deadline <= now || self.is_settled(flush.mark)) {
            self.flush = None;
        }
        let Some(deadline) = self.closing else { return };
        if self.over || (deadline > now && !self.settled.is_empty()) {
            return;
        }
        self.over = true;
        self.flush = None;
        let waiting = std::mem::take(&mut self.queue).into_pieces();
        let held = std::mem::take(&mut self.held).into_iter().flat_map(|batch| batch.pieces);
        // What a spool holds is not needed here any more, and counts as pending all the same. Only for requests that are on
        // their way the answer may still come.
        let mut lost: Vec<Piece> = waiting.chain(held).filter(|piece| !piece.stored).collect();
        lost.extend(self.flying.iter_mut().flat_map(|flying| flying.batch.take_unstored()));
        let spans: u64 = lost.iter().map(|piece| piece.size.spans).sum();
        let why = format!("the program ended before {spans} could be sent");
        self.lose_for_want(Reason::ShutdownTimeout, &why, lost);
    }
}
