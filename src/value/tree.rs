//! A value as a tree in memory, for those who want to hold one.
//!
//! A tree may be deeper than the stack is (built by hand, in a loop), so nothing here recurses: neither dropping nor
//! cloning nor comparing.

use core::fmt;

use super::ValueSink;

/// A value of the OTLP `AnyValue` family.
///
/// ```
/// use spanloom::value::Value;
/// let value = Value::from([("model", Value::from("gpt-4")), ("stop", Value::Array(vec!["\n".into()]))]);
/// assert_eq!(value.get("model"), Some(&Value::from("gpt-4")));
/// ```
#[derive(Default)]
pub enum Value {
    /// The empty value.
    #[default]
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A floating-point number.
    Double(f64),
    /// A text.
    String(String),
    /// Bytes that are no text.
    Bytes(Vec<u8>),
    /// Values in order.
    Array(Vec<Value>),
    /// Keys and values in the order in which they came.
    Map(Vec<(String, Value)>),
}

impl Value {
    /// The value under a key, where this is a map that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        let Value::Map(entries) = self else { return None };
        entries.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The text, where this is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Value::String(text) = self { Some(text) } else { None }
    }

    /// The whole number, where this is one.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        if let Value::Int(number) = self { Some(*number) } else { None }
    }

    /// Tells this value to a sink.
    pub fn tell<S: ValueSink + ?Sized>(&self, sink: &mut S) {
        enum Rest<'a> {
            Array(core::slice::Iter<'a, Value>),
            Map(core::slice::Iter<'a, (String, Value)>),
        }
        let mut open: Vec<Rest<'_>> = Vec::new();
        let mut next = Some(self);
        loop {
            if let Some(value) = next.take() {
                match value {
                    Value::Null => sink.null(),
                    Value::Bool(value) => sink.bool(*value),
                    Value::Int(value) => sink.int(*value),
                    Value::Double(value) => sink.double(*value),
                    Value::String(value) => sink.string(value),
                    Value::Bytes(value) => sink.bytes(value),
                    Value::Array(values) => {
                        sink.begin_array();
                        open.push(Rest::Array(values.iter()));
                    }
                    Value::Map(entries) => {
                        sink.begin_map();
                        open.push(Rest::Map(entries.iter()));
                    }
                }
            }
            match open.last_mut() {
                None => return,
                Some(Rest::Array(rest)) => match rest.next() {
                    Some(value) => next = Some(value),
                    None => {
                        sink.end_array();
                        open.pop();
                    }
                },
                Some(Rest::Map(rest)) => match rest.next() {
                    Some((key, value)) => {
                        sink.key(key);
                        next = Some(value);
                    }
                    None => {
                        sink.end_map();
                        open.pop();
                    }
                },
            }
        }
    }

    fn is_container(&self) -> bool {
        matches!(self, Value::Array(_) | Value::Map(_))
    }

    /// Moves the containers directly below this value into `out`.
    fn take_containers(&mut self, out: &mut Vec<Value>) {
        match self {
            Value::Array(values) => out.extend(values.drain(..).filter(Value::is_container)),
            Value::Map(entries) => {
                out.extend(entries.drain(..).map(|(_, value)| value).filter(Value::is_container));
            }
            _ => {}
        }
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        let nested = match self {
            Value::Array(values) => values.iter().any(Value::is_container),
            Value::Map(entries) => entries.iter().any(|(_, value)| value.is_container()),
            _ => false,
        };
        if !nested {
            return;
        }
        let mut waiting = Vec::new();
        self.take_containers(&mut waiting);
        while let Some(mut value) = waiting.pop() {
            value.take_containers(&mut waiting);
        }
    }
}

impl Clone for Value {
    fn clone(&self) -> Self {
        let mut builder = ValueBuilder::default();
        self.tell(&mut builder);
        builder.finish()
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        let mut waiting = vec![(self, other)];
        while let Some(pair) = waiting.pop() {
            let same = match pair {
                (Value::Null, Value::Null) => true,
                (Value::Bool(a), Value::Bool(b)) => a == b,
                (Value::Int(a), Value::Int(b)) => a == b,
                (Value::Double(a), Value::Double(b)) => a == b,
                (Value::String(a), Value::String(b)) => a == b,
                (Value::Bytes(a), Value::Bytes(b)) => a == b,
                (Value::Array(a), Value::Array(b)) => {
                    waiting.extend(a.iter().zip(b));
                    a.len() == b.len()
                }
                (Value::Map(a), Value::Map(b)) => {
                    waiting.extend(a.iter().zip(b).map(|((_, a), (_, b))| (a, b)));
                    a.len() == b.len() && a.iter().zip(b).all(|((a, _), (b, _))| a == b)
                }
                _ => false,
            };
            if !same {
                return false;
            }
        }
        true
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.tell(&mut DebugText(&mut text));
        f.write_str(&text)
    }
}

/// Writes a value for people who debug.
struct DebugText<'a>(&'a mut String);

