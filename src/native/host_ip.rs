//! The address of this machine.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};

/// The IPv4 address from which this machine talks to others; `None` where it talks to nobody. Nothing is sent: the system
/// is asked which of its addresses a packet would have.
pub(super) fn host_ip() -> Option<Ipv4Addr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // Any address outside would do; this one is kept for examples.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 80)).ok()?;
    match socket.local_addr().ok()?.ip() {
        IpAddr::V4(ip) => Some(ip).filter(|ip| !ip.is_unspecified()),
        IpAddr::V6(_) => None,
    }
}
