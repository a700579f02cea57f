//! What each thread keeps: span builders for the next spans, and the records of the last ones.
//!
//! Recording touches nothing that threads share but the thread's own buffer, behind a lock that only a flush ever contends for.
//! A full buffer is handed over by the thread that filled it.

use std::cell::RefCell;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use super::core::{Core, locked};
use crate::context::TraceState;
use crate::id::SpanId;
use crate::record::SpanBuilder;

/// A buffer that holds this many bytes is handed over.
const FULL: usize = 64 << 10;
/// Builders that a thread keeps for later spans.
const POOL: usize = 64;
/// A builder whose buffers grew beyond this is not kept, nor is a thread's buffer.
const LARGE: usize = 256 << 10;

/// A span that is being recorded, with what its end needs.
pub(super) struct Live {
    pub(super) builder: SpanBuilder,
    /// A builder that waits in the pool keeps its loom, so that taking and giving it back touches no shared count.
    pub(super) core: Arc<Core>,
    pub(super) kin: Kin,
}

/// What a span hands on to its children.
#[derive(Clone, Default)]
pub(super) struct Kin {
    pub(super) workflow: SpanId,
    pub(super) trace_state: TraceState,
    pub(super) identity: Option<Arc<super::workflow::OwnedIdentity>>,
    /// Where the workflow keeps its own records, if it does.
    pub(super) log: Option<Arc<Mutex<Vec<u8>>>>,
}

impl Kin {
    /// Takes over what a parent hands on. A builder from the pool has nothing to be dropped.
    #[inline]
    pub(super) fn follow(&mut self, parent: &Self) {
        if parent.is_plain() {
            self.workflow = parent.workflow;
        } else {
            self.clone_from(parent);
        }
    }

    #[inline]
    fn is_plain(&self) -> bool {
        self.identity.is_none() && self.log.is_none() && self.trace_state.is_empty()
    }
}

/// Records of one thread for one loom.
pub(super) struct ThreadBuffer {
    pub(super) batch: Mutex<Batch>,
}

/// Records that have not been handed over.
pub(super) struct Batch {
    pub(super) bytes: Vec<u8>,
    pub(super) spans: u64,
    /// At so many bytes it is handed over. 0 where the loom is gone and nobody would flush it.
    full_at: usize,
}

impl ThreadBuffer {
    pub(super) fn new(closed: bool) -> Self {
        let full_at = if closed { 0 } else { FULL };
        Self { batch: Mutex::new(Batch { bytes: Vec::new(), spans: 0, full_at }) }
    }

    /// From now on nothing waits here.
    pub(super) fn close(&self) {
        locked(&self.batch).full_at = 0;
    }

    /// Takes the records, and how many spans they end; give the bytes back with [`Self::give_back`].
    pub(super) fn take(&self) -> (Vec<u8>, u64) {
        let mut batch = locked(&self.batch);
        (std::mem::take(&mut batch.bytes), std::mem::take(&mut batch.spans))
    }

    /// Gives back a handed-over buffer's room.
    pub(super) fn give_back(&self, mut bytes: Vec<u8>) {
        bytes.clear();
        let mut batch = locked(&self.batch);
        if batch.bytes.capacity() == 0 && bytes.capacity() <= LARGE {
            batch.bytes = bytes;
        }
    }
}

struct Here {
    #[expect(clippy::vec_box, reason = "spans carry these boxes about; the pool only keeps them")]
    pool: Vec<Box<Live>>,
    buffers: Vec<(Arc<Core>, Arc<ThreadBuffer>)>,
}

impl Here {
    /// The thread's buffer for this loom.
    #[inline]
    fn buffer_of(&mut self, core: &Arc<Core>) -> &Arc<ThreadBuffer> {
        let known = self.buffers.iter().position(|(known, _)| Arc::ptr_eq(known, core));
        let index = known.unwrap_or_else(|| {
            // Looms that are gone leave their buffers here: forget them before a new one comes.
            self.buffers.retain(|(core, _)| !core.closed.load(Ordering::Acquire));
            self.buffers.push((Arc::clone(core), core.new_thread_buffer()));
            self.buffers.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "the index was found or made above")]
        &self.buffers[index].1
    }
}

