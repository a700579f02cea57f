//! The marshalled layout: what Python's `marshal.dumps(spans, 2)` makes of a list of tuples.
//!
//! The members of a tuple are, in this order: head (kind, span kind, status, trace flags and host flags in one number), name,
//! trace id, span id, parent id, workflow id, start, end, node kind, tracestate, identity, attributes, events, further
//! items. What is absent is `None`.

mod metrics;

use super::cursor::Cursor;
use super::text::{Repaired, Repairs, text};
use super::{Ingest, Malformed, put_record, role_of, span_kind_of, usage_of};
use crate::id::{SpanId, TraceId};
use crate::otlp::span::StatusCode;
use crate::record::layout::{TUPLE_LEN, host_flag, item};
use crate::record::{Identity, Nested, Section, SpanBuilder, SpanStart};
use crate::value::{ValueRef, ValueSink, decimal};

/// Whole numbers of more bits than this are told as a note of their size: Python itself refuses to print longer ones.
const MAX_DIGITS: usize = 1000;

pub(super) fn ingest(state: &mut Ingest, batch: &[u8], out: &mut Vec<u8>) {
    each_of(state, batch, out, span);
}

pub(super) fn ingest_metrics(state: &mut Ingest, batch: &[u8], out: &mut Vec<u8>) {
    each_of(state, batch, out, metrics::metric);
}

/// Takes the members of a list in, each on its own: one that cannot be read leaves nothing behind.
#[inline(always)]
fn each_of(
    state: &mut Ingest,
    batch: &[u8],
    out: &mut Vec<u8>,
    entry: impl Fn(&mut Ingest, &mut Reader<'_>, &mut Vec<u8>) -> Result<(), Malformed>,
) {
    let place = Repaired::default();
    let mut reader = Reader { rest: Cursor { rest: batch }, repairs: Repairs::new(&place) };
    let Ok(count) = reader.sequence() else {
        state.counts.malformed += 1;
        return;
    };
    for _ in 0..count {
        let mark = out.len();
        let whole = reader.rest;
        if entry(state, &mut reader, out).is_ok() {
            continue;
        }
        out.truncate(mark);
        state.counts.malformed += 1;
        // The value may be well-formed and no span: then the next one follows behind it.
        reader.rest = whole;
        if reader.skip().is_err() {
            return;
        }
    }
    state.counts.repaired += reader.repairs.count;
}

struct Reader<'a> {
    rest: Cursor<'a>,
    repairs: Repairs<'a>,
}

