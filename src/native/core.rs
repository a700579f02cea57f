//! What all handles of one loom share: its sources, its counters and its sinks.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;

use super::clock::TimeSource;
use super::delivery::{Delivery, Outcome};
use super::entropy::IdSource;
use super::here::{CHUNK, Piece, ThreadBuffer};
use crate::record::Limits;

/// So many bytes of full chunks may wait; what ends then is lost, and counted.
const MOST_WAITING: usize = 64 << 20;

/// So many full chunks are taken at once: waking a thread takes longer than filling a chunk.
const WORTH_WAKING: usize = 16;

/// The inside of a loom.
pub(super) struct Core {
    pub(super) time: TimeSource,
    pub(super) ids: IdSource,
    pub(super) limits: Limits,
    pub(super) sampler: crate::sample::Sampler,
    /// Records are written when spans start, too.
    pub(super) live_view: bool,
    pub(super) random_flag: bool,
    pub(super) disabled: bool,
    pub(super) closed: AtomicBool,
    /// Whole workflows are decided over.
    has_tail: bool,
    /// The loom's thread, if it has one.
    collector: OnceLock<Thread>,
    delivery: Box<Mutex<Delivery>>,
    changing: Changing,
}

/// What changes while spans are recorded: apart from what each span reads, or every change would take that out of the caches of
/// all processors.
#[repr(align(128))]
#[derive(Default)]
struct Changing {
    /// Roots that head sampling left out.
    sampled_out: AtomicU64,
    misuse: AtomicU64,
    /// Full chunks that nobody has taken yet.
    full_chunks: AtomicUsize,
    totals: Mutex<Totals>,
    threads: Mutex<Vec<Arc<ThreadBuffer>>>,
    /// The thread that is inside `delivery`; 0 for none.
    delivering: AtomicUsize,
}

/// What became of the spans that were handed over. Those that still wait in a thread's buffer are not in here.
///
/// All under one lock, and spans leave their buffer under it, so that the ledger adds up at every moment. Who takes several
/// locks takes them in this order: `delivery`, `totals`, `threads`, a thread's batch.
#[derive(Default)]
struct Totals {
    handed_over: u64,
    delivered: u64,
    dropped: u64,
    sampled_out: u64,
    sink_errors: u64,
}

/// What became of the spans of a loom, at one moment.
///
/// `accepted = delivered + rejected + dropped + pending` holds at every moment; spans that were sampled out are counted apart.
///
/// ```
/// let loom = spanloom::Loom::builder().build();
/// let run = loom.workflow("answer").start();
/// run.node("planner").start().end();
/// assert_eq!((loom.ledger().accepted, loom.ledger().pending), (1, 1));
/// run.end();
/// loom.flush();
/// let ledger = loom.ledger();
/// assert_eq!((ledger.accepted, ledger.delivered, ledger.pending), (2, 2, 0));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Spans that ended and were not sampled out.
    pub accepted: u64,
    /// Spans that every sink took.
    pub delivered: u64,
    /// Spans that a receiver refused.
    pub rejected: u64,
    /// Spans that were lost: a sink failed, or redaction failed closed.
    pub dropped: u64,
    /// Spans that are on their way.
    pub pending: u64,
    /// Spans that sampling left out.
    pub sampled_out: u64,
    /// Calls that made no sense, such as changes of a workflow after its end.
    pub misuse: u64,
    /// Calls of sinks that failed.
    pub sink_errors: u64,
}

impl Core {
    pub(super) fn new(parts: super::Parts) -> Self {
        Self {
            time: parts.time,
            ids: parts.ids,
            limits: parts.limits,
            sampler: parts.sampler,
            live_view: parts.live_view,
            random_flag: parts.random_flag,
            disabled: parts.disabled,
            closed: AtomicBool::new(false),
            has_tail: parts.delivery.tail.is_some(),
            collector: OnceLock::new(),
            delivery: Box::new(Mutex::new(parts.delivery)),
            changing: Changing::default(),
        }
    }

