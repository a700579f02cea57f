//! Writing: records get their numbers, wait for a moment, are written and synced, and are removed when they are settled.

use std::collections::VecDeque;

use thiserror::Error;

use super::files::{FilesError, SpoolFiles};
use super::format::{FRAME_LEN, FileKind, HEADER_LEN, Header, Mark, Named, RUN, RunName, frame, read_name};
use super::open_spans::{OpenSpans, glance};
use super::options::SpoolOptions;
use super::read_back::{ReadBack, Rereading};
use super::run::{Counters, Run, create_run};
use crate::deliver::Reason;
use crate::record::envelope::{ENVELOPE_LEN, MAX_RECORD_LEN, seal};
use crate::record::{RecordError, RecordKind};

/// No segment is smaller.
const SMALLEST_SEGMENT: u64 = 4 << 10;
/// How many boundaries of appends are remembered; more, and every second one is forgotten.
const MOST_MARKS: usize = 8192;
/// How long a look at what others have in the folder serves.
const MEASURE_NANOS: u64 = 1_000_000_000;
/// How often the pause after a failure doubles.
const LONGEST_PAUSE: u64 = 30;

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

#[derive(Debug)]
struct Current<H> {
    file: H,
    name: String,
    bytes: u64,
    before: Mark,
    last: Mark,
    name_synced: bool,
}

#[derive(Debug)]
struct Segment {
    name: String,
    bytes: u64,
    /// What came before its first record.
    before: Mark,
    last: Mark,
}

#[derive(Debug)]
struct Trouble {
    error: FilesError,
    retry_at: u64,
    pause: u64,
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

    fn make_sure_of_room(&mut self, bytes: u64, now: u64) -> Result<(), SpoolError> {
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
    fn measure_others(&mut self, now: u64) {
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
    fn tidy(&mut self, now: u64) -> bool {
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

    fn write_and_sync(&mut self, now: u64) -> Result<(), FilesError> {
        self.write(now)?;
        self.sync_current()
    }

    fn write(&mut self, now: u64) -> Result<(), FilesError> {
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
        self.files.write_at(&mut current.file, current.bytes, &self.waiting)?;
        current.bytes = current.bytes.saturating_add(self.waiting.len() as u64);
        current.last = self.accepted;
        self.written = self.accepted;
        self.waiting.clear();
        // One huge append is no reason to keep its room for ever.
        self.waiting.shrink_to(self.options.write_bytes.saturating_mul(4));
        self.unsynced_since.get_or_insert(now);
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
    fn ready_run(&mut self, now: u64) -> Result<(), FilesError> {
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

    fn segment_size(&self) -> u64 {
        self.options.segment_bytes.min(self.options.cap_bytes / 4).max(SMALLEST_SEGMENT)
    }

    /// Ends the segment at hand where it holds nothing but settled records, so that it can be removed.
    fn end_settled_segment(&mut self) {
        let settled = self.settled.sequence;
        if self.current.as_ref().is_some_and(|current| current.last.sequence <= settled) {
            self.unsynced_since = None;
            self.end_segment();
        }
    }

    fn end_segment(&mut self) {
        if let Some(Current { name, bytes, before, last, .. }) = self.current.take() {
            self.segment_bytes = self.segment_bytes.saturating_add(bytes);
            self.segments.push_back(Segment { name, bytes, before, last });
        }
    }

    /// The file system failed: nothing more is written to the segment, whose state nobody knows.
    fn fail(&mut self, error: FilesError, now: u64) {
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
    fn retry(&mut self, now: u64) {
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

/// Removes a file; where it is gone already that is as good.
pub(super) fn remove<F: SpoolFiles>(files: &F, name: &str) -> Result<(), FilesError> {
    match files.remove(name) {
        Err(FilesError::NotFound) => Ok(()),
        other => other,
    }
}

/// Frames what waits anew, for another session.
fn reframe(waiting: &mut [u8], session: u64, written: Mark) {
    let mut rest = waiting;
    let mut mark = written;
    while let Some((place, behind)) = rest.split_first_chunk_mut::<FRAME_LEN>() {
        let Some((record, _)) = split_record(behind) else { return };
        let kind = record.get(9).copied().and_then(RecordKind::from_number);
        let is_end = matches!(kind, Some(RecordKind::Finished | RecordKind::WorkflowClosed));
        mark = Mark {
            sequence: mark.sequence.saturating_add(1),
            spans: mark.spans.saturating_add(u64::from(is_end)),
        };
        *place = frame(mark, session, record);
        let length = record.len();
        rest = behind.split_at_mut_checked(length).map(|(_, rest)| rest).unwrap_or_default();
    }
}

/// The first record of a stream, and the rest.
fn split_record(stream: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = stream.first_chunk::<4>().map(|length| u32::from_le_bytes(*length))?;
    stream.split_at_checked(usize::try_from(length).ok()?).filter(|(record, _)| record.len() >= ENVELOPE_LEN)
}

/// How many records a stream has, and how many bytes.
fn measure(records: &[u8]) -> Result<(usize, usize), RecordError> {
    let (mut rest, mut count) = (records, 0usize);
    while !rest.is_empty() {
        let length = rest.first_chunk::<4>().map(|length| u32::from_le_bytes(*length));
        let Some(number) = length else { return Err(RecordError::Truncated) };
        let length = number as usize;
        if !(ENVELOPE_LEN..=MAX_RECORD_LEN).contains(&length) {
            return Err(RecordError::Length { length: number });
        }
        rest = rest.get(length..).ok_or(RecordError::Truncated)?;
        count = count.saturating_add(1);
    }
    Ok((count, records.len()))
}
