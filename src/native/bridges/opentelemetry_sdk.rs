//! An exporter for OpenTelemetry's SDK: its spans are delivered by a loom.
//!
//! For programs that stay with `opentelemetry_sdk` and want the way out of here: redaction, several destinations, repeats and
//! a ledger. Each batch of the SDK becomes records, which the loom takes as if they were its own. Taking is no delivery: the
//! ledger tells of that. `force_flush` is [`Loom::flush`] (the SDK's batch processor hands over and does not call it),
//! `shutdown` is [`Loom::shutdown`], for all that use the loom; both fail where spans were lost or are still on their way.
//!
//! ```
//! use opentelemetry::trace::{Tracer as _, TracerProvider as _};
//! use opentelemetry_sdk::trace::SdkTracerProvider;
//! use spanloom::{Loom, MemoryExporter};
//!
//! let memory = MemoryExporter::new();
//! let loom = Loom::builder().service("shop").exporter(memory.clone()).build();
//! let provider = SdkTracerProvider::builder()
//!     .with_simple_exporter(spanloom::opentelemetry_sdk::exporter(&loom))
//!     .build();
//! provider.tracer("shop").in_span("order", |_context| ());
//! provider.shutdown_with_timeout(std::time::Duration::from_secs(30))?;
//! assert_eq!((memory.span_count(), loom.ledger().delivered), (1, 1));
//! # Ok::<(), opentelemetry_sdk::error::OTelSdkError>(())
//! ```
//!
//! Spans leave with the loom's resource; that of the SDK is not looked at. The name and version of the library that
//! recorded become the attributes `otel.scope.name` and `otel.scope.version`; a span with the attribute `spanloom.kind` is a
//! node. Limits are the loom's, behind those of the SDK.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ::opentelemetry::trace::Event;
use ::opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use ::opentelemetry_sdk::trace::SpanData;

use super::opentelemetry::{own_ids, put_attribute, span_kind, status, tell, unix_nanos};
use crate::id::SpanId;
use crate::native::{Loom, Receipt};
use crate::record::{SpanBuilder, SpanRole, SpanStart};
use crate::vocabulary as key;

/// How long a flush may take: the SDK does not say.
const FLUSH: Duration = Duration::from_secs(10);

/// An exporter that hands the SDK's spans to this loom: see the [module](self).
///
/// ```
/// use opentelemetry_sdk::trace::SdkTracerProvider;
/// let loom = spanloom::Loom::builder().build();
/// let exporter: spanloom::opentelemetry_sdk::SpanExporter = spanloom::opentelemetry_sdk::exporter(&loom);
/// let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
/// # provider.shutdown().unwrap();
/// ```
#[must_use]
pub fn exporter(loom: &Loom) -> SpanExporter {
    SpanExporter { loom: loom.clone(), is_shut: AtomicBool::new(false) }
}

/// Hands the SDK's spans to a loom: made by [`exporter`].
///
/// ```
/// use opentelemetry_sdk::trace::SpanExporter as _;
/// let exporter: spanloom::opentelemetry_sdk::SpanExporter =
///     spanloom::opentelemetry_sdk::exporter(&spanloom::Loom::builder().build());
/// assert!(exporter.force_flush().is_ok());
/// ```
#[derive(Debug)]
pub struct SpanExporter {
    loom: Loom,
    is_shut: AtomicBool,
}

impl ::opentelemetry_sdk::trace::SpanExporter for SpanExporter {
    fn export(&self, batch: Vec<SpanData>) -> impl Future<Output = OTelSdkResult> + Send {
        let result = if self.is_shut.load(Ordering::Acquire) {
            Err(OTelSdkError::AlreadyShutdown)
        } else {
            self.take(&batch);
            Ok(())
        };
        std::future::ready(result)
    }

    fn force_flush(&self) -> OTelSdkResult {
        outcome(self.loom.flush(FLUSH), FLUSH)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        if self.is_shut.swap(true, Ordering::AcqRel) {
            return Err(OTelSdkError::AlreadyShutdown);
        }
        outcome(self.loom.shutdown(timeout), timeout)
    }
}

impl SpanExporter {
    fn take(&self, batch: &[SpanData]) {
        let core = self.loom.core();
        if core.disabled {
            return;
        }
        let mut builder = SpanBuilder::new(core.limits);
        let mut records = Vec::new();
        for span in batch {
            records.extend_from_slice(put_span(&mut builder, span));
        }
        core.accept(&records, batch.len() as u64);
    }
}

/// Writes a span as a record.
fn put_span<'b>(builder: &'b mut SpanBuilder, span: &SpanData) -> &'b [u8] {
    let (trace_id, span_id) = own_ids(&span.span_context);
    let kind =
        span.attributes.iter().find(|pair| pair.key.as_str() == key::KIND).map(|pair| pair.value.as_str());
    builder.start(&SpanStart {
        workflow: SpanId::NONE,
        trace_id,
        span_id,
        parent_span_id: SpanId::from_bytes(span.parent_span_id.to_bytes()),
        parent_is_remote: span.parent_span_is_remote,
        trace_flags: span.span_context.trace_flags().to_u8(),
        trace_state: &span.span_context.trace_state().header(),
        name: &span.name,
        span_kind: span_kind(&span.span_kind),
        node_kind: kind.as_deref().unwrap_or_default(),
        role: if kind.is_some() { SpanRole::Node } else { SpanRole::Span },
        start_unix_nano: unix_nanos(span.start_time),
    });
    let scope = &span.instrumentation_scope;
    if !scope.name().is_empty() {
        builder.attribute("otel.scope.name", scope.name());
    }
    if let Some(version) = scope.version() {
        builder.attribute("otel.scope.version", version);
    }
    for pair in &span.attributes {
        put_attribute(builder, pair);
    }
    for event in span.events.iter() {
        put_event(builder, event);
    }
    for link in span.links.iter() {
        let (trace_id, span_id) = own_ids(&link.span_context);
        let remote = if link.span_context.is_remote() { 0x300 } else { 0x100 };
        let flags = u32::from(link.span_context.trace_flags().to_u8()) | remote;
        let state = link.span_context.trace_state().header();
        if let Some(mut opened) = builder.open_link(trace_id, span_id, &state, flags) {
            for pair in &link.attributes {
                opened.attribute(pair.key.as_str(), &mut |sink| tell(&pair.value, sink));
            }
        }
    }
    let (code, message) = status(&span.status);
    builder.status(code, message);
    builder.note_dropped(span.dropped_attributes_count, span.events.dropped_count, span.links.dropped_count);
    builder.finish(unix_nanos(span.end_time))
}

fn put_event(builder: &mut SpanBuilder, event: &Event) {
    if let Some(mut opened) = builder.open_event(unix_nanos(event.timestamp), &event.name) {
        for pair in &event.attributes {
            opened.attribute(pair.key.as_str(), &mut |sink| tell(&pair.value, sink));
        }
    }
}

fn outcome(receipt: Receipt, timeout: Duration) -> OTelSdkResult {
    let Receipt { rejected, dropped, pending, .. } = receipt;
    if rejected + dropped > 0 {
        let text =
            format!("{rejected} spans were rejected and {dropped} dropped, {pending} are still on their way");
        return Err(OTelSdkError::InternalFailure(text));
    }
    if pending > 0 { Err(OTelSdkError::Timeout(timeout)) } else { Ok(()) }
}
