//! Base-2 exponential histograms: buckets whose bounds are powers of 2^(2^-scale).
//!
//! The histogram begins as fine as it may. When a number falls outside of the buckets that it may have, the scale goes down by
//! one, which makes one bucket of two, until the number fits. So no range has to be known beforehand, and two histograms can be
//! added whatever their scales.
//!
//! Indexes are found by arithmetic that IEEE 754 defines to the bit, not by a logarithm of the host's: the same numbers fall into
//! the same buckets in every runtime.

use super::reading::{Buckets, ExponentialPoint};

/// The finest scale there is.
const MAX_SCALE: i32 = 20;
/// The coarsest: all numbers of a sign in two buckets.
const MIN_SCALE: i32 = -10;

/// An exponential histogram.
///
/// ```
/// use spanloom::meter::ExponentialState;
/// let mut histogram = ExponentialState::new(4, 20);
/// for number in [1.0, 2.0, 4.0, 8.0] {
///     histogram.record(number);
/// }
/// assert_eq!(histogram.scale(), 0);
/// assert_eq!(histogram.point().positive.offset, -1);
/// assert_eq!(histogram.point().positive.counts, [1, 1, 1, 1]);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ExponentialState {
    max_size: usize,
    scale: i32,
    /// How many numbers there were.
    pub count: u64,
    /// How many of them are zero.
    pub zero_count: u64,
    /// The sum of them.
    pub sum: f64,
    /// The least; infinity where there is none.
    pub min: f64,
    /// The greatest; minus infinity where there is none.
    pub max: f64,
    positive: Side,
    negative: Side,
}

/// The buckets of one sign.
#[derive(Debug, Clone, Default, PartialEq)]
struct Side {
    offset: i32,
    counts: Vec<u64>,
}

impl ExponentialState {
    /// A histogram with at most so many buckets for each sign (at least 2), and at most this scale.
    #[must_use]
    pub fn new(max_size: usize, max_scale: i32) -> Self {
        Self {
            max_size: max_size.max(2),
            scale: max_scale.clamp(MIN_SCALE, MAX_SCALE),
            count: 0,
            zero_count: 0,
            sum: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            positive: Side::default(),
            negative: Side::default(),
        }
    }

    /// How fine it is by now.
    #[must_use]
    pub const fn scale(&self) -> i32 {
        self.scale
    }

    /// Counts a number; what is no finite number is left out.
    pub fn record(&mut self, number: f64) {
        if !number.is_finite() {
            return;
        }
        self.count = self.count.saturating_add(1);
        self.sum += number;
        self.min = self.min.min(number);
        self.max = self.max.max(number);
        if number == 0.0 {
            self.zero_count = self.zero_count.saturating_add(1);
            return;
        }
        let magnitude = number.abs();
        let side = if number > 0.0 { &self.positive } else { &self.negative };
        let mut index = index_of(magnitude, self.scale);
        let coarser = side.steps_to_fit(index, index, self.max_size);
        if coarser > 0 {
            self.coarsen(coarser);
            index = index_of(magnitude, self.scale);
        }
        let side = if number > 0.0 { &mut self.positive } else { &mut self.negative };
        side.add(index, 1);
    }

    /// Adds what another one has counted.
    pub fn merge(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.zero_count = self.zero_count.saturating_add(other.zero_count);
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        let mut other = other.clone();
        if other.scale > self.scale {
            other.coarsen(other.scale - self.scale);
        } else {
            self.coarsen(self.scale - other.scale);
        }
        let steps =
            [(&self.positive, &other.positive), (&self.negative, &other.negative)].map(|(ours, theirs)| {
                let (first, last) = theirs.ends()?;
                Some(ours.steps_to_fit(first, last, self.max_size))
            });
        let steps = steps.into_iter().flatten().max().unwrap_or(0);
        self.coarsen(steps);
        other.coarsen(steps);
        self.positive.add_all(&other.positive);
        self.negative.add_all(&other.negative);
    }

