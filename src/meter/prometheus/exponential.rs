//! Exponential histograms as lines of buckets.
//!
//! The text formats know only bounds that are written out. An exponential histogram has up to 160 buckets on each side of zero,
//! and where they lie changes as its scale does. So neighbours are put together until the scale is a coarse one, that
//! of the options: the bounds then stay where they are when finer scales come and go.
//!
//! A bound is `2^(index / 2^scale)`. For the scales that are written it is one of eight constants times a power of two, so it
//! is the same double on every target.

use super::number::put_bound;
use super::samples::{Samples, exemplar_between};
use crate::meter::{Buckets, Exemplar, ExponentialPoint};

/// The finest scale that is written: eight buckets from one power of two to the next.
pub(super) const FINEST: i32 = 3;

/// `2^(n/8)`.
const STEPS: [f64; 8] = [
    1.0,
    1.090_507_732_665_257_7,
    1.189_207_115_002_721,
    1.296_839_554_651_009_6,
    core::f64::consts::SQRT_2,
    1.542_210_825_407_940_7,
    1.681_792_830_507_429,
    1.834_008_086_409_342_4,
];

/// Writes a bucket for each bound from the least to the greatest number, and one for all.
pub(super) fn put_exponential(
    samples: &mut Samples<'_, '_>,
    point: &ExponentialPoint<'_>,
    exemplars: &[Exemplar],
    scale: i32,
    le: &mut Vec<u8>,
) {
    let scale = scale.clamp(-10, FINEST).min(point.scale);
    let shift = point.scale.saturating_sub(scale).clamp(0, 63).unsigned_abs();
    let mut lines = Lines { samples, exemplars, le, below: 0, bound: f64::NEG_INFINITY };

    let negative = is_filled(point.negative);
    if negative {
        let buckets = place(point.negative, shift, Walk::Down);
        let mut first = true;
        for (index, count) in buckets {
            if first {
                lines.up_to(-bound(index + 1, scale), 0);
                first = false;
            }
            lines.up_to(-bound(index, scale), count);
        }
    }
    let positive = is_filled(point.positive);
    if negative || point.zero_count > 0 {
        lines.up_to(point.zero_threshold.max(0.0), point.zero_count);
    }
    if positive {
        let buckets = place(point.positive, shift, Walk::Up);
        let mut first = true;
        for (index, count) in buckets {
            if first {
                lines.up_to(bound(index, scale), 0);
                first = false;
            }
            lines.up_to(bound(index + 1, scale), count);
        }
    }
    // Every number is in some bucket or at least in the count: the greater of the two can be no lie.
    let all = point.count.max(lines.below);
    let exemplar = exemplar_between(exemplars, lines.bound, f64::INFINITY);
    samples.count("_bucket", Some(b"+Inf"), all, exemplar);
    let has_negative = negative || point.sum.is_some_and(|sum| sum < 0.0);
    samples.sum_and_count(point.sum, all, has_negative);
}

/// The lines of the buckets: each with the count of all that is not above its bound.
struct Lines<'a, 'b, 'out> {
    samples: &'a mut Samples<'b, 'out>,
    exemplars: &'a [Exemplar],
    le: &'a mut Vec<u8>,
    below: u64,
    bound: f64,
}

impl Lines<'_, '_, '_> {
    fn up_to(&mut self, bound: f64, count: u64) {
        self.below = self.below.saturating_add(count);
        // Bounds too large for a double belong to the last bucket; those too small fall together.
        if bound.is_finite() && bound > self.bound {
            self.le.clear();
            put_bound(self.le, bound + 0.0, self.samples.format);
            let exemplar = exemplar_between(self.exemplars, self.bound, bound);
            self.samples.count("_bucket", Some(self.le), self.below, exemplar);
            self.bound = bound;
        }
    }
}

fn is_filled(buckets: Buckets<'_>) -> bool {
    buckets.counts.iter().any(|count| *count > 0)
}

#[derive(Clone, Copy, PartialEq)]
enum Walk {
    Up,
    Down,
}

