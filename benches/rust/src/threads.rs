//! How much more two threads record than one. Bursts are so short that the loom's own thread is not woken for them: there are
//! two processors, and it would take from one of them.

use std::sync::Mutex;
use std::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{Acquire, Release},
};
use std::thread;
use std::time::{Duration, Instant};

use spanloom::deliver::Answer;
use spanloom::{Exporter, Loom, Outgoing};

use crate::harness::{Pace, Series, figures, thread_cpu};
use crate::ours::record_workflow;

/// W in a burst of one thread: seven chunks.
const BURST: u32 = 100;

/// By the clock on the wall: what two threads record in the time in which one records one burst.
pub fn speed(pace: Pace) -> Series {
    scaling(pace, &[loom()], |burst| burst.ended - burst.began)
}

/// By processor time, which other programs take nothing from, and which waiting for each other does not show in.
pub fn by_processor_time(pace: Pace) -> Series {
    scaling(pace, &[loom()], |burst| burst.cpu)
}

/// As [`by_processor_time`], and each thread has a loom of its own: what this machine gives to threads that share nothing.
pub fn apart(pace: Pace) -> Series {
    scaling(pace, &[loom(), loom()], |burst| burst.cpu)
}

/// What one thread did.
#[derive(Clone, Copy)]
struct Burst {
    began: Instant,
    ended: Instant,
    cpu: Duration,
}

fn record(loom: &Loom) -> Burst {
    let (began, cpu) = (Instant::now(), thread_cpu());
    (0..BURST).for_each(|_| record_workflow(loom));
    Burst { cpu: thread_cpu() - cpu, began, ended: Instant::now() }
}

/// Twice the time of one thread alone by the time of each of two: 2 is without any loss.
fn scaling(pace: Pace, looms: &[Loom], time: fn(Burst) -> Duration) -> Series {
    let (first, second) = (&looms[0], looms.last().expect("there is one"));
    // Even numbers: nothing to do. Odd numbers: the second thread is to be ready.
    let turn = AtomicU64::new(0);
    let (ready, over) = (AtomicBool::new(false), AtomicBool::new(false));
    let other = Mutex::new(None);
    thread::scope(|scope| {
        let helper = scope.spawn(|| {
            while !over.load(Acquire) {
                if turn.load(Acquire).is_multiple_of(2) {
                    thread::park_timeout(Duration::from_millis(50));
                    continue;
                }
                ready.store(true, Release);
                spin_until(|| turn.load(Acquire).is_multiple_of(2));
                *other.lock().expect("no thread panics here") = Some(record(second));
            }
        });
        let pair = || {
            ready.store(false, Release);
            turn.fetch_add(1, Release);
            helper.thread().unpark();
            spin_until(|| ready.load(Acquire));
            turn.fetch_add(1, Release);
            let mine = record(first);
            let mut theirs = None;
            spin_until(|| {
                theirs = other.lock().expect("no thread panics here").take();
                theirs.is_some()
            });
            [mine, theirs.expect("it was waited for")]
        };
        let series = figures(pace, |round| {
            let start = Instant::now();
            let (mut alone, mut together) = (Series::default(), Series::default());
            while start.elapsed() < 4 * round {
                alone.push(time(record(first)).as_secs_f64());
                flush(looms);
                for burst in pair() {
                    together.push(time(burst).as_secs_f64());
                }
                flush(looms);
            }
            2.0 * alone.median() / together.median()
        });
        over.store(true, Release);
        helper.thread().unpark();
        series
    })
}

fn spin_until(mut done: impl FnMut() -> bool) {
    while !done() {
        std::hint::spin_loop();
    }
}

fn loom() -> Loom {
    Loom::builder().service(crate::workload::SERVICE).exporter(Forget).build()
}

fn flush(looms: &[Loom]) {
    for loom in looms {
        let receipt = loom.flush(Duration::from_secs(30));
        assert_eq!((receipt.dropped, receipt.pending), (0, 0), "the burst was not delivered");
    }
}

struct Forget;

impl Exporter for Forget {
    fn export(&mut self, _: &Outgoing<'_>) -> Answer {
        Answer::taken()
    }
}
