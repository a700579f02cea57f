//! Dates as HTTP writes them: one form that is sent, and two old ones that are still to be read.

use crate::calendar::{DAY, days_until};

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Seconds of a year, about.
const YEAR: u64 = 31_557_600;

/// Seconds since 1970 of a date such as `Sun, 06 Nov 1994 08:49:37 GMT`, also in the forms of RFC 850 and of `asctime`.
///
/// `now` (in the same seconds) tells the century of the form that has two digits for the year: a date of more than 50
/// years from now was meant to be in the past.
pub(super) fn unix_seconds_of(text: &str, now: u64) -> Option<u64> {
    let words: Vec<&str> = text.split_ascii_whitespace().take(7).collect();
    match *words.as_slice() {
        [weekday, day, month, year, time, "GMT"] if weekday.ends_with(',') => {
            seconds(digits(year, 4)?, month, digits(day, 2)?, time)
        }
        [weekday, date, time, "GMT"] if weekday.ends_with(',') => {
            let (day, rest) = date.split_once('-')?;
            let (month, year) = rest.split_once('-')?;
            let (day, short) = (digits(day, 2)?, digits(year, 2)?);
            let this_year = 1970 + now / YEAR;
            let year = this_year - this_year % 100 + short;
            let year = if year > this_year + 50 { year - 100 } else { year };
            seconds(year, month, day, time)
        }
        [_, month, day, time, year] => {
            let day = digits(day, 2).or_else(|| digits(day, 1))?;
            seconds(digits(year, 4)?, month, day, time)
        }
        _ => None,
    }
}

/// A number of exactly so many digits.
fn digits(text: &str, length: usize) -> Option<u64> {
    let fits = text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

fn seconds(year: u64, month: &str, day: u64, time: &str) -> Option<u64> {
    let month = MONTHS.iter().position(|name| *name == month)?;
    let (hour, rest) = time.split_once(':')?;
    let (minute, second) = rest.split_once(':')?;
    let (hour, minute, second) = (digits(hour, 2)?, digits(minute, 2)?, digits(second, 2)?);
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let last = lengths.get(month).copied()?;
    // A second of 60 is a leap second.
    if year < 1970 || !(1..=last).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let days =
        days_until(i64::try_from(year).ok()?, i64::try_from(month + 1).ok()?, i64::try_from(day).ok()?);
    let of_day = hour * 3600 + minute * 60 + second;
    u64::try_from(days * DAY).ok()?.checked_add(of_day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_forms_of_one_date() {
        let now = 784_111_000;
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Sun Nov 06 08:49:37 1994",
        ] {
            assert_eq!(unix_seconds_of(text, now), Some(784_111_777), "{text}");
        }
    }

    #[test]
    fn days_that_are_easily_missed() {
        for (text, seconds) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Tue, 29 Feb 2000 23:59:59 GMT", 951_868_799),
            ("Wed, 01 Mar 2000 00:00:00 GMT", 951_868_800),
            ("Sun, 01 Mar 2026 00:00:00 GMT", 1_772_323_200),
            ("Fri, 31 Dec 2027 23:59:59 GMT", 1_830_297_599),
            ("Mon, 01 Mar 2100 00:00:00 GMT", 4_107_542_400),
        ] {
            assert_eq!(unix_seconds_of(text, 0), Some(seconds), "{text}");
        }
    }

    #[test]
    fn a_year_of_two_digits_is_near() {
        let year_2026 = 1_772_323_200;
        let of = |text| unix_seconds_of(text, year_2026);
        assert_eq!(of("Sunday, 01-Mar-26 00:00:00 GMT"), Some(year_2026));
        assert_eq!(of("Sunday, 06-Nov-94 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(of("Friday, 01-Jan-27 00:00:00 GMT"), unix_seconds_of("Fri, 01 Jan 2027 00:00:00 GMT", 0));
    }

    #[test]
    fn what_is_no_date() {
        for text in [
            "",
            "7",
            "garbage",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 31 Nov 1994 08:49:37 GMT",
            "Sun, 29 Feb 2100 08:49:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 8:49:37 GMT",
            "Sun, 06 Nov 1994 08:60:37 GMT",
            "Sun, 06 Nov 1994 08:49:61 GMT",
            "Sun, 06 Nov 1969 08:49:37 GMT",
            "Sun, 06 Nov +994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT and more",
            "Sunday, 06-Nov 08:49:37 GMT",
        ] {
            assert_eq!(unix_seconds_of(text, 0), None, "{text}");
        }
    }
}
