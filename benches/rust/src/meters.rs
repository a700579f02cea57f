//! Counters and histograms of ours: bound, looked up by labels, and shared by two threads.

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;

use spanloom::Loom;
use spanloom::meter::prometheus::{Families, MetricSource, PrometheusOptions};
use spanloom::meter::{Book, BookOptions, Instrument, InstrumentKind, Labels, Slot};

use crate::harness::{Pace, Scenario, Series, figures, thread_cpu};

/// Measurements in one call.
pub const OPS: u32 = 10_000;
pub const LABELS: [&str; 3] = ["method", "route", "status"];
pub const VALUES: [&str; 3] = ["GET", "/v1/chat", "200"];
/// The usual bounds of Prometheus.
pub const BOUNDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Numbers that fall into all buckets, in no order that a processor could learn.
#[inline]
pub fn measured(at: u32) -> f64 {
    f64::from(at.wrapping_mul(2_654_435_761) >> 20) * 0.003
}

pub fn counter() -> Scenario<'static> {
    let loom = Loom::builder().build();
    let counter = loom.meter().counter("counter").build();
    Scenario::new(OPS, move || (0..OPS).for_each(|_| black_box(&counter).add(1)))
}

pub fn labelled() -> Scenario<'static> {
    let loom = Loom::builder().build();
    let counter = loom.meter().counter("counter").labelled(LABELS);
    Scenario::new(OPS, move || (0..OPS).for_each(|_| counter.with(black_box(VALUES)).add(1)))
}

pub fn any_labels() -> Scenario<'static> {
    let loom = Loom::builder().build();
    let counter = loom.meter().counter("counter").any_labels();
    Scenario::new(OPS, move || {
        for _ in 0..OPS {
            let [one, two, three] = black_box(VALUES);
            let labels = [(LABELS[0], one.into()), (LABELS[1], two.into()), (LABELS[2], three.into())];
            counter.with(&labels).add(1);
        }
    })
}

pub fn histogram() -> Scenario<'static> {
    let loom = Loom::builder().build();
    let histogram = loom.meter().histogram("h").bounds(BOUNDS).build();
    Scenario::new(OPS, move || (0..OPS).for_each(|at| black_box(&histogram).record(measured(at))))
}

/// A counter, one with labels and a histogram, together.
pub fn all_kinds() -> Scenario<'static> {
    let loom = Loom::builder().build();
    let counter = loom.meter().counter("counter").build();
    let labelled = loom.meter().counter("labelled").labelled(LABELS);
    let histogram = loom.meter().histogram("h").bounds(BOUNDS).build();
    Scenario::new(OPS * 3, move || {
        for at in 0..OPS {
            counter.add(1);
            labelled.with(black_box(VALUES)).add(1);
            histogram.record(measured(at));
        }
    })
}

/// Processor time of an addition while another thread adds to the same counter.
pub fn shared_counter(pace: Pace) -> Series {
    let loom = Loom::builder().build();
    let counter = loom.meter().counter("counter").build();
    by_two_threads(pace, move || black_box(&counter).add(1))
}

/// What one call costs each of two threads that do it at the same time.
pub fn by_two_threads(pace: Pace, add: impl Fn() + Sync) -> Series {
    const CALLS: u32 = 1_000_000;
    figures(pace, |_| {
        let (begin, end) = (Barrier::new(2), Barrier::new(2));
        let run = || {
            begin.wait();
            let start = thread_cpu();
            (0..CALLS).for_each(|_| add());
            let spent = thread_cpu() - start;
            end.wait();
            spent.as_nanos() as f64 / f64::from(CALLS)
        };
        thread::scope(|scope| {
            let other = scope.spawn(run);
            let here = run();
            (here + other.join().expect("it only adds")) / 2.0
        })
    })
}

/// So many series as text for Prometheus; nothing is kept of it.
pub fn exposition(series: u32) -> Scenario<'static> {
    let book = Book::new(BookOptions { limit: series as usize + 1, ..BookOptions::default() });
    let family = book.sums::<i64>(Instrument::new("requests", InstrumentKind::Counter));
    for at in 0..series {
        let labels = Labels::new([
            (LABELS[0], VALUES[0].into()),
            (LABELS[1], i64::from(at).into()),
            (LABELS[2], VALUES[2].into()),
        ]);
        family.series(&labels, || 1).cell.add(Slot::ONLY, i64::from(at));
    }
    Scenario::new(series, move || {
        let scrape = book.scrape(2);
        let options = PrometheusOptions::default();
        let sources: [&dyn MetricSource; 1] = [&scrape];
        let families = Families::of(&sources, &options).expect("there is one family");
        let written = families.write(&mut |piece| {
            black_box(piece);
        });
        assert_eq!(written.series, u64::from(series));
    })
}
