//! Bounds between the buckets of histograms.
//!
//! A list of bounds is finite and grows strictly: [`check_bounds`] tells what is wrong with another one. The lists
//! that conventions prescribe are constants. [`LogBuckets`] computes the lists of NVIDIA Dynamo's frontend: a range, cut
//! into parts of equal ratio.

/// What Prometheus' clients take when nothing was said: seconds of a request.
pub const PROMETHEUS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// What OpenTelemetry takes when nothing was said: milliseconds of a request.
pub const OPENTELEMETRY: [f64; 15] =
    [0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0, 10000.0];

/// Tokens, by OpenTelemetry's GenAI conventions.
pub const GEN_AI_TOKENS: [f64; 14] = [
    1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0, 4194304.0,
    16777216.0, 67108864.0,
];

/// Seconds of an operation, of a request and between chunks, by the GenAI conventions.
pub const GEN_AI_SECONDS: [f64; 14] =
    [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];

/// Seconds for an output token, by the GenAI conventions.
pub const GEN_AI_SECONDS_PER_TOKEN: [f64; 13] =
    [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5];

/// Seconds until the first token, by the GenAI conventions.
pub const GEN_AI_SECONDS_TO_FIRST_TOKEN: [f64; 16] =
    [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// Seconds of a workflow, by the GenAI conventions.
pub const GEN_AI_WORKFLOW_SECONDS: [f64; 11] =
    [1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0];

/// Seconds of an agent's turn, by the GenAI conventions as they stood in the autumn of 2026.
pub const GEN_AI_AGENT_SECONDS: [f64; 13] =
    [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8, 409.6];

/// Seconds of a workflow or a node: from a look into a cache to a run of an hour.
pub const WORKFLOW_SECONDS: [f64; 17] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 3600.0];

/// Microseconds of a request, for [`SERVER_REQUEST_MICROSECONDS`](crate::vocabulary::metric::SERVER_REQUEST_MICROSECONDS).
pub const REQUEST_MICROSECONDS: [f64; 18] = [
    100.0,
    250.0,
    500.0,
    1_000.0,
    2_500.0,
    5_000.0,
    10_000.0,
    25_000.0,
    50_000.0,
    100_000.0,
    250_000.0,
    500_000.0,
    1_000_000.0,
    2_500_000.0,
    5_000_000.0,
    10_000_000.0,
    30_000_000.0,
    60_000_000.0,
];

/// A list that cannot be the bounds of buckets.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BucketsError {
    /// A bound is infinite or no number.
    #[error(
        "bound {index} of the buckets is {bound}: use finite numbers, the bucket above all of them is there anyway"
    )]
    NotFinite {
        /// Which one, from 0.
        index: usize,
        /// The bound.
        bound: f64,
    },
    /// A bound is not above the one before it.
    #[error(
        "bound {index} of the buckets is {bound}, after {before}: sort them and leave out what is there twice"
    )]
    NotIncreasing {
        /// Which one, from 0.
        index: usize,
        /// The bound.
        bound: f64,
        /// The one before it.
        before: f64,
    },
}

/// Checks bounds that somebody gave. No bound at all is fine: that is one bucket.
///
/// ```
/// use spanloom::meter::buckets::{BucketsError, PROMETHEUS, check_bounds};
/// assert!(check_bounds(&PROMETHEUS).is_ok());
/// let error = BucketsError::NotIncreasing { index: 1, bound: 1.0, before: 2.0 };
/// assert_eq!(check_bounds(&[2.0, 1.0]), Err(error));
/// ```
///
/// # Errors
///
/// Tells the first bound that is not finite, or not above the one before it.
pub fn check_bounds(bounds: &[f64]) -> Result<(), BucketsError> {
    let mut before = None;
    for (index, &bound) in bounds.iter().enumerate() {
        if !bound.is_finite() {
            return Err(BucketsError::NotFinite { index, bound });
        }
        if let Some(before) = before.filter(|before| bound <= *before) {
            return Err(BucketsError::NotIncreasing { index, bound, before });
        }
        before = Some(bound);
    }
    Ok(())
}

/// A range that is cut into parts of equal ratio, the way Dynamo's frontend does it.
///
/// The list begins with 0 and ends with about `max`; every bound has two significant digits, and `min` itself is none.
///
/// ```
/// use spanloom::meter::buckets::LogBuckets;
/// let seconds = LogBuckets { min: 1.0, max: 256.0, count: 10 };
/// assert_eq!(seconds.bounds(), [0.0, 1.9, 3.4, 6.3, 12.0, 22.0, 40.0, 75.0, 140.0, 260.0]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogBuckets {
    /// Where the range begins; above 0.
    pub min: f64,
    /// Where it ends.
    pub max: f64,
    /// How many bounds, with the 0; fewer when some are the same after rounding.
    pub count: u32,
}

