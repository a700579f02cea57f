//! Exporters that wait for nothing: a flush calls them itself.
#![cfg(feature = "native")]
#![expect(clippy::disallowed_methods, reason = "time is what is bounded")]

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use spanloom::deliver::{Answer, Options, Reason};
use spanloom::otlp::span::SpanView;
use spanloom::{Exporter, Loom, MemoryExporter, Outgoing};

const LONG: Duration = Duration::from_secs(30);

/// Answers as the closure says, and says of itself that it waits for nothing, or that it may.
struct Answers<F> {
    answer: F,
    is_immediate: bool,
}

impl<F: FnMut(&Outgoing<'_>) -> Answer + Send> Exporter for Answers<F> {
    fn export(&mut self, outgoing: &Outgoing<'_>) -> Answer {
        (self.answer)(outgoing)
    }

    fn is_immediate(&self) -> bool {
        self.is_immediate
    }
}

fn immediate<F: FnMut(&Outgoing<'_>) -> Answer + Send>(answer: F) -> Answers<F> {
    Answers { answer, is_immediate: true }
}

#[test]
fn only_an_immediate_exporter_is_called_by_the_thread_that_flushes() {
    for is_immediate in [true, false] {
        let callers = Arc::new(Mutex::new(Vec::<ThreadId>::new()));
        let seen = Arc::clone(&callers);
        let answer = move |_: &Outgoing<'_>| {
            seen.lock().unwrap().push(thread::current().id());
            Answer::taken()
        };
        let loom = Loom::builder().exporter(Answers { answer, is_immediate }).build();
        for _ in 0..3 {
            loom.workflow("answer").start().end();
            assert_eq!(loom.flush(LONG).delivered, 1);
        }
        let callers = callers.lock().unwrap();
        let is_ours = |caller: &ThreadId| *caller == thread::current().id();
        assert_eq!(callers.len(), 3);
        assert!(callers.iter().all(|caller| is_ours(caller) == is_immediate), "immediate: {is_immediate}");
    }
}

#[test]
fn what_is_not_taken_at_once_is_sent_again_by_the_time_the_flush_returns() {
    let mut calls = 0;
    let loom = Loom::builder()
        .exporter(immediate(move |_| {
            calls += 1;
            if calls < 3 { Answer::later("full") } else { Answer::taken() }
        }))
        .on_notice(|_, _| ())
        .build();
    loom.workflow("answer").start().end();
    let receipt = loom.flush(LONG);
    assert_eq!((receipt.delivered, receipt.pending), (1, 0));
}

#[test]
fn what_is_never_taken_stays_pending_at_the_deadline() {
    let loom = Loom::builder().exporter(immediate(|_| Answer::later("full"))).on_notice(|_, _| ()).build();
    loom.workflow("answer").start().end();
    let start = Instant::now();
    let receipt = loom.flush(Duration::from_millis(100));
    assert_eq!((receipt.delivered, receipt.pending), (0, 1));
    assert!(start.elapsed() < LONG / 2, "{:?}", start.elapsed());
}

#[test]
fn a_destination_that_hangs_holds_up_no_immediate_one() {
    for hole_first in [true, false] {
        let memory = MemoryExporter::new();
        let (let_go, hangs) = channel::<()>();
        let answer = move |_: &Outgoing<'_>| {
            let _ = hangs.recv_timeout(2 * LONG);
            Answer::taken()
        };
        let hole = Answers { answer, is_immediate: false };
        let builder = Loom::builder();
        let builder = if hole_first {
            builder.exporter(hole).exporter(memory.clone())
        } else {
            builder.exporter(memory.clone()).exporter(hole)
        };
        let loom = builder.build();
        loom.workflow("answer").start().end();
        let receipt = loom.flush(Duration::from_secs(1));
        assert_eq!((receipt.pending, memory.span_count()), (1, 1), "the hole first: {hole_first}");
        drop(let_go);
        loom.shutdown(LONG);
    }
}

