//! The native handles: what a program says is what an exporter gets.
#![cfg(feature = "native")]

#[path = "common/scratch.rs"]
mod scratch;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use scratch::Folder;
use spanloom::deliver::{Answer, Reason};
use spanloom::host::{ManualClock, SeededEntropy};
use spanloom::loom::TextOptions;
use spanloom::offload::{BlobError, BlobStore, EVENT_TEXT_LIMIT};
use spanloom::otlp::any::AnyView;
use spanloom::otlp::span::{SpanView, StatusCode};
use spanloom::redact::Redactor;
use spanloom::sample::{Sampler, TailRules};
use spanloom::{Loom, MemoryExporter, SpanId, Usage};

fn seeded() -> (Loom, MemoryExporter, ManualClock) {
    let (memory, clock) = (MemoryExporter::new(), ManualClock::at(1_700_000_000_000_000_000));
    let loom = Loom::builder()
        .service("test")
        .exporter(memory.clone())
        .clock(clock.clone())
        .entropy(SeededEntropy::new(7))
        .build();
    (loom, memory, clock)
}

/// Name, parent's name and attribute count of each span, in the order of their ends.
fn outline(memory: &MemoryExporter) -> Vec<(String, String, usize)> {
    let mut spans = Vec::new();
    memory.each_span(|span| {
        spans.push((span.span_id, span.parent_span_id, span.name.to_owned(), span.attributes().count()));
    });
    let name_of =
        |id: SpanId| spans.iter().find(|span| span.0 == id).map_or(String::new(), |span| span.2.clone());
    spans.iter().map(|span| (span.2.clone(), name_of(span.1), span.3)).collect()
}

#[test]
fn a_workflow_reaches_the_sink_as_a_tree() {
    let (loom, memory, clock) = seeded();
    let run = loom.workflow("answer").app("a").user("u").question("why?").start();
    let mut plan = run.node("plan").kind("llm").start();
    plan.input("question", "why?").usage(Usage { prompt: 3, completion: 1, ..Usage::default() });
    clock.advance(5);
    let mut inner = plan.node("inner").start();
    inner.attribute("n", 1);
    inner.end();
    plan.end();
    run.answer("because").status(0, "").end();
    let receipt = loom.flush(Duration::from_secs(30));
    assert_eq!((receipt.delivered, receipt.pending, receipt.dropped), (3, 0, 0));
    let names = |name: &str, parent: &str, attributes| (name.to_owned(), parent.to_owned(), attributes);
    // app, user and span_version on each; kind, operation and name on the root; question, answer, status number
    assert_eq!(
        outline(&memory),
        [names("inner", "plan", 4), names("plan", "answer", 8), names("answer", "", 9)]
    );
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let record = || {
        let (loom, memory, clock) = seeded();
        let run = loom.workflow("w").sid("s").start();
        for step in 0..50 {
            clock.advance(10);
            run.node("n").kind("tool").start().attribute("step", step).event("e", &[]);
        }
        run.end();
        loom.flush(Duration::from_secs(30));
        (memory.records(), memory.to_otlp())
    };
    assert_eq!(record(), record());
}

#[test]
fn an_error_becomes_status_and_exception_and_is_given_on() {
    let (loom, memory, _) = seeded();
    let run = loom.workflow("w").start();
    let result: Result<(), String> = run.node("tool").run(|_| Err("no network".into()));
    assert_eq!(result, Err("no network".to_owned()));
    run.end();
    loom.flush(Duration::from_secs(30));
    let mut seen = 0;
    memory.each_span(|span| {
        if span.name == "tool" {
            seen += 1;
            assert_eq!((span.status(), span.status_message), (StatusCode::Error, "no network"));
            let event = span.events().next().unwrap();
            assert_eq!(event.name, "exception");
            assert_eq!(span.attribute("error.type"), Some(AnyView::String("alloc::string::String")));
        }
    });
    assert_eq!(seen, 1);
}

#[test]
fn unsampled_runs_cost_no_records_and_pass_their_context_on() {
    let memory = MemoryExporter::new();
    let loom = Loom::builder().exporter(memory.clone()).sampler(Sampler::ALWAYS_OFF).build();
    let run = loom.workflow("w").start();
    let mut node = run.node("n").start();
    node.attribute("a", 1).event("e", &[]);
    assert!(!node.is_recording());
    let child = node.node("m").start();
    let (root, below) = (run.context().span.unwrap(), child.context().span.unwrap());
    assert_eq!(root.trace_id, below.trace_id);
    assert!(!below.flags.is_sampled());
    drop((child, node));
    run.end();
    loom.flush(Duration::from_secs(30));
    assert_eq!((memory.span_count(), loom.ledger().accepted, loom.ledger().sampled_out), (0, 0, 1));
}

