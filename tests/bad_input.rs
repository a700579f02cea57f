//! Bad input through the native handles and the host layouts: a defined result, a counter, never a panic.
//!
//! `docs/bad-input.md` lists the cases and where else they are tested.
#![cfg(feature = "native")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use spanloom::host::{Entropy, ManualClock, SeededEntropy};
use spanloom::loom::{NodeFlags, Weaver, WeaverOptions, Woven};
use spanloom::otlp::any::AnyView;
use spanloom::otlp::metrics::ReadingView;
use spanloom::otlp::span::SpanView;
use spanloom::otlp::{Resource, Scope, decode_metrics, decode_traces, encode_traces};
use spanloom::record::envelope::flags;
use spanloom::record::layout::{INTERNED, item, value};
use spanloom::record::{Ingest, Limits, RecordKind, Records};
use spanloom::redact::RedactRules;
use spanloom::value::Value;
use spanloom::vocabulary as key;
use spanloom::{Loom, LoomBuilder, MemoryExporter, Node, Usage, UsageMode};

const NOW: u64 = 1_700_000_000_000_000_000;

fn builder() -> (LoomBuilder, MemoryExporter, ManualClock) {
    let (memory, clock) = (MemoryExporter::new(), ManualClock::at(NOW));
    (
        Loom::builder().exporter(memory.clone()).clock(clock.clone()).entropy(SeededEntropy::new(7)),
        memory,
        clock,
    )
}

/// What one node becomes that `say` speaks to.
fn node_of(limits: Limits, say: impl FnOnce(&mut Node)) -> Vec<u8> {
    let (builder, memory, _) = builder();
    let loom = builder.limits(limits).build();
    let mut node = loom.span("n", None).start();
    say(&mut node);
    node.end();
    loom.flush(Duration::from_secs(30));
    assert_eq!(loom.ledger().delivered, 1);
    let records = memory.records();
    let record = Records::new(&records).next().unwrap().unwrap();
    record.body.to_vec()
}

fn span(body: &[u8]) -> SpanView<'_> {
    SpanView::read(body).unwrap()
}

fn only_tree(memory: &MemoryExporter, now: u64) -> Woven {
    let mut weaver = Weaver::new(WeaverOptions::default());
    weaver.take_stream(&memory.records(), now);
    let mut trees: Vec<Woven> = weaver.finish(now).collect();
    assert_eq!(trees.len(), 1);
    trees.remove(0)
}

/// A span in the compact layout: name, key and text of its one attribute as these bytes.
fn compact(name: &[u8], attribute: &[u8], text: &[u8]) -> Vec<u8> {
    let reference = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap().to_le_bytes();
    let mut entry = vec![0; 4];
    entry.extend([RecordKind::Finished as u8, 1, 0, 1, 0, 0]);
    entry.extend([reference(b""), reference(b""), reference(name)].concat());
    entry.extend([[1; 16].as_slice(), &[2; 8], &[0; 8], &[0; 8], &[0; 16], &[0; 8]].concat());
    entry.extend(name);
    entry.push(item::ATTRIBUTE);
    entry.extend(reference(attribute));
    entry.extend(attribute);
    entry.push(value::TEXT);
    entry.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
    entry.extend(text);
    let length = u32::try_from(entry.len()).unwrap();
    entry[..4].copy_from_slice(&length.to_le_bytes());
    entry
}

#[test]
fn b01_odd_texts_stay_and_long_ones_are_cut_between_characters() {
    let odd = "\u{0}\u{feff}\u{202e}ب😀\u{ffff}";
    let limits = Limits { value_length: 6, ..Limits::default() };
    let body = node_of(limits, |node| {
        node.attribute(odd, odd).input(odd, odd).info("12345😀7").attribute("cut", "12345😀7");
    });
    let span = span(&body);
    assert_eq!(span.attribute(odd), Some(AnyView::String(odd)));
    assert_eq!(span.attribute("cut"), Some(AnyView::String("12345😀")));
    assert_eq!(span.attribute(key::INPUT).unwrap().to_value(), Value::from([(odd, Value::from(odd))]));
    assert_eq!(span.attribute(key::CUT), Some(AnyView::Int(2)));
}

