//! Records appended to a file.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use super::{Exporter, Outgoing};
use crate::deliver::{Answer, Reason};

/// Appends to a file: OTLP JSON, one export request a line, as the OpenTelemetry Collector's file exporter writes it.
///
/// ```
/// use spanloom::{FileExporter, Loom};
/// let path = std::env::temp_dir().join(format!("spanloom-{}.jsonl", std::process::id()));
/// let loom = Loom::builder().exporter(FileExporter::append(&path)?).build();
/// loom.workflow("answer").start().end();
/// loom.flush(std::time::Duration::from_secs(5));
/// assert!(std::fs::read_to_string(&path)?.starts_with(r#"{"resourceSpans":"#));
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct FileExporter {
    file: File,
}

impl FileExporter {
    /// Appends to the file at this path; makes it where there is none.
    ///
    /// # Errors
    /// When the file cannot be opened for writing.
    pub fn append(path: impl AsRef<Path>) -> io::Result<Self> {
        let file = File::options().create(true).append(true).open(path)?;
        Ok(Self { file })
    }
}

impl FileExporter {
    fn write(&mut self, outgoing: &Outgoing<'_>) -> io::Result<()> {
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

impl Exporter for FileExporter {
    fn name(&self) -> &str {
        "file"
    }

    fn export(&mut self, outgoing: &Outgoing<'_>) -> Answer {
        match self.write(outgoing) {
            Ok(()) => Answer::taken(),
            Err(error) => Answer::Refused { reason: Reason::NonRetryable, why: error.to_string() },
        }
    }
}
