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

use super::buffer::Buffer;
use super::envelope::ENVELOPE_LEN;
use super::keys::{KeyIndex, find_key_value, has_field, key_hash, replace_range};
use super::limits::Limits;
use super::nested::Nested;
use super::pairs::{put_attribute, put_told};
use crate::id::{SpanId, TraceId};
use crate::otlp::span::{SpanKind, StatusCode, field};
use crate::otlp::wire::{open_message, put_bytes_field, put_fixed64_field, put_varint_field};
use crate::usage::Usage;
use crate::value::{ValueRef, ValueSink, cut_bytes, cut_chars};
use crate::vocabulary as key;
use plain::plain_name;
#[cfg(not(target_arch = "wasm32"))]
use plain::{Open, plain_bytes};

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
// What every span needs stands together, in front: a program that records now and then finds all of it in slow memory.
#[derive(Debug, Default)]
#[repr(C)]
pub struct SpanBuilder {
    out: Buffer,
    keys: KeyIndex,
    /// How far attributes can be written without looking around.
    #[cfg(not(target_arch = "wasm32"))]
    open: Open,
    #[cfg(not(target_arch = "wasm32"))]
    plain_bytes: usize,
    plain_name: usize,
    events: Vec<u8>,
    links: Vec<u8>,
    /// How many bytes the maps and the ids of what follows hold.
    beside: usize,
    head: Head,
    /// Attributes that the program set; those of the vocabulary are not counted.
    attributes: u32,
    event_count: u32,
    link_count: u32,
    dropped_attributes: u32,
    dropped_events: u32,
    dropped_links: u32,
    /// Values that were cut.
    cut: u32,
    status: StatusCode,
    /// True when anything but attributes, events and a plain status was recorded.
    has_extras: bool,
    repaired: bool,
    limits: Limits,
    rare: Rare,
}

