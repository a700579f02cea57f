//! `Sid`.

use spanloom::Sid as Parsed;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::args::text;
use crate::error::OrThrow;

/// A SID, taken apart.
///
/// ```js
/// const sid = Sid.parse("svc00770000@hf19cb73d35930203802");
/// sid.sub;       // "svc"
/// sid.unixMs;    // 1772600767891
/// `${sid}`;      // the whole text again
/// ```
#[wasm_bindgen]
pub struct Sid {
    sid: Parsed,
}

#[wasm_bindgen]
impl Sid {
    /// Takes a text for a SID. Throws a `SidError` where it has not the parts of one.
    ///
    /// ```js
    /// try { Sid.parse("?"); } catch (error) { error.name; }   // "SidError"
    /// ```
    ///
    /// # Errors
    /// When the text has not the parts of a SID.
    pub fn parse(#[wasm_bindgen(unchecked_param_type = "string")] sid: &JsValue) -> Result<Self, JsValue> {
        Parsed::parse(&text(sid)).or_throw("SidError").map(|sid| Self { sid })
    }

    /// The subsystem.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn sub(&self) -> String {
        self.sid.sub().into()
    }

    /// The place.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn location(&self) -> String {
        self.sid.location().into()
    }

    /// The process id, as far as it is told.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn pid(&self) -> u16 {
        self.sid.pid()
    }

    /// The running number.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn index(&self) -> u16 {
        self.sid.index()
    }

    /// Unix milliseconds, the last 44 bits.
    #[wasm_bindgen(getter, js_name = unixMs)]
    #[must_use]
    pub fn unix_ms(&self) -> f64 {
        self.sid.unix_ms() as f64
    }

    /// The third and fourth byte of the address: `"2.3"`.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn ip(&self) -> String {
        let [third, fourth] = self.sid.ip();
        format!("{third}.{fourth}")
    }

    /// The first two characters of the port.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn port(&self) -> String {
        self.sid.port().into()
    }

    /// The whole text.
    #[wasm_bindgen(js_name = toString)]
    #[must_use]
    pub fn text(&self) -> String {
        self.sid.as_str().into()
    }

    /// The whole text, for `JSON.stringify`.
    #[wasm_bindgen(js_name = toJSON)]
    #[must_use]
    pub fn json(&self) -> String {
        self.text()
    }
}
