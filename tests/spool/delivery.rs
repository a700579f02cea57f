//! The spool and delivery together, as a runtime joins them: processes that die one after the other, and a network that
//! fails. All is delivered or counted.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use spanloom::deliver::{Answer, Destination, Next, Options, Parcel};
use spanloom::host::{Entropy, SeededEntropy};
use spanloom::spool::{MemoryFiles, RecoveryOptions, Spool, SpoolOptions, recover};

use crate::support::{MILLISECOND, NOW, ended_with, ids, options};

/// What a parcel is of.
enum Held {
    Chunk(u64),
    Records(u64),
}

/// What outlives the processes: the world.
#[derive(Default)]
struct World {
    accepted: BTreeSet<u64>,
    /// How often each span arrived.
    arrived: BTreeMap<u64, u32>,
    /// Spans that are gone, by the report of the last recovery.
    lost: u64,
    /// The same, by the reports of all.
    all_lost: u64,
}

/// One process: recovers what others left, records, and dies. With a good network it ends when all is delivered.
fn live(world: &mut World, files: &MemoryFiles, random: &SeededEntropy, session: u64, good: bool) {
    let mut now = NOW + session * 1_000_000 * MILLISECOND;
    let small = RecoveryOptions { chunk_bytes: 2_000, ..RecoveryOptions::default() };
    let mut recovered = recover(files.clone(), small, now);
    let mut recovering = true;
    let mut spool = Spool::open(files.clone(), SpoolOptions { write_bytes: 1_500, ..options(session) }, now);
    // A small queue, so that most of an outage is on the disk alone.
    let delivery = Options {
        queue_spans: 30,
        batch_spans: 8,
        linger: Duration::from_millis(100),
        retry_for: Duration::MAX,
        ..Options::default()
    };
    let mut destination = Destination::new(&delivery);
    let (mut tickets, mut next_ticket) = (VecDeque::new(), 0);
    let mut offered = 0;
    let mut outage = false;
    let steps = 40 + random.next_u64() % 200;
    let mut step = 0;
    loop {
        step += 1;
        if good && !recovering && tickets.is_empty() && offered == spool.status().accepted && step > steps {
            break;
        }
        if !good && step > steps {
            break;
        }
        assert!(step < 100_000, "it does not come to an end");
        if step <= steps && !random.next_u64().is_multiple_of(3) {
            let id = session * 1_000_000 + spool.status().accepted + 1;
            let record = ended_with(id, &"x".repeat(random.next_u64() as usize % 300));
            spool.append(&record, now).expect("there is room");
            world.accepted.insert(id);
        }
        spool.tick(now);
        // What was left comes first, then what this process wrote; never more than there is room for.
        let room = destination.room();
        // Less than 20 of these records fit into 3,000 bytes.
        let parcel = if room.spans < 20 {
            None
        } else if recovering {
            let chunk = recovered.next_chunk();
            recovering = chunk.is_some();
            chunk.map(|chunk| (chunk.records, Held::Chunk(chunk.number)))
        } else {
            let back = spool.read_back(offered, 3_000).expect("memory does not fail");
            assert_eq!(back.missing.records, 0);
            offered = back.last;
            (!back.records.is_empty()).then_some((back.records, Held::Records(back.last)))
        };
        if let Some((records, held)) = parcel {
            next_ticket += 1;
            tickets.push_back((next_ticket, held));
            destination.offer(Parcel::new(records).in_spool(next_ticket), now);
        }
        if random.next_u64().is_multiple_of(20) {
            outage = !good && !outage;
        }
        while let Next::Send(shipment) = destination.next(now) {
            let lost_answer = !good && random.next_u64().is_multiple_of(10);
            if !outage {
                for id in ids(&shipment.records()) {
                    *world.arrived.entry(id).or_default() += 1;
                }
            }
            let answer = if outage || lost_answer { Answer::later("reset") } else { Answer::taken() };
            destination.answered(shipment.id, answer, now, &mut || random.next_u64());
        }
        while let Some((_, held)) =
            tickets.pop_front_if(|(ticket, _)| Some(*ticket) <= destination.settled_up_to())
        {
            match held {
                Held::Chunk(number) => recovered.acknowledge(number),
                Held::Records(last) => spool.acknowledge(last, now),
            }
        }
        assert!(destination.ledger().adds_up());
        assert_eq!(destination.ledger().dropped.total(), 0, "what the spool holds is never dropped");
        now += random.next_u64() % (100 * MILLISECOND);
    }
    world.lost = recovered.report().lost().spans;
    world.all_lost += world.lost;
    if good {
        spool.close(now).expect("memory does not fail");
    }
}

#[test]
fn all_is_delivered_or_counted_whoever_dies() {
    let (mut lost, mut twice) = (0, 0);
    for seed in 0..40 {
        let random = SeededEntropy::new(seed);
        let files = MemoryFiles::new();
        let mut world = World::default();
        let dying = 1 + random.next_u64() % 4;
        for session in 1..=dying {
            live(&mut world, &files, &random, session, false);
        }
        live(&mut world, &files, &random, dying + 1, true);
        let arrived: BTreeSet<u64> = world.arrived.keys().copied().collect();
        assert!(arrived.is_subset(&world.accepted), "seed {seed}: spans that nobody recorded");
        let missing = world.accepted.difference(&arrived).count() as u64;
        // What an earlier process had counted and not settled is counted again by the next: the last one says too little,
        // all of them may say too much.
        let counted = (world.lost, world.all_lost);
        assert!(counted.0 <= missing && missing <= counted.1, "seed {seed}: {missing} missing, {counted:?}");
        assert!(dying > 1 || missing == counted.0, "seed {seed}: {missing} missing, {counted:?}");
        assert_eq!(files.names(), [""; 0], "seed {seed}");
        lost += missing;
        twice += world.arrived.values().filter(|times| **times > 1).count();
    }
    // Both happen: records that had not been written, and answers that were lost.
    assert!(lost > 0 && twice > 0, "{lost} {twice}");
}
