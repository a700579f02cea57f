//! Which trace and span a line belongs to, and the entered spans of each thread.

use std::cell::RefCell;
use std::sync::Arc;

use super::trace_parent::{X_DYNAMO_REQUEST_ID, is_hex, is_visible};
use crate::context::{TRACEPARENT, TRACESTATE, WriteHeaders, X_REQUEST_ID};
use crate::id::{SpanId, TraceId};
use crate::native::bridges::tracing::{Fields, Given};
use crate::native::entropy::IdSource;

/// Who a span is, from its first entry on. Ids are texts: the format shows those of a header as they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) trace_id: String,
    pub(super) span_id: String,
    pub(super) parent_id: Option<String>,
    pub(super) tracestate: Option<String>,
    pub(super) x_request_id: Option<String>,
    pub(super) x_dynamo_request_id: Option<String>,
}

/// What is known of a span before its first entry.
#[derive(Debug, Default)]
pub(super) struct Draft {
    trace_id: Option<String>,
    span_id: Option<String>,
    parent_id: Option<String>,
    tracestate: Option<String>,
    x_request_id: Option<String>,
    x_dynamo_request_id: Option<String>,
    /// The trace of a caller, as the W3C's rules read it.
    remote: Option<TraceId>,
}

/// The ids of a span that is recorded; where only its trace is known, nothing is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) trace_id: TraceId,
    pub(super) span_id: Option<SpanId>,
}

/// A span says whose child it is, or who it is, and not in which trace.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoTrace;

impl Draft {
    /// What the fields of a new span and the span around it say.
    pub(super) fn new(
        fields: &Fields,
        around: Option<&Identity>,
        remote: Option<TraceId>,
    ) -> (Self, Option<NoTrace>) {
        let text = |name: &str| fields.get(name).map(Given::shown);
        let id = |name: &str, digits| text(name).filter(|id| is_hex(id, digits));
        let mut draft = Self {
            trace_id: id("trace_id", 32),
            span_id: id("span_id", 16),
            parent_id: id("parent_id", 16),
            tracestate: text("tracestate"),
            x_request_id: text("x_request_id"),
            x_dynamo_request_id: text("x_dynamo_request_id"),
            remote,
        };
        if draft.parent_id.is_none()
            && let Some(around) = around
        {
            draft.trace_id = Some(around.trace_id.clone());
            draft.parent_id = Some(around.span_id.clone());
            draft.tracestate.clone_from(&around.tracestate);
        }
        let incomplete = draft.trace_id.is_none() && (draft.parent_id.is_some() || draft.span_id.is_some());
        if incomplete {
            (draft.parent_id, draft.span_id) = (None, None);
        }
        (draft, incomplete.then_some(NoTrace))
    }

    /// The first entry: what is missing comes from the recorded span, else it is made up.
    pub(super) fn complete(&mut self, recorded: Option<Known>) -> Identity {
        let draft = std::mem::take(self);
        let ids = IdSource::default();
        let trace_id = draft.trace_id.unwrap_or_else(|| {
            let trace_id = recorded.map(|span| span.trace_id).or(draft.remote);
            trace_id.unwrap_or_else(|| ids.trace_id()).to_string()
        });
        let span_id = draft.span_id.unwrap_or_else(|| {
            recorded.and_then(|span| span.span_id).unwrap_or_else(|| ids.span_id()).to_string()
        });
        Identity {
            trace_id,
            span_id,
            parent_id: draft.parent_id,
            tracestate: draft.tracestate,
            x_request_id: draft.x_request_id,
            x_dynamo_request_id: draft.x_dynamo_request_id,
        }
    }
}

thread_local! {
    /// The spans that this thread is in, by tracing's id.
    static INSIDE: RefCell<Vec<(u64, Arc<Identity>)>> = const { RefCell::new(Vec::new()) };
}

pub(super) fn enter(id: u64, identity: Arc<Identity>) {
    let _ = INSIDE.try_with(|inside| inside.borrow_mut().push((id, identity)));
}

pub(super) fn leave(id: u64) {
    let _ = INSIDE.try_with(|inside| {
        let mut inside = inside.borrow_mut();
        if let Some(at) = inside.iter().rposition(|(known, _)| *known == id) {
            inside.remove(at);
        }
    });
}