/// A marshalled value; of a container, what its members need.
enum Found<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// A whole number beyond 64 bits: its digits of 15 bits, the least significant first, and its sign.
    Large(&'a [u8], bool),
    Double(f64),
    Text(&'a [u8]),
    Bytes(&'a [u8]),
    /// A list or a tuple, with so many members.
    Sequence(u32),
    Map,
    /// The end of a map.
    End,
}

impl<'a> Reader<'a> {
    #[inline]
    fn value(&mut self) -> Result<Found<'a>, Malformed> {
        let rest = &mut self.rest;
        Ok(match rest.u8()? {
            b'N' => Found::None,
            b'T' => Found::Bool(true),
            b'F' => Found::Bool(false),
            b'i' => Found::Int(rest.i32()?.into()),
            b'l' => {
                let digits = rest.i32()?;
                let count = usize::try_from(digits.unsigned_abs()).map_err(|_| Malformed)?;
                let bytes = rest.take(count.checked_mul(2).ok_or(Malformed)?)?;
                whole_number(bytes, digits < 0)
            }
            b'g' => Found::Double(rest.f64()?),
            b'u' | b't' | b'a' | b'A' => Found::Text(rest.long_slice()?),
            b'z' | b'Z' => {
                let length = rest.u8()?;
                Found::Text(rest.take(length.into())?)
            }
            b's' => Found::Bytes(rest.long_slice()?),
            b'(' | b'[' | b'<' | b'>' => Found::Sequence(rest.u32()?),
            b')' => Found::Sequence(rest.u8()?.into()),
            b'{' => Found::Map,
            b'0' => Found::End,
            _ => return Err(Malformed),
        })
    }

    #[inline]
    fn sequence(&mut self) -> Result<u32, Malformed> {
        if let Found::Sequence(count) = self.value()? { Ok(count) } else { Err(Malformed) }
    }

    #[inline]
    fn int(&mut self) -> Result<i64, Malformed> {
        if let Found::Int(number) = self.value()? { Ok(number) } else { Err(Malformed) }
    }

    /// A number of nanoseconds or tokens; what is negative counts as none.
    #[inline]
    fn count(&mut self) -> Result<u64, Malformed> {
        // A time in nanoseconds has five digits of 15 bits.
        if let Some((&[b'l', 5, 0, 0, 0, a0, a1, b0, b1, c0, c1, d0, d1, e0, e1], tail)) =
            self.rest.rest.split_first_chunk()
            && e0 < 16
            && e1 == 0
        {
            self.rest.rest = tail;
            let digits = [[a0, a1], [b0, b1], [c0, c1], [d0, d1], [e0, e1]].map(u16::from_le_bytes);
            return Ok(digits.iter().rev().fold(0, |number, digit| number << 15 | u64::from(digit & 0x7fff)));
        }
        Ok(match self.value()? {
            Found::Int(number) => u64::try_from(number).unwrap_or(0),
            Found::Large(_, negative) => {
                if negative {
                    0
                } else {
                    u64::MAX
                }
            }
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
            Found::Double(number) => number as u64,
            Found::None => 0,
            _ => return Err(Malformed),
        })
    }

    /// The text that comes next, where it is of the type that Python writes all texts as.
    #[inline]
    fn plain_text(&mut self) -> Result<Option<&'a str>, Malformed> {
        let Some((b'u', tail)) = self.rest.rest.split_first() else { return Ok(None) };
        self.rest.rest = tail;
        let bytes = self.rest.long_slice()?;
        Ok(Some(text(bytes, &mut self.repairs)))
    }

    /// A text; `None` counts as an empty one.
    #[inline]
    fn text(&mut self) -> Result<&'a str, Malformed> {
        if let Some(text) = self.plain_text()? {
            return Ok(text);
        }
        match self.value()? {
            Found::Text(bytes) => Ok(text(bytes, &mut self.repairs)),
            Found::None => Ok(""),
            _ => Err(Malformed),
        }
    }

    /// The bytes of an id; `None` and no bytes are no id.
    #[inline]
    fn id<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        if let Some((b's', tail)) = self.rest.rest.split_first() {
            let mut rest = Cursor { rest: tail };
            if rest.u32()? as usize == N {
                let id = rest.array()?;
                self.rest = rest;
                return Ok(id);
            }
        }
        match self.value()? {
            Found::Bytes([]) => Ok([0; N]),
            Found::Bytes(bytes) => bytes.try_into().map_err(|_| Malformed),
            Found::None => Ok([0; N]),
            _ => Err(Malformed),
        }
    }

    /// The key that comes next in a map, as text; `None` at its end. Keys that are no texts are written as such.
    #[inline]
    fn key(&mut self) -> Result<Option<&'a str>, Malformed> {
        if let Some(text) = self.plain_text()? {
            return Ok(Some(text));
        }
        Ok(Some(match self.value()? {
            Found::End => return Ok(None),
            Found::Text(bytes) => text(bytes, &mut self.repairs),
            Found::Int(number) => self.repairs.keep(digits(number)),
            Found::Bool(true) => "true",
            Found::Bool(false) => "false",
            Found::None => "null",
            Found::Large(digits, negative) => self.repairs.keep(large(digits, negative)),
            // A floating-point key would bring the whole writing of such numbers into the module, for what hardly occurs.
            Found::Double(_) => "[float]",
            Found::Bytes(bytes) => text(bytes, &mut self.repairs),
            Found::Sequence(members) => {
                self.skip_key(members)?;
                "[tuple]"
            }
            Found::Map => return Err(Malformed),
        }))
    }

    /// Goes past a value, whatever it is.
    fn skip(&mut self) -> Result<(), Malformed> {
        let count = self.repairs.count;
        let result = self.tell(&mut Nobody);
        self.repairs.count = count;
        result
    }

    /// Goes past the members of a tuple that is a key; only tuples can be members that have members.
    fn skip_key(&mut self, members: u32) -> Result<(), Malformed> {
        let mut left = u64::from(members);
        while left > 0 {
            left -= 1;
            match self.value()? {
                Found::Sequence(members) => left += u64::from(members),
                Found::Map | Found::End => return Err(Malformed),
                _ => {}
            }
        }
        Ok(())
    }

    /// Tells the value that comes next.
    fn tell(&mut self, sink: &mut dyn ValueSink) -> Result<(), Malformed> {
        let mut open: Vec<Option<u32>> = Vec::new();
        loop {
            match self.value()? {
                Found::None => sink.null(),
                Found::Bool(value) => sink.bool(value),
                Found::Int(value) => sink.int(value),
                Found::Double(value) => sink.double(value),
                Found::Large(digits, negative) => sink.string(&large(digits, negative)),
                Found::Text(bytes) => sink.string(text(bytes, &mut self.repairs)),
                Found::Bytes(bytes) => sink.bytes(bytes),
                Found::Sequence(count) => {
                    sink.begin_array();
                    open.push(Some(count));
                }
                Found::Map => {
                    sink.begin_map();
                    open.push(None);
                }
                Found::End => return Err(Malformed),
            }
            loop {
                match open.last_mut() {
                    None => return Ok(()),
                    Some(Some(0)) => sink.end_array(),
                    Some(Some(left)) => {
                        *left -= 1;
                        break;
                    }
                    Some(None) => {
                        if let Some(key) = self.key()? {
                            sink.key(key);
                            break;
                        }
                        sink.end_map();
                    }
                }
                open.pop();
            }
        }
    }
}

