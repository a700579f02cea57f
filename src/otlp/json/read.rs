//! From JSON to canonical protobuf.
//!
//! One frame for each open message, one pass over the text. Keys may come in any order, so a frame notes where
//! each field's bytes stand in the output; where they do not ascend, or a key came twice, they are put in order
//! when the message ends.

use core::fmt::Write as _;

use thiserror::Error;

use super::base64;
use super::schema::{Field, Kind, MAX_DEPTH, Message, Presence};
use crate::json::{Event, Events, JsonError};
use crate::otlp::wire::{
    close_message, open_message, put_bytes_field, put_fixed32_field, put_fixed64_field, put_varint,
    put_varint_field,
};

/// JSON levels that 64 levels of values and the messages around them take, with room for what is unknown.
const JSON_DEPTH: u32 = 380;

/// Why a JSON text is no OTLP message.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OtlpJsonError {
    /// It is no JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// It is JSON, but a value is not what its key asks for.
    #[error("{path} at byte {at}: {problem}")]
    Value {
        /// Keys and indices that lead to the value.
        path: String,
        /// The byte at which the value starts.
        at: usize,
        /// What is wrong.
        problem: Problem,
    },
}

/// What is wrong with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Problem {
    /// The value has another type.
    #[error("expected {expected}")]
    Type {
        /// What was expected.
        expected: &'static str,
    },
    /// The number does not fit its field.
    #[error("the number does not fit {expected}")]
    Number {
        /// What it has to fit.
        expected: &'static str,
    },
    /// An id is not made of hex digits, or has the wrong length.
    #[error("an id of {digits} hex digits was expected")]
    Id {
        /// How many digits there have to be.
        digits: usize,
    },
    /// Bytes are not base64.
    #[error("the text is not base64")]
    Base64,
    /// Values nest deeper than 64 levels.
    #[error("values nest deeper than 64 levels")]
    TooDeep,
}

/// An open message.
struct Frame {
    message: &'static Message,
    /// What [`open_message`] gave; the start of the content too.
    start: usize,
    /// How many segments belong to the messages around this one.
    segments: usize,
    /// The field whose key came last.
    field: Option<&'static Field>,
    /// Where that field's bytes start.
    field_start: usize,
    /// The array of that field is open; how many elements it has so far.
    array: Option<usize>,
}

/// Where the bytes of a field stand.
#[derive(Clone, Copy)]
struct Segment {
    field: &'static Field,
    start: usize,
    end: usize,
}

struct Builder {
    out: Vec<u8>,
    open: Vec<Frame>,
    /// Of all open messages, the innermost last.
    segments: Vec<Segment>,
    /// Open containers of values.
    depth: u32,
    /// Open maps and arrays of a value that is passed over.
    skipping: u32,
    scratch: Vec<u8>,
}

/// Reads a text as this message.
pub(super) fn from_json(message: &'static Message, text: &[u8]) -> Result<Vec<u8>, OtlpJsonError> {
    let mut events = Events::new(text, JSON_DEPTH)?;
    let mut builder = Builder {
        out: Vec::with_capacity(text.len() / 2),
        open: Vec::new(),
        segments: Vec::new(),
        depth: 0,
        skipping: 0,
        scratch: Vec::new(),
    };
    if events.next_event()? != Some(Event::BeginMap) {
        let problem = Problem::Type { expected: "an object" };
        return Err(OtlpJsonError::Value { path: "$".into(), at: events.at(), problem });
    }
    builder.open_frame(message, 0);
    while let Some(event) = events.next_event()? {
        if let Err(problem) = builder.hear(event) {
            return Err(OtlpJsonError::Value { path: builder.path(), at: events.at(), problem });
        }
    }
    Ok(builder.out)
}

impl Builder {
    fn open_frame(&mut self, message: &'static Message, start: usize) {
        let segments = self.segments.len();
        self.open.push(Frame { message, start, segments, field: None, field_start: 0, array: None });
    }

