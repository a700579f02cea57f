// The official JavaScript SDK records W; its batch processor and its protobuf serializer turn it into an OTLP request.
// Usage: node otel.mjs FOLDER, where FOLDER/node_modules has the packages of package.json.

import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { BURST, INPUT, NODES, report } from "./workload.mjs";

const load = createRequire(join(resolve(process.argv[2]), "package.json"));
const { ROOT_CONTEXT, SpanStatusCode, trace } = load("@opentelemetry/api");
const { resourceFromAttributes } = load("@opentelemetry/resources");
const { BasicTracerProvider, BatchSpanProcessor } = load("@opentelemetry/sdk-trace-base");
const { ProtobufTraceSerializer } = load("@opentelemetry/otlp-transformer");

const exporter = {
  spans: 0,
  bytes: 0,
  export(spans, done) {
    this.spans += spans.length;
    this.bytes += ProtobufTraceSerializer.serializeRequest(spans).length;
    done({ code: 0 });
  },
  forceFlush: async () => {},
  shutdown: async () => {},
};
const batch = new BatchSpanProcessor(exporter, {
  maxQueueSize: 8192,
  maxExportBatchSize: 1024,
  scheduledDelayMillis: 60_000,
});
const provider = new BasicTracerProvider({
  resource: resourceFromAttributes({ "service.name": "bench", "service.version": "1.0.0" }),
  spanProcessors: [batch],
});
const tracer = provider.getTracer("bench");

function recordWorkflow() {
  const root = tracer.startSpan("workflow agent", undefined, ROOT_CONTEXT);
  const context = trace.setSpan(ROOT_CONTEXT, root);
  for (let index = 0; index < NODES; index += 1) {
    const node = tracer.startSpan("node llm_call", undefined, context);
    node.setAttribute("workflow.node.index", index);
    node.setAttribute("gen_ai.usage.input_tokens", 1234 + index);
    node.setAttribute("workflow.node.type", "llm");
    node.setAttribute("gen_ai.request.model", "gpt-4o-mini");
    node.setAttribute("workflow.node.id", "node-00000042");
    node.setAttribute("workflow.node.input", INPUT);
    node.addEvent("node.log");
    node.setStatus({ code: SpanStatusCode.OK });
    node.end();
  }
  root.setStatus({ code: SpanStatusCode.OK });
  root.end();
}

await report(async () => {
  exporter.spans = 0;
  exporter.bytes = 0;
  for (let i = 0; i < BURST; i += 1) recordWorkflow();
  await provider.forceFlush();
  return { spans: exporter.spans, bytes: exporter.bytes };
});
await provider.shutdown();
