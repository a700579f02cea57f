//! The records of one open workflow, as they come.
//!
//! Of each span only the record that counts is kept. The bodies stand one after another in one buffer; what was replaced
//! is dead space, which is squeezed out when it becomes the larger half.

use std::collections::BTreeMap;

use super::tally::Loss;
use super::weaver::WorkflowKey;
use crate::id::SpanId;
use crate::otlp::span::{SpanView, StatusCode};
use crate::record::envelope::flags;
use crate::record::{Record, RecordKind};

/// What a span is taken to cost besides its body, now and as a node. The same on every target, so that limits are too.
pub(super) const SPAN_COST: usize = 320;

/// A run of bytes in a buffer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Piece {
    pub at: usize,
    pub len: usize,
}

impl Piece {
    pub fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.at..self.at.saturating_add(self.len)).unwrap_or_default()
    }
}

/// A span while its workflow is open.
#[derive(Debug, Clone, Copy)]
pub(super) struct Strand {
    pub span_id: SpanId,
    pub parent_id: SpanId,
    pub start: u64,
    pub end: u64,
    pub body: Piece,
    /// Within the body.
    pub name: Piece,
    pub dropped: [u32; 3],
    pub revision: u32,
    pub flags: u16,
    pub status: StatusCode,
    pub finished: bool,
    /// The highest revision of a start record: above that of the end the span was changed after it.
    pub start_revision: u32,
    /// Further ends with the same revision, and those of them that were another span.
    pub repeats: u32,
    pub collisions: u32,
}

impl Strand {
    fn new(record: &Record<'_>, span: &SpanView<'_>, at: usize) -> Self {
        let finished = is_end(record.kind);
        Self {
            span_id: span.span_id,
            parent_id: span.parent_span_id,
            start: span.start_unix_nano,
            end: span.end_unix_nano,
            body: Piece { at, len: record.body.len() },
            name: place_of(span.name, record.body),
            dropped: [span.dropped_attributes, span.dropped_events, span.dropped_links],
            revision: record.revision,
            flags: record.flags & !flags::SEALED,
            status: span.status(),
            finished,
            start_revision: if finished { 0 } else { record.revision },
            repeats: 0,
            collisions: 0,
        }
    }

    /// What decides between two records of one span: an end, then the revision, then an end of the program's own.
    fn rank(&self) -> (bool, u32, bool) {
        (self.finished, self.revision, self.flags & flags::ABANDONED == 0)
    }
}

pub(super) const fn is_end(kind: RecordKind) -> bool {
    matches!(kind, RecordKind::Finished | RecordKind::WorkflowClosed)
}

/// Where a text that was read from this body stands in it.
pub(super) fn place_of(text: &str, body: &[u8]) -> Piece {
    if text.is_empty() {
        return Piece::default();
    }
    Piece { at: text.as_ptr().addr().saturating_sub(body.as_ptr().addr()), len: text.len() }
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// Its span is new.
    New,
    /// It replaced the record that was held, or that one stays: either way one of the two is gone.
    Superseded,
    /// It came second.
    Lost(Loss),
}

/// The records of one open workflow.
#[derive(Debug, Clone)]
pub(super) struct Gathered {
    pub key: WorkflowKey,
    /// How many parts of the workflow were given out before.
    pub part: u32,
    /// The workflow had been closed and given out before this began.
    pub late: bool,
    pub bytes: Vec<u8>,
    /// In the order in which the spans came.
    pub strands: Vec<Strand>,
    pub index: BTreeMap<SpanId, u32>,
    pub unfinished: usize,
    dead: usize,
}

impl Gathered {
    pub fn new(key: WorkflowKey, part: u32, late: bool) -> Self {
        Self {
            key,
            part,
            late,
            bytes: Vec::new(),
            strands: Vec::new(),
            index: BTreeMap::new(),
            unfinished: 0,
            dead: 0,
        }
    }

    /// How many bytes this is taken to hold.
    pub fn cost(&self) -> usize {
        self.bytes.len() + self.strands.len() * SPAN_COST
    }

    pub fn has(&self, span: SpanId) -> bool {
        self.index.contains_key(&span)
    }

