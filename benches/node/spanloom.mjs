// spanloom records W from JavaScript; the plain module turns the batches into an OTLP request.
// Usage: node spanloom.mjs [FOLDER], in the repository's root; the module comes from target/wasm (`cargo xtask wasm abi`).

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Loom, PlainModule, StatusCode } from "../../tests/vectors/host.mjs";
import { BURST, INPUT, NODES, SPANS, report } from "./workload.mjs";

const folder = process.env.SPANLOOM_WASM ?? join("target", "wasm");
const module = new PlainModule(new WebAssembly.Module(readFileSync(join(folder, "spanloom_abi.wasm"))));
module.setResource({ "service.name": "bench", "service.version": "1.0.0" });
const loom = new Loom(module);

function recordWorkflow() {
  const run = loom.workflow("workflow agent");
  for (let index = 0; index < NODES; index += 1) {
    const node = run.node("node llm_call");
    node.attribute("workflow.node.index", index);
    node.attribute("gen_ai.usage.input_tokens", 1234 + index);
    node.attribute("workflow.node.type", "llm");
    node.attribute("gen_ai.request.model", "gpt-4o-mini");
    node.attribute("workflow.node.id", "node-00000042");
    node.attribute("workflow.node.input", INPUT);
    node.event("node.log");
    node.status(StatusCode.OK);
    node.end();
  }
  run.end();
}

await report(async () => {
  for (let i = 0; i < BURST; i += 1) recordWorkflow();
  loom.flush();
  const bytes = module.otlp().length;
  module.clearRecords();
  return { spans: BURST * SPANS, bytes };
});
