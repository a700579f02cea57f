//! What a recovery found.

use core::fmt;

use crate::deliver::Reason;

/// How much is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gone {
    /// Records of any kind.
    pub records: u64,
    /// Ends of spans among them.
    pub spans: u64,
}

impl Gone {
    pub(super) fn add(&mut self, records: u64, spans: u64) {
        self.records = self.records.saturating_add(records);
        self.spans = self.spans.saturating_add(spans);
    }
}

/// What a recovery found so far. Complete when the last chunk was given out.
///
/// ```
/// use spanloom::spool::{MemoryFiles, RecoveryOptions, recover};
/// let recovered = recover(MemoryFiles::new(), RecoveryOptions::default(), 1);
/// assert_eq!(recovered.report().lost().spans, 0);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RecoveryReport {
    /// Runs of programs that are over and were taken over.
    pub runs: u64,
    /// Those of them that ended by themselves.
    pub clean: u64,
    /// Runs that go on, or that another process takes over just now.
    pub alive: u64,
    /// Records given out to be delivered.
    pub records: u64,
    /// Ends of spans among them, without the abandoned ones.
    pub spans: u64,
    /// Spans that were open and were closed as abandoned.
    pub abandoned: u64,
    /// Open spans for which there was no room.
    pub abandoned_given_up: u64,
    /// Starts of spans: their ends, or the abandoned ones, stand for them.
    pub starts: u64,
    /// Records that had been settled before.
    pub settled: u64,
    /// Records that were there twice.
    pub repeated: u64,
    /// Lost: what stood where bytes are broken.
    pub corrupt: Gone,
    /// Lost: was written and is not there any more, at the end of a run.
    pub truncated: Gone,
    /// Lost: was written and is not there any more, in between.
    pub gaps: Gone,
    /// Lost: was accepted and not yet written.
    pub crash_window: Gone,
    /// Lost: records of later versions or unknown kinds. They are in quarantine.
    pub unknown: Gone,
    /// Segments whose last write was cut short.
    pub torn_tails: u64,
    /// Files with broken bytes.
    pub broken_files: u64,
    /// Broken bytes that were kept in files that end in `.bad`.
    pub quarantined_bytes: u64,
    /// Files of later versions. They were left as they are.
    pub later_files: u64,
    /// Files that are none of ours. They were left as they are.
    pub foreign_files: u64,
    /// Runs that could not be opened, or not to the end. They are left for the next start.
    pub left: u64,
    /// Runs whose counters were gone, so that their crash window is not known.
    pub counters_lost: u64,
    /// Operations of the file system that failed.
    pub io_errors: u64,
}

impl RecoveryReport {
    /// How many spans are lost, by the reasons under which the ledger counts them.
    ///
    /// ```
    /// use spanloom::deliver::Reason;
    /// use spanloom::spool::RecoveryReport;
    /// let mut report = RecoveryReport::default();
    /// report.crash_window.spans = 3;
    /// assert_eq!(report.dropped(), [(Reason::CrashWindow, 3), (Reason::SpoolCorrupt, 0)]);
    /// ```
    #[must_use]
    pub fn dropped(&self) -> [(Reason, u64); 2] {
        let window = self.crash_window.spans;
        [(Reason::CrashWindow, window), (Reason::SpoolCorrupt, self.lost().spans.saturating_sub(window))]
    }

    /// All that is gone for good, for whatever reason.
    #[must_use]
    pub fn lost(&self) -> Gone {
        let mut lost = Gone::default();
        for gone in [self.corrupt, self.truncated, self.gaps, self.crash_window, self.unknown] {
            lost.add(gone.records, gone.spans);
        }
        lost
    }
}

impl fmt::Display for RecoveryReport {
    /// One line for a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} runs: {} spans recovered, {} abandoned, {} lost (crash window {}, corrupt {}, truncated {}, gaps {})",
            self.runs,
            self.spans,
            self.abandoned,
            self.lost().spans,
            self.crash_window.spans,
            self.corrupt.spans,
            self.truncated.spans,
            self.gaps.spans,
        )
    }
}
