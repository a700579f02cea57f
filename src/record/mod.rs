//! The record stream: what a host program did, as bytes.
//!
//! A record is a small [envelope] around the bytes of an OTLP `Span` message. The [`SpanBuilder`] writes one while its
//! program runs. `docs/records.md` describes the layout byte by byte.

mod buffer;
mod builder;
mod deltas;
pub mod envelope;
mod host;
mod keys;
pub mod layout;
mod limits;
mod nested;
mod pairs;

pub use builder::{Identity, Section, SpanBuilder, SpanRole, SpanStart};
pub use deltas::fold_metrics;
#[cfg(feature = "native")]
pub(crate) use envelope::ENVELOPE_LEN;
pub use envelope::{Record, RecordError, RecordKind, Records, finished_spans};
pub use host::{Ingest, IngestCounts, labels_of_compact};
pub use limits::Limits;
pub use nested::Nested;