    /// A buffer for a thread that records for the first time.
    pub(super) fn new_thread_buffer(&self) -> Arc<ThreadBuffer> {
        let mut threads = locked(&self.changing.threads);
        let buffer = Arc::<ThreadBuffer>::default();
        if self.closed.load(Ordering::Acquire) {
            buffer.close();
        }
        threads.push(Arc::clone(&buffer));
        buffer
    }

    /// A thread ends: what it recorded is taken, and its buffer forgotten.
    pub(super) fn retire(&self, buffer: &Arc<ThreadBuffer>) {
        buffer.close();
        self.wake();
        if self.closed.load(Ordering::Acquire) {
            self.collect();
        }
    }

    /// False where as much waits to be taken as may; else one more chunk is counted.
    pub(super) fn admits_chunk(&self) -> bool {
        if self.changing.full_chunks.fetch_add(1, Ordering::Relaxed) < MOST_WAITING / CHUNK {
            return true;
        }
        self.changing.full_chunks.fetch_sub(1, Ordering::Relaxed);
        false
    }

    /// Spans ended for which there was no room.
    pub(super) fn refuse(&self, spans: u64) {
        let mut totals = locked(&self.changing.totals);
        totals.handed_over += spans;
        totals.dropped += spans;
    }

    /// A chunk is full. So many of them are worth waking the loom's thread, which comes by itself now and then.
    pub(super) fn note_full_chunk(&self) {
        if self.collector.get().is_none()
            || self.changing.full_chunks.load(Ordering::Relaxed) % WORTH_WAKING == 0
        {
            self.wake();
        }
    }

    /// There is something to be taken: tells the loom's thread, or, where it has none, takes it.
    pub(super) fn wake(&self) {
        match self.collector.get() {
            Some(thread) => thread.unpark(),
            None => self.collect(),
        }
    }

    /// From now on this thread is told where there is something to be taken.
    pub(super) fn set_collector(&self, thread: Thread) {
        let _ = self.collector.set(thread);
    }

    /// Takes what all threads recorded on to the sinks.
    pub(super) fn collect(&self) {
        if let Some(mut delivering) = self.enter() {
            delivering.take_from_all();
        }
    }

