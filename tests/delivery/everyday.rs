//! What a program sees of delivery on a good day, and at its end.

use std::time::{Duration, Instant};

use spanloom::Loom;
use spanloom::deliver::{Options, Reason};
use spanloom::native::OtlpHttp;
use spanloom_chaos::{Action, Chaos, Scenario, Step};

use crate::support::{LONG, adds_up, closed_port};

fn well() -> Chaos {
    Chaos::start(Scenario::new("well").step(Step::new(Action::Accept))).unwrap()
}

fn work(loom: &Loom, workflows: usize) {
    for number in 0..workflows {
        let run = loom.workflow("answer").start();
        let mut node = run.node("plan").kind("llm").start();
        node.attribute("number", number as i64).input("question", "why?");
        node.end();
        run.end();
    }
}

#[test]
fn what_is_flushed_has_arrived() {
    let collector = well();
    let exporter = OtlpHttp::builder(collector.endpoint()).gzip(true).build().unwrap();
    let loom = Loom::builder().service("planner").exporter(exporter).build();
    work(&loom, 1_000);
    let receipt = loom.flush(LONG);
    assert!(receipt.is_complete(), "{receipt}");
    let report = collector.report();
    assert_eq!((report.spans.stored(), report.spans.duplicates()), (2_000, 0));
    assert_eq!(adds_up(&loom).delivered, 2_000);
}

#[test]
fn what_is_not_flushed_goes_with_the_loom() {
    let collector = well();
    let loom = Loom::builder().otlp_http(collector.endpoint()).unwrap().shutdown_timeout(LONG).build();
    work(&loom, 10);
    drop(loom);
    assert_eq!(collector.report().spans.stored(), 20);
}

#[test]
fn several_destinations_have_queues_of_their_own() {
    let (collector, slow) =
        (well(), Chaos::start(Scenario::new("hole").step(Step::new(Action::BlackHole))).unwrap());
    let patient = Options { timeout: Duration::from_millis(300), ..Options::default() };
    let exporter = |chaos: &Chaos| OtlpHttp::builder(chaos.endpoint()).build().unwrap();
    let loom = Loom::builder()
        .exporter(exporter(&collector))
        .exporter_with(exporter(&slow), patient)
        .on_notice(|_, _| ())
        .shutdown_timeout(Duration::from_millis(100))
        .build();
    work(&loom, 50);
    let receipt = loom.flush(Duration::from_millis(500));
    assert_eq!((receipt.delivered, receipt.pending), (0, 100), "as the slower one has it");
    assert!(collector.wait_for(|report| report.spans.stored() == 100, LONG));
    let ledger = adds_up(&loom);
    let delivered: Vec<u64> = ledger.destinations.iter().map(|(_, ledger)| ledger.delivered).collect();
    assert_eq!(delivered, [100, 0]);
}

/// F01: nobody is there. The program ends in time all the same, and is told what was lost.
#[test]
fn f01_an_end_without_a_collector_is_bounded() {
    let (_held, closed) = closed_port();
    let loom = Loom::builder().otlp_http(format!("http://{closed}")).unwrap().on_notice(|_, _| ()).build();
    work(&loom, 100);
    let receipt = loom.flush(Duration::from_millis(200));
    assert_eq!(
        (receipt.delivered, receipt.pending),
        (0, 200),
        "a flush is never complete with something pending"
    );
    #[expect(clippy::disallowed_methods, reason = "time is what is bounded")]
    let start = Instant::now();
    let receipt = loom.shutdown(Duration::from_millis(500));
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert_eq!((receipt.pending, receipt.reasons.get(Reason::ShutdownTimeout)), (0, 200));
    adds_up(&loom);
}

/// F24: an idle program sends nothing, and its own requests are not traced.
#[test]
fn f24_an_idle_loom_sends_nothing() {
    let collector = well();
    let quick = Options { linger: Duration::from_millis(10), ..Options::default() };
    let exporter = OtlpHttp::builder(collector.endpoint()).build().unwrap();
    let loom = Loom::builder().exporter(exporter).delivery(quick).build();
    work(&loom, 1);
    assert!(loom.flush(LONG).is_complete());
    let before = collector.report().requests_seen;
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(collector.report().requests_seen, before);
}

/// What is running can be seen, and what follows stands under the same ids.
#[test]
fn running_spans_are_sent_when_they_start_and_when_they_end() {
    let memory = spanloom::MemoryExporter::new();
    let collector = well();
    let exporter = OtlpHttp::builder(collector.endpoint()).build().unwrap();
    let loom = Loom::builder().exporter(exporter).exporter(memory.clone()).running_spans(true).build();
    let run = loom.workflow("answer").start();
    let mut node = run.node("plan").kind("llm").start();
    node.input("question", "why?");
    assert_eq!((loom.flush(LONG).delivered, loom.ledger().accepted), (0, 0), "nothing has ended");
    assert_eq!(collector.report().spans.stored(), 2, "two spans run");
    node.end();
    run.end();
    assert!(loom.flush(LONG).is_complete());
    let report = collector.report();
    assert_eq!((report.spans.stored(), report.spans.unique()), (4, 2), "the same two, whole");
    assert_eq!(adds_up(&loom).delivered, 2);
}

/// F02, P6: an end in the middle of a request that hangs is bounded, too, and counts what was in it.
#[test]
fn f02_an_end_within_a_request_that_hangs_is_bounded() {
    let hole = Chaos::start(Scenario::new("hole").step(Step::new(Action::BlackHole))).unwrap();
    let loom = Loom::builder().otlp_http(hole.endpoint()).unwrap().on_notice(|_, _| ()).build();
    work(&loom, 100);
    assert_eq!(loom.flush(Duration::from_millis(200)).pending, 200);
    #[expect(clippy::disallowed_methods, reason = "time is what is bounded")]
    let start = Instant::now();
    let receipt = loom.shutdown(Duration::from_millis(200));
    assert_eq!((receipt.pending, receipt.reasons.get(Reason::ShutdownTimeout)), (0, 200));
    drop(loom);
    // The request alone may take ten seconds.
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
}
