//! What OTLP bytes mean, by the published .proto files.
//!
//! [`opentelemetry`] holds prost types made from the files in `proto/` (the OpenTelemetry protocol repository at
//! v1.11.0-16-gac2c4b5, Apache-2.0, unchanged) by `cargo run -p spanloom-oracle-gen`. Tests compare spanloom's own encoders and
//! decoders with them; nothing that ships depends on this crate.

use prost::Message;

#[allow(clippy::all, clippy::pedantic, missing_docs)]
pub mod opentelemetry;

pub use opentelemetry::proto;
pub use prost;

use proto::trace::v1::{Span, TracesData};

/// The span as prost encodes it after decoding: for a message with fields in ascending order, without default values
/// and unknown fields, these are the same bytes.
///
/// # Panics
/// When the bytes are no `Span`.
#[must_use]
pub fn canonical_span(bytes: &[u8]) -> Vec<u8> {
    canonical::<Span>(bytes)
}

/// The same for an export request of traces.
///
/// # Panics
/// When the bytes are no `ExportTraceServiceRequest`.
#[must_use]
pub fn canonical_traces(bytes: &[u8]) -> Vec<u8> {
    canonical::<TracesData>(bytes)
}

/// The same for any message.
///
/// # Panics
/// When the bytes are no such message.
#[must_use]
pub fn canonical<M: Message + Default>(bytes: &[u8]) -> Vec<u8> {
    match M::decode(bytes) {
        Ok(message) => message.encode_to_vec(),
        Err(error) => panic!("{} does not read: {error}", std::any::type_name::<M>()),
    }
}
