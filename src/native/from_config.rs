//! A loom by its configuration: what the environment and a file say becomes exporters, a sampler, limits.

use std::time::Duration;

use thiserror::Error;

use super::export::{Console, FileExporter};
use super::loom::{Loom, LoomBuilder};
use super::meter::MetricOptions;
use super::store::SpoolConfig;
use crate::config::{
    Config, ConfigError, ConsoleFormat, Exporting, FileExporting, HistogramAggregation, LogLevel,
    OtlpExporting, Propagator, Protocol,
};
use crate::context::Propagators;
use crate::deliver::Options;
use crate::meter::Aggregation;

/// Why a loom could not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An exporter cannot be made.
    #[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
    #[error(transparent)]
    Exporter(#[from] super::export::ExporterError),
    /// A file to export to cannot be opened.
    #[error("cannot open {path:?} to export to: {why}")]
    File {
        /// Its path.
        path: String,
        /// What the system says.
        why: std::io::Error,
    },
    /// The configuration asks for what this build has not.
    #[error(
        "{what} needs the cargo feature {feature:?} of spanloom: switch it on, or choose another exporter"
    )]
    Feature {
        /// What was asked for.
        what: &'static str,
        /// The feature that has it.
        feature: &'static str,
    },
}

impl Loom {
    /// A loom as the environment says, and the file that `SPANLOOM_CONFIG` names. Without any settings spans go to a
    /// collector on this machine, `http://localhost:4318`, as OpenTelemetry has it.
    ///
    /// What is odd but can be used is told on stderr. `docs/configuration.md` in the repository lists all settings.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// let loom = spanloom::Loom::from_env()?;
    /// loom.workflow("answer").start().end();
    /// loom.flush(Duration::from_secs(5));
    /// # Ok::<(), spanloom::SetupError>(())
    /// ```
    ///
    /// # Errors
    /// When a setting cannot be used; the error names it, its value and what would do.
    pub fn from_env() -> Result<Self, SetupError> {
        let (config, warnings) = Config::from_env()?;
        if config.log_level >= LogLevel::Warn {
            for warning in warnings {
                super::loom::say("configuration", &warning.to_string());
            }
        }
        Ok(Self::builder().config(&config)?.build())
    }
}

impl LoomBuilder {
    /// Takes everything over from a configuration; what is set afterwards counts more, further exporters are added.
    ///
    /// ```
    /// use spanloom::{Config, Loom};
    /// let settings = |key: &str| (key == "OTEL_TRACES_EXPORTER").then(|| "console".to_owned());
    /// let (config, _) = Config::from_lookup(&settings)?;
    /// let loom = Loom::builder().config(&config)?.service("planner").build();
    /// # Ok::<(), spanloom::SetupError>(())
    /// ```
    ///
    /// # Errors
    /// When an exporter cannot be made: its address, files or certificates are wrong, or this build has it not.
    pub fn config(mut self, config: &Config) -> Result<Self, SetupError> {
        if let Some(name) = &config.service_name {
            self = self.service(name);
        }
        for (key, value) in &config.resource {
            self = self.resource(key, value.clone());
        }
        if let Some(name) = &config.tracer_name {
            // Who names the tracer comes from astron-agent, and has its names on the resource.
            self = self.scope_name(name).astron_resource();
        }
        self = self
            .sampler(config.sampler)
            .limits(config.limits)
            .wording(config.wording)
            .running_spans(config.live_view)
            .random_flag(config.random_flag)
            .propagators(Propagators {
                trace_context: config.propagators.contains(&Propagator::TraceContext),
                baggage: config.propagators.contains(&Propagator::Baggage),
            })
            .disabled(!config.enabled);
        if let Some(rules) = config.redaction.rules() {
            self = self.redact(rules.build());
        }
        if let Some(path) = &config.spool.path {
            self =
                self.spool(SpoolConfig::new(path).cap_bytes(config.spool.size).durable(config.spool.durable));
        }
        if config.log_level == LogLevel::None {
            self = self.on_notice(|_, _| ());
        }
        if !config.enabled {
            return Ok(self);
        }
        for exporting in &config.exporters {
            self = match exporting {
                Exporting::Otlp(otlp) => self.otlp(otlp, &config.delivery(exporting))?,
                Exporting::Console(ConsoleFormat::Tree) => {
                    self.exporter_with(Console::pretty(), config.delivery(exporting))
                }
                Exporting::Console(ConsoleFormat::Stdouttrace) => {
                    self.exporter_with(Console::json(), config.delivery(exporting))
                }
                Exporting::Console(ConsoleFormat::OtlpJson) => {
                    self.exporter_with(Console::otlp_json(), config.delivery(exporting))
                }
                Exporting::File(file) => self.exporter_with(open(file)?, config.delivery(exporting)),
                // A page of metrics: nothing for spans.
                Exporting::Prometheus => self,
            };
        }
        self.metrics_of(config)
    }

