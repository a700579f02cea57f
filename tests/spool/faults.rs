//! Each call of the file system fails once, and for good; whole scenarios go on.

use std::collections::BTreeSet;

use spanloom::spool::{
    FilesError, MemoryFiles, RecoveryOptions, Spool, SpoolError, SpoolOptions, Tier, recover,
};

use crate::support::{MILLISECOND, NOW, ended, ended_with, ids, options, recover_all, started};

/// What a program knows of its records when it dies.
#[derive(Debug, Default)]
struct Known {
    /// Number and id of every record that was taken.
    taken: Vec<(u64, u64)>,
    acknowledged: u64,
    written: u64,
    /// How many were refused.
    refused: usize,
}

/// A program that records, acknowledges some of it, and dies.
fn run_and_die(files: &MemoryFiles) -> Known {
    let mut known = Known::default();
    let mut now = NOW;
    let mut spool = Spool::open(files.clone(), options(7), now);
    for id in 1..=40 {
        let record = ended_with(id, &"x".repeat(300));
        let result =
            if id % 5 == 0 { spool.append_durable(&record, now) } else { spool.append(&record, now) };
        match result {
            Ok(appended) => {
                assert_eq!(appended.first, appended.last);
                known.taken.push((appended.last, id));
                assert!(appended.tier == Tier::Memory || spool.status().written >= appended.last);
            }
            Err(SpoolError::Io(_)) => known.refused += 1,
            Err(other) => panic!("{other}"),
        }
        if id % 7 == 0
            && let Some((sequence, _)) = known.taken.iter().rev().nth(4)
        {
            spool.acknowledge(*sequence, now);
            known.acknowledged = *sequence;
        }
        now += 200 * MILLISECOND;
        spool.tick(now);
        let status = spool.status();
        assert!(status.synced <= status.written.max(status.settled) && status.written <= status.accepted);
    }
    known.written = spool.status().written;
    known
}

fn expected(known: &Known) -> BTreeSet<u64> {
    let due = |sequence: u64| sequence > known.acknowledged && sequence <= known.written;
    known.taken.iter().filter(|(sequence, _)| due(*sequence)).map(|(_, id)| *id).collect()
}

/// A program with spans that are open for long, which closes its spool. All that it acknowledges was delivered.
fn run_and_close(files: &MemoryFiles) -> (Known, BTreeSet<u64>) {
    let mut known = Known::default();
    let mut begun = BTreeSet::new();
    let mut now = NOW;
    let mut spool = Spool::open(files.clone(), options(7), now);
    for id in 1..=40 {
        let start = started(1_000 + id);
        if id % 4 == 0 && spool.append(&start, now).is_ok() {
            begun.insert(1_000 + id);
        }
        // Every second of them ends.
        let also = if id % 8 == 7 { ended(1_000 + id - 3) } else { Vec::new() };
        let stream = [ended_with(id, &"x".repeat(300)), also].concat();
        if let Ok(appended) = spool.append_durable(&stream, now) {
            known.taken.push((appended.last, id));
            known.acknowledged = known.taken.iter().rev().nth(3).map_or(0, |(sequence, _)| *sequence);
            spool.acknowledge(known.acknowledged, now);
        }
        now += 200 * MILLISECOND;
        spool.tick(now);
    }
    known.written = spool.status().written;
    let _ = spool.close(now);
    (known, begun)
}

#[test]
fn open_spans_and_closing_stand_any_call_that_fails() {
    let files = MemoryFiles::new();
    let (_, begun) = run_and_close(&files);
    let calls = files.calls();
    assert_eq!(begun.len(), 10);
    for call in 0..calls {
        for times in [1, u64::MAX] {
            let files = MemoryFiles::new();
            files.fail(call, times, FilesError::NoSpace);
            let (known, begun) = run_and_close(&files);
            files.heal();
            let found = recover_all(&files);
            let there: BTreeSet<u64> = found.ids.iter().copied().collect();
            assert!(there.is_superset(&expected(&known)), "call {call}: {known:?} {found:?}");
            let nodes: BTreeSet<u64> = there.iter().copied().filter(|id| *id > 1_000).collect();
            // Of some only the end was taken.
            assert!(
                nodes.iter().all(|id| id % 8 != 0 || begun.contains(id)),
                "call {call}: {nodes:?} {begun:?}"
            );
            if times == 1 {
                // Those of which nobody heard an end, at least: the others may have been settled.
                let open = begun.iter().copied().filter(|id| id % 8 == 0);
                assert!(open.collect::<BTreeSet<_>>().is_subset(&nodes), "call {call}: {nodes:?}");
            }
            assert_eq!(files.names(), [""; 0], "call {call}");
        }
    }
}

fn errors() -> [FilesError; 3] {
    [FilesError::NoSpace, FilesError::ReadOnly, FilesError::Other { message: "I/O error".to_owned() }]
}

fn calls_of_a_run() -> u64 {
    let files = MemoryFiles::new();
    run_and_die(&files);
    files.calls()
}

