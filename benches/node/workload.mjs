// W, the workflow that every script records, and how a script is timed. The same W is in benches/rust/src/workload.rs.

export const INPUT =
  "The planner splits the question into steps and hands each to the tool that fits it best, then it reads what came " +
  "back, asks again where a part is missing, and writes one answer that names its sources.";
export const NODES = 8;
export const SPANS = 9;
/** W that are recorded before a flush. */
export const BURST = 57;

if (INPUT.length !== 200) throw new Error(`the long string has ${INPUT.length} bytes`);

const ROUNDS = 11;
const ROUND_MS = 80;

/** Processor time of the whole process in microseconds: other programs on the machine do not count. */
function processTime() {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/**
 * Times bursts of W and prints the median as JSON. `burst` records BURST times W and waits until all is encoded;
 * it gives back the spans and bytes that came out.
 */
export async function report(burst) {
  const start = performance.now();
  let warm = 0;
  while (performance.now() - start < 1000) {
    await burst();
    warm += 1;
  }
  const bursts = Math.max(1, Math.round(ROUND_MS / ((performance.now() - start) / warm)));
  const rounds = [];
  let spans = 0;
  let bytes = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const begin = processTime();
    for (let i = 0; i < bursts; i += 1) {
      const out = await burst();
      spans += out.spans;
      bytes += out.bytes;
    }
    rounds.push((processTime() - begin) / (bursts * BURST * SPANS));
  }
  if (spans !== ROUNDS * bursts * BURST * SPANS) throw new Error(`${spans} spans came out`);
  rounds.sort((a, b) => a - b);
  console.log(JSON.stringify({ us_per_span: rounds[ROUNDS >> 1], bytes_per_span: bytes / spans }));
}
