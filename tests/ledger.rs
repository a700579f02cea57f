//! The ledger adds up at every moment, whatever sinks, threads and forgotten handles do.
#![cfg(feature = "native")]

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::time::Duration;

use spanloom::deliver::{Answer, NoticeKind, Options, Reason};
use spanloom::host::{Entropy, ManualClock};
use spanloom::record::RecordKind;
use spanloom::redact::{HookAction, RedactRules};
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
    assert!(ledger.adds_up(), "{ledger:?}");
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
                loom.flush(Duration::from_secs(30));
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
    assert_eq!((loom.flush(Duration::from_secs(30)).pending, adds_up(&loom).delivered), (0, 60_003));
}

/// How long a test waits for what has to come.
const LONG: Duration = Duration::from_secs(30);

#[test]
fn what_an_exporter_does_is_not_recorded() {
    let own: Arc<OnceLock<Loom>> = Arc::default();
    let inner = Arc::clone(&own);
    let loom = Loom::builder()
        .exporter(Does(move |_: &Outgoing<'_>| {
            if let Some(loom) = inner.get() {
                let run = loom.workflow("from the exporter").start();
                run.node("n").start().end();
                loom.span("from the exporter", None).start().end();
                adds_up(loom);
            }
            Ok(())
        }))
        .build();
    assert!(own.set(loom.clone()).is_ok());
    loom.workflow("w").start().end();
    assert_eq!(loom.flush(LONG).delivered, 1);
    assert_eq!((adds_up(&loom).accepted, adds_up(&loom).sampled_out), (1, 0));
}

#[test]
fn a_hook_may_use_its_own_loom() {
    let own: Arc<OnceLock<Loom>> = Arc::default();
    let inner = Arc::clone(&own);
    let memory = MemoryExporter::new();
    let rules = RedactRules::new().hook(move |_, _| {
        if let Some(loom) = inner.get() {
            loom.span("from the hook", None).start().end();
        }
        Ok(HookAction::Keep)
    });
    let loom = Loom::builder().exporter(memory.clone()).redact(rules.build()).build();
    assert!(own.set(loom.clone()).is_ok());
    for _ in 0..3 {
        loom.span("s", None).start().attribute("key", "value");
    }
    assert_eq!(loom.flush(LONG).pending, adds_up(&loom).pending);
    assert!(adds_up(&loom).delivered >= 3);
}

#[test]
fn a_sink_that_panics_is_a_sink_that_fails() {
    let loom = Loom::builder().exporter(Does(|_: &Outgoing<'_>| panic!("no"))).on_notice(|_, _| ()).build();
    loom.workflow("w").start().end();
    let receipt = loom.flush(LONG);
    assert_eq!((receipt.dropped, receipt.reasons.get(Reason::NonRetryable)), (1, 1));
    let clone = loom.clone();
    on_a_thread(move || clone.workflow("w").start().end());
    assert_eq!(loom.flush(LONG).dropped, 1);
    let ledger = adds_up(&loom);
    assert_eq!((ledger.accepted, ledger.dropped), (2, 2));
}

#[test]
fn an_end_that_gives_up_tells_of_it_though_the_exporter_hangs() {
    let (begun, begins) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let hangs = Does(move |_: &Outgoing<'_>| {
        let _ = begun.send(());
        let _ = released.recv();
        Ok(())
    });
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&heard);
    let loom = Loom::builder()
        .exporter(hangs)
        .shutdown_timeout(Duration::from_millis(10))
        .on_notice(move |_, notice| hears.lock().unwrap().push(notice.clone()))
        .build();
    loom.workflow("first").start().end();
    loom.workflow("second").start().end();
    loom.flush(Duration::from_millis(10));
    begins.recv_timeout(LONG).expect("the exporter is called");
    drop(loom);
    let heard = std::mem::take(&mut *heard.lock().unwrap());
    drop(release);
    assert_eq!(
        heard.iter().map(|notice| (notice.kind, notice.text.as_str())).collect::<Vec<_>>(),
        [(
            NoticeKind::Lost(Reason::ShutdownTimeout),
            "spans are lost (shutdown_timeout): the program ended before 2 could be sent"
        )]
    );
}

