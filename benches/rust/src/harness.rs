//! How a figure is made: both sides of a comparison take turns, round by round, so that a slow moment of the
//! machine hits both. A side's figure is the median of its rounds. Before the first round each side runs until it is
//! warm, and from that it is reckoned how many calls fill one round.

use std::time::{Duration, Instant};

use crate::alloc;

/// What is read before and after the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Nanoseconds of processor time of the calling thread in the work; settling is not in it. Time in which other
    /// programs had the processor is not in it either.
    CallingThread,
    /// Nanoseconds of processor time of all threads together, settling included.
    ProcessCpu,
    /// Allocations of all threads together, settling included.
    Allocations,
    /// The most bytes held at once during one call, beyond what was held before.
    PeakBytes,
}

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Rounds a side.
    pub rounds: u32,
    /// About how long one round lasts.
    pub round: Duration,
}

impl Pace {
    pub const FULL: Self = Self { rounds: 15, round: Duration::from_millis(40) };
    pub const QUICK: Self = Self { rounds: 5, round: Duration::from_millis(10) };
}

/// Something that can be done again and again.
pub struct Scenario<'a> {
    items: u32,
    work: Box<dyn FnMut() + 'a>,
    settle: Option<Box<dyn FnMut() + 'a>>,
}

impl<'a> Scenario<'a> {
    /// Work that handles `items` spans (or nodes) a call.
    pub fn new(items: u32, work: impl FnMut() + 'a) -> Self {
        Self { items, work: Box::new(work), settle: None }
    }

    /// Adds what clears up after each call, such as a flush.
    pub fn settling(mut self, settle: impl FnMut() + 'a) -> Self {
        self.settle = Some(Box::new(settle));
        self
    }

    /// Spans (or nodes) that a call handles.
    pub fn items(&self) -> u32 {
        self.items
    }

    /// Does the work `calls` times; gives back the processor time that the calling thread spent in the work alone.
    pub fn run(&mut self, calls: u64) -> Duration {
        let Some(settle) = &mut self.settle else {
            let start = thread_cpu();
            for _ in 0..calls {
                (self.work)();
            }
            return thread_cpu() - start;
        };
        let mut spent = Duration::ZERO;
        for _ in 0..calls {
            let start = thread_cpu();
            (self.work)();
            spent += thread_cpu() - start;
            settle();
        }
        spent
    }

    /// Runs until caches, pools and branch predictors have seen enough; gives back the calls that fill a round.
    fn warm_up(&mut self, round: Duration) -> u64 {
        let start = Instant::now();
        let mut calls = 0_u64;
        while calls < 3 || start.elapsed() < round * 3 {
            self.run(1);
            calls += 1;
        }
        let call = start.elapsed().as_secs_f64() / calls as f64;
        ((round.as_secs_f64() / call) as u64).max(1)
    }

    fn round(&mut self, measure: Measure, calls: u64) -> f64 {
        let total = match measure {
            Measure::CallingThread => nanoseconds(self.run(calls)),
            Measure::ProcessCpu => {
                let before = process_cpu();
                self.run(calls);
                nanoseconds(process_cpu() - before)
            }
            Measure::Allocations => alloc::counted(|| self.run(calls)).allocations as f64,
            Measure::PeakBytes => {
                return alloc::counted(|| self.run(1)).peak_bytes as f64 / f64::from(self.items);
            }
        };
        total / (calls as f64 * f64::from(self.items))
    }
}

/// The figures of one side, a round each.
#[derive(Clone, Debug, Default)]
pub struct Series(Vec<f64>);

impl Series {
    pub fn push(&mut self, figure: f64) {
        let place = self.0.partition_point(|known| *known < figure);
        self.0.insert(place, figure);
    }

    pub fn median(&self) -> f64 {
        self.at(0.5)
    }

