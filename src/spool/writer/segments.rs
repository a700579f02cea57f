//! The files of a run: its run file, the segment at hand, and those that are written to the end.

use super::Spool;
use super::stream::{first_frames, reframe};
use crate::spool::files::{FilesError, SpoolFiles};
use crate::spool::format::{FileKind, HEADER_LEN, Header, Mark, RUN, RunName};
use crate::spool::run::create_run;

/// No segment is smaller.
const SMALLEST_SEGMENT: u64 = 4 << 10;

#[derive(Debug)]
pub(super) struct Current<H> {
    pub(super) file: H,
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) before: Mark,
    pub(super) last: Mark,
    pub(super) name_synced: bool,
}

#[derive(Debug)]
pub(super) struct Segment {
    pub(super) name: String,
    pub(super) bytes: u64,
    /// What came before its first record.
    pub(super) before: Mark,
    pub(super) last: Mark,
}

impl<F: SpoolFiles> Spool<F> {
    pub(super) fn write_and_sync(&mut self, now: u64) -> Result<(), FilesError> {
        self.write(now)?;
        self.sync_current()
    }

    pub(super) fn write(&mut self, now: u64) -> Result<(), FilesError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        if self.current.as_ref().is_some_and(|current| current.bytes >= self.segment_size()) {
            self.sync_current()?;
            self.end_segment();
        }
        if self.current.is_none() {
            self.begin_segment(now)?;
        }
        let Some(current) = &mut self.current else { return Ok(()) };
        // In trouble little by little: a disk that never holds all that waits takes some of it, and the rest when that is settled.
        let most = if self.trouble.is_some() { self.options.write_bytes } else { usize::MAX };
        while !self.waiting.is_empty() {
            let whole = (self.waiting.as_slice(), self.accepted);
            let (piece, last) = first_frames(&self.waiting, most).unwrap_or(whole);
            self.files.write_at(&mut current.file, current.bytes, piece)?;
            let length = piece.len();
            current.bytes = current.bytes.saturating_add(length as u64);
            current.last = last;
            self.written = last;
            self.waiting.drain(..length);
            self.unsynced_since.get_or_insert(now);
        }
        // One huge append is no reason to keep its room for ever.
        self.waiting.shrink_to(self.options.write_bytes.saturating_mul(4));
        Ok(())
    }

    fn sync_current(&mut self) -> Result<(), FilesError> {
        if self.unsynced_since.is_none() {
            return Ok(());
        }
        if let Some(current) = &mut self.current {
            self.files.sync(&mut current.file)?;
            if !current.name_synced {
                self.files.sync_folder()?;
                current.name_synced = true;
            }
            // A file that somebody removed takes bytes as ever, and they are gone.
            self.files.length(&current.name)?;
        }
        // A sync that failed leaves doubt, which no later sync removes: only that those records are settled.
        self.synced = if self.doubtful > self.settled.sequence { self.synced } else { self.written };
        self.unsynced_since = None;
        Ok(())
    }

    /// Opens the files of this run where there are none.
    pub(super) fn ready_run(&mut self, now: u64) -> Result<(), FilesError> {
        if let Some(run) = &self.run {
            match self.files.length(&run.name.file(RUN)) {
                Err(FilesError::NotFound) => self.run = None,
                other => return other.map(|_| ()),
            }
        }
        for attempt in 0..16 {
            let session = self.options.session.wrapping_add(attempt);
            let name = RunName { created: now, session };
            if let Some(run) = create_run(&self.files, name, self.options.process)? {
                // What waits was framed for another session.
                reframe(&mut self.waiting, session, self.written);
                self.run = Some(run);
                self.base = self.written;
                self.measure_others(now);
                self.note(false);
                return Ok(());
            }
        }
        Err(FilesError::Exists)
    }

    fn begin_segment(&mut self, now: u64) -> Result<(), FilesError> {
        if self.run.is_none() {
            self.ready_run(now)?;
        }
        let Some(run) = &self.run else { return Err(FilesError::NotFound) };
        let (number, run) = (self.next_number, run.name);
        // A number is used once, also where this fails: nothing is written over.
        self.next_number = self.next_number.saturating_add(1);
        let name = run.segment(number);
        let mut file = self.files.create(&name)?;
        let header = Header {
            kind: FileKind::Segment,
            number,
            run,
            before: self.written,
            process: self.options.process,
        };
        self.segments_begun(&name);
        self.files.write_at(&mut file, 0, &header.write())?;
        let bytes = HEADER_LEN as u64;
        self.segments.pop_back();
        self.current =
            Some(Current { file, name, bytes, before: self.written, last: self.written, name_synced: false });
        Ok(())
    }

    /// Remembers a segment whose header may fail to be written, so that it is removed one day.
    fn segments_begun(&mut self, name: &str) {
        let (before, last) = (self.written, self.written);
        self.segments.push_back(Segment { name: name.to_owned(), bytes: 0, before, last });
    }

    pub(super) fn segment_size(&self) -> u64 {
        self.options.segment_bytes.min(self.options.cap_bytes / 4).max(SMALLEST_SEGMENT)
    }

    /// Ends the segment at hand where it holds nothing but settled records, so that it can be removed.
    pub(super) fn end_settled_segment(&mut self) {
        let settled = self.settled.sequence;
        if self.current.as_ref().is_some_and(|current| current.last.sequence <= settled) {
            self.unsynced_since = None;
            self.end_segment();
        }
    }

    pub(super) fn end_segment(&mut self) {
        if let Some(Current { name, bytes, before, last, .. }) = self.current.take() {
            self.segment_bytes = self.segment_bytes.saturating_add(bytes);
            self.segments.push_back(Segment { name, bytes, before, last });
        }
    }
}
