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
