//! OpenTelemetry's consistent probability sampling: thresholds, randomness and the `ot` entry of `tracestate`.
//!
//! A trace has 56 random bits, R. A ratio is a threshold T over the same range, and a trace is sampled when R >= T. All who
//! look at the same trace see the same R, so who samples less keeps a part of what others keep.

use crate::id::TraceId;

/// How many bits randomness and thresholds have.
const BITS: u32 = 56;
/// One above the largest randomness.
const RANGE: u64 = 1 << BITS;
/// Hex digits of 56 bits.
const DIGITS: u32 = 14;
/// How long an `ot` value may be.
const MAX_OT_LEN: usize = 256;

/// The traces below this number are rejected; from 0 (none) to 2^56 (all).
///
/// ```
/// use spanloom::sample::probability::Threshold;
/// assert_eq!(Threshold::of_ratio(0.1).to_string(), "e666");
/// assert_eq!(Threshold::parse("c").map(|threshold| threshold.ratio()), Some(0.25));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Threshold(u64);

impl Threshold {
    /// Rejects nothing.
    pub const ALWAYS: Self = Self(0);
    /// Rejects everything; it has no text.
    pub const NEVER: Self = Self(RANGE);

    /// The threshold of a ratio, rounded to four digits behind the leading ones (as `ot=th:` wants it).
    #[must_use]
    pub fn of_ratio(ratio: f64) -> Self {
        if ratio >= 1.0 {
            return Self::ALWAYS;
        }
        // NaN is no ratio.
        if ratio <= 0.0 || ratio.is_nan() {
            return Self::NEVER;
        }
        let exact = RANGE - scaled(ratio, RANGE).max(1);
        let mut digits = 4;
        // Every leading f or 0 says little about a ratio near 0 or 1: it gets a digit of its own.
        let (mut ones, mut zeros) = (true, true);
        for place in (0..DIGITS).rev() {
            let digit = exact >> (4 * place) & 15;
            (ones, zeros) = (ones && digit == 15, zeros && digit == 0);
            if !ones && !zeros {
                break;
            }
            digits += 1;
        }
        let cut = 4 * DIGITS.saturating_sub(digits);
        let half = if cut == 0 { 0 } else { 1 << (cut - 1) };
        Self(((exact + half) >> cut << cut).min(RANGE - 1))
    }

    /// Reads 1 to 14 lower-case hex digits; missing ones on the right are zeros.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = u32::try_from(text.len()).ok().filter(|digits| (1..=DIGITS).contains(digits))?;
        Some(Self(read_hex(text)? << (4 * (DIGITS - digits))))
    }

    /// The share of traces that it lets through.
    #[must_use]
    pub fn ratio(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a ratio of 53 bits is what a double can hold")]
        let share = (RANGE - self.0) as f64 / RANGE as f64;
        share
    }

    /// True when a trace with this randomness is sampled.
    #[inline]
    #[must_use]
    pub const fn admits(self, randomness: Randomness) -> bool {
        randomness.0 >= self.0
    }
}

impl core::fmt::Display for Threshold {
    /// The digits without zeros at their end.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let digits = format!("{:014x}", self.0.min(RANGE - 1));
        let kept = digits.trim_end_matches('0');
        f.write_str(if kept.is_empty() { "0" } else { kept })
    }
}

/// The 56 random bits of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Randomness(u64);

impl Randomness {
    /// The right-most seven bytes of a trace id.
    #[inline]
    #[must_use]
    pub fn of_trace(trace_id: TraceId) -> Self {
        Self(trace_id.low_half() & (RANGE - 1))
    }

    /// Reads exactly 14 lower-case hex digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() == DIGITS as usize { read_hex(text).map(Self) } else { None }
    }
}

/// What sampling has to know of an `ot` value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OtState {
    /// `th`: with what threshold the trace was sampled before.
    pub threshold: Option<Threshold>,
    /// `rv`: randomness that was given explicitly and counts instead of the trace id's.
    pub randomness: Option<Randomness>,
}

impl OtState {
    /// Reads an `ot` value; what is not valid in it counts as absent, all of it where the form is broken.
    ///
    /// ```
    /// use spanloom::sample::probability::{OtState, Threshold};
    /// let state = OtState::parse("th:c;rv:6e6d1a75832a2f");
    /// assert_eq!(state.threshold, Threshold::parse("c"));
    /// assert!(state.randomness.is_some());
    /// ```
    #[must_use]
    pub fn parse(value: &str) -> Self {
        let mut state = Self::default();
        for (key, value) in sub_keys(value).unwrap_or_default() {
            match key {
                "th" => state.threshold = Threshold::parse(value),
                "rv" => state.randomness = Randomness::parse(value),
                _ => {}
            }
        }
        state
    }

    /// The randomness that counts for this trace.
    #[must_use]
    pub fn randomness_of(self, trace_id: TraceId) -> Randomness {
        self.randomness.unwrap_or_else(|| Randomness::of_trace(trace_id))
    }
}

/// The `ot` value to hand on after a decision; `None` where nothing is left of it.
///
/// `sampled_at` is the threshold of a positive decision; `None` means that the trace is not sampled or nobody knows how
/// probable it was, and removes `th`. Everything else, `rv` first of all, stays as it came.
#[must_use]
pub fn hand_on(value: Option<&str>, sampled_at: Option<Threshold>) -> Option<String> {
    let mut out = String::new();
    let mut put = |key: &str, value: &str| {
        if !out.is_empty() {
            out.push(';');
        }
        out.extend([key, ":", value]);
    };
    if let Some(threshold) = sampled_at.filter(|threshold| *threshold < Threshold::NEVER) {
        put("th", &threshold.to_string());
    }
    for (key, value) in value.and_then(sub_keys).unwrap_or_default() {
        if key != "th" {
            put(key, value);
        }
    }
    Some(out).filter(|out| !out.is_empty() && out.len() <= MAX_OT_LEN)
}