/// Hears a value that is only gone past.
struct Nobody;

impl ValueSink for Nobody {
    fn null(&mut self) {}
    fn bool(&mut self, _: bool) {}
    fn int(&mut self, _: i64) {}
    fn double(&mut self, _: f64) {}
    fn string(&mut self, _: &str) {}
    fn bytes(&mut self, _: &[u8]) {}
    fn begin_array(&mut self) {}
    fn end_array(&mut self) {}
    fn begin_map(&mut self) {}
    fn key(&mut self, _: &str) {}
    fn end_map(&mut self) {}
}

/// Digits of 15 bits as a number: five of them are a time in nanoseconds, so they are put together in 64 bits.
#[inline]
fn whole_number(digits: &[u8], negative: bool) -> Found<'_> {
    let (mut magnitude, mut shift) = (0_u64, 0_u32);
    for digit in digits.chunks_exact(2) {
        let digit = digit.try_into().map_or(0, |digit| u64::from(u16::from_le_bytes(digit) & 0x7fff));
        if shift < 60 || (shift == 60 && digit < 16) {
            magnitude |= digit << shift;
        } else if digit > 0 {
            return Found::Large(digits, negative);
        }
        shift = shift.saturating_add(15);
    }
    match i64::try_from(magnitude) {
        Ok(number) => Found::Int(if negative { -number } else { number }),
        Err(_) if negative && magnitude == i64::MIN.unsigned_abs() => Found::Int(i64::MIN),
        Err(_) => Found::Large(digits, negative),
    }
}

/// The decimal digits of a whole number.
fn digits(number: i64) -> String {
    let mut text = String::from(if number < 0 { "-" } else { "" });
    text.push_str(decimal(number.unsigned_abs(), &mut [0; 20]));
    text
}

/// The decimal digits of a whole number that is given in digits of 15 bits.
#[cold]
fn large(digits: &[u8], negative: bool) -> String {
    let mut number: Vec<u32> =
        digits.chunks_exact(2).map(|digit| digit.try_into().map_or(0, u16::from_le_bytes).into()).collect();
    if number.len() > MAX_DIGITS {
        let bits = number.len() * 15;
        let mut text = String::from("[integer of about ");
        text.push_str(decimal(bits as u64, &mut [0; 20]));
        text.push_str(" bits]");
        return text;
    }
    let mut text = Vec::new();
    while number.iter().any(|digit| *digit > 0) {
        let mut carry = 0;
        for digit in number.iter_mut().rev() {
            let value = carry << 15 | *digit;
            *digit = value / 10;
            carry = value % 10;
        }
        text.push(b'0' + u8::try_from(carry).unwrap_or(0));
    }
    if negative {
        text.push(b'-');
    }
    text.reverse();
    String::from_utf8(text).unwrap_or_default()
}

