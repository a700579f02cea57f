//! Any sequence of calls, beside a list that is always right.

use proptest::prelude::*;
use spanloom::spool::{MemoryFiles, RecoveryOptions, Spool, SpoolError, SpoolOptions, Tier, recover};

use crate::support::{MILLISECOND, NOW, ended_with, ids, options, recover_all};

#[derive(Debug, Clone)]
enum Step {
    Append {
        sizes: Vec<usize>,
        durable: bool,
    },
    Wait {
        milliseconds: u64,
    },
    Sync,
    /// Settles a part of what is pending, in percent.
    Acknowledge {
        percent: usize,
    },
    /// The process dies, and the next one recovers so many chunks before it dies as well.
    Die {
        chunks: usize,
    },
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (prop::collection::vec(0usize..900, 1..5), any::<bool>())
            .prop_map(|(sizes, durable)| Step::Append { sizes, durable }),
        3 => (0u64..400).prop_map(|milliseconds| Step::Wait { milliseconds }),
        1 => Just(Step::Sync),
        3 => (0usize..101).prop_map(|percent| Step::Acknowledge { percent }),
        1 => (0usize..4).prop_map(|chunks| Step::Die { chunks }),
        1 => Just(Step::Close),
    ]
}

/// What the spool is held against.
#[derive(Default)]
struct Model {
    /// Number and id of each record of this run.
    taken: Vec<(u64, u64)>,
    /// Ids that earlier runs left and nobody acknowledged.
    left: Vec<u64>,
    ids: u64,
}

impl Model {
    /// This run is over: what it wrote and did not settle is left.
    fn end_run(&mut self, written: u64, settled: u64) -> u64 {
        let due = |sequence: &u64| (settled + 1..=written).contains(sequence);
        self.left.extend(self.taken.iter().filter(|(sequence, _)| due(sequence)).map(|(_, id)| *id));
        let waited = self.taken.iter().filter(|(sequence, _)| *sequence > written.max(settled)).count();
        self.taken.clear();
        waited as u64
    }
}

fn run(steps: Vec<Step>, cap: u64) {
    let files = MemoryFiles::new();
    let mut now = NOW;
    let mut session = 1;
    let open = |session, now| {
        let options = SpoolOptions { cap_bytes: cap, write_bytes: 2_000, ..options(session) };
        Spool::open(files.clone(), options, now)
    };
    let mut spool = open(session, now);
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Append { sizes, durable } => {
                let first = model.ids + 1;
                let records: Vec<Vec<u8>> =
                    (first..).zip(&sizes).map(|(id, size)| ended_with(id, &"x".repeat(*size))).collect();
                let stream = records.concat();
                let result =
                    if durable { spool.append_durable(&stream, now) } else { spool.append(&stream, now) };
                let appended = match result {
                    Ok(appended) => appended,
                    Err(SpoolError::Full { cap: 20_000, .. }) => continue,
                    Err(error) => panic!("{error}"),
                };
                assert_eq!(appended.spans as usize, sizes.len());
                assert_eq!(appended.last - appended.first + 1, appended.spans);
                assert!(!durable || appended.tier == Tier::Synced);
                model.taken.extend((appended.first..=appended.last).zip(first..));
                model.ids += appended.spans;
            }
            Step::Wait { milliseconds } => {
                now += milliseconds * MILLISECOND;
                spool.tick(now);
                assert!(spool.next_wake().is_none_or(|wake| wake > now));
            }
            Step::Sync => {
                spool.sync(now).unwrap();
                assert_eq!(spool.status().synced, spool.status().accepted);
            }
            Step::Acknowledge { percent } => {
                let before = spool.status().settled;
                let to = spool.status().accepted * percent as u64 / 100;
                spool.acknowledge(to, now);
                // It may stop before, at the end of an append, and never goes back.
                assert!((before..=to.max(before)).contains(&spool.status().settled));
            }
            Step::Die { chunks } => {
                let status = spool.status();
                let waited = model.end_run(status.written, status.settled);
                drop(spool);
                let small = RecoveryOptions { chunk_bytes: 1_500, ..RecoveryOptions::default() };
                let mut recovered = recover(files.clone(), small, now);
                let mut settled = 0;
                for _ in 0..chunks {
                    let Some(chunk) = recovered.next_chunk() else { break };
                    let given = ids(&chunk.records);
                    assert_eq!(given, model.left[settled..settled + given.len()]);
                    settled += given.len();
                    recovered.acknowledge(chunk.number);
                }
                model.left.drain(..settled);
                assert!(recovered.report().crash_window.spans == 0 || waited > 0 || session > 1);
                drop(recovered);
                session += 1;
                spool = open(session, now);
            }
            Step::Close => {
                let status = spool.status();
                // Closing writes what waits.
                model.end_run(status.accepted, status.settled);
                spool.close(now).unwrap();
                session += 1;
                now += 1;
                spool = open(session, now);
            }
        }
        let status = spool.status();
        assert_eq!(status.trouble, None);
        assert!(status.settled <= status.accepted && status.written <= status.accepted);
        // A segment's header comes on top of what was let in.
        assert!(status.bytes <= cap + 64 * 64, "{status:?}");
    }
    let status = spool.status();
    let waited = model.end_run(status.written, status.settled);
    drop(spool);
    let found = recover_all(&files);
    assert_eq!(found.ids, model.left);
    assert!(found.report.crash_window.spans >= waited);
    assert_eq!(found.report.corrupt.records + found.report.gaps.records + found.report.truncated.records, 0);
    assert_eq!(files.names(), [""; 0]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_spool_is_a_list_that_survives(
        steps in prop::collection::vec(step(), 1..60),
        cap in prop_oneof![Just(20_000u64), Just(1u64 << 30)],
    ) {
        run(steps, cap);
    }
}
