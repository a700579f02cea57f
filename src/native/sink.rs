//! Where records go: into memory for tests, into a file, or into a sink of your own.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::core::locked;
use crate::loom::{TextOptions, Weaver, WeaverOptions, tree_text};
use crate::otlp::convention::Wording;
use crate::otlp::span::SpanView;
use crate::otlp::{Resource, Scope, encode_traces};
use crate::record::finished_spans;
use crate::workflow::{NodeTraceLog, from_spans};

/// Records on their way out, and who they are of: what a [`RecordSink`] is given.
///
/// ```
/// use spanloom::{Outgoing, RecordSink};
/// struct Stdout;
/// impl RecordSink for Stdout {
///     fn take(&mut self, outgoing: &Outgoing<'_>) -> std::io::Result<()> {
///         println!("{} spans, {} bytes of OTLP", outgoing.spans().count(), outgoing.to_otlp().len());
///         Ok(())
///     }
/// }
/// let loom = spanloom::Loom::builder().sink(Stdout).build();
/// loom.workflow("answer").start().end();
/// assert_eq!(loom.flush().delivered, 1);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// A stream of records: read it with [`Records`](crate::record::Records).
    pub records: &'a [u8],
    /// The program that they are of.
    pub resource: &'a Resource,
    /// The library that recorded them.
    pub scope: &'a Scope,
    /// In which words [`Self::to_otlp`] tells them; the records themselves are in the inner ones.
    pub wording: Wording,
}

impl<'a> Outgoing<'a> {
    /// The spans that have ended, as OTLP `Span` messages.
    pub fn spans(&self) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
        finished_spans(self.records)
    }

    /// The spans that have ended, as an OTLP export request.
    #[must_use]
    pub fn to_otlp(&self) -> Vec<u8> {
        let mut request = Vec::new();
        if self.wording.is_copy() {
            encode_traces(self.resource, self.scope, self.spans(), &mut request);
            return request;
        }
        let worded: Vec<Vec<u8>> = self
            .spans()
            .filter_map(|span| SpanView::read(span).ok())
            .map(|span| {
                let mut message = Vec::new();
                self.wording.write_span(&span, &mut message);
                message
            })
            .collect();
        encode_traces(self.resource, self.scope, worded.iter().map(Vec::as_slice), &mut request);
        request
    }
}

