//! Spans and records made by hand, so that these tests stand on nothing but the wire format.

use spanloom::loom::{TextOptions, Weaver, WeaverOptions, Woven, tree_text};
use spanloom::otlp::any::AnyWriter;
use spanloom::otlp::span::field;
use spanloom::otlp::wire::{
    close_message, open_message, put_bytes_field, put_fixed64_field, put_varint_field,
};
use spanloom::record::{Record, RecordKind};
use spanloom::value::Value;
use spanloom::vocabulary as key;
use spanloom::{SpanId, TraceId};

pub const MS: u64 = 1_000_000;
pub const SECOND: u64 = 1000 * MS;
/// When the tests happen.
pub const T0: u64 = 1_700_000_000 * SECOND;
pub const TRACE: u128 = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c;
/// The root of the workflow that most tests have.
pub const ROOT: u64 = 1;

/// A record of a span. Times are milliseconds after [`T0`].
#[derive(Debug, Clone, PartialEq)]
pub struct Rec {
    pub kind: RecordKind,
    pub trace: u128,
    pub workflow: u64,
    pub id: u64,
    pub parent: u64,
    pub name: String,
    pub start: u64,
    pub end: Option<u64>,
    pub status: (u64, &'static str),
    pub attributes: Vec<(&'static str, Value)>,
    pub dropped: [u64; 3],
    pub revision: u32,
    pub flags: u16,
}

fn rec(kind: RecordKind, id: u64, parent: u64, name: &str, start: u64, end: Option<u64>) -> Rec {
    let revision = u32::from(end.is_some());
    Rec {
        kind,
        trace: TRACE,
        workflow: ROOT,
        id,
        parent,
        name: name.to_owned(),
        start,
        end,
        status: (0, ""),
        attributes: Vec::new(),
        dropped: [0; 3],
        revision,
        flags: 0,
    }
}

/// The root of the workflow begins.
pub fn opened(name: &str, start: u64) -> Rec {
    rec(RecordKind::WorkflowOpened, ROOT, 0, name, start, None)
}

/// The root of the workflow is done.
pub fn closed(name: &str, start: u64, end: u64) -> Rec {
    rec(RecordKind::WorkflowClosed, ROOT, 0, name, start, Some(end))
}

/// A node begins.
pub fn started(id: u64, parent: u64, name: &str, start: u64) -> Rec {
    rec(RecordKind::Started, id, parent, name, start, None)
}

/// A node is done.
pub fn done(id: u64, parent: u64, name: &str, start: u64, end: u64) -> Rec {
    rec(RecordKind::Finished, id, parent, name, start, Some(end))
}

impl Rec {
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.attributes.push((name, value.into()));
        self
    }

    pub fn kind(self, kind: &str) -> Self {
        self.with(key::KIND, kind)
    }

    pub fn tokens(self, input: i64, output: i64) -> Self {
        self.with(key::USAGE_INPUT, input).with(key::USAGE_OUTPUT, output)
    }

    pub fn failed(mut self, message: &'static str) -> Self {
        self.status = (2, message);
        self
    }

    pub fn ok(mut self) -> Self {
        self.status = (1, "");
        self
    }

    pub fn dropped(mut self, dropped: [u64; 3]) -> Self {
        self.dropped = dropped;
        self
    }

    pub fn revision(mut self, revision: u32) -> Self {
        self.revision = revision;
        self
    }

    pub fn flags(mut self, flags: u16) -> Self {
        self.flags = flags;
        self
    }

    pub fn trace(mut self, trace: u128) -> Self {
        self.trace = trace;
        self
    }

    pub fn body(&self) -> Vec<u8> {
        let mut body = Vec::new();
        put_bytes_field(&mut body, field::TRACE_ID, &self.trace.to_be_bytes());
        put_bytes_field(&mut body, field::SPAN_ID, &self.id.to_be_bytes());
        if self.parent != 0 {
            put_bytes_field(&mut body, field::PARENT_SPAN_ID, &self.parent.to_be_bytes());
        }
        if !self.name.is_empty() {
            put_bytes_field(&mut body, field::NAME, self.name.as_bytes());
        }
        put_fixed64_field(&mut body, field::START, T0 + self.start * MS);
        if let Some(end) = self.end {
            put_fixed64_field(&mut body, field::END, T0 + end * MS);
        }
        for (name, value) in &self.attributes {
            let pair = open_message(&mut body, field::ATTRIBUTES);
            put_bytes_field(&mut body, 1, name.as_bytes());
            let start = open_message(&mut body, 2);
            value.tell(&mut AnyWriter::new(&mut body));
            close_message(&mut body, start);
            close_message(&mut body, pair);
        }
        let places = [field::DROPPED_ATTRIBUTES, field::DROPPED_EVENTS, field::DROPPED_LINKS];
        for (place, dropped) in places.into_iter().zip(self.dropped) {
            if dropped > 0 {
                put_varint_field(&mut body, place, dropped);
            }
        }
        if self.status != (0, "") {
            let status = open_message(&mut body, field::STATUS);
            put_bytes_field(&mut body, 2, self.status.1.as_bytes());
            put_varint_field(&mut body, 3, self.status.0);
            close_message(&mut body, status);
        }
        body
    }

    pub fn write(&self, stream: &mut Vec<u8>) {
        let (body, workflow) = (self.body(), SpanId::from_u64(self.workflow));
        Record { kind: self.kind, flags: self.flags, revision: self.revision, workflow, body: &body }
            .write(stream);
    }
}

pub fn stream<'a>(records: impl IntoIterator<Item = &'a Rec>) -> Vec<u8> {
    let mut stream = Vec::new();
    for record in records {
        record.write(&mut stream);
    }
    stream
}

pub fn trace_id() -> TraceId {
    TraceId::from_bytes(TRACE.to_be_bytes())
}

/// A point in time: milliseconds after [`T0`].
pub fn at(ms: u64) -> u64 {
    T0 + ms * MS
}

pub fn weaver() -> Weaver {
    Weaver::new(WeaverOptions::default())
}

pub fn take<'a>(weaver: &mut Weaver, records: impl IntoIterator<Item = &'a Rec>, now_ms: u64) {
    let records: Vec<_> = records.into_iter().collect();
    let report = weaver.take_stream(&stream(records.iter().copied()), at(now_ms));
    assert_eq!((report.read, report.unknown, report.broken), (records.len() as u64, 0, 0));
    balanced(weaver);
}

/// No record may be lost track of.
pub fn balanced(weaver: &Weaver) {
    let counts = weaver.counts();
    assert_eq!(
        counts.records + counts.carried,
        counts.given_out + counts.superseded + counts.lost.total() + weaver.held(),
        "{counts:?}, held {}",
        weaver.held()
    );
}

/// The one tree that these records make, fetched ten seconds after [`T0`] at the end of the program.
pub fn weave<'a>(records: impl IntoIterator<Item = &'a Rec>) -> Woven {
    let mut weaver = weaver();
    take(&mut weaver, records, 0);
    let mut woven: Vec<_> = weaver.finish(at(10_000)).collect();
    balanced(&weaver);
    assert_eq!((weaver.held(), weaver.held_bytes(), weaver.next_wake()), (0, 0, None));
    assert_eq!(woven.len(), 1, "{woven:?}");
    woven.remove(0)
}

/// The picture of a tree, one empty line in front, as the tests write it.
pub fn picture(woven: &Woven) -> String {
    format!("\n{}", tree_text(woven, &TextOptions::default()))
}

pub fn stable(woven: &Woven) -> String {
    format!("\n{}", tree_text(woven, &TextOptions::stable()))
}
