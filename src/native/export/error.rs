//! Why an exporter could not be made.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why an exporter could not be made. Neither secrets nor the values of headers stand in it.
///
#[cfg_attr(feature = "otlp-http", doc = "```")]
#[cfg_attr(not(feature = "otlp-http"), doc = "```ignore")]
/// use spanloom::native::{ExporterError, OtlpHttp};
/// let error = OtlpHttp::builder("ftp://user:secret@collector").build().unwrap_err();
/// assert!(matches!(error, ExporterError::Endpoint { .. }));
/// assert_eq!(
///     error.to_string(),
///     "the endpoint \"ftp://collector\" is no use: give one that starts with http:// or https://"
/// );
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExporterError {
    /// The address of the receiver cannot be used.
    #[error("the endpoint \"{endpoint}\" is no use: {fix}")]
    Endpoint {
        /// The address, without what may be secret in it.
        endpoint: String,
        /// What to do about it.
        fix: &'static str,
    },
    /// A header cannot be sent.
    #[error("the header \"{name}\" cannot be sent: {fix}")]
    Header {
        /// Its name, escaped.
        name: String,
        /// What to do about it.
        fix: &'static str,
    },
    /// The proxy cannot be used.
    #[error("the proxy of {key} cannot be used: {fix}")]
    Proxy {
        /// The environment variable that names it, or the builder's method.
        key: &'static str,
        /// What to do about it.
        fix: &'static str,
    },
    /// Certificates or keys cannot be used.
    #[error("the {what} cannot be used: {problem}")]
    Tls {
        /// Which of them.
        what: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A file cannot be read or written.
    #[error("the file {path:?} with the {what} cannot be opened: {error}")]
    File {
        /// What it is for.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system says.
        #[source]
        error: io::Error,
    },
    /// What the exporter works with could not be set up.
    #[error("the exporter could not be set up: {problem}")]
    Setup {
        /// What went wrong.
        problem: String,
    },
}
