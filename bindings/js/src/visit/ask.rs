//! Questions to values that may answer with an exception. Each import catches it; what does not throw by the language's own
//! rules (`typeof`, `Object.is`, `ArrayBuffer.isView`) needs no guard.
//!
//! The prototypes' own functions are called, not those that a value shows: they look into the value itself and refuse
//! one that only looks alike.

use js_sys::{Array, Function, JsString, Uint8Array};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = ArrayBuffer, js_name = isView)]
    pub fn is_view(value: &JsValue) -> bool;

    /// The text of any primitive, symbols among them. Never called with an object, whose own code would run.
    #[wasm_bindgen(js_name = String)]
    pub fn text_of_primitive(value: &JsValue) -> JsString;

    #[wasm_bindgen(catch, js_namespace = Array, js_name = isArray)]
    pub fn is_array(value: &JsValue) -> Result<bool, JsValue>;

    /// `[object Map]` and the like.
    #[wasm_bindgen(catch, js_namespace = ["Object", "prototype", "toString"], js_name = call)]
    pub fn tag(value: &JsValue) -> Result<String, JsValue>;

    #[wasm_bindgen(catch, js_namespace = Object, js_name = keys)]
    pub fn keys(object: &JsValue) -> Result<Array, JsValue>;

    #[wasm_bindgen(catch, js_namespace = ["Map", "prototype", "entries"], js_name = call)]
    pub fn entries_of_map(map: &JsValue) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(catch, js_namespace = ["Set", "prototype", "values"], js_name = call)]
    pub fn values_of_set(set: &JsValue) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(catch, js_namespace = ["Date", "prototype", "getTime"], js_name = call)]
    pub fn time_of_date(date: &JsValue) -> Result<f64, JsValue>;

    #[wasm_bindgen(catch, js_namespace = ["Date", "prototype", "toISOString"], js_name = call)]
    pub fn iso_of_date(date: &JsValue) -> Result<String, JsValue>;

    #[wasm_bindgen(catch, js_namespace = ["RegExp", "prototype", "toString"], js_name = call)]
    pub fn text_of_regexp(expression: &JsValue) -> Result<String, JsValue>;

    /// A view of a part of a buffer: nothing is copied.
    pub type Part;
    #[wasm_bindgen(catch, constructor, js_class = "Uint8Array")]
    fn part(buffer: &JsValue, from: f64, length: f64) -> Result<Part, JsValue>;
}

/// A property, whatever it takes to get it.
pub fn get(object: &JsValue, key: &str) -> Result<JsValue, JsValue> {
    js_sys::Reflect::get(object, &JsValue::from_str(key))
}

/// A property that is a number.
pub fn number(object: &JsValue, key: &str) -> Result<f64, JsValue> {
    get(object, key)?.as_f64().ok_or(JsValue::NULL)
}

/// Calls the method of this name, if the value has one.
pub fn call(object: &JsValue, name: &str, argument: &JsValue) -> Result<Option<JsValue>, JsValue> {
    let method = get(object, name)?;
    if !method.is_function() {
        return Ok(None);
    }
    Function::from(method).call1(object, argument).map(Some)
}

/// The next value of an iterator; none at its end.
pub fn next(iterator: &JsValue) -> Result<Option<JsValue>, JsValue> {
    let Some(step) = call(iterator, "next", &JsValue::UNDEFINED)? else { return Ok(None) };
    if get(&step, "done")?.is_truthy() { Ok(None) } else { get(&step, "value").map(Some) }
}

/// The bytes of a view, at most so many: longer ones are not even copied.
pub fn bytes_of_view(view: &JsValue, limit: usize) -> Result<Vec<u8>, JsValue> {
    let (from, length) = (number(view, "byteOffset")?, number(view, "byteLength")?);
    bytes(&get(view, "buffer")?, from, length, limit)
}

/// The bytes of a buffer, at most so many.
pub fn bytes_of_buffer(buffer: &JsValue, limit: usize) -> Result<Vec<u8>, JsValue> {
    bytes(buffer, 0.0, number(buffer, "byteLength")?, limit)
}

fn bytes(buffer: &JsValue, from: f64, length: f64, limit: usize) -> Result<Vec<u8>, JsValue> {
    // A detached buffer has no bytes, and cannot be asked for them.
    if length == 0.0 {
        return Ok(Vec::new());
    }
    let part = Part::part(buffer, from, length.min(limit as f64))?;
    Ok(Uint8Array::from(JsValue::from(part)).to_vec())
}

/// The text of a string, at most so many UTF-16 units of it: longer ones are not even copied. Half a surrogate pair becomes
/// U+FFFD.
pub fn text(string: &JsString, limit: u32) -> String {
    if string.length() <= limit { String::from(string) } else { String::from(string.slice(0, limit)) }
}
