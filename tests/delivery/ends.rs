//! F29: many threads that record, flush and end at the same time; ends within ends.
#![expect(clippy::disallowed_methods, reason = "time is what is bounded")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use spanloom::deliver::{Options, Reason};
use spanloom::native::OtlpHttp;
use spanloom::{Exporter, Loom, MemoryExporter, Outgoing};
use spanloom_chaos::{Action, Chaos, Scenario, Step};

use crate::support::{LONG, adds_up, spans};

fn exporter(chaos: &Chaos) -> OtlpHttp {
    OtlpHttp::builder(chaos.endpoint()).no_proxy().build().unwrap()
}

#[test]
fn f29_sixty_four_threads_record_flush_and_end() {
    let chaos = Chaos::start(Scenario::new("well")).unwrap();
    let loom = Loom::builder().exporter(exporter(&chaos)).on_notice(|_, _| ()).build();
    let recorded = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..64 {
            let (loom, recorded) = (loom.clone(), &recorded);
            scope.spawn(move || {
                for round in 0..50 {
                    spans(&loom, 4);
                    recorded.fetch_add(4, Ordering::Relaxed);
                    match (thread + round) % 16 {
                        0 => drop(loom.flush(Duration::from_millis(20))),
                        1 => drop(loom.ledger()),
                        2 => drop(loom.clone()),
                        // Late in the life of some threads the loom is shut down while the others go on.
                        3 if round > 40 => drop(loom.shutdown(LONG)),
                        _ => {}
                    }
                }
            });
        }
    });
    let receipt = loom.shutdown(LONG);
    let ledger = adds_up(&loom);
    assert_eq!((ledger.accepted, receipt.pending), (recorded.into_inner(), 0));
    assert_eq!(ledger.dropped, ledger.reasons.get(Reason::ShutdownTimeout), "what came too late: {ledger:?}");
    assert_eq!(chaos.report().spans.unique(), ledger.delivered);
}

#[test]
fn f29_looms_that_come_and_go_in_all_threads() {
    let memory = MemoryExporter::new();
    std::thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                for _ in 0..3 {
                    let loom = Loom::builder().exporter(memory.clone()).shutdown_timeout(LONG).build();
                    let run = loom.workflow("answer").start();
                    run.node("plan").start().end();
                    drop(loom);
                    run.end();
                }
            });
        }
    });
    assert_eq!(memory.span_count(), 64 * 3 * 2);
}

#[test]
fn f29_a_second_shutdown_and_a_flush_within_one_end_with_it() {
    let hole = Chaos::start(Scenario::new("hole").step(Step::new(Action::BlackHole))).unwrap();
    let options = Options { timeout: Duration::from_millis(300), ..Options::default() };
    let loom = Loom::builder().exporter_with(exporter(&hole), options).on_notice(|_, _| ()).build();
    spans(&loom, 100);
    let start = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| loom.flush(LONG));
        scope.spawn(|| loom.shutdown(LONG));
        scope.spawn(|| loom.shutdown(Duration::from_millis(300)));
        scope.spawn(|| loom.flush(LONG));
    });
    assert!(start.elapsed() < LONG / 2, "{:?}: the nearest end counts", start.elapsed());
    let ledger = adds_up(&loom);
    assert_eq!((ledger.pending, ledger.reasons.get(Reason::ShutdownTimeout)), (0, 100), "{ledger:?}");
    // Once more: nothing happens, and at once.
    let receipt = loom.shutdown(LONG);
    assert_eq!((receipt.delivered, receipt.dropped, receipt.pending), (0, 0, 0));
    assert!(start.elapsed() < LONG / 2);
}

/// Hangs in a call that nobody can end.
struct Hangs(std::sync::mpsc::Receiver<()>);

impl Exporter for Hangs {
    fn export(&mut self, _: &Outgoing<'_>) -> spanloom::deliver::Answer {
        let _ = self.0.recv_timeout(4 * LONG);
        spanloom::deliver::Answer::taken()
    }
}

#[test]
fn f29_a_second_shutdown_waits_for_nothing_that_the_first_has_given_up() {
    let (let_go, hangs) = std::sync::mpsc::channel();
    let loom = Loom::builder().exporter(Hangs(hangs)).on_notice(|_, _| ()).build();
    spans(&loom, 10);
    assert_eq!(loom.flush(Duration::from_millis(50)).pending, 10);
    let start = Instant::now();
    let receipt = loom.shutdown(Duration::from_millis(100));
    assert_eq!((receipt.pending, receipt.reasons.get(Reason::ShutdownTimeout)), (0, 10));
    let receipt = loom.shutdown(2 * LONG);
    assert_eq!((receipt.delivered, receipt.dropped, receipt.pending), (0, 0, 0));
    loom.flush(2 * LONG);
    assert!(start.elapsed() < LONG, "{:?}", start.elapsed());
    assert_eq!(adds_up(&loom).dropped, 10);
    drop(let_go);
}

/// F24: an exporter that uses an instrumented client, which here is the loom itself.
struct Traced(Loom, MemoryExporter);

impl Exporter for Traced {
    fn export(&mut self, outgoing: &Outgoing<'_>) -> spanloom::deliver::Answer {
        self.0.span("POST", None).start().end();
        self.0.workflow("request").start().end();
        self.1.export(outgoing)
    }
}

#[test]
fn f24_what_an_exporter_does_is_not_traced() {
    let memory = MemoryExporter::new();
    let inner = Loom::builder().exporter(memory.clone()).build();
    let loom = Loom::builder().exporter(Traced(inner.clone(), memory.clone())).build();
    spans(&loom, 10);
    assert!(loom.flush(LONG).is_complete());
    assert!(inner.flush(LONG).is_complete());
    assert_eq!((memory.span_count(), adds_up(&inner).accepted), (10, 0));
}
