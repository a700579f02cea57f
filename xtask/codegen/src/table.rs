//! What has a twin: a group becomes an object in JavaScript and a class of constants in Python.

use spanloom::UsageMode;
use spanloom::meter::buckets::OPENTELEMETRY;
use spanloom::otlp::span::{SpanKind, StatusCode};
use spanloom::record::RecordKind;
use spanloom::record::envelope::{self, flags};
use spanloom::record::layout::{self, entry, host_flag, item, metric, value};
use spanloom::vocabulary as key;
use spanloom_abi::codes::{Answer, Count, InstrumentCode, Limit, MeterProblem, TemporalityCode};

pub struct Group {
    pub name: &'static str,
    pub doc: &'static str,
    pub rows: &'static [(&'static str, Constant)],
}

pub enum Constant {
    Number(u64),
    Text(&'static str),
    Doubles(&'static [f64]),
}

/// The rows of a group: constants of a module, or variants of an enum.
macro_rules! rows {
    ($module:ident { $($name:ident),+ $(,)? }) => {
        &[$((stringify!($name), Constant::Number($module::$name as u64))),+]
    };
}

/// The rows of a group of texts.
macro_rules! texts {
    ($module:ident { $($name:ident),+ $(,)? }) => {
        &[$((stringify!($name), Constant::Text($module::$name))),+]
    };
}

pub const GROUPS: &[Group] = &[
    Group {
        name: "Abi",
        doc: "The interface of the plain module; a host refuses another version.",
        rows: rows!(spanloom_abi { ABI_VERSION }),
    },
    Group {
        name: "Envelope",
        doc: "The envelope of a record.",
        rows: rows!(envelope { ENVELOPE_LEN, VERSION, MAX_RECORD_LEN }),
    },
    Group {
        name: "RecordKind",
        doc: "What a record says.",
        rows: rows!(RecordKind { WorkflowOpened, Started, Finished, WorkflowClosed, MetricDelta }),
    },
    Group {
        name: "RecordFlag",
        doc: "Bits of a record's flags.",
        rows: rows!(flags { SEALED, NODE, CUT, ABANDONED, REPAIRED, CLOCK_SUSPECT }),
    },
    Group {
        name: "Layout",
        doc: "Sizes and references of the host layouts.",
        rows: rows!(layout {
            LAYOUT_VERSION,
            SPAN_HEADER_LEN,
            INTERNED,
            LONG_NAME,
            MAX_NAMES,
            TUPLE_LEN,
            METRIC_TUPLE_LEN
        }),
    },
    Group {
        name: "Entry",
        doc: "Entries that are no records.",
        rows: rows!(entry { DEFINE_NAME, FORGET_NAMES }),
    },
    Group {
        name: "HostFlag",
        doc: "Bits of a host's span.",
        rows: rows!(host_flag { NODE, PARENT_IS_REMOTE }),
    },
    Group {
        name: "Item",
        doc: "What may follow the fixed part of a span.",
        rows: rows!(item {
            ATTRIBUTE,
            INPUT,
            OUTPUT,
            CONFIG,
            EVENT,
            LINK,
            USAGE,
            FIRST_FRAME,
            NEXT,
            STATUS_MESSAGE,
            IDENTITY,
        }),
    },
    Group {
        name: "ValueType",
        doc: "Types of values in the compact layout.",
        rows: rows!(value {
            NULL,
            FALSE,
            TRUE,
            INT32,
            INT64,
            DOUBLE,
            TEXT,
            BYTES,
            ARRAY,
            MAP,
            SHORT_TEXT,
            NAME,
        }),
    },
    Group {
        name: "SpanKind",
        doc: "Which side of a call a span is.",
        rows: rows!(SpanKind { Internal, Server, Client, Producer, Consumer }),
    },
    Group { name: "StatusCode", doc: "How a span went.", rows: rows!(StatusCode { Unset, Ok, Error }) },
    Group {
        name: "UsageMode",
        doc: "How reports of tokens go together.",
        rows: rows!(UsageMode { Total, Delta, Cumulative }),
    },
    Group {
        name: "Answer",
        doc: "What a call of the plain module came to.",
        rows: rows!(Answer { Ok, Malformed, Unknown, Records }),
    },
    Group {
        name: "Count",
        doc: "What the plain module counts.",
        rows: rows!(Count { Spans, Malformed, Unknown, Repaired, Metrics, Invalid }),
    },
    Group {
        name: "Limit",
        doc: "What one span may hold.",
        rows: rows!(Limit {
            Attributes,
            Events,
            Links,
            NestedAttributes,
            ValueLength,
            KeyLength,
            ValueDepth,
            ValueNodes,
            SpanBytes,
        }),
    },
    Group {
        name: "MetricKind",
        doc: "Kinds of metrics in the marshalled layout.",
        rows: rows!(metric { COUNTER, UP_DOWN_COUNTER, GAUGE, HISTOGRAM, EXPONENTIAL }),
    },
    Group {
        name: "InstrumentKind",
        doc: "What an instrument of the plain module does, and the type of its numbers.",
        rows: rows!(InstrumentCode {
            CounterInt,
            CounterDouble,
            UpDownCounterInt,
            UpDownCounterDouble,
            GaugeInt,
            GaugeDouble,
            Histogram,
            Exponential,
        }),
    },
    Group {
        name: "Bounds",
        doc: "Bounds of buckets that a histogram has when nobody says others.",
        rows: &[("OPENTELEMETRY", Constant::Doubles(&OPENTELEMETRY))],
    },
    Group {
        name: "Temporality",
        doc: "Since when what is collected counts.",
        rows: rows!(TemporalityCode { Delta, Cumulative }),
    },
    Group {
        name: "MeterProblem",
        doc: "What the meter of the plain module counts.",
        rows: rows!(MeterProblem { Invalid, Mended, Conflicts, Misfits, Misused, Surplus }),
    },
    Group {
        name: "Key",
        doc: "Attribute keys and event names of the vocabulary.",
        rows: texts!(key {
            QUESTION,
            ANSWER,
            TAGS,
            STATUS_CODE,
            INFO_EVENT,
            INFO_LOG,
            ERROR_EVENT,
            ERROR_LOG,
            EXCEPTION_EVENT,
            EXCEPTION_TYPE,
            EXCEPTION_MESSAGE,
            ERROR_TYPE,
        }),
    },
];
