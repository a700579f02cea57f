//! Nodes and spans: the steps of a workflow.

use std::fmt::Display;
use std::sync::Arc;

use super::clock::Timeline;
use super::core::Core;
use super::current::{Current, Entered, InNode};
use super::here::{Heritage, Live, begin_live, end_live, passed, trace_state};
use crate::context::{Context, SpanContext, TraceFlags, TraceState};
use crate::id::{SpanId, TraceId};
use crate::otlp::span::{SpanKind, StatusCode};
use crate::record::{Nested, Section, SpanRole, SpanStart};
use crate::usage::Usage;
use crate::value::ValueRef;
use crate::vocabulary as key;

/// The ids of a span, recorded or not.
// Whole words and no gap: what is copied as pieces that overlap, or byte by byte, is read back from the cache and not from
// where it was written a moment ago, which takes longer than all else that an unsampled span costs.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(16))]
pub(super) struct Ids {
    pub(super) trace_id: TraceId,
    pub(super) span_id: SpanId,
    pub(super) flags: WideFlags,
}

/// Trace flags in a whole word.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct WideFlags(u64);

impl From<TraceFlags> for WideFlags {
    #[inline]
    fn from(flags: TraceFlags) -> Self {
        Self(flags.bits().into())
    }
}

impl WideFlags {
    #[inline]
    pub(super) const fn bits(self) -> u8 {
        let [bits, ..] = self.0.to_le_bytes();
        bits
    }
}

impl Ids {
    pub(super) fn of(span: &SpanContext) -> Self {
        Self { trace_id: span.trace_id, span_id: span.span_id, flags: span.flags.into() }
    }
}

/// What a new node hangs on.
#[derive(Clone, Copy)]
pub(super) struct Parent<'a> {
    /// `None` where nothing is recorded.
    pub(super) core: Option<&'a Arc<Core>>,
    pub(super) ids: ParentIds<'a>,
    pub(super) is_remote: bool,
    /// [`SpanId::NONE`] for plain spans outside any workflow.
    pub(super) workflow: SpanId,
    pub(super) timeline: Timeline,
    pub(super) heritage: Option<&'a Arc<Heritage>>,
    /// Of a parent that has no handle, and nothing else to hand on.
    pub(super) trace_state: Option<&'a TraceState>,
}

impl Parent<'_> {
    /// What a node below hands on in its turn.
    #[inline]
    fn heritage(&self) -> Option<Arc<Heritage>> {
        match self.trace_state {
            None => self.heritage.cloned(),
            Some(trace_state) => Heritage::of_context(trace_state.clone(), None),
        }
    }
}

/// The ids of a parent: where they stand, so that a node that is not recorded takes them over in one copy, from there.
#[derive(Clone, Copy)]
pub(super) enum ParentIds<'a> {
    Kept(&'a Ids),
    /// There is no handle that has them.
    Made(Ids),
}

impl ParentIds<'_> {
    #[inline]
    pub(super) const fn get(&self) -> &Ids {
        match self {
            Self::Kept(ids) => ids,
            Self::Made(ids) => ids,
        }
    }
}

/// A node that is about to start.
///
/// ```
/// use spanloom::otlp::span::SpanKind;
/// let loom = spanloom::Loom::builder().build();
/// let run = loom.workflow("answer").start();
/// let call = run.node("weather").kind("tool").span_kind(SpanKind::Client).start();
/// assert!(call.is_recording());
/// ```
#[must_use = "a node starts when `start` or `run` is called"]
#[derive(Clone, Copy)]
pub struct NodeBuilder<'a> {
    parent: Parent<'a>,
    name: &'a str,
    kind: &'a str,
    role: SpanRole,
    span_kind: SpanKind,
    start_unix_nano: Option<u64>,
}

impl<'a> NodeBuilder<'a> {
    #[inline]
    pub(super) const fn new(parent: Parent<'a>, name: &'a str, role: SpanRole) -> Self {
        Self { parent, name, kind: "", role, span_kind: SpanKind::Internal, start_unix_nano: None }
    }

