//! What a configuration says: plain data.

use core::time::Duration;
use std::collections::BTreeMap;

use super::exporter::{Exporting, OtlpExporting, Signal};
use super::health::Health;
use super::log_filters::LogFilters;
use crate::deliver::Options;
use crate::otlp::convention::Wording;
use crate::record::Limits;
use crate::redact::{OpenInferenceHide, RedactRules};
use crate::sample::Sampler;
use crate::value::Value;

/// Everything that can be set from outside of a program. Plain data: what the program itself wants, it sets after reading.
///
/// ```
/// use spanloom::Config;
/// use spanloom::sample::Sampler;
///
/// let environment = |name: &str| match name {
///     "OTEL_SERVICE_NAME" => Some("planner".to_owned()),
///     "OTEL_EXPORTER_OTLP_ENDPOINT" => Some("http://collector:4318".to_owned()),
///     "OTEL_EXPORTER_OTLP_HEADERS" => Some("authorization=Bearer%20abc".to_owned()),
///     _ => None,
/// };
/// let (config, warnings) = Config::from_lookup(environment)?;
/// assert!(warnings.is_empty());
/// let config = config.sampler(Sampler::ALWAYS_ON);
///
/// let printed = config.to_string();
/// assert!(printed.contains("service.name = \"planner\"  # OTEL_SERVICE_NAME"));
/// assert!(printed.contains("exporters[0].endpoint = http://collector:4318/v1/traces"));
/// assert!(printed.contains("exporters[0].headers = authorization=***"));
/// assert!(printed.contains("sampler.type = AlwaysOnSampler  # code"));
/// # Ok::<(), spanloom::config::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// False: nothing is recorded. Contexts are passed on all the same.
    pub enabled: bool,
    /// False: nothing leaves over OTLP; ids and logs are made all the same.
    pub export: bool,
    /// The resource attribute `service.name`.
    pub service_name: Option<String>,
    /// The name of the tracer, astron's `SERVICE_NAME`: the scope of spans.
    pub tracer_name: Option<String>,
    /// Attributes of the resource but `service.name`.
    pub resource: Vec<(String, Value)>,
    /// How much of itself the SDK tells.
    pub log_level: LogLevel,
    /// What travels with requests.
    pub propagators: Vec<Propagator>,
    /// Decides when a trace starts.
    pub sampler: Sampler,
    /// How much one span may hold.
    pub limits: Limits,
    /// How records are gathered and sent.
    pub batch: Batch,
    /// Where spans go.
    pub exporters: Vec<Exporting>,
    /// In which words spans leave.
    pub wording: Wording,
    /// What is taken out of spans.
    pub redaction: Redaction,
    /// Where records are written down before they are sent.
    pub spool: Spool,
    /// Records are written also when spans start, so that a viewer can show what is running.
    pub live_view: bool,
    /// Peers are told that trace ids are random.
    pub random_flag: bool,
    /// JSON lines with trace context.
    pub json_logs: JsonLogs,
    /// What is told of the program's health.
    pub health: Health,
    /// Metrics.
    pub metrics: Metrics,
    /// Where log records go.
    pub log_exporters: Vec<Exporting>,
    /// Where settings came from, by key; those that are not here have their defaults.
    pub origins: BTreeMap<String, Origin>,
}

/// Where a setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// This variable.
    Variable(String),
    /// This line of the file.
    Line(usize),
    /// The program.
    Code,
}

/// How much the SDK tells of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum LogLevel {
    /// Nothing.
    None,
    /// What failed.
    Error,
    /// Also what may be wrong.
    Warn,
    /// Also what happens now and then.
    #[default]
    Info,
    /// Also what helps to find faults.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    pub(super) const ALL: [Self; 6] =
        [Self::None, Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    /// Its name in variables and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// Something that travels with requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Propagator {
    /// W3C Trace Context.
    TraceContext,
    /// W3C Baggage.
    Baggage,
}

impl Propagator {
    pub(super) const ALL: [Self; 2] = [Self::TraceContext, Self::Baggage];

    /// Its name in variables and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TraceContext => "tracecontext",
            Self::Baggage => "baggage",
        }
    }
}

/// How records are gathered and sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// How long a batch that is not full waits.
    pub schedule_delay: Duration,
    /// How long one request may take, beside the exporter's own limit: the smaller counts. `None` for ever.
    pub export_timeout: Option<Duration>,
    /// How many spans wait at most; `None` for what delivery has by default.
    pub max_queue_size: Option<u64>,
    /// How many spans go into one request.
    pub max_export_batch_size: u64,
}

impl Default for Batch {
    fn default() -> Self {
        Self {
            schedule_delay: Duration::from_secs(5),
            export_timeout: Some(Duration::from_secs(30)),
            max_queue_size: None,
            max_export_batch_size: 512,
        }
    }
}

