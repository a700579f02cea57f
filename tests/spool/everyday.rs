//! Writing, acknowledging, dying and starting again, without faults.

use spanloom::spool::{
    FilesError, MemoryFiles, RecoveryOptions, Spool, SpoolError, SpoolOptions, Tier, recover,
};

use crate::support::{MILLISECOND, NOW, ended, ended_with, ids, options, recover_all, started};

#[test]
fn what_was_written_is_there_after_a_crash_and_what_waited_is_counted() {
    let files = MemoryFiles::new();
    let mut spool = Spool::open(files.clone(), options(7), NOW);
    for id in 1..=3 {
        assert_eq!(spool.append(&ended(id), NOW).unwrap().tier, Tier::Memory);
    }
    spool.tick(NOW + 50 * MILLISECOND);
    assert_eq!(spool.status().written, 3);
    let two: Vec<u8> = [ended(4), ended(5)].concat();
    let appended = spool.append(&two, NOW + 51 * MILLISECOND).unwrap();
    assert_eq!((appended.first, appended.last, appended.spans, appended.tier), (4, 5, 2, Tier::Memory));
    drop(spool);

    let found = recover_all(&files);
    assert_eq!(found.ids, [1, 2, 3]);
    assert_eq!((found.report.runs, found.report.spans, found.report.clean), (1, 3, 0));
    assert_eq!((found.report.crash_window.records, found.report.crash_window.spans), (2, 2));
    assert_eq!(found.report.lost().spans, 2);
    assert_eq!(files.names(), [""; 0]);
    assert_eq!(recover_all(&files).report.runs, 0);
}

#[test]
fn time_and_size_bring_records_to_the_disk() {
    let files = MemoryFiles::new();
    let mut spool = Spool::open(files, SpoolOptions::new(7), NOW);
    spool.append(&ended(1), NOW).unwrap();
    assert_eq!(spool.next_wake(), Some(NOW + 50 * MILLISECOND));
    spool.tick(NOW + 49 * MILLISECOND);
    assert_eq!(spool.status().written, 0);
    spool.tick(NOW + 50 * MILLISECOND);
    assert_eq!((spool.status().written, spool.status().synced), (1, 0));
    assert_eq!(spool.next_wake(), Some(NOW + 550 * MILLISECOND));
    spool.tick(NOW + 550 * MILLISECOND);
    assert_eq!(spool.status().synced, 1);
    assert_eq!(spool.next_wake(), None);
    let large = ended_with(2, &"x".repeat(70_000));
    assert_eq!(spool.append(&large, NOW + 551 * MILLISECOND).unwrap().tier, Tier::Written);
    assert_eq!(spool.append_durable(&ended(3), NOW + 552 * MILLISECOND).unwrap().tier, Tier::Synced);
}

#[test]
fn segments_are_removed_when_they_are_settled() {
    let files = MemoryFiles::new();
    let mut spool = Spool::open(files.clone(), options(7), NOW);
    for id in 1..=100 {
        spool.append_durable(&ended(id), NOW).unwrap();
    }
    let many = files.names().len();
    assert!(many > 5, "{many}");
    spool.acknowledge(60, NOW);
    assert!(files.names().len() < many);
    assert_eq!(spool.status().settled, 60);
    drop(spool);
    let found = recover_all(&files);
    assert_eq!(found.ids, (61..=100).collect::<Vec<_>>());
    assert_eq!(found.report.lost().records, 0);
    // Only the segment at the cursor is read besides what is unsettled.
    assert!(found.report.settled < 20, "{:?}", found.report);
}

#[test]
fn a_spool_that_is_closed_and_settled_leaves_nothing() {
    let files = MemoryFiles::new();
    let mut spool = Spool::open(files.clone(), options(7), NOW);
    for id in 1..=50 {
        spool.append(&ended(id), NOW).unwrap();
    }
    spool.acknowledge(50, NOW);
    spool.close(NOW).unwrap();
    assert_eq!(files.names(), [""; 0]);
}

#[test]
fn a_spool_that_is_closed_early_is_delivered_by_the_next_start() {
    let files = MemoryFiles::new();
    let mut spool = Spool::open(files.clone(), options(7), NOW);
    for id in 1..=50 {
        spool.append(&ended(id), NOW).unwrap();
    }
    spool.acknowledge(20, NOW);
    spool.close(NOW).unwrap();
    let found = recover_all(&files);
    assert_eq!(found.ids, (21..=50).collect::<Vec<_>>());
    assert_eq!((found.report.clean, found.report.lost().records), (1, 0));
}

