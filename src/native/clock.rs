//! The system's time, read in a few nanoseconds.
//!
//! The processor's cycle counter tells how long ago the wall clock was read; each thread reads the wall clock again once a
//! second, so that a changed wall clock shows soon. Where there is no such counter, each reading asks the system.

use std::cell::Cell;
use std::sync::Arc;

use fastant::{Anchor, Instant};

use crate::host::Clock;

/// How long a reading of the wall clock serves.
const ANCHOR_LIFE: u64 = 1_000_000_000;
/// A step back that small is the counter's inaccuracy, not a changed clock.
const JITTER: u64 = 1_000_000;

#[derive(Clone, Copy)]
struct Reading {
    anchor: Anchor,
    /// When the anchor was taken.
    taken: u64,
    /// The last time by the anchor before: where the counter ran ahead, time stands still until the wall clock has caught up.
    not_before: u64,
}

thread_local! {
    static READING: Cell<Option<Reading>> = const { Cell::new(None) };
}

/// Nanoseconds since 1970 by the system's clock. Within a thread it does not go back, unless somebody set the clock back.
#[inline]
#[must_use]
pub fn system_unix_nanos() -> u64 {
    let now = Instant::now();
    if let Some(reading) = READING.get() {
        let time = now.as_unix_nanos(&reading.anchor);
        if time.wrapping_sub(reading.taken) < ANCHOR_LIFE {
            return time.max(reading.not_before);
        }
    }
    read_anew(now)
}

#[cold]
fn read_anew(now: Instant) -> u64 {
    let anchor = Anchor::new();
    let taken = now.as_unix_nanos(&anchor);
    let ran_ahead = |last: u64| last > taken && last - taken < JITTER;
    let not_before = READING
        .get()
        .map(|last| now.as_unix_nanos(&last.anchor))
        .filter(|last| ran_ahead(*last))
        .unwrap_or(0);
    READING.set(Some(Reading { anchor, taken, not_before }));
    taken.max(not_before)
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