#[test]
fn a_disabled_loom_passes_the_caller_s_context_on() {
    let loom = Loom::builder().disabled(true).build();
    let headers = vec![(
        "traceparent".to_owned(),
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
    )];
    let run = loom.workflow("w").parent(&loom.extract(&headers)).start();
    let mut out: Vec<(String, String)> = Vec::new();
    loom.inject(&run.node("n").start().context(), &mut out);
    assert_eq!(out, headers);
}

#[test]
fn changes_after_the_end_do_nothing_and_are_counted() {
    let (loom, memory, _) = seeded();
    let run = loom.workflow("w").start();
    run.end();
    run.answer("late").end();
    run.node("late child").start().end();
    drop(run);
    loom.flush(Duration::from_secs(30));
    assert_eq!(loom.ledger().misuse, 2);
    assert_eq!(memory.span_count(), 2);
}

#[test]
fn threads_that_end_and_threads_that_run_are_both_flushed() {
    let memory = MemoryExporter::new();
    let loom = Loom::builder().exporter(memory.clone()).build();
    let run = loom.workflow("w").start();
    let waits = AtomicBool::new(true);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..1000 {
                    run.node("n").start().end();
                }
            });
        }
        let (run, waits) = (&run, &waits);
        scope.spawn(move || {
            run.node("of a thread that runs on").start().end();
            while waits.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        while loom.ledger().accepted < 4001 {
            std::thread::sleep(Duration::from_millis(1));
        }
        let receipt = loom.flush(Duration::from_secs(30));
        assert_eq!(receipt.pending, 0);
        waits.store(false, Ordering::Relaxed);
    });
    run.end();
    loom.flush(Duration::from_secs(30));
    assert_eq!(memory.span_count(), 4002);
    let ledger = loom.ledger();
    assert_eq!(ledger.accepted, ledger.delivered);
}

#[test]
fn the_last_handle_flushes() {
    let memory = MemoryExporter::new();
    let loom = Loom::builder().exporter(memory.clone()).build();
    let clone = loom.clone();
    loom.workflow("w").start().end();
    drop(loom);
    assert_eq!(memory.span_count(), 0);
    drop(clone);
    assert_eq!(memory.span_count(), 1);
}

#[test]
fn live_view_writes_records_when_spans_start() {
    let memory = MemoryExporter::new();
    let loom = Loom::builder().exporter(memory.clone()).live_view(true).build();
    let run = loom.workflow("w").start();
    let node = run.node("n").start();
    loom.flush(Duration::from_secs(30));
    let kinds = |records: &[u8]| {
        spanloom::record::Records::new(records).map(|record| record.unwrap().kind as u8).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&memory.records()), [1, 2]);
    node.end();
    run.end();
    loom.flush(Duration::from_secs(30));
    assert_eq!(kinds(&memory.records()), [1, 2, 3, 4]);
}

#[test]
fn a_sink_that_fails_is_counted() {
    struct Broken;
    impl spanloom::Exporter for Broken {
        fn export(&mut self, _: &spanloom::Outgoing<'_>) -> Answer {
            Answer::Refused { reason: Reason::NonRetryable, why: "full".to_owned() }
        }
    }
    let loom = Loom::builder().exporter(Broken).build();
    loom.workflow("w").start().end();
    assert_eq!(loom.flush(Duration::from_secs(30)).dropped, 1);
    let ledger = loom.ledger();
    assert_eq!((ledger.accepted, ledger.dropped, ledger.pending), (1, 1, 0));
}

#[test]
fn two_looms_make_no_session_id_twice() {
    let clock = ManualClock::at(1_772_600_767_891_000_000);
    let looms = [(); 2].map(|()| Loom::builder().clock(clock.clone()).build());
    let sids: HashSet<_> = (0..100).flat_map(|_| looms.iter().map(|loom| loom.sid().to_string())).collect();
    assert_eq!(sids.len(), 200);
}