#[test]
fn a_call_that_fails_once_costs_nothing_that_was_written() {
    for error in errors() {
        for call in 0..calls_of_a_run() {
            let files = MemoryFiles::new();
            files.fail(call, 1, error.clone());
            let known = run_and_die(&files);
            assert!(known.refused <= 8, "call {call}: it has to come back: {known:?}");
            let found = recover_all(&files);
            let there: BTreeSet<u64> = found.ids.iter().copied().collect();
            assert!(there.is_superset(&expected(&known)), "call {call}: {known:?} {found:?}");
            assert_eq!(there.len(), found.ids.len(), "call {call}: one of them twice");
            let taken: BTreeSet<u64> = known.taken.iter().map(|(_, id)| *id).collect();
            assert!(taken.is_superset(&there), "call {call}: one that was refused");
            assert_eq!(found.report.io_errors, 0);
            // What waited in memory is counted, unless the page itself could not be written.
            let lost = found.report.lost().records;
            assert!(lost <= known.taken.last().unwrap().0 - known.written, "call {call}: {found:?}");
            assert_eq!(files.names(), [""; 0], "call {call}");
        }
    }
}

#[test]
fn calls_that_fail_for_good_cost_nothing_that_was_written() {
    for call in 0..calls_of_a_run() {
        let files = MemoryFiles::new();
        files.fail(call, u64::MAX, FilesError::NoSpace);
        let known = run_and_die(&files);
        files.heal();
        let found = recover_all(&files);
        let there: BTreeSet<u64> = found.ids.iter().copied().collect();
        assert!(there.is_superset(&expected(&known)), "call {call}: {known:?} {found:?}");
        assert_eq!(files.names(), [""; 0], "call {call}");
    }
}

#[test]
fn a_recovery_with_a_call_that_fails_loses_nothing() {
    let crashed = || {
        let files = MemoryFiles::new();
        let known = run_and_die(&files);
        (files, expected(&known))
    };
    let (files, _) = crashed();
    let before = files.calls();
    recover_all(&files);
    let calls = files.calls() - before;
    assert!(calls > 20);
    for call in 0..calls {
        for times in [1, u64::MAX] {
            let (files, expected) = crashed();
            files.fail(call, times, FilesError::Other { message: "I/O error".to_owned() });
            let mut found = recover_all(&files);
            files.heal();
            let second = recover_all(&files);
            found.ids.extend(&second.ids);
            let there: BTreeSet<u64> = found.ids.into_iter().collect();
            // A file that cannot be read is put aside, and what was in it is counted.
            let lost = found.report.corrupt.records as usize;
            assert!(times > 1 || lost == 0, "call {call}: {:?}", found.report);
            let missing = expected.difference(&there).count();
            assert!(missing <= lost, "call {call}, {times}: {missing} missing, {:?}", found.report);
            assert!(found.report.io_errors > 0 || times == 1, "call {call}");
        }
    }
}

#[test]
fn a_disk_that_never_holds_all_that_waits_takes_it_little_by_little() {
    let files = MemoryFiles::new();
    let mut now = NOW;
    let mut spool = Spool::open(files.clone(), SpoolOptions { write_bytes: 4_000, ..options(7) }, now);
    files.set_space(Some(20_000));
    let records: Vec<u8> = (1..=100).flat_map(|id| ended_with(id, &"x".repeat(500))).collect();
    let appended = spool.append(&records, now).unwrap();
    assert_eq!(spool.status().trouble, Some(FilesError::NoSpace));
    // They wait in memory, too, so they are delivered all the same.
    spool.acknowledge(appended.last, now);
    for _ in 0..100 {
        now += 1_000 * MILLISECOND;
        spool.tick(now);
    }
    let status = spool.status();
    assert_eq!((status.trouble.clone(), status.written, status.waiting), (None, 100, 0), "{status:?}");
    spool.append_durable(&ended(101), now).unwrap();
    drop(spool);
    let found = recover_all(&files);
    assert_eq!(found.ids, [101]);
    assert_eq!(found.report.lost().records, 0);
}

#[test]
fn a_full_disk_refuses_and_comes_back_when_there_is_space() {
    let files = MemoryFiles::new();
    let mut now = NOW;
    let mut spool = Spool::open(files.clone(), options(7), now);
    files.set_space(Some(20_000));
    let mut id = 0;
    while spool.status().trouble.is_none() {
        id += 1;
        // It is taken all the same: it waits in memory.
        let tier = spool.append_durable(&ended_with(id, &"x".repeat(500)), now).unwrap().tier;
        assert_eq!(tier == Tier::Memory, spool.status().trouble.is_some());
    }
    assert_eq!(spool.append(&ended(99), now), Err(SpoolError::Io(FilesError::NoSpace)));
    for _ in 0..100 {
        now += 1_000 * MILLISECOND;
        spool.tick(now);
        assert_eq!(spool.append(&ended(99), now), Err(SpoolError::Io(FilesError::NoSpace)));
    }
    // The pauses grow up to half a minute.
    assert!(spool.status().failures < 12, "{:?}", spool.status());
    files.set_space(None);
    now += 30_000 * MILLISECOND;
    spool.tick(now);
    assert_eq!((spool.status().trouble, spool.status().written), (None, id));
    spool.append_durable(&ended(id + 1), now).unwrap();
    drop(spool);
    let found = recover_all(&files);
    assert_eq!(found.ids, (1..=id + 1).collect::<Vec<_>>());
    assert_eq!(found.report.lost().records, 0);
}

