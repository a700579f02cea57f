//! What a spool asks of a file system.

use thiserror::Error;

/// Why a file operation failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FilesError {
    /// There is no such file or folder.
    #[error("the file or its folder is not there")]
    NotFound,
    /// There is such a file already.
    #[error("the file is there already")]
    Exists,
    /// The disk, or the quota, is full.
    #[error("no space is left: free some, or give the spool another folder")]
    NoSpace,
    /// The file system cannot be written.
    #[error("the file system is read-only: give the spool another folder")]
    ReadOnly,
    /// The program may not do this.
    #[error("access denied: check who owns the spool's folder")]
    Denied,
    /// Something else.
    #[error("{message}")]
    Other {
        /// What the system said.
        message: String,
    },
}

/// A file of the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// Its name.
    pub name: String,
    /// How many bytes it has.
    pub bytes: u64,
}

/// The folder that a spool lives in, with just the operations that it needs.
///
/// All writes say where they go, so a write that failed half-way is repeated or left, and never appended to. Locks belong
/// to the open file and end with it: a process that dies gives its locks back.
///
/// [`FolderFiles`](crate::native::FolderFiles) is a folder on disk, [`MemoryFiles`](super::MemoryFiles) one in memory whose
/// faults a test rules.
///
/// ```
/// use spanloom::spool::{MemoryFiles, SpoolFiles};
/// let files = MemoryFiles::new();
/// let mut file = files.create("a")?;
/// files.write_at(&mut file, 0, b"hello")?;
/// let mut read = [0; 8];
/// assert_eq!(files.read_at(&mut file, 1, &mut read)?, 4);
/// # Ok::<(), spanloom::spool::FilesError>(())
/// ```
pub trait SpoolFiles {
    /// An open file.
    type File;

    /// All files of the folder. A folder that is not there has none.
    ///
    /// # Errors
    /// When the folder cannot be read.
    fn list(&self) -> Result<Vec<FileEntry>, FilesError>;

    /// How many bytes the file with this name has.
    ///
    /// # Errors
    /// [`FilesError::NotFound`] where there is none.
    fn length(&self, name: &str) -> Result<u64, FilesError>;

    /// Makes a file that was not there, and the folder where it is missing.
    ///
    /// # Errors
    /// [`FilesError::Exists`] where there is one.
    fn create(&self, name: &str) -> Result<Self::File, FilesError>;

    /// Opens a file for reading and writing.
    ///
    /// # Errors
    /// [`FilesError::NotFound`] where there is none.
    fn open(&self, name: &str) -> Result<Self::File, FilesError>;

    /// Takes the lock of a file; false where somebody else has it, in this process or another.
    ///
    /// # Errors
    /// When the file system knows no locks.
    fn try_lock(&self, file: &mut Self::File) -> Result<bool, FilesError>;

    /// Reads at a place; 0 at the end of the file. May read less than asked for.
    ///
    /// # Errors
    /// When reading fails.
    fn read_at(&self, file: &mut Self::File, at: u64, into: &mut [u8]) -> Result<usize, FilesError>;

    /// Writes all of these bytes at a place. After an error any part of them may be written.
    ///
    /// # Errors
    /// When not all could be written.
    fn write_at(&self, file: &mut Self::File, at: u64, bytes: &[u8]) -> Result<(), FilesError>;

    /// Returns when what was written to the file would survive a loss of power.
    ///
    /// # Errors
    /// When that is not known. Then nothing is known about any write since the last success.
    fn sync(&self, file: &mut Self::File) -> Result<(), FilesError>;

    /// Returns when the names of the folder would survive a loss of power.
    ///
    /// # Errors
    /// When that is not known.
    fn sync_folder(&self) -> Result<(), FilesError>;

    /// Gives a file another name.
    ///
    /// # Errors
    /// [`FilesError::NotFound`] where there is no such file.
    fn rename(&self, from: &str, to: &str) -> Result<(), FilesError>;

    /// Removes a file.
    ///
    /// # Errors
    /// [`FilesError::NotFound`] where there is none.
    fn remove(&self, name: &str) -> Result<(), FilesError>;
}
