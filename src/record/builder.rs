//! The span builder: a span as the bytes it will be, growing while its program runs.
//!
//! The span's OTLP message is written as the calls come in, in the order of its field numbers, so that the result is byte
//! for byte what any other encoder makes of the same span. Ids, name and start go first, with eight bytes kept free for the
//! end; attributes follow directly. What belongs behind them grows in buffers of its own and is joined at the end:
//!
//! ```text
//!  out      envelope │ ids, name, kind, start, end=0 │ attributes ...
//!  sections input, output, configuration: each becomes one attribute
//!  events   ...            links ...
//!  finish() = out + sections, usage, ... + events + links + status, flags
//! ```
//!
//! A builder is used again and again; its buffers keep their room, so a span costs no allocation.

use super::envelope::{ENVELOPE_LEN, RecordKind, flags, write_envelope};
use super::keys::{KeyIndex, find_key_value};
use super::limits::Limits;
use crate::id::{SpanId, TraceId};
use crate::otlp::any::AnyWriter;
use crate::otlp::span::{SpanKind, StatusCode, field};
use crate::otlp::wire::{
    bytes_field_len, close_message, open_message, put_bytes_field, put_fixed32_field, put_fixed64_field,
    put_varint, put_varint_field,
};
use crate::usage::{Usage, UsageMode};
use crate::value::{Bounded, ValueRef, ValueSink, cut_bytes, cut_chars, decimal};
use crate::vocabulary as key;

/// The W3C flag "sampled".
const SAMPLED: u32 = 0x01;
/// Says that the next bit tells whether the parent is remote.
const HAS_IS_REMOTE: u32 = 0x100;
/// The parent lives in another process.
const IS_REMOTE: u32 = 0x200;

/// What is known of a span when it starts.
#[derive(Debug, Clone, Copy)]
pub struct SpanStart<'a> {
    /// The workflow that it belongs to: the id of its root span.
    pub workflow: SpanId,
    /// Its trace.
    pub trace_id: TraceId,
    /// Its own id.
    pub span_id: SpanId,
    /// Its parent.
    pub parent_span_id: SpanId,
    /// True where the parent lives in another process.
    pub parent_is_remote: bool,
    /// The flags of the trace besides "sampled", which every recorded span has.
    pub trace_flags: u8,
    /// The tracestate of the trace.
    pub trace_state: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its role in a call.
    pub span_kind: SpanKind,
    /// What kind of step it is: `llm`, `tool`, ...; empty for none.
    pub node_kind: &'a str,
    /// What it is in its workflow.
    pub role: SpanRole,
    /// When it starts, in nanoseconds since 1970.
    pub start_unix_nano: u64,
}

/// What a span is in its workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanRole {
    /// The root of a workflow.
    Workflow,
    /// A step of a workflow.
    Node,
    /// Any other span.
    Span,
}

/// On whose behalf a workflow runs: attributes of every one of its spans.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Identity<'a> {
    /// Session id.
    pub sid: &'a str,
    /// Application.
    pub app_id: &'a str,
    /// User.
    pub uid: &'a str,
    /// Conversation.
    pub chat_id: &'a str,
}

/// The three maps of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// What went in.
    Input,
    /// What came out.
    Output,
    /// How it is configured.
    Config,
}

/// A map that grows while the span runs: the entries of a `KeyValueList`.
#[derive(Debug, Default)]
struct Entries {
    bytes: Vec<u8>,
    count: u32,
}

/// Builds spans, one after the other.
#[derive(Debug, Default)]
pub struct SpanBuilder {
    limits: Limits,
    out: Vec<u8>,
    keys: KeyIndex,
    /// Attributes that the program set; those of the vocabulary are not counted.
    attributes: u32,
    sections: [Entries; 3],
    next: Entries,
    events: Vec<u8>,
    links: Vec<u8>,
    status_message: String,
    status: StatusCode,
    usage: Usage,
    first_frame: Option<u64>,
    /// True when anything but attributes, events and a plain status was recorded.
    has_extras: bool,
    head: Head,
    event_count: u32,
    link_count: u32,
    dropped_attributes: u32,
    dropped_events: u32,
    dropped_links: u32,
    /// Values that were cut.
    cut: u32,
    repaired: bool,
    scratch: Vec<u8>,
}

