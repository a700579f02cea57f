// Plays the vectors through the plain module in Node; with --bench it tells what a span costs instead, with
// --bench-meter what a measurement costs.
//
//   node tests/vectors/run.mjs                    plays all programs, one line for each that differs
//   node tests/vectors/run.mjs --bench [--json]   microseconds from the start of a span to its OTLP bytes
//   node tests/vectors/run.mjs --bench-meter [--json]   nanoseconds of a measurement
//
// The modules come from target/wasm (`cargo xtask wasm`) or the folder in SPANLOOM_WASM.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { InstrumentKind, Meter, Temporality } from "./meter.mjs";
import { Double, Limit, Loom, ManualClock, PlainModule, StatusCode, UsageMode, seededEntropy } from "./host.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const folder = process.env.SPANLOOM_WASM ?? join(here, "../../target/wasm");

function compile(name) {
  return new WebAssembly.Module(readFileSync(join(folder, name)));
}

const MODES = { total: UsageMode.TOTAL, delta: UsageMode.DELTA, cumulative: UsageMode.CUMULATIVE };
const DEFAULT_CLOCK = "1700000000000000000";

/** A text of a program; what is absent is empty. */
function text(json) {
  if (json === undefined || json === null) return "";
  if (typeof json === "string") return json;
  if (json.utf16) return String.fromCharCode(...json.utf16);
  return json.rep[0].repeat(json.rep[1]);
}

function whole(digits) {
  const number = Number(digits);
  return Number.isSafeInteger(number) ? number : BigInt(digits);
}

function value(json) {
  if (json === null || typeof json !== "object") return json;
  if (Array.isArray(json)) return json.map(value);
  if (json.i !== undefined) return whole(json.i);
  if (json.f !== undefined) return new Double(Number(json.f));
  if (json.b !== undefined) return Uint8Array.from(Buffer.from(json.b, "hex"));
  if (json.m !== undefined) return new Map(json.m.map(([key, inner]) => [text(key), value(inner)]));
  return text(json);
}

function pairs(json) {
  return json.map(([key, inner]) => [text(key), value(inner)]);
}

function context(json) {
  if (!json) return undefined;
  return { traceId: json.trace, spanId: json.span, flags: json.flags, traceState: json.state ?? "", isRemote: json.remote === true };
}

function time(digits) {
  const nanos = BigInt(digits);
  return [Number(nanos / 1_000_000n), Number(nanos % 1_000_000n)];
}

function about(json) {
  return {
    sid: text(json.sid), app: text(json.app), user: text(json.user), chat: text(json.chat), question: text(json.question),
    kind: text(json.kind), spanKind: json.span_kind, parent: context(json.parent), start: json.start && time(json.start),
  };
}

/** What a program says to a handle. */
const VERBS = {
  attr: (on, key, json) => on.attribute(text(key), value(json)),
  input: (on, key, json) => on.input(text(key), value(json)),
  output: (on, key, json) => on.output(text(key), value(json)),
  config: (on, key, json) => on.config(text(key), value(json)),
  event: (on, name, attributes) => on.event(text(name), pairs(attributes)),
  info: (on, line) => on.info(text(line)),
  error: (on, line) => on.error(text(line)),
  exception: (on, type, message) => on.exception(text(type), text(message)),
  usage: (on, numbers, mode) => on.usage(numbers, MODES[mode]),
  first_frame: (on) => on.firstFrame(),
  next: (on, id) => on.next(text(id)),
  status: (on, code, message) => on.status(code, text(message)),
  link: (on, to, attributes) => on.link(context(to), pairs(attributes)),
  question: (on, line) => on.question(text(line)),
  answer: (on, line) => on.answer(text(line)),
  tag: (on, key, line) => on.tag(text(key), text(line)),
  end: (on) => on.end(),
  end_at: (on, digits) => on.endAt(...time(digits)),
};

