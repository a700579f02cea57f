//! How the usage of a node and of what is below it go together.

use crate::usage::{Usage, UsageMode};

/// The usage of a node with everything below it; true where its own report is taken to contain what is below.
pub(crate) fn combine(own: Usage, below: Usage) -> (Usage, bool) {
    if below.is_empty() {
        return (own, false);
    }
    if own.is_empty() {
        return (below, false);
    }
    let mode = if own.mode == UsageMode::Cumulative { own.mode } else { below.mode };
    if covers(own, below) {
        (largest(own, below, mode), true)
    } else {
        (Usage { mode, ..own.plus(below) }, false)
    }
}

/// Both together, as siblings.
pub(super) fn add(sum: Usage, next: Usage) -> Usage {
    if sum.is_empty() {
        return next;
    }
    let mode = if next.mode == UsageMode::Cumulative { next.mode } else { sum.mode };
    Usage { mode, ..sum.plus(next) }
}

/// True where every number that `own` reports is at least the one below, all tokens included.
fn covers(own: Usage, below: Usage) -> bool {
    let total = own.total_tokens();
    // The reported totals are left to the comparison of all tokens: one side may report, the other derive.
    let pairs = Usage { total: 0, ..own }.numbers().into_iter().zip(below.numbers());
    (total == 0 || total >= below.total_tokens()) && { pairs }.all(|(own, below)| own == 0 || own >= below)
}

/// Number by number the larger one, so that what the parent left out is filled from below.
fn largest(own: Usage, below: Usage, mode: UsageMode) -> Usage {
    let total =
        if own.total == 0 && below.total == 0 { 0 } else { own.total_tokens().max(below.total_tokens()) };
    Usage {
        prompt: own.prompt.max(below.prompt),
        completion: own.completion.max(below.completion),
        question: own.question.max(below.question),
        total,
        cache_read: own.cache_read.max(below.cache_read),
        cache_write: own.cache_write.max(below.cache_write),
        reasoning: own.reasoning.max(below.reasoning),
        mode,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(prompt: u64, completion: u64, total: u64) -> Usage {
        Usage { prompt, completion, total, ..Usage::default() }
    }

    #[test]
    fn own_and_below() {
        let none = Usage::default();
        let cases = [
            ("leaf", usage(3, 4, 0), none, usage(3, 4, 0), false),
            ("plain parent", none, usage(3, 4, 0), usage(3, 4, 0), false),
            ("exact sum", usage(3, 4, 0), usage(3, 4, 0), usage(3, 4, 0), true),
            ("sum with untraced calls", usage(5, 4, 0), usage(3, 4, 0), usage(5, 4, 0), true),
            ("own smaller call", usage(1, 9, 0), usage(3, 4, 0), usage(4, 13, 0), false),
            ("total alone is the sum", usage(0, 0, 7), usage(3, 4, 0), usage(3, 4, 7), true),
            ("total alone is no sum", usage(0, 0, 6), usage(3, 4, 0), usage(3, 4, 13), false),
            ("derived total against a reported one", usage(3, 4, 0), usage(0, 0, 7), usage(3, 4, 7), true),
            ("derived total below a reported one", usage(3, 4, 0), usage(0, 0, 8), usage(3, 4, 15), false),
            ("input only", usage(3, 0, 0), usage(3, 4, 0), usage(6, 4, 0), false),
        ];
        for (name, own, below, total, contains) in cases {
            assert_eq!(combine(own, below), (total, contains), "{name}");
        }
    }

    #[test]
    fn running_totals_stay_marked() {
        let running = Usage { mode: UsageMode::Cumulative, ..usage(1, 1, 0) };
        let plain = usage(9, 9, 0);
        for (own, below) in [(running, plain), (plain, running)] {
            assert_eq!(combine(own, below).0.mode, UsageMode::Cumulative);
            assert_eq!(add(own, below).mode, UsageMode::Cumulative);
        }
        assert_eq!(add(plain, plain).mode, UsageMode::Total);
    }

    #[test]
    fn nothing_wraps() {
        let huge = usage(u64::MAX, u64::MAX, u64::MAX);
        assert_eq!(combine(huge, huge).0, huge);
        assert_eq!(add(huge, huge), huge);
        assert_eq!(combine(usage(u64::MAX, 1, 0), usage(1, 2, 0)).0, usage(u64::MAX, 3, 0));
    }
}