/// Takes records. A loom has one or more of these and calls them one at a time, never from two threads at once.
///
/// An error loses the records for this sink alone; the loom counts them and goes on.
///
/// ```
/// use spanloom::{Outgoing, RecordSink};
/// struct Full;
/// impl RecordSink for Full {
///     fn take(&mut self, _: &Outgoing<'_>) -> std::io::Result<()> {
///         Err(std::io::ErrorKind::StorageFull.into())
///     }
/// }
/// let loom = spanloom::Loom::builder().sink(Full).build();
/// loom.workflow("answer").start().end();
/// assert_eq!((loom.flush().dropped, loom.ledger().sink_errors), (1, 1));
/// ```
pub trait RecordSink: Send {
    /// Takes these records. They are whole records; nothing is given twice.
    ///
    /// # Errors
    /// When they could not be taken.
    fn take(&mut self, outgoing: &Outgoing<'_>) -> io::Result<()>;

    /// Writes out what the sink holds back.
    ///
    /// # Errors
    /// When that fails.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Keeps records in memory, for tests and for programs that look at their own traces. Clones see the same records.
///
/// ```
/// use spanloom::loom::TextOptions;
/// use spanloom::{Loom, MemorySink};
/// let sink = MemorySink::new();
/// let loom = Loom::builder().sink(sink.clone()).build();
/// let run = loom.workflow("answer").start();
/// run.node("planner").kind("llm").start().end();
/// run.end();
/// loom.flush();
/// assert_eq!(sink.tree_text(&TextOptions::stable()), "answer  workflow\n└─ planner  llm\n");
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemorySink {
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    records: Vec<u8>,
    resource: Option<(Resource, Scope, Wording)>,
}

impl MemorySink {
    /// An empty sink.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The records so far, as one stream.
    #[must_use]
    pub fn records(&self) -> Vec<u8> {
        locked(&self.kept).records.clone()
    }

    /// Gives the records so far and forgets them.
    #[must_use]
    pub fn take_records(&self) -> Vec<u8> {
        std::mem::take(&mut locked(&self.kept).records)
    }

    /// Forgets the records so far and keeps their room.
    pub fn clear(&self) {
        locked(&self.kept).records.clear();
    }

    /// How many spans have ended.
    #[must_use]
    pub fn span_count(&self) -> usize {
        finished_spans(&locked(&self.kept).records).count()
    }

    /// The spans that have ended, as an OTLP export request.
    #[must_use]
    pub fn to_otlp(&self) -> Vec<u8> {
        let kept = locked(&self.kept);
        let Some((resource, scope, wording)) = &kept.resource else { return Vec::new() };
        Outgoing { records: &kept.records, resource, scope, wording: *wording }.to_otlp()
    }

    /// The workflows so far as text pictures: one tree after the other, in the order in which they ended.
    #[must_use]
    pub fn tree_text(&self, options: &TextOptions) -> String {
        let now = super::system_unix_nanos();
        let mut weaver = Weaver::new(WeaverOptions::default());
        weaver.take_stream(&locked(&self.kept).records, now);
        let trees: Vec<String> = weaver.finish(now).map(|woven| tree_text(&woven, options)).collect();
        trees.join("\n")
    }

    /// The workflow logs of the workflows so far, in the order in which they ended.
    #[must_use]
    pub fn trace_logs(&self) -> Vec<NodeTraceLog> {
        let now = super::system_unix_nanos();
        let mut weaver = Weaver::new(WeaverOptions::default());
        weaver.take_stream(&locked(&self.kept).records, now);
        weaver.finish(now).map(|woven| from_spans(&woven.spans().collect::<Vec<_>>(), 0)).collect()
    }

    /// Shows each ended span to `look`, in the order in which they ended.
    pub fn each_span(&self, mut look: impl FnMut(SpanView<'_>)) {
        for span in finished_spans(&locked(&self.kept).records) {
            if let Ok(span) = SpanView::read(span) {
                look(span);
            }
        }
    }
}

impl RecordSink for MemorySink {
    fn take(&mut self, outgoing: &Outgoing<'_>) -> io::Result<()> {
        let mut kept = locked(&self.kept);
        kept.records.extend_from_slice(outgoing.records);
        if kept.resource.is_none() {
            kept.resource = Some((outgoing.resource.clone(), outgoing.scope.clone(), outgoing.wording));
        }
        Ok(())
    }
}

/// Appends to a file: OTLP JSON, one export request a line, as the OpenTelemetry Collector's file exporter writes it.
///
/// ```
/// use spanloom::{FileSink, Loom};
/// let path = std::env::temp_dir().join(format!("spanloom-{}.jsonl", std::process::id()));
/// let loom = Loom::builder().sink(FileSink::append(&path)?).build();
/// loom.workflow("answer").start().end();
/// loom.flush();
/// assert!(std::fs::read_to_string(&path)?.starts_with(r#"{"resourceSpans":"#));
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct FileSink {
    file: File,
}

impl FileSink {
    /// Appends to the file at this path; makes it where there is none.
    ///
    /// # Errors
    /// When the file cannot be opened for writing.
    pub fn append(path: impl AsRef<Path>) -> io::Result<Self> {
        let file = File::options().create(true).append(true).open(path)?;
        Ok(Self { file })
    }
}

impl RecordSink for FileSink {
    fn take(&mut self, outgoing: &Outgoing<'_>) -> io::Result<()> {
        let request = outgoing.to_otlp();
        if request.is_empty() {
            return Ok(());
        }
        let mut line = crate::otlp::json::traces_to_json(&request)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        line.push('\n');
        self.file.write_all(line.as_bytes())
    }
}
