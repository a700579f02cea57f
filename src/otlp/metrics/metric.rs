//! OTLP `Metric` messages, read in place.

use super::field;
use super::point::PointView;
use crate::meter::{Stream, StreamKind, Temporality};
use crate::otlp::any::{KeyValues, check_key_value};
use crate::otlp::span::messages;
use crate::otlp::wire::{DecodeError, Fields};

/// A metric as it stands in its encoded message; nothing is copied.
///
/// ```
/// use spanloom::otlp::metrics::{MetricKind, MetricView};
/// // A Metric message: a name, and a gauge with two points that have nothing set.
/// let message = b"\x0a\x05queue\x2a\x04\x0a\x00\x0a\x00";
/// let metric = MetricView::read(message)?;
/// assert_eq!((metric.name, metric.kind, metric.len()), ("queue", MetricKind::Gauge, 2));
/// # Ok::<(), spanloom::otlp::DecodeError>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct MetricView<'a> {
    /// The whole message.
    pub message: &'a [u8],
    /// Its name.
    pub name: &'a str,
    /// What it tells people.
    pub description: &'a str,
    /// The unit of its numbers.
    pub unit: &'a str,
    /// What its points are.
    pub kind: MetricKind,
    /// The message that its points are in.
    data: &'a [u8],
    points: usize,
}

/// What the points of a metric are. Temporalities are OTLP's numbers: see [`Temporality`]; 0 where none was set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetricKind {
    /// None that is known here; there are no points.
    #[default]
    Unknown,
    /// The last number that was said.
    Gauge,
    /// A sum of all that was added.
    Sum {
        /// It never goes down.
        monotonic: bool,
        /// Since when it is summed.
        temporality: u32,
    },
    /// How many numbers fell between fixed bounds.
    Histogram {
        /// Since when they are counted.
        temporality: u32,
    },
    /// How many numbers fell into buckets whose bounds grow by a factor.
    Exponential {
        /// Since when they are counted.
        temporality: u32,
    },
    /// Quantiles that the program itself has computed. They can be read, and nothing here writes them.
    Summary,
}

impl<'a> MetricView<'a> {
    /// Reads a `Metric` message and checks all of it.
    ///
    /// # Errors
    /// When anything in it is not valid.
    pub fn read(message: &'a [u8]) -> Result<Self, DecodeError> {
        Self::go_through::<true>(message)
    }

    /// Reads the scalars of a message that was checked before.
    pub(super) fn read_checked(message: &'a [u8]) -> Result<Self, DecodeError> {
        Self::go_through::<false>(message)
    }

    #[inline]
    fn go_through<const CHECK: bool>(message: &'a [u8]) -> Result<Self, DecodeError> {
        let mut metric = Self { message, ..Self::default() };
        let mut fields = Fields::new(message);
        while let Some(found) = fields.next_field()? {
            match found.number {
                field::NAME => metric.name = found.text()?,
                field::DESCRIPTION => metric.description = found.text()?,
                field::UNIT => metric.unit = found.text()?,
                field::METADATA if CHECK => check_key_value(found.bytes()?)?,
                number => {
                    // Of the kinds, which exclude each other, the last one counts.
                    if let Some(kind) = kind_of(number) {
                        metric.set_data::<CHECK>(kind, found.bytes()?)?;
                    }
                }
            }
        }
        Ok(metric)
    }

    /// Takes the message with the points, and what it says beside them.
    fn set_data<const CHECK: bool>(
        &mut self,
        mut kind: MetricKind,
        data: &'a [u8],
    ) -> Result<(), DecodeError> {
        self.points = 0;
        let mut fields = Fields::new(data);
        while let Some(found) = fields.next_field()? {
            match (found.number, &mut kind) {
                (field::POINTS, kind) => {
                    let point = found.bytes()?;
                    if CHECK {
                        PointView::read(*kind, point)?;
                    }
                    self.points += 1;
                }
                (
                    field::TEMPORALITY,
                    MetricKind::Sum { temporality, .. }
                    | MetricKind::Histogram { temporality }
                    | MetricKind::Exponential { temporality },
                ) => *temporality = found.varint32()?,
                (field::MONOTONIC, MetricKind::Sum { monotonic, .. }) => *monotonic = found.varint()? != 0,
                _ => {}
            }
        }
        self.kind = kind;
        self.data = data;
        Ok(())
    }

    /// How many points it has.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.points
    }

    /// True when it has no points.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.points == 0
    }

    /// Its points, in the order in which they stand.
    pub fn points(&self) -> impl Iterator<Item = PointView<'a>> + use<'a> {
        let kind = self.kind;
        messages(self.data, field::POINTS)
            .filter_map(move |message| PointView::read_checked(kind, message).ok())
    }

    /// What is said of the metric itself, and not of what it measures.
    #[must_use]
    pub const fn metadata(&self) -> KeyValues<'a> {
        KeyValues::new(self.message, field::METADATA)
    }

    /// The stream that this is; `None` for a summary, and for sums and histograms without a valid temporality.
    #[must_use]
    pub fn stream(&self) -> Option<Stream<'a>> {
        let kind = match self.kind {
            MetricKind::Gauge => StreamKind::Gauge,
            MetricKind::Sum { monotonic, temporality } => {
                StreamKind::Sum { monotonic, temporality: known(temporality)? }
            }
            MetricKind::Histogram { temporality } => {
                StreamKind::Histogram { temporality: known(temporality)? }
            }
            MetricKind::Exponential { temporality } => {
                StreamKind::Exponential { temporality: known(temporality)? }
            }
            MetricKind::Unknown | MetricKind::Summary => return None,
        };
        Some(Stream { name: self.name, unit: self.unit, description: self.description, kind })
    }
}

const fn kind_of(number: u32) -> Option<MetricKind> {
    Some(match number {
        field::GAUGE => MetricKind::Gauge,
        field::SUM => MetricKind::Sum { monotonic: false, temporality: 0 },
        field::HISTOGRAM => MetricKind::Histogram { temporality: 0 },
        field::EXPONENTIAL => MetricKind::Exponential { temporality: 0 },
        field::SUMMARY => MetricKind::Summary,
        _ => return None,
    })
}

const fn known(temporality: u32) -> Option<Temporality> {
    match temporality {
        1 => Some(Temporality::Delta),
        2 => Some(Temporality::Cumulative),
        _ => None,
    }
}
