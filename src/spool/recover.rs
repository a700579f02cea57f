//! Recovery: what dead processes left behind is read, given out in chunks, and removed when it is settled.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::files::{FilesError, SpoolFiles};
use super::format::{
    BAD, HEADER_LEN, HeaderFound, Mark, NEW, Named, Page, RUN, RunName, read_header, read_name,
};
use super::open_spans::{OpenSpans, glance};
use super::options::RecoveryOptions;
use super::report::RecoveryReport;
use super::run::{Claim, Counters, Run, claim_run, create_run};
use super::segment::{Found, SegmentReader};
use super::writer::remove;
use crate::record::RecordKind;
use crate::record::envelope::{ENVELOPE_LEN, VERSION};

/// Records that are to be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Chunks are numbered from 1.
    pub number: u64,
    /// A stream of whole records: ends of spans, no starts.
    pub records: Vec<u8>,
    /// Spans that their program ended.
    pub spans: u64,
    /// Spans that were closed as abandoned. Nobody accepted these.
    pub abandoned: u64,
}

/// What dead processes left in a folder, given out chunk by chunk. See [`recover`].
#[derive(Debug)]
pub struct Recovered<F: SpoolFiles> {
    files: F,
    options: RecoveryOptions,
    now: u64,
    to_read: VecDeque<RunName>,
    reading: Option<Reading<F::File>>,
    held: BTreeMap<RunName, Held<F::File>>,
    /// Chunks that are not settled: number, run, and how far in it.
    given: VecDeque<(u64, RunName, Mark)>,
    chunks: u64,
    quarantine_left: u64,
    report: RecoveryReport,
}

/// A run whose lock is ours, until all of it is settled.
#[derive(Debug)]
struct Held<H> {
    run: Run<H>,
    page: Option<Page>,
    settled: Mark,
    segments: VecDeque<Segment>,
    /// All of it was read.
    read: bool,
    /// Something in it is to be left.
    keep: bool,
    /// Starts of spans were met: they have to stay until the end of the run tells which of them are abandoned.
    has_starts: bool,
}

#[derive(Debug)]
struct Segment {
    name: String,
    /// The last record that is in it, as soon as that is known.
    last: Option<u64>,
    /// It is not ours to remove.
    keep: bool,
}

/// The run that is being read.
#[derive(Debug)]
struct Reading<H> {
    name: RunName,
    /// Which segments are left to read, and where in each reading begins.
    segments: VecDeque<(String, u64)>,
    reader: Option<SegmentReader<H>>,
    segment: String,
    page: Option<Page>,
    /// The last record that was seen.
    seen: Option<Mark>,
    /// Broken bytes were met since.
    broken: bool,
    /// Of the segment at hand.
    file_broken: bool,
    /// Since the last record of this segment there were broken bytes other than zeros.
    file_dirty: bool,
    /// Since the last record of this segment there were zeros, and nothing else.
    zeros: bool,
    /// A file that may hold the next records is not to be read.
    unread: bool,
    open: OpenSpans,
    /// The last time that a record tells: the last sign of life.
    life: u64,
    quarantine: Option<(H, u64)>,
    closing: bool,
}

/// What a step of reading came to.
enum Step {
    More,
    Done,
}

/// What is being put into a chunk.
#[derive(Default)]
struct Filling {
    records: Vec<u8>,
    spans: u64,
    abandoned: u64,
}

/// Looks for what dead processes left in this folder. Runs whose process is alive are left alone.
///
/// It never fails: what goes wrong is counted in the [report](Recovered::report).
///
/// ```
/// use spanloom::spool::{MemoryFiles, RecoveryOptions, recover};
/// let mut recovered = recover(MemoryFiles::new(), RecoveryOptions::default(), 1_700_000_000_000_000_000);
/// while let Some(chunk) = recovered.next_chunk() {
///     // Deliver `chunk.records`; when that is done:
///     recovered.acknowledge(chunk.number);
/// }
/// println!("{}", recovered.report());
/// ```
pub fn recover<F: SpoolFiles>(files: F, options: RecoveryOptions, now: u64) -> Recovered<F> {
    let mut report = RecoveryReport::default();
    let entries = files.list().unwrap_or_else(|_| {
        report.io_errors += 1;
        Vec::new()
    });
    let mut runs = BTreeSet::new();
    let mut quarantined = 0u64;
    for entry in entries {
        match read_name(&entry.name) {
            Named::Run(run) | Named::Segment(run, _) => {
                runs.insert(run);
            }
            Named::New(run) => remove_unfinished(&files, run),
            Named::Bad => quarantined = quarantined.saturating_add(entry.bytes),
            Named::Foreign => report.foreign_files += 1,
        }
    }
    Recovered {
        quarantine_left: options.quarantine_bytes.saturating_sub(quarantined),
        files,
        options,
        now,
        to_read: runs.into_iter().collect(),
        reading: None,
        held: BTreeMap::new(),
        given: VecDeque::new(),
        chunks: 0,
        report,
    }
}

