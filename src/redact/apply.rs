//! Redaction applied to the bytes of a `Span` message.
//!
//! Two loops do it. One goes through the fields of a message and copies what is clean in long stretches; it meets an event
//! or a link as a message inside. The other walks a nested value with a stack of its own. Both look at bytes as they
//! stand: a field that occurs twice, or something unknown beside a value, cannot hide there, for what is not written the
//! usual way is written anew.

use core::ops::Range;

use super::hide::{Cover, HIDDEN};
use super::report::{RedactReport, Rule};
use super::rules::{HookAction, HookError, RedactRules};
use super::scan::{Finding, Scanner, card_length};
use crate::otlp::any::{AnyView, AnyWriter, field as any};
use crate::otlp::span::field;
use crate::otlp::wire::{
    self, DecodeError, Field, FieldValue, Fields, bytes_field_len, close_message, open_message,
    put_bytes_field, tag, varint_len,
};
use crate::value::{Bounds, ValueSink};

/// Takes secrets out of spans. Made by [`RedactRules::build`]; one serves for all threads.
#[derive(Debug)]
pub struct Redactor {
    rules: RedactRules,
}

impl Default for Redactor {
    /// With all built-in rules.
    fn default() -> Self {
        RedactRules::new().build()
    }
}

impl Redactor {
    pub(crate) const fn new(rules: RedactRules) -> Self {
        Self { rules }
    }

    /// Appends a `Span` message to `out` without its secrets. Ids and tracestates are not looked at. The message is one
    /// that [`SpanView::read`](crate::otlp::span::SpanView::read) accepts, and so is the result; of any other what
    /// cannot be read is left out.
    pub fn apply(&self, span: &[u8], out: &mut Vec<u8>) -> RedactReport {
        let mut report = RedactReport::default();
        self.rewrite(Message::Span, span, out, &mut report);
        report
    }

