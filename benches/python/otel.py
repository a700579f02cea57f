"""The official Python SDK records W; its batch processor and its encoder turn it into an OTLP request.

Run it with the Python that has the packages of requirements.txt.
"""

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Status, StatusCode

from workload import BURST, INPUT, NODES, report

OK = Status(StatusCode.OK)
EMPTY = Context()


class Encoder(SpanExporter):
    """What the OTLP exporter does up to the sending."""

    def __init__(self):
        self.spans = 0
        self.bytes = 0

    def export(self, spans):
        self.spans += len(spans)
        self.bytes += len(encode_spans(spans).SerializeToString())
        return SpanExportResult.SUCCESS

    def shutdown(self):
        pass

    def force_flush(self, timeout_millis=30_000):
        return True


exporter = Encoder()
provider = TracerProvider(
    resource=Resource({"service.name": "bench", "service.version": "1.0.0"}), shutdown_on_exit=False
)
provider.add_span_processor(
    BatchSpanProcessor(exporter, max_queue_size=8192, max_export_batch_size=1024, schedule_delay_millis=60_000)
)
tracer = provider.get_tracer("bench")


def record_workflow():
    root = tracer.start_span("workflow agent", context=EMPTY)
    context = trace.set_span_in_context(root, EMPTY)
    for index in range(NODES):
        node = tracer.start_span("node llm_call", context=context)
        node.set_attribute("workflow.node.index", index)
        node.set_attribute("gen_ai.usage.input_tokens", 1234 + index)
        node.set_attribute("workflow.node.type", "llm")
        node.set_attribute("gen_ai.request.model", "gpt-4o-mini")
        node.set_attribute("workflow.node.id", "node-00000042")
        node.set_attribute("workflow.node.input", INPUT)
        node.add_event("node.log")
        node.set_status(OK)
        node.end()
    root.set_status(OK)
    root.end()


def burst():
    exporter.spans = exporter.bytes = 0
    for _ in range(BURST):
        record_workflow()
    provider.force_flush()
    return exporter.spans, exporter.bytes


report(burst)
provider.shutdown()
