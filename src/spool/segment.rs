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
    /// Room for what one read brings.
    block: Vec<u8>,
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
    /// Bytes that are no frame, or a frame whose record is broken.
    Broken(Range<usize>),
    /// The file ends inside a frame.
    Torn,
    End,
}

impl<H> SegmentReader<H> {
    /// Reads from this place on.
    pub fn new(file: H, session: u64, from: u64) -> Self {
        Self {
            file,
            session,
            buffer: Vec::new(),
            block: vec![0; BLOCK],
            used: 0,
            next: from,
            ended: false,
            in_broken: false,
        }
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
            let mut read = files.read_at(&mut self.file, self.next, &mut self.block);
            for _ in 0..RETRIES {
                if read.is_err() {
                    read = files.read_at(&mut self.file, self.next, &mut self.block);
                }
            }
            let read = read?;
            self.buffer.extend_from_slice(self.block.get(..read).unwrap_or_default());
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
                if is_whole(self.rest().get(FRAME_LEN..length).unwrap_or_default()) {
                    self.in_broken = false;
                    let place = self.give(length);
                    return Ok(Found::Record(head.mark, place.start.saturating_add(FRAME_LEN)..place.end));
                }
                // Bytes may also be missing in it: then the next frame begins earlier.
                self.fill(files, length.saturating_add(MARKER.len()))?;
                let behind = self.rest().get(length..).unwrap_or_default();
                if behind.is_empty() || behind.starts_with(&MARKER) {
                    self.in_broken = false;
                    return Ok(Found::Broken(self.give(length)));
                }
            } else if self.next_marker(1).is_none() {
                // The frame is right and the file too short for it. As no other follows this is the last write.
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
