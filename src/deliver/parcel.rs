//! Records on their way to several destinations, held in memory once.

use std::fmt;
use std::ops::Range;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use super::reason::Reason;
use crate::record::{RecordError, RecordKind, Records};

/// How much there is in a run of records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Size {
    /// Bytes of records, with their envelopes.
    pub(super) bytes: usize,
    pub(super) records: usize,
    /// Spans that have ended.
    pub(super) spans: u64,
    /// Bytes in an OTLP request, if every span of them goes into it; where nobody has looked at them, a few more.
    pub(super) encoded: u64,
}

impl Size {
    pub(super) const fn plus(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_add(other.bytes),
            records: self.records.saturating_add(other.records),
            spans: self.spans.saturating_add(other.spans),
            encoded: self.encoded.saturating_add(other.encoded),
        }
    }

    pub(super) const fn minus(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(other.bytes),
            records: self.records.saturating_sub(other.records),
            spans: self.spans.saturating_sub(other.spans),
            encoded: self.encoded.saturating_sub(other.encoded),
        }
    }
}

/// The sizes of the records in a stream, one by one. It ends where nothing more can be read, or counted.
struct Sizes<'a> {
    records: Records<'a>,
    /// Records that are there and cannot be read.
    broken: u64,
}

impl<'a> Sizes<'a> {
    const fn new(stream: &'a [u8]) -> Self {
        Self { records: Records::new(stream), broken: 0 }
    }
}

impl Iterator for Sizes<'_> {
    type Item = Size;

    fn next(&mut self) -> Option<Size> {
        let before = self.records.rest();
        let read = self.records.next();
        // What was passed over in between (unknown kinds) stays with the record behind it.
        let bytes = before.len() - self.records.rest().len();
        match read {
            None if bytes == 0 => None,
            None => Some(Size { bytes, records: 1, ..Size::default() }),
            Some(Ok(record)) => {
                let ended = matches!(record.kind, RecordKind::Finished | RecordKind::WorkflowClosed);
                let encoded = if record.kind.is_span() { field_len(record.body.len()) } else { 0 };
                Some(Size { bytes, records: 1, spans: u64::from(ended), encoded })
            }
            Some(Err(error)) => {
                self.broken += 1;
                // Behind a wrong checksum the stream goes on.
                (error == RecordError::Checksum).then_some(Size { bytes, records: 1, ..Size::default() })
            }
        }
    }
}

/// The bytes of a parcel, wherever they are: who holds them holds the whole of what they stand in.
#[derive(Clone)]
struct Held(Arc<dyn AsRef<[u8]> + Send + Sync>);

// Its bytes never change.
impl UnwindSafe for Held {}
impl RefUnwindSafe for Held {}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Held").field(&(*self.0).as_ref().len()).finish()
    }
}

/// The length of a message of this length as a field: its tag has one byte.
fn field_len(length: usize) -> u64 {
    let bits = u64::from((length as u64 | 1).ilog2() + 1);
    1 + bits.div_ceil(7) + length as u64
}

/// No span in front of which a request has more bytes is recorded in a chunk: a tag, and the length of up to 2 MiB.
#[cfg(feature = "native")]
const LONGEST_HEAD: usize = 4;

/// Some whole records, to be given to one destination or several: copies of it share the bytes.
///
/// ```
/// use spanloom::deliver::Parcel;
/// ```
#[derive(Debug, Clone)]
pub struct Parcel {
    held: Held,
    /// Where its records begin in the stream.
    start: usize,
    size: Size,
    broken: u64,
    last_sequence: Option<u64>,
    unspooled: Option<Reason>,
}

impl Parcel {
    /// Takes a stream of records. What stands behind the last one that can be read is left out.
    #[must_use]
    pub fn new(mut stream: Vec<u8>) -> Self {
        let mut sizes = Sizes::new(&stream);
        let size = sizes.by_ref().fold(Size::default(), Size::plus);
        let broken = sizes.broken;
        // It may wait for long: then room for more is memory that nobody counts.
        stream.truncate(size.bytes);
        if stream.capacity() / 2 > stream.len() {
            stream.shrink_to_fit();
        }
        Self { held: Held(Arc::new(stream)), start: 0, size, broken, last_sequence: None, unspooled: None }
    }

    /// Takes records where they stand, so many spans that have ended and nothing else: known to whoever wrote them, so
    /// nothing is looked at. How many bytes of OTLP they make is a little less than is noted here.
    #[cfg(feature = "native")]
    pub(crate) fn of_spans(
        held: Arc<dyn AsRef<[u8]> + Send + Sync>,
        range: Range<usize>,
        spans: u32,
    ) -> Self {
        let (bytes, records) = (range.len(), spans as usize);
        // In a request there is a tag and a length in front of a span, and not an envelope.
        let encoded = bytes.saturating_sub(records * (crate::record::ENVELOPE_LEN - LONGEST_HEAD)) as u64;
        let size = Size { bytes, records, spans: spans.into(), encoded };
        let held = Held(held);
        Self { held, start: range.start, size, broken: 0, last_sequence: None, unspooled: None }
    }

