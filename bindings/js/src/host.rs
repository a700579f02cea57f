//! What JavaScript lends: the time, its zone, and randomness.

use js_sys::{Date, Math};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_namespace = ["globalThis", "crypto"], js_name = getRandomValues)]
    fn fill_random(bytes: &mut [u8]) -> Result<JsValue, JsValue>;
}

/// Unix milliseconds.
pub fn now() -> f64 {
    Date::now()
}

/// How many minutes local time is ahead of UTC at this moment.
pub fn utc_offset_minutes(unix_ms: i64) -> i32 {
    let date = Date::new(&JsValue::from_f64(unix_ms as f64));
    // Not a number for times that a Date cannot hold: then `as` gives 0.
    -(date.get_timezone_offset() as i32)
}

/// Random bytes. An engine without `crypto` gives weaker ones: ids have to differ, they need not be secret.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if fill_random(&mut bytes).is_err() {
        bytes = core::array::from_fn(|_| (Math::random() * 256.0) as u8);
    }
    bytes
}
