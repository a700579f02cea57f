//! The layer that writes log lines.

use std::cell::Cell;
use std::sync::Arc;

use tracing_core::span::{Attributes, Id, Record};
use tracing_core::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use super::Options;
use super::identity::{Draft, Identity, Known, enter, leave};
use super::line::{Members, Place};
use super::span_fields::shown;
use super::time::shown_micros;
use super::writer::SharedWriter;
use crate::native::bridges::tracing::{Fields, Recorded, remote_parent};
use crate::native::clock::TimeSource;

/// The target of the layer's own lines.
const TARGET: &str = "spanloom::logs";

/// Writes each event as a line of JSON: made by [`json_layer`](super::json_layer).
///
/// ```
/// use spanloom::logs::{JsonLayer, Options, json_layer};
/// use tracing_subscriber::{Registry, filter::{Filtered, Targets}};
/// let layer: Filtered<JsonLayer, Targets, Registry> = json_layer(Options::new().writer(std::io::sink()));
/// ```
pub struct JsonLayer {
    writer: SharedWriter,
    span_events: bool,
    utc_offset_minutes: i32,
    time: TimeSource,
}

/// What the layer keeps with a span.
struct LogSpan {
    draft: Draft,
    /// From the first entry on.
    identity: Option<Arc<Identity>>,
    shown: Vec<(String, String)>,
    busy: u64,
    idle: u64,
    /// When it was made, entered or left, whatever came last.
    last: u64,
    /// How many times it is entered now.
    entries: u32,
}

impl LogSpan {
    /// The time since the last change.
    const fn pass(&mut self, now: u64) -> u64 {
        let passed = now.saturating_sub(self.last);
        self.last = now;
        passed
    }
}

thread_local! {
    /// This thread is writing a line.
    static WRITING: Cell<bool> = const { Cell::new(false) };
}

/// Ends the writing of a line, also after a panic.
struct Written;

impl Drop for Written {
    fn drop(&mut self) {
        WRITING.set(false);
    }
}

impl JsonLayer {
    pub(super) fn new(options: Options) -> Self {
        let tells_start = options.filter.would_enable(TARGET, &Level::INFO);
        let layer = Self {
            writer: SharedWriter::new(options.writer),
            span_events: options.span_events,
            utc_offset_minutes: options.utc_offset_minutes,
            time: options.time,
        };
        if tells_start {
            let mut members = Members::default();
            members.text("service", &options.service);
            let message = match &options.endpoint {
                Some(endpoint) => {
                    members.text("endpoint", endpoint);
                    "OpenTelemetry OTLP export enabled"
                }
                None => "OpenTelemetry OTLP export disabled, traces local only",
            };
            layer.write(&members, &Place::own(Level::INFO, TARGET, file!(), line!()), message);
        }
        layer
    }

    fn write(&self, members: &Members, place: &Place<'_>, message: &str) {
        let line = members.line(self.time.unix_nanos(), self.utc_offset_minutes, place, message);
        // A writer that itself uses tracing must not come here again while it holds the lock.
        if WRITING.replace(true) {
            return;
        }
        let _written = Written;
        // Nobody could be told of a log that cannot be written.
        let _ = self.writer.write(line.as_bytes());
    }

    /// A line about the log itself, from inside of `span`.
    fn write_error<'a, R: LookupSpan<'a>>(&self, message: &str, span: Option<&SpanRef<'a, R>>) {
        let mut members = Members::default();
        match span.and_then(|span| span.extensions().get().map(|log| members_of(span.name(), log))) {
            Some(fill) => fill(&mut members),
            None => members.outside(),
        }
        self.write(&members, &Place::own(Level::ERROR, TARGET, file!(), line!()), message);
    }
}

/// Adds what a line inside a span tells of it, without the lock of the span.
fn members_of(name: &'static str, log: &LogSpan) -> impl FnOnce(&mut Members) + use<> {
    let (shown, identity) = (log.shown.clone(), log.identity.clone());
    move |members| match &identity {
        Some(identity) => members.span(name, &shown, identity),
        None => members.outside(),
    }
}