#[test]
fn what_is_lost_in_a_long_pause_is_told_before_it_ends() {
    struct Busy;
    impl Exporter for Busy {
        fn export(&mut self, _: &Outgoing<'_>) -> Answer {
            Answer::Later { after: Some(Duration::from_secs(600)), why: "busy".to_owned() }
        }
    }
    let (hear, heard) = mpsc::channel();
    let options = Options { queue_spans: 4, batch_spans: 1, ..Options::default() };
    let loom = Loom::builder()
        .exporter_with(Busy, options)
        .shutdown_timeout(Duration::from_millis(10))
        .on_notice(move |_, notice| {
            let _ = hear.send(notice.kind);
        })
        .build();
    loom.span("s", None).start().end();
    loom.flush(Duration::from_millis(10));
    assert_eq!(heard.recv_timeout(LONG), Ok(NoticeKind::Waiting));
    for _ in 0..100 {
        loom.span("s", None).start().end();
    }
    loom.flush(Duration::from_millis(10));
    assert_eq!(heard.recv_timeout(LONG), Ok(NoticeKind::Lost(Reason::QueueFull)));
    adds_up(&loom);
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
            loom.flush(Duration::from_secs(30));
            assert!(loom.ledger().delivered >= before);
        }
    });
}

#[test]
fn what_ends_after_its_loom_is_lost_and_does_no_harm() {
    let memory = MemoryExporter::new();
    let told = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&told);
    let loom = Loom::builder()
        .exporter(memory.clone())
        .on_notice(move |_, _| {
            count.fetch_add(1, Ordering::Relaxed);
        })
        .build();
    let run = loom.workflow("w").start();
    let (first, second) = (run.node("first").start(), run.node("second").start());
    drop((run, loom));
    assert_eq!(memory.span_count(), 1);
    first.end();
    on_a_thread(move || second.end());
    // Another loom of this thread changes nothing for them.
    Loom::builder().build().workflow("other").start().end();
    assert_eq!(memory.span_count(), 1);
}

#[test]
fn what_ends_after_a_shutdown_is_counted() {
    for tail in [false, true] {
        let memory = MemoryExporter::new();
        let mut builder = Loom::builder().exporter(memory.clone()).on_notice(|_, _| ());
        if tail {
            builder = builder.tail(TailRules::new().otherwise(1.0).build());
        }
        let loom = builder.build();
        let run = loom.workflow("w").start();
        let node = run.node("n").start();
        run.end();
        let receipt = loom.shutdown(LONG);
        assert_eq!(receipt.pending, 0, "{receipt}");
        let before = adds_up(&loom);
        node.end();
        loom.span("late", None).start().end();
        let at_once = adds_up(&loom);
        assert_eq!((at_once.accepted - before.accepted, at_once.pending), (2, 0), "tail {tail}: {at_once:?}");
        assert_eq!(loom.shutdown(LONG).pending, 0, "a second shutdown has nothing to do");
        let after = adds_up(&loom);
        assert!(after.reasons.get(Reason::ShutdownTimeout) > before.reasons.get(Reason::ShutdownTimeout));
        assert_eq!(after.delivered, before.delivered, "tail {tail}");
    }
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
    let receipt = loom.flush(LONG);
    assert_eq!((memory.span_count(), receipt.pending, adds_up(&loom).delivered), (100, 0, 100));
}

#[test]
fn starts_that_never_end_are_handed_over_all_the_same() {
    let taken = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&taken);
    let sink = Does(move |outgoing: &Outgoing<'_>| {
        count.fetch_add(outgoing.runs.records().count() as u64, Ordering::Relaxed);
        Ok(())
    });
    let loom = Loom::builder().exporter(sink).live_view(true).build();
    for _ in 0..10_000 {
        std::mem::forget(loom.span("forgotten", None).start());
    }
    loom.flush(LONG);
    assert_eq!(taken.load(Ordering::Relaxed), 10_000);
    let ledger = adds_up(&loom);
    assert_eq!((ledger.accepted, ledger.dropped), (0, 0));
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
            loom.flush(Duration::from_secs(30));
            adds_up(&loom);
        }
        loom.shutdown(Duration::from_secs(30));
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
            let kinds: Vec<_> = outgoing.runs.records().flatten().map(|record| record.kind).collect();
            seen.lock().unwrap().push(kinds);
            Err(io::Error::other("full"))
        }))
        .build();
    loom.workflow("w").start().end();
    loom.flush(Duration::from_secs(30));
    loom.flush(Duration::from_secs(30));
    assert_eq!(*calls.lock().unwrap(), [[RecordKind::WorkflowClosed]]);
    adds_up(&loom);
}
