//! Where records go: into memory for tests, into a file, or into a sink of your own.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::core::locked;
use crate::loom::{TextOptions, Weaver, WeaverOptions, tree_text};
use crate::otlp::span::SpanView;
use crate::otlp::{Resource, Scope, encode_traces};
use crate::record::finished_spans;
use crate::workflow::{NodeTraceLog, from_spans};

/// Records on their way out, and who they are of.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// A stream of records: read it with [`Records`](crate::record::Records).
    pub records: &'a [u8],
    /// The program that they are of.
    pub resource: &'a Resource,
    /// The library that recorded them.
    pub scope: &'a Scope,
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
        encode_traces(self.resource, self.scope, self.spans(), &mut request);
        request
    }
}

/// Takes records. A loom has one or more of these and calls them one at a time, never from two threads at once.
///
/// An error loses the records for this sink alone; the loom counts them and goes on.
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
#[derive(Debug, Clone, Default)]
pub struct MemorySink {
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    records: Vec<u8>,
    resource: Option<(Resource, Scope)>,
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
        let Some((resource, scope)) = &kept.resource else { return Vec::new() };
        Outgoing { records: &kept.records, resource, scope }.to_otlp()
    }

    /// The workflows so far as text pictures: one tree after the other, in the order in which they ended.
    #[must_use]
    pub fn tree_text(&self, options: &TextOptions) -> String {
        let mut weaver = Weaver::new(WeaverOptions::default());
        weaver.take_stream(&locked(&self.kept).records, 0);
        let trees: Vec<String> = weaver.finish(0).map(|woven| tree_text(&woven, options)).collect();
        trees.join("\n")
    }

    /// The workflow logs of the workflows so far, in the order in which they ended.
    #[must_use]
    pub fn trace_logs(&self) -> Vec<NodeTraceLog> {
        let mut weaver = Weaver::new(WeaverOptions::default());
        weaver.take_stream(&locked(&self.kept).records, 0);
        weaver.finish(0).map(|woven| from_spans(&woven.spans().collect::<Vec<_>>(), 0)).collect()
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
            kept.resource = Some((outgoing.resource.clone(), outgoing.scope.clone()));
        }
        Ok(())
    }
}

/// Appends to a file: OTLP JSON, one export request a line, as the OpenTelemetry Collector's file exporter writes it.
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
