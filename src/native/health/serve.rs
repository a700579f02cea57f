//! A small server: what probes need where a program has no other one.
//!
//! One thread accepts. Each connection is read and answered on a thread of its own, eight at most: further ones wait in the
//! system's queue. A connection has one request, of 8 KiB at most; five seconds to say it, and thirty to take the answer.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use thiserror::Error;

use super::handle::{Health, Inner};
use super::http1::{LONGEST_HEAD, head_end, head_of, parse};
use crate::health::Answer;
use crate::native::clock::steady_now;
use crate::native::core::locked;
use crate::native::fork;

const MOST_CONNECTIONS: usize = 8;
/// How long the head of a request may take.
const TO_READ: Duration = Duration::from_secs(5);
/// How long an answer may take: a page of metrics may be long.
const TO_WRITE: Duration = Duration::from_secs(30);
/// How long a client may take to see that all is said.
const TO_LEAVE: Duration = Duration::from_millis(500);
/// What may come behind the head: somebody else's body.
const MOST_BEHIND: usize = 64 << 10;

/// Why health is not served.
///
/// ```
/// use spanloom::Health;
/// let health = Health::builder().build();
/// let taken = std::net::TcpListener::bind(("127.0.0.1", 0))?;
/// let error = health.serve(taken.local_addr()?).unwrap_err();
/// assert!(error.to_string().starts_with("cannot listen on 127.0.0.1:"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {address}: {why}; choose another address or port (DYN_SYSTEM_HOST, DYN_SYSTEM_PORT)"
    )]
    Listen {
        /// The address.
        address: String,
        /// What the system says.
        why: io::Error,
    },
    /// The system has no thread for the server.
    #[error("cannot start the health server's thread: {0}; raise the process's limit of threads")]
    Thread(io::Error),
}

impl Health {
    /// Serves the [answers](Self::answer) over HTTP/1.1 until the last handle is gone. Gives the address it listens on: port 0
    /// takes a free one.
    ///
    /// ```
    /// use std::io::{Read, Write};
    /// let health = spanloom::Health::builder().plain_live(true).build();
    /// let address = health.serve(("127.0.0.1", 0))?;
    ///
    /// let mut probe = std::net::TcpStream::connect(address)?;
    /// probe.write_all(b"GET /live HTTP/1.1\r\nhost: localhost\r\n\r\n")?;
    /// let mut answer = String::new();
    /// probe.read_to_string(&mut answer)?;
    /// assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When the address cannot be listened on, or the system has no thread for the server.
    pub fn serve(&self, address: impl ToSocketAddrs) -> Result<SocketAddr, ServeError> {
        let found: Vec<SocketAddr> = match address.to_socket_addrs() {
            Ok(found) => found.collect(),
            Err(why) => return Err(ServeError::Listen { address: "the given address".to_owned(), why }),
        };
        let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
        self.serve_at(found.as_slice(), &shown.join(", "))
    }

    fn serve_at(&self, address: impl ToSocketAddrs, shown: &str) -> Result<SocketAddr, ServeError> {
        let listen = || {
            let listener = TcpListener::bind(&address)?;
            let bound = listener.local_addr()?;
            Ok((listener, bound))
        };
        let (listener, bound) =
            listen().map_err(|why| ServeError::Listen { address: shown.to_owned(), why })?;
        let inner = Arc::clone(self.inner());
        inner.state().servers.push(bound);
        let accepting = Arc::clone(&inner);
        let started = fork::spawn("spanloom-health", move || accept(&accepting, &listener));
        if let Err(why) = started {
            inner.state().servers.retain(|server| *server != bound);
            return Err(ServeError::Thread(why));
        }
        Ok(bound)
    }

    /// As [`Self::serve`], where the configuration says: `DYN_SYSTEM_HOST` and `DYN_SYSTEM_PORT`. `None` where it says that there
    /// is no server, which is the default.
    ///
    /// ```
    /// let health = spanloom::Health::builder().build();
    /// assert_eq!(health.serve_as_configured()?, None);
    /// # Ok::<(), spanloom::native::ServeError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::serve`].
    pub fn serve_as_configured(&self) -> Result<Option<SocketAddr>, ServeError> {
        let settings = &self.inner().options.settings;
        let Some(port) = settings.port else { return Ok(None) };
        let host = settings.host.as_str();
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        self.serve_at((bare, port), &format!("{host}:{port}")).map(Some)
    }
}

