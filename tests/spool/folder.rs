//! A spool in a real folder.

use std::fs;
use std::path::PathBuf;

use spanloom::native::FolderFiles;
use spanloom::spool::{FilesError, RecoveryOptions, Spool, SpoolError, SpoolFiles, Tier, recover};

use crate::scratch::Folder;
use crate::support::{MILLISECOND, NOW, ended, ids, options};

fn files(folder: &Folder) -> FolderFiles {
    FolderFiles::new(folder.0.join("inner"))
}

fn recovered_ids(folder: &Folder) -> Vec<u64> {
    let mut recovered = recover(files(folder), RecoveryOptions::default(), NOW);
    let mut found = Vec::new();
    while let Some(chunk) = recovered.next_chunk() {
        found.extend(ids(&chunk.records));
        recovered.acknowledge(chunk.number);
    }
    assert_eq!(recovered.report().io_errors, 0);
    found
}

#[test]
fn a_folder_does_what_is_asked_of_it() {
    let folder = Folder::new("spool-files");
    let files = files(&folder);
    assert_eq!(files.list(), Ok(Vec::new()));
    assert_eq!(files.length("a"), Err(FilesError::NotFound));
    assert_eq!(files.open("a").err(), Some(FilesError::NotFound));
    let mut file = files.create("a").unwrap();
    assert_eq!(files.create("a").err(), Some(FilesError::Exists));
    files.write_at(&mut file, 5, b"hello").unwrap();
    assert_eq!(files.length("a"), Ok(10));
    files.write_at(&mut file, 0, b"12345").unwrap();
    let mut read = [0; 20];
    assert_eq!(files.read_at(&mut file, 3, &mut read), Ok(7));
    assert_eq!(&read[..7], b"45hello");
    assert_eq!(files.read_at(&mut file, 10, &mut read), Ok(0));
    files.sync(&mut file).unwrap();
    files.sync_folder().unwrap();
    assert_eq!(files.try_lock(&mut file), Ok(true));
    let mut other = files.open("a").unwrap();
    assert_eq!(files.try_lock(&mut other), Ok(false));
    drop(file);
    assert_eq!(files.try_lock(&mut other), Ok(true));
    files.rename("a", "b").unwrap();
    assert_eq!(files.list().unwrap()[0].name, "b");
    files.remove("b").unwrap();
    assert_eq!(files.remove("b"), Err(FilesError::NotFound));
}

#[cfg(unix)]
#[test]
fn only_the_owner_reads_what_is_there() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new("spool-modes");
    let mut spool = Spool::open(files(&folder), options(7), NOW);
    spool.append_durable(&ended(1), NOW).unwrap();
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o077;
    assert_eq!(mode(folder.0.join("inner")), 0);
    for entry in fs::read_dir(folder.0.join("inner")).unwrap() {
        assert_eq!(mode(entry.unwrap().path()), 0);
    }
}

#[test]
fn what_was_written_is_recovered_from_a_folder() {
    let folder = Folder::new("spool-everyday");
    let mut first = Spool::open(files(&folder), options(1), NOW);
    let mut second = Spool::open(files(&folder), options(2), NOW + 1);
    for id in 1..=60 {
        let spool = if id % 2 == 0 { &mut second } else { &mut first };
        spool.append_durable(&ended(id), NOW).unwrap();
    }
    // Nothing of a living process is touched, in this process or another.
    assert_eq!(recovered_ids(&folder), [0; 0]);
    drop(first);
    assert_eq!(recovered_ids(&folder), (1..=60).step_by(2).collect::<Vec<_>>());
    second.acknowledge(20, NOW);
    drop(second);
    assert_eq!(recovered_ids(&folder), (42..=60).step_by(2).collect::<Vec<_>>());
    assert_eq!(files(&folder).list(), Ok(Vec::new()));
}

#[test]
fn a_folder_that_is_removed_is_made_anew() {
    let folder = Folder::new("spool-removed");
    let mut now = NOW;
    let mut spool = Spool::open(files(&folder), options(7), now);
    spool.append_durable(&ended(1), now).unwrap();
    fs::remove_dir_all(&folder.0).unwrap();
    assert_ne!(spool.append_durable(&ended(2), now).unwrap().tier, Tier::Synced);
    assert_eq!(spool.append(&ended(9), now), Err(SpoolError::Io(FilesError::NotFound)));
    now += 1_000 * MILLISECOND;
    assert_eq!(spool.append_durable(&ended(3), now).unwrap().tier, Tier::Synced);
    drop(spool);
    assert_eq!(recovered_ids(&folder), [3]);
}

#[test]
fn a_folder_that_cannot_be_is_no_reason_to_stop() {
    let folder = Folder::new("spool-file");
    fs::write(&folder.0, b"a file where the folder would be").unwrap();
    let mut now = NOW;
    let mut spool = Spool::open(files(&folder), options(7), now);
    assert!(matches!(spool.append(&ended(1), now), Err(SpoolError::Io(_))));
    let mut recovered = recover(files(&folder), RecoveryOptions::default(), now);
    assert!(recovered.next_chunk().is_none());
    fs::remove_file(&folder.0).unwrap();
    now += 1_000 * MILLISECOND;
    assert_eq!(spool.append_durable(&ended(1), now).unwrap().tier, Tier::Synced);
    drop(spool);
    assert_eq!(recovered_ids(&folder), [1]);
}
