//! Spans in files: whole lines only, and as many files as were asked for.
#![cfg(feature = "native")]

#[path = "common/scratch.rs"]
mod scratch;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use scratch::Folder;
use spanloom::otlp::json::traces_from_json;
use spanloom::otlp::{TracesView, decode_traces};
use spanloom::{FileExporter, Loom};

const PATIENCE: Duration = Duration::from_secs(30);

/// An empty folder.
fn empty(name: &str) -> Folder {
    let folder = Folder::new(&format!("file-export-{name}"));
    fs::create_dir(&folder.0).unwrap();
    folder
}

fn file(folder: &Folder) -> PathBuf {
    folder.0.join("traces.jsonl")
}

fn names_in(folder: &Folder) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(&folder.0)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
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
    let folder = empty("append");
    record(FileExporter::append(file(&folder)).unwrap(), &["one", "two"]);
    record(FileExporter::append(file(&folder)).unwrap(), &["three"]);
    assert_eq!(spans(&file(&folder)), ["one", "two", "three"]);
}

#[test]
fn half_a_line_of_a_killed_program_stays_apart() {
    let folder = empty("torn");
    fs::write(file(&folder), "{\"resourceSpans\":[{\"reso").unwrap();
    record(FileExporter::append(file(&folder)).unwrap(), &["one", "two"]);
    let text = fs::read_to_string(file(&folder)).unwrap();
    let (torn, rest) = text.split_once('\n').unwrap();
    assert_eq!(torn, "{\"resourceSpans\":[{\"reso");
    fs::write(file(&folder), rest).unwrap();
    assert_eq!(spans(&file(&folder)), ["one", "two"]);
}

#[test]
fn full_files_are_moved_on_and_the_oldest_go() {
    let folder = empty("rotate");
    // Shorter than any line: each gets a file of its own.
    let exporter = FileExporter::append(file(&folder)).unwrap().rotate_at(10).keep(2);
    record(exporter, &["a", "b", "c", "d", "e"]);
    assert_eq!(names_in(&folder), ["traces.jsonl", "traces.jsonl.1", "traces.jsonl.2"]);
    let numbered = |number: u32| spans(&folder.0.join(format!("traces.jsonl.{number}")));
    assert_eq!(
        (spans(&file(&folder)), numbered(1), numbered(2)),
        (vec!["e".into()], vec!["d".into()], vec!["c".into()])
    );
}

#[test]
fn no_file_is_larger_than_was_asked_for() {
    let folder = empty("size");
    let names: Vec<String> = (0..40).map(|number| format!("workflow-{number:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let exporter = FileExporter::append(file(&folder)).unwrap().rotate_at(3000).keep(100);
    record(exporter, &names);
    let mut all = Vec::new();
    let files = names_in(&folder);
    assert!(files.len() > 2, "{files:?}");
    for number in (1..files.len()).rev() {
        let path = folder.0.join(format!("traces.jsonl.{number}"));
        assert!(fs::metadata(&path).unwrap().len() <= 3000);
        all.extend(spans(&path));
    }
    all.extend(spans(&file(&folder)));
    assert_eq!(all, names);
}

#[test]
fn without_old_files_there_is_one() {
    let folder = empty("none");
    record(FileExporter::append(file(&folder)).unwrap().rotate_at(10).keep(0), &["a", "b"]);
    assert_eq!(names_in(&folder), ["traces.jsonl"]);
    assert_eq!(spans(&file(&folder)), ["b"]);
}

#[test]
fn a_new_day_begins_a_new_file() {
    let folder = empty("daily");
    record(FileExporter::append(file(&folder)).unwrap(), &["yesterday"]);
    let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    fs::File::options().append(true).open(file(&folder)).unwrap().set_modified(long_ago).unwrap();
    record(FileExporter::append(file(&folder)).unwrap().rotate_daily(), &["today"]);
    assert_eq!(spans(&folder.0.join("traces.jsonl.1")), ["yesterday"]);
    assert_eq!(spans(&file(&folder)), ["today"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_cannot_be_opened_is_named() {
    let error = FileExporter::append("/dev/null/traces.jsonl").unwrap_err();
    assert_ne!(error.kind(), std::io::ErrorKind::Other);
    assert!(error.to_string().starts_with("cannot open /dev/null/traces.jsonl to export to: "), "{error}");
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
        runs: records.as_slice().into(),
        resource: &spanloom::otlp::Resource::default(),
        scope: &spanloom::otlp::Scope::default(),
        wording: spanloom::otlp::convention::Wording::default(),
        within: std::time::Duration::from_secs(10),
        running: false,
    };
    let answer = FileExporter::append("/dev/full").unwrap().export(&outgoing);
    assert!(matches!(&answer, Answer::Later { why, .. } if why.starts_with("/dev/full: ")), "{answer:?}");
}
