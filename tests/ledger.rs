//! The ledger adds up at every moment, whatever sinks, threads and forgotten handles do.
#![cfg(feature = "native")]

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use spanloom::deliver::{Answer, Reason};
use spanloom::host::{Entropy, ManualClock};
use spanloom::record::{RecordKind, Records};
use spanloom::sample::TailRules;
use spanloom::{
    Exporter, Ledger, Loom, MemoryExporter, Node, NodeBuilder, Outgoing, Workflow, WorkflowBuilder,
};

#[track_caller]
fn adds_up(loom: &Loom) -> Ledger {
    let ledger = loom.ledger();
    assert_eq!(
        ledger.accepted,
        ledger.delivered + ledger.rejected + ledger.dropped + ledger.pending,
        "{ledger:?}"
    );
    ledger
}

/// Runs this on a thread of its own, and waits until that is gone with all it held.
#[expect(
    clippy::disallowed_methods,
    reason = "threads are what is tested; scoped ones are not waited for to the end"
)]
fn on_a_thread(run: impl FnOnce() + Send + 'static) {
    std::thread::spawn(run).join().unwrap();
}

/// An exporter that does what it is told to.
struct Does<F>(F);

impl<F: FnMut(&Outgoing<'_>) -> io::Result<()> + Send> Exporter for Does<F> {
    fn export(&mut self, outgoing: &Outgoing<'_>) -> Answer {
        match (self.0)(outgoing) {
            Ok(()) => Answer::taken(),
            Err(error) => Answer::Refused { reason: Reason::NonRetryable, why: error.to_string() },
        }
    }
}

#[test]
fn handles_go_from_thread_to_thread() {
    fn sent<T: Send>() {}
    fn shared<T: Sync>() {}
    sent::<Loom>();
    sent::<Workflow>();
    sent::<Node>();
    sent::<NodeBuilder<'_>>();
    sent::<WorkflowBuilder<'_>>();
    sent::<MemoryExporter>();
    shared::<Loom>();
    shared::<Workflow>();
    shared::<Node>();
    shared::<NodeBuilder<'_>>();
    shared::<MemoryExporter>();
    // What a runtime with several threads awaits must be sendable, too.
    fn sendable<T: Send>(value: T) -> T {
        value
    }
    let loom = Loom::builder().build();
    let run = loom.workflow("w").start();
    drop(sendable(run.node("n").run_async(async |node: &mut Node| {
        node.info("waits");
        std::future::ready(()).await;
        Ok::<(), io::Error>(())
    })));
    assert_eq!(adds_up(&loom).accepted, 0, "a future that nobody awaits starts nothing");
}

#[test]
fn it_adds_up_while_threads_record_and_flush() {
    let loom = Loom::builder().exporter(MemoryExporter::new()).build();
    /// Stops the flushing thread also when an assertion fails, or the scope would wait for it forever.
    struct Stop<'a>(&'a AtomicBool);
    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let recorders: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let run = loom.workflow("w").start();
                    for _ in 0..20_000 {
                        run.node("n").start().end();
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                loom.flush();
            }
        });
        let _stop = Stop(&stop);
        let mut last = Ledger::default();
        while !recorders.iter().all(|thread| thread.is_finished()) {
            let ledger = adds_up(&loom);
            assert!(
                ledger.accepted >= last.accepted && ledger.delivered >= last.delivered,
                "{last:?} {ledger:?}"
            );
            last = ledger;
        }
    });
    assert_eq!((loom.flush().pending, adds_up(&loom).delivered), (0, 60_003));
}

#[test]
fn a_sink_may_use_its_own_loom() {
    let own: Arc<OnceLock<Loom>> = Arc::default();
    let seen = Arc::new(AtomicU64::new(0));
    let (inner, count) = (Arc::clone(&own), Arc::clone(&seen));
    let loom = Loom::builder()
        .exporter(Does(move |outgoing: &Outgoing<'_>| {
            count.fetch_add(outgoing.spans().count() as u64, Ordering::Relaxed);
            if let Some(loom) = inner.get() {
                // More than a thread's buffer holds, and every other way to the sinks.
                for _ in 0..1_000 {
                    loom.span("from the exporter", None).start().attribute("pad", &*"x".repeat(200));
                }
                loom.flush();
                adds_up(loom);
            }
            Ok(())
        }))
        .build();
    assert!(own.set(loom.clone()).is_ok());
    loom.workflow("w").start().end();
    assert_eq!(loom.flush().delivered, 1);
    assert_eq!(adds_up(&loom).pending, 1_000, "what the exporter recorded waits for the next time");
    assert_eq!(loom.flush().delivered, 1_000);
    adds_up(&loom);
    assert_eq!(seen.load(Ordering::Relaxed), 1_001);
}

#[test]
fn a_sink_that_records_while_its_thread_ends_does_not_hang() {
    let own: Arc<OnceLock<Loom>> = Arc::default();
    let inner = Arc::clone(&own);
    let loom = Loom::builder()
        .exporter(Does(move |_: &Outgoing<'_>| {
            if let Some(loom) = inner.get() {
                loom.span("from the exporter", None).start().end();
            }
            Ok(())
        }))
        .build();
    assert!(own.set(loom.clone()).is_ok());
    let clone = loom.clone();
    on_a_thread(move || clone.workflow("w").start().end());
    // The thread has no buffer any more, and its way to the sinks is taken: this one is lost, and counted.
    let ledger = adds_up(&loom);
    assert_eq!((ledger.delivered, ledger.dropped), (1, 1));
}

