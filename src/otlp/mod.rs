//! OTLP: the protobuf messages in which spans live inside this crate, on disk and on the wire.
//!
//! [`wire`] has the primitives, [`any`] values and key-value pairs, [`span`] the `Span` message. Reading is done in
//! place, by views that borrow the bytes; writing appends to a buffer.

pub mod any;
pub mod span;
pub mod wire;