/// Writes the ids of the entered span into the headers of a request: `traceparent`, always sampled, and where the span
/// itself has them `tracestate`, `x-request-id` and `x-dynamo-request-id`. Outside of any span nothing is written.
///
/// ```
/// use spanloom::logs::{Options, inject, json_layer};
/// use tracing_subscriber::layer::SubscriberExt;
/// let subscriber = tracing_subscriber::registry().with(json_layer(Options::new().writer(std::io::sink())));
/// tracing::subscriber::with_default(subscriber, || {
///     let _call = tracing::info_span!("call", x_request_id = "r-1").entered();
///     let mut headers: Vec<(String, String)> = Vec::new();
///     inject(&mut headers);
///     assert_eq!(headers[0].0, "traceparent");
///     assert_eq!(headers[1], ("x-request-id".to_owned(), "r-1".to_owned()));
/// });
/// ```
pub fn inject(headers: &mut (impl WriteHeaders + ?Sized)) {
    let current = INSIDE.try_with(|inside| inside.borrow().last().map(|(_, identity)| Arc::clone(identity)));
    let Ok(Some(current)) = current else { return };
    headers.set_header(TRACEPARENT, &format!("00-{}-{}-01", current.trace_id, current.span_id));
    let pairs = [
        (TRACESTATE, current.tracestate.as_deref()),
        (X_REQUEST_ID, current.x_request_id.as_deref()),
        (X_DYNAMO_REQUEST_ID, current.x_dynamo_request_id.as_deref()),
    ];
    for (name, value) in pairs {
        // A field is the program's own text: one that could end its header line stays here.
        if let Some(value) = value.filter(|value| is_visible(value)) {
            headers.set_header(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&'static str, &str)]) -> Fields {
        Fields(pairs.iter().map(|(name, text)| (*name, Given::Str((*text).to_owned()))).collect())
    }

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    #[test]
    fn ids_without_a_trace_are_forgotten() {
        let (mut draft, told) = Draft::new(&fields(&[("trace_id", "zz"), ("span_id", SPAN)]), None, None);
        assert_eq!(told, Some(NoTrace));
        assert_ne!(draft.complete(None).span_id, SPAN);
    }

    #[test]
    fn ids_may_be_numbers() {
        let given = Fields(vec![("x_request_id", Given::Int(12345)), ("tracestate", Given::Bool(true))]);
        let identity = Draft::new(&given, None, None).0.complete(None);
        assert_eq!(
            (identity.x_request_id.as_deref(), identity.tracestate.as_deref()),
            (Some("12345"), Some("true"))
        );
    }

    #[test]
    fn what_came_goes_on_as_it_is() {
        let own =
            fields(&[("tracestate", "a=1, b=2"), ("x_request_id", "a\tb"), ("x_dynamo_request_id", "a\nb")]);
        let identity = Draft::new(&own, None, None).0.complete(None);
        enter(1, Arc::new(identity));
        let mut headers: Vec<(String, String)> = Vec::new();
        inject(&mut headers);
        leave(1);
        let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let [("traceparent", _), rest @ ..] = headers.as_slice() else { panic!("{headers:?}") };
        assert_eq!(rest, [("tracestate", "a=1, b=2"), ("x-request-id", "a\tb")]);
    }

    #[test]
    fn the_span_around_is_the_parent_unless_one_is_given() {
        let around = Identity { trace_id: TRACE.into(), span_id: SPAN.into(), ..Identity::default() };
        let own = fields(&[("trace_id", "ffffffffffffffffffffffffffffffff")]);
        let identity = Draft::new(&own, Some(&around), None).0.complete(None);
        assert_eq!((identity.trace_id.as_str(), identity.parent_id.as_deref()), (TRACE, Some(SPAN)));
        let own =
            fields(&[("trace_id", "ffffffffffffffffffffffffffffffff"), ("parent_id", "00000000000000aa")]);
        let identity = Draft::new(&own, Some(&around), None).0.complete(None);
        assert_eq!(identity.parent_id.as_deref(), Some("00000000000000aa"));
        assert_eq!(identity.trace_id, "f".repeat(32));
    }
}
