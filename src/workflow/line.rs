//! The lines of a node's log: each a JSON text of its own, with the local time to the second.

use core::fmt::Write as _;

use crate::calendar::{DAY, date_of, days_until};
use crate::json::{Style, Writer};
use crate::value::{Value, ValueSink};

/// How grave a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// For those who look for faults.
    Debug,
    /// Information.
    Info,
    /// Something is odd.
    Warn,
    /// Something failed.
    Error,
}

impl Level {
    pub(crate) const ALL: [Self; 4] = [Self::Debug, Self::Info, Self::Warn, Self::Error];

    /// The word that stands in the line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }

    /// The attribute in which an event has the text of such a line.
    pub(crate) const fn event_key(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG LOG",
            Self::Info => crate::vocabulary::INFO_LOG,
            Self::Warn => "WARN LOG",
            Self::Error => crate::vocabulary::ERROR_LOG,
        }
    }
}

/// A log line, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How grave it is.
    pub level: Level,
    /// What it says.
    pub message: String,
    /// When it was written, as a local time in seconds since 1970: the line does not say of which time zone.
    pub local_seconds: i64,
}

impl LogLine {
    /// The line: `{"level": "INFO", "message": "...", "time": "2026-03-04 05:06:08"}`.
    #[must_use]
    pub fn to_json(&self) -> String {
        log_line(self.level.as_str(), &self.message, self.local_seconds)
    }

    /// Takes a line apart; `None` for what [`to_json`](Self::to_json) would write differently.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let value = Value::from_json(line).ok()?;
        let level = value.get("level")?.as_str()?;
        let level = Level::ALL.into_iter().find(|known| known.as_str() == level)?;
        let local_seconds = read_time(value.get("time")?.as_str()?)?;
        let message = value.get("message")?.as_str()?.into();
        Some(Self { level, message, local_seconds }).filter(|parsed| parsed.to_json() == line)
    }
}

fn log_line(level: &str, message: &str, local_seconds: i64) -> String {
    let mut line = String::with_capacity(message.len() + 64);
    let mut json = Writer::new(&mut line, Style::Spaced);
    json.begin_map();
    json.key("level");
    json.string(level);
    json.key("message");
    json.string(message);
    json.key("time");
    json.string(&write_time(local_seconds));
    json.end_map();
    line
}

/// `2026-03-04 05:06:08`.
fn write_time(seconds: i64) -> String {
    let (days, of_day) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let (year, month, day) = date_of(days);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write!(text, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}");
    text
}

/// Reads what [`write_time`] writes for the years 0 to 9999.
fn read_time(text: &str) -> Option<i64> {
    let part = |from: usize, to: usize| {
        let digits = text.get(from..to).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        digits.and_then(|digits| digits.parse::<i64>().ok())
    };
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    let (hour, minute, second) = (part(11, 13)?, part(14, 16)?, part(17, 19)?);
    let days = days_until(year, month, day);
    Some(days * DAY + hour * 3_600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_both_ways() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00"),
            (1_772_600_767, "2026-03-04 05:06:07"),
            (951_782_400, "2000-02-29 00:00:00"),
            (-1, "1969-12-31 23:59:59"),
            (253_402_300_799, "9999-12-31 23:59:59"),
            (-62_167_219_200, "0000-01-01 00:00:00"),
        ] {
            assert_eq!(write_time(seconds), text);
            assert_eq!(read_time(text), Some(seconds));
        }
        // no calendar reaches so far, but nothing breaks
        assert!(write_time(i64::MAX / 1_000).len() > 19);
    }

    #[test]
    fn every_day_of_centuries_comes_back() {
        for day in -30_000..60_000 {
            let seconds = day * DAY + 3_723;
            assert_eq!(read_time(&write_time(seconds)), Some(seconds));
        }
    }

    #[test]
    fn a_line_is_taken_apart_only_where_it_can_be_put_together_again() {
        let line = LogLine { level: Level::Error, message: "a\n\"ü".into(), local_seconds: 1_772_600_767 };
        let text = r#"{"level": "ERROR", "message": "a\n\"ü", "time": "2026-03-04 05:06:07"}"#;
        assert_eq!(line.to_json(), text);
        assert_eq!(LogLine::parse(text), Some(line));
        for other in [
            "",
            "free text",
            "{}",
            r#"{"level":"ERROR","message":"a","time":"2026-03-04 05:06:07"}"#,
            r#"{"level": "FATAL", "message": "a", "time": "2026-03-04 05:06:07"}"#,
            r#"{"level": "INFO", "message": "a", "time": "2026-02-30 05:06:07"}"#,
            r#"{"level": "INFO", "message": "a", "time": "2026-03-04T05:06:07"}"#,
            r#"{"level": "INFO", "message": "a", "time": "2026-03-04 05:06:07", "x": 1}"#,
            r#"{"level": "INFO", "message": "\u0041", "time": "2026-03-04 05:06:07"}"#,
        ] {
            assert_eq!(LogLine::parse(other), None, "{other}");
        }
    }
}