/// What the envelope and the fields behind the attributes need of the start.
#[derive(Debug, Clone, Copy)]
struct Head {
    workflow: SpanId,
    role: SpanRole,
    start: u64,
    /// Where the eight bytes of the end stand.
    end_at: usize,
    span_flags: u32,
}

impl Default for Head {
    fn default() -> Self {
        Self { workflow: SpanId::NONE, role: SpanRole::Span, start: 0, end_at: 0, span_flags: 0 }
    }
}

impl SpanBuilder {
    /// A builder that holds its spans to these limits.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// The limits that spans are held to.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Holds the spans that follow to other limits.
    pub const fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// How many bytes its buffers have room for.
    #[must_use]
    pub fn capacity(&self) -> usize {
        let sections: usize = self.sections.iter().map(|section| section.bytes.capacity()).sum();
        self.out.capacity() + self.events.capacity() + self.links.capacity() + sections
    }

    /// Starts a span; what was recorded before is gone.
    #[inline]
    pub fn start(&mut self, start: &SpanStart<'_>) {
        self.clear();
        let name = cut_chars(start.name, self.limits.value_length);
        let out = &mut self.out;
        out.reserve(256 + name.len());
        let mut ids = [0; ENVELOPE_LEN + 28];
        if let Some(place) = ids.last_chunk_mut::<28>() {
            let [tag, length, trace_id @ .., span_tag, span_length, s0, s1, s2, s3, s4, s5, s6, s7] = place;
            (*tag, *length, *span_tag, *span_length) = (0x0a, 16, 0x12, 8);
            trace_id.copy_from_slice(start.trace_id.as_bytes());
            [*s0, *s1, *s2, *s3, *s4, *s5, *s6, *s7] = start.span_id.to_bytes();
        }
        out.extend_from_slice(&ids);
        if !start.trace_state.is_empty() {
            put_bytes_field(out, field::TRACE_STATE, start.trace_state.as_bytes());
        }
        if start.parent_span_id.is_valid() {
            let mut parent = [0x22, 8, 0, 0, 0, 0, 0, 0, 0, 0];
            parent[2..].copy_from_slice(start.parent_span_id.as_bytes());
            out.extend_from_slice(&parent);
        }
        if !name.is_empty() {
            put_bytes_field(out, field::NAME, name.as_bytes());
        }
        let mut times =
            [0x30, start.span_kind as u8, 0x39, 0, 0, 0, 0, 0, 0, 0, 0, 0x41, 0, 0, 0, 0, 0, 0, 0, 0];
        times[3..11].copy_from_slice(&start.start_unix_nano.to_le_bytes());
        out.extend_from_slice(&times);
        let remote = if start.parent_is_remote { IS_REMOTE } else { 0 };
        self.head = Head {
            workflow: start.workflow,
            role: start.role,
            start: start.start_unix_nano,
            end_at: out.len() - 8,
            span_flags: u32::from(start.trace_flags) | SAMPLED | HAS_IS_REMOTE | remote,
        };
        if name.len() < start.name.len() {
            self.cut += 1;
        }
        if start.role == SpanRole::Workflow {
            self.put_kind(key::KIND_WORKFLOW, name);
        } else if !start.node_kind.is_empty() {
            self.put_kind(start.node_kind, name);
        }
    }

    /// Forgets everything but the room of the buffers.
    fn clear(&mut self) {
        self.out.clear();
        self.keys.clear();
        self.events.clear();
        self.attributes = 0;
        self.status = StatusCode::Unset;
        (self.event_count, self.link_count) = (0, 0);
        (self.dropped_attributes, self.dropped_events, self.dropped_links, self.cut) = (0, 0, 0, 0);
        self.repaired = false;
        if core::mem::take(&mut self.has_extras) {
            for entries in self.sections.iter_mut().chain([&mut self.next]) {
                entries.bytes.clear();
                entries.count = 0;
            }
            self.links.clear();
            self.status_message.clear();
            self.usage = Usage::default();
            self.first_frame = None;
        }
    }