/// Removes a run file that was not finished, unless somebody is about to. It holds nothing.
fn remove_unfinished<F: SpoolFiles>(files: &F, run: RunName) {
    let name = run.file(NEW);
    if let Ok(mut file) = files.open(&name)
        && files.try_lock(&mut file) == Ok(true)
    {
        let _ = files.remove(&name);
    }
}

impl<F: SpoolFiles> Recovered<F> {
    /// What was found so far. Complete when [`next_chunk`](Self::next_chunk) has given `None`.
    #[must_use]
    pub fn report(&self) -> &RecoveryReport {
        &self.report
    }

    /// How many chunks were given out and are not settled.
    #[must_use]
    pub fn unsettled(&self) -> usize {
        self.given.len()
    }

    /// The next records to be delivered; `None` where there are no more. No chunk is empty.
    pub fn next_chunk(&mut self) -> Option<Chunk> {
        let mut filling = Filling::default();
        loop {
            let Some(mut reading) = self.reading.take().or_else(|| self.begin_run()) else {
                if self.to_read.is_empty() {
                    return None;
                }
                continue;
            };
            let step = self.step(&mut reading, &mut filling);
            let run = reading.name;
            let mark = reading.seen.unwrap_or_default();
            let done = matches!(step, Step::Done);
            if done {
                if let Some(held) = self.held.get_mut(&run) {
                    held.read = true;
                }
            } else {
                self.reading = Some(reading);
            }
            let enough = filling.records.len() >= self.options.chunk_bytes;
            if (done || enough) && !filling.records.is_empty() {
                return Some(self.give(run, mark, filling));
            }
            if done {
                self.tidy(run);
            }
        }
    }

    fn give(&mut self, run: RunName, mark: Mark, filling: Filling) -> Chunk {
        self.chunks = self.chunks.saturating_add(1);
        self.given.push_back((self.chunks, run, mark));
        let Filling { records, spans, abandoned } = filling;
        Chunk { number: self.chunks, records, spans, abandoned }
    }

    /// All chunks up to this one are settled. What is not needed any more is removed.
    pub fn acknowledge(&mut self, number: u64) {
        let mut touched = BTreeSet::new();
        while let Some((_, run, mark)) = self.given.pop_front_if(|(chunk, ..)| *chunk <= number) {
            if let Some(held) = self.held.get_mut(&run) {
                held.settled = held.settled.max(mark);
                touched.insert(run);
            }
        }
        for run in touched {
            self.tidy(run);
        }
    }

    /// Removes what is settled of a run; the cursor first, as the writer does.
    fn tidy(&mut self, run: RunName) {
        let over = !self.given.iter().any(|(_, of, _)| *of == run);
        let Some(held) = self.held.get_mut(&run) else { return };
        let finished = held.read && over;
        match held.remove_settled(&self.files, finished) {
            Ok(()) => {}
            Err(_) => self.report.io_errors += 1,
        }
        if finished {
            // With this its lock is free again.
            self.held.remove(&run);
        }
    }

