//! Points of metrics, read in place: the four kinds of messages, and what they are made of.

use super::MetricKind;
use super::numbers::{Counts, Doubles, Width, check_numbers};
use crate::id::{SpanId, TraceId};
use crate::meter::Number;
use crate::otlp::any::{KeyValues, check_key_value};
use crate::otlp::span::{messages, span_id, trace_id};
use crate::otlp::wire::{DecodeError, Field, Fields};

/// A point of a metric, read in place.
#[derive(Debug, Clone, Copy, Default)]
pub struct PointView<'a> {
    /// The whole message.
    pub message: &'a [u8],
    /// Since when it counts, in nanoseconds since 1970; 0 where nobody said.
    pub start_unix_nano: u64,
    /// When it was collected.
    pub time_unix_nano: u64,
    /// Its flags: see [`Self::is_absent`].
    pub flags: u32,
    /// What it stands at.
    pub reading: ReadingView<'a>,
}

/// What a point stands at, by the kind of its metric.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub enum ReadingView<'a> {
    /// A number that is not there.
    #[default]
    Nothing,
    /// Of a gauge or a sum.
    Number(Number),
    /// Of a histogram.
    Histogram(HistogramView<'a>),
    /// Of an exponential histogram.
    Exponential(ExponentialView<'a>),
    /// Of a summary.
    Summary(SummaryView<'a>),
}

/// How many numbers fell between fixed bounds.
#[derive(Debug, Clone, Copy, Default)]
pub struct HistogramView<'a> {
    message: &'a [u8],
    /// How many numbers there were.
    pub count: u64,
    /// The sum of the numbers.
    pub sum: Option<f64>,
    /// The least of them.
    pub min: Option<f64>,
    /// The greatest of them.
    pub max: Option<f64>,
}

/// How many numbers fell into buckets of a base-2 exponential histogram.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExponentialView<'a> {
    /// How fine it is: the bounds are powers of 2^(2^-scale).
    pub scale: i32,
    /// How many numbers are zero.
    pub zero_count: u64,
    /// Magnitudes up to this one count as zero.
    pub zero_threshold: f64,
    /// Numbers above zero.
    pub positive: BucketsView<'a>,
    /// Numbers below zero, by magnitude.
    pub negative: BucketsView<'a>,
    /// How many numbers there were.
    pub count: u64,
    /// The sum of the numbers.
    pub sum: Option<f64>,
    /// The least of them.
    pub min: Option<f64>,
    /// The greatest of them.
    pub max: Option<f64>,
}

/// Neighbouring buckets.
#[derive(Debug, Clone, Copy, Default)]
pub struct BucketsView<'a> {
    message: &'a [u8],
    /// The index of the first one.
    pub offset: i32,
}

/// Quantiles of what was measured.
#[derive(Debug, Clone, Copy, Default)]
pub struct SummaryView<'a> {
    message: &'a [u8],
    /// How many numbers there were.
    pub count: u64,
    /// The sum of the numbers.
    pub sum: f64,
}

/// The number that so large a part of the numbers does not exceed.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Quantile {
    /// How large a part: from 0, which is the least number, to 1, the greatest.
    pub quantile: f64,
    /// The number.
    pub value: f64,
}

/// A number as it was measured, and where; read in place.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExemplarView<'a> {
    /// The whole message.
    pub message: &'a [u8],
    /// When.
    pub time_unix_nano: u64,
    /// The number, where it is there.
    pub value: Option<Number>,
    /// The trace in which it was measured.
    pub trace_id: TraceId,
    /// The span in which it was measured.
    pub span_id: SpanId,
}

/// The bit of the flags which says that nothing was recorded.
const ABSENT: u32 = 1;

impl<'a> PointView<'a> {
    /// Reads the message of a point and checks all of it.
    pub(super) fn read(kind: MetricKind, message: &'a [u8]) -> Result<Self, DecodeError> {
        Self::go_through::<true>(kind, message)
    }

    /// Reads the scalars of a message that was checked before.
    pub(super) fn read_checked(kind: MetricKind, message: &'a [u8]) -> Result<Self, DecodeError> {
        Self::go_through::<false>(kind, message)
    }