    /// What a configuration says of metrics.
    fn metrics_of(mut self, config: &Config) -> Result<Self, SetupError> {
        let metrics = &config.metrics;
        let options = MetricOptions {
            interval: metrics.interval,
            timeout: metrics.timeout.unwrap_or(Duration::MAX),
            temporality: metrics.temporality,
            ..MetricOptions::default()
        };
        self =
            self.exemplars(metrics.exemplars).metric_options(options).histograms(match metrics.histogram {
                HistogramAggregation::Explicit => Aggregation::Usual,
                HistogramAggregation::Exponential => Aggregation::exponential(),
            });
        for exporting in &metrics.exporters {
            self = match exporting {
                Exporting::Otlp(otlp) => self.metrics_over(otlp)?,
                Exporting::Console(ConsoleFormat::OtlpJson) => self.metric_exporter(Console::otlp_json()),
                Exporting::Console(_) => self.metric_exporter(Console::pretty()),
                Exporting::File(file) => self.metric_exporter(open(file)?),
                // A page that is read when somebody asks, by `Meter::prometheus`: it has what exporters would have.
                Exporting::Prometheus => self.workflow_metrics(true),
            };
        }
        Ok(self)
    }

    /// Sends spans to a collector at this address: OTLP over HTTP, as protobuf. `/v1/traces` is added where the address has
    /// no path.
    ///
    /// ```
    /// let loom = spanloom::Loom::builder().service("planner").otlp_http("http://localhost:4318")?.build();
    /// # Ok::<(), spanloom::SetupError>(())
    /// ```
    ///
    /// # Errors
    /// When the address is none.
    #[cfg(feature = "otlp-http")]
    pub fn otlp_http(self, endpoint: impl Into<String>) -> Result<Self, SetupError> {
        Ok(self.exporter(super::export::OtlpHttp::builder(endpoint).build()?))
    }

    fn metrics_over(self, otlp: &OtlpExporting) -> Result<Self, SetupError> {
        match otlp.protocol {
            Protocol::Grpc => self.metrics_over_grpc(otlp),
            Protocol::HttpProtobuf | Protocol::HttpJson => self.metrics_over_http(otlp),
        }
    }

    #[cfg(feature = "otlp-http")]
    fn metrics_over_http(self, otlp: &OtlpExporting) -> Result<Self, SetupError> {
        Ok(self.metric_exporter(super::export::OtlpHttpBuilder::configured(otlp).build()?))
    }

    #[cfg(not(feature = "otlp-http"))]
    fn metrics_over_http(self, _: &OtlpExporting) -> Result<Self, SetupError> {
        Err(SetupError::Feature { what: "OTLP over HTTP", feature: "otlp-http" })
    }

    #[cfg(feature = "otlp-grpc")]
    fn metrics_over_grpc(self, otlp: &OtlpExporting) -> Result<Self, SetupError> {
        Ok(self.metric_exporter(super::export::OtlpGrpcBuilder::configured(otlp).build()?))
    }

    #[cfg(not(feature = "otlp-grpc"))]
    fn metrics_over_grpc(self, _: &OtlpExporting) -> Result<Self, SetupError> {
        Err(SetupError::Feature { what: "OTLP over gRPC", feature: "otlp-grpc" })
    }

    fn otlp(self, otlp: &OtlpExporting, delivery: &Options) -> Result<Self, SetupError> {
        match otlp.protocol {
            Protocol::Grpc => self.otlp_grpc_as(otlp, delivery),
            Protocol::HttpProtobuf | Protocol::HttpJson => self.otlp_http_as(otlp, delivery),
        }
    }

    #[cfg(feature = "otlp-http")]
    fn otlp_http_as(self, otlp: &OtlpExporting, delivery: &Options) -> Result<Self, SetupError> {
        let exporter = super::export::OtlpHttpBuilder::configured(otlp).build()?;
        Ok(self.exporter_with(exporter, delivery.clone()))
    }

    #[cfg(not(feature = "otlp-http"))]
    fn otlp_http_as(self, _: &OtlpExporting, _: &Options) -> Result<Self, SetupError> {
        Err(SetupError::Feature { what: "OTLP over HTTP", feature: "otlp-http" })
    }

    #[cfg(feature = "otlp-grpc")]
    fn otlp_grpc_as(self, otlp: &OtlpExporting, delivery: &Options) -> Result<Self, SetupError> {
        let exporter = super::export::OtlpGrpcBuilder::configured(otlp).build()?;
        Ok(self.exporter_with(exporter, delivery.clone()))
    }

