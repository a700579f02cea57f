//! Tests of the feed, through what a collection tells.

use super::*;
use crate::meter::{BookOptions, MetricSink, Number, Point, Reader, Reading, Stream};
use crate::otlp::convention::Convention;
use crate::otlp::span::{SpanKind, StatusCode};
use crate::record::envelope::flags;
use crate::record::{Limits, RecordKind, SpanBuilder, SpanRole, SpanStart};
use crate::redact::RedactRules;
use crate::{SpanId, TraceId, Usage};

const HAND: Hand = Hand { slot: Slot::ONLY, now_unix_nano: 1_000 };
const SECOND: u64 = 1_000_000_000;

/// What was told, a line each: of histograms the count and the sum.
#[derive(Default)]
struct Lines {
    name: String,
    lines: Vec<String>,
    exemplars: usize,
}

impl MetricSink for Lines {
    fn stream(&mut self, stream: &Stream<'_>) {
        self.name = stream.name.to_owned();
    }

    fn point(&mut self, point: &Point<'_>) {
        let labels: Vec<_> = point
            .labels
            .iter()
            .map(|(key, value)| match value.as_str() {
                Some(text) => format!("{key}={text}"),
                None => format!("{key}={}", value.as_int().unwrap_or(-1)),
            })
            .collect();
        let reading = match point.reading {
            Reading::Number(Number::Int(number)) => number.to_string(),
            Reading::Histogram(h) => format!("{} in {}", h.sum.unwrap_or(f64::NAN), h.count()),
            other => format!("{other:?}"),
        };
        self.exemplars += point.exemplars.len();
        self.lines.push(format!("{} {{{}}} {reading}", self.name, labels.join(" ")));
    }
}

fn told(book: &Book) -> Vec<String> {
    let mut lines = Lines::default();
    book.collect(&mut Reader::cumulative(), 2_000, &mut lines);
    lines.lines
}

/// A span that takes two seconds.
struct Made {
    id: u64,
    parent: u64,
    name: &'static str,
    kind: &'static str,
    role: SpanRole,
}

fn node(id: u64, kind: &'static str) -> Made {
    Made { id, parent: 1, name: "step", kind, role: SpanRole::Node }
}

fn run(id: u64) -> Made {
    Made { id, parent: 0, name: "answer", kind: "", role: SpanRole::Workflow }
}

impl Made {
    fn record(&self, fill: impl FnOnce(&mut SpanBuilder)) -> Vec<u8> {
        let mut builder = SpanBuilder::new(Limits::default());
        builder.start(&SpanStart {
            workflow: SpanId::from_u64(1),
            trace_id: TraceId::from_halves(1, 2),
            span_id: SpanId::from_u64(self.id),
            parent_span_id: SpanId::from_u64(self.parent),
            parent_is_remote: false,
            trace_flags: 1,
            trace_state: "",
            name: self.name,
            span_kind: SpanKind::Internal,
            node_kind: self.kind,
            role: self.role,
            start_unix_nano: 10 * SECOND,
        });
        fill(&mut builder);
        builder.finish(12 * SECOND).to_vec()
    }
}

fn usage(prompt: u64, completion: u64) -> Usage {
    Usage { prompt, completion, ..Usage::default() }
}

/// What is told of these records.
fn measured(convention: Convention, records: &[Vec<u8>]) -> Vec<String> {
    let book = Book::default();
    let mut feed = Feed::new(&book, Wording { convention, ..Wording::default() });
    records.iter().for_each(|records| feed.take_stream(records, HAND));
    feed.settle(HAND);
    told(&book)
}

fn model_call(builder: &mut SpanBuilder) {
    builder.attribute("gen_ai.request.model", "small");
    builder.attribute("gen_ai.provider.name", "acme");
    builder.attribute("server.port", 443);
    builder.usage(Usage { cache_read: 3, ..usage(10, 4) });
    builder.first_frame(10 * SECOND + SECOND / 2);
}

fn agent_run() -> Vec<Vec<u8>> {
    vec![
        node(4, "llm").record(model_call),
        node(5, "tool").record(|tool| {
            tool.attribute("error.type", "Timeout");
            tool.status(StatusCode::Error, "late");
        }),
        node(6, "tool").record(|_| ()),
        run(1).record(|root| root.usage(usage(10, 4))),
    ]
}

