//! What native programs have and the core does not: files.

mod folder_store;

pub use folder_store::FolderStore;
