// A small host of the plain module: the handles of the SDK for JavaScript, without delivery.
//
// A span lives in plain objects while it runs. When it ends it is written once, in the compact layout, into a buffer of
// the host; the module gets whole batches. So recording needs no wasm at all, and a call into it is paid once a batch.

import { Abi, Answer, Count, Entry, HostFlag, Item, Key, Layout, Limit, RecordKind, SpanKind, StatusCode, UsageMode, ValueType }
  from "../../bindings/abi/layout.mjs";

export { Limit, SpanKind, StatusCode, UsageMode };

const BATCH_BYTES = 256 << 10;
/** Up to this length a loop over the characters is faster than a call of the encoder. */
const SHORT = 40;
/** Longer names are not interned: they are rarely said twice. */
const LONGEST_INTERNED = 64;
const DEEPEST = 200;
const MOST_VALUES = 100_000;
const encoder = new TextEncoder();
/** Node's buffers write at an offset; elsewhere each text needs a view of its own. */
const hasBuffers = typeof Buffer === "function" && typeof Buffer.prototype.utf8Write === "function";
const decoder = new TextDecoder();

/** A number that is to be a double, also where it is whole: `new Double(5)`. */
export class Double {
  constructor(value) {
    this.value = value;
  }
}

/** The clock of the system: milliseconds, with a fraction. */
export class SystemClock {
  /** Nanoseconds to add to what `now` has given. */
  nanos = 0;
  #origin = performance.timeOrigin;

  now() {
    return this.#origin + performance.now();
  }
}

/** A clock that is moved by hand, exact to the nanosecond. */
export class ManualClock {
  #time;
  nanos = 0;

  constructor(unixNanos) {
    this.#time = BigInt(unixNanos);
  }

