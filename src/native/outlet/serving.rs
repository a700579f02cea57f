//! Calling the exporter: by the thread that serves the destination, or, where the exporter waits for nothing, by a flush.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::MutexGuard;
use std::time::Instant;

use super::{Flushing, Outlet, Sender, State, nanos_until};
use crate::deliver::{Answer, Next, Notice, Reason, Shipment};
use crate::native::clock::steady_nanos;
use crate::native::core::{locked, try_locked};
use crate::native::entropy::system_u64;
use crate::native::export::{Exporter, Outgoing};
use crate::native::fork;
use crate::native::suppress::suppress;

/// How far a destination was served.
enum Served<'a> {
    /// Nothing is to be done before this time, unless something comes; `u64::MAX` for none.
    Until(u64, MutexGuard<'a, State>),
    /// It is shut down, and all is settled.
    Over,
    /// The exporter has forked, and this is the child: what waits here is for the parent to send. Its locks are, too.
    InChild,
}

impl Outlet {
    /// What the destination's thread does.
    pub(super) fn serve(&self) {
        loop {
            let mut exporter = locked(&self.exporter);
            let Some(serving) = exporter.as_deref_mut() else { break };
            match self.serve_now(serving, |_, _| false) {
                Served::Until(until, state) => {
                    // Given up before the other lock, so that a flush that comes now finds it free.
                    drop(exporter);
                    drop(self.rest(state, until));
                }
                Served::Over => break,
                Served::InChild => return,
            }
        }
        let exporter = locked(&self.exporter).take();
        let notices = locked(&self.state).destination.take_notices();
        self.tell(&notices);
        if let Some(mut exporter) = exporter {
            write_out(&mut *exporter);
            // Clients close their connections then, which is theirs to trace as little as a request.
            suppress(|| drop(exporter));
        }
        locked(&self.state).gone = true;
        self.done.notify_all();
    }

    /// Does on this thread what a flush waits for, where the exporter waits for nothing and nobody is at it already: what is left
    /// at the deadline, or comes behind, is for the exporter's own thread. False where this is another process now, which has
    /// nothing to wait for.
    pub(in crate::native) fn serve_flush(&self, flushing: &Flushing, deadline: Instant) -> bool {
        if !self.post.is_immediate {
            return true;
        }
        let Some(mut exporter) = try_locked(&self.exporter) else { return true };
        let Some(serving) = exporter.as_deref_mut() else { return true };
        let stop_at = steady_nanos().saturating_add(nanos_until(deadline));
        let is_enough = |state: &State, now| now >= stop_at || state.is_flushed(flushing);
        let state = match self.serve_now(serving, is_enough) {
            Served::Until(until, state) if state.rests_until.is_none_or(|rests| rests <= until) => {
                drop(exporter);
                drop(state);
                return true;
            }
            Served::Until(_, state) => state,
            Served::Over => locked(&self.state),
            Served::InChild => return false,
        };
        // What remains is for the thread, which does not know of it.
        drop(exporter);
        self.wake(state);
        true
    }

    /// Does all that is to be done now, until that is enough.
    fn serve_now(&self, exporter: &mut dyn Exporter, is_enough: impl Fn(&State, u64) -> bool) -> Served<'_> {
        let generation = fork::generation();
        let mut state = locked(&self.state);
        loop {
            let now = steady_nanos();
            // Also of what was lost without a request: a pause may last long.
            let notices = state.destination.take_notices();
            if !notices.is_empty() {
                drop(state);
                self.tell(&notices);
                if fork::generation() != generation {
                    return Served::InChild;
                }
                state = locked(&self.state);
                continue;
            }
            if state.is_due(now) && is_enough(&state, now) {
                return Served::Until(now, state);
            }
            match state.destination.next(now) {
                Next::Send(shipment) => {
                    drop(state);
                    let answer = send(exporter, &self.post.sender, &shipment);
                    if fork::generation() != generation {
                        return Served::InChild;
                    }
                    state = locked(&self.state);
                    state.destination.answered(shipment.id, answer, steady_nanos(), &mut system_u64);
                    drop(shipment);
                    state = self.tell_waiting(state);
                }
                _ if state.flushed < state.flushes && state.destination.flush_done() => {
                    let number = state.flushes;
                    drop(state);
                    write_out(exporter);
                    if fork::generation() != generation {
                        return Served::InChild;
                    }
                    state = locked(&self.state);
                    state.flushed = number;
                    state = self.tell_waiting(state);
                }
                _ if state.destination.is_over() => return Served::Over,
                Next::Wait(until) => return Served::Until(until, state),
                Next::Idle => return Served::Until(u64::MAX, state),
            }
        }
    }

    pub(super) fn tell(&self, notices: &[Notice]) {
        for notice in notices {
            let _ = catch_unwind(AssertUnwindSafe(|| (self.post.listener)(self.name(), notice)));
        }
    }
}

/// Calls the exporter. A panic in it is an answer like any other: it is not the program's that records.
fn send(exporter: &mut dyn Exporter, sender: &Sender, shipment: &Shipment) -> Answer {
    let outgoing = Outgoing {
        runs: shipment.runs(),
        resource: &sender.resource,
        scope: &sender.scope,
        wording: sender.wording,
        within: shipment.within,
        running: sender.running,
    };
    catch_unwind(AssertUnwindSafe(|| suppress(|| exporter.export(&outgoing)))).unwrap_or_else(|_| {
        Answer::Refused { reason: Reason::NonRetryable, why: "the exporter panicked".to_owned() }
    })
}

fn write_out(exporter: &mut dyn Exporter) {
    // What an exporter could not write out it keeps, or tells with its next answer.
    let _ = catch_unwind(AssertUnwindSafe(|| suppress(|| exporter.flush())));
}
