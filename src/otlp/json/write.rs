//! From protobuf to JSON.
//!
//! One frame for each open message. In a message as encoders write it, fields stand in ascending order, so one
//! cursor serves; where a look ahead shows another order or a repeated single field, the frame searches the message
//! once for each field that its table knows, and of a single field the last one counts.

use super::schema::{Field, Kind, MAX_DEPTH, Message, Presence};
use crate::json::{Style, Writer};
use crate::otlp::wire::{self, DecodeError, FieldValue, Fields, take_varint};
use crate::value::ValueSink;

struct Frame<'a> {
    message: &'static Message,
    /// All fields of the message.
    all: Fields<'a>,
    /// Where this frame reads on.
    cursor: Fields<'a>,
    /// Index of the field that is read.
    at: usize,
    /// The fields stand as encoders write them.
    in_order: bool,
    /// The array of the field at `at` is open.
    in_array: bool,
}

impl<'a> Frame<'a> {
    fn new(message: &'static Message, bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let all = Fields::new(bytes);
        let in_order = is_in_order(message, all)?;
        Ok(Self { message, all, cursor: all, at: 0, in_order, in_array: false })
    }

    /// The next field in the order of the table, with its index.
    fn next_member(&mut self) -> Result<Option<(usize, &'static Field, wire::Field<'a>)>, DecodeError> {
        if self.in_order {
            return self.next_in_order();
        }
        while let Some(field) = self.message.fields.get(self.at) {
            let found = match field.presence {
                Presence::Repeated => next_numbered(&mut self.cursor, field.number)?,
                _ => self.last(field)?,
            };
            let index = self.at;
            if found.is_none() || field.presence != Presence::Repeated {
                self.at += 1;
                self.cursor = self.all;
            }
            if let Some(found) = found {
                return Ok(Some((index, field, found)));
            }
        }
        Ok(None)
    }

    fn next_in_order(&mut self) -> Result<Option<(usize, &'static Field, wire::Field<'a>)>, DecodeError> {
        while let Some(found) = self.cursor.next_field()? {
            while let Some(field) = self.message.fields.get(self.at) {
                if field.number == found.number {
                    return Ok(Some((self.at, field, found)));
                }
                if field.number > found.number {
                    break;
                }
                self.at += 1;
            }
        }
        Ok(None)
    }

    /// The last of a single field; of fields that exclude each other only the last one counts.
    fn last(&self, field: &Field) -> Result<Option<wire::Field<'a>>, DecodeError> {
        let mut fields = self.all;
        let mut last = None;
        while let Some(found) = fields.next_field()? {
            if found.number == field.number {
                last = Some(found);
            } else if field.presence == Presence::OneOf && is_one_of(self.message, found.number) {
                last = None;
            }
        }
        Ok(last)
    }
}

fn is_one_of(message: &Message, number: u32) -> bool {
    message.fields.iter().any(|field| field.number == number && field.presence == Presence::OneOf)
}

fn is_in_order(message: &Message, mut fields: Fields<'_>) -> Result<bool, DecodeError> {
    let mut known = message.fields.iter().peekable();
    let mut one_of_seen = false;
    let mut last = 0;
    while let Some(found) = fields.next_field()? {
        if found.number < last {
            return Ok(false);
        }
        while known.next_if(|field| field.number < found.number).is_some() {}
        let Some(field) = known.peek().filter(|field| field.number == found.number) else { continue };
        if found.number == last && field.presence != Presence::Repeated {
            return Ok(false);
        }
        if field.presence == Presence::OneOf && core::mem::replace(&mut one_of_seen, true) {
            return Ok(false);
        }
        last = found.number;
    }
    Ok(true)
}