/// What is taken out of spans before they go anywhere.
///
/// ```
/// use spanloom::config::Redaction;
/// use spanloom::redact::Hide;
/// let mut redaction = Redaction::default();
/// assert!(redaction.rules().is_none());
/// redaction.hide = redaction.hide.set(Hide::Inputs, true);
/// assert!(redaction.rules().is_some());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Redaction {
    /// Secrets by their look and by the names of their keys.
    pub enabled: bool,
    /// OpenInference's switches.
    pub hide: OpenInferenceHide,
}

impl Redaction {
    /// The rules to make a redactor of; `None` where nothing is to be taken out.
    #[must_use]
    pub fn rules(&self) -> Option<RedactRules> {
        let hides = self.hide != OpenInferenceHide::default();
        match (self.enabled, hides) {
            (false, false) => None,
            (true, false) => Some(RedactRules::new()),
            (true, true) => Some(RedactRules::new().openinference(self.hide.clone())),
            (false, true) => Some(RedactRules::none().openinference(self.hide.clone())),
        }
    }
}

/// Where records are written down before they are sent, so that they survive a crash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spool {
    /// A folder; `None` for no spool.
    pub path: Option<String>,
    /// The most that it may hold, in bytes.
    pub size: u64,
    /// Records are on the disk before a hand-over returns.
    pub durable: bool,
}

impl Default for Spool {
    fn default() -> Self {
        Self { path: None, size: 256 << 20, durable: false }
    }
}

/// JSON lines with trace context, as Dynamo writes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonLogs {
    /// JSON instead of text.
    pub enabled: bool,
    /// `level,target=level,...`; `info` where it gives no level and no file does.
    pub filter: String,
    /// A TOML file with further filters.
    pub filter_file: Option<String>,
    /// What that file says, where it was read: `Config::from_env` does.
    pub file_filters: LogFilters,
    /// Also a line when a span is entered first, and one when it closes.
    pub span_events: bool,
    /// Local time with its offset instead of UTC.
    pub local_time: bool,
    /// Colours in text.
    pub ansi: bool,
}

impl Default for JsonLogs {
    fn default() -> Self {
        Self {
            enabled: false,
            filter: String::new(),
            filter_file: None,
            file_filters: LogFilters::default(),
            span_events: false,
            local_time: false,
            ansi: true,
        }
    }
}

/// Metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metrics {
    /// Where they go.
    pub exporters: Vec<Exporting>,
    /// How often they are read and sent.
    pub interval: Duration,
    /// How long that may take; `None` for ever.
    pub timeout: Option<Duration>,
    /// Which measurements become exemplars.
    pub exemplars: ExemplarFilter,
    /// Since when points count.
    pub temporality: Temporality,
    /// How histograms are kept.
    pub histogram: HistogramAggregation,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            exporters: vec![default_exporter(Signal::Metrics)],
            interval: Duration::from_secs(60),
            timeout: Some(Duration::from_secs(30)),
            exemplars: ExemplarFilter::default(),
            temporality: Temporality::default(),
            histogram: HistogramAggregation::default(),
        }
    }
}

/// Which measurements become exemplars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ExemplarFilter {
    /// Those within a sampled span.
    #[default]
    TraceBased,
    /// All.
    AlwaysOn,
    /// None.
    AlwaysOff,
}

impl ExemplarFilter {
    pub(super) const ALL: [Self; 3] = [Self::TraceBased, Self::AlwaysOn, Self::AlwaysOff];

    /// Its name in variables and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TraceBased => "trace_based",
            Self::AlwaysOn => "always_on",
            Self::AlwaysOff => "always_off",
        }
    }
}

/// Since when the points of a metric count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Temporality {
    /// Since the program started.
    #[default]
    Cumulative,
    /// Since the last time, but for what goes up and down.
    Delta,
    /// Since the last time where that saves memory.
    LowMemory,
}

impl Temporality {
    pub(super) const ALL: [Self; 3] = [Self::Cumulative, Self::Delta, Self::LowMemory];

    /// Its name in variables and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cumulative => "cumulative",
            Self::Delta => "delta",
            Self::LowMemory => "lowmemory",
        }
    }
}

/// How histograms are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum HistogramAggregation {
    /// In buckets with given bounds.
    #[default]
    Explicit,
    /// In buckets that grow by powers.
    Exponential,
}

impl HistogramAggregation {
    pub(super) const ALL: [Self; 2] = [Self::Explicit, Self::Exponential];

    /// Its name in variables and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Explicit => "explicit_bucket_histogram",
            Self::Exponential => "base2_exponential_bucket_histogram",
        }
    }
}

/// Where a signal goes when nothing was said: a collector on this machine.
pub(super) fn default_exporter(signal: Signal) -> Exporting {
    Exporting::Otlp(OtlpExporting::new(super::endpoint::local(signal.path())))
}

