"""Plays the vectors through the plain module in Python; with --bench it tells what a span costs instead.

    python tests/vectors/run.py                    plays all programs, one line for each that differs
    python tests/vectors/run.py --bench [--json]   microseconds from the start of a span to its OTLP bytes
    python tests/vectors/run.py --bench-meter [--json]   microseconds of a measurement

Needs the package wasmtime. The modules come from target/wasm (`cargo xtask wasm`) or the folder in SPANLOOM_WASM.
"""

import hashlib
import json
import os
import pathlib
import statistics
import sys
import time
import traceback

import wasmtime

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from meter import Meter, Temporality
from host import Limit, Loom, ManualClock, PlainModule, StatusCode, UsageMode, layout, seeded_entropy

HERE = pathlib.Path(__file__).resolve().parent
FOLDER = pathlib.Path(os.environ.get("SPANLOOM_WASM", HERE.parents[1] / "target" / "wasm"))
ENGINE = wasmtime.Engine()
DEFAULT_CLOCK = "1700000000000000000"
MODES = {"total": UsageMode.TOTAL, "delta": UsageMode.DELTA, "cumulative": UsageMode.CUMULATIVE}


def compiled(name):
    return wasmtime.Module(ENGINE, (FOLDER / name).read_bytes())


def text(given):
    """A text of a program; what is absent is empty."""
    if given is None:
        return ""
    if isinstance(given, str):
        return given
    if "utf16" in given:
        return "".join(map(chr, given["utf16"]))
    repeated, times = given["rep"]
    return repeated * times


def value(given):
    if isinstance(given, list):
        return [value(inner) for inner in given]
    if not isinstance(given, dict):
        return given
    if "i" in given:
        return int(given["i"])
    if "f" in given:
        return float(given["f"])
    if "b" in given:
        return bytes.fromhex(given["b"])
    if "m" in given:
        return {text(key): value(inner) for key, inner in given["m"]}
    return text(given)


def pairs(given):
    return {text(key): value(inner) for key, inner in given}


def context(given):
    if given is None:
        return None
    return {
        "trace_id": bytes.fromhex(given["trace"]),
        "span_id": bytes.fromhex(given["span"]),
        "flags": given["flags"],
        "trace_state": given.get("state", ""),
        "is_remote": given.get("remote", False),
    }


def started(given):
    return int(given["start"]) if "start" in given else None


def about_workflow(given):
    parts = {part: text(given.get(part)) for part in ("sid", "app", "user", "chat", "question")}
    return {**parts, "parent": context(given.get("parent")), "start": started(given)}


def about_node(given):
    return {"kind": text(given.get("kind")), "span_kind": given.get("span_kind", 1), "start": started(given)}


# What a program says to a handle.
VERBS = {
    "attr": lambda on, key, given: on.attribute(text(key), value(given)),
    "input": lambda on, key, given: on.input(text(key), value(given)),
    "output": lambda on, key, given: on.output(text(key), value(given)),
    "config": lambda on, key, given: on.config(text(key), value(given)),
    "event": lambda on, name, given: on.event(text(name), pairs(given)),
    "info": lambda on, line: on.info(text(line)),
    "error": lambda on, line: on.error(text(line)),
    "exception": lambda on, kind, message: on.exception(text(kind), text(message)),
    "usage": lambda on, numbers, mode: on.usage(numbers, MODES[mode]),
    "first_frame": lambda on: on.first_frame(),
    "next": lambda on, node_id: on.next(text(node_id)),
    "status": lambda on, code, message: on.status(code, text(message)),
    "link": lambda on, to, given: on.link(context(to), pairs(given)),
    "question": lambda on, line: on.question(text(line)),
    "answer": lambda on, line: on.answer(text(line)),
    "tag": lambda on, key, line: on.tag(text(key), text(line)),
    "end": lambda on: on.end(),
    "end_at": lambda on, digits: on.end(int(digits)),
}


def play(program, wasm):
    module = PlainModule(wasm, ENGINE)
    module.set_resource({"service.name": "vectors", "telemetry.sdk.language": "any"})
    module.set_scope("vectors", "1")
    for name, limit in program.get("limits", {}).items():
        module.set_limit(getattr(Limit, name.upper()), limit)
    clock = ManualClock(int(program.get("clock", DEFAULT_CLOCK)))
    entropy = seeded_entropy(int(program["seed"]))
    loom = Loom(module, clock=clock, entropy=entropy, live=program.get("live", False))
    handles = []
    for verb, *words in program["ops"]:
        if verb == "workflow":
            handles.append(loom.workflow(text(words[0]), **about_workflow(words[1])))
        elif verb == "root":
            about = about_node(words[1])
            handles.append(loom.span(text(words[0]), parent=context(words[1].get("parent")), **about))
        elif verb in ("node", "span"):
            make = getattr(handles[words[0]], verb)
            handles.append(make(text(words[1]), **about_node(words[2])))
        elif verb == "advance":
            clock.advance(int(words[0]))
        elif verb == "set":
            clock.time = int(words[0])
        else:
            VERBS[verb](handles[words[0]], *words[1:])
    loom.flush()
    return {
        "records": without_repairs(module.records()),
        "otlp": module.otlp(),
        "json": module.otlp_json().encode(),
        "log": module.trace_log_json(0).encode(),
    }


def without_repairs(records):
    """The records without the note that a text was repaired: only of Python's texts the module sees that they need it."""
    noted = bytearray(records)
    at = 0
    while at < len(noted):
        noted[at + 10] &= ~layout.RecordFlag.REPAIRED
        at += int.from_bytes(noted[at : at + 4], "little")
    return bytes(noted)