/// The buckets at the coarser scale, with their indices, from the first filled one to the last.
fn place(buckets: Buckets<'_>, shift: u32, walk: Walk) -> impl Iterator<Item = (i64, u64)> {
    let counts = buckets.counts;
    let first = counts.iter().position(|count| *count > 0).unwrap_or(counts.len());
    let end = counts.iter().rposition(|count| *count > 0).map_or(first, |last| last + 1);
    let mut rest = counts.get(first..end).unwrap_or_default();
    let offset = i64::from(buckets.offset);
    // A slice has no more elements than an i64 can count.
    let index_of = move |at: usize| offset.saturating_add(i64::try_from(at).unwrap_or(i64::MAX)) >> shift;
    let mut low = first;
    core::iter::from_fn(move || {
        let at_front = walk == Walk::Up;
        let index = index_of(if at_front { low } else { low + rest.len().checked_sub(1)? });
        let mut sum = 0_u64;
        loop {
            let next = if at_front { rest.split_first() } else { rest.split_last() };
            let Some((count, others)) = next else { break };
            let its_index = index_of(if at_front { low } else { low + others.len() });
            if its_index != index {
                break;
            }
            sum = sum.saturating_add(*count);
            rest = others;
            low += usize::from(at_front);
        }
        (sum > 0 || !rest.is_empty()).then_some((index, sum))
    })
}

/// The lower bound of a bucket.
fn bound(index: i64, scale: i32) -> f64 {
    if scale < 0 {
        return power_of_two(index.saturating_mul(1 << scale.unsigned_abs().min(32)));
    }
    let per_power = 1_i64 << scale.unsigned_abs().min(FINEST.unsigned_abs());
    let step = usize::try_from(index.rem_euclid(per_power) * (8 / per_power)).unwrap_or(0);
    let exponent = index.div_euclid(per_power);
    // In two steps where one would leave the range of doubles too early.
    let (one, other) = if exponent < -1000 { (exponent + 500, -500) } else { (exponent, 0) };
    STEPS.get(step).copied().unwrap_or(1.0) * power_of_two(one) * power_of_two(other)
}

/// Exactly, or what lies behind the doubles on that side.
fn power_of_two(exponent: i64) -> f64 {
    match exponent {
        1024.. => f64::INFINITY,
        -1022..=1023 => f64::from_bits((exponent + 1023).unsigned_abs() << 52),
        -1074..=-1023 => f64::from_bits(1 << (exponent + 1074)),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_powers() {
        for (index, scale, expected) in [
            (0, 0, 1.0),
            (1, 0, 2.0),
            (-1, 0, 0.5),
            (1, -1, 4.0),
            (3, 3, 1.296_839_554_651_009_6),
            (1, 1, core::f64::consts::SQRT_2),
            (-1, 1, core::f64::consts::FRAC_1_SQRT_2),
            (8 * 1023, 3, f64::from_bits(2046 << 52)),
            (8 * 1024, 3, f64::INFINITY),
            (-8 * 1074, 3, f64::from_bits(1)),
            (-8 * 1076, 3, 0.0),
            (i64::MAX, -10, f64::INFINITY),
            (i64::MIN + 1, -10, 0.0),
        ] {
            let got = bound(index, scale);
            assert!(
                (got - expected).abs() <= expected * 1e-15 || got.to_bits() == expected.to_bits(),
                "{index} {scale}"
            );
        }
    }

    #[test]
    fn neighbours_are_put_together_from_both_ends() {
        let buckets = Buckets { offset: -3, counts: &[0, 1, 2, 3, 0, 0, 4, 0] };
        // Indices -2 to 3; halved: -1, -1, 0, 0, 1, 1.
        let halved = [(-1, 3), (0, 3), (1, 4)];
        assert_eq!(place(buckets, 1, Walk::Up).collect::<Vec<_>>(), halved);
        let down: Vec<_> = place(buckets, 1, Walk::Down).collect();
        assert_eq!(down, halved.iter().rev().copied().collect::<Vec<_>>());
        assert_eq!(place(buckets, 0, Walk::Up).map(|(_, count)| count).sum::<u64>(), 10);
        assert_eq!(place(buckets, 63, Walk::Up).collect::<Vec<_>>(), [(-1, 3), (0, 7)]);
        assert_eq!(
            place(Buckets { offset: i32::MAX, counts: &[1, 1] }, 0, Walk::Up).last(),
            Some((1 << 31, 1))
        );
    }
}
