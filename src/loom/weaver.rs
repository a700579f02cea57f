//! The weaver: which workflows are open, when each is given out, and how much they hold.
//!
//! Each open workflow has one entry in a queue of deadlines. A record that moves its deadline back leaves the entry where
//! it is; when the entry comes up, the deadline is looked at again. So a record costs no more than finding its
//! workflow and its span.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::gather::{Gathered, SPAN_COST, Taken, is_end};
use super::options::WeaverOptions;
use super::tally::{Loss, StreamReport, WeaverCounts};
use super::weave::{Unended, weave};
use super::woven::{Why, Woven};
use crate::id::{SpanId, TraceId};
use crate::otlp::span::SpanView;
use crate::record::{Record, RecordError, RecordKind, Records};

/// Nodes have indices of 32 bits, and the last one means "none".
const MOST_SPANS: usize = u32::MAX as usize - 1;

/// What records are gathered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkflowKey {
    /// The trace.
    pub trace_id: TraceId,
    /// Id of the workflow's root span; [`SpanId::NONE`] for spans outside any workflow, which are gathered by trace.
    pub workflow: SpanId,
}

/// Gathers records and gives out workflow trees. See the [module](super).
///
/// ```
/// use spanloom::loom::{Weaver, WeaverOptions};
/// let mut weaver = Weaver::new(WeaverOptions::default());
/// let (stream, now) = (Vec::new(), 1_700_000_000_000_000_000);
/// weaver.take_stream(&stream, now);
/// for woven in weaver.poll(now) {
///     println!("{woven}");
/// }
/// ```
#[derive(Debug)]
pub struct Weaver {
    options: WeaverOptions,
    open: BTreeMap<WorkflowKey, Open>,
    /// When each open workflow is to be looked at, earliest first; never later than its deadline.
    due: BTreeSet<(u64, WorkflowKey)>,
    ready: VecDeque<Ready>,
    open_bytes: usize,
    ready_bytes: usize,
    known: Known,
    counts: WeaverCounts,
}

#[derive(Debug)]
struct Open {
    gathered: Gathered,
    touched: u64,
    closed: Option<u64>,
    /// Its entry in the queue.
    due: u64,
}

#[derive(Debug)]
struct Ready {
    gathered: Gathered,
    why: Why,
    unended: Unended,
}

impl Open {
    fn deadline(&self, options: &WeaverOptions) -> u64 {
        let (from, wait) = match self.closed {
            Some(closed) if self.gathered.unfinished == 0 => (closed, options.settle_nanos),
            Some(closed) => (closed, options.grace_nanos),
            None if self.gathered.key.workflow.is_valid() => (self.touched, options.linger_nanos),
            None => (self.touched, options.trace_linger_nanos),
        };
        from.saturating_add(wait)
    }

    fn why(&self) -> Why {
        match self.closed {
            Some(_) if self.gathered.unfinished == 0 => Why::Closed,
            Some(_) => Why::GraceOver,
            None => Why::Quiet,
        }
    }
}

/// Workflows that were given out: how many parts, and whether they had been closed. The oldest are forgotten.
#[derive(Debug, Default)]
struct Known {
    parts: BTreeMap<WorkflowKey, (u32, bool)>,
    order: VecDeque<WorkflowKey>,
}

impl Known {
    fn remember(&mut self, key: WorkflowKey, parts: u32, closed: bool, most: usize) {
        if self.parts.insert(key, (parts, closed)).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > most {
            if let Some(oldest) = self.order.pop_front() {
                self.parts.remove(&oldest);
            }
        }
    }
}

impl Weaver {
    /// A weaver that holds nothing yet.
    #[must_use]
    pub fn new(options: WeaverOptions) -> Self {
        Self {
            options,
            open: BTreeMap::new(),
            due: BTreeSet::new(),
            ready: VecDeque::new(),
            open_bytes: 0,
            ready_bytes: 0,
            known: Known::default(),
            counts: WeaverCounts::default(),
        }
    }

    /// Takes one record. Nothing is given out by this alone: see [`poll`](Self::poll).
    ///
    /// # Errors
    /// Says why the record will be in no tree. It is counted; the caller need do nothing.
    pub fn take(&mut self, record: Record<'_>, now: u64) -> Result<(), Loss> {
        if !record.kind.is_span() {
            self.counts.other_records = self.counts.other_records.saturating_add(1);
            return Ok(());
        }
        self.counts.records = self.counts.records.saturating_add(1);
        let taken = self.admit(&record, now);
        if let Err(loss) = taken {
            self.counts.lost.add(loss, 1);
        }
        taken
    }

