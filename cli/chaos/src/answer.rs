//! Answers: heads, OTLP bodies, and bodies that are far too large.
//!
//! A huge body is never held: one block is made and sent again and again. The gzip bomb is one compressed block of
//! zeros that refers to nothing before it, so that repeating its bytes repeats its content.

use std::time::SystemTime;

use flate2::{Compress, Compression, Crc, FlushCompress};
use spanloom::otlp::wire;

use crate::http_date::http_date;
use crate::line::{Broken, Line};
use crate::scenario::{HugeKind, RetryAfter, Status};
use crate::store::Encoding;

/// An answer without its body.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub date_skew: i64,
}

impl Answer {
    pub fn new(status: u16, content_type: &str, body: Vec<u8>) -> Self {
        let mut headers = Vec::new();
        if !content_type.is_empty() {
            headers.push(("Content-Type".into(), content_type.into()));
        }
        Self { status, headers, body, date_skew: 0 }
    }

    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// The answer to a request that was stored, whole or in part.
pub(crate) fn success(encoding: Encoding, rejected: u64, message: &str) -> Answer {
    let nothing = rejected == 0 && message.is_empty();
    match encoding {
        Encoding::Json if nothing => Answer::new(200, content_type(encoding), b"{}".to_vec()),
        Encoding::Json => {
            let partial = serde_json::json!({"rejectedSpans": rejected.to_string(), "errorMessage": message});
            let text = serde_json::json!({"partialSuccess": partial}).to_string();
            Answer::new(200, content_type(encoding), text.into_bytes())
        }
        Encoding::Protobuf => {
            let mut partial = Vec::new();
            wire::put_varint_field(&mut partial, 1, rejected);
            wire::put_bytes_field(&mut partial, 2, message.as_bytes());
            let mut body = Vec::new();
            if !nothing {
                wire::put_bytes_field(&mut body, 1, &partial);
            }
            Answer::new(200, content_type(encoding), body)
        }
    }
}

/// The answer to a request that failed: a `google.rpc.Status`.
pub(crate) fn failure(encoding: Encoding, status: u16, message: &str) -> Answer {
    let code = grpc_code(status);
    let body = match encoding {
        Encoding::Json => serde_json::json!({"code": code, "message": message}).to_string().into_bytes(),
        Encoding::Protobuf => {
            let mut body = Vec::new();
            wire::put_varint_field(&mut body, 1, code);
            wire::put_bytes_field(&mut body, 2, message.as_bytes());
            body
        }
    };
    Answer::new(status, content_type(encoding), body)
}

/// The answer of the action `status`.
pub(crate) fn scripted(encoding: Encoding, status: &Status) -> Answer {
    let mut answer = match &status.body {
        Some(body) => Answer::new(status.code, "", body.clone().into_bytes()),
        None if status.code < 300 => Answer { status: status.code, ..success(encoding, 0, "") },
        None => failure(encoding, status.code, "a scripted fault"),
    };
    answer.date_skew = status.date_skew_seconds;
    if let Some(retry_after) = &status.retry_after {
        let value = match retry_after {
            RetryAfter::Seconds(seconds) => seconds.to_string(),
            RetryAfter::DateInSeconds(seconds) => {
                http_date(now().saturating_add(status.date_skew_seconds).saturating_add(*seconds))
            }
            RetryAfter::Text(text) => text.clone(),
        };
        answer = answer.header("Retry-After", value);
    }
    for (name, value) in &status.headers {
        answer = answer.header(name, value.as_str());
    }
    answer
}

pub(crate) const fn content_type(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Protobuf => "application/x-protobuf",
        Encoding::Json => "application/json",
    }
}

/// Sends an answer.
pub(crate) fn send(line: &mut Line, answer: &Answer, keep_alive: bool) -> Result<(), Broken> {
    // 204 and 304 have no body and no length.
    let bare = matches!(answer.status, 204 | 304);
    let length = format!("Content-Length: {}\r\n", answer.body.len());
    let mut bytes = head(answer, if bare { "" } else { &length }, keep_alive).into_bytes();
    if !bare {
        bytes.extend_from_slice(&answer.body);
    }
    line.send(&bytes)
}

/// Sends an answer that does not end soon.
pub(crate) fn send_huge(
    line: &mut Line,
    encoding: Encoding,
    kind: HugeKind,
    bytes: u64,
) -> Result<(), Broken> {
    let answer = Answer::new(200, content_type(encoding), Vec::new());
    let block = vec![0; BLOCK];
    match kind {
        HugeKind::Bytes => {
            line.send(head(&answer, &format!("Content-Length: {bytes}\r\n"), true).as_bytes())?;
            let mut left = bytes;
            while left > 0 {
                let piece = &block[..usize::try_from(left).unwrap_or(BLOCK).min(BLOCK)];
                line.send(piece)?;
                left -= piece.len() as u64;
            }
            Ok(())
        }
        HugeKind::EndlessChunks => {
            line.send(head(&answer, "Transfer-Encoding: chunked\r\n", true).as_bytes())?;
            let mut chunk = format!("{BLOCK:x}\r\n").into_bytes();
            chunk.extend_from_slice(&block);
            chunk.extend_from_slice(b"\r\n");
            loop {
                line.send(&chunk)?;
            }
        }
        HugeKind::GzipBomb => {
            let answer = answer.header("Content-Encoding", "gzip");
            let times = bytes / BLOCK as u64;
            let (packed, crc) = packed_block(&block);
            let frame = GZIP_HEAD.len() as u64 + GZIP_TAIL;
            let length = frame + times * packed.len() as u64;
            line.send(head(&answer, &format!("Content-Length: {length}\r\n"), true).as_bytes())?;
            line.send(&GZIP_HEAD)?;
            let mut total = Crc::new();
            for _ in 0..times {
                line.send(&packed)?;
                total.combine(&crc);
            }
            // An empty last block, the checksum, and the length, which wraps around by the format's own rule.
            let mut tail = vec![3, 0];
            tail.extend_from_slice(&total.sum().to_le_bytes());
            tail.extend_from_slice(&total.amount().to_le_bytes());
            line.send(&tail)
        }
    }
}

const BLOCK: usize = 64 * 1024;
const GZIP_HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
const GZIP_TAIL: u64 = 10;

/// A block as deflated bytes that end at a whole byte and can be repeated, and its checksum.
fn packed_block(block: &[u8]) -> (Vec<u8>, Crc) {
    let mut packed = Vec::with_capacity(BLOCK);
    let mut compress = Compress::new(Compression::best(), false);
    // The buffer holds a whole block even where nothing can be compressed, so one call is enough.
    let _ = compress.compress_vec(block, &mut packed, FlushCompress::Full);
    let mut crc = Crc::new();
    crc.update(block);
    (packed, crc)
}

fn head(answer: &Answer, length: &str, keep_alive: bool) -> String {
    let mut text = format!("HTTP/1.1 {} {}\r\n", answer.status, reason(answer.status));
    text.push_str(&format!("Date: {}\r\n", http_date(now().saturating_add(answer.date_skew))));
    text.push_str(length);
    for (name, value) in &answer.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if !keep_alive {
        text.push_str("Connection: close\r\n");
    }
    text.push_str("\r\n");
    text
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Scripted",
    }
}

const fn grpc_code(status: u16) -> u64 {
    match status {
        400 | 413 | 415 => 3,
        401 => 16,
        403 => 7,
        404 => 5,
        429 => 8,
        500 => 13,
        501 | 405 => 12,
        502..=504 => 14,
        _ => 2,
    }
}
