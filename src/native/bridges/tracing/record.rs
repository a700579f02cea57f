//! The layer that records.

use std::cell::RefCell;

use tracing_core::span::{Attributes, Id, Record};
use tracing_core::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::below::remote_parent;
use super::fields::{Fields, Given};
use crate::native::bridges::open::Open;
use crate::native::current::{Current, Entered, current};
use crate::native::here::Live;
use crate::native::node::NodeBuilder;
use crate::native::{Loom, is_suppressed};
use crate::otlp::span::{SpanKind, StatusCode};
use crate::record::{Section, SpanRole};
use crate::vocabulary as key;

/// Records tracing spans into a loom: made by [`layer`](super::layer()).
#[derive(Debug, Clone)]
pub struct RecordLayer {
    loom: Loom,
    location: bool,
}

/// What the layer keeps with a tracing span.
pub(in crate::native::bridges) enum Recorded {
    Open(Open),
    /// An exporter is at work, or what it started.
    Suppressed,
}

impl Recorded {
    /// The span as its children need it.
    pub(in crate::native::bridges) fn current(&self) -> Option<Current> {
        match self {
            Self::Open(open) => Some(open.current()),
            Self::Suppressed => None,
        }
    }
}

thread_local! {
    /// The tracing spans that this thread is in, each with its guard.
    static INSIDE: RefCell<Vec<(Id, Entered)>> = const { RefCell::new(Vec::new()) };
}

impl RecordLayer {
    pub(super) const fn new(loom: Loom) -> Self {
        Self { loom, location: false }
    }

    /// Notes where in the source spans and events stand, in attributes `code.file.path`, `code.line.number` and `code.module`.
    /// Off by default.
    #[must_use]
    pub const fn location(mut self, on: bool) -> Self {
        self.location = on;
        self
    }

    /// The span that a new one stands below, by tracing or by what is entered.
    fn parent<S>(attributes: &Attributes<'_>, context: &Context<'_, S>) -> Parent
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        if attributes.is_root() {
            return Parent::None;
        }
        let known = match attributes.parent() {
            Some(id) => context.span(id),
            None => context.lookup_current(),
        };
        let recorded = known.and_then(|span| {
            span.scope().find_map(|span| match span.extensions().get::<Recorded>()? {
                Recorded::Open(open) => Some(Parent::Known(open.current())),
                Recorded::Suppressed => Some(Parent::Suppressed),
            })
        });
        if attributes.parent().is_some() || matches!(recorded, Some(Parent::Suppressed)) {
            return recorded.unwrap_or(Parent::None);
        }
        // What is entered is the innermost of both worlds.
        current().map(Parent::Known).or(recorded).unwrap_or(Parent::None)
    }

    fn open(&self, parent: &Parent, name: &str, fields: &Fields) -> Recorded {
        let kind = fields.text(key::KIND).unwrap_or_default();
        let name = fields.text("otel.name").unwrap_or(name);
        let start = |builder: NodeBuilder<'_>| {
            let builder = match span_kind(fields.text("otel.kind")) {
                Some(kind) => builder.span_kind(kind),
                None => builder,
            };
            if kind.is_empty() { builder.start() } else { builder.kind(kind).role(SpanRole::Node).start() }
        };
        match parent {
            Parent::Suppressed => Recorded::Suppressed,
            Parent::Known(parent) => Recorded::Open(Open::Node(start(parent.span(name)))),
            Parent::None => {
                let remote = remote_parent();
                if kind == key::KIND_WORKFLOW {
                    let came = crate::context::Context { span: remote, ..Default::default() };
                    return Recorded::Open(Open::Workflow(self.loom.workflow(name).parent(&came).start()));
                }
                Recorded::Open(Open::Node(start(self.loom.span(name, remote.as_ref()))))
            }
        }
    }

    fn locate(&self, metadata: &Metadata<'_>, put: &mut dyn FnMut(&str, crate::value::ValueRef<'_>)) {
        if !self.location {
            return;
        }
        if let Some(file) = metadata.file() {
            put("code.file.path", file.into());
        }
        if let Some(line) = metadata.line() {
            put("code.line.number", line.into());
        }
        if let Some(module) = metadata.module_path() {
            put("code.module", module.into());
        }
    }
}

enum Parent {
    Known(Current),
    Suppressed,
    None,
}

fn span_kind(name: Option<&str>) -> Option<SpanKind> {
    let name = name?;
    let kinds = [
        ("internal", SpanKind::Internal),
        ("server", SpanKind::Server),
        ("client", SpanKind::Client),
        ("producer", SpanKind::Producer),
        ("consumer", SpanKind::Consumer),
    ];
    kinds.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, kind)| kind)
}

/// Sets what the fields of a span say.
fn put_fields(live: &mut Live, fields: &Fields) {
    for (name, given) in &fields.0 {
        match *name {
            key::KIND | "otel.name" | "otel.kind" | "otel.status_description" | "otel.status_message" => {}
            "otel.status_code" => {
                let described =
                    fields.text("otel.status_description").or_else(|| fields.text("otel.status_message"));
                put_status(live, given.text().unwrap_or_default(), described.unwrap_or_default());
            }
            "error" => put_error(live, given),
            _ => put_field(live, name, given),
        }
    }
}

