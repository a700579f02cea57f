//! Their span, which is a node of ours.

use std::borrow::Cow;
use std::time::SystemTime;

use ::opentelemetry::KeyValue;
use ::opentelemetry::trace as api;

use super::ids::{own_context, their_context};
use super::tracer::Kinships;
use super::values::{put_attribute, status, tell, unix_nanos};
use crate::id::SpanId;
use crate::native::Node;
use crate::native::here::Live;

/// A span of a loom behind OpenTelemetry's `Span`.
///
/// ```
/// use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
/// let loom = spanloom::Loom::builder().build();
/// let mut span: spanloom::opentelemetry::Span =
///     spanloom::opentelemetry::provider(&loom).tracer("shop").start("order");
/// span.update_name("order 7");
/// span.end();
/// assert!(!span.is_recording());
/// ```
#[derive(Debug)]
pub struct Span {
    /// `None` after the end.
    node: Option<Node>,
    context: api::SpanContext,
    /// Where its children find what it hands on, if it stands below a node of ours.
    kinships: Option<Kinships>,
}

impl Span {
    pub(super) fn new(node: Node, kinships: &Kinships) -> Self {
        let span = node.context().span;
        let kinships = kinships.note(&node).then(|| kinships.clone());
        Self { node: Some(node), context: their_context(span.as_ref()), kinships }
    }

    /// A span that neither records nor has ids.
    pub(super) const fn suppressed() -> Self {
        Self { node: None, context: api::SpanContext::NONE, kinships: None }
    }

    pub(super) fn change(&mut self, change: impl FnOnce(&mut Live)) {
        if let Some(live) = self.node.as_mut().and_then(Node::live) {
            change(live);
        }
    }

    fn finish(&mut self, end: Option<SystemTime>) {
        let Some(node) = self.node.take() else { return };
        if let Some(kinships) = self.kinships.take() {
            kinships.forget(SpanId::from_bytes(self.context.span_id().to_bytes()));
        }
        match end {
            Some(end) => node.end_at(unix_nanos(end)),
            None => node.end(),
        }
    }
}

/// Adds an event.
pub(super) fn put_event(live: &mut Live, time: u64, name: &str, attributes: &[KeyValue]) {
    if let Some(mut event) = live.builder.open_event(time, name) {
        for pair in attributes {
            event.attribute(pair.key.as_str(), &mut |sink| tell(&pair.value, sink));
        }
    }
}

/// Adds a link.
pub(super) fn put_link(live: &mut Live, to: &api::SpanContext, attributes: &[KeyValue]) {
    live.link(&own_context(to), |link| {
        for pair in attributes {
            link.attribute(pair.key.as_str(), &mut |sink| tell(&pair.value, sink));
        }
    });
}

impl api::Span for Span {
    fn add_event<T: Into<Cow<'static, str>>>(&mut self, name: T, attributes: Vec<KeyValue>) {
        self.change(|live| put_event(live, live.now(), &name.into(), &attributes));
    }

    fn add_event_with_timestamp<T: Into<Cow<'static, str>>>(
        &mut self,
        name: T,
        timestamp: SystemTime,
        attributes: Vec<KeyValue>,
    ) {
        self.change(|live| put_event(live, unix_nanos(timestamp), &name.into(), &attributes));
    }

    fn span_context(&self) -> &api::SpanContext {
        &self.context
    }

    fn is_recording(&self) -> bool {
        self.node.as_ref().is_some_and(Node::is_recording)
    }

    fn set_attribute(&mut self, attribute: KeyValue) {
        self.change(|live| put_attribute(&mut live.builder, &attribute));
    }

    fn set_status(&mut self, new: api::Status) {
        self.change(|live| {
            let (code, message) = status(&new);
            live.builder.status(code, message);
        });
    }

    fn update_name<T: Into<Cow<'static, str>>>(&mut self, new_name: T) {
        self.change(|live| live.builder.rename(&new_name.into()));
    }

    fn add_link(&mut self, span_context: api::SpanContext, attributes: Vec<KeyValue>) {
        self.change(|live| put_link(live, &span_context, &attributes));
    }

    fn end(&mut self) {
        self.finish(None);
    }

    fn end_with_timestamp(&mut self, timestamp: SystemTime) {
        self.finish(Some(timestamp));
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        self.finish(None);
    }
}
