//! Writing: records get their numbers, wait for a moment, are written and synced, and are removed when they are settled.

mod reread;
mod room;
mod segments;
mod settled;
mod stream;
mod trouble;

use std::collections::VecDeque;

use thiserror::Error;

use self::segments::{Current, Segment};
pub(super) use self::settled::remove;
use self::stream::{measure, split_record};
use self::trouble::Trouble;
use super::files::{FilesError, SpoolFiles};
use super::format::{FRAME_LEN, Mark, frame};
use super::open_spans::{OpenSpans, glance};
use super::options::SpoolOptions;
use super::read_back::Rereading;
use super::run::{Counters, Run};
use crate::deliver::Reason;
use crate::record::envelope::{ENVELOPE_LEN, seal};
use crate::record::{RecordError, RecordKind};

/// How many boundaries of appends are remembered; more, and every second one is forgotten.
const MOST_MARKS: usize = 8192;

/// How far records have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// In memory: they are lost with the process.
    Memory,
    /// With the system: they survive the process, not the machine.
    Written,
    /// On the disk: they survive a loss of power.
    Synced,
}

/// What became of records that were appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Number of the first record.
    pub first: u64,
    /// Number of the last record.
    pub last: u64,
    /// How many of them are ends of spans.
    pub spans: u64,
    /// How far they have come by now.
    pub tier: Tier,
}

/// Why records are not in the spool. None of them is, none has a number.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SpoolError {
    /// The spool has reached its size.
    #[error("the spool holds {bytes} of {cap} bytes: raise its cap, or see why nothing is delivered")]
    Full {
        /// How many bytes its folder has.
        bytes: u64,
        /// How many it may have.
        cap: u64,
    },
    /// The file system fails; it is tried again from time to time.
    #[error("the spool cannot be written: {0}")]
    Io(FilesError),
    /// These bytes are no stream of records.
    #[error("these bytes are not to be spooled: {0}")]
    Records(RecordError),
}

impl SpoolError {
    /// Under which reason the ledger counts records that are lost by this.
    ///
    /// ```
    /// use spanloom::deliver::Reason;
    /// use spanloom::spool::{FilesError, SpoolError};
    /// assert_eq!(SpoolError::Io(FilesError::NoSpace).reason(), Reason::SpoolIo);
    /// ```
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Full { .. } => Reason::SpoolFull,
            Self::Io(_) => Reason::SpoolIo,
            Self::Records(_) => Reason::EncodeError,
        }
    }
}

/// How a spool is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolStatus {
    /// Number of the last record that was taken.
    pub accepted: u64,
    /// Up to this record all survive the process.
    pub written: u64,
    /// Up to this record all survive a loss of power.
    pub synced: u64,
    /// Up to this record all are settled.
    pub settled: u64,
    /// How many bytes its own segments have.
    pub bytes: u64,
    /// How many bytes wait to be written.
    pub waiting: usize,
    /// How often the file system failed.
    pub failures: u64,
    /// What is wrong with the file system now.
    pub trouble: Option<FilesError>,
}

/// Keeps records on disk until they are settled. See the [module](super).
///
/// After a fork the child drops it unused: it shares its parent's files. While such a child lives, the lock does as well.
///
/// ```
/// use spanloom::record::{Limits, SpanBuilder};
/// use spanloom::spool::{MemoryFiles, Spool, SpoolOptions, Tier};
/// # use spanloom::{SpanId, TraceId, otlp::span::SpanKind, record::{SpanRole, SpanStart}};
/// # let mut builder = SpanBuilder::new(Limits::default());
/// # builder.start(&SpanStart { workflow: SpanId::NONE, trace_id: TraceId::from_halves(1, 2), span_id: SpanId::from_u64(3),
/// #     parent_span_id: SpanId::NONE, parent_is_remote: false, trace_flags: 1, trace_state: "", name: "plan",
/// #     span_kind: SpanKind::Internal, node_kind: "", role: SpanRole::Span, start_unix_nano: 5 });
/// # let record = builder.finish(9).to_vec();
/// let now = 1_700_000_000_000_000_000;
/// let mut spool = Spool::open(MemoryFiles::new(), SpoolOptions::new(7), now);
/// let first = spool.append(&record, now)?;
/// assert_eq!((first.first, first.last, first.tier), (1, 1, Tier::Memory));
/// assert_eq!(spool.append_durable(&record, now)?.tier, Tier::Synced);
/// spool.acknowledge(2, now);
/// assert_eq!(spool.status().settled, 2);
/// # Ok::<(), spanloom::spool::SpoolError>(())
/// ```
#[derive(Debug)]
pub struct Spool<F: SpoolFiles> {
    files: F,
    options: SpoolOptions,
    run: Option<Run<F::File>>,
    current: Option<Current<F::File>>,
    next_number: u32,
    /// Segments that are written to the end.
    segments: VecDeque<Segment>,
    segment_bytes: u64,
    /// Frames that wait to be written.
    waiting: Vec<u8>,
    waiting_since: u64,
    unsynced_since: Option<u64>,
    accepted: Mark,
    written: Mark,
    synced: Mark,
    settled: Mark,
    /// What came before the first record of this run file: not its affair.
    base: Mark,
    /// Up to here a sync failed: nobody knows what of it is on the disk.
    doubtful: u64,
    /// The ends of appends that are not settled.
    marks: VecDeque<Mark>,
    /// Number of the last record that a caller knows of.
    given: u64,
    open: OpenSpans,
    foreign_bytes: u64,
    measured: Option<u64>,
    trouble: Option<Trouble>,
    failures: u64,
    rereading: Option<Rereading<F::File>>,
}