#[test]
fn a_run_in_the_words_of_the_released_conventions() {
    let expected = [
        "spanloom.workflow.runs {status=ok workflow=answer} 1",
        "spanloom.workflow.duration {status=ok workflow=answer} 2 in 1",
        "spanloom.workflow.tokens {token.type=input workflow=answer} 10",
        "spanloom.workflow.tokens {token.type=output workflow=answer} 4",
        "spanloom.workflow.token_details {token.type=cache_read workflow=answer} 3",
        "spanloom.node.runs {kind=llm model=small status=ok} 1",
        "spanloom.node.runs {kind=tool status=error} 1",
        "spanloom.node.runs {kind=tool status=ok} 1",
        "spanloom.node.errors {error.type=Timeout kind=tool} 1",
        "spanloom.node.duration {kind=llm model=small status=ok} 2 in 1",
        "spanloom.node.duration {kind=tool status=error} 2 in 1",
        "spanloom.node.duration {kind=tool status=ok} 2 in 1",
        "spanloom.node.first_frame {kind=llm model=small} 0.5 in 1",
        "spanloom.node.tokens {kind=llm model=small token.type=input} 10",
        "spanloom.node.tokens {kind=llm model=small token.type=output} 4",
        "spanloom.node.token_details {kind=llm model=small token.type=cache_read} 3",
        "gen_ai.client.token.usage {gen_ai.operation.name=chat gen_ai.provider.name=acme gen_ai.request.model=small gen_ai.token.type=input server.port=443} 10 in 1",
        "gen_ai.client.token.usage {gen_ai.operation.name=chat gen_ai.provider.name=acme gen_ai.request.model=small gen_ai.token.type=output server.port=443} 4 in 1",
        "gen_ai.client.operation.duration {gen_ai.operation.name=chat gen_ai.provider.name=acme gen_ai.request.model=small server.port=443} 2 in 1",
        "gen_ai.client.operation.duration {error.type=Timeout gen_ai.operation.name=execute_tool gen_ai.provider.name=unknown} 2 in 1",
        "gen_ai.client.operation.duration {gen_ai.operation.name=execute_tool gen_ai.provider.name=unknown} 2 in 1",
        "gen_ai.client.operation.time_to_first_chunk {gen_ai.operation.name=chat gen_ai.provider.name=acme gen_ai.request.model=small server.port=443} 0.5 in 1",
        "gen_ai.workflow.duration {gen_ai.workflow.name=answer} 2 in 1",
    ];
    let released = measured(Convention::GenAi, &agent_run());
    assert_eq!(released, expected);
    assert_eq!(measured(Convention::OpenInference, &agent_run()), released);
}

#[test]
fn a_run_in_the_words_of_the_newer_conventions() {
    let failed = node(7, "llm").record(|call| {
        call.status(StatusCode::Error, "");
    });
    let agent = node(8, "agent").record(|agent| agent.attribute("gen_ai.agent.name", "planner"));
    let told = measured(Convention::GenAiLatest, &[agent_run(), vec![failed, agent]].concat());
    let gen_ai: Vec<_> = told.iter().filter(|line| line.starts_with("gen_ai.")).collect();
    let chat = "gen_ai.operation.name=chat gen_ai.provider.name=acme gen_ai.request.model=small";
    let expected = [
        format!("gen_ai.client.inference.duration {{{chat} server.port=443}} 2 in 1"),
        "gen_ai.client.inference.duration {error.type=_OTHER gen_ai.operation.name=chat gen_ai.provider.name=unknown} 2 in 1".into(),
        format!("gen_ai.client.inference.time_to_first_chunk {{{chat} server.port=443}} 0.5 in 1"),
        format!("gen_ai.client.inference.operation.input_tokens {{{chat} server.port=443}} 10 in 1"),
        format!("gen_ai.client.inference.operation.output_tokens {{{chat} server.port=443}} 4 in 1"),
        "gen_ai.client.inference.usage.input_tokens {gen_ai.operation.name=chat gen_ai.provider.name=unknown gen_ai.token.modality=unknown} 0".into(),
        "gen_ai.client.inference.usage.input_tokens {gen_ai.operation.name=chat gen_ai.provider.name=acme gen_ai.request.model=small gen_ai.token.modality=unknown server.port=443} 10".into(),
        "gen_ai.client.inference.usage.output_tokens {gen_ai.operation.name=chat gen_ai.provider.name=unknown gen_ai.token.modality=unknown} 0".into(),
        "gen_ai.client.inference.usage.output_tokens {gen_ai.operation.name=chat gen_ai.provider.name=acme gen_ai.request.model=small gen_ai.token.modality=unknown server.port=443} 4".into(),
        "gen_ai.client.inference.usage.cache_read.input_tokens {gen_ai.operation.name=chat gen_ai.provider.name=acme gen_ai.request.model=small gen_ai.token.modality=unknown server.port=443} 3".into(),
        "gen_ai.invoke_workflow.duration {gen_ai.workflow.name=answer} 2 in 1".into(),
        "gen_ai.invoke_agent.duration {gen_ai.agent.name=planner} 2 in 1".into(),
        "gen_ai.execute_tool.duration {error.type=Timeout gen_ai.tool.name=step} 2 in 1".into(),
        "gen_ai.execute_tool.duration {gen_ai.tool.name=step} 2 in 1".into(),
    ];
    assert_eq!(gen_ai, expected.iter().collect::<Vec<_>>());
}

