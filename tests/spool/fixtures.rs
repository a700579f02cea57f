//! Spools that earlier versions left behind are read by this one.
//!
//! `fixtures/v1` was written by the first version. It is never written again: where this test fails, what reads spools is
//! wrong, not the fixture. A later format gets a folder of its own, made with `SPANLOOM_WRITE_FIXTURE`.

use std::fs;
use std::path::Path;

use spanloom::spool::{MemoryFiles, Spool};

use crate::support::{NOW, ended, options, recover_all, started};

/// Two runs: one that was killed, with one segment settled, one span open and two records unwritten; and one that was
/// closed early.
fn write_spool(files: &MemoryFiles) {
    let mut killed = Spool::open(files.clone(), options(0x11), NOW);
    for id in 1..=30 {
        killed.append_durable(&ended(id), NOW).unwrap();
    }
    killed.append_durable(&started(31), NOW).unwrap();
    killed.acknowledge(26, NOW);
    killed.append(&[ended(32), ended(33)].concat(), NOW).unwrap();
    drop(killed);
    let mut closed = Spool::open(files.clone(), options(0x22), NOW + 1);
    closed.append(&[ended(41), ended(42)].concat(), NOW).unwrap();
    closed.close(NOW).unwrap();
}

fn check(files: &MemoryFiles) {
    let found = recover_all(files);
    assert_eq!(found.ids, [27, 28, 29, 30, 31, 41, 42]);
    let report = found.report;
    assert_eq!((report.runs, report.clean, report.spans, report.abandoned), (2, 1, 6, 1));
    assert_eq!((report.crash_window.spans, report.lost().spans, report.broken_files), (2, 2, 0));
    assert_eq!(files.names(), [""; 0]);
}

#[test]
fn the_first_version_is_read() {
    let folder = Path::new("tests/spool/fixtures/v1");
    #[expect(clippy::disallowed_methods, reason = "only asked for when a new format gets its fixture")]
    if std::env::var("SPANLOOM_WRITE_FIXTURE").is_ok() {
        let files = MemoryFiles::new();
        write_spool(&files);
        for name in files.names() {
            fs::write(folder.join(&name), files.contents(&name).unwrap()).unwrap();
        }
    }
    let files = MemoryFiles::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        files.put(entry.file_name().to_str().unwrap(), &fs::read(entry.path()).unwrap());
    }
    assert_eq!(files.names().len(), 4);
    check(&files);
}

#[test]
fn this_version_writes_what_the_fixture_tells() {
    let files = MemoryFiles::new();
    write_spool(&files);
    check(&files);
}