    #[inline]
    fn go_through<const CHECK: bool>(kind: MetricKind, message: &'a [u8]) -> Result<Self, DecodeError> {
        let mut point = Self { message, ..Self::default() };
        match kind {
            MetricKind::Unknown => {}
            MetricKind::Gauge | MetricKind::Sum { .. } => point.read_number::<CHECK>()?,
            MetricKind::Histogram { .. } => point.read_histogram::<CHECK>()?,
            MetricKind::Exponential { .. } => point.read_exponential::<CHECK>()?,
            MetricKind::Summary => point.read_summary::<CHECK>()?,
        }
        Ok(point)
    }

    fn read_number<const CHECK: bool>(&mut self) -> Result<(), DecodeError> {
        let mut fields = Fields::new(self.message);
        while let Some(found) = fields.next_field()? {
            match found.number {
                2 => self.start_unix_nano = found.fixed64()?,
                3 => self.time_unix_nano = found.fixed64()?,
                4 => self.reading = ReadingView::Number(Number::Double(double(found)?)),
                5 if CHECK => ExemplarView::check(found.bytes()?)?,
                6 => self.reading = ReadingView::Number(Number::Int(found.fixed64()?.cast_signed())),
                7 if CHECK => check_key_value(found.bytes()?)?,
                8 => self.flags = found.varint32()?,
                _ => {}
            }
        }
        Ok(())
    }

    fn read_histogram<const CHECK: bool>(&mut self) -> Result<(), DecodeError> {
        let mut histogram = HistogramView { message: self.message, ..HistogramView::default() };
        let mut fields = Fields::new(self.message);
        while let Some(found) = fields.next_field()? {
            match found.number {
                2 => self.start_unix_nano = found.fixed64()?,
                3 => self.time_unix_nano = found.fixed64()?,
                4 => histogram.count = found.fixed64()?,
                5 => histogram.sum = Some(double(found)?),
                6 | 7 if CHECK => check_numbers(found, Width::Fixed)?,
                8 if CHECK => ExemplarView::check(found.bytes()?)?,
                9 if CHECK => check_key_value(found.bytes()?)?,
                10 => self.flags = found.varint32()?,
                11 => histogram.min = Some(double(found)?),
                12 => histogram.max = Some(double(found)?),
                _ => {}
            }
        }
        self.reading = ReadingView::Histogram(histogram);
        Ok(())
    }

    fn read_exponential<const CHECK: bool>(&mut self) -> Result<(), DecodeError> {
        let mut histogram = ExponentialView::default();
        let mut fields = Fields::new(self.message);
        while let Some(found) = fields.next_field()? {
            match found.number {
                1 if CHECK => check_key_value(found.bytes()?)?,
                2 => self.start_unix_nano = found.fixed64()?,
                3 => self.time_unix_nano = found.fixed64()?,
                4 => histogram.count = found.fixed64()?,
                5 => histogram.sum = Some(double(found)?),
                6 => histogram.scale = sint32(found)?,
                7 => histogram.zero_count = found.fixed64()?,
                8 => histogram.positive = BucketsView::read::<CHECK>(found.bytes()?)?,
                9 => histogram.negative = BucketsView::read::<CHECK>(found.bytes()?)?,
                10 => self.flags = found.varint32()?,
                11 if CHECK => ExemplarView::check(found.bytes()?)?,
                12 => histogram.min = Some(double(found)?),
                13 => histogram.max = Some(double(found)?),
                14 => histogram.zero_threshold = double(found)?,
                _ => {}
            }
        }
        self.reading = ReadingView::Exponential(histogram);
        Ok(())
    }

    fn read_summary<const CHECK: bool>(&mut self) -> Result<(), DecodeError> {
        let mut summary = SummaryView { message: self.message, ..SummaryView::default() };
        let mut fields = Fields::new(self.message);
        while let Some(found) = fields.next_field()? {
            match found.number {
                2 => self.start_unix_nano = found.fixed64()?,
                3 => self.time_unix_nano = found.fixed64()?,
                4 => summary.count = found.fixed64()?,
                5 => summary.sum = double(found)?,
                6 if CHECK => {
                    Quantile::read(found.bytes()?)?;
                }
                7 if CHECK => check_key_value(found.bytes()?)?,
                8 => self.flags = found.varint32()?,
                _ => {}
            }
        }
        self.reading = ReadingView::Summary(summary);
        Ok(())
    }

