// Made from the Rust constants by `cargo xtask codegen`; changes here are overwritten.

/** The interface of the plain module; a host refuses another version. */
export const Abi = Object.freeze({
  ABI_VERSION: 1,
});

/** The envelope of a record. */
export const Envelope = Object.freeze({
  ENVELOPE_LEN: 24,
  VERSION: 1,
  MAX_RECORD_LEN: 67108864,
});

/** What a record says. */
export const RecordKind = Object.freeze({
  WORKFLOW_OPENED: 1,
  STARTED: 2,
  FINISHED: 3,
  WORKFLOW_CLOSED: 4,
  METRIC_DELTA: 5,
});

/** Bits of a record's flags. */
export const RecordFlag = Object.freeze({
  SEALED: 1,
  NODE: 2,
  CUT: 4,
  ABANDONED: 8,
  REPAIRED: 16,
  CLOCK_SUSPECT: 32,
});

/** Sizes and references of the host layouts. */
export const Layout = Object.freeze({
  LAYOUT_VERSION: 1,
  SPAN_HEADER_LEN: 80,
  INTERNED: 32768,
  LONG_NAME: 32767,
  MAX_NAMES: 32767,
  TUPLE_LEN: 14,
  METRIC_TUPLE_LEN: 6,
});

/** Entries that are no records. */
export const Entry = Object.freeze({
  DEFINE_NAME: 16,
  FORGET_NAMES: 17,
});

/** Bits of a host's span. */
export const HostFlag = Object.freeze({
  NODE: 1,
  PARENT_IS_REMOTE: 2,
});

/** What may follow the fixed part of a span. */
export const Item = Object.freeze({
  ATTRIBUTE: 1,
  INPUT: 2,
  OUTPUT: 3,
  CONFIG: 4,
  EVENT: 5,
  LINK: 6,
  USAGE: 7,
  FIRST_FRAME: 8,
  NEXT: 9,
  STATUS_MESSAGE: 10,
  IDENTITY: 11,
});

/** Types of values in the compact layout. */
export const ValueType = Object.freeze({
  NULL: 0,
  FALSE: 1,
  TRUE: 2,
  INT32: 3,
  INT64: 4,
  DOUBLE: 5,
  TEXT: 6,
  BYTES: 7,
  ARRAY: 8,
  MAP: 9,
  SHORT_TEXT: 10,
  NAME: 11,
});

/** Which side of a call a span is. */
export const SpanKind = Object.freeze({
  INTERNAL: 1,
  SERVER: 2,
  CLIENT: 3,
  PRODUCER: 4,
  CONSUMER: 5,
});

/** How a span went. */
export const StatusCode = Object.freeze({
  UNSET: 0,
  OK: 1,
  ERROR: 2,
});

/** How reports of tokens go together. */
export const UsageMode = Object.freeze({
  TOTAL: 0,
  DELTA: 1,
  CUMULATIVE: 2,
});

/** What a call of the plain module came to. */
export const Answer = Object.freeze({
  OK: 0,
  MALFORMED: 1,
  UNKNOWN: 2,
  RECORDS: 3,
});

/** What the plain module counts. */
export const Count = Object.freeze({
  SPANS: 0,
  MALFORMED: 1,
  UNKNOWN: 2,
  REPAIRED: 3,
  METRICS: 4,
  INVALID: 5,
});

/** What one span may hold. */
export const Limit = Object.freeze({
  ATTRIBUTES: 0,
  EVENTS: 1,
  LINKS: 2,
  NESTED_ATTRIBUTES: 3,
  VALUE_LENGTH: 4,
  KEY_LENGTH: 5,
  VALUE_DEPTH: 6,
  VALUE_NODES: 7,
  SPAN_BYTES: 8,
});

/** Kinds of metrics in the marshalled layout. */
export const MetricKind = Object.freeze({
  COUNTER: 1,
  UP_DOWN_COUNTER: 2,
  GAUGE: 3,
  HISTOGRAM: 4,
  EXPONENTIAL: 5,
});

/** What an instrument of the plain module does, and the type of its numbers. */
export const InstrumentKind = Object.freeze({
  COUNTER_INT: 0,
  COUNTER_DOUBLE: 1,
  UP_DOWN_COUNTER_INT: 2,
  UP_DOWN_COUNTER_DOUBLE: 3,
  GAUGE_INT: 4,
  GAUGE_DOUBLE: 5,
  HISTOGRAM: 6,
  EXPONENTIAL: 7,
});

/** Bounds of buckets that a histogram has when nobody says others. */
export const Bounds = Object.freeze({
  OPENTELEMETRY: [0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0, 10000.0],
});

/** Since when what is collected counts. */
export const Temporality = Object.freeze({
  DELTA: 1,
  CUMULATIVE: 2,
});

/** What the meter of the plain module counts. */
export const MeterProblem = Object.freeze({
  INVALID: 0,
  MENDED: 1,
  CONFLICTS: 2,
  MISFITS: 3,
  MISUSED: 4,
  SURPLUS: 5,
});

/** Attribute keys and event names of the vocabulary. */
export const Key = Object.freeze({
  QUESTION: "spanloom.question",
  ANSWER: "spanloom.answer",
  TAGS: "spanloom.tags",
  STATUS_CODE: "spanloom.status_code",
  INFO_EVENT: "INFO",
  INFO_LOG: "INFO LOG",
  ERROR_EVENT: "ERROR",
  ERROR_LOG: "ERROR LOG",
  EXCEPTION_EVENT: "exception",
  EXCEPTION_TYPE: "exception.type",
  EXCEPTION_MESSAGE: "exception.message",
  ERROR_TYPE: "error.type",
});
