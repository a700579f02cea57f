//! OTLP `LogRecord` messages: written from borrowed data, read in place.

use super::any::{AnyView, AnyWriter, KeyValues, check_key_value, put_key_value};
use super::span::{span_id, trace_id};
use super::wire::{
    DecodeError, Fields, close_message, open_message, put_bytes_field, put_fixed32_field, put_fixed64_field,
    put_varint_field,
};
use crate::id::{SpanId, TraceId};
use crate::value::Value;

/// Severity numbers of OTLP; each has three finer steps above it.
pub mod severity {
    /// Finest detail.
    pub const TRACE: u32 = 1;
    /// For those who search for a fault.
    pub const DEBUG: u32 = 5;
    /// Something happened.
    pub const INFO: u32 = 9;
    /// Something may go wrong.
    pub const WARN: u32 = 13;
    /// Something went wrong.
    pub const ERROR: u32 = 17;
    /// The program cannot go on.
    pub const FATAL: u32 = 21;
}

/// A log record to be written.
///
/// ```
/// use spanloom::otlp::log_record::{LogRecord, LogRecordView, severity};
/// let body = "disk is full".into();
/// let record = LogRecord { severity: severity::ERROR, body: Some(&body), ..LogRecord::default() };
/// let mut message = Vec::new();
/// record.write(&mut message);
/// assert_eq!(LogRecordView::read(&message)?.body.as_str(), Some("disk is full"));
/// # Ok::<(), spanloom::otlp::DecodeError>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct LogRecord<'a> {
    /// When it happened, in nanoseconds since 1970; 0 where nobody knows.
    pub time_unix_nano: u64,
    /// When it was noticed.
    pub observed_unix_nano: u64,
    /// Its number of [`severity`]; 0 for none.
    pub severity: u32,
    /// The severity in the words of its source.
    pub severity_text: &'a str,
    /// What it says.
    pub body: Option<&'a Value>,
    /// Its attributes.
    pub attributes: &'a [(&'a str, Value)],
    /// How many attributes were left out.
    pub dropped_attributes: u32,
    /// W3C flags.
    pub flags: u32,
    /// The trace during which it happened.
    pub trace_id: TraceId,
    /// The span during which it happened.
    pub span_id: SpanId,
    /// The kind of event, where it is one.
    pub event_name: &'a str,
}

impl LogRecord<'_> {
    /// Appends the `LogRecord` message, fields in ascending order and without defaults.
    pub fn write(&self, out: &mut Vec<u8>) {
        let text = |out: &mut Vec<u8>, field, text: &str| {
            if !text.is_empty() {
                put_bytes_field(out, field, text.as_bytes());
            }
        };
        let time = |out: &mut Vec<u8>, field, time| {
            if time != 0 {
                put_fixed64_field(out, field, time);
            }
        };
        let number = |out: &mut Vec<u8>, field, number: u32| {
            if number != 0 {
                put_varint_field(out, field, number.into());
            }
        };
        time(out, 1, self.time_unix_nano);
        number(out, 2, self.severity);
        text(out, 3, self.severity_text);
        if let Some(body) = self.body {
            let start = open_message(out, 5);
            body.tell(&mut AnyWriter::new(out));
            close_message(out, start);
        }
        for (key, value) in self.attributes {
            put_key_value(out, 6, key, value);
        }
        number(out, 7, self.dropped_attributes);
        if self.flags != 0 {
            put_fixed32_field(out, 8, self.flags);
        }
        if self.trace_id.is_valid() {
            put_bytes_field(out, 9, self.trace_id.as_bytes());
        }
        if self.span_id.is_valid() {
            put_bytes_field(out, 10, self.span_id.as_bytes());
        }
        time(out, 11, self.observed_unix_nano);
        text(out, 12, self.event_name);
    }
}

