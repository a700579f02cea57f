//! Written records are read again: for a program whose queue in memory had no room for them.

use super::Spool;
use crate::spool::files::{FilesError, SpoolFiles};
use crate::spool::format::Mark;
use crate::spool::read_back::{ReadBack, Rereading};

impl<F: SpoolFiles> Spool<F> {
    /// Reads written records again, from behind this one on: for a program whose queue in memory had no room for them.
    /// Gives about so many bytes of what is not settled, at least one record, and none where there are no more. Reading on
    /// where the last call ended reads nothing twice.
    ///
    /// ```
    /// use spanloom::spool::{MemoryFiles, Spool, SpoolOptions};
    /// let mut spool = Spool::open(MemoryFiles::new(), SpoolOptions::new(7), 1);
    /// let back = spool.read_back(0, 1 << 20)?;
    /// assert!(back.records.is_empty());
    /// # Ok::<(), spanloom::spool::FilesError>(())
    /// ```
    ///
    /// # Errors
    /// When the file system fails. Nothing is lost by that: it may be tried again.
    pub fn read_back(&mut self, after: u64, most_bytes: usize) -> Result<ReadBack, FilesError> {
        let mut back = ReadBack::behind(after.max(self.settled.sequence));
        let mut rereading = self.rereading.take();
        while back.last < self.written.sequence && back.records.len() < most_bytes.max(1) {
            let Some((name, before, end)) = self.segment_of(back.last.saturating_add(1)) else { break };
            let mut at = match rereading.take().filter(|at| at.goes_on(name, back.last)) {
                Some(at) => at,
                None => match Rereading::open(&self.files, name, before) {
                    Err(FilesError::NotFound) => {
                        back.miss_up_to(before, end);
                        continue;
                    }
                    at => at?,
                },
            };
            at.read(&self.files, &mut back, end, most_bytes)?;
            rereading = Some(at);
        }
        self.rereading = rereading;
        Ok(back)
    }

    /// The segment that holds this record: its name, what came before it, and its last record.
    fn segment_of(&self, sequence: u64) -> Option<(&str, Mark, Mark)> {
        let closed =
            self.segments.iter().map(|segment| (segment.name.as_str(), segment.before, segment.last));
        let current =
            self.current.iter().map(|current| (current.name.as_str(), current.before, current.last));
        closed.chain(current).find(|(_, _, last)| last.sequence >= sequence)
    }
}
