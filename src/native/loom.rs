//! The loom: the handle that a program makes once, at its start.

mod builder;

pub use builder::LoomBuilder;

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::clock::{Timeline, steady_now};
use super::core::Core;
use super::ledger::{Ledger, Points, Receipt};
use super::meter::{Meter, Periodic, Watched};
use super::node::{Ids, NodeBuilder, Parent, ParentIds, usable};
use super::sids::Sids;
use super::stderr::Stderr;
use super::suppress::is_suppressed;
use super::workflow::WorkflowBuilder;
use crate::context::{Context, Propagators, ReadHeaders, SpanContext, TraceFlags, WriteHeaders};
use crate::health::Exporters;
use crate::id::{SpanId, TraceId};
use crate::record::SpanRole;
use crate::sid::Sid;
use crate::spool::SpoolStatus;

/// Records workflows. Clones are the same loom; when the last one is gone, what is recorded is flushed.
///
/// Rust drops nothing that stands in a `static`, nor anything when a program ends by [`std::process::exit`] or is killed: there
/// call [`Self::shutdown`] before the end. Bridges and their global providers hold a clone, too.
///
/// ```
/// use spanloom::{Loom, MemoryExporter};
/// let memory = MemoryExporter::new();
/// let loom = Loom::builder().service("planner").exporter(memory.clone()).build();
/// loom.workflow("nothing to do").start().end();
/// let receipt = loom.flush(std::time::Duration::from_secs(5));
/// assert_eq!((receipt.delivered, receipt.pending), (1, 0));
/// ```
#[derive(Clone)]
pub struct Loom {
    handle: Arc<Handle>,
}

/// Shuts down when the last loom is gone; spans that are still open keep the core only.
struct Handle {
    core: Arc<Core>,
    meter: Meter,
    periodics: Vec<Periodic>,
    shutdown_timeout: Duration,
    propagators: Propagators,
    sids: Sids,
}

impl Handle {
    fn flush(&self, deadline: Instant) -> Receipt {
        self.with_metrics(deadline, false, || self.core.flush(deadline))
    }

    fn shut_down(&self, deadline: Instant) -> Receipt {
        self.with_metrics(deadline, true, || self.core.shut_down(deadline))
    }

    /// Has metrics sent beside the spans.
    fn with_metrics(&self, deadline: Instant, closes: bool, send_spans: impl FnOnce() -> Receipt) -> Receipt {
        if self.periodics.is_empty() {
            return send_spans();
        }
        let before = self.metric_ledgers();
        // What has ended is counted before metrics are collected.
        self.core.count();
        let asked: Vec<_> = self.periodics.iter().map(|periodic| periodic.ask(deadline, closes)).collect();
        let receipt = send_spans();
        for (periodic, asked) in self.periodics.iter().zip(asked) {
            if closes {
                periodic.wait_for_end(asked, deadline);
            } else {
                periodic.wait(asked, deadline);
            }
        }
        Receipt { points: Points::between(&before, &self.metric_ledgers()), ..receipt }
    }

    fn metric_ledgers(&self) -> Vec<(String, crate::deliver::Ledger)> {
        self.periodics.iter().map(|periodic| (periodic.name().to_owned(), periodic.ledger())).collect()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // A forked process that has recorded nothing has nothing to wait for.
        if self.core.runs_here() {
            let _ = self.shut_down(steady_now() + self.shutdown_timeout);
            self.core.join_collector();
            self.periodics.iter().for_each(Periodic::join);
        }
        super::here::forget(&self.core);
    }
}

impl Loom {
    /// A loom to be made.
    #[must_use]
    pub fn builder() -> LoomBuilder {
        LoomBuilder::default()
    }

    #[inline]
    pub(super) fn core(&self) -> &Arc<Core> {
        &self.handle.core
    }

    /// Its destinations of metrics.
    pub(super) fn watched_metrics(&self) -> Vec<Watched> {
        self.handle.periodics.iter().map(Periodic::watched).collect()
    }

    /// A run of a workflow.
    #[inline]
    pub fn workflow<'a>(&'a self, name: &'a str) -> WorkflowBuilder<'a> {
        WorkflowBuilder::new(self, name)
    }

    /// A new session id, for [`WorkflowBuilder::sid`]. By default of the subsystem `svc`, at no place and no port, and no other
    /// one of this process is the same; [`LoomBuilder::sids`] brings a generator of the loom's own.
    ///
    /// ```
    /// let loom = spanloom::Loom::builder().build();
    /// let sid = loom.sid();
    /// let run = loom.workflow("answer").sid(sid.as_str()).start();
    /// assert_ne!(loom.sid(), sid);
    /// ```
    #[must_use]
    pub fn sid(&self) -> Sid {
        self.handle.sids.next(self.core().time.unix_nanos())
    }

    /// Counters, gauges and histograms.
    #[inline]
    #[must_use]
    pub fn meter(&self) -> &Meter {
        &self.handle.meter
    }

