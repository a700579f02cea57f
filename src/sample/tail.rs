//! Tail sampling: the decision when a workflow is over.
//!
//! [`TailSampler::observe`] folds every span into [`WorkflowFacts`], a few numbers however long the workflow runs;
//! [`TailSampler::decide`] holds the rules against them. The spans themselves wait elsewhere for the verdict.

use super::head::Ratio;
use crate::id::{SpanId, TraceId};
use crate::otlp::any::AnyView;
use crate::otlp::span::{SpanView, StatusCode};
use crate::usage::Usage;
use crate::value::Value;

/// What an attribute has to be.
#[derive(Debug, Clone, PartialEq)]
pub enum AttributeTest {
    /// It is there.
    Present,
    /// It has this value; whole and floating-point numbers compare as numbers.
    Equals(Value),
    /// It is a number above this one.
    Above(f64),
    /// It is a number below this one.
    Below(f64),
}

impl AttributeTest {
    fn holds(&self, value: AnyView<'_>) -> bool {
        match self {
            Self::Present => true,
            Self::Above(bound) => number(value).is_some_and(|number| number > *bound),
            Self::Below(bound) => number(value).is_some_and(|number| number < *bound),
            Self::Equals(wanted) => match (wanted, value) {
                (Value::String(wanted), AnyView::String(text)) => wanted == text,
                (Value::Bool(wanted), AnyView::Bool(flag)) => *wanted == flag,
                (Value::Int(wanted), AnyView::Int(number)) => *wanted == number,
                (Value::Double(wanted), _) => number(value) == Some(*wanted),
                (Value::Int(_), AnyView::Double(_)) => number_of(wanted) == number(value),
                _ => value.to_value() == *wanted,
            },
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "held against a bound: 53 bits do")]
fn number(value: AnyView<'_>) -> Option<f64> {
    match value {
        AnyView::Int(number) => Some(number as f64),
        AnyView::Double(number) => Some(number),
        _ => None,
    }
}

fn number_of(value: &Value) -> Option<f64> {
    value.as_int().and_then(|whole| number(AnyView::Int(whole)))
}

/// What makes a workflow worth keeping. Any rule that holds keeps it; what no rule keeps is kept by chance.
///
/// ```
/// use spanloom::sample::TailRules;
/// let sampler = TailRules::new()
///     .keep_errors()
///     .slower_than_ms(30_000)
///     .tokens_over(100_000)
///     .cost_over("llm.cost.total", 0.5)
///     .attribute_equals("user.tier", "gold")
///     .otherwise(0.1)
///     .build();
/// # let _ = sampler;
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct TailRules {
    errors: bool,
    slower_than_nanos: Option<u64>,
    tokens_over: Option<u64>,
    cost_over: Option<(String, f64)>,
    attributes: Vec<(String, AttributeTest)>,
    otherwise: f64,
}

impl Default for TailRules {
    fn default() -> Self {
        Self::new()
    }
}

impl TailRules {
    /// No rule: everything is kept.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            errors: false,
            slower_than_nanos: None,
            tokens_over: None,
            cost_over: None,
            attributes: Vec::new(),
            otherwise: 1.0,
        }
    }

    /// Keeps workflows in which a span has the status error.
    #[must_use]
    pub const fn keep_errors(mut self) -> Self {
        self.errors = true;
        self
    }

    /// Keeps workflows that took longer, from the first start to the last end.
    #[must_use]
    pub const fn slower_than_ms(mut self, milliseconds: u64) -> Self {
        self.slower_than_nanos = Some(milliseconds.saturating_mul(1_000_000));
        self
    }

    /// Keeps workflows that used more tokens.
    #[must_use]
    pub const fn tokens_over(mut self, tokens: u64) -> Self {
        self.tokens_over = Some(tokens);
        self
    }

    /// Keeps workflows in which the numbers under this key add up to more.
    #[must_use]
    pub fn cost_over(mut self, key: impl Into<String>, cost: f64) -> Self {
        self.cost_over = Some((key.into(), cost));
        self
    }

    /// Keeps workflows in which a span has an attribute that passes the test.
    #[must_use]
    pub fn attribute(mut self, key: impl Into<String>, test: AttributeTest) -> Self {
        self.attributes.push((key.into(), test));
        self
    }

    /// Keeps workflows in which a span has this attribute.
    #[must_use]
    pub fn attribute_present(self, key: impl Into<String>) -> Self {
        self.attribute(key, AttributeTest::Present)
    }

    /// Keeps workflows in which a span has this attribute with this value.
    #[must_use]
    pub fn attribute_equals(self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.attribute(key, AttributeTest::Equals(value.into()))
    }

    /// Keeps this share of what no rule keeps, chosen by trace id: 0 keeps none, 1 all.
    #[must_use]
    pub const fn otherwise(mut self, ratio: f64) -> Self {
        self.otherwise = ratio;
        self
    }

    /// The sampler with these rules.
    #[must_use]
    pub fn build(self) -> TailSampler {
        TailSampler { rest: Ratio::threshold(self.otherwise), rules: self }
    }
}