    /// Takes over the next run that is over.
    fn begin_run(&mut self) -> Option<Reading<F::File>> {
        let name = self.to_read.pop_front()?;
        let claim = match claim_run(&self.files, name) {
            // Segments whose run file is gone: a new one gives the lock.
            Ok(Claim::Gone) => match create_run(&self.files, name, 0) {
                Ok(Some(run)) => Ok(Claim::Ours(run, None)),
                Ok(None) => Ok(Claim::Alive),
                Err(error) => Err(error),
            },
            claim => claim,
        };
        let (run, page) = match claim {
            Ok(Claim::Ours(run, page)) => (run, page),
            Ok(Claim::Alive) => {
                self.report.alive += 1;
                return None;
            }
            Ok(Claim::Later) => {
                self.report.later_files += 1;
                return None;
            }
            Ok(Claim::Gone) => return None,
            Err(_) => {
                self.report.io_errors += 1;
                self.report.left += 1;
                return None;
            }
        };
        // Only now: until it was locked, files could come and go.
        let numbers = match self.files.list() {
            Ok(entries) => entries.into_iter().filter_map(|entry| match read_name(&entry.name) {
                Named::Segment(of, number) if of == name => Some((number, entry.name)),
                _ => None,
            }),
            Err(_) => {
                self.report.io_errors += 1;
                self.report.left += 1;
                return None;
            }
        };
        let names: BTreeMap<u32, String> = numbers.collect();
        self.report.runs += 1;
        self.report.clean += u64::from(page.is_some_and(|page| page.clean));
        self.report.counters_lost += u64::from(page.is_none() && !names.is_empty());
        let settled = page.map_or(Mark::default(), |page| page.settled);
        let mut held = Held {
            run,
            page,
            settled,
            segments: VecDeque::new(),
            read: false,
            keep: false,
            has_starts: false,
        };
        let reading = self.plan(name, names, page, &mut held);
        self.held.insert(name, held);
        Some(reading)
    }

    /// Looks at the headers of all segments of a run, and leaves out those that are settled as a whole: the beginning of
    /// one tells the end of the one before.
    fn plan(
        &mut self,
        name: RunName,
        names: BTreeMap<u32, String>,
        page: Option<Page>,
        held: &mut Held<F::File>,
    ) -> Reading<F::File> {
        let mut segments: VecDeque<(String, u64)> = VecDeque::new();
        let mut seen = page.map(|page| page.settled);
        let mut unread = false;
        for (number, segment) in names {
            let mut header = [0; HEADER_LEN];
            let read =
                self.files.open(&segment).and_then(|mut file| self.files.read_at(&mut file, 0, &mut header));
            let mut keep = false;
            let from = match (read, read_header(&header)) {
                // Its process died when it had just made it.
                (Ok(length), _) if length < HEADER_LEN => {
                    self.report.torn_tails += u64::from(length > 0);
                    None
                }
                (Err(FilesError::NotFound), _) => continue,
                (Err(_), _) => {
                    // It is left for the next start, with all that follows it.
                    self.report.io_errors += 1;
                    self.report.left += 1;
                    held.keep = true;
                    unread = true;
                    break;
                }
                (Ok(_), HeaderFound::Later) => {
                    self.report.later_files += 1;
                    held.keep = true;
                    unread = true;
                    keep = true;
                    None
                }
                (Ok(_), HeaderFound::Ours(header)) if header.is_segment(name, number) => {
                    if let Some(before) = held.segments.back_mut() {
                        before.last = Some(header.before.sequence);
                        if header.before.sequence <= held.settled.sequence && !before.keep {
                            segments.clear();
                        }
                    }
                    // Without counters what is there begins where the first segment does.
                    seen = seen.or(Some(header.before));
                    Some(HEADER_LEN as u64)
                }
                // Broken, or another file under this name: frames of this session may be in it all the same.
                (Ok(_), HeaderFound::Ours(_) | HeaderFound::Broken) => Some(0),
            };
            if let Some(from) = from {
                segments.push_back((segment.clone(), from));
            }
            held.segments.push_back(Segment { name: segment, last: None, keep });
        }
        Reading {
            name,
            segments,
            reader: None,
            segment: String::new(),
            page,
            seen,
            broken: false,
            file_broken: false,
            file_dirty: false,
            zeros: false,
            unread,
            open: OpenSpans::new(self.options.open_span_bytes),
            life: 0,
            quarantine: None,
            closing: false,
        }
    }