    /// The same, held by a spool under sequence numbers of which this is the last.
    ///
    /// [`Destination::settled_up_to`](super::Destination::settled_up_to) gives it back when nothing of the parcel is
    /// needed any more, and what is still pending at the deadline of a shutdown stays pending: the spool has it.
    ///
    /// ```
    /// use spanloom::deliver::Parcel;
    /// assert_eq!(Parcel::new(Vec::new()).in_spool(42).last_sequence(), Some(42));
    /// ```
    #[must_use]
    pub const fn in_spool(mut self, last_sequence: u64) -> Self {
        self.last_sequence = Some(last_sequence);
        self
    }

    /// The same, which a spool was to hold and for this reason does not. What of it is lost for want of room or of time is
    /// counted under that reason, and not as [`Reason::QueueFull`] or [`Reason::ShutdownTimeout`]: it would be there still.
    ///
    /// ```
    /// # use spanloom::{SpanId, record::{Record, RecordKind}};
    /// use spanloom::deliver::{Destination, Options, Parcel, Reason};
    /// # let mut stream = Vec::new();
    /// # let span = Record { kind: RecordKind::Finished, flags: 0, revision: 0, workflow: SpanId::NONE, body: b"" };
    /// # (0..3).for_each(|_| span.write(&mut stream));
    /// let mut destination = Destination::new(&Options { queue_spans: 2, ..Options::default() });
    /// destination.offer(Parcel::new(stream).unspooled(Reason::SpoolFull), 0);
    /// assert_eq!(destination.ledger().dropped.get(Reason::SpoolFull), 1);
    /// ```
    #[must_use]
    pub const fn unspooled(mut self, reason: Reason) -> Self {
        self.unspooled = Some(reason);
        self
    }

    /// How many spans in it have ended: those that the ledger counts.
    #[must_use]
    pub const fn spans(&self) -> u64 {
        self.size.spans
    }

    /// How many records there are.
    #[must_use]
    pub const fn records(&self) -> usize {
        self.size.records
    }

    /// How many bytes of records there are.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.size.bytes
    }

    /// About how many bytes of a request they make, and never more than that.
    #[cfg(all(test, feature = "native"))]
    pub(crate) const fn encoded(&self) -> u64 {
        self.size.encoded
    }

    /// How many records could not be read: a wrong checksum, or a stream that ends too early.
    #[must_use]
    pub const fn broken(&self) -> u64 {
        self.broken
    }

    /// The last of its sequence numbers.
    #[must_use]
    pub const fn last_sequence(&self) -> Option<u64> {
        self.last_sequence
    }

    /// All of it, as a piece.
    pub(super) fn into_piece(self, order: u64) -> Piece {
        let range = self.start..self.start + self.size.bytes;
        let (stored, unspooled) = (self.last_sequence.is_some(), self.unspooled);
        Piece { held: self.held, range, size: self.size, order, stored, unspooled }
    }
}

/// A run of records out of a parcel.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    held: Held,
    range: Range<usize>,
    pub(super) size: Size,
    /// Which parcel it is of.
    pub(super) order: u64,
    /// A spool holds it.
    pub(super) stored: bool,
    /// Why a spool that was to hold it does not.
    unspooled: Option<Reason>,
}

impl Piece {
    pub(super) fn records(&self) -> &[u8] {
        (*self.held.0).as_ref().get(self.range.clone()).unwrap_or_default()
    }

    /// Under which reason it is lost where that is for want of room or of time.
    pub(super) fn lost_as(&self, reason: Reason) -> Reason {
        self.unspooled.filter(|_| !self.stored).unwrap_or(reason)
    }

    /// The same without what it holds besides: copied, where that is more than half of what it stands in.
    pub(super) fn alone(self) -> Self {
        if 2 * self.size.bytes >= (*self.held.0).as_ref().len() {
            return self;
        }
        let records = self.records().to_vec();
        Self { range: 0..records.len(), held: Held(Arc::new(records)), ..self }
    }

    /// Cuts between records: the first part is as long as `goes_on(before, after)` says of every record in it, told how
    /// much there is without and with it.
    pub(super) fn cut(mut self, goes_on: impl Fn(Size, Size) -> bool) -> (Option<Self>, Option<Self>) {
        let mut front = Size::default();
        let mut records = Sizes::new(self.records());
        loop {
            let Some(record) = records.next() else {
                // All of it goes on, or what cannot be read on cannot be cut. In the first case its size is exact by now.
                let size = if front.bytes == self.size.bytes { front } else { self.size };
                return (Some(Self { size, ..self }), None);
            };
            let after = front.plus(record);
            if !goes_on(front, after) {
                break;
            }
            front = after;
        }
        if front.bytes == 0 {
            return (None, Some(self));
        }
        let middle = self.range.start + front.bytes;
        let first = Self { held: self.held.clone(), range: self.range.start..middle, size: front, ..self };
        self.range.start = middle;
        self.size = self.size.minus(front);
        (Some(first), Some(self))
    }
}
