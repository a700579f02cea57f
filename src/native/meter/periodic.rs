//! Readers that collect now and then, and send what they collected.
//!
//! Each destination of metrics has a thread, a [`Reader`] and an [`Outbox`]. The thread wakes at the end of each interval, or when
//! somebody flushes: it collects, and sends until all is gone or the time is over. What is left is sent the next time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Meter;
use crate::config::Temporality;
use crate::deliver::{AfterAnswer, Answer, Ledger, MetricRequest, Notice, NoticeKind, Outbox, Reason};
use crate::meter::Reader;
use crate::native::clock::steady_now;
use crate::native::entropy::system_u64;
use crate::native::export::{MetricExporter, OutgoingMetrics};
use crate::native::fork;
use crate::native::outlet::{Listener, Sender};
use crate::native::suppress::suppress;
use crate::otlp::{MetricsWriter, decode_metrics};

/// How long after a deadline the thread may take to see it.
const GRACE: Duration = Duration::from_millis(80);
/// The first pause before a request is sent again; each further one may be twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// When and how metrics are sent. What is not set is as OpenTelemetry has it.
///
/// ```
/// use std::time::Duration;
/// use spanloom::native::MetricOptions;
/// let options = MetricOptions { interval: Duration::from_secs(1), max_points: 1000, ..MetricOptions::default() };
/// assert_eq!(options.timeout, Duration::from_secs(30));
/// ```
#[derive(Debug, Clone)]
pub struct MetricOptions {
    /// How often everything is collected and sent: every 60 s.
    pub interval: Duration,
    /// How long that may take: 30 s. What has not been sent by then is sent the next time.
    pub timeout: Duration,
    /// So many points in a request at most.
    pub max_points: usize,
    /// Since when points count.
    pub temporality: Temporality,
}

impl Default for MetricOptions {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(60),
            timeout: Duration::from_secs(30),
            max_points: 1000,
            temporality: Temporality::Cumulative,
        }
    }
}

impl MetricOptions {
    /// As astron-agent has it: every second, within five seconds.
    ///
    /// ```
    /// let options = spanloom::native::MetricOptions::astron();
    /// assert_eq!((options.interval.as_millis(), options.timeout.as_millis(), options.max_points), (1000, 5000, 1000));
    /// ```
    #[must_use]
    pub fn astron() -> Self {
        Self { interval: Duration::from_secs(1), timeout: Duration::from_secs(5), ..Self::default() }
    }
}

/// A destination with its thread.
pub(in crate::native) struct Periodic {
    name: String,
    shared: Arc<Shared>,
    listener: Arc<Listener>,
    /// The process in which the thread runs; a forked one has no such thread.
    generation: u64,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Wakes the thread.
    work: Condvar,
    /// Wakes those who wait for it.
    done: Condvar,
}

#[derive(Default)]
struct State {
    /// How many rounds were asked for, and how many of them are over.
    asked: u64,
    over: u64,
    /// Until when what was asked for is to be done.
    deadline: Option<Instant>,
    closed: bool,
    gone: bool,
    /// A shutdown has waited in vain: nobody else is to.
    given_up: bool,
    /// People have heard what was lost at the end.
    is_told: bool,
    ledger: Ledger,
}

impl State {
    /// What people should hear of at the end, once: so many points could not be sent.
    fn loss(&mut self, points: u64) -> Option<Notice> {
        if points == 0 || std::mem::replace(&mut self.is_told, true) {
            return None;
        }
        let text = format!(
            "metrics are lost (shutdown_timeout): the program ended before {points} points could be sent"
        );
        Some(Notice { kind: NoticeKind::Lost(Reason::ShutdownTimeout), text })
    }
}