  now() {
    this.nanos = Number(this.#time % 1_000_000n);
    return Number(this.#time / 1_000_000n);
  }

  advance(nanos) {
    this.#time += BigInt(nanos);
  }

  set(unixNanos) {
    this.#time = BigInt(unixNanos);
  }
}

/** Fills words with randomness of the system. */
export function systemEntropy(words) {
  crypto.getRandomValues(words);
}

/** SplitMix64: the same numbers for the same seed in every language. Not for production. */
export function seededEntropy(seed) {
  const mask = (1n << 64n) - 1n;
  let state = BigInt(seed);
  return (words) => {
    for (let at = 0; at < words.length; at += 2) {
      state = (state + 0x9e3779b97f4a7c15n) & mask;
      let z = state;
      z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & mask;
      z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask;
      z ^= z >> 31n;
      words[at] = Number(z >> 32n) | 0;
      words[at + 1] = Number(z & 0xffffffffn) | 0;
    }
  };
}

/** Random words, drawn from the system a thousand at a time: a call costs 2 µs, a word must not. */
class IdPool {
  #words = new Int32Array(1024);
  #next = 1024;
  #fill;
  high = 0;
  low = 0;

  constructor(fill) {
    this.#fill = fill;
  }

  /** Leaves a number of 64 bits in `high` and `low`. */
  draw() {
    if (this.#next === 1024) {
      this.#fill(this.#words);
      this.#next = 0;
    }
    this.high = this.#words[this.#next];
    this.low = this.#words[this.#next + 1];
    this.#next += 2;
  }

  /** As `draw`, but not zero, which would be no id. */
  drawId() {
    do this.draw();
    while ((this.high | this.low) === 0);
  }
}

const hasOwn = Object.hasOwn;

/** Writes entries of the compact layout one behind the other. */
export class CompactWriter {
  #names = new Map();
  /** Names that were seen for the first time in the span that is being written. */
  #fresh = [];
  #bytes;
  #view;
  #buffer = null;
  #at = 0;
  #values = 0;
  spans = 0;

  constructor(capacity = BATCH_BYTES + (64 << 10)) {
    this.#use(new Uint8Array(capacity));
  }

  #use(bytes) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
    if (hasBuffers) this.#buffer = Buffer.from(bytes.buffer);
  }

  /** How many bytes wait. */
  get length() {
    return this.#at;
  }

  /** Gives what was written, valid until the next span, and begins anew. Names stay known to the module. */
  take() {
    const batch = this.#bytes.subarray(0, this.#at);
    this.#at = 0;
    this.spans = 0;
    return batch;
  }

  /** Makes room for `more` bytes. */
  #reserve(more) {
    if (this.#at + more > this.#bytes.length) this.#grow(more);
  }

  #grow(more) {
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at + more + 4096));
    larger.set(this.#bytes.subarray(0, this.#at));
    this.#use(larger);
  }

  /** Appends a text of whatever length; gives the number of bytes. The caller has reserved `3 * text.length`. */
  #text(text) {
    const length = text.length;
    const bytes = this.#bytes;
    const start = this.#at;
    if (length <= SHORT) {
      let at = 0;
      for (; at < length; at += 1) {
        const code = text.charCodeAt(at);
        if (code > 127) break;
        bytes[start + at] = code;
      }
      if (at === length) {
        this.#at = start + length;
        return length;
      }
    }
    const written = hasBuffers
      ? this.#buffer.utf8Write(text, start, 3 * length)
      : encoder.encodeInto(text, bytes.subarray(start, start + 3 * length)).written;
    this.#at = start + written;
    return written;
  }

  /** Writes the reference of a name at `place`, and the name behind what is written so far where it is not interned. */
  #nameAt(place, name) {
    const known = this.#names.get(name);
    if (known !== undefined) {
      this.#view.setUint16(place, known, true);
      return;
    }
    this.#newNameAt(place, name);
  }

  #newNameAt(place, name) {
    const text = String(name);
    if (text.length <= LONGEST_INTERNED) this.#fresh.push(text);
    this.#reserve(3 * text.length + 8);
    const start = this.#at;
    if (3 * text.length < Layout.LONG_NAME) {
      this.#view.setUint16(place, this.#text(text), true);
      return;
    }
    this.#at = start + 4;
    const length = this.#text(text);
    this.#view.setUint16(place, Layout.LONG_NAME, true);
    this.#view.setUint32(start, length, true);
  }

  /** Appends a reference to a name, and the name where it is not interned. */
  #name(name) {
    const place = this.#at;
    this.#at = place + 2;
    this.#nameAt(place, name);
  }

  #byte(byte) {
    this.#bytes[this.#at] = byte;
    this.#at += 1;
  }

  #time(millis, nanos) {
    this.#view.setFloat64(this.#at, millis, true);
    this.#view.setUint32(this.#at + 8, nanos, true);
    this.#at += 12;
  }

  /** Appends a value. */
  #value(value) {
    this.#reserve(16);
    if (typeof value === "string") {
      this.#string(value);
    } else if (typeof value === "number") {
      this.#number(value);
    } else if (typeof value === "boolean") {
      this.#byte(value ? ValueType.TRUE : ValueType.FALSE);
    } else {
      this.#foreign(value);
    }
  }

  /** Objects of the program may do anything when they are looked at; tracing does not: such a value becomes null. */
  #foreign(value) {
    const start = this.#at;
    this.#values = 0;
    try {
      this.#other(value, 0);
    } catch {
      this.#at = start;
      this.#byte(ValueType.NULL);
    }
  }

  #string(text) {
    this.#reserve(3 * text.length + 8);
    const start = this.#at;
    if (text.length <= 85) {
      this.#at = start + 2;
      const length = this.#text(text);
      this.#bytes[start] = ValueType.SHORT_TEXT;
      this.#bytes[start + 1] = length;
    } else {
      this.#at = start + 5;
      const length = this.#text(text);
      this.#bytes[start] = ValueType.TEXT;
      this.#view.setUint32(start + 1, length, true);
    }
  }

  /** Whole numbers that a double holds exactly are whole numbers; all others, and -0, are doubles. */
  #number(number) {
    if ((number | 0) === number && (number !== 0 || 1 / number > 0)) {
      this.#bytes[this.#at] = ValueType.INT32;
      this.#view.setInt32(this.#at + 1, number, true);
      this.#at += 5;
    } else if (Number.isSafeInteger(number) && number !== 0) {
      const high = Math.floor(number / 4294967296);
      this.#bytes[this.#at] = ValueType.INT64;
      this.#view.setUint32(this.#at + 1, number - high * 4294967296, true);
      this.#view.setInt32(this.#at + 5, high, true);
      this.#at += 9;
    } else {
      this.#double(number);
    }
  }

  #double(number) {
    this.#bytes[this.#at] = ValueType.DOUBLE;
    this.#view.setFloat64(this.#at + 1, number, true);
    this.#at += 9;
  }

  #bigint(number) {
    if (BigInt.asIntN(64, number) !== number) return this.#string(number.toString());
    this.#bytes[this.#at] = ValueType.INT64;
    this.#view.setBigInt64(this.#at + 1, number, true);
    this.#at += 9;
  }

  /** Whatever else a program hands over. What is no value becomes null; what is too deep or too much is cut. */
  #other(value, depth) {
    this.#reserve(16);
    this.#values += 1;
    if (typeof value === "string") return this.#string(value);
    if (typeof value === "number") return this.#number(value);
    if (typeof value === "boolean") return this.#byte(value ? ValueType.TRUE : ValueType.FALSE);
    if (typeof value === "bigint") return this.#bigint(value);
    if (typeof value !== "object" || value === null || depth >= DEEPEST || this.#values > MOST_VALUES) {
      return this.#byte(ValueType.NULL);
    }
    if (value instanceof Double) return this.#double(value.value);
    if (value instanceof Uint8Array) return this.#byteString(value);
    if (value instanceof Date) return this.#string(Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString());
    if (Array.isArray(value)) {
      const length = Math.min(value.length, MOST_VALUES);
      this.#container(ValueType.ARRAY, length);
      for (let at = 0; at < length; at += 1) this.#other(value[at], depth + 1);
      return undefined;
    }
    return this.#map(value, depth);
  }

  #byteString(bytes) {
    this.#reserve(bytes.length + 8);
    this.#container(ValueType.BYTES, bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  #container(type, count) {
    this.#bytes[this.#at] = type;
    this.#view.setUint32(this.#at + 1, count, true);
    this.#at += 5;
  }

  #map(entries, depth) {
    const place = this.#at + 1;
    let count = 0;
    this.#container(ValueType.MAP, 0);
    const each = (key, value) => {
      count += 1;
      this.#inlineName(String(key));
      this.#other(value, depth + 1);
    };
    if (entries instanceof Map) for (const [key, value] of entries) each(key, value);
    else for (const key in entries) if (hasOwn(entries, key)) each(key, entries[key]);
    this.#view.setUint32(place, count, true);
  }

  /** A key inside a value: such keys may be data, so they are not interned. */
  #inlineName(name) {
    this.#reserve(3 * name.length + 8);
    const place = this.#at;
    const isLong = 3 * name.length >= Layout.LONG_NAME;
    this.#at = place + (isLong ? 6 : 2);
    const length = this.#text(name);
    this.#view.setUint16(place, isLong ? Layout.LONG_NAME : length, true);
    if (isLong) this.#view.setUint32(place + 2, length, true);
  }

  /** Attributes of an event or a link: how many, and each. */
  #nested(entries) {
    const place = this.#at;
    this.#at = place + 2;
    let count = 0;
    const each = (key, value) => {
      if (count === 0xffff) return;
      count += 1;
      this.#reserve(8);
      this.#name(key);
      this.#value(value);
    };
    if (entries instanceof Map) for (const [key, value] of entries) each(key, value);
    else if (Array.isArray(entries)) for (const [key, value] of entries) each(key, value);
    else if (entries) for (const key in entries) if (hasOwn(entries, key)) each(key, entries[key]);
    this.#view.setUint16(place, count, true);
  }

  /** A map as a value of its own: the labels of a series. Valid until something else is written. */
  map(entries) {
    this.#at = 0;
    this.#values = 0;
    this.#reserve(16);
    this.#map(entries, 0);
    return this.take();
  }

  /** Writes a span as it is now, as an entry of this kind. */
  span(span, kind, endMillis, endNanos) {
    this.#reserve(Layout.SPAN_HEADER_LEN + 16);
    const start = this.#at;
    const bytes = this.#bytes;
    const view = this.#view;
    const trace = span.trace;
    bytes[start + 4] = kind;
    bytes[start + 5] = span.spanKind;
    bytes[start + 6] = span.statusCode;
    bytes[start + 7] = trace.flags;
    view.setUint16(start + 8, span.hostFlags, true);
    // The ids are bytes: most significant first.
    view.setInt32(start + 16, trace.id0);
    view.setInt32(start + 20, trace.id1);
    view.setInt32(start + 24, trace.id2);
    view.setInt32(start + 28, trace.id3);
    view.setInt32(start + 32, span.idHigh);
    view.setInt32(start + 36, span.idLow);
    view.setInt32(start + 40, span.parentHigh);
    view.setInt32(start + 44, span.parentLow);
    view.setInt32(start + 48, trace.workflowHigh);
    view.setInt32(start + 52, trace.workflowLow);
    view.setFloat64(start + 56, span.startMillis, true);
    view.setFloat64(start + 64, endMillis, true);
    view.setUint32(start + 72, span.startNanos, true);
    view.setUint32(start + 76, endNanos, true);
    this.#at = start + Layout.SPAN_HEADER_LEN;
    this.#nameAt(start + 14, span.name);
    if (span.kind === "") this.#view.setUint16(start + 10, 0, true);
    else this.#nameAt(start + 10, span.kind);
    if (trace.state === "") this.#view.setUint16(start + 12, 0, true);
    else this.#traceState(start + 12, trace.state);
    this.#reserve(16);
    if (trace.identity !== null) this.#identity(trace.identity);
    const attributes = span.attributes;
    for (let at = 0; at < attributes.length; at += 2) {
      this.#reserve(24);
      this.#bytes[this.#at] = Item.ATTRIBUTE;
      this.#at += 1;
      this.#name(attributes[at]);
      this.#value(attributes[at + 1]);
    }
    const events = span.events;
    if (events !== null) for (let at = 0; at < events.length; at += 4) this.#event(events, at);
    if (span.extras !== null) this.#extras(span.extras);
    if (span.statusMessage !== "") {
      this.#reserve(16);
      this.#byte(Item.STATUS_MESSAGE);
      this.#inlineName(span.statusMessage);
    }
    this.#view.setUint32(start, this.#at - start, true);
    this.spans += 1;
    if (this.#fresh.length > 0) this.#define();
  }

  #traceState(place, state) {
    this.#reserve(3 * state.length);
    this.#view.setUint16(place, this.#text(state), true);
  }

  #identity({ sid, app, user, chat }) {
    this.#byte(Item.IDENTITY);
    for (const part of [sid, app, user, chat]) {
      this.#reserve(8);
      this.#inlineName(part);
    }
  }

  #event(events, at) {
    this.#reserve(32);
    this.#byte(Item.EVENT);
    this.#time(events[at], events[at + 1]);
    this.#name(events[at + 2]);
    const attributes = events[at + 3];
    this.#reserve(8);
    if (attributes === undefined) {
      this.#view.setUint16(this.#at, 0, true);
      this.#at += 2;
    } else {
      this.#nested(attributes);
    }
  }

  #extras(extras) {
    for (const extra of extras) {
      this.#reserve(96);
      this.#byte(extra.item);
      switch (extra.item) {
        case Item.INPUT:
        case Item.OUTPUT:
        case Item.CONFIG:
          this.#name(extra.name);
          this.#value(extra.value);
          break;
        case Item.USAGE:
          for (const number of extra.numbers) {
            this.#view.setFloat64(this.#at, number, true);
            this.#at += 8;
          }
          this.#byte(extra.mode);
          break;
        case Item.FIRST_FRAME:
          this.#time(extra.millis, extra.nanos);
          break;
        case Item.NEXT:
          this.#inlineName(extra.id);
          break;
        case Item.LINK:
          this.#link(extra);
          break;
      }
    }
  }

  #link({ to, attributes }) {
    for (const hex of [to.traceId, to.spanId]) {
      for (let at = 0; at < hex.length; at += 2) this.#byte(Number.parseInt(hex.slice(at, at + 2), 16));
    }
    this.#view.setUint32(this.#at, to.flags | (to.isRemote ? 0x300 : 0x100), true);
    this.#at += 4;
    this.#inlineName(to.traceState ?? "");
    this.#reserve(8);
    this.#nested(attributes);
  }

  /** Tells the module the names that the last span said inline; from then on their numbers do. */
  #define() {
    if (this.#names.size + this.#fresh.length > Layout.MAX_NAMES) {
      this.#reserve(8);
      this.#view.setUint32(this.#at, 5, true);
      this.#bytes[this.#at + 4] = Entry.FORGET_NAMES;
      this.#at += 5;
      this.#names.clear();
    }
    for (const name of this.#fresh) {
      if (this.#names.has(name)) continue;
      this.#reserve(3 * name.length + 16);
      const start = this.#at;
      const number = this.#names.size;
      this.#bytes[start + 4] = Entry.DEFINE_NAME;
      this.#bytes[start + 5] = 0;
      this.#view.setUint16(start + 6, number, true);
      this.#at = start + 8;
      this.#text(name);
      this.#view.setUint32(start, this.#at - start, true);
      this.#names.set(name, number | Layout.INTERNED);
    }
    this.#fresh.length = 0;
  }
}

