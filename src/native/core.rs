//! What all handles of one loom share: its sources, its counters, and the way to its destinations.
//!
//! Who takes several locks takes them in this order: the pipeline, the totals, the list of threads or a destination.

mod collecting;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use super::clock::{TimeSource, steady_now};
use super::entropy::IdSource;
use super::fork::{self, PerProcess};
use super::ledger::{Ledger, Receipt, Totals};
use super::outlet::{Listener, Outlet};
use super::pipeline::{Blobs, Passed, Pipeline, Tail};
use super::store::{SpoolConfig, Store};
use super::stream::Stream;
use super::thread_buffer::{CHUNK, ThreadBuffer};
use crate::deliver::{Dropped, Reason};
use crate::health::Exporters;
use crate::record::Limits;
use crate::redact::Redactor;
use crate::sample::TailSampler;
use crate::spool::SpoolStatus;

/// So many bytes of full chunks may wait; what ends then is lost, and counted.
const MOST_WAITING: usize = 64 << 20;

/// How long records wait in a thread's chunk at most before they are taken.
const LINGER: Duration = Duration::from_millis(200);
/// As [`LINGER`], where they are to be written down within 50 ms.
const LINGER_WITH_SPOOL: Duration = Duration::from_millis(20);

/// So many full chunks are taken at once: waking a thread takes longer than filling a chunk.
const WORTH_WAKING: usize = 16;

/// The inside of a loom. What every span reads stands in front, in one line of the processor's caches.
#[repr(C, align(64))]
pub(super) struct Core {
    pub(super) time: TimeSource,
    pub(super) ids: IdSource,
    insides: PerProcess<Inside>,
    /// Records are written when spans start, too.
    pub(super) live_view: bool,
    pub(super) random_flag: bool,
    pub(super) disabled: bool,
    /// Whole workflows are decided over.
    has_tail: bool,
    /// Records are written down: soon.
    pub(super) has_store: bool,
    pub(super) closed: AtomicBool,
    pub(super) sampler: crate::sample::Sampler,
    pub(super) limits: Limits,
}

/// The part of a loom that a forked process has anew.
struct Inside {
    /// Its threads have been started.
    runs: AtomicBool,
    /// The loom's thread, if it has one.
    collector: OnceLock<Thread>,
    joins: Mutex<Option<JoinHandle<()>>>,
    pipeline: Box<Mutex<Pipeline>>,
    outlets: Vec<Arc<Outlet>>,
    changing: Changing,
    recipe: Arc<Recipe>,
}