    /// What kind of step it is: `llm`, `tool`, `agent`, `retriever`, or any word of your own.
    #[inline]
    pub const fn kind(mut self, kind: &'a str) -> Self {
        self.kind = kind;
        self
    }

    /// Which side of a call it is; by default it is work inside the program.
    #[inline]
    pub const fn span_kind(mut self, span_kind: SpanKind) -> Self {
        self.span_kind = span_kind;
        self
    }

    /// When it started, in nanoseconds since 1970, where that was not now.
    #[inline]
    pub const fn start_time(mut self, unix_nanos: u64) -> Self {
        self.start_unix_nano = Some(unix_nanos);
        self
    }

    /// Says whether it is a node or a plain span.
    #[cfg(any(feature = "tracing", feature = "opentelemetry"))]
    pub(super) const fn role(mut self, role: SpanRole) -> Self {
        self.role = role;
        self
    }

    /// Starts the node. It ends with [`Node::end`], or when it is dropped.
    #[inline]
    pub fn start(self) -> Node {
        let parent = &self.parent;
        let Some(core) = parent.core else {
            return if parent.heritage.is_none() && parent.trace_state.is_none() {
                Node { ids: *parent.ids.get(), live: None, heritage: None }
            } else {
                self.pass_on()
            };
        };
        let above = parent.ids.get();
        let ids = Ids { span_id: core.ids.span_id(), ..*above };
        let mut span = SpanStart {
            workflow: parent.workflow,
            trace_id: ids.trace_id,
            span_id: ids.span_id,
            parent_span_id: above.span_id,
            parent_is_remote: parent.is_remote,
            trace_flags: ids.flags.bits(),
            trace_state: "",
            name: self.name,
            span_kind: self.span_kind,
            node_kind: self.kind,
            role: self.role,
            start_unix_nano: 0,
        };
        let live = begin_live(core, &mut span, self.start_unix_nano, parent.timeline, parent.heritage());
        Node { ids, live: Some(live), heritage: None }
    }

    /// A node that is not recorded, and hands something on.
    #[cold]
    #[inline(never)]
    fn pass_on(self) -> Node {
        Node { ids: *self.parent.ids.get(), live: None, heritage: self.parent.heritage() }
    }

    /// Runs `step` as this node, which is the current one meanwhile. An error becomes the node's status and an exception event, and is given on.
    ///
    /// ```
    /// use spanloom::loom::TextOptions;
    /// use spanloom::{Loom, MemoryExporter};
    /// let memory = MemoryExporter::new();
    /// let loom = Loom::builder().exporter(memory.clone()).build();
    /// let run = loom.workflow("answer").start();
    /// let sum: Result<i32, std::num::ParseIntError> = run.node("add").kind("tool").run(|node| {
    ///     node.input("left", "2").input("right", "two");
    ///     Ok("2".parse::<i32>()? + "two".parse::<i32>()?)
    /// });
    /// assert!(sum.is_err());
    /// run.end();
    /// loom.flush(std::time::Duration::from_secs(5));
    /// assert!(memory.tree_text(&TextOptions::stable()).contains("add  tool  error: invalid digit found in string"));
    /// ```
    ///
    /// # Errors
    /// Those of `step`.
    pub fn run<T, E: Display>(self, step: impl FnOnce(&mut Node) -> Result<T, E>) -> Result<T, E> {
        let mut node = self.start();
        let _entered = node.enter();
        let result = step(&mut node);
        node.note_result(&result);
        result
    }

    /// As [`Self::run`], for a step that cannot fail.
    ///
    /// ```
    /// let loom = spanloom::Loom::builder().build();
    /// let run = loom.workflow("answer").start();
    /// let words = run.node("split").in_scope(|node| {
    ///     node.input("text", "a b");
    ///     "a b".split(' ').count()
    /// });
    /// assert_eq!(words, 2);
    /// ```
    pub fn in_scope<T>(self, step: impl FnOnce(&mut Node) -> T) -> T {
        let mut node = self.start();
        let _entered = node.enter();
        step(&mut node)
    }

