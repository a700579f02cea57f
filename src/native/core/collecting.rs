//! The way from the threads' buffers to the destinations. One thread at a time is on it: it holds the lock of the pipeline.

use std::cell::Cell;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard};

use super::{Core, Inside, locked};
use crate::deliver::{Amount, Parcel};
use crate::native::ledger::Totals;
use crate::native::pipeline::{Passed, Pipeline};
use crate::native::stream::{Stream, Streams};
use crate::native::thread_buffer::{Stretch, ThreadBuffer};

impl Core {
    /// The way to the destinations; `None` where this thread is on it already, because a hook or a clock records.
    pub(super) fn enter(&self) -> Option<Collecting<'_>> {
        let thread = this_thread();
        // Only this thread ever stores its own number, so no ordering is needed.
        let inside = self.inside();
        if inside.changing.collecting.load(Ordering::Relaxed) == thread {
            return None;
        }
        let pipeline = locked(&inside.pipeline);
        inside.changing.collecting.store(thread, Ordering::Relaxed);
        Some(Collecting { core: self, inside, pipeline, flushes: false })
    }

    fn offer(&self, totals: &mut Totals, parcel: &Parcel, flushes: bool) {
        totals.offered += parcel.spans();
        for outlet in &self.inside().outlets {
            outlet.offer(parcel.clone(), flushes);
        }
    }

    /// For how much more every destination has room.
    fn room(&self) -> Amount {
        let least = |one: Amount, other: Amount| Amount {
            spans: one.spans.min(other.spans),
            bytes: one.bytes.min(other.bytes),
        };
        self.inside().outlets.iter().map(|outlet| outlet.room()).reduce(least).unwrap_or_default()
    }

    /// Up to which of the spool's parcels all destinations have settled.
    fn settled(&self) -> Option<u64> {
        self.inside().outlets.iter().map(|outlet| outlet.settled_up_to()).min().flatten()
    }
}

/// A thread on its way to the destinations of a loom.
pub(super) struct Collecting<'a> {
    core: &'a Core,
    inside: &'a Inside,
    pub(super) pipeline: MutexGuard<'a, Pipeline>,
    /// Each destination is flushed right behind.
    pub(super) flushes: bool,
}

impl Collecting<'_> {
    pub(super) fn take_from_all(&mut self) {
        let threads: Vec<_> = locked(&self.inside.changing.threads).clone();
        for buffer in &threads {
            // Asked before: what comes behind the end of a thread is nothing.
            let ended = buffer.is_retired();
            self.take_from(buffer);
            if ended {
                locked(&self.inside.changing.threads).retain(|known| !Arc::ptr_eq(known, buffer));
            }
        }
    }

    /// Takes from all, and has all of that counted.
    pub(super) fn take_and_count(&mut self) {
        self.take_from_all();
        self.end_round(false);
        if self.pipeline.feed.is_some() {
            // What was taken is counted when another round has brought nothing that belongs before it.
            self.take_from_all();
            self.end_round(false);
        }
    }

    fn take_from(&mut self, buffer: &ThreadBuffer) {
        let (stretches, full) = {
            let mut totals = locked(&self.inside.changing.totals);
            let (stretches, full) = buffer.take();
            totals.handed_over += stretches.iter().map(Stretch::spans).sum::<u64>();
            (stretches, full)
        };
        self.inside.changing.full_chunks.fetch_sub(full, Ordering::Relaxed);
        let mut passed = Passed::with_capacity(stretches.len());
        // What is written down is written in few large pieces.
        let streams = match self.pipeline.store {
            Some(_) => Streams::copied(stretches),
            None => Streams::in_place(stretches),
        };
        for (stream, spans) in streams {
            self.take_on(stream, spans, &mut passed);
        }
        self.pass_on(passed);
    }

    pub(super) fn take_on(&mut self, stream: Stream, spans: u64, passed: &mut Passed) {
        self.pipeline.take_on(stream, spans, self.core.time.unix_nanos(), passed);
    }

    pub(super) fn pass_on(&mut self, passed: Passed) {
        self.offer(passed);
        if self.core.closed.load(Ordering::Acquire) {
            self.end_round(true);
            self.decide(true);
        }
    }

    pub(super) fn end_round(&mut self, finish: bool) {
        self.pipeline.end_round(finish, self.core.time.unix_nanos());
    }

    pub(super) fn decide(&mut self, finish: bool) {
        let mut passed = Passed::default();
        self.pipeline.decide(finish, self.core.time.unix_nanos(), &mut passed);
        self.offer(passed);
    }

    fn offer(&mut self, passed: Passed) {
        {
            let mut totals = locked(&self.inside.changing.totals);
            // What the tail sampler left out was accepted at first and is not any more.
            totals.handed_over = (totals.handed_over + passed.abandoned).saturating_sub(passed.sampled_out);
            totals.sampled_out += passed.sampled_out;
            totals.lost.add_all(&passed.lost);
        }
        for stream in passed.streams {
            // Without the totals: nobody who counts or looks is to wait for a disk. Until it is offered, it counts as pending.
            let parcel = match &mut self.pipeline.store {
                Some(store) => store.keep(stream, self.core.room()),
                None => Some(stream.into_parcel()),
            };
            if let Some(parcel) = parcel {
                self.core.offer(&mut locked(&self.inside.changing.totals), &parcel, self.flushes);
            }
        }
    }

    /// What the spool asks for: what is settled goes, what an earlier process left is offered where there is room.
    /// True where there is more than there is room for.
    pub(super) fn serve_store(&mut self) -> bool {
        let Some(store) = &mut self.pipeline.store else { return false };
        if let Some(settled) = self.core.settled() {
            store.settle(settled);
        }
        store.tick();
        while let Some(parcel) = store.next_behind(self.core.room()) {
            self.core.offer(&mut locked(&self.inside.changing.totals), &parcel, self.flushes);
        }
        while let Some(found) = store.next_found(self.core.room()) {
            let mut totals = locked(&self.inside.changing.totals);
            totals.handed_over += found.spans();
            self.core.offer(&mut totals, &found, self.flushes);
            drop(totals);
            self.inside.changing.recovered.fetch_add(found.spans(), Ordering::Relaxed);
        }
        let mut totals = locked(&self.inside.changing.totals);
        totals.lost.add_all(&store.newly_lost());
        for (reason, spans) in store.newly_missing().iter() {
            totals.refuse(reason, spans);
        }
        store.has_more()
    }
}

impl Drop for Collecting<'_> {
    fn drop(&mut self) {
        self.inside.changing.collecting.store(0, Ordering::Relaxed);
    }
}

/// A number that no other running thread has, and that is not 0: a place in the thread's own memory.
fn this_thread() -> usize {
    thread_local! {
        static PLACE: Cell<u8> = const { Cell::new(0) };
    }
    PLACE.with(|place| std::ptr::from_ref(place).addr())
}
