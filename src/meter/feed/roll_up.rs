//! Tokens of nodes that may contain those of nodes below them: each counted once, although a record knows no other.
//!
//! ```text
//!  records of a collection ──by their ends──▶ a node: its own usage, and what was reported below it
//!                                                 │ what it adds to that      │ both together
//!                                                 ▼                           ▼
//!                                             its metrics                 below its parent
//! ```
//!
//! The rule is that of [the loom](crate::loom): a node that reports at least what is below it contains it. What was reported
//! below a node is remembered until that ends.
//!
//! Records of several threads come out of order: a parent's, from one thread, before that of a child that ended before it, in a thread
//! that had been looked at a moment earlier. The next round brings that one at the latest. So what comes in a round waits for
//! the end of the next one, and is then counted in the order of the ends: all that ended no later than the last of the round before.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::id::{SpanId, TraceId};
use crate::loom::combine;
use crate::usage::Usage;

/// So many nodes are remembered, twice: those that came last, and those before them.
const MOST: usize = 1 << 15;

/// A span that has ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    pub(super) trace: TraceId,
    pub(super) span: SpanId,
    pub(super) parent: SpanId,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) usage: Usage,
    /// It is the root of a workflow: what is above it is another one.
    pub(super) is_workflow: bool,
    /// Where it is counted.
    pub(super) place: Option<usize>,
}

/// What a span adds to the tokens that were counted before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Adds {
    /// The place where the span is counted.
    pub(super) place: usize,
    /// Its own tokens, without those that were counted below it; of a workflow, all of it.
    pub(super) usage: Usage,
}

type Key = (TraceId, SpanId);

/// The nodes whose children reported tokens.
#[derive(Debug, Default)]
pub(super) struct RollUp {
    pending: Vec<Ended>,
    /// Some of `pending` report tokens.
    has_usage: bool,
    /// The last end of this round and those before.
    last: u64,
    /// The last end of the rounds before this one.
    last_before: u64,
    below: BTreeMap<Key, Usage>,
    below_before: BTreeMap<Key, Usage>,
}

impl RollUp {
    pub(super) fn take(&mut self, ended: Ended) {
        self.has_usage |= !ended.usage.is_empty();
        self.last = self.last.max(ended.end);
        self.pending.push(ended);
    }

    /// True where so much waits that it is to be settled at once.
    pub(super) const fn is_full(&self) -> bool {
        self.pending.len() >= MOST
    }

    /// A round is over: tells what the spans add that ended no later than the last of the round before.
    pub(super) fn end_round(&mut self, tell: impl FnMut(Adds)) {
        self.tell(self.last_before, tell);
        self.last_before = self.last;
    }

    /// Nothing that is missing will come: tells what all spans add that wait.
    pub(super) fn settle(&mut self, tell: impl FnMut(Adds)) {
        self.tell(u64::MAX, tell);
    }

    fn tell(&mut self, until: u64, mut tell: impl FnMut(Adds)) {
        let has_below = !self.below.is_empty() || !self.below_before.is_empty();
        if !self.has_usage && !has_below {
            self.pending.retain(|ended| ended.end > until);
            return;
        }
        // Stable: of equal times the one that came first is the child.
        self.pending.sort_by_key(|ended| (ended.end, Reverse(ended.start)));
        let due = self.pending.partition_point(|ended| ended.end <= until);
        let later = self.pending.split_off(due);
        for ended in std::mem::replace(&mut self.pending, later) {
            let adds = self.pass(&ended);
            if let Some(place) = ended.place
                && !adds.is_empty()
            {
                tell(Adds { place, usage: adds });
            }
        }
        self.has_usage = self.pending.iter().any(|ended| !ended.usage.is_empty());
    }

    fn pass(&mut self, ended: &Ended) -> Usage {
        let key = (ended.trace, ended.span);
        let below = self.below.remove(&key).into_iter().chain(self.below_before.remove(&key));
        let below = below.fold(Usage::default(), Usage::plus);
        let (whole, _) = combine(ended.usage, below);
        if ended.is_workflow {
            return whole;
        }
        if ended.parent.is_valid() && !whole.is_empty() {
            let parent = self.below.entry((ended.trace, ended.parent)).or_default();
            *parent = parent.plus(whole);
            if self.below.len() >= MOST {
                self.below_before = std::mem::take(&mut self.below);
            }
        }
        less(whole, below)
    }
}

