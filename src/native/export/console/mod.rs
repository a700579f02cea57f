//! Workflows on the screen.
//!
//! Pretty: records are held until their workflow is closed and all its nodes have ended; then its tree is printed. Spans
//! outside any workflow are printed when nothing more came of their trace for some seconds, and whatever is left when the
//! exporter goes. JSON: one object for each span at once, in the shape of Go's `stdouttrace`, which the semantic router
//! prints.

mod stdouttrace;

use std::fmt;
use std::io::{self, Write};

use super::{Exporter, MetricExporter, Outgoing, OutgoingMetrics};
use crate::deliver::{Answer, Reason};
use crate::loom::{TextOptions, Weaver, WeaverOptions, Woven, tree_text};
use crate::meter::prometheus::{PrometheusOptions, PrometheusText};
use crate::native::suppress::suppress;
use crate::native::system_unix_nanos;
use crate::otlp::json::metrics_to_json;
use crate::otlp::{DecodeError, decode_metrics};

/// Prints workflows as trees, or spans as JSON, to the standard output or elsewhere.
///
/// ```
/// use spanloom::Loom;
/// use spanloom::native::Console;
/// let loom = Loom::builder().exporter(Console::pretty()).build();
/// let run = loom.workflow("answer").start();
/// run.node("planner").kind("llm").start().end();
/// run.end();
/// loom.flush(std::time::Duration::from_secs(30));
/// // answer  workflow  47.1µs
/// // └─ planner  llm  12.8µs
/// ```
pub struct Console {
    form: Form,
    out: Box<dyn Write + Send>,
    /// Where forked processes print, too.
    is_stdout: bool,
}

enum Form {
    Pretty { weaver: Box<Weaver>, options: TextOptions },
    Json,
    OtlpJson,
}

impl Console {
    /// Prints the tree of each workflow when it has ended. Nothing in it moves the cursor of a terminal.
    #[must_use]
    pub fn pretty() -> Self {
        let weaver = Box::new(Weaver::new(WeaverOptions::default()));
        Self::new(Form::Pretty { weaver, options: TextOptions::default() })
    }

    /// Prints each span as JSON, indented, as the semantic router does with its exporter `stdout`.
    ///
    /// ```
    /// use spanloom::Loom;
    /// use spanloom::native::Console;
    /// let loom = Loom::builder().exporter(Console::json()).build();
    /// loom.workflow("answer").start().end();
    /// loom.flush(std::time::Duration::from_secs(30));
    /// ```
    #[must_use]
    pub fn json() -> Self {
        Self::new(Form::Json)
    }

    /// Prints each batch as one line of OTLP JSON, as the file exporter writes it.
    ///
    /// ```
    /// use spanloom::native::Console;
    /// let loom = spanloom::Loom::builder().exporter(Console::otlp_json()).build();
    /// loom.workflow("answer").start().end();
    /// ```
    #[must_use]
    pub fn otlp_json() -> Self {
        Self::new(Form::OtlpJson)
    }

    fn new(form: Form) -> Self {
        Self { form, out: Box::new(io::stdout()), is_stdout: true }
    }

    /// Prints to this instead of the standard output.
    ///
    /// ```
    /// use spanloom::native::Console;
    /// let console = Console::pretty().to(std::io::stderr());
    /// ```
    #[must_use]
    pub fn to(mut self, out: impl Write + Send + 'static) -> Self {
        self.out = Box::new(out);
        self.is_stdout = false;
        self
    }

    /// What the pictures of trees show.
    ///
    /// ```
    /// use spanloom::loom::TextOptions;
    /// use spanloom::native::Console;
    /// let console = Console::pretty().showing(TextOptions { nodes: 100, ..TextOptions::default() });
    /// ```
    #[must_use]
    pub const fn showing(mut self, shown: TextOptions) -> Self {
        if let Form::Pretty { options, .. } = &mut self.form {
            *options = shown;
        }
        self
    }

