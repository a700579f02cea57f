//! Arguments of any type, taken for what a call wants: what does not fit is turned into it, and nothing throws.

use spanloom::value::Value;
use spanloom::workflow::Number;
use wasm_bindgen::JsValue;

use crate::host;
use crate::visit::visit;

/// The argument as a text: a string is itself, nothing is empty, anything else is its JSON.
pub fn text(argument: &JsValue) -> String {
    text_of(&visit(argument).value)
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_json(),
    }
}

/// The argument as a whole number; fractions are cut off, and what is no number is none.
pub fn int(argument: &JsValue) -> Option<i64> {
    match visit(argument).value {
        Value::Int(number) => Some(number),
        Value::Double(number) if number.is_finite() => Some(number as i64),
        _ => None,
    }
}

/// The argument as a number, whole or not.
pub fn number(argument: &JsValue) -> Option<Number> {
    match visit(argument).value {
        Value::Int(number) => Some(Number::Int(number)),
        Value::Double(number) => Some(Number::Double(number)),
        _ => None,
    }
}

/// A moment in Unix milliseconds; now where none was given.
pub fn moment(argument: &JsValue) -> i64 {
    int(argument).unwrap_or_else(|| host::now() as i64)
}

/// The options of a call: an object, read once.
pub struct Options(Value);

impl Options {
    /// What an object says; anything else says nothing.
    pub fn read(argument: &JsValue) -> Self {
        Self(visit(argument).value)
    }

    /// The option under one of its names: as JavaScript writes it, and as it stands in JSON.
    pub fn get(&self, names: [&str; 2]) -> Option<&Value> {
        names.iter().find_map(|name| self.0.get(name)).filter(|value| **value != Value::Null)
    }

    /// A text; empty where there is none.
    pub fn text(&self, names: [&str; 2]) -> String {
        self.get(names).map(text_of).unwrap_or_default()
    }

    /// A whole number.
    pub fn int(&self, names: [&str; 2]) -> Option<i64> {
        self.get(names).and_then(Value::as_int)
    }

    /// A truth value.
    pub fn bool(&self, names: [&str; 2]) -> Option<bool> {
        if let Some(Value::Bool(value)) = self.get(names) { Some(*value) } else { None }
    }

    /// Texts in an array; what is no text is passed over.
    pub fn texts(&self, names: [&str; 2]) -> Option<Vec<String>> {
        let Some(Value::Array(values)) = self.get(names) else { return None };
        Some(values.iter().filter_map(Value::as_str).map(String::from).collect())
    }

    /// The entries of an object; none where it is missing.
    pub fn entries(&self, names: [&str; 2]) -> &[(String, Value)] {
        if let Some(Value::Map(entries)) = self.get(names) { entries } else { &[] }
    }
}
