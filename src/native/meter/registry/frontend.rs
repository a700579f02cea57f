//! Metrics of a frontend, and how a request moves them.
//!
//! A request waits from its start until its first token, and is in flight until its end. The first response that has tokens
//! ends the wait and tells the time to the first token, however many tokens it has. Each one after it tells the time between tokens,
//! once for each of its tokens: the time since the response before, divided among them. A request failed unless somebody says
//! that it went well.

use std::sync::Arc;

use super::worker::whole;
use super::{Registered, Registry, RegistryMetric, Shared, since};
use crate::meter::name::frontend_prefix;
use crate::meter::registry::builtin::{FRONTEND, find};
use crate::meter::registry::{RegistryError, RegistryOptions};
use crate::native::meter::{Counter, Gauge, Histogram, Labelled, Meter};

/// The metrics of a frontend's requests, under the names that Dynamo's have. Clones are the same.
///
/// ```
/// use spanloom::native::meter::FrontendMetrics;
/// let loom = spanloom::Loom::builder().build();
/// let (registry, metrics) = FrontendMetrics::of(loom.meter(), |variable| std::env::var(variable).ok())?;
/// let mut request = metrics.request("Llama", "chat_completions", "stream");
/// request.input(812, 256);
/// request.responded(1); // time to the first token
/// request.responded(2); // time between tokens, twice
/// request.succeed();
/// drop(request);
/// assert!(registry.scrape()?.contains("\ndynamo_frontend_output_tokens_total{model=\"Llama\"} 3\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct FrontendMetrics {
    all: Arc<All>,
}

#[derive(Debug)]
struct All {
    requests: Labelled<Counter, 4>,
    inflight: Labelled<Gauge<i64>, 1>,
    queued: Labelled<Gauge<i64>, 1>,
    disconnected: Gauge<i64>,
    duration: Labelled<Histogram, 1>,
    input: Labelled<Histogram, 1>,
    cached: Labelled<Histogram, 1>,
    output: Labelled<Histogram, 1>,
    output_total: Labelled<Counter, 1>,
    to_first: Labelled<Histogram, 1>,
    between: Labelled<Histogram, 1>,
    shared: Arc<Shared>,
}

impl FrontendMetrics {
    /// Makes them in a tree of their own, whose prefix is what `DYN_METRICS_PREFIX` says or `dynamo_frontend`. Variables also
    /// change the ranges of buckets.
    ///
    /// # Errors
    /// Never, as long as the tables are right.
    pub fn of(
        meter: &Meter,
        look_up: impl Fn(&str) -> Option<String>,
    ) -> Result<(Registry, Self), RegistryError> {
        let prefix = frontend_prefix(look_up("DYN_METRICS_PREFIX").as_deref());
        let registry = Registry::of(meter, RegistryOptions { prefix, ..RegistryOptions::default() });
        let metrics = Self::new(&registry, look_up)?;
        Ok((registry, metrics))
    }

