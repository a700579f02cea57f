//! What a loom is made of, and how it is put together.

use std::sync::Arc;
use std::time::Duration;

use super::{Handle, Loom, say};
use crate::config::ExemplarFilter;
use crate::context::Propagators;
use crate::deliver::{Notice, Options};
use crate::host::{Clock, Entropy};
use crate::meter::{Aggregation, BookOptions, Feed, View};
use crate::native::Parts;
use crate::native::clock::TimeSource;
use crate::native::core::{Core, Recipe};
use crate::native::entropy::IdSource;
use crate::native::export::{Exporter, MetricExporter};
use crate::native::fork;
use crate::native::host_ip::host_ip;
use crate::native::meter::{Meter, MetricOptions, Periodic, call_site};
use crate::native::outlet::{Listener, Outlet, Sender};
use crate::native::pipeline::{Blobs, Pipeline, Tail};
use crate::native::sids::Sids;
use crate::native::store::{SpoolConfig, Store};
use crate::offload::BlobStore;
use crate::otlp::convention::Wording;
use crate::otlp::{Resource, Scope};
use crate::record::Limits;
use crate::redact::Redactor;
use crate::sample::{Sampler, TailSampler};
use crate::sid::SidGenerator;
use crate::value::Value;

/// Makes a [`Loom`]. Everything has a default. Without an exporter nothing is kept, and spans count as delivered when they
/// have come to the end of their way.
///
/// ```
/// use spanloom::host::{ManualClock, SeededEntropy};
/// use spanloom::{Loom, MemoryExporter};
/// let record = || {
///     // With a clock and ids of its own, a loom gives the same bytes on every run.
///     let (memory, clock) = (MemoryExporter::new(), ManualClock::at(1_700_000_000_000_000_000));
///     let loom = Loom::builder()
///         .service("planner")
///         .resource("deployment.environment.name", "test")
///         .exporter(memory.clone())
///         .clock(clock.clone())
///         .entropy(SeededEntropy::new(7))
///         .build();
///     let run = loom.workflow("answer").start();
///     clock.advance(1_000_000);
///     run.end();
///     loom.flush(std::time::Duration::from_secs(5));
///     memory.to_otlp()
/// };
/// assert_eq!(record(), record());
/// ```
#[derive(Default)]
pub struct LoomBuilder {
    service: Option<String>,
    scope_name: Option<String>,
    resource: Vec<(String, Value)>,
    /// The resource also has the names that astron-agent gives it.
    astron_resource: bool,
    time: TimeSource,
    ids: IdSource,
    limits: Limits,
    sampler: Sampler,
    tail: Option<TailSampler>,
    redactor: Option<Redactor>,
    blobs: Option<Blobs>,
    sids: Sids,
    wording: Wording,
    live_view: bool,
    running: bool,
    random_flag: bool,
    disabled: bool,
    propagators: Propagators,
    exporters: Vec<(Box<dyn Exporter>, Option<Options>)>,
    delivery: Options,
    listener: Option<Arc<Listener>>,
    shutdown_timeout: Option<Duration>,
    spool: Option<SpoolConfig>,
    metrics: BookOptions,
    metric_exporters: Vec<(Box<dyn MetricExporter>, Option<MetricOptions>)>,
    metric_options: MetricOptions,
    exemplars: ExemplarFilter,
    workflow_metrics: Option<bool>,
}

impl LoomBuilder {
    /// The name of the service that records: the resource attribute `service.name`.
    #[must_use]
    pub fn service(mut self, name: impl Into<String>) -> Self {
        self.service = Some(name.into());
        self
    }

    /// The name of the tracer, the scope of all spans: `spanloom` unless told otherwise.
    #[must_use]
    pub fn scope_name(mut self, name: impl Into<String>) -> Self {
        self.scope_name = Some(name.into());
        self
    }

    /// An attribute of the resource: of the program that records.
    #[must_use]
    pub fn resource(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.resource.push((key.into(), value.into()));
        self
    }

