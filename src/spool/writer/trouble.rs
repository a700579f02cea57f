//! When the file system fails: a pause, which grows, and another try.

use super::Spool;
use crate::spool::files::{FilesError, SpoolFiles};

/// How often the pause after a failure doubles.
const LONGEST_PAUSE: u64 = 30;

#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) error: FilesError,
    pub(super) retry_at: u64,
    pub(super) pause: u64,
}

impl<F: SpoolFiles> Spool<F> {
    /// The file system failed: nothing more is written to the segment, whose state nobody knows.
    pub(super) fn fail(&mut self, error: FilesError, now: u64) {
        self.failures = self.failures.saturating_add(1);
        if self.unsynced_since.take().is_some() {
            self.doubtful = self.doubtful.max(self.written.sequence);
        }
        self.end_segment();
        let longest = self.options.retry_nanos.saturating_mul(LONGEST_PAUSE);
        let pause = match &self.trouble {
            Some(before) => before.pause.saturating_mul(2).min(longest),
            None => self.options.retry_nanos,
        };
        self.trouble = Some(Trouble { error, retry_at: now.saturating_add(pause), pause });
    }

    /// Tries again what failed, where it is time.
    pub(super) fn retry(&mut self, now: u64) {
        let Some(trouble) = &mut self.trouble else { return };
        // A clock that was set back must not put it off for long.
        trouble.retry_at = trouble.retry_at.min(now.saturating_add(trouble.pause));
        if now < trouble.retry_at {
            return;
        }
        match self.ready_run(now).and_then(|()| self.write(now)) {
            Ok(()) => {
                self.trouble = None;
                self.note(false);
            }
            Err(error) => self.fail(error, now),
        }
    }
}
