//! The series for spans of one sort: same kind, same model, same error. Looked up once, then written to.

use std::sync::Arc;

use super::Hand;
use super::facts::{ErrorType, Facts};
use super::instruments::{GenAi, Instruments, Own};
use crate::id::{SpanId, TraceId};
use crate::meter::{Cell, DistributionCell, Exemplar, Family, Labels, Number, Series, SumCell};
use crate::redact::Redactor;
use crate::usage::Usage;
use crate::value::ValueRef;
use crate::vocabulary::{self as key, metric as name};

/// Longer texts are cut: a label is no place for a document.
const LONGEST: usize = 256;
/// What stands for a provider that nobody named.
const UNKNOWN: &str = "unknown";

/// What the numbers of a span are written to.
#[derive(Debug)]
pub(super) struct Places {
    is_workflow: bool,
    is_inference: bool,
    /// The GenAI conventions count its tokens.
    is_model_call: bool,
    failed: bool,
    /// Labels of our own metrics, without the status.
    own: Labels,
    /// Labels of the GenAI metrics, without the error.
    gen_ai: Labels,
    runs: Arc<Series<SumCell<i64>>>,
    errors: Option<Arc<Series<SumCell<i64>>>>,
    duration: Arc<Series<DistributionCell>>,
    gen_ai_duration: Option<Arc<Series<DistributionCell>>>,
    first_frame: Later<DistributionCell>,
    first_chunk: Later<DistributionCell>,
    /// Input, output, other; then of these: read from a cache, written to one, reasoning.
    tokens: [Later<SumCell<i64>>; 6],
    /// Input, output.
    gen_ai_tokens: [Later<DistributionCell>; 2],
    /// As `tokens`, without other.
    gen_ai_usage: [Later<SumCell<i64>>; 5],
}

/// A series that is there as soon as it is written to.
#[derive(Debug)]
struct Later<C>(Option<Arc<Series<C>>>);

impl<C> Default for Later<C> {
    fn default() -> Self {
        Self(None)
    }
}

impl<C: Cell> Later<C> {
    fn get(&mut self, family: &Family<C>, hand: Hand, labels: impl FnOnce() -> Labels) -> &Series<C> {
        self.0.get_or_insert_with(|| family.series(&labels(), || hand.now_unix_nano))
    }
}

/// The span that a number was measured in, for an exemplar.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin {
    pub(super) trace: TraceId,
    pub(super) span: SpanId,
}

impl Places {
    /// The places for spans like this one.
    pub(super) fn new(
        instruments: &Instruments,
        facts: &Facts<'_>,
        redactor: Option<&Redactor>,
        hand: Hand,
    ) -> Self {
        let error = facts.error.map(|error| match error {
            ErrorType::Named(error) => clean(error, redactor),
            ErrorType::Code(code) => code.to_string(),
        });
        let own = own_labels(facts, redactor);
        let gen_ai = gen_ai_labels(&instruments.gen_ai, facts, redactor);
        let to = instruments.own(facts.is_workflow);
        let status = with(&own, name::LABEL_STATUS, if error.is_some() { "error" } else { "ok" });
        let now = || hand.now_unix_nano;
        let errors = error
            .as_deref()
            .map(|error| to.errors.series(&with(&own, key::ERROR_TYPE, error), || hand.now_unix_nano));
        let gen_ai_duration = instruments.gen_ai.duration(facts).map(|family| {
            let error = error.as_deref();
            family.series(&error.map_or(gen_ai.clone(), |error| with(&gen_ai, key::ERROR_TYPE, error)), now)
        });
        Self {
            is_workflow: facts.is_workflow,
            is_inference: facts.is_inference(),
            // Later versions have no words for tokens of embeddings.
            is_model_call: facts.is_inference()
                || (facts.operation == "embeddings" && matches!(instruments.gen_ai, GenAi::Released { .. })),
            failed: facts.error.is_some(),
            runs: to.runs.series(&status, now),
            errors,
            duration: to.duration.series(&status, now),
            gen_ai_duration,
            own,
            gen_ai,
            first_frame: Later::default(),
            first_chunk: Later::default(),
            tokens: Default::default(),
            gen_ai_tokens: Default::default(),
            gen_ai_usage: Default::default(),
        }
    }