    /// A text without its secrets.
    #[must_use]
    pub fn redact_text(&self, text: &str) -> String {
        let mut report = RedactReport::default();
        self.clean_text(text.as_bytes(), &mut report)
            .map_or_else(|| text.into(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Appends the message to `out`; true when what is appended is byte by byte the same.
    fn rewrite(&self, kind: Message, message: &[u8], out: &mut Vec<u8>, report: &mut RedactReport) -> bool {
        let mut fields = Strict::new(message);
        // Up to here the message stands in `out`.
        let mut copied = 0;
        let mut same = true;
        let copy = |out: &mut Vec<u8>, from: usize, to: usize| {
            out.extend_from_slice(message.get(from..to).unwrap_or_default());
        };
        loop {
            let start = fields.position();
            fields.odd = false;
            let field = match fields.next_field() {
                Ok(Some(field)) => field,
                Ok(None) if !fields.odd => break,
                // An unknown group at the end, or something that is no field: it does not pass.
                Ok(None) | Err(_) => {
                    copy(out, copied, start);
                    report.note(Rule::Unreadable);
                    return false;
                }
            };
            if !fields.odd && self.is_clean(kind, field) {
                continue;
            }
            copy(out, copied, start);
            let mark = out.len();
            copied = fields.position();
            if self.write_field(kind, field, out, report) && !fields.odd {
                // It was written only to find out. The copy goes, and the field stays with its neighbours.
                out.truncate(mark);
                copied = start;
            } else {
                same = false;
            }
        }
        copy(out, copied, message.len());
        same
    }

    /// True when it is clear without writing that the field stays as it is.
    fn is_clean(&self, kind: Message, field: Field<'_>) -> bool {
        match (kind.part(field.number), field.value) {
            (Part::Copy, _) => true,
            (Part::Text, FieldValue::Bytes(text)) => self.is_clean_text(text),
            (Part::Attribute, FieldValue::Bytes(pair)) => self.is_clean_attribute(pair),
            // A later version's field: its bytes are looked at, whatever they mean.
            (Part::Unknown, FieldValue::Bytes(bytes)) => self.is_clean_text(bytes),
            (Part::Unknown, _) => true,
            _ => false,
        }
    }

    /// Writes a field without its secrets; true when it is the same.
    fn write_field(
        &self,
        kind: Message,
        field: Field<'_>,
        out: &mut Vec<u8>,
        report: &mut RedactReport,
    ) -> bool {
        let FieldValue::Bytes(bytes) = field.value else {
            put_field(out, field);
            return true;
        };
        match kind.part(field.number) {
            Part::Copy => {
                put_field(out, field);
                true
            }
            Part::Text => {
                let cleaned = self.clean_text(bytes, report);
                put_bytes_field(out, field.number, cleaned.as_deref().unwrap_or(bytes));
                cleaned.is_none()
            }
            Part::Attribute => self.write_attribute(field.number, bytes, out, report),
            Part::Message(inner) => {
                let start = open_message(out, field.number);
                let same = self.rewrite(inner, bytes, out, report);
                close_message(out, start);
                same
            }
            Part::Unknown if self.is_clean_text(bytes) => {
                put_field(out, field);
                true
            }
            Part::Unknown => {
                report.note(Rule::Unreadable);
                false
            }
        }
    }

    /// True when it is clear without writing that the attribute stays as it is.
    fn is_clean_attribute(&self, pair: &[u8]) -> bool {
        let Ok(pair) = Pair::read(pair) else { return false };
        if pair.odd
            || self.rules.hook.is_some()
            || self.cover_of(pair.key) != Cover::None
            || self.hides_key(&pair)
            || !self.is_clean_text(pair.key)
        {
            return false;
        }
        match pair.value {
            Raw::Null | Raw::Bool(_) => true,
            Raw::Int(number) => !is_card(number),
            Raw::Double(number) => !is_card_double(number),
            Raw::Text(bytes) | Raw::Bytes(bytes) => self.is_clean_text(bytes),
            Raw::Array(_) | Raw::Map(_) => false,
        }
    }

    fn cover_of(&self, key: &[u8]) -> Cover {
        self.rules.hide.as_ref().map_or(Cover::None, |hide| hide.cover_of(key))
    }

    /// True when the key says that its value is a secret. Truth values and empty ones tell nothing.
    fn hides_key(&self, pair: &Pair<'_>) -> bool {
        !matches!(pair.value, Raw::Null | Raw::Bool(_)) && self.rules.keys.matches_bytes(pair.key)
    }

    /// Writes an attribute without its secrets, or not at all; true when it is the same.
    fn write_attribute(
        &self,
        number: u32,
        pair: &[u8],
        out: &mut Vec<u8>,
        report: &mut RedactReport,
    ) -> bool {
        let Ok(mut pair) = Pair::read(pair) else {
            report.note(Rule::Unreadable);
            return false;
        };
        let mut cover = self.cover_of(pair.key);
        if cover.hides_json() && matches!(pair.value, Raw::Text(_)) {
            cover = Cover::Whole;
        }
        let hidden = if cover == Cover::Whole {
            Some((Rule::Hidden, HIDDEN))
        } else if self.hides_key(&pair) {
            Some((Rule::Key, self.rules.keys.replacement()))
        } else {
            None
        };
        let mut replaced = Vec::new();
        if hidden.is_none() {
            match self.ask_hook(&pair) {
                Ok(HookAction::Keep) => {}
                Ok(HookAction::Drop) => {
                    report.note(Rule::Hook);
                    return false;
                }
                Ok(HookAction::Replace(value)) => {
                    report.note(Rule::Hook);
                    value.tell(&mut AnyWriter::new(&mut replaced));
                    pair.odd = true;
                    pair.value = Raw::read(&replaced).map_or(Raw::Null, |(value, _)| value);
                }
                Err(HookError) => {
                    report.note(Rule::HookFailed);
                    return false;
                }
            }
        }
        let entry = open_message(out, number);
        let key = self.clean_text(pair.key, report);
        put_bytes_field(out, 1, key.as_deref().unwrap_or(pair.key));
        let value = open_message(out, 2);
        let mut same = key.is_none() && !pair.odd;
        if let Some((rule, text)) = hidden {
            report.note(rule);
            AnyWriter::new(out).string(text);
            same = false;
        } else {
            same &= self.write_value(pair.value, cover, out, report);
        }
        close_message(out, value);
        close_message(out, entry);
        same
    }

    fn ask_hook(&self, pair: &Pair<'_>) -> Result<HookAction, HookError> {
        let Some(hook) = &self.rules.hook else { return Ok(HookAction::Keep) };
        let key = core::str::from_utf8(pair.key).map_err(|_| HookError)?;
        let view = AnyView::read(pair.encoded).map_err(|_| HookError)?;
        guarded(|| hook(key, view)).unwrap_or(Err(HookError))
    }

    /// Writes a value without its secrets; true when it is the same.
    fn write_value(
        &self,
        value: Raw<'_>,
        cover: Cover,
        out: &mut Vec<u8>,
        report: &mut RedactReport,
    ) -> bool {
        let mut sink = AnyWriter::new(out);
        let mut open: Vec<(Strict<'_>, bool)> = Vec::new();
        let mut same = true;
        let mut next = Some(value);
        loop {
            match next.take() {
                None => {}
                Some(Raw::Array(_) | Raw::Map(_)) if open.len() >= Bounds::MAX_DEPTH as usize => {
                    report.note(Rule::Unreadable);
                    sink.null();
                    same = false;
                }
                Some(Raw::Array(list)) => {
                    sink.begin_array();
                    open.push((Strict::new(list), false));
                }
                Some(Raw::Map(list)) => {
                    sink.begin_map();
                    open.push((Strict::new(list), true));
                }
                Some(scalar) => same &= self.write_scalar(scalar, cover, &mut sink, report),
            }
            let Some((fields, is_map)) = open.last_mut() else { return same };
            let Ok(Some(field)) = fields.next_field() else {
                // Something unknown or broken in the list is left out with its end.
                same &= !fields.odd;
                if *is_map {
                    sink.end_map()
                } else {
                    sink.end_array()
                }
                open.pop();
                continue;
            };
            let FieldValue::Bytes(element) = field.value else {
                fields.odd = true;
                continue;
            };
            if field.number != 1 {
                fields.odd = true;
            } else if !*is_map {
                let (value, odd) = Raw::read(element).unwrap_or((Raw::Null, true));
                same &= !odd;
                next = Some(value);
            } else if let Ok(pair) = Pair::read(element) {
                let key = self.clean_text(pair.key, report);
                same &= key.is_none() && !pair.odd;
                sink.key(text(key.as_deref().unwrap_or(pair.key)));
                let hidden = if cover.hides_entry(pair.key) {
                    Some((Rule::Hidden, HIDDEN))
                } else if self.hides_key(&pair) {
                    Some((Rule::Key, self.rules.keys.replacement()))
                } else {
                    None
                };
                if let Some((rule, text)) = hidden {
                    report.note(rule);
                    sink.string(text);
                    same = false;
                } else {
                    next = Some(pair.value);
                }
            } else {
                fields.odd = true;
            }
        }
    }

    /// Writes a value that holds no others; true when it is the same.
    fn write_scalar(
        &self,
        value: Raw<'_>,
        cover: Cover,
        sink: &mut AnyWriter<'_>,
        report: &mut RedactReport,
    ) -> bool {
        let mut card = |sink: &mut AnyWriter<'_>| {
            report.note(Rule::Card);
            sink.string("[REDACTED:card]");
            false
        };
        let looks_for_cards = self.rules.looks & Rule::Card.bit() != 0;
        match value {
            Raw::Bool(value) => sink.bool(value),
            Raw::Int(value) if looks_for_cards && is_card(value) => return card(sink),
            Raw::Double(value) if looks_for_cards && is_card_double(value) => return card(sink),
            Raw::Int(value) => sink.int(value),
            Raw::Double(value) => sink.double(value),
            Raw::Text(bytes) if cover.hides_text(bytes) => {
                report.note(Rule::Hidden);
                sink.string(HIDDEN);
                return false;
            }
            Raw::Text(bytes) => {
                let cleaned = self.clean_text(bytes, report);
                sink.string(text(cleaned.as_deref().unwrap_or(bytes)));
                return cleaned.is_none();
            }
            Raw::Bytes(bytes) => {
                let cleaned = self.clean_text(bytes, report);
                sink.bytes(cleaned.as_deref().unwrap_or(bytes));
                return cleaned.is_none();
            }
            Raw::Null | Raw::Array(_) | Raw::Map(_) => sink.null(),
        }
        true
    }

    fn is_clean_text(&self, text: &[u8]) -> bool {
        if self.rules.matchers.is_empty() {
            self.rules.looks == 0 || Scanner::new(text, self.rules.looks).next().is_none()
        } else {
            self.hits(text).is_empty()
        }
    }

    /// The text without its secrets; `None` where it has none.
    fn clean_text(&self, text: &[u8], report: &mut RedactReport) -> Option<Vec<u8>> {
        let hits = self.hits(text);
        if hits.is_empty() {
            return None;
        }
        let mut out = Vec::with_capacity(text.len());
        let mut at = 0;
        for hit in hits {
            report.note(hit.rule);
            out.extend_from_slice(text.get(at..hit.range.start).unwrap_or_default());
            match hit.label {
                Some(label) => out.extend_from_slice(label.as_bytes()),
                None => {
                    for part in ["[REDACTED:", hit.rule.name(), "]"] {
                        out.extend_from_slice(part.as_bytes());
                    }
                }
            }
            at = hit.range.end;
        }
        out.extend_from_slice(text.get(at..).unwrap_or_default());
        Some(out)
    }

    /// What is to be replaced in a text, in order and without overlap.
    fn hits(&self, text: &[u8]) -> Vec<Hit<'_>> {
        let mut hits: Vec<Hit<'_>> = Scanner::new(text, self.rules.looks)
            .map(|Finding { range, rule }| Hit { range, rule, label: None })
            .collect();
        if self.rules.matchers.is_empty() {
            return hits;
        }
        // Bytes that are no text are none of the user's business.
        let Ok(text) = core::str::from_utf8(text) else { return hits };
        for (label, matcher) in &self.rules.matchers {
            let found = |range| Hit { range, rule: Rule::User, label: Some(label.as_str()) };
            let mut from = 0;
            loop {
                match guarded(|| matcher.find(text, from)) {
                    None => hits.push(found(0..text.len())),
                    Some(Some(range))
                        if range.start >= from
                            && text.get(range.clone()).is_some_and(|part| !part.is_empty()) =>
                    {
                        from = range.end;
                        hits.push(found(range));
                        continue;
                    }
                    Some(_) => {}
                }
                break;
            }
        }
        hits.sort_by_key(|hit| hit.range.start);
        hits.dedup_by(|later, earlier| {
            let overlaps = later.range.start < earlier.range.end;
            if overlaps {
                earlier.range.end = earlier.range.end.max(later.range.end);
            }
            overlaps
        });
        hits
    }
}

/// A part of a text that is to be replaced.
struct Hit<'a> {
    range: Range<usize>,
    rule: Rule,
    label: Option<&'a str>,
}

/// Runs the user's code; `None` where it panicked.
#[cfg(not(target_arch = "wasm32"))]
fn guarded<T>(run: impl FnOnce() -> T) -> Option<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).ok()
}