    fn hear(&mut self, event: Event<'_>) -> Result<(), Problem> {
        if self.skipping > 0 {
            match event {
                Event::BeginArray | Event::BeginMap => self.skipping += 1,
                Event::EndArray | Event::EndMap => self.skipping -= 1,
                _ => {}
            }
            return Ok(());
        }
        let Some(frame) = self.open.last_mut() else { return Ok(()) };
        match event {
            Event::Key(key) => {
                frame.field = frame.message.fields.iter().find(|field| field.name == key);
                frame.field_start = self.out.len();
                return Ok(());
            }
            Event::EndMap => {
                self.end_message();
                return Ok(());
            }
            _ => {}
        }
        let Some(field) = frame.field else {
            // The value of an unknown key.
            self.skipping = u32::from(matches!(event, Event::BeginArray | Event::BeginMap));
            return Ok(());
        };
        let repeated = field.presence == Presence::Repeated;
        match event {
            Event::BeginArray if repeated && frame.array.is_none() => {
                frame.array = Some(0);
                if field.kind.is_packed() {
                    open_message(&mut self.out, field.number);
                }
                return Ok(());
            }
            Event::EndArray => {
                self.end_array(field);
                return Ok(());
            }
            // A default is the same as nothing; that it came still counts against an earlier value.
            Event::Null if frame.array.is_none() => {
                self.end_field();
                return Ok(());
            }
            _ if repeated && frame.array.is_none() => return Err(Problem::Type { expected: "an array" }),
            _ => {}
        }
        if let Some(elements) = &mut frame.array {
            *elements += 1;
        }
        match (field.kind, event) {
            (Kind::Message(message), Event::BeginMap) => {
                self.depth += u32::from(message.is_container);
                if self.depth > MAX_DEPTH {
                    return Err(Problem::TooDeep);
                }
                let start = open_message(&mut self.out, field.number);
                self.open_frame(message, start);
                return Ok(());
            }
            // An empty element: where it stands between others says something.
            (Kind::Message(_), Event::Null) => put_bytes_field(&mut self.out, field.number, &[]),
            (Kind::Message(_), _) => return Err(Problem::Type { expected: "an object" }),
            _ => put_scalar(&mut self.out, field, event)?,
        }
        if !repeated {
            self.end_field();
        }
        Ok(())
    }

    fn end_array(&mut self, field: &Field) {
        let Some(frame) = self.open.last_mut() else { return };
        if field.kind.is_packed() {
            // The field's number takes one byte, its length starts as one.
            let content = frame.field_start + 2;
            if self.out.len() == content {
                self.out.truncate(frame.field_start);
            } else {
                close_message(&mut self.out, content);
            }
        }
        frame.array = None;
        self.end_field();
    }

    /// Notes where the field stands that has just ended.
    fn end_field(&mut self) {
        let Some(frame) = self.open.last_mut() else { return };
        let Some(field) = frame.field.take() else { return };
        self.segments.push(Segment { field, start: frame.field_start, end: self.out.len() });
    }

    fn end_message(&mut self) {
        let Some(frame) = self.open.pop() else { return };
        self.put_in_order(&frame);
        self.segments.truncate(frame.segments);
        self.depth -= u32::from(frame.message.is_container);
        let Some(parent) = self.open.last() else { return };
        close_message(&mut self.out, frame.start);
        if parent.array.is_none() {
            self.end_field();
        }
    }

    /// Puts the fields of a message in ascending order, of each only what came last.
    fn put_in_order(&mut self, frame: &Frame) {
        let segments = self.segments.get(frame.segments..).unwrap_or_default();
        let one_of = |segment: &&Segment| segment.field.presence == Presence::OneOf;
        if segments.is_sorted_by(|a, b| a.field.number < b.field.number)
            && segments.iter().filter(one_of).nth(1).is_none()
        {
            return;
        }
        // Of fields that exclude each other, the last one that has a value.
        let chosen = segments.iter().rev().filter(one_of).find(|segment| segment.start < segment.end);
        self.scratch.clear();
        for field in frame.message.fields {
            let is_this = |segment: &&Segment| segment.field.number == field.number;
            let last = match field.presence {
                Presence::OneOf => chosen.filter(is_this),
                _ => segments.iter().rev().find(is_this),
            };
            if let Some(segment) = last {
                self.scratch.extend_from_slice(self.out.get(segment.start..segment.end).unwrap_or_default());
            }
        }
        self.out.truncate(frame.start);
        self.out.extend_from_slice(&self.scratch);
    }

