//! A spool's folder on disk.
//!
//! Locks are the system's own (`flock`, `LockFileEx`): they end with the process, however it ends. Files are readable by
//! their owner alone, for spans hold what users wrote.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use crate::spool::{FileEntry, FilesError, SpoolFiles};

/// A folder on disk for a [`Spool`](crate::spool::Spool). It is made when the first file is.
///
/// Not for network file systems: their locks and syncs promise less.
///
/// ```
/// use spanloom::native::FolderFiles;
/// use spanloom::spool::{RecoveryOptions, Spool, SpoolOptions, recover};
/// let folder = std::env::temp_dir().join(format!("spanloom-doc-{}", std::process::id()));
/// let now = spanloom::native::system_unix_nanos();
/// let recovered = recover(FolderFiles::new(&folder), RecoveryOptions::default(), now);
/// let spool = Spool::open(FolderFiles::new(&folder), SpoolOptions::new(42), now);
/// assert_eq!(spool.status().trouble, None);
/// spool.close(now)?;
/// # std::fs::remove_dir_all(&folder).ok();
/// # Ok::<(), spanloom::spool::SpoolError>(())
/// ```
#[derive(Debug, Clone)]
pub struct FolderFiles {
    folder: PathBuf,
}

impl FolderFiles {
    /// Files in this folder.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    fn options() -> OpenOptions {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options
    }

    fn create_folder(&self) -> io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.folder)
    }
}

fn told(error: &io::Error) -> FilesError {
    match error.kind() {
        ErrorKind::NotFound => FilesError::NotFound,
        ErrorKind::AlreadyExists => FilesError::Exists,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => FilesError::NoSpace,
        ErrorKind::ReadOnlyFilesystem => FilesError::ReadOnly,
        ErrorKind::PermissionDenied => FilesError::Denied,
        _ => FilesError::Other { message: error.to_string() },
    }
}

/// Repeats a call that a signal cut short.
fn patiently<T>(mut call: impl FnMut() -> io::Result<T>) -> Result<T, FilesError> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result.map_err(|error| told(&error)),
        }
    }
}

impl SpoolFiles for FolderFiles {
    type File = File;

    fn list(&self) -> Result<Vec<FileEntry>, FilesError> {
        let entries = match patiently(|| fs::read_dir(&self.folder)) {
            Err(FilesError::NotFound) => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut list = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| told(&error))?;
            // Files may go while they are looked at. Names that are no text are none of a spool's.
            if let (Ok(facts), Ok(name)) = (entry.metadata(), entry.file_name().into_string())
                && facts.is_file()
            {
                list.push(FileEntry { name, bytes: facts.len() });
            }
        }
        Ok(list)
    }

    fn length(&self, name: &str) -> Result<u64, FilesError> {
        patiently(|| fs::metadata(self.folder.join(name))).map(|facts| facts.len())
    }

    fn create(&self, name: &str) -> Result<File, FilesError> {
        let path = self.folder.join(name);
        let create = || patiently(|| Self::options().create_new(true).open(&path));
        match create() {
            Err(FilesError::NotFound) => patiently(|| self.create_folder()).and_then(|()| create()),
            file => file,
        }
    }

    fn open(&self, name: &str) -> Result<File, FilesError> {
        patiently(|| Self::options().open(self.folder.join(name)))
    }

    fn try_lock(&self, file: &mut File) -> Result<bool, FilesError> {
        match file.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(told(&error)),
        }
    }

    fn read_at(&self, file: &mut File, at: u64, into: &mut [u8]) -> Result<usize, FilesError> {
        patiently(|| place::read_at(file, at, into))
    }

    fn write_at(&self, file: &mut File, at: u64, bytes: &[u8]) -> Result<(), FilesError> {
        patiently(|| place::write_at(file, at, bytes))
    }

    fn sync(&self, file: &mut File) -> Result<(), FilesError> {
        patiently(|| file.sync_data())
    }

    #[cfg(unix)]
    fn sync_folder(&self) -> Result<(), FilesError> {
        patiently(|| File::open(&self.folder)?.sync_all())
    }

    #[cfg(not(unix))]
    fn sync_folder(&self) -> Result<(), FilesError> {
        // Elsewhere names are synced with their files.
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), FilesError> {
        patiently(|| fs::rename(self.folder.join(from), self.folder.join(to)))
    }

    fn remove(&self, name: &str) -> Result<(), FilesError> {
        patiently(|| fs::remove_file(self.folder.join(name)))
    }
}

#[cfg(unix)]
mod place {
    use std::fs::File;
    use std::io;
    use std::os::unix::fs::FileExt as _;

    pub(super) fn read_at(file: &mut File, at: u64, into: &mut [u8]) -> io::Result<usize> {
        file.read_at(into, at)
    }

    pub(super) fn write_at(file: &mut File, at: u64, bytes: &[u8]) -> io::Result<()> {
        file.write_all_at(bytes, at)
    }
}

#[cfg(not(unix))]
mod place {
    use std::fs::File;
    use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};

    pub(super) fn read_at(file: &mut File, at: u64, into: &mut [u8]) -> io::Result<usize> {
        file.seek(SeekFrom::Start(at))?;
        file.read(into)
    }

    pub(super) fn write_at(file: &mut File, at: u64, bytes: &[u8]) -> io::Result<()> {
        file.seek(SeekFrom::Start(at))?;
        file.write_all(bytes)
    }
}
