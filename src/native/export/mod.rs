//! Where records go: over the network, into a file, onto the screen, into memory for tests, or to an exporter of your own.

mod console;
#[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
mod endpoint;
#[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
mod error;
mod file;
#[cfg(feature = "otlp-grpc")]
mod grpc;
#[cfg(feature = "otlp-http")]
mod gzip;
#[cfg(feature = "otlp-http")]
mod http;
mod memory;
mod metrics;
#[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
mod otlp_options;
#[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
mod proxy;
#[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
mod tls;

use std::collections::HashSet;
use std::io;
use std::time::Duration;

pub use console::Console;
#[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
pub use error::ExporterError;
pub use file::FileExporter;
#[cfg(feature = "otlp-grpc")]
pub use grpc::{OtlpGrpc, OtlpGrpcBuilder};
#[cfg(feature = "otlp-http")]
pub use http::{Encoding, OtlpHttp, OtlpHttpBuilder};
pub use memory::MemoryExporter;
pub use metrics::{MetricExporter, OutgoingMetrics};
#[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
pub use tls::Pem;

use crate::deliver::{Answer, Runs};
use crate::otlp::convention::Wording;
use crate::otlp::span::{SpanView, field};
use crate::otlp::wire::put_bytes_field;
use crate::otlp::{Resource, Scope, encode_traces};
use crate::record::RecordKind;
use crate::vocabulary as key;

/// Records on their way out, and who they are of: what a [`Exporter`] is given.
///
/// ```
/// use spanloom::deliver::Answer;
/// use spanloom::{Exporter, Outgoing};
/// struct Stdout;
/// impl Exporter for Stdout {
///     fn export(&mut self, outgoing: &Outgoing<'_>) -> Answer {
///         println!("{} spans, {} bytes of OTLP", outgoing.spans().count(), outgoing.to_otlp().len());
///         Answer::taken()
///     }
/// }
/// let loom = spanloom::Loom::builder().exporter(Stdout).build();
/// loom.workflow("answer").start().end();
/// assert_eq!(loom.flush(std::time::Duration::from_secs(5)).delivered, 1);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// Their records, where they stand.
    pub runs: Runs<'a>,
    /// The program that they are of.
    pub resource: &'a Resource,
    /// The library that recorded them.
    pub scope: &'a Scope,
    /// In which words [`Self::to_otlp`] tells them; the records themselves are in the inner ones.
    pub wording: Wording,
    /// How long sending may take.
    pub within: Duration,
    /// Spans that have not ended go along, too: see [`LoomBuilder::running_spans`](crate::LoomBuilder::running_spans).
    pub running: bool,
}

impl<'a> Outgoing<'a> {
    /// The spans that have ended, as OTLP `Span` messages.
    pub fn spans(&self) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
        self.runs.finished_spans()
    }

    /// The spans that have ended, as an OTLP export request.
    #[must_use]
    pub fn to_otlp(&self) -> Vec<u8> {
        let mut request = Vec::new();
        self.write_otlp(&mut request);
        request
    }

    /// Appends what [`Self::to_otlp`] gives to a buffer.
    pub fn write_otlp(&self, request: &mut Vec<u8>) {
        let running = if self.running { running_spans(self.runs) } else { Vec::new() };
        let spans = running.iter().map(Vec::as_slice).chain(self.spans());
        if self.wording.is_copy() {
            encode_traces(self.resource, self.scope, spans, request);
            return;
        }
        let worded: Vec<Vec<u8>> = spans
            .filter_map(|span| SpanView::read(span).ok())
            .map(|span| {
                let mut message = Vec::new();
                self.wording.write_span(&span, &mut message);
                message
            })
            .collect();
        encode_traces(self.resource, self.scope, worded.iter().map(Vec::as_slice), request);
    }
}