    /// True where the point says that there is nothing: its series has ended.
    #[must_use]
    pub const fn is_absent(&self) -> bool {
        self.flags & ABSENT != 0
    }

    /// The labels of its series.
    #[must_use]
    pub const fn attributes(&self) -> KeyValues<'a> {
        let number = match self.reading {
            ReadingView::Nothing | ReadingView::Number(_) | ReadingView::Summary(_) => 7,
            ReadingView::Histogram(_) => 9,
            ReadingView::Exponential(_) => 1,
        };
        KeyValues::new(self.message, number)
    }

    /// Examples of what was measured.
    pub fn exemplars(&self) -> impl Iterator<Item = ExemplarView<'a>> + use<'a> {
        let number = match self.reading {
            ReadingView::Nothing | ReadingView::Number(_) => 5,
            ReadingView::Histogram(_) => 8,
            ReadingView::Exponential(_) => 11,
            ReadingView::Summary(_) => NO_FIELD,
        };
        messages(self.message, number).filter_map(|message| ExemplarView::go_through::<false>(message).ok())
    }
}

/// A number that no field has.
const NO_FIELD: u32 = 0;

impl<'a> HistogramView<'a> {
    /// Upper bounds of the buckets but the last.
    #[must_use]
    pub const fn bounds(&self) -> Doubles<'a> {
        Doubles::new(self.message, 7)
    }

    /// How many numbers each bucket has; none where there are no buckets.
    #[must_use]
    pub const fn counts(&self) -> Counts<'a> {
        Counts::new(self.message, 6, Width::Fixed)
    }
}

impl<'a> BucketsView<'a> {
    fn read<const CHECK: bool>(message: &'a [u8]) -> Result<Self, DecodeError> {
        let mut buckets = Self { message, offset: 0 };
        let mut fields = Fields::new(message);
        while let Some(found) = fields.next_field()? {
            match found.number {
                1 => buckets.offset = sint32(found)?,
                2 if CHECK => check_numbers(found, Width::Varint)?,
                _ => {}
            }
        }
        Ok(buckets)
    }

    /// How many numbers each bucket has.
    #[must_use]
    pub const fn counts(&self) -> Counts<'a> {
        Counts::new(self.message, 2, Width::Varint)
    }
}

impl<'a> SummaryView<'a> {
    /// The quantiles, in the order in which they stand.
    pub fn quantiles(&self) -> impl Iterator<Item = Quantile> + use<'a> {
        messages(self.message, 6).filter_map(|message| Quantile::read(message).ok())
    }
}

impl Quantile {
    fn read(message: &[u8]) -> Result<Self, DecodeError> {
        let mut quantile = Self::default();
        let mut fields = Fields::new(message);
        while let Some(found) = fields.next_field()? {
            match found.number {
                1 => quantile.quantile = double(found)?,
                2 => quantile.value = double(found)?,
                _ => {}
            }
        }
        Ok(quantile)
    }
}

impl<'a> ExemplarView<'a> {
    fn check(message: &'a [u8]) -> Result<(), DecodeError> {
        Self::go_through::<true>(message).map(|_| ())
    }

    fn go_through<const CHECK: bool>(message: &'a [u8]) -> Result<Self, DecodeError> {
        let mut exemplar = Self { message, ..Self::default() };
        let mut fields = Fields::new(message);
        while let Some(found) = fields.next_field()? {
            match found.number {
                2 => exemplar.time_unix_nano = found.fixed64()?,
                3 => exemplar.value = Some(Number::Double(double(found)?)),
                4 => exemplar.span_id = span_id(found)?,
                5 => exemplar.trace_id = trace_id(found)?,
                6 => exemplar.value = Some(Number::Int(found.fixed64()?.cast_signed())),
                7 if CHECK => check_key_value(found.bytes()?)?,
                _ => {}
            }
        }
        Ok(exemplar)
    }

    /// Labels that it was measured with and its series does not have.
    #[must_use]
    pub const fn attributes(&self) -> KeyValues<'a> {
        KeyValues::new(self.message, 7)
    }
}

fn double(found: Field<'_>) -> Result<f64, DecodeError> {
    found.fixed64().map(f64::from_bits)
}

fn sint32(found: Field<'_>) -> Result<i32, DecodeError> {
    let number = found.varint32()?;
    Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
}