    /// Says what kind of step the span is, in our words and in those of the conventions.
    fn put_kind(&mut self, kind: &str, name: &str) {
        self.put_own(key::KIND, ValueRef::Str(kind));
        let Some(operation) = key::operation_of(kind) else { return };
        self.put_own(key::OPERATION, ValueRef::Str(operation));
        let named = match operation {
            "invoke_workflow" => key::WORKFLOW_NAME,
            "execute_tool" => key::TOOL_NAME,
            "invoke_agent" => key::AGENT_NAME,
            _ => return,
        };
        self.put_own(named, ValueRef::Str(name));
    }

    /// Sets on whose behalf the span runs. What is empty is left out.
    pub fn identity(&mut self, identity: &Identity<'_>) {
        if *identity == Identity::default() {
            return;
        }
        let pairs = [
            (key::SID, identity.sid),
            (key::APP_ID, identity.app_id),
            (key::UID, identity.uid),
            (key::CHAT_ID, identity.chat_id),
            (key::SPAN_VERSION, key::SPAN_VERSION_VALUE),
        ];
        for (name, text) in pairs {
            if !text.is_empty() {
                self.put_own(name, ValueRef::Str(text));
            }
        }
    }

    /// Sets an attribute. A second value of the same key takes the place of the first.
    #[inline]
    pub fn attribute<'v>(&mut self, name: &str, value: impl Into<ValueRef<'v>>) {
        self.put_limited(name, value.into());
    }

    /// Sets an attribute to what `tell` tells.
    pub fn attribute_told(&mut self, name: &str, tell: impl FnOnce(&mut dyn ValueSink)) {
        let existing = self.keys.find(&self.out, name);
        if existing.is_none() && !self.admits(name) {
            return;
        }
        let bounds = self.limits.bounds(self.room());
        self.scratch.clear();
        self.cut += put_told(&mut self.scratch, field::ATTRIBUTES, name, bounds, tell);
        self.place_scratch(existing, name);
    }

    #[inline]
    fn put_limited(&mut self, name: &str, value: ValueRef<'_>) {
        if let Some(existing) = self.keys.find(&self.out, name) {
            self.replace(existing, name, value);
        } else if self.admits(name) {
            self.append(name, value);
        }
    }

    /// Sets an attribute of the vocabulary, which no limit leaves out.
    fn put_own(&mut self, name: &str, value: ValueRef<'_>) {
        if let Some(existing) = self.keys.find(&self.out, name) {
            self.replace(existing, name, value);
        } else {
            self.append(name, value);
        }
    }

    /// Decides over a new attribute, and counts it.
    #[inline]
    fn admits(&mut self, name: &str) -> bool {
        if self.attributes >= self.limits.attributes
            || name.is_empty()
            || name.len() > self.limits.key_length
            || name.len() + 32 > self.room()
        {
            self.dropped_attributes = self.dropped_attributes.saturating_add(1);
            return false;
        }
        self.attributes += 1;
        true
    }

    /// How many bytes the span may still grow.
    #[inline]
    fn room(&self) -> usize {
        let used = self.out.len() + self.events.len();
        self.limits.span_bytes.saturating_sub(used)
    }

    #[inline]
    fn append(&mut self, name: &str, value: ValueRef<'_>) {
        self.keys.add(name, self.out.len());
        let bounds =
            self.limits.bounds(self.limits.span_bytes.saturating_sub(self.out.len() + self.events.len()));
        self.cut += put_pair(&mut self.out, field::ATTRIBUTES, name, value, bounds);
    }

    #[cold]
    fn replace(&mut self, existing: usize, name: &str, value: ValueRef<'_>) {
        let bounds = self.limits.bounds(self.room());
        self.scratch.clear();
        self.cut += put_pair(&mut self.scratch, field::ATTRIBUTES, name, value, bounds);
        self.place_scratch(Some(existing), name);
    }

    /// Puts the attribute in `scratch` where the key stands already, else at the end.
    fn place_scratch(&mut self, existing: Option<usize>, name: &str) {
        match existing.and_then(|index| self.keys.range(index, &self.out)) {
            Some(range) => {
                let (old, new) = (range.len(), self.scratch.len());
                let start = range.start;
                self.out.splice(range, self.scratch.drain(..));
                self.keys.shift(start, old, new);
            }
            None => {
                self.keys.add(name, self.out.len());
                self.out.append(&mut self.scratch);
            }
        }
    }

    /// Adds an entry to the input, output or configuration; a second value of the same key takes the place of the first.
    pub fn section<'v>(&mut self, section: Section, name: &str, value: impl Into<ValueRef<'v>>) {
        let value = value.into();
        self.section_told(section, name, |sink| value.tell(sink));
    }

    /// As [`Self::section`], with the value that `tell` tells.
    pub fn section_told(&mut self, section: Section, name: &str, tell: impl FnOnce(&mut dyn ValueSink)) {
        self.has_extras = true;
        let used: usize = self.sections.iter().map(|section| section.bytes.len()).sum();
        let room = self.room().saturating_sub(used);
        let [input, output, config] = &mut self.sections;
        let entries = match section {
            Section::Input => input,
            Section::Output => output,
            Section::Config => config,
        };
        let existing = find_key_value(&entries.bytes, 0, 1, name);
        let full = existing.is_none() && entries.count >= self.limits.attributes;
        if full || name.len() > self.limits.key_length || name.len() + 32 > room {
            self.dropped_attributes = self.dropped_attributes.saturating_add(1);
            return;
        }
        self.scratch.clear();
        self.cut += put_told(&mut self.scratch, 1, name, self.limits.bounds(room), tell);
        match existing {
            Some(range) => {
                entries.bytes.splice(range, self.scratch.drain(..));
            }
            None => {
                entries.count += 1;
                entries.bytes.append(&mut self.scratch);
            }
        }
    }

    /// Names a node that follows this one; a name that is there already is not added again.
    pub fn next(&mut self, id: &str) {
        self.has_extras = true;
        let mut text = Vec::new();
        put_bytes_field(&mut text, 1, id.as_bytes());
        if crate::otlp::span::messages(&self.next.bytes, 1).any(|known| known == text.as_slice()) {
            return;
        }
        if self.next.count >= self.limits.attributes {
            self.dropped_attributes = self.dropped_attributes.saturating_add(1);
            return;
        }
        self.next.count += 1;
        put_bytes_field(&mut self.next.bytes, 1, &text);
    }

    /// Adds an event with attributes.
    #[inline]
    pub fn event(&mut self, time_unix_nano: u64, name: &str, attributes: &[(&str, ValueRef<'_>)]) {
        let Some(mut event) = self.open_event(time_unix_nano, name) else { return };
        for (name, value) in attributes {
            event.attribute(name, |sink| value.tell(sink));
        }
        event.close();
    }

    /// Starts an event; `None` where the limit is reached (and then it is counted).
    #[inline]
    pub fn open_event(&mut self, time_unix_nano: u64, name: &str) -> Option<Nested<'_>> {
        if self.event_count >= self.limits.events || name.len() + 64 > self.room() {
            self.dropped_events = self.dropped_events.saturating_add(1);
            return None;
        }
        self.event_count += 1;
        let kept = cut_chars(name, self.limits.value_length);
        if kept.len() < name.len() {
            self.cut += 1;
        }
        let start = open_message(&mut self.events, field::EVENTS);
        put_fixed64_field(&mut self.events, 1, time_unix_nano);
        put_bytes_field(&mut self.events, 2, kept.as_bytes());
        let room = self.room();
        let attributes = self.events.len();
        Some(Nested {
            out: &mut self.events,
            cut: &mut self.cut,
            limits: &self.limits,
            room,
            start,
            attributes,
            number: 3,
            count: 0,
            dropped: 0,
            flags: None,
        })
    }

    /// Starts a link to another span; `None` where the limit is reached (and then it is counted).
    pub fn open_link(
        &mut self,
        trace_id: TraceId,
        span_id: SpanId,
        trace_state: &str,
        link_flags: u32,
    ) -> Option<Nested<'_>> {
        self.has_extras = true;
        if self.link_count >= self.limits.links || trace_state.len() + 64 > self.room() {
            self.dropped_links = self.dropped_links.saturating_add(1);
            return None;
        }
        self.link_count += 1;
        let start = open_message(&mut self.links, field::LINKS);
        put_bytes_field(&mut self.links, 1, trace_id.as_bytes());
        put_bytes_field(&mut self.links, 2, span_id.as_bytes());
        if !trace_state.is_empty() {
            put_bytes_field(&mut self.links, 3, trace_state.as_bytes());
        }
        let room = self.room().saturating_sub(self.links.len());
        let attributes = self.links.len();
        Some(Nested {
            out: &mut self.links,
            cut: &mut self.cut,
            limits: &self.limits,
            room,
            start,
            attributes,
            number: 4,
            count: 0,
            dropped: 0,
            flags: Some(link_flags),
        })
    }

    /// Reports tokens; how reports go together is for [`UsageMode`] to say.
    pub fn usage(&mut self, report: Usage) {
        self.has_extras = true;
        self.usage = self.usage.report(report);
    }

    /// Notes that the first frame of a stream came; only the first call counts.
    pub fn first_frame(&mut self, time_unix_nano: u64) {
        self.has_extras = true;
        self.first_frame.get_or_insert(time_unix_nano.saturating_sub(self.head.start));
    }

    /// Sets the status. `Ok` is final; `Unset` changes nothing; a message is kept with an error only.
    pub fn status(&mut self, status: StatusCode, message: &str) {
        if self.status == StatusCode::Ok || status == StatusCode::Unset {
            return;
        }
        self.status = status;
        if !self.status_message.is_empty() || !message.is_empty() {
            self.has_extras = true;
            self.status_message.clear();
            if status == StatusCode::Error {
                self.status_message.push_str(cut_bytes(
                    cut_chars(message, self.limits.value_length),
                    self.limits.span_bytes / 4,
                ));
            }
        }
    }

    /// Notes that a text of the host had to be repaired.
    pub const fn note_repair(&mut self) {
        self.repaired = true;
    }

    /// The record of a span that has begun: what is known of it so far. The builder goes on unchanged.
    pub fn write_started(&self, out: &mut Vec<u8>) {
        let at = out.len();
        out.extend_from_slice(&self.out);
        put_span_flags(out, self.head.span_flags);
        let kind = match self.head.role {
            SpanRole::Workflow => RecordKind::WorkflowOpened,
            SpanRole::Node | SpanRole::Span => RecordKind::Started,
        };
        let length = out.len() - at;
        // The end is not known yet: an explicit zero would not be the shortest form.
        let end_field = at + self.head.end_at - 1;
        out.drain(end_field..end_field + 9);
        let envelope = write_envelope(length - 9, kind, self.record_flags(), 0, self.head.workflow);
        if let Some(place) = out.get_mut(at..at + ENVELOPE_LEN) {
            place.copy_from_slice(&envelope);
        }
    }

    /// Ends the span and gives its record. An end before the start counts as the start, and is noted.
    #[inline]
    pub fn finish(&mut self, end_unix_nano: u64) -> &[u8] {
        let mut record_flags = self.record_flags();
        let mut end = end_unix_nano;
        if end < self.head.start {
            record_flags |= flags::CLOCK_SUSPECT;
            self.put_own(key::CLOCK_SUSPECT_END, ValueRef::Str(decimal(end, &mut [0; 20])));
            end = self.head.start;
        }
        if let Some(place) = self.out.get_mut(self.head.end_at..self.head.end_at + 8) {
            place.copy_from_slice(&end.to_le_bytes());
        }
        if self.has_extras {
            self.put_extras();
        }
        if self.cut > 0 {
            record_flags |= flags::CUT;
            self.put_own(key::CUT, ValueRef::Int(self.cut.into()));
        }
        let out = &mut self.out;
        put_count(out, field::DROPPED_ATTRIBUTES, self.dropped_attributes);
        out.extend_from_slice(&self.events);
        put_count(out, field::DROPPED_EVENTS, self.dropped_events);
        if self.link_count > 0 {
            out.extend_from_slice(&self.links);
        }
        put_count(out, field::DROPPED_LINKS, self.dropped_links);
        if self.status != StatusCode::Unset {
            let start = open_message(out, field::STATUS);
            if self.has_extras && !self.status_message.is_empty() {
                put_bytes_field(out, 2, self.status_message.as_bytes());
            }
            put_varint_field(out, 3, self.status as u64);
            close_message(out, start);
        }
        put_span_flags(out, self.head.span_flags);
        let kind = match self.head.role {
            SpanRole::Workflow => RecordKind::WorkflowClosed,
            SpanRole::Node | SpanRole::Span => RecordKind::Finished,
        };
        let envelope = write_envelope(out.len(), kind, record_flags, 1, self.head.workflow);
        if let Some(place) = out.first_chunk_mut::<ENVELOPE_LEN>() {
            *place = envelope;
        }
        out
    }

    fn record_flags(&self) -> u16 {
        let node = if self.head.role == SpanRole::Node { flags::NODE } else { 0 };
        let left_out = self.dropped_attributes | self.dropped_events | self.dropped_links;
        let cut = if left_out > 0 { flags::CUT } else { 0 };
        node | cut | if self.repaired { flags::REPAIRED } else { 0 }
    }

    /// Writes what was kept beside the attributes as attributes, in a fixed order.
    #[cold]
    fn put_extras(&mut self) {
        for (index, name) in [key::INPUT, key::OUTPUT, key::CONFIG].into_iter().enumerate() {
            let bytes =
                core::mem::take(self.sections.get_mut(index).map_or(&mut Vec::new(), |s| &mut s.bytes));
            if !bytes.is_empty() {
                self.put_list(name, 6, &bytes);
            }
            if let Some(section) = self.sections.get_mut(index) {
                section.bytes = bytes;
            }
        }
        let next = core::mem::take(&mut self.next.bytes);
        if !next.is_empty() {
            self.put_list(key::NEXT, 5, &next);
        }
        self.next.bytes = next;
        if let Some(nanos) = self.first_frame {
            self.put_own(key::FIRST_FRAME, ValueRef::Double(seconds(nanos)));
        }
        let names = [
            key::USAGE_INPUT,
            key::USAGE_OUTPUT,
            key::USAGE_QUESTION,
            key::USAGE_TOTAL,
            key::USAGE_CACHE_READ,
            key::USAGE_CACHE_WRITE,
            key::USAGE_REASONING,
        ];
        for (name, number) in names.into_iter().zip(self.usage.numbers()) {
            if number > 0 {
                self.put_own(name, ValueRef::Int(i64::try_from(number).unwrap_or(i64::MAX)));
            }
        }
        if self.usage.mode == UsageMode::Cumulative {
            self.put_own(key::USAGE_CUMULATIVE, ValueRef::Bool(true));
        }
    }

    /// Sets an attribute to an array (5) or a map (6) whose content is encoded already.
    fn put_list(&mut self, name: &str, any_field: u32, list: &[u8]) {
        let existing = self.keys.find(&self.out, name);
        let value = bytes_field_len(any_field, list.len());
        self.scratch.clear();
        let out = &mut self.scratch;
        put_pair_head(out, field::ATTRIBUTES, name, value);
        put_bytes_field(out, any_field, list);
        self.place_scratch(existing, name);
    }
}

