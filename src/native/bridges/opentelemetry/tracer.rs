//! The provider, and its tracers.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use ::opentelemetry::trace as api;
use ::opentelemetry::trace::TraceContextExt as _;
use ::opentelemetry::{Context, InstrumentationScope};

use super::ids::own_context;
use super::span::{Span, put_event, put_link};
use super::values::{put_attribute, span_kind, unix_nanos};
use crate::id::SpanId;
use crate::native::core::{locked, try_locked};
use crate::native::current::{Current, current};
use crate::native::fork::PerProcess;
use crate::native::node::NodeBuilder;
use crate::native::{Loom, Node, is_suppressed};
use crate::record::SpanRole;
use crate::vocabulary as key;

/// What open spans below nodes of ours hand on to their children: an OpenTelemetry context carries ids only.
#[derive(Clone, Default)]
pub(super) struct Kinships(Arc<PerProcess<Mutex<Known>>>);

type Known = HashMap<SpanId, Current>;

impl Kinships {
    /// A forked process goes on with what its parent knew. Where somebody was in the middle of changing that, it knows nothing:
    /// then children find the ids of their parent and nothing else.
    fn known(&self) -> MutexGuard<'_, Known> {
        let in_child = |parents: &Mutex<Known>| {
            Mutex::new(try_locked(parents).map(|known| known.clone()).unwrap_or_default())
        };
        locked(self.0.get(in_child))
    }

    /// Notes a span that its children will ask for; false where they have no need to.
    pub(super) fn note(&self, node: &Node) -> bool {
        let needed = node.is_recording() && node.in_workflow();
        if needed && let Some(span) = node.context().span {
            self.known().insert(span.span_id, node.current());
        }
        needed
    }

    pub(super) fn forget(&self, span_id: SpanId) {
        let gone = self.known().remove(&span_id);
        drop(gone);
    }

    fn find(&self, span: &api::SpanContext) -> Option<Current> {
        let known = self.known();
        // Nearly always there is none at all.
        if known.is_empty() {
            None
        } else {
            known.get(&SpanId::from_bytes(span.span_id().to_bytes())).cloned()
        }
    }
}

impl std::fmt::Debug for Kinships {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Kinships")
    }
}

/// Makes tracers that record into a loom: see [`provider`](super::provider).
///
/// ```
/// use opentelemetry::trace::TracerProvider as _;
/// let loom = spanloom::Loom::builder().build();
/// let provider: spanloom::opentelemetry::Provider = spanloom::opentelemetry::provider(&loom);
/// let tracer = provider.tracer("shop");
/// ```
#[derive(Debug, Clone)]
pub struct Provider {
    loom: Loom,
    kinships: Kinships,
}

impl Provider {
    pub(super) fn new(loom: Loom) -> Self {
        Self { loom, kinships: Kinships::default() }
    }
}

impl api::TracerProvider for Provider {
    type Tracer = Tracer;

    fn tracer_with_scope(&self, scope: InstrumentationScope) -> Tracer {
        Tracer { loom: self.loom.clone(), scope, kinships: self.kinships.clone() }
    }
}

/// Starts spans in the name of one library.
///
/// ```
/// use opentelemetry::trace::{SpanKind, Tracer as _, TracerProvider as _};
/// let loom = spanloom::Loom::builder().build();
/// let tracer: spanloom::opentelemetry::Tracer = spanloom::opentelemetry::provider(&loom).tracer("shop");
/// let span = tracer.span_builder("GET /order").with_kind(SpanKind::Server).start(&tracer);
/// drop(span);
/// assert_eq!(loom.ledger().accepted, 1);
/// ```
#[derive(Debug, Clone)]
pub struct Tracer {
    loom: Loom,
    scope: InstrumentationScope,
    kinships: Kinships,
}

impl Tracer {
    /// Starts the span at the place that the context tells.
    fn start_node(&self, builder: &api::SpanBuilder, parent: &Context) -> Node {
        let start = |node: NodeBuilder<'_>| {
            let node = match &builder.span_kind {
                Some(kind) => node.span_kind(span_kind(kind)),
                None => node,
            };
            let node = match builder.start_time {
                Some(time) => node.start_time(unix_nanos(time)),
                None => node,
            };
            match kind_of_step(builder) {
                Some(kind) => node.kind(&kind).role(SpanRole::Node).start(),
                None => node.start(),
            }
        };
        let name = builder.name.as_ref();
        if parent.has_active_span() {
            let above = parent.span();
            let above = above.span_context();
            return match self.kinships.find(above) {
                Some(known) => start(known.span(name)),
                None => start(self.loom.span(name, Some(&own_context(above)))),
            };
        }
        match current() {
            Some(above) => start(above.span(name)),
            None => start(self.loom.span(name, None)),
        }
    }
}

/// The kind of step, where the span is to be a node.
fn kind_of_step(builder: &api::SpanBuilder) -> Option<Cow<'_, str>> {
    let mut attributes = builder.attributes.iter().flatten();
    attributes.find(|pair| pair.key.as_str() == key::KIND).map(|pair| pair.value.as_str())
}

impl api::Tracer for Tracer {
    type Span = Span;

    fn build_with_context(&self, builder: api::SpanBuilder, parent: &Context) -> Span {
        // A span without ids is one that was suppressed: what is below it must not become a trace of its own.
        let below_none = parent.has_active_span() && !parent.span().span_context().is_valid();
        if below_none || parent.is_telemetry_suppressed() || is_suppressed() {
            return Span::suppressed();
        }
        let node = self.start_node(&builder, parent);
        let mut span = Span::new(node, &self.kinships);
        span.change(|live| {
            if !self.scope.name().is_empty() {
                live.builder.attribute("otel.scope.name", self.scope.name());
            }
            if let Some(version) = self.scope.version() {
                live.builder.attribute("otel.scope.version", version);
            }
            for pair in builder.attributes.iter().flatten() {
                put_attribute(&mut live.builder, pair);
            }
            for event in builder.events.iter().flatten() {
                put_event(live, unix_nanos(event.timestamp), &event.name, &event.attributes);
            }
            for link in builder.links.iter().flatten() {
                put_link(live, &link.span_context, &link.attributes);
            }
        });
        span
    }
}
