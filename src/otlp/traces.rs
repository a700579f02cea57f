//! Trace requests: written by copying spans, read in place.
//!
//! A record's body is a `Span` message already, so a request is three small headers and copies.
//! Reading goes through the bytes once and checks all of them; what comes out of a [`TracesView`] afterwards reads the
//! checked bytes again, passing over what nobody asks for, and holds no memory of its own.

use super::export::{self, Resource, ResourceGroup, ResourceView, Scope, ScopeGroup, ScopeView};
use super::span::SpanView;
use super::wire::DecodeError;

/// Appends `ResourceSpans` with these `Span` messages to a request, and says how many there were.
///
/// No spans, no bytes: empty envelopes are not sent. Called again, it adds a further resource to the same request.
///
/// ```
/// use spanloom::otlp::{Resource, Scope, decode_traces, encode_traces};
/// let span: &[u8] = b"\x2a\x04plan"; // a Span message with a name
/// let mut request = Vec::new();
/// let resource = Resource::new([("service.name", "planner".into())]);
/// assert_eq!(encode_traces(&resource, &Scope::new("spanloom", ""), [span, span], &mut request), 2);
/// let names: Vec<_> = decode_traces(&request)?.spans().map(|found| found.span.name).collect();
/// assert_eq!(names, ["plan", "plan"]);
/// # Ok::<(), spanloom::otlp::DecodeError>(())
/// ```
pub fn encode_traces<'a, I>(resource: &Resource, scope: &Scope, spans: I, out: &mut Vec<u8>) -> usize
where
    I: IntoIterator<Item = &'a [u8], IntoIter: Clone>,
{
    export::encode(resource, scope, spans.into_iter(), out)
}

/// How many bytes [`encode_traces`] would append.
pub fn traces_len<'a>(
    resource: &Resource,
    scope: &Scope,
    spans: impl IntoIterator<Item = &'a [u8]>,
) -> usize {
    export::encoded_len(resource, scope, spans.into_iter())
}

/// A checked trace request (or `TracesData`, which is the same), read in place.
#[derive(Debug, Clone, Copy)]
pub struct TracesView<'a> {
    message: &'a [u8],
    spans: usize,
}

/// A span, and who recorded it.
#[derive(Debug, Clone, Copy)]
pub struct FoundSpan<'a> {
    /// Who made it.
    pub resource: ResourceView<'a>,
    /// Through what it was recorded.
    pub scope: ScopeView<'a>,
    /// The span.
    pub span: SpanView<'a>,
}

/// Reads a trace request and checks everything in it: lengths, wire types, UTF-8, lengths of ids, depth of values.
///
/// # Errors
/// When anything in it is not valid.
pub fn decode_traces(request: &[u8]) -> Result<TracesView<'_>, DecodeError> {
    let spans = export::check(request, |span| SpanView::read(span).map(|_| ()))?;
    Ok(TracesView { message: request, spans })
}

impl<'a> TracesView<'a> {
    /// How many spans there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.spans
    }

    /// True when there are no spans.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.spans == 0
    }

    /// The resources with their scopes.
    pub fn resources(&self) -> impl Iterator<Item = ResourceGroup<'a>> + use<'a> {
        export::groups(self.message)
    }

    /// All spans, in the order in which they stand.
    pub fn spans(&self) -> impl Iterator<Item = FoundSpan<'a>> + use<'a> {
        self.resources().flat_map(|group| {
            group.scopes().flat_map(move |scope| {
                scope.spans().map(move |span| FoundSpan {
                    resource: group.resource,
                    scope: scope.scope,
                    span,
                })
            })
        })
    }
}

impl<'a> ScopeGroup<'a> {
    /// The items as spans, where this group is part of a trace request.
    pub fn spans(&self) -> impl Iterator<Item = SpanView<'a>> + use<'a> {
        self.items().filter_map(|message| SpanView::read_checked(message).ok())
    }
}