impl<F: SpoolFiles> Spool<F> {
    /// A spool in this folder, in files of its own. Where they cannot be made the spool is in trouble: it refuses records
    /// and tries again from time to time.
    pub fn open(files: F, options: SpoolOptions, now: u64) -> Self {
        let open = OpenSpans::new(options.open_span_bytes);
        let mut spool = Self {
            files,
            options,
            run: None,
            current: None,
            next_number: 1,
            segments: VecDeque::new(),
            segment_bytes: 0,
            waiting: Vec::new(),
            waiting_since: now,
            unsynced_since: None,
            accepted: Mark::default(),
            written: Mark::default(),
            synced: Mark::default(),
            settled: Mark::default(),
            base: Mark::default(),
            doubtful: 0,
            marks: VecDeque::new(),
            given: 0,
            open,
            foreign_bytes: 0,
            measured: None,
            trouble: None,
            failures: 0,
            rereading: None,
        };
        if let Err(error) = spool.ready_run(now) {
            spool.fail(error, now);
        }
        spool
    }

    /// Takes a stream of whole records. They are written at once where enough wait, else by [`tick`](Self::tick).
    ///
    /// # Errors
    /// When the spool is full or in trouble, or these are no records. Then it has none of them.
    pub fn append(&mut self, records: &[u8], now: u64) -> Result<Appended, SpoolError> {
        self.take(records, false, now)
    }

