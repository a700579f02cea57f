//! A client that sees every byte, and requests to send with it.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use spanloom::otlp::{Resource, Scope, encode_traces, wire};
use spanloom::{SpanId, TraceId};

/// Longer than any busy machine needs; nothing here waits that long where all is well.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub fn trace_id() -> TraceId {
    TraceId::from_halves(1, 2)
}

/// A protobuf request with spans of these ids.
pub fn traces(ids: impl IntoIterator<Item = u64>) -> Vec<u8> {
    let spans: Vec<Vec<u8>> = ids.into_iter().map(span).collect();
    let mut request = Vec::new();
    encode_traces(
        &Resource::default(),
        &Scope::new("test", ""),
        spans.iter().map(Vec::as_slice),
        &mut request,
    );
    request
}

fn span(id: u64) -> Vec<u8> {
    let mut span = Vec::new();
    wire::put_bytes_field(&mut span, 1, trace_id().as_bytes());
    wire::put_bytes_field(&mut span, 2, SpanId::from_u64(id).as_bytes());
    wire::put_bytes_field(&mut span, 5, b"step");
    span
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

pub fn head(headers: &str, length: usize) -> String {
    format!("POST /v1/traces HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n{headers}\r\n")
}

pub fn post(stream: &mut TcpStream, headers: &str, body: &[u8]) {
    // At once: between two writes the server could reset the connection already.
    let mut request = head(headers, body.len()).into_bytes();
    request.extend_from_slice(body);
    stream.write_all(&request).unwrap();
}

pub const PROTOBUF: &str = "Content-Type: application/x-protobuf\r\n";

/// Sends spans over a connection of its own and reads until the server ends it.
pub fn export(address: SocketAddr, ids: impl IntoIterator<Item = u64>) -> Seen {
    let mut stream = connect(address);
    post(&mut stream, "Content-Type: application/x-protobuf\r\nConnection: close\r\n", &traces(ids));
    read_all(&mut stream)
}

/// The status of an export, or none where the connection failed.
pub fn try_export(address: SocketAddr, id: u64) -> Option<u16> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let body = traces([id]);
    let mut request =
        head("Content-Type: application/x-protobuf\r\nConnection: close\r\n", body.len()).into_bytes();
    request.extend_from_slice(&body);
    stream.write_all(&request).ok()?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).ok()?;
    Some(Seen { bytes, was_reset: false }.status())
}

/// What came over a connection until its end.
#[derive(Debug)]
pub struct Seen {
    pub bytes: Vec<u8>,
    pub was_reset: bool,
}

impl Seen {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub fn status(&self) -> u16 {
        self.text().split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
    }

    pub fn body(&self) -> &[u8] {
        let at = self.bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        &self.bytes[at + 4..]
    }

    pub fn header(&self, name: &str) -> Option<String> {
        let text = self.text();
        let head = text.split("\r\n\r\n").next()?;
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_string())
    }
}

pub fn read_all(stream: &mut TcpStream) -> Seen {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Seen { bytes, was_reset: false },
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                return Seen { bytes, was_reset: true };
            }
            Err(error) => panic!("{error} after {} bytes", bytes.len()),
        }
    }
}

/// Reads one answer from a connection that stays open.
pub fn read_answer(stream: &mut TcpStream) -> Seen {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        bytes.push(byte[0]);
    }
    let seen = Seen { bytes, was_reset: false };
    let length: usize = seen.header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut bytes = seen.bytes;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    bytes.extend_from_slice(&body);
    Seen { bytes, was_reset: false }
}