#[test]
fn b01_texts_of_hosts_that_are_no_utf8_are_repaired_and_counted() {
    let mut ingest = Ingest::new(Limits::default());
    let mut out = Vec::new();
    let batch = compact(b"n\xff", b"k\xed\xa0\xbd", b"overlong \xc0\xaf, cut \xf0\x9f\x98");
    assert_eq!(ingest.compact(&batch, &mut out), 1);
    assert_eq!((ingest.counts().repaired, ingest.counts().malformed), (3, 0));
    let record = Records::new(&out).next().unwrap().unwrap();
    assert_eq!(record.flags & flags::REPAIRED, flags::REPAIRED);
    let span = span(record.body);
    assert_eq!(span.name, "n\u{fffd}");
    let text = "overlong \u{fffd}\u{fffd}, cut \u{fffd}";
    assert_eq!(span.attribute("k\u{fffd}"), Some(AnyView::String(text)));
    // A batch that lies about its lengths and names loses its spans, and says so.
    for broken in [&batch[..batch.len() - 1], &[3, 0, 0, 0], &[0xff; 80]] {
        assert_eq!(ingest.compact(broken, &mut out), 0);
    }
    let mut unknown_name = compact(b"", b"", b"");
    unknown_name[14..16].copy_from_slice(&(INTERNED | 9).to_le_bytes());
    assert_eq!(ingest.compact(&unknown_name, &mut out), 0);
    assert_eq!((ingest.counts().malformed, ingest.counts().spans), (4, 1));
}

#[test]
fn b02_texts_and_bytes_of_100_megabytes_are_cut_wherever_they_stand() {
    let big = "é".repeat(50_000_000);
    let pair = [("text", big.as_str().into()), ("bytes", big.as_bytes().into())];
    let body = node_of(Limits::default(), |node| {
        node.attribute("text", &big).attribute("bytes", big.as_bytes());
        node.input("text", &big).output("text", &big).config("text", &big);
        node.event("e", &pair).event(&big, &[]).info(&big).error(&big).exception(&big, &big).next(&big);
        node.attribute(&big, 1);
    });
    assert!(body.len() < 20 << 20, "{}", body.len());
    let span = span(&body);
    let kept = span.attribute("text").unwrap().as_str().unwrap();
    assert_eq!(kept.chars().count(), 1 << 20);
    assert!(matches!(span.attribute(key::CUT), Some(AnyView::Int(9..))), "{:?}", span.attribute(key::CUT));
    // The key, the next node, and whatever found no room any more.
    assert!(span.dropped_attributes >= 2 && span.dropped_events >= 1);
}

#[test]
fn b03_odd_keys() {
    let long = "k".repeat(65_536);
    let body = node_of(Limits::default(), |node| {
        node.attribute("", 1).attribute(&long, 1).attribute("a", 1).attribute("b", 2).attribute("a", 3);
        node.input("", "an empty key of a map is a key").input("a", 1).input("a", 2).input(&long, 1);
        node.event("e", &[("", 1.into()), ("a", 1.into()), ("a", 2.into()), (&long, 3.into())]);
    });
    let span = span(&body);
    let kept: Vec<_> = span.attributes().take(2).collect();
    assert_eq!(kept, [("a", AnyView::Int(3)), ("b", AnyView::Int(2))]);
    let input = Value::from([("", Value::from("an empty key of a map is a key")), ("a", 2.into())]);
    assert_eq!(span.attribute(key::INPUT).unwrap().to_value(), input);
    assert_eq!(span.dropped_attributes, 3);
    let event = span.events().next().unwrap();
    assert_eq!(event.attributes().collect::<Vec<_>>(), [("a", AnyView::Int(2))]);
    assert_eq!(event.dropped_attributes, 2);
}

#[test]
fn b03_a_million_attributes_push_out_nothing_of_ours() {
    let body = node_of(Limits::default(), |node| {
        for number in 0..1_000_000_u32 {
            node.attribute(&format!("key-{number}"), number);
        }
        node.input("q", "kept").usage(Usage { prompt: 3, ..Usage::default() }).first_frame().next("after");
        node.attribute(key::REQUEST_MODEL, "kept");
    });
    let span = span(&body);
    for kept in [key::INPUT, key::USAGE_INPUT, key::FIRST_FRAME, key::NEXT, key::REQUEST_MODEL] {
        assert!(span.attribute(kept).is_some(), "{kept}");
    }
    assert_eq!((span.attributes().count(), span.dropped_attributes), (128 + 5, 1_000_000 - 128));
}

