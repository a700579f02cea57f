//! The OTLP messages as tables: what both directions of JSON go by.
//!
//! Fields stand in ascending order of their numbers, which is the order of canonical bytes.

use crate::value::Bounds;

/// A message: its fields, and what is special about it.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) fields: &'static [Field],
    /// True for the containers of values: these may nest only so deep.
    pub(super) is_container: bool,
    /// True where JSON has the first field also when it is empty: there are readers that insist on it.
    pub(super) insists: bool,
}

#[derive(Debug)]
pub(super) struct Field {
    pub(super) number: u32,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) presence: Presence,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// The default value is the same as none.
    Implicit,
    /// The default value says something.
    Explicit,
    /// One of several fields of the message that exclude each other; it says something when it has its default value.
    OneOf,
    /// Any number of them.
    Repeated,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Text,
    /// Bytes that JSON has as hex: so many or none.
    Id(usize),
    /// Bytes that JSON has as base64.
    Bytes,
    Bool,
    /// Varint, signed, of 64 bits: a text in JSON.
    Int64,
    /// Varint of 64 bits.
    Uint64,
    /// Varint of 32 bits.
    Uint32,
    /// Varint, signed, of 32 bits.
    Int32,
    /// Zig-zag varint of 32 bits.
    Sint32,
    /// Varint, signed, of 32 bits, that JSON has as a number only.
    Enum,
    Fixed64,
    Sfixed64,
    Fixed32,
    Double,
    Message(&'static Message),
}

impl Kind {
    /// True where repeated values stand together in one field.
    pub(super) const fn is_packed(self) -> bool {
        !matches!(self, Self::Text | Self::Id(_) | Self::Bytes | Self::Message(_))
    }
}

/// How deep the containers of values may nest.
pub(super) const MAX_DEPTH: u32 = Bounds::MAX_DEPTH;

use Kind::{
    Bool, Bytes, Double, Enum, Fixed32, Fixed64, Id, Int32, Int64, Sfixed64, Sint32, Text, Uint32, Uint64,
};

const TRACE_ID: Kind = Id(16);
const SPAN_ID: Kind = Id(8);

const fn message(fields: &'static [Field]) -> Message {
    Message { fields, is_container: false, insists: false }
}

const fn container(fields: &'static [Field]) -> Message {
    Message { fields, is_container: true, insists: true }
}

const fn one(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { number, name, kind, presence: Presence::Implicit }
}

const fn optional(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { number, name, kind, presence: Presence::Explicit }
}

const fn one_of(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { number, name, kind, presence: Presence::OneOf }
}

const fn many(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { number, name, kind, presence: Presence::Repeated }
}

const fn of(message: &'static Message) -> Kind {
    Kind::Message(message)
}

// common

static ANY_VALUE: Message = message(&[
    one_of(1, "stringValue", Text),
    one_of(2, "boolValue", Bool),
    one_of(3, "intValue", Int64),
    one_of(4, "doubleValue", Double),
    one_of(5, "arrayValue", of(&ARRAY_VALUE)),
    one_of(6, "kvlistValue", of(&KEY_VALUE_LIST)),
    one_of(7, "bytesValue", Bytes),
]);

static ARRAY_VALUE: Message = container(&[many(1, "values", of(&ANY_VALUE))]);

static KEY_VALUE_LIST: Message = container(&[many(1, "values", of(&KEY_VALUE))]);

static KEY_VALUE: Message = Message {
    fields: &[one(1, "key", Text), one(2, "value", of(&ANY_VALUE))],
    is_container: false,
    insists: true,
};

static SCOPE: Message = message(&[
    one(1, "name", Text),
    one(2, "version", Text),
    many(3, "attributes", of(&KEY_VALUE)),
    one(4, "droppedAttributesCount", Uint32),
]);

static RESOURCE: Message = message(&[
    many(1, "attributes", of(&KEY_VALUE)),
    one(2, "droppedAttributesCount", Uint32),
    many(3, "entityRefs", of(&ENTITY_REF)),
]);

static ENTITY_REF: Message = message(&[
    one(1, "schemaUrl", Text),
    one(2, "type", Text),
    many(3, "idKeys", Text),
    many(4, "descriptionKeys", Text),
]);

// traces

pub(super) static TRACES: Message = message(&[many(1, "resourceSpans", of(&RESOURCE_SPANS))]);

static RESOURCE_SPANS: Message = message(&[
    one(1, "resource", of(&RESOURCE)),
    many(2, "scopeSpans", of(&SCOPE_SPANS)),
    one(3, "schemaUrl", Text),
]);