#[test]
fn a_file_holds_a_request_a_line() {
    let folder = Folder::new("recording");
    std::fs::create_dir(&folder.0).unwrap();
    let path = folder.0.join("spans.jsonl");
    let loom =
        Loom::builder().service("filed").exporter(spanloom::FileExporter::append(&path).unwrap()).build();
    loom.workflow("w").start().end();
    loom.flush(Duration::from_secs(30));
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 1);
    let request = spanloom::otlp::json::traces_from_json(text.trim().as_bytes()).unwrap();
    let view = spanloom::otlp::decode_traces(&request).unwrap();
    let names: Vec<&str> = view.spans().map(|found| found.span.name).collect();
    assert_eq!(names, ["w"]);
}

#[test]
fn a_panic_ends_its_node_as_failed() {
    let (loom, memory, _) = seeded();
    let run = loom.workflow("w").start();
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _node = run.node("n").start();
        panic!("oh");
    }));
    assert!(caught.is_err());
    run.end();
    loom.flush(Duration::from_secs(30));
    let mut failed = Vec::new();
    memory.each_span(|span: SpanView<'_>| failed.push((span.name.to_owned(), span.status())));
    assert_eq!(failed, [("n".to_owned(), StatusCode::Error), ("w".to_owned(), StatusCode::Unset)]);
}

#[test]
fn the_tail_sampler_decides_over_whole_workflows() {
    let (memory, clock) = (MemoryExporter::new(), ManualClock::at(1_000_000_000));
    let tail = TailRules::new().keep_errors().slower_than_ms(100).otherwise(0.0).build();
    let loom = Loom::builder().exporter(memory.clone()).clock(clock.clone()).tail(tail).build();
    for (name, fails, millis) in [("quick", false, 1), ("failed", true, 1), ("slow", false, 200)] {
        let run = loom.workflow(name).start();
        let mut node = run.node("step").start();
        clock.advance(millis * 1_000_000);
        if fails {
            node.error("no");
        }
        drop(node);
        run.end();
    }
    loom.flush(Duration::from_secs(30));
    let ledger = loom.ledger();
    assert_eq!((ledger.accepted, ledger.delivered, ledger.sampled_out, ledger.pending), (4, 4, 2, 0));
    let text = memory.tree_text(&TextOptions::stable());
    assert!(text.contains("failed") && text.contains("slow") && !text.contains("quick"), "{text}");
}

#[test]
fn what_the_tail_sampler_holds_is_pending_until_the_end() {
    let memory = MemoryExporter::new();
    let tail = TailRules::new().otherwise(1.0).build();
    let loom = Loom::builder().exporter(memory.clone()).tail(tail).live_view(true).build();
    let run = loom.workflow("w").start();
    let forgotten = run.node("forgotten").start();
    run.node("done").start().end();
    assert_eq!((loom.flush(Duration::from_secs(30)).pending, memory.span_count()), (1, 0));
    std::mem::forget(forgotten);
    run.end();
    let receipt = loom.shutdown(Duration::from_secs(30));
    assert_eq!((receipt.delivered, receipt.pending), (3, 0));
    let text = memory.tree_text(&TextOptions::stable());
    assert!(text.contains("abandoned"), "{text}");
    let ledger = loom.ledger();
    assert_eq!(ledger.accepted, ledger.delivered + ledger.dropped + ledger.pending);
}

#[test]
fn secrets_leave_no_loom() {
    let memory = MemoryExporter::new();
    let loom = Loom::builder().exporter(memory.clone()).redact(Redactor::default()).build();
    let run = loom.workflow("w").start();
    let mut node = run.node("call").start();
    node.input("authorization", "Bearer abcdefghijklmnopqrstuvwxyz0123456789");
    node.attribute("note", "mail ann@example.org");
    node.error("refused: password=hunter2hunter2");
    node.end();
    run.end();
    loom.flush(Duration::from_secs(30));
    let bytes = memory.records();
    for secret in ["abcdefghijklmnop", "ann@example.org", "hunter2hunter2"] {
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
    }
}

/// Keeps blobs in memory; takes none that has a bomb in it.
#[derive(Clone, Default)]
struct Shelf(Arc<Mutex<Vec<(String, String)>>>);

impl BlobStore for Shelf {
    fn put(&self, name: &str, bytes: &[u8]) -> Result<String, BlobError> {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        assert!(!text.contains("bomb"));
        self.0.lock().unwrap().push((name.into(), text));
        Ok(format!("blob:{name}"))
    }
}