/** An instance of the plain module. */
export class PlainModule {
  #exports;
  #block = 0;
  #capacity = 0;

  constructor(module) {
    this.#exports = new WebAssembly.Instance(module, {}).exports;
    const version = this.#exports.abi_version();
    if (version !== Abi.ABI_VERSION) throw new Error(`the module speaks version ${version}, this host ${Abi.ABI_VERSION}`);
  }

  /** Copies bytes into the module's memory and calls `name` with them. */
  #give(name, bytes) {
    if (bytes.length > this.#capacity) {
      this.#exports.free(this.#block, this.#capacity);
      this.#capacity = Math.max(bytes.length, BATCH_BYTES * 2);
      this.#block = this.#exports.alloc(this.#capacity) >>> 0;
      if (this.#block === 0) {
        this.#capacity = 0;
        throw new RangeError(`the module has no ${bytes.length} bytes`);
      }
    }
    new Uint8Array(this.#exports.memory.buffer).set(bytes, this.#block);
    return this.#exports[name](this.#block, bytes.length);
  }

  /** The functions of the module, for what calls them one by one. */
  get exports() {
    return this.#exports;
  }

  /** Takes a batch; gives how many spans became records. */
  ingest(batch) {
    return this.#give("ingest_compact", batch) >>> 0;
  }

