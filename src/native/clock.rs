//! The system's time, read in a few nanoseconds.
//!
//! The processor's [cycle counter](super::cycles) tells how long ago the wall clock was read; each thread reads the wall clock
//! again once a second, so that a changed wall clock shows soon. Where there is no such counter, each reading asks the system.

use std::cell::Cell;
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::cycles;
use crate::host::Clock;

/// How long a reading of the wall clock serves.
const ANCHOR_LIFE: u64 = 1_000_000_000;
/// A step back that small is the counter's inaccuracy, not a changed clock.
const JITTER: u64 = 1_000_000;

/// A reading of the wall clock.
#[derive(Clone, Copy)]
struct Reading {
    /// The counter at that moment; zero where it was not known.
    cycles: u64,
    unix_nanos: u64,
    /// The last time by the reading before: where the counter ran ahead, time stands still until the wall clock has caught up.
    not_before: u64,
}

thread_local! {
    static READING: Cell<Reading> = const { Cell::new(Reading { cycles: 0, unix_nanos: 0, not_before: 0 }) };
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
    let reading = READING.get();
    if let Some(now) = cycles::now() {
        let passed = now.wrapping_sub(reading.cycles);
        // Seen from no reading at all, that is the time since the processor was switched on.
        if passed < u64::from(u32::MAX) {
            let nanos = cycles::nanos(passed);
            if nanos < ANCHOR_LIFE {
                return (reading.unix_nanos + nanos).max(reading.not_before);
            }
        }
    }
    read_anew(reading)
}

/// Asks the system.
#[cold]
#[expect(clippy::disallowed_methods, reason = "this is where the time comes from")]
fn read_anew(last: Reading) -> u64 {
    cycles::compare();
    let cycles = cycles::now();
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let unix_nanos = u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX);
    let expected = match cycles {
        Some(now) if last.cycles != 0 => last
            .unix_nanos
            .saturating_add(cycles::nanos(now.wrapping_sub(last.cycles).min(u64::from(u32::MAX)))),
        _ => last.unix_nanos,
    };
    let ran_ahead = expected > unix_nanos && expected - unix_nanos < JITTER;
    let not_before = if ran_ahead { expected } else { 0 };
    READING.set(Reading { cycles: cycles.unwrap_or(0), unix_nanos, not_before });
    unix_nanos.max(not_before)
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

impl TimeSource {
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
        for _ in 0..100_000 {
            let time = system_unix_nanos();
            assert!(time >= last);
            last = time;
        }
        let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let apart = u128::from(system_unix_nanos()).abs_diff(wall.as_nanos());
        assert!(apart < 50_000_000, "{apart} ns apart");
    }
}
