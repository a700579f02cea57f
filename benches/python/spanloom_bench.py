"""spanloom records W from Python; the plain module, in wasmtime, turns the batches into an OTLP request.

Usage: python spanloom_bench.py [FOLDER], in the repository's root; the module comes from target/wasm (`cargo xtask wasm abi`).
"""

import os
import pathlib
import sys

import wasmtime
from workload import BURST, INPUT, NODES, SPANS, report

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "vectors"))

from host import Loom, PlainModule, StatusCode

folder = pathlib.Path(os.environ.get("SPANLOOM_WASM", ROOT / "target" / "wasm"))
engine = wasmtime.Engine()
module = PlainModule(wasmtime.Module(engine, (folder / "spanloom_abi.wasm").read_bytes()), engine)
module.set_resource({"service.name": "bench", "service.version": "1.0.0"})
loom = Loom(module)


def record_workflow():
    run = loom.workflow("workflow agent")
    for index in range(NODES):
        node = run.node("node llm_call")
        node.attribute("workflow.node.index", index)
        node.attribute("gen_ai.usage.input_tokens", 1234 + index)
        node.attribute("workflow.node.type", "llm")
        node.attribute("gen_ai.request.model", "gpt-4o-mini")
        node.attribute("workflow.node.id", "node-00000042")
        node.attribute("workflow.node.input", INPUT)
        node.event("node.log")
        node.status(StatusCode.OK)
        node.end()
    run.end()


def burst():
    for _ in range(BURST):
        record_workflow()
    loom.flush()
    size = len(module.otlp())
    module.clear_records()
    return BURST * SPANS, size


report(burst)