    /// As [`Self::in_scope`], for a step that is awaited.
    ///
    /// ```
    /// # use std::task::{Context, Poll, Waker};
    /// let loom = spanloom::Loom::builder().build();
    /// let run = loom.workflow("answer").start();
    /// let greeting = run.node("greet").in_scope_async(async |node| {
    ///     node.output("text", "hello");
    ///     "hello"
    /// });
    /// # let done = std::pin::pin!(greeting).poll(&mut Context::from_waker(Waker::noop()));
    /// # assert_eq!(done, Poll::Ready("hello"));
    /// ```
    pub async fn in_scope_async<T>(self, step: impl AsyncFnOnce(&mut Node) -> T) -> T {
        let mut node = self.start();
        let current = node.current();
        step(&mut node).in_node(current).await
    }

    /// As [`Self::run`], for a step that is awaited.
    ///
    /// ```
    /// # use std::task::{Context, Poll, Waker};
    /// # async fn fetch(city: &str) -> Result<String, std::fmt::Error> { Ok(format!("dry in {city}")) }
    /// let loom = spanloom::Loom::builder().build();
    /// let run = loom.workflow("answer").start();
    /// let weather = run.node("weather").kind("tool").run_async(async |node| {
    ///     node.input("city", "Paris");
    ///     fetch("Paris").await
    /// });
    /// # let done = std::pin::pin!(weather).poll(&mut Context::from_waker(Waker::noop()));
    /// # assert_eq!(done, Poll::Ready(Ok("dry in Paris".to_owned())));
    /// ```
    ///
    /// # Errors
    /// Those of `step`.
    pub async fn run_async<T, E: Display>(
        self,
        step: impl AsyncFnOnce(&mut Node) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut node = self.start();
        let current = node.current();
        let result = step(&mut node).in_node(current).await;
        node.note_result(&result);
        result
    }
}

impl Live {
    /// Links the span to another one; `fill` adds the attributes of the link.
    pub(super) fn link(&mut self, to: &SpanContext, fill: impl FnOnce(&mut Nested<'_>)) {
        let remote = if to.is_remote { 0x300 } else { 0x100 };
        let flags = u32::from(to.flags.bits()) | remote;
        let link = self.builder.open_link(to.trace_id, to.span_id, to.trace_state.as_str(), flags);
        if let Some(mut link) = link {
            fill(&mut link);
        }
    }
}

/// One step of a workflow, while it runs. A plain span is the same thing outside the workflow's graph.
///
/// Nothing here fails, blocks or panics: where the node is not recorded, every call costs a branch.
///
/// ```
/// use spanloom::{Loom, MemoryExporter, Usage};
/// let memory = MemoryExporter::new();
/// let loom = Loom::builder().service("planner").exporter(memory.clone()).build();
/// let run = loom.workflow("answer").start();
/// let mut node = run.node("planner").kind("llm").start();
/// node.input("question", "Which way?").usage(Usage { prompt: 8, completion: 2, ..Usage::default() });
/// node.end();
/// run.end();
/// loom.flush(std::time::Duration::from_secs(5));
/// assert_eq!(memory.span_count(), 2);
/// ```
#[must_use = "a node that is dropped at once ends at once"]
// Most nodes that are not recorded are their ids and two times nothing. A choice between the two pointers would take as much
// room, and be written in pieces that are read back as one.
pub struct Node {
    ids: Ids,
    /// `None` where nothing is recorded.
    live: Option<Box<Live>>,
    /// Where nothing is recorded, and there is something to be passed on to other programs.
    heritage: Option<Arc<Heritage>>,
}

/// A span outside the graph of a workflow's nodes: the same handle.
///
/// ```
/// let loom = spanloom::Loom::builder().build();
/// let run = loom.workflow("answer").start();
/// let mut query: spanloom::Span = run.span("SELECT").start();
/// query.attribute("db.system.name", "postgresql");
/// query.end();
/// ```
pub type Span = Node;

impl Node {
    /// True when what is said to this node is kept.
    #[inline]
    #[must_use]
    pub const fn is_recording(&self) -> bool {
        self.live.is_some()
    }

