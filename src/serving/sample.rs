//! Statistics of one list of numbers.
//!
//! All is computed as NumPy computes it, bit for bit, so that results can be compared with those of benchmarks in Python:
//! sums in pairs, the standard deviation of a whole population, percentiles between two neighbours.

/// Statistics of one latency, in milliseconds. All are zero when there was nothing to measure.
///
/// ```
/// use spanloom::serving::Latency;
/// let latency = Latency::of_seconds(&[0.1, 0.2, 0.6], &[50.0, 75.0]);
/// assert_eq!((latency.median, latency.percentiles), (200.0, vec![(50.0, 200.0), (75.0, 400.0)]));
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Latency {
    /// The mean.
    pub mean: f64,
    /// The number in the middle.
    pub median: f64,
    /// The standard deviation, of a whole population.
    pub std: f64,
    /// The percentiles that were asked for: which, and its value.
    pub percentiles: Vec<(f64, f64)>,
}

impl Latency {
    /// Statistics of a list of seconds. A percentile below 0 or above 100 is the nearest that there is.
    #[must_use]
    pub fn of_seconds(seconds: &[f64], percentiles: &[f64]) -> Self {
        let mut sorted = seconds.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let known = !seconds.iter().any(|second| second.is_nan());
        let millis = |seconds: f64| if known { seconds * 1000.0 } else { f64::NAN };
        Self {
            mean: millis(mean(seconds)),
            median: millis(median(&sorted)),
            std: millis(standard_deviation(seconds)),
            percentiles: percentiles
                .iter()
                .map(|&which| (which, millis(percentile(&sorted, which))))
                .collect(),
        }
    }
}

fn mean(numbers: &[f64]) -> f64 {
    if numbers.is_empty() { 0.0 } else { pairwise_sum(numbers) / numbers.len() as f64 }
}

fn standard_deviation(numbers: &[f64]) -> f64 {
    let mean_of_all = mean(numbers);
    let distances = numbers.iter().map(|number| number - mean_of_all);
    let squares: Vec<f64> = distances.map(|distance| distance * distance).collect();
    mean(&squares).sqrt()
}

fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    let upper = sorted.get(middle).copied().unwrap_or(0.0);
    if sorted.len() % 2 == 1 {
        return upper;
    }
    let lower = middle.checked_sub(1).and_then(|index| sorted.get(index)).copied().unwrap_or(0.0);
    (lower + upper) / 2.0
}

/// Between the two numbers around rank `which / 100 * (n - 1)`.
fn percentile(sorted: &[f64], which: f64) -> f64 {
    let Some((&largest, below)) = sorted.split_last() else { return 0.0 };
    let rank = which.clamp(0.0, 100.0) / 100.0 * below.len() as f64;
    let part = rank.fract();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not below zero, at most the length, and a whole number is wanted"
    )]
    let index = rank as usize;
    let lower = sorted.get(index).copied().unwrap_or(largest);
    let upper = sorted.get(index + 1).copied().unwrap_or(largest);
    // Counted from the nearer end: otherwise a percentile could come out above the number above it.
    let distance = upper - lower;
    if part < 0.5 { lower + distance * part } else { upper - distance * (1.0 - part) }
}

/// So many numbers are summed up without cutting the list.
const BLOCK: usize = 128;

/// The sum of the two halves' sums, and so on down to blocks: errors grow with the depth, not with the length.
fn pairwise_sum(numbers: &[f64]) -> f64 {
    enum Task<'a> {
        Sum(&'a [f64]),
        Add,
    }
    let mut tasks = vec![Task::Sum(numbers)];
    let mut sums = Vec::new();
    while let Some(task) = tasks.pop() {
        match task {
            Task::Sum(numbers) if numbers.len() > BLOCK => {
                let half = numbers.len() / 2;
                let (left, right) = numbers.split_at(half - half % 8);
                tasks.extend([Task::Add, Task::Sum(right), Task::Sum(left)]);
            }
            Task::Sum(numbers) => sums.push(block_sum(numbers)),
            Task::Add => {
                let (right, left) = (sums.pop().unwrap_or(0.0), sums.pop().unwrap_or(0.0));
                sums.push(left + right);
            }
        }
    }
    sums.pop().unwrap_or(0.0)
}

/// Eight sums, one for each eighth number; then these, in pairs; then what is left over.
fn block_sum(numbers: &[f64]) -> f64 {
    let (eights, rest) = numbers.as_chunks::<8>();
    let Some((first, others)) = eights.split_first() else {
        return rest.iter().fold(0.0, |sum, number| sum + number);
    };
    let mut sums = *first;
    for numbers in others {
        for (sum, number) in sums.iter_mut().zip(numbers) {
            *sum += number;
        }
    }
    let [a, b, c, d, e, f, g, h] = sums;
    let sum = ((a + b) + (c + d)) + ((e + f) + (g + h));
    rest.iter().fold(sum, |sum, number| sum + number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_measured_is_zero() {
        let latency = Latency::of_seconds(&[], &[99.0]);
        assert_eq!(latency, Latency { percentiles: vec![(99.0, 0.0)], ..Latency::default() });
    }

    #[test]
    fn one_number_is_all_of_its_percentiles() {
        let latency = Latency::of_seconds(&[0.25], &[0.0, 37.0, 100.0]);
        assert_eq!((latency.mean, latency.median, latency.std), (250.0, 250.0, 0.0));
        assert_eq!(latency.percentiles, [(0.0, 250.0), (37.0, 250.0), (100.0, 250.0)]);
    }

    #[test]
    fn the_deviation_is_that_of_the_population() {
        let latency = Latency::of_seconds(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0], &[]);
        assert_eq!((latency.mean, latency.std, latency.median), (5000.0, 2000.0, 4500.0));
    }

    #[test]
    fn percentiles_outside_are_the_ends() {
        let latency = Latency::of_seconds(&[3.0, 1.0, 2.0], &[-5.0, 0.0, 100.0, 1000.0]);
        let values: Vec<f64> = latency.percentiles.iter().map(|(_, value)| *value).collect();
        assert_eq!(values, [1000.0, 1000.0, 3000.0, 3000.0]);
    }

    #[test]
    fn what_is_no_number_makes_none() {
        let latency = Latency::of_seconds(&[1.0, f64::NAN], &[0.0]);
        assert!(latency.mean.is_nan() && latency.median.is_nan() && latency.std.is_nan());
        assert!(latency.percentiles.iter().all(|(_, value)| value.is_nan()));
    }

    #[test]
    fn a_sum_in_pairs_keeps_what_a_running_sum_loses() {
        let numbers = vec![0.1; 1_000_000];
        let running = numbers.iter().fold(0.0, |sum, number| sum + number);
        let error = |sum: f64| (sum - 100_000.0).abs();
        assert!(error(pairwise_sum(&numbers)) * 1000.0 < error(running));
    }

    #[test]
    fn no_number_is_left_out_whatever_the_length() {
        for length in 0..2_000_u32 {
            let numbers: Vec<f64> = (1..=length).map(f64::from).collect();
            assert_eq!(pairwise_sum(&numbers), f64::from(length * (length + 1) / 2), "{length}");
        }
    }
}