    /// As astron-agent has it, where that differs from OpenTelemetry: 1000 events a span, 2048 spans that wait, five seconds
    /// for a request, metrics every second; and its names on the resource, `serviceName` and `ip`, the address of this machine.
    /// What is set afterwards counts more.
    ///
    /// ```
    /// use spanloom::{Loom, MemoryExporter};
    /// let memory = MemoryExporter::new();
    /// let loom = Loom::builder().astron().service("planner").exporter(memory.clone()).build();
    /// loom.workflow("answer").start().end();
    /// loom.flush(std::time::Duration::from_secs(5));
    /// assert!(String::from_utf8_lossy(&memory.to_otlp()).contains("serviceName"));
    /// ```
    #[must_use]
    pub fn astron(self) -> Self {
        let delivery =
            Options { queue_spans: 2048, timeout: Duration::from_secs(5), ..self.delivery.clone() };
        let limits = Limits { events: 1000, ..self.limits };
        self.astron_resource().delivery(delivery).limits(limits).metric_options(MetricOptions::astron())
    }

    pub(in crate::native) fn astron_resource(mut self) -> Self {
        self.astron_resource = true;
        self
    }

    /// Where records go. Several exporters all get all of them; each has a queue and a thread of its own.
    #[must_use]
    pub fn exporter(mut self, exporter: impl Exporter + 'static) -> Self {
        self.exporters.push((Box::new(exporter), None));
        self
    }

    /// As [`Self::exporter`], with batches, retries and limits of its own.
    #[must_use]
    pub fn exporter_with(mut self, exporter: impl Exporter + 'static, delivery: Options) -> Self {
        self.exporters.push((Box::new(exporter), Some(delivery)));
        self
    }

    /// How large batches are, how long they wait, how often they are tried, how much may wait.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use spanloom::deliver::Options;
    /// let options = Options { linger: Duration::from_secs(1), ..Options::default() };
    /// let loom = spanloom::Loom::builder().delivery(options).build();
    /// ```
    #[must_use]
    pub fn delivery(mut self, options: Options) -> Self {
        self.delivery = options;
        self
    }

    /// Writes records down before they are sent, so that they survive the death of the process: the next loom with this spool
    /// sends what was left, and closes nodes that never ended as abandoned. For those, [`Self::live_view`] is switched on: a
    /// record is written when a node starts, too.
    ///
    /// ```
    /// use spanloom::native::SpoolConfig;
    /// use spanloom::{Loom, MemoryExporter};
    /// let folder = std::env::temp_dir().join(format!("spanloom-doc-spool-{}", std::process::id()));
    /// let loom = Loom::builder().exporter(MemoryExporter::new()).spool(SpoolConfig::new(&folder)).build();
    /// loom.workflow("answer").start().end();
    /// drop(loom);
    /// # std::fs::remove_dir_all(&folder).ok();
    /// ```
    #[must_use]
    pub fn spool(mut self, spool: SpoolConfig) -> Self {
        self.spool = Some(spool);
        self.live_view = true;
        self
    }

    /// Is told what people should hear of: a destination that cannot be reached, spans that it refused or that were lost, a
    /// spool that cannot be written (as the destination `spool`). Each kind comes once in the life of a destination. By default
    /// it is a line on stderr. It is called on a thread of the loom's own, by [`Self::build`], by whoever ends the loom, or by
    /// whoever flushes, where the exporter [waits for nothing](crate::Exporter::is_immediate).
    ///
    /// ```
    /// let loom = spanloom::Loom::builder().on_notice(|destination, notice| eprintln!("{destination}: {}", notice.text)).build();
    /// ```
    #[must_use]
    pub fn on_notice(mut self, listener: impl Fn(&str, &Notice) + Send + Sync + 'static) -> Self {
        self.listener = Some(Arc::new(listener));
        self
    }

