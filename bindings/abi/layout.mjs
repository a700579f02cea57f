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
