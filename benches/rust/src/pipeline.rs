//! spanloom as programs run it: batches, protobuf, gzip and HTTP to a receiver in another process.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use std::{env, fs, process};

use spanloom::deliver::{Options, Reason};
use spanloom::native::{OtlpHttp, SpoolConfig};
use spanloom::sample::Sampler;
use spanloom::{Loom, LoomBuilder};

use crate::alloc;
use crate::harness::{Pace, Scenario, Series, figures};
use crate::ours::{node, record_workflow};
use crate::overhead::{Steps, share_of_time};
use crate::sink::{Manner, Sink};
use crate::workload::{BATCH, LONG_BURST, LONG_BURST_SPANS, NODES, SERVICE, WORKFLOW};

/// Long bursts of W to a receiver.
pub fn send() -> Scenario<'static> {
    let sink = Sink::start(Manner::Takes).expect("this program starts once more");
    let loom = to(&sink).build();
    bursts(loom, sink)
}

/// The same, written to disk before it is sent.
pub fn send_durably() -> Scenario<'static> {
    let sink = Sink::start(Manner::Takes).expect("this program starts once more");
    let folder = Folder::new();
    let loom = to(&sink).spool(SpoolConfig::new(&folder.0)).build();
    bursts(loom, (sink, folder))
}

/// Bursts, each flushed. What the loom needs is held as long as the scenario is.
fn bursts(loom: Loom, needed: impl Sized + 'static) -> Scenario<'static> {
    let recorder = loom.clone();
    let work = move || (0..LONG_BURST).for_each(|_| record_workflow(&recorder));
    Scenario::new(LONG_BURST_SPANS, work).settling(move || {
        loom.flush(Duration::from_secs(30));
        let ledger = loom.ledger();
        assert_eq!(ledger.delivered, ledger.accepted, "the burst was not delivered");
        let _needed = &needed;
    })
}

fn to(sink: &Sink) -> LoomBuilder {
    let exporter = OtlpHttp::builder(sink.endpoint()).gzip(true).no_proxy().build();
    Loom::builder()
        .service(SERVICE)
        .resource("service.version", "1.0.0")
        .delivery(Options { batch_spans: u64::from(BATCH), ..Options::default() })
        .exporter(exporter.expect("the address is one"))
}

/// What recording takes of the time of a program with steps of a millisecond: with this share of workflows sampled.
pub fn overhead(pace: Pace, sampled: f64) -> Series {
    let sink = Sink::start(Manner::Takes).expect("this program starts once more");
    let loom = to(&sink).sampler(Sampler::ratio(sampled)).build();
    let workflow = |steps: &mut Steps| {
        let run = steps.time(|| loom.workflow(WORKFLOW).start());
        for index in 0..NODES {
            steps.step(|| node(&run, index), |node| node.end());
        }
        steps.time(|| {
            run.status(0, "");
            run.end();
        });
    };
    share_of_time(pace, workflow, || {
        loom.flush(Duration::from_secs(30));
    })
}

/// What may wait in the queue of [`memory_at_cap`].
const CAP: u64 = 16 << 20;
/// What may be held then: the queue, one batch with its request, and the chunks of the thread that records.
pub const MOST_MEBIBYTES: f64 = 16.0 + 1.0 + 64.0;

/// The most memory that is held, in MiB, while a receiver hangs and at least four times as much is recorded as may wait.
pub fn memory_at_cap(pace: Pace) -> Series {
    let pace = Pace { rounds: pace.rounds.div_ceil(3), ..pace };
    figures(pace, |_| {
        let sink = Sink::start(Manner::Stalls).expect("this program starts once more");
        let mut kept = None;
        let count = alloc::counted(|| {
            let delivery = Options {
                batch_spans: u64::from(BATCH),
                queue_bytes: CAP,
                queue_spans: u64::MAX,
                ..Options::default()
            };
            let loom = to(&sink).delivery(delivery).on_notice(|_, _| ()).build();
            // A span of W has more than 400 bytes.
            for _ in 0..4 * CAP / (400 * u64::from(crate::workload::SPANS)) {
                record_workflow(&loom);
            }
            loom.flush(Duration::ZERO);
            kept = Some(loom);
        });
        let loom = kept.expect("it was just made");
        let ledger = loom.ledger();
        let lost = ledger.reasons.get(Reason::QueueFull);
        assert!(lost > 0 && lost == ledger.dropped, "{ledger:?}");
        assert_eq!(ledger.accepted, ledger.dropped + ledger.pending, "{ledger:?}");
        drop(sink);
        loom.shutdown(Duration::from_millis(50));
        count.peak_bytes as f64 / f64::from(1 << 20)
    })
}

/// A folder for a spool, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("spanloom-bench-{}-{}", process::id(), NEXT.fetch_add(1, Relaxed));
        Self(env::temp_dir().join(name))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
