//! `opentelemetry_sdk` with its batch processor and `opentelemetry-otlp`: what a program runs that sends its spans. The
//! HTTP client under it is `ureq`, as under ours, so that no client is compared with another.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::Context;
use opentelemetry::trace::{Span as _, Status, TraceContextExt as _, Tracer as _, TracerProvider as _};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Compression, Protocol, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, SpanData, SpanExporter,
};

use super::opentelemetry::{node, record_workflow, resource};
use crate::harness::{Pace, Scenario, Series};
use crate::overhead::{Steps, share_of_time};
use crate::sink::{Manner, Sink};
use crate::workload::{BATCH, LONG_BURST, LONG_BURST_SPANS, NODES, SERVICE, WORKFLOW};

/// Long bursts of W to a receiver in another process: batches, protobuf, gzip, HTTP.
pub fn send() -> Scenario<'static> {
    let sink = Sink::start(Manner::Takes).expect("this program starts once more");
    let (provider, delivered) = provider(&sink, Sampler::AlwaysOn);
    let tracer = provider.tracer(SERVICE);
    let work = move || (0..LONG_BURST).for_each(|_| record_workflow(&tracer));
    Scenario::new(LONG_BURST_SPANS, work).settling(move || {
        provider.force_flush().expect("the receiver takes everything");
        assert_eq!(delivered.swap(0, Relaxed), u64::from(LONG_BURST_SPANS), "the burst was not delivered");
        let _needed = &sink;
    })
}

/// What recording takes of the time of a program with steps of a millisecond: with this share of workflows sampled.
pub fn overhead(pace: Pace, sampled: f64) -> Series {
    let sink = Sink::start(Manner::Takes).expect("this program starts once more");
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(sampled)));
    let (provider, _) = provider(&sink, sampler);
    let tracer = provider.tracer(SERVICE);
    let workflow = |steps: &mut Steps| {
        let context = steps.time(|| Context::new().with_span(tracer.start(WORKFLOW)));
        for index in 0..NODES {
            steps.step(|| node(&tracer, &context, index), |mut node| node.end());
        }
        steps.time(|| {
            context.span().set_status(Status::Ok);
            context.span().end();
        });
    };
    share_of_time(pace, workflow, || provider.force_flush().expect("the receiver takes everything"))
}

/// A provider that sends to this receiver; and how many spans have been delivered.
fn provider(sink: &Sink, sampler: Sampler) -> (SdkTracerProvider, Arc<AtomicU64>) {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_http_client(Ureq::default())
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(sink.endpoint())
        .with_compression(Compression::Gzip)
        .build()
        .expect("the exporter has all it asks for");
    let delivered = Arc::<AtomicU64>::default();
    let counting = Counting { exporter, delivered: Arc::clone(&delivered) };
    // By default 2048 spans may wait: a burst has more.
    let config = BatchConfigBuilder::default()
        .with_max_queue_size(4 * LONG_BURST_SPANS as usize)
        .with_max_export_batch_size(BATCH as usize)
        .build();
    let processor = BatchSpanProcessor::builder(counting).with_batch_config(config).build();
    let provider = SdkTracerProvider::builder()
        .with_sampler(sampler)
        .with_resource(resource())
        .with_span_processor(processor)
        .build();
    (provider, delivered)
}

/// Counts what was delivered: the SDK does not tell what it dropped.
#[derive(Debug)]
struct Counting {
    exporter: opentelemetry_otlp::SpanExporter,
    delivered: Arc<AtomicU64>,
}

impl SpanExporter for Counting {
    async fn export(&self, spans: Vec<SpanData>) -> OTelSdkResult {
        let count = spans.len() as u64;
        self.exporter.export(spans).await?;
        self.delivered.fetch_add(count, Relaxed);
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// `ureq` as the SDK wants it. Sending blocks, on the batch processor's own thread.
#[derive(Debug)]
struct Ureq(ureq::Agent);

impl Default for Ureq {
    fn default() -> Self {
        // The SDK leaves the time limit to its client: ten seconds are OTLP's, and ours.
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(10)));
        Self(config.build().new_agent())
    }
}

#[async_trait]
impl HttpClient for Ureq {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = request.into_parts();
        let mut response = self.0.run(Request::from_parts(head, &body[..]))?;
        let answer = response.body_mut().read_to_vec()?;
        Ok(response.map(|_| answer.into()))
    }
}
