// A small host of the plain module's meter: a measurement is one call with the number of its series.
//
// Labels are resolved once, when a series is made. The module sums up; JavaScript keeps nothing but the handles.

import { Abi, InstrumentKind, MeterProblem, Temporality } from "../../bindings/abi/layout.mjs";
import { CompactWriter } from "./host.mjs";

export { InstrumentKind, MeterProblem, Temporality };

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A series of a counter, an up-down counter, a gauge or a histogram. Each call that fits its kind is one call into the module. */
export class Series {
  #exports;
  #handle;

  constructor(exports, handle) {
    this.#exports = exports;
    this.#handle = handle;
  }

  /** Adds a number, or a BigInt of up to 64 bits. */
  add(amount) {
    if (typeof amount === "number") this.#exports.meter_add(this.#handle, amount);
    else this.#exports.meter_add_int(this.#handle, amount);
  }

  set(number) {
    if (typeof number === "number") this.#exports.meter_set(this.#handle, number);
    else this.#exports.meter_set_int(this.#handle, number);
  }

  record(number) {
    this.#exports.meter_record(this.#handle, number);
  }
}

/** The meter of an instance of the plain module. */
export class Meter {
  #exports;
  #writer = new CompactWriter(1 << 12);
  #now;

  /** `now` gives nanoseconds since 1970 as a BigInt. */
  constructor(exports, now) {
    if (exports.abi_version() !== Abi.ABI_VERSION) throw new Error("the module and this host do not fit");
    this.#exports = exports;
    this.#now = now;
  }

  limit(series) {
    if (this.#exports.meter_limit(series) !== 0) throw new RangeError("set the limit before the first instrument");
  }

  /** The handle of an instrument; 0 where there are too many. */
  instrument(kind, name, unit = "", description = "", numbers = []) {
    const text = encoder.encode(`${name}\n${unit}\n${description}`);
    const doubles = new Uint8Array(Float64Array.from(numbers).buffer);
    return this.#with(text, (at) =>
      this.#with(doubles, (from) => this.#exports.meter_instrument(kind, at, text.length, from, numbers.length) >>> 0));
  }

  /** The series of an instrument with these labels: an object, a Map, or nothing. */
  series(instrument, labels) {
    const bytes = labels === undefined ? new Uint8Array() : this.#writer.map(labels);
    const handle = this.#with(bytes, (at) => this.#exports.meter_series(instrument, at, bytes.length, this.#now()) >>> 0);
    return new Series(this.#exports, handle);
  }

  /** What everything stands at, as an OTLP metrics request; no bytes where there is nothing to say. */
  collect(temporality) {
    if (this.#exports.meter_collect(this.#now(), temporality) !== 0) throw new RangeError(`no temporality ${temporality}`);
    return this.#answer();
  }

  /** The request that was collected last, as JSON. Needs the module with views. */
  json() {
    if (this.#exports.metrics_to_json() !== 0) throw new Error("no metrics request");
    return decoder.decode(this.#answer());
  }

  /** What was collected last has arrived. */
  commit() {
    this.#exports.meter_commit();
  }

  problems() {
    return Object.fromEntries(
      Object.entries(MeterProblem).map(([name, number]) => [name, this.#exports.meter_problems(number)]));
  }

  /** Lends bytes to the module for a call. */
  #with(bytes, call) {
    const block = this.#exports.alloc(bytes.length) >>> 0;
    if (block === 0 && bytes.length > 0) throw new RangeError(`the module has no ${bytes.length} bytes`);
    new Uint8Array(this.#exports.memory.buffer).set(bytes, block);
    const answer = call(block);
    this.#exports.free(block, bytes.length);
    return answer;
  }

  #answer() {
    const start = this.#exports.answer_ptr() >>> 0;
    return new Uint8Array(this.#exports.memory.buffer, start, this.#exports.answer_len() >>> 0).slice();
  }
}
