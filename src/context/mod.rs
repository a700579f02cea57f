//! What travels with a request from one program to the next: trace context, baggage, request id.
//!
//! # How it works
//!
//! ```text
//!  request in                                                     request out
//!  traceparent ─┐                ┌ span: ids, flags, tracestate ┐  ┌─ traceparent
//!  tracestate  ─┼─▶ extract ─▶ Context: baggage                 ├─▶ inject ─┼─ tracestate
//!  baggage     ─┤                └ request id                   ┘  ├─ baggage
//!  x-request-id ┘                                                  └─ x-request-id
//! ```
//!
//! [`extract`] reads any header map that can list the values of a name ([`ReadHeaders`]); [`inject`] writes any map
//! that can replace and remove a name ([`WriteHeaders`]). Names are matched without regard to ASCII case and written
//! in lower case, which serves HTTP as well as NATS, whose header names are case-sensitive and may repeat.
//!
//! Between the two lies a [`Context`], plain data. A program that gets a request makes the remote span the parent of
//! its own with [`SpanContext::child`], or starts a trace with [`SpanContext::root`] where none came, and injects the
//! context of the span that is about to call out:
//!
//! ```
//! use spanloom::{SpanId, TraceId, context};
//!
//! let came = vec![("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")];
//! let mut context = context::extract(&came);
//!
//! let own_id = SpanId::from_u64(0x1234);                                  // random in a real program
//! let own = match &context.span {
//!     Some(parent) => parent.child(own_id),
//!     None => context::SpanContext::root(TraceId::from_halves(1, 2), own_id, context::RootOptions::default()),
//! };
//! context.span = Some(own);
//!
//! let mut goes: Vec<(String, String)> = Vec::new();
//! context::inject(&context, &mut goes);
//! assert_eq!(goes[0].1, "00-0af7651916cd43dd8448eb211c80319c-0000000000001234-01");
//! ```
//!
//! # Trust
//!
//! Headers come from strangers. Nothing here panics, recurses or keeps more than the limits say: 55 bytes of
//! traceparent, 32 members and 512 characters of tracestate, 64 members and 8192 bytes of baggage, 128 characters of
//! request id. What breaks a rule is dropped, and [`extract_with_report`] tells what was. Every value that leaves is
//! printable ASCII by construction, so that no value can end a header line and begin another.
//!
//! # Cost
//!
//! Spans clone their context on the hot path. An empty [`TraceState`] or [`Baggage`] owns nothing; a filled one is one
//! shared text that a clone counts and does not copy. Members are split and decoded when somebody asks for them.

mod baggage;
mod carrier;
mod propagator;
mod propagators;
mod request_id;
mod span_context;
mod traceparent;
mod tracestate;

pub use baggage::{Baggage, BaggageError, BaggageMember};
pub use carrier::{ReadHeaders, WriteHeaders};
pub use propagator::{
    BAGGAGE, Context, ExtractReport, TRACEPARENT, TRACESTATE, X_REQUEST_ID, extract, extract_with_report,
    inject, strip,
};
pub use propagators::Propagators;
pub use request_id::{RequestId, RequestIdError};
pub use span_context::{RootOptions, SpanContext, TraceFlags};
pub use traceparent::{TraceparentError, loose_ids};
pub use tracestate::{TraceState, TraceStateError};

/// Takes the optional white space of HTTP (space and tab, no more) off both ends.
fn trim_ows(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// [`trim_ows`] for text.
fn trim_ows_str(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}
