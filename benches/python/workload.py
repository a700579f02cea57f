"""W, the workflow that every script records, and how a script is timed. The same W is in benches/rust/src/workload.rs."""

import json
import statistics
import time

INPUT = (
    "The planner splits the question into steps and hands each to the tool that fits it best, then it reads what came "
    "back, asks again where a part is missing, and writes one answer that names its sources."
)
NODES = 8
SPANS = 9
# W that are recorded before a flush.
BURST = 57

assert len(INPUT) == 200

ROUNDS = 9
ROUND_SECONDS = 0.1


def report(burst):
    """Times bursts of W and prints the median as JSON.

    `burst` records BURST times W and waits until all is encoded; it gives back the spans and bytes that came out.
    """
    start = time.perf_counter()
    warm = 0
    while time.perf_counter() - start < 0.5:
        burst()
        warm += 1
    bursts = max(1, round(ROUND_SECONDS / ((time.perf_counter() - start) / warm)))
    rounds = []
    spans = size = 0
    for _ in range(ROUNDS):
        # Processor time of the whole process: other programs on the machine do not count.
        begin = time.process_time()
        for _ in range(bursts):
            new_spans, new_bytes = burst()
            spans += new_spans
            size += new_bytes
        rounds.append((time.process_time() - begin) * 1e6 / (bursts * BURST * SPANS))
    if spans != ROUNDS * bursts * BURST * SPANS:
        raise RuntimeError(f"{spans} spans came out")
    print(json.dumps({"us_per_span": statistics.median(rounds), "bytes_per_span": size / spans}))
