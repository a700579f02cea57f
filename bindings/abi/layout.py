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


class Layout:
    """Sizes and references of the host layouts."""

    LAYOUT_VERSION = 1
    SPAN_HEADER_LEN = 80
    INTERNED = 32768
    LONG_NAME = 32767
    MAX_NAMES = 32767
    TUPLE_LEN = 14
    METRIC_TUPLE_LEN = 6


class Entry:
    """Entries that are no records."""

    DEFINE_NAME = 16
    FORGET_NAMES = 17


class HostFlag:
    """Bits of a host's span."""

    NODE = 1
    PARENT_IS_REMOTE = 2


class Item:
    """What may follow the fixed part of a span."""

    ATTRIBUTE = 1
    INPUT = 2
    OUTPUT = 3
    CONFIG = 4
    EVENT = 5
    LINK = 6
    USAGE = 7
    FIRST_FRAME = 8
    NEXT = 9
    STATUS_MESSAGE = 10
    IDENTITY = 11


class ValueType:
    """Types of values in the compact layout."""

    NULL = 0
    FALSE = 1
    TRUE = 2
    INT32 = 3
    INT64 = 4
    DOUBLE = 5
    TEXT = 6
    BYTES = 7
    ARRAY = 8
    MAP = 9
    SHORT_TEXT = 10
    NAME = 11


class SpanKind:
    """Which side of a call a span is."""

    INTERNAL = 1
    SERVER = 2
    CLIENT = 3
    PRODUCER = 4
    CONSUMER = 5


class StatusCode:
    """How a span went."""

    UNSET = 0
    OK = 1
    ERROR = 2


class UsageMode:
    """How reports of tokens go together."""

    TOTAL = 0
    DELTA = 1
    CUMULATIVE = 2


class Answer:
    """What a call of the plain module came to."""

    OK = 0
    MALFORMED = 1
    UNKNOWN = 2
    RECORDS = 3


class Count:
    """What the plain module counts."""

    SPANS = 0
    MALFORMED = 1
    UNKNOWN = 2
    REPAIRED = 3
    METRICS = 4
    INVALID = 5


class Limit:
    """What one span may hold."""

    ATTRIBUTES = 0
    EVENTS = 1
    LINKS = 2
    NESTED_ATTRIBUTES = 3
    VALUE_LENGTH = 4
    KEY_LENGTH = 5
    VALUE_DEPTH = 6
    VALUE_NODES = 7
    SPAN_BYTES = 8


class MetricKind:
    """Kinds of metrics in the marshalled layout."""

    COUNTER = 1
    UP_DOWN_COUNTER = 2
    GAUGE = 3
    HISTOGRAM = 4
    EXPONENTIAL = 5


class InstrumentKind:
    """What an instrument of the plain module does, and the type of its numbers."""

    COUNTER_INT = 0
    COUNTER_DOUBLE = 1
    UP_DOWN_COUNTER_INT = 2
    UP_DOWN_COUNTER_DOUBLE = 3
    GAUGE_INT = 4
    GAUGE_DOUBLE = 5
    HISTOGRAM = 6
    EXPONENTIAL = 7


class Bounds:
    """Bounds of buckets that a histogram has when nobody says others."""

    OPENTELEMETRY = [0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0, 10000.0]


class Temporality:
    """Since when what is collected counts."""

    DELTA = 1
    CUMULATIVE = 2


class MeterProblem:
    """What the meter of the plain module counts."""

    INVALID = 0
    MENDED = 1
    CONFLICTS = 2
    MISFITS = 3
    MISUSED = 4
    SURPLUS = 5


class Key:
    """Attribute keys and event names of the vocabulary."""

    QUESTION = "spanloom.question"
    ANSWER = "spanloom.answer"
    TAGS = "spanloom.tags"
    STATUS_CODE = "spanloom.status_code"
    INFO_EVENT = "INFO"
    INFO_LOG = "INFO LOG"
    ERROR_EVENT = "ERROR"
    ERROR_LOG = "ERROR LOG"
    EXCEPTION_EVENT = "exception"
    EXCEPTION_TYPE = "exception.type"
    EXCEPTION_MESSAGE = "exception.message"
    ERROR_TYPE = "error.type"