static SCOPE_SPANS: Message =
    message(&[one(1, "scope", of(&SCOPE)), many(2, "spans", of(&SPAN)), one(3, "schemaUrl", Text)]);

pub(super) static SPAN: Message = message(&[
    one(1, "traceId", TRACE_ID),
    one(2, "spanId", SPAN_ID),
    one(3, "traceState", Text),
    one(4, "parentSpanId", SPAN_ID),
    one(5, "name", Text),
    one(6, "kind", Enum),
    one(7, "startTimeUnixNano", Fixed64),
    one(8, "endTimeUnixNano", Fixed64),
    many(9, "attributes", of(&KEY_VALUE)),
    one(10, "droppedAttributesCount", Uint32),
    many(11, "events", of(&EVENT)),
    one(12, "droppedEventsCount", Uint32),
    many(13, "links", of(&LINK)),
    one(14, "droppedLinksCount", Uint32),
    one(15, "status", of(&SPAN_STATUS)),
    one(16, "flags", Fixed32),
]);

static EVENT: Message = message(&[
    one(1, "timeUnixNano", Fixed64),
    one(2, "name", Text),
    many(3, "attributes", of(&KEY_VALUE)),
    one(4, "droppedAttributesCount", Uint32),
]);

static LINK: Message = message(&[
    one(1, "traceId", TRACE_ID),
    one(2, "spanId", SPAN_ID),
    one(3, "traceState", Text),
    many(4, "attributes", of(&KEY_VALUE)),
    one(5, "droppedAttributesCount", Uint32),
    one(6, "flags", Fixed32),
]);

static SPAN_STATUS: Message = message(&[one(2, "message", Text), one(3, "code", Enum)]);

// logs

pub(super) static LOGS: Message = message(&[many(1, "resourceLogs", of(&RESOURCE_LOGS))]);

static RESOURCE_LOGS: Message = message(&[
    one(1, "resource", of(&RESOURCE)),
    many(2, "scopeLogs", of(&SCOPE_LOGS)),
    one(3, "schemaUrl", Text),
]);

static SCOPE_LOGS: Message = message(&[
    one(1, "scope", of(&SCOPE)),
    many(2, "logRecords", of(&LOG_RECORD)),
    one(3, "schemaUrl", Text),
]);

static LOG_RECORD: Message = message(&[
    one(1, "timeUnixNano", Fixed64),
    one(2, "severityNumber", Enum),
    one(3, "severityText", Text),
    one(5, "body", of(&ANY_VALUE)),
    many(6, "attributes", of(&KEY_VALUE)),
    one(7, "droppedAttributesCount", Uint32),
    one(8, "flags", Fixed32),
    one(9, "traceId", TRACE_ID),
    one(10, "spanId", SPAN_ID),
    one(11, "observedTimeUnixNano", Fixed64),
    one(12, "eventName", Text),
]);

// metrics

pub(super) static METRICS: Message = message(&[many(1, "resourceMetrics", of(&RESOURCE_METRICS))]);

static RESOURCE_METRICS: Message = message(&[
    one(1, "resource", of(&RESOURCE)),
    many(2, "scopeMetrics", of(&SCOPE_METRICS)),
    one(3, "schemaUrl", Text),
]);

static SCOPE_METRICS: Message =
    message(&[one(1, "scope", of(&SCOPE)), many(2, "metrics", of(&METRIC)), one(3, "schemaUrl", Text)]);

static METRIC: Message = message(&[
    one(1, "name", Text),
    one(2, "description", Text),
    one(3, "unit", Text),
    one_of(5, "gauge", of(&GAUGE)),
    one_of(7, "sum", of(&SUM)),
    one_of(9, "histogram", of(&HISTOGRAM)),
    one_of(10, "exponentialHistogram", of(&EXPONENTIAL_HISTOGRAM)),
    one_of(11, "summary", of(&SUMMARY)),
    many(12, "metadata", of(&KEY_VALUE)),
]);

static GAUGE: Message = message(&[many(1, "dataPoints", of(&NUMBER_POINT))]);

static SUM: Message = message(&[
    many(1, "dataPoints", of(&NUMBER_POINT)),
    one(2, "aggregationTemporality", Enum),
    one(3, "isMonotonic", Bool),
]);

static HISTOGRAM: Message =
    message(&[many(1, "dataPoints", of(&HISTOGRAM_POINT)), one(2, "aggregationTemporality", Enum)]);

static EXPONENTIAL_HISTOGRAM: Message =
    message(&[many(1, "dataPoints", of(&EXPONENTIAL_POINT)), one(2, "aggregationTemporality", Enum)]);