#[test]
fn a_sink_that_panics_is_a_sink_that_fails() {
    let loom = Loom::builder().exporter(Does(|_: &Outgoing<'_>| panic!("no"))).build();
    loom.workflow("w").start().end();
    assert_eq!(loom.flush().dropped, 1);
    // Also where a panic would end the whole program: while a thread's memory is torn down.
    let clone = loom.clone();
    on_a_thread(move || clone.workflow("w").start().end());
    let ledger = adds_up(&loom);
    assert_eq!((ledger.accepted, ledger.dropped, ledger.sink_errors), (2, 2, 2));
}

#[test]
fn a_flush_sees_every_span_that_has_ended() {
    let memory = MemoryExporter::new();
    let loom = Loom::builder().exporter(memory.clone()).build();
    let ended = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..20_000 {
                    loom.span("s", None).start().end();
                    ended.fetch_add(1, Ordering::Release);
                }
            });
        }
        for _ in 0..50 {
            let before = ended.load(Ordering::Acquire);
            loom.flush();
            assert!(loom.ledger().delivered >= before);
        }
    });
}

#[test]
fn nodes_that_outlive_their_loom_reach_its_sink() {
    let memory = MemoryExporter::new();
    let loom = Loom::builder().exporter(memory.clone()).build();
    let run = loom.workflow("w").start();
    let (first, second) = (run.node("first").start(), run.node("second").start());
    let alone = loom.span("alone", None).start();
    drop((run, loom));
    assert_eq!(memory.span_count(), 1);
    first.end();
    assert_eq!(memory.span_count(), 2);
    let seen = memory.clone();
    on_a_thread(move || {
        second.end();
        assert_eq!(seen.span_count(), 3);
    });
    // Another loom of this thread changes nothing for them.
    Loom::builder().build().workflow("other").start().end();
    alone.end();
    assert_eq!(memory.span_count(), 4);
}

#[test]
fn nodes_that_outlive_a_loom_with_a_tail_sampler_reach_its_sink() {
    let memory = MemoryExporter::new();
    let loom = Loom::builder().exporter(memory.clone()).tail(TailRules::new().otherwise(1.0).build()).build();
    let alone = loom.span("alone", None).start();
    let run = loom.workflow("w").start();
    let node = run.node("n").start();
    drop((run, loom));
    node.end();
    alone.end();
    assert_eq!(memory.span_count(), 3);
}

#[test]
fn sinks_go_with_their_loom() {
    struct Held(#[expect(dead_code, reason = "held only")] Arc<()>);
    impl Exporter for Held {
        fn export(&mut self, _: &Outgoing<'_>) -> Answer {
            Answer::taken()
        }
    }
    let mark = Arc::new(());
    let loom = Loom::builder().exporter(Held(Arc::clone(&mark))).build();
    loom.workflow("w").start().end();
    drop(loom);
    assert_eq!(Arc::strong_count(&mark), 1);
}

#[test]
fn threads_that_ended_leave_nothing_behind() {
    let memory = MemoryExporter::new();
    let loom = Loom::builder().exporter(memory.clone()).build();
    for _ in 0..100 {
        let loom = loom.clone();
        on_a_thread(move || loom.span("s", None).start().end());
    }
    // Nobody flushed.
    assert_eq!((memory.span_count(), adds_up(&loom).delivered), (100, 100));
}

#[test]
fn starts_that_never_end_are_handed_over_all_the_same() {
    let taken = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&taken);
    let sink = Does(move |outgoing: &Outgoing<'_>| {
        count.fetch_add(Records::new(outgoing.records).count() as u64, Ordering::Relaxed);
        assert!(outgoing.records.len() < 100_000, "{}", outgoing.records.len());
        Ok(())
    });
    let loom = Loom::builder().exporter(sink).live_view(true).build();
    for _ in 0..10_000 {
        std::mem::forget(loom.span("forgotten", None).start());
    }
    assert!(taken.load(Ordering::Relaxed) > 9_000);
    let ledger = adds_up(&loom);
    assert_eq!((ledger.accepted, ledger.sink_errors), (0, 0));
}

#[test]
fn what_the_tail_sampler_loses_is_counted_once() {
    /// Gives each number several times, so that ids collide.
    struct Worn(Mutex<u64>);
    impl Entropy for Worn {
        fn next_u64(&self) -> u64 {
            let mut next = self.0.lock().unwrap();
            *next += 1;
            *next % 5 + 1
        }
    }
    for keep in [0.0, 1.0] {
        let loom = Loom::builder()
            .exporter(MemoryExporter::new())
            .entropy(Worn(Mutex::new(0)))
            .clock(ManualClock::at(1))
            .tail(TailRules::new().otherwise(keep).build())
            .live_view(true)
            .build();
        for _ in 0..5 {
            let run = loom.workflow("w").start();
            for _ in 0..7 {
                let open = run.node("other").start();
                run.node("n").start().end();
                std::mem::forget(open);
                adds_up(&loom);
            }
            run.end();
            loom.flush();
            adds_up(&loom);
        }
        loom.finish();
        let ledger = adds_up(&loom);
        assert_eq!(ledger.pending, 0, "{ledger:?}");
        assert!(ledger.dropped > 0, "{ledger:?}");
        assert!(ledger.accepted + ledger.sampled_out >= 40, "{ledger:?}");
    }
}

#[test]
fn what_a_sink_that_failed_got_is_not_given_again() {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&calls);
    let loom = Loom::builder()
        .exporter(Does(move |outgoing: &Outgoing<'_>| {
            let kinds: Vec<_> = Records::new(outgoing.records).flatten().map(|record| record.kind).collect();
            seen.lock().unwrap().push(kinds);
            Err(io::Error::other("full"))
        }))
        .build();
    loom.workflow("w").start().end();
    loom.flush();
    loom.flush();
    assert_eq!(*calls.lock().unwrap(), [[RecordKind::WorkflowClosed]]);
    adds_up(&loom);
}
