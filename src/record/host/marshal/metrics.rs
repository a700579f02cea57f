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
pub(super) fn metric(state: &mut Ingest, reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<(), Malformed> {
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
    Record { kind: RecordKind::MetricDelta, flags, revision: 0, workflow: SpanId::NONE, body: &body }.write(out);
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
