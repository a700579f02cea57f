//! A loom measures what it records: workflows and nodes that ended, what became of their spans, and requests as the workflow
//! engine measures them.
#![cfg(feature = "native")]

#[path = "common/scratch.rs"]
mod scratch;

use std::time::Duration;

use scratch::Folder;

use spanloom::host::{Clock, ManualClock};
use spanloom::meter::{MetricSink, Number, Point, Reader, Reading, Stream};
use spanloom::native::SpoolConfig;
use spanloom::otlp::decode_metrics;
use spanloom::otlp::span::StatusCode;
use spanloom::sample::TailRules;
use spanloom::vocabulary::metric as name;
use spanloom::{Loom, LoomBuilder, MemoryExporter, Usage};

const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_700_000_000 * SECOND;

/// What a collection told, a line for each point; of histograms the sum and the count.
#[derive(Default)]
struct Lines {
    name: String,
    lines: Vec<String>,
}

impl MetricSink for Lines {
    fn stream(&mut self, stream: &Stream<'_>) {
        self.name = stream.name.to_owned();
    }

    fn point(&mut self, point: &Point<'_>) {
        let labels: Vec<_> = point
            .labels
            .iter()
            .map(|(key, value)| match (value.as_str(), value.as_int()) {
                (Some(text), _) => format!("{key}={text}"),
                (None, number) => format!("{key}={}", number.unwrap_or(-1)),
            })
            .collect();
        let reading = match point.reading {
            Reading::Number(Number::Int(number)) => number.to_string(),
            Reading::Histogram(histogram) => {
                format!("{} in {}", histogram.sum.unwrap_or(f64::NAN), histogram.count())
            }
            other => format!("{other:?}"),
        };
        self.lines.push(format!("{} {{{}}} {reading}", self.name, labels.join(" ")));
    }
}

/// What the meter of a loom stands at, as far as the names begin so.
fn told(loom: &Loom, prefix: &str) -> Vec<String> {
    let mut lines = Lines::default();
    loom.meter().book().collect(&mut Reader::cumulative(), START + 100 * SECOND, &mut lines);
    lines.lines.retain(|line| line.starts_with(prefix));
    lines.lines
}

/// A loom that takes its time from this clock.
fn measuring(clock: &ManualClock) -> LoomBuilder {
    Loom::builder().service("planner").clock(clock.clone()).workflow_metrics(true)
}

fn flush(loom: &Loom) {
    assert!(loom.flush(Duration::from_secs(30)).is_complete());
}

/// An agent that calls a model, which streams; a tool, which fails at first; and sums up the tokens of what is below it.
fn answer(loom: &Loom, clock: &ManualClock) {
    let run = loom.workflow("answer").start();
    let mut agent = run.node("planner").kind("agent").start();
    for (prompt, completion) in [(100, 20), (50, 5)] {
        let mut call = agent.node("model").kind("llm").start();
        call.attribute("gen_ai.request.model", "small");
        clock.advance(SECOND / 2);
        call.first_frame();
        clock.advance(SECOND);
        call.usage(Usage { prompt, completion, ..Usage::default() });
        call.end();
    }
    for fails in [true, false] {
        let mut tool = agent.node("weather").kind("tool").start();
        clock.advance(SECOND / 4);
        if fails {
            tool.exception("Timeout", "no answer");
        }
        tool.end();
    }
    agent.usage(Usage { prompt: 150, completion: 25, ..Usage::default() });
    agent.end();
    run.first_frame();
    run.end();
}

#[test]
fn what_a_workflow_did_is_measured() {
    let clock = ManualClock::at(START);
    let loom = measuring(&clock).exporter(MemoryExporter::new()).build();
    answer(&loom, &clock);
    flush(&loom);
    let expected = [
        "spanloom.workflow.runs {status=ok workflow=answer} 1",
        "spanloom.workflow.duration {status=ok workflow=answer} 3.5 in 1",
        "spanloom.workflow.first_frame {workflow=answer} 3.5 in 1",
        "spanloom.workflow.tokens {token.type=input workflow=answer} 150",
        "spanloom.workflow.tokens {token.type=output workflow=answer} 25",
    ];
    assert_eq!(told(&loom, "spanloom.workflow."), expected);
    let expected = [
        "spanloom.node.runs {kind=llm model=small status=ok} 2",
        "spanloom.node.runs {kind=tool status=error} 1",
        "spanloom.node.runs {kind=tool status=ok} 1",
        "spanloom.node.runs {kind=agent status=ok} 1",
        "spanloom.node.errors {error.type=Timeout kind=tool} 1",
        "spanloom.node.duration {kind=llm model=small status=ok} 3 in 2",
        "spanloom.node.duration {kind=tool status=error} 0.25 in 1",
        "spanloom.node.duration {kind=tool status=ok} 0.25 in 1",
        "spanloom.node.duration {kind=agent status=ok} 3.5 in 1",
        "spanloom.node.first_frame {kind=llm model=small} 1 in 2",
        // The agent reports the sum of both calls: nothing is left that is its own.
        "spanloom.node.tokens {kind=llm model=small token.type=input} 150",
        "spanloom.node.tokens {kind=llm model=small token.type=output} 25",
    ];
    assert_eq!(told(&loom, "spanloom.node."), expected);
    let chat = "gen_ai.operation.name=chat gen_ai.provider.name=unknown gen_ai.request.model=small";
    let usage = told(&loom, name::GEN_AI_TOKEN_USAGE);
    assert_eq!(
        usage,
        [
            format!("gen_ai.client.token.usage {{{chat} gen_ai.token.type=input}} 150 in 2"),
            format!("gen_ai.client.token.usage {{{chat} gen_ai.token.type=output}} 25 in 2"),
        ]
    );
}

