//! Between views and prost types: what a view shows of a message, as the message; and what JSON of others can hold.
#![allow(dead_code, reason = "each test file uses a part")]

use spanloom::otlp::any::{AnyView, KeyValues};
use spanloom_oracle::prost::{DecodeError, Message};
use spanloom_oracle::proto::common::v1::any_value::Value;
use spanloom_oracle::proto::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};

pub fn any_of(view: AnyView<'_>) -> AnyValue {
    let value = match view {
        AnyView::Null => None,
        AnyView::Bool(value) => Some(Value::BoolValue(value)),
        AnyView::Int(value) => Some(Value::IntValue(value)),
        AnyView::Double(value) => Some(Value::DoubleValue(value)),
        AnyView::String(value) => Some(Value::StringValue(value.into())),
        AnyView::Bytes(value) => Some(Value::BytesValue(value.into())),
        AnyView::Array(_) => {
            Some(Value::ArrayValue(ArrayValue { values: view.values().map(any_of).collect() }))
        }
        AnyView::Map(_) => Some(Value::KvlistValue(KeyValueList { values: attributes_of(view.entries()) })),
    };
    AnyValue { value }
}

pub fn attributes_of(pairs: KeyValues<'_>) -> Vec<KeyValue> {
    let pair = |(key, value): (&str, _)| KeyValue {
        key: key.into(),
        value: Some(any_of(value)),
        ..KeyValue::default()
    };
    pairs.map(pair).collect()
}

pub fn id_of(bytes: &[u8]) -> Vec<u8> {
    if bytes.iter().all(|byte| *byte == 0) { vec![] } else { bytes.into() }
}

pub fn fill_values(attributes: &mut [KeyValue]) {
    for attribute in attributes {
        fill_value(attribute.value.get_or_insert_default());
    }
}

pub fn fill_value(value: &mut AnyValue) {
    match &mut value.value {
        Some(Value::ArrayValue(array)) => array.values.iter_mut().for_each(fill_value),
        Some(Value::KvlistValue(list)) => fill_values(&mut list.values),
        _ => {}
    }
}

/// What the JSON of `opentelemetry-proto` can hold: it has null for numbers that are not finite and for empty values.
pub fn plain(attributes: &mut [KeyValue]) {
    for attribute in attributes {
        plain_value(&mut attribute.value);
    }
}

pub fn plain_value(value: &mut Option<AnyValue>) {
    match value.as_mut().map(|value| &mut value.value) {
        Some(None) => *value = None,
        Some(Some(Value::DoubleValue(number))) if !number.is_finite() => *number = 0.5,
        Some(Some(Value::ArrayValue(array))) => {
            for value in &mut array.values {
                let mut held = Some(core::mem::take(value));
                plain_value(&mut held);
                *value = held.unwrap_or_default();
            }
        }
        Some(Some(Value::KvlistValue(list))) => plain(&mut list.values),
        _ => {}
    }
}

/// Bytes instead of messages, so that NaN equals itself.
pub fn same(ours: &impl Message, theirs: &impl Message) -> bool {
    ours.encode_to_vec() == theirs.encode_to_vec()
}

/// True where they refuse what our readers pass over: fields that only profiles have, and groups with the number of a
/// field that is none.
pub fn is_passed_over(error: &DecodeError) -> bool {
    let text = error.to_string();
    text.contains("strindex") || text.contains("StartGroup")
}