/// The spans that have begun in this stream and not ended in it, marked as running. Their end follows under the same ids.
fn running_spans(runs: Runs<'_>) -> Vec<Vec<u8>> {
    let ids = |span: &SpanView<'_>| (span.trace_id, span.span_id);
    let ended: HashSet<_> =
        runs.finished_spans().filter_map(|span| SpanView::read(span).ok()).map(|span| ids(&span)).collect();
    runs.records()
        .flatten()
        .filter(|record| matches!(record.kind, RecordKind::Started | RecordKind::WorkflowOpened))
        .filter(|record| SpanView::read(record.body).is_ok_and(|span| !ended.contains(&ids(&span))))
        .map(|record| {
            let mut span = record.body.to_vec();
            for (key, value) in [(key::IN_PROGRESS, [0x10, 1]), (key::REVISION, [0x18, 0])] {
                let mut pair = Vec::new();
                put_bytes_field(&mut pair, 1, key.as_bytes());
                put_bytes_field(&mut pair, 2, &value);
                put_bytes_field(&mut span, field::ATTRIBUTES, &pair);
            }
            span
        })
        .collect()
}

/// Takes records to one destination. A loom has one or more of these and calls each of them from one thread at a time.
///
/// An exporter sends what it is given, once, and says what came of it. Waiting, trying again, splitting what is too large
/// and counting is not its affair.
///
/// ```
/// use spanloom::deliver::{Answer, Reason};
/// use spanloom::{Exporter, Outgoing};
/// struct Closed;
/// impl Exporter for Closed {
///     fn export(&mut self, _: &Outgoing<'_>) -> Answer {
///         Answer::Refused { reason: Reason::NonRetryable, why: "closed".to_owned() }
///     }
/// }
/// let loom = spanloom::Loom::builder().exporter(Closed).build();
/// loom.workflow("answer").start().end();
/// assert_eq!(loom.flush(std::time::Duration::from_secs(5)).dropped, 1);
/// ```
pub trait Exporter: Send {
    /// What it is called in ledgers and notices.
    fn name(&self) -> &str {
        "exporter"
    }

    /// Sends these records. They are whole records.
    fn export(&mut self, outgoing: &Outgoing<'_>) -> Answer;

    /// Writes out what the exporter holds back.
    ///
    /// # Errors
    /// When that fails.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// True where [`Self::export`] and [`Self::flush`] wait for nothing: no network, no disk, no lock that is held for long. Then
    /// [`Loom::flush`](crate::Loom::flush) calls the exporter on its own thread, and wakes no other one for it. An exporter
    /// that says so and waits all the same makes a flush miss its deadline.
    ///
    /// ```
    /// use spanloom::deliver::Answer;
    /// use spanloom::{Exporter, Outgoing};
    /// #[derive(Default)]
    /// struct Count(u64);
    /// impl Exporter for Count {
    ///     fn export(&mut self, outgoing: &Outgoing<'_>) -> Answer {
    ///         self.0 += outgoing.spans().count() as u64;
    ///         Answer::taken()
    ///     }
    ///     fn is_immediate(&self) -> bool {
    ///         true
    ///     }
    /// }
    /// let loom = spanloom::Loom::builder().exporter(Count::default()).build();
    /// loom.workflow("answer").start().end();
    /// assert_eq!(loom.flush(std::time::Duration::from_secs(5)).delivered, 1);
    /// ```
    fn is_immediate(&self) -> bool {
        false
    }

    /// Another exporter to the same destination, which shares no lock and no connection with this one. It is asked for when
    /// the loom is made, and used when the process forks: the child has no thread but the one that forked, and cannot get at
    /// the exporters of its parent. Without a twin, what a child records is lost to this destination, and counted.
    ///
    /// ```
    /// use spanloom::deliver::Answer;
    /// use spanloom::{Exporter, Outgoing};
    /// struct Stdout;
    /// impl Exporter for Stdout {
    ///     fn export(&mut self, outgoing: &Outgoing<'_>) -> Answer {
    ///         println!("{} spans", outgoing.spans().count());
    ///         Answer::taken()
    ///     }
    ///     fn twin(&self) -> Option<Box<dyn Exporter>> {
    ///         Some(Box::new(Self))
    ///     }
    /// }
    /// let loom = spanloom::Loom::builder().exporter(Stdout).build();
    /// ```
    fn twin(&self) -> Option<Box<dyn Exporter>> {
        None
    }
}
