//! One destination: its queue, its requests, its ledger.

mod answered;
mod ends;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use super::batch::{Batch, Shipment, ShipmentId};
use super::health::Health;
use super::ledger::Ledger;
use super::notice::{Notice, NoticeKind, Notices};
use super::options::{Options, nanos};
use super::parcel::{Parcel, Piece, Size};
use super::queue::Queue;
use super::reason::Reason;
use super::settled::Settled;

/// What is to be done next.
#[derive(Debug, Clone)]
pub enum Next {
    /// Send this, and say what came back.
    Send(Shipment),
    /// Nothing before this time, unless something is offered or answered.
    Wait(u64),
    /// Nothing until something is offered or answered.
    Idle,
}

/// What became of a parcel that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offered {
    /// How many of its spans wait now.
    pub taken: u64,
    /// How many spans were lost for want of room: its own, or older ones.
    pub dropped: u64,
}

/// Spans that have ended, and bytes of records of any kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    /// So many spans.
    pub spans: u64,
    /// So many bytes of records.
    pub bytes: u64,
}

impl Amount {
    const fn of(size: Size) -> Self {
        Self { spans: size.spans, bytes: size.bytes as u64 }
    }
}

/// How much was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that were sent.
    pub requests: u64,
    /// Answers after which a request was to be sent again.
    pub retries: u64,
    /// Batches that were halved.
    pub splits: u64,
    /// Requests that were taken with a warning.
    pub warnings: u64,
    /// Requests that were taken with an answer that could not be read (`bad_response`).
    pub bad_responses: u64,
}

/// A moment in the row of what was offered: see [`Destination::begin_flush`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(u64);

/// A request without an answer.
#[derive(Debug)]
struct Flying {
    id: ShipmentId,
    sent: u64,
    within: u64,
    batch: Batch,
}

/// A flush that is not over.
#[derive(Debug, Clone, Copy)]
struct Flush {
    mark: Mark,
    deadline: u64,
}

/// Everything that is known about one destination. See the [module](super) for how it is used.
#[derive(Debug)]
pub struct Destination {
    options: Options,
    queue: Queue,
    /// Batches that are to be sent again, or in parts. While there are any no new ones are made.
    held: VecDeque<Batch>,
    flying: Vec<Flying>,
    health: Health,
    settled: Settled,
    ledger: Ledger,
    counts: Counts,
    notices: Notices,
    flush: Option<Flush>,
    /// The deadline of the shutdown.
    closing: Option<u64>,
    over: bool,
    last_id: u64,
    /// How large a batch may be as far as we know, and how many were taken since that was last changed.
    batch_bytes: u64,
    taken_in_a_row: u32,
    /// How many more refusals a search for a span at fault may cost.
    searches_left: u32,
}

