//! A loom with a spool: what one process could not send the next one sends.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use spanloom::deliver::{NoticeKind, Options, Reason};
use spanloom::native::SpoolConfig;
use spanloom::{Loom, LoomBuilder, MemoryExporter};
use spanloom_chaos::{Action, Chaos, Scenario, Step};

use crate::scratch::Folder;
use crate::support::{LONG, adds_up, spans};

fn spooled(folder: &Folder) -> LoomBuilder {
    Loom::builder()
        .spool(SpoolConfig::new(&folder.0))
        .on_notice(|_, _| ())
        .shutdown_timeout(Duration::from_millis(300))
}

#[test]
fn what_one_process_could_not_send_the_next_one_sends() {
    let folder = Folder::new("next");
    let hole = Chaos::start(Scenario::new("hole").step(Step::new(Action::BlackHole))).unwrap();
    let loom = spooled(&folder).otlp_http(hole.endpoint()).unwrap().build();
    spans(&loom, 500);
    let receipt = loom.flush(Duration::from_millis(100));
    assert_eq!((receipt.delivered, receipt.pending), (0, 500));
    let receipt = loom.shutdown(Duration::from_millis(100));
    assert_eq!((receipt.dropped, receipt.pending), (0, 500), "the spool has them");
    drop(loom);

    let memory = MemoryExporter::new();
    let loom = spooled(&folder).exporter(memory.clone()).build();
    let receipt = loom.flush(LONG);
    assert_eq!((receipt.delivered, receipt.pending, loom.ledger().recovered), (500, 0, 500));
    assert_eq!(memory.span_count(), 500);
    drop(loom);

    let memory = MemoryExporter::new();
    let loom = spooled(&folder).exporter(memory.clone()).build();
    assert_eq!((loom.flush(LONG).delivered, memory.span_count()), (0, 0), "delivered once");
}

#[test]
fn what_was_delivered_is_not_delivered_again_by_the_next_process() {
    let folder = Folder::new("settled");
    let (memory, next) = (MemoryExporter::new(), MemoryExporter::new());
    let loom = spooled(&folder).exporter(memory.clone()).build();
    spans(&loom, 500);
    assert!(loom.flush(LONG).is_complete());
    assert!(loom.spool_status().unwrap().written >= 500);
    loom.shutdown(LONG);
    drop(loom);
    let loom = spooled(&folder).exporter(next.clone()).build();
    spans(&loom, 1);
    assert!(loom.flush(LONG).is_complete());
    let ledger = adds_up(&loom);
    assert_eq!((memory.span_count(), next.span_count()), (500, 1));
    assert_eq!((ledger.recovered, ledger.accepted, ledger.dropped), (0, 1, 0));
}

#[test]
fn a_folder_that_cannot_be_is_told_of_at_once() {
    let folder = Folder::new("no-folder");
    std::fs::create_dir(&folder.0).unwrap();
    let file = folder.0.join("file");
    std::fs::write(&file, "in the way").unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&heard);
    let memory = MemoryExporter::new();
    let loom = Loom::builder()
        .exporter(memory.clone())
        .spool(SpoolConfig::new(file.join("spool")))
        .on_notice(move |destination, notice| {
            hears.lock().unwrap().push((destination.to_owned(), notice.kind, notice.text.clone()));
        })
        .build();
    assert_eq!(heard.lock().unwrap().len(), 1, "before anything is recorded");
    spans(&loom, 5);
    assert_eq!(loom.flush(LONG).delivered, 5);
    drop(loom);
    let heard = std::mem::take(&mut *heard.lock().unwrap());
    let [(destination, kind, text)] = heard.as_slice() else { panic!("{heard:?}") };
    assert_eq!((destination.as_str(), *kind), ("spool", NoticeKind::Spool));
    assert!(text.contains("no-folder") && text.contains("cannot be written"), "{text}");
}

#[test]
fn an_outage_is_held_by_the_disk_alone() {
    let folder = Folder::new("outage");
    let hole = Scenario::new("outage")
        .step(Step::new(Action::status(503)).requests(1, 3))
        .step(Step::new(Action::Accept));
    let collector = Chaos::start(hole).unwrap();
    // Far less room than is recorded: a queue in memory alone would lose most of it.
    let small = Options {
        queue_bytes: 5 << 20,
        queue_spans: 2_000,
        retry_first: Duration::from_millis(300),
        ..Options::default()
    };
    let loom = spooled(&folder).delivery(small).otlp_http(collector.endpoint()).unwrap().build();
    for _ in 0..20 {
        spans(&loom, 1_000);
        std::thread::sleep(Duration::from_millis(30));
    }
    let receipt = loom.flush(LONG);
    assert_eq!((receipt.dropped, receipt.pending), (0, 0), "{:?}", loom.ledger());
    assert_eq!(collector.report().spans.unique(), 20_000);
}

#[test]
fn what_finds_the_disk_at_its_cap_and_the_memory_full_is_lost_as_spool_full() {
    const CAP: u64 = 64 << 10;
    let folder = Folder::new("cap");
    let hole = Chaos::start(Scenario::new("hole").step(Step::new(Action::BlackHole))).unwrap();
    let small = Options { queue_spans: 200, ..Options::default() };
    let loom = Loom::builder()
        .spool(SpoolConfig::new(&folder.0).cap_bytes(CAP))
        .on_notice(|_, _| ())
        .delivery(small)
        .otlp_http(hole.endpoint())
        .unwrap()
        .build();
    // Handed over in parts: what is one parcel is in the spool as a whole, or not at all.
    for _ in 0..40 {
        spans(&loom, 100);
        loom.flush(Duration::from_millis(1));
    }
    let before = adds_up(&loom);
    assert!(before.reasons.get(Reason::SpoolFull) > 0, "{before:?}");
    assert_eq!(before.dropped, before.reasons.get(Reason::SpoolFull), "{before:?}");
    // What memory alone holds at the end would have gone into the spool, too.
    let receipt = loom.shutdown(Duration::from_millis(100));
    let ledger = adds_up(&loom);
    assert_eq!(ledger.dropped, ledger.reasons.get(Reason::SpoolFull), "{ledger:?}");
    assert!(receipt.pending > 0, "the disk has a part: {ledger:?}");
    assert_eq!(ledger.dropped + receipt.pending, 4_000, "{ledger:?}");
}