    /// Keys and indices that lead to the value that is being read.
    fn path(&self) -> String {
        let mut path = String::from("$");
        for frame in &self.open {
            let Some(field) = frame.field else { break };
            path.push('.');
            path.push_str(field.name);
            if let Some(elements) = frame.array {
                // Writing to a String cannot fail.
                let _ = write!(path, "[{}]", elements.saturating_sub(1));
            }
        }
        path
    }
}

/// Appends a scalar as its field has it; nothing for a default that says nothing.
fn put_scalar(out: &mut Vec<u8>, field: &Field, event: Event<'_>) -> Result<(), Problem> {
    match field.kind {
        Kind::Text | Kind::Id(_) | Kind::Bytes => put_text(out, field, event),
        _ => {
            let number = Number::read(field.kind, event)?;
            match (field.presence, number) {
                (Presence::Repeated, Number::Varint(value)) => put_varint(out, value),
                (Presence::Repeated, Number::Fixed64(value)) => out.extend_from_slice(&value.to_le_bytes()),
                (Presence::Repeated, Number::Fixed32(value)) => out.extend_from_slice(&value.to_le_bytes()),
                (Presence::Implicit, Number::Varint(0) | Number::Fixed64(0) | Number::Fixed32(0)) => {}
                (_, Number::Varint(value)) => put_varint_field(out, field.number, value),
                (_, Number::Fixed64(value)) => put_fixed64_field(out, field.number, value),
                (_, Number::Fixed32(value)) => put_fixed32_field(out, field.number, value),
            }
            Ok(())
        }
    }
}

fn put_text(out: &mut Vec<u8>, field: &Field, event: Event<'_>) -> Result<(), Problem> {
    let text = match event {
        Event::String(text) => text,
        Event::Null => "",
        _ => return Err(Problem::Type { expected: "a text" }),
    };
    if text.is_empty() && field.presence == Presence::Implicit {
        return Ok(());
    }
    match field.kind {
        Kind::Id(length) => {
            let mut id = [0u8; 16];
            let id = id.get_mut(..length).unwrap_or_default();
            crate::id::read_hex(text.as_bytes(), id).map_err(|_| Problem::Id { digits: length * 2 })?;
            put_bytes_field(out, field.number, id);
        }
        Kind::Bytes => {
            let start = open_message(out, field.number);
            base64::decode(text, out).ok_or(Problem::Base64)?;
            close_message(out, start);
        }
        _ => put_bytes_field(out, field.number, text.as_bytes()),
    }
    Ok(())
}

/// A number as the wire has it.
enum Number {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
}

impl Number {
    fn read(kind: Kind, event: Event<'_>) -> Result<Self, Problem> {
        const INT32: &str = "a 32-bit whole number";
        const UINT32: &str = "a 32-bit whole number without sign";
        const INT64: &str = "a 64-bit whole number";
        const UINT64: &str = "a 64-bit whole number without sign";
        Ok(match kind {
            Kind::Bool => match event {
                Event::Bool(value) => Self::Varint(value.into()),
                Event::Null => Self::Varint(0),
                _ => return Err(Problem::Type { expected: "true or false" }),
            },
            Kind::Double => Self::Fixed64(double(event)?.to_bits()),
            Kind::Enum if matches!(event, Event::String(_)) => {
                return Err(Problem::Type { expected: "the number of an enum value" });
            }
            Kind::Enum | Kind::Int32 => Self::Varint(i64::from(whole::<i32>(event, INT32)?).cast_unsigned()),
            Kind::Sint32 => {
                let value = whole::<i32>(event, INT32)?;
                Self::Varint(((value << 1) ^ (value >> 31)).cast_unsigned().into())
            }
            Kind::Uint32 => Self::Varint(whole::<u32>(event, UINT32)?.into()),
            Kind::Fixed32 => Self::Fixed32(whole(event, UINT32)?),
            Kind::Int64 => Self::Varint(whole::<i64>(event, INT64)?.cast_unsigned()),
            Kind::Sfixed64 => Self::Fixed64(whole::<i64>(event, INT64)?.cast_unsigned()),
            Kind::Uint64 => Self::Varint(whole(event, UINT64)?),
            Kind::Fixed64 => Self::Fixed64(whole(event, UINT64)?),
            Kind::Text | Kind::Id(_) | Kind::Bytes | Kind::Message(_) => {
                return Err(Problem::Type { expected: "a number" });
            }
        })
    }
}

