//! What an answer does.

use std::time::Duration;

use super::{Destination, Flying};
use crate::deliver::answer::Answer;
use crate::deliver::batch::{Batch, ShipmentId};
use crate::deliver::notice::NoticeKind;
use crate::deliver::options::nanos;
use crate::deliver::reason::Reason;

/// After so many requests in a row that were taken, batches may be larger again.
const GROW_AFTER: u32 = 32;

impl Destination {
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
            Answer::Refused { reason, why } => self.refused(flying, reason, &why, now, entropy),
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
        let pause = self.failed(sent, now, after, entropy);
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

    /// A request failed: gives the length of the pause. Within a flush or a shutdown no pause of our own is made, but two
    /// requests a second are all that a destination in trouble gets.
    fn failed(
        &mut self,
        sent: u64,
        now: u64,
        asked: Option<Duration>,
        entropy: &mut dyn FnMut() -> u64,
    ) -> u64 {
        let pause = self.health.failed(sent, now, asked, &self.options, entropy);
        if self.flush.is_none() && self.closing.is_none() {
            return pause;
        }
        self.health.hurry(now);
        if asked.is_some() { pause } else { 0 }
    }

    fn too_large(&mut self, batch: Batch, why: &str) {
        self.health.too_large();
        self.taken_in_a_row = 0;
        if batch.size.records <= 1 {
            self.health.slow_down();
            self.lose(Reason::TooLarge, why, batch.pieces);
            return;
        }
        self.batch_bytes = self.batch_bytes.min(batch.size.encoded / 2).max(1);
        self.split(batch);
    }

    fn refused(
        &mut self,
        flying: Flying,
        reason: Reason,
        why: &str,
        now: u64,
        entropy: &mut dyn FnMut() -> u64,
    ) {
        let Flying { sent, mut batch, .. } = flying;
        let worth_it =
            self.options.bisect_refused && reason == Reason::NonRetryable && batch.size.records > 1;
        if worth_it && !batch.searched {
            // One span at fault is in one half of the batch, of its half, and so on down to itself.
            self.searches_left = batch.size.records.ilog2() + 1;
            batch.searched = true;
        } else if worth_it && self.searches_left > 0 {
            self.searches_left -= 1;
        } else {
            self.failed(sent, now, None, entropy);
            self.lose(reason, why, batch.pieces);
            return;
        }
        self.health.slow_down();
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
}