fn span(state: &mut Ingest, reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<(), Malformed> {
    if reader.sequence()? as usize != TUPLE_LEN {
        return Err(Malformed);
    }
    let before = reader.repairs.count;
    let [kind, span_kind, status, trace_flags, f0, f1, ..] = reader.int()?.to_le_bytes();
    if !(1..=4).contains(&kind) {
        return Err(Malformed);
    }
    let host_flags = u16::from_le_bytes([f0, f1]);
    let name = reader.text()?;
    let trace_id = TraceId::from_bytes(reader.id()?);
    let span_id = SpanId::from_bytes(reader.id()?);
    let parent_span_id = SpanId::from_bytes(reader.id()?);
    let workflow = SpanId::from_bytes(reader.id()?);
    let (start, end) = (reader.count()?, reader.count()?);
    let node_kind = reader.text()?;
    let trace_state = reader.text()?;
    let builder = &mut state.builder;
    builder.start(&SpanStart {
        workflow,
        trace_id,
        span_id,
        parent_span_id,
        parent_is_remote: host_flags & host_flag::PARENT_IS_REMOTE != 0,
        trace_flags,
        trace_state,
        name,
        span_kind: span_kind_of(span_kind),
        node_kind,
        role: role_of(kind, host_flags),
        start_unix_nano: start,
    });
    identity(builder, reader)?;
    attributes(builder, reader)?;
    events(builder, reader)?;
    let message = items(builder, reader)?;
    builder.status(StatusCode::from_number(status.into()), message);
    if reader.repairs.count > before {
        builder.note_repair();
    }
    state.counts.spans += 1;
    put_record(builder, kind, end, out);
    Ok(())
}

fn identity(builder: &mut SpanBuilder, reader: &mut Reader<'_>) -> Result<(), Malformed> {
    match reader.value()? {
        Found::None => Ok(()),
        Found::Sequence(4) => {
            let (sid, app_id) = (reader.text()?, reader.text()?);
            let (uid, chat_id) = (reader.text()?, reader.text()?);
            builder.identity(&Identity { sid, app_id, uid, chat_id });
            Ok(())
        }
        _ => Err(Malformed),
    }
}

/// The scalar that comes next, without taking it; containers are none.
#[inline]
fn scalar<'a>(reader: &mut Reader<'a>) -> Result<Option<ValueRef<'a>>, Malformed> {
    let before = reader.rest;
    Ok(Some(match reader.value()? {
        Found::None => ValueRef::Null,
        Found::Bool(value) => ValueRef::Bool(value),
        Found::Int(value) => ValueRef::Int(value),
        Found::Double(value) => ValueRef::Double(value),
        Found::Bytes(value) => ValueRef::Bytes(value),
        Found::Text(bytes) => ValueRef::Str(text(bytes, &mut reader.repairs)),
        Found::Large(..) | Found::Sequence(_) | Found::Map => {
            reader.rest = before;
            return Ok(None);
        }
        Found::End => return Err(Malformed),
    }))
}

/// Takes the value that comes next as one that can be told later: its bytes.
fn told_later<'a>(reader: &mut Reader<'a>) -> Result<Cursor<'a>, Malformed> {
    let whole = reader.rest.rest;
    reader.skip()?;
    let length = whole.len() - reader.rest.rest.len();
    Ok(Cursor { rest: whole.get(..length).ok_or(Malformed)? })
}

/// Tells a value that has been gone past before: it does not fail half-way.
fn tell_taken<'a>(taken: Cursor<'a>, repairs: &mut Repairs<'a>, sink: &mut dyn ValueSink) {
    let mut reader = Reader { rest: taken, repairs: repairs.fork() };
    let _ = reader.tell(sink);
    repairs.join(reader.repairs);
}

