//! Metrics in the marshalled layout: what a host has summed up since it handed over last.
//!
//! The members of a metric's tuple are: [kind](crate::record::layout::metric), name, unit, description, the bounds of its
//! buckets, points. Those of a point are: labels, start, time, and what it stands at: of sums and gauges a number, of
//! histograms the counts of the buckets, the sum, the least and the greatest number. An exponential histogram has the numbers
//! themselves, as finding their buckets costs a host more than handing them over.

use super::super::{Ingest, Malformed, labels_of};
use super::{Found, Reader};
use crate::id::SpanId;
use crate::meter::buckets::{OPENTELEMETRY, check_bounds};
use crate::meter::{
    Aggregation, ExponentialState, HistogramPoint, Number, Point, Reading, Stream, StreamKind, Temporality,
};
use crate::otlp::metrics::{put_metric, put_metric_point};
use crate::record::envelope::{ENVELOPE_LEN, MAX_RECORD_LEN, Record, RecordKind, flags};
use crate::record::layout::{METRIC_TUPLE_LEN, metric};

/// Points of one metric may have so many bytes: then the rest of the message fits a record.
const MOST_POINT_BYTES: usize = MAX_RECORD_LEN - (1 << 20);
/// Name, unit and description may have so many each.
const MOST_TEXT_BYTES: usize = 1 << 16;

/// Appends the record of the metric that comes next; none where it has no points.
pub(super) fn metric(
    state: &mut Ingest,
    reader: &mut Reader<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    if reader.sequence()? as usize != METRIC_TUPLE_LEN {
        return Err(Malformed);
    }
    let repairs = reader.repairs.count;
    let kind = stream_kind(reader.int()?)?;
    let (name, unit, description) = (reader.text()?, reader.text()?, reader.text()?);
    if [name, unit, description].iter().any(|text| text.len() > MOST_TEXT_BYTES) {
        return Err(Malformed);
    }
    let bounds = bounds(reader)?;
    let mut points = Vec::new();
    let mut invalid = 0;
    for _ in 0..reader.sequence()? {
        invalid += point(reader, kind, &bounds, &mut points)?;
        if points.len() > MOST_POINT_BYTES {
            return Err(Malformed);
        }
    }
    state.counts.invalid += invalid;
    if points.is_empty() {
        return Ok(());
    }
    let mut body = Vec::with_capacity(points.len() + ENVELOPE_LEN);
    put_metric(&mut body, &Stream { name, unit, description, kind }, &points);
    let flags = if reader.repairs.count > repairs { flags::REPAIRED } else { 0 };
    Record { kind: RecordKind::MetricDelta, flags, revision: 0, workflow: SpanId::NONE, body: &body }
        .write(out);
    state.counts.metrics += 1;
    Ok(())
}

fn stream_kind(number: i64) -> Result<StreamKind, Malformed> {
    let temporality = Temporality::Delta;
    Ok(match u8::try_from(number).map_err(|_| Malformed)? {
        metric::COUNTER => StreamKind::Sum { monotonic: true, temporality },
        metric::UP_DOWN_COUNTER => StreamKind::Sum { monotonic: false, temporality },
        metric::GAUGE => StreamKind::Gauge,
        metric::HISTOGRAM => StreamKind::Histogram { temporality },
        metric::EXPONENTIAL => StreamKind::Exponential { temporality },
        _ => return Err(Malformed),
    })
}

/// The bounds that come next; `None` stands for OpenTelemetry's.
fn bounds(reader: &mut Reader<'_>) -> Result<Vec<f64>, Malformed> {
    let bounds = match reader.value()? {
        Found::None => return Ok(OPENTELEMETRY.to_vec()),
        Found::Sequence(count) => (0..count).map(|_| number(reader)).collect::<Result<Vec<_>, _>>()?,
        _ => return Err(Malformed),
    };
    let bounds: Vec<f64> = bounds.into_iter().map(Number::as_f64).collect();
    check_bounds(&bounds).map_err(|_| Malformed)?;
    Ok(bounds)
}

