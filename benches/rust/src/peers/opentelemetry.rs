//! `opentelemetry_sdk` with `opentelemetry-proto`: strings are handed over owned, as a program does whose values are
//! made at run time.

use std::hint::black_box;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry::trace::{Span as _, Status, TraceContextExt, Tracer as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider, Span, SpanData,
    SpanExporter, SpanProcessor,
};
use prost::Message;

use crate::harness::Scenario;
use crate::workload::{
    BURST, BURST_SPANS, EVENT, ID, INDEX_KEY, INPUT, INPUT_KEY, MODEL, NODE, NODES, SERVICE, SPANS,
    TOKENS_KEY, TYPE, WORKFLOW, tokens,
};

/// W to a processor that drops the spans.
pub fn record() -> Scenario<'static> {
    dropping(Sampler::AlwaysOn)
}

/// W that the sampler refuses.
pub fn unsampled() -> Scenario<'static> {
    dropping(Sampler::AlwaysOff)
}

fn dropping(sampler: Sampler) -> Scenario<'static> {
    let provider = SdkTracerProvider::builder()
        .with_sampler(sampler)
        .with_resource(resource())
        .with_span_processor(Drop)
        .build();
    let tracer = provider.tracer(SERVICE);
    Scenario::new(SPANS, move || record_workflow(&tracer))
}

/// Bursts of W through the SDK's batch processor, whose thread encodes them: what programs run.
pub fn batch_and_encode() -> Scenario<'static> {
    let config =
        BatchConfigBuilder::default().with_max_queue_size(8192).with_max_export_batch_size(1024).build();
    exporting(BatchSpanProcessor::builder(Encoder::default()).with_batch_config(config).build())
}

/// Bursts of W that are kept in a list and encoded by the calling thread: without the cost of queue and thread.
pub fn collect_and_encode() -> Scenario<'static> {
    exporting(Collect::default())
}

fn exporting(processor: impl SpanProcessor + 'static) -> Scenario<'static> {
    let provider =
        SdkTracerProvider::builder().with_resource(resource()).with_span_processor(processor).build();
    let tracer = provider.tracer(SERVICE);
    let work = move || (0..BURST).for_each(|_| record_workflow(&tracer));
    Scenario::new(BURST_SPANS, work)
        .settling(move || provider.force_flush().expect("the encoder never fails"))
}

/// A request of a burst's spans: what the decoders read.
pub fn request() -> Vec<u8> {
    let collect = Collect::default();
    let encoded = collect.encoded.clone();
    exporting(collect).run(1);
    std::mem::take(&mut *encoded.lock().expect("no thread panics here"))
}

/// Decodes a request into prost's structs.
pub fn decode(request: &[u8]) -> Scenario<'_> {
    Scenario::new(BURST_SPANS, move || {
        let decoded =
            ExportTraceServiceRequest::decode(black_box(request)).expect("the request was just encoded");
        black_box(&decoded);
    })
}

pub(super) fn record_workflow(tracer: &SdkTracer) {
    let context = Context::new().with_span(tracer.start(WORKFLOW));
    for index in 0..NODES {
        node(tracer, &context, index).end();
    }
    context.span().set_status(Status::Ok);
    context.span().end();
}

/// A node of W, up to its end.
#[inline]
pub(super) fn node(tracer: &SdkTracer, context: &Context, index: i64) -> Span {
    let mut node = tracer.start_with_context(NODE, context);
    node.set_attribute(KeyValue::new(INDEX_KEY, index));
    node.set_attribute(KeyValue::new(TOKENS_KEY, tokens(index)));
    for (key, value) in [TYPE, MODEL, ID, (INPUT_KEY, INPUT)] {
        node.set_attribute(KeyValue::new(key, black_box(value).to_owned()));
    }
    node.add_event(EVENT, Vec::new());
    node.set_status(Status::Ok);
    node
}

pub(super) fn resource() -> Resource {
    let attributes = [KeyValue::new("service.name", SERVICE), KeyValue::new("service.version", "1.0.0")];
    Resource::builder_empty().with_attributes(attributes).build()
}

fn encode(spans: Vec<SpanData>, resource: &ResourceAttributesWithSchema) -> Vec<u8> {
    let resource_spans = group_spans_by_resource_and_scope(spans, resource);
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

/// Ends every span by dropping it.
#[derive(Debug)]
struct Drop;

impl SpanProcessor for Drop {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        black_box(&span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// What the OTLP exporter does up to the sending.
#[derive(Debug, Default)]
struct Encoder {
    resource: ResourceAttributesWithSchema,
}

impl SpanExporter for Encoder {
    async fn export(&self, spans: Vec<SpanData>) -> OTelSdkResult {
        black_box(encode(spans, &self.resource));
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.into();
    }
}

/// Keeps spans until a flush encodes them.
#[derive(Debug, Default)]
struct Collect {
    spans: Mutex<Vec<SpanData>>,
    resource: ResourceAttributesWithSchema,
    encoded: Arc<Mutex<Vec<u8>>>,
}

impl SpanProcessor for Collect {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        self.spans.lock().expect("no thread panics here").push(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        let spans = std::mem::take(&mut *self.spans.lock().expect("no thread panics here"));
        *self.encoded.lock().expect("no thread panics here") = encode(spans, &self.resource);
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.into();
    }
}
