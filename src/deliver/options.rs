//! How a destination is served.

use std::time::Duration;

/// Which spans make room when a queue is full.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Overflow {
    /// The new ones: what OpenTelemetry's processors do. The beginning of a trouble is often what explains it.
    #[default]
    DropNewest,
    /// The ones that have waited longest.
    DropOldest,
}

/// How a [`Destination`](super::Destination) is served.
///
/// | option | default | OpenTelemetry's variable |
/// |---|---|---|
/// | `batch_spans` | 512 | `OTEL_BSP_MAX_EXPORT_BATCH_SIZE` |
/// | `linger` | 5 s | `OTEL_BSP_SCHEDULE_DELAY` |
/// | `queue_spans` | 65,536 | `OTEL_BSP_MAX_QUEUE_SIZE` (2048 there) |
/// | `timeout` | 10 s | the smaller of `OTEL_EXPORTER_OTLP_TIMEOUT` and `OTEL_BSP_EXPORT_TIMEOUT` |
///
/// Numbers that make no sense are put right when the destination is made: a batch has at least one span and no
/// more than the queue, a request at least a millisecond.
///
/// ```
/// use spanloom::deliver::{Destination, Options};
/// let options = Options { batch_spans: 100, ..Options::default() };
/// let destination = Destination::new(&options);
/// assert_eq!(destination.room().spans, 65_536);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// A request has no more spans than this.
    pub batch_spans: u64,
    /// A request should have no more bytes of OTLP than this; a single larger span goes alone. The default is 3 MiB: many
    /// gRPC servers take 4 MiB, and attributes in another wording, or a large resource, add some.
    pub batch_bytes: u64,
    /// No request may have more bytes of OTLP than this: a span that has is dropped. The default is OTLP's own: 64 MiB.
    pub request_bytes: u64,
    /// How long a span waits for others to fill its batch.
    pub linger: Duration,
    /// How many spans may wait. Only spans that have ended count. The default is larger than OpenTelemetry's, for 2048
    /// spans are gone in the first second of many an outage; what bounds the memory is [`Self::queue_bytes`].
    pub queue_spans: u64,
    /// How many bytes of records may wait: 32 MiB. What is on its way comes on top: one batch for every request.
    pub queue_bytes: u64,
    /// Which spans make room when the queue is full.
    pub overflow: Overflow,
    /// How many requests may be on their way at once, while all is well. After a failure it is one.
    pub in_flight: usize,
    /// How long one request may take.
    pub timeout: Duration,
    /// The first pause after a failure is random, up to this long; each further one up to twice as long.
    pub retry_first: Duration,
    /// No pause of our own is longer than this.
    pub retry_longest: Duration,
    /// A batch that has been tried for so long is given up: the time of its requests and of the pauses after them.
    /// [`Duration::MAX`] never gives up, as is wanted where a spool holds what waits.
    pub retry_for: Duration,
    /// A server that asks for a longer pause than this gets this one.
    pub asked_longest: Duration,
    /// A batch that was refused may have one span that is at fault. With this set it is halved until that one is
    /// found, within about `2 * log2(spans)` requests; what is still refused then is dropped. OTLP says nothing of it.
    pub bisect_refused: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            batch_spans: 512,
            batch_bytes: 3 << 20,
            request_bytes: 64 << 20,
            linger: Duration::from_secs(5),
            queue_spans: 65_536,
            queue_bytes: 32 << 20,
            overflow: Overflow::DropNewest,
            in_flight: 1,
            timeout: Duration::from_secs(10),
            retry_first: Duration::from_secs(1),
            retry_longest: Duration::from_secs(30),
            retry_for: Duration::from_secs(300),
            asked_longest: Duration::from_secs(600),
            bisect_refused: false,
        }
    }
}

impl Options {
    /// The same with numbers that make sense together.
    pub(super) fn in_order(&self) -> Self {
        let request_bytes = self.request_bytes.clamp(1, 64 << 20);
        Self {
            batch_spans: self.batch_spans.min(self.queue_spans).max(1),
            batch_bytes: self.batch_bytes.clamp(1, request_bytes),
            request_bytes,
            in_flight: self.in_flight.max(1),
            timeout: self.timeout.max(Duration::from_millis(1)),
            retry_longest: self.retry_longest.max(self.retry_first),
            ..self.clone()
        }
    }
}

/// Nanoseconds; more than fit are the most that do.
pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