    #[inline]
    pub(super) fn live(&mut self) -> Option<&mut Live> {
        self.live.as_deref_mut()
    }

    /// True where it belongs to a workflow.
    #[cfg(feature = "opentelemetry")]
    pub(super) fn in_workflow(&self) -> bool {
        self.live.as_ref().is_some_and(|live| live.kin.workflow.is_valid())
    }

    /// A node below this one.
    #[inline]
    pub fn node<'a>(&'a self, name: &'a str) -> NodeBuilder<'a> {
        NodeBuilder::new(self.as_parent(), name, SpanRole::Node)
    }

    /// A plain span below this one.
    #[inline]
    pub fn span<'a>(&'a self, name: &'a str) -> NodeBuilder<'a> {
        NodeBuilder::new(self.as_parent(), name, SpanRole::Span)
    }

    /// Makes this the thread's current node until the guard goes: see [`current`](super::current()).
    pub fn enter(&self) -> Entered {
        self.current().enter()
    }

    /// This node as its children need it, to be carried to where they start.
    pub fn current(&self) -> Current {
        Current::of(self.as_parent())
    }

    #[inline]
    pub(super) fn as_parent(&self) -> Parent<'_> {
        let (core, workflow, timeline, heritage) = match &self.live {
            Some(live) => (Some(&live.core), live.kin.workflow, live.kin.timeline, &live.kin.heritage),
            None => (None, SpanId::NONE, Timeline::default(), &self.heritage),
        };
        Parent {
            core,
            ids: ParentIds::Kept(&self.ids),
            is_remote: false,
            workflow,
            timeline,
            heritage: heritage.as_ref(),
            trace_state: None,
        }
    }

