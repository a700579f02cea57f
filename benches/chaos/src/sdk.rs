//! The SDKs under test, behind one trait.

use std::time::Duration;

use anyhow::Result;
use opentelemetry::trace::{Span, Tracer, TracerProvider};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracer, SdkTracerProvider};
use spanloom::deliver::Options;
use spanloom::native::OtlpHttp;
use spanloom::{Loom, Receipt};

/// How often an SDK sends. Far more often than by default, so that a short run meets every step of a scenario.
const SEND_EVERY: Duration = Duration::from_millis(500);

/// The header with which a program shows who it is, as many vendors want it.
pub const SECRET: (&str, &str) = ("api-key", "secret");

/// What a program does with an SDK.
pub trait Sdk {
    /// Starts and ends a span.
    fn span(&self, number: u64);
    /// Flushes with the SDK's own time limit.
    fn flush(&self) -> Told;
    /// Shuts down with the SDK's own time limit.
    fn shutdown(self: Box<Self>) -> Told;
}

/// What the API of an SDK tells the program; its log does not count.
pub struct Told {
    /// In its own words.
    pub words: String,
    /// How many spans were lost since the start, or rejected, where it tells.
    pub lost: Option<u64>,
}

/// Names of SDKs, as arguments.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Name {
    /// opentelemetry_sdk with opentelemetry-otlp: batches, protobuf, reqwest
    Otel,
    /// spanloom with its OTLP/HTTP exporter
    Spanloom,
}

/// Starts an SDK that sends to this endpoint, with the secret.
pub fn start(name: Name, endpoint: &str) -> Result<Box<dyn Sdk>> {
    match name {
        Name::Otel => Ok(Box::new(Otel::start(endpoint)?)),
        Name::Spanloom => Ok(Box::new(Spanloom::start(endpoint)?)),
    }
}

struct Otel {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl Otel {
    fn start(endpoint: &str) -> Result<Self> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{endpoint}/v1/traces"))
            .with_headers([(SECRET.0.to_string(), SECRET.1.to_string())].into())
            .build()?;
        let often = BatchConfigBuilder::default().with_scheduled_delay(SEND_EVERY).build();
        let processor = BatchSpanProcessor::builder(exporter).with_batch_config(often).build();
        let provider = SdkTracerProvider::builder().with_span_processor(processor).build();
        let tracer = provider.tracer("chaos");
        Ok(Self { provider, tracer })
    }
}

impl Sdk for Otel {
    fn span(&self, number: u64) {
        let mut span = self.tracer.start("step");
        span.set_attribute(opentelemetry::KeyValue::new("number", i64::try_from(number).unwrap_or(0)));
        span.end();
    }

    fn flush(&self) -> Told {
        told(self.provider.force_flush())
    }

    fn shutdown(self: Box<Self>) -> Told {
        told(self.provider.shutdown())
    }
}

/// How long spanloom's flush and shutdown may take here: what OpenTelemetry's SDK has by default.
const PATIENCE: Duration = Duration::from_secs(5);

struct Spanloom {
    loom: Loom,
}

impl Spanloom {
    fn start(endpoint: &str) -> Result<Self> {
        let exporter = OtlpHttp::builder(endpoint).header(SECRET.0, SECRET.1).build()?;
        let often = Options { linger: SEND_EVERY, ..Options::default() };
        Ok(Self { loom: Loom::builder().exporter(exporter).delivery(often).on_notice(|_, _| ()).build() })
    }
}

impl Sdk for Spanloom {
    fn span(&self, number: u64) {
        let mut span = self.loom.span("step", None).start();
        span.attribute("number", i64::try_from(number).unwrap_or(0));
        span.end();
    }

    fn flush(&self) -> Told {
        self.tell(self.loom.flush(PATIENCE))
    }

    fn shutdown(self: Box<Self>) -> Told {
        self.tell(self.loom.shutdown(PATIENCE))
    }
}

impl Spanloom {
    fn tell(&self, receipt: Receipt) -> Told {
        let ledger = self.loom.ledger();
        let words = if receipt.is_complete() { "ok".into() } else { receipt.to_string() };
        Told { words, lost: Some(ledger.rejected + ledger.dropped) }
    }
}

fn told(result: OTelSdkResult) -> Told {
    let words = match result {
        Ok(()) => "ok".into(),
        Err(error) => error.to_string(),
    };
    Told { words, lost: None }
}