impl Default for Config {
    /// What an empty environment gives: OpenTelemetry's defaults where it has one.
    fn default() -> Self {
        Self {
            enabled: true,
            export: true,
            service_name: None,
            tracer_name: None,
            resource: Vec::new(),
            log_level: LogLevel::default(),
            propagators: Propagator::ALL.to_vec(),
            sampler: Sampler::default(),
            limits: Limits::default(),
            batch: Batch::default(),
            exporters: vec![default_exporter(Signal::Traces)],
            wording: Wording::default(),
            redaction: Redaction::default(),
            spool: Spool::default(),
            live_view: false,
            random_flag: false,
            json_logs: JsonLogs::default(),
            health: Health::default(),
            metrics: Metrics::default(),
            log_exporters: vec![default_exporter(Signal::Logs)],
            origins: BTreeMap::new(),
        }
    }
}

impl Config {
    /// The name of the service, over what was read.
    #[must_use]
    pub fn service(mut self, name: impl Into<String>) -> Self {
        self.service_name = Some(name.into());
        self.by_code("service.name")
    }

    /// An attribute of the resource, over what was read.
    #[must_use]
    pub fn resource(mut self, key: &str, value: impl Into<Value>) -> Self {
        put_attribute(&mut self, key, value.into());
        self.by_code("resource")
    }

    /// The sampler, over what was read.
    #[must_use]
    pub fn sampler(mut self, sampler: Sampler) -> Self {
        self.sampler = sampler;
        self.by_code("sampler.type")
    }

    /// The limits of a span, over what was read.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        let keys: Vec<String> = super::settings::SETTINGS
            .iter()
            .filter(|setting| setting.key.starts_with("limits."))
            .map(|setting| setting.key.into())
            .collect();
        self.origins.extend(keys.into_iter().map(|key| (key, Origin::Code)));
        self
    }

    /// Where spans go, over what was read.
    #[must_use]
    pub fn exporters(mut self, exporters: Vec<Exporting>) -> Self {
        self.exporters = exporters;
        self.origins.retain(|key, _| !key.starts_with("exporters"));
        self.by_code("exporters")
    }

    /// A folder for records that have not been delivered, over what was read.
    #[must_use]
    pub fn spool(mut self, path: impl Into<String>) -> Self {
        self.spool.path = Some(path.into());
        self.by_code("spool.path")
    }

    /// Switches everything off, over what was read.
    #[must_use]
    pub fn disabled(mut self, off: bool) -> Self {
        self.enabled = !off;
        self.by_code("enabled")
    }

    fn by_code(mut self, key: &str) -> Self {
        self.origins.insert(key.into(), Origin::Code);
        self
    }

    /// Where this signal goes.
    ///
    /// ```
    /// use spanloom::Config;
    /// use spanloom::config::Signal;
    /// assert_eq!(Config::default().exporters_of(Signal::Logs).len(), 1);
    /// ```
    #[must_use]
    pub fn exporters_of(&self, signal: Signal) -> &[Exporting] {
        match signal {
            Signal::Traces => &self.exporters,
            Signal::Metrics => &self.metrics.exporters,
            Signal::Logs => &self.log_exporters,
        }
    }

    /// How an exporter's destination is to be served.
    ///
    /// ```
    /// use spanloom::Config;
    /// let environment = |name: &str| (name == "OTEL_BSP_EXPORT_TIMEOUT").then(|| "2000".to_owned());
    /// let (config, _) = Config::from_lookup(environment)?;
    /// let options = config.delivery(&config.exporters[0]);
    /// // The exporter's own limit is 10 seconds.
    /// assert_eq!(options.timeout.as_secs(), 2);
    /// assert_eq!(options.queue_spans, spanloom::deliver::Options::default().queue_spans);
    /// # Ok::<(), spanloom::config::ConfigError>(())
    /// ```
    #[must_use]
    pub fn delivery(&self, exporting: &Exporting) -> Options {
        let own = if let Exporting::Otlp(otlp) = exporting { otlp.timeout } else { None };
        let timeouts = [own, self.batch.export_timeout];
        let defaults = Options::default();
        Options {
            batch_spans: self.batch.max_export_batch_size,
            linger: self.batch.schedule_delay,
            queue_spans: self.batch.max_queue_size.unwrap_or(defaults.queue_spans),
            timeout: timeouts.into_iter().flatten().min().unwrap_or(Duration::MAX),
            ..defaults
        }
    }

    pub(super) const fn exporters_of_mut(&mut self, signal: Signal) -> &mut Vec<Exporting> {
        match signal {
            Signal::Traces => &mut self.exporters,
            Signal::Metrics => &mut self.metrics.exporters,
            Signal::Logs => &mut self.log_exporters,
        }
    }
}

/// Puts an attribute of the resource in; a later one of the same key counts. The name of the service has its own place.
pub(super) fn put_attribute(config: &mut Config, key: &str, value: Value) {
    if let (Value::String(name), "service.name") = (&value, key) {
        config.service_name = Some(name.clone());
        return;
    }
    match config.resource.iter_mut().find(|(known, _)| known == key) {
        Some((_, known)) => *known = value,
        None => config.resource.push((key.into(), value)),
    }
}