fn next_numbered<'a>(fields: &mut Fields<'a>, number: u32) -> Result<Option<wire::Field<'a>>, DecodeError> {
    while let Some(found) = fields.next_field()? {
        if found.number == number {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Appends the JSON of a message.
pub(super) fn write(message: &'static Message, bytes: &[u8], text: &mut String) -> Result<(), DecodeError> {
    // JSON of spans is about twice as long as their protobuf.
    text.reserve(bytes.len().saturating_mul(2));
    let mut json = Writer::new(text, Style::Compact);
    let mut open = vec![Frame::new(message, bytes)?];
    let mut depth = 0;
    begin(open.last(), &mut json)?;
    while let Some(frame) = open.last_mut() {
        let was_at = frame.at;
        let was_in_array = frame.in_array;
        let next = frame.next_member()?;
        let same_array = was_in_array && next.as_ref().is_some_and(|(index, ..)| *index == was_at);
        if was_in_array && !same_array {
            json.end_array();
            frame.in_array = false;
        }
        let Some((_, field, found)) = next else {
            json.end_map();
            depth -= u32::from(frame.message.is_container);
            open.pop();
            continue;
        };
        if field.presence == Presence::Repeated {
            if !same_array {
                json.key(field.name);
                json.begin_array();
                frame.in_array = true;
            }
        } else if field.presence == Presence::Implicit && is_default(field.kind, found) {
            // Of a field that JSON insists on, `begin` has written the default.
            continue;
        } else {
            json.key(field.name);
        }
        if let Kind::Message(nested) = field.kind {
            depth += u32::from(nested.is_container);
            if depth > MAX_DEPTH {
                return Err(DecodeError::TooDeep);
            }
            open.push(Frame::new(nested, found.bytes()?)?);
            begin(open.last(), &mut json)?;
        } else if let (true, FieldValue::Bytes(packed)) = (field.kind.is_packed(), found.value) {
            write_packed(field, packed, &mut json)?;
        } else {
            write_scalar(field.kind, found, &mut json)?;
        }
    }
    Ok(())
}

/// Opens the object of a message, with the field on which readers insist where the message has it not.
fn begin(frame: Option<&Frame<'_>>, json: &mut Writer<'_>) -> Result<(), DecodeError> {
    json.begin_map();
    let Some(Frame { message: Message { insists: true, fields: [first, ..], .. }, all, .. }) = frame else {
        return Ok(());
    };
    let mut fields = *all;
    let mut last = None;
    while let Some(found) = next_numbered(&mut fields, first.number)? {
        last = Some(found);
    }
    match (first.presence, last) {
        (Presence::Repeated, None) => {
            json.key(first.name);
            json.begin_array();
            json.end_array();
        }
        (Presence::Implicit, last) if last.is_none_or(|found| is_default(first.kind, found)) => {
            json.key(first.name);
            json.string("");
        }
        _ => {}
    }
    Ok(())
}

/// True for a value that is left out, because none is the same.
fn is_default(kind: Kind, found: wire::Field<'_>) -> bool {
    match (kind, found.value) {
        (Kind::Message(_), _) => false,
        // Negative zero is another number than zero.
        (_, FieldValue::Varint(0) | FieldValue::Fixed64(0) | FieldValue::Fixed32(0)) => true,
        (Kind::Text | Kind::Id(_) | Kind::Bytes, FieldValue::Bytes(bytes)) => bytes.is_empty(),
        _ => false,
    }
}

fn write_packed(field: &Field, mut packed: &[u8], json: &mut Writer<'_>) -> Result<(), DecodeError> {
    if field.presence != Presence::Repeated {
        return Err(DecodeError::WireType { field: field.number });
    }
    while !packed.is_empty() {
        let value = match field.kind {
            Kind::Fixed64 | Kind::Sfixed64 | Kind::Double => {
                let (number, rest) = packed.split_first_chunk().ok_or(DecodeError::Truncated)?;
                packed = rest;
                FieldValue::Fixed64(u64::from_le_bytes(*number))
            }
            Kind::Fixed32 => {
                let (number, rest) = packed.split_first_chunk().ok_or(DecodeError::Truncated)?;
                packed = rest;
                FieldValue::Fixed32(u32::from_le_bytes(*number))
            }
            _ => FieldValue::Varint(take_varint(&mut packed)?),
        };
        write_scalar(field.kind, wire::Field { number: field.number, value }, json)?;
    }
    Ok(())
}

fn write_scalar(kind: Kind, found: wire::Field<'_>, json: &mut Writer<'_>) -> Result<(), DecodeError> {
    match kind {
        Kind::Text => json.string(found.text()?),
        Kind::Id(length) => write_id(found.bytes()?, length, json)?,
        Kind::Bytes => json.bytes(found.bytes()?),
        Kind::Bool => json.bool(found.varint()? != 0),
        Kind::Int64 => write_long(found.varint()?.cast_signed().into(), json),
        Kind::Uint64 => write_long(found.varint()?.into(), json),
        Kind::Fixed64 => write_long(found.fixed64()?.into(), json),
        Kind::Sfixed64 => write_long(found.fixed64()?.cast_signed().into(), json),
        Kind::Uint32 => json.int(found.varint32()?.into()),
        Kind::Int32 | Kind::Enum => json.int(found.varint32()?.cast_signed().into()),
        Kind::Sint32 => {
            let number = found.varint32()?;
            json.int(((number >> 1).cast_signed() ^ -(number & 1).cast_signed()).into());
        }
        Kind::Fixed32 => json.int(found.fixed32()?.into()),
        Kind::Double => json.double(f64::from_bits(found.fixed64()?)),
        // Messages have frames of their own.
        Kind::Message(_) => {}
    }
    Ok(())
}

fn write_id(bytes: &[u8], length: usize, json: &mut Writer<'_>) -> Result<(), DecodeError> {
    if !bytes.is_empty() && bytes.len() != length {
        return Err(DecodeError::IdLength { length: bytes.len() });
    }
    let mut text = [0u8; 32];
    crate::id::write_hex(bytes, &mut text);
    let digits = text.get(..bytes.len() * 2).unwrap_or_default();
    json.string(core::str::from_utf8(digits).unwrap_or_default());
    Ok(())
}

/// A 64-bit whole number as text.
fn write_long(value: i128, json: &mut Writer<'_>) {
    let mut digits = [0u8; 20];
    let mut start = digits.len();
    // 64 bits without sign hold both signs' magnitudes.
    let mut rest = u64::try_from(value.unsigned_abs()).unwrap_or(u64::MAX);
    for place in digits.iter_mut().rev() {
        *place = b'0' + (rest % 10).to_le_bytes()[0];
        rest /= 10;
        start -= 1;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        // The longest negative number has 19 digits: there is room for its sign.
        start -= 1;
        if let Some(place) = digits.get_mut(start) {
            *place = b'-';
        }
    }
    let text = digits.get(start..).unwrap_or_default();
    json.string(core::str::from_utf8(text).unwrap_or_default());
}
