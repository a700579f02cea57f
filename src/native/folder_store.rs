//! A blob store that is a folder.
//!
//! A blob is written under a temporary name first and renamed then, so nobody ever sees half of one. A name is a plain
//! file name of harmless characters, so no blob lands outside the folder.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::offload::{BlobError, BlobStore};

/// Keeps blobs as files of a folder, which is made when the first blob comes.
///
/// ```no_run
/// use spanloom::native::FolderStore;
/// let beside_the_log = FolderStore::new("/var/log/planner/blobs");
/// let served = FolderStore::new("/srv/blobs").with_link_prefix("https://blobs.example/");
/// ```
#[derive(Debug)]
pub struct FolderStore {
    folder: PathBuf,
    link_prefix: Option<String>,
    /// Makes temporary names differ between threads.
    writes: AtomicU64,
}

impl FolderStore {
    /// Keeps blobs in this folder; their links are their paths.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), link_prefix: None, writes: AtomicU64::new(0) }
    }

    /// Makes links of this prefix and the name of the blob.
    #[must_use]
    pub fn with_link_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.link_prefix = Some(prefix.into());
        self
    }

    fn write(&self, name: &str, bytes: &[u8]) -> std::io::Result<PathBuf> {
        let number = self.writes.fetch_add(1, Ordering::Relaxed);
        // A blob's name never begins with a point, so no blob has this one.
        let temporary = self.folder.join(format!(".{name}.{}.{number}", std::process::id()));
        let path = self.folder.join(name);
        let written = write_new(&temporary, bytes).and_then(|()| fs::rename(&temporary, &path));
        if written.is_err() {
            // Nothing more can be done about a file that cannot be removed either.
            let _ = fs::remove_file(&temporary);
        }
        written.map(|()| path)
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    fs::OpenOptions::new().write(true).create_new(true).open(path)?.write_all(bytes)
}

impl BlobStore for FolderStore {
    fn put(&self, name: &str, bytes: &[u8]) -> Result<String, BlobError> {
        if !is_plain_name(name) {
            return Err(BlobError::Name { name: name.into() });
        }
        let path = fs::create_dir_all(&self.folder)
            .and_then(|()| self.write(name, bytes))
            .map_err(|error| BlobError::Store { name: name.into(), message: error.to_string() })?;
        Ok(match &self.link_prefix {
            Some(prefix) => format!("{prefix}{name}"),
            None => path.display().to_string(),
        })
    }
}

fn is_plain_name(name: &str) -> bool {
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=200).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(harmless)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that is gone when the test is over.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("spanloom-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&folder);
            Self(folder)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn blobs_are_files_and_nothing_else_is_left() {
        let scratch = Scratch::new("blobs");
        let folder = scratch.0.join("a/b");
        let store = FolderStore::new(&folder);
        let link = store.put("one.txt", b"first").unwrap();
        assert_eq!(fs::read(&link).unwrap(), b"first");
        store.put("one.txt", "zweite Größe".as_bytes()).unwrap();
        assert_eq!(fs::read_to_string(&link).unwrap(), "zweite Größe");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        let served = FolderStore::new(&folder).with_link_prefix("https://blobs.example/");
        assert_eq!(served.put("two.txt", b"").as_deref(), Ok("https://blobs.example/two.txt"));
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let scratch = Scratch::new("names");
        let store = FolderStore::new(scratch.0.join("inner"));
        for name in
            ["", ".", "..", "../x", "a/b", "/etc/x", "a\\b", ".hidden", "a\0b", "c:x", "ü", &"x".repeat(201)]
        {
            assert_eq!(store.put(name, b"x"), Err(BlobError::Name { name: name.into() }));
        }
        assert!(!scratch.0.exists());
    }

    #[test]
    fn a_folder_that_cannot_be_is_an_error() {
        let scratch = Scratch::new("file");
        fs::write(&scratch.0, b"").unwrap();
        let error = FolderStore::new(&scratch.0).put("x", b"").unwrap_err();
        assert!(matches!(error, BlobError::Store { .. }), "{error}");
        fs::remove_file(&scratch.0).unwrap();
    }
}