/// What the inside of a forked process is made by.
pub(super) struct Recipe {
    pub(super) tail: Option<TailSampler>,
    pub(super) redactor: Option<Arc<Redactor>>,
    pub(super) blobs: Option<Blobs>,
    pub(super) spool: Option<SpoolConfig>,
    /// Is told when the spool cannot be written.
    pub(super) listener: Arc<Listener>,
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
            insides: PerProcess::new(Inside {
                runs: AtomicBool::new(true),
                collector: OnceLock::new(),
                joins: Mutex::default(),
                pipeline: Box::new(Mutex::new(parts.pipeline)),
                outlets: parts.outlets,
                changing: Changing::default(),
                recipe: Arc::new(parts.recipe),
            }),
        }
    }

    /// What counts in this process.
    #[inline]
    fn inside(&self) -> &Inside {
        self.insides.get(Inside::in_child)
    }

    /// As [`Self::inside`], where something is to be sent: a forked process starts its threads now.
    fn running(self: &Arc<Self>) -> &Inside {
        let inside = self.inside();
        if !inside.runs.load(Ordering::Acquire) && !inside.runs.swap(true, Ordering::AcqRel) {
            self.start_in_child(inside);
        }
        inside
    }

    #[cold]
    fn start_in_child(self: &Arc<Self>, inside: &Inside) {
        let recipe = &inside.recipe;
        if self.closed.load(Ordering::Acquire) {
            inside.outlets.iter().for_each(|outlet| outlet.end_now());
            return;
        }
        if let Some(spool) = &recipe.spool {
            locked(&inside.pipeline).store = Some(Store::open(spool));
        }
        for outlet in &inside.outlets {
            outlet.run_in_child();
        }
        self.start_collector();
    }

    /// Starts the thread that takes on what all threads record, where there is somebody to send it to, or to count it.
    pub(super) fn start_collector(self: &Arc<Self>) {
        let inside = self.inside();
        if inside.outlets.is_empty() && locked(&inside.pipeline).feed.is_none() {
            return;
        }
        let core = Arc::clone(self);
        let linger = if core.has_store { LINGER_WITH_SPOOL } else { LINGER };
        let generation = fork::generation();
        let run = move || {
            let _ = core.inside().collector.set(thread::current());
            // Ends in a child, too, where a hook of the program's has forked.
            while !core.closed.load(Ordering::Acquire) && fork::generation() == generation {
                core.collect();
                core.tell_of_spool();
                thread::park_timeout(linger);
            }
        };
        if let Ok(Some(handle)) = fork::spawn("spanloom", run) {
            let _ = inside.collector.set(handle.thread().clone());
            *locked(&inside.joins) = Some(handle);
        }
    }

    /// Tells people what there is to tell of the spool, without any lock.
    pub(super) fn tell_of_spool(&self) {
        if !self.has_store {
            return;
        }
        let news = self.enter().and_then(|mut collecting| collecting.pipeline.store.as_mut()?.news());
        if let Some(notice) = news {
            let listener = &self.inside().recipe.listener;
            let _ = catch_unwind(AssertUnwindSafe(|| listener("spool", &notice)));
        }
    }

    /// Waits for the end of the loom's thread, after a shutdown.
    pub(super) fn join_collector(&self) {
        let Some(inside) = self.insides.if_made() else { return };
        if let Some(collector) = inside.collector.get() {
            collector.unpark();
        }
        let Some(collector) = locked(&inside.joins).take() else { return };
        // A hook of the program's that drops its own loom runs in this very thread.
        if collector.thread().id() != thread::current().id() {
            let _ = collector.join();
        }
    }

    /// True where this process has something to shut down.
    pub(super) fn runs_here(&self) -> bool {
        self.insides.if_made().is_some_and(|inside| inside.runs.load(Ordering::Acquire))
    }

    /// So many spans ended here that began before a fork. Their ends are for the process in which they began.
    #[cold]
    pub(super) fn leave_behind(&self, spans: u64) {
        locked(&self.inside().changing.totals).refuse(Reason::ForkReset, spans);
    }

    /// A buffer for a thread that records for the first time.
    pub(super) fn new_thread_buffer(self: &Arc<Self>) -> Arc<ThreadBuffer> {
        let mut threads = locked(&self.running().changing.threads);
        let buffer = Arc::<ThreadBuffer>::default();
        if self.closed.load(Ordering::Acquire) {
            buffer.close();
        }
        threads.push(Arc::clone(&buffer));
        buffer
    }

    /// A thread ends: what it recorded is taken, and its buffer forgotten.
    pub(super) fn retire(&self, buffer: &Arc<ThreadBuffer>) {
        buffer.retire();
        self.wake();
        if self.closed.load(Ordering::Acquire) {
            self.collect();
        }
    }

    /// False where as much waits to be taken as may; else one more chunk is counted.
    pub(super) fn admits_chunk(&self) -> bool {
        if self.inside().changing.full_chunks.fetch_add(1, Ordering::Relaxed) < MOST_WAITING / CHUNK {
            return true;
        }
        self.inside().changing.full_chunks.fetch_sub(1, Ordering::Relaxed);
        false
    }

    /// Spans ended for which there was no room.
    pub(super) fn refuse(&self, spans: u64) {
        locked(&self.inside().changing.totals).refuse(Reason::QueueFull, spans);
    }

    /// A chunk is full. So many of them are worth waking the loom's thread, which comes by itself now and then.
    pub(super) fn note_full_chunk(&self) {
        let inside = self.inside();
        let full = inside.changing.full_chunks.load(Ordering::Relaxed);
        if self.has_store || inside.collector.get().is_none() || full.is_multiple_of(WORTH_WAKING) {
            self.wake();
        }
    }

    /// There is something to be taken: tells the loom's thread, or, where it has none, takes it.
    pub(super) fn wake(&self) {
        match self.inside().collector.get() {
            Some(thread) => thread.unpark(),
            None => self.collect(),
        }
    }

    /// Takes what all threads recorded to the destinations.
    pub(super) fn collect(&self) {
        if let Some(mut collecting) = self.enter() {
            collecting.take_from_all();
            collecting.end_round(false);
            collecting.serve_store();
        }
    }

    /// As [`Self::collect`], and all that had ended before is counted.
    pub(super) fn count(&self) {
        if let Some(mut collecting) = self.enter() {
            collecting.take_and_count();
        }
    }

    /// Takes records that no chunk can keep to the destinations. Where this thread is on the way there they are lost.
    pub(super) fn accept(self: &Arc<Self>, records: &[u8], spans: u64) {
        let _ = self.running();
        let Some(mut collecting) = self.enter() else {
            locked(&self.inside().changing.totals).refuse(Reason::Misuse, spans);
            return;
        };
        locked(&self.inside().changing.totals).handed_over += spans;
        let mut passed = Passed::default();
        collecting.take_on(Stream::Copied(records.to_vec()), spans, &mut passed);
        collecting.pass_on(passed);
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
    pub(super) fn flush(self: &Arc<Self>, deadline: Instant) -> Receipt {
        let _ = self.running();
        let before = self.ledger();
        if let Some(mut collecting) = self.enter() {
            collecting.flushes = true;
            collecting.take_and_count();
            collecting.decide(false);
            if let Some(store) = &mut collecting.pipeline.store {
                store.sync();
            }
        }
        loop {
            // What waits on the disk is offered in parts, as the destinations have room.
            let more = self.enter().is_some_and(|mut collecting| {
                collecting.flushes = true;
                collecting.serve_store()
            });
            let inside = self.inside();
            let flushing: Vec<_> = inside.outlets.iter().map(|outlet| outlet.begin_flush(deadline)).collect();
            let flushed = || inside.outlets.iter().zip(&flushing);
            if !flushed().all(|(outlet, flushing)| outlet.serve_flush(flushing, deadline)) {
                return Receipt::default();
            }
            flushed().for_each(|(outlet, flushing)| outlet.wait_flushed(flushing, deadline));
            if !more || steady_now() >= deadline {
                return Receipt::between(&before, &self.ledger());
            }
            // The loom's thread may have taken the room, and what it offered is on its way.
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// As [`Self::flush`], and nothing is waited for any more: what is incomplete goes out as it is, what cannot be sent until
    /// the deadline is given up, and what ends from now on is lost, and counted.
    pub(super) fn shut_down(self: &Arc<Self>, deadline: Instant) -> Receipt {
        let _ = self.running();
        let before = self.ledger();
        self.closed.store(true, Ordering::Release);
        for buffer in locked(&self.inside().changing.threads).iter() {
            buffer.close();
        }
        if let Some(mut collecting) = self.enter() {
            collecting.take_from_all();
            collecting.end_round(true);
            collecting.decide(true);
        }
        for outlet in &self.inside().outlets {
            outlet.begin_shutdown(deadline);
        }
        for outlet in &self.inside().outlets {
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
        let inside = self.inside();
        let totals = locked(&inside.changing.totals);
        let waiting: u64 = locked(&inside.changing.threads).iter().map(|buffer| buffer.waiting()).sum();
        let destinations =
            inside.outlets.iter().map(|outlet| (outlet.name().to_owned(), outlet.ledger())).collect();
        let mut ledger = totals.ledger(waiting, destinations);
        ledger.sampled_out += inside.changing.sampled_out.load(Ordering::Relaxed);
        ledger.recovered = inside.changing.recovered.load(Ordering::Relaxed);
        ledger.misuse = inside.changing.misuse.load(Ordering::Relaxed);
        ledger
    }

    pub(super) fn spool_status(&self) -> Option<SpoolStatus> {
        locked(&self.inside().pipeline).store.as_ref()?.status()
    }

    /// How the exporters are doing. Waits for no disk: a probe has no time for that.
    pub(super) fn exporters(&self) -> Exporters {
        let inside = self.inside();
        let ledger = self.ledger();
        let destinations = inside.outlets.iter().map(|outlet| outlet.health()).collect();
        let spool = if self.has_store { self.spool_status_soon() } else { None };
        Exporters { destinations, sampled_out: ledger.sampled_out, ledger: ledger.into(), spool }
    }

    /// As [`Self::spool_status`]; `None` also where the disk has hung for 20 ms.
    pub(super) fn spool_status_soon(&self) -> Option<SpoolStatus> {
        for _ in 0..20 {
            if let Some(pipeline) = try_locked(&self.inside().pipeline) {
                return pipeline.store.as_ref()?.status();
            }
            thread::sleep(Duration::from_millis(1));
        }
        None
    }

    /// What was lost before it was offered to any destination.
    pub(super) fn lost_before(&self) -> Dropped {
        locked(&self.inside().changing.totals).lost
    }

    pub(super) fn count_sampled_out(&self) {
        self.inside().changing.sampled_out.fetch_add(1, Ordering::Relaxed);
    }

    #[cold]
    pub(super) fn count_misuse(&self) {
        self.inside().changing.misuse.fetch_add(1, Ordering::Relaxed);
    }
}

impl Inside {
    /// What a forked process begins with. Of its parent's it waits for nothing, and counts what it can see.
    fn in_child(parents: &Self) -> Self {
        let recipe = Arc::clone(&parents.recipe);
        let mut pipeline = Pipeline {
            feed: None,
            tail: recipe.tail.clone().map(Tail::new),
            redactor: recipe.redactor.clone(),
            blobs: recipe.blobs.clone(),
            store: None,
        };
        if let Some(mut theirs) = try_locked(&parents.pipeline) {
            // Its files are open here, too, and with them locked for longer than the parent lives.
            drop(theirs.store.take());
            // Only where its parent was not in the middle of counting.
            pipeline.feed = theirs.feed.take();
        }
        let changing = Changing::default();
        locked(&changing.totals).refuse(Reason::ForkReset, parents.pending());
        Self {
            runs: AtomicBool::new(false),
            collector: OnceLock::new(),
            joins: Mutex::default(),
            pipeline: Box::new(Mutex::new(pipeline)),
            outlets: parents.outlets.iter().map(|outlet| outlet.in_child()).collect(),
            changing,
            recipe,
        }
    }

    /// How many spans are on their way, as far as nobody is busy with them.
    fn pending(&self) -> u64 {
        let Some(totals) = try_locked(&self.changing.totals) else { return 0 };
        let waiting = try_locked(&self.changing.threads)
            .map_or(0, |threads| threads.iter().filter_map(|buffer| buffer.try_waiting()).sum());
        let ledgers = self.outlets.iter().filter_map(|outlet| Some((String::new(), outlet.try_ledger()?)));
        totals.ledger(waiting, ledgers.collect()).pending
    }
}

/// Locks where nobody else has locked, also after a panic elsewhere.
pub(super) fn try_locked<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(error)) => Some(error.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// Locks, also after a panic elsewhere: what the locks guard is whole at every moment.
pub(super) fn locked<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