/// Decides over whole workflows.
#[derive(Debug, Clone, PartialEq)]
pub struct TailSampler {
    rules: TailRules,
    rest: Ratio,
}

/// What the rules have to know of a workflow; its size does not depend on the workflow's.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct WorkflowFacts {
    /// The trace it belongs to.
    pub trace_id: TraceId,
    /// How many spans were folded in.
    pub spans: u64,
    /// A span has the status error.
    pub failed: bool,
    /// When the first span started.
    pub first_start: u64,
    /// When the last span ended; 0 while none has.
    pub last_end: u64,
    /// What the spans report, by who reports it.
    tokens: Tally<u64>,
    cost: Tally<f64>,
    /// The first attribute rule that held.
    matched: Option<usize>,
}

/// A number that a root may report for the whole and its nodes for their parts.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Tally<T> {
    root: T,
    parts: T,
    exact: Option<T>,
}

impl WorkflowFacts {
    /// From the first start to the last end, in nanoseconds.
    #[must_use]
    pub const fn nanos(&self) -> u64 {
        self.last_end.saturating_sub(self.first_start)
    }

    /// The tokens of the workflow. What the root and what all others report are held against each other: a root that
    /// reports the sum of its nodes does not count twice. A node in between that does so does: who knows the tree
    /// says better by [`set_tokens`](Self::set_tokens).
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.tokens.exact.unwrap_or(self.tokens.root.max(self.tokens.parts))
    }

    /// The cost of the workflow, by the same rule.
    #[must_use]
    pub fn cost(&self) -> f64 {
        self.cost.exact.unwrap_or(self.cost.root.max(self.cost.parts))
    }

    /// States the tokens, for who has counted them over the whole tree.
    pub const fn set_tokens(&mut self, tokens: u64) {
        self.tokens.exact = Some(tokens);
    }

    /// States the cost, for who has counted it over the whole tree.
    pub const fn set_cost(&mut self, cost: f64) {
        self.cost.exact = Some(cost);
    }
}

/// Why a workflow is kept or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TailReason {
    /// A span failed.
    Error,
    /// It took long.
    Slow,
    /// It used many tokens.
    Tokens,
    /// It was expensive.
    Cost,
    /// The attribute rule with this index held.
    Attribute(usize),
    /// No rule held, and its trace id belongs to the share that is kept.
    Chance,
    /// No rule held, and its trace id does not belong to that share.
    SampledOut,
}

/// The decision over a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Verdict {
    /// True when the workflow is delivered.
    pub keep: bool,
    /// Why.
    pub reason: TailReason,
}

impl TailSampler {
    /// Folds a span into the facts of its workflow. Give each span once, when it is finished.
    pub fn observe(&self, facts: &mut WorkflowFacts, span: &SpanView<'_>) {
        if facts.spans == 0 {
            facts.trace_id = span.trace_id;
            facts.first_start = span.start_unix_nano;
        }
        facts.spans = facts.spans.saturating_add(1);
        facts.failed |= span.status() == StatusCode::Error;
        facts.first_start = facts.first_start.min(span.start_unix_nano);
        facts.last_end = facts.last_end.max(span.end_unix_nano);
        let is_root = span.parent_span_id == SpanId::NONE;
        if self.rules.tokens_over.is_some() {
            let tokens = Usage::of_span(span).total_tokens();
            let place = if is_root { &mut facts.tokens.root } else { &mut facts.tokens.parts };
            *place = place.saturating_add(tokens);
        }
        if self.rules.cost_over.is_none() && self.rules.attributes.is_empty() {
            return;
        }
        for (key, value) in span.attributes() {
            if let Some((name, _)) = &self.rules.cost_over
                && name == key
                && let Some(cost) = number(value).filter(|cost| cost.is_finite() && *cost > 0.0)
            {
                *(if is_root { &mut facts.cost.root } else { &mut facts.cost.parts }) += cost;
            }
            let tests = self.rules.attributes.iter();
            let matched = tests.take(facts.matched.unwrap_or(usize::MAX)).position(|(name, test)| {
                // Names first: most attributes are not asked for.
                name == key && test.holds(value)
            });
            facts.matched = matched.or(facts.matched);
        }
    }