/// A log record as it stands in its encoded message; nothing is copied.
#[derive(Debug, Clone, Copy)]
pub struct LogRecordView<'a> {
    /// The whole message.
    pub message: &'a [u8],
    /// When it happened, in nanoseconds since 1970; 0 where nobody knows.
    pub time_unix_nano: u64,
    /// When it was noticed.
    pub observed_unix_nano: u64,
    /// Its number of [`severity`]; 0 for none.
    pub severity: u32,
    /// The severity in the words of its source.
    pub severity_text: &'a str,
    /// What it says.
    pub body: AnyView<'a>,
    /// How many attributes were left out.
    pub dropped_attributes: u32,
    /// W3C flags.
    pub flags: u32,
    /// The trace during which it happened.
    pub trace_id: TraceId,
    /// The span during which it happened.
    pub span_id: SpanId,
    /// The kind of event, where it is one.
    pub event_name: &'a str,
}

impl<'a> LogRecordView<'a> {
    /// Reads a `LogRecord` message and checks all of it.
    ///
    /// # Errors
    /// When anything in it is not valid.
    pub fn read(message: &'a [u8]) -> Result<Self, DecodeError> {
        Self::go_through::<true>(message)
    }

    /// Reads the scalars of a message that was checked before.
    pub(crate) fn read_checked(message: &'a [u8]) -> Result<Self, DecodeError> {
        Self::go_through::<false>(message)
    }

    #[inline]
    fn go_through<const CHECK: bool>(message: &'a [u8]) -> Result<Self, DecodeError> {
        let mut record = Self {
            message,
            time_unix_nano: 0,
            observed_unix_nano: 0,
            severity: 0,
            severity_text: "",
            body: AnyView::Null,
            dropped_attributes: 0,
            flags: 0,
            trace_id: TraceId::NONE,
            span_id: SpanId::NONE,
            event_name: "",
        };
        let mut fields = Fields::new(message);
        while let Some(found) = fields.next_field()? {
            match found.number {
                1 => record.time_unix_nano = found.fixed64()?,
                2 => record.severity = found.varint32()?,
                3 => record.severity_text = found.text()?,
                5 if CHECK => record.body = AnyView::check(found.bytes()?)?,
                5 => record.body = AnyView::read(found.bytes()?)?,
                6 if CHECK => {
                    check_key_value(found.bytes()?)?;
                }
                7 => record.dropped_attributes = found.varint32()?,
                8 => record.flags = found.fixed32()?,
                9 => record.trace_id = trace_id(found)?,
                10 => record.span_id = span_id(found)?,
                11 => record.observed_unix_nano = found.fixed64()?,
                12 => record.event_name = found.text()?,
                _ => {}
            }
        }
        Ok(record)
    }

    /// Its attributes.
    #[must_use]
    pub const fn attributes(&self) -> KeyValues<'a> {
        KeyValues::new(self.message, 6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let body = Value::from([("free", Value::from(0))]);
        let attributes = [("disk", Value::from("sda")), ("parts", Value::Array(vec![1.into(), 2.into()]))];
        let record = LogRecord {
            time_unix_nano: 1,
            observed_unix_nano: 2,
            severity: severity::WARN + 1,
            severity_text: "warning",
            body: Some(&body),
            attributes: &attributes,
            dropped_attributes: 3,
            flags: 1,
            trace_id: TraceId::from_halves(1, 2),
            span_id: SpanId::from_u64(3),
            event_name: "disk.full",
        };
        let mut message = Vec::new();
        record.write(&mut message);
        let view = LogRecordView::read(&message).unwrap();
        assert_eq!((view.time_unix_nano, view.observed_unix_nano), (1, 2));
        assert_eq!((view.severity, view.severity_text), (14, "warning"));
        assert_eq!((view.dropped_attributes, view.flags), (3, 1));
        assert_eq!((view.trace_id, view.span_id), (record.trace_id, record.span_id));
        assert_eq!(view.event_name, "disk.full");
        assert_eq!(view.body.to_value(), body);
        let read: Vec<_> = view.attributes().map(|(key, value)| (key, value.to_value())).collect();
        assert_eq!(read, attributes);
    }

    #[test]
    fn nothing_set_is_nothing_written() {
        let mut message = Vec::new();
        LogRecord::default().write(&mut message);
        assert!(message.is_empty());
    }
}