    #[cfg(not(feature = "otlp-grpc"))]
    fn otlp_grpc_as(self, _: &OtlpExporting, _: &Options) -> Result<Self, SetupError> {
        Err(SetupError::Feature { what: "OTLP over gRPC", feature: "otlp-grpc" })
    }
}

/// A file to export to, as a configuration says.
fn open(file: &FileExporting) -> Result<FileExporter, SetupError> {
    let opened =
        FileExporter::at(&file.path).map_err(|why| SetupError::File { path: file.path.clone(), why })?;
    Ok(match file.rotate_bytes {
        Some(bytes) => opened.rotate_at(bytes).keep(file.keep),
        None => opened,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::MemoryExporter;

    #[test]
    fn a_service_that_astron_named_has_astrons_resource() {
        for (variable, expected) in [("SERVICE_NAME", true), ("OTEL_SERVICE_NAME", false)] {
            let lookup = |key: &str| match key {
                _ if key == variable => Some("planner".to_owned()),
                "OTEL_TRACES_EXPORTER" | "OTEL_METRICS_EXPORTER" => Some("none".to_owned()),
                // What is said of the resource counts more than the machine's address.
                "OTEL_RESOURCE_ATTRIBUTES" => Some("ip=10.1.2.3".to_owned()),
                _ => None,
            };
            let (config, _) = Config::from_lookup(lookup).unwrap();
            let memory = MemoryExporter::new();
            let loom = Loom::builder().config(&config).unwrap().exporter(memory.clone()).build();
            loom.workflow("answer").start().end();
            loom.flush(Duration::from_secs(30));
            let request = memory.to_otlp();
            let has = |text: &str| request.windows(text.len()).any(|part| part == text.as_bytes());
            assert!(has("10.1.2.3") && has("planner"), "{variable}");
            assert_eq!(has("serviceName"), expected, "{variable}");
        }
    }

    #[test]
    fn astron_has_room_for_a_thousand_events() {
        let memory = MemoryExporter::new();
        let loom = Loom::builder().astron().exporter(memory.clone()).build();
        let run = loom.workflow("answer").start();
        (0..1_001).for_each(|_| {
            run.event("tick", &[]);
        });
        run.end();
        loom.flush(Duration::from_secs(30));
        let mut events = Vec::new();
        memory.each_span(|span| events.push((span.events().count(), span.dropped_events)));
        assert_eq!(events, [(1_000, 1)]);
    }

    #[test]
    fn a_page_for_prometheus_has_what_an_exporter_would_have() {
        for (exporter, has) in [("prometheus", true), ("none", false)] {
            let lookup = |key: &str| match key {
                "OTEL_TRACES_EXPORTER" => Some("none".to_owned()),
                "OTEL_METRICS_EXPORTER" => Some(exporter.to_owned()),
                _ => None,
            };
            let (config, _) = Config::from_lookup(lookup).unwrap();
            let loom = Loom::builder().config(&config).unwrap().build();
            loom.workflow("answer").start().end();
            loom.flush(Duration::from_secs(30));
            let mut page = Vec::new();
            loom.meter().prometheus(None, &mut |piece| page.extend_from_slice(piece));
            let page = String::from_utf8(page).unwrap();
            assert_eq!(page.contains("spanloom_workflow_runs_total"), has, "{exporter}: {page}");
        }
    }

    #[test]
    fn propagators_are_those_of_the_configuration() {
        let came: Vec<(String, String)> = [
            ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            ("baggage", "tenant=7"),
            ("b3", "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        for (set, names) in [
            (None, &["traceparent", "baggage"][..]),
            (Some("tracecontext"), &["traceparent"]),
            (Some("baggage"), &["baggage"]),
            (Some("none"), &[]),
            // What is not supported is warned of, and the default stays.
            (Some("b3"), &["traceparent", "baggage"]),
        ] {
            let lookup = |key: &str| match key {
                "OTEL_PROPAGATORS" => set.map(str::to_owned),
                "OTEL_TRACES_EXPORTER" | "OTEL_METRICS_EXPORTER" => Some("none".to_owned()),
                _ => None,
            };
            let (config, warnings) = Config::from_lookup(lookup).unwrap();
            assert_eq!(warnings.len(), usize::from(set == Some("b3")), "{set:?}");
            let loom = Loom::builder().config(&config).unwrap().build();
            let context = loom.extract(&came);
            assert_eq!(context.span.is_some(), names.contains(&"traceparent"), "{set:?}");
            let mut goes: Vec<(String, String)> = Vec::new();
            loom.inject(&context, &mut goes);
            assert_eq!(goes.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), names, "{set:?}");
        }
    }
}
