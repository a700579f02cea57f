//! What the server saw.
//!
//! The report grows while the server runs; [`crate::Chaos::report`] copies it. Lists are bounded, counts are not.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use spanloom::{SpanId, TraceId};

/// How many requests are listed one by one.
const LISTED: usize = 20_000;
/// How many ids of spans are kept.
const IDS: usize = 2_000_000;

/// What the server saw.
///
/// ```
/// use spanloom_chaos::{Chaos, Scenario};
/// let report = Chaos::start(Scenario::new("nobody comes"))?.stop();
/// assert_eq!((report.requests_seen, report.spans.unique(), report.answered(200)), (0, 0, 0));
/// # Ok::<(), spanloom_chaos::StartError>(())
/// ```
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// The name of the scenario.
    pub scenario: String,
    /// Its seed.
    pub seed: u64,
    /// Connections that were accepted.
    pub connections: u64,
    /// Connections that were reset by a fault.
    pub resets: u64,
    /// How often the listener was closed.
    pub closings: u64,
    /// What was no HTTP request, or one that goes beyond the limits.
    pub bad_requests: u64,
    /// Connections that began with a TLS handshake. They are closed: the server speaks none.
    pub tls_hellos: u64,
    /// Bytes of all requests.
    pub bytes_in: u64,
    /// Bytes of all answers.
    pub bytes_out: u64,
    /// How many requests there were.
    pub requests_seen: u64,
    /// Requests whose body could not be read as OTLP.
    pub undecodable: u64,
    /// How often each status was answered.
    pub statuses: BTreeMap<u16, u64>,
    /// The spans that were stored.
    pub spans: StoredSpans,
    /// How many log records were stored.
    pub log_records: u64,
    /// The requests in the order of their numbers; only the first 20,000.
    pub requests: Vec<Request>,
}

/// One request.
#[derive(Debug, Clone, Serialize)]
pub struct Request {
    /// Its number, from 1.
    pub number: u64,
    /// The number of its connection, from 1.
    pub connection: u64,
    /// When its headers had come, since the start of the server.
    #[serde(serialize_with = "as_seconds")]
    pub at: Duration,
    /// Its method.
    pub method: String,
    /// Its path.
    pub path: String,
    /// Its headers, names in lower case. Written as JSON, the values of those that carry secrets are masked.
    #[serde(serialize_with = "masked")]
    pub headers: Vec<(String, String)>,
    /// Bytes of its body as they came.
    pub body_bytes: u64,
    /// Bytes of its body after unpacking.
    pub unpacked_bytes: u64,
    /// The fault that it met: the name of an action, or `loss`.
    pub action: &'static str,
    /// How many spans or log records it brought.
    pub items: u64,
    /// How many of them were stored.
    pub stored: u64,
    /// Why its body could not be read.
    pub problem: Option<String>,
    /// The status that was answered.
    pub status: Option<u16>,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It has not ended yet.
    Running,
    /// The whole answer was sent.
    Answered,
    /// The server reset the connection.
    Reset,
    /// The client went away before.
    ClientLeft,
    /// The server stopped before.
    Stopped,
}

/// The spans that were stored.
///
/// As JSON it has the three counts, and the first hundred ids that came more than once. The first two million ids are
/// kept; beyond them a span counts as a new one.
#[derive(Debug, Clone, Default)]
pub struct StoredSpans {
    stored: u64,
    duplicates: u64,
    times: HashMap<(TraceId, SpanId), u64>,
}

impl StoredSpans {
    /// How many were stored, repeated ones included.
    #[must_use]
    pub const fn stored(&self) -> u64 {
        self.stored
    }

    /// How many different ones there are.
    #[must_use]
    pub const fn unique(&self) -> u64 {
        self.stored - self.duplicates
    }

    /// How many were stored although they were there.
    #[must_use]
    pub const fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// How often this one was stored.
    #[must_use]
    pub fn times(&self, trace_id: TraceId, span_id: SpanId) -> u64 {
        self.times.get(&(trace_id, span_id)).copied().unwrap_or(0)
    }

    /// All ids, and how often each was stored.
    pub fn ids(&self) -> impl Iterator<Item = (TraceId, SpanId, u64)> + '_ {
        self.times.iter().map(|((trace_id, span_id), times)| (*trace_id, *span_id, *times))
    }

    pub(crate) fn add(&mut self, id: (TraceId, SpanId)) {
        self.stored += 1;
        if let Some(times) = self.times.get_mut(&id) {
            *times += 1;
            self.duplicates += 1;
        } else if self.times.len() < IDS {
            self.times.insert(id, 1);
        }
    }
}

impl Serialize for StoredSpans {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut repeated: Vec<String> = self
            .ids()
            .filter(|(.., times)| *times > 1)
            .map(|(trace_id, span_id, times)| format!("{trace_id}-{span_id} {times} times"))
            .collect();
        repeated.sort();
        repeated.truncate(100);
        let mut fields = serializer.serialize_struct("StoredSpans", 4)?;
        fields.serialize_field("stored", &self.stored)?;
        fields.serialize_field("unique", &self.unique())?;
        fields.serialize_field("duplicates", &self.duplicates())?;
        fields.serialize_field("repeated", &repeated)?;
        fields.end()
    }
}

impl Report {
    /// The times between the arrivals of neighbouring requests.
    #[must_use]
    pub fn gaps(&self) -> Vec<Duration> {
        let pairs = self.requests.iter().zip(self.requests.iter().skip(1));
        pairs.map(|(one, next)| next.at.saturating_sub(one.at)).collect()
    }

    /// How often this status was answered.
    #[must_use]
    pub fn answered(&self, status: u16) -> u64 {
        self.statuses.get(&status).copied().unwrap_or(0)
    }

    pub(crate) fn open_request(&mut self, request: Request) {
        self.requests_seen += 1;
        if self.requests.len() < LISTED {
            self.requests.push(request);
        }
    }

    pub(crate) fn change_request(&mut self, number: u64, change: impl FnOnce(&mut Request)) {
        let index = usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
        if let Some(request) = self.requests.get_mut(index) {
            change(request);
        }
    }
}

impl Request {
    /// The value of a header; the name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.0 == name).map(|header| header.1.as_str())
    }
}

fn as_seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

fn masked<S: Serializer>(headers: &[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
    const SECRET: [&str; 6] = ["authorization", "cookie", "key", "token", "secret", "password"];
    serializer.collect_seq(headers.iter().map(|(name, value)| {
        let secret = SECRET.iter().any(|part| name.contains(part));
        (name.as_str(), if secret { "***" } else { value.as_str() })
    }))
}
