//! How much a spool may hold, and how much it does.

use super::{Spool, SpoolError};
use crate::spool::files::SpoolFiles;
use crate::spool::format::{Named, read_name};

/// How long a look at what others have in the folder serves.
const MEASURE_NANOS: u64 = 1_000_000_000;

impl<F: SpoolFiles> Spool<F> {
    pub(super) fn make_sure_of_room(&mut self, bytes: u64, now: u64) -> Result<(), SpoolError> {
        let stale = self.measured.is_none_or(|at| now.saturating_sub(at) >= MEASURE_NANOS);
        if stale && self.used().saturating_add(bytes) > self.options.cap_bytes {
            self.measure_others(now);
        }
        if self.used().saturating_add(bytes) > self.options.cap_bytes {
            self.end_settled_segment();
            self.tidy(now);
        }
        let used = self.used();
        if used.saturating_add(bytes) > self.options.cap_bytes {
            return Err(SpoolError::Full { bytes: used, cap: self.options.cap_bytes });
        }
        Ok(())
    }

    fn used(&self) -> u64 {
        let current = self.current.as_ref().map_or(0, |current| current.bytes);
        let own = self.segment_bytes.saturating_add(current).saturating_add(self.waiting.len() as u64);
        own.saturating_add(self.foreign_bytes)
    }

    /// Sums up what others have in the folder: dead processes, and living ones.
    pub(super) fn measure_others(&mut self, now: u64) {
        self.measured = Some(now);
        let own = self.run.as_ref().map(|run| run.name);
        let Ok(entries) = self.files.list() else { return };
        let foreign = entries.iter().filter(|entry| match read_name(&entry.name) {
            Named::Segment(run, _) => Some(run) != own,
            Named::Bad => true,
            _ => false,
        });
        self.foreign_bytes = foreign.map(|entry| entry.bytes).sum();
    }
}
