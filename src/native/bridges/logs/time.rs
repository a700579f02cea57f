//! Times and durations as log lines tell them.

use core::fmt::Write as _;

use crate::calendar::{DAY, date_of};

/// Appends `2026-11-21T14:01:36.000123Z`, or the local time with its offset.
pub(super) fn put_time(out: &mut String, unix_nanos: u64, utc_offset_minutes: i32) {
    let offset = i64::from(utc_offset_minutes);
    let micros = i64::try_from(unix_nanos / 1_000).unwrap_or(i64::MAX).saturating_add(offset * 60_000_000);
    let seconds = micros.div_euclid(1_000_000);
    let (year, month, day) = date_of(seconds.div_euclid(DAY));
    let of_day = seconds.rem_euclid(DAY);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    let fraction = micros.rem_euclid(1_000_000);
    // Writing to a String cannot fail; the same holds below.
    let _ = write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:06}");
    if offset == 0 {
        out.push('Z');
    } else {
        let sign = if offset < 0 { '-' } else { '+' };
        let _ = write!(out, "{sign}{:02}:{:02}", offset.abs() / 60, offset.abs() % 60);
    }
}

/// Whole microseconds of a duration as a reader gets them who sees three significant digits of it.
pub(super) fn shown_micros(nanos: u64) -> u64 {
    let mut digits = 1;
    while nanos / digits >= 1_000 {
        digits *= 10;
    }
    // Seconds are shown without limit: from a thousand of them on, each digit counts.
    let unit = digits.min(1_000_000_000);
    let rounded = (nanos + unit / 2) / unit * unit;
    rounded / 1_000
}

/// Whole microseconds of a duration as `tracing-subscriber` writes it into log lines: `1.23ms`, `999ns`, `2s`.
///
/// Quotes and blanks around it do not count. The units are s, ms, µs (or us) and ns; none where it is of another form.
/// It is computed as Dynamo's logger does it, in floating point and without rounding, so `2.01ms` is a microsecond less
/// than one would think.
///
/// ```
/// use spanloom::logs::duration_micros;
/// assert_eq!(duration_micros("1.5ms"), Some(1_500));
/// assert_eq!(duration_micros("'12µs'"), Some(12));
/// assert_eq!(duration_micros("1m"), None);
/// ```
#[must_use]
pub fn duration_micros(text: &str) -> Option<u64> {
    let text = text.strip_prefix(['"', '\'']).unwrap_or(text);
    let text = text.strip_suffix(['"', '\'']).unwrap_or(text).trim();
    let number = text.trim_end_matches(|c: char| !c.is_ascii_digit() && c != '.');
    let unit = text.strip_prefix(number)?.trim_start();
    // A sign, an exponent or a name would be a number to the parser.
    if !number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let number: f64 = number.parse().ok()?;
    let micros = match unit {
        "s" => number * 1_000_000.0,
        "ms" => number * 1_000.0,
        "µs" | "us" => number,
        "ns" => number / 1_000.0,
        _ => return None,
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not below zero; whole microseconds are wanted, and at most what there is room for"
    )]
    let whole = micros as u64;
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(unix_nanos: u64, offset: i32) -> String {
        let mut text = String::new();
        put_time(&mut text, unix_nanos, offset);
        text
    }

    #[test]
    fn times_have_six_digits() {
        assert_eq!(shown(0, 0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(shown(951_827_696_000_001_999, 0), "2000-02-29T12:34:56.000001Z");
        assert_eq!(shown(1_709_251_199_999_999_000, 0), "2024-02-29T23:59:59.999999Z");
        assert_eq!(shown(4_107_542_400_000_000_000, 0), "2100-03-01T00:00:00.000000Z");
    }

    #[test]
    fn local_times_have_their_offset() {
        assert_eq!(shown(0, 330), "1970-01-01T05:30:00.000000+05:30");
        assert_eq!(shown(0, -90), "1969-12-31T22:30:00.000000-01:30");
    }

    #[test]
    fn durations_are_read_in_four_units() {
        for (text, micros) in [
            ("2s", 2_000_000),
            ("45.7ms", 45_700),
            ("12µs", 12),
            ("12us", 12),
            ("1.23µs", 1),
            ("999ns", 0),
            ("1999ns", 1),
            ("\"3ms\"", 3_000),
            (" 4 ms ", 4_000),
            ("2.01ms", 2_009),
        ] {
            assert_eq!(duration_micros(text), Some(micros), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_has_no_microseconds() {
        for text in [
            "", "ms", "5", "1m", "1h", "1e3ms", "1.2.3ms", "-1ms", "+1ms", "infs", "NaNms", "1ms2", ".ms",
            "1msé",
        ] {
            assert_eq!(duration_micros(text), None, "{text}");
        }
    }

    #[test]
    fn durations_keep_three_digits_and_whole_microseconds() {
        let pairs = [
            (0, 0),
            (999, 0),
            (1_234, 1),
            (12_345, 12),
            (1_234_567, 1_230),
            (1_235_567, 1_240),
            (999_600, 1_000),
            (45_678_901, 45_700),
            (2_000_000_000, 2_000_000),
            (1_234_567_890_123, 1_235_000_000),
        ];
        for (nanos, micros) in pairs {
            assert_eq!(shown_micros(nanos), micros, "{nanos}");
        }
    }
}