#[test]
fn b04_a_deep_chain_of_open_nodes_with_many_links() {
    let (builder, memory, _) = builder();
    let loom = builder.build();
    let run = loom.workflow("w").start();
    let mut chain = vec![run.node("0").start()];
    for depth in 1..10_000 {
        let next = chain[depth - 1].node("n").start();
        chain.push(next);
    }
    let to = run.context().span.unwrap();
    for _ in 0..10_000 {
        chain[0].link(&to, &[]);
    }
    // Parents end before their children.
    chain.drain(..).for_each(Node::end);
    run.end();
    loom.flush(Duration::from_secs(30));
    let tree = only_tree(&memory, NOW);
    assert_eq!((tree.len(), tree.nodes().map(|node| node.depth()).max()), (10_001, Some(10_000)));
    assert_eq!(tree.dropped(), [0, 0, 10_000 - 128]);
}

#[test]
fn b06_times_that_cannot_be() {
    let (builder, memory, clock) = builder();
    let loom = builder.build();
    let run = loom.workflow("w").start();
    run.node("ends before its start").start().end_at(5);
    clock.set(NOW - 1_000);
    let mut back = run.node("the clock goes back").start();
    clock.set(NOW - 2_000);
    back.first_frame();
    back.end();
    clock.set(NOW);
    run.node("no time").start().end();
    run.node("from the future").start_time(u64::MAX).start().end_at(u64::MAX);
    run.node("endless").start().end_at(u64::MAX);
    run.node("since 1970").start_time(0).start().end();
    run.end();
    loom.flush(Duration::from_secs(30));
    let tree = only_tree(&memory, NOW);
    let of = |name: &str| tree.nodes().find(|node| node.name() == name).unwrap();
    let suspect = |name: &str| of(name).flags().contains(NodeFlags::CLOCK_SUSPECT);
    let clamped = of("ends before its start");
    assert_eq!(clamped.duration_nanos(), 0);
    assert_eq!(clamped.span().attribute(key::CLOCK_SUSPECT_END), Some(AnyView::String("5")));
    assert_eq!(of("the clock goes back").duration_nanos(), 0);
    assert_eq!(of("the clock goes back").first_frame_nanos(), Some(0));
    assert_eq!(of("endless").duration_nanos(), u64::MAX - NOW);
    for name in ["ends before its start", "the clock goes back", "from the future", "since 1970"] {
        assert!(suspect(name), "{name}");
    }
    assert!(!suspect("no time") && !suspect("endless"));
    assert_eq!(tree.misuse().suspect_clocks, 4);
}

#[test]
fn b07_values_deeper_and_wider_than_any_stack() {
    let mut deep = Value::from(1);
    for _ in 0..100_000 {
        deep = Value::from([("k", Value::Array(vec![deep]))]);
    }
    let wide = Value::Array(vec![Value::Null; 1_000_000]);
    let body = node_of(Limits::default(), |node| {
        node.attribute("deep", &deep)
            .attribute("wide", &wide)
            .input("deep", &deep)
            .event("e", &[("deep", (&deep).into())]);
    });
    let span = span(&body);
    assert_eq!(span.attribute("wide").unwrap().values().count(), 9_999);
    assert_eq!(span.attribute(key::CUT), Some(AnyView::Int(3 + 1_000_000 - 9_999)));
    // What was kept reads everywhere: no reader of OTLP goes deeper.
    let mut request = Vec::new();
    encode_traces(&Resource::default(), &Scope::new("test", ""), [body.as_slice()], &mut request);
    assert_eq!(decode_traces(&request).map(|traces| traces.len()), Ok(1));
}