impl Drop for Here {
    /// The thread ends: what it recorded is handed over.
    fn drop(&mut self) {
        for (core, buffer) in self.buffers.drain(..) {
            core.retire(&buffer);
        }
    }
}

thread_local! {
    static HERE: RefCell<Here> = const { RefCell::new(Here { pool: Vec::new(), buffers: Vec::new() }) };
}

/// A builder for a new span.
#[inline]
pub(super) fn take_live(core: &Arc<Core>) -> Box<Live> {
    let kept = HERE.try_with(|here| here.try_borrow_mut().ok()?.pool.pop()).ok().flatten();
    match kept {
        Some(mut live) => {
            if !Arc::ptr_eq(&live.core, core) {
                live.core = Arc::clone(core);
                live.builder.set_limits(core.limits);
            }
            live
        }
        None => Box::new(Live {
            builder: SpanBuilder::new(core.limits),
            core: Arc::clone(core),
            kin: Kin::default(),
        }),
    }
}

/// Ends a span: its record goes into the thread's buffer, its builder back into the pool.
#[inline]
pub(super) fn end_live(mut live: Box<Live>, end_unix_nano: u64) {
    let Live { builder, core, kin } = &mut *live;
    let record = builder.finish(end_unix_nano);
    if !kin.is_plain() {
        leave_kin(kin, record);
    }
    let full = HERE.try_with(|here| {
        let mut here = here.try_borrow_mut().ok()?;
        let buffer = here.buffer_of(core);
        let mut batch = locked(&buffer.batch);
        batch.bytes.extend_from_slice(record);
        batch.spans += 1;
        let full = batch.bytes.len() >= batch.full_at;
        drop(batch);
        Some(if full { Some(Arc::clone(buffer)) } else { None })
    });
    match full {
        Ok(Some(None)) => {}
        Ok(Some(Some(buffer))) => core.hand_over(&buffer),
        // The thread is ending, or this span ended inside a hand-over: its record goes the direct way.
        Ok(None) | Err(_) => core.accept(record, 1),
    }
    if live.builder.capacity() <= LARGE {
        keep(live);
    }
}

/// Keeps a builder for a later span. A thread that is ending has no pool any more: then it is just dropped.
#[inline]
fn keep(live: Box<Live>) {
    let _ = HERE.try_with(|here| {
        if let Ok(mut here) = here.try_borrow_mut()
            && here.pool.len() < POOL
        {
            here.pool.push(live);
        }
    });
}

#[cold]
fn leave_kin(kin: &mut Kin, record: &[u8]) {
    if let Some(log) = &kin.log {
        locked(log).extend_from_slice(record);
    }
    *kin = Kin::default();
}

/// Puts records into the thread's buffer that are no finished spans.
pub(super) fn put_records(core: &Arc<Core>, records: &[u8]) {
    let full = HERE.try_with(|here| {
        let mut here = here.try_borrow_mut().ok()?;
        let buffer = here.buffer_of(core);
        let mut batch = locked(&buffer.batch);
        batch.bytes.extend_from_slice(records);
        let full = batch.bytes.len() >= batch.full_at;
        drop(batch);
        Some(if full { Some(Arc::clone(buffer)) } else { None })
    });
    match full {
        Ok(Some(None)) => {}
        Ok(Some(Some(buffer))) => core.hand_over(&buffer),
        Ok(None) | Err(_) => core.accept(records, 0),
    }
}

/// Lets go of a loom that is gone, as far as this thread holds it, so that its sinks go too.
pub(super) fn forget(core: &Arc<Core>) {
    let held = HERE.try_with(|here| {
        let mut here = here.try_borrow_mut().ok()?;
        let pool: Vec<_> = here.pool.extract_if(.., |live| Arc::ptr_eq(&live.core, core)).collect();
        let buffers: Vec<_> = here.buffers.extract_if(.., |(known, _)| Arc::ptr_eq(known, core)).collect();
        Some((pool, buffers))
    });
    // Outside of the closure: what goes now may record, too.
    if let Ok(Some((_pool, buffers))) = held {
        for (core, buffer) in buffers {
            core.retire(&buffer);
        }
    }
}
