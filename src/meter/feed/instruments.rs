//! The instruments that a feed writes to: our own, and those of the GenAI conventions.

use std::sync::Arc;

use super::facts::Facts;
use crate::meter::buckets::{
    GEN_AI_AGENT_SECONDS, GEN_AI_SECONDS, GEN_AI_TOKENS, GEN_AI_WORKFLOW_SECONDS, WORKFLOW_SECONDS,
};
use crate::meter::{Book, DistributionCell, Family, Instrument, InstrumentKind, SumCell};
use crate::otlp::convention::{Convention, Wording};
use crate::vocabulary::metric as name;

pub(super) type Sums = Arc<Family<SumCell<i64>>>;
pub(super) type Distributions = Arc<Family<DistributionCell>>;

/// All of them.
#[derive(Debug)]
pub(super) struct Instruments {
    pub(super) workflow: Own,
    pub(super) node: Own,
    pub(super) gen_ai: GenAi,
}

/// Our own, of workflows or of nodes.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) runs: Sums,
    pub(super) errors: Sums,
    pub(super) duration: Distributions,
    pub(super) first_frame: Distributions,
    pub(super) tokens: Sums,
    pub(super) token_details: Sums,
}

/// Those of the GenAI conventions.
#[derive(Debug)]
pub(super) enum GenAi {
    /// Up to v1.41.1.
    Released {
        tokens: Distributions,
        operation: Distributions,
        first_chunk: Distributions,
        workflow: Distributions,
    },
    /// As they are developed after that.
    Latest(Box<Latest>),
}

/// Those of the newer GenAI conventions.
#[derive(Debug)]
pub(super) struct Latest {
    pub(super) inference: Distributions,
    pub(super) first_chunk: Distributions,
    pub(super) input: Distributions,
    pub(super) output: Distributions,
    /// Input, output, and of these: read from a cache, written to one, reasoning.
    pub(super) usage: [Sums; 5],
    pub(super) operation: Distributions,
    pub(super) workflow: Distributions,
    pub(super) agent: Distributions,
    pub(super) tool: Distributions,
}

impl Instruments {
    pub(super) fn new(book: &Book, wording: Wording) -> Self {
        Self {
            workflow: Own {
                runs: sums(book, name::WORKFLOW_RUNS, "{run}", "Runs of workflows that ended."),
                errors: sums(book, name::WORKFLOW_ERRORS, "{run}", "Runs of workflows that failed."),
                duration: seconds(
                    book,
                    name::WORKFLOW_DURATION,
                    &WORKFLOW_SECONDS,
                    "How long runs of workflows took.",
                ),
                first_frame: seconds(
                    book,
                    name::WORKFLOW_FIRST_FRAME,
                    &WORKFLOW_SECONDS,
                    "How long runs of workflows took up to their first frame.",
                ),
                tokens: sums(book, name::WORKFLOW_TOKENS, "{token}", "Tokens of workflows."),
                token_details: sums(
                    book,
                    name::WORKFLOW_TOKEN_DETAILS,
                    "{token}",
                    "Of the tokens of workflows: those of some sort.",
                ),
            },
            node: Own {
                runs: sums(book, name::NODE_RUNS, "{node}", "Nodes that ended."),
                errors: sums(book, name::NODE_ERRORS, "{node}", "Nodes that failed."),
                duration: seconds(book, name::NODE_DURATION, &WORKFLOW_SECONDS, "How long nodes took."),
                first_frame: seconds(
                    book,
                    name::NODE_FIRST_FRAME,
                    &WORKFLOW_SECONDS,
                    "How long nodes took up to their first frame.",
                ),
                tokens: sums(book, name::NODE_TOKENS, "{token}", "Tokens of nodes."),
                token_details: sums(
                    book,
                    name::NODE_TOKEN_DETAILS,
                    "{token}",
                    "Of the tokens of nodes: those of some sort.",
                ),
            },
            // OpenInference has no words for metrics.
            gen_ai: match wording.convention {
                Convention::GenAi | Convention::OpenInference => released(book),
                Convention::GenAiLatest => latest(book),
            },
        }
    }
}

