//! The OTLP/HTTP exporter over real sockets on this machine: what arrives is what was sent, and whatever a receiver does
//! instead of answering well comes out as the right answer, in time.

mod delivered;
mod faults;
mod proxies;
mod requests;
mod support;
mod tls;
#[path = "../common/tunnel.rs"]
mod tunnel;