function play(program, wasm) {
  const module = new PlainModule(wasm);
  module.setResource({ "service.name": "vectors", "telemetry.sdk.language": "any" });
  module.setScope("vectors", "1");
  for (const [name, limit] of Object.entries(program.limits ?? {})) module.setLimit(Limit[name.toUpperCase()], limit);
  const clock = new ManualClock(program.clock ?? DEFAULT_CLOCK);
  const loom = new Loom(module, { clock, entropy: seededEntropy(program.seed), live: program.live === true });
  const handles = [];
  for (const [verb, ...words] of program.ops) {
    switch (verb) {
      case "workflow":
        handles.push(loom.workflow(text(words[0]), about(words[1])));
        break;
      case "root":
        handles.push(loom.span(text(words[0]), about(words[1])));
        break;
      case "node":
      case "span":
        handles.push(handles[words[0]][verb](text(words[1]), about(words[2])));
        break;
      case "advance":
        clock.advance(words[0]);
        break;
      case "set":
        clock.set(words[0]);
        break;
      default:
        VERBS[verb](handles[words[0]], ...words.slice(1));
    }
  }
  loom.flush();
  return { records: module.records(), otlp: module.otlp(), json: module.otlpJson(), log: module.traceLogJson(0) };
}

/** A number that is said to a series: whole ones that a double does not hold exactly are BigInts. */
function amount(json) {
  return json.i === undefined ? Number(json.f.replace("inf", "Infinity")) : whole(json.i);
}

/** Several results as one: each behind its length. */
function joined(parts) {
  return Buffer.concat(parts.flatMap((part) => {
    const bytes = Buffer.from(part);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    return [length, bytes];
  }));
}

function playMeter(program, wasm) {
  const module = new PlainModule(wasm);
  module.setResource({ "service.name": "vectors", "telemetry.sdk.language": "any" });
  module.setScope("vectors", "1");
  let now = BigInt(DEFAULT_CLOCK);
  const meter = new Meter(module.exports, () => now);
  if (program.limit) meter.limit(program.limit);
  const instruments = [];
  const series = [];
  const played = { otlp: [], json: [] };
  for (const [verb, ...words] of program.ops) {
    switch (verb) {
      case "instrument": {
        const [kind, name, unit, description, numbers] = words;
        instruments.push(meter.instrument(InstrumentKind[kind.toUpperCase()], name, unit, description, numbers?.map(Number)));
        break;
      }
      case "series":
        series.push(meter.series(instruments[words[0]], new Map(pairs(words[1]))));
        break;
      case "advance":
        now += BigInt(words[0]);
        break;
      case "collect":
        played.otlp.push(meter.collect(Temporality[words[0].toUpperCase()]));
        played.json.push(meter.json());
        break;
      case "commit":
        meter.commit();
        break;
      default:
        series[words[0]][verb](amount(words[1]));
    }
  }
  return { otlp: joined(played.otlp), json: joined(played.json) };
}

function sha256(bytes) {
  return createHash("sha256").update(bytes).digest("hex");
}

function check() {
  const wasm = compile("spanloom_views.wasm");
  const spans = checkAll(wasm, "programs.jsonl", "golden.json", play);
  const meter = checkAll(wasm, "meter.jsonl", "meter_golden.json", playMeter);
  process.exitCode = spans && meter ? 0 : 1;
}

/** Plays all programs of a file; true where each gives its golden bytes. */
function checkAll(wasm, programs, hashes, play) {
  const golden = JSON.parse(readFileSync(join(here, hashes), "utf8"));
  const lines = readFileSync(join(here, programs), "utf8").trim().split("\n");
  let passed = 0;
  for (const line of lines) {
    const program = JSON.parse(line);
    let differing;
    try {
      const played = play(program, wasm);
      differing = Object.keys(golden[program.name]).filter((form) => sha256(played[form]) !== golden[program.name][form]);
    } catch (error) {
      differing = [error.stack];
    }
    if (differing.length === 0) passed += 1;
    else console.log(`${program.name}: ${differing.join(", ")}`);
  }
  console.log(`${programs}: ${lines.length} programs`);
  console.log(`${passed} passed, ${lines.length - passed} failed, 0 skipped`);
  return passed === lines.length && passed === Object.keys(golden).length;
}

