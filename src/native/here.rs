//! What each thread keeps: span builders for the next spans, and the chunk that takes the records of the last ones.
//!
//! Recording touches nothing that threads wait for each other at: a record is appended to the thread's own [chunk](super::chunk).
//! Only when that is full the thread takes another one, and tells the loom's thread, which reads the full one.

use std::cell::RefCell;
use std::sync::{Arc, Mutex};

use super::chunk::Writer;
use super::clock::Timeline;
use super::core::{Core, locked};
use super::fork::{self, PerProcess};
use super::thread_buffer::{CHUNK, ThreadBuffer};
use super::workflow::OwnedIdentity;
use crate::context::{Context, TraceState};
use crate::id::SpanId;
use crate::record::{SpanBuilder, SpanRole, SpanStart};

/// Builders that a thread keeps for later spans.
const POOL: usize = 64;
/// A builder whose buffers grew beyond this is not kept.
const LARGE: usize = 256 << 10;

/// A span that is being recorded, with what its end needs. In this order, as the front of the builder belongs to what every
/// span needs.
#[repr(C, align(64))]
pub(super) struct Live {
    /// A builder that waits in the pool keeps its loom, so that taking and giving it back touches no shared count.
    pub(super) core: Arc<Core>,
    pub(super) kin: Kin,
    /// The process in which it began.
    generation: u64,
    pub(super) builder: SpanBuilder,
}

impl Live {
    /// The time now, as it passes for this span.
    #[inline]
    pub(super) fn now(&self) -> u64 {
        self.core.time.on(self.kin.timeline)
    }
}

/// A workflow's own records. A forked process adds its own to none.
pub(super) type Log = PerProcess<Mutex<Vec<u8>>>;

/// What a span hands on to its children.
#[derive(Clone, Default)]
pub(super) struct Kin {
    pub(super) workflow: SpanId,
    /// One for a whole workflow, so that its spans stay in order where the clock is set.
    pub(super) timeline: Timeline,
    /// `None` for most.
    pub(super) heritage: Option<Arc<Heritage>>,
}

/// What few workflows hand on. Behind one pointer, so that the spans of all others look once and go on.
#[derive(Default)]
pub(super) struct Heritage {
    pub(super) trace_state: TraceState,
    pub(super) identity: Option<OwnedIdentity>,
    /// The baggage and the request id that came with the caller's context, if any.
    pub(super) passed: Option<Arc<Context>>,
    /// Where the workflow keeps its own records, if it does.
    pub(super) log: Option<Log>,
}

impl Heritage {
    /// Something to be handed on, if it is more than nothing.
    #[inline]
    pub(super) fn of_context(trace_state: TraceState, passed: Option<Arc<Context>>) -> Option<Arc<Self>> {
        let has_some = passed.is_some() || !trace_state.is_empty();
        has_some.then(|| Arc::new(Self { trace_state, passed, ..Self::default() }))
    }
}

/// The tracestate of what has none.
static NO_STATE: TraceState = TraceState::EMPTY;

/// The tracestate that is handed on.
pub(super) fn trace_state(heritage: Option<&Arc<Heritage>>) -> &TraceState {
    heritage.map_or(&NO_STATE, |heritage| &heritage.trace_state)
}

/// The baggage and the request id that are handed on.
pub(super) fn passed(heritage: Option<&Arc<Heritage>>) -> Option<&Context> {
    heritage?.passed.as_deref()
}

/// A thread's way to one loom.
struct Way {
    core: Arc<Core>,
    buffer: Arc<ThreadBuffer>,
    writer: Writer,
}

impl Way {
    /// Appends the record of a span that has ended, or records of another kind; false where they have to go a way of their
    /// own.
    #[inline]
    fn append(&mut self, records: &[u8], is_ended_span: bool) -> bool {
        if self.buffer.is_closed() {
            return false;
        }
        self.writer.append(records, is_ended_span) || self.append_to_next(records, is_ended_span)
    }

    #[cold]
    #[inline(never)]
    fn append_to_next(&mut self, records: &[u8], is_ended_span: bool) -> bool {
        if records.len() > CHUNK {
            return false;
        }
        if !self.core.admits_chunk() {
            self.core.refuse(u64::from(is_ended_span));
            return true;
        }
        self.writer = self.buffer.next_writer();
        self.core.note_full_chunk();
        self.writer.append(records, is_ended_span)
    }
}

struct Here {
    #[expect(clippy::vec_box, reason = "spans carry these boxes about; the pool only keeps them")]
    pool: Vec<Box<Live>>,
    ways: Vec<Way>,
}

impl Here {
    /// The thread's way to this loom.
    #[inline]
    fn way_to(&mut self, core: &Arc<Core>) -> &mut Way {
        let known = self.ways.iter().position(|way| Arc::ptr_eq(&way.core, core));
        let index = known.unwrap_or_else(|| self.new_way_to(core));
        #[expect(clippy::indexing_slicing, reason = "the index was found or made above")]
        &mut self.ways[index]
    }

    #[cold]
    #[inline(never)]
    fn new_way_to(&mut self, core: &Arc<Core>) -> usize {
        // Looms that are gone leave their ways here: forget them before a new one comes.
        for way in self.ways.extract_if(.., |way| way.buffer.is_closed()) {
            way.core.retire(&way.buffer);
        }
        let buffer = core.new_thread_buffer();
        let writer = buffer.next_writer();
        self.ways.push(Way { core: Arc::clone(core), buffer, writer });
        self.ways.len() - 1
    }
}

