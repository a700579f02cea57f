//! Header maps of JavaScript: `Headers`, `Map`, NATS headers, plain objects and arrays of pairs.

use js_sys::{Array, Function, Object, Reflect};
use spanloom::context::WriteHeaders;
use spanloom::value::Value;
use wasm_bindgen::{JsCast, JsValue};

use crate::visit::{call, get, tag, visit};

/// All names and values of a header map; a name with an array of values stands once for each.
pub fn read_headers(carrier: &JsValue) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    match &visit(carrier).value {
        Value::Map(entries) => entries.iter().for_each(|(name, value)| add(&mut headers, name, value)),
        Value::Array(pairs) => {
            for pair in pairs {
                if let Value::Array(pair) = pair
                    && let [Value::String(name), value] = pair.as_slice()
                {
                    add(&mut headers, name, value);
                }
            }
        }
        _ => {}
    }
    headers
}

fn add(headers: &mut Vec<(String, String)>, name: &str, value: &Value) {
    match value {
        Value::String(text) => headers.push((name.into(), text.clone())),
        Value::Array(values) => {
            headers.extend(values.iter().filter_map(Value::as_str).map(|text| (name.into(), text.into())));
        }
        _ => {}
    }
}

/// A header map that is written. What refuses (a frozen object, a `set` that throws) stays as it is.
pub struct Carrier<'a> {
    headers: &'a JsValue,
    kind: Kind,
}

enum Kind {
    /// `set` replaces and `delete` removes a name, whatever its case: `Headers` and its likes.
    Headers,
    /// `set` and `delete` by exact name.
    Map,
    /// Names and values in pairs.
    Pairs,
    Object,
}

impl<'a> Carrier<'a> {
    pub fn new(headers: &'a JsValue) -> Self {
        let has_set = get(headers, "set").is_ok_and(|set| set.is_function());
        let kind = match tag(headers).as_deref() {
            Ok("[object Map]") => Kind::Map,
            Ok("[object Array]") => Kind::Pairs,
            _ if has_set => Kind::Headers,
            _ => Kind::Object,
        };
        Self { headers, kind }
    }

    /// The names in all spellings that stand in the map.
    fn spellings(&self, name: &str) -> Vec<JsValue> {
        let visited = visit(self.headers).value;
        let Value::Map(entries) = &visited else { return Vec::new() };
        let names = entries.iter().map(|(key, _)| key).filter(|key| key.eq_ignore_ascii_case(name));
        names.map(|name| JsValue::from_str(name)).collect()
    }

    fn remove_pairs(&self, name: &str) {
        let length = get(self.headers, "length").ok().and_then(|length| length.as_f64()).unwrap_or_default();
        for at in (0..length as u32).rev() {
            let key = Reflect::get_u32(self.headers, at).and_then(|pair| Reflect::get_u32(&pair, 0));
            if key.is_ok_and(|key| key.as_string().is_some_and(|key| key.eq_ignore_ascii_case(name))) {
                call2(self.headers, "splice", &at.into(), &1.into());
            }
        }
    }
}

impl WriteHeaders for Carrier<'_> {
    fn set_header(&mut self, name: &str, value: &str) {
        self.remove_header(name);
        let (name, value) = (JsValue::from_str(name), JsValue::from_str(value));
        match self.kind {
            Kind::Headers | Kind::Map => call2(self.headers, "set", &name, &value),
            Kind::Pairs => drop(call(self.headers, "push", &Array::of2(&name, &value))),
            Kind::Object => drop(Reflect::set(self.headers, &name, &value)),
        }
    }

    fn remove_header(&mut self, name: &str) {
        match self.kind {
            Kind::Headers => drop(call(self.headers, "delete", &name.into())),
            Kind::Pairs => self.remove_pairs(name),
            Kind::Map => {
                self.spellings(name).iter().for_each(|name| drop(call(self.headers, "delete", name)));
            }
            Kind::Object => self.spellings(name).iter().for_each(|name| {
                drop(Reflect::delete_property(self.headers.unchecked_ref::<Object>(), name));
            }),
        }
    }
}

/// Calls a method with two arguments; what it throws is its own affair.
fn call2(object: &JsValue, name: &str, first: &JsValue, second: &JsValue) {
    if let Ok(method) = get(object, name)
        && method.is_function()
    {
        drop(Function::from(method).call2(object, first, second));
    }
}