fn released(book: &Book) -> GenAi {
    GenAi::Released {
        tokens: tokens(book, name::GEN_AI_TOKEN_USAGE, "Tokens of an operation."),
        operation: seconds(
            book,
            name::GEN_AI_OPERATION_DURATION,
            &GEN_AI_SECONDS,
            "How long an operation took.",
        ),
        first_chunk: seconds(
            book,
            name::GEN_AI_FIRST_CHUNK,
            &GEN_AI_SECONDS,
            "How long an operation took up to the first chunk.",
        ),
        workflow: seconds(
            book,
            name::GEN_AI_WORKFLOW_DURATION,
            &GEN_AI_WORKFLOW_SECONDS,
            "How long a workflow took.",
        ),
    }
}

fn latest(book: &Book) -> GenAi {
    let usage = [
        (name::GEN_AI_USAGE_INPUT, "Input tokens."),
        (name::GEN_AI_USAGE_OUTPUT, "Output tokens."),
        (name::GEN_AI_USAGE_CACHE_READ, "Of the input tokens, those read from a cache."),
        (name::GEN_AI_USAGE_CACHE_WRITE, "Of the input tokens, those written to a cache."),
        (name::GEN_AI_USAGE_REASONING, "Of the output tokens, those spent on reasoning."),
    ];
    GenAi::Latest(Box::new(Latest {
        inference: seconds(
            book,
            name::GEN_AI_INFERENCE_DURATION,
            &GEN_AI_SECONDS,
            "How long an inference took.",
        ),
        first_chunk: seconds(
            book,
            name::GEN_AI_INFERENCE_FIRST_CHUNK,
            &GEN_AI_SECONDS,
            "How long an inference took up to the first chunk.",
        ),
        input: tokens(book, name::GEN_AI_INFERENCE_INPUT, "Input tokens of an inference."),
        output: tokens(book, name::GEN_AI_INFERENCE_OUTPUT, "Output tokens of an inference."),
        usage: usage.map(|(name, description)| sums(book, name, "{token}", description)),
        operation: seconds(
            book,
            name::GEN_AI_OPERATION_DURATION,
            &GEN_AI_SECONDS,
            "How long an operation took that is no inference.",
        ),
        workflow: seconds(
            book,
            name::GEN_AI_INVOKE_WORKFLOW,
            &GEN_AI_WORKFLOW_SECONDS,
            "How long a workflow took.",
        ),
        agent: seconds(book, name::GEN_AI_INVOKE_AGENT, &GEN_AI_AGENT_SECONDS, "How long an agent took."),
        tool: seconds(book, name::GEN_AI_EXECUTE_TOOL, &GEN_AI_SECONDS, "How long a tool took."),
    }))
}

impl GenAi {
    /// What counts how long such a span took; `None` for one that the conventions do not name.
    pub(super) fn duration(&self, facts: &Facts<'_>) -> Option<&Distributions> {
        Some(match self {
            Self::Released { workflow, .. } if facts.is_workflow => workflow,
            Self::Latest(latest) if facts.is_workflow => &latest.workflow,
            _ if facts.operation.is_empty() => return None,
            Self::Released { operation, .. } => operation,
            Self::Latest(latest) => match facts.operation {
                "invoke_workflow" => &latest.workflow,
                "invoke_agent" => &latest.agent,
                "execute_tool" => &latest.tool,
                _ if facts.is_inference() => &latest.inference,
                _ => &latest.operation,
            },
        })
    }

    pub(super) const fn first_chunk(&self) -> &Distributions {
        match self {
            Self::Released { first_chunk, .. } => first_chunk,
            Self::Latest(latest) => &latest.first_chunk,
        }
    }
}

fn sums(book: &Book, name: &str, unit: &str, description: &str) -> Sums {
    book.sums(Instrument::new(name, InstrumentKind::Counter).unit(unit).description(description))
}

fn seconds(book: &Book, name: &str, bounds: &[f64], description: &str) -> Distributions {
    distributions(book, name, "s", bounds, description)
}

fn tokens(book: &Book, name: &str, description: &str) -> Distributions {
    distributions(book, name, "{token}", &GEN_AI_TOKENS, description)
}

fn distributions(book: &Book, name: &str, unit: &str, bounds: &[f64], description: &str) -> Distributions {
    let instrument = Instrument::new(name, InstrumentKind::Histogram).unit(unit).description(description);
    book.distributions(instrument.bounds(bounds))
}
