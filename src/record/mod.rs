//! The record stream: what a host program did, as bytes.
//!
//! A record is a small [envelope] around the bytes of an OTLP `Span` message.

pub mod envelope;

pub use envelope::{Record, RecordError, RecordKind, Records};
