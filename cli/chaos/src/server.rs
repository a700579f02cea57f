//! The server: a listener whose door a scenario can close, and a thread for each connection.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::line::Line;
use crate::plan::{Door, Plan};
use crate::play;
use crate::report::Report;
use crate::scenario::{Scenario, ScenarioError};
use crate::shared::Shared;

const LOOK_UP: Duration = Duration::from_millis(3);
/// Beyond so many connections at a time, further ones are reset.
const CONNECTIONS: usize = 512;

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The scenario has a value that makes no sense.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The port cannot be listened at.
    #[error("cannot listen at 127.0.0.1:{port}, choose another port: {error}")]
    Listen {
        /// The port; 0 stands for any.
        port: u16,
        /// What the system says.
        error: std::io::Error,
    },
}

/// A server that runs until it is dropped.
///
/// ```
/// use std::io::{Read, Write};
/// use spanloom_chaos::{Action, Chaos, Scenario};
/// let chaos = Chaos::start(Scenario::new("busy").step(Action::status(503)))?;
///
/// let mut client = std::net::TcpStream::connect(chaos.address())?;
/// client.write_all(b"POST /v1/traces HTTP/1.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
/// let mut answer = String::new();
/// client.read_to_string(&mut answer)?;
/// assert!(answer.starts_with("HTTP/1.1 503 "));
/// assert_eq!(chaos.report().answered(503), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Chaos {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Chaos {
    /// Starts a server on a free port of the loopback interface.
    ///
    /// # Errors
    /// When the scenario makes no sense, or nothing can be listened at.
    pub fn start(scenario: Scenario) -> Result<Self, StartError> {
        Self::start_at(scenario, 0)
    }

    /// Starts a server on this port of the loopback interface; 0 takes a free one.
    ///
    /// # Errors
    /// When the scenario makes no sense, or the port is taken.
    pub fn start_at(scenario: Scenario, port: u16) -> Result<Self, StartError> {
        scenario.check()?;
        let failed = |error| StartError::Listen { port, error };
        let place = Place::reserve(port).map_err(failed)?;
        let shared = Arc::new(Shared::new(Plan::new(scenario), place.address.port()));
        let address = place.address;
        let listener = Some(place.listen().map_err(failed)?);
        let mut listening = Listening { place, listener, shared: Arc::clone(&shared), closed_until: None };
        // Before anybody knows the address: a door that is closed from the beginning lets nobody in.
        listening.mind_the_door();
        let thread = thread::Builder::new()
            .name("spanloom-chaos".into())
            .spawn(move || listening.run())
            .map_err(failed)?;
        Ok(Self { address, shared, thread: Some(thread) })
    }

    /// Where it listens, as `OTEL_EXPORTER_OTLP_ENDPOINT` wants it: `http://127.0.0.1:4318`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it saw so far.
    #[must_use]
    pub fn report(&self) -> Report {
        self.shared.read(|state| state.report.clone())
    }

    /// Waits until the report is as wanted; false when that takes too long.
    #[must_use = "false means that it did not happen"]
    pub fn wait_for(&self, condition: impl FnMut(&Report) -> bool, timeout: Duration) -> bool {
        self.shared.wait_for(condition, timeout)
    }

    /// Stops the server and gives its last report. Connections that are open are closed.
    #[must_use]
    pub fn stop(mut self) -> Report {
        self.end();
        self.report()
    }

    fn end(&mut self) {
        self.shared.stop();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was printed already.
            let _ = thread.join();
        }
    }
}

impl Drop for Chaos {
    fn drop(&mut self) {
        self.end();
    }
}

/// A port that stays ours while nobody listens at it.
struct Place {
    address: SocketAddr,
    /// Bound and never listening: connections are refused, and nobody else is given the port. Other systems than Linux
    /// do not let two sockets have one address; there the port is free while the door is closed.
    _reserved: Option<Socket>,
}

impl Place {
    fn reserve(port: u16) -> std::io::Result<Self> {
        let reserved = bound((Ipv4Addr::LOCALHOST, port).into())?;
        let address = reserved.local_addr()?.as_socket().ok_or(ErrorKind::AddrNotAvailable)?;
        Ok(Self { address, _reserved: cfg!(target_os = "linux").then_some(reserved) })
    }

    fn listen(&self) -> std::io::Result<TcpListener> {
        let socket = bound(self.address)?;
        socket.listen(128)?;
        socket.set_nonblocking(true)?;
        Ok(socket.into())
    }
}

fn bound(address: SocketAddr) -> std::io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&SockAddr::from(address))?;
    Ok(socket)
}

struct Listening {
    place: Place,
    listener: Option<TcpListener>,
    shared: Arc<Shared>,
    closed_until: Option<Instant>,
}

impl Listening {
    fn run(mut self) {
        let mut threads: Vec<JoinHandle<()>> = Vec::new();
        let mut connections = 0;
        while !self.shared.is_stopping() {
            self.mind_the_door();
            let accepted = self.listener.as_ref().and_then(|listener| listener.accept().ok());
            let Some((stream, _)) = accepted else {
                thread::sleep(LOOK_UP);
                continue;
            };
            threads.retain(|thread| !thread.is_finished());
            connections += 1;
            self.shared.change(|state| state.report.connections = connections);
            let free = threads.len() < CONNECTIONS;
            threads.extend(self.serve(stream, connections, free));
        }
        drop(self.listener);
        for thread in threads {
            let _ = thread.join();
        }
    }

    fn serve(&self, stream: TcpStream, connection: u64, free: bool) -> Option<JoinHandle<()>> {
        let line = Line::new(stream, Arc::clone(&self.shared), self.shared.closings()).ok()?;
        if !free {
            line.reset();
            return None;
        }
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new().name("spanloom-chaos-connection".into());
        thread.spawn(move || play::serve(line, &shared, connection)).ok()
    }

    fn mind_the_door(&mut self) {
        if self.closed_until.is_some_and(|until| Instant::now() < until) {
            return;
        }
        self.closed_until = None;
        match self.shared.change_quietly(|state, seconds| state.plan.door(seconds)) {
            Door::Open => self.open(),
            Door::Closed => self.close(),
            Door::ClosedFor(seconds) => {
                self.close();
                self.closed_until = Some(Instant::now() + Duration::from_secs_f64(seconds));
            }
        }
    }

    fn open(&mut self) {
        if self.listener.is_none() {
            // Where it fails the next round tries again.
            self.listener = self.place.listen().ok();
        }
    }

    fn close(&mut self) {
        if self.listener.take().is_some() {
            self.shared.close_door();
        }
    }
}
