//! Arbitrary messages, as prost types.
//!
//! Lists are short and texts too: what matters is which fields are set, and how values nest.
#![allow(dead_code, reason = "each test file uses a part")]

pub mod metrics;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use spanloom_oracle::proto::common::v1::any_value::Value;
use spanloom_oracle::proto::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList,
};
use spanloom_oracle::proto::logs::v1::{LogRecord, LogsData, ResourceLogs, ScopeLogs};
use spanloom_oracle::proto::resource::v1::Resource;
use spanloom_oracle::proto::trace::v1::span::{Event, Link};
use spanloom_oracle::proto::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, TracesData};

pub fn text() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[a-z._]{0,12}", 1 => any::<String>(), 1 => "[\"\\\\\u{0}-\u{20}é😀]{0,4}", 1 => "x{120,140}"]
}

/// A number of which zero, the smallest and the largest often come.
fn edgy<T: Copy + Arbitrary + 'static>(edges: &'static [T]) -> impl Strategy<Value = T> {
    prop_oneof![prop::sample::select(edges), any::<T>()]
}

fn time() -> impl Strategy<Value = u64> {
    edgy(&[0u64, 1, 1 << 53, u64::MAX])
}

fn count() -> impl Strategy<Value = u32> {
    edgy(&[0u32, 1, 127, 128, u32::MAX])
}

/// All doubles but the many NaNs that JSON cannot tell apart.
fn double() -> impl Strategy<Value = f64> {
    edgy(&[0.0, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 5e-324, f64::MAX])
        .prop_map(|number| if number.is_nan() { f64::NAN } else { number })
}

fn id(length: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![1 => Just(vec![]), 4 => vec(any::<u8>(), length)]
}

pub fn any_value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        Just(None),
        text().prop_map(|text| Some(Value::StringValue(text))),
        any::<bool>().prop_map(|value| Some(Value::BoolValue(value))),
        edgy(&[0, -1, i64::MIN, i64::MAX]).prop_map(|number| Some(Value::IntValue(number))),
        double().prop_map(|number| Some(Value::DoubleValue(number))),
        vec(any::<u8>(), 0..9).prop_map(|bytes| Some(Value::BytesValue(bytes))),
    ];
    leaf.prop_map(|value| AnyValue { value }).prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|values| Value::ArrayValue(ArrayValue { values })),
            vec((text(), option::of(inner)), 0..4).prop_map(|pairs| {
                let values = pairs.into_iter().map(|(key, value)| key_value(key, value)).collect();
                Value::KvlistValue(KeyValueList { values })
            }),
        ]
        .prop_map(|value| AnyValue { value: Some(value) })
    })
}

fn key_value(key: String, value: Option<AnyValue>) -> KeyValue {
    KeyValue { key, value, ..KeyValue::default() }
}

pub fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    vec((text(), option::weighted(0.9, any_value())).prop_map(|(key, value)| key_value(key, value)), 0..4)
}

pub fn span() -> impl Strategy<Value = Span> {
    let event = (time(), text(), attributes(), count()).prop_map(
        |(time_unix_nano, name, attributes, dropped_attributes_count)| Event {
            time_unix_nano,
            name,
            attributes,
            dropped_attributes_count,
        },
    );
    let link = (id(16), id(8), text(), attributes(), count(), count()).prop_map(
        |(trace_id, span_id, trace_state, attributes, dropped_attributes_count, flags)| Link {
            trace_id,
            span_id,
            trace_state,
            attributes,
            dropped_attributes_count,
            flags,
        },
    );
    let status = option::of((text(), 0..4).prop_map(|(message, code)| Status { message, code }));
    (
        (id(16), id(8), id(8), text(), text(), -1..7),
        (time(), time(), attributes(), vec(event, 0..3), vec(link, 0..3)),
        (count(), count(), count(), count(), status),
    )
        .prop_map(|(head, body, (dropped_attributes, dropped_events, dropped_links, flags, status))| {
            let (trace_id, span_id, parent_span_id, trace_state, name, kind) = head;
            let (start_time_unix_nano, end_time_unix_nano, attributes, events, links) = body;
            Span {
                trace_id,
                span_id,
                trace_state,
                parent_span_id,
                name,
                kind,
                start_time_unix_nano,
                end_time_unix_nano,
                attributes,
                dropped_attributes_count: dropped_attributes,
                events,
                dropped_events_count: dropped_events,
                links,
                dropped_links_count: dropped_links,
                status,
                flags,
            }
        })
}

fn resource() -> impl Strategy<Value = Option<Resource>> {
    option::of((attributes(), count()).prop_map(|(attributes, dropped_attributes_count)| Resource {
        attributes,
        dropped_attributes_count,
        entity_refs: vec![],
    }))
}

fn scope() -> impl Strategy<Value = Option<InstrumentationScope>> {
    option::of((text(), text(), attributes(), count()).prop_map(
        |(name, version, attributes, dropped_attributes_count)| InstrumentationScope {
            name,
            version,
            attributes,
            dropped_attributes_count,
        },
    ))
}

pub fn traces() -> impl Strategy<Value = TracesData> {
    let scope_spans = (scope(), vec(span(), 0..3), text())
        .prop_map(|(scope, spans, schema_url)| ScopeSpans { scope, spans, schema_url });
    let resource_spans = (resource(), vec(scope_spans, 0..3), text())
        .prop_map(|(resource, scope_spans, schema_url)| ResourceSpans { resource, scope_spans, schema_url });
    vec(resource_spans, 0..3).prop_map(|resource_spans| TracesData { resource_spans })
}

pub fn log_record() -> impl Strategy<Value = LogRecord> {
    (
        (time(), time(), 0..25, text(), option::of(any_value())),
        (attributes(), count(), count(), id(16), id(8), text()),
    )
        .prop_map(|((time, observed, severity_number, severity_text, body), rest)| {
            let (attributes, dropped_attributes_count, flags, trace_id, span_id, event_name) = rest;
            LogRecord {
                time_unix_nano: time,
                observed_time_unix_nano: observed,
                severity_number,
                severity_text,
                body,
                attributes,
                dropped_attributes_count,
                flags,
                trace_id,
                span_id,
                event_name,
            }
        })
}

pub fn logs() -> impl Strategy<Value = LogsData> {
    let scope_logs = (scope(), vec(log_record(), 0..3), text())
        .prop_map(|(scope, log_records, schema_url)| ScopeLogs { scope, log_records, schema_url });
    let resource_logs = (resource(), vec(scope_logs, 0..3), text())
        .prop_map(|(resource, scope_logs, schema_url)| ResourceLogs { resource, scope_logs, schema_url });
    vec(resource_logs, 0..3).prop_map(|resource_logs| LogsData { resource_logs })
}