fn tell(listener: &Listener, name: &str, notice: &Notice) {
    let _ = catch_unwind(AssertUnwindSafe(|| listener(name, notice)));
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a change, but not beyond a deadline.
    fn wait<'a>(
        &self,
        change: &Condvar,
        state: MutexGuard<'a, State>,
        deadline: Instant,
    ) -> MutexGuard<'a, State> {
        let left = deadline.saturating_duration_since(steady_now());
        change.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Periodic {
    /// Starts to send what is measured.
    pub(in crate::native) fn start(
        meter: &Meter,
        exporter: Box<dyn MetricExporter>,
        options: MetricOptions,
        sender: &Arc<Sender>,
        listener: &Arc<Listener>,
    ) -> Self {
        let name = exporter.metrics_name().to_owned();
        let shared = Arc::<Shared>::default();
        let temporality = options.temporality;
        let mut sending = Sending {
            name: name.clone(),
            meter: meter.clone(),
            exporter,
            options,
            sender: Arc::clone(sender),
            listener: Arc::clone(listener),
            reader: reader_of(temporality),
            outbox: match temporality {
                Temporality::Cumulative => Outbox::replacing(),
                _ => Outbox::keeping(),
            },
            shared: Arc::clone(&shared),
            failing: false,
        };
        let thread = fork::spawn("spanloom-metrics", move || {
            sending.run();
            // The exporter's connections end: that is no work of the program's.
            suppress(|| drop(sending));
        });
        if thread.is_err() {
            // Nobody is to wait for a thread that there is not.
            shared.state().gone = true;
        }
        let (listener, generation) = (Arc::clone(listener), fork::generation());
        Self { name, shared, listener, generation, thread: Mutex::new(thread.ok().flatten()) }
    }

    pub(in crate::native) fn name(&self) -> &str {
        &self.name
    }

    pub(in crate::native) fn watched(&self) -> Watched {
        let Self { name, shared, generation, .. } = self;
        Watched { name: name.clone(), shared: Arc::downgrade(shared), generation: *generation }
    }

    fn runs_here(&self) -> bool {
        self.generation == fork::generation()
    }

    pub(in crate::native) fn ledger(&self) -> Ledger {
        if self.runs_here() { self.shared.state().ledger } else { Ledger::default() }
    }

    /// Asks for a collection now; the number is for [`Self::wait`].
    pub(in crate::native) fn ask(&self, deadline: Instant, closes: bool) -> u64 {
        if !self.runs_here() {
            return 0;
        }
        let mut state = self.shared.state();
        state.asked += 1;
        state.deadline = Some(state.deadline.map_or(deadline, |known| known.min(deadline)));
        state.closed |= closes;
        self.shared.work.notify_all();
        state.asked
    }

    /// Waits until what was asked for is done, but not much longer than the deadline.
    pub(in crate::native) fn wait(&self, asked: u64, deadline: Instant) {
        if !self.runs_here() {
            return;
        }
        let last = deadline + GRACE;
        let mut state = self.shared.state();
        while state.over < asked && !state.gone && !state.given_up && steady_now() < last {
            state = self.shared.wait(&self.shared.done, state, last);
        }
    }

    /// As [`Self::wait`], for the end. The program may be over before an exporter that hangs comes back to tell what was lost.
    pub(in crate::native) fn wait_for_end(&self, asked: u64, deadline: Instant) {
        self.wait(asked, deadline);
        if !self.runs_here() {
            return;
        }
        let mut state = self.shared.state();
        if !state.gone {
            state.given_up = true;
            self.shared.done.notify_all();
            let pending = state.ledger.pending;
            let notice = state.loss(pending);
            drop(state);
            notice.iter().for_each(|notice| tell(&*self.listener, &self.name, notice));
        }
    }

    /// Waits for the end of the thread, where it has ended or is about to.
    pub(in crate::native) fn join(&self) {
        if !self.runs_here() || !self.shared.state().gone {
            return;
        }
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != std::thread::current().id()) {
            let _ = thread.join();
        }
    }
}

/// A destination, for those who want to know what it does and do not keep it alive.
pub(in crate::native) struct Watched {
    pub(super) name: String,
    shared: Weak<Shared>,
    generation: u64,
}

impl Watched {
    /// What became of its points; `None` where it is gone, or in another process.
    pub(super) fn ledger(&self) -> Option<Ledger> {
        let shared = self.shared.upgrade().filter(|_| self.generation == fork::generation())?;
        let ledger = shared.state().ledger;
        Some(ledger)
    }
}

fn reader_of(temporality: Temporality) -> Reader {
    match temporality {
        Temporality::Cumulative => Reader::cumulative(),
        Temporality::Delta => Reader::delta(),
        Temporality::LowMemory => Reader::low_memory(),
    }
}

/// What the thread has.
struct Sending {
    name: String,
    meter: Meter,
    exporter: Box<dyn MetricExporter>,
    options: MetricOptions,
    sender: Arc<Sender>,
    listener: Arc<Listener>,
    reader: Reader,
    outbox: Outbox,
    shared: Arc<Shared>,
    /// People have been told that it fails; they are told again when it does not.
    failing: bool,
}

impl Sending {
    fn run(&mut self) {
        loop {
            let (asked, closed, deadline) = self.wait_for_work();
            self.collect();
            self.send(deadline);
            if closed {
                self.give_up();
            }
            let mut state = self.shared.state();
            state.ledger = self.outbox.ledger();
            state.over = asked;
            if state.over == state.asked {
                state.deadline = None;
            }
            state.gone = closed;
            self.shared.done.notify_all();
            if closed {
                return;
            }
        }
    }

    /// The end: what could not be sent is lost, and people are told.
    fn give_up(&mut self) {
        let lost = self.outbox.ledger().pending;
        self.outbox.give_up(Reason::ShutdownTimeout);
        let notice = self.shared.state().loss(lost);
        notice.iter().for_each(|notice| tell(&*self.listener, &self.name, notice));
    }