#[test]
fn long_texts_of_events_go_to_the_store_without_secrets() {
    let (memory, shelf) = (MemoryExporter::new(), Shelf::default());
    let loom = Loom::builder()
        .exporter(memory.clone())
        .redact(Redactor::default())
        .event_store(shelf.clone())
        .build();
    let run = loom.workflow("answer").start();
    let mut node = run.node("read").start();
    let filler = "x ".repeat(EVENT_TEXT_LIMIT / 2);
    node.info("short").info(&format!("bob@example.org {filler}")).error(&format!("bomb {filler}"));
    node.attribute("long", filler.as_str());
    node.end();
    run.end();
    let receipt = loom.flush(Duration::from_secs(30));
    assert_eq!((receipt.delivered, receipt.pending), (2, 0));
    let mut texts = Vec::new();
    memory.each_span(|span| {
        let attributes = span.events().flat_map(|event| event.attributes().collect::<Vec<_>>());
        texts.extend(attributes.filter_map(|(_, value)| value.as_str().map(str::to_owned)));
        assert!(span.name != "read" || span.attribute("long") == Some(AnyView::String(&filler)));
    });
    let blobs = shelf.0.lock().unwrap();
    let [(name, text)] = blobs.as_slice() else { panic!("{} blobs", blobs.len()) };
    assert!(name.len() == 32 && text.starts_with("[REDACTED:email] x x"), "{name} {}", &text[..32]);
    let failed = format!("trace_link: upload of {} bytes failed", filler.len() + 5);
    assert_eq!(texts, ["short".to_owned(), format!("trace_link: blob:{name}"), failed]);
}

#[test]
fn a_run_that_keeps_its_log_gives_it() {
    let (loom, _, clock) = seeded();
    let run = loom.workflow("w").keep_log().question("why?").sid("s-1").start();
    let mut node = run.node("plan").kind("llm").start();
    node.usage(Usage { prompt: 3, completion: 4, ..Usage::default() }).input("q", "why?").info("thinking");
    clock.advance(5_000_000);
    node.end();
    run.answer("because").end();
    let log = run.to_log().unwrap();
    assert_eq!((log.sid.as_str(), log.question.as_str(), log.answer.as_str()), ("s-1", "why?", "because"));
    assert_eq!((log.usage.total_tokens, log.duration, log.trace.len()), (7, 5, 1));
    assert_eq!((log.trace[0].node_type.as_str(), log.trace[0].logs.len()), ("llm", 1));
    assert!(loom.workflow("keeps none").start().to_log().is_none());
}

#[test]
fn a_node_that_a_sampled_out_run_never_ended_leaves_the_ledger_whole() {
    let tail = TailRules::new().otherwise(0.0).build();
    let loom = Loom::builder().exporter(MemoryExporter::new()).tail(tail).live_view(true).build();
    let run = loom.workflow("w").start();
    let forgotten = run.node("forgotten").start();
    std::mem::forget(forgotten);
    run.end();
    loom.shutdown(Duration::from_secs(30));
    let ledger = loom.ledger();
    assert_eq!((ledger.accepted, ledger.pending, ledger.delivered), (0, 0, 0));
    assert!(ledger.sampled_out <= 2, "{ledger:?}");
}

#[test]
fn a_plain_span_is_of_no_workflow_whatever_was_recorded_before_it() {
    let (loom, memory, _) = seeded();
    let run = loom.workflow("w").start();
    run.node("n").start().end();
    run.end();
    let plain = loom.span("plain", None).start();
    plain.span("below").start().end();
    plain.end();
    loom.flush(Duration::from_secs(30));
    let records = memory.records();
    let workflows: Vec<bool> =
        spanloom::record::Records::new(&records).map(|record| record.unwrap().workflow.is_valid()).collect();
    assert_eq!(workflows, [true, true, false, false]);
}

/// A context as it comes from another program.
fn remote(sampled: bool) -> spanloom::context::SpanContext {
    let mut span: spanloom::context::SpanContext =
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap();
    span.flags = span.flags.with_sampled(sampled);
    span.trace_state.insert("vendor", "1").unwrap();
    span
}