    /// Makes them in this registry.
    ///
    /// # Errors
    /// When it has one of them already.
    pub fn new(registry: &Registry, look_up: impl Fn(&str) -> Option<String>) -> Result<Self, RegistryError> {
        fn metric<'a, H: Registered>(
            registry: &'a Registry,
            look_up: impl Fn(&str) -> Option<String>,
            name: &str,
        ) -> RegistryMetric<'a, H> {
            RegistryMetric::built_in(registry, find(FRONTEND, name), look_up)
        }
        const MODEL: [&str; 1] = ["model"];
        let labels = ["model", "endpoint", "request_type", "status"];
        let all = All {
            requests: metric(registry, &look_up, "requests_total").labelled(labels)?,
            inflight: metric(registry, &look_up, "inflight_requests").labelled(MODEL)?,
            queued: metric(registry, &look_up, "queued_requests").labelled(MODEL)?,
            disconnected: metric(registry, &look_up, "disconnected_clients").build()?,
            duration: metric(registry, &look_up, "request_duration_seconds").labelled(MODEL)?,
            input: metric(registry, &look_up, "input_sequence_tokens").labelled(MODEL)?,
            cached: metric(registry, &look_up, "cached_tokens").labelled(MODEL)?,
            output: metric(registry, &look_up, "output_sequence_tokens").labelled(MODEL)?,
            output_total: metric(registry, &look_up, "output_tokens_total").labelled(MODEL)?,
            to_first: metric(registry, &look_up, "time_to_first_token_seconds").labelled(MODEL)?,
            between: metric(registry, &look_up, "inter_token_latency_seconds").labelled(MODEL)?,
            shared: Arc::clone(&registry.shared),
        };
        Ok(Self { all: Arc::new(all) })
    }

    /// A request to a model begins, at one of
    /// [`FRONTEND_ENDPOINTS`](crate::meter::registry::builtin::FRONTEND_ENDPOINTS); `request_type` is `unary` or `stream`. It is
    /// in flight until what is given back is dropped.
    #[must_use = "the request ends when this is dropped"]
    pub fn request(&self, model: &str, endpoint: &str, request_type: &str) -> FrontendRequest {
        let gauges_model = model.to_lowercase();
        let all = &self.all;
        let (inflight, queued) =
            (all.inflight.with([&gauges_model]).clone(), all.queued.with([&gauges_model]).clone());
        inflight.add(1);
        queued.add(1);
        FrontendRequest {
            model: model.into(),
            endpoint: endpoint.into(),
            request_type: request_type.into(),
            inflight,
            queued: Some(queued),
            to_first: all.to_first.with([model]).clone(),
            between: all.between.with([model]).clone(),
            output_total: all.output_total.with([model]).clone(),
            tokens: 0,
            began_unix_nano: all.shared.time.unix_nanos(),
            responded_unix_nano: 0,
            is_ok: false,
            all: Arc::clone(all),
        }
    }

    /// A client went away before its answer was complete.
    pub fn client_went_away(&self) {
        self.all.disconnected.add(1);
    }
}

/// A request at a frontend. It ends when this is dropped.
#[derive(Debug)]
pub struct FrontendRequest {
    all: Arc<All>,
    model: Box<str>,
    endpoint: Box<str>,
    request_type: Box<str>,
    inflight: Gauge<i64>,
    /// Until the first token.
    queued: Option<Gauge<i64>>,
    to_first: Histogram,
    between: Histogram,
    output_total: Counter,
    tokens: u64,
    began_unix_nano: u64,
    responded_unix_nano: u64,
    is_ok: bool,
}

impl FrontendRequest {
    /// So many tokens went in, so many of them were in a cache.
    pub fn input(&self, tokens: u64, cached: u64) {
        self.all.input.with([&self.model]).record(double(tokens));
        self.all.cached.with([&self.model]).record(double(cached));
    }

    /// A response with so many new tokens; one without changes nothing.
    pub fn responded(&mut self, tokens: u32) {
        if tokens == 0 {
            return;
        }
        self.tokens += u64::from(tokens);
        self.output_total.add(i64::from(tokens));
        let shared = &self.all.shared;
        if let Some(queued) = self.queued.take() {
            queued.add(-1);
            self.to_first.record(since(shared, self.began_unix_nano));
        } else {
            let each = since(shared, self.responded_unix_nano) / f64::from(tokens);
            (0..tokens).for_each(|_| self.between.record(each));
        }
        self.responded_unix_nano = shared.time.unix_nanos();
    }

    /// It went well. Without this it counts as failed.
    pub const fn succeed(&mut self) {
        self.is_ok = true;
    }
}

impl Drop for FrontendRequest {
    fn drop(&mut self) {
        if let Some(queued) = self.queued.take() {
            queued.add(-1);
        }
        self.inflight.add(-1);
        let status = if self.is_ok { "success" } else { "error" };
        self.all.requests.with([&self.model, &self.endpoint, &self.request_type, status]).add(1);
        self.all.duration.with([&self.model]).record(since(&self.all.shared, self.began_unix_nano));
        self.all.output.with([&self.model]).record(double(self.tokens));
    }
}

/// The number as histograms have it.
fn double(number: u64) -> f64 {
    crate::meter::Number::Int(whole(number)).as_f64()
}
