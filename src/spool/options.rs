//! How a spool writes, and how recovery reads.

const MILLISECOND: u64 = 1_000_000;

/// How a [`Spool`](super::Spool) works.
///
/// ```
/// use spanloom::spool::SpoolOptions;
/// let options = SpoolOptions { cap_bytes: 64 << 20, ..SpoolOptions::new(7) };
/// assert_eq!(options.write_nanos, 50_000_000);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolOptions {
    /// A random number that tells the runs of programs apart.
    pub session: u64,
    /// Number of the process, for people who look at the files.
    pub process: u32,
    /// How many bytes all segments of the folder may have.
    pub cap_bytes: u64,
    /// At how many bytes a segment is followed by the next. Space is freed by whole segments.
    pub segment_bytes: u64,
    /// At how many waiting bytes they are written.
    pub write_bytes: usize,
    /// After how long waiting bytes are written, in nanoseconds.
    pub write_nanos: u64,
    /// After how long written bytes are synced, in nanoseconds.
    pub sync_nanos: u64,
    /// How long to leave a file system alone that failed, in nanoseconds; doubles up to 30 times this.
    pub retry_nanos: u64,
    /// How many bytes the starts of open spans may take. They are kept so that a crash can close them.
    pub open_span_bytes: usize,
}

impl SpoolOptions {
    /// The defaults: 256 MiB in segments of 8 MiB, written after 50 ms or 64 KiB, synced after 500 ms.
    #[must_use]
    pub const fn new(session: u64) -> Self {
        Self {
            session,
            process: 0,
            cap_bytes: 256 << 20,
            segment_bytes: 8 << 20,
            write_bytes: 64 << 10,
            write_nanos: 50 * MILLISECOND,
            sync_nanos: 500 * MILLISECOND,
            retry_nanos: 1000 * MILLISECOND,
            open_span_bytes: 4 << 20,
        }
    }
}

/// How [`recover`](super::recover) works.
///
/// ```
/// use spanloom::spool::RecoveryOptions;
/// assert_eq!(RecoveryOptions::default().chunk_bytes, 1 << 20);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveryOptions {
    /// At how many bytes a chunk is given out. It may be longer by one record.
    pub chunk_bytes: usize,
    /// How many bytes of broken files are kept for people to look at.
    pub quarantine_bytes: u64,
    /// How many bytes the starts of open spans may take.
    pub open_span_bytes: usize,
}

impl Default for RecoveryOptions {
    fn default() -> Self {
        Self { chunk_bytes: 1 << 20, quarantine_bytes: 16 << 20, open_span_bytes: 16 << 20 }
    }
}
