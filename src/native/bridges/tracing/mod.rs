//! Spans of the `tracing` crate, recorded as spans of a loom.
//!
//! [`layer`] makes a layer for a `tracing-subscriber` registry. A tracing span becomes a span: its fields are attributes, its
//! events are events, `follows_from` is a link, and its parent is the one that tracing gives it. While a tracing span is
//! entered it is also the [current node](crate::current()), so both ways of recording find each other: a node that is started
//! inside a tracing span is its child, and a tracing span inside a node is the node's.
//!
//! | in tracing | in the loom |
//! |---|---|
//! | field `spanloom.kind = "llm"` | a node of this kind; `"workflow"` on a span without parent: a workflow |
//! | fields `spanloom.input.<name>`, `.output.<name>`, `.config.<name>` | entries of the node's input, output, configuration |
//! | fields `otel.name`, `otel.kind`, `otel.status_code`, `otel.status_description` | name, kind, status |
//! | field `error` | status "error" with its text; with a `dyn Error` also an `exception` event |
//! | event | an event named by its level: `INFO`, `WARN`, ...; an `ERROR` makes the span fail, with its message, else the text of its field `error` as `#[instrument(err)]` writes it |
//! | any other field | an attribute |
//!
//! ```
//! use spanloom::loom::TextOptions;
//! use spanloom::{Loom, MemoryExporter};
//! use tracing_subscriber::layer::SubscriberExt;
//!
//! let memory = MemoryExporter::new();
//! let loom = Loom::builder().exporter(memory.clone()).build();
//! let subscriber = tracing_subscriber::registry().with(spanloom::tracing::layer(&loom));
//! tracing::subscriber::with_default(subscriber, || {
//!     let _run = tracing::info_span!("answer", spanloom.kind = "workflow").entered();
//!     let _step = tracing::info_span!("weather", spanloom.kind = "tool", city = "Paris").entered();
//!     tracing::error!("no route");
//! });
//! loom.flush(std::time::Duration::from_secs(30));
//! assert_eq!(
//!     memory.tree_text(&TextOptions::stable()),
//!     "answer  workflow\n└─ weather  tool  error: no route\n"
//! );
//! ```
//!
//! The layer holds the loom: call [`Loom::flush`] before the program ends. What exporters do themselves is not recorded
//! ([`is_suppressed`](crate::native::is_suppressed)).

mod below;
mod fields;
mod record;

pub use below::below;
pub(in crate::native::bridges) use below::remote_parent;
pub(in crate::native::bridges) use fields::{Fields, Given};
pub use record::RecordLayer;
pub(in crate::native::bridges) use record::Recorded;

use crate::native::Loom;

/// A layer that records into this loom: see the [module](self).
///
/// ```
/// use tracing_subscriber::layer::SubscriberExt;
/// let loom = spanloom::Loom::builder().build();
/// let subscriber = tracing_subscriber::registry().with(spanloom::tracing::layer(&loom).location(true));
/// tracing::subscriber::with_default(subscriber, || tracing::info_span!("work").in_scope(|| ()));
/// assert_eq!(loom.ledger().accepted, 1);
/// ```
#[must_use]
pub fn layer(loom: &Loom) -> RecordLayer {
    RecordLayer::new(loom.clone())
}
