//! Errors that JavaScript can tell apart: an `Error` whose `name` is the kind, thrown by constructors and parsers.

use core::fmt::Display;

use wasm_bindgen::JsValue;

/// A JavaScript `Error` of this name, which says what is wrong.
pub fn named(name: &'static str) -> impl Fn(&dyn Display) -> JsValue {
    move |problem| {
        let error = js_sys::Error::new(&problem.to_string());
        error.set_name(name);
        error.into()
    }
}

/// `map_err` with such an error.
pub trait OrThrow<T> {
    /// The value, or an exception of this name.
    fn or_throw(self, name: &'static str) -> Result<T, JsValue>;
}

impl<T, E: Display> OrThrow<T> for Result<T, E> {
    fn or_throw(self, name: &'static str) -> Result<T, JsValue> {
        self.map_err(|problem| named(name)(&problem))
    }
}
