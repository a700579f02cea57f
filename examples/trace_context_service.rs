//! A service that speaks the protocol of the official W3C trace context test suite.
//!
//! Each POST brings a JSON array `[{"url": ..., "arguments": ...}]`. For each element the service posts the arguments
//! to the url, as one call of the same trace with a span of its own, and answers when all of these are answered.
//! `docs/w3c-harness.md` tells how to run the suite against it.
#![expect(clippy::disallowed_methods, reason = "a program has threads; only the core has none")]

use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

use serde_json::Value;
use spanloom::context::{self, Context, RootOptions, SpanContext};
use spanloom::{SpanId, TraceId};

const HELP: &str = "\
Service under test for the W3C trace context test suite. Listens on 127.0.0.1 only.

Usage: trace_context_service [--port N]

Options:
  --port N   port to listen on; 0 or none means 5000
  --help     print this text
";

const DEFAULT_PORT: u16 = 5000;
const MAX_HEAD: u64 = 64 * 1024;
const MAX_BODY: usize = 1024 * 1024;
/// Nobody may hold a thread for ever.
const TIMEOUT: Duration = Duration::from_secs(10);

type Headers = Vec<(Vec<u8>, Vec<u8>)>;

struct Request {
    method: String,
    headers: Headers,
    body: Vec<u8>,
}

enum Command {
    Help,
    Serve(u16),
}

fn main() -> ExitCode {
    match read_command(std::env::args().skip(1)) {
        Ok(Command::Help) => {
            print!("{HELP}");
            ExitCode::SUCCESS
        }
        Ok(Command::Serve(port)) => match serve(port) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("cannot listen on port {port}: {error}");
                ExitCode::FAILURE
            }
        },
        Err(message) => {
            eprint!("{message}\n\n{HELP}");
            ExitCode::from(2)
        }
    }
}

fn read_command(mut arguments: impl Iterator<Item = String>) -> Result<Command, String> {
    let mut port = DEFAULT_PORT;
    while let Some(argument) = arguments.next() {
        let value = match argument.as_str() {
            "--help" | "-h" => return Ok(Command::Help),
            "--port" => arguments.next().ok_or("--port needs a number")?,
            other => other.strip_prefix("--port=").ok_or(format!("unknown argument: {other}"))?.to_owned(),
        };
        port = match value.parse() {
            Ok(0) => DEFAULT_PORT,
            Ok(port) => port,
            Err(_) => return Err(format!("not a port: {value}")),
        };
    }
    Ok(Command::Serve(port))
}

fn serve(port: u16) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    println!("listening on http://{}/test", listener.local_addr()?);
    for stream in listener.incoming() {
        let stream = stream?;
        std::thread::spawn(move || {
            if let Err(error) = answer(stream) {
                eprintln!("request failed: {error}");
            }
        });
    }
    Ok(())
}

/// Serves the one request of a connection.
fn answer(mut stream: TcpStream) -> Result<(), Box<dyn Error>> {
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let outcome = read_request(&stream).and_then(|request| handle(&request));
    let (status, body) = match &outcome {
        Ok(()) => ("200 OK", "{\"ok\":true}".to_owned()),
        Err(error) => ("400 Bad Request", serde_json::json!({ "error": error.to_string() }).to_string()),
    };
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\n");
    write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len())?;
    outcome
}

/// The part that shows the library: take the context up, make calls below it.
fn handle(request: &Request) -> Result<(), Box<dyn Error>> {
    if request.method != "POST" {
        return Err("only POST is served".into());
    }
    let calls: Vec<Value> = serde_json::from_slice(&request.body)?;

    let came = context::extract(&request.headers);
    let server_span = match &came.span {
        Some(parent) => parent.child(new_span_id()?),
        None => SpanContext::root(new_trace_id()?, new_span_id()?, RootOptions::default()),
    };

    for call in &calls {
        let url = call["url"].as_str().ok_or("an element has no url")?;
        let client_span = server_span.child(new_span_id()?);
        let goes = Context { span: Some(client_span), ..came.clone() };
        let mut headers = Vec::new();
        context::inject(&goes, &mut headers);
        post(url, &headers, &call["arguments"])?;
    }
    Ok(())
}

fn new_trace_id() -> Result<TraceId, getrandom::Error> {
    Ok(TraceId::from_halves(getrandom::u64()? | 1, getrandom::u64()?))
}

fn new_span_id() -> Result<SpanId, getrandom::Error> {
    // Never zero: zero means no id.
    Ok(SpanId::from_u64(getrandom::u64()? | 1))
}

/// Posts JSON to a url on this machine and waits for the whole answer.
fn post(url: &str, headers: &[(String, String)], body: &Value) -> Result<(), Box<dyn Error>> {
    let rest = url.strip_prefix("http://").ok_or_else(|| format!("not an http url: {url}"))?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if url.contains(|c: char| c.is_control() || c == ' ') {
        return Err("a url with white space".into());
    }
    let address = with_port(host).to_socket_addrs()?.find(|address| address.ip().is_loopback());
    let address = address.ok_or_else(|| format!("not on this machine: {host}"))?;

    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    let body = body.to_string();
    let mut request = format!("POST /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    request += &format!("content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes())?;

    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).unwrap_or_default();
    if status.starts_with('2') { Ok(()) } else { Err(format!("{url} answered {status:?}").into()) }
}

fn with_port(host: &str) -> String {
    if host.contains(':') { host.to_owned() } else { format!("{host}:80") }
}

fn read_request(stream: &TcpStream) -> Result<Request, Box<dyn Error>> {
    let mut reader = BufReader::new(stream);
    let mut head = reader.by_ref().take(MAX_HEAD);
    let first = read_line(&mut head)?;
    let method = String::from_utf8_lossy(&first).split(' ').next().unwrap_or_default().to_owned();

    // Repeated headers stay apart: each is an element of the list.
    let mut headers = Headers::new();
    loop {
        let line = read_line(&mut head)?;
        if line.is_empty() {
            break;
        }
        let colon = line.iter().position(|byte| *byte == b':').ok_or("a header without a colon")?;
        headers.push((line[..colon].to_vec(), line[colon + 1..].to_vec()));
    }

    let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(b"content-length"));
    let (_, length) = length.ok_or("no content-length")?;
    let length: usize = std::str::from_utf8(length)?.trim().parse()?;
    if length > MAX_BODY {
        return Err("the body is too long".into());
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Request { method, headers, body })
}

/// A line without its end.
fn read_line(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    reader.read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(line)
}
