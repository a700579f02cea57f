//! The power goes: unsynced bytes are kept or lost in any order, by whole sectors and in the middle of one.

use std::collections::BTreeSet;

use spanloom::host::{Entropy, SeededEntropy};
use spanloom::spool::{MemoryFiles, Spool};

use crate::support::{MILLISECOND, NOW, ended_with, options, recover_all};

#[test]
fn all_that_was_synced_is_there_after_a_loss_of_power() {
    let mut lost_some = 0;
    for seed in 0..600 {
        let random = SeededEntropy::new(seed);
        let files = MemoryFiles::new();
        let mut now = NOW;
        let mut spool = Spool::open(files.clone(), options(7), now);
        let steps = 1 + random.next_u64() % 60;
        let mut last = 0;
        for id in 1..=steps {
            let record = ended_with(id, &"x".repeat(random.next_u64() as usize % 700));
            last = spool.append(&record, now).unwrap().last;
            now += random.next_u64() % (200 * MILLISECOND);
            spool.tick(now);
            if random.next_u64().is_multiple_of(8) {
                spool.acknowledge(random.next_u64() % (last + 1), now);
            }
        }
        let status = spool.status();
        files.lose_power(seed);
        drop(spool);
        let found = recover_all(&files);
        let there: BTreeSet<u64> = found.ids.iter().copied().collect();
        assert_eq!(there.len(), found.ids.len(), "seed {seed}: one of them twice");
        for id in status.settled + 1..=status.synced {
            assert!(there.contains(&id), "seed {seed}: {id} of {status:?} {:?}", found.report);
        }
        // None is there and counted as lost as well.
        let lost = found.report.lost().records;
        assert!(lost + there.len() as u64 <= last, "seed {seed}: {status:?} {:?}", found.report);
        lost_some += u64::from(lost > 0);
        assert_eq!(recover_all(&files).ids, [0; 0], "seed {seed}");
    }
    assert!(lost_some > 100, "the model loses what was not synced: {lost_some}");
}

#[test]
fn a_loss_of_power_while_recovering_loses_nothing() {
    for seed in 0..200 {
        let files = MemoryFiles::new();
        let mut spool = Spool::open(files.clone(), options(7), NOW);
        for id in 1..=60 {
            spool.append_durable(&ended_with(id, &"x".repeat(300)), NOW).unwrap();
        }
        drop(spool);
        let options = spanloom::spool::RecoveryOptions { chunk_bytes: 2_000, ..Default::default() };
        let mut recovered = spanloom::spool::recover(files.clone(), options, NOW);
        let mut acknowledged = BTreeSet::new();
        for _ in 0..seed % 12 {
            let Some(chunk) = recovered.next_chunk() else { break };
            acknowledged.extend(crate::support::ids(&chunk.records));
            recovered.acknowledge(chunk.number);
        }
        files.lose_power(seed);
        drop(recovered);
        let found = recover_all(&files);
        let all: BTreeSet<u64> = acknowledged.into_iter().chain(found.ids).collect();
        assert_eq!(all, (1..=60).collect(), "seed {seed}");
        assert_eq!(found.report.lost().records, 0, "seed {seed}: {:?}", found.report);
    }
}

#[test]
fn recovery_reads_only_the_tail() {
    let files = MemoryFiles::new();
    let mut spool = Spool::open(files.clone(), options(7), NOW);
    let mut last = 0;
    for id in 1..=500 {
        last = spool.append_durable(&ended_with(id, &"x".repeat(500)), NOW).unwrap().last;
    }
    let (run, number) = (files.names().len(), spool.status().bytes);
    assert!(run > 50 && number > 300_000);
    // The cursor is where it is, and the segments are still there: as if the process died between the two.
    let before = files.names().into_iter().map(|name| (name.clone(), files.contents(&name).unwrap()));
    let before: Vec<_> = before.filter(|(name, _)| name.ends_with(".seg")).collect();
    spool.acknowledge(last - 3, NOW);
    drop(spool);
    for (name, bytes) in before {
        files.put(&name, &bytes);
    }
    let read_before = files.bytes_read();
    let found = recover_all(&files);
    assert_eq!(found.ids, (498..=500).collect::<Vec<_>>());
    let read = files.bytes_read() - read_before;
    assert!(read < 30_000, "{read} bytes were read of {number}");
    assert_eq!(files.names(), [""; 0]);
}
