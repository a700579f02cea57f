//! Which parts of a context travel.

use super::{Baggage, Context, ReadHeaders, WriteHeaders, extract, inject};

/// Which parts of a [`Context`] are read from headers and written into them: `OTEL_PROPAGATORS` in OpenTelemetry's words. By
/// default all are. The request id belongs to no propagator of theirs: it travels where anything does.
///
/// ```
/// use spanloom::context::Propagators;
/// let headers = vec![
///     ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
///     ("baggage", "tenant=7"),
/// ];
/// let only_baggage = Propagators { trace_context: false, ..Propagators::ALL };
/// let context = only_baggage.extract(&headers);
/// assert!(context.span.is_none());
/// let mut goes: Vec<(String, String)> = Vec::new();
/// only_baggage.inject(&context, &mut goes);
/// assert_eq!(goes, [("baggage".to_owned(), "tenant=7".to_owned())]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Propagators {
    /// `traceparent` and `tracestate`.
    pub trace_context: bool,
    /// `baggage`.
    pub baggage: bool,
}

impl Propagators {
    /// Everything travels.
    pub const ALL: Self = Self { trace_context: true, baggage: true };
    /// Nothing travels.
    pub const NONE: Self = Self { trace_context: false, baggage: false };

    /// As [`extract`](super::extract), what was chosen alone.
    #[must_use]
    pub fn extract(self, headers: &(impl ReadHeaders + ?Sized)) -> Context {
        self.choose(extract(headers))
    }

    /// As [`inject`](super::inject), what was chosen alone; other headers are left as they are.
    pub fn inject(self, context: &Context, headers: &mut (impl WriteHeaders + ?Sized)) {
        if self == Self::ALL {
            inject(context, headers);
        } else {
            inject(&self.choose(context.clone()), headers);
        }
    }

    fn choose(self, mut context: Context) -> Context {
        if self == Self::NONE {
            return Context::default();
        }
        if !self.trace_context {
            context.span = None;
        }
        if !self.baggage {
            context.baggage = Baggage::default();
        }
        context
    }
}

impl Default for Propagators {
    fn default() -> Self {
        Self::ALL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_chosen_is_neither_read_nor_written() {
        let came: Vec<(String, String)> = [
            ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            ("tracestate", "a=b"),
            ("baggage", "tenant=7"),
            ("x-request-id", "r-1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        let whole = extract(&came);
        for (propagators, names) in [
            (Propagators::ALL, &["traceparent", "tracestate", "baggage", "x-request-id"][..]),
            (
                Propagators { baggage: false, ..Propagators::ALL },
                &["traceparent", "tracestate", "x-request-id"],
            ),
            (Propagators { trace_context: false, ..Propagators::ALL }, &["baggage", "x-request-id"]),
            (Propagators::NONE, &[]),
        ] {
            let (mut written, mut again) = (Vec::new(), Vec::new());
            propagators.inject(&whole, &mut written);
            inject(&propagators.extract(&came), &mut again);
            let found: Vec<&str> = written.iter().map(|(name, _): &(String, String)| name.as_str()).collect();
            assert_eq!(found, names);
            assert_eq!(written, again);
        }
    }
}
