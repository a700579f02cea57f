//! Span contexts, in their words and in ours.

use ::opentelemetry::trace as api;

use crate::context::{SpanContext, TraceFlags, TraceState};
use crate::id::{SpanId, TraceId};

/// Their context as ours.
pub(in crate::native::bridges) fn own_context(span: &api::SpanContext) -> SpanContext {
    let (trace_id, span_id) = own_ids(span);
    let header = span.trace_state().header();
    SpanContext {
        trace_id,
        span_id,
        flags: TraceFlags::from_bits(span.trace_flags().to_u8()),
        trace_state: if header.is_empty() { TraceState::EMPTY } else { header.parse().unwrap_or_default() },
        is_remote: span.is_remote(),
    }
}

/// The ids of their context.
pub(in crate::native::bridges) fn own_ids(span: &api::SpanContext) -> (TraceId, SpanId) {
    (TraceId::from_bytes(span.trace_id().to_bytes()), SpanId::from_bytes(span.span_id().to_bytes()))
}

/// Our context as theirs.
pub(super) fn their_context(span: Option<&SpanContext>) -> api::SpanContext {
    let Some(span) = span else { return api::SpanContext::empty_context() };
    let trace_state = if span.trace_state.is_empty() {
        api::TraceState::default()
    } else {
        span.trace_state.as_str().parse().unwrap_or_default()
    };
    api::SpanContext::new(
        api::TraceId::from_bytes(span.trace_id.to_bytes()),
        api::SpanId::from_bytes(span.span_id.to_bytes()),
        api::TraceFlags::new(span.flags.bits()),
        span.is_remote,
        trace_state,
    )
}