/// Seconds of a request at a Dynamo frontend.
pub const FRONTEND_REQUEST_SECONDS: LogBuckets = LogBuckets { min: 1.0, max: 256.0, count: 10 };
/// Tokens that go in, and those read from a cache, at a Dynamo frontend.
pub const FRONTEND_INPUT_TOKENS: LogBuckets = LogBuckets { min: 50.0, max: 128_000.0, count: 12 };
/// Tokens that come out at a Dynamo frontend.
pub const FRONTEND_OUTPUT_TOKENS: LogBuckets = LogBuckets { min: 50.0, max: 32_000.0, count: 10 };
/// Seconds until the first token at a Dynamo frontend.
pub const FRONTEND_SECONDS_TO_FIRST_TOKEN: LogBuckets = LogBuckets { min: 0.001, max: 480.0, count: 18 };
/// Seconds between tokens at a Dynamo frontend.
pub const FRONTEND_SECONDS_BETWEEN_TOKENS: LogBuckets = LogBuckets { min: 0.001, max: 2.0, count: 13 };

/// More bounds than this are a mistake.
const MOST: u32 = 512;

impl LogBuckets {
    /// True for a range above zero that goes up, and 1 to 512 bounds.
    ///
    /// ```
    /// use spanloom::meter::buckets::LogBuckets;
    /// assert!(!LogBuckets { min: 0.0, max: 1.0, count: 10 }.is_valid());
    /// ```
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.goes_up() && (1..=MOST).contains(&self.count)
    }

    fn goes_up(&self) -> bool {
        self.min > 0.0 && self.min < self.max && self.max.is_finite()
    }

    /// What variables of the environment make of it, or itself, when the three together are not valid.
    ///
    /// The variables are `DYN_HISTOGRAM_DYN_METRICS_<WHAT>_MIN`, `_MAX` and `_COUNT`. One that is absent or no number
    /// leaves its part as it is.
    ///
    /// ```
    /// use spanloom::meter::buckets::{FRONTEND_OUTPUT_TOKENS, LogBuckets};
    /// let look_up = |name: &str| (name == "DYN_HISTOGRAM_DYN_METRICS_OSL_MAX").then(|| "64000".to_owned());
    /// let tokens = FRONTEND_OUTPUT_TOKENS.overridden("OSL", look_up);
    /// assert_eq!(tokens, LogBuckets { max: 64_000.0, ..FRONTEND_OUTPUT_TOKENS });
    /// ```
    #[must_use]
    pub fn overridden(self, what: &str, look_up: impl Fn(&str) -> Option<String>) -> Self {
        let variable = |part: &str| look_up(&format!("DYN_HISTOGRAM_DYN_METRICS_{what}_{part}"));
        let number = |part: &str| variable(part)?.trim().parse().ok();
        let wish = Self {
            min: number("MIN").unwrap_or(self.min),
            max: number("MAX").unwrap_or(self.max),
            count: variable("COUNT").and_then(|text| text.trim().parse().ok()).unwrap_or(self.count),
        };
        if wish.is_valid() { wish } else { self }
    }

    /// The bounds; only the 0 when the range does not begin above zero, or does not go up. None when none are wanted.
    ///
    /// They are the frontend's to the last bit: some above a million are a little less than they would be on paper.
    ///
    /// ```
    /// use spanloom::meter::buckets::LogBuckets;
    /// let bounds = LogBuckets { min: 1.0, max: 1_600_000.0, count: 2 }.bounds();
    /// assert_eq!(bounds, [0.0, 1_599_999.999_999_999_8]);
    /// ```
    #[must_use]
    pub fn bounds(&self) -> Vec<f64> {
        if self.count == 0 {
            return Vec::new();
        }
        let mut bounds = vec![0.0];
        if !self.goes_up() {
            return bounds;
        }
        let (low, high) = (self.min.ln(), self.max.ln());
        let parts = f64::from(self.count) - 1.0;
        for part in 1..self.count {
            let bound = two_digits((low + (high - low) * f64::from(part) / parts).exp());
            // A range over nearly all numbers overflows.
            if bound.is_finite() && bounds.last().is_some_and(|last| *last < bound) {
                bounds.push(bound);
            }
        }
        bounds
    }
}

