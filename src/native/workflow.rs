//! Workflows: one run of an agent, a pipeline, a graph; the root of a tree.

use std::sync::{Arc, Mutex, PoisonError};

use super::Loom;
use super::core::locked;
use super::current::{Current, Entered};
use super::fork;
use super::here::{Heritage, Kin, Live, Log, announce, begin_live, end_live};
use super::node::{Ids, NodeBuilder, Parent, ParentIds, context_of, usable};
use super::suppress::is_suppressed;
use crate::context::{Context, SpanContext, TraceFlags, TraceState};
use crate::id::SpanId;
use crate::otlp::span::{SpanKind, SpanView, StatusCode};
use crate::record::finished_spans;
use crate::record::{Identity, SpanRole, SpanStart};
use crate::value::ValueRef;
use crate::vocabulary as key;
use crate::workflow::{NodeTraceLog, from_spans};

/// On whose behalf a workflow runs, kept for its spans.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct OwnedIdentity {
    sid: String,
    app_id: String,
    uid: String,
    chat_id: String,
}

impl OwnedIdentity {
    fn of(identity: &Identity<'_>) -> Self {
        Self {
            sid: identity.sid.into(),
            app_id: identity.app_id.into(),
            uid: identity.uid.into(),
            chat_id: identity.chat_id.into(),
        }
    }

    pub(super) fn borrowed(&self) -> Identity<'_> {
        Identity { sid: &self.sid, app_id: &self.app_id, uid: &self.uid, chat_id: &self.chat_id }
    }
}

/// A workflow that is about to start.
///
/// ```
/// let loom = spanloom::Loom::builder().build();
/// let run = loom.workflow("answer").app("app-1").user("u-7").chat("c-9").question("Will it rain?").start();
/// assert!(run.is_recording());
/// ```
#[must_use = "a workflow starts when `start` is called"]
#[derive(Debug, Clone)]
pub struct WorkflowBuilder<'a> {
    loom: &'a Loom,
    name: &'a str,
    identity: Identity<'a>,
    question: &'a str,
    parent: Option<SpanContext>,
    passed: Option<Arc<Context>>,
    start_unix_nano: Option<u64>,
    keeps_log: bool,
}

impl<'a> WorkflowBuilder<'a> {
    pub(super) fn new(loom: &'a Loom, name: &'a str) -> Self {
        Self {
            loom,
            name,
            identity: Identity::default(),
            question: "",
            parent: None,
            passed: None,
            start_unix_nano: None,
            keeps_log: false,
        }
    }

    /// The session id of the request.
    pub const fn sid(mut self, sid: &'a str) -> Self {
        self.identity.sid = sid;
        self
    }

    /// The application on whose behalf it runs.
    pub const fn app(mut self, app_id: &'a str) -> Self {
        self.identity.app_id = app_id;
        self
    }

    /// The user on whose behalf it runs.
    pub const fn user(mut self, uid: &'a str) -> Self {
        self.identity.uid = uid;
        self
    }

    /// The conversation that it belongs to.
    pub const fn chat(mut self, chat_id: &'a str) -> Self {
        self.identity.chat_id = chat_id;
        self
    }

    /// What the user asked.
    pub const fn question(mut self, question: &'a str) -> Self {
        self.question = question;
        self
    }

    /// The span of another program, or of this one, below which it runs.
    pub fn parent(mut self, context: &Context) -> Self {
        self.parent.clone_from(&context.span);
        let passes_on = !context.baggage.is_empty() || context.request_id.is_some();
        self.passed = passes_on.then(|| Arc::new(Context { span: None, ..context.clone() }));
        self
    }

    /// When it started, in nanoseconds since 1970, where that was not now.
    pub const fn start_time(mut self, unix_nanos: u64) -> Self {
        self.start_unix_nano = Some(unix_nanos);
        self
    }

    /// Keeps the workflow's records in memory until it is dropped, for [`Workflow::to_log`].
    pub const fn keep_log(mut self) -> Self {
        self.keeps_log = true;
        self
    }

    /// Starts the workflow. It ends with [`Workflow::end`], or when it is dropped.
    pub fn start(self) -> Workflow {
        let core = self.loom.core();
        let parent = usable(self.parent.as_ref());
        if core.disabled || is_suppressed() {
            let ids = parent.map_or_else(Ids::default, Ids::of);
            return self.pass_on(ids);
        }
        let trace_id = parent.map_or_else(|| core.ids.trace_id(), |span| span.trace_id);
        let sampled = core.samples(parent, trace_id);
        let random = parent.map_or(core.random_flag, |span| span.flags.is_random());
        let flags = TraceFlags::NONE.with_sampled(sampled).with_random(random);
        let ids = Ids { trace_id, span_id: core.ids.span_id(), flags: flags.into() };
        if sampled {
            return self.record(ids);
        }
        core.count_sampled_out();
        self.pass_on(ids)
    }

