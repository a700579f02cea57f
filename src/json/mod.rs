//! JSON text, both ways, without loss.
//!
//! [`Writer`] is a [`ValueSink`](crate::value::ValueSink) that writes what it is told; [`read`] goes through a text once
//! and tells a sink what stands there. Neither builds a tree, neither recurses, and both keep what JSON itself can
//! hold: order and repetition of keys, whole numbers of 64 bits, doubles as the shortest text that reads back as the
//! same double and as a double.
//!
//! What JSON cannot hold has one fixed form: NaN and the infinities are the texts `NaN`, `Infinity` and `-Infinity`,
//! bytes are base64 text. On the way in these stay texts.

mod read;
mod scan;
mod write;

pub(crate) use read::{Event, Events};
pub use read::{Expected, JsonError, MAX_DEPTH, read, read_within};
pub(crate) use scan::plain_len;
#[cfg(all(any(feature = "otlp-http", feature = "otlp-grpc"), not(target_arch = "wasm32")))]
pub(crate) use write::put_base64;
pub use write::{Style, Writer};

use crate::value::{Value, ValueBuilder};

impl Value {
    /// This value as compact JSON text.
    ///
    /// ```
    /// use spanloom::value::Value;
    /// let value = Value::from([("wärme", Value::from(21.0)), ("n", 9_007_199_254_740_993_i64.into())]);
    /// assert_eq!(value.to_json(), r#"{"wärme":21.0,"n":9007199254740993}"#);
    /// ```
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = String::new();
        self.tell(&mut Writer::new(&mut text, Style::Compact));
        text
    }

    /// Reads JSON text.
    ///
    /// # Errors
    /// When the text is not JSON, or nests deeper than [`MAX_DEPTH`].
    pub fn from_json(text: &str) -> Result<Self, JsonError> {
        let mut builder = ValueBuilder::default();
        read(text.as_bytes(), &mut builder)?;
        Ok(builder.finish())
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod oracle_tests;
