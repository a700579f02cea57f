//! Records that stand in several places.

use super::parcel::Piece;
use crate::record::{Record, RecordError, Records, finished_spans};

/// Runs of whole records, to be read one after the other where they stand.
///
/// ```
/// use spanloom::SpanId;
/// use spanloom::deliver::Runs;
/// use spanloom::record::{Record, RecordKind};
/// let mut stream = Vec::new();
/// let ended = Record { kind: RecordKind::Finished, flags: 0, revision: 0, workflow: SpanId::NONE, body: b"span" };
/// ended.write(&mut stream);
/// let runs = Runs::from(stream.as_slice());
/// assert_eq!((runs.iter().count(), runs.records().count()), (1, 1));
/// assert_eq!(runs.finished_spans().next(), Some(b"span".as_slice()));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Runs<'a> {
    one: Option<&'a [u8]>,
    pieces: &'a [Piece],
}

impl<'a> Runs<'a> {
    pub(super) const fn of_pieces(pieces: &'a [Piece]) -> Self {
        Self { one: None, pieces }
    }

    /// Each run.
    pub fn iter(self) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
        self.one.into_iter().chain(self.pieces.iter().map(Piece::records))
    }

    /// Each record, or why a run cannot be read on.
    pub fn records(self) -> impl Iterator<Item = Result<Record<'a>, RecordError>> + Clone + use<'a> {
        self.iter().flat_map(Records::new)
    }

    /// The spans that have ended, as OTLP `Span` messages.
    pub fn finished_spans(self) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
        self.iter().flat_map(finished_spans)
    }
}

impl<'a> From<&'a [u8]> for Runs<'a> {
    fn from(records: &'a [u8]) -> Self {
        Self { one: Some(records), pieces: &[] }
    }
}