  setResource(attributes) {
    const writer = new CompactWriter(4096);
    const pairs = [];
    for (const [key, value] of Object.entries(attributes)) pairs.push(key, value);
    const span = new Node(null, new Trace(), "", SpanKind.INTERNAL);
    span.attributes = pairs;
    writer.span(span, RecordKind.FINISHED, 0, 0);
    this.#give("ingest_compact", writer.take());
    // The names that this writer defined are not those of the next one.
    this.#give("ingest_compact", Uint8Array.of(5, 0, 0, 0, Entry.FORGET_NAMES));
    if (this.#exports.take_resource() !== Answer.OK) throw new TypeError("no resource");
  }

  setScope(name, version) {
    if (this.#give("scope", encoder.encode(`${name}\n${version}`)) !== Answer.OK) throw new TypeError("no scope");
  }

  setLimit(limit, value) {
    if (this.#exports.set_limit(limit, value) !== Answer.OK) throw new RangeError(`no limit ${limit}`);
  }

  /** A copy of the records. */
  records() {
    return this.#copy("records");
  }

  clearRecords() {
    this.#exports.clear_records();
  }

  /** The finished spans as an OTLP export request. */
  otlp() {
    return this.#answer("encode_otlp");
  }

  otlpJson() {
    return decoder.decode(this.#answer("to_otlp_json"));
  }

  traceLogJson(utcOffsetMinutes) {
    return decoder.decode(this.#answer("to_trace_log_json", utcOffsetMinutes));
  }

  counts() {
    return Object.fromEntries(Object.entries(Count).map(([name, number]) => [name, this.#exports.counted(number)]));
  }

  #answer(name, ...words) {
    const answer = this.#exports[name](...words);
    if (answer !== Answer.OK) throw new Error(`${name} answered ${answer}`);
    return this.#copy("answer");
  }

  #copy(what) {
    const start = this.#exports[`${what}_ptr`]() >>> 0;
    const length = this.#exports[`${what}_len`]() >>> 0;
    return new Uint8Array(this.#exports.memory.buffer, start, length).slice();
  }
}

/** What all spans of a run have in common. */
class Trace {
  id0 = 0;
  id1 = 0;
  id2 = 0;
  id3 = 0;
  flags = 1;
  state = "";
  workflowHigh = 0;
  workflowLow = 0;
  identity = null;
}

/** `Ok` is final, `Unset` changes nothing, and a message is kept with an error only. */
function setStatus(span, code, message) {
  if (span.statusCode === StatusCode.OK || code === StatusCode.UNSET) return;
  span.statusCode = code;
  span.statusMessage = code === StatusCode.ERROR ? message : "";
}

function addFirstFrame(span, clock) {
  span.extras ??= [];
  if (span.extras.some((extra) => extra.item === Item.FIRST_FRAME)) return;
  span.extras.push({ item: Item.FIRST_FRAME, millis: clock.now(), nanos: clock.nanos });
}

function addEvent(span, clock, name, attributes) {
  const millis = clock.now();
  if (span.events === null) span.events = [millis, clock.nanos, name, attributes];
  else span.events.push(millis, clock.nanos, name, attributes);
}

/**
 * One step of a workflow, or a plain span. After its end nothing that is said to it counts.
 *
 * The fields are for the writer. They are no private ones and there is no second object for them: a span costs what its
 * allocations cost.
 */
export class Node {
  constructor(loom, trace, name, spanKind) {
    this.loom = loom;
    this.trace = trace;
    this.name = name;
    this.kind = "";
    this.spanKind = spanKind;
    this.hostFlags = 0;
    this.idHigh = 0;
    this.idLow = 0;
    this.parentHigh = 0;
    this.parentLow = 0;
    this.startMillis = 0;
    this.startNanos = 0;
    this.statusCode = StatusCode.UNSET;
    this.statusMessage = "";
    this.attributes = [];
    this.events = null;
    this.extras = null;
    this.isOpen = true;
  }

  node(name, about) {
    return this.loom.child(this, name, HostFlag.NODE, about);
  }

  span(name, about) {
    return this.loom.child(this, name, 0, about);
  }

  attribute(key, value) {
    if (this.isOpen) this.attributes.push(key, value);
    return this;
  }

  input(name, value) {
    return this.#extra({ item: Item.INPUT, name, value });
  }

  output(name, value) {
    return this.#extra({ item: Item.OUTPUT, name, value });
  }

  config(name, value) {
    return this.#extra({ item: Item.CONFIG, name, value });
  }

  #extra(extra) {
    if (this.isOpen) (this.extras ??= []).push(extra);
    return this;
  }

  event(name, attributes) {
    if (this.isOpen) addEvent(this, this.loom.clock, name, attributes);
    return this;
  }

  info(text) {
    return this.event(Key.INFO_EVENT, [[Key.INFO_LOG, text]]);
  }

  error(text) {
    this.attribute("error", true);
    this.event(Key.ERROR_EVENT, [[Key.ERROR_LOG, text]]);
    return this.status(StatusCode.ERROR, text);
  }

  exception(type, message) {
    this.event(Key.EXCEPTION_EVENT, [[Key.EXCEPTION_TYPE, type], [Key.EXCEPTION_MESSAGE, message]]);
    this.attribute(Key.ERROR_TYPE, type);
    return this.status(StatusCode.ERROR, message);
  }

  /** Tokens: prompt, completion, question, total, cache read, cache write, reasoning. */
  usage(numbers, mode = UsageMode.TOTAL) {
    return this.#extra({ item: Item.USAGE, numbers, mode });
  }

  firstFrame() {
    if (this.isOpen) addFirstFrame(this, this.loom.clock);
    return this;
  }

  next(id) {
    return this.#extra({ item: Item.NEXT, id });
  }

  status(code, message = "") {
    if (this.isOpen) setStatus(this, code, message);
    return this;
  }

  link(to, attributes) {
    return this.#extra({ item: Item.LINK, to, attributes });
  }

  end() {
    if (!this.isOpen) return;
    this.isOpen = false;
    const clock = this.loom.clock;
    const millis = clock.now();
    this.loom.ended(this, RecordKind.FINISHED, millis, clock.nanos);
  }

  /** Ends it at this time: milliseconds, and nanoseconds behind them. */
  endAt(millis, nanos = 0) {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.loom.ended(this, RecordKind.FINISHED, millis, nanos);
  }
}

/** One run of a workflow: the root of a tree. */
export class Workflow {
  #loom;
  #span;
  #open = true;

  constructor(loom, span) {
    this.#loom = loom;
    this.#span = span;
  }

  node(name, about) {
    return this.#loom.child(this.#span, name, HostFlag.NODE, about);
  }

  span(name, about) {
    return this.#loom.child(this.#span, name, 0, about);
  }

  question(text) {
    return this.attribute(Key.QUESTION, text);
  }

  answer(text) {
    return this.attribute(Key.ANSWER, text);
  }

  tag(name, text) {
    return this.attribute(`${Key.TAGS}.${name}`, text);
  }

  attribute(key, value) {
    if (this.#open) this.#span.attributes.push(key, value);
    return this;
  }

  event(name, attributes) {
    if (this.#open) addEvent(this.#span, this.#loom.clock, name, attributes);
    return this;
  }

  /** A number of the program's own, 0 for success, and what it means. */
  status(code, message = "") {
    this.attribute(Key.STATUS_CODE, code);
    if (this.#open) setStatus(this.#span, code === 0 ? StatusCode.OK : StatusCode.ERROR, message);
    return this;
  }

  firstFrame() {
    if (this.#open) addFirstFrame(this.#span, this.#loom.clock);
    return this;
  }

  end() {
    const clock = this.#loom.clock;
    const millis = clock.now();
    this.endAt(millis, clock.nanos);
  }

  endAt(millis, nanos = 0) {
    if (!this.#open) return;
    this.#open = false;
    this.#loom.ended(this.#span, RecordKind.WORKFLOW_CLOSED, millis, nanos);
  }
}

/** Stands for what is not recorded: every call costs nothing but itself. */
const UNRECORDED = new Proxy({}, {
  get: () => () => UNRECORDED,
});

/** The handle that a program makes once. */
export class Loom {
  #writer = new CompactWriter();
  #ids;
  #module;
  #live;
  clock;

  constructor(module, { clock = new SystemClock(), entropy = systemEntropy, live = false } = {}) {
    this.#module = module;
    this.#ids = new IdPool(entropy);
    this.#live = live;
    this.clock = clock;
  }

  workflow(name, about = {}) {
    const { sid = "", app = "", user = "", chat = "", question = "" } = about;
    const span = this.#root(name, about);
    if (span === null) return UNRECORDED;
    const { trace } = span;
    trace.workflowHigh = span.idHigh;
    trace.workflowLow = span.idLow;
    if (sid !== "" || app !== "" || user !== "" || chat !== "") trace.identity = { sid, app, user, chat };
    if (question !== "") span.attributes.push(Key.QUESTION, question);
    if (this.#live) this.#write(span, RecordKind.WORKFLOW_OPENED, 0, 0);
    return new Workflow(this, span);
  }

  /** A plain span: the root of a trace of its own, or below the parent that `about` names. */
  span(name, about = {}) {
    const span = this.#root(name, about, false);
    if (span === null) return UNRECORDED;
    if (this.#live) this.#write(span, RecordKind.STARTED, 0, 0);
    return span;
  }

  /** A span at the top of what is recorded here; null where the parent's program did not record. */
  #root(name, { parent, kind = "", spanKind = SpanKind.INTERNAL, start }, drawsUnsampled = true) {
    const trace = new Trace();
    const ids = this.#ids;
    if (parent) {
      [trace.id0, trace.id1, trace.id2, trace.id3] = words(parent.traceId);
      trace.flags = (parent.flags & 2) | 1;
      trace.state = parent.traceState ?? "";
    } else {
      do {
        ids.draw();
        trace.id0 = ids.high;
        trace.id1 = ids.low;
        ids.draw();
        trace.id2 = ids.high;
        trace.id3 = ids.low;
      } while ((trace.id0 | trace.id1 | trace.id2 | trace.id3) === 0);
    }
    const isSampled = parent === undefined || (parent.flags & 1) === 1;
    if (!isSampled) {
      if (drawsUnsampled) ids.drawId();
      return null;
    }
    const span = new Node(this, trace, name, spanKind);
    span.kind = kind;
    ids.drawId();
    span.idHigh = ids.high;
    span.idLow = ids.low;
    if (parent) [span.parentHigh, span.parentLow] = words(parent.spanId);
    if (parent?.isRemote) span.hostFlags |= HostFlag.PARENT_IS_REMOTE;
    this.#start(span, start);
    return span;
  }

  /** A node (or, without flags, a plain span) below another one. */
  child(parent, name, hostFlags, about) {
    const span = new Node(this, parent.trace, name, SpanKind.INTERNAL);
    const ids = this.#ids;
    span.hostFlags = hostFlags;
    span.parentHigh = parent.idHigh;
    span.parentLow = parent.idLow;
    ids.drawId();
    span.idHigh = ids.high;
    span.idLow = ids.low;
    if (about === undefined) {
      span.startMillis = this.clock.now();
      span.startNanos = this.clock.nanos;
    } else {
      span.kind = about.kind ?? "";
      span.spanKind = about.spanKind ?? SpanKind.INTERNAL;
      this.#start(span, about.start);
    }
    if (this.#live) this.#write(span, RecordKind.STARTED, 0, 0);
    return span;
  }

  #start(span, start) {
    [span.startMillis, span.startNanos] = start ?? [this.clock.now(), this.clock.nanos];
  }

  /** Takes a span that has ended. */
  ended(span, kind, millis, nanos) {
    this.#write(span, kind, millis, nanos);
  }

  #write(span, kind, millis, nanos) {
    this.#writer.span(span, kind, millis, nanos);
    if (this.#writer.length >= BATCH_BYTES) this.flush();
  }

  /** Hands everything that was written to the module; gives the spans that became records. */
  flush() {
    return this.#writer.length === 0 ? 0 : this.#module.ingest(this.#writer.take());
  }
}

/** A hexadecimal id as words of 32 bits. */
function words(hex) {
  const all = [];
  for (let at = 0; at < hex.length; at += 8) all.push(Number.parseInt(hex.slice(at, at + 8), 16) | 0);
  return all;
}
