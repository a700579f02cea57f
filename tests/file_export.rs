//! Spans in files: whole lines only, and as many files as were asked for.
#![cfg(feature = "native")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use spanloom::otlp::json::traces_from_json;
use spanloom::otlp::{TracesView, decode_traces};
use spanloom::{FileExporter, Loom};

const PATIENCE: Duration = Duration::from_secs(30);

/// A folder of its own for each test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("spanloom-file-export-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("traces.jsonl")
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn record(exporter: FileExporter, workflows: &[&str]) {
    let loom = Loom::builder().exporter(exporter).build();
    for name in workflows {
        loom.workflow(name).start().end();
        assert_eq!(loom.flush(PATIENCE).delivered, 1);
    }
}

/// The names of the spans of a file, line by line; every line has to be a whole request.
fn spans(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    let name =
        |request: TracesView<'_>| request.spans().map(|found| found.span.name.to_owned()).collect::<String>();
    text.lines()
        .map(|line| name(decode_traces(&traces_from_json(line.as_bytes()).unwrap()).unwrap()))
        .collect()
}

#[test]
fn lines_are_appended_to_what_is_there() {
    let folder = Folder::new("append");
    record(FileExporter::append(folder.file()).unwrap(), &["one", "two"]);
    record(FileExporter::append(folder.file()).unwrap(), &["three"]);
    assert_eq!(spans(&folder.file()), ["one", "two", "three"]);
}

#[test]
fn half_a_line_of_a_killed_program_stays_apart() {
    let folder = Folder::new("torn");
    fs::write(folder.file(), "{\"resourceSpans\":[{\"reso").unwrap();
    record(FileExporter::append(folder.file()).unwrap(), &["one", "two"]);
    let text = fs::read_to_string(folder.file()).unwrap();
    let (torn, rest) = text.split_once('\n').unwrap();
    assert_eq!(torn, "{\"resourceSpans\":[{\"reso");
    fs::write(folder.file(), rest).unwrap();
    assert_eq!(spans(&folder.file()), ["one", "two"]);
}

#[test]
fn full_files_are_moved_on_and_the_oldest_go() {
    let folder = Folder::new("rotate");
    // Shorter than any line: each gets a file of its own.
    let exporter = FileExporter::append(folder.file()).unwrap().rotate_at(10).keep(2);
    record(exporter, &["a", "b", "c", "d", "e"]);
    assert_eq!(folder.names(), ["traces.jsonl", "traces.jsonl.1", "traces.jsonl.2"]);
    let numbered = |number: u32| spans(&folder.0.join(format!("traces.jsonl.{number}")));
    assert_eq!(
        (spans(&folder.file()), numbered(1), numbered(2)),
        (vec!["e".into()], vec!["d".into()], vec!["c".into()])
    );
}

#[test]
fn no_file_is_larger_than_was_asked_for() {
    let folder = Folder::new("size");
    let names: Vec<String> = (0..40).map(|number| format!("workflow-{number:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let exporter = FileExporter::append(folder.file()).unwrap().rotate_at(3000).keep(100);
    record(exporter, &names);
    let mut all = Vec::new();
    let files = folder.names();
    assert!(files.len() > 2, "{files:?}");
    for number in (1..files.len()).rev() {
        let path = folder.0.join(format!("traces.jsonl.{number}"));
        assert!(fs::metadata(&path).unwrap().len() <= 3000);
        all.extend(spans(&path));
    }
    all.extend(spans(&folder.file()));
    assert_eq!(all, names);
}

#[test]
fn without_old_files_there_is_one() {
    let folder = Folder::new("none");
    record(FileExporter::append(folder.file()).unwrap().rotate_at(10).keep(0), &["a", "b"]);
    assert_eq!(folder.names(), ["traces.jsonl"]);
    assert_eq!(spans(&folder.file()), ["b"]);
}

#[test]
fn a_new_day_begins_a_new_file() {
    let folder = Folder::new("daily");
    record(FileExporter::append(folder.file()).unwrap(), &["yesterday"]);
    let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    fs::File::options().append(true).open(folder.file()).unwrap().set_modified(long_ago).unwrap();
    record(FileExporter::append(folder.file()).unwrap().rotate_daily(), &["today"]);
    assert_eq!(spans(&folder.0.join("traces.jsonl.1")), ["yesterday"]);
    assert_eq!(spans(&folder.file()), ["today"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_reason_to_try_again() {
    use spanloom::deliver::Answer;
    use spanloom::{Exporter, MemoryExporter, Outgoing};

    let memory = MemoryExporter::new();
    let loom = Loom::builder().exporter(memory.clone()).build();
    loom.workflow("answer").start().end();
    loom.flush(PATIENCE);
    let records = memory.records();
    let outgoing = Outgoing {
        records: &records,
        resource: &spanloom::otlp::Resource::default(),
        scope: &spanloom::otlp::Scope::default(),
        wording: spanloom::otlp::convention::Wording::default(),
        within: std::time::Duration::from_secs(10),
        running: false,
    };
    let answer = FileExporter::append("/dev/full").unwrap().export(&outgoing);
    assert!(matches!(&answer, Answer::Later { why, .. } if why.starts_with("/dev/full: ")), "{answer:?}");
}
