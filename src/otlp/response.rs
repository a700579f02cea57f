//! What a server answers to an export: that everything went well, that a part was refused, or why it failed.
//!
//! The answers of all signals have the same protobuf form; only their JSON has other names.

use super::json::{self, OtlpJsonError};
use super::wire::{DecodeError, Fields};

/// The kind of telemetry that a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Log records.
    Logs,
    /// Data points.
    Metrics,
}

/// The answer to a request that was delivered.
///
/// ```
/// use spanloom::otlp::{ExportResponse, Signal};
/// assert_eq!(ExportResponse::decode(b"")?, ExportResponse::default()); // all went well
/// let text = br#"{"partialSuccess":{"rejectedSpans":"2","errorMessage":"too old"}}"#;
/// let answer = ExportResponse::from_json(Signal::Traces, text)?;
/// assert_eq!((answer.rejected, answer.message.as_str()), (2, "too old"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportResponse {
    /// How many items the server refused; they are not to be sent again.
    pub rejected: u64,
    /// Why it refused them; a warning where it refused none.
    pub message: String,
}

impl ExportResponse {
    /// Reads the protobuf form.
    ///
    /// # Errors
    /// When the bytes are no such answer.
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut answer = Self::default();
        let mut fields = Fields::new(body);
        while let Some(found) = fields.next_field()? {
            if found.number != 1 {
                continue;
            }
            let mut partial = Fields::new(found.bytes()?);
            while let Some(found) = partial.next_field()? {
                match found.number {
                    // A negative count counts as none.
                    1 => answer.rejected = u64::try_from(found.varint()?.cast_signed()).unwrap_or(0),
                    2 => answer.message = found.text()?.into(),
                    _ => {}
                }
            }
        }
        Ok(answer)
    }

    /// Reads the JSON form.
    ///
    /// # Errors
    /// When the text is no JSON or no such answer.
    pub fn from_json(signal: Signal, text: &[u8]) -> Result<Self, OtlpJsonError> {
        // What the JSON reader writes, this reads.
        Ok(Self::decode(&json::response_from_json(signal, text)?).unwrap_or_default())
    }
}

/// The answer to a request that failed: `google.rpc.Status`, without its details.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RpcStatus {
    /// The number of a gRPC status.
    pub code: i32,
    /// What went wrong.
    pub message: String,
}

impl RpcStatus {
    /// Reads the protobuf form.
    ///
    /// # Errors
    /// When the bytes are no such answer.
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut status = Self::default();
        let mut fields = Fields::new(body);
        while let Some(found) = fields.next_field()? {
            match found.number {
                1 => status.code = found.varint32()?.cast_signed(),
                2 => status.message = found.text()?.into(),
                _ => {}
            }
        }
        Ok(status)
    }

    /// Reads the JSON form.
    ///
    /// # Errors
    /// When the text is no JSON or no such answer.
    pub fn from_json(text: &[u8]) -> Result<Self, OtlpJsonError> {
        // What the JSON reader writes, this reads.
        Ok(Self::decode(&json::rpc_status_from_json(text)?).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_all_signals() {
        for (signal, name) in [
            (Signal::Traces, "rejectedSpans"),
            (Signal::Logs, "rejectedLogRecords"),
            (Signal::Metrics, "rejectedDataPoints"),
        ] {
            let text = format!(r#"{{"partialSuccess":{{"errorMessage":"no","{name}":3,"other":[{{}}]}}}}"#);
            let expected = ExportResponse { rejected: 3, message: "no".into() };
            assert_eq!(ExportResponse::from_json(signal, text.as_bytes()), Ok(expected));
        }
        let nothing = Ok(ExportResponse::default());
        assert_eq!(ExportResponse::from_json(Signal::Logs, b"{}"), nothing);
        assert_eq!(ExportResponse::from_json(Signal::Logs, br#"{"partialSuccess":null}"#), nothing);
        let bytes = [0x0a, 6, 0x08, 2, 0x12, 2, b'n', b'o'];
        assert_eq!(ExportResponse::decode(&bytes), Ok(ExportResponse { rejected: 2, message: "no".into() }));
        let negative = [0x0a, 11, 0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1];
        assert_eq!(ExportResponse::decode(&negative), Ok(ExportResponse::default()));
        assert!(ExportResponse::decode(b"<html>").is_err());
        assert!(ExportResponse::from_json(Signal::Traces, b"<html>").is_err());
    }

    #[test]
    fn failures() {
        let status = RpcStatus { code: 8, message: "slow down".into() };
        assert_eq!(RpcStatus::decode(b"\x08\x08\x12\x09slow down\x1a\x02\x0a\x00").as_ref(), Ok(&status));
        let text = br#"{"code":8,"message":"slow down","details":[{"@type":"x","retryDelay":"1s"}]}"#;
        assert_eq!(RpcStatus::from_json(text), Ok(status));
    }
}