static SUMMARY: Message = message(&[many(1, "dataPoints", of(&SUMMARY_POINT))]);

static NUMBER_POINT: Message = message(&[
    one(2, "startTimeUnixNano", Fixed64),
    one(3, "timeUnixNano", Fixed64),
    one_of(4, "asDouble", Double),
    many(5, "exemplars", of(&EXEMPLAR)),
    one_of(6, "asInt", Sfixed64),
    many(7, "attributes", of(&KEY_VALUE)),
    one(8, "flags", Uint32),
]);

static HISTOGRAM_POINT: Message = message(&[
    one(2, "startTimeUnixNano", Fixed64),
    one(3, "timeUnixNano", Fixed64),
    one(4, "count", Fixed64),
    optional(5, "sum", Double),
    many(6, "bucketCounts", Fixed64),
    many(7, "explicitBounds", Double),
    many(8, "exemplars", of(&EXEMPLAR)),
    many(9, "attributes", of(&KEY_VALUE)),
    one(10, "flags", Uint32),
    optional(11, "min", Double),
    optional(12, "max", Double),
]);

static EXPONENTIAL_POINT: Message = message(&[
    many(1, "attributes", of(&KEY_VALUE)),
    one(2, "startTimeUnixNano", Fixed64),
    one(3, "timeUnixNano", Fixed64),
    one(4, "count", Fixed64),
    optional(5, "sum", Double),
    one(6, "scale", Sint32),
    one(7, "zeroCount", Fixed64),
    one(8, "positive", of(&BUCKETS)),
    one(9, "negative", of(&BUCKETS)),
    one(10, "flags", Uint32),
    many(11, "exemplars", of(&EXEMPLAR)),
    optional(12, "min", Double),
    optional(13, "max", Double),
    one(14, "zeroThreshold", Double),
]);

static BUCKETS: Message = message(&[one(1, "offset", Sint32), many(2, "bucketCounts", Uint64)]);

static SUMMARY_POINT: Message = message(&[
    one(2, "startTimeUnixNano", Fixed64),
    one(3, "timeUnixNano", Fixed64),
    one(4, "count", Fixed64),
    one(5, "sum", Double),
    many(6, "quantileValues", of(&QUANTILE)),
    many(7, "attributes", of(&KEY_VALUE)),
    one(8, "flags", Uint32),
]);

static QUANTILE: Message = message(&[one(1, "quantile", Double), one(2, "value", Double)]);

static EXEMPLAR: Message = message(&[
    one(2, "timeUnixNano", Fixed64),
    one_of(3, "asDouble", Double),
    one(4, "spanId", SPAN_ID),
    one(5, "traceId", TRACE_ID),
    one_of(6, "asInt", Sfixed64),
    many(7, "filteredAttributes", of(&KEY_VALUE)),
]);

// responses

pub(super) static TRACES_RESPONSE: Message = message(&[one(1, "partialSuccess", of(&REJECTED_SPANS))]);
static REJECTED_SPANS: Message = message(&[one(1, "rejectedSpans", Int64), one(2, "errorMessage", Text)]);

pub(super) static LOGS_RESPONSE: Message = message(&[one(1, "partialSuccess", of(&REJECTED_RECORDS))]);
static REJECTED_RECORDS: Message =
    message(&[one(1, "rejectedLogRecords", Int64), one(2, "errorMessage", Text)]);

pub(super) static METRICS_RESPONSE: Message = message(&[one(1, "partialSuccess", of(&REJECTED_POINTS))]);
static REJECTED_POINTS: Message =
    message(&[one(1, "rejectedDataPoints", Int64), one(2, "errorMessage", Text)]);

/// `google.rpc.Status`; its details are not looked into.
pub(super) static RPC_STATUS: Message = message(&[one(1, "code", Int32), one(2, "message", Text)]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_in_ascending_order_of_their_numbers() {
        let mut waiting =
            vec![&TRACES, &LOGS, &METRICS, &TRACES_RESPONSE, &LOGS_RESPONSE, &METRICS_RESPONSE, &RPC_STATUS];
        let mut seen: Vec<&Message> = Vec::new();
        while let Some(message) = waiting.pop() {
            if seen.iter().any(|known| core::ptr::eq(*known, message)) {
                continue;
            }
            seen.push(message);
            assert!(message.fields.is_sorted_by(|a, b| a.number < b.number), "{:?}", message.fields[0].name);
            waiting.extend(message.fields.iter().filter_map(|field| match field.kind {
                Kind::Message(nested) => Some(nested),
                _ => None,
            }));
        }
        assert_eq!(seen.len(), 41);
    }
}