#[test]
fn two_writers_and_a_recovery_leave_each_other_alone() {
    let files = MemoryFiles::new();
    let mut one = Spool::open(files.clone(), options(7), NOW);
    // The same name is wanted: it takes another.
    let mut two = Spool::open(files.clone(), options(7), NOW);
    one.append_durable(&ended(1), NOW).unwrap();
    two.append_durable(&ended(2), NOW).unwrap();
    let found = recover_all(&files);
    assert_eq!(found.ids, [0; 0]);
    assert_eq!((found.report.alive, found.report.runs), (2, 0));
    drop(one);
    assert_eq!(recover_all(&files).ids, [1]);
    two.append_durable(&ended(3), NOW).unwrap();
    drop(two);
    assert_eq!(recover_all(&files).ids, [2, 3]);
}

#[test]
fn two_recoveries_share_no_run() {
    let files = MemoryFiles::new();
    for session in 1..=2 {
        let mut spool = Spool::open(files.clone(), options(session), NOW);
        spool.append_durable(&ended(session), NOW).unwrap();
    }
    let mut one = recover(files.clone(), RecoveryOptions::default(), NOW);
    let first = one.next_chunk().unwrap();
    let mut two = recover(files.clone(), RecoveryOptions::default(), NOW);
    let second = two.next_chunk().unwrap();
    assert_eq!((ids(&first.records), ids(&second.records)), (vec![1], vec![2]));
    assert!(one.next_chunk().is_none());
    assert_eq!((one.report().alive, two.report().alive), (1, 1));
    // The first one dies without acknowledging: its run is found again.
    drop(one);
    two.acknowledge(second.number);
    assert_eq!(recover_all(&files).ids, [1]);
    assert_eq!(files.names(), [""; 0]);
}

#[test]
fn what_was_not_acknowledged_comes_again() {
    let files = MemoryFiles::new();
    let mut spool = Spool::open(files.clone(), options(7), NOW);
    for id in 1..=60 {
        spool.append_durable(&ended(id), NOW).unwrap();
    }
    drop(spool);
    let small = RecoveryOptions { chunk_bytes: 1, ..RecoveryOptions::default() };
    let mut recovered = recover(files.clone(), small, NOW);
    for id in 1..=30 {
        let chunk = recovered.next_chunk().unwrap();
        assert_eq!(ids(&chunk.records), [id]);
        if id <= 25 {
            recovered.acknowledge(chunk.number);
        }
    }
    assert_eq!(recovered.unsettled(), 5);
    drop(recovered);
    assert_eq!(recover_all(&files).ids, (26..=60).collect::<Vec<_>>());
}

#[test]
fn the_cap_holds_and_room_comes_back() {
    let files = MemoryFiles::new();
    let capped = SpoolOptions { cap_bytes: 40 << 10, ..options(7) };
    let mut spool = Spool::open(files.clone(), capped, NOW);
    let mut taken = 0;
    let error = loop {
        match spool.append(&ended(taken + 1), NOW) {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, SpoolError::Full { bytes, cap: 40_960 } if bytes <= 40_960), "{error}");
    assert!(spool.status().bytes + spool.status().waiting as u64 <= 40 << 10);
    assert_eq!(spool.status().accepted, taken);
    spool.sync(NOW).unwrap();
    spool.acknowledge(taken, NOW);
    // The segment at hand is kept until the next one begins.
    spool.append(&ended(1000), NOW + 2_000 * MILLISECOND).unwrap();
    drop(spool);

    // What dead processes left counts, too, until it is recovered.
    let mut next = Spool::open(files.clone(), SpoolOptions { cap_bytes: 4 << 10, ..options(8) }, NOW);
    assert!(matches!(next.append(&ended_with(1, &"x".repeat(3900)), NOW), Err(SpoolError::Full { .. })));
    recover_all(&files);
    next.append(&ended_with(1, &"x".repeat(3000)), NOW + 5_000 * MILLISECOND).unwrap();
}

#[test]
fn it_moves_between_threads() {
    fn moves<T: Send>(_: &T) {}
    let files = MemoryFiles::new();
    moves(&Spool::open(files.clone(), options(7), NOW));
    moves(&recover(files, RecoveryOptions::default(), NOW));
}

#[test]
fn bytes_that_are_no_records_are_refused() {
    let mut spool = Spool::open(MemoryFiles::new(), options(7), NOW);
    let mut cut = ended(1);
    cut.pop();
    for bytes in [cut.as_slice(), &[1, 2, 3], &[0; 40], &[0xff; 40]] {
        assert!(matches!(spool.append(bytes, NOW), Err(SpoolError::Records(_))));
    }
    assert_eq!(spool.status().accepted, 0);
    let none = spool.append(&[], NOW).unwrap();
    assert_eq!((none.first, none.last, none.spans), (0, 0, 0));
}

