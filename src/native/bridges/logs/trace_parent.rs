//! What log lines need of a request's headers.

use crate::context::{ReadHeaders, TRACEPARENT, TRACESTATE, X_REQUEST_ID, loose_ids};

/// The header of Dynamo's own request id.
pub(super) const X_DYNAMO_REQUEST_ID: &str = "x-dynamo-request-id";

/// Ids of a request, for the fields of the span that serves it.
///
/// They are read as Dynamo's logger reads them, which is less strict than the W3C: for what is to be recorded, use
/// [`extract`](crate::context::extract) and [`below`](crate::tracing::below).
///
/// ```
/// use spanloom::logs::TraceParent;
/// let headers = [
///     ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
///     ("x-request-id", "r-1"),
///     ("x-dynamo-request-id", "not-a-uuid"),
/// ];
/// let came = TraceParent::read(&headers).with_checked_ids();
/// assert_eq!(came.parent_id.as_deref(), Some("b7ad6b7169203331"));
/// assert_eq!((came.x_request_id.as_deref(), came.x_dynamo_request_id), (Some("r-1"), None));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace, as it is written in the header.
    pub trace_id: Option<String>,
    /// The caller's span.
    pub parent_id: Option<String>,
    /// The tracestate.
    pub tracestate: Option<String>,
    /// The value of `x-request-id`.
    pub x_request_id: Option<String>,
    /// The value of `x-dynamo-request-id`.
    pub x_dynamo_request_id: Option<String>,
}

impl TraceParent {
    /// Reads the headers of a request.
    #[must_use]
    pub fn read(headers: &(impl ReadHeaders + ?Sized)) -> Self {
        let text = |name: &str| {
            let value = headers.header_values(name).next()?;
            let text = core::str::from_utf8(value).ok()?;
            is_visible(text).then(|| text.to_owned())
        };
        let ids = text(TRACEPARENT);
        let ids = ids.as_deref().and_then(loose_ids);
        Self {
            trace_id: ids.map(|(trace_id, _)| trace_id.to_owned()),
            parent_id: ids.map(|(_, parent_id)| parent_id.to_owned()),
            tracestate: text(TRACESTATE),
            x_request_id: text(X_REQUEST_ID),
            x_dynamo_request_id: text(X_DYNAMO_REQUEST_ID),
        }
    }

    /// Without an `x-dynamo-request-id` that is no UUID: what HTTP servers and NATS subscribers take.
    #[must_use]
    pub fn with_checked_ids(mut self) -> Self {
        self.x_dynamo_request_id = self.x_dynamo_request_id.filter(|id| is_uuid(id));
        self
    }
}

/// True for a UUID in one of its usual forms: with hyphens, in braces, as a URN, or 32 digits.
fn is_uuid(text: &str) -> bool {
    let hyphened = |text: &str| {
        let mut parts = text.split('-');
        [8, 4, 4, 4, 12].iter().all(|&digits| parts.next().is_some_and(|part| is_hex(part, digits)))
            && parts.next().is_none()
    };
    let braced = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    is_hex(text, 32)
        || hyphened(text)
        || braced.or_else(|| text.strip_prefix("urn:uuid:")).is_some_and(hyphened)
}

/// True for what the value of a header may be without doubt: visible characters of ASCII, spaces and tabs.
pub(super) fn is_visible(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'\t' || (b' '..0x7f).contains(&byte))
}

/// True for so many hex digits of either case.
pub(super) fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_have_four_forms() {
        let id = "8372eac7-5f43-4d76-beca-0a94cfb311d0";
        for text in
            [id, &id.to_uppercase(), &id.replace('-', ""), &format!("{{{id}}}"), &format!("urn:uuid:{id}")]
        {
            assert!(is_uuid(text), "{text}");
        }
        for text in
            ["", "dyn-456", "8372eac7-5f43-4d76-beca-0a94cfb311d", "8372eac75f43-4d76-beca-0a94cfb311d0-"]
        {
            assert!(!is_uuid(text), "{text}");
        }
    }
}