/// An event or a link that is being written.
#[derive(Debug)]
pub struct Nested<'b> {
    out: &'b mut Vec<u8>,
    cut: &'b mut u32,
    limits: &'b Limits,
    room: usize,
    /// Where the message starts.
    start: usize,
    /// Where its attributes start.
    attributes: usize,
    /// Field number of its attributes.
    number: u32,
    count: u32,
    dropped: u32,
    /// The flags that a link ends with.
    flags: Option<u32>,
}

impl Nested<'_> {
    /// Adds an attribute; a second value of the same key takes the place of the first.
    pub fn attribute(&mut self, name: &str, tell: impl FnOnce(&mut dyn ValueSink)) {
        let existing = find_key_value(self.out, self.attributes, self.number, name);
        let full = existing.is_none() && self.count >= self.limits.nested_attributes;
        let used = self.out.len() - self.start;
        let room = self.room.saturating_sub(used);
        if full || name.is_empty() || name.len() > self.limits.key_length || name.len() + 32 > room {
            self.dropped += 1;
            return;
        }
        match existing {
            Some(range) => {
                let mut pair = Vec::new();
                *self.cut += put_told(&mut pair, self.number, name, self.limits.bounds(room), tell);
                self.out.splice(range, pair);
            }
            None => {
                self.count += 1;
                *self.cut += put_told(self.out, self.number, name, self.limits.bounds(room), tell);
            }
        }
    }

    /// Ends the event or link.
    #[inline]
    pub fn close(self) {
        put_count(self.out, self.number + 1, self.dropped);
        if let Some(link_flags) = self.flags.filter(|flags| *flags != 0) {
            put_fixed32_field(self.out, 6, link_flags);
        }
        close_message(self.out, self.start);
    }
}

