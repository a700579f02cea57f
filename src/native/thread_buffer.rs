//! What one thread has recorded for one loom and nobody has taken on yet: the chunk that it writes, and full ones.
//!
//! ```text
//!  thread ──append──▶ chunk ──take──▶ Stretch ──▶ Parcel ──▶ destinations
//!            ▲                 (an Arc of the chunk, and from where to where)
//!            └───────── spare chunks, when nobody holds them any more
//! ```
//!
//! Nothing is copied on this way: a destination reads where the thread wrote, and a chunk that somebody holds is not written
//! anew.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::chunk::{Chunk, Filled, Writer};
use super::core::{locked, try_locked};
use crate::deliver::Parcel;

/// Bytes of a chunk. Longer records go a way of their own.
pub(super) const CHUNK: usize = 64 << 10;
/// Chunks that a thread keeps for later records.
const SPARE: usize = 64;

/// Records of one thread for one loom, for those who take them on.
#[derive(Default)]
pub(super) struct ThreadBuffer {
    /// The thread has ended, or the loom is gone: nothing is to wait here.
    closed: AtomicBool,
    /// The thread has ended: nothing comes here any more.
    retired: AtomicBool,
    reading: Mutex<Reading>,
}

#[derive(Default)]
struct Reading {
    /// Chunks from the oldest to the one that is being written, and how far each has been taken.
    chunks: VecDeque<(Arc<Chunk>, Filled)>,
    /// Chunks that have been taken whole, oldest first: for the next time, when nobody reads them any more.
    spare: VecDeque<Arc<Chunk>>,
}

impl Reading {
    fn waiting(&self) -> u64 {
        let waiting = |(chunk, taken): &(Arc<Chunk>, Filled)| chunk.filled().spans - taken.spans;
        self.chunks.iter().map(|chunk| u64::from(waiting(chunk))).sum()
    }
}

/// Records that were taken from a thread's buffer. They stay where they are, in a chunk that is not written anew until all
/// who hold it are done.
pub(super) struct Stretch {
    chunk: Arc<Chunk>,
    from: Filled,
    to: Filled,
}

impl Stretch {
    pub(super) fn records(&self) -> &[u8] {
        self.chunk.between(self.from, self.to)
    }

    pub(super) const fn len(&self) -> usize {
        (self.to.bytes - self.from.bytes) as usize
    }

    pub(super) const fn spans(&self) -> u64 {
        (self.to.spans - self.from.spans) as u64
    }

    /// The same, to be given to destinations.
    pub(super) fn into_parcel(self) -> Parcel {
        if self.from.others < self.to.others {
            return Parcel::new(self.records().to_vec());
        }
        let range = self.from.bytes as usize..self.to.bytes as usize;
        Parcel::of_spans(self.chunk, range, u32::from(self.to.spans - self.from.spans))
    }
}

impl ThreadBuffer {
    /// From now on nothing waits here.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// From now on nothing comes here. What a thread was about to append when the buffer was closed still may come before.
    pub(super) fn retire(&self) {
        self.close();
        self.retired.store(true, Ordering::Release);
    }