    /// Decides over a workflow.
    #[must_use]
    pub fn decide(&self, facts: &WorkflowFacts) -> Verdict {
        let rules = &self.rules;
        let reason = if rules.errors && facts.failed {
            TailReason::Error
        } else if rules.slower_than_nanos.is_some_and(|limit| facts.nanos() > limit) {
            TailReason::Slow
        } else if rules.tokens_over.is_some_and(|limit| facts.tokens() > limit) {
            TailReason::Tokens
        } else if rules.cost_over.as_ref().is_some_and(|(_, limit)| facts.cost() > *limit) {
            TailReason::Cost
        } else if let Some(index) = facts.matched {
            TailReason::Attribute(index)
        } else if self.rest.admits(facts.trace_id) {
            TailReason::Chance
        } else {
            TailReason::SampledOut
        };
        Verdict { keep: reason != TailReason::SampledOut, reason }
    }
}

/// How much was sampled out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SampledOut {
    /// Whole workflows.
    pub workflows: u64,
    /// The spans in them.
    pub spans: u64,
}

impl SampledOut {
    /// Counts a workflow that is not kept.
    pub const fn count(&mut self, facts: &WorkflowFacts) {
        self.workflows = self.workflows.saturating_add(1);
        self.spans = self.spans.saturating_add(facts.spans);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otlp::any::put_key_value;
    use crate::otlp::span::field;
    use crate::otlp::wire::{
        close_message, open_message, put_bytes_field, put_fixed64_field, put_varint_field,
    };
    use crate::vocabulary::{USAGE_INPUT, USAGE_OUTPUT};

    struct Given {
        root: bool,
        times: (u64, u64),
        failed: bool,
        attributes: Vec<(&'static str, Value)>,
    }

    fn node(attributes: Vec<(&'static str, Value)>) -> Given {
        Given { root: false, times: (0, 0), failed: false, attributes }
    }

    fn encoded(given: &Given) -> Vec<u8> {
        let mut out = Vec::new();
        put_bytes_field(&mut out, field::TRACE_ID, &[7; 16]);
        put_bytes_field(&mut out, field::SPAN_ID, &[1; 8]);
        if !given.root {
            put_bytes_field(&mut out, field::PARENT_SPAN_ID, &[2; 8]);
        }
        put_fixed64_field(&mut out, field::START, given.times.0);
        put_fixed64_field(&mut out, field::END, given.times.1);
        for (key, value) in &given.attributes {
            put_key_value(&mut out, field::ATTRIBUTES, key, value);
        }
        if given.failed {
            let status = open_message(&mut out, field::STATUS);
            put_varint_field(&mut out, 3, 2);
            close_message(&mut out, status);
        }
        out
    }

    fn verdict(rules: TailRules, spans: &[Given]) -> TailReason {
        let sampler = rules.build();
        let mut facts = WorkflowFacts::default();
        for span in spans {
            sampler.observe(&mut facts, &SpanView::read(&encoded(span)).unwrap());
        }
        let verdict = sampler.decide(&facts);
        assert_eq!(verdict.keep, verdict.reason != TailReason::SampledOut);
        verdict.reason
    }

    #[test]
    fn every_rule_alone() {
        use TailReason as Reason;
        let none = || TailRules::new().otherwise(0.0);
        let tokens =
            |input: i64, output: i64| vec![(USAGE_INPUT, input.into()), (USAGE_OUTPUT, output.into())];
        let fails = || Given { failed: true, ..node(vec![]) };
        let lasts = |start, end| Given { times: (start, end), ..node(vec![]) };
        let cost = |amount: f64| node(vec![("cost", amount.into())]);
        let tier = |value: Value| node(vec![("tier", value)]);
        let gold = || none().attribute_equals("tier", "gold");
        let above = || none().attribute("tier", AttributeTest::Above(3.0));
        let below = || none().attribute("tier", AttributeTest::Below(3.0));
        let root = |given: Given| Given { root: true, ..given };
        for (index, (rules, spans, expected)) in [
            (none(), vec![fails()], Reason::SampledOut),
            (none().keep_errors(), vec![node(vec![]), fails()], Reason::Error),
            (none().keep_errors(), vec![node(vec![])], Reason::SampledOut),
            (none().slower_than_ms(1), vec![lasts(5, 1_000_006)], Reason::Slow),
            (none().slower_than_ms(1), vec![lasts(5, 1_000_005)], Reason::SampledOut),
            (
                none().slower_than_ms(1),
                vec![lasts(900_000, 1_000_006), lasts(2_000_001, 2_000_002), lasts(1_000_000, 1_000_001)],
                Reason::Slow,
            ),
            (none().slower_than_ms(1), vec![lasts(9_000_000, 0)], Reason::SampledOut),
            (none().tokens_over(10), vec![node(tokens(6, 1)), node(tokens(3, 1))], Reason::Tokens),
            (none().tokens_over(10), vec![node(tokens(6, 4))], Reason::SampledOut),
            (
                // the root reports the sum of its nodes: 10, not 20
                none().tokens_over(10),
                vec![node(tokens(6, 4)), root(node(tokens(6, 4)))],
                Reason::SampledOut,
            ),
            (none().cost_over("cost", 1.0), vec![cost(0.6), cost(0.6)], Reason::Cost),
            (none().cost_over("cost", 1.0), vec![cost(0.6), cost(f64::NAN), cost(-3.0)], Reason::SampledOut),
            (none().cost_over("price", 1.0), vec![cost(5.0)], Reason::SampledOut),
            (none().cost_over("cost", 1.0), vec![node(vec![("cost", 2.into())])], Reason::Cost),
            (none().attribute_present("tier"), vec![node(vec![]), tier(Value::Null)], Reason::Attribute(0)),
            (none().attribute_present("tiers"), vec![tier(1.into())], Reason::SampledOut),
            (gold(), vec![tier("gold".into())], Reason::Attribute(0)),
            (gold(), vec![tier("golden".into())], Reason::SampledOut),
            (none().attribute_equals("tier", 3), vec![tier(3.0.into())], Reason::Attribute(0)),
            (none().attribute_equals("tier", 3.0), vec![tier(3.into())], Reason::Attribute(0)),
            (none().attribute_equals("tier", true), vec![tier(true.into())], Reason::Attribute(0)),
            (none().attribute_equals("tier", true), vec![tier(1.into())], Reason::SampledOut),
            (above(), vec![tier(4.into())], Reason::Attribute(0)),
            (above(), vec![tier(3.0.into())], Reason::SampledOut),
            (above(), vec![tier("9".into())], Reason::SampledOut),
            (below(), vec![tier((-1.5).into())], Reason::Attribute(0)),
            (
                none().attribute_present("x").attribute_present("tier"),
                vec![tier(1.into())],
                Reason::Attribute(1),
            ),
            (
                none().attribute_present("x").attribute_present("tier"),
                vec![tier(1.into()), node(vec![("x", 1.into())])],
                Reason::Attribute(0),
            ),
            (TailRules::new(), vec![node(vec![])], Reason::Chance),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(verdict(rules, &spans), expected, "row {index}");
        }
    }

    #[test]
    fn chance_goes_by_the_trace_id_and_near_the_ratio() {
        let sampler = TailRules::new().otherwise(0.25).build();
        let (mut kept, mut out) = (0u32, SampledOut::default());
        let mut low = 1u64;
        for _ in 0..10_000 {
            low = low.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // The low bits of such a generator are weak; the threshold looks at the high ones.
            let facts =
                WorkflowFacts { trace_id: TraceId::from_halves(0, low >> 8), spans: 3, ..Default::default() };
            let verdict = sampler.decide(&facts);
            assert_eq!(verdict, sampler.decide(&facts));
            if verdict.keep {
                kept += 1;
            } else {
                out.count(&facts);
            }
        }
        assert!((2_300..2_700).contains(&kept), "{kept}");
        assert_eq!(out.workflows, u64::from(10_000 - kept));
        assert_eq!(out.spans, 3 * out.workflows);
    }

    #[test]
    fn stated_numbers_win_over_folded_ones() {
        let sampler = TailRules::new().tokens_over(10).cost_over("cost", 1.0).otherwise(0.0).build();
        let mut facts = WorkflowFacts::default();
        facts.set_tokens(11);
        assert_eq!(sampler.decide(&facts).reason, TailReason::Tokens);
        facts.set_tokens(0);
        facts.set_cost(2.0);
        assert_eq!(sampler.decide(&facts).reason, TailReason::Cost);
    }
}