    /// Sleeps until the interval is over, or somebody asks: how often that was, whether it is the end, and how long this may take.
    fn wait_for_work(&self) -> (u64, bool, Instant) {
        let next = steady_now() + self.options.interval;
        let mut state = self.shared.state();
        while state.asked == state.over && !state.closed && steady_now() < next {
            state = self.shared.wait(&self.shared.work, state, next);
        }
        let usual = steady_now() + self.options.timeout;
        (state.asked, state.closed, state.deadline.map_or(usual, |deadline| deadline.min(usual)))
    }

    fn collect(&mut self) {
        let (mut requests, max_points) = (Vec::new(), self.options.max_points.max(1));
        let full = |request: crate::otlp::MetricsRequest<'_>| {
            requests.push(MetricRequest { body: request.to_vec(), points: request.points() as u64 });
        };
        let mut writer = MetricsWriter::new(&self.sender.resource, &self.sender.scope, max_points, full);
        let shared = &self.meter.shared;
        shared.book.collect(&mut self.reader, shared.time.unix_nanos(), &mut writer);
        writer.finish();
        self.reader.commit();
        self.outbox.put(requests);
        self.shared.state().ledger = self.outbox.ledger();
    }

    fn send(&mut self, mut deadline: Instant) {
        let mut pause = FIRST_PAUSE;
        while let Some(request) = self.outbox.first() {
            let within = deadline.saturating_duration_since(steady_now());
            if within.is_zero() {
                return;
            }
            let outgoing = OutgoingMetrics { request: &request.body, points: request.points, within };
            let exporter = &mut self.exporter;
            let answer = catch_unwind(AssertUnwindSafe(|| suppress(|| exporter.export_metrics(&outgoing))))
                .unwrap_or_else(|_| Answer::later("the exporter panicked"));
            self.note(&answer);
            match self.outbox.answered(&answer) {
                AfterAnswer::Next => pause = FIRST_PAUSE,
                AfterAnswer::Split => {
                    let parts = self.outbox.first().map(|request| halves(request, &self.sender));
                    self.outbox.replace_first(parts.unwrap_or_default());
                }
                AfterAnswer::Again(after) => {
                    deadline = self.rest(after.unwrap_or_else(|| shortened(pause)), deadline);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
            self.shared.state().ledger = self.outbox.ledger();
        }
    }

    /// Sleeps before another attempt; whoever asks meanwhile may have less time. Gives back the deadline from now on.
    fn rest(&self, pause: Duration, deadline: Instant) -> Instant {
        let until = (steady_now() + pause).min(deadline);
        let mut state = self.shared.state();
        let asked_before = state.asked;
        // Somebody who flushes has it tried at once.
        while steady_now() < until && state.asked == asked_before {
            state = self.shared.wait(&self.shared.work, state, until);
        }
        state.deadline.map_or(deadline, |asked| asked.min(deadline))
    }

    /// Tells people once when it begins to fail, and what they should know of points that were refused.
    fn note(&mut self, answer: &Answer) {
        let (fails, kind, text) = match answer {
            Answer::Taken { warning } => (false, NoticeKind::Warning, warning.clone()),
            Answer::Unclear { why } => (false, NoticeKind::BadResponse, why.clone()),
            Answer::Partly { rejected, message } => {
                (false, NoticeKind::Rejected, format!("{rejected} points were refused: {message}"))
            }
            Answer::Later { why, .. } => {
                (true, NoticeKind::Waiting, format!("metrics are sent again later: {why}"))
            }
            Answer::TooLarge { why } => {
                (true, NoticeKind::Warning, format!("metrics are sent in smaller requests: {why}"))
            }
            Answer::Refused { reason, why } => {
                (true, NoticeKind::Lost(*reason), format!("metrics were refused: {why}"))
            }
        };
        let is_news = !fails || !self.failing;
        if is_news && !text.is_empty() {
            tell(&*self.listener, &self.name, &Notice { kind, text });
        }
        self.failing = fails;
    }
}

/// A pause that is not the same for all programs that lost the same receiver.
fn shortened(pause: Duration) -> Duration {
    let share = u32::try_from(system_u64() >> 40).unwrap_or(0) % 1000;
    pause / 2 + pause / 2 * share / 1000
}

/// A request in two, by its points.
fn halves(request: &MetricRequest, sender: &Sender) -> Vec<MetricRequest> {
    let half = usize::try_from(request.points.div_ceil(2)).unwrap_or(usize::MAX).max(1);
    let mut parts = Vec::new();
    let Ok(view) = decode_metrics(&request.body) else { return parts };
    let full = |part: crate::otlp::MetricsRequest<'_>| {
        parts.push(MetricRequest { body: part.to_vec(), points: part.points() as u64 });
    };
    let mut writer = MetricsWriter::new(&sender.resource, &sender.scope, half, full);
    for found in view.metrics() {
        found.metric.tell(&mut writer);
    }
    writer.finish();
    parts
}