#[test]
fn acknowledging_makes_room_on_a_full_disk() {
    let files = MemoryFiles::new();
    let mut spool = Spool::open(files.clone(), options(7), NOW);
    files.set_space(Some(20_000));
    let mut id = 0;
    while spool.status().trouble.is_none() {
        id += 1;
        spool.append_durable(&ended_with(id, &"x".repeat(500)), NOW).unwrap();
    }
    spool.acknowledge(id - 1, NOW);
    spool.tick(NOW);
    assert_eq!((spool.status().trouble, spool.status().written), (None, id));
}

#[test]
fn a_folder_that_goes_is_made_anew() {
    let files = MemoryFiles::new();
    let mut now = NOW;
    let mut spool = Spool::open(files.clone(), options(7), now);
    for id in 1..=3 {
        spool.append_durable(&ended(id), now).unwrap();
    }
    files.remove_all();
    assert_eq!(spool.append_durable(&ended(4), now).unwrap().tier, Tier::Written);
    assert_eq!(spool.status().trouble, Some(FilesError::NotFound));
    now += 1_000 * MILLISECOND;
    let appended = spool.append_durable(&ended(5), now).unwrap();
    // Nothing promises the fourth one, so nothing up to the fifth is called synced as a whole.
    assert_eq!((appended.last, appended.tier, spool.status().synced), (5, Tier::Synced, 3));
    spool.acknowledge(4, now);
    spool.append_durable(&ended(6), now).unwrap();
    assert_eq!(spool.status().synced, 6);
    drop(spool);
    let found = recover_all(&files);
    assert_eq!((found.ids.as_slice(), found.report.lost().records), ([5, 6].as_slice(), 0));
}

#[test]
fn a_sync_that_failed_is_not_made_good_by_the_next() {
    let files = MemoryFiles::new();
    let mut now = NOW;
    let mut spool = Spool::open(files.clone(), options(7), now);
    spool.append_durable(&ended(1), now).unwrap();
    spool.append(&ended(2), now).unwrap();
    now += 50 * MILLISECOND;
    spool.tick(now);
    assert_eq!(spool.status().written, 2);
    files.fail(0, 1, FilesError::Other { message: "I/O error".to_owned() });
    spool.sync(now).unwrap_err();
    now += 1_000 * MILLISECOND;
    spool.append_durable(&ended(3), now).unwrap();
    assert_eq!((spool.status().written, spool.status().synced), (3, 1));
    spool.acknowledge(2, now);
    spool.append_durable(&ended(4), now).unwrap();
    assert_eq!(spool.status().synced, 4);
}

#[test]
fn a_spool_that_cannot_be_opened_tries_again() {
    let files = MemoryFiles::new();
    files.fail(0, 1, FilesError::Denied);
    let mut spool = Spool::open(files, options(7), NOW);
    assert_eq!(spool.append(&ended(1), NOW), Err(SpoolError::Io(FilesError::Denied)));
    assert_eq!(spool.next_wake(), Some(NOW + 1_000 * MILLISECOND));
    spool.tick(NOW + 1_000 * MILLISECOND);
    assert_eq!(spool.append_durable(&ended(1), NOW + 1_000 * MILLISECOND).unwrap().last, 1);
}

#[test]
fn a_clock_that_is_set_back_puts_nothing_off() {
    let files = MemoryFiles::new();
    let mut spool = Spool::open(files.clone(), options(7), NOW);
    spool.append(&ended(1), NOW).unwrap();
    let hour = 3_600_000 * MILLISECOND;
    spool.tick(NOW - hour);
    spool.tick(NOW - hour + 50 * MILLISECOND);
    assert_eq!(spool.status().written, 1);
    files.fail(0, 1, FilesError::NoSpace);
    spool.append_durable(&ended(2), NOW - hour + 50 * MILLISECOND).unwrap();
    spool.tick(NOW - 2 * hour);
    spool.tick(NOW - 2 * hour + 1_000 * MILLISECOND);
    assert_eq!(spool.status().trouble, None);
}

#[test]
fn nothing_can_be_read_and_the_program_starts() {
    let files = MemoryFiles::new();
    run_and_die(&files);
    files.fail(0, u64::MAX, FilesError::Denied);
    let mut recovered = recover(files.clone(), RecoveryOptions::default(), NOW);
    assert!(recovered.next_chunk().is_none());
    assert_eq!(recovered.report().io_errors, 1);
    files.heal();
    let mut recovered = recover(files, RecoveryOptions::default(), NOW);
    assert!(!ids(&recovered.next_chunk().unwrap().records).is_empty());
}