    /// What was counted since `before`, an earlier state of this histogram. The least and the greatest are those of all.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let mut before = before.clone();
        if before.scale > self.scale {
            before.coarsen(before.scale - self.scale);
        }
        let mut since = self.clone();
        since.count = since.count.saturating_sub(before.count);
        since.zero_count = since.zero_count.saturating_sub(before.zero_count);
        since.sum -= before.sum;
        since.positive.take_away(&before.positive);
        since.negative.take_away(&before.negative);
        since
    }

    /// As it is told to a sink.
    #[must_use]
    pub fn point(&self) -> ExponentialPoint<'_> {
        ExponentialPoint {
            scale: self.scale,
            zero_count: self.zero_count,
            zero_threshold: 0.0,
            positive: self.positive.buckets(),
            negative: self.negative.buckets(),
            count: self.count,
            sum: Some(self.sum),
            min: (self.count > 0 && self.min.is_finite()).then_some(self.min),
            max: (self.count > 0 && self.max.is_finite()).then_some(self.max),
        }
    }

    /// The state that such a point tells; `None` where it has more buckets than `max_size`, or a scale that is none.
    #[must_use]
    pub fn of_point(point: &ExponentialPoint<'_>, max_size: usize) -> Option<Self> {
        let most = i32::try_from(max_size).ok()?;
        let fits = |buckets: &Buckets<'_>| {
            buckets.counts.len() <= max_size && buckets.offset.checked_add(most).is_some()
        };
        if !fits(&point.positive) || !fits(&point.negative) {
            return None;
        }
        let side = |buckets: &Buckets<'_>| Side { offset: buckets.offset, counts: buckets.counts.to_vec() };
        (MIN_SCALE..=MAX_SCALE).contains(&point.scale).then(|| Self {
            max_size: max_size.max(2),
            scale: point.scale,
            count: point.count,
            zero_count: point.zero_count,
            sum: point.sum.unwrap_or(0.0),
            min: point.min.unwrap_or(f64::INFINITY),
            max: point.max.unwrap_or(f64::NEG_INFINITY),
            positive: side(&point.positive),
            negative: side(&point.negative),
        })
    }

    /// Makes one bucket of two, so often.
    fn coarsen(&mut self, steps: i32) {
        if steps > 0 {
            self.scale -= steps;
            self.positive.coarsen(steps);
            self.negative.coarsen(steps);
        }
    }
}

impl Side {
    /// The indexes of the first and the last bucket.
    fn ends(&self) -> Option<(i32, i32)> {
        let length = i32::try_from(self.counts.len()).ok().filter(|length| *length > 0)?;
        Some((self.offset, self.offset.saturating_add(length - 1)))
    }

    /// How often two buckets must become one until all from `first` to `last` fit, too.
    fn steps_to_fit(&self, first: i32, last: i32, max_size: usize) -> i32 {
        let (mut low, mut high) =
            self.ends().map_or((first, last), |(low, high)| (low.min(first), high.max(last)));
        let most = i64::try_from(max_size).unwrap_or(i64::MAX);
        let mut steps = 0;
        while i64::from(high) - i64::from(low) >= most {
            low >>= 1;
            high >>= 1;
            steps += 1;
        }
        steps
    }

    /// Adds to a bucket. Whoever calls has seen to it that the buckets up to there are not too many.
    fn add(&mut self, index: i32, count: u64) {
        if self.counts.is_empty() {
            self.offset = index;
        }
        if index < self.offset {
            let more = usize::try_from(i64::from(self.offset) - i64::from(index)).unwrap_or(0);
            self.counts.splice(0..0, std::iter::repeat_n(0, more));
            self.offset = index;
        }
        let place = usize::try_from(i64::from(index) - i64::from(self.offset)).unwrap_or(0);
        if place >= self.counts.len() {
            self.counts.resize(place + 1, 0);
        }
        if let Some(sum) = self.counts.get_mut(place) {
            *sum = sum.saturating_add(count);
        }
    }

    fn add_all(&mut self, other: &Self) {
        for (index, count) in (other.offset..).zip(&other.counts) {
            if *count > 0 {
                self.add(index, *count);
            }
        }
    }

    fn take_away(&mut self, before: &Self) {
        for (index, count) in (before.offset..).zip(&before.counts) {
            let place = usize::try_from(i64::from(index) - i64::from(self.offset));
            if let Some(sum) = place.ok().and_then(|place| self.counts.get_mut(place)) {
                *sum = sum.saturating_sub(*count);
            }
        }
        let empty = self.counts.iter().take_while(|count| **count == 0).count();
        if empty == self.counts.len() {
            *self = Self::default();
            return;
        }
        self.counts.drain(..empty);
        self.offset = self.offset.saturating_add(i32::try_from(empty).unwrap_or(0));
        let used = self.counts.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
        self.counts.truncate(used);
    }

    fn coarsen(&mut self, steps: i32) {
        let finer = std::mem::take(self);
        for (index, count) in (finer.offset..).zip(finer.counts) {
            self.add(index >> steps, count);
        }
    }

    fn buckets(&self) -> Buckets<'_> {
        Buckets { offset: self.offset, counts: &self.counts }
    }
}

