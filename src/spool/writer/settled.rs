//! What is settled goes: segments, and at the end of a run all of its files.

use super::{Spool, SpoolError};
use crate::spool::files::{FilesError, SpoolFiles};
use crate::spool::format::RUN;

impl<F: SpoolFiles> Spool<F> {
    /// All records up to this one are settled: delivered, rejected or dropped. Segments below it are removed.
    pub fn acknowledge(&mut self, sequence: u64, now: u64) {
        while let Some(mark) = self.marks.front().filter(|mark| mark.sequence <= sequence) {
            self.settled = *mark;
            self.marks.pop_front();
        }
        if !self.tidy(now) {
            self.note(false);
        }
    }

    /// Removes the segments that hold nothing but settled records; false where there are none. In trouble too: a full disk
    /// gets room by this.
    pub(super) fn tidy(&mut self, now: u64) -> bool {
        if self.current.as_ref().is_some_and(|current| current.bytes >= self.segment_size()) {
            self.end_settled_segment();
        }
        let settled = self.settled.sequence;
        let Some(last) = self
            .segments
            .iter()
            .map(|segment| segment.last.sequence)
            .take_while(|last| *last <= settled)
            .last()
        else {
            return false;
        };
        self.move_starts(last, now);
        match (self.remove_settled(), &mut self.trouble) {
            (Ok(()), Some(trouble)) => trouble.retry_at = now,
            (Err(error), None) => self.fail(error, now),
            _ => {}
        }
        true
    }

    /// The starts of open spans move on from segments that will be removed, so that a crash can still close them.
    fn move_starts(&mut self, last: u64, now: u64) {
        let starts = self.open.take_up_to(last);
        if starts.is_empty() {
            return;
        }
        for start in &starts {
            self.add(start, now);
        }
        self.remember(self.accepted);
        if self.trouble.is_none()
            && let Err(error) = self.write_and_sync(now)
        {
            // They wait in memory. Keeping the segments for them would keep a full disk full.
            self.fail(error, now);
        }
    }

    /// First the cursor is made durable, then the segments go. The other way round a loss of power in between would leave a
    /// cursor that points at records which are gone, and the next start would report them as lost.
    fn remove_settled(&mut self) -> Result<(), FilesError> {
        let counters = self.counters(false);
        if let Some(run) = &mut self.run {
            run.promise(&self.files, counters)?;
        }
        let settled = self.settled.sequence;
        while let Some(segment) = self.segments.front().filter(|segment| segment.last.sequence <= settled) {
            remove(&self.files, &segment.name)?;
            self.segment_bytes = self.segment_bytes.saturating_sub(segment.bytes);
            self.segments.pop_front();
        }
        Ok(())
    }

    /// Ends the spool: writes and syncs what there is. Where all is settled its files are removed; else the next start
    /// delivers them.
    ///
    /// # Errors
    /// When that fails.
    pub fn close(mut self, now: u64) -> Result<(), SpoolError> {
        self.retry(now);
        let result = self.write_and_sync(now).and_then(|()| self.leave());
        result.map_err(SpoolError::Io)
    }

    fn leave(&mut self) -> Result<(), FilesError> {
        let counters = self.counters(true);
        let Some(run) = &mut self.run else { return Ok(()) };
        run.promise(&self.files, counters)?;
        if self.settled.sequence < self.given || !self.open.is_empty() {
            return Ok(());
        }
        let current = self.current.take().map(|current| current.name);
        for name in self.segments.drain(..).map(|segment| segment.name).chain(current) {
            remove(&self.files, &name)?;
        }
        remove(&self.files, &run.name.file(RUN))
    }
}

/// Removes a file; where it is gone already that is as good.
pub(in crate::spool) fn remove<F: SpoolFiles>(files: &F, name: &str) -> Result<(), FilesError> {
    match files.remove(name) {
        Err(FilesError::NotFound) => Ok(()),
        other => other,
    }
}