/// A whole number: a number or a text of one; `1.0` and `1e3` are whole too.
fn whole<T: TryFrom<i128>>(event: Event<'_>, expected: &'static str) -> Result<T, Problem> {
    let text = match event {
        Event::Number(text) => text,
        Event::String(text) if is_number(text) => text,
        Event::Null => "0",
        _ => return Err(Problem::Type { expected }),
    };
    let number = text.parse::<i128>().ok().or_else(|| whole_double(text));
    number.and_then(|number| T::try_from(number).ok()).ok_or(Problem::Number { expected })
}

/// The whole number that a number with fraction or exponent is, where doubles can tell.
#[expect(clippy::cast_possible_truncation, reason = "the number was found whole and small")]
fn whole_double(text: &str) -> Option<i128> {
    if !text.contains(['.', 'e', 'E']) {
        return None;
    }
    let number: f64 = text.parse().ok()?;
    (number.fract() == 0.0 && number.abs() < 1e30).then_some(number as i128)
}

fn double(event: Event<'_>) -> Result<f64, Problem> {
    const EXPECTED: Problem = Problem::Type { expected: "a number" };
    match event {
        Event::Null => Ok(0.0),
        Event::String("NaN") => Ok(f64::NAN),
        Event::String("Infinity") => Ok(f64::INFINITY),
        Event::String("-Infinity") => Ok(f64::NEG_INFINITY),
        Event::Number(text) => text.parse().map_err(|_| EXPECTED),
        Event::String(text) if is_number(text) => text.parse().map_err(|_| EXPECTED),
        _ => Err(EXPECTED),
    }
}

/// True for the text of a JSON number; Rust accepts more.
fn is_number(text: &str) -> bool {
    let mut events = match Events::new(text.as_bytes(), 0) {
        Ok(events) if !text.starts_with([' ', '\t', '\r', '\n']) => events,
        _ => return false,
    };
    matches!(events.next_event(), Ok(Some(Event::Number(number))) if number.len() == text.len())
}

#[cfg(test)]
mod tests {
    use super::super::{logs_from_json, metrics_from_json, span_from_json, span_to_json, traces_from_json};
    use super::*;

    fn span(text: &str) -> Result<String, OtlpJsonError> {
        span_from_json(text.as_bytes()).map(|bytes| span_to_json(&bytes).unwrap())
    }

