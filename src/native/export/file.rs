//! Records appended to a file, a line for each batch.
//!
//! A line is either there or not: where the disk is full in the middle of one, the file is cut back to its last whole line;
//! where that fails too, or a program that was killed left half a line behind, the next line begins with a line break.
//! Nothing is kept back: what `export` answered `Taken` for was given to the system.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{Exporter, MetricExporter, Outgoing, OutgoingMetrics};
use crate::deliver::{Answer, Reason};
use crate::native::suppress::suppress;
use crate::native::system_unix_nanos;
use crate::otlp::DecodeError;

const DAY_NANOS: u64 = 86_400 * 1_000_000_000;

/// Appends to a file: OTLP JSON, one export request a line, as the OpenTelemetry Collector's file exporter writes it.
/// A forked process writes to a file of its own, with the number of the process behind the name.
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
    path: PathBuf,
    /// `None` where it could not be opened again; that is tried with every batch.
    open: Option<Open<File>>,
    most_bytes: Option<u64>,
    daily: bool,
    keep: u32,
    request: Vec<u8>,
    /// It is for a forked process, which must not cut and move the files of its parent: its own has its number behind the name.
    is_twin: bool,
}

/// A file that is written to.
#[derive(Debug)]
struct Open<F> {
    file: F,
    /// Bytes of whole lines.
    length: u64,
    /// It ends with half a line.
    torn: bool,
    /// The day of its first line, counted from 1970, in UTC.
    day: u64,
}

/// What is done to a file.
trait Storage: Write {
    fn length(&self) -> io::Result<u64>;
    fn cut(&mut self, length: u64) -> io::Result<()>;
}

impl Storage for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}

impl FileExporter {
    /// Appends to the file at this path; makes it where there is none. Without further options it grows without end.
    ///
    /// # Errors
    /// When the file cannot be opened for writing; the error names it.
    pub fn append(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        Self::at(path).map_err(|error| {
            io::Error::new(error.kind(), format!("cannot open {} to export to: {error}", path.display()))
        })
    }

    /// As [`Self::append`], with the system's error as it is.
    pub(crate) fn at(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref().to_owned();
        let open = Some(open(&path)?);
        Ok(Self { path, open, most_bytes: None, daily: false, keep: 5, request: Vec::new(), is_twin: false })
    }

    /// Begins another file before this one grows larger than so many bytes. The old one is named `<path>.1`; what had that
    /// name becomes `<path>.2`, and so on. A line that is longer than that gets a file of its own.
    ///
    /// ```
    /// use spanloom::FileExporter;
    /// # let path = std::env::temp_dir().join(format!("spanloom-rotated-{}.jsonl", std::process::id()));
    /// let exporter = FileExporter::append(&path)?.rotate_at(64 << 20).rotate_daily().keep(10);
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub const fn rotate_at(mut self, bytes: u64) -> Self {
        self.most_bytes = Some(bytes);
        self
    }

    /// Begins another file with the first line of a day, in UTC.
    #[must_use]
    pub const fn rotate_daily(mut self) -> Self {
        self.daily = true;
        self
    }

    /// How many old files are kept beside the one that is written: 5 unless told otherwise. The oldest is removed.
    #[must_use]
    pub const fn keep(mut self, files: u32) -> Self {
        self.keep = files;
        self
    }

    fn write(&mut self, line: &[u8], now: u64) -> io::Result<()> {
        let day = now / DAY_NANOS;
        if std::mem::take(&mut self.is_twin) {
            self.path.as_mut_os_string().push(format!(".{}", std::process::id()));
        }
        let is_due = self.open.as_ref().is_some_and(|open| {
            let is_full = self.most_bytes.is_some_and(|most| open.length + line.len() as u64 > most);
            open.length > 0 && (is_full || self.daily && open.day != day)
        });
        if is_due {
            // Closed first: some systems do not rename what is open.
            self.open = None;
            rotate(&self.path, self.keep)?;
        }
        let mut open = match self.open.take() {
            Some(open) => open,
            None => open(&self.path)?,
        };
        if open.length == 0 {
            open.day = day;
        }
        let written = open.append(line);
        self.open = Some(open);
        written
    }
}

impl<F: Storage> Open<F> {
    /// Appends a line and its line break, all or nothing.
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        if self.torn {
            put(&mut self.file, b"\n").map_err(|(_, error)| error)?;
            self.torn = false;
            self.length += 1;
        }
        match put(&mut self.file, line) {
            Ok(()) => {
                self.length += line.len() as u64;
                Ok(())
            }
            Err((0, error)) => Err(error),
            Err((written, error)) => {
                // Where the file is longer than we made it somebody else writes to it, too: that is not ours to cut.
                let is_ours = self.file.length().is_ok_and(|length| length == self.length + written);
                if !is_ours || self.file.cut(self.length).is_err() {
                    self.torn = true;
                    self.length += written;
                }
                Err(error)
            }
        }
    }
}

/// Writes all of it, or tells how much of it.
fn put(file: &mut impl Write, bytes: &[u8]) -> Result<(), (u64, io::Error)> {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match file.write(rest) {
            Ok(0) => return Err((written as u64, io::ErrorKind::WriteZero.into())),
            Ok(more) => written += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err((written as u64, error)),
        }
    }
    Ok(())
}