/// Runs the user's code. A panic ends the module here, so nothing passes either.
#[cfg(target_arch = "wasm32")]
fn guarded<T>(run: impl FnOnce() -> T) -> Option<T> {
    Some(run())
}

/// A message whose fields are gone through.
#[derive(Clone, Copy)]
enum Message {
    Span,
    Event,
    Link,
    Status,
}

/// What a field of a message is.
#[derive(Clone, Copy)]
enum Part {
    /// A number, an id, a tracestate.
    Copy,
    Text,
    Attribute,
    Message(Message),
    Unknown,
}

impl Message {
    const fn part(self, number: u32) -> Part {
        match (self, number) {
            (Self::Span, field::NAME) | (Self::Event | Self::Status, 2) => Part::Text,
            (Self::Span, field::ATTRIBUTES) | (Self::Event, 3) | (Self::Link, 4) => Part::Attribute,
            (Self::Span, field::EVENTS) => Part::Message(Self::Event),
            (Self::Span, field::LINKS) => Part::Message(Self::Link),
            (Self::Span, field::STATUS) => Part::Message(Self::Status),
            (Self::Span, 1..=16) | (Self::Event, 1 | 4) | (Self::Link, 1..=6) | (Self::Status, 3) => {
                Part::Copy
            }
            _ => Part::Unknown,
        }
    }
}

