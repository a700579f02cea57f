//! Metrics of a frontend, and how a request moves them.
//!
//! A request waits from its start until its first token, and is in flight until its end. The first response that has tokens
//! ends the wait and tells the time to the first token, however many tokens it has. Each one after it tells the time between tokens,
//! once for each of its tokens: the time since the response before, divided among them. A request failed unless somebody says
//! that it went well.

use std::sync::Arc;
use std::time::Duration;

use super::worker::whole;
use super::{Registry, Shared, since};
use crate::meter::name::frontend_prefix;
use crate::meter::registry::builtin::FRONTEND;
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
    tokenizer: Labelled<Histogram, 1>,
    migrated: Labelled<Counter, 2>,
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
        const MODEL: [&str; 1] = ["model"];
        let labels = ["model", "endpoint", "request_type", "status"];
        let all = All {
            requests: registry.built_in(FRONTEND, "requests_total", &look_up).labelled(labels)?,
            inflight: registry.built_in(FRONTEND, "inflight_requests", &look_up).labelled(MODEL)?,
            queued: registry.built_in(FRONTEND, "queued_requests", &look_up).labelled(MODEL)?,
            disconnected: registry.built_in(FRONTEND, "disconnected_clients", &look_up).build()?,
            duration: registry.built_in(FRONTEND, "request_duration_seconds", &look_up).labelled(MODEL)?,
            input: registry.built_in(FRONTEND, "input_sequence_tokens", &look_up).labelled(MODEL)?,
            cached: registry.built_in(FRONTEND, "cached_tokens", &look_up).labelled(MODEL)?,
            output: registry.built_in(FRONTEND, "output_sequence_tokens", &look_up).labelled(MODEL)?,
            output_total: registry.built_in(FRONTEND, "output_tokens_total", &look_up).labelled(MODEL)?,
            to_first: registry.built_in(FRONTEND, "time_to_first_token_seconds", &look_up).labelled(MODEL)?,
            between: registry.built_in(FRONTEND, "inter_token_latency_seconds", &look_up).labelled(MODEL)?,
            tokenizer: registry
                .built_in(FRONTEND, "tokenizer_latency_ms", &look_up)
                .labelled(["operation"])?,
            migrated: registry
                .built_in(FRONTEND, "model_migration_total", &look_up)
                .labelled(["model", "migration_type"])?,
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

    /// The tokenizer took so long for an operation: `tokenize` or `detokenize`.
    pub fn tokenizer_took(&self, operation: &str, time: Duration) {
        self.all.tokenizer.with([operation]).record(time.as_secs_f64() * 1000.0);
    }

    /// A request to a model moved to another worker: a `new_request`, or an `ongoing_request`.
    pub fn migrated(&self, model: &str, migration_type: &str) {
        self.all.migrated.with([model, migration_type]).add(1);
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