/// Appends the point that comes next; gives how many numbers in it could not be measured.
fn point(
    reader: &mut Reader<'_>,
    kind: StreamKind,
    bounds: &[f64],
    points: &mut Vec<u8>,
) -> Result<u64, Malformed> {
    let members = reader.sequence()?;
    let expected = if matches!(kind, StreamKind::Histogram { .. }) { 7 } else { 4 };
    if members != expected {
        return Err(Malformed);
    }
    let labels = labels_of(|sink| reader.tell(sink))?;
    let (start_unix_nano, time_unix_nano) = (reader.count()?, reader.count()?);
    let mut put = |reading| {
        let point = Point { labels: &labels, start_unix_nano, time_unix_nano, reading, exemplars: &[] };
        put_metric_point(points, &point);
    };
    match kind {
        StreamKind::Gauge | StreamKind::Sum { .. } => {
            put(Reading::Number(number(reader)?));
            Ok(0)
        }
        StreamKind::Histogram { .. } => {
            if reader.sequence()? as usize != bounds.len() + 1 {
                return Err(Malformed);
            }
            let counts = (0..=bounds.len()).map(|_| reader.count()).collect::<Result<Vec<_>, _>>()?;
            let (sum, min, max) = (finite(reader)?, finite(reader)?, finite(reader)?);
            put(Reading::Histogram(HistogramPoint { bounds, counts: &counts, sum, min, max }));
            Ok(0)
        }
        StreamKind::Exponential { .. } => {
            let Aggregation::Exponential { max_size, max_scale } = Aggregation::exponential() else {
                return Err(Malformed);
            };
            let (mut state, mut invalid) = (ExponentialState::new(max_size, max_scale), 0);
            for _ in 0..reader.sequence()? {
                let number = number(reader)?.as_f64();
                if number.is_finite() { state.record(number) } else { invalid += 1 }
            }
            put(Reading::Exponential(state.point()));
            Ok(invalid)
        }
    }
}

/// A number. Whole ones beyond 64 bits stand at the end of the range.
fn number(reader: &mut Reader<'_>) -> Result<Number, Malformed> {
    Ok(match reader.value()? {
        Found::Int(number) => Number::Int(number),
        Found::Double(number) => Number::Double(number),
        Found::Large(_, negative) => Number::Int(if negative { i64::MIN } else { i64::MAX }),
        _ => return Err(Malformed),
    })
}

/// A number that is finite; `None` counts as none.
fn finite(reader: &mut Reader<'_>) -> Result<Option<f64>, Malformed> {
    let before = reader.rest;
    if let Found::None = reader.value()? {
        return Ok(None);
    }
    reader.rest = before;
    let number = number(reader)?.as_f64();
    if number.is_finite() { Ok(Some(number)) } else { Err(Malformed) }
}

#[cfg(test)]
mod tests {
    use crate::meter::{
        Book, DistributionCell, Instrument, InstrumentKind, Labels, MetricSink, Point, Reader, Stream,
    };
    use crate::record::{Ingest, IngestCounts, fold_metrics};

    /// Writes what Python marshals.
    #[derive(Default)]
    struct Batch(Vec<u8>);

    impl Batch {
        fn open(mut self, members: u32) -> Self {
            self.0.push(b'(');
            self.0.extend(members.to_le_bytes());
            self
        }

        fn int(mut self, number: i32) -> Self {
            self.0.push(b'i');
            self.0.extend(number.to_le_bytes());
            self
        }

        fn double(mut self, number: f64) -> Self {
            self.0.push(b'g');
            self.0.extend(number.to_le_bytes());
            self
        }

        fn text(mut self, text: &str) -> Self {
            self.0.push(b'u');
            self.0.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
            self.0.extend(text.as_bytes());
            self
        }

        fn none(mut self) -> Self {
            self.0.push(b'N');
            self
        }

        /// All of a metric but its bounds and its points.
        fn metric(self, kind: i32, name: &str) -> Self {
            self.open(6).int(kind).text(name).none().none()
        }

        /// A point without labels, but for what it stands at.
        fn point(self, members: u32) -> Self {
            self.open(members).none().int(5).int(9)
        }

        fn counts(self) -> (IngestCounts, Vec<u8>) {
            let (mut ingest, mut records) = (Ingest::default(), Vec::new());
            ingest.marshal_metrics(&self.0, &mut records);
            (ingest.counts(), records)
        }
    }