# The kinds of instruments of programs: what they are in the module, and the type of their numbers.
INSTRUMENTS = {
    "counter_int": (layout.MetricKind.COUNTER, int),
    "counter_double": (layout.MetricKind.COUNTER, float),
    "up_down_counter_int": (layout.MetricKind.UP_DOWN_COUNTER, int),
    "up_down_counter_double": (layout.MetricKind.UP_DOWN_COUNTER, float),
    "gauge_int": (layout.MetricKind.GAUGE, int),
    "gauge_double": (layout.MetricKind.GAUGE, float),
    "histogram": (layout.MetricKind.HISTOGRAM, float),
    "exponential": (layout.MetricKind.EXPONENTIAL, float),
}


def joined(parts):
    """Several results as one: each behind its length."""
    return b"".join(len(part).to_bytes(4, "little") + part for part in parts)


def play_meter(program, wasm):
    module = PlainModule(wasm, ENGINE)
    module.set_resource({"service.name": "vectors", "telemetry.sdk.language": "any"})
    module.set_scope("vectors", "1")
    clock = ManualClock(int(DEFAULT_CLOCK))
    meter = Meter(module, clock, **({"limit": program["limit"]} if "limit" in program else {}))
    instruments, series, otlp, texts = [], [], [], []
    for verb, *words in program["ops"]:
        if verb == "instrument":
            kind, name, unit, description, *bounds = words
            bounds = [float(bound) for bound in bounds[0]] if bounds else []
            instruments.append(meter.instrument(*INSTRUMENTS[kind], name, unit, description, bounds))
        elif verb == "series":
            series.append(instruments[words[0]].series(pairs(words[1])))
        elif verb == "advance":
            clock.advance(int(words[0]))
        elif verb == "collect":
            otlp.append(meter.collect(getattr(Temporality, words[0].upper())))
            texts.append(meter.json().encode())
        elif verb == "commit":
            meter.commit()
        else:
            getattr(series[words[0]], verb)(value(words[1]))
    return {"otlp": joined(otlp), "json": joined(texts)}


def check():
    wasm = compiled("spanloom_views.wasm")
    spans = check_all(wasm, "programs.jsonl", "golden.json", play)
    meter = check_all(wasm, "meter.jsonl", "meter_golden.json", play_meter)
    return spans and meter


def check_all(wasm, programs, hashes, play):
    """Plays all programs of a file; true where each gives its golden bytes."""
    print(programs, end=": ")
    golden = json.loads((HERE / hashes).read_text())
    programs = [json.loads(line) for line in (HERE / programs).read_text().strip().split("\n")]
    passed = 0
    for program in programs:
        wanted = golden[program["name"]]
        try:
            played = play(program, wasm)
            differing = [form for form in wanted if hashlib.sha256(played[form]).hexdigest() != wanted[form]]
        except Exception:  # One program that breaks must not hide the others.
            differing = [traceback.format_exc()]
        if differing:
            print(f"{program['name']}: {', '.join(differing)}")
        else:
            passed += 1
    print(f"{len(programs)} programs")
    print(f"{passed} passed, {len(programs) - passed} failed, 0 skipped")
    return passed == len(programs) == len(golden)


INPUT = "0123456789" * 20
NODES = 8
BURST = 57


def record(loom):
    """W: a workflow of a root and eight nodes."""
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


def micros_of(call):
    """Microseconds of one call, of which there are many; the median of some rounds."""
    calls = range(200_000)
    rounds = []
    for _ in range(7):
        begin = time.process_time()
        for _ in calls:
            call(7.5)
        rounds.append((time.process_time() - begin) * 1e6 / len(calls))
    return statistics.median(rounds)


def bench_meter():
    meter = Meter(PlainModule(compiled("spanloom_views.wasm"), ENGINE), time.time_ns)
    made = {kind: meter.instrument(*INSTRUMENTS[kind], kind).series({"route": "/ask"}) for kind in INSTRUMENTS}
    cost = {
        "us_per_add": micros_of(made["counter_double"].add),
        "us_per_record": micros_of(made["histogram"].record),
        "us_per_record_exponential": micros_of(made["exponential"].record),
    }
    if "--json" in sys.argv:
        print(json.dumps(cost))
    else:
        print(f"{cost['us_per_add']:.3f} µs an addition, {cost['us_per_record']:.3f} µs a number in a histogram")
        print(f"{cost['us_per_record_exponential']:.3f} µs a number in an exponential histogram")


def bench():
    module = PlainModule(compiled("spanloom_abi.wasm"), ENGINE)
    module.set_resource({"service.name": "bench"})
    loom = Loom(module)
    size = 0

    def burst():
        nonlocal size
        for _ in range(BURST):
            record(loom)
        loom.flush()
        size = len(module.otlp())
        module.clear_records()

    begin = time.perf_counter()
    warm = 0
    while time.perf_counter() - begin < 0.5:
        burst()
        warm += 1
    bursts = max(1, warm // 5)
    rounds = []
    for _ in range(11):
        begin = time.process_time()
        for _ in range(bursts):
            burst()
        rounds.append((time.process_time() - begin) * 1e6 / (bursts * BURST * (NODES + 1)))
    cost = {
        "us_per_span": statistics.median(rounds),
        "bytes_per_span": size / (BURST * (NODES + 1)),
    }
    if "--json" in sys.argv:
        print(json.dumps(cost))
    else:
        print(f"{cost['us_per_span']:.3f} µs a span, {cost['us_per_span'] * (NODES + 1):.1f} µs W")


if __name__ == "__main__":
    if "--bench-meter" in sys.argv:
        bench_meter()
    elif "--bench" in sys.argv:
        bench()
    else:
        sys.exit(0 if check() else 1)