    /// A workflow that is not recorded. Written piece by piece where it is wanted: copies would cost more than all else here.
    #[inline(always)]
    fn pass_on(self, ids: Ids) -> Workflow {
        let trace_state =
            usable(self.parent.as_ref()).map_or(TraceState::EMPTY, |span| span.trace_state.clone());
        let heritage = Heritage::of_context(trace_state, self.passed);
        let kin = Kin { workflow: ids.span_id, heritage, ..Kin::default() };
        Workflow { loom: None, ids, kin, live: Mutex::new(None), generation: 0 }
    }

    #[inline(never)]
    fn record(self, ids: Ids) -> Workflow {
        let core = self.loom.core();
        let parent = usable(self.parent.as_ref());
        let mut span = SpanStart {
            workflow: ids.span_id,
            trace_id: ids.trace_id,
            span_id: ids.span_id,
            parent_span_id: parent.map_or(SpanId::NONE, |span| span.span_id),
            parent_is_remote: parent.is_some_and(|span| span.is_remote),
            trace_flags: ids.flags.bits(),
            trace_state: "",
            name: self.name,
            span_kind: SpanKind::Internal,
            node_kind: "",
            role: SpanRole::Workflow,
            start_unix_nano: 0,
        };
        let heritage = self.heritage();
        let mut live = begin_live(core, &mut span, self.start_unix_nano, core.time.timeline(), heritage);
        let kin = live.kin.clone();
        if !self.question.is_empty() {
            live.builder.attribute(key::QUESTION, self.question);
        }
        if core.live_view {
            announce(&live);
        }
        let loom = Some(self.loom.clone());
        Workflow { loom, ids, kin, live: Mutex::new(Some(live)), generation: fork::generation() }
    }

    /// What the spans of this workflow get from it, where that is anything.
    fn heritage(&self) -> Option<Arc<Heritage>> {
        let trace_state = usable(self.parent.as_ref()).map(|span| &span.trace_state);
        let trace_state = trace_state.filter(|state| !state.is_empty());
        let has_identity = self.identity != Identity::default();
        if !has_identity && !self.keeps_log && trace_state.is_none() && self.passed.is_none() {
            return None;
        }
        Some(Arc::new(Heritage {
            trace_state: trace_state.cloned().unwrap_or_default(),
            identity: has_identity.then(|| OwnedIdentity::of(&self.identity)),
            passed: self.passed.clone(),
            log: self.keeps_log.then(|| Log::new(Mutex::default())),
        }))
    }
}

/// One run of a workflow. May be shared between threads: put it into an `Arc`, or borrow it into scoped ones.
///
/// After its end, changes do nothing and are counted ([`Ledger::misuse`](super::Ledger)); nodes may still start and end.
///
/// ```
/// use spanloom::{Loom, MemoryExporter};
/// let memory = MemoryExporter::new();
/// let loom = Loom::builder().service("planner").exporter(memory.clone()).build();
/// let run = loom.workflow("answer-question").app("app-1").user("u-7").question("Will it rain?").start();
/// let weather: Result<&str, std::fmt::Error> = run.node("weather").kind("tool").run(|node| {
///     node.input("city", "Paris");
///     Ok("dry")
/// });
/// run.answer(weather?).end();
/// loom.flush(std::time::Duration::from_secs(5));
/// assert_eq!(memory.span_count(), 2);
/// # Ok::<(), std::fmt::Error>(())
/// ```
#[must_use = "a workflow that is dropped at once ends at once"]
pub struct Workflow {
    /// `None` where head sampling left this run out, or the loom is switched off.
    loom: Option<Loom>,
    ids: Ids,
    kin: Kin,
    /// In a forked process not to be locked: there it is the parent's, and may stay locked for ever.
    live: Mutex<Option<Box<Live>>>,
    generation: u64,
}

impl Workflow {
    /// True when what happens in this run is kept.
    #[must_use]
    pub const fn is_recording(&self) -> bool {
        self.loom.is_some()
    }

    /// A step of this run.
    #[inline]
    pub fn node<'a>(&'a self, name: &'a str) -> NodeBuilder<'a> {
        NodeBuilder::new(self.as_parent(), name, SpanRole::Node)
    }

    /// A plain span below this run's root.
    #[inline]
    pub fn span<'a>(&'a self, name: &'a str) -> NodeBuilder<'a> {
        NodeBuilder::new(self.as_parent(), name, SpanRole::Span)
    }

    /// Makes this run the thread's current node until the guard goes: see [`current`](super::current()).
    pub fn enter(&self) -> Entered {
        self.current().enter()
    }

    /// This run as its children need it, to be carried to where they start.
    pub fn current(&self) -> Current {
        Current::of(self.as_parent())
    }