    fn print(&mut self, outgoing: &Outgoing<'_>) -> io::Result<()> {
        match &mut self.form {
            Form::Pretty { weaver, .. } => {
                let now = system_unix_nanos();
                for run in outgoing.runs.iter() {
                    weaver.take_stream(run, now);
                }
                self.print_trees(false)
            }
            Form::Json => self.print_json(outgoing, stdouttrace::spans_to_json),
            Form::OtlpJson => self.print_json(outgoing, |request| {
                let mut line = crate::otlp::json::traces_to_json(request)?;
                line.push('\n');
                Ok(line)
            }),
        }
    }

    fn print_json(
        &mut self,
        outgoing: &Outgoing<'_>,
        form: impl FnOnce(&[u8]) -> Result<String, DecodeError>,
    ) -> io::Result<()> {
        let mut request = Vec::new();
        outgoing.write_otlp(&mut request);
        if request.is_empty() {
            return Ok(());
        }
        let text = form(&request).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }

    /// Prints the trees that are done; with `finish` all of them.
    fn print_trees(&mut self, finish: bool) -> io::Result<()> {
        let Form::Pretty { weaver, options } = &mut self.form else { return Ok(()) };
        let now = system_unix_nanos();
        let trees: Vec<Woven> =
            if finish { weaver.finish(now).collect() } else { weaver.poll(now).collect() };
        for woven in &trees {
            self.out.write_all(tree_text(woven, options).as_bytes())?;
        }
        if trees.is_empty() { Ok(()) } else { self.out.flush() }
    }
}

impl MetricExporter for Console {
    fn metrics_name(&self) -> &str {
        "console"
    }

    /// As OTLP JSON where spans are printed so, else in the text form of Prometheus, which people can read.
    fn export_metrics(&mut self, outgoing: &OutgoingMetrics<'_>) -> Answer {
        let printed = match self.form {
            Form::OtlpJson => metrics_to_json(outgoing.request).map(|line| line + "\n"),
            Form::Pretty { .. } | Form::Json => metrics_text(outgoing.request),
        };
        let text = match printed {
            Ok(text) => text,
            Err(error) => return Answer::Refused { reason: Reason::EncodeError, why: error.to_string() },
        };
        match suppress(|| self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush())) {
            Ok(()) => Answer::taken(),
            Err(error) => Answer::Refused { reason: Reason::NonRetryable, why: format!("console: {error}") },
        }
    }
}

/// Metrics as Prometheus reads them.
fn metrics_text(request: &[u8]) -> Result<String, DecodeError> {
    let view = decode_metrics(request)?;
    let mut text = Vec::new();
    let options = PrometheusOptions::default();
    let mut tell = |piece: &[u8]| text.extend_from_slice(piece);
    let mut sink = PrometheusText::new(&options, &mut tell);
    for found in view.metrics() {
        found.metric.tell(&mut sink);
    }
    sink.finish();
    Ok(String::from_utf8_lossy(&text).into_owned())
}

impl Exporter for Console {
    fn name(&self) -> &str {
        "console"
    }

    fn export(&mut self, outgoing: &Outgoing<'_>) -> Answer {
        match suppress(|| self.print(outgoing)) {
            Ok(()) => Answer::taken(),
            // A screen that is gone does not come back.
            Err(error) => Answer::Refused { reason: Reason::NonRetryable, why: format!("console: {error}") },
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        suppress(|| self.print_trees(false))
    }

    fn twin(&self) -> Option<Box<dyn Exporter>> {
        let twin = match &self.form {
            Form::Pretty { options, .. } => Self::pretty().showing(*options),
            Form::Json => Self::json(),
            Form::OtlpJson => Self::otlp_json(),
        };
        self.is_stdout.then(|| Box::new(twin) as _)
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        // Nobody is left to be told that it failed.
        let _ = suppress(|| self.print_trees(true));
    }
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = match self.form {
            Form::Pretty { .. } => "pretty",
            Form::Json => "json",
            Form::OtlpJson => "otlp_json",
        };
        f.debug_struct("Console").field("form", &form).finish_non_exhaustive()
    }
}
