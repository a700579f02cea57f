//! Bodies of requests as OTLP: what they bring, or why they cannot be read.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use spanloom::otlp::{Signal, decode_logs, decode_traces, json};
use spanloom::{SpanId, TraceId};

use crate::http::Head;

/// How large a body may be after unpacking.
const UNPACKED_BYTES: u64 = 256 * 1024 * 1024;

/// The encoding of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Protobuf,
    Json,
}

/// What a request brings.
#[derive(Debug, Default)]
pub(crate) struct Brought {
    pub unpacked_bytes: u64,
    pub spans: Vec<(TraceId, SpanId)>,
    pub log_records: u64,
}

/// A request that a receiver has to refuse.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub status: u16,
    pub problem: String,
}

impl Brought {
    pub fn items(&self) -> u64 {
        self.spans.len() as u64 + self.log_records
    }
}

/// The encoding in which a client wants its answer: that of its request.
pub(crate) fn encoding_of(head: &Head) -> Encoding {
    if media_type(head) == "application/json" { Encoding::Json } else { Encoding::Protobuf }
}

/// Reads a body.
pub(crate) fn read(head: &Head, body: Vec<u8>) -> Result<Brought, Refusal> {
    if head.method != "POST" {
        return refuse(405, format!("the method is {}, not POST", head.method));
    }
    let path = head.path.split('?').next().unwrap_or_default();
    let signal = if path.ends_with("/v1/traces") {
        Signal::Traces
    } else if path.ends_with("/v1/logs") {
        Signal::Logs
    } else if path.ends_with("/v1/metrics") {
        Signal::Metrics
    } else {
        return refuse(404, format!("no signal has the path {path}"));
    };
    let is_json = match media_type(head).as_str() {
        "application/json" => true,
        "application/x-protobuf" => false,
        other => return refuse(415, format!("the content type is {other:?}")),
    };
    let body = unpack(head, body, UNPACKED_BYTES)?;
    let unpacked_bytes = body.len() as u64;
    let message = if is_json { from_json(signal, &body)? } else { body };
    let mut brought = Brought { unpacked_bytes, ..Brought::default() };
    match signal {
        Signal::Traces => {
            let view = decode_traces(&message).map_err(unreadable)?;
            brought.spans.extend(view.spans().map(|found| (found.span.trace_id, found.span.span_id)));
        }
        Signal::Logs => brought.log_records = decode_logs(&message).map_err(unreadable)?.len() as u64,
        Signal::Metrics => {}
    }
    Ok(brought)
}

fn from_json(signal: Signal, text: &[u8]) -> Result<Vec<u8>, Refusal> {
    match signal {
        Signal::Traces => json::traces_from_json(text),
        Signal::Logs => json::logs_from_json(text),
        Signal::Metrics => json::metrics_from_json(text),
    }
    .map_err(unreadable)
}

fn unpack(head: &Head, body: Vec<u8>, limit: u64) -> Result<Vec<u8>, Refusal> {
    match head.header("content-encoding").map(str::to_ascii_lowercase).as_deref() {
        None | Some("" | "identity") => Ok(body),
        Some("gzip") => {
            let mut unpacked = Vec::new();
            let mut reader = MultiGzDecoder::new(body.as_slice()).take(limit + 1);
            reader.read_to_end(&mut unpacked).map_err(unreadable)?;
            if unpacked.len() as u64 > limit {
                return refuse(413, "the body is too large after unpacking".into());
            }
            Ok(unpacked)
        }
        Some(other) => refuse(415, format!("the content encoding is {other:?}")),
    }
}

fn media_type(head: &Head) -> String {
    let value = head.header("content-type").unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn unreadable(error: impl std::fmt::Display) -> Refusal {
    Refusal { status: 400, problem: error.to_string() }
}

fn refuse<T>(status: u16, problem: String) -> Result<T, Refusal> {
    Err(Refusal { status, problem })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_bomb_is_not_unpacked() {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(&[0; 1000]).unwrap();
        let bomb = packer.finish().unwrap();
        let mut head = Head::default();
        head.headers.push(("content-encoding".into(), "gzip".into()));
        assert_eq!(unpack(&head, bomb.clone(), 1000).unwrap().len(), 1000);
        assert_eq!(unpack(&head, bomb, 999).unwrap_err().status, 413);
    }
}