    #[inline]
    pub(super) fn as_parent(&self) -> Parent<'_> {
        Parent {
            core: self.loom.as_ref().map(Loom::core),
            ids: ParentIds::Kept(&self.ids),
            is_remote: false,
            workflow: self.kin.workflow,
            timeline: self.kin.timeline,
            heritage: self.kin.heritage.as_ref(),
            trace_state: None,
        }
    }

    fn is_ours(&self) -> bool {
        self.generation == fork::generation()
    }

    /// Changes the root span, where it is still open.
    pub(super) fn change(&self, change: impl FnOnce(&mut Live)) -> &Self {
        if let Some(loom) = &self.loom
            && self.is_ours()
        {
            match &mut *locked(&self.live) {
                Some(live) => change(live),
                None => loom.core().count_misuse(),
            }
        }
        self
    }

    /// What the user asked.
    pub fn question(&self, text: &str) -> &Self {
        self.attribute(key::QUESTION, text)
    }

    /// What the workflow answered.
    pub fn answer(&self, text: &str) -> &Self {
        self.attribute(key::ANSWER, text)
    }

    /// Tags the run: an entry of the attribute `spanloom.tags.<name>`.
    pub fn tag(&self, name: &str, text: &str) -> &Self {
        let tag = [key::TAGS, name].join(".");
        self.attribute(&tag, text)
    }

    /// Sets an attribute of the root span.
    pub fn attribute<'v>(&self, name: &str, value: impl Into<ValueRef<'v>>) -> &Self {
        self.change(|live| live.builder.attribute(name, value))
    }

    /// Adds an event to the root span.
    pub fn event(&self, name: &str, attributes: &[(&str, ValueRef<'_>)]) -> &Self {
        self.change(|live| live.builder.event(live.now(), name, attributes))
    }

    /// Sets the run's status: a number of your own (0 is success) and what it means.
    #[inline]
    pub fn status(&self, code: i64, message: &str) -> &Self {
        if self.is_recording() {
            self.set_status(code, message);
        }
        self
    }

    fn set_status(&self, code: i64, message: &str) {
        self.change(|live| {
            live.builder.attribute(key::STATUS_CODE, code);
            live.builder.status(if code == 0 { StatusCode::Ok } else { StatusCode::Error }, message);
        });
    }

    /// Sets the number with which it answered, as the workflow engine has it: the attribute `code`; 0 is success. The status
    /// stays as it is.
    pub fn code(&self, code: i64) -> &Self {
        self.attribute(key::CODE, code)
    }

    /// Notes that the first frame of the answer came now; only the first call counts.
    pub fn first_frame(&self) -> &Self {
        self.change(|live| live.builder.first_frame(live.now()))
    }

    /// The run as other programs are to see it: what to inject into calls that it makes.
    #[must_use]
    pub fn context(&self) -> Context {
        context_of(self.ids, self.kin.heritage.as_ref())
    }

    /// The workflow log of this run so far, where it keeps one ([`WorkflowBuilder::keep_log`]): call it after the end.
    /// It is the program's own, so no redactor has been over it.
    ///
    /// ```
    /// let loom = spanloom::Loom::builder().build();
    /// let run = loom.workflow("answer").keep_log().question("why?").start();
    /// run.node("planner").kind("llm").start().end();
    /// run.end();
    /// let log = run.to_log().expect("the run keeps its log");
    /// assert_eq!((log.question.as_str(), log.trace.len()), ("why?", 1));
    /// ```
    #[must_use]
    pub fn to_log(&self) -> Option<NodeTraceLog> {
        let records = locked(self.kin.heritage.as_ref()?.log.as_ref()?.get(|_| Mutex::default())).clone();
        let spans: Vec<SpanView<'_>> =
            finished_spans(&records).filter_map(|span| SpanView::read(span).ok()).collect();
        Some(from_spans(&spans, 0))
    }

    /// Ends the run now. A second end does nothing and is counted.
    #[inline]
    pub fn end(&self) {
        if self.is_recording() {
            self.finish(None);
        }
    }

    /// Ends the run at this time, in nanoseconds since 1970.
    pub fn end_at(&self, unix_nanos: u64) {
        self.finish(Some(unix_nanos));
    }

    fn finish(&self, end: Option<u64>) {
        let Some(loom) = &self.loom else { return };
        // The root of a run that began before a fork is ended by the process in which it began.
        if !self.is_ours() {
            return;
        }
        let live = locked(&self.live).take();
        match live {
            Some(live) => {
                let end = end.unwrap_or_else(|| live.now());
                live.core.before_close();
                end_live(live, Some(end));
            }
            None => loom.core().count_misuse(),
        }
    }
}

impl Drop for Workflow {
    fn drop(&mut self) {
        let live = self.live.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut live) = live {
            if std::thread::panicking() {
                live.builder.status(StatusCode::Error, "panic");
            }
            let now = live.now();
            live.core.before_close();
            end_live(live, Some(now));
        }
    }
}

impl std::fmt::Debug for Workflow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workflow").field("ids", &self.ids).field("recording", &self.is_recording()).finish()
    }
}