    /// Takes a stream of whole records and syncs them before it returns. Where that fails the answer's tier says so.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn append_durable(&mut self, records: &[u8], now: u64) -> Result<Appended, SpoolError> {
        self.take(records, true, now)
    }

    fn take(&mut self, records: &[u8], durable: bool, now: u64) -> Result<Appended, SpoolError> {
        let (count, bytes) = measure(records).map_err(SpoolError::Records)?;
        self.retry(now);
        if let Some(trouble) = &self.trouble {
            return Err(SpoolError::Io(trouble.error.clone()));
        }
        self.make_sure_of_room(bytes.saturating_add(FRAME_LEN.saturating_mul(count)) as u64, now)?;
        let before = self.accepted;
        let mut rest = records;
        while let Some((record, behind)) = split_record(rest) {
            self.add(record, now);
            rest = behind;
        }
        self.given = self.accepted.sequence;
        self.remember(self.accepted);
        let waited = now.saturating_sub(self.waiting_since) >= self.options.write_nanos;
        let result = if durable {
            self.write_and_sync(now)
        } else if self.waiting.len() >= self.options.write_bytes || waited {
            self.write(now)
        } else {
            Ok(())
        };
        let synced = durable && result.is_ok();
        if let Err(error) = result {
            self.fail(error, now);
        }
        self.note(false);
        let last = self.accepted.sequence;
        let written = self.written.sequence >= last;
        Ok(Appended {
            first: before.sequence.saturating_add(1).min(last),
            last,
            spans: self.accepted.spans.saturating_sub(before.spans),
            tier: if synced {
                Tier::Synced
            } else if written {
                Tier::Written
            } else {
                Tier::Memory
            },
        })
    }

    /// Frames one record and lets it wait.
    fn add(&mut self, record: &[u8], now: u64) {
        if self.waiting.is_empty() {
            self.waiting_since = now;
        }
        let kind = record.get(9).copied().and_then(RecordKind::from_number);
        let is_end = matches!(kind, Some(RecordKind::Finished | RecordKind::WorkflowClosed));
        self.accepted = Mark {
            sequence: self.accepted.sequence.saturating_add(1),
            spans: self.accepted.spans.saturating_add(u64::from(is_end)),
        };
        let body = record.get(ENVELOPE_LEN..).unwrap_or_default();
        if matches!(kind, Some(RecordKind::Started | RecordKind::WorkflowOpened)) {
            if let Some(key) = glance(body).key {
                self.open.begin(record, key, self.accepted.sequence);
            }
        } else if is_end
            && !self.open.is_empty()
            && let Some(key) = glance(body).key
        {
            self.open.end(key);
        }
        let at = self.waiting.len();
        self.waiting.extend_from_slice(&[0; FRAME_LEN]);
        self.waiting.extend_from_slice(record);
        let Some((place, copy)) =
            self.waiting.get_mut(at..).and_then(|rest| rest.split_first_chunk_mut::<FRAME_LEN>())
        else {
            return;
        };
        seal(copy);
        let session = self.run.as_ref().map_or(self.options.session, |run| run.name.session);
        *place = frame(self.accepted, session, copy);
    }

    /// Remembers where an append ended: only there can settling stop, for only there the count of spans is known.
    fn remember(&mut self, mark: Mark) {
        if self.marks.back().is_none_or(|last| last.sequence < mark.sequence) {
            self.marks.push_back(mark);
        }
        if self.marks.len() > MOST_MARKS {
            let mut odd = false;
            self.marks.retain(|_| {
                odd = !odd;
                !odd
            });
            if self.marks.back() != Some(&mark) {
                self.marks.push_back(mark);
            }
        }
    }

    /// Does what time asks for: writes what has waited, syncs what was written, tries again what failed.
    pub fn tick(&mut self, now: u64) {
        self.retry(now);
        self.tidy(now);
        if self.trouble.is_some() {
            return;
        }
        // A clock that was set back must not put anything off.
        self.waiting_since = self.waiting_since.min(now);
        self.unsynced_since = self.unsynced_since.map(|since| since.min(now));
        let waited = now.saturating_sub(self.waiting_since) >= self.options.write_nanos;
        let to_sync =
            self.unsynced_since.is_some_and(|since| now.saturating_sub(since) >= self.options.sync_nanos);
        let to_write = waited && !self.waiting.is_empty();
        let result = if to_sync {
            self.write_and_sync(now)
        } else if to_write {
            self.write(now)
        } else {
            return;
        };
        if let Err(error) = result {
            self.fail(error, now);
        }
        self.note(false);
    }

    /// When [`tick`](Self::tick) is to be called next. Calling it at other times does no harm.
    #[must_use]
    pub fn next_wake(&self) -> Option<u64> {
        if let Some(trouble) = &self.trouble {
            return Some(trouble.retry_at);
        }
        let write =
            (!self.waiting.is_empty()).then(|| self.waiting_since.saturating_add(self.options.write_nanos));
        let sync = self.unsynced_since.map(|since| since.saturating_add(self.options.sync_nanos));
        write.into_iter().chain(sync).min()
    }

    /// Writes and syncs all that was appended.
    ///
    /// # Errors
    /// When that fails; the spool is in trouble then.
    pub fn sync(&mut self, now: u64) -> Result<(), SpoolError> {
        self.retry(now);
        if let Some(trouble) = &self.trouble {
            return Err(SpoolError::Io(trouble.error.clone()));
        }
        let result = self.write_and_sync(now);
        if let Err(error) = &result {
            self.fail(error.clone(), now);
        }
        self.note(false);
        result.map_err(SpoolError::Io)
    }

    /// How it is.
    #[must_use]
    pub fn status(&self) -> SpoolStatus {
        let current = self.current.as_ref().map_or(0, |current| current.bytes);
        SpoolStatus {
            accepted: self.accepted.sequence,
            written: self.written.sequence,
            synced: self.synced(),
            settled: self.settled.sequence,
            bytes: self.segment_bytes.saturating_add(current),
            waiting: self.waiting.len(),
            failures: self.failures,
            trouble: self.trouble.as_ref().map(|trouble| trouble.error.clone()),
        }
    }

    fn synced(&self) -> u64 {
        self.synced.sequence.max(self.settled.sequence)
    }

    fn counters(&self, clean: bool) -> Counters {
        let settled = self.settled.max(self.base);
        Counters { accepted: self.accepted.max(self.base), written: self.written, settled, clean }
    }

    /// Writes the counters page. Where that fails the next write of records will fail as well, and is dealt with then.
    fn note(&mut self, clean: bool) {
        let counters = self.counters(clean);
        if let Some(run) = &mut self.run
            && run.note(&self.files, counters).is_err()
        {
            self.failures = self.failures.saturating_add(1);
        }
    }
}
