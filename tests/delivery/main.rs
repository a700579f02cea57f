//! The whole way: a program records, a loom delivers over real sockets, and a receiver fails in every way there is.
#![cfg(all(feature = "native", feature = "otlp-http"))]

mod ends;
mod everyday;
mod faults;
mod from_env;
#[path = "../common/halts.rs"]
mod halts;
mod limits;
#[path = "../common/scratch.rs"]
mod scratch;
mod spool;
mod support;