    /// Counts a span that has ended, all but its tokens.
    pub(super) fn count(
        &mut self,
        instruments: &Instruments,
        facts: &Facts<'_>,
        origin: Option<Origin>,
        hand: Hand,
    ) {
        self.runs.cell.add(hand.slot, 1);
        if let Some(errors) = &self.errors {
            errors.cell.add(hand.slot, 1);
        }
        record(&self.duration, facts.seconds, origin, hand);
        if let Some(duration) = &self.gen_ai_duration {
            record(duration, facts.seconds, origin, hand);
        }
        if self.failed && facts.usage.is_empty() {
            self.count_gen_ai_tokens(instruments, Usage::default(), hand);
        }
        let Some(seconds) = facts.first_frame else { return };
        let family = &instruments.own(self.is_workflow).first_frame;
        record(self.first_frame.get(family, hand, || self.own.clone()), seconds, origin, hand);
        if self.is_inference {
            let family = instruments.gen_ai.first_chunk();
            record(self.first_chunk.get(family, hand, || self.gen_ai.clone()), seconds, origin, hand);
        }
    }

    /// Counts the tokens of a span, those that nobody has counted yet.
    pub(super) fn count_tokens(&mut self, instruments: &Instruments, usage: Usage, hand: Hand) {
        self.count_gen_ai_tokens(instruments, usage, hand);
        let to = instruments.own(self.is_workflow);
        let parts = usage.prompt.saturating_add(usage.completion);
        let other = usage.total_tokens().saturating_sub(parts);
        let counts = [
            (&to.tokens, "input", usage.prompt),
            (&to.tokens, "output", usage.completion),
            (&to.tokens, "other", other),
            (&to.token_details, "cache_read", usage.cache_read),
            (&to.token_details, "cache_write", usage.cache_write),
            (&to.token_details, "reasoning", usage.reasoning),
        ];
        for (place, (family, sort, tokens)) in self.tokens.iter_mut().zip(counts) {
            if tokens > 0 {
                let labels = || with(&self.own, name::LABEL_TOKEN_TYPE, sort);
                place.get(family, hand, labels).cell.add(hand.slot, whole(tokens));
            }
        }
    }

    /// Counts the tokens of a model call in the words of the GenAI conventions.
    fn count_gen_ai_tokens(&mut self, instruments: &Instruments, usage: Usage, hand: Hand) {
        if !self.is_model_call {
            return;
        }
        match &instruments.gen_ai {
            GenAi::Released { tokens, .. } => {
                for (place, (sort, number)) in
                    self.gen_ai_tokens.iter_mut().zip([("input", usage.prompt), ("output", usage.completion)])
                {
                    if number > 0 {
                        let labels = || with(&self.gen_ai, name::GEN_AI_TOKEN_TYPE, sort);
                        record(place.get(tokens, hand, labels), as_f64(number), None, hand);
                    }
                }
            }
            GenAi::Latest(latest) => {
                let halves = [(&latest.input, usage.prompt), (&latest.output, usage.completion)];
                for (place, (family, number)) in self.gen_ai_tokens.iter_mut().zip(halves) {
                    if number > 0 {
                        record(place.get(family, hand, || self.gen_ai.clone()), as_f64(number), None, hand);
                    }
                }
                let counts =
                    [usage.prompt, usage.completion, usage.cache_read, usage.cache_write, usage.reasoning];
                let places = self.gen_ai_usage.iter_mut().zip(&latest.usage).zip(counts).enumerate();
                for (index, ((place, family), number)) in places {
                    // A call that failed is told with none, but not what these were of.
                    if number > 0 || (self.failed && index < 2) {
                        let labels = || with(&self.gen_ai, name::GEN_AI_TOKEN_MODALITY, UNKNOWN);
                        place.get(family, hand, labels).cell.add(hand.slot, whole(number));
                    }
                }
            }
        }
    }
}