impl Drop for Here {
    /// The thread ends: what it recorded is for the loom's thread to take.
    fn drop(&mut self) {
        for way in self.ways.drain(..) {
            way.core.retire(&way.buffer);
        }
    }
}

thread_local! {
    static HERE: RefCell<Here> = const { RefCell::new(Here { pool: Vec::new(), ways: Vec::new() }) };
}

/// A builder for a new span.
#[inline]
fn take_live(core: &Arc<Core>) -> Box<Live> {
    let kept = HERE.try_with(|here| here.try_borrow_mut().ok()?.pool.pop()).ok().flatten();
    match kept {
        Some(mut live) => {
            if !Arc::ptr_eq(&live.core, core) {
                live.core = Arc::clone(core);
                live.builder.set_limits(core.limits);
            }
            live
        }
        None => new_live(core),
    }
}

#[cold]
#[inline(never)]
fn new_live(core: &Arc<Core>) -> Box<Live> {
    Box::new(Live {
        core: Arc::clone(core),
        kin: Kin::default(),
        generation: fork::generation(),
        builder: SpanBuilder::new(core.limits),
    })
}

/// Starts a span: gives it an id and a time, and a builder that takes what is said to it.
#[inline(never)]
pub(super) fn begin_live(
    core: &Arc<Core>,
    span: &mut SpanStart<'_>,
    at: Option<u64>,
    timeline: Timeline,
    heritage: Option<Arc<Heritage>>,
) -> Box<Live> {
    span.start_unix_nano = match at {
        Some(at) => at,
        None => core.time.on(timeline),
    };
    let mut live = take_live(core);
    live.kin.timeline = timeline;
    live.kin.workflow = span.workflow;
    match heritage {
        None => live.builder.start(span),
        Some(heritage) => begin_heir(&mut live, span, heritage),
    }
    // More is said of a workflow before it is announced.
    if core.live_view && span.role != SpanRole::Workflow {
        announce(&live);
    }
    live
}

/// Starts a span that others have handed something on to.
#[cold]
#[inline(never)]
fn begin_heir(live: &mut Live, span: &SpanStart<'_>, heritage: Arc<Heritage>) {
    live.builder.start(&SpanStart { trace_state: heritage.trace_state.as_str(), ..*span });
    if let Some(identity) = &heritage.identity {
        live.builder.identity(&identity.borrowed());
    }
    live.kin.heritage = Some(heritage);
}

/// Writes the record that tells of a span that has begun.
#[cold]
pub(super) fn announce(live: &Live) {
    let mut record = Vec::new();
    live.builder.write_started(&mut record);
    put_records(&live.core, &record);
}

/// Ends a span, now or at this time: its record goes into the thread's chunk, its builder back into the pool.
#[inline(never)]
pub(super) fn end_live(mut live: Box<Live>, at: Option<u64>) {
    let end_unix_nano = match at {
        Some(at) => at,
        None => live.now(),
    };
    if live.generation != fork::generation() {
        live.core.leave_behind(1);
        return;
    }
    let Live { builder, kin, .. } = &mut *live;
    let record = builder.finish(end_unix_nano);
    if let Some(heritage) = &kin.heritage {
        keep_record(heritage, record);
        kin.heritage = None;
    }
    let mut unplaced = Some(live);
    let _ = HERE.try_with(|here| {
        let Ok(mut here) = here.try_borrow_mut() else { return };
        let Some(live) = unplaced.take() else { return };
        if !here.way_to(&live.core).append(live.builder.record(), true) {
            unplaced = Some(live);
        } else if here.pool.len() < POOL && !live.builder.grew_beyond(LARGE) {
            here.pool.push(live);
        }
    });
    if let Some(live) = unplaced {
        live.core.accept(live.builder.record(), 1);
    }
}

/// Adds a record to those that the workflow keeps, if it does.
#[cold]
fn keep_record(heritage: &Heritage, record: &[u8]) {
    if let Some(log) = &heritage.log {
        locked(log.get(|_| Mutex::default())).extend_from_slice(record);
    }
}

/// Puts records into the thread's chunk that are no finished spans.
pub(super) fn put_records(core: &Arc<Core>, records: &[u8]) {
    let placed = HERE.try_with(|here| {
        here.try_borrow_mut().is_ok_and(|mut here| here.way_to(core).append(records, false))
    });
    if placed != Ok(true) {
        core.accept(records, 0);
    }
}

/// In a forked process: what waits in this thread's buffers is the parent's.
#[cfg(unix)]
pub(super) fn forget_buffers(generation: u64) {
    let _ = HERE.try_with(|here| {
        let Ok(mut here) = here.try_borrow_mut() else { return };
        // Not dropped: that would tell the loom, and take its locks.
        std::mem::forget(std::mem::take(&mut here.ways));
        for live in &mut here.pool {
            live.generation = generation;
        }
    });
}

/// Lets go of a loom that is gone, as far as this thread holds it, so that its exporters go too.
pub(super) fn forget(core: &Arc<Core>) {
    let held = HERE.try_with(|here| {
        let mut here = here.try_borrow_mut().ok()?;
        let pool: Vec<_> = here.pool.extract_if(.., |live| Arc::ptr_eq(&live.core, core)).collect();
        let ways: Vec<_> = here.ways.extract_if(.., |way| Arc::ptr_eq(&way.core, core)).collect();
        Some((pool, ways))
    });
    // Outside of the closure: what goes now may record, too.
    if let Ok(Some((_pool, ways))) = held {
        for way in ways {
            way.core.retire(&way.buffer);
        }
    }
}