    #[derive(Default)]
    struct Lines(Vec<String>);

    impl MetricSink for Lines {
        fn stream(&mut self, stream: &Stream<'_>) {
            self.0.push(stream.name.to_owned());
        }
        fn point(&mut self, point: &Point<'_>) {
            self.0.push(format!("{} {:?}", point.start_unix_nano, point.reading));
        }
    }

    #[test]
    fn what_a_host_summed_up_is_added() {
        let batch = || {
            Batch::default()
                .open(4)
                .metric(1, "asked")
                .none()
                .open(1)
                .point(4)
                .int(3)
                .metric(3, "heat")
                .none()
                .open(1)
                .point(4)
                .double(1.5)
                .metric(4, "seconds")
                .open(1)
                .double(1.0)
                .open(1)
                .point(7)
                .open(2)
                .int(2)
                .none()
                .double(0.75)
                .double(0.25)
                .int(1)
                .metric(5, "sizes")
                .none()
                .open(1)
                .point(4)
                .open(3)
                .int(4)
                .double(f64::NAN)
                .double(8.0)
        };
        let (counts, records) = batch().counts();
        assert_eq!(counts, IngestCounts { metrics: 4, invalid: 1, ..IngestCounts::default() });
        let book = Book::default();
        for _ in 0..2 {
            assert_eq!((fold_metrics(&records, &book, 7).points, book.problems()), (4, Default::default()));
        }
        let mut lines = Lines::default();
        book.collect(&mut Reader::cumulative(), 10, &mut lines);
        assert_eq!(lines.0[..4], ["asked", "5 Number(Int(6))", "heat", "0 Number(Double(1.5))"]);
        let sizes = book.distributions(
            Instrument::new("sizes", InstrumentKind::Histogram)
                .aggregation(crate::meter::Aggregation::exponential()),
        );
        let series = sizes.series(&Labels::none(), || 7);
        let DistributionCell::Exponential(cell) = &series.cell else { panic!("{series:?}") };
        assert_eq!((cell.read().count, cell.read().sum, series.start_unix_nano()), (4, 24.0, 5));
        let seconds = book.distributions(Instrument::new("seconds", InstrumentKind::Histogram).bounds([1.0]));
        let series = seconds.series(&Labels::none(), || 7);
        let DistributionCell::Explicit(cell) = &series.cell else { panic!("{series:?}") };
        let state = cell.read();
        assert_eq!(
            (state.counts.as_slice(), state.sum, state.min, state.max),
            ([4, 0].as_slice(), 1.5, 0.25, 1.0)
        );
    }

    #[test]
    fn what_is_no_metric_is_left_out_and_the_rest_goes_on() {
        let bad = [
            Batch::default().open(1).int(1),
            Batch::default().metric(9, "kind").none().open(0),
            Batch::default().metric(1, &"long".repeat(1 << 15)).none().open(0),
            Batch::default().metric(4, "bounds").open(2).int(1).int(1).open(0),
            Batch::default()
                .metric(4, "counts")
                .open(1)
                .int(1)
                .open(1)
                .point(7)
                .open(1)
                .int(1)
                .none()
                .none()
                .none(),
            Batch::default()
                .metric(4, "sum")
                .open(0)
                .open(1)
                .point(7)
                .open(1)
                .int(1)
                .double(f64::INFINITY)
                .none()
                .none(),
            Batch::default().metric(1, "members").none().open(1).point(5).int(1).int(1),
            Batch::default().metric(1, "number").none().open(1).point(4).text("3"),
            Batch::default().metric(1, "labels").none().open(1).open(4).int(1).int(5).int(9).int(3),
        ];
        let mut batch = Batch::default().open(u32::try_from(bad.len()).unwrap() + 2);
        let left_out = bad.len() as u64;
        for bad in bad {
            batch.0.extend(bad.0);
        }
        let batch = batch.metric(1, "empty").none().open(0).metric(1, "good").none().open(1).point(4).int(1);
        let (counts, records) = batch.counts();
        assert_eq!(counts, IngestCounts { metrics: 1, malformed: left_out, ..IngestCounts::default() });
        assert_eq!(fold_metrics(&records, &Book::default(), 1).points, 1);
    }
}