/// The number with two significant digits that is next to it, of two the upper one.
///
/// It comes by way of a power of ten that is itself rounded, as the frontend computes it: bounds are labels, and those of
/// two systems are the same or not.
fn two_digits(number: f64) -> f64 {
    // Read from text, a power of ten is the same on all targets.
    let scale = format!("1e{}", 1.0 - number.log10().floor()).parse().unwrap_or(1.0);
    (number * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_of_the_conventions_are_bounds() {
        for bounds in [
            &PROMETHEUS[..],
            &OPENTELEMETRY,
            &GEN_AI_TOKENS,
            &GEN_AI_SECONDS,
            &GEN_AI_SECONDS_PER_TOKEN,
            &GEN_AI_SECONDS_TO_FIRST_TOKEN,
            &GEN_AI_WORKFLOW_SECONDS,
            &GEN_AI_AGENT_SECONDS,
            &WORKFLOW_SECONDS,
            &REQUEST_MICROSECONDS,
            &[],
        ] {
            assert_eq!(check_bounds(bounds), Ok(()));
        }
    }

    #[test]
    fn the_first_wrong_bound_is_told() {
        let nan = check_bounds(&[1.0, f64::NAN, 0.0]);
        assert!(matches!(nan, Err(BucketsError::NotFinite { index: 1, bound }) if bound.is_nan()));
        let infinite = BucketsError::NotFinite { index: 0, bound: f64::INFINITY };
        assert_eq!(check_bounds(&[f64::INFINITY]), Err(infinite));
        let twice = BucketsError::NotIncreasing { index: 2, bound: 2.0, before: 2.0 };
        assert_eq!(check_bounds(&[1.0, 2.0, 2.0]), Err(twice));
        assert_eq!(
            twice.to_string(),
            "bound 2 of the buckets is 2, after 2: sort them and leave out what is there twice"
        );
        // Both are zero, so nothing is between them.
        assert!(check_bounds(&[-0.0, 0.0]).is_err());
    }

    #[test]
    fn a_frontend_has_its_lists() {
        let to_first = [
            0.0, 0.0022, 0.0047, 0.01, 0.022, 0.047, 0.1, 0.22, 0.47, 1.0, 2.2, 4.7, 10.0, 22.0, 48.0, 100.0,
            220.0, 480.0,
        ];
        assert_eq!(FRONTEND_SECONDS_TO_FIRST_TOKEN.bounds(), to_first);
        let input = [0, 100, 210, 430, 870, 1800, 3600, 7400, 15000, 31000, 63000, 130_000].map(f64::from);
        assert_eq!(FRONTEND_INPUT_TOKENS.bounds(), input);
        let output = [0, 100, 210, 430, 880, 1800, 3700, 7600, 16000, 32000].map(f64::from);
        assert_eq!(FRONTEND_OUTPUT_TOKENS.bounds(), output);
        let between = [0.0, 0.0019, 0.0035, 0.0067, 0.013, 0.024, 0.045, 0.084, 0.16, 0.3, 0.56, 1.1, 2.0];
        assert_eq!(FRONTEND_SECONDS_BETWEEN_TOKENS.bounds(), between);
        assert_eq!(FRONTEND_REQUEST_SECONDS.bounds().len(), 10);
    }

    #[test]
    fn whatever_the_range_the_list_is_bounds() {
        for (min, max) in [(1e-300, 1e300), (f64::MIN_POSITIVE, f64::MAX), (1.0, 1.000_000_1), (5e-324, 1.0)]
        {
            for count in [1, 2, 3, 512] {
                let bounds = LogBuckets { min, max, count }.bounds();
                assert_eq!(check_bounds(&bounds), Ok(()), "{min} {max} {count}");
            }
        }
        for (min, max, count) in [(2.0, 1.0, 10), (0.0, 1.0, 10), (1.0, f64::INFINITY, 10), (1.0, 10.0, 1)] {
            assert_eq!(LogBuckets { min, max, count }.bounds(), [0.0], "{min} {max} {count}");
        }
        assert!(LogBuckets { min: 1.0, max: 10.0, count: 0 }.bounds().is_empty());
    }

    #[test]
    fn two_digits_round_half_up() {
        for (number, rounded) in [
            (125.0, 130.0),
            (124.999, 120.0),
            (0.0155, 0.016),
            (9.96, 10.0),
            (1000.0, 1000.0),
            (7.0, 7.0),
            (1.6e6, 1_599_999.999_999_999_8),
            (3.1e6, 3_099_999.999_999_999_5),
        ] {
            assert_eq!(two_digits(number), rounded, "{number}");
        }
    }

    #[test]
    fn variables_that_make_no_range_change_nothing() {
        let read = |min: &str, max: &str, count: &str| {
            let variables = [("MIN", min), ("MAX", max), ("COUNT", count)]
                .map(|(part, text)| (format!("DYN_HISTOGRAM_DYN_METRICS_ITL_{part}"), text.to_owned()));
            FRONTEND_SECONDS_BETWEEN_TOKENS.overridden("ITL", |name| {
                variables.iter().find(|(known, _)| known == name).map(|(_, text)| text.clone())
            })
        };
        assert_eq!(read("0.5", "8", "4"), LogBuckets { min: 0.5, max: 8.0, count: 4 });
        let untouched = [
            ("0", "8", "4"),
            ("-1", "8", "4"),
            ("8", "8", "4"),
            ("nan", "8", "4"),
            ("1", "inf", "4"),
            ("1", "8", "0"),
            ("1", "8", "513"),
        ];
        for (min, max, count) in untouched {
            assert_eq!(read(min, max, count), FRONTEND_SECONDS_BETWEEN_TOKENS, "{min} {max} {count}");
        }
        assert_eq!(read("x", "8", "-4"), LogBuckets { max: 8.0, ..FRONTEND_SECONDS_BETWEEN_TOKENS });
        assert_eq!(read("1", "8", "512").count, 512);
    }
}
