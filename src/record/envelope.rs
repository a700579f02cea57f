//! The envelope around every record, and the reader of a stream of them.
//!
//! A record is 24 bytes of envelope and a body. All numbers are little-endian:
//!
//! | at | size | what |
//! |---|---|---|
//! | 0 | 4 | length of the whole record, envelope included |
//! | 4 | 4 | CRC-32 of everything behind it, where the record is sealed; else 0 |
//! | 8 | 1 | version of this layout: 1 |
//! | 9 | 1 | kind: see [`RecordKind`] |
//! | 10 | 2 | flags: see [`flags`] |
//! | 12 | 4 | revision: of two records of the same span the higher one counts |
//! | 16 | 8 | the workflow: id of its root span; zeros for a span outside any workflow |
//! | 24 | - | body |
//!
//! The first ten bytes keep their place in every later version, so a reader passes over what it does not know, and counts it.

use thiserror::Error;

use crate::id::SpanId;

/// Bytes of the envelope.
pub const ENVELOPE_LEN: usize = 24;
/// The version that this crate writes.
pub const VERSION: u8 = 1;
/// No record is longer: 64 MiB, which is also what an OTLP request may have.
pub const MAX_RECORD_LEN: usize = 64 << 20;

/// What a record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum RecordKind {
    /// A workflow has begun; the body is its root span as far as it is known.
    WorkflowOpened = 1,
    /// A span or node has begun; the body is the span as far as it is known.
    Started = 2,
    /// A span or node is done; the body is the whole span.
    Finished = 3,
    /// A workflow is done; the body is its whole root span.
    WorkflowClosed = 4,
    /// What has come to a metric; the body is an OTLP `Metric` message.
    MetricDelta = 5,
}

impl RecordKind {
    /// The kind with this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::WorkflowOpened,
            2 => Self::Started,
            3 => Self::Finished,
            4 => Self::WorkflowClosed,
            5 => Self::MetricDelta,
            _ => return None,
        })
    }

    /// True where the body is an OTLP `Span` message.
    #[must_use]
    pub const fn is_span(self) -> bool {
        !matches!(self, Self::MetricDelta)
    }
}

/// Bits of the flags.
pub mod flags {
    /// The checksum is set: the record was made ready for storage.
    pub const SEALED: u16 = 1;
    /// The span is a node of its workflow, not a plain span.
    pub const NODE: u16 = 1 << 1;
    /// Something was cut or left out by a limit.
    pub const CUT: u16 = 1 << 2;
    /// Nobody ended the span; it was closed for its program.
    pub const ABANDONED: u16 = 1 << 3;
    /// Text that was no UTF-8 was repaired.
    pub const REPAIRED: u16 = 1 << 4;
    /// The clock of the host went wrong: the end was before the start.
    pub const CLOCK_SUSPECT: u16 = 1 << 5;
}

/// One record, read in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// What it says.
    pub kind: RecordKind,
    /// Bits of [`flags`].
    pub flags: u16,
    /// Of two records of the same span the higher one counts.
    pub revision: u32,
    /// Id of the workflow's root span; [`SpanId::NONE`] outside any workflow.
    pub workflow: SpanId,
    /// What it is about.
    pub body: &'a [u8],
}

impl Record<'_> {
    /// Appends the record, unsealed.
    pub fn write(&self, out: &mut Vec<u8>) {
        let length = ENVELOPE_LEN + self.body.len();
        out.reserve(length);
        out.extend_from_slice(&self.envelope(length));
        out.extend_from_slice(self.body);
    }

    fn envelope(&self, length: usize) -> [u8; ENVELOPE_LEN] {
        write_envelope(length, self.kind, self.flags & !flags::SEALED, self.revision, self.workflow)
    }
}