/// What the layer that records knows of the ids of a span.
fn known<'a, R: LookupSpan<'a>>(span: &SpanRef<'a, R>) -> Option<Known> {
    let current = span.extensions().get().and_then(Recorded::current)?;
    let context = current.context().span?;
    Some(Known { trace_id: context.trace_id, span_id: current.is_recording().then_some(context.span_id) })
}

impl<S> Layer<S> for JsonLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let around = match attributes.parent() {
            Some(parent) => context.span(parent),
            None if attributes.is_root() => None,
            None => context.lookup_current(),
        };
        let identity = around.as_ref().and_then(|span| span.extensions().get::<LogSpan>()?.identity.clone());
        let remote = remote_parent().map(|span| span.trace_id);
        let (draft, no_trace) = Draft::new(&fields, identity.as_deref(), remote);
        span.extensions_mut().replace(LogSpan {
            draft,
            identity: None,
            shown: shown(&fields),
            busy: 0,
            idle: 0,
            last: self.time.unix_nanos(),
            entries: 0,
        });
        if no_trace.is_some() {
            self.write_error("parent id or span id are set but trace id is not set!", around.as_ref());
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        values.record(&mut fields);
        if let Some(log) = span.extensions_mut().get_mut::<LogSpan>() {
            log.shown.extend(shown(&fields));
        }
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let known = known(&span);
        let now = self.time.unix_nanos();
        let (identity, first) = {
            let mut extensions = span.extensions_mut();
            let Some(log) = extensions.get_mut::<LogSpan>() else { return };
            if log.entries == 0 {
                log.idle += log.pass(now);
            }
            log.entries += 1;
            let first = log.identity.is_none();
            let draft = &mut log.draft;
            let identity = log.identity.get_or_insert_with(|| Arc::new(draft.complete(known)));
            (Arc::clone(identity), first.then(|| log.shown.clone()))
        };
        if self.span_events
            && let Some(shown) = first
        {
            let mut members = Members::default();
            members.span(span.name(), &shown, &identity);
            self.write(&members, &Place::of(span.metadata()), "SPAN_FIRST_ENTRY");
        }
        enter(id.into_u64(), identity);
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        leave(id.into_u64());
        let Some(span) = context.span(id) else { return };
        let now = self.time.unix_nanos();
        if let Some(log) = span.extensions_mut().get_mut::<LogSpan>() {
            log.entries = log.entries.saturating_sub(1);
            if log.entries == 0 {
                log.busy += log.pass(now);
            }
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut members = Members::default();
        let message = members.event(fields);
        let span = context.event_span(event);
        let fill = span.and_then(|span| {
            let extensions = span.extensions();
            extensions.get::<LogSpan>().map(|log| members_of(span.name(), log))
        });
        match fill {
            Some(fill) => fill(&mut members),
            None => members.outside(),
        }
        self.write(&members, &Place::of(event.metadata()), &message);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let log = span.extensions_mut().remove::<LogSpan>();
        let Some(mut log) = log.filter(|_| self.span_events) else { return };
        log.idle += log.pass(self.time.unix_nanos());
        let mut members = Members::default();
        match &log.identity {
            Some(identity) => members.span(span.name(), &log.shown, identity),
            None => {
                let message = "Distributed Trace Context not found, falling back to internal ids";
                self.write_error(message, context.lookup_current().as_ref());
                members.unknown_span(span.name(), &log.shown, id.into_u64());
            }
        }
        let (busy, idle) = (shown_micros(log.busy), shown_micros(log.idle));
        members.micros("time.busy_us", busy);
        members.micros("time.idle_us", idle);
        members.micros("time.duration_us", busy + idle);
        self.write(&members, &Place::of(span.metadata()), "SPAN_CLOSED");
    }
}

impl std::fmt::Debug for JsonLayer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JsonLayer").field("span_events", &self.span_events).finish_non_exhaustive()
    }
}
