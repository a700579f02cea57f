//! From the core to JavaScript objects.
//!
//! Objects have no prototype, so a key `__proto__` is a key like any other and nothing is found that was not put there.
//! Whole numbers that a JavaScript number cannot hold become `BigInt`, bytes `Uint8Array`; doubles stay what they are.
//! Reports of fixed shape go through serde instead.

use js_sys::{Array, Object, Reflect, Uint8Array};
use serde::Serialize;
use spanloom::value::ValueSink;
use wasm_bindgen::{JsCast, JsValue};

/// The object that is told.
pub fn told(tell: impl FnOnce(&mut ObjectBuilder)) -> JsValue {
    let mut builder = ObjectBuilder::default();
    tell(&mut builder);
    builder.done
}

/// A report of fixed shape. Nothing that we report is refused; if it were, there is no report.
pub fn report(report: &impl Serialize) -> JsValue {
    report.serialize(&serde_wasm_bindgen::Serializer::json_compatible()).unwrap_or_default()
}

/// An empty object without a prototype.
pub fn bare_object() -> Object {
    Object::create(JsValue::NULL.unchecked_ref())
}

/// The sink that makes JavaScript values.
#[derive(Default)]
pub struct ObjectBuilder {
    done: JsValue,
    open: Vec<Open>,
}

enum Open {
    Array(Array),
    Map(Object, JsValue),
}

impl ObjectBuilder {
    fn put(&mut self, value: JsValue) {
        match self.open.last() {
            None => self.done = value,
            Some(Open::Array(array)) => {
                array.push(&value);
            }
            Some(Open::Map(object, key)) => {
                // Cannot fail: the object is ours, and nothing is defined on it.
                let _ = Reflect::set(object, key, &value);
            }
        }
    }

    fn close(&mut self) {
        match self.open.pop() {
            None => {}
            Some(Open::Array(array)) => self.put(array.into()),
            Some(Open::Map(object, _)) => self.put(object.into()),
        }
    }
}

impl ValueSink for ObjectBuilder {
    fn null(&mut self) {
        self.put(JsValue::NULL);
    }
    fn bool(&mut self, value: bool) {
        self.put(value.into());
    }
    fn int(&mut self, value: i64) {
        const SAFE: u64 = (1 << 53) - 1;
        self.put(if value.unsigned_abs() <= SAFE { (value as f64).into() } else { value.into() });
    }
    fn double(&mut self, value: f64) {
        self.put(value.into());
    }
    fn string(&mut self, value: &str) {
        self.put(value.into());
    }
    fn bytes(&mut self, value: &[u8]) {
        self.put(Uint8Array::from(value).into());
    }
    fn begin_array(&mut self) {
        self.open.push(Open::Array(Array::new()));
    }
    fn end_array(&mut self) {
        self.close();
    }
    fn begin_map(&mut self) {
        self.open.push(Open::Map(bare_object(), JsValue::UNDEFINED));
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