/// What `whole` has more than `part`.
fn less(whole: Usage, part: Usage) -> Usage {
    let tokens = whole.total_tokens().saturating_sub(part.total_tokens());
    Usage {
        prompt: whole.prompt.saturating_sub(part.prompt),
        completion: whole.completion.saturating_sub(part.completion),
        question: whole.question.saturating_sub(part.question),
        total: if whole.total == 0 && part.total == 0 { 0 } else { tokens },
        cache_read: whole.cache_read.saturating_sub(part.cache_read),
        cache_write: whole.cache_write.saturating_sub(part.cache_write),
        reasoning: whole.reasoning.saturating_sub(part.reasoning),
        mode: whole.mode,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(span: u64, parent: u64, end: u64, prompt: u64) -> Ended {
        Ended {
            trace: TraceId::from_halves(1, 2),
            span: SpanId::from_u64(span),
            parent: SpanId::from_u64(parent),
            start: 0,
            end,
            usage: Usage { prompt, ..Usage::default() },
            is_workflow: false,
            place: Some(usize::try_from(span).unwrap()),
        }
    }

    fn root(span: u64, end: u64, prompt: u64) -> Ended {
        Ended { is_workflow: true, ..ended(span, 99, end, prompt) }
    }

    /// What each adds, of spans that come in these collections.
    fn adds(collections: &[&[Ended]]) -> Vec<(usize, u64)> {
        let mut roll_up = RollUp::default();
        let mut told = Vec::new();
        for collection in collections {
            collection.iter().for_each(|ended| roll_up.take(*ended));
            roll_up.settle(|adds| told.push((adds.place, adds.usage.prompt)));
        }
        assert!(roll_up.pending.is_empty());
        told
    }

    #[test]
    fn a_parent_that_sums_up_adds_nothing() {
        let (one, two, parent) = (ended(2, 1, 10, 5), ended(3, 1, 20, 7), root(1, 30, 12));
        let expected = [(2, 5), (3, 7), (1, 12)];
        assert_eq!(adds(&[&[one, two, parent]]), expected);
        assert_eq!(adds(&[&[parent, two, one]]), expected);
        assert_eq!(adds(&[&[one], &[two], &[], &[parent]]), expected);
    }

    #[test]
    fn a_parent_adds_what_its_children_did_not_report() {
        let agent = ended(2, 1, 20, 20);
        assert_eq!(adds(&[&[ended(3, 2, 10, 5), agent, root(1, 30, 0)]]), [(3, 5), (2, 15), (1, 20)]);
        // Less than its children: tokens of its own.
        let agent = ended(2, 1, 20, 3);
        assert_eq!(adds(&[&[ended(3, 2, 10, 5), agent, root(1, 30, 0)]]), [(3, 5), (2, 3), (1, 8)]);
    }

    #[test]
    fn what_says_nothing_passes_on_what_is_below() {
        let (model, step) = (ended(4, 3, 10, 5), ended(3, 2, 20, 0));
        assert_eq!(adds(&[&[model], &[step], &[root(2, 30, 0)]]), [(4, 5), (2, 5)]);
        // A workflow within a workflow is one of its own.
        let inner = Ended { parent: SpanId::from_u64(1), ..root(2, 30, 0) };
        assert_eq!(adds(&[&[model, step, inner, root(1, 40, 0)]]), [(4, 5), (2, 5)]);
    }

    #[test]
    fn a_parent_waits_for_a_child_that_comes_in_the_next_round() {
        let (child, parent, next) = (ended(2, 1, 10, 5), root(1, 20, 5), ended(3, 4, 30, 1));
        let mut roll_up = RollUp::default();
        let mut told = Vec::new();
        for round in [[parent, next], [child, next], [next, next]] {
            round.iter().for_each(|ended| roll_up.take(*ended));
            roll_up.end_round(|adds| told.push(adds.place));
            told.push(0);
        }
        assert_eq!(told, [0, 2, 1, 3, 3, 0, 3, 3, 0]);
        assert!(roll_up.pending.is_empty());
    }

    #[test]
    fn parents_that_never_end_are_forgotten() {
        let mut roll_up = RollUp::default();
        for parent in 0..5 * MOST as u64 {
            roll_up.take(ended(1, 2 + parent, 1, 1));
            roll_up.settle(|_| ());
        }
        assert!(roll_up.below.len() + roll_up.below_before.len() <= 2 * MOST);
    }
}
