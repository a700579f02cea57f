//! The system's time, read in a few nanoseconds.
//!
//! The processor's [cycle counter](super::cycles) tells how long ago the system's steady clock and its wall clock were read; each
//! thread reads them again once a second, so that a changed wall clock shows soon. Where there is no such counter, each reading
//! asks the system.
//!
//! What belongs together must not be torn apart by a clock that is set: a workflow has a [`Timeline`], the wall clock when it
//! began and the steady clock from there. The next workflow begins at the wall clock again.

use std::cell::Cell;
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::cycles;
use crate::host::Clock;

/// How long a reading of the clocks serves.
const ANCHOR_LIFE: u64 = 1_000_000_000;
/// So many cycles, and a rate of less than 2^32, can be multiplied.
const MOST_CYCLES: u64 = u32::MAX as u64;
/// A step back that small is the counter's inaccuracy; a larger one a machine that slept, and counted on.
const JITTER: u64 = 1_000_000;
/// Two clocks cannot be read at the same moment: that little less between them is no clock that was set back.
const APART: u64 = 50_000;

/// A thread's last reading of the clocks, and all that it takes to go on from there.
struct Reading {
    /// The counter at that moment.
    cycles: Cell<u64>,
    /// For so many cycles the reading serves; zero where there is no counter, or its rate is not known.
    life: Cell<u64>,
    /// Nanoseconds of a cycle, as a fraction of 2^32.
    rate: Cell<u64>,
    /// By the steady clock.
    steady: Cell<u64>,
    /// How far the wall clock was ahead of the steady one, the other way round where it is the smaller one.
    ahead: Cell<u64>,
    /// The last time by the reading before: where the counter ran ahead, time stands still until the clock has caught up.
    not_before: Cell<u64>,
}

thread_local! {
    static READING: Reading = const {
        Reading {
            cycles: Cell::new(0),
            life: Cell::new(0),
            rate: Cell::new(0),
            steady: Cell::new(0),
            ahead: Cell::new(0),
            not_before: Cell::new(0),
        }
    };
}

/// Nanoseconds since 1970 by the system's clock. Within a thread it does not go back, unless somebody set the clock back.
///
/// ```
/// let (before, after) = (spanloom::native::system_unix_nanos(), spanloom::native::system_unix_nanos());
/// assert!(before <= after);
/// ```
#[inline]
#[must_use]
pub fn system_unix_nanos() -> u64 {
    READING.with(|reading| reading.now().wrapping_add(reading.ahead.get()))
}

impl Reading {
    /// The time now, by the steady clock.
    #[inline]
    fn now(&self) -> u64 {
        let passed = cycles::count().wrapping_sub(self.cycles.get());
        if passed < self.life.get() { self.after(passed) } else { read_anew(self) }
    }

    /// The time so many cycles later, fewer than 2^32.
    #[inline]
    fn after(&self, passed: u64) -> u64 {
        let nanos = passed.wrapping_mul(self.rate.get()) >> 32;
        (self.steady.get() + nanos).max(self.not_before.get())
    }
}

/// Asks the system.
#[cold]
#[inline(never)]
fn read_anew(reading: &Reading) -> u64 {
    cycles::compare();
    let (cycles, (wall, steady)) = cycles::together(|| (wall_nanos(), steady_nanos()));
    let expected = match reading.life.get() {
        0 => reading.steady.get(),
        _ => reading.after(cycles.wrapping_sub(reading.cycles.get()).min(MOST_CYCLES)),
    };
    let ran_ahead = expected > steady && expected - steady < JITTER;
    let not_before = if ran_ahead { expected } else { 0 };
    let (known, ahead) = (reading.ahead.get(), wall.wrapping_sub(steady));
    let is_noise = known.wrapping_sub(ahead) < APART;
    let rate = cycles::rate();
    reading.cycles.set(cycles);
    reading.life.set((ANCHOR_LIFE << 32).checked_div(rate).unwrap_or(0).min(MOST_CYCLES));
    reading.rate.set(rate);
    reading.steady.set(steady);
    reading.ahead.set(if is_noise { known } else { ahead });
    reading.not_before.set(not_before);
    steady.max(not_before)
}

#[expect(clippy::disallowed_methods, reason = "this is where the time comes from")]
fn wall_nanos() -> u64 {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let nanos = u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX);
    #[cfg(test)]
    let nanos = nanos.wrapping_add(tests::SET_BY.get());
    nanos
}

/// The system's steady clock.
#[expect(clippy::disallowed_methods, reason = "this is where the time comes from")]
pub(super) fn steady_now() -> Instant {
    Instant::now()
}

/// Nanoseconds since some moment of this process, by the steady clock.
pub(super) fn steady_nanos() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = START.get_or_init(steady_now);
    u64::try_from(steady_now().saturating_duration_since(*start).as_nanos()).unwrap_or(u64::MAX)
}

