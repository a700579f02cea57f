//! The processor's cycle counter as a fast clock.
//!
//! Reading the counter takes a third of what asking the system takes. How long a cycle is nobody says, so it is measured:
//! the first reading of the process is remembered, and each later comparison with the system's steady clock tells the rate, the
//! more exactly the longer ago the first one was. Until that is 20 ms the counter is not used at all, so the rate is
//! never off by more than some millionths.
//!
//! Only where the kernel itself keeps time by the counter is it steady and the same on all processors; elsewhere, and on
//! other processors than x86-64, there is no counter here and the system is asked each time.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long the first reading has to be ago before the rate is known well enough.
const BASELINE: Duration = Duration::from_millis(20);

/// Zero until it is known.
static RATE: AtomicU64 = AtomicU64::new(0);
/// The first reading of the process; `None` where there is no counter to rely on.
static FIRST: OnceLock<Option<(u64, Instant)>> = OnceLock::new();
/// Far more cycles than it takes to read both clocks, and far less than a stop of the thread between the two does.
const TOGETHER: u64 = 20_000;

/// Nanoseconds of a cycle, as a fraction of 2^32; zero where it is not known, or there is no counter.
pub(super) fn rate() -> u64 {
    RATE.load(Ordering::Relaxed)
}

/// The counter, and what was read at the same moment. A thread that is stopped between the two would take the one for later
/// than the other: such a reading is made again.
pub(super) fn together<T>(read: impl Fn() -> T) -> (u64, T) {
    let once = || {
        let before = count();
        let what = read();
        (count().wrapping_sub(before), before, what)
    };
    let mut best = once();
    for _ in 0..8 {
        if best.0 < TOGETHER {
            break;
        }
        let next = once();
        if next.0 < best.0 {
            best = next;
        }
    }
    (best.1, best.2)
}

/// Both clocks. A first reading that is torn apart would bend the rate for seconds.
#[expect(clippy::disallowed_methods, reason = "this is where the time comes from")]
fn both() -> (u64, Instant) {
    together(Instant::now)
}

/// Compares the counter with the system's steady clock. To be called now and then.
pub(super) fn compare() {
    let Some((first, since)) = FIRST.get_or_init(|| is_reliable().then(both)) else { return };
    let (cycles, now) = both();
    let (cycles, passed) = (cycles.wrapping_sub(*first), now.saturating_duration_since(*since));
    if passed < BASELINE || cycles == 0 {
        return;
    }
    let rate = (passed.as_nanos() << 32) / u128::from(cycles);
    // A cycle of more than a nanosecond is no cycle of a processor of today.
    if let Ok(rate) = u32::try_from(rate) {
        RATE.store(rate.into(), Ordering::Relaxed);
    }
}

/// The counter.
#[cfg(target_arch = "x86_64")]
#[inline]
#[expect(unsafe_code, reason = "the instruction has no other name")]
pub(super) fn count() -> u64 {
    // SAFETY: reads a register; every x86-64 processor has it.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// There is none.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn count() -> u64 {
    0
}

/// True where the kernel keeps its own time by the counter.
fn is_reliable() -> bool {
    cfg!(target_arch = "x86_64")
        && std::fs::read_to_string("/sys/devices/system/clocksource/clocksource0/current_clocksource")
            .is_ok_and(|source| source.trim() == "tsc")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the steady clock is what is compared with")]
    fn the_counter_runs_as_the_steady_clock_does() {
        compare();
        std::thread::sleep(BASELINE + BASELINE);
        compare();
        if rate() == 0 {
            assert!(!is_reliable(), "there is a counter, but no rate");
            return;
        }
        let agrees = || {
            let (start, since) = (count(), Instant::now());
            std::thread::sleep(BASELINE + BASELINE);
            compare();
            let passed = count().wrapping_sub(start).wrapping_mul(rate()) >> 32;
            let real = since.elapsed().as_nanos() as u64;
            passed.abs_diff(real) < real / 5
        };
        // Between two readings this thread may have been stopped: one comparison says nothing, a wrong rate fails all.
        assert!((0..20).any(|_| agrees()), "a rate of {}", rate());
    }
}