#[test]
fn only_ends_count_and_each_of_them() {
    let whole = node(4, "llm").record(model_call);
    let body = whole.get(24..).unwrap();
    let record = |kind, flags| {
        let mut out = Vec::new();
        Record { kind, flags, revision: 1, workflow: SpanId::from_u64(1), body }.write(&mut out);
        out
    };
    let nothing = [
        record(RecordKind::Started, flags::NODE),
        record(RecordKind::WorkflowOpened, flags::NODE),
        record(RecordKind::MetricDelta, 0),
        record(RecordKind::Finished, flags::NODE | flags::ABANDONED),
        b"no records at all".to_vec(),
    ];
    assert!(measured(Convention::GenAi, &nothing).is_empty());
    let twice = measured(Convention::GenAi, &[whole.clone(), record(RecordKind::Finished, flags::NODE)]);
    assert!(twice.contains(&"spanloom.node.runs {kind=llm model=small status=ok} 2".to_owned()));
    // A plain span counts where the conventions name it.
    let plain = Made { role: SpanRole::Span, ..node(4, "") };
    assert!(measured(Convention::GenAi, &[plain.record(|_| ())]).is_empty());
    let named = plain.record(|span| span.attribute("gen_ai.operation.name", "chat"));
    assert!(
        measured(Convention::GenAi, &[named])
            .contains(&"spanloom.node.runs {kind=chat status=ok} 1".to_owned())
    );
}

#[test]
fn errors_are_told_by_what_is_known_of_them() {
    let code = run(1).record(|root| {
        root.attribute("spanloom.status_code", 10_404);
        root.status(StatusCode::Error, "no such bot");
    });
    let typed = run(1).record(|root| root.attribute("error.type", "NoBot"));
    let bare = run(1).record(|root| {
        root.status(StatusCode::Error, "");
    });
    let told = measured(Convention::GenAi, &[code, typed, bare]);
    for error in ["10404", "NoBot", "_OTHER"] {
        let line = format!("spanloom.workflow.errors {{error.type={error} workflow=answer}} 1");
        assert!(told.contains(&line), "{told:#?}");
    }
    assert!(told.contains(&"spanloom.workflow.runs {status=error workflow=answer} 3".to_owned()));
}

#[test]
fn labels_have_no_secrets_and_an_end() {
    let long = "m".repeat(1000);
    let secret = "key sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH";
    let book = Book::default();
    let redactor = Arc::new(RedactRules::new().build());
    let mut feed = Feed::new(&book, Wording::default()).redact(redactor);
    feed.take_stream(
        &node(4, "llm").record(|call| {
            call.attribute("gen_ai.request.model", long.as_str());
            call.attribute("error.type", secret);
        }),
        HAND,
    );
    let told = told(&book).join("\n");
    assert!(!told.contains("abcdefghij") && told.contains("error.type=key "), "{told}");
    assert!(told.contains(&format!("model={} ", "m".repeat(256))), "{told}");
}

#[test]
fn sorts_beyond_the_limits_are_counted_together() {
    let book = Book::new(BookOptions { limit: 10, ..BookOptions::default() });
    let mut feed = Feed::new(&book, Wording::default());
    for model in 0..2 * MOST_SORTS {
        let call = node(4, "llm").record(|call| {
            call.attribute("gen_ai.request.model", format!("m{model}").as_str());
            call.usage(usage(1, 0));
        });
        feed.take_stream(&call, HAND);
        assert!(feed.places.len() <= MOST_SORTS);
    }
    feed.settle(HAND);
    let told = told(&book);
    let sum = |name: &str| -> usize {
        let lines = told.iter().filter(|line| line.starts_with(name));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap()).sum()
    };
    assert_eq!(sum("spanloom.node.runs "), 2 * MOST_SORTS);
    assert_eq!(sum("spanloom.node.tokens "), 2 * MOST_SORTS);
    assert_eq!(told.iter().filter(|line| line.starts_with("spanloom.node.runs ")).count(), 10);
}

#[test]
fn durations_lead_to_their_spans() {
    for on in [true, false] {
        let book = Book::default();
        let mut feed = Feed::new(&book, Wording::default()).exemplars(on);
        feed.take_stream(&node(4, "llm").record(model_call), HAND);
        let mut lines = Lines::default();
        book.collect(&mut Reader::cumulative(), 2_000, &mut lines);
        // Duration and first frame, each in our words and in those of the conventions.
        assert_eq!(lines.exemplars, if on { 4 } else { 0 });
    }
}
