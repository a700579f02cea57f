//! Log lines with trace ids: each `tracing` event as one line of JSON, in the form that NVIDIA Dynamo writes.
//!
//! [`json_layer`] makes a layer for a `tracing-subscriber` registry. A line has `time`, `level`, `file`, `line`, `target` and
//! `message`, then everything else sorted by name: the event's fields, the fields of the innermost span as texts, and that
//! span's `span_name`, `span_id`, `trace_id`, `parent_id`, `tracestate`, `x_request_id` and `x_dynamo_request_id`. With
//! [`Options::span_events`] a span also writes `SPAN_FIRST_ENTRY` and `SPAN_CLOSED`, with its busy and idle time.
//!
//! ```
//! use std::sync::{Arc, Mutex};
//! use spanloom::logs::{Options, json_layer};
//! use tracing_subscriber::layer::SubscriberExt;
//! # #[derive(Clone, Default)]
//! # struct Lines(Arc<Mutex<Vec<u8>>>);
//! # impl std::io::Write for Lines {
//! #     fn write(&mut self, line: &[u8]) -> std::io::Result<usize> { self.0.lock().unwrap().write(line) }
//! #     fn flush(&mut self) -> std::io::Result<()> { Ok(()) }
//! # }
//! # let lines = Lines::default();
//! let loom = spanloom::Loom::builder().build();
//! let subscriber = tracing_subscriber::registry()
//!     .with(spanloom::tracing::layer(&loom))
//!     .with(json_layer(Options::new().service("shop").writer(lines.clone())));
//! tracing::subscriber::with_default(subscriber, || {
//!     let _order = tracing::info_span!("order", x_request_id = "r-1").entered();
//!     tracing::info!(cents = 1250, "paid");
//! });
//! # let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
//! # let text = text.lines().last().unwrap();
//! // {"time":"2026-01-01T12:00:00.000000Z","level":"INFO",...,"message":"paid","cents":1250,"span_id":"...",...}
//! assert!(text.contains(r#""message":"paid","cents":1250,"span_id":""#));
//! assert!(text.ends_with(r#""x_request_id":"r-1"}"#));
//! ```
//!
//! # Ids
//!
//! Span fields `trace_id`, `span_id` and `parent_id` win where they are hex digits of the right number. What is missing comes
//! from the span that is entered around; else from what [`tracing::layer`](crate::tracing::layer()) records, so that a line
//! leads to its span; else, where nothing records, it is made up, so that lines of one request still belong together. A span
//! has its ids from its first entry on.
//!
//! [`TraceParent`] reads the ids of a request for these fields, [`inject`] writes those of the entered span into a request
//! that goes out.

mod filter;
mod identity;
mod layer;
mod line;
mod span_fields;
mod time;
mod trace_parent;
mod writer;

pub use filter::{Filter, Refused};
pub use identity::inject;
pub use layer::JsonLayer;
pub use time::duration_micros;
pub use trace_parent::TraceParent;

use std::io;
use std::sync::Arc;

use tracing_subscriber::Layer;
use tracing_subscriber::filter::{Filtered, Targets};
use tracing_subscriber::registry::LookupSpan;

use crate::config::{Config, Exporting, LogFilters};
use crate::host::Clock;
use crate::native::clock::TimeSource;
use crate::native::stderr::Stderr;

/// What log lines look like and where they go.
///
/// ```
/// use spanloom::logs::Options;
/// // As Dynamo reads its environment; parts of DYN_LOG that cannot be understood are told to standard error.
/// let options = Options::from_lookup(|name| std::env::var(name).ok());
/// let in_tests = Options::new().span_events(true).writer(std::io::sink());
/// ```
#[must_use]
pub struct Options {
    writer: Box<dyn io::Write + Send>,
    filter: Targets,
    span_events: bool,
    service: String,
    endpoint: Option<String>,
    utc_offset_minutes: i32,
    time: TimeSource,
}

impl Options {
    /// Lines to standard error, level `info`, without span events.
    pub fn new() -> Self {
        Self {
            writer: Box::new(Stderr),
            filter: Filter::default().targets(),
            span_events: false,
            service: "dynamo".to_owned(),
            endpoint: None,
            utc_offset_minutes: 0,
            time: TimeSource::default(),
        }
    }

