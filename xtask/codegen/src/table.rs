//! What has a twin: a group becomes an object in JavaScript and a class of constants in Python.

use spanloom::record::RecordKind;
use spanloom::record::envelope::{self, flags};

pub struct Group {
    pub name: &'static str,
    pub doc: &'static str,
    pub rows: &'static [(&'static str, u64)],
}

/// The rows of a group: constants of a module, or variants of an enum.
macro_rules! rows {
    ($module:ident { $($name:ident),+ $(,)? }) => {
        &[$((stringify!($name), $module::$name as u64)),+]
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
];