    /// Takes a span that came without an envelope, as other tracers send them. Spans without an end count as begun.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub fn take_span(&mut self, message: &[u8], now: u64) -> Result<(), Loss> {
        let running = SpanView::read(message).is_ok_and(|span| span.end_unix_nano == 0);
        let kind = if running { RecordKind::Started } else { RecordKind::Finished };
        self.take(Record { kind, flags: 0, revision: 0, workflow: SpanId::NONE, body: message }, now)
    }

    /// Takes a stream of records. What cannot be used is counted and passed over.
    pub fn take_stream(&mut self, stream: &[u8], now: u64) -> StreamReport {
        let mut report = StreamReport::default();
        let mut records = Records::new(stream);
        for record in records.by_ref() {
            match record {
                Ok(record) => {
                    report.read += 1;
                    if let Err(loss) = self.take(record, now) {
                        report.lost.add(loss, 1);
                    }
                }
                Err(RecordError::Checksum | RecordError::Truncated | RecordError::Length { .. }) => {
                    report.broken += 1;
                }
            }
        }
        report.unknown = records.unknown();
        report
    }

    fn admit(&mut self, record: &Record<'_>, now: u64) -> Result<(), Loss> {
        let span = SpanView::read(record.body).map_err(|_| Loss::Undecodable)?;
        if !span.trace_id.is_valid() || !span.span_id.is_valid() {
            return Err(Loss::InvalidId);
        }
        let cost = record.body.len().saturating_add(SPAN_COST);
        if cost > self.options.workflow_bytes.min(self.options.total_bytes) {
            return Err(Loss::TooLarge);
        }
        let key = WorkflowKey { trace_id: span.trace_id, workflow: record.workflow };
        self.make_room(key, span.span_id, cost);
        let open = self.opened(key, now);
        let before = open.gathered.cost();
        let taken = open.gathered.take(record, &span);
        let after = open.gathered.cost();
        open.touched = open.touched.max(now);
        if is_end(record.kind) && span.span_id == key.workflow && open.closed.is_none() {
            open.closed = Some(now);
        }
        self.open_bytes = self.open_bytes.saturating_add(after).saturating_sub(before);
        self.move_up(key);
        match taken {
            Taken::New => Ok(()),
            Taken::Superseded => {
                self.counts.superseded = self.counts.superseded.saturating_add(1);
                Ok(())
            }
            Taken::Lost(loss) => Err(loss),
        }
    }

    /// The open workflow with this key, opened where it is not yet.
    fn opened(&mut self, key: WorkflowKey, now: u64) -> &mut Open {
        let Self { open, due, known, .. } = self;
        open.entry(key).or_insert_with(|| {
            let (part, closed) = known.parts.get(&key).copied().unwrap_or_default();
            due.insert((u64::MAX, key));
            let gathered = Gathered::new(key, part, closed);
            Open { gathered, touched: now, closed: closed.then_some(now), due: u64::MAX }
        })
    }

    /// Moves the entry of a workflow in the queue where its deadline is earlier now.
    fn move_up(&mut self, key: WorkflowKey) {
        let Some(open) = self.open.get_mut(&key) else { return };
        let deadline = open.deadline(&self.options);
        if deadline < open.due {
            self.due.remove(&(open.due, key));
            self.due.insert((deadline, key));
            open.due = deadline;
        }
    }

    /// Sees to it that a further record finds room, by closing parts and pushing out what has been quiet longest.
    fn make_room(&mut self, key: WorkflowKey, span: SpanId, cost: usize) {
        let WeaverOptions { workflow_spans, workflow_bytes, total_bytes, open_workflows, .. } = self.options;
        if let Some(open) = self.open.get_mut(&key) {
            let gathered = &mut open.gathered;
            if gathered.cost().saturating_add(cost) > workflow_bytes {
                let before = gathered.cost();
                gathered.squeeze();
                self.open_bytes = self.open_bytes.saturating_add(gathered.cost()).saturating_sub(before);
            }
            let too_many =
                gathered.strands.len() >= workflow_spans.clamp(1, MOST_SPANS) && !gathered.has(span);
            if too_many || gathered.cost().saturating_add(cost) > workflow_bytes {
                self.close_part(key);
            }
        } else {
            while self.open.len() >= open_workflows.max(1) && self.push_out_quietest() {}
        }
        while self.open_bytes.saturating_add(cost) > total_bytes && self.push_out_quietest() {}
    }

    /// Gives out what a workflow has so far and goes on with what has not ended, where that leaves room.
    fn close_part(&mut self, key: WorkflowKey) {
        let Some(open) = self.remove(key) else { return };
        let next = open.gathered.carry_over();
        let carries = next.strands.len() <= self.options.workflow_spans / 2
            && next.cost() <= self.options.workflow_bytes / 2;
        if !carries {
            self.make_ready(open, Why::Full, Unended::Abandon);
            return;
        }
        let (touched, closed) = (open.touched, open.closed);
        self.make_ready(open, Why::Full, Unended::Keep);
        if next.strands.is_empty() {
            return;
        }
        self.counts.carried = self.counts.carried.saturating_add(next.strands.len() as u64);
        self.open_bytes = self.open_bytes.saturating_add(next.cost());
        let mut open = Open { gathered: next, touched, closed, due: 0 };
        open.due = open.deadline(&self.options);
        self.due.insert((open.due, key));
        self.open.insert(key, open);
    }

    /// Makes the workflow ready that would be so next anyway; false where none is open.
    fn push_out_quietest(&mut self) -> bool {
        while let Some((due, key)) = self.due.pop_first() {
            let Some(open) = self.open.get_mut(&key) else { continue };
            let deadline = open.deadline(&self.options);
            if deadline > due {
                open.due = deadline;
                self.due.insert((deadline, key));
                continue;
            }
            if let Some(open) = self.remove(key) {
                self.make_ready(open, Why::PushedOut, Unended::Abandon);
                return true;
            }
        }
        false
    }

    fn remove(&mut self, key: WorkflowKey) -> Option<Open> {
        let open = self.open.remove(&key)?;
        self.due.remove(&(open.due, key));
        self.open_bytes = self.open_bytes.saturating_sub(open.gathered.cost());
        Some(open)
    }

    fn make_ready(&mut self, open: Open, why: Why, unended: Unended) {
        let Open { gathered, closed, .. } = open;
        let parts = gathered.part.saturating_add(1);
        self.known.remember(gathered.key, parts, closed.is_some(), self.options.remembered);
        self.ready_bytes = self.ready_bytes.saturating_add(gathered.cost());
        self.ready.push_back(Ready { gathered, why, unended });
        while self.ready_bytes > self.options.total_bytes && self.ready.len() > 1 {
            if let Some(dropped) = self.take_ready() {
                self.counts.lost.add(Loss::QueueFull, dropped.gathered.strands.len() as u64);
            }
        }
    }

    fn take_ready(&mut self) -> Option<Ready> {
        let ready = self.ready.pop_front()?;
        self.ready_bytes = self.ready_bytes.saturating_sub(ready.gathered.cost());
        Some(ready)
    }

    /// The next workflow that is done, in the order in which they became so.
    pub fn next_done(&mut self, now: u64) -> Option<Woven> {
        // One at a time: the queue of what is ready is bounded, and its owner is just fetching.
        while self.ready.is_empty() {
            let &(due, key) = self.due.first().filter(|(due, _)| *due <= now)?;
            self.due.remove(&(due, key));
            let Some(open) = self.open.get_mut(&key) else { continue };
            let deadline = open.deadline(&self.options);
            if deadline > now {
                open.due = deadline;
                self.due.insert((deadline, key));
            } else if let Some(open) = self.remove(key) {
                let why = open.why();
                self.make_ready(open, why, Unended::Abandon);
            }
        }
        let Ready { gathered, why, unended } = self.take_ready()?;
        let woven = weave(gathered, why, unended, &self.options.streaming_types, now);
        self.counts.workflows = self.counts.workflows.saturating_add(1);
        self.counts.given_out = self.counts.given_out.saturating_add(woven.len() as u64);
        Some(woven)
    }

    /// All workflows that are done.
    pub fn poll(&mut self, now: u64) -> impl Iterator<Item = Woven> + '_ {
        core::iter::from_fn(move || self.next_done(now))
    }

    /// All workflows, done or not: for the end of the program.
    pub fn finish(&mut self, now: u64) -> impl Iterator<Item = Woven> + '_ {
        core::iter::from_fn(move || {
            if self.ready.is_empty()
                && let Some(&(_, key)) = self.due.first()
                && let Some(open) = self.remove(key)
            {
                let why = if open.why() == Why::Closed { Why::Closed } else { Why::Finish };
                self.make_ready(open, why, Unended::Abandon);
            }
            self.next_done(now)
        })
    }

    /// When [`poll`](Self::poll) is to be called next; 0 when something is ready. Polling at other times does no harm.
    #[must_use]
    pub fn next_wake(&self) -> Option<u64> {
        if !self.ready.is_empty() {
            return Some(0);
        }
        self.due.first().map(|(due, _)| *due)
    }

    /// The tree of an open workflow as it is now; the workflow goes on.
    #[must_use]
    pub fn snapshot(&self, key: WorkflowKey, now: u64) -> Option<Woven> {
        let open = self.open.get(&key)?;
        Some(weave(open.gathered.clone(), Why::Snapshot, Unended::Keep, &self.options.streaming_types, now))
    }

    /// The workflows that are open.
    pub fn open_workflows(&self) -> impl Iterator<Item = WorkflowKey> + '_ {
        self.open.keys().copied()
    }

    /// How many spans are held.
    #[must_use]
    pub fn held(&self) -> u64 {
        let open = self.open.values().map(|open| open.gathered.strands.len() as u64);
        let ready = self.ready.iter().map(|ready| ready.gathered.strands.len() as u64);
        open.chain(ready).sum()
    }

    /// How many of them have ended.
    #[must_use]
    pub fn held_ended(&self) -> u64 {
        let open = self.open.values().map(|open| &open.gathered);
        let ready = self.ready.iter().map(|ready| &ready.gathered);
        open.chain(ready).map(|held| held.strands.len().saturating_sub(held.unfinished) as u64).sum()
    }

    /// How many bytes are held, by the same estimate that the limits use.
    #[must_use]
    pub const fn held_bytes(&self) -> usize {
        self.open_bytes.saturating_add(self.ready_bytes)
    }

    /// What was done so far.
    #[must_use]
    pub const fn counts(&self) -> &WeaverCounts {
        &self.counts
    }
}