    fn step(&mut self, reading: &mut Reading<F::File>, filling: &mut Filling) -> Step {
        if reading.closing {
            return self.close_one(reading, filling);
        }
        let Some(mut reader) = reading.reader.take() else { return self.next_segment(reading) };
        match reader.next(&self.files) {
            Ok(Found::Record(mark, place)) => {
                if !self.take_record(reading, mark, reader.bytes(place.clone()), filling) {
                    self.quarantine(reading, reader.bytes(place));
                }
            }
            Ok(Found::Broken(place)) => match reader.bytes(place) {
                // They may be the end of a file that is longer than what reached it before the power went.
                zeros if !reading.file_dirty && zeros.iter().all(|byte| *byte == 0) => reading.zeros = true,
                bytes => {
                    reading.broken = true;
                    reading.file_dirty = true;
                    reading.zeros = false;
                    self.quarantine(reading, bytes);
                }
            },
            Ok(Found::Torn) => {
                self.report.torn_tails += 1;
                self.end_segment(reading);
                return Step::More;
            }
            Ok(Found::End) => {
                self.report.torn_tails += u64::from(reading.zeros);
                self.end_segment(reading);
                return Step::More;
            }
            Err(_) => {
                // What can be read of it was. The rest is for people to look at.
                self.report.io_errors += 1;
                reading.broken = true;
                let bad = format!("{}{BAD}", reading.segment);
                let kept = self.files.rename(&reading.segment, &bad);
                if kept.is_err()
                    && let Some(held) = self.held.get_mut(&reading.name)
                {
                    held.keep = true;
                }
                self.end_segment(reading);
                return Step::More;
            }
        }
        reading.reader = Some(reader);
        Step::More
    }

    fn next_segment(&mut self, reading: &mut Reading<F::File>) -> Step {
        let Some((name, from)) = reading.segments.pop_front() else {
            self.count_what_is_missing(reading);
            reading.closing = true;
            return Step::More;
        };
        match self.files.open(&name) {
            Ok(file) => reading.reader = Some(SegmentReader::new(file, reading.name.session, from)),
            Err(FilesError::NotFound) => {}
            Err(_) => {
                self.report.io_errors += 1;
                self.report.left += 1;
                reading.segments.clear();
                reading.unread = true;
                if let Some(held) = self.held.get_mut(&reading.name) {
                    held.keep = true;
                }
            }
        }
        reading.segment = name;
        Step::More
    }

    fn end_segment(&mut self, reading: &mut Reading<F::File>) {
        self.report.broken_files += u64::from(reading.file_broken);
        reading.file_broken = false;
        reading.file_dirty = false;
        reading.zeros = false;
        reading.quarantine = None;
        if let (Some(held), Some(seen)) = (self.held.get_mut(&reading.name), reading.seen) {
            let segment = held.segments.iter_mut().find(|segment| segment.name == reading.segment);
            if let Some(segment) = segment {
                segment.last = Some(seen.sequence);
            }
        }
    }

    /// Takes a record; false where nobody here knows what it is.
    fn take_record(
        &mut self,
        reading: &mut Reading<F::File>,
        mark: Mark,
        record: &[u8],
        filling: &mut Filling,
    ) -> bool {
        let kind = record.get(9).copied().and_then(RecordKind::from_number);
        let kind = kind.filter(|_| record.get(8) == Some(&VERSION));
        let body = record.get(ENVELOPE_LEN..).unwrap_or_default();
        let seen = reading.seen.unwrap_or(Mark { sequence: mark.sequence.saturating_sub(1), ..mark });
        let settled = reading.page.map_or(0, |page| page.settled.sequence);
        let is_settled = mark.sequence <= settled;
        let is_repeated = !is_settled && mark.sequence <= seen.sequence;
        if core::mem::take(&mut reading.zeros) {
            reading.broken = true;
            reading.file_broken = true;
        }
        reading.file_dirty = false;
        if is_repeated {
            self.report.repeated += 1;
            return true;
        }
        let is_end = matches!(kind, Some(RecordKind::Finished | RecordKind::WorkflowClosed));
        let is_start = matches!(kind, Some(RecordKind::Started | RecordKind::WorkflowOpened));
        if is_start && let Some(held) = self.held.get_mut(&reading.name) {
            held.has_starts = true;
        }
        if is_end || is_start {
            let glance = glance(body);
            reading.life = reading.life.max(glance.start).max(glance.end);
            match glance.key {
                Some(key) if is_start => reading.open.begin(record, key, mark.sequence),
                Some(key) => reading.open.end_early(key),
                None => {}
            }
        }
        if is_settled {
            reading.broken = false;
            self.report.settled += 1;
            return true;
        }
        let missing = mark.sequence.saturating_sub(seen.sequence).saturating_sub(1);
        let spans = mark.spans.saturating_sub(seen.spans);
        let own = u64::from(is_end || (kind.is_none() && spans > 0));
        if missing > 0 && !reading.unread {
            let gone = if reading.broken { &mut self.report.corrupt } else { &mut self.report.gaps };
            gone.add(missing, spans.saturating_sub(own).min(missing));
        }
        reading.broken = false;
        reading.seen = Some(mark);
        if kind.is_none() {
            self.report.unknown.add(1, own);
            return false;
        }
        if is_start {
            self.report.starts += 1;
            return true;
        }
        filling.records.extend_from_slice(record);
        filling.spans = filling.spans.saturating_add(u64::from(is_end));
        self.report.records += 1;
        self.report.spans += u64::from(is_end);
        true
    }