fn open(path: &Path) -> io::Result<Open<File>> {
    let file = File::options().create(true).append(true).open(path)?;
    let about = file.metadata()?;
    let length = about.len();
    // Unknown on some file systems: then the day of the first line that we write counts.
    let modified = about.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    let day = modified.map_or(0, |time| time.as_secs() / 86_400);
    // Pipes and terminals cannot be looked at, and have no torn lines.
    let torn = about.is_file() && length > 0 && last_byte(path).is_ok_and(|last| last != b'\n');
    Ok(Open { file, length, torn, day })
}

fn last_byte(path: &Path) -> io::Result<u8> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last[0])
}

/// Moves the old files on by one, and the current one behind them.
fn rotate(path: &Path, keep: u32) -> io::Result<()> {
    let numbered = |number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    };
    if keep == 0 {
        return fs::remove_file(path);
    }
    // A name that is free ends the chain: what is behind it stays where it is.
    let used = (1..keep).take_while(|number| numbered(*number).exists()).count();
    for number in (1..=u32::try_from(used).unwrap_or(keep)).rev() {
        fs::rename(numbered(number), numbered(number + 1))?;
    }
    match fs::rename(path, numbered(1)) {
        // Somebody else has moved or removed it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        moved => moved,
    }
}

impl FileExporter {
    fn append_line(&mut self, line: Result<String, DecodeError>) -> Answer {
        let mut line = match line {
            Ok(line) => line,
            Err(error) => return Answer::Refused { reason: Reason::EncodeError, why: error.to_string() },
        };
        line.push('\n');
        match suppress(|| self.write(line.as_bytes(), system_unix_nanos())) {
            Ok(()) => Answer::taken(),
            // Disks get room again, and come back; until then the batch is better off where it is.
            Err(error) => Answer::later(format!("{}: {error}", self.path.display())),
        }
    }
}

impl Exporter for FileExporter {
    fn name(&self) -> &str {
        "file"
    }

    fn export(&mut self, outgoing: &Outgoing<'_>) -> Answer {
        self.request.clear();
        outgoing.write_otlp(&mut self.request);
        if self.request.is_empty() {
            return Answer::taken();
        }
        let line = crate::otlp::json::traces_to_json(&self.request);
        self.append_line(line)
    }

    fn twin(&self) -> Option<Box<dyn Exporter>> {
        let Self { most_bytes, daily, keep, .. } = *self;
        let path = self.path.clone();
        Some(Box::new(Self { path, open: None, most_bytes, daily, keep, request: Vec::new(), is_twin: true }))
    }
}

impl MetricExporter for FileExporter {
    fn metrics_name(&self) -> &str {
        "file"
    }

    /// A line of OTLP JSON for each request. A file has one signal: give metrics one of their own.
    fn export_metrics(&mut self, outgoing: &OutgoingMetrics<'_>) -> Answer {
        self.append_line(crate::otlp::json::metrics_to_json(outgoing.request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk on which so many bytes have room.
    struct Disk {
        content: Vec<u8>,
        room: usize,
        cuts: bool,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let fits = bytes.len().min(self.room - self.content.len()).min(3);
            if fits == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.content.extend_from_slice(&bytes[..fits]);
            Ok(fits)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Storage for Disk {
        fn length(&self) -> io::Result<u64> {
            Ok(self.content.len() as u64)
        }

        fn cut(&mut self, length: u64) -> io::Result<()> {
            if !self.cuts {
                return Err(io::ErrorKind::PermissionDenied.into());
            }
            self.content.truncate(usize::try_from(length).unwrap());
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_leaves_whole_lines_at_every_byte() {
        for room in 0..40 {
            for cuts in [true, false] {
                let file = Disk { content: Vec::new(), room, cuts };
                let mut open = Open { file, length: 0, torn: false, day: 0 };
                let mut whole = Vec::new();
                for line in ["0123456789\n", "abcdefghij\n", "xyz\n"] {
                    match open.append(line.as_bytes()) {
                        Ok(()) => whole.push(line),
                        Err(error) => {
                            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
                            open.file.room += 20;
                        }
                    }
                }
                let content = String::from_utf8(open.file.content).unwrap();
                let found: Vec<&str> =
                    content.split_inclusive('\n').filter(|line| whole.contains(line)).collect();
                assert_eq!(found, whole, "{room} {content:?}");
                assert!(!cuts || content == whole.concat(), "{room} {content:?}");
            }
        }
    }

    #[test]
    fn what_somebody_else_wrote_is_not_cut_off() {
        let file = Disk { content: b"theirs\n".to_vec(), room: 12, cuts: true };
        let mut open = Open { file, length: 0, torn: false, day: 0 };
        assert!(open.append(b"0123456789\n").is_err());
        assert_eq!(open.file.content, b"theirs\n01234");
        open.file.room = 100;
        open.append(b"xyz\n").unwrap();
        assert_eq!(open.file.content, b"theirs\n01234\nxyz\n");
    }
}