#[test]
fn one_that_flushes_does_not_serve_all_others_for_ever() {
    let loom = Loom::builder().exporter(MemoryExporter::new()).build();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    loom.workflow("answer").start().end();
                    loom.flush(LONG);
                }
            });
        }
        let start = Instant::now();
        for _ in 0..50 {
            loom.workflow("answer").start().end();
            loom.flush(LONG);
        }
        stop.store(true, Ordering::Relaxed);
        assert!(start.elapsed() < LONG / 2, "{:?}", start.elapsed());
    });
}

#[test]
fn what_is_not_done_at_the_deadline_is_left_to_the_exporters_own_thread() {
    // All of them take four seconds at least, of which the flush has one.
    let batch = Options { batch_spans: 1, ..Options::default() };
    let hurries = Arc::new(AtomicBool::new(false));
    let is_over = Arc::clone(&hurries);
    let slow = move |_: &Outgoing<'_>| {
        if !is_over.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(20));
        }
        Answer::taken()
    };
    let loom = Loom::builder().exporter(immediate(slow)).delivery(batch).build();
    for _ in 0..200 {
        loom.workflow("answer").start().end();
    }
    let receipt = loom.flush(Duration::from_secs(1));
    assert!(receipt.delivered > 0 && receipt.pending > 0, "{receipt:?}");
    hurries.store(true, Ordering::Relaxed);
    let start = Instant::now();
    while loom.ledger().pending > 0 {
        assert!(start.elapsed() < LONG, "nobody goes on: {:?}", loom.ledger());
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(loom.ledger().delivered, 200);
}

#[test]
fn a_panic_of_the_exporter_is_not_the_flushing_programs() {
    let loom = Loom::builder().exporter(immediate(|_| panic!("on purpose"))).on_notice(|_, _| ()).build();
    loom.workflow("answer").start().end();
    assert_eq!(loom.flush(LONG).dropped, 1);
    assert_eq!(loom.ledger().reasons.get(Reason::NonRetryable), 1);
}

#[test]
fn threads_that_flush_at_once_call_it_one_at_a_time_and_each_finds_its_own_sent() {
    let (inside, sent) = (AtomicBool::new(false), Arc::new(Mutex::new(HashSet::new())));
    let seen = Arc::clone(&sent);
    let loom = Loom::builder()
        .exporter(immediate(move |outgoing| {
            assert!(!inside.swap(true, Ordering::AcqRel), "two threads at once");
            let ids = outgoing.spans().map(|span| SpanView::read(span).unwrap().span_id);
            seen.lock().unwrap().extend(ids);
            inside.store(false, Ordering::Release);
            Answer::taken()
        }))
        .build();
    let (threads, rounds) = (8, 200);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                for _ in 0..rounds {
                    let run = loom.workflow("answer").start();
                    let id = run.context().span.unwrap().span_id;
                    run.end();
                    loom.flush(LONG);
                    assert!(sent.lock().unwrap().contains(&id), "a flush has returned before it was sent");
                }
            });
        }
    });
    assert_eq!(loom.ledger().delivered, threads * rounds);
}

#[test]
fn an_exporter_that_flushes_its_own_loom_waits_until_the_deadline_and_no_longer() {
    let own = Arc::new(OnceLock::<Loom>::new());
    let its = Arc::clone(&own);
    let loom = Loom::builder()
        .exporter(immediate(move |_| {
            its.get().map(|loom| loom.flush(Duration::from_millis(20)));
            Answer::taken()
        }))
        .build();
    let _ = own.set(loom.clone());
    loom.workflow("answer").start().end();
    assert_eq!(loom.flush(LONG).delivered, 1);
    loom.shutdown(LONG);
}

#[test]
fn who_looks_at_spans_in_memory_may_flush() {
    let memory = MemoryExporter::new();
    let loom = Loom::builder().exporter(memory.clone()).build();
    loom.workflow("answer").start().end();
    loom.flush(LONG);
    let mut seen = 0;
    memory.each_span(|_| {
        seen += 1;
        loom.workflow("again").start().end();
        assert_eq!(loom.flush(LONG).delivered, 1);
    });
    assert_eq!((seen, memory.span_count()), (1, 2));
}
