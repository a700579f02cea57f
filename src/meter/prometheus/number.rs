//! Numbers as text.
//!
//! The text formats differ in two points only: how they spell what is infinite, and from where on they use an exponent. Rust's
//! own text of a double is the shortest that reads back as the same double, so all of this starts from it.

use core::fmt::{self, Write as _};

use super::Format;

/// Writes to bytes what formats itself as text.
pub(super) struct Utf8<'a>(pub &'a mut Vec<u8>);

impl fmt::Write for Utf8<'_> {
    #[inline]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// Appends a whole number.
#[inline]
pub(super) fn put_u64(out: &mut Vec<u8>, mut number: u64) {
    if number < 10 {
        out.push(digit(number));
        return;
    }
    let mut digits = [0; 20];
    let mut used = 0;
    for slot in digits.iter_mut().rev() {
        *slot = digit(number);
        number /= 10;
        used += 1;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(digits.len() - used..).unwrap_or_default());
}

const fn digit(number: u64) -> u8 {
    b'0' + (number % 10) as u8
}

/// Appends a whole number with its sign.
#[inline]
pub(super) fn put_i64(out: &mut Vec<u8>, number: i64) {
    if number < 0 {
        out.push(b'-');
    }
    put_u64(out, number.unsigned_abs());
}

/// Appends the value of a sample.
#[inline]
pub(super) fn put_double(out: &mut Vec<u8>, number: f64, format: Format) {
    if number.is_infinite() {
        let text: &[u8] = match (format, number > 0.0) {
            (Format::Dynamo, true) => b"inf",
            (Format::Dynamo, false) => b"-inf",
            (_, true) => b"+Inf",
            (_, false) => b"-Inf",
        };
        return out.extend_from_slice(text);
    }
    if format == Format::OpenMetrics { put_canonical(out, number) } else { put_plain(out, number) }
}

/// Appends the bound of a bucket.
pub(super) fn put_bound(out: &mut Vec<u8>, bound: f64, format: Format) {
    if bound == f64::INFINITY {
        out.extend_from_slice(b"+Inf");
    } else {
        put_double(out, bound, format);
    }
}

/// Without an exponent, however long it gets.
pub(super) fn put_plain(out: &mut Vec<u8>, number: f64) {
    match whole(number) {
        Some(whole) => put_i64(out, whole),
        None if put_few_decimals(out, number) => {}
        // Writing to bytes cannot fail; the same holds below.
        None => {
            let _ = write!(Utf8(out), "{number}");
        }
    }
}

/// Writes a number that has no more than six decimals, as many have, and fifteen digits; false for others.
///
/// No two decimal numbers of fifteen digits are the same double. So if one of them reads back as the number, it is the
/// shortest text that does, and the general way would find the same one with four times the work.
fn put_few_decimals(out: &mut Vec<u8>, number: f64) -> bool {
    const SCALE: u64 = 1_000_000;
    let scaled = (number.abs() * 1e6).round();
    if !(1.0..1e15).contains(&scaled) || scaled / 1e6 != number.abs() {
        return false;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is whole, and of 15 digits"
    )]
    let scaled = scaled as u64;
    if number < 0.0 {
        out.push(b'-');
    }
    put_u64(out, scaled / SCALE);
    out.push(b'.');
    let (mut rest, mut place) = (scaled % SCALE, SCALE / 10);
    while rest > 0 {
        out.push(digit(rest / place));
        rest %= place;
        place /= 10;
    }
    true
}

/// The double as a whole number, where it is one that is not too large, and not the zero below zero.
fn whole(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let is_whole =
        number.trunc() == number && number.abs() < EXACT && !(number == 0.0 && number.is_sign_negative());
    #[expect(clippy::cast_possible_truncation, reason = "it is whole, and less than 2^53")]
    is_whole.then_some(number as i64)
}

/// As Go's `%g` prints it, and with a `.0` where that has neither a point nor an exponent.
fn put_canonical(out: &mut Vec<u8>, number: f64) {
    let size = number.abs();
    if let Some(whole) = whole(number).filter(|_| size < 1e6) {
        put_i64(out, whole);
        return out.extend_from_slice(b".0");
    }
    if (1e-4..1e6).contains(&size) && put_few_decimals(out, number) {
        return;
    }
    if number.is_nan() || size == 0.0 || (1e-4..1e6).contains(&size) {
        // The debug form always has a point, and no exponent here.
        let _ = write!(Utf8(out), "{number:?}");
        return;
    }
    let start = out.len();
    let _ = write!(Utf8(out), "{number:e}");
    let is_mark = |byte: &u8| *byte == b'e';
    let Some(at) = out.iter().skip(start).position(is_mark).map(|at| start + at) else { return };
    let exponent = out.get(at + 1..).and_then(|digits| core::str::from_utf8(digits).ok()?.parse().ok());
    let exponent: i32 = exponent.unwrap_or(0);
    out.truncate(at);
    let sign = if exponent < 0 { '-' } else { '+' };
    let _ = write!(Utf8(out), "e{sign}{:02}", exponent.unsigned_abs());
}

