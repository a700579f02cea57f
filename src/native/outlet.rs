//! A destination with the thread that serves it.
//!
//! What is to be sent, when, and what an answer means is for the [state machine](crate::deliver) to say. Here is what it has
//! not: a lock around it, a clock, a thread that calls the exporter, and those who wait for it.
//!
//! ```text
//!  loom's thread ──offer──▶ ┌─────────────┐ ──next──▶ outlet's thread ──export──▶ exporter
//!  flush, shutdown ──────▶ │ Destination │ ◀─answered─────┘    (without the lock)
//!        ▲                  └─────────────┘
//!        └── told when what they wait for is done; a flush serves an exporter that never waits itself
//! ```
//!
//! Waking a thread is a call of the system, and takes longer than recording some ten spans. So nobody is woken who would only
//! find that there is nothing to do, and never while the lock is held that the woken one wants.

mod serving;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::clock::{steady_nanos, steady_now};
use super::core::{locked, try_locked};
use super::export::Exporter;
use super::fork;
use crate::deliver::{Amount, Destination, Ledger, Mark, Notice, Options, Parcel};
use crate::health::ExporterHealth;
use crate::otlp::convention::Wording;
use crate::otlp::{Resource, Scope};

/// How long after a deadline the thread may take to see it.
const GRACE: Duration = Duration::from_millis(80);

/// Whose records they are, and in which words they leave.
pub(super) struct Sender {
    pub(super) resource: Resource,
    pub(super) scope: Scope,
    pub(super) wording: Wording,
    /// Spans are sent when they start, too.
    pub(super) running: bool,
}

/// Is told what people should hear of a destination.
pub(super) type Listener = dyn Fn(&str, &Notice) + Send + Sync;

/// One destination.
pub(super) struct Outlet {
    post: Arc<Post>,
    /// Whoever serves holds it. Who takes both locks takes this one first.
    exporter: Mutex<Option<Box<dyn Exporter>>>,
    state: Mutex<State>,
    /// Wakes the thread that serves.
    work: Condvar,
    /// Wakes those who wait for it.
    done: Condvar,
}

/// What does not change, not even in a forked process.
struct Post {
    name: String,
    /// The exporter waits for nothing, so a flush calls it itself.
    is_immediate: bool,
    options: Options,
    sender: Arc<Sender>,
    listener: Arc<Listener>,
    /// For a forked process, which has no other way to an exporter.
    twin: Mutex<Option<Box<dyn Exporter>>>,
}

struct State {
    destination: Destination,
    /// How many flushes there were, and up to which the exporter has written out what it held back.
    flushes: u64,
    flushed: u64,
    /// The thread is gone, and the exporter with it, or nobody waits for them any more.
    gone: bool,
    /// Until when the thread rests, if it does and nobody has woken it; `u64::MAX` where it waits for something to do.
    rests_until: Option<u64>,
    /// What others wait for.
    waiting: Vec<Flushing>,
}

impl State {
    /// Something can be sent, or written out, now.
    fn is_due(&self, now: u64) -> bool {
        self.flushed < self.flushes || self.destination.due().is_some_and(|due| due <= now)
    }

    fn is_flushed(&self, flushing: &Flushing) -> bool {
        self.gone || self.flushed >= flushing.number && self.destination.is_settled(flushing.mark)
    }
}

impl Outlet {
    /// Starts the thread that serves this exporter.
    pub(super) fn start(
        exporter: Box<dyn Exporter>,
        options: &Options,
        sender: &Arc<Sender>,
        listener: &Arc<Listener>,
    ) -> Arc<Self> {
        let post = Post {
            name: exporter.name().to_owned(),
            is_immediate: exporter.is_immediate(),
            options: options.clone(),
            sender: Arc::clone(sender),
            listener: Arc::clone(listener),
            twin: Mutex::new(exporter.twin()),
        };
        let outlet = Arc::new(Self::new(Arc::new(post)));
        outlet.run(exporter);
        outlet
    }

    fn new(post: Arc<Post>) -> Self {
        let state = State {
            destination: Destination::new(&post.options),
            flushes: 0,
            flushed: 0,
            gone: false,
            rests_until: None,
            waiting: Vec::new(),
        };
        Self {
            post,
            exporter: Mutex::new(None),
            state: Mutex::new(state),
            work: Condvar::new(),
            done: Condvar::new(),
        }
    }

    /// The same destination in a forked process, where nobody serves it yet. Waits for nothing of the parent's.
    pub(super) fn in_child(&self) -> Arc<Self> {
        Arc::new(Self::new(Arc::clone(&self.post)))
    }

    /// Starts the thread that serves the destination in a forked process.
    pub(super) fn run_in_child(self: &Arc<Self>) {
        let exporter = try_locked(&self.post.twin).and_then(|mut twin| {
            let exporter = twin.take()?;
            *twin = exporter.twin();
            Some(exporter)
        });
        match exporter {
            Some(exporter) => self.run(exporter),
            None => self.end_now(),
        }
    }

    fn run(self: &Arc<Self>, exporter: Box<dyn Exporter>) {
        *locked(&self.exporter) = Some(exporter);
        let served = Arc::clone(self);
        if fork::spawn(&format!("spanloom-{}", self.name()), move || served.serve()).is_err() {
            // A system that has no thread for us.
            self.end_now();
        }
    }

    /// Nobody serves this destination: what is offered is counted as lost at once, or stays in the spool.
    pub(super) fn end_now(&self) {
        let mut state = locked(&self.state);
        state.destination.shut_down(0, 0);
        state.gone = true;
        drop(state);
        self.done.notify_all();
    }