/// Fields that are written the usual way: without groups between them, with numbers in their shortest form.
#[derive(Clone, Copy)]
struct Strict<'a> {
    fields: Fields<'a>,
    length: usize,
    /// Something came that is not written the usual way.
    odd: bool,
}

impl<'a> Strict<'a> {
    const fn new(message: &'a [u8]) -> Self {
        Self { fields: Fields::new(message), length: message.len(), odd: false }
    }

    const fn position(&self) -> usize {
        self.length - self.fields.rest().len()
    }

    #[inline]
    fn next_field(&mut self) -> Result<Option<Field<'a>>, DecodeError> {
        let start = self.position();
        let field = self.fields.next_field();
        let usual = match field {
            Ok(Some(field)) => field_len(field),
            Ok(None) => 0,
            Err(_) => usize::MAX,
        };
        self.odd |= self.position() - start != usual;
        field
    }
}

/// How long a field is in the usual form.
fn field_len(field: Field<'_>) -> usize {
    let tag = varint_len(tag(field.number, 0));
    match field.value {
        FieldValue::Varint(value) => tag + varint_len(value),
        FieldValue::Fixed64(_) => tag + 8,
        FieldValue::Fixed32(_) => tag + 4,
        FieldValue::Bytes(bytes) => bytes_field_len(field.number, bytes.len()),
    }
}

