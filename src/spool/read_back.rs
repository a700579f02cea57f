//! Reading back what this run has written, while it goes on.

use super::files::{FilesError, SpoolFiles};
use super::format::{HEADER_LEN, Mark, Named, read_name};
use super::report::Gone;
use super::segment::{Found, SegmentReader};
use crate::record::RecordKind;

/// Records that were read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadBack {
    /// A stream of whole records, as they were appended.
    pub records: Vec<u8>,
    /// How many of them are ends of spans.
    pub spans: u64,
    /// Reading goes on behind this record.
    pub last: u64,
    /// What should have stood between them and does not: the disk lost it.
    pub missing: Gone,
}

impl ReadBack {
    pub(super) fn behind(last: u64) -> Self {
        Self { records: Vec::new(), spans: 0, last, missing: Gone::default() }
    }

    /// Counts what lies between two records, as far as it was asked for, and goes on behind it.
    pub(super) fn miss_up_to(&mut self, from: Mark, to: Mark) {
        let records = to.sequence.saturating_sub(from.sequence.max(self.last));
        self.missing.add(records, to.spans.saturating_sub(from.spans).min(records));
        self.last = self.last.max(to.sequence);
    }
}

/// A segment that is being read back.
#[derive(Debug)]
pub(super) struct Rereading<H> {
    name: String,
    reader: SegmentReader<H>,
    /// The last record that was met.
    seen: Mark,
}

impl<H> Rereading<H> {
    pub fn open<F: SpoolFiles<File = H>>(files: &F, name: &str, before: Mark) -> Result<Self, FilesError> {
        let session = match read_name(name) {
            Named::Segment(run, _) => run.session,
            _ => return Err(FilesError::NotFound),
        };
        let file = files.open(name)?;
        let reader = SegmentReader::new(file, session, HEADER_LEN as u64);
        Ok(Self { name: name.to_owned(), reader, seen: before })
    }

    /// True where it stands in this segment, and not behind what comes after this record.
    pub fn goes_on(&self, name: &str, after: u64) -> bool {
        self.name == name && self.seen.sequence <= after
    }

    /// Reads up to the last record of the segment, which was written whole: bytes behind it are none of the reader's.
    pub fn read<F: SpoolFiles<File = H>>(
        &mut self,
        files: &F,
        back: &mut ReadBack,
        end: Mark,
        most_bytes: usize,
    ) -> Result<(), FilesError> {
        while self.seen.sequence < end.sequence && back.records.len() < most_bytes.max(1) {
            match self.reader.next(files)? {
                Found::Record(mark, place) => {
                    let record = self.reader.bytes(place);
                    let kind = record.get(9).copied().and_then(RecordKind::from_number);
                    let is_end = matches!(kind, Some(RecordKind::Finished | RecordKind::WorkflowClosed));
                    let own = u64::from(is_end);
                    if mark.sequence > back.last {
                        let before = Mark {
                            sequence: mark.sequence.saturating_sub(1),
                            spans: mark.spans.saturating_sub(own),
                        };
                        back.miss_up_to(self.seen, before);
                        back.records.extend_from_slice(record);
                        back.spans = back.spans.saturating_add(own);
                        back.last = mark.sequence;
                    }
                    self.seen = mark;
                }
                Found::Broken(_) => {}
                Found::Torn | Found::End => {
                    back.miss_up_to(self.seen, end);
                    self.seen = end;
                }
            }
        }
        Ok(())
    }
}
