//! Records kept in memory.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use super::{Exporter, MetricExporter, Outgoing, OutgoingMetrics};
use crate::deliver::Answer;
use crate::loom::{TextOptions, Weaver, WeaverOptions, tree_text};
use crate::native::core::locked;
use crate::native::fork::PerProcess;
use crate::otlp::convention::Wording;
use crate::otlp::span::SpanView;
use crate::otlp::{Resource, Scope};
use crate::record::finished_spans;
use crate::workflow::{NodeTraceLog, from_spans};

/// Keeps records in memory, for tests and for programs that look at their own traces. Clones see the same records.
///
/// ```
/// use spanloom::loom::TextOptions;
/// use spanloom::{Loom, MemoryExporter};
/// let memory = MemoryExporter::new();
/// let loom = Loom::builder().exporter(memory.clone()).build();
/// let run = loom.workflow("answer").start();
/// run.node("planner").kind("llm").start().end();
/// run.end();
/// loom.flush(std::time::Duration::from_secs(5));
/// assert_eq!(memory.tree_text(&TextOptions::stable()), "answer  workflow\n└─ planner  llm\n");
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryExporter {
    /// A forked process begins with none.
    kept: Arc<PerProcess<Mutex<Kept>>>,
}

#[derive(Debug, Default)]
struct Kept {
    records: Vec<u8>,
    metrics: Vec<Vec<u8>>,
    resource: Option<(Resource, Scope, Wording)>,
}

impl MemoryExporter {
    /// An empty sink.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        locked(self.kept.get(|_| Mutex::default()))
    }

    /// The records so far, as one stream.
    #[must_use]
    pub fn records(&self) -> Vec<u8> {
        self.kept().records.clone()
    }

    /// Gives the records so far and forgets them.
    #[must_use]
    pub fn take_records(&self) -> Vec<u8> {
        std::mem::take(&mut self.kept().records)
    }

    /// Forgets the records so far and keeps their room.
    pub fn clear(&self) {
        self.kept().records.clear();
    }

    /// How many spans have ended.
    #[must_use]
    pub fn span_count(&self) -> usize {
        finished_spans(&self.kept().records).count()
    }

    /// The spans that have ended, as an OTLP export request.
    #[must_use]
    pub fn to_otlp(&self) -> Vec<u8> {
        let kept = self.kept();
        let Some((resource, scope, wording)) = &kept.resource else { return Vec::new() };
        Outgoing {
            runs: kept.records.as_slice().into(),
            resource,
            scope,
            wording: *wording,
            within: Duration::MAX,
            running: false,
        }
        .to_otlp()
    }

    /// The workflows so far as text pictures: one tree after the other, in the order in which they ended.
    #[must_use]
    pub fn tree_text(&self, options: &TextOptions) -> String {
        let now = crate::native::system_unix_nanos();
        let mut weaver = Weaver::new(WeaverOptions::default());
        weaver.take_stream(&self.kept().records, now);
        let trees: Vec<String> = weaver.finish(now).map(|woven| tree_text(&woven, options)).collect();
        trees.join("\n")
    }

    /// The workflow logs of the workflows so far, in the order in which they ended.
    #[must_use]
    pub fn trace_logs(&self) -> Vec<NodeTraceLog> {
        let now = crate::native::system_unix_nanos();
        let mut weaver = Weaver::new(WeaverOptions::default());
        weaver.take_stream(&self.kept().records, now);
        weaver.finish(now).map(|woven| from_spans(&woven.spans().collect::<Vec<_>>(), 0)).collect()
    }

    /// Shows each ended span to `look`, in the order in which they ended.
    pub fn each_span(&self, mut look: impl FnMut(SpanView<'_>)) {
        // A copy: `look` may flush, and then this exporter is called from here.
        for span in finished_spans(&self.records()) {
            if let Ok(span) = SpanView::read(span) {
                look(span);
            }
        }
    }
}

impl MemoryExporter {
    /// Gives the metrics so far, as OTLP export requests, and forgets them.
    ///
    /// ```
    /// use spanloom::{Loom, MemoryExporter};
    /// let memory = MemoryExporter::new();
    /// let loom = Loom::builder().metric_exporter(memory.clone()).build();
    /// loom.meter().counter("requests").build().add(3);
    /// loom.flush(std::time::Duration::from_secs(5));
    /// let metrics = memory.take_metrics();
    /// let found = spanloom::otlp::decode_metrics(&metrics[0])?;
    /// assert!(found.metrics().any(|found| found.metric.name == "requests"));
    /// # Ok::<(), spanloom::otlp::DecodeError>(())
    /// ```
    #[must_use]
    pub fn take_metrics(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.kept().metrics)
    }
}

impl MetricExporter for MemoryExporter {
    fn metrics_name(&self) -> &str {
        "memory"
    }

    fn export_metrics(&mut self, outgoing: &OutgoingMetrics<'_>) -> Answer {
        self.kept().metrics.push(outgoing.request.to_vec());
        Answer::taken()
    }
}

impl Exporter for MemoryExporter {
    fn name(&self) -> &str {
        "memory"
    }

    fn export(&mut self, outgoing: &Outgoing<'_>) -> Answer {
        let mut kept = self.kept();
        outgoing.runs.iter().for_each(|run| kept.records.extend_from_slice(run));
        if kept.resource.is_none() {
            kept.resource = Some((outgoing.resource.clone(), outgoing.scope.clone(), outgoing.wording));
        }
        Answer::taken()
    }

    fn is_immediate(&self) -> bool {
        true
    }

    fn twin(&self) -> Option<Box<dyn Exporter>> {
        Some(Box::new(self.clone()))
    }
}