    pub(super) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Acquire)
    }

    #[inline]
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// How many spans wait here.
    pub(super) fn waiting(&self) -> u64 {
        locked(&self.reading).waiting()
    }

    /// As [`Self::waiting`], where nobody is busy here.
    pub(super) fn try_waiting(&self) -> Option<u64> {
        try_locked(&self.reading).map(|reading| reading.waiting())
    }

    /// Takes what waits here; also says how many full chunks went with it.
    pub(super) fn take(&self) -> (Vec<Stretch>, usize) {
        let mut reading = locked(&self.reading);
        let mut stretches = Vec::with_capacity(reading.chunks.len());
        for (chunk, taken) in &mut reading.chunks {
            let from = std::mem::replace(taken, chunk.filled());
            if from != *taken {
                stretches.push(Stretch { chunk: Arc::clone(chunk), from, to: *taken });
            }
        }
        // All but the last one are full, and now they are taken.
        let full = reading.chunks.len().saturating_sub(1);
        let Reading { chunks, spare } = &mut *reading;
        let room = SPARE.saturating_sub(spare.len());
        spare.extend(chunks.drain(..full).map(|(chunk, _)| chunk).take(room));
        (stretches, full)
    }

    /// A chunk for the thread's next records.
    pub(super) fn next_writer(&self) -> Writer {
        let mut reading = locked(&self.reading);
        let free = reading.spare.iter().rposition(|chunk| Arc::strong_count(chunk) == 1);
        let again = free.and_then(|index| reading.spare.remove(index)).and_then(Writer::again);
        let writer = again.unwrap_or_else(|| Writer::new(CHUNK));
        reading.chunks.push_back((Arc::clone(writer.chunk()), Filled::default()));
        writer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::{Destination, Options};
    use crate::id::SpanId;
    use crate::record::{Record, RecordKind};

    /// A record with a body of this length.
    fn record(kind: RecordKind, length: usize) -> Vec<u8> {
        let mut record = Vec::new();
        Record { kind, flags: 0, revision: 0, workflow: SpanId::NONE, body: &vec![7; length] }
            .write(&mut record);
        record
    }

    /// Fills a chunk, and takes it.
    fn full_stretch(buffer: &ThreadBuffer, record: &[u8]) -> Stretch {
        let mut writer = buffer.next_writer();
        while writer.append(record, true) {}
        buffer.take().0.pop().unwrap()
    }

    #[test]
    fn a_chunk_is_not_written_anew_while_somebody_holds_a_part_of_it() {
        let buffer = ThreadBuffer::default();
        let (first, second) = (record(RecordKind::Finished, 100), record(RecordKind::Finished, 101));
        let held = full_stretch(&buffer, &first);
        let place = held.records().as_ptr();
        let parcel = held.into_parcel();
        for _ in 0..3 {
            let other = full_stretch(&buffer, &second);
            assert_ne!(other.records().as_ptr(), place, "it is held");
        }
        assert_eq!(parcel.bytes(), parcel.records() * first.len());
        drop(parcel);
        let mut later: Vec<_> = (0..4).map(|_| full_stretch(&buffer, &second)).collect();
        later.retain(|stretch| stretch.records().as_ptr() == place);
        assert_eq!(later.len(), 1, "it is used again when nobody holds it any more");
    }

    #[test]
    fn a_queue_that_has_room_for_one_span_does_not_hold_a_chunk() {
        let buffer = ThreadBuffer::default();
        let record = record(RecordKind::Finished, 100);
        let stretch = full_stretch(&buffer, &record);
        let place = stretch.records().as_ptr();
        let mut destination = Destination::new(&Options { queue_spans: 1, ..Options::default() });
        destination.offer(stretch.into_parcel(), 0);
        assert_eq!(destination.queued().spans, 1);
        let later: Vec<_> = (0..4).map(|_| full_stretch(&buffer, &record)).collect();
        assert!(later.iter().any(|stretch| stretch.records().as_ptr() == place));
    }

    #[test]
    fn what_is_known_of_ended_spans_is_what_reading_them_tells() {
        for lengths in [[0, 1, 127], [128, 471, 16_383], [16_384, 1, 40_000]] {
            let buffer = ThreadBuffer::default();
            let mut writer = buffer.next_writer();
            for length in lengths {
                assert!(writer.append(&record(RecordKind::Finished, length), true));
            }
            let stretch = buffer.take().0.pop().unwrap();
            let read = Parcel::new(stretch.records().to_vec());
            let known = stretch.into_parcel();
            assert_eq!((known.spans(), known.records()), (read.spans(), read.records()));
            assert_eq!((known.bytes(), known.broken()), (read.bytes(), read.broken()));
            let more = known.encoded() - read.encoded();
            assert!(more <= 2 * known.spans(), "{more} bytes more in a request of {}", read.encoded());
        }
    }

    #[test]
    fn what_is_no_ended_span_is_looked_at() {
        let buffer = ThreadBuffer::default();
        let mut writer = buffer.next_writer();
        assert!(writer.append(&record(RecordKind::Started, 10), false));
        assert!(writer.append(&record(RecordKind::Finished, 10), true));
        let parcel = buffer.take().0.pop().unwrap().into_parcel();
        assert_eq!((parcel.spans(), parcel.records()), (1, 2));
    }
}