/// The threshold that a parent's `ot` value states, where it goes with its sampled flag: a child hands it on unchanged.
#[must_use]
pub fn inherited(value: &str, trace_id: TraceId, sampled: bool) -> Option<Threshold> {
    let state = OtState::parse(value);
    state.threshold.filter(|threshold| sampled && threshold.admits(state.randomness_of(trace_id)))
}

/// The sub-keys of an `ot` value and their values; `None` where its form is broken.
fn sub_keys(value: &str) -> Option<Vec<(&str, &str)>> {
    if value.len() > MAX_OT_LEN {
        return None;
    }
    let mut found: Vec<(&str, &str)> = Vec::new();
    for entry in value.split(';') {
        let (key, value) = entry.split_once(':')?;
        let starts = key.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
        let goes_on = key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if !starts || !goes_on || !value.bytes().all(allowed) || found.iter().any(|(name, _)| *name == key) {
            return None;
        }
        found.push((key, value));
    }
    Some(found)
}

fn read_hex(text: &str) -> Option<u64> {
    let lower = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if lower { u64::from_str_radix(text, 16).ok() } else { None }
}

/// A ratio between 0 and 1 as a whole part of `range`.
pub(crate) fn scaled(ratio: f64, range: u64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "the ranges are powers of two, and `as` saturates"
    )]
    let part = (ratio * range as f64) as u64;
    part.min(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_have_four_digits_that_count() {
        for (ratio, text) in [
            (1.0, "0"),
            (0.5, "8"),
            (0.25, "c"),
            (0.2, "cccd"),
            (0.1, "e666"),
            (0.01, "fd70a"),
            (0.001, "ffbe77"),
        ] {
            let threshold = Threshold::of_ratio(ratio);
            assert_eq!(threshold.to_string(), text);
            assert_eq!(Threshold::parse(text), Some(threshold));
            assert!((threshold.ratio() - ratio).abs() < ratio * 1e-4);
        }
        assert_eq!(Threshold::of_ratio(0.0), Threshold::NEVER);
        assert_eq!(Threshold::of_ratio(f64::NAN), Threshold::NEVER);
        assert_eq!(Threshold::of_ratio(1e-300).to_string(), "f".repeat(14));
        assert!(Threshold::of_ratio(1.0 - 1e-16) < Threshold::of_ratio(0.999));
    }

    #[test]
    fn texts_that_are_no_thresholds() {
        for text in ["", "C", "g", "123456789012345", "+1", "0x1"] {
            assert_eq!(Threshold::parse(text), None, "{text}");
        }
        assert_eq!(Randomness::parse("6e6d1a75832a2"), None);
        assert_eq!(Randomness::parse("6E6D1A75832A2F"), None);
    }

    #[test]
    fn the_last_seven_bytes_decide() {
        let trace: TraceId = "0af7651916cd43dd8448eb211c80319c".parse().unwrap();
        assert_eq!(Randomness::of_trace(trace), Randomness(0x48_eb21_1c80_319c));
        assert!(!Threshold::of_ratio(0.5).admits(Randomness::of_trace(trace)));
        assert!(Threshold::of_ratio(0.75).admits(Randomness::of_trace(trace)));
        let edge = Randomness::parse("80000000000000").unwrap();
        assert!(Threshold::of_ratio(0.5).admits(edge));
        assert!(!Threshold::NEVER.admits(Randomness::parse("ffffffffffffff").unwrap()));
        assert!(OtState::parse("rv:80000000000000").randomness_of(trace) == edge);
    }

    #[test]
    fn ot_values_are_read_strictly() {
        for broken in ["", "th", "th:c;th:c", "Th:c", "th:c;", "th:c;x y:1", "1a:2", "a:é"] {
            assert_eq!(OtState::parse(broken), OtState::default(), "{broken}");
        }
        assert_eq!(OtState::parse(&format!("th:c;x:{}", "a".repeat(250))), OtState::default());
        assert_eq!(OtState::parse("th:xyz;rv:80000000000000").threshold, None);
        assert!(OtState::parse("th:xyz;rv:80000000000000").randomness.is_some());
    }

    #[test]
    fn what_is_handed_on() {
        let half = Some(Threshold::of_ratio(0.5));
        for (value, threshold, expected) in [
            (None, half, Some("th:8")),
            (None, None, None),
            (Some("th:c"), None, None),
            (Some("th:c"), Some(Threshold::NEVER), None),
            (Some("rv:80000000000000;th:c"), half, Some("th:8;rv:80000000000000")),
            (Some("x:1;th:c;y:2"), None, Some("x:1;y:2")),
            (Some("broken"), half, Some("th:8")),
        ] {
            assert_eq!(hand_on(value, threshold).as_deref(), expected, "{value:?}");
        }
        let full = format!("x:{}", "a".repeat(252));
        assert_eq!(hand_on(Some(&full), half), None);
    }

    #[test]
    fn a_threshold_that_contradicts_the_flag_is_not_inherited() {
        let trace: TraceId = "0af7651916cd43dd8448eb211c80319c".parse().unwrap();
        assert_eq!(inherited("th:4", trace, true), Threshold::parse("4"));
        assert_eq!(inherited("th:4", trace, false), None);
        assert_eq!(inherited("th:8", trace, true), None);
    }
}