    /// Sets an attribute. A second value of the same key takes the place of the first.
    #[inline]
    pub fn attribute<'v>(&mut self, name: &str, value: impl Into<ValueRef<'v>>) -> &mut Self {
        if let Some(live) = self.live() {
            live.builder.attribute(name, value);
        }
        self
    }

    /// Adds to what went into the node.
    #[inline]
    pub fn input<'v>(&mut self, name: &str, value: impl Into<ValueRef<'v>>) -> &mut Self {
        self.section(Section::Input, name, value)
    }

    /// Adds to what came out of the node.
    #[inline]
    pub fn output<'v>(&mut self, name: &str, value: impl Into<ValueRef<'v>>) -> &mut Self {
        self.section(Section::Output, name, value)
    }

    /// Adds to how the node is configured.
    #[inline]
    pub fn config<'v>(&mut self, name: &str, value: impl Into<ValueRef<'v>>) -> &mut Self {
        self.section(Section::Config, name, value)
    }

    #[inline]
    fn section<'v>(&mut self, section: Section, name: &str, value: impl Into<ValueRef<'v>>) -> &mut Self {
        if let Some(live) = self.live() {
            live.builder.section(section, name, value);
        }
        self
    }

    /// Adds an event that happens now.
    #[inline]
    pub fn event(&mut self, name: &str, attributes: &[(&str, ValueRef<'_>)]) -> &mut Self {
        if let Some(live) = self.live() {
            let now = live.now();
            live.builder.event(now, name, attributes);
        }
        self
    }

    /// Adds a line to the node's log.
    pub fn info(&mut self, text: &str) -> &mut Self {
        self.event(key::INFO_EVENT, &[(key::INFO_LOG, text.into())])
    }

    /// Adds an error line to the node's log, and marks the node as failed.
    pub fn error(&mut self, text: &str) -> &mut Self {
        self.attribute("error", true);
        self.event(key::ERROR_EVENT, &[(key::ERROR_LOG, text.into())]);
        self.status(StatusCode::Error, text)
    }

    /// Adds an exception, and marks the node as failed.
    pub fn exception(&mut self, kind: &str, message: &str) -> &mut Self {
        let attributes = [(key::EXCEPTION_TYPE, kind.into()), (key::EXCEPTION_MESSAGE, message.into())];
        self.event(key::EXCEPTION_EVENT, &attributes);
        self.attribute(key::ERROR_TYPE, kind);
        self.status(StatusCode::Error, message)
    }

    fn note_result<T, E: Display>(&mut self, result: &Result<T, E>) {
        if let Err(error) = result
            && self.is_recording()
        {
            self.exception(std::any::type_name::<E>(), &error.to_string());
        }
    }

    /// Reports tokens; [`UsageMode`](crate::UsageMode) says how reports go together.
    #[inline]
    pub fn usage(&mut self, usage: Usage) -> &mut Self {
        if let Some(live) = self.live() {
            live.builder.usage(usage);
        }
        self
    }

    /// Notes that the first frame of a stream came now; only the first call counts.
    #[inline]
    pub fn first_frame(&mut self) -> &mut Self {
        if let Some(live) = self.live() {
            let now = live.now();
            live.builder.first_frame(now);
        }
        self
    }

    /// Names a node that follows this one.
    #[inline]
    pub fn next(&mut self, id: &str) -> &mut Self {
        if let Some(live) = self.live() {
            live.builder.next(id);
        }
        self
    }

    /// Sets the status. `Ok` is final; a message is kept with an error only.
    #[inline]
    pub fn status(&mut self, code: StatusCode, message: &str) -> &mut Self {
        if let Some(live) = self.live() {
            live.builder.status(code, message);
        }
        self
    }

    /// Sets the number with which it answered, as the workflow engine has it: the attribute `code`; 0 is success. The status
    /// stays as it is.
    pub fn code(&mut self, code: i64) -> &mut Self {
        self.attribute(key::CODE, code)
    }

    /// Links this node to another span.
    pub fn link(&mut self, to: &SpanContext, attributes: &[(&str, ValueRef<'_>)]) -> &mut Self {
        if let Some(live) = self.live() {
            live.link(to, |link| {
                for (name, value) in attributes {
                    link.attribute(name, &mut |sink| value.tell(sink));
                }
            });
        }
        self
    }

    /// The node as other programs are to see it: what to inject into calls that it makes.
    #[must_use]
    pub fn context(&self) -> Context {
        context_of(self.ids, self.as_parent().heritage)
    }

    /// Ends the node now.
    #[inline]
    pub fn end(mut self) {
        self.finish(None);
        if self.heritage.is_none() {
            // There is nothing to be dropped, and nothing is looked at again.
            std::mem::forget(self);
        }
    }

    /// Ends the node at this time, in nanoseconds since 1970.
    pub fn end_at(mut self, unix_nanos: u64) {
        self.finish(Some(unix_nanos));
    }

    #[inline]
    fn finish(&mut self, at: Option<u64>) {
        if let Some(live) = self.live.take() {
            end_live(live, at);
        }
    }
}

impl Drop for Node {
    #[inline]
    fn drop(&mut self) {
        if self.is_recording() {
            if std::thread::panicking() {
                self.status(StatusCode::Error, "panic");
            }
            self.finish(None);
        }
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("ids", &self.ids).field("recording", &self.is_recording()).finish()
    }
}

/// The context that carries these ids, and what came from the caller.
pub(super) fn context_of(ids: Ids, heritage: Option<&Arc<Heritage>>) -> Context {
    let Ids { trace_id, span_id, flags } = ids;
    let span = (trace_id.is_valid() && span_id.is_valid()).then(|| SpanContext {
        trace_id,
        span_id,
        flags: TraceFlags::from_bits(flags.bits()),
        trace_state: trace_state(heritage).clone(),
        is_remote: false,
    });
    Context { span, ..passed(heritage).cloned().unwrap_or_default() }
}

/// A context that a span can stand below: one with ids.
pub(super) fn usable(parent: Option<&SpanContext>) -> Option<&SpanContext> {
    parent.filter(|span| span.trace_id.is_valid() && span.span_id.is_valid())
}