#[test]
fn b10_handles_after_their_end_and_of_others() {
    let (builder, memory, _) = builder();
    let loom = builder.build();
    let other = Loom::builder().build();
    let run = loom.workflow("w").start();
    let parent = run.node("parent").start();
    let foreign = other.workflow("of another loom").start();
    // A parent of another loom is a parent like any other: its trace goes on.
    let below = loom.workflow("below").parent(&foreign.context()).start();
    let trace = |run: &spanloom::Workflow| run.context().span.unwrap().trace_id;
    assert_eq!(trace(&below), trace(&foreign));
    below.end();
    // A node cannot be used after its end: `end` takes it. Its context may outlive it.
    let context = parent.context().span.unwrap();
    parent.end();
    loom.span("child of an ended parent", Some(&context)).start().end();
    run.end();
    run.end();
    run.question("late")
        .answer("late")
        .tag("late", "")
        .status(1, "late")
        .first_frame()
        .event("late", &[])
        .end_at(1);
    run.node("after the end").start().end();
    loom.flush(Duration::from_secs(30));
    let ledger = loom.ledger();
    assert_eq!((ledger.misuse, ledger.accepted, ledger.delivered), (8, 5, 5));
    memory.each_span(|span: SpanView<'_>| assert_ne!(span.status_message, "late"));
}

/// Always the same number.
struct Stuck(u64);

impl Entropy for Stuck {
    fn next_u64(&self) -> u64 {
        self.0
    }
}

#[test]
fn b14_ids_of_a_broken_source() {
    let memory = MemoryExporter::new();
    let zeros = Loom::builder().exporter(memory.clone()).entropy(Stuck(0)).build();
    let run = zeros.workflow("w").start();
    run.node("n").start().end();
    run.end();
    zeros.flush(Duration::from_secs(30));
    memory.each_span(|span: SpanView<'_>| assert!(span.trace_id.is_valid() && span.span_id.is_valid()));
    assert_eq!(memory.span_count(), 2);

    // One id for all: each span is its own parent. Nothing hangs, and the tree says what is wrong.
    let memory = MemoryExporter::new();
    let stuck = Loom::builder().exporter(memory.clone()).entropy(Stuck(7)).build();
    let run = stuck.workflow("w").start();
    run.node("a").start().end();
    run.node("b").start().end();
    run.end();
    assert_eq!(stuck.flush(Duration::from_secs(30)).delivered, 3);
    let text = memory.tree_text(&spanloom::loom::TextOptions::stable());
    assert!(text.contains("id collision"), "{text}");
}

#[test]
fn b21_secrets_of_running_nodes_and_hooks_that_panic() {
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    let rules = RedactRules::new().hook(move |name, _| {
        count.fetch_add(1, Ordering::Relaxed);
        assert_ne!(name, "panics");
        Ok(spanloom::redact::HookAction::Keep)
    });
    let (builder, memory, _) = builder();
    let loom = builder.redact(rules.build()).live_view(true).build();
    let secret = "ghp_0123456789abcdefghijklmnopqrstuvwxyz";
    let run = loom.workflow(secret).question(secret).sid(secret).start();
    let mut node = run.node("n").kind("tool").start();
    node.attribute("panics", secret).attribute("note", secret).attribute(secret, 1);
    node.exception("Kind", &format!("401 for https://u:{secret}@example.org/?token={secret}"));
    loom.flush(Duration::from_secs(30));
    node.end();
    run.end();
    assert_eq!((loom.flush(Duration::from_secs(30)).delivered, loom.ledger().dropped), (2, 0));
    let records = memory.records();
    assert!(!records.windows(secret.len()).any(|window| window == secret.as_bytes()));
    let kinds: Vec<_> = Records::new(&records).map(|record| record.unwrap().kind as u8).collect();
    assert_eq!(kinds, [1, 2, 3, 4]);
    memory.each_span(|span: SpanView<'_>| assert_eq!(span.attribute("panics"), None));
    assert!(asked.load(Ordering::Relaxed) > 0);
}

#[test]
fn b22_odd_metrics() {
    const LABELS: u64 = 1_000_000;
    let memory = MemoryExporter::new();
    let loom = Loom::builder().workflow_metrics(false).metric_exporter(memory.clone()).build();
    let meter = loom.meter();
    let users = meter.counter("users").labelled(["user"]);
    for user in 0..LABELS {
        users.with([&user.to_string()]).add(1);
    }
    // No numbers, and what a counter does not do.
    let (counter, histogram) =
        (meter.counter("odd").fractional().build(), meter.histogram("seconds").build());
    [f64::NAN, f64::INFINITY, -1.0].into_iter().for_each(|bad| counter.add(bad));
    [f64::NAN, f64::NEG_INFINITY].into_iter().for_each(|bad| histogram.record(bad));
    counter.add(0.5);
    histogram.record(0.5);
    // Bounds that go down, and one name for two instruments.
    let crooked = meter.histogram("crooked").bounds([2.0, 1.0]);
    assert!(crooked.check().is_err());
    crooked.build().record(1.5);
    meter.gauge("odd").build().set(7.0);

    let problems = meter.problems();
    assert_eq!((problems.invalid, problems.mended, problems.conflicts), (5, 1, 1));
    assert_eq!(loom.flush(Duration::from_secs(30)).points.pending, 0);
    let request = memory.take_metrics().concat();
    let view = decode_metrics(&request).unwrap();
    let (mut series, mut counted, mut beyond, mut others) = (0, 0.0, 0.0, Vec::new());
    for found in view.metrics() {
        for point in found.metric.points() {
            let number = match point.reading {
                ReadingView::Number(number) => number.as_f64(),
                ReadingView::Histogram(histogram) => histogram.count as f64,
                other => panic!("{other:?}"),
            };
            if found.metric.name != "users" {
                others.push((found.metric.name, number));
                continue;
            }
            series += 1;
            counted += number;
            if point.attributes().any(|(name, _)| name == "otel.metric.overflow") {
                beyond += number;
            }
        }
    }
    assert_eq!((series, counted, beyond), (2_000, LABELS as f64, (LABELS - 1_999) as f64));
    assert_eq!(others, [("odd", 0.5), ("seconds", 1.0), ("crooked", 1.0), ("odd", 7.0)]);
}

#[test]
fn b23_odd_reports_of_tokens() {
    let (builder, memory, _) = builder();
    let loom = builder.build();
    let run = loom.workflow("w").start();
    let mut parent = run.node("sums up").start();
    let leaves = [
        ("huge", Usage { prompt: u64::MAX, ..Usage::default() }),
        ("running", Usage { prompt: 5, mode: UsageMode::Cumulative, ..Usage::default() }),
        ("silent", Usage::default()),
    ];
    for (name, usage) in leaves {
        let mut leaf = parent.node(name).start();
        leaf.usage(Usage { prompt: 3, ..usage }).usage(usage).usage(usage);
        leaf.end();
    }
    // What OTLP's numbers hold, and the running total once.
    let most = u64::try_from(i64::MAX).unwrap();
    parent.usage(Usage { prompt: most, ..Usage::default() });
    parent.usage(Usage { prompt: 5, mode: UsageMode::Delta, ..Usage::default() });
    parent.end();
    run.end();
    loom.flush(Duration::from_secs(30));
    let tree = only_tree(&memory, NOW);
    let of = |name: &str| tree.nodes().find(|node| node.name() == name).unwrap();
    assert_eq!(of("huge").usage().prompt, most);
    assert_eq!(of("running").usage(), Usage { prompt: 5, mode: UsageMode::Cumulative, ..Usage::default() });
    assert!(of("silent").usage().is_empty() && of("silent").span().attribute(key::USAGE_INPUT).is_none());
    assert_eq!(of("running").flags(), NodeFlags::USAGE_CUMULATIVE);
    // A parent whose number is capped cannot be told from one that reports its own, and is added: nothing wraps.
    assert_eq!((of("sums up").usage().prompt, tree.usage().prompt), (most, u64::MAX));
}

#[test]
fn the_page_names_tests_that_exist() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = include_str!("../docs/bad-input.md");
    let named: Vec<(&str, &str)> = page.split('`').filter_map(|code| code.split_once(".rs::")).collect();
    assert!(named.len() > 50, "{}", named.len());
    for (file, test) in named {
        let code = std::fs::read_to_string(root.join(format!("{file}.rs"))).expect(file);
        assert!(code.contains(&format!("fn {test}(")), "{file}.rs has no {test}");
    }
    let rows: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("| B")?.split_once(' ')).map(|row| row.0).collect();
    let expected: Vec<String> = (1..=23).filter(|row| *row != 18).map(|row| format!("{row:02}")).collect();
    assert_eq!(rows, expected);
}
