//! A log line: known members first, in a fixed order, then all others by name.

use std::collections::BTreeMap;

use tracing_core::{Level, Metadata};

use super::identity::Identity;
use super::time::put_time;
use crate::json::{Event, Events, MAX_DEPTH, Style, Writer};
use crate::native::bridges::tracing::{Fields, Given};
use crate::value::{Value, ValueSink};

/// Where in the program a line comes from.
pub(super) struct Place<'a> {
    level: Level,
    file: Option<&'a str>,
    line: Option<u32>,
    target: &'a str,
}

impl<'a> Place<'a> {
    pub(super) fn of(metadata: &Metadata<'a>) -> Self {
        Self {
            level: *metadata.level(),
            file: metadata.file(),
            line: metadata.line(),
            target: metadata.target(),
        }
    }

    pub(super) const fn own(level: Level, target: &'a str, file: &'a str, line: u32) -> Self {
        Self { level, file: Some(file), line: Some(line), target }
    }
}

/// What a line tells besides when and where: values by name, as JSON.
#[derive(Default)]
pub(super) struct Members(BTreeMap<String, String>);

fn json(tell: impl FnOnce(&mut Writer<'_>)) -> String {
    let mut text = String::new();
    tell(&mut Writer::new(&mut text, Style::Compact));
    text
}

impl Members {
    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.0.insert(name.to_owned(), json(|out| out.string(text)));
    }

    pub(super) fn micros(&mut self, name: &str, micros: u64) {
        self.0.insert(name.to_owned(), micros.to_string());
    }

    /// The fields of an event; gives its message.
    pub(super) fn event(&mut self, fields: Fields) -> String {
        let mut message = String::new();
        for (name, given) in fields.0 {
            let name = name.strip_prefix("r#").unwrap_or(name);
            if name == "message" {
                message = match given {
                    Given::Str(text) | Given::Shown(text) | Given::Error(text) => text,
                    other => plain(&other),
                };
            } else {
                self.0.insert(name.to_owned(), plain(&given));
            }
        }
        message
    }

    /// The span's fields win over those of the event, and what the span is over both.
    pub(super) fn span(&mut self, name: &str, shown: &[(String, String)], identity: &Identity) {
        for (name, text) in shown {
            self.text(name, text);
        }
        self.text("span_name", name);
        self.text("span_id", &identity.span_id);
        self.text("trace_id", &identity.trace_id);
        let others = [
            ("parent_id", &identity.parent_id),
            ("tracestate", &identity.tracestate),
            ("x_request_id", &identity.x_request_id),
            ("x_dynamo_request_id", &identity.x_dynamo_request_id),
        ];
        for (name, text) in others {
            match text {
                Some(text) => self.text(name, text),
                None => self.remove(name),
            }
        }
    }

    /// A span that was never entered has no ids but the one that tracing gave it.
    pub(super) fn unknown_span(&mut self, name: &str, shown: &[(String, String)], id: u64) {
        for (name, text) in shown {
            self.text(name, text);
        }
        self.outside();
        self.text("span_name", name);
        self.text("span_id", &id.to_string());
    }

    /// Outside of any span nothing may look like one.
    pub(super) fn outside(&mut self) {
        for name in ["trace_id", "span_id", "parent_id", "span_name", "tracestate"] {
            self.remove(name);
        }
    }

    fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// The line, with its end.
    pub(super) fn line(&self, now: u64, utc_offset_minutes: i32, place: &Place<'_>, message: &str) -> String {
        let mut out = String::with_capacity(256);
        out.push_str("{\"time\":\"");
        put_time(&mut out, now, utc_offset_minutes);
        out.push_str("\",\"level\":\"");
        out.push_str(place.level.as_str());
        out.push('"');
        if let Some(file) = place.file {
            out.push_str(",\"file\":");
            out.push_str(&json(|out| out.string(file)));
        }
        if let Some(line) = place.line {
            out.push_str(",\"line\":");
            out.push_str(&line.to_string());
        }
        out.push_str(",\"target\":");
        out.push_str(&json(|out| out.string(place.target)));
        out.push_str(",\"message\":");
        out.push_str(&json(|out| out.string(message)));
        for (name, value) in &self.0 {
            out.push(',');
            out.push_str(&json(|out| out.string(name)));
            out.push(':');
            out.push_str(value);
        }
        out.push_str("}\n");
        out
    }
}

/// The value of an event's field.
fn plain(given: &Given) -> String {
    match given {
        Given::Bool(value) => json(|out| out.bool(*value)),
        Given::Int(value) => json(|out| out.int(*value)),
        Given::Large(value) => value.to_string(),
        Given::Double(value) if value.is_finite() => json(|out| out.double(*value)),
        Given::Double(_) => "0".to_owned(),
        // A text that is JSON is what it says.
        Given::Str(text) => json_in(text).unwrap_or_else(|| json(|out| out.string(text))),
        Given::Shown(text) | Given::Error(text) => json(|out| out.string(text)),
    }
}

/// The JSON that a text is. With a number that no double can hold it is none: `9e99341` may be the start of a hash.
fn json_in(text: &str) -> Option<String> {
    let mut events = Events::new(text.as_bytes(), MAX_DEPTH).ok()?;
    while let Some(event) = events.next_event().ok()? {
        if let Event::Number(number) = event
            && number.parse().is_ok_and(f64::is_infinite)
        {
            return None;
        }
    }
    Some(Value::from_json(text).ok()?.to_json())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_are_json_are_what_they_say() {
        for (text, shown) in [
            ("123", "123"),
            (" null ", "null"),
            ("18446744073709551615", "1.8446744073709552e19"),
            (r#"{"k":[1,2.50]}"#, r#"{"k":[1,2.5]}"#),
            ("9e99", "9e99"),
            ("9e99341", r#""9e99341""#),
            ("[-1E400]", r#""[-1E400]""#),
            ("NaN", r#""NaN""#),
            ("1 2", r#""1 2""#),
            ("", r#""""#),
        ] {
            assert_eq!(plain(&Given::Str(text.to_owned())), shown, "{text}");
        }
    }
}
