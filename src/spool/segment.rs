//! Reading a segment from its first byte to its last, whatever is in it.
//!
//! Bytes that are no frame are given out as broken ones, piece by piece; reading goes on at the next frame that is
//! right. Memory is bounded by the longest record and a block.

use core::ops::Range;

use super::files::{FilesError, SpoolFiles};
use super::format::{FRAME_LEN, HEAD_LEN, MARKER, Mark, is_whole, read_frame};

const BLOCK: usize = 64 << 10;
/// How often a read is tried again before the rest of the file is given up.
const RETRIES: usize = 2;

#[derive(Debug)]
pub(super) struct SegmentReader<H> {
    file: H,
    session: u64,
    buffer: Vec<u8>,
    /// How much of the buffer was given out.
    used: usize,
    /// Where in the file the next block begins.
    next: u64,
    ended: bool,
    /// Nothing but frames up to here: what follows at the end may be the rest of a last write.
    in_broken: bool,
}

/// What was found; bytes are got by [`SegmentReader::bytes`] until the next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// A record.
    Record(Mark, Range<usize>),
    /// A frame whose record is broken.
    BrokenRecord(Range<usize>),
    /// Bytes that are no frame.
    Broken(Range<usize>),
    /// The file ends inside a frame.
    Torn,
    End,
}

impl<H> SegmentReader<H> {
    /// Reads from this place on.
    pub fn new(file: H, session: u64, from: u64) -> Self {
        Self { file, session, buffer: Vec::new(), used: 0, next: from, ended: false, in_broken: false }
    }

    pub fn bytes(&self, place: Range<usize>) -> &[u8] {
        self.buffer.get(place).unwrap_or_default()
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.used..).unwrap_or_default()
    }

    /// Takes so many bytes.
    fn give(&mut self, length: usize) -> Range<usize> {
        let from = self.used;
        self.used = from.saturating_add(length).min(self.buffer.len());
        from..self.used
    }

    /// Reads until so many bytes are there, or the file ends.
    fn fill<F: SpoolFiles<File = H>>(&mut self, files: &F, wanted: usize) -> Result<(), FilesError> {
        if self.rest().len() >= wanted || self.ended {
            return Ok(());
        }
        self.buffer.drain(..self.used);
        self.used = 0;
        while self.buffer.len() < wanted && !self.ended {
            let filled = self.buffer.len();
            self.buffer.resize(filled.saturating_add(BLOCK), 0);
            let place = self.buffer.get_mut(filled..).unwrap_or_default();
            let mut read = files.read_at(&mut self.file, self.next, place);
            for _ in 0..RETRIES {
                if read.is_err() {
                    read = files.read_at(&mut self.file, self.next, place);
                }
            }
            let read = read.inspect_err(|_| self.buffer.truncate(filled))?;
            self.buffer.truncate(filled.saturating_add(read));
            self.next = self.next.saturating_add(read as u64);
            self.ended = read == 0;
        }
        Ok(())
    }

    /// The next thing in the file.
    pub fn next<F: SpoolFiles<File = H>>(&mut self, files: &F) -> Result<Found, FilesError> {
        self.fill(files, HEAD_LEN)?;
        if self.rest().is_empty() {
            return Ok(Found::End);
        }
        if let Some(head) = read_frame(self.rest(), self.session) {
            let length = FRAME_LEN.saturating_add(head.length);
            self.fill(files, length)?;
            if self.rest().len() >= length {
                self.in_broken = false;
                let place = self.give(length);
                let record = place.start.saturating_add(FRAME_LEN)..place.end;
                let whole = is_whole(self.bytes(record.clone()));
                return Ok(if whole { Found::Record(head.mark, record) } else { Found::BrokenRecord(place) });
            }
            // The frame is right and the file too short for it. Unless another one follows this is the last write.
            if self.next_marker(1).is_none() {
                self.give(usize::MAX);
                return Ok(Found::Torn);
            }
        } else if self.rest().len() < HEAD_LEN && !self.in_broken {
            self.give(usize::MAX);
            return Ok(Found::Torn);
        }
        self.in_broken = true;
        // The marker that stands here, if one does, is a wrong one.
        let broken = match self.next_marker(1) {
            Some(marker) => marker,
            // A marker may begin in the last bytes and go on in the next block.
            None if self.ended => self.rest().len(),
            None => self.rest().len().saturating_sub(MARKER.len() - 1).max(1),
        };
        Ok(Found::Broken(self.give(broken)))
    }

    /// Where the next marker stands, counted from what comes next.
    fn next_marker(&self, from: usize) -> Option<usize> {
        let rest = self.rest().get(from..)?;
        rest.windows(MARKER.len()).position(|window| window == MARKER).map(|at| at.saturating_add(from))
    }
}
