//! Clocks that jump, disks and memory that have an end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use spanloom::deliver::{Options, Reason};
use spanloom::host::ManualClock;
use spanloom::native::OtlpHttp;
use spanloom::{Loom, MemoryExporter};
use spanloom_chaos::{Action, Chaos, Scenario, Step};

use crate::support::{LONG, adds_up};

#[test]
fn f22_clocks_that_jump_make_no_negative_times_and_hold_up_nothing() {
    const HOUR: u64 = 3_600_000_000_000;
    const NOW: u64 = 1_800_000_000_000_000_000;
    let (memory, clock) = (MemoryExporter::new(), ManualClock::at(NOW));
    let loom = Loom::builder().exporter(memory.clone()).clock(clock.clone()).build();
    // Forth, back, a machine that slept for 8 hours, 1970, 2106, the end of time.
    let jumps = [NOW + HOUR, NOW - HOUR, NOW + 8 * HOUR, 0, u64::from(u32::MAX) * 1_000_000_000, u64::MAX, NOW];
    for jump in jumps {
        let run = loom.workflow("answer").start();
        let mut node = run.node("plan").start();
        clock.set(jump);
        node.event("jumped", &[]);
        node.first_frame();
        node.end();
        run.end();
        assert!(loom.flush(LONG).is_complete());
    }
    assert_eq!(adds_up(&loom).delivered, 2 * jumps.len() as u64);
    let mut seen = 0;
    memory.each_span(|span| {
        assert!(span.end_unix_nano >= span.start_unix_nano, "{}", span.name);
        seen += 1;
    });
    assert_eq!(seen, 2 * jumps.len());
}

/// The queues have an end, in spans and in bytes, and so has what threads have not handed over.
#[test]
fn f23_a_receiver_that_is_gone_costs_no_more_memory_than_was_allowed() {
    let hole = Chaos::start(Scenario::new("hole").step(Step::new(Action::BlackHole))).unwrap();
    let exporter = OtlpHttp::builder(hole.endpoint()).no_proxy().build().unwrap();
    let small = Options { queue_bytes: 1 << 20, ..Options::default() };
    let loom = Loom::builder()
        .exporter_with(exporter, small)
        .on_notice(|_, _| ())
        .shutdown_timeout(Duration::from_millis(100))
        .build();
    let text: Arc<str> = "x".repeat(10_000).into();
    let start = Instant::now();
    for _ in 0..2_000 {
        let mut node = loom.span("s", None).start();
        node.attribute("text", &*text);
        node.end();
    }
    assert!(start.elapsed() < LONG, "nothing waits for the receiver");
    loom.flush(Duration::from_millis(100));
    let ledger = adds_up(&loom);
    assert_eq!((ledger.accepted, ledger.delivered), (2_000, 0));
    assert_eq!(ledger.dropped, ledger.reasons.get(Reason::QueueFull), "{ledger:?}");
    // A mebibyte waits, and one batch of three at most is on its way.
    assert!(ledger.pending * 10_000 <= 4 << 20, "{ledger:?}");
    assert!(ledger.pending > 0, "{ledger:?}");
}