/// The bucket of a finite number above zero: `i` where base^i < number <= base^(i+1).
fn index_of(number: f64, scale: i32) -> i32 {
    let (exponent, mantissa) = parts(number);
    let is_power = mantissa == 1.0;
    if scale <= 0 {
        // A power of two is the upper bound of the bucket below.
        return (exponent - i32::from(is_power)) >> -scale;
    }
    if is_power {
        return (exponent << scale) - 1;
    }
    // The binary digits of the mantissa's logarithm: squaring doubles it, and what goes beyond 2 is the next digit.
    let (mut digits, mut rest) = (0, mantissa);
    for _ in 0..scale {
        rest *= rest;
        digits <<= 1;
        if rest >= 2.0 {
            rest /= 2.0;
            digits |= 1;
        }
    }
    (exponent << scale) | digits
}

/// The exponent, and the mantissa from 1 to below 2, of a finite number above zero.
fn parts(number: f64) -> (i32, f64) {
    const MANTISSA: u64 = (1 << 52) - 1;
    const ONE: u64 = 1023 << 52;
    // Numbers below the normal ones are brought up first.
    let (bits, shift) = if number < f64::MIN_POSITIVE {
        ((number * 2f64.powi(54)).to_bits(), 54)
    } else {
        (number.to_bits(), 0)
    };
    let exponent = i32::try_from(bits >> 52).unwrap_or(0) - 1023 - shift;
    (exponent, f64::from_bits(bits & MANTISSA | ONE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_fall_where_the_specification_says() {
        let table = [
            (1.0, [-1, -1, -1, -1]),
            (1.5, [0, 0, 1, 4]),
            (2.0, [0, 0, 1, 7]),
            (3.0, [0, 1, 3, 12]),
            (4.0, [0, 1, 3, 15]),
            (5.0, [1, 2, 4, 18]),
            (0.5, [-1, -2, -3, -9]),
            (10.0, [1, 3, 6, 26]),
            (1000.0, [4, 9, 19, 79]),
        ];
        for (number, expected) in table {
            assert_eq!([-1, 0, 1, 3].map(|scale| index_of(number, scale)), expected, "{number}");
        }
    }

    #[test]
    fn the_ends_of_the_numbers_have_a_bucket() {
        for number in [f64::MIN_POSITIVE, f64::MIN_POSITIVE / 2.0, 5e-324, f64::MAX, 1.0 + f64::EPSILON] {
            for scale in MIN_SCALE..=MAX_SCALE {
                let index = index_of(number, scale);
                let exact = number.log2() * 2f64.powi(scale);
                assert!((f64::from(index) - exact).abs() <= 2.0, "{number} {scale} {index} {exact}");
            }
        }
        assert_eq!(parts(5e-324), (-1074, 1.0));
    }

    #[test]
    fn it_never_has_more_buckets_than_it_may() {
        let mut histogram = ExponentialState::new(160, 20);
        for exponent in -300..300 {
            histogram.record(10f64.powi(exponent));
            histogram.record(-10f64.powi(exponent / 2));
        }
        histogram.record(0.0);
        histogram.record(f64::NAN);
        histogram.record(f64::INFINITY);
        let point = histogram.point();
        assert_eq!((point.count, point.zero_count), (1201, 1));
        assert!(point.positive.counts.len() <= 160 && point.negative.counts.len() <= 160);
        assert_eq!(point.positive.counts.iter().sum::<u64>(), 600);
        assert_eq!(point.negative.counts.iter().sum::<u64>(), 600);
        assert!(point.min.is_some_and(|min| min < -9e148) && point.max.is_some_and(|max| max > 9e298));
        assert_eq!(histogram.scale(), -4);
    }

    #[test]
    fn parts_of_a_stream_add_up_to_the_whole() {
        let numbers: Vec<f64> = (1..500).map(|n| f64::from(n * n % 1009) - 300.0).collect();
        let mut whole = ExponentialState::new(20, 20);
        let (mut left, mut right) = (whole.clone(), whole.clone());
        let mut halfway = whole.clone();
        for (at, number) in numbers.iter().enumerate() {
            whole.record(*number);
            if at % 3 == 0 {
                left.record(*number)
            } else {
                right.record(*number)
            }
            if at == 250 {
                halfway = whole.clone();
            }
        }
        left.merge(&right);
        assert_eq!(left, whole);
        let mut again = halfway.clone();
        again.merge(&whole.since(&halfway));
        assert_eq!(again.positive, whole.positive);
        assert_eq!((again.count, again.zero_count), (whole.count, whole.zero_count));
        assert_eq!(ExponentialState::of_point(&whole.point(), 20), Some(whole));
    }
}