    /// Keeps broken bytes for people to look at, as long as there is room for them.
    fn quarantine(&mut self, reading: &mut Reading<F::File>, bytes: &[u8]) {
        reading.file_broken = true;
        let fits = bytes.len().min(usize::try_from(self.quarantine_left).unwrap_or(usize::MAX));
        let bytes = bytes.get(..fits).unwrap_or_default();
        if bytes.is_empty() {
            return;
        }
        if reading.quarantine.is_none() {
            let name = format!("{}{BAD}", reading.segment);
            // A recovery that was cut short may have begun it: it says the same again.
            let file = match self.files.create(&name) {
                Err(FilesError::Exists) => self.files.open(&name),
                file => file,
            };
            reading.quarantine = file.ok().map(|file| (file, 0));
        }
        let written = match &mut reading.quarantine {
            Some((file, at)) => self.files.write_at(file, *at, bytes).map(|()| {
                *at = at.saturating_add(bytes.len() as u64);
            }),
            None => Err(FilesError::NotFound),
        };
        match written {
            Ok(()) => {
                let length = bytes.len() as u64;
                self.quarantine_left = self.quarantine_left.saturating_sub(length);
                self.report.quarantined_bytes = self.report.quarantined_bytes.saturating_add(length);
            }
            Err(_) => self.report.io_errors += 1,
        }
    }

    /// Compares what was read with what the counters promise.
    fn count_what_is_missing(&mut self, reading: &Reading<F::File>) {
        let Some(page) = reading.page else { return };
        let seen = reading.seen.unwrap_or(page.settled);
        let missing = |from: Mark, to: Mark| {
            let records = to.sequence.saturating_sub(from.sequence);
            (records, to.spans.saturating_sub(from.spans).min(records))
        };
        if !reading.unread {
            let (records, spans) = missing(seen, page.written);
            let gone = if reading.broken { &mut self.report.corrupt } else { &mut self.report.truncated };
            gone.add(records, spans);
        }
        let (records, spans) = missing(seen.max(page.written), page.accepted);
        self.report.crash_window.add(records, spans);
    }

    /// Closes the next span that was open when its process died.
    fn close_one(&mut self, reading: &mut Reading<F::File>, filling: &mut Filling) -> Step {
        // What was not read may hold its end.
        let life = reading.life.min(self.now);
        if reading.unread || !reading.open.next_abandoned(life, &mut filling.records) {
            self.report.abandoned_given_up =
                self.report.abandoned_given_up.saturating_add(reading.open.given_up());
            return Step::Done;
        }
        filling.abandoned = filling.abandoned.saturating_add(1);
        self.report.abandoned += 1;
        Step::More
    }
}

impl<H> Held<H> {
    fn remove_settled<F: SpoolFiles<File = H>>(
        &mut self,
        files: &F,
        finished: bool,
    ) -> Result<(), FilesError> {
        let whole = finished && !self.keep;
        let settled = self.settled.sequence;
        let is_over = |segment: &Segment| {
            let is_settled = !self.has_starts && segment.last.is_some_and(|last| last <= settled);
            !segment.keep && (whole || is_settled)
        };
        let page = self.page.unwrap_or_default();
        let written = page.written.max(self.settled);
        // Where something stays, what is lost was counted by now, and is not to be counted again.
        let accepted = if finished { written } else { page.accepted.max(written) };
        let settled = if whole { accepted } else { self.settled };
        let counters = Counters { accepted, written, settled, clean: page.clean };
        if !finished && !self.segments.iter().any(is_over) {
            return self.run.note(files, counters);
        }
        self.run.promise(files, counters)?;
        let mut result = Ok(());
        for segment in self.segments.iter().filter(|segment| is_over(segment)) {
            result = remove(files, &segment.name).and(result);
        }
        self.segments.retain(|segment| !is_over(segment));
        result?;
        if whole { remove(files, &self.run.name.file(RUN)) } else { Ok(()) }
    }
}
