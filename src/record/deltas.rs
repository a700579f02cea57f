//! From records of metrics to a book.

use super::{RecordKind, Records};
use crate::meter::{Book, Fold};
use crate::otlp::metrics::{MetricView, Told};

/// Adds what the [`MetricDelta`](RecordKind::MetricDelta) records of a stream say to a book, and says how many points there
/// were. A body that is no metric counts as one point that was left out.
///
/// ```
/// use spanloom::meter::{Book, Instrument, InstrumentKind, Labels};
/// use spanloom::record::{Ingest, fold_metrics};
/// // A list of one tuple: (1, "asked", None, None, None, [(None, 5, 9, 3)]), as Python marshals it.
/// let batch = b"[\x01\0\0\0(\x06\0\0\0i\x01\0\0\0u\x05\0\0\0askedNNN[\x01\0\0\0(\x04\0\0\0Ni\x05\0\0\0i\x09\0\0\0i\x03\0\0\0";
/// let mut records = Vec::new();
/// assert_eq!(Ingest::default().marshal_metrics(batch, &mut records), 1);
///
/// let book = Book::default();
/// assert_eq!(fold_metrics(&records, &book, 9).points, 1);
/// let asked = book.sums::<i64>(Instrument::new("asked", InstrumentKind::Counter));
/// assert_eq!(asked.series(&Labels::none(), || 9).cell.total(), 3);
/// ```
pub fn fold_metrics(records: &[u8], book: &Book, now_unix_nano: u64) -> Told {
    let mut all = Told::default();
    let mut fold = Fold::into(book, now_unix_nano);
    let deltas = Records::new(records).flatten().filter(|record| record.kind == RecordKind::MetricDelta);
    for record in deltas {
        let told = match MetricView::read(record.body) {
            Ok(metric) => metric.tell(&mut fold),
            Err(_) => Told { points: 0, left_out: 1 },
        };
        all.points += told.points;
        all.left_out += told.left_out;
    }
    all
}