const INPUT = "0123456789".repeat(20);
const NODES = 8;
const BURST = 57;

/** W: a workflow of a root and eight nodes. */
function record(loom) {
  const run = loom.workflow("workflow agent");
  for (let index = 0; index < NODES; index += 1) {
    run.node("node llm_call")
      .attribute("workflow.node.index", index)
      .attribute("gen_ai.usage.input_tokens", 1234 + index)
      .attribute("workflow.node.type", "llm")
      .attribute("gen_ai.request.model", "gpt-4o-mini")
      .attribute("workflow.node.id", "node-00000042")
      .attribute("workflow.node.input", INPUT)
      .event("node.log")
      .status(StatusCode.OK)
      .end();
  }
  run.end();
}

/** Nanoseconds of one call, of which there are many; the median of some rounds. */
function nanosOf(call) {
  const calls = 1_000_000;
  const rounds = [];
  for (let round = 0; round < 9; round += 1) {
    const begin = process.cpuUsage();
    call(calls);
    const { user, system } = process.cpuUsage(begin);
    rounds.push(((user + system) * 1000) / calls);
  }
  rounds.sort((a, b) => a - b);
  return rounds[rounds.length >> 1];
}

function benchMeter() {
  const module = new PlainModule(compile("spanloom_meter.wasm"));
  const meter = new Meter(module.exports, () => 1n);
  const added = meter.series(meter.instrument(InstrumentKind.COUNTER_DOUBLE, "added"), { route: "/ask" });
  const recorded = meter.series(meter.instrument(InstrumentKind.HISTOGRAM, "recorded"), { route: "/ask" });
  const cost = {
    ns_per_add: nanosOf((calls) => { for (let n = 0; n < calls; n += 1) added.add(1); }),
    ns_per_record: nanosOf((calls) => { for (let n = 0; n < calls; n += 1) recorded.record(n & 1023); }),
  };
  if (process.argv.includes("--json")) console.log(JSON.stringify(cost));
  else console.log(`${cost.ns_per_add.toFixed(1)} ns an addition, ${cost.ns_per_record.toFixed(1)} ns a number in a histogram`);
}

function bench() {
  const module = new PlainModule(compile("spanloom_abi.wasm"));
  module.setResource({ "service.name": "bench" });
  const loom = new Loom(module);
  let bytes = 0;
  const burst = () => {
    for (let n = 0; n < BURST; n += 1) record(loom);
    loom.flush();
    bytes = module.otlp().length;
    module.clearRecords();
  };
  const start = performance.now();
  let warm = 0;
  for (; performance.now() - start < 1000; warm += 1) burst();
  const bursts = Math.max(1, Math.round(warm / 12));
  const rounds = [];
  for (let round = 0; round < 15; round += 1) {
    const begin = process.cpuUsage();
    for (let n = 0; n < bursts; n += 1) burst();
    const { user, system } = process.cpuUsage(begin);
    rounds.push((user + system) / (bursts * BURST * (NODES + 1)));
  }
  rounds.sort((a, b) => a - b);
  const cost = { us_per_span: rounds[rounds.length >> 1], bytes_per_span: bytes / (BURST * (NODES + 1)) };
  if (process.argv.includes("--json")) console.log(JSON.stringify(cost));
  else console.log(`${cost.us_per_span.toFixed(3)} µs a span, ${(cost.us_per_span * (NODES + 1)).toFixed(2)} µs W`);
}

if (process.argv.includes("--bench-meter")) benchMeter();
else if (process.argv.includes("--bench")) bench();
else check();
