# Made from the Rust constants by `cargo xtask codegen`; changes here are overwritten.


class Abi:
    """The interface of the plain module; a host refuses another version."""

    ABI_VERSION = 1


class Envelope:
    """The envelope of a record."""

    ENVELOPE_LEN = 24
    VERSION = 1
    MAX_RECORD_LEN = 67108864


class RecordKind:
    """What a record says."""

    WORKFLOW_OPENED = 1
    STARTED = 2
    FINISHED = 3
    WORKFLOW_CLOSED = 4
    METRIC_DELTA = 5


class RecordFlag:
    """Bits of a record's flags."""

    SEALED = 1
    NODE = 2
    CUT = 4
    ABANDONED = 8
    REPAIRED = 16
    CLOCK_SUSPECT = 32