impl Destination {
    /// A destination that has been given nothing.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        let options = options.in_order();
        Self {
            queue: Queue::default(),
            held: VecDeque::new(),
            flying: Vec::new(),
            health: Health::default(),
            settled: Settled::default(),
            ledger: Ledger::default(),
            counts: Counts::default(),
            notices: Notices::default(),
            flush: None,
            closing: None,
            over: false,
            last_id: 0,
            batch_bytes: options.batch_bytes,
            taken_in_a_row: 0,
            searches_left: 0,
            options,
        }
    }

    // What comes in.

    /// Takes a parcel into the queue, as far as there is room; the rest is dropped as [`Reason::QueueFull`], or as
    /// [the parcel](Parcel::unspooled) says. A spool that can wait asks for [`Self::room`] first.
    ///
    /// ```
    /// # use spanloom::{SpanId, record::{Record, RecordKind}};
    /// use spanloom::deliver::{Destination, Options, Parcel, Reason};
    /// # fn three_spans() -> Vec<u8> {
    /// #     let mut out = Vec::new();
    /// #     let span = Record { kind: RecordKind::Finished, flags: 0, revision: 0, workflow: SpanId::NONE, body: b"" };
    /// #     (0..3).for_each(|_| span.write(&mut out));
    /// #     out
    /// # }
    /// let mut destination = Destination::new(&Options { queue_spans: 5, ..Options::default() });
    /// let parcel = Parcel::new(three_spans());
    /// assert_eq!(destination.offer(parcel.clone(), 0).taken, 3);
    /// let offered = destination.offer(parcel, 0);
    /// assert_eq!((offered.taken, offered.dropped), (2, 1));
    /// assert_eq!(destination.ledger().dropped.get(Reason::QueueFull), 1);
    /// ```
    pub fn offer(&mut self, parcel: Parcel, now: u64) -> Offered {
        let spans = parcel.spans();
        let order = self.settled.open(parcel.bytes(), parcel.last_sequence());
        self.ledger.accept(spans);
        let piece = parcel.into_piece(order);
        if self.over && piece.stored {
            return Offered { taken: spans, dropped: 0 };
        }
        if self.over {
            self.lose_for_want(Reason::ShutdownTimeout, "the program has said that it ends", vec![piece]);
            return Offered { taken: 0, dropped: spans };
        }
        if piece.size.bytes == 0 {
            return Offered { taken: 0, dropped: 0 };
        }
        let before = self.queue.size().spans;
        let lost = self.queue.offer(piece, now, &self.options);
        if lost.is_empty() {
            return Offered { taken: spans, dropped: 0 };
        }
        let own = lost.iter().filter(|piece| piece.order == order).map(|piece| piece.size.spans).sum();
        self.lose_for_want(Reason::QueueFull, "more is recorded than can be sent, or sending fails", lost);
        let dropped = before.saturating_add(spans).saturating_sub(self.queue.size().spans);
        Offered { taken: spans.saturating_sub(own), dropped }
    }

    /// For how much there is room in the queue.
    #[must_use]
    pub const fn room(&self) -> Amount {
        let queued = self.queued();
        Amount {
            spans: self.options.queue_spans.saturating_sub(queued.spans),
            bytes: self.options.queue_bytes.saturating_sub(queued.bytes),
        }
    }

    // What goes out.

    /// What is to be done now. To be asked again after everything that is offered or answered, until it says to wait.
    pub fn next(&mut self, now: u64) -> Next {
        self.keep_deadlines(now);
        if self.over {
            return Next::Idle;
        }
        loop {
            let Some(due) = self.due() else { return self.rest(None) };
            if due > now {
                return self.rest(Some(due));
            }
            let Some(batch) = self.held.pop_front().or_else(|| self.new_batch()) else { continue };
            return Next::Send(self.send(batch, now));
        }
    }

    /// When the next request is to go out; `None` where none is as things are.
    pub(crate) fn due(&self) -> Option<u64> {
        let most = if self.health.is_unwell() { 1 } else { self.options.in_flight };
        if self.flying.len() >= most {
            return None;
        }
        let ready = self.health.ready_at();
        if !self.held.is_empty() {
            return Some(ready);
        }
        let waiting = self.queue.size();
        let full = waiting.spans >= self.options.batch_spans
            || waiting.encoded >= self.batch_bytes
            || waiting.bytes as u64 > self.options.queue_bytes / 2;
        let oldest = self.queue.oldest()?;
        let hurry = full || self.flush.is_some() || self.closing.is_some();
        let made = if hurry { 0 } else { oldest.saturating_add(nanos(self.options.linger)) };
        Some(made.max(ready))
    }

    /// Waits for this time or the next deadline.
    fn rest(&self, due: Option<u64>) -> Next {
        let flush = self.flush.map(|flush| flush.deadline);
        [due, flush, self.closing].into_iter().flatten().min().map_or(Next::Idle, Next::Wait)
    }

    /// The next batch out of the queue; `None` where it was a span that no request can hold, or nothing.
    fn new_batch(&mut self) -> Option<Batch> {
        let batch = self.queue.take_batch(self.options.batch_spans, self.batch_bytes);
        if batch.size.encoded > self.options.request_bytes {
            self.lose(Reason::TooLarge, "a span is larger than any request may be", batch.pieces);
            return None;
        }
        (batch.size.records > 0).then_some(batch)
    }

    fn send(&mut self, batch: Batch, now: u64) -> Shipment {
        self.last_id += 1;
        let id = ShipmentId(self.last_id);
        let left = self.closing.map_or(u64::MAX, |deadline| deadline.saturating_sub(now));
        let within = nanos(self.options.timeout).min(left);
        let shipment = Shipment {
            id,
            spans: batch.size.spans,
            encoded: batch.size.encoded,
            within: Duration::from_nanos(within),
            again: batch.again,
            pieces: batch.pieces.clone(),
        };
        self.health.sent(now);
        self.counts.requests += 1;
        self.flying.push(Flying { id, sent: now, within, batch });
        shipment
    }

    // What is done with.

    fn lose(&mut self, reason: Reason, why: &str, pieces: impl IntoIterator<Item = Piece>) {
        let pieces: Vec<Piece> = pieces.into_iter().collect();
        let spans = pieces.iter().map(|piece| piece.size.spans).sum();
        self.ledger.lose(reason, spans);
        self.settle(&pieces);
        self.notices.note(NoticeKind::Lost(reason), &format!("spans are lost ({}): {why}", reason.name()));
    }

    /// As [`Self::lose`], where a spool might have kept them: then its own reason counts.
    fn lose_for_want(&mut self, reason: Reason, why: &str, mut pieces: Vec<Piece>) {
        while let Some(first) = pieces.first() {
            let own = first.lost_as(reason);
            let (lost, others) =
                pieces.into_iter().partition::<Vec<_>, _>(|piece| piece.lost_as(reason) == own);
            self.lose(own, why, lost);
            pieces = others;
        }
    }

    fn settle(&mut self, pieces: &[Piece]) {
        for piece in pieces {
            self.settled.settle(piece.order, piece.size.bytes);
        }
    }

    // What can be read.

    /// What waits in the queue.
    #[must_use]
    pub const fn queued(&self) -> Amount {
        Amount::of(self.queue.size())
    }

    /// What is in requests: without an answer so far, or to be sent again.
    #[must_use]
    pub fn on_its_way(&self) -> Amount {
        let flying = self.flying.iter().map(|flying| &flying.batch);
        Amount::of(flying.chain(&self.held).fold(Size::default(), |sum, batch| sum.plus(batch.size)))
    }

    /// What became of the spans.
    #[must_use]
    pub const fn ledger(&self) -> Ledger {
        self.ledger
    }

    /// Failures in a row, each of which began a longer pause; 0 after a request that was taken.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.health.failures()
    }

    /// True while requests go out one at a time and slowly, because the last ones failed.
    #[must_use]
    pub const fn is_unwell(&self) -> bool {
        self.health.is_unwell()
    }

    /// How much was done.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// The last sequence number of the last parcel in the unbroken row of those that are settled, from the first on: a
    /// spool needs nothing up to there any more, as far as this destination goes.
    #[must_use]
    pub const fn settled_up_to(&self) -> Option<u64> {
        self.settled.up_to()
    }

    /// What people should hear of: each kind once in the life of the destination.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        self.notices.take()
    }
}
