//! One destination: its queue, its requests, its ledger.

use std::collections::VecDeque;
use std::time::Duration;

use super::answer::Answer;
use super::batch::{Batch, Shipment, ShipmentId};
use super::health::Health;
use super::ledger::Ledger;
use super::notice::{Notice, NoticeKind, Notices};
use super::options::{Options, nanos};
use super::parcel::{Parcel, Piece, Size};
use super::queue::Queue;
use super::reason::Reason;
use super::settled::Settled;

/// After so many requests in a row that were taken, batches may be larger again.
const GROW_AFTER: u32 = 32;

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

    /// Takes a parcel into the queue, as far as there is room; the rest is dropped as [`Reason::QueueFull`]. A spool that
    /// can wait asks for [`Self::room`] first.
    pub fn offer(&mut self, parcel: Parcel, now: u64) -> Offered {
        let spans = parcel.spans();
        let order = self.settled.open(parcel.bytes(), parcel.last_sequence());
        self.ledger.accept(spans);
        let piece = parcel.into_piece(order);
        if self.over && piece.stored {
            return Offered { taken: spans, dropped: 0 };
        }
        if self.over {
            self.lose(Reason::ShutdownTimeout, "the program has said that it ends", [piece]);
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
        self.lose(Reason::QueueFull, "more is recorded than can be sent, or sending fails", lost);
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
    fn due(&self) -> Option<u64> {
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

    // What comes back.

    /// Takes what came of a shipment; false where nobody waits for it any more.
    pub fn answered(
        &mut self,
        id: ShipmentId,
        answer: Answer,
        now: u64,
        entropy: &mut dyn FnMut() -> u64,
    ) -> bool {
        let Some(place) = self.flying.iter().position(|flying| flying.id == id) else { return false };
        let flying = self.flying.swap_remove(place);
        if flying.batch.pieces.is_empty() {
            // The shutdown did not wait for it.
            return true;
        }
        match answer {
            Answer::Taken { warning } => {
                if !warning.is_empty() {
                    self.counts.warnings += 1;
                    self.notices
                        .note(NoticeKind::Warning, &format!("spans were taken with a warning: {warning}"));
                }
                self.taken(flying, 0);
            }
            Answer::Unclear { why } => {
                self.counts.bad_responses += 1;
                let text = format!("spans count as delivered, but the answer cannot be read: {why}");
                self.notices.note(NoticeKind::BadResponse, &text);
                self.taken(flying, 0);
            }
            Answer::Partly { rejected, message } => {
                let rejected = rejected.min(flying.batch.size.spans);
                let text = format!("{rejected} spans were rejected: {message}");
                self.notices.note(NoticeKind::Rejected, &text);
                self.taken(flying, rejected);
            }
            Answer::Later { after, why } => self.later(flying, after, &why, now, entropy),
            Answer::TooLarge { why } => self.too_large(flying.batch, &why),
            Answer::Refused { reason, why } => self.refused(flying.batch, reason, &why),
        }
        self.keep_deadlines(now);
        true
    }

    fn taken(&mut self, flying: Flying, rejected: u64) {
        self.health.well(flying.sent);
        self.taken_in_a_row = self.taken_in_a_row.saturating_add(1);
        if self.taken_in_a_row >= GROW_AFTER {
            self.taken_in_a_row = 0;
            self.batch_bytes = self.batch_bytes.saturating_mul(2).min(self.options.batch_bytes);
        }
        self.ledger.reject(rejected);
        self.ledger.deliver(flying.batch.size.spans.saturating_sub(rejected));
        self.settle(&flying.batch.pieces);
    }

    fn later(
        &mut self,
        flying: Flying,
        after: Option<Duration>,
        why: &str,
        now: u64,
        entropy: &mut dyn FnMut() -> u64,
    ) {
        let Flying { sent, within, mut batch, .. } = flying;
        self.counts.retries += 1;
        let pause = self.health.failed(sent, now, after, &self.options, entropy);
        // A machine that slept has not tried for as long as it slept.
        batch.spent = batch.spent.saturating_add(now.saturating_sub(sent).min(within));
        if batch.spent >= nanos(self.options.retry_for) {
            self.lose(Reason::RetryExhausted, why, batch.pieces);
            return;
        }
        self.notices.note(NoticeKind::Waiting, &format!("sending is tried again: {why}"));
        batch.spent = batch.spent.saturating_add(pause);
        batch.again = true;
        self.hold(batch);
    }

    fn too_large(&mut self, batch: Batch, why: &str) {
        self.health.too_large();
        self.taken_in_a_row = 0;
        if batch.size.records <= 1 {
            self.health.refused();
            self.lose(Reason::TooLarge, why, batch.pieces);
            return;
        }
        self.batch_bytes = self.batch_bytes.min(batch.size.encoded / 2).max(1);
        self.split(batch);
    }

    fn refused(&mut self, mut batch: Batch, reason: Reason, why: &str) {
        self.health.refused();
        let worth_it =
            self.options.bisect_refused && reason == Reason::NonRetryable && batch.size.records > 1;
        if worth_it && !batch.searched {
            // One span at fault is in one half of the batch, of its half, and so on down to itself.
            self.searches_left = batch.size.records.ilog2() + 1;
            batch.searched = true;
        } else if worth_it && self.searches_left > 0 {
            self.searches_left -= 1;
        } else {
            self.lose(reason, why, batch.pieces);
            return;
        }
        self.split(batch);
    }

    fn split(&mut self, batch: Batch) {
        self.counts.splits += 1;
        let (first, second) = batch.halves();
        self.hold(second);
        self.hold(first);
    }

    /// Keeps a batch for another request, before all others.
    fn hold(&mut self, batch: Batch) {
        if batch.size.records > 0 {
            self.held.push_front(batch);
        }
    }

    fn lose(&mut self, reason: Reason, why: &str, pieces: impl IntoIterator<Item = Piece>) {
        let pieces: Vec<Piece> = pieces.into_iter().collect();
        let spans = pieces.iter().map(|piece| piece.size.spans).sum();
        self.ledger.lose(reason, spans);
        self.settle(&pieces);
        self.notices.note(NoticeKind::Lost(reason), &format!("spans are lost ({}): {why}", reason.name()));
    }

    fn settle(&mut self, pieces: &[Piece]) {
        for piece in pieces {
            self.settled.settle(piece.order, piece.size.bytes);
        }
    }

    // Coming to an end.

    /// Sends what was offered so far at once, without waiting for full batches or for the end of a pause of our own. The
    /// flush is over when all of it is settled, or at the deadline.
    pub fn begin_flush(&mut self, now: u64, deadline: u64) -> Mark {
        let mark = Mark(self.settled.end());
        let deadline = self.flush.map_or(deadline, |running| running.deadline.max(deadline));
        self.flush = Some(Flush { mark, deadline });
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

    fn keep_deadlines(&mut self, now: u64) {
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
        if !lost.is_empty() {
            self.lose(Reason::ShutdownTimeout, "the program ended before they could be sent", lost);
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