/// What few spans need.
#[derive(Debug, Default)]
struct Rare {
    sections: [Entries; 3],
    next: Entries,
    status_message: String,
    usage: Usage,
    first_frame: Option<u64>,
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
        let mut builder = Self::default();
        builder.set_limits(limits);
        builder
    }

    /// The limits that spans are held to.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Holds the spans that follow to other limits.
    pub const fn set_limits(&mut self, limits: Limits) {
        self.limits = limits.kept();
        self.plain_name = plain_name(&self.limits);
        #[cfg(not(target_arch = "wasm32"))]
        {
            self.plain_bytes = plain_bytes(&self.limits);
        }
    }

    /// How many bytes its buffers have room for.
    #[must_use]
    pub fn capacity(&self) -> usize {
        let sections: usize = self.rare.sections.iter().map(|section| section.bytes.capacity()).sum();
        self.out.capacity() + self.events.capacity() + self.links.capacity() + sections
    }

    /// True where one of its buffers grew beyond so many bytes for this span.
    #[inline]
    #[must_use]
    pub fn grew_beyond(&self, bytes: usize) -> bool {
        let used = self.out.capacity() + self.events.capacity();
        used > bytes || self.has_extras && self.capacity() > bytes
    }

    /// Starts a span; what was recorded before is gone.
    #[cfg_attr(not(target_arch = "wasm32"), inline(always))]
    pub fn start(&mut self, start: &SpanStart<'_>) {
        self.clear();
        if !self.start_plainly(start) {
            self.start_generally(start);
        }
        let remote = if start.parent_is_remote { IS_REMOTE } else { 0 };
        self.head = Head {
            workflow: start.workflow,
            role: start.role,
            start: start.start_unix_nano,
            end_at: self.out.len() - 8,
            span_flags: u32::from(start.trace_flags) | SAMPLED | HAS_IS_REMOTE | remote,
        };
        #[cfg(not(target_arch = "wasm32"))]
        self.look_around();
        if start.role == SpanRole::Workflow {
            self.put_kind(key::KIND_WORKFLOW, self.kept_name(start.name));
        } else if !start.node_kind.is_empty() {
            self.put_kind(start.node_kind, self.kept_name(start.name));
        }
    }

    /// As much of a name as the limits allow.
    fn kept_name<'a>(&self, name: &'a str) -> &'a str {
        cut_bytes(cut_chars(name, self.limits.value_length), self.limits.span_bytes / 4)
    }

    /// Writes what stands in front of the attributes, however long it is.
    #[cold]
    fn start_generally(&mut self, start: &SpanStart<'_>) {
        let name = self.kept_name(start.name);
        self.cut += u32::from(name.len() < start.name.len());
        self.rare.scratch.clear();
        let out = &mut self.rare.scratch;
        out.extend_from_slice(&[0; ENVELOPE_LEN]);
        put_bytes_field(out, field::TRACE_ID, start.trace_id.as_bytes());
        put_bytes_field(out, field::SPAN_ID, start.span_id.as_bytes());
        if start.trace_state.len() > self.limits.key_length {
            self.cut += 1;
        } else if !start.trace_state.is_empty() {
            put_bytes_field(out, field::TRACE_STATE, start.trace_state.as_bytes());
        }
        if start.parent_span_id.is_valid() {
            put_bytes_field(out, field::PARENT_SPAN_ID, start.parent_span_id.as_bytes());
        }
        if !name.is_empty() {
            put_bytes_field(out, field::NAME, name.as_bytes());
        }
        put_varint_field(out, field::KIND, start.span_kind as u64);
        put_fixed64_field(out, field::START, start.start_unix_nano);
        // An end of zero is left out by the encoder: the bytes of the end are put in later.
        out.extend_from_slice(&[0x41, 0, 0, 0, 0, 0, 0, 0, 0]);
        self.out.put(&self.rare.scratch);
    }

    /// Something is about to grow beside the attributes.
    #[inline]
    fn grow_beside(&mut self) {
        #[cfg(not(target_arch = "wasm32"))]
        {
            self.open = Open::default();
        }
    }

    /// Forgets everything but the room of the buffers.
    fn clear(&mut self) {
        self.out.clear();
        self.keys.clear();
        self.events.clear();
        self.links.clear();
        self.attributes = 0;
        self.status = StatusCode::Unset;
        (self.event_count, self.link_count) = (0, 0);
        (self.dropped_attributes, self.dropped_events, self.dropped_links, self.cut) = (0, 0, 0, 0);
        self.repaired = false;
        if core::mem::take(&mut self.has_extras) {
            for entries in self.rare.sections.iter_mut().chain([&mut self.rare.next]) {
                entries.bytes.clear();
                entries.count = 0;
            }
            self.rare.status_message.clear();
            self.rare.usage = Usage::default();
            self.rare.first_frame = None;
            self.beside = 0;
        }
    }

    /// Says what kind of step the span is, in our words and in those of the conventions.
    fn put_kind(&mut self, kind: &str, name: &str) {
        self.put_own_text(key::KIND, kind);
        let Some(operation) = key::operation_of(kind) else { return };
        self.put_own_text(key::OPERATION, operation);
        let named = match operation {
            "invoke_workflow" => key::WORKFLOW_NAME,
            "execute_tool" => key::TOOL_NAME,
            "invoke_agent" => key::AGENT_NAME,
            _ => return,
        };
        self.put_own_text(named, name);
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
                self.put_own_text(name, text);
            }
        }
    }

    /// Sets an attribute. A second value of the same key takes the place of the first.
    // What is known where this is called, nearly always the key and the kind of value, is worked out by the compiler; in the
    // wasm modules nothing is known, and the copies would only cost their size.
    #[cfg_attr(not(target_arch = "wasm32"), inline(always))]
    pub fn attribute<'v>(&mut self, name: &str, value: impl Into<ValueRef<'v>>) {
        let hash = key_hash(name.as_bytes());
        match value.into() {
            #[cfg(not(target_arch = "wasm32"))]
            ValueRef::Str(text) => self.put_text(name, hash, text),
            #[cfg(not(target_arch = "wasm32"))]
            ValueRef::Int(number) => self.put_int(name, hash, number),
            value => self.put_limited(name, hash, value),
        }
    }

    /// Sets an attribute to what `tell` tells.
    pub fn attribute_told(&mut self, name: &str, tell: &mut dyn FnMut(&mut dyn ValueSink)) {
        let hash = key_hash(name.as_bytes());
        let existing = self.keys.find(self.out.as_slice(), name, hash);
        if existing.is_none() && !self.admits(name) {
            return;
        }
        let bounds = self.limits.bounds(self.room_instead_of(existing), name);
        self.rare.scratch.clear();
        let cut = put_told(&mut self.rare.scratch, field::ATTRIBUTES, name, bounds, tell);
        self.cut = self.cut.saturating_add(cut);
        self.place_scratch(existing, hash);
    }

    #[cfg_attr(not(target_arch = "wasm32"), inline(always))]
    fn put_limited(&mut self, name: &str, hash: u32, value: ValueRef<'_>) {
        if let Some(existing) = self.keys.find(self.out.as_slice(), name, hash) {
            self.replace(existing, name, value);
        } else if self.admits(name) {
            self.append(name, hash, value);
        }
    }

    /// Sets an attribute of the vocabulary, which no limit leaves out.
    fn put_own(&mut self, name: &str, value: ValueRef<'_>) {
        let hash = key_hash(name.as_bytes());
        if let Some(existing) = self.keys.find(self.out.as_slice(), name, hash) {
            self.replace(existing, name, value);
        } else {
            self.append(name, hash, value);
        }
    }

    /// As [`Self::put_own`], for a text.
    #[cfg_attr(not(target_arch = "wasm32"), inline(always))]
    fn put_own_text(&mut self, name: &str, text: &str) {
        #[cfg(target_arch = "wasm32")]
        self.put_own(name, ValueRef::Str(text));
        #[cfg(not(target_arch = "wasm32"))]
        self.put_own_plainly(name, key_hash(name.as_bytes()), text);
    }

    /// Decides over a new attribute, and counts it.
    #[inline]
    fn admits(&mut self, name: &str) -> bool {
        // An empty key wraps around to the largest number.
        if self.attributes >= self.limits.attributes
            || name.len().wrapping_sub(1) >= self.limits.key_length
            || name.len() + 32 > self.room()
        {
            return self.admits_reserved(name);
        }
        self.attributes += 1;
        true
    }

    /// Over the limit only what tells what the span is still finds a place.
    #[cold]
    fn admits_reserved(&mut self, name: &str) -> bool {
        if key::is_reserved(name) && name.len() + 32 <= self.room() {
            return true;
        }
        self.dropped_attributes = self.dropped_attributes.saturating_add(1);
        false
    }

    /// How many bytes the span may still grow.
    #[inline]
    fn room(&self) -> usize {
        self.limits.span_bytes.saturating_sub(self.out.len() + self.beside())
    }

    /// How many bytes stand beside the attributes.
    #[inline]
    fn beside(&self) -> usize {
        self.events.len() + self.links.len() + self.beside
    }

    #[cfg_attr(not(target_arch = "wasm32"), inline(always))]
    fn append(&mut self, name: &str, hash: u32, value: ValueRef<'_>) {
        let start = self.out.len();
        let fits = match value {
            ValueRef::Str(text) => text.len() <= self.limits.value_length.min(self.room()),
            _ => true,
        };
        if fits && put_attribute(&mut self.out, name, value) {
            self.keys.add(hash, start);
        } else {
            self.put_scratch(None, name, value);
            self.place_scratch(None, hash);
        }
    }

    #[cold]
    fn replace(&mut self, existing: usize, name: &str, value: ValueRef<'_>) {
        self.put_scratch(Some(existing), name, value);
        self.place_scratch(Some(existing), 0);
    }

    /// How many bytes a value may take that replaces another one, if any.
    fn room_instead_of(&self, existing: Option<usize>) -> usize {
        let freed = existing.and_then(|index| self.keys.range(index, self.out.as_slice()));
        self.room().saturating_add(freed.map_or(0, |range| range.len()))
    }

    /// Writes an attribute into `scratch`, to stand where `existing` does.
    fn put_scratch(&mut self, existing: Option<usize>, name: &str, value: ValueRef<'_>) {
        let bounds = self.limits.bounds(self.room_instead_of(existing), name);
        self.rare.scratch.clear();
        let cut =
            put_told(&mut self.rare.scratch, field::ATTRIBUTES, name, bounds, &mut |sink| value.tell(sink));
        self.cut = self.cut.saturating_add(cut);
    }

    /// Puts the attribute in `scratch` where the key stands already, else at the end.
    fn place_scratch(&mut self, existing: Option<usize>, hash: u32) {
        match existing.and_then(|index| self.keys.range(index, self.out.as_slice())) {
            Some(range) => {
                let (old, start) = (range.len(), range.start);
                self.out.replace(range, &self.rare.scratch);
                self.keys.shift(start, old, self.rare.scratch.len());
            }
            None => {
                self.keys.add(hash, self.out.len());
                self.out.put(&self.rare.scratch);
            }
        }
    }

    /// Adds an entry to the input, output or configuration; a second value of the same key takes the place of the first.
    pub fn section<'v>(&mut self, section: Section, name: &str, value: impl Into<ValueRef<'v>>) {
        let value = value.into();
        self.section_told(section, name, &mut |sink| value.tell(sink));
    }

    /// As [`Self::section`], with the value that `tell` tells.
    pub fn section_told(&mut self, section: Section, name: &str, tell: &mut dyn FnMut(&mut dyn ValueSink)) {
        self.has_extras = true;
        self.grow_beside();
        let room = self.room();
        let [input, output, config] = &mut self.rare.sections;
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
        self.rare.scratch.clear();
        // The entry stands in a map already: what may nest in it is one level less.
        let mut bounds = self.limits.bounds(room, name);
        bounds.depth = bounds.depth.saturating_sub(1);
        let cut = put_told(&mut self.rare.scratch, 1, name, bounds, tell);
        self.cut = self.cut.saturating_add(cut);
        match existing {
            Some(range) => {
                self.beside = self.beside + self.rare.scratch.len() - range.len();
                replace_range(&mut entries.bytes, range, &self.rare.scratch);
            }
            None => {
                entries.count += 1;
                self.beside += self.rare.scratch.len();
                entries.bytes.append(&mut self.rare.scratch);
            }
        }
    }

    /// Names a node that follows this one; a name that is there already is not added again.
    pub fn next(&mut self, id: &str) {
        self.has_extras = true;
        self.grow_beside();
        if id.len() > self.limits.key_length || id.len() + 32 > self.room() {
            self.dropped_attributes = self.dropped_attributes.saturating_add(1);
            return;
        }
        let mut text = Vec::new();
        put_bytes_field(&mut text, 1, id.as_bytes());
        if has_field(&self.rare.next.bytes, &text) {
            return;
        }
        if self.rare.next.count >= self.limits.attributes {
            self.dropped_attributes = self.dropped_attributes.saturating_add(1);
            return;
        }
        self.rare.next.count += 1;
        put_bytes_field(&mut self.rare.next.bytes, 1, &text);
        self.beside += text.len();
    }

    /// Adds an event with attributes.
    #[inline]
    pub fn event(&mut self, time_unix_nano: u64, name: &str, attributes: &[(&str, ValueRef<'_>)]) {
        if attributes.is_empty() && self.event_plainly(time_unix_nano, name) {
            return;
        }
        let Some(mut event) = self.open_event(time_unix_nano, name) else { return };
        for (name, value) in attributes {
            event.attribute(name, &mut |sink| value.tell(sink));
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
        self.grow_beside();
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
        self.grow_beside();
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
        let room = self.room();
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

    /// Reports tokens; how reports go together is for [`UsageMode`](crate::UsageMode) to say.
    pub fn usage(&mut self, report: Usage) {
        self.has_extras = true;
        self.rare.usage = self.rare.usage.report(report);
    }

    /// Notes that the first frame of a stream came; only the first call counts.
    pub fn first_frame(&mut self, time_unix_nano: u64) {
        self.has_extras = true;
        self.rare.first_frame.get_or_insert(time_unix_nano.saturating_sub(self.head.start));
    }

    /// Sets the status. `Ok` is final; `Unset` changes nothing; a message is kept with an error only.
    pub fn status(&mut self, status: StatusCode, message: &str) {
        if self.status == StatusCode::Ok || status == StatusCode::Unset {
            return;
        }
        self.status = status;
        let had_message = self.has_extras && !self.rare.status_message.is_empty();
        if had_message || !message.is_empty() {
            self.has_extras = true;
            self.rare.status_message.clear();
            if status == StatusCode::Error {
                let kept =
                    cut_bytes(cut_chars(message, self.limits.value_length), self.limits.span_bytes / 4);
                self.rare.status_message.push_str(kept);
                self.cut += u32::from(kept.len() < message.len());
            }
        }
    }

    /// Notes that a text of the host had to be repaired.
    pub const fn note_repair(&mut self) {
        self.repaired = true;
    }
}

mod finish;
mod foreign;
mod plain;
#[cfg(test)]
mod tests;
