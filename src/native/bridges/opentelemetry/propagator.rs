//! Our reading and writing of headers, as a propagator of theirs.

use ::opentelemetry::Context;
use ::opentelemetry::baggage::BaggageExt as _;
use ::opentelemetry::propagation::text_map_propagator::FieldIter;
use ::opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use ::opentelemetry::trace::TraceContextExt as _;

use super::ids::their_context;
use crate::Loom;
use crate::context::{
    self, BAGGAGE, Baggage, Propagators, ReadHeaders, TRACEPARENT, TRACESTATE, WriteHeaders,
};

/// Reads and writes `traceparent`, `tracestate` and `baggage` by the rules of [`context`](crate::context).
///
/// ```
/// use std::collections::HashMap;
/// use opentelemetry::propagation::TextMapPropagator;
/// use opentelemetry::trace::TraceContextExt;
/// let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// let headers = HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
/// let propagator = spanloom::opentelemetry::Propagator::new();
/// let context = propagator.extract(&headers);
/// assert!(context.span().span_context().is_remote());
/// let mut goes = HashMap::new();
/// propagator.inject_context(&context, &mut goes);
/// assert_eq!(goes["traceparent"], traceparent);
/// ```
#[derive(Debug, Clone)]
pub struct Propagator {
    fields: Vec<String>,
    chosen: Propagators,
}

impl Propagator {
    /// The propagator. Install it with OpenTelemetry's `global::set_text_map_propagator`.
    #[must_use]
    pub fn new() -> Self {
        Self::choosing(Propagators::ALL)
    }

    /// As [`Self::new`], what the loom was told to read and write alone: `OTEL_PROPAGATORS` decides, where it is configured by
    /// the environment.
    ///
    /// ```
    /// use opentelemetry::propagation::TextMapPropagator;
    /// use spanloom::context::Propagators;
    /// let loom = spanloom::Loom::builder().propagators(Propagators { trace_context: false, ..Propagators::ALL }).build();
    /// let propagator = spanloom::opentelemetry::Propagator::of(&loom);
    /// assert_eq!(propagator.fields().collect::<Vec<_>>(), ["baggage"]);
    /// ```
    #[must_use]
    pub fn of(loom: &Loom) -> Self {
        Self::choosing(loom.propagators())
    }

    fn choosing(chosen: Propagators) -> Self {
        let fields = [
            (TRACEPARENT, chosen.trace_context),
            (TRACESTATE, chosen.trace_context),
            (BAGGAGE, chosen.baggage),
        ];
        let fields = fields.iter().filter(|(_, is_chosen)| *is_chosen).map(|(name, _)| (*name).to_owned());
        Self { fields: fields.collect(), chosen }
    }
}

impl Default for Propagator {
    fn default() -> Self {
        Self::new()
    }
}

struct Reads<'a>(&'a dyn Extractor);

impl ReadHeaders for Reads<'_> {
    fn header_values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.0.get_all(name).unwrap_or_default().into_iter().map(str::as_bytes)
    }
}

struct Writes<'a>(&'a mut dyn Injector);

impl WriteHeaders for Writes<'_> {
    fn set_header(&mut self, name: &str, value: &str) {
        self.0.set(name, value.to_owned());
    }

    // Their maps can only be added to.
    fn remove_header(&mut self, _: &str) {}
}

impl TextMapPropagator for Propagator {
    fn inject_context(&self, cx: &Context, injector: &mut dyn Injector) {
        let mut baggage = Baggage::default();
        for (name, (value, metadata)) in cx.baggage() {
            // What is no baggage by its rules stays here.
            let _ = baggage.insert_with_metadata(name.as_str(), value.as_str(), metadata.as_str());
        }
        let goes = context::Context { baggage, ..super::context(cx) };
        self.chosen.inject(&goes, &mut Writes(injector));
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        let came = self.chosen.extract(&Reads(extractor));
        let mut context = cx.clone();
        if came.span.is_some() {
            context = context.with_remote_span_context(their_context(came.span.as_ref()));
        }
        if !came.baggage.is_empty() {
            let members = came.baggage.iter().map(|member| {
                ::opentelemetry::baggage::KeyValueMetadata::new(
                    member.key().to_owned(),
                    member.value().into_owned(),
                    member.metadata(),
                )
            });
            context = context.with_baggage(members);
        }
        context
    }

    fn fields(&self) -> FieldIter<'_> {
        FieldIter::new(&self.fields)
    }
}
