//! What all handles of one loom share: its sources, its counters and its sinks.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::clock::TimeSource;
use super::delivery::{Delivery, Outcome};
use super::entropy::IdSource;
use super::here::ThreadBuffer;
use crate::record::Limits;

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
    pub(super) counts: Counts,
    threads: Mutex<Vec<Arc<ThreadBuffer>>>,
    delivery: Mutex<Delivery>,
}

/// What happened so far. Spans that still wait in a thread's buffer are not in here.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) handed_over: AtomicU64,
    pub(super) delivered: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) sampled_out: AtomicU64,
    pub(super) misuse: AtomicU64,
    pub(super) sink_errors: AtomicU64,
}

/// What became of the spans of a loom, at one moment.
///
/// `accepted = delivered + rejected + dropped + pending` holds at every moment; spans that were sampled out are counted apart.
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
            counts: Counts::default(),
            threads: Mutex::default(),
            delivery: Mutex::new(parts.delivery),
        }
    }

    /// A buffer for a thread that records for the first time.
    pub(super) fn new_thread_buffer(&self) -> Arc<ThreadBuffer> {
        let buffer = Arc::new(ThreadBuffer::default());
        locked(&self.threads).push(Arc::clone(&buffer));
        buffer
    }

    /// Takes what a thread recorded on to the sinks.
    pub(super) fn hand_over(&self, buffer: &ThreadBuffer) {
        let batch = buffer.take();
        if !batch.bytes.is_empty() {
            self.accept(&batch.bytes, batch.spans);
        }
        buffer.give_back(batch.bytes);
    }

    /// Takes records on to the sinks.
    pub(super) fn accept(&self, records: &[u8], spans: u64) {
        self.counts.handed_over.fetch_add(spans, Ordering::Relaxed);
        let now = self.time.unix_nanos();
        let outcome = locked(&self.delivery).pass_on(records, spans, now);
        self.note(outcome);
    }

    fn note(&self, outcome: Outcome) {
        self.counts.delivered.fetch_add(outcome.delivered, Ordering::Relaxed);
        self.counts.dropped.fetch_add(outcome.dropped, Ordering::Relaxed);
        self.counts.sampled_out.fetch_add(outcome.sampled_out, Ordering::Relaxed);
        self.counts.sink_errors.fetch_add(outcome.sink_errors, Ordering::Relaxed);
        // What the tail sampler left out was accepted at first and is not any more.
        self.counts.handed_over.fetch_sub(outcome.sampled_out, Ordering::Relaxed);
        self.counts.handed_over.fetch_add(outcome.abandoned, Ordering::Relaxed);
    }

    /// Hands over what every thread recorded and makes the sinks write it out. With `finish` nothing is waited for any more:
    /// what is incomplete goes out as it is.
    pub(super) fn flush(&self, finish: bool) -> Ledger {
        let before = self.ledger();
        let threads: Vec<_> = locked(&self.threads).clone();
        for buffer in &threads {
            self.hand_over(buffer);
        }
        drop(threads);
        // A buffer that only this list holds belongs to a thread that has ended.
        locked(&self.threads).retain(|buffer| Arc::strong_count(buffer) > 1);
        let now = self.time.unix_nanos();
        let outcome = locked(&self.delivery).flush(finish, now);
        self.note(outcome);
        before
    }

    pub(super) fn ledger(&self) -> Ledger {
        let waiting: u64 = locked(&self.threads).iter().map(|buffer| locked(&buffer.batch).spans).sum();
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let accepted = load(&self.counts.handed_over) + waiting;
        let delivered = load(&self.counts.delivered);
        let dropped = load(&self.counts.dropped);
        Ledger {
            accepted,
            delivered,
            rejected: 0,
            dropped,
            pending: accepted.saturating_sub(delivered + dropped),
            sampled_out: load(&self.counts.sampled_out),
            misuse: load(&self.counts.misuse),
            sink_errors: load(&self.counts.sink_errors),
        }
    }

    #[cold]
    pub(super) fn count_misuse(&self) {
        self.counts.misuse.fetch_add(1, Ordering::Relaxed);
    }
}

/// Locks, also after a panic elsewhere: what the locks guard is whole at every moment.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