    #[test]
    fn what_is_read_comes_out_in_its_one_form() {
        for (text, form) in [
            // numbers as numbers and as text
            (
                r#"{"startTimeUnixNano":18446744073709551615}"#,
                r#"{"startTimeUnixNano":"18446744073709551615"}"#,
            ),
            (r#"{"startTimeUnixNano":"1.5e3","flags":"257"}"#, r#"{"startTimeUnixNano":"1500","flags":257}"#),
            (r#"{"kind":-1}"#, r#"{"kind":-1}"#),
            // ids in both cases, empty ids
            (r#"{"spanId":"EEE19B7EC3C1B174","traceId":""}"#, r#"{"spanId":"eee19b7ec3c1b174"}"#),
            // any order, defaults, null
            (
                r#"{"name":"n","spanId":"0000000000000001","kind":0}"#,
                r#"{"spanId":"0000000000000001","name":"n"}"#,
            ),
            (r#"{"name":null,"attributes":null,"status":null,"kind":null}"#, "{}"),
            (r#"{"status":{}}"#, r#"{"status":{}}"#),
            // unknown keys, whatever is in them; snake_case is unknown
            (
                r#"{"trace_id":"zz","x":[[{"name":1}],{}],"y":{"a":[null]},"z":1e9,"name":"n"}"#,
                r#"{"name":"n"}"#,
            ),
            // of repeated keys the last counts
            (r#"{"name":"a","name":"b"}"#, r#"{"name":"b"}"#),
            (r#"{"name":"a","name":null}"#, "{}"),
            (
                r#"{"events":[{"name":"a"}],"kind":1,"events":[{"name":"b"}]}"#,
                r#"{"kind":1,"events":[{"name":"b"}]}"#,
            ),
        ] {
            assert_eq!(span(text).as_deref(), Ok(form), "{text}");
        }
    }

    #[test]
    fn values_of_all_kinds() {
        for (value, form) in [
            (r#"{"stringValue":""}"#, r#"{"stringValue":""}"#),
            (r#"{"boolValue":false}"#, r#"{"boolValue":false}"#),
            (r#"{"intValue":0}"#, r#"{"intValue":"0"}"#),
            (r#"{"intValue":"-9223372036854775808"}"#, r#"{"intValue":"-9223372036854775808"}"#),
            (r#"{"doubleValue":0}"#, r#"{"doubleValue":0.0}"#),
            (r#"{"doubleValue":"NaN"}"#, r#"{"doubleValue":"NaN"}"#),
            (r#"{"doubleValue":"-Infinity"}"#, r#"{"doubleValue":"-Infinity"}"#),
            (r#"{"doubleValue":"1e-7"}"#, r#"{"doubleValue":1e-7}"#),
            (r#"{"bytesValue":"--__AA"}"#, r#"{"bytesValue":"++//AA=="}"#),
            (r#"{"arrayValue":{}}"#, r#"{"arrayValue":{"values":[]}}"#),
            (r#"{"arrayValue":{"values":[]}}"#, r#"{"arrayValue":{"values":[]}}"#),
            (r#"{"kvlistValue":{"values":[{}]}}"#, r#"{"kvlistValue":{"values":[{"key":""}]}}"#),
            (
                r#"{"arrayValue":{"values":[{},null,{"intValue":1}]}}"#,
                r#"{"arrayValue":{"values":[{},{},{"intValue":"1"}]}}"#,
            ),
            (
                r#"{"kvlistValue":{"values":[{"value":{"boolValue":true},"key":"k"}]}}"#,
                r#"{"kvlistValue":{"values":[{"key":"k","value":{"boolValue":true}}]}}"#,
            ),
            ("{}", "{}"),
            // of what excludes each other, the last that is set
            (r#"{"intValue":"1","stringValue":"a"}"#, r#"{"stringValue":"a"}"#),
            (r#"{"stringValue":"a","intValue":null}"#, r#"{"stringValue":"a"}"#),
        ] {
            let around = |value: &str| format!(r#"{{"attributes":[{{"key":"k","value":{value}}}]}}"#);
            assert_eq!(span(&around(value)), Ok(around(form)), "{value}");
        }
    }

    #[test]
    fn errors_say_where_and_what() {
        const ATTRIBUTE: &str =
            r#"{"resourceSpans":[{},{"scopeSpans":[{"spans":[{},{},{"attributes":[{"value":"#;
        for (text, at, message) in [
            ("[]", 0, "$ at byte 0: expected an object"),
            (r#"{"resourceSpans":{}}"#, 17, "$.resourceSpans at byte 17: expected an array"),
            (r#"{"resourceSpans":[1]}"#, 18, "$.resourceSpans[0] at byte 18: expected an object"),
            (r#"{"resourceSpans":[[]]}"#, 18, "$.resourceSpans[0] at byte 18: expected an object"),
            (
                &format!(r#"{ATTRIBUTE} {{"intValue":true}}"#),
                ATTRIBUTE.len() + 13,
                "$.resourceSpans[1].scopeSpans[0].spans[2].attributes[0].value.intValue at byte 89: \
                 expected a 64-bit whole number",
            ),
            (
                &format!(r#"{ATTRIBUTE} {{"bytesValue":"*"}}"#),
                ATTRIBUTE.len() + 15,
                "$.resourceSpans[1].scopeSpans[0].spans[2].attributes[0].value.bytesValue at byte 91: \
                 the text is not base64",
            ),
        ] {
            let error = traces_from_json(text.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), message);
            assert!(matches!(error, OtlpJsonError::Value { at: found, .. } if found == at));
        }
        for (text, problem) in [
            (r#"{"kind":"SPAN_KIND_SERVER"}"#, "$.kind at byte 8: expected the number of an enum value"),
            (r#"{"kind":"1"}"#, "$.kind at byte 8: expected the number of an enum value"),
            (r#"{"kind":1.5}"#, "$.kind at byte 8: the number does not fit a 32-bit whole number"),
            (r#"{"kind":2147483648}"#, "$.kind at byte 8: the number does not fit a 32-bit whole number"),
            (r#"{"traceId":"abc"}"#, "$.traceId at byte 11: an id of 32 hex digits was expected"),
            (r#"{"spanId":"7s0wm5AAAAA="}"#, "$.spanId at byte 10: an id of 16 hex digits was expected"),
            (r#"{"name":1}"#, "$.name at byte 8: expected a text"),
            (
                r#"{"endTimeUnixNano":"-1"}"#,
                "$.endTimeUnixNano at byte 19: the number does not fit a 64-bit whole number without sign",
            ),
            (
                r#"{"endTimeUnixNano":" 1"}"#,
                "$.endTimeUnixNano at byte 19: expected a 64-bit whole number without sign",
            ),
            (
                r#"{"endTimeUnixNano":"+1"}"#,
                "$.endTimeUnixNano at byte 19: expected a 64-bit whole number without sign",
            ),
            (
                r#"{"endTimeUnixNano":[1]}"#,
                "$.endTimeUnixNano at byte 19: expected a 64-bit whole number without sign",
            ),
            (r#"{"name":"a",}"#, "no JSON at byte 12: expected a key"),
            (r#"{"events":[{},]}"#, "no JSON at byte 14: expected a value"),
        ] {
            assert_eq!(span(text).unwrap_err().to_string(), problem, "{text}");
        }
    }

    #[test]
    fn values_nest_64_levels_and_no_deeper() {
        for (open, close) in [
            (r#"{"arrayValue":{"values":["#, "]}}"),
            (r#"{"kvlistValue":{"values":[{"key":"k","value":"#, "}]}}"),
        ] {
            let log = |depth: usize| {
                let body = format!("{}{{}}{}", open.repeat(depth), close.repeat(depth));
                format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"body":{body}}}]}}]}}]}}"#)
            };
            let bytes = logs_from_json(log(64).as_bytes()).unwrap();
            assert_eq!(super::super::logs_to_json(&bytes), Ok(log(64)));
            let error = logs_from_json(log(65).as_bytes()).unwrap_err();
            assert!(matches!(error, OtlpJsonError::Value { problem: Problem::TooDeep, .. }), "{error}");
        }
    }

    #[test]
    fn packed_numbers() {
        let around = |point: &str| {
            format!(
                r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"exponentialHistogram":{{"dataPoints":[{point}]}}}}]}}]}}]}}"#
            )
        };
        let text = around(
            r#"{"scale":-3,"positive":{"offset":-1,"bucketCounts":["1","300",2,null]},"negative":{"bucketCounts":[]}}"#,
        );
        let form = around(
            r#"{"scale":-3,"positive":{"offset":-1,"bucketCounts":["1","300","2","0"]},"negative":{}}"#,
        );
        let bytes = metrics_from_json(text.as_bytes()).unwrap();
        assert_eq!(super::super::metrics_to_json(&bytes), Ok(form));
    }
}