impl Instruments {
    const fn own(&self, is_workflow: bool) -> &Own {
        if is_workflow { &self.workflow } else { &self.node }
    }
}

/// Labels of our own metrics.
fn own_labels(facts: &Facts<'_>, redactor: Option<&Redactor>) -> Labels {
    if facts.is_workflow {
        return named(&[(name::LABEL_WORKFLOW, facts.name)], redactor);
    }
    named(&[(name::LABEL_KIND, facts.kind), (name::LABEL_MODEL, facts.model())], redactor)
}

/// Labels of the GenAI metrics: what the metric for the duration of such a span has.
fn gen_ai_labels(instruments: &GenAi, facts: &Facts<'_>, redactor: Option<&Redactor>) -> Labels {
    let models = [(key::REQUEST_MODEL, facts.request_model), (key::RESPONSE_MODEL, facts.response_model)];
    let [request_model, response_model] = models;
    let is_latest = matches!(instruments, GenAi::Latest(_));
    match facts.operation {
        _ if facts.is_workflow => named(&[(key::WORKFLOW_NAME, facts.name)], redactor),
        "invoke_workflow" if is_latest => named(&[(key::WORKFLOW_NAME, facts.name)], redactor),
        "invoke_agent" if is_latest => {
            named(&[(key::AGENT_NAME, facts.name), request_model, response_model], redactor)
        }
        "execute_tool" if is_latest => named(&[(key::TOOL_NAME, facts.name)], redactor),
        operation => {
            let provider = if facts.provider.is_empty() { UNKNOWN } else { facts.provider };
            let labels = named(
                &[
                    (key::OPERATION, operation),
                    (key::PROVIDER, provider),
                    request_model,
                    response_model,
                    (key::SERVER_ADDRESS, facts.server),
                ],
                redactor,
            );
            match facts.port {
                Some(port) => labels.and(&Labels::new([(key::SERVER_PORT, port.into())])),
                None => labels,
            }
        }
    }
}

/// These labels, without the empty ones.
fn named(pairs: &[(&str, &str)], redactor: Option<&Redactor>) -> Labels {
    let said = pairs.iter().filter(|(_, text)| !text.is_empty());
    let clean: Vec<_> = said.map(|(name, text)| (*name, clean(text, redactor))).collect();
    Labels::new(clean.iter().map(|(name, text)| (*name, ValueRef::Str(text))))
}

/// A text as it may leave.
fn clean(text: &str, redactor: Option<&Redactor>) -> String {
    let text = redactor.map_or_else(|| text.to_owned(), |redactor| redactor.redact_text(text));
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => text.get(..end).unwrap_or_default().to_owned(),
        None => text,
    }
}

fn with(labels: &Labels, name: &str, text: &str) -> Labels {
    labels.and(&Labels::new([(name, text.into())]))
}

fn record(series: &Series<DistributionCell>, number: f64, origin: Option<Origin>, hand: Hand) {
    series.cell.record(hand.slot, number);
    let Some(Origin { trace, span }) = origin else { return };
    let value = Number::Double(number);
    let (place, places) = series.cell.example_place(value);
    series.offer_example(place, places, || Exemplar {
        time_unix_nano: hand.now_unix_nano,
        value,
        trace_id: trace,
        span_id: span,
        labels: Labels::none(),
    });
}

fn whole(tokens: u64) -> i64 {
    i64::try_from(tokens).unwrap_or(i64::MAX)
}

fn as_f64(tokens: u64) -> f64 {
    Number::Int(whole(tokens)).as_f64()
}
