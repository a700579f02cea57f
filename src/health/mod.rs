//! Health.
mod status;
pub use status::Status;