#[inline]
fn put_count(out: &mut Vec<u8>, number: u32, count: u32) {
    if count > 0 {
        put_varint_field(out, number, count.into());
    }
}

#[inline]
fn put_span_flags(out: &mut Vec<u8>, span_flags: u32) {
    let mut bytes = [0x85, 0x01, 0, 0, 0, 0];
    bytes[2..].copy_from_slice(&span_flags.to_le_bytes());
    out.extend_from_slice(&bytes);
}

#[expect(clippy::cast_precision_loss, reason = "durations have far fewer than 53 bits of nanoseconds")]
fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

/// Appends a key-value pair; gives how many values were cut.
#[inline]
fn put_pair(
    out: &mut Vec<u8>,
    number: u32,
    name: &str,
    value: ValueRef<'_>,
    bounds: crate::value::Bounds,
) -> u32 {
    match value {
        ValueRef::Str(text) => {
            let kept = if text.len() > bounds.text.min(bounds.bytes) {
                cut_bytes(cut_chars(text, bounds.text), bounds.bytes)
            } else {
                text
            };
            put_text_pair(out, number, name, kept.as_bytes());
            u32::from(kept.len() < text.len())
        }
        ValueRef::Int(value) => {
            let bits = value.cast_unsigned();
            let length = 1 + crate::otlp::wire::varint_len(bits);
            put_pair_head(out, number, name, length);
            out.push(0x18);
            put_varint(out, bits);
            0
        }
        ValueRef::Double(value) => {
            put_pair_head(out, number, name, 9);
            put_fixed64_field(out, 4, value.to_bits());
            0
        }
        ValueRef::Bool(value) => {
            put_pair_head(out, number, name, 2);
            out.extend_from_slice(&[0x10, value.into()]);
            0
        }
        ValueRef::Null | ValueRef::Large(_) | ValueRef::Bytes(_) | ValueRef::Value(_) => {
            put_told(out, number, name, bounds, |sink| value.tell(sink))
        }
    }
}

