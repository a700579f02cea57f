//! A provider behind OpenTelemetry's API: what is instrumented for `opentelemetry` records into a loom, unchanged.
//!
//! A tracer's span is a plain span of the loom: attributes, events, links, status and times as they are given, its parent the
//! span in the OpenTelemetry context. Where that context has none, the [current node](crate::current()) is the parent, so that
//! an instrumented library called inside a node records below it. The attribute `spanloom.kind` on a span's builder makes the
//! span a node. The name and version of the tracer become the attributes `otel.scope.name` and `otel.scope.version`. The
//! loom's own sampler, limits, redaction and exporters hold.
//!
//! ```
//! use opentelemetry::KeyValue;
//! use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
//! use spanloom::loom::TextOptions;
//! use spanloom::{Loom, MemoryExporter};
//!
//! let memory = MemoryExporter::new();
//! let loom = Loom::builder().exporter(memory.clone()).build();
//! let tracer = spanloom::opentelemetry::provider(&loom).tracer("shop");
//! tracer.in_span("order", |_context| {
//!     let mut query = tracer.start("SELECT");
//!     query.set_attribute(KeyValue::new("db.system.name", "postgresql"));
//! });
//! loom.flush(std::time::Duration::from_secs(30));
//! assert_eq!(memory.tree_text(&TextOptions::stable()), "order\n└─ SELECT\n");
//! ```
//!
//! The provider holds the loom: call [`Loom::flush`] before the program ends. Where telemetry is suppressed, by
//! OpenTelemetry's context or because an exporter is at work, nothing is recorded.

mod ids;
mod propagator;
mod span;
mod tracer;
mod values;

#[cfg(feature = "opentelemetry-sdk")]
pub(super) use ids::own_ids;
pub use propagator::Propagator;
pub use span::Span;
pub use tracer::{Provider, Tracer};
#[cfg(feature = "opentelemetry-sdk")]
pub(super) use values::{put_attribute, span_kind, status, tell, unix_nanos};

use ::opentelemetry::trace::TraceContextExt as _;

use crate::native::Loom;

/// The active span of an OpenTelemetry context, for what is to stand below it.
///
/// ```
/// use opentelemetry::Context;
/// use opentelemetry::trace::{Tracer as _, TracerProvider as _};
/// let loom = spanloom::Loom::builder().build();
/// let tracer = spanloom::opentelemetry::provider(&loom).tracer("shop");
/// tracer.in_span("order", |active| {
///     let above = spanloom::opentelemetry::context(&active);
///     let run = loom.workflow("answer").parent(&above).start();
///     assert_eq!(run.context().span.unwrap().trace_id, above.span.unwrap().trace_id);
/// });
/// ```
#[must_use]
pub fn context(context: &::opentelemetry::Context) -> crate::context::Context {
    let active = context.span();
    let span = active.span_context();
    crate::context::Context {
        span: span.is_valid().then(|| ids::own_context(span)),
        ..crate::context::Context::default()
    }
}

/// A provider whose tracers record into this loom: see the [module](self).
///
/// ```
/// use opentelemetry::global;
/// use opentelemetry::trace::Tracer as _;
/// let loom = spanloom::Loom::builder().build();
/// global::set_tracer_provider(spanloom::opentelemetry::provider(&loom));
/// global::tracer("shop").in_span("order", |_context| ());
/// assert_eq!(loom.ledger().accepted, 1);
/// ```
#[must_use]
pub fn provider(loom: &Loom) -> Provider {
    Provider::new(loom.clone())
}