fn put_field(out: &mut Vec<u8>, field: Field<'_>) {
    match field.value {
        FieldValue::Varint(value) => wire::put_varint_field(out, field.number, value),
        FieldValue::Fixed64(value) => wire::put_fixed64_field(out, field.number, value),
        FieldValue::Fixed32(value) => wire::put_fixed32_field(out, field.number, value),
        FieldValue::Bytes(bytes) => put_bytes_field(out, field.number, bytes),
    }
}

/// A value as it stands in its message. Texts are bytes here: matchers do not ask for UTF-8.
#[derive(Clone, Copy)]
enum Raw<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(&'a [u8]),
    Bytes(&'a [u8]),
    Array(&'a [u8]),
    Map(&'a [u8]),
}

impl<'a> Raw<'a> {
    /// Reads an `AnyValue`, and whether it holds more than the value.
    #[inline]
    fn read(bytes: &'a [u8]) -> Result<(Self, bool), DecodeError> {
        let mut fields = Strict::new(bytes);
        let mut value = None;
        while let Some(field) = fields.next_field()? {
            fields.odd |= value.is_some();
            value = Some(match field.number {
                any::STRING => Self::Text(field.bytes()?),
                any::BOOL => Self::Bool(field.varint()? != 0),
                any::INT => Self::Int(field.varint()?.cast_signed()),
                any::DOUBLE => Self::Double(f64::from_bits(field.fixed64()?)),
                any::ARRAY => Self::Array(field.bytes()?),
                any::MAP => Self::Map(field.bytes()?),
                any::BYTES => Self::Bytes(field.bytes()?),
                _ => {
                    fields.odd = true;
                    continue;
                }
            });
        }
        Ok((value.unwrap_or(Self::Null), fields.odd))
    }
}

/// A `KeyValue` as it stands in its message.
struct Pair<'a> {
    key: &'a [u8],
    value: Raw<'a>,
    /// The value's message.
    encoded: &'a [u8],
    /// It holds more than key and value.
    odd: bool,
}

impl<'a> Pair<'a> {
    #[inline]
    fn read(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut fields = Strict::new(bytes);
        let (mut key, mut encoded) = (None, None);
        while let Some(field) = fields.next_field()? {
            let place = match field.number {
                1 => &mut key,
                2 => &mut encoded,
                _ => {
                    fields.odd = true;
                    continue;
                }
            };
            fields.odd |= place.replace(field.bytes()?).is_some();
        }
        let encoded = encoded.unwrap_or_default();
        let (value, odd) = Raw::read(encoded)?;
        Ok(Self { key: key.unwrap_or_default(), value, encoded, odd: fields.odd || odd })
    }
}

/// Text of a checked message.
fn text(bytes: &[u8]) -> &str {
    core::str::from_utf8(bytes).unwrap_or_default()
}

/// True when the digits of a number are those of a payment card.
fn is_card(number: i64) -> bool {
    // Shorter numbers, which are nearly all, need no digits.
    if number < 1_000_000_000_000 {
        return false;
    }
    let digits = number.to_string();
    card_length(digits.as_bytes()) == Some(digits.len())
}

#[expect(clippy::cast_possible_truncation, reason = "the number is whole and within the range")]
fn is_card_double(number: f64) -> bool {
    (1e12..9e18).contains(&number) && number % 1.0 == 0.0 && is_card(number as i64)
}