    /// How long the last loom waits, when it goes, for what has not been sent: two seconds by default.
    #[must_use]
    pub const fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.shutdown_timeout = Some(timeout);
        self
    }

    /// Decides at its start whether a workflow is recorded. By default all are whose caller recorded its own part.
    #[must_use]
    pub fn sampler(mut self, sampler: Sampler) -> Self {
        self.sampler = sampler;
        self
    }

    /// Decides at its end whether a workflow is kept, by what happened in it. Until then its records are held back.
    #[must_use]
    pub fn tail(mut self, sampler: TailSampler) -> Self {
        self.tail = Some(sampler);
        self
    }

    /// Takes secrets out of every span before any sink sees it.
    #[must_use]
    pub fn redact(mut self, redactor: Redactor) -> Self {
        self.redactor = Some(redactor);
        self
    }

    /// What makes the session ids of [`Loom::sid`]. A forked process goes on with its own process id.
    ///
    /// ```
    /// use spanloom::{Loom, SidConfig, SidGenerator};
    /// let config = SidConfig { sub: "agt", location: "hf", ip: Some("10.1.2.3"), port: "8080", ..SidConfig::default() };
    /// let loom = Loom::builder().sids(SidGenerator::new(&config)?).build();
    /// assert_eq!(loom.sid().location(), "hf");
    /// # Ok::<(), spanloom::SidError>(())
    /// ```
    #[must_use]
    pub fn sids(mut self, generator: SidGenerator) -> Self {
        self.sids = Sids::by(generator);
        self
    }

    /// Where long texts in events go: of [10,240 bytes](crate::offload::EVENT_TEXT_LIMIT) or more, after the redactor has been
    /// over them. `trace_link: {link}` takes the place of each; of one that the store does not take its length remains. The
    /// loom's thread calls the store and waits for it, and takes nothing on meanwhile: it should answer soon.
    ///
    /// ```no_run
    /// use spanloom::native::FolderStore;
    /// let loom = spanloom::Loom::builder().event_store(FolderStore::new("/var/log/planner/blobs")).build();
    /// ```
    #[must_use]
    pub fn event_store(mut self, store: impl BlobStore + Send + Sync + 'static) -> Self {
        self.blobs = Some(Arc::new(store));
        self
    }

    /// In which words spans leave as OTLP: by default the GenAI conventions v1.41.1, else the newer ones or `OpenInference`.
    ///
    /// ```
    /// use spanloom::otlp::convention::{Convention, Wording};
    /// use spanloom::{Loom, MemoryExporter};
    /// let memory = MemoryExporter::new();
    /// let words = Wording { convention: Convention::OpenInference, ..Wording::default() };
    /// let loom = Loom::builder().wording(words).exporter(memory.clone()).build();
    /// loom.workflow("answer").start().end();
    /// loom.flush(std::time::Duration::from_secs(5));
    /// let request = memory.to_otlp();
    /// assert!(request.windows(23).any(|text| text == b"openinference.span.kind"));
    /// ```
    #[must_use]
    pub const fn wording(mut self, wording: Wording) -> Self {
        self.wording = wording;
        self
    }

    /// How much one span may hold.
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Writes records also when spans start, so that a viewer can show what is running.
    #[must_use]
    pub const fn live_view(mut self, on: bool) -> Self {
        self.live_view = on;
        self
    }

    /// Sends spans also when they start, over OTLP and into files, so that a viewer can show what is running. Such a span has no
    /// end and the attribute `spanloom.in_progress`; when it ends the whole span follows under the same ids. Receivers that
    /// know nothing of that show both, so it is off by default. Switches [`Self::live_view`] on.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use spanloom::{Loom, MemoryExporter};
    /// let loom = Loom::builder().exporter(MemoryExporter::new()).running_spans(true).build();
    /// let run = loom.workflow("answer").start();
    /// loom.flush(Duration::from_secs(5)); // the run is on its way, and can be seen
    /// run.end();
    /// ```
    #[must_use]
    pub const fn running_spans(mut self, on: bool) -> Self {
        self.running = on;
        self.live_view |= on;
        self
    }

    /// Tells peers that trace ids are random, as W3C Trace Context level 2 has it. Off by default: older peers refuse the flag.
    #[must_use]
    pub const fn random_flag(mut self, on: bool) -> Self {
        self.random_flag = on;
        self
    }

    /// Switches the loom off: every call costs a branch, contexts are passed on as they came.
    #[must_use]
    pub const fn disabled(mut self, off: bool) -> Self {
        self.disabled = off;
        self
    }

    /// Which parts of a context [`Loom::inject`] writes and [`Loom::extract`] reads: all unless told otherwise.
    ///
    /// ```
    /// use spanloom::context::Propagators;
    /// let loom = spanloom::Loom::builder().propagators(Propagators { baggage: false, ..Propagators::ALL }).build();
    /// assert!(loom.extract(&vec![("baggage", "tenant=7")]).baggage.is_empty());
    /// ```
    #[must_use]
    pub const fn propagators(mut self, propagators: Propagators) -> Self {
        self.propagators = propagators;
        self
    }

    /// Takes the time from this clock instead of the system's.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.time = TimeSource::Given(Arc::new(clock));
        self
    }

    /// Takes ids from here instead of the system's randomness.
    #[must_use]
    pub fn entropy(mut self, entropy: impl Entropy + 'static) -> Self {
        self.ids = IdSource::given(entropy);
        self
    }

    /// Sends metrics there, by what [`Self::metric_options`] says.
    ///
    /// ```
    /// use spanloom::{Loom, MemoryExporter};
    /// let memory = MemoryExporter::new();
    /// let loom = Loom::builder().metric_exporter(memory.clone()).build();
    /// loom.meter().counter("requests").build().add(1);
    /// let receipt = loom.flush(std::time::Duration::from_secs(5));
    /// assert!(receipt.points.delivered >= 1 && receipt.points.pending == 0);
    /// ```
    #[must_use]
    pub fn metric_exporter(mut self, exporter: impl MetricExporter + 'static) -> Self {
        self.metric_exporters.push((Box::new(exporter), None));
        self
    }

    /// As [`Self::metric_exporter`], with options of its own.
    #[must_use]
    pub fn metric_exporter_with(
        mut self,
        exporter: impl MetricExporter + 'static,
        options: MetricOptions,
    ) -> Self {
        self.metric_exporters.push((Box::new(exporter), Some(options)));
        self
    }

    /// When and how metrics are sent: every minute, as they stand since the start, if nothing else is said.
    #[must_use]
    pub fn metric_options(mut self, options: MetricOptions) -> Self {
        self.metric_options = options;
        self
    }

    /// Changes what leaves instruments: other bounds, fewer labels, another name, nothing at all.
    ///
    /// ```
    /// use spanloom::meter::View;
    /// let loom = spanloom::Loom::builder().view(View::of("*").drop_labels(["user"])).build();
    /// ```
    #[must_use]
    pub fn view(mut self, view: View) -> Self {
        self.metrics.views.push(view);
        self
    }

    /// So many series of an instrument at most (2000 by default); what goes beyond is counted in one of its own.
    #[must_use]
    pub const fn series_limit(mut self, series: usize) -> Self {
        self.metrics.limit = series;
        self
    }

    /// So many instruments at most (10,000 by default); what further ones measure leaves nowhere, and is counted in
    /// [`MeterProblems::surplus`](crate::meter::MeterProblems::surplus).
    #[must_use]
    pub const fn instrument_limit(mut self, instruments: usize) -> Self {
        self.metrics.instruments = instruments;
        self
    }

    /// How histograms are kept that no view speaks of.
    #[must_use]
    pub fn histograms(mut self, aggregation: Aggregation) -> Self {
        self.metrics.histograms = aggregation;
        self
    }

    /// Which measurements become exemplars: those within a node that is kept, if nothing else is said.
    #[must_use]
    pub const fn exemplars(mut self, filter: ExemplarFilter) -> Self {
        self.exemplars = filter;
        self
    }

    /// Measures every workflow and node that ends: runs, errors, durations, first frames and tokens; and what becomes of spans at
    /// the destinations. It costs the threads that record nothing. `docs/metrics.md` in the repository lists the metrics. Unless
    /// told otherwise it is on where a metric exporter is there to send them.
    ///
    /// What head sampling leaves out is not seen, what a tail sampler leaves out is. Workflows that an earlier process left in
    /// the spool are not counted again.
    ///
    /// ```
    /// let loom = spanloom::Loom::builder().workflow_metrics(true).build();
    /// loom.workflow("answer").start().end();
    /// loom.flush(std::time::Duration::from_secs(5));
    /// assert!(format!("{:?}", loom.meter().book()).contains("spanloom.workflow.runs"));
    /// ```
    #[must_use]
    pub const fn workflow_metrics(mut self, on: bool) -> Self {
        self.workflow_metrics = Some(on);
        self
    }

    /// Makes the loom.
    #[must_use]
    pub fn build(self) -> Loom {
        fork::watch();
        let service = self.service.as_deref().unwrap_or("unknown_service");
        let mut attributes = vec![
            ("service.name".to_owned(), Value::from(service)),
            ("telemetry.sdk.name".to_owned(), "spanloom".into()),
            ("telemetry.sdk.language".to_owned(), "rust".into()),
            ("telemetry.sdk.version".to_owned(), env!("CARGO_PKG_VERSION").into()),
        ];
        if self.astron_resource {
            attributes.push(("serviceName".to_owned(), service.into()));
            attributes.extend(host_ip().map(|ip| ("ip".to_owned(), ip.to_string().into())));
        }
        for (key, value) in self.resource {
            match attributes.iter_mut().find(|(known, _)| *known == key) {
                Some(known) => known.1 = value,
                None => attributes.push((key, value)),
            }
        }
        let site = call_site(&attributes);
        let sender = Arc::new(Sender {
            resource: Resource::new(attributes),
            scope: Scope::new(self.scope_name.as_deref().unwrap_or("spanloom"), env!("CARGO_PKG_VERSION")),
            wording: self.wording,
            running: self.running,
        });
        let listener = self
            .listener
            .unwrap_or_else(|| Arc::new(|destination: &str, notice: &Notice| say(destination, &notice.text)));
        let exporters = if self.disabled { Vec::new() } else { self.exporters };
        let outlets: Vec<_> = exporters
            .into_iter()
            .map(|(exporter, own)| {
                let mut options = own.unwrap_or_else(|| self.delivery.clone());
                if self.spool.is_some() {
                    // The next start has what this one could not send: there is no reason to give up.
                    options.retry_for = Duration::MAX;
                }
                Outlet::start(exporter, &options, &sender, &listener)
            })
            .collect();
        let has_outlets = !outlets.is_empty();
        let spool = self.spool.filter(|_| has_outlets);
        let store = spool.as_ref().map(Store::open);
        let redactor = self.redactor.map(Arc::new);
        let meter = Meter::new(self.metrics, self.time.clone(), self.exemplars).labelling_calls(site);
        let measures = self.workflow_metrics.unwrap_or(!self.metric_exporters.is_empty()) && !self.disabled;
        let feed = measures.then(|| {
            let feed = Feed::new(meter.book(), self.wording)
                .exemplars(!matches!(self.exemplars, ExemplarFilter::AlwaysOff));
            redactor.clone().into_iter().fold(feed, Feed::redact)
        });
        let metric_exporters = if self.disabled { Vec::new() } else { self.metric_exporters };
        let periodics: Vec<_> = metric_exporters
            .into_iter()
            .map(|(exporter, own)| {
                let options = own.unwrap_or_else(|| self.metric_options.clone());
                Periodic::start(&meter, exporter, options, &sender, &listener)
            })
            .collect();
        let recipe = Recipe {
            tail: self.tail.clone(),
            redactor: redactor.clone(),
            blobs: self.blobs.clone(),
            spool,
            listener,
        };
        let core = Core::new(Parts {
            time: self.time,
            ids: self.ids,
            limits: self.limits,
            sampler: self.sampler,
            live_view: self.live_view,
            random_flag: self.random_flag,
            disabled: self.disabled,
            pipeline: Pipeline { feed, tail: self.tail.map(Tail::new), redactor, blobs: self.blobs, store },
            outlets,
            recipe,
        });
        let core = Arc::new(core);
        // Before anything is recorded: a folder that was mistyped is to be heard of even by a program that ends at once.
        core.tell_of_spool();
        core.start_collector();
        if measures {
            meter.observe_core(&core, periodics.iter().map(Periodic::watched).collect());
        }
        let shutdown_timeout = self.shutdown_timeout.unwrap_or(Duration::from_secs(2));
        let propagators = self.propagators;
        Loom {
            handle: Arc::new(Handle {
                core,
                meter,
                periodics,
                shutdown_timeout,
                propagators,
                sids: self.sids,
            }),
        }
    }
}

impl std::fmt::Debug for LoomBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoomBuilder").field("service", &self.service).finish_non_exhaustive()
    }
}