impl DebugText<'_> {
    fn put(&mut self, args: fmt::Arguments<'_>) {
        if !self.0.is_empty() && !self.0.ends_with(['[', '{', ' ']) {
            self.0.push_str(", ");
        }
        // Writing to a String cannot fail.
        let _ = fmt::Write::write_fmt(self.0, args);
    }
}

impl ValueSink for DebugText<'_> {
    fn null(&mut self) {
        self.put(format_args!("null"));
    }
    fn bool(&mut self, value: bool) {
        self.put(format_args!("{value}"));
    }
    fn int(&mut self, value: i64) {
        self.put(format_args!("{value}"));
    }
    fn double(&mut self, value: f64) {
        self.put(format_args!("{value:?}"));
    }
    fn string(&mut self, value: &str) {
        self.put(format_args!("{value:?}"));
    }
    fn bytes(&mut self, value: &[u8]) {
        self.put(format_args!("b{value:?}"));
    }
    fn begin_array(&mut self) {
        self.put(format_args!("["));
    }
    fn end_array(&mut self) {
        self.0.push(']');
    }
    fn begin_map(&mut self) {
        self.put(format_args!("{{"));
    }
    fn key(&mut self, key: &str) {
        self.put(format_args!("{key:?}: "));
    }
    fn end_map(&mut self) {
        self.0.push('}');
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Value::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Value::Int(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Value::Int(value.into())
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Value::Int(value.into())
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Value::Double(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Value::String(value.into())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Value::String(value)
    }
}

impl From<Vec<Value>> for Value {
    fn from(values: Vec<Value>) -> Self {
        Value::Array(values)
    }
}

impl<T: Into<Value>> FromIterator<T> for Value {
    /// An array.
    ///
    /// ```
    /// use spanloom::value::Value;
    /// let stops: Value = ["\n", "END"].into_iter().collect();
    /// assert_eq!(stops, Value::Array(vec!["\n".into(), "END".into()]));
    /// ```
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        Value::Array(values.into_iter().map(Into::into).collect())
    }
}

impl<K: Into<String>, const N: usize> From<[(K, Value); N]> for Value {
    fn from(entries: [(K, Value); N]) -> Self {
        Value::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }
}

/// The sink that makes a [`Value`].
#[derive(Debug, Default)]
pub struct ValueBuilder {
    done: Option<Value>,
    open: Vec<Open>,
}

#[derive(Debug)]
enum Open {
    Array(Vec<Value>),
    Map(Vec<(String, Value)>, String),
}

impl ValueBuilder {
    /// The value that was told; null when nothing was.
    #[must_use]
    pub fn finish(mut self) -> Value {
        while !self.open.is_empty() {
            self.close();
        }
        self.done.unwrap_or_default()
    }

    fn put(&mut self, value: Value) {
        match self.open.last_mut() {
            None => self.done = Some(value),
            Some(Open::Array(values)) => values.push(value),
            Some(Open::Map(entries, key)) => entries.push((core::mem::take(key), value)),
        }
    }

    fn close(&mut self) {
        match self.open.pop() {
            None => {}
            Some(Open::Array(values)) => self.put(Value::Array(values)),
            Some(Open::Map(entries, _)) => self.put(Value::Map(entries)),
        }
    }
}

impl ValueSink for ValueBuilder {
    fn null(&mut self) {
        self.put(Value::Null);
    }
    fn bool(&mut self, value: bool) {
        self.put(Value::Bool(value));
    }
    fn int(&mut self, value: i64) {
        self.put(Value::Int(value));
    }
    fn double(&mut self, value: f64) {
        self.put(Value::Double(value));
    }
    fn string(&mut self, value: &str) {
        self.put(Value::String(value.into()));
    }
    fn bytes(&mut self, value: &[u8]) {
        self.put(Value::Bytes(value.into()));
    }
    fn begin_array(&mut self) {
        self.open.push(Open::Array(Vec::new()));
    }
    fn end_array(&mut self) {
        self.close();
    }
    fn begin_map(&mut self) {
        self.open.push(Open::Map(Vec::new(), String::new()));
    }
    fn key(&mut self, key: &str) {
        if let Some(Open::Map(_, next)) = self.open.last_mut() {
            *next = key.into();
        }
    }
    fn end_map(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_deeper_than_the_stack_clones_compares_and_drops() {
        let mut value = Value::from(1);
        for level in 0..200_000 {
            value = if level % 2 == 0 { Value::Array(vec![value]) } else { Value::from([("k", value)]) };
        }
        let copy = value.clone();
        assert!(copy == value);
        drop(copy);
        assert!(value != Value::Null);
    }

    #[test]
    fn debug_text_reads_like_json() {
        let value = Value::from([("a", Value::Array(vec![1.into(), Value::Null])), ("b", 1.5.into())]);
        assert_eq!(format!("{value:?}"), r#"{"a": [1, null], "b": 1.5}"#);
    }
}