    /// A plain span: the root of a trace of its own, or below `parent`.
    ///
    /// ```
    /// let loom = spanloom::Loom::builder().build();
    /// let call = loom.span("GET /answer", None).start();
    /// let below = loom.span("query", call.context().span.as_ref()).start();
    /// let trace = |span: &spanloom::Span| span.context().span.map(|span| span.trace_id);
    /// assert_eq!(trace(&call), trace(&below));
    /// ```
    pub fn span<'a>(&'a self, name: &'a str, parent: Option<&'a SpanContext>) -> NodeBuilder<'a> {
        let core = self.core();
        let parent = usable(parent);
        let mut ids = parent.map_or_else(Ids::default, Ids::of);
        let mut records = false;
        if !core.disabled && !is_suppressed() {
            let trace_id = parent.map_or_else(|| core.ids.trace_id(), |span| span.trace_id);
            records = core.samples(parent, trace_id);
            let random = parent.map_or(core.random_flag, |span| span.flags.is_random());
            ids.trace_id = trace_id;
            ids.flags = TraceFlags::NONE.with_sampled(records).with_random(random).into();
            if !records {
                core.count_sampled_out();
                if parent.is_none() {
                    // Other programs are to hear of the decision, and a context needs both ids.
                    ids.span_id = core.ids.span_id();
                }
            }
        }
        let above = Parent {
            core: records.then_some(core),
            ids: ParentIds::Made(ids),
            is_remote: parent.is_some_and(|span| span.is_remote),
            workflow: SpanId::NONE,
            timeline: if records { core.time.timeline() } else { Timeline::default() },
            heritage: None,
            trace_state: parent.map(|span| &span.trace_state),
        };
        NodeBuilder::new(above, name, SpanRole::Span)
    }

    /// Writes a context into the headers of a call: those parts that [`LoomBuilder::propagators`] chose.
    ///
    /// ```
    /// let loom = spanloom::Loom::builder().build();
    /// let run = loom.workflow("answer").start();
    /// let mut headers: Vec<(String, String)> = Vec::new();
    /// loom.inject(&run.context(), &mut headers);
    /// // ... and on the other side:
    /// let serves = loom.workflow("tool").parent(&loom.extract(&headers)).start();
    /// let trace = |run: &spanloom::Workflow| run.context().span.map(|span| span.trace_id);
    /// assert_eq!(trace(&run), trace(&serves));
    /// ```
    pub fn inject(&self, context: &Context, headers: &mut (impl WriteHeaders + ?Sized)) {
        self.handle.propagators.inject(context, headers);
    }

    /// Reads the context from the headers of a call.
    #[must_use]
    pub fn extract(&self, headers: &(impl ReadHeaders + ?Sized)) -> Context {
        self.handle.propagators.extract(headers)
    }

    /// Which parts of a context travel.
    #[cfg(feature = "opentelemetry")]
    pub(super) fn propagators(&self) -> Propagators {
        self.handle.propagators
    }

    /// Sends everything that has ended and everything that was measured, and waits until all destinations have it or the time
    /// is over.
    ///
    /// What is not sent by then is `pending`, and is sent later.
    pub fn flush(&self, timeout: Duration) -> Receipt {
        self.handle.flush(steady_now() + timeout)
    }

    /// As [`Self::flush`], for good: what a tail sampler still holds is decided, nodes that never ended are given out as
    /// abandoned, and what cannot be sent in time is dropped. What ends afterwards is dropped, too; all of it is counted.
    ///
    /// The last loom that goes does this by itself, within the builder's
    /// [`shutdown_timeout`](LoomBuilder::shutdown_timeout).
    pub fn shutdown(&self, timeout: Duration) -> Receipt {
        self.handle.shut_down(steady_now() + timeout)
    }

    /// How the spool is; `None` without one, or after its end.
    #[must_use]
    pub fn spool_status(&self) -> Option<SpoolStatus> {
        self.core().spool_status()
    }

    /// How the exporters are doing: queues, failures in a row, ledgers, the spool.
    ///
    /// ```
    /// use spanloom::health::Condition;
    /// use spanloom::{Loom, MemoryExporter};
    /// let loom = Loom::builder().exporter(MemoryExporter::new()).build();
    /// assert_eq!(loom.exporters().destinations[0].condition, Condition::Ok);
    /// ```
    #[must_use]
    pub fn exporters(&self) -> Exporters {
        self.core().exporters()
    }

    /// What became of all spans so far.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        Ledger { metrics: self.handle.metric_ledgers(), ..self.core().ledger() }
    }
}

impl std::fmt::Debug for Loom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loom").field("ledger", &self.ledger()).finish_non_exhaustive()
    }
}

impl Core {
    /// The head sampler's decision.
    #[inline]
    pub(super) fn samples(&self, parent: Option<&SpanContext>, trace_id: TraceId) -> bool {
        let parent = parent.map(|span| crate::sample::Parent {
            sampled: span.flags.is_sampled(),
            is_remote: span.is_remote,
        });
        self.sampler.decide(parent, trace_id).is_sampled()
    }
}

/// Tells people on stderr.
pub(super) fn say(destination: &str, text: &str) {
    // A program without a stderr has nobody to be told.
    let _ = Stderr.write_all(format!("spanloom: {destination}: {text}\n").as_bytes());
}
