//! Tokens that a node used.

use crate::otlp::any::AnyView;
use crate::otlp::span::SpanView;
use crate::vocabulary as key;

/// How reports of one node's usage go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[repr(u8)]
pub enum UsageMode {
    /// The report is the whole usage: it replaces an earlier one.
    #[default]
    Total = 0,
    /// The report adds to the earlier ones.
    Delta = 1,
    /// The reports are running totals of a stream: in each number the largest counts, and the result is marked.
    Cumulative = 2,
}

/// Tokens that a node used. Zero means "not reported".
///
/// ```
/// use spanloom::Usage;
/// let usage = Usage { prompt: 812, completion: 64, ..Usage::default() };
/// assert_eq!(usage.total_tokens(), 876);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Usage {
    /// Tokens that went in, cached ones included.
    pub prompt: u64,
    /// Tokens that came out, reasoning included.
    pub completion: u64,
    /// Tokens of the question alone.
    pub question: u64,
    /// All tokens; zero where it is the sum of `prompt` and `completion`.
    pub total: u64,
    /// Of `prompt`, those read from a cache.
    pub cache_read: u64,
    /// Of `prompt`, those written to a cache.
    pub cache_write: u64,
    /// Of `completion`, those spent on reasoning.
    pub reasoning: u64,
    /// How this report goes together with earlier ones.
    pub mode: UsageMode,
}

impl Usage {
    /// All tokens: as reported, else input and output together.
    #[must_use]
    pub const fn total_tokens(&self) -> u64 {
        if self.total == 0 { self.prompt.saturating_add(self.completion) } else { self.total }
    }

    /// True when nothing was reported.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.numbers() == [0; 7]
    }

    /// The numbers, in the order of the fields.
    #[must_use]
    pub const fn numbers(&self) -> [u64; 7] {
        [
            self.prompt,
            self.completion,
            self.question,
            self.total,
            self.cache_read,
            self.cache_write,
            self.reasoning,
        ]
    }

    fn from_numbers(numbers: [u64; 7], mode: UsageMode) -> Self {
        let [prompt, completion, question, total, cache_read, cache_write, reasoning] = numbers;
        Self { prompt, completion, question, total, cache_read, cache_write, reasoning, mode }
    }

    /// Number by number, what `merge` makes of both.
    fn zip(self, other: Self, mode: UsageMode, merge: fn(u64, u64) -> u64) -> Self {
        let mut numbers = self.numbers();
        for (mine, theirs) in numbers.iter_mut().zip(other.numbers()) {
            *mine = merge(*mine, theirs);
        }
        Self::from_numbers(numbers, mode)
    }

    /// Both together. Sums stop at the largest number instead of wrapping.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        // A sum over one reported and one derived total is the sum of what each means.
        let total = if self.total == 0 && other.total == 0 {
            0
        } else {
            self.total_tokens().saturating_add(other.total_tokens())
        };
        Self { total, ..self.zip(other, self.mode, u64::saturating_add) }
    }

    /// What this is after a further report.
    #[must_use]
    pub fn report(self, next: Self) -> Self {
        match next.mode {
            UsageMode::Total => next,
            UsageMode::Delta => self.plus(next),
            UsageMode::Cumulative => self.zip(next, UsageMode::Cumulative, u64::max),
        }
    }

    /// The usage that a span's attributes report. Negative numbers count as none; doubles are cut to whole numbers.
    #[must_use]
    pub fn of_span(span: &SpanView<'_>) -> Self {
        let mut usage = Self::default();
        for (name, value) in span.attributes() {
            usage.read_attribute(name, value);
        }
        usage
    }

    /// Takes over what one attribute of a span reports; attributes of other names report nothing.
    pub(crate) fn read_attribute(&mut self, name: &str, value: AnyView<'_>) {
        let place = match name {
            key::USAGE_INPUT => &mut self.prompt,
            key::USAGE_OUTPUT => &mut self.completion,
            key::USAGE_QUESTION => &mut self.question,
            key::USAGE_TOTAL => &mut self.total,
            key::USAGE_CACHE_READ => &mut self.cache_read,
            key::USAGE_CACHE_WRITE => &mut self.cache_write,
            key::USAGE_REASONING => &mut self.reasoning,
            key::USAGE_CUMULATIVE if value == AnyView::Bool(true) => {
                self.mode = UsageMode::Cumulative;
                return;
            }
            _ => return,
        };
        *place = match value {
            AnyView::Int(number) => u64::try_from(number).unwrap_or(0),
            AnyView::Double(number) => whole(number),
            _ => 0,
        };
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and NaN becomes 0"
)]
fn whole(number: f64) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_go_together_by_their_mode() {
        let first = Usage { prompt: 10, completion: 2, ..Usage::default() };
        let delta = Usage { completion: 3, mode: UsageMode::Delta, ..Usage::default() };
        assert_eq!(first.report(delta).numbers(), [10, 5, 0, 0, 0, 0, 0]);
        let running = Usage { prompt: 10, completion: 7, mode: UsageMode::Cumulative, ..Usage::default() };
        let result = first.report(running).report(running);
        assert_eq!(result.completion, 7);
        assert_eq!(result.mode, UsageMode::Cumulative);
        assert_eq!(result.report(first), first);
    }

    #[test]
    fn sums_do_not_wrap_and_keep_what_a_total_means() {
        let large = Usage { prompt: u64::MAX, ..Usage::default() };
        assert_eq!(large.plus(large).prompt, u64::MAX);
        let reported = Usage { total: 30, ..Usage::default() };
        let derived = Usage { prompt: 1, completion: 2, ..Usage::default() };
        assert_eq!(reported.plus(derived).total_tokens(), 33);
        assert_eq!(whole(-1.5), 0);
        assert_eq!(whole(2.9), 2);
    }
}
