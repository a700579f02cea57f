//! Our JSON against `serde_json`, on arbitrary values and arbitrary texts.

use proptest::prelude::*;
use serde_json::Value as Theirs;

use super::{Style, Writer};
use crate::value::Value;

/// Arbitrary values of what JSON can hold.
pub(crate) fn any_json_value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[a-z\"\\\\\u{0}-\u{1f}]*".prop_map(Value::from),
    ];
    scalar.prop_recursive(5, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::vec((any::<String>(), inner), 0..6).prop_map(Value::Map),
        ]
    })
}

fn same(ours: &Value, theirs: &Theirs) -> bool {
    match (ours, theirs) {
        (Value::Null, Theirs::Null) => true,
        (Value::Bool(a), Theirs::Bool(b)) => a == b,
        (Value::Int(a), Theirs::Number(b)) => b.as_i64() == Some(*a),
        (Value::Double(a), Theirs::Number(b)) => {
            // Whole numbers between i64 and u64 are doubles to us.
            b.as_i64().is_none_or(|_| *a == 0.0) && b.as_f64().map(f64::to_bits) == Some(a.to_bits())
        }
        (Value::String(a), Theirs::String(b)) => a == b,
        (Value::Array(a), Theirs::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        // They keep the last of repeated keys, we keep all: look each of theirs up from the end.
        (Value::Map(a), Theirs::Object(b)) => b.iter().all(|(key, theirs)| {
            a.iter().rev().find(|(name, _)| name == key).is_some_and(|(_, ours)| same(ours, theirs))
        }),
        _ => false,
    }
}

fn spaced(value: &Value) -> String {
    let mut text = String::new();
    value.tell(&mut Writer::new(&mut text, Style::Spaced));
    text
}

proptest! {
    #[test]
    fn what_we_write_they_read_the_same_and_so_do_we(value in any_json_value()) {
        for text in [value.to_json(), spaced(&value)] {
            let theirs: Theirs = serde_json::from_str(&text).unwrap();
            prop_assert!(same(&value, &theirs), "{text}");
            let back = Value::from_json(&text).unwrap();
            prop_assert_eq!(format!("{:?}", back), format!("{:?}", value));
        }
    }

    #[test]
    fn what_they_read_we_read_the_same(text in r#"[\[\]{}",:0-9eE.+\-tfn\\u ]{0,24}|-?[0-9]{1,25}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?|\[("[ab\\nu"]*"|[0-9]{1,3}|,| |true|null){0,6}\]"#) {
        let ours = Value::from_json(&text);
        match serde_json::from_str::<Theirs>(&text) {
            Ok(theirs) => prop_assert!(ours.as_ref().is_ok_and(|ours| same(ours, &theirs)), "{text}: {ours:?}"),
            // They refuse numbers that are larger than a double and half surrogate pairs; we do not.
            Err(error) if error.to_string().contains("out of range") => {}
            Err(error) if error.to_string().contains("surrogate") => {}
            Err(_) => prop_assert!(ours.is_err() || text.to_ascii_lowercase().contains("\\ud"), "{text}: {ours:?}"),
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let mut sink = crate::value::ValueBuilder::default();
        let ours = super::read(&bytes, &mut sink).is_ok();
        prop_assert_eq!(ours, serde_json::from_slice::<Theirs>(&bytes).is_ok());
    }
}
