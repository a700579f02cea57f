//! Streams of records on their way to the destinations: where their thread wrote them, or copied together.
//!
//! What waits for a destination keeps the memory in which it stands from being written anew. So a stretch that is most of a chunk
//! goes as it is, and shorter ones are copied, one behind the other:
//!
//! ```text
//!  stretches    [■■■■■■■·] [■·······] [··■·····] [·■■■■■■■]
//!                    │         └────┬─────┘           │
//!  streams        in place        copied           in place
//! ```

use std::iter::Peekable;
use std::vec;

use super::thread_buffer::{CHUNK, Stretch};
use crate::deliver::Parcel;

/// So many bytes of a chunk are handed on where they stand.
const WORTH_HOLDING: usize = CHUNK / 2;
/// About so many bytes are copied together.
const TOGETHER: usize = 1 << 20;

/// A stream of records.
pub(super) enum Stream {
    /// Where their thread wrote them.
    InPlace(Stretch),
    Copied(Vec<u8>),
}

impl Stream {
    pub(super) fn records(&self) -> &[u8] {
        match self {
            Self::InPlace(stretch) => stretch.records(),
            Self::Copied(records) => records,
        }
    }

    pub(super) fn into_parcel(self) -> Parcel {
        match self {
            Self::InPlace(stretch) => stretch.into_parcel(),
            Self::Copied(records) => Parcel::new(records),
        }
    }
}

/// The streams that stretches of chunks become, in their order, each with the number of its ended spans.
pub(super) struct Streams {
    stretches: Peekable<vec::IntoIter<Stretch>>,
    /// From this length on a stretch stays where it is.
    worth_holding: usize,
    /// Bytes that are still to be copied.
    to_copy: usize,
}

impl Streams {
    /// Most of them as they are.
    pub(super) fn in_place(stretches: Vec<Stretch>) -> Self {
        Self::new(stretches, WORTH_HOLDING)
    }

    /// All of them copied: few large ones, for the disk.
    pub(super) fn copied(stretches: Vec<Stretch>) -> Self {
        Self::new(stretches, usize::MAX)
    }

    fn new(stretches: Vec<Stretch>, worth_holding: usize) -> Self {
        let to_copy = stretches.iter().map(Stretch::len).filter(|length| *length < worth_holding).sum();
        Self { stretches: stretches.into_iter().peekable(), worth_holding, to_copy }
    }
}

impl Iterator for Streams {
    type Item = (Stream, u64);

    fn next(&mut self) -> Option<Self::Item> {
        if self.stretches.peek()?.len() >= self.worth_holding {
            let long = self.stretches.next()?;
            let spans = long.spans();
            return Some((Stream::InPlace(long), spans));
        }
        // It may wait for long: no more room than it needs.
        let (mut records, mut spans) = (Vec::new(), 0);
        records.reserve_exact(self.to_copy.min(TOGETHER));
        let goes_with = |next: &Stretch, before: usize| {
            next.len() < self.worth_holding && (before == 0 || before + next.len() <= TOGETHER)
        };
        while let Some(next) = self.stretches.next_if(|next| goes_with(next, records.len())) {
            records.extend_from_slice(next.records());
            spans += next.spans();
        }
        self.to_copy -= records.len();
        Some((Stream::Copied(records), spans))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, self.stretches.size_hint().1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::SpanId;
    use crate::native::thread_buffer::ThreadBuffer;
    use crate::record::{ENVELOPE_LEN, Record, RecordKind};

    /// A stretch of a chunk of its own, with one span, of about this length; and its record.
    fn stretch(length: usize, fill: u8) -> (Stretch, Vec<u8>) {
        let mut record = Vec::new();
        let body = vec![fill; length - ENVELOPE_LEN];
        Record { kind: RecordKind::Finished, flags: 0, revision: 0, workflow: SpanId::NONE, body: &body }
            .write(&mut record);
        let buffer = ThreadBuffer::default();
        assert!(buffer.next_writer().append(&record, true));
        (buffer.take().0.pop().unwrap(), record)
    }

    /// Which of them are copied, and how many spans are in each.
    fn become_of(lengths: &[usize], make: fn(Vec<Stretch>) -> Streams) -> Vec<(bool, u64)> {
        let (stretches, records): (Vec<_>, Vec<_>) =
            (0..).zip(lengths).map(|(fill, length)| stretch(*length, fill)).unzip();
        let streams: Vec<_> = make(stretches).collect();
        let all: Vec<u8> = streams.iter().flat_map(|(stream, _)| stream.records()).copied().collect();
        assert_eq!(all, records.concat(), "their order");
        for (stream, _) in &streams {
            if let Stream::Copied(records) = stream {
                assert!(records.capacity() <= lengths.iter().sum());
            }
        }
        streams.iter().map(|(stream, spans)| (matches!(stream, Stream::Copied(_)), *spans)).collect()
    }

    #[test]
    fn long_stretches_stay_and_short_ones_go_together() {
        let (long, short) = (WORTH_HOLDING + 100, 1000);
        let lengths = [long, short, short, long, short];
        let become_of = |make| become_of(&lengths, make);
        assert_eq!(become_of(Streams::in_place), [(false, 1), (true, 2), (false, 1), (true, 1)]);
        assert_eq!(become_of(Streams::copied), [(true, 5)]);
    }

    #[test]
    fn nothing_becomes_nothing() {
        assert_eq!(become_of(&[], Streams::in_place), []);
        assert_eq!(become_of(&[], Streams::copied), []);
    }

    #[test]
    fn no_copy_is_longer_than_what_goes_together() {
        let lengths = [60_000; 40];
        let most = (TOGETHER / 60_000) as u64;
        assert_eq!(become_of(&lengths, Streams::copied), [(true, most), (true, most), (true, 40 - 2 * most)]);
    }
}
