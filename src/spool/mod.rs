//! The spool: records on disk, so that what was written survives the death of its process.
//!
//! ```text
//!            append          50 ms or 64 KiB         500 ms
//!  records ─────────▶ waiting ─────────────▶ written ──────▶ synced ──acknowledge──▶ removed
//!                     (memory)               (survives       (survives
//!                                             kill -9)        loss of power)
//! ```
//!
//! A running program has a *run*: one run file, whose lock it holds as long as it lives, and segments, to which records
//! are only ever appended. Each record stands in a frame with its number and a checksum. `docs/spool.md` describes the
//! files byte by byte.
//!
//! - [`Spool`] writes a run. Where the file system fails it says so, refuses records, and tries again from time to time:
//!   the program goes on in memory.
//!   What was written can be [read back](Spool::read_back), so that a program whose queue is full need not keep it in memory.
//! - [`recover`] reads the runs whose process is gone. Broken bytes are put aside and the rest is given out; numbers tell
//!   how much is missing; spans that had begun are closed as abandoned. Nothing that it finds makes it fail.
//! - [`SpoolFiles`] is all that both ask of a file system. [`MemoryFiles`] is one with faults on command, for tests.
//!
//! There is no clock here: the time is an argument, in nanoseconds since 1970.
//!
//! # Assumptions
//! A write that is cut short changes no bytes but those that it was to write. After a sync, what was written before is
//! there. A sync that failed promises nothing, and neither does the next one: records in doubt are not called synced
//! until they are settled. Files of the folder are changed by nobody else.
//!
//! # Delivered once, or twice
//! A record that was delivered and not yet acknowledged when its process died is delivered again.

mod files;
mod format;
mod memory;
mod open_spans;
mod options;
mod read_back;
mod recover;
mod report;
mod run;
mod segment;
mod writer;

pub use files::{FileEntry, FilesError, SpoolFiles};
pub use memory::{MemoryFile, MemoryFiles};
pub use options::{RecoveryOptions, SpoolOptions};
pub use read_back::ReadBack;
pub use recover::{Chunk, Recovered, recover};
pub use report::{Gone, RecoveryReport};
pub use writer::{Appended, Spool, SpoolError, SpoolStatus, Tier};
