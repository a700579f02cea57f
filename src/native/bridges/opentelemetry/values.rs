//! Values, kinds, status and times, in our words.

use std::time::{SystemTime, UNIX_EPOCH};

use ::opentelemetry::trace as api;
use ::opentelemetry::{Array, KeyValue, Value};

use crate::otlp::span::{SpanKind, StatusCode};
use crate::record::SpanBuilder;
use crate::value::{ValueRef, ValueSink};

/// The value, where it is no array: such attributes are written the short way.
fn scalar(value: &Value) -> Option<ValueRef<'_>> {
    match value {
        Value::Bool(value) => Some(ValueRef::Bool(*value)),
        Value::I64(value) => Some(ValueRef::Int(*value)),
        Value::F64(value) => Some(ValueRef::Double(*value)),
        Value::String(text) => Some(ValueRef::Str(text.as_str())),
        _ => None,
    }
}

/// Sets an attribute.
pub(in crate::native::bridges) fn put_attribute(builder: &mut SpanBuilder, pair: &KeyValue) {
    match scalar(&pair.value) {
        Some(value) => builder.attribute(pair.key.as_str(), value),
        None => builder.attribute_told(pair.key.as_str(), &mut |sink| tell(&pair.value, sink)),
    }
}

/// Tells a value.
pub(in crate::native::bridges) fn tell(value: &Value, sink: &mut dyn ValueSink) {
    match value {
        Value::Bool(value) => sink.bool(*value),
        Value::I64(value) => sink.int(*value),
        Value::F64(value) => sink.double(*value),
        Value::String(text) => sink.string(text.as_str()),
        Value::Array(array) => tell_array(array, sink),
        // A kind of value that came later.
        other => sink.string(&other.as_str()),
    }
}

fn tell_array(array: &Array, sink: &mut dyn ValueSink) {
    sink.begin_array();
    match array {
        Array::Bool(values) => values.iter().for_each(|value| sink.bool(*value)),
        Array::I64(values) => values.iter().for_each(|value| sink.int(*value)),
        Array::F64(values) => values.iter().for_each(|value| sink.double(*value)),
        Array::String(texts) => texts.iter().for_each(|text| sink.string(text.as_str())),
        other => sink.string(&other.to_string()),
    }
    sink.end_array();
}

pub(in crate::native::bridges) const fn span_kind(kind: &api::SpanKind) -> SpanKind {
    match kind {
        api::SpanKind::Client => SpanKind::Client,
        api::SpanKind::Server => SpanKind::Server,
        api::SpanKind::Producer => SpanKind::Producer,
        api::SpanKind::Consumer => SpanKind::Consumer,
        api::SpanKind::Internal => SpanKind::Internal,
    }
}

/// The status and its message.
pub(in crate::native::bridges) fn status(status: &api::Status) -> (StatusCode, &str) {
    match status {
        api::Status::Unset => (StatusCode::Unset, ""),
        api::Status::Ok => (StatusCode::Ok, ""),
        api::Status::Error { description } => (StatusCode::Error, description),
    }
}

/// Nanoseconds since 1970; what was before counts as 1970.
pub(in crate::native::bridges) fn unix_nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