#[test]
fn a_caller_s_tracestate_goes_on_from_every_handle() {
    let looms = [
        ("recording", Loom::builder().sampler(Sampler::ALWAYS_ON).build()),
        ("sampled out", Loom::builder().sampler(Sampler::ALWAYS_OFF).build()),
        ("disabled", Loom::builder().disabled(true).build()),
    ];
    let caller = remote(true);
    let context = spanloom::context::Context { span: Some(caller.clone()), ..Default::default() };
    for (name, loom) in looms {
        let run = loom.workflow("w").parent(&context).start();
        let node = run.node("n").start();
        let plain = loom.span("s", Some(&caller)).start();
        let handles = [run.context(), node.context(), node.node("m").start().context(), plain.context()];
        for (place, handle) in handles.into_iter().chain([plain.span("t").start().context()]).enumerate() {
            let span = handle.span.unwrap();
            assert_eq!(
                (span.trace_state.as_str(), span.trace_id),
                ("vendor=1", caller.trace_id),
                "{name} {place}"
            );
            if name == "disabled" {
                assert_eq!((span.span_id, span.flags), (caller.span_id, caller.flags), "{place}");
            }
        }
    }
}

#[test]
fn a_plain_span_says_that_its_parent_is_remote() {
    let (loom, memory, _) = seeded();
    loom.span("s", Some(&remote(true))).start().span("t").start().end();
    loom.flush(Duration::from_secs(30));
    let mut seen = Vec::new();
    memory.each_span(|span: SpanView<'_>| {
        seen.push((span.name.to_owned(), span.flags, span.trace_state.to_owned()))
    });
    let span = |name: &str, flags| (name.to_owned(), flags, "vendor=1".to_owned());
    assert_eq!(seen, [span("t", 0x101), span("s", 0x301)]);
}

#[test]
fn an_unsampled_root_span_tells_other_programs_so() {
    let loom = Loom::builder().sampler(Sampler::ALWAYS_OFF).build();
    let span = loom.span("s", None).start();
    let context = span.context().span.unwrap();
    assert!(context.trace_id.is_valid() && context.span_id.is_valid() && !context.flags.is_sampled());
    assert_eq!(loom.ledger().sampled_out, 1);
}

#[test]
fn a_parent_without_ids_is_none() {
    let (loom, memory, _) = seeded();
    let nobody = spanloom::context::SpanContext::default();
    let context = spanloom::context::Context { span: Some(nobody.clone()), ..Default::default() };
    loom.workflow("w").parent(&context).start().end();
    loom.span("s", Some(&nobody)).start().end();
    loom.flush(Duration::from_secs(30));
    memory.each_span(|span: SpanView<'_>| {
        assert!(span.trace_id.is_valid() && !span.parent_span_id.is_valid(), "{}", span.name);
    });
    assert_eq!(memory.span_count(), 2);
}

#[test]
fn the_tail_sampler_sees_what_other_threads_still_hold() {
    let memory = MemoryExporter::new();
    let tail = TailRules::new().keep_errors().otherwise(0.0).build();
    let loom = Loom::builder().exporter(memory.clone()).tail(tail).live_view(true).build();
    loom.span("this thread's buffer comes first", None).start().end();
    let run = loom.workflow("w").start();
    let (failed, done) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            run.node("fails").start().error("no");
            failed.store(true, Ordering::Release);
            while !done.load(Ordering::Acquire) {
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        while !failed.load(Ordering::Acquire) {
            std::thread::sleep(Duration::from_millis(1));
        }
        run.end();
        loom.flush(Duration::from_secs(30));
        done.store(true, Ordering::Release);
    });
    let text = memory.tree_text(&TextOptions::stable());
    assert!(text.starts_with("w  workflow") && text.contains("└─ fails  error: no"), "{text}");
    assert_eq!(loom.ledger().delivered, 2);
}

/// What a caller gave along goes on with every call that its run makes, recorded or not.
#[test]
fn baggage_and_request_ids_go_on_with_a_run() {
    let headers: Vec<(String, String)> = [
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("baggage", "tenant=blue"),
        ("x-request-id", "r-7"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    for sampler in [spanloom::sample::Sampler::ALWAYS_ON, spanloom::sample::Sampler::ALWAYS_OFF] {
        let loom = Loom::builder().sampler(sampler).build();
        let came = loom.extract(&headers);
        let run = loom.workflow("w").parent(&came).start();
        let node = run.node("n").start();
        let below = node.node("below").start();
        for context in [run.context(), node.context(), below.context()] {
            let mut sent: Vec<(String, String)> = Vec::new();
            loom.inject(&context, &mut sent);
            let value =
                |name: &str| sent.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
            assert_eq!(
                (value("baggage"), value("x-request-id")),
                (Some("tenant=blue"), Some("r-7")),
                "{sent:?}"
            );
        }
    }
}