    /// Takes a record; its body is `span`.
    pub fn take(&mut self, record: &Record<'_>, span: &SpanView<'_>) -> Taken {
        let new = Strand::new(record, span, self.bytes.len());
        let place = self.index.get(&new.span_id).copied();
        let Some(held) = place.and_then(|place| self.strands.get_mut(place as usize)) else {
            self.push(new, record.body);
            return Taken::New;
        };
        let start_revision = held.start_revision.max(new.start_revision);
        held.start_revision = start_revision;
        if new.rank() > held.rank() {
            self.unfinished -= usize::from(new.finished && !held.finished);
            self.dead += held.body.len;
            *held = Strand { start_revision, ..new };
            self.bytes.extend_from_slice(record.body);
            if self.dead > self.bytes.len() / 2 && self.dead > 16 << 10 {
                self.squeeze();
            }
            return Taken::Superseded;
        }
        if new.rank() < held.rank() {
            return Taken::Superseded;
        }
        let same = new.parent_id == held.parent_id
            && held.name.of(held.body.of(&self.bytes)) == new.name.of(record.body);
        held.collisions = held.collisions.saturating_add(u32::from(!same));
        held.repeats = held.repeats.saturating_add(u32::from(same && new.finished));
        if same && !new.finished { Taken::Superseded } else { Taken::Lost(Loss::Repeated) }
    }

    fn push(&mut self, strand: Strand, body: &[u8]) {
        let place = u32::try_from(self.strands.len()).unwrap_or(u32::MAX);
        self.index.insert(strand.span_id, place);
        self.unfinished += usize::from(!strand.finished);
        self.strands.push(strand);
        self.bytes.extend_from_slice(body);
    }

    /// Drops the dead space.
    pub fn squeeze(&mut self) {
        if self.dead == 0 {
            return;
        }
        let mut live = Vec::with_capacity(self.bytes.len() - self.dead);
        for strand in &mut self.strands {
            let at = live.len();
            live.extend_from_slice(strand.body.of(&self.bytes));
            strand.body.at = at;
        }
        self.bytes = live;
        self.dead = 0;
    }

    /// What has not ended, as the start of the next part.
    pub fn carry_over(&self) -> Self {
        let mut next = Self::new(self.key, self.part.saturating_add(1), self.late);
        for strand in self.strands.iter().filter(|strand| !strand.finished) {
            let body = strand.body.of(&self.bytes);
            let at = next.bytes.len();
            next.push(Strand { body: Piece { at, len: body.len() }, ..*strand }, body);
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::TraceId;
    use crate::otlp::wire::{put_bytes_field, put_fixed64_field};

    fn body(name: &str, end: u64) -> Vec<u8> {
        let mut body = Vec::new();
        put_bytes_field(&mut body, 2, &[1; 8]);
        put_bytes_field(&mut body, 5, name.as_bytes());
        put_fixed64_field(&mut body, 8, end);
        body
    }

    fn take(gathered: &mut Gathered, kind: RecordKind, revision: u32, flags: u16, body: &[u8]) -> Taken {
        let record = Record { kind, flags, revision, workflow: SpanId::NONE, body };
        gathered.take(&record, &SpanView::read(body).unwrap())
    }

    fn empty() -> Gathered {
        Gathered::new(WorkflowKey { trace_id: TraceId::NONE, workflow: SpanId::NONE }, 0, false)
    }

    #[test]
    fn the_record_that_counts() {
        use RecordKind::{Finished, Started};
        // In each pair the first record counts, in whichever order they come.
        let pairs = [
            ("an end before a start", (Finished, 0, 0), (Started, 0, 0)),
            ("an end before a later start", (Finished, 0, 0), (Started, 5, 0)),
            ("the higher end", (Finished, 2, 0), (Finished, 1, 0)),
            ("the higher start", (Started, 2, 0), (Started, 1, 0)),
            ("a real end before an abandoned one", (Finished, 1, 0), (Finished, 1, flags::ABANDONED)),
            ("a higher abandoned end", (Finished, 2, flags::ABANDONED), (Finished, 1, 0)),
        ];
        for (name, first, second) in pairs {
            for [winner, other] in [[true, false], [false, true]] {
                let mut gathered = empty();
                for wins in [winner, other] {
                    let (kind, revision, flags) = if wins { first } else { second };
                    let text = if wins { "winner" } else { "other" };
                    take(&mut gathered, kind, revision, flags, &body(text, 1));
                }
                let strand = gathered.strands[0];
                assert_eq!(strand.name.of(strand.body.of(&gathered.bytes)), b"winner", "{name}");
                assert_eq!(gathered.unfinished, usize::from(first.0 == Started), "{name}");
            }
        }
    }

    #[test]
    fn replaced_bodies_do_not_pile_up() {
        let mut gathered = empty();
        let large = body(&"x".repeat(10_000), 1);
        for revision in 0..1000 {
            take(&mut gathered, RecordKind::Started, revision, 0, &large);
            assert!(gathered.bytes.len() < 4 * large.len(), "{}", gathered.bytes.len());
        }
        take(&mut gathered, RecordKind::Finished, 1000, 0, &body("end", 2));
        gathered.squeeze();
        assert_eq!(gathered.bytes, body("end", 2));
        assert_eq!(gathered.strands[0].body, Piece { at: 0, len: gathered.bytes.len() });
    }
}