#[test]
fn what_other_threads_did_is_counted_once() {
    const RUNS: u64 = 50;
    let loom = Loom::builder().exporter(MemoryExporter::new()).workflow_metrics(true).build();
    for _ in 0..RUNS {
        let run = loom.workflow("answer").start();
        let mut agent = run.node("planner").kind("agent").start();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                let mut call = agent.node("model").kind("llm").start();
                scope.spawn(move || {
                    call.usage(Usage { prompt: 10, ..Usage::default() });
                    call.end();
                });
            }
        });
        agent.usage(Usage { prompt: 20, ..Usage::default() });
        agent.end();
        run.end();
    }
    flush(&loom);
    let tokens = told(&loom, name::NODE_TOKENS);
    assert_eq!(tokens, [format!("spanloom.node.tokens {{kind=llm token.type=input}} {}", RUNS * 20)]);
    let tokens = told(&loom, name::WORKFLOW_TOKENS);
    assert_eq!(
        tokens,
        [format!("spanloom.workflow.tokens {{token.type=input workflow=answer}} {}", RUNS * 20)]
    );
}

#[test]
fn what_a_tail_sampler_leaves_out_is_measured() {
    let clock = ManualClock::at(START);
    let tail = TailRules::new().keep_errors().otherwise(0.0).build();
    let loom = measuring(&clock).tail(tail).exporter(MemoryExporter::new()).build();
    for status in [StatusCode::Ok, StatusCode::Error] {
        let run = loom.workflow("answer").start();
        let mut node = run.node("step").start();
        node.status(status, "");
        node.end();
        run.end();
    }
    flush(&loom);
    assert_eq!(told(&loom, name::WORKFLOW_RUNS), ["spanloom.workflow.runs {status=ok workflow=answer} 2"]);
    assert_eq!(loom.ledger().sampled_out, 2);
    assert_eq!(told(&loom, name::RECORDER_SAMPLED_OUT), ["spanloom.recorder.sampled_out {} 2"]);
}

#[test]
fn without_being_asked_for_nothing_is_measured() {
    let clock = ManualClock::at(START);
    for loom in [
        Loom::builder().clock(clock.clone()).build(),
        measuring(&clock).workflow_metrics(false).build(),
        measuring(&clock).disabled(true).build(),
    ] {
        answer(&loom, &clock);
        loom.flush(Duration::from_secs(30));
        assert!(told(&loom, "").is_empty());
    }
}

#[test]
fn a_loom_without_exporters_measures_all_the_same() {
    let loom = Loom::builder().workflow_metrics(true).build();
    answer(&loom, &ManualClock::at(START));
    loom.flush(Duration::from_secs(30));
    assert_eq!(told(&loom, name::WORKFLOW_RUNS), ["spanloom.workflow.runs {status=ok workflow=answer} 1"]);
}

#[test]
fn the_ledger_is_told_for_each_destination() {
    let clock = ManualClock::at(START);
    let loom = measuring(&clock).exporter(MemoryExporter::new()).build();
    answer(&loom, &clock);
    flush(&loom);
    let destination = loom.ledger().destinations.first().map(|(name, _)| name.clone()).unwrap();
    let labels = format!("destination={destination} signal=traces");
    let expected = [
        format!("spanloom.exporter.accepted {{{labels}}} 6"),
        format!("spanloom.exporter.delivered {{{labels}}} 6"),
        format!("spanloom.exporter.rejected {{{labels}}} 0"),
        format!("spanloom.exporter.pending {{{labels}}} 0"),
    ];
    assert_eq!(told(&loom, "spanloom.exporter."), expected);
    // What comes after the end is lost, and told with its reason.
    loom.shutdown(Duration::from_secs(30));
    loom.workflow("late").start().end();
    let lost = [told(&loom, name::EXPORTER_DROPPED), told(&loom, name::RECORDER_DROPPED)].concat();
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert!(lost[0].contains("reason=shutdown_timeout") && lost[0].ends_with(" 1"), "{lost:?}");
}

#[test]
fn a_meter_keeps_no_other_loom_alive() {
    let clock = ManualClock::at(START);
    let watching = Loom::builder().clock(clock.clone()).build();
    let watched = Loom::builder().clock(clock.clone()).exporter(MemoryExporter::new()).build();
    watching.meter().observe_loom(&watched);
    watched.workflow("answer").start().end();
    flush(&watched);
    assert_eq!(told(&watching, name::EXPORTER_DELIVERED).len(), 1);
    drop(watched);
    assert!(told(&watching, "").is_empty());
}