fn put_field(live: &mut Live, name: &str, given: &Given) {
    let sections = [
        ("spanloom.input.", Section::Input),
        ("spanloom.output.", Section::Output),
        ("spanloom.config.", Section::Config),
    ];
    for (prefix, section) in sections {
        if let Some(entry) = name.strip_prefix(prefix) {
            live.builder.section(section, entry, given.as_ref());
            return;
        }
    }
    live.builder.attribute(name, given.as_ref());
}

fn put_status(live: &mut Live, code: &str, description: &str) {
    if code.eq_ignore_ascii_case("ok") {
        live.builder.status(StatusCode::Ok, "");
    } else if code.eq_ignore_ascii_case("error") {
        live.builder.status(StatusCode::Error, description);
    }
}

fn put_error(live: &mut Live, given: &Given) {
    match given {
        Given::Error(text) => {
            let now = live.now();
            live.builder.event(now, key::EXCEPTION_EVENT, &[(key::EXCEPTION_MESSAGE, text.as_str().into())]);
            live.builder.status(StatusCode::Error, text);
        }
        Given::Bool(false) => {}
        other => {
            live.builder.attribute("error", other.as_ref());
            live.builder.status(StatusCode::Error, other.text().unwrap_or_default());
        }
    }
}

const fn event_names(level: Level) -> (&'static str, &'static str) {
    match level {
        Level::ERROR => (key::ERROR_EVENT, key::ERROR_LOG),
        Level::INFO => (key::INFO_EVENT, key::INFO_LOG),
        Level::WARN => ("WARN", "message"),
        Level::DEBUG => ("DEBUG", "message"),
        Level::TRACE => ("TRACE", "message"),
    }
}

impl<S> Layer<S> for RecordLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if is_suppressed() {
            span.extensions_mut().replace(Recorded::Suppressed);
            return;
        }
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let parent = Self::parent(attributes, &context);
        let mut recorded = self.open(&parent, attributes.metadata().name(), &fields);
        if let Recorded::Open(open) = &mut recorded {
            open.change(|live| {
                self.locate(attributes.metadata(), &mut |name, value| live.builder.attribute(name, value));
                put_fields(live, &fields);
            });
        }
        span.extensions_mut().replace(recorded);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        values.record(&mut fields);
        if let Some(Recorded::Open(open)) = span.extensions_mut().get_mut() {
            open.change(|live| put_fields(live, &fields));
        }
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, context: Context<'_, S>) {
        let (Some(span), Some(other)) = (context.span(id), context.span(follows)) else { return };
        let other = other.extensions().get().and_then(Recorded::current);
        let Some(other) = other.and_then(|current| current.context().span) else { return };
        if let Some(Recorded::Open(open)) = span.extensions_mut().get_mut() {
            open.change(|live| live.link(&other, |_| {}));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(span) = context.event_span(event) else { return };
        let metadata = event.metadata();
        let mut fields = Fields::default();
        event.record(&mut fields);
        if let Some(Recorded::Open(open)) = span.extensions_mut().get_mut() {
            open.change(|live| {
                let (level_name, text_name) = event_names(*metadata.level());
                let error = fields.0.iter().find(|(_, given)| matches!(given, Given::Error(_)));
                let name = if error.is_some() { key::EXCEPTION_EVENT } else { level_name };
                let now = live.now();
                if let Some(mut event) = live.builder.open_event(now, name) {
                    for (name, given) in &fields.0 {
                        let name = match (*name, given) {
                            ("message", _) => text_name,
                            (_, Given::Error(_)) => key::EXCEPTION_MESSAGE,
                            (name, _) => name,
                        };
                        event.attribute(name, &mut |sink| given.as_ref().tell(sink));
                    }
                    self.locate(metadata, &mut |name, value| {
                        event.attribute(name, &mut |sink| value.tell(sink));
                    });
                }
                if *metadata.level() == Level::ERROR {
                    // The last one is what `#[instrument(err)]` writes.
                    let text = fields
                        .text("message")
                        .or_else(|| error.and_then(|(_, given)| given.text()))
                        .or_else(|| fields.text("error"));
                    live.builder.status(StatusCode::Error, text.unwrap_or_default());
                }
            });
        }
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let current = span.extensions().get().and_then(Recorded::current);
        if let Some(current) = current {
            let entered = current.enter();
            let _ = INSIDE.try_with(|inside| inside.borrow_mut().push((id.clone(), entered)));
        }
    }

    fn on_exit(&self, id: &Id, _: Context<'_, S>) {
        let left = INSIDE.try_with(|inside| {
            let mut inside = inside.borrow_mut();
            let at = inside.iter().rposition(|(known, _)| known == id)?;
            Some(inside.remove(at))
        });
        drop(left);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let recorded = context.span(&id).and_then(|span| span.extensions_mut().remove::<Recorded>());
        // Ends it, outside of the lock: the end of a span may take records on, to exporters that use tracing.
        drop(recorded);
    }
}
