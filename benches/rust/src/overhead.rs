//! What recording takes of the time of a program whose steps last one millisecond, in percent of that time, on its own thread.
//! A program with spans and without, timed, would give the difference of two large and noisy numbers; so the calls themselves
//! are timed, one by one, between steps. They find the caches as a millisecond of other work leaves them, of this program and
//! of others: what they take is mostly waiting for memory, and several times what they take in a burst.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::harness::{Pace, Series, figures};
use crate::workload::NODES;

const STEP: Duration = Duration::from_millis(1);
/// Some ten times what a call takes: then the processor was taken away from it.
const INTERRUPTED: Duration = Duration::from_micros(20);

/// Runs workflows of eight steps.
pub fn share_of_time(pace: Pace, mut workflow: impl FnMut(&mut Steps), flush: impl Fn()) -> Series {
    // Few workflows are sampled in some rows: a round has to have some.
    let pace = Pace { rounds: pace.rounds.div_ceil(3), ..pace };
    figures(pace, |round| {
        let workflows = round.as_millis().max(1);
        let mut steps = Steps::new();
        for _ in 0..workflows {
            workflow(&mut steps);
        }
        flush();
        steps.spent().as_secs_f64() / (workflows as f64 * NODES as f64 * STEP.as_secs_f64()) * 100.0
    })
}

/// The steps of a program, and how long the calls around them took. The clock is the one on the wall: that of processor time
/// takes longer to read than the calls take.
pub struct Steps {
    numbers: Vec<u64>,
    spent: Duration,
    calls: u32,
    reading: Duration,
    readings: u32,
}

impl Steps {
    fn new() -> Self {
        // More than the fastest cache holds.
        let numbers = vec![1; 8 << 10];
        Self { numbers, spent: Duration::ZERO, calls: 0, reading: Duration::ZERO, readings: 0 }
    }

    /// One step, with the start and the end of its span.
    pub fn step<T>(&mut self, start: impl FnOnce() -> T, end: impl FnOnce(T)) {
        let span = self.time(start);
        self.work();
        self.time(|| end(span));
        let reading = Instant::now().elapsed();
        if reading < INTERRUPTED {
            self.reading += reading;
            self.readings += 1;
        }
    }

    /// A call that is timed.
    pub fn time<T>(&mut self, call: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = call();
        let spent = start.elapsed();
        if spent < INTERRUPTED {
            self.spent += spent;
            self.calls += 1;
        }
        result
    }

    fn work(&mut self) {
        let start = Instant::now();
        while start.elapsed() < STEP {
            for number in &mut self.numbers {
                *number = number.wrapping_mul(6_364_136_223_846_793_005).rotate_left(17) ^ 0x5bd1_e995;
            }
            black_box(&mut self.numbers);
        }
    }

    /// What all calls took, without reading the clock.
    fn spent(&self) -> Duration {
        self.spent.saturating_sub(self.reading * self.calls / self.readings.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_the_clock_is_taken_off() {
        let mut steps = Steps::new();
        (steps.spent, steps.calls) = (Duration::from_micros(9), 4);
        (steps.reading, steps.readings) = (Duration::from_micros(3), 3);
        assert_eq!(steps.spent(), Duration::from_micros(5));
    }
}