    /// Distance between the quartiles as a share of the median.
    pub fn spread(&self) -> f64 {
        if self.median() == 0.0 { 0.0 } else { (self.at(0.75) - self.at(0.25)) / self.median() }
    }

    fn at(&self, share: f64) -> f64 {
        let last = self.0.len().saturating_sub(1) as f64;
        self.0.get((last * share).round() as usize).copied().unwrap_or(f64::NAN)
    }
}

/// Measures both sides in turns. Which side opens a round alternates too.
pub fn compare(pace: Pace, measure: Measure, mut ours: Scenario, mut peer: Scenario) -> (Series, Series) {
    let calls = (ours.warm_up(pace.round), peer.warm_up(pace.round));
    let (mut our_rounds, mut peer_rounds) = (Series::default(), Series::default());
    for round in 0..pace.rounds {
        if round % 2 == 0 {
            our_rounds.push(ours.round(measure, calls.0));
            peer_rounds.push(peer.round(measure, calls.1));
        } else {
            peer_rounds.push(peer.round(measure, calls.1));
            our_rounds.push(ours.round(measure, calls.0));
        }
    }
    (our_rounds, peer_rounds)
}

/// A figure that is made in a way of its own, round by round.
pub fn figures(pace: Pace, mut round: impl FnMut(Duration) -> f64) -> Series {
    // The first one warms up.
    round(pace.round);
    let mut rounds = Series::default();
    for _ in 0..pace.rounds {
        rounds.push(round(pace.round));
    }
    rounds
}

/// Measures one side that has no peer.
pub fn measure(pace: Pace, measure: Measure, mut scenario: Scenario) -> Series {
    let calls = scenario.warm_up(pace.round);
    let mut rounds = Series::default();
    for _ in 0..pace.rounds {
        rounds.push(scenario.round(measure, calls));
    }
    rounds
}

fn nanoseconds(duration: Duration) -> f64 {
    duration.as_nanos() as f64
}

fn process_cpu() -> Duration {
    cpu_clock(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// Processor time of the calling thread.
pub fn thread_cpu() -> Duration {
    cpu_clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

fn cpu_clock(clock: libc::clockid_t) -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one timespec, to a place that holds one.
    let status = unsafe { libc::clock_gettime(clock, &raw mut now) };
    assert_eq!(status, 0, "the system has no clock for processor time");
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_and_spread_do_not_depend_on_the_order() {
        let mut series = Series::default();
        for figure in [5.0, 1.0, 4.0, 2.0, 3.0] {
            series.push(figure);
        }
        assert_eq!(series.median(), 3.0);
        assert!((series.spread() - 2.0 / 3.0).abs() < 1e-9);
    }

    /// The counters are for the whole process, in which other tests run at the same time, and a busy machine stretches
    /// whatever is timed: what holds is the least, or the most, that any of many rounds shows.
    fn least(mut round: impl FnMut() -> f64) -> f64 {
        (0..200).map(|_| round()).fold(f64::INFINITY, f64::min)
    }

    fn most(mut round: impl FnMut() -> f64) -> f64 {
        (0..200).map(|_| round()).fold(0.0, f64::max)
    }

    #[test]
    fn only_the_work_is_timed_for_the_calling_thread() {
        let spin = || {
            let start = Instant::now();
            while start.elapsed() < Duration::from_micros(500) {}
        };
        let mut settling = Scenario::new(1, || ()).settling(spin);
        let mut working = Scenario::new(1, spin);
        let settling = least(|| settling.run(1).as_secs_f64());
        let working = most(|| working.run(1).as_secs_f64());
        assert!(settling < 100e-6, "{settling} s");
        assert!(working > 300e-6, "{working} s");
    }

    #[test]
    fn settling_counts_for_the_whole_process() {
        let mut scenario = Scenario::new(2, || ()).settling(|| drop(std::hint::black_box(Box::new(7))));
        assert_eq!(least(|| scenario.round(Measure::Allocations, 10)), 0.5);
    }
}