/// Does what is done once, so that a process that is forked in the middle of it does not wait for its end.
pub(super) fn prepare() {
    let _ = steady_nanos();
    cycles::compare();
}

/// Where a loom gets its time.
#[derive(Clone, Default)]
pub(super) enum TimeSource {
    #[default]
    System,
    Given(Arc<dyn Clock>),
}

/// How far ahead of the steady clock the wall clock was when something began, be that less or more than nothing.
#[derive(Clone, Copy, Default)]
pub(super) struct Timeline(u64);

impl TimeSource {
    /// The one of what begins now.
    #[inline]
    pub(super) fn timeline(&self) -> Timeline {
        match self {
            Self::System => READING.with(|reading| {
                // The clock may have been set since it was read.
                let _ = reading.now();
                Timeline(reading.ahead.get())
            }),
            Self::Given(_) => Timeline::default(),
        }
    }

    /// The time now, on this timeline. A clock of the program's own is asked as it is.
    #[inline]
    pub(super) fn on(&self, timeline: Timeline) -> u64 {
        match self {
            Self::System => READING.with(Reading::now).wrapping_add(timeline.0),
            Self::Given(clock) => clock.unix_nanos(),
        }
    }

    #[inline]
    pub(super) fn unix_nanos(&self) -> u64 {
        match self {
            Self::System => system_unix_nanos(),
            Self::Given(clock) => clock.unix_nanos(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the wall clock is what is compared with")]
    fn the_fast_clock_agrees_with_the_wall_clock_and_never_goes_back() {
        let mut last = 0;
        for round in 0..200_000 {
            if round % 100 == 0 {
                // As if a second were over: the clocks are read again.
                READING.with(|reading| reading.life.set(reading.life.get().min(1)));
            }
            let time = system_unix_nanos();
            assert!(time >= last, "{time} after {last}");
            last = time;
        }
        let apart = || {
            let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
            u128::from(system_unix_nanos()).abs_diff(wall.as_nanos())
        };
        // This thread may be stopped between the two: the best of some readings counts.
        let least = (0..20).map(|_| apart()).min().unwrap();
        assert!(least < 50_000_000, "{least} ns apart");
    }

    thread_local! {
        /// By how much this thread's wall clock has been set.
        pub(super) static SET_BY: Cell<u64> = const { Cell::new(0) };
    }

    /// Sets the clock, and has it read.
    fn set_by(nanos: u64) {
        SET_BY.set(SET_BY.get().wrapping_add(nanos));
        READING.with(|reading| reading.life.set(0));
    }

    /// In a thread of its own: what that knows of the clock is wrong afterwards.
    fn aside<T: Send>(run: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| scope.spawn(run).join().unwrap())
    }

    const HOUR: u64 = 3_600_000_000_000;

    #[test]
    fn a_timeline_goes_on_where_the_clock_is_set() {
        aside(|| {
            for by in [HOUR, HOUR.wrapping_neg()] {
                let timeline = TimeSource::System.timeline();
                let start = TimeSource::System.on(timeline);
                set_by(by);
                let passed = TimeSource::System.on(timeline).wrapping_sub(start);
                assert!(passed < HOUR / 2, "{passed}");
                // What begins now begins by the clock as it was set.
                let next = TimeSource::System.on(TimeSource::System.timeline());
                assert!(next.abs_diff(start.wrapping_add(by)) < HOUR / 2);
            }
        });
    }

    #[test]
    fn a_timeline_goes_from_thread_to_thread() {
        let timeline = TimeSource::System.timeline();
        let start = TimeSource::System.on(timeline);
        let there = aside(|| TimeSource::System.on(timeline));
        let back = TimeSource::System.on(timeline);
        let jitter = 50_000_000;
        assert!(start < there + jitter && there < back + jitter, "{start} {there} {back}");
    }

    #[test]
    fn f22_a_workflow_stays_in_order_where_the_clock_is_set() {
        for by in [HOUR, HOUR.wrapping_neg()] {
            let memory = crate::MemoryExporter::new();
            let loom = crate::Loom::builder().exporter(memory.clone()).build();
            aside(|| {
                let run = loom.workflow("answer").start();
                let first = run.node("first").start();
                set_by(by);
                first.end();
                let mut second = run.node("second").start();
                second.event("asked", &[]);
                set_by(by.wrapping_neg());
                second.end();
                let current = run.current();
                set_by(by);
                current.span("third").start().end();
                run.end();
            });
            loom.flush(std::time::Duration::from_secs(30));
            let mut times = Vec::new();
            memory.each_span(|span| {
                times.push((span.start_unix_nano, span.end_unix_nano));
                times.extend(span.events().map(|event| (event.time_unix_nano, event.time_unix_nano)));
            });
            assert_eq!(times.len(), 5);
            let first = times.iter().map(|(start, _)| *start).min().unwrap();
            let last = times.iter().map(|(_, end)| *end).max().unwrap();
            assert!(last - first < HOUR / 2, "{times:?}");
        }
    }
}