/// The envelope of a record of `length` bytes in all.
#[inline]
pub(crate) fn write_envelope(
    length: usize,
    kind: RecordKind,
    flags: u16,
    revision: u32,
    workflow: SpanId,
) -> [u8; ENVELOPE_LEN] {
    let [l0, l1, l2, l3] = u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    let [f0, f1] = flags.to_le_bytes();
    let [r0, r1, r2, r3] = revision.to_le_bytes();
    let [w0, w1, w2, w3, w4, w5, w6, w7] = workflow.to_bytes();
    [l0, l1, l2, l3, 0, 0, 0, 0, VERSION, kind as u8, f0, f1, r0, r1, r2, r3, w0, w1, w2, w3, w4, w5, w6, w7]
}

/// Why a stream of records cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The stream ends inside a record.
    #[error("the stream ends inside a record")]
    Truncated,
    /// A length is shorter than an envelope or longer than any record.
    #[error("a record of {length} bytes cannot be")]
    Length {
        /// The length that stands there.
        length: u32,
    },
    /// The checksum of a sealed record does not fit; the stream goes on behind it.
    #[error("the checksum of a record does not fit")]
    Checksum,
}

/// Reads a stream of records in place. What it does not know is passed over and counted.
#[derive(Debug, Clone)]
pub struct Records<'a> {
    rest: &'a [u8],
    unknown: u64,
}

impl<'a> Records<'a> {
    /// Reads this stream.
    #[must_use]
    pub const fn new(stream: &'a [u8]) -> Self {
        Self { rest: stream, unknown: 0 }
    }

    /// How many records of unknown kinds and later versions were passed over.
    #[must_use]
    pub const fn unknown(&self) -> u64 {
        self.unknown
    }

    /// What has not been read yet.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn take_record(&mut self) -> Result<&'a [u8], RecordError> {
        let (length, _) = self.rest.split_first_chunk::<4>().ok_or(RecordError::Truncated)?;
        let number = u32::from_le_bytes(*length);
        let length = number as usize;
        if !(ENVELOPE_LEN..=MAX_RECORD_LEN).contains(&length) {
            return Err(RecordError::Length { length: number });
        }
        let (record, rest) = self.rest.split_at_checked(length).ok_or(RecordError::Truncated)?;
        self.rest = rest;
        Ok(record)
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let record = match self.take_record() {
                Ok(record) => record,
                Err(error) => {
                    // Without a length there is no way to find the next record.
                    self.rest = &[];
                    return Some(Err(error));
                }
            };
            let Some((envelope, body)) = record.split_first_chunk::<ENVELOPE_LEN>() else { continue };
            let [_, _, _, _, c0, c1, c2, c3, version, kind, f0, f1, r0, r1, r2, r3, workflow @ ..] =
                *envelope;
            let Some(kind) = RecordKind::from_number(kind).filter(|_| version == VERSION) else {
                self.unknown += 1;
                continue;
            };
            let flags = u16::from_le_bytes([f0, f1]);
            if flags & flags::SEALED != 0 && checksum(record) != u32::from_le_bytes([c0, c1, c2, c3]) {
                return Some(Err(RecordError::Checksum));
            }
            let revision = u32::from_le_bytes([r0, r1, r2, r3]);
            return Some(Ok(Record { kind, flags, revision, workflow: SpanId::from_bytes(workflow), body }));
        }
        None
    }
}

/// The spans in a stream that have ended, as OTLP `Span` messages.
pub fn finished_spans(records: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    Records::new(records)
        .flatten()
        .filter(|record| matches!(record.kind, RecordKind::Finished | RecordKind::WorkflowClosed))
        .map(|record| record.body)
}

/// Makes one whole record ready for storage: sets its checksum.
pub fn seal(record: &mut [u8]) {
    if let Some(flag) = record.get_mut(10) {
        *flag |= flags::SEALED.to_le_bytes()[0];
    }
    let sum = checksum(record).to_le_bytes();
    if let Some(place) = record.get_mut(4..8) {
        place.copy_from_slice(&sum);
    }
}

