//! What all handles of one loom share: its sources, its counters, and the way to its destinations.
//!
//! Who takes several locks takes them in this order: the pipeline, the totals, the list of threads or a destination.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::clock::{TimeSource, steady_now};
use super::entropy::IdSource;
use super::here::{CHUNK, Piece, ThreadBuffer};
use super::ledger::{Ledger, Receipt, Totals};
use super::outlet::Outlet;
use super::pipeline::{Passed, Pipeline};
use crate::deliver::{Amount, Parcel, Reason};
use crate::record::Limits;
use crate::spool::SpoolStatus;

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
    /// Records are written down: soon.
    pub(super) has_store: bool,
    /// The loom's thread, if it has one.
    collector: OnceLock<Thread>,
    pipeline: Box<Mutex<Pipeline>>,
    outlets: Vec<Arc<Outlet>>,
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
    /// Spans that an earlier process left in the spool.
    recovered: AtomicU64,
    /// Full chunks that nobody has taken yet.
    full_chunks: AtomicUsize,
    totals: Mutex<Totals>,
    threads: Mutex<Vec<Arc<ThreadBuffer>>>,
    /// The thread that is inside `pipeline`; 0 for none.
    collecting: AtomicUsize,
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
            has_tail: parts.pipeline.tail.is_some(),
            has_store: parts.pipeline.store.is_some(),
            collector: OnceLock::new(),
            pipeline: Box::new(Mutex::new(parts.pipeline)),
            outlets: parts.outlets,
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
        locked(&self.changing.totals).refuse(Reason::QueueFull, spans);
    }

    /// A chunk is full. So many of them are worth waking the loom's thread, which comes by itself now and then.
    pub(super) fn note_full_chunk(&self) {
        let full = self.changing.full_chunks.load(Ordering::Relaxed);
        if self.has_store || self.collector.get().is_none() || full.is_multiple_of(WORTH_WAKING) {
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

    /// Takes what all threads recorded to the destinations.
    pub(super) fn collect(&self) {
        if let Some(mut collecting) = self.enter() {
            collecting.take_from_all();
            collecting.serve_store();
        }
    }

    /// The way to the destinations; `None` where this thread is on it already, because a hook or a clock records.
    fn enter(&self) -> Option<Collecting<'_>> {
        let thread = this_thread();
        // Only this thread ever stores its own number, so no ordering is needed.
        if self.changing.collecting.load(Ordering::Relaxed) == thread {
            return None;
        }
        let pipeline = locked(&self.pipeline);
        self.changing.collecting.store(thread, Ordering::Relaxed);
        Some(Collecting { core: self, pipeline })
    }

    /// Takes records that no chunk can keep to the destinations. Where this thread is on the way there they are lost.
    pub(super) fn accept(&self, records: &[u8], spans: u64) {
        let Some(mut collecting) = self.enter() else {
            locked(&self.changing.totals).refuse(Reason::Misuse, spans);
            return;
        };
        locked(&self.changing.totals).handed_over += spans;
        collecting.pass_on(records, spans);
    }

    /// A workflow is about to end. Where it is decided over as a whole, what other threads recorded of it must not come
    /// behind its end, which may be handed over first.
    #[inline]
    pub(super) fn before_close(&self) {
        if self.has_tail {
            self.collect();
        }
    }

    /// Takes everything that has ended to the destinations, and waits until they have it or the deadline has passed.
    pub(super) fn flush(&self, deadline: Instant) -> Receipt {
        let before = self.ledger();
        if let Some(mut collecting) = self.enter() {
            collecting.take_from_all();
            collecting.decide(false);
            if let Some(store) = &mut collecting.pipeline.store {
                store.sync();
            }
        }
        loop {
            // What waits on the disk is offered in parts, as the destinations have room.
            let more = self.enter().is_some_and(|mut collecting| collecting.serve_store());
            let flushing: Vec<_> = self.outlets.iter().map(|outlet| outlet.begin_flush(deadline)).collect();
            for (outlet, flushing) in self.outlets.iter().zip(&flushing) {
                outlet.wait_flushed(flushing, deadline);
            }
            if !more || steady_now() >= deadline {
                return Receipt::between(&before, &self.ledger());
            }
            // The loom's thread may have taken the room, and what it offered is on its way.
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// As [`Self::flush`], and nothing is waited for any more: what is incomplete goes out as it is, what cannot be sent until
    /// the deadline is given up, and what ends from now on is lost, and counted.
    pub(super) fn shut_down(&self, deadline: Instant) -> Receipt {
        let before = self.ledger();
        self.closed.store(true, Ordering::Release);
        for buffer in locked(&self.changing.threads).iter() {
            buffer.close();
        }
        if let Some(mut collecting) = self.enter() {
            collecting.take_from_all();
            collecting.decide(true);
        }
        for outlet in &self.outlets {
            outlet.begin_shutdown(deadline);
        }
        for outlet in &self.outlets {
            outlet.wait_gone(deadline);
        }
        if let Some(mut collecting) = self.enter() {
            collecting.serve_store();
            if let Some(store) = &mut collecting.pipeline.store {
                store.close();
            }
        }
        Receipt::between(&before, &self.ledger())
    }

    pub(super) fn ledger(&self) -> Ledger {
        let totals = locked(&self.changing.totals);
        let waiting: u64 = locked(&self.changing.threads).iter().map(|buffer| buffer.waiting()).sum();
        let destinations =
            self.outlets.iter().map(|outlet| (outlet.name().to_owned(), outlet.ledger())).collect();
        let mut ledger = totals.ledger(waiting, destinations);
        ledger.sampled_out += self.changing.sampled_out.load(Ordering::Relaxed);
        ledger.recovered = self.changing.recovered.load(Ordering::Relaxed);
        ledger.misuse = self.changing.misuse.load(Ordering::Relaxed);
        ledger
    }

    pub(super) fn spool_status(&self) -> Option<SpoolStatus> {
        locked(&self.pipeline).store.as_ref()?.status()
    }

    fn offer(&self, totals: &mut Totals, parcel: &Parcel) {
        totals.offered += parcel.spans();
        for outlet in &self.outlets {
            outlet.offer(parcel.clone());
        }
    }

    /// For how much more every destination has room.
    fn room(&self) -> Amount {
        let least = |one: Amount, other: Amount| Amount {
            spans: one.spans.min(other.spans),
            bytes: one.bytes.min(other.bytes),
        };
        self.outlets.iter().map(|outlet| outlet.room()).reduce(least).unwrap_or_default()
    }

    /// Up to which of the spool's parcels all destinations have settled.
    fn settled(&self) -> Option<u64> {
        self.outlets.iter().map(|outlet| outlet.settled_up_to()).min().flatten()
    }

    pub(super) fn count_sampled_out(&self) {
        self.changing.sampled_out.fetch_add(1, Ordering::Relaxed);
    }

    #[cold]
    pub(super) fn count_misuse(&self) {
        self.changing.misuse.fetch_add(1, Ordering::Relaxed);
    }
}

/// A thread on its way to the destinations of a loom.
struct Collecting<'a> {
    core: &'a Core,
    pipeline: MutexGuard<'a, Pipeline>,
}

impl Collecting<'_> {
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
        let passed = self.pipeline.pass_on(records, spans, self.core.time.unix_nanos());
        self.offer(passed);
        if self.core.closed.load(Ordering::Acquire) {
            self.decide(true);
        }
    }

    fn decide(&mut self, finish: bool) {
        let passed = self.pipeline.decide(finish, self.core.time.unix_nanos());
        self.offer(passed);
    }

    fn offer(&mut self, passed: Passed) {
        let mut totals = locked(&self.core.changing.totals);
        // What the tail sampler left out was accepted at first and is not any more.
        totals.handed_over = (totals.handed_over + passed.abandoned).saturating_sub(passed.sampled_out);
        totals.sampled_out += passed.sampled_out;
        totals.lost.add(Reason::QueueFull, passed.lost);
        for stream in passed.streams {
            let parcel = match &mut self.pipeline.store {
                Some(store) => store.keep(stream, self.core.room()),
                None => Some(Parcel::new(stream)),
            };
            if let Some(parcel) = parcel {
                self.core.offer(&mut totals, &parcel);
            }
        }
    }

    /// What the spool asks for: what is settled goes, what an earlier process left is offered where there is room.
    /// True where there is more than there is room for.
    fn serve_store(&mut self) -> bool {
        let Some(store) = &mut self.pipeline.store else { return false };
        if let Some(settled) = self.core.settled() {
            store.settle(settled);
        }
        store.tick();
        while let Some(parcel) = store.next_behind(self.core.room()) {
            self.core.offer(&mut locked(&self.core.changing.totals), &parcel);
        }
        while let Some(found) = store.next_found(self.core.room()) {
            let mut totals = locked(&self.core.changing.totals);
            totals.handed_over += found.spans();
            self.core.offer(&mut totals, &found);
            drop(totals);
            self.core.changing.recovered.fetch_add(found.spans(), Ordering::Relaxed);
        }
        let mut totals = locked(&self.core.changing.totals);
        for (reason, spans) in store.newly_lost().iter() {
            totals.lost.add(reason, spans);
        }
        for (reason, spans) in store.newly_missing().iter() {
            totals.refuse(reason, spans);
        }
        store.has_more()
    }
}

impl Drop for Collecting<'_> {
    fn drop(&mut self) {
        self.core.changing.collecting.store(0, Ordering::Relaxed);
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