fn attributes(builder: &mut SpanBuilder, reader: &mut Reader<'_>) -> Result<(), Malformed> {
    each_entry(reader, |reader, name| {
        // What nearly all attributes are goes the short way.
        if let Some(text) = reader.plain_text()? {
            builder.attribute(name, text);
            return Ok(());
        }
        match scalar(reader)? {
            Some(value) => builder.attribute(name, value),
            None => {
                let taken = told_later(reader)?;
                builder.attribute_told(name, &mut |sink| tell_taken(taken, &mut reader.repairs, sink));
            }
        }
        Ok(())
    })
}

/// Calls `entry` for each key of the map that comes next; `None` counts as an empty map.
#[inline]
fn each_entry<'a>(
    reader: &mut Reader<'a>,
    mut entry: impl FnMut(&mut Reader<'a>, &str) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    match reader.value()? {
        Found::None => Ok(()),
        Found::Map => {
            while let Some(name) = reader.key()? {
                entry(reader, name)?;
            }
            Ok(())
        }
        _ => Err(Malformed),
    }
}

fn events(builder: &mut SpanBuilder, reader: &mut Reader<'_>) -> Result<(), Malformed> {
    let count = match reader.value()? {
        Found::None => 0,
        Found::Sequence(count) => count,
        _ => return Err(Malformed),
    };
    for _ in 0..count {
        if reader.sequence()? != 3 {
            return Err(Malformed);
        }
        let time = reader.count()?;
        let name = reader.text()?;
        let event = builder.open_event(time, name);
        nested(event, reader)?;
    }
    Ok(())
}

fn nested(mut target: Option<Nested<'_>>, reader: &mut Reader<'_>) -> Result<(), Malformed> {
    each_entry(reader, |reader, name| {
        let taken = told_later(reader)?;
        if let Some(target) = &mut target {
            target.attribute(name, &mut |sink| tell_taken(taken, &mut reader.repairs, sink));
        }
        Ok(())
    })?;
    if let Some(target) = target {
        target.close();
    }
    Ok(())
}

/// Reads the further items; gives the message of the status.
fn items<'a>(builder: &mut SpanBuilder, reader: &mut Reader<'a>) -> Result<&'a str, Malformed> {
    let mut message = "";
    let count = match reader.value()? {
        Found::None => 0,
        Found::Sequence(count) => count,
        _ => return Err(Malformed),
    };
    for _ in 0..count {
        let members = reader.sequence()?;
        let kind = u8::try_from(reader.int()?).map_err(|_| Malformed)?;
        let expected = match kind {
            item::LINK => 6,
            item::USAGE => 9,
            _ => 2,
        };
        if members != expected {
            return Err(Malformed);
        }
        match kind {
            item::INPUT | item::OUTPUT | item::CONFIG => {
                let section = match kind {
                    item::INPUT => Section::Input,
                    item::OUTPUT => Section::Output,
                    _ => Section::Config,
                };
                each_entry(reader, |reader, name| {
                    let taken = told_later(reader)?;
                    builder.section_told(section, name, &mut |sink| {
                        tell_taken(taken, &mut reader.repairs, sink)
                    });
                    Ok(())
                })?;
            }
            item::LINK => {
                let trace_id = TraceId::from_bytes(reader.id()?);
                let span_id = SpanId::from_bytes(reader.id()?);
                let flags = u32::try_from(reader.int()?).map_err(|_| Malformed)?;
                let trace_state = reader.text()?;
                let link = builder.open_link(trace_id, span_id, trace_state, flags);
                nested(link, reader)?;
            }
            item::USAGE => {
                let mut numbers = [0; 7];
                for number in &mut numbers {
                    *number = reader.count()?;
                }
                let mode = u8::try_from(reader.int()?).map_err(|_| Malformed)?;
                builder.usage(usage_of(numbers, mode));
            }
            item::FIRST_FRAME => {
                let time = reader.count()?;
                builder.first_frame(time);
            }
            item::NEXT => {
                let id = reader.text()?;
                builder.next(id);
            }
            item::STATUS_MESSAGE => message = reader.text()?,
            _ => return Err(Malformed),
        }
    }
    Ok(message)
}