fn checksum(record: &[u8]) -> u32 {
    crc32(record.get(8..).unwrap_or_default())
}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

/// CRC-32 by half bytes: a table of 64 bytes, where every byte of the module is paid for.
#[cfg(any(test, target_arch = "wasm32"))]
pub(crate) fn small_crc32(bytes: &[u8]) -> u32 {
    const fn row(half: u32) -> u32 {
        let (mut row, mut bit) = (half, 0);
        while bit < 4 {
            row = (row >> 1) ^ (0xedb8_8320 & 0u32.wrapping_sub(row & 1));
            bit += 1;
        }
        row
    }
    const TABLE: [u32; 16] = [
        row(0),
        row(1),
        row(2),
        row(3),
        row(4),
        row(5),
        row(6),
        row(7),
        row(8),
        row(9),
        row(10),
        row(11),
        row(12),
        row(13),
        row(14),
        row(15),
    ];
    let step = |sum: u32, half: u32| sum >> 4 ^ TABLE.get((half & 15) as usize).copied().unwrap_or(0);
    !bytes.iter().fold(!0, |sum, byte| {
        let sum = step(sum, sum ^ u32::from(*byte));
        step(sum, sum ^ u32::from(*byte >> 4))
    })
}

#[cfg(target_arch = "wasm32")]
pub(crate) use small_crc32 as crc32;

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let mut stream = Vec::new();
        Record {
            kind: RecordKind::Finished,
            flags: flags::NODE,
            revision: 7,
            workflow: SpanId::from_u64(9),
            body: b"body",
        }
        .write(&mut stream);
        stream
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let stream = sample();
        let records: Vec<_> = Records::new(&stream).collect();
        let [Ok(record)] = records.as_slice() else { panic!("{records:?}") };
        assert_eq!((record.kind, record.flags, record.revision), (RecordKind::Finished, flags::NODE, 7));
        assert_eq!((record.workflow, record.body), (SpanId::from_u64(9), b"body".as_slice()));
    }

    #[test]
    fn a_changed_bit_in_a_sealed_record_shows() {
        let mut sealed = sample();
        seal(&mut sealed);
        assert!(Records::new(&sealed).all(|record| record.is_ok()));
        for at in 8..sealed.len() {
            let mut broken = sealed.clone();
            broken[at] ^= 0x10;
            let read: Vec<_> = Records::new(&broken).collect();
            // Another version or kind is passed over; anything else is a wrong checksum.
            assert!(read.is_empty() || read == [Err(RecordError::Checksum)], "byte {at}: {read:?}");
        }
    }

    #[test]
    fn unknown_kinds_and_versions_are_passed_over_and_counted() {
        let mut stream = sample();
        stream[9] = 200;
        let mut later = sample();
        later[8] = 2;
        stream.extend(later);
        stream.extend(sample());
        let mut records = Records::new(&stream);
        assert!(records.next().unwrap().is_ok());
        assert_eq!(records.next(), None);
        assert_eq!(records.unknown(), 2);
    }

    #[test]
    fn both_checksums_are_the_same_checksum() {
        assert_eq!(small_crc32(b"123456789"), 0xcbf4_3926);
        let bytes: Vec<u8> = (0..=255).collect();
        for length in 0..bytes.len() {
            assert_eq!(small_crc32(&bytes[..length]), crc32(&bytes[..length]));
        }
    }

    #[test]
    fn a_broken_length_ends_the_stream() {
        let mut stream = sample();
        stream.truncate(stream.len() - 1);
        assert_eq!(Records::new(&stream).next(), Some(Err(RecordError::Truncated)));
        stream[..4].copy_from_slice(&3u32.to_le_bytes());
        let mut records = Records::new(&stream);
        assert_eq!(records.next(), Some(Err(RecordError::Length { length: 3 })));
        assert_eq!(records.next(), None);
    }
}
