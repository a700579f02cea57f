//! From texts to values, and why a text is none.

use core::time::Duration;

/// Why a text is not the value of a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// OpenTelemetry wants the setting to count as unset, with a warning. In a file it is an error.
    Ignored(String),
    /// Going on would do harm, or something else than was asked for.
    Refused(String),
}

pub(super) type Parsed<T> = Result<T, Fault>;

fn ignored<T>(why: &str) -> Parsed<T> {
    Err(Fault::Ignored(why.into()))
}

/// OpenTelemetry's truth values.
pub(super) fn truth(text: &str) -> Parsed<bool> {
    if text.eq_ignore_ascii_case("true") {
        Ok(true)
    } else if text.eq_ignore_ascii_case("false") {
        Ok(false)
    } else {
        ignored("it must be true or false")
    }
}

/// The truth values of YAML, Dynamo and astron.
pub(super) fn loose_truth(text: &str) -> Option<bool> {
    let is = |word: &&&str| text.eq_ignore_ascii_case(word);
    if ["1", "true", "on", "yes"].iter().find(is).is_some() {
        Some(true)
    } else if ["0", "false", "off", "no"].iter().find(is).is_some() {
        Some(false)
    } else {
        None
    }
}

/// A whole number that may be 0.
pub(super) fn count(text: &str) -> Parsed<u64> {
    text.parse().or_else(|_| ignored("it must be a whole number, 0 or more"))
}

/// A whole number that is more than 0.
pub(super) fn positive(text: &str) -> Parsed<u64> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => ignored("it must be a whole number, 1 or more"),
    }
}

/// A number of things that is kept as `u32`; more counts as the most.
pub(super) fn small_count(text: &str) -> Parsed<u32> {
    count(text).map(|number| u32::try_from(number).unwrap_or(u32::MAX))
}

/// A number of bytes or characters.
pub(super) fn length(text: &str) -> Parsed<usize> {
    count(text).map(|number| usize::try_from(number).unwrap_or(usize::MAX))
}

/// Milliseconds.
pub(super) fn milliseconds(text: &str) -> Parsed<Duration> {
    match text.parse() {
        Ok(number) => Ok(Duration::from_millis(number)),
        Err(_) => ignored("it must be a whole number of milliseconds, 0 or more"),
    }
}

/// Milliseconds, or a number with `ms`, `s`, `m` or `h`: what a file may hold.
pub(super) fn duration(text: &str) -> Parsed<Duration> {
    let (number, unit) = split_unit(text);
    let millis: u64 = match unit {
        "" | "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        _ => return ignored("it must be milliseconds, or a whole number with ms, s, m or h"),
    };
    match number.parse::<u64>().ok().and_then(|number| number.checked_mul(millis)) {
        Some(millis) => Ok(Duration::from_millis(millis)),
        None => ignored("it must be milliseconds, or a whole number with ms, s, m or h"),
    }
}

/// A time limit: 0 is none.
pub(super) fn limit(time: Duration) -> Option<Duration> {
    (!time.is_zero()).then_some(time)
}

/// Bytes, or a number with `KiB`, `MiB` or `GiB`.
pub(super) fn bytes(text: &str) -> Parsed<u64> {
    let (number, unit) = split_unit(text);
    let shift: u32 = match unit {
        "" | "B" => 0,
        "KiB" | "Ki" => 10,
        "MiB" | "Mi" => 20,
        "GiB" | "Gi" => 30,
        _ => return ignored("it must be bytes, or a whole number with KiB, MiB or GiB"),
    };
    match number.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << shift)) {
        Some(bytes) if bytes > 0 => Ok(bytes),
        _ => ignored("it must be bytes, or a whole number with KiB, MiB or GiB, and more than 0"),
    }
}

fn split_unit(text: &str) -> (&str, &str) {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end).unwrap_or((text, ""));
    (number, unit.trim_start())
}

/// Bytes as a reader likes them.
pub(super) fn show_bytes(bytes: u64) -> String {
    for (shift, unit) in [(30, "GiB"), (20, "MiB"), (10, "KiB")] {
        if bytes != 0 && bytes.is_multiple_of(1 << shift) {
            return format!("{} {unit}", bytes >> shift);
        }
    }
    bytes.to_string()
}

/// A time as a file may hold it.
pub(super) fn show_duration(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}

/// A time limit as a reader likes it.
pub(super) fn show_limit(time: Option<Duration>) -> String {
    time.map_or_else(|| "none".into(), show_duration)
}

/// `%41` becomes `A`; a `%` without two digits behind it stays. `None` where the bytes are no UTF-8.
pub(crate) fn percent_decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let digit = |at: usize| behind.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or_default());
                rest = behind.get(2..).unwrap_or_default();
            }
            _ => {
                out.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8(out).ok()
}

/// The members of a list with commas, without white space around them and without empty ones.
pub(super) fn members(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|member| !member.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truth_values() {
        assert_eq!((truth("TRUE"), truth("False")), (Ok(true), Ok(false)));
        assert!(truth("1").is_err() && truth("yes").is_err());
        for word in ["1", "True", "ON", "yes"] {
            assert_eq!(loose_truth(word), Some(true));
        }
        for word in ["0", "FALSE", "off", "No"] {
            assert_eq!(loose_truth(word), Some(false));
        }
        assert_eq!(loose_truth("maybe"), None);
    }

    #[test]
    fn numbers() {
        assert_eq!(count("0"), Ok(0));
        assert_eq!(small_count("99999999999"), Ok(u32::MAX));
        for text in ["-1", "1.5", "many", "99999999999999999999999", ""] {
            assert!(count(text).is_err() && positive(text).is_err(), "{text}");
        }
        assert!(positive("0").is_err());
        assert!(milliseconds("-5").is_err());
    }

    #[test]
    fn times_and_sizes() {
        for (text, millis) in
            [("250", 250), ("250ms", 250), ("5 s", 5_000), ("2m", 120_000), ("1h", 3_600_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "5 weeks", "-1s", "1.5s", "18446744073709551615h"] {
            assert!(duration(text).is_err(), "{text}");
        }
        for (text, size) in [("10", 10), ("4 KiB", 4096), ("256MiB", 256 << 20), ("1 GiB", 1 << 30)] {
            assert_eq!(bytes(text), Ok(size), "{text}");
        }
        for text in ["0", "1 MB", "x", "99999999999 GiB"] {
            assert!(bytes(text).is_err(), "{text}");
        }
        assert_eq!(
            (show_bytes(256 << 20), show_bytes(1000), show_bytes(0)),
            ("256 MiB".into(), "1000".into(), "0".into())
        );
    }

    #[test]
    fn percent_signs() {
        for (text, decoded) in
            [("a%20b", Some("a b")), ("50%", Some("50%")), ("%zz%4", Some("%zz%4")), ("%ff", None)]
        {
            assert_eq!(percent_decoded(text).as_deref(), decoded, "{text}");
        }
    }
}
