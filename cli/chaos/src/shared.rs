//! What all threads of a server share.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::plan::Plan;
use crate::report::Report;

/// What changes with every request. One lock for both: numbers and entries of the report stay in one order.
pub(crate) struct State {
    pub plan: Plan,
    pub report: Report,
}

pub(crate) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    stopping: AtomicBool,
    closings: AtomicU64,
    started: Instant,
    pub port: u16,
}

impl Shared {
    pub fn new(plan: Plan, port: u16) -> Self {
        let scenario = plan.scenario();
        let report = Report { scenario: scenario.name.clone(), seed: scenario.seed, ..Report::default() };
        Self {
            state: Mutex::new(State { plan, report }),
            changed: Condvar::new(),
            stopping: AtomicBool::new(false),
            closings: AtomicU64::new(0),
            started: Instant::now(),
            port,
        }
    }

    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Changes the state and wakes those that wait for a change.
    pub fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.notify_all();
        result
    }

    /// Changes what no report shows, with the time since the start.
    pub fn change_quietly<T>(&self, change: impl FnOnce(&mut State, f64) -> T) -> T {
        change(&mut self.lock(), self.elapsed().as_secs_f64())
    }

    pub fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.lock())
    }

    pub fn wait_for(&self, mut condition: impl FnMut(&Report) -> bool, timeout: Duration) -> bool {
        let start = Instant::now();
        let mut state = self.lock();
        loop {
            if condition(&state.report) {
                return true;
            }
            let left = timeout.saturating_sub(start.elapsed());
            if left.is_zero() {
                return false;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// How often the door was closed: connections from before are reset.
    pub fn closings(&self) -> u64 {
        self.closings.load(Ordering::SeqCst)
    }

    pub fn close_door(&self) {
        self.closings.fetch_add(1, Ordering::SeqCst);
        self.change(|state| state.report.closings += 1);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
