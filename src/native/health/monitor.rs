//! The canary's thread, and the threads of checks.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use super::handle::{Inner, State};
use crate::health::{CheckId, NextCheck, Status, Watched};
use crate::native::core::locked;
use crate::native::fork;
use crate::native::loom::say;
use crate::native::suppress::suppress;

type Run = dyn FnMut() -> Result<(), String> + Send;

/// A check. Its lock is held while it runs, which is by one thread at a time: the canary sees to that.
pub(super) type Check = Arc<Mutex<Run>>;

/// Adds a check of this endpoint.
pub(super) fn add<E: std::fmt::Display>(
    inner: &Arc<Inner>,
    name: &str,
    mut check: impl FnMut() -> Result<(), E> + Send + 'static,
) -> bool {
    let check: Check = Arc::new(Mutex::new(move || check().map_err(|error| error.to_string())));
    let mut state = inner.state();
    let known = state.checks.contains_key(name);
    // One that was a target in an earlier life has no check any more, and is no duplicate.
    let returns = !known && state.board.targets().any(|(target, _)| target == name);
    let watched = if returns { Watched::New } else { state.board.watch(name) };
    match watched {
        Watched::New => {}
        Watched::Duplicate => {
            let first = state.board.duplicates() == 1;
            drop(state);
            if first {
                say("health", &format!("{name:?} is checked already: a further check of it is ignored"));
            }
            return false;
        }
        Watched::Full => {
            drop(state);
            say("health", &format!("there are too many endpoints: {name:?} is not checked"));
            return false;
        }
    }
    if state.closed {
        return false;
    }
    state.checks.insert(name.to_owned(), check);
    if inner.options.settings.canary.enabled {
        state.canary.watch(name, inner.now());
        start(inner, &mut state);
        inner.shared().changed.notify_all();
    }
    true
}

/// Starts the canary's thread, where it does not run.
fn start(inner: &Arc<Inner>, state: &mut State) {
    if state.watched {
        return;
    }
    let watching = Arc::clone(inner);
    // A system that has no thread for us: the next one who adds a check tries again.
    state.watched = fork::spawn("spanloom-canary", move || watch(&watching)).is_ok();
}

fn watch(inner: &Arc<Inner>) {
    let shared = inner.shared();
    let mut state = locked(&shared.state);
    while !state.closed {
        let now = inner.now();
        match state.canary.next(now) {
            NextCheck::Check(name, id) => {
                let Some(check) = state.checks.get(&name).cloned() else {
                    state.canary.answered(id, false, now);
                    continue;
                };
                // Started under the lock: what is due does not change meanwhile, and a thread starts in microseconds.
                let running = Arc::clone(inner);
                if fork::spawn("spanloom-check", move || run(&running, id, &check)).is_err() {
                    settle(&mut state, inner, id, &Err("the system has no thread for the check".to_owned()));
                }
            }
            NextCheck::TimedOut(name) => {
                let within = inner.options.canary.timeout;
                state.failures.insert(name.clone(), format!("it has not answered within {within:?}"));
                state.board.checked(&name, Status::NotReady);
            }
            NextCheck::Wait(until) => state = shared.rest(state, until.saturating_sub(now)),
            NextCheck::Idle => state = shared.rest(state, std::time::Duration::MAX),
        }
    }
}

fn run(inner: &Arc<Inner>, id: CheckId, check: &Check) {
    let generation = fork::generation();
    let ended = catch_unwind(AssertUnwindSafe(|| suppress(|| locked(check)())));
    if fork::generation() != generation {
        // The check has forked, and this is the child: what came of it is for the parent to tell.
        return;
    }
    let result = ended.unwrap_or_else(|_| Err("the check panicked".to_owned()));
    settle(&mut inner.state(), inner, id, &result);
    inner.shared().changed.notify_all();
}

fn settle(state: &mut State, inner: &Inner, id: CheckId, result: &Result<(), String>) {
    let Some((name, status)) = state.canary.answered(id, result.is_ok(), inner.now()) else { return };
    state.board.checked(&name, status);
    match result {
        Ok(()) => state.failures.remove(&name),
        Err(why) => state.failures.insert(name, why.clone()),
    };
}