    /// As the environment says: `DYN_LOG`, `DYN_LOGGING_SPAN_EVENTS`, `OTEL_EXPORT_ENABLED`,
    /// `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, `OTEL_SERVICE_NAME`. `lookup` gives the value of a variable. Files are not read:
    /// for `DYN_LOGGING_CONFIG_PATH` take [`Config::from_env`] and [`Self::from_config`].
    ///
    /// ```
    /// use spanloom::logs::Options;
    /// let options = Options::from_lookup(|name| (name == "DYN_LOG").then(|| "warn,app=debug".to_owned()));
    /// ```
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let is_on = |name: &str| lookup(name).is_some_and(|value| is_truthy(&value));
        let options = Self::new().filter_text(&lookup("DYN_LOG").unwrap_or_default(), &LogFilters::default());
        let mut options = options.span_events(is_on("DYN_LOGGING_SPAN_EVENTS"));
        if let Some(name) = lookup("OTEL_SERVICE_NAME") {
            options = options.service(name);
        }
        if is_on("OTEL_EXPORT_ENABLED") {
            let endpoint = lookup("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
            options = options.exports_to(endpoint.unwrap_or_else(|| "http://localhost:4317".to_owned()));
        }
        options
    }

    /// As a configuration says: its `json_logs`, its service, and the first receiver of its traces. The offset of local time is
    /// left to the program.
    ///
    /// ```
    /// use spanloom::config::Config;
    /// use spanloom::logs::Options;
    /// let mut config = Config::default().service("shop");
    /// config.json_logs.filter = "warn,app=debug".to_owned();
    /// let options = Options::from_config(&config);
    /// ```
    pub fn from_config(config: &Config) -> Self {
        let logs = &config.json_logs;
        let mut options =
            Self::new().filter_text(&logs.filter, &logs.file_filters).span_events(logs.span_events);
        if let Some(name) = &config.service_name {
            options = options.service(name);
        }
        let endpoint = config.exporters.iter().find_map(|exporting| match exporting {
            Exporting::Otlp(otlp) => Some(otlp.endpoint.to_string()),
            _ => None,
        });
        match endpoint.filter(|_| config.export) {
            Some(endpoint) => options.exports_to(endpoint),
            None => options,
        }
    }

    /// What cannot be understood is told to standard error: the lines of the log are for machines, this one is for who wrote
    /// the filter.
    fn filter_text(self, text: &str, files: &LogFilters) -> Self {
        let (filter, mut refused) = Filter::parse(text);
        let filter = filter.files(files, &mut refused);
        for refused in refused {
            let _ = io::Write::write_all(&mut Stderr, format!("{refused}\n").as_bytes());
        }
        self.filter(&filter)
    }

    /// Where lines go; each is written whole, by one call. In a process that was forked while another thread was writing, lines
    /// go to standard error: that thread is not there, and the writer would be waited for in vain.
    pub fn writer(mut self, writer: impl io::Write + Send + 'static) -> Self {
        self.writer = Box::new(writer);
        self
    }

    /// Which spans and events there are for the log.
    pub fn filter(mut self, filter: &Filter) -> Self {
        self.filter = filter.targets();
        self
    }

    /// Writes a line when a span is entered for the first time, and one when it is closed.
    pub const fn span_events(mut self, on: bool) -> Self {
        self.span_events = on;
        self
    }

    /// The service that the first line names; by default `dynamo`.
    pub fn service(mut self, name: impl Into<String>) -> Self {
        self.service = name.into();
        self
    }

    /// The first line tells that traces are exported, and where to. Otherwise it tells that they are local only.
    pub fn exports_to(mut self, endpoint: impl Into<String>) -> Self {
        self.endpoint = Some(endpoint.into());
        self
    }

    /// Writes local times, so many minutes ahead of UTC.
    pub const fn utc_offset_minutes(mut self, minutes: i32) -> Self {
        self.utc_offset_minutes = minutes;
        self
    }

    /// Takes the time from this clock instead of the system's.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.time = TimeSource::Given(Arc::new(clock));
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("filter", &self.filter)
            .field("span_events", &self.span_events)
            .finish()
    }
}

/// What Dynamo takes for "yes".
fn is_truthy(value: &str) -> bool {
    ["1", "true", "on", "yes"].iter().any(|yes| yes.eq_ignore_ascii_case(value))
}

/// A layer that writes log lines, behind its own filter: see the [module](self). The first line tells whether traces are
/// exported, and is written at once.
///
/// ```
/// use spanloom::logs::{Options, json_layer};
/// use tracing_subscriber::layer::SubscriberExt;
/// let subscriber = tracing_subscriber::registry().with(json_layer(Options::new().writer(std::io::sink())));
/// tracing::subscriber::with_default(subscriber, || tracing::info!("hello"));
/// ```
#[must_use]
pub fn json_layer<S>(options: Options) -> Filtered<JsonLayer, Targets, S>
where
    S: tracing_core::Subscriber + for<'a> LookupSpan<'a>,
{
    let filter = options.filter.clone();
    JsonLayer::new(options).with_filter(filter)
}
