//! A receiver that does what a test tells it to, one thread for each connection.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use spanloom::deliver::{Answer, Reason};
use spanloom::otlp::convention::Wording;
use spanloom::otlp::{Resource, Scope};
use spanloom::{Exporter, Loom, MemoryExporter, Outgoing};

/// Far more than anything here takes, on the busiest machine.
pub const PATIENCE: Duration = Duration::from_secs(30);
pub const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";

#[derive(Debug, Clone, Default)]
pub struct Request {
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found: Vec<_> = self.headers.iter().filter(|(key, _)| key == name).collect();
        assert!(found.len() < 2, "twice: {name}");
        found.first().map(|(_, value)| value.as_str())
    }
}

pub struct Receiver {
    pub address: SocketAddr,
    stop: Arc<AtomicBool>,
    pub connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<Request>>>,
}

/// What a receiver does with its n-th connection.
pub trait Behaviour: Fn(TcpStream, usize, &Seen) -> io::Result<()> + Send + Sync + 'static {}
impl<F: Fn(TcpStream, usize, &Seen) -> io::Result<()> + Send + Sync + 'static> Behaviour for F {}

/// Where requests are kept that arrived whole.
pub struct Seen(Arc<Mutex<Vec<Request>>>);

impl Seen {
    pub fn keep(&self, request: &Request) {
        self.0.lock().unwrap().push(request.clone());
    }
}

impl Receiver {
    #[expect(clippy::disallowed_methods, reason = "a receiver needs threads")]
    pub fn start(behaviour: impl Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let receiver = Self {
            address: listener.local_addr().unwrap(),
            stop: Arc::default(),
            connections: Arc::default(),
            requests: Arc::default(),
        };
        let (stop, connections, requests) =
            (receiver.stop.clone(), receiver.connections.clone(), receiver.requests.clone());
        let behaviour = Arc::new(behaviour);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                stream.set_write_timeout(Some(PATIENCE)).unwrap();
                stream.set_nodelay(true).unwrap();
                let number = connections.fetch_add(1, Ordering::SeqCst);
                let (behaviour, seen) = (behaviour.clone(), Seen(requests.clone()));
                std::thread::spawn(move || behaviour(stream, number, &seen));
            }
        });
        receiver
    }

    /// Answers every request on every connection with these bytes.
    pub fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |mut stream, _, seen| {
            while let Some(request) = read_request(&mut stream)? {
                seen.keep(&request);
                stream.write_all(&answer)?;
            }
            Ok(())
        })
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    pub fn only_request(&self) -> Request {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1);
        requests.remove(0)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // The listener waits for one more connection.
        let _ = TcpStream::connect(self.address);
    }
}

/// Reads a head up to its empty line; `None` where the connection ends before it begins.
pub fn read_head(stream: &mut impl Read) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte)? == 0 {
            return if head.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
        head.push(byte[0]);
    }
    Ok(Some(String::from_utf8(head).unwrap()))
}

pub fn parse_head(head: &str) -> Request {
    let mut lines = head.lines();
    let line = lines.next().unwrap().to_owned();
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    Request { line, headers, body: Vec::new() }
}

pub fn read_request(stream: &mut impl Read) -> io::Result<Option<Request>> {
    let Some(head) = read_head(stream)? else { return Ok(None) };
    let mut request = parse_head(&head);
    let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    request.body.resize(length, 0);
    stream.read_exact(&mut request.body)?;
    Ok(Some(request))
}

/// Closes a connection so that the other side sees a reset: bytes that nobody read are left behind.
pub fn reset(stream: TcpStream) -> io::Result<()> {
    assert_ne!(stream.peek(&mut [0])?, 0, "nothing is left unread");
    drop(stream);
    Ok(())
}

/// A port where nobody listens, and nobody else can while the socket is kept.
pub fn closed_port() -> (socket2::Socket, SocketAddr) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

/// Some spans to send.
pub struct Batch {
    pub records: Vec<u8>,
    resource: Resource,
    scope: Scope,
}

impl Batch {
    pub fn of(nodes: usize) -> Self {
        let memory = MemoryExporter::new();
        let loom = Loom::builder().exporter(memory.clone()).build();
        let run = loom.workflow("answer").start();
        for number in 0..nodes {
            let mut node = run.node("step").kind("tool").start();
            node.attribute("number", i64::try_from(number).unwrap());
            node.attribute("text", "ein „Text“ mit \u{1f9f6} und \"Zeichen\"\n");
            node.end();
        }
        run.end();
        loom.flush(PATIENCE);
        Self {
            records: memory.records(),
            resource: Resource::new([("service.name", "planner".into())]),
            scope: Scope::new("spanloom", "1"),
        }
    }

    pub fn outgoing(&self, within: Duration) -> Outgoing<'_> {
        Outgoing {
            runs: self.records.as_slice().into(),
            resource: &self.resource,
            scope: &self.scope,
            wording: Wording::default(),
            within,
            running: false,
        }
    }

    pub fn otlp(&self) -> Vec<u8> {
        self.outgoing(PATIENCE).to_otlp()
    }

    pub fn send(&self, exporter: &mut impl Exporter) -> Answer {
        self.send_within(exporter, PATIENCE)
    }

    /// Sends, and holds the exporter to its time: twice that and some seconds for a busy machine.
    #[expect(clippy::disallowed_methods, reason = "how long it takes is what is tested")]
    pub fn send_within(&self, exporter: &mut impl Exporter, within: Duration) -> Answer {
        let start = Instant::now();
        let answer = exporter.export(&self.outgoing(within));
        assert!(start.elapsed() < within * 2 + PATIENCE / 2, "took {:?} of {within:?}", start.elapsed());
        answer
    }
}

#[track_caller]
pub fn assert_later(answer: &Answer) -> &str {
    match answer {
        Answer::Later { why, .. } => why,
        other => panic!("not to be sent again: {other:?}"),
    }
}

#[track_caller]
pub fn assert_refused(answer: &Answer, expected: Reason) -> &str {
    match answer {
        Answer::Refused { reason, why } if *reason == expected => why,
        other => panic!("not refused for {expected:?}: {other:?}"),
    }
}