/// Appends the tag, lengths and key of a pair, and the tag and length of its value.
#[inline]
fn put_pair_head(out: &mut Vec<u8>, number: u32, name: &str, value: usize) {
    let pair = bytes_field_len(1, name.len()) + bytes_field_len(2, value);
    let tag = number << 3 | 2;
    match (u8::try_from(tag), u8::try_from(pair), u8::try_from(name.len()), u8::try_from(value)) {
        (Ok(tag), Ok(pair @ ..0x80), Ok(key), Ok(value)) => {
            out.extend_from_slice(&[tag, pair, 0x0a, key]);
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(&[0x12, value]);
        }
        _ => {
            put_varint(out, tag.into());
            put_varint(out, pair as u64);
            put_bytes_field(out, 1, name.as_bytes());
            out.push(0x12);
            put_varint(out, value as u64);
        }
    }
}

#[inline]
fn put_text_pair(out: &mut Vec<u8>, number: u32, name: &str, text: &[u8]) {
    out.reserve(name.len() + text.len() + 32);
    put_pair_head(out, number, name, bytes_field_len(1, text.len()));
    out.push(0x0a);
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text);
}

/// Appends a key-value pair whose value `tell` tells; gives how many values were cut.
fn put_told(
    out: &mut Vec<u8>,
    number: u32,
    name: &str,
    bounds: crate::value::Bounds,
    tell: impl FnOnce(&mut dyn ValueSink),
) -> u32 {
    let pair = open_message(out, number);
    put_bytes_field(out, 1, name.as_bytes());
    let value = open_message(out, 2);
    let mut writer = AnyWriter::new(out);
    let mut bounded = Bounded::new(&mut writer, bounds);
    tell(&mut bounded);
    let cuts = bounded.cuts();
    close_message(out, value);
    close_message(out, pair);
    cuts.deep.saturating_add(cuts.left_out).saturating_add(cuts.shortened)
}

#[cfg(test)]
mod tests;