    pub(super) fn name(&self) -> &str {
        &self.post.name
    }

    /// Takes a parcel in. Where a flush follows at once, the thread is woken for that, and for this only if it can send and
    /// nobody else will.
    pub(super) fn offer(&self, parcel: Parcel, flushes: bool) {
        let mut state = locked(&self.state);
        let now = steady_nanos();
        let offered = state.destination.offer(parcel, now);
        let latest = if flushes { now } else { u64::MAX };
        // A flush serves it, unless that would come too late for what else is offered before.
        let is_served = flushes && self.post.is_immediate && self.is_half_empty(&state);
        let is_due = !is_served
            && state
                .destination
                .due()
                .is_some_and(|due| due <= latest && state.rests_until.is_some_and(|until| due < until));
        // What is dropped may have been the last that a flush or a shutdown waits for.
        if is_due || offered.dropped > 0 {
            self.wake(state);
        }
    }

    fn is_half_empty(&self, state: &State) -> bool {
        let (room, options) = (state.destination.room(), &self.post.options);
        room.spans >= options.queue_spans / 2 && room.bytes >= options.queue_bytes / 2
    }

    /// Wakes the thread that serves, where it rests. Where it does not, it looks again before it does.
    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let rests = state.rests_until.take().is_some();
        drop(state);
        if rests {
            self.work.notify_one();
        }
    }

    pub(super) fn ledger(&self) -> Ledger {
        locked(&self.state).destination.ledger()
    }

    /// As [`Self::ledger`], where nobody is busy here.
    pub(super) fn try_ledger(&self) -> Option<Ledger> {
        try_locked(&self.state).map(|state| state.destination.ledger())
    }

    /// How it is doing.
    pub(super) fn health(&self) -> ExporterHealth {
        ExporterHealth::of(self.name(), &locked(&self.state).destination)
    }

    /// For how much more there is room.
    pub(super) fn room(&self) -> Amount {
        locked(&self.state).destination.room()
    }

    /// The last of the spool's parcels up to which all are settled here.
    pub(super) fn settled_up_to(&self) -> Option<u64> {
        locked(&self.state).destination.settled_up_to()
    }

    /// Asks for everything that was offered so far to be sent. To be served with [`Self::serve_flush`], and waited for with
    /// [`Self::wait_flushed`].
    pub(super) fn begin_flush(&self, deadline: Instant) -> Flushing {
        let mut state = locked(&self.state);
        let now = steady_nanos();
        let mark = state.destination.begin_flush(now, now.saturating_add(nanos_until(deadline)));
        state.flushes += 1;
        let flushing = Flushing { mark, number: state.flushes };
        if !self.post.is_immediate {
            self.wake(state);
        }
        flushing
    }

    /// Waits until it is sent, or the deadline has passed.
    pub(super) fn wait_flushed(&self, flushing: &Flushing, deadline: Instant) {
        let mut state = locked(&self.state);
        if !state.is_flushed(flushing) {
            state.waiting.push(*flushing);
            state = self.wait(state, deadline, |state| state.is_flushed(flushing));
            if let Some(place) = state.waiting.iter().position(|waiting| waiting == flushing) {
                state.waiting.swap_remove(place);
            }
        }
    }

    /// Sends what there is until the deadline; what is left then is given up. To be waited for with [`Self::wait_gone`].
    pub(super) fn begin_shutdown(&self, deadline: Instant) {
        let mut state = locked(&self.state);
        let now = steady_nanos();
        state.destination.shut_down(now, now.saturating_add(nanos_until(deadline)));
        self.wake(state);
    }

    /// Waits until the thread is gone, or until somewhat behind the deadline: an exporter may hang in a call of the system.
    pub(super) fn wait_gone(&self, deadline: Instant) {
        let mut state = self.wait(locked(&self.state), deadline + GRACE, |state| state.gone);
        if !state.gone {
            // Its request ends some time; what was in it counts as lost now.
            let now = steady_nanos();
            state.destination.shut_down(now, now);
            // Nobody else is to wait for it either.
            state.gone = true;
            // The program may be over before the thread is back to tell of it.
            let notices = state.destination.take_notices();
            drop(state);
            self.done.notify_all();
            self.tell(&notices);
        }
    }

    fn wait<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        deadline: Instant,
        done: impl Fn(&State) -> bool,
    ) -> MutexGuard<'a, State> {
        while !done(&state) {
            let left = deadline.saturating_duration_since(steady_now());
            if left.is_zero() {
                break;
            }
            state = self.done.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state
    }

    /// The thread has nothing to do until then, unless it is woken.
    fn rest<'a>(&self, mut state: MutexGuard<'a, State>, until: u64) -> MutexGuard<'a, State> {
        state.rests_until = Some(until);
        state = if until == u64::MAX {
            self.work.wait(state).unwrap_or_else(PoisonError::into_inner)
        } else {
            let most = Duration::from_nanos(until.saturating_sub(steady_nanos()));
            self.work.wait_timeout(state, most).unwrap_or_else(PoisonError::into_inner).0
        };
        state.rests_until = None;
        state
    }

    /// Wakes those who wait, where one of them waits no longer.
    fn tell_waiting<'a>(&'a self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        if !state.waiting.iter().any(|flushing| state.is_flushed(flushing)) {
            return state;
        }
        drop(state);
        self.done.notify_all();
        locked(&self.state)
    }
}

/// A flush that is under way.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Flushing {
    mark: Mark,
    number: u64,
}

fn nanos_until(deadline: Instant) -> u64 {
    u64::try_from(deadline.saturating_duration_since(steady_now()).as_nanos()).unwrap_or(u64::MAX)
}
