//! What several of these tests need.

use std::net::SocketAddr;
use std::time::Duration;

use spanloom::{Ledger, Loom};

/// How long a test waits for what has to come.
pub const LONG: Duration = Duration::from_secs(30);

pub fn spans(loom: &Loom, number: usize) {
    (0..number).for_each(|_| loom.span("s", None).start().end());
}

/// P1: every span that was accepted is somewhere, at each destination.
#[track_caller]
pub fn adds_up(loom: &Loom) -> Ledger {
    let ledger = loom.ledger();
    assert!(ledger.adds_up(), "{ledger:?}");
    ledger
}

/// A port where nobody listens, and nobody else can while the socket is kept.
pub fn closed_port() -> (socket2::Socket, SocketAddr) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}
