//! Metrics of an endpoint that does work.

use std::sync::Arc;

use super::{Registry, Shared, since};
use crate::meter::registry::RegistryError;
use crate::meter::registry::builtin::COMPONENT;
use crate::native::meter::{Counter, Gauge, Histogram, Labelled};

/// The metrics of an endpoint that does work, under the names that Dynamo's have.
///
/// ```
/// use spanloom::native::meter::{Registry, WorkerMetrics};
/// let runtime = Registry::new();
/// let endpoint = runtime.namespace("prod")?.component("router")?.endpoint("generate")?;
/// let metrics = WorkerMetrics::new(&endpoint)?;
/// {
///     let request = metrics.request(812);
///     request.responded(64);
///     assert_eq!(metrics.inflight.last(), Some(1));
/// } // Here it ends, and its time is counted.
/// metrics.errors.with(["generate"]).add(1);
/// assert_eq!(metrics.requests.total(), 1);
/// # Ok::<(), spanloom::meter::registry::RegistryError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct WorkerMetrics {
    /// Requests that were taken on.
    pub requests: Counter,
    /// Their bytes.
    pub request_bytes: Counter,
    /// Bytes of responses.
    pub response_bytes: Counter,
    /// Requests that are being worked on.
    pub inflight: Gauge<i64>,
    /// Seconds of a request.
    pub duration: Histogram,
    /// What failed, by [`ERROR_TYPES`](crate::meter::registry::builtin::ERROR_TYPES).
    pub errors: Labelled<Counter, 1>,
    shared: Arc<Shared>,
}

impl WorkerMetrics {
    /// Makes them in the registry of an endpoint.
    ///
    /// # Errors
    /// When it has one of them already.
    pub fn new(endpoint: &Registry) -> Result<Self, RegistryError> {
        Ok(Self {
            requests: endpoint.built_in(COMPONENT, "requests_total", |_| None).build()?,
            request_bytes: endpoint.built_in(COMPONENT, "request_bytes_total", |_| None).build()?,
            response_bytes: endpoint.built_in(COMPONENT, "response_bytes_total", |_| None).build()?,
            inflight: endpoint.built_in(COMPONENT, "inflight_requests", |_| None).build()?,
            duration: endpoint.built_in(COMPONENT, "request_duration_seconds", |_| None).build()?,
            errors: endpoint.built_in(COMPONENT, "errors_total", |_| None).labelled(["error_type"])?,
            shared: Arc::clone(&endpoint.shared),
        })
    }

    /// A request of so many bytes begins. It is in flight until what is given back is dropped.
    #[must_use = "the request ends when this is dropped"]
    pub fn request(&self, bytes: u64) -> WorkerRequest {
        self.requests.add(1);
        self.request_bytes.add(whole(bytes));
        self.inflight.add(1);
        WorkerRequest {
            response_bytes: self.response_bytes.clone(),
            inflight: self.inflight.clone(),
            duration: self.duration.clone(),
            began_unix_nano: self.shared.time.unix_nanos(),
            shared: Arc::clone(&self.shared),
        }
    }
}

/// A request that is being worked on. It ends when this is dropped.
#[derive(Debug)]
pub struct WorkerRequest {
    response_bytes: Counter,
    inflight: Gauge<i64>,
    duration: Histogram,
    began_unix_nano: u64,
    shared: Arc<Shared>,
}

impl WorkerRequest {
    /// So many bytes went out.
    pub fn responded(&self, bytes: u64) {
        self.response_bytes.add(whole(bytes));
    }
}

impl Drop for WorkerRequest {
    fn drop(&mut self) {
        self.inflight.add(-1);
        self.duration.record(since(&self.shared, self.began_unix_nano));
    }
}

/// The number as counters have it; what is beyond stays at the end of their range.
pub(super) fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
