//! From a header map to a [`Context`] and back.

use super::{
    Baggage, ReadHeaders, RequestId, RequestIdError, SpanContext, TraceState, TraceStateError,
    TraceparentError, WriteHeaders, traceparent,
};

/// Name of the header that holds trace, span and flags.
pub const TRACEPARENT: &str = "traceparent";
/// Name of the header that holds the notes of tracing systems.
pub const TRACESTATE: &str = "tracestate";
/// Name of the header that holds baggage.
pub const BAGGAGE: &str = "baggage";
/// Name of the header that holds the request id.
pub const X_REQUEST_ID: &str = "x-request-id";

/// All that travels with a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Context {
    /// The span the request belongs to; none where no valid `traceparent` came.
    pub span: Option<SpanContext>,
    /// What programs before this one have given along.
    pub baggage: Baggage,
    /// The name of the request.
    pub request_id: Option<RequestId>,
}

/// What was dropped while a [`Context`] was read. All empty where nothing was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ExtractReport {
    /// Why the trace headers were ignored.
    pub traceparent: Option<TraceparentError>,
    /// Why the tracestate beside a valid traceparent was ignored.
    pub tracestate: Option<TraceStateError>,
    /// How many members were cut off a tracestate of more than 512 characters.
    pub tracestate_cut: usize,
    /// How many members of baggage were malformed, or beyond its limits.
    pub baggage_dropped: usize,
    /// Why the request id was ignored.
    pub request_id: Option<RequestIdError>,
}

impl ExtractReport {
    /// True where nothing was dropped.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }
}

/// Reads what came with a request.
///
/// Never panics and never fails: headers that break the rules count as absent, each for itself, except that a
/// tracestate without a valid traceparent is ignored. Of several request ids the first counts.
#[must_use]
pub fn extract(headers: &(impl ReadHeaders + ?Sized)) -> Context {
    extract_with_report(headers).0
}

/// Like [`extract`], and tells what was dropped.
#[must_use]
pub fn extract_with_report(headers: &(impl ReadHeaders + ?Sized)) -> (Context, ExtractReport) {
    let mut report = ExtractReport::default();
    let span = read_span(headers, &mut report);
    let (baggage, dropped) = Baggage::read(headers.header_values(BAGGAGE));
    report.baggage_dropped = dropped;
    let request_id = headers.header_values(X_REQUEST_ID).next().map(RequestId::read).transpose();
    let request_id = request_id.unwrap_or_else(|error| {
        report.request_id = Some(error);
        None
    });
    (Context { span, baggage, request_id }, report)
}

fn read_span(headers: &(impl ReadHeaders + ?Sized), report: &mut ExtractReport) -> Option<SpanContext> {
    let mut values = headers.header_values(TRACEPARENT);
    let first = values.next()?;
    let read =
        if values.next().is_some() { Err(TraceparentError::Repeated) } else { traceparent::read(first) };
    let mut span = read.map_err(|error| report.traceparent = Some(error)).ok()?;
    match TraceState::read(headers.header_values(TRACESTATE)) {
        Ok((state, cut)) => {
            span.trace_state = state;
            report.tracestate_cut = cut;
        }
        Err(error) => report.tracestate = Some(error),
    }
    Some(span)
}

/// Writes what goes with a request. Each header that is written replaces what stood there.
///
/// A valid span writes `traceparent` and its tracestate, and takes away a tracestate that belongs to something else.
/// What the context does not have is left alone: who sends on a map that was received calls [`strip`] first.
///
/// The span goes out as it is. A program that takes part in the trace puts the span that makes the call into the
/// context before; a proxy that only passes on may leave the remote one there.
pub fn inject(context: &Context, headers: &mut (impl WriteHeaders + ?Sized)) {
    if let Some(span) = context.span.as_ref().filter(|span| span.is_valid()) {
        let value = traceparent::write(span);
        headers.set_header(TRACEPARENT, str::from_utf8(&value).unwrap_or_default());
        if span.trace_state.is_empty() {
            headers.remove_header(TRACESTATE);
        } else {
            headers.set_header(TRACESTATE, span.trace_state.as_str());
        }
    }
    if !context.baggage.is_empty() {
        headers.set_header(BAGGAGE, context.baggage.as_str());
    }
    if let Some(id) = &context.request_id {
        headers.set_header(X_REQUEST_ID, id.as_str());
    }
}

/// Takes away all headers that [`inject`] may write.
pub fn strip(headers: &mut (impl WriteHeaders + ?Sized)) {
    for name in [TRACEPARENT, TRACESTATE, BAGGAGE, X_REQUEST_ID] {
        headers.remove_header(name);
    }
}
