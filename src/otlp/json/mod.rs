//! OTLP/JSON, both ways, by the letter of the specification.
//!
//! Both directions go by tables of the messages and need neither a tree nor recursion: writing walks the protobuf
//! fields and tells a JSON writer, reading walks the JSON text and appends protobuf. What comes out of reading
//! is canonical: fields in ascending order, defaults left out, the last of repeated keys.
//!
//! | in JSON | written | read |
//! |---|---|---|
//! | trace and span ids | lower-case hex | hex in either case; `""` is none |
//! | other bytes | base64 | base64, also the URL alphabet, also without padding |
//! | 64-bit whole numbers | text | text or number |
//! | enums | number | number; names are refused |
//! | doubles | number, or `NaN`, `Infinity`, `-Infinity` as text | the same, and numbers as text |
//! | unknown keys, snake_case among them | - | passed over |
//! | null | - | the default |
//!
//! ```
//! use spanloom::otlp::json::{traces_from_json, traces_to_json};
//! let text = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"plan","startTimeUnixNano":"5"}]}]}]}"#;
//! let request = traces_from_json(text.as_bytes())?;
//! assert_eq!(traces_to_json(&request)?, text);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod base64;
mod read;
mod schema;
mod write;

pub use read::{OtlpJsonError, Problem};

use super::response::Signal;
use super::wire::DecodeError;
use schema::Message;

/// The JSON of a trace request.
///
/// # Errors
/// When the bytes are no trace request.
pub fn traces_to_json(request: &[u8]) -> Result<String, DecodeError> {
    to_json(&schema::TRACES, request)
}

/// The trace request (or `TracesData`, which is the same) that stands in a JSON text.
///
/// # Errors
/// When the text is no JSON or no trace request.
pub fn traces_from_json(text: &[u8]) -> Result<Vec<u8>, OtlpJsonError> {
    read::from_json(&schema::TRACES, text)
}

/// The JSON of a `Span` message.
///
/// # Errors
/// When the bytes are no span.
pub fn span_to_json(span: &[u8]) -> Result<String, DecodeError> {
    to_json(&schema::SPAN, span)
}

/// The `Span` message that stands in a JSON text.
///
/// # Errors
/// When the text is no JSON or no span.
pub fn span_from_json(text: &[u8]) -> Result<Vec<u8>, OtlpJsonError> {
    read::from_json(&schema::SPAN, text)
}

/// The JSON of a log request.
///
/// # Errors
/// When the bytes are no log request.
pub fn logs_to_json(request: &[u8]) -> Result<String, DecodeError> {
    to_json(&schema::LOGS, request)
}

/// The log request (or `LogsData`) that stands in a JSON text.
///
/// # Errors
/// When the text is no JSON or no log request.
pub fn logs_from_json(text: &[u8]) -> Result<Vec<u8>, OtlpJsonError> {
    read::from_json(&schema::LOGS, text)
}

/// The JSON of a metrics request.
///
/// # Errors
/// When the bytes are no metrics request.
pub fn metrics_to_json(request: &[u8]) -> Result<String, DecodeError> {
    to_json(&schema::METRICS, request)
}

/// The metrics request (or `MetricsData`) that stands in a JSON text.
///
/// # Errors
/// When the text is no JSON or no metrics request.
pub fn metrics_from_json(text: &[u8]) -> Result<Vec<u8>, OtlpJsonError> {
    read::from_json(&schema::METRICS, text)
}

pub(super) fn response_from_json(signal: Signal, text: &[u8]) -> Result<Vec<u8>, OtlpJsonError> {
    let message = match signal {
        Signal::Traces => &schema::TRACES_RESPONSE,
        Signal::Logs => &schema::LOGS_RESPONSE,
        Signal::Metrics => &schema::METRICS_RESPONSE,
    };
    read::from_json(message, text)
}

pub(super) fn rpc_status_from_json(text: &[u8]) -> Result<Vec<u8>, OtlpJsonError> {
    read::from_json(&schema::RPC_STATUS, text)
}

fn to_json(message: &'static Message, bytes: &[u8]) -> Result<String, DecodeError> {
    let mut text = String::new();
    write::write(message, bytes, &mut text)?;
    Ok(text)
}