/// Appends nanoseconds since 1970 as seconds, exactly.
pub(super) fn put_seconds(out: &mut Vec<u8>, nanos: u64) {
    const SECOND: u64 = 1_000_000_000;
    put_u64(out, nanos / SECOND);
    let rest = nanos % SECOND;
    if rest != 0 {
        let _ = write!(Utf8(out), ".{rest:09}");
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(put: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        put(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn double(number: f64, format: Format) -> String {
        text(|out| put_double(out, number, format))
    }

    #[test]
    fn whole_numbers_have_all_their_digits() {
        for number in [0, 1, 9, 10, 99, 100, 12_345, u64::MAX] {
            assert_eq!(text(|out| put_u64(out, number)), number.to_string());
        }
        for number in [0, -1, 7, -10, i64::MIN, i64::MAX] {
            assert_eq!(text(|out| put_i64(out, number)), number.to_string());
        }
    }

    #[test]
    fn plain_numbers_have_no_exponent() {
        for (number, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (42.0, "42"),
            (-3.0, "-3"),
            (2.5, "2.5"),
            (-0.5, "-0.5"),
            (1e-7, "0.0000001"),
            (1e21, "1000000000000000000000"),
            (9_007_199_254_740_992.0, "9007199254740992"),
            (0.1 + 0.2, "0.30000000000000004"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(double(number, Format::Prometheus), text);
            assert_eq!(double(number, Format::Dynamo), text);
        }
    }

    #[test]
    fn infinities_have_two_spellings_and_bounds_one() {
        assert_eq!(double(f64::INFINITY, Format::Prometheus), "+Inf");
        assert_eq!(double(f64::NEG_INFINITY, Format::OpenMetrics), "-Inf");
        assert_eq!(double(f64::INFINITY, Format::Dynamo), "inf");
        assert_eq!(double(f64::NEG_INFINITY, Format::Dynamo), "-inf");
        assert_eq!(text(|out| put_bound(out, f64::INFINITY, Format::Dynamo)), "+Inf");
    }

    #[test]
    fn canonical_numbers_are_those_of_the_specification() {
        for (number, text) in [
            (0.0, "0.0"),
            (1.0, "1.0"),
            (-2.5, "-2.5"),
            (0.001, "0.001"),
            (0.0001, "0.0001"),
            (1e-5, "1e-05"),
            (2.5e-10, "2.5e-10"),
            (100_000.0, "100000.0"),
            (1e6, "1e+06"),
            (1_234_567.0, "1.234567e+06"),
            (-1e10, "-1e+10"),
            (1e300, "1e+300"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(double(number, Format::OpenMetrics), text);
        }
    }

    #[test]
    fn every_text_reads_back_as_the_same_double() {
        let mut bits: u64 = 0x9e37_79b9_7f4a_7c15;
        for _ in 0..2000 {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let number = f64::from_bits(bits);
            if number.is_finite() {
                for format in [Format::Prometheus, Format::OpenMetrics, Format::Dynamo] {
                    assert_eq!(double(number, format).parse::<f64>(), Ok(number));
                }
            }
        }
    }

    #[test]
    fn few_decimals_are_what_the_general_way_writes() {
        let mut numbers: Vec<f64> = (0..4000).map(|n| f64::from(n) * 0.37 - 100.0).collect();
        let mut digits: u64 = 999_999_999_999_999;
        while digits > 0 {
            for scale in [1e1, 1e2, 1e5, 1e6, 1e7, 1e12] {
                #[expect(clippy::cast_precision_loss, reason = "less than 2^53")]
                let number = digits as f64 / scale;
                numbers.extend([number, -number, number.next_up(), number.next_down()]);
            }
            digits = digits / 7 * 5;
        }
        let mut short = 0;
        for number in numbers {
            assert_eq!(double(number, Format::Prometheus), number.to_string());
            let size = number.abs();
            if size == 0.0 || (1e-4..1e6).contains(&size) {
                assert_eq!(double(number, Format::OpenMetrics), format!("{number:?}"));
            }
            let mut out = Vec::new();
            let was_short = put_few_decimals(&mut out, number);
            assert!(was_short || out.is_empty());
            short += usize::from(was_short);
        }
        assert!(short > 1000, "{short}");
    }

    #[test]
    fn moments_are_exact() {
        for (nanos, expected) in [
            (0, "0"),
            (1_700_000_000_000_000_000, "1700000000"),
            (1_700_000_000_100_000_000, "1700000000.1"),
            (1_700_000_000_000_000_001, "1700000000.000000001"),
        ] {
            assert_eq!(text(|out| put_seconds(out, nanos)), expected);
        }
    }
}