#[test]
fn open_spans_are_closed_as_abandoned() {
    use spanloom::otlp::span::{SpanView, StatusCode};
    use spanloom::record::envelope::flags;
    use spanloom::record::{RecordKind, Records};
    let files = MemoryFiles::new();
    let mut spool = Spool::open(files.clone(), options(7), NOW);
    // 2 ends, 3 ended before its start came, 1 and 4 stay open.
    for record in [started(1), started(2), ended(2), ended(3), started(3), started(4)] {
        spool.append_durable(&record, NOW).unwrap();
    }
    drop(spool);
    let found = recover_all(&files);
    assert_eq!(found.ids, [2, 3, 1, 4]);
    assert_eq!((found.report.abandoned, found.report.starts, found.report.spans), (2, 4, 2));
    let last = Records::new(&found.records).last().unwrap().unwrap();
    assert_eq!((last.kind, last.revision), (RecordKind::Finished, 0));
    assert_eq!(last.flags & (flags::ABANDONED | flags::NODE), flags::ABANDONED | flags::NODE);
    let span = SpanView::read(last.body).unwrap();
    assert_eq!((span.status(), span.status_message), (StatusCode::Error, "abandoned"));
    // The last sign of life is the end of span 3.
    assert_eq!(span.end_unix_nano, NOW + 3 + 10);
}

#[test]
fn a_start_outlives_its_segment() {
    let files = MemoryFiles::new();
    let mut spool = Spool::open(files.clone(), options(7), NOW);
    spool.append_durable(&[started(1), started(2)].concat(), NOW).unwrap();
    let mut last = 0;
    for id in 10..=200 {
        last = spool.append_durable(&ended(id), NOW).unwrap().last;
        spool.acknowledge(last, NOW);
    }
    spool.append_durable(&ended(2), NOW).unwrap();
    assert!(files.names().len() < 4, "{:?}", files.names());
    assert!(last > 192, "starts that move on take numbers");
    drop(spool);
    let found = recover_all(&files);
    assert_eq!((found.ids.as_slice(), found.report.abandoned), ([2, 1].as_slice(), 1));
    assert_eq!(found.report.lost().records, 0);
}

#[test]
fn what_was_written_can_be_read_back() {
    let files = MemoryFiles::new();
    let mut spool = Spool::open(files.clone(), options(7), NOW);
    let mut read = Vec::new();
    let mut after = 0;
    for id in 1..=100 {
        spool.append(&ended(id), NOW).unwrap();
        if id % 3 == 0 {
            spool.sync(NOW).unwrap();
        }
        if id % 10 == 0 {
            // Not much at once: it stays behind, in segments that are closed and at last in the one at hand.
            let back = spool.read_back(after, if id < 60 { 700 } else { 5_000 }).unwrap();
            assert_eq!((ids(&back.records).len() as u64, back.missing.records), (back.spans, 0));
            read.extend(ids(&back.records));
            after = back.last;
        }
    }
    spool.sync(NOW).unwrap();
    let before = files.bytes_read();
    let back = spool.read_back(after, usize::MAX).unwrap();
    assert!(files.bytes_read() - before < 10_000);
    read.extend(ids(&back.records));
    assert_eq!(read, (1..=100).collect::<Vec<_>>());
    assert_eq!(spool.read_back(back.last, 1).unwrap().records, [0; 0]);

    // From anywhere, also from before; what is settled is not read.
    assert_eq!(ids(&spool.read_back(97, usize::MAX).unwrap().records), [98, 99, 100]);
    assert_eq!(ids(&spool.read_back(40, 1).unwrap().records), [41]);
    spool.acknowledge(60, NOW);
    assert_eq!(ids(&spool.read_back(0, 1).unwrap().records), [61]);
    // What waits in memory is not there yet.
    spool.append(&ended(101), NOW).unwrap();
    assert_eq!(spool.read_back(100, 1).unwrap().records, [0; 0]);
}

#[test]
fn what_the_disk_lost_is_counted_when_it_is_read_back() {
    let files = MemoryFiles::new();
    let mut spool = Spool::open(files.clone(), options(7), NOW);
    for id in 1..=60 {
        spool.append_durable(&ended(id), NOW).unwrap();
    }
    let segments: Vec<String> = files.names().into_iter().filter(|name| name.ends_with(".seg")).collect();
    let mut bytes = files.contents(&segments[0]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    files.put(&segments[0], &bytes);
    bytes = files.contents(&segments[1]).unwrap();
    bytes.truncate(1_000);
    files.put(&segments[1], &bytes);
    let (mut read, mut missing, mut after) = (0, 0, 0);
    loop {
        let back = spool.read_back(after, 900).unwrap();
        if back.last == after {
            break;
        }
        assert_eq!(back.missing.records, back.missing.spans);
        read += back.spans;
        missing += back.missing.spans;
        after = back.last;
    }
    assert_eq!((read + missing, after), (60, 60));
    assert!(missing > 10 && missing < 30, "{missing}");
    files.remove_all();
    let gone = spool.read_back(0, usize::MAX).unwrap();
    assert_eq!((gone.spans, gone.missing.spans, gone.last), (0, 60, 60));
    files.fail(0, u64::MAX, FilesError::Denied);
    assert_eq!(spool.read_back(0, 1), Err(FilesError::Denied));
}
