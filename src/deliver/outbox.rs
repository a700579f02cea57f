//! Requests of metrics that wait for a destination, and what became of their points.
//!
//! A reader that is told differences has its requests kept until they have arrived: nothing else knows what is in them. For one that
//! is told what everything stands at, a newer collection takes the place of one that has not arrived, and nothing is lost.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Answer, Ledger, Reason};

/// Requests that may wait for a destination, by their bytes.
const MOST_BYTES: usize = 16 << 20;

/// A request of metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricRequest {
    /// OTLP protobuf.
    pub body: Vec<u8>,
    /// How many points are in it.
    pub points: u64,
}

/// What to do after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterAnswer {
    /// The next request may go.
    Next,
    /// The same request is to go again, not before so long, if the destination said so.
    Again(Option<Duration>),
    /// The request has to be cut in two: see [`Outbox::replace_first`].
    Split,
}

/// What waits for one destination.
///
/// ```
/// use spanloom::deliver::{AfterAnswer, Answer, MetricRequest, Outbox};
/// let mut outbox = Outbox::keeping();
/// outbox.put(vec![MetricRequest { body: vec![1], points: 5 }]);
/// assert_eq!(outbox.answered(&Answer::later("busy")), AfterAnswer::Again(None));
/// assert_eq!(outbox.answered(&Answer::taken()), AfterAnswer::Next);
/// assert_eq!((outbox.ledger().delivered, outbox.first()), (5, None));
/// ```
#[derive(Debug, Default)]
pub struct Outbox {
    waiting: VecDeque<MetricRequest>,
    ledger: Ledger,
    replaces: bool,
}

impl Outbox {
    /// For differences: all requests are kept until they have arrived.
    #[must_use]
    pub fn keeping() -> Self {
        Self::default()
    }

    /// For what everything stands at: newer requests take the place of those that have not arrived.
    #[must_use]
    pub fn replacing() -> Self {
        Self { replaces: true, ..Self::default() }
    }

    /// Adds the requests of a collection.
    pub fn put(&mut self, requests: Vec<MetricRequest>) {
        if self.replaces {
            let replaced: u64 = self.waiting.drain(..).map(|request| request.points).sum();
            // What they would have told the new ones tell, too.
            self.ledger.accepted = self.ledger.accepted.saturating_sub(replaced);
            self.ledger.pending = self.ledger.pending.saturating_sub(replaced);
        }
        for request in requests {
            self.ledger.accept(request.points);
            self.waiting.push_back(request);
        }
        let mut bytes: usize = self.waiting.iter().map(|request| request.body.len()).sum();
        while bytes > MOST_BYTES && self.waiting.len() > 1 {
            let Some(oldest) = self.waiting.pop_front() else { break };
            bytes -= oldest.body.len();
            self.ledger.lose(Reason::QueueFull, oldest.points);
        }
    }

    /// The request that is to go next.
    #[must_use]
    pub fn first(&self) -> Option<&MetricRequest> {
        self.waiting.front()
    }

    /// Takes the answer to the first request.
    pub fn answered(&mut self, answer: &Answer) -> AfterAnswer {
        let Some(points) = self.first().map(|request| request.points) else { return AfterAnswer::Next };
        match answer {
            Answer::Taken { .. } | Answer::Unclear { .. } => self.ledger.deliver(points),
            Answer::Partly { rejected, .. } => {
                let rejected = (*rejected).min(points);
                self.ledger.reject(rejected);
                self.ledger.deliver(points - rejected);
            }
            Answer::Later { after, .. } => return AfterAnswer::Again(*after),
            Answer::TooLarge { .. } if points > 1 => return AfterAnswer::Split,
            Answer::TooLarge { .. } => self.ledger.lose(Reason::TooLarge, points),
            Answer::Refused { reason, .. } => self.ledger.lose(*reason, points),
        }
        self.waiting.pop_front();
        AfterAnswer::Next
    }

    /// Puts parts in the place of the first request. Points that are in none of them are lost.
    pub fn replace_first(&mut self, parts: Vec<MetricRequest>) {
        let Some(whole) = self.waiting.pop_front() else { return };
        let kept: u64 = parts.iter().map(|part| part.points).sum();
        self.ledger.lose(Reason::TooLarge, whole.points.saturating_sub(kept));
        parts.into_iter().rev().for_each(|part| self.waiting.push_front(part));
    }

    /// Nothing is sent any more: what waits is lost, for this reason.
    pub fn give_up(&mut self, reason: Reason) {
        let lost = self.waiting.drain(..).map(|request| request.points).sum();
        self.ledger.lose(reason, lost);
    }

    /// What became of all points.
    #[must_use]
    pub const fn ledger(&self) -> Ledger {
        self.ledger
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(points: u64, bytes: usize) -> MetricRequest {
        MetricRequest { body: vec![0; bytes], points }
    }

    #[test]
    fn newer_points_take_the_place_of_older_ones() {
        let mut outbox = Outbox::replacing();
        outbox.put(vec![request(5, 1), request(2, 1)]);
        assert_eq!(outbox.answered(&Answer::taken()), AfterAnswer::Next);
        outbox.put(vec![request(7, 1)]);
        let ledger = outbox.ledger();
        assert_eq!((ledger.accepted, ledger.delivered, ledger.pending), (12, 5, 7));
        assert!(ledger.adds_up());
    }

    #[test]
    fn differences_are_kept_as_long_as_there_is_room() {
        let mut outbox = Outbox::keeping();
        for _ in 0..4 {
            outbox.put(vec![request(3, MOST_BYTES / 3)]);
        }
        let ledger = outbox.ledger();
        assert_eq!((ledger.accepted, ledger.dropped.get(Reason::QueueFull), ledger.pending), (12, 3, 9));
        outbox.give_up(Reason::ShutdownTimeout);
        assert_eq!((outbox.ledger().dropped.get(Reason::ShutdownTimeout), outbox.first()), (9, None));
        assert!(outbox.ledger().adds_up());
    }

    #[test]
    fn every_answer_is_accounted_for() {
        let mut outbox = Outbox::keeping();
        outbox.put(vec![request(4, 1), request(4, 1), request(4, 1), request(1, 1)]);
        let partly = Answer::Partly { rejected: 9, message: String::new() };
        let large = Answer::TooLarge { why: String::new() };
        let refused = Answer::Refused { reason: Reason::EncodeError, why: String::new() };
        assert_eq!(outbox.answered(&partly), AfterAnswer::Next);
        assert_eq!(outbox.answered(&large), AfterAnswer::Split);
        outbox.replace_first(vec![request(2, 1), request(1, 1)]);
        assert_eq!(outbox.answered(&Answer::taken()), AfterAnswer::Next);
        assert_eq!(outbox.answered(&Answer::taken()), AfterAnswer::Next);
        assert_eq!(outbox.answered(&refused), AfterAnswer::Next);
        assert_eq!(outbox.answered(&large), AfterAnswer::Next);
        let ledger = outbox.ledger();
        assert_eq!((ledger.rejected, ledger.delivered, ledger.dropped.total(), ledger.pending), (4, 3, 6, 0));
        assert!(ledger.adds_up());
    }
}