    /// The way to the sinks; `None` where this thread is on it already, because a sink, a hook or a clock records.
    fn enter(&self) -> Option<Delivering<'_>> {
        let thread = this_thread();
        // Only this thread ever stores its own number, so no ordering is needed.
        if self.changing.delivering.load(Ordering::Relaxed) == thread {
            return None;
        }
        let delivery = locked(&self.delivery);
        self.changing.delivering.store(thread, Ordering::Relaxed);
        Some(Delivering { core: self, delivery })
    }

    /// Takes records that no buffer can keep on to the sinks. Where this thread is inside one of them they are lost.
    pub(super) fn accept(&self, records: &[u8], spans: u64) {
        let Some(mut delivering) = self.enter() else {
            let mut totals = locked(&self.changing.totals);
            totals.handed_over += spans;
            totals.dropped += spans;
            return;
        };
        locked(&self.changing.totals).handed_over += spans;
        delivering.pass_on(records, spans);
    }

    fn note(&self, outcome: Outcome) {
        let mut totals = locked(&self.changing.totals);
        // What the tail sampler left out was accepted at first and is not any more.
        totals.handed_over += outcome.abandoned;
        totals.handed_over = totals.handed_over.saturating_sub(outcome.sampled_out);
        totals.delivered += outcome.delivered;
        totals.dropped += outcome.dropped;
        totals.sampled_out += outcome.sampled_out;
        totals.sink_errors += outcome.sink_errors;
    }

    /// A workflow is about to end. Where it is decided over as a whole, what other threads recorded of it must not come
    /// behind its end, which may be handed over first.
    #[inline]
    pub(super) fn before_close(&self) {
        if self.has_tail
            && let Some(mut delivering) = self.enter()
        {
            delivering.take_from_all();
        }
    }

    /// Hands over what every thread recorded and makes the sinks write it out; gives the ledger of before. With `finish`
    /// nothing is waited for any more: what is incomplete goes out as it is.
    pub(super) fn flush(&self, finish: bool) -> Ledger {
        let before = self.ledger();
        let Some(mut delivering) = self.enter() else { return before };
        delivering.take_from_all();
        delivering.flush(finish);
        before
    }

    /// The last loom is gone. Spans that end from now on find no one who would flush them: they go out at once.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        for buffer in locked(&self.changing.threads).iter() {
            buffer.close();
        }
        self.flush(true);
    }

    pub(super) fn ledger(&self) -> Ledger {
        let totals = locked(&self.changing.totals);
        let waiting: u64 = locked(&self.changing.threads).iter().map(|buffer| buffer.waiting()).sum();
        let accepted = totals.handed_over + waiting;
        Ledger {
            accepted,
            delivered: totals.delivered,
            rejected: 0,
            dropped: totals.dropped,
            pending: accepted.saturating_sub(totals.delivered + totals.dropped),
            sampled_out: totals.sampled_out + self.changing.sampled_out.load(Ordering::Relaxed),
            misuse: self.changing.misuse.load(Ordering::Relaxed),
            sink_errors: totals.sink_errors,
        }
    }

    pub(super) fn count_sampled_out(&self) {
        self.changing.sampled_out.fetch_add(1, Ordering::Relaxed);
    }

    #[cold]
    pub(super) fn count_misuse(&self) {
        self.changing.misuse.fetch_add(1, Ordering::Relaxed);
    }
}

/// A thread on its way to the sinks of a loom.
struct Delivering<'a> {
    core: &'a Core,
    delivery: MutexGuard<'a, Delivery>,
}

impl Delivering<'_> {
    fn take_from_all(&mut self) {
        let threads: Vec<_> = locked(&self.core.changing.threads).clone();
        for buffer in &threads {
            // Asked before: what comes behind the end of a thread is nothing.
            let ended = buffer.is_closed();
            self.take_from(buffer);
            if ended {
                locked(&self.core.changing.threads).retain(|known| !Arc::ptr_eq(known, buffer));
            }
        }
    }

    fn take_from(&mut self, buffer: &ThreadBuffer) {
        let (pieces, full) = {
            let mut totals = locked(&self.core.changing.totals);
            let (pieces, full) = buffer.take();
            totals.handed_over += pieces.iter().map(Piece::spans).sum::<u64>();
            (pieces, full)
        };
        self.core.changing.full_chunks.fetch_sub(full, Ordering::Relaxed);
        for piece in pieces {
            self.pass_on(piece.records(), piece.spans());
            buffer.give_back(piece);
        }
    }

    fn pass_on(&mut self, records: &[u8], spans: u64) {
        let outcome = self.delivery.pass_on(records, spans, self.core.time.unix_nanos());
        self.core.note(outcome);
        if self.core.closed.load(Ordering::Acquire) {
            self.flush(true);
        }
    }

    fn flush(&mut self, finish: bool) {
        let outcome = self.delivery.flush(finish, self.core.time.unix_nanos());
        self.core.note(outcome);
    }
}

impl Drop for Delivering<'_> {
    fn drop(&mut self) {
        self.core.changing.delivering.store(0, Ordering::Relaxed);
    }
}

/// A number that no other running thread has, and that is not 0: a place in the thread's own memory.
fn this_thread() -> usize {
    thread_local! {
        static PLACE: Cell<u8> = const { Cell::new(0) };
    }
    PLACE.with(|place| std::ptr::from_ref(place).addr())
}

/// Locks, also after a panic elsewhere: what the locks guard is whole at every moment.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