/// Gets a thread that accepts out of its waiting.
pub(super) fn wake(server: SocketAddr) {
    let ip = match server.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    // Where that fails, the thread ends with the next probe.
    let _ = TcpStream::connect_timeout(&SocketAddr::new(ip, server.port()), TO_LEAVE);
}

/// How many connections are being answered.
#[derive(Default)]
struct Places {
    taken: Mutex<usize>,
    changed: Condvar,
}

/// A place for a connection, until it is dropped.
struct Place(Arc<Places>);

impl Place {
    fn take(places: &Arc<Places>) -> Self {
        let mut taken = locked(&places.taken);
        while *taken >= MOST_CONNECTIONS {
            taken = places.changed.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        *taken += 1;
        Self(Arc::clone(places))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *locked(&self.0.taken) -= 1;
        self.0.changed.notify_all();
    }
}

fn accept(inner: &Arc<Inner>, listener: &TcpListener) {
    let places = Arc::new(Places::default());
    let generation = fork::generation();
    loop {
        let place = Place::take(&places);
        let accepted = listener.accept();
        // A hook of the program's cannot fork here, but what it says may have been heard by its child.
        if fork::generation() != generation || inner.state().closed {
            return;
        }
        let Ok((stream, _)) = accepted else {
            // Too many open files, or a client that has gone: the next one may do better.
            drop(place);
            thread::sleep(Duration::from_millis(10));
            continue;
        };
        let answering = Arc::clone(inner);
        // Where the system has no thread the connection is closed; the next probe may have more luck.
        let _ = fork::spawn("spanloom-probe", move || {
            let _place = place;
            // A client that goes away has its answer.
            let _ = converse(&answering, stream);
        });
    }
}

fn converse(inner: &Inner, mut stream: TcpStream) -> io::Result<()> {
    let _ = stream.set_nodelay(true);
    let answer = match read_head(&mut stream)? {
        Head::Whole(head) => match parse(&head) {
            Ok(request) => inner.answer(request.method, request.target, &request.accept),
            Err(answer) => answer,
        },
        Head::TooLong => Answer::text(431, "The head of the request is too long"),
        Head::TooSlow => Answer::text(408, "The request takes too long"),
        Head::Gone => return Ok(()),
    };
    let deadline = steady_now() + TO_WRITE;
    write_all(&mut stream, head_of(&answer).as_bytes(), deadline)?;
    write_all(&mut stream, answer.body.as_bytes(), deadline)?;
    leave(&mut stream)
}

enum Head {
    Whole(Vec<u8>),
    TooLong,
    TooSlow,
    /// The client went away before it had asked.
    Gone,
}

fn read_head(stream: &mut TcpStream) -> io::Result<Head> {
    let deadline = steady_now() + TO_READ;
    let (mut head, mut part) = (Vec::new(), [0; 1024]);
    loop {
        let Some(left) = left_until(deadline) else { return Ok(Head::TooSlow) };
        stream.set_read_timeout(Some(left))?;
        let read = match stream.read(&mut part) {
            Ok(0) => return Ok(Head::Gone),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if is_timeout(&error) => return Ok(Head::TooSlow),
            Err(error) => return Err(error),
        };
        head.extend_from_slice(part.get(..read).unwrap_or_default());
        if let Some(end) = head_end(&head) {
            head.truncate(end);
            return Ok(Head::Whole(head));
        }
        if head.len() > LONGEST_HEAD {
            return Ok(Head::TooLong);
        }
    }
}

/// The standard library's has a limit for each part only: whoever reads byte by byte would stay for days.
fn write_all(stream: &mut TcpStream, mut bytes: &[u8], deadline: Instant) -> io::Result<()> {
    while !bytes.is_empty() {
        let Some(left) = left_until(deadline) else { return Err(io::ErrorKind::TimedOut.into()) };
        stream.set_write_timeout(Some(left))?;
        match stream.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Waits until the client has seen the end: a connection that is closed with something unread may lose its answer.
fn leave(stream: &mut TcpStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    let deadline = steady_now() + TO_LEAVE;
    let (mut behind, mut part) = (0, [0; 1024]);
    while behind < MOST_BEHIND {
        let Some(left) = left_until(deadline) else { break };
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut part) {
            Ok(0) | Err(_) => break,
            Ok(read) => behind += read,
        }
    }
    Ok(())
}

/// The time up to a deadline; a timeout of nothing would be none at all.
fn left_until(deadline: Instant) -> Option<Duration> {
    let left = deadline.saturating_duration_since(steady_now());
    (!left.is_zero()).then_some(left)
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