#[test]
fn a_call_is_timed_once_and_in_microseconds() {
    let clock = ManualClock::at(START);
    let loom = Loom::builder().service("planner").resource("dc", "hf").clock(clock.clone()).build();
    let call = loom.meter().call("answer").app("app-1");
    clock.advance(1_500_000);
    call.success();
    clock.advance(SECOND);
    call.failure(500);
    call.in_error_count(500, &[], 2, true, None);
    call.in_histogram(&[("late", "yes".into())]);
    let pid = std::process::id();
    let labels =
        |rest: &str| format!("{{app_id=app-1 dc=hf func=answer pid={pid}{rest} server_name=planner}}");
    assert_eq!(
        told(&loom, name::SERVER_REQUESTS),
        [
            format!("server_request_total {} 1", labels(" ret=0")),
            format!("server_request_total {} 3", labels(" ret=500")),
        ]
    );
    assert_eq!(
        told(&loom, name::SERVER_REQUEST_MICROSECONDS),
        [format!("server_request_time_microseconds {} 1500 in 1", labels(""))]
    );
    assert_eq!(clock.unix_nanos(), START + SECOND + 1_500_000);
}

#[test]
fn labels_of_a_call_stay_with_it() {
    let loom = Loom::builder().build();
    loom.meter().call("one").label("model", "small").in_success_count(&[("region", "eu".into())], 1);
    let other = loom.meter().call("two");
    other.in_error_count(7, &[("region", "us".into())], 1, false, None);
    other.success();
    // The labels of a report stand on top of all others, its code too.
    loom.meter().call("three").in_error_count(8, &[("ret", "odd".into()), ("pid", 0.into())], 1, true, None);
    let requests = told(&loom, name::SERVER_REQUESTS);
    let of = |func: &str| requests.iter().filter(|line| line.contains(func)).collect::<Vec<_>>();
    assert!(
        matches!(of("func=one")[..], [line] if line.contains("model=small") && line.contains("region=eu"))
    );
    let [failed, well] = of("func=two")[..] else { panic!("{requests:?}") };
    assert!(failed.contains("region=us") && failed.contains("ret=7") && !failed.contains("model"));
    assert!(well.contains("ret=0") && !well.contains("region"));
    let [odd] = of("func=three")[..] else { panic!("{requests:?}") };
    assert!(odd.contains("ret=odd") && odd.contains("pid=0"), "{odd}");
    let mut times = told(&loom, name::SERVER_REQUEST_MICROSECONDS);
    times.retain(|line| !line.contains("func=three"));
    assert!(times.len() == 2 && times.iter().all(|line| !line.contains("ret=")), "{times:?}");
}

#[test]
fn a_node_gets_the_code_of_its_call() {
    let memory = MemoryExporter::new();
    let loom = Loom::builder().exporter(memory.clone()).build();
    let run = loom.workflow("answer").start();
    let mut node = run.node("planner").start();
    let call = loom.meter().call("plan");
    call.failure_of(&mut node, 10_404);
    node.end();
    run.code(0);
    run.end();
    flush(&loom);
    let mut codes = Vec::new();
    memory.each_span(|span| codes.extend(span.attribute("code").and_then(|code| code.as_int())));
    assert_eq!(codes, [10_404, 0]);
}

#[test]
fn where_metrics_are_sent_workflows_are_measured() {
    let (clock, memory) = (ManualClock::at(START), MemoryExporter::new());
    let loom = Loom::builder().clock(clock.clone()).metric_exporter(memory.clone()).build();
    answer(&loom, &clock);
    flush(&loom);
    let request = memory.take_metrics().concat();
    let names: Vec<_> =
        decode_metrics(&request).unwrap().metrics().map(|found| found.metric.name.to_owned()).collect();
    // One flush is enough, also for what is counted last.
    for name in [name::WORKFLOW_RUNS, name::NODE_TOKENS, name::EXPORTER_ACCEPTED] {
        assert!(names.iter().any(|known| known == name), "{name} in {names:?}");
    }
    let accepted = told(&loom, name::EXPORTER_ACCEPTED);
    assert!(matches!(&accepted[..], [line] if line.contains("signal=metrics")), "{accepted:?}");
}

#[test]
fn the_spool_is_told() {
    let folder = Folder::new("metrics-feed");
    let clock = ManualClock::at(START);
    let loom = measuring(&clock).exporter(MemoryExporter::new()).spool(SpoolConfig::new(&folder.0)).build();
    answer(&loom, &clock);
    flush(&loom);
    let mut lines = Vec::new();
    // While the loom's thread is busy with the disk it may not be known.
    for _ in 0..3_000 {
        lines = told(&loom, "spanloom.spool.");
        if !lines.is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let names: Vec<_> = lines.iter().filter_map(|line| line.split(' ').next()).collect();
    let expected = [name::SPOOL_BYTES, name::SPOOL_WAITING, name::SPOOL_UNSETTLED, name::SPOOL_FAILURES];
    assert_eq!(names, expected, "{lines:?}");
    assert_eq!(lines.last().unwrap(), "spanloom.spool.failures {} 0");
}
