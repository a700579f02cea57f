//! The compact layout: packed bytes with interned names.

use super::cursor::Cursor;
use super::text::{Repaired, Repairs, text};
use super::{Ingest, Malformed, labels_of, put_record, role_of, span_kind_of, usage_of};
use crate::id::{SpanId, TraceId};
use crate::meter::Labels;
use crate::otlp::span::StatusCode;
use crate::record::layout::{INTERNED, LONG_NAME, MAX_NAMES, SPAN_HEADER_LEN, entry, item, value};
use crate::record::{Identity, Nested, Section, SpanBuilder, SpanStart};
use crate::value::{ValueRef, ValueSink};

pub(super) fn ingest(state: &mut Ingest, batch: &[u8], out: &mut Vec<u8>) {
    let mut batch = Cursor { rest: batch };
    while !batch.rest.is_empty() {
        let Ok(content) = take_entry(&mut batch) else {
            // Without a length there is no way to find the next entry.
            state.counts.malformed += 1;
            return;
        };
        let mark = out.len();
        if one_entry(state, content, out).is_err() {
            out.truncate(mark);
            state.counts.malformed += 1;
        }
    }
}

/// The labels that the only value of these bytes has.
pub(super) fn labels(value: &[u8]) -> Result<Labels, Malformed> {
    let place = Repaired::default();
    let mut reader = Reader { names: &[], rest: Cursor { rest: value }, repairs: Repairs::new(&place) };
    let found = reader.value()?;
    if !reader.rest.rest.is_empty() {
        return Err(Malformed);
    }
    labels_of(|sink| {
        found.tell(reader.names, &mut reader.repairs, sink);
        Ok(())
    })
}

/// An entry, its length taken off.
#[inline]
fn take_entry<'a>(batch: &mut Cursor<'a>) -> Result<&'a [u8], Malformed> {
    let length = batch.u32()? as usize;
    batch.take(length.checked_sub(4).ok_or(Malformed)?)
}

fn one_entry(state: &mut Ingest, content: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    match content.first() {
        Some(1..=4) => span(state, content, out),
        Some(&entry::DEFINE_NAME) => define_name(state, content),
        Some(&entry::FORGET_NAMES) => {
            state.names.clear();
            Ok(())
        }
        Some(_) => {
            state.counts.unknown += 1;
            Ok(())
        }
        None => Err(Malformed),
    }
}

/// Names are numbered without gaps, so a host that says them in order cannot make the table large.
fn define_name(state: &mut Ingest, content: &[u8]) -> Result<(), Malformed> {
    let mut rest = Cursor { rest: content };
    rest.u16()?;
    let id = usize::from(rest.u16()?);
    let place = Repaired::default();
    let mut repairs = Repairs::new(&place);
    let name = text(rest.rest, &mut repairs).to_owned();
    state.counts.repaired += repairs.count;
    if let Some(known) = state.names.get_mut(id) {
        *known = name;
        return Ok(());
    }
    if id != state.names.len() || id >= MAX_NAMES {
        return Err(Malformed);
    }
    state.names.push(name);
    Ok(())
}

/// Reads names and texts, and counts repairs.
struct Reader<'a> {
    names: &'a [String],
    rest: Cursor<'a>,
    repairs: Repairs<'a>,
}

impl<'a> Reader<'a> {
    #[inline]
    fn name(&mut self) -> Result<&'a str, Malformed> {
        let reference = self.rest.u16()?;
        self.referred(reference)
    }

    /// The name behind a reference that has been read.
    #[inline]
    fn referred(&mut self, reference: u16) -> Result<&'a str, Malformed> {
        if reference & INTERNED != 0 {
            let name = self.names.get(usize::from(reference & !INTERNED)).ok_or(Malformed)?;
            return Ok(name);
        }
        let bytes = if reference == LONG_NAME {
            self.rest.long_slice()?
        } else {
            self.rest.take(reference.into())?
        };
        Ok(text(bytes, &mut self.repairs))
    }

    #[inline]
    fn time(&mut self) -> Result<u64, Malformed> {
        let millis = self.rest.f64()?;
        Ok(nanos(millis, self.rest.u32()?))
    }

    /// The text that comes next as a value of its own; `None`, and nothing is taken, where another type of value comes.
    #[inline]
    fn plain_text(&mut self) -> Result<Option<&'a str>, Malformed> {
        let bytes = match self.rest.rest.split_first() {
            Some((&value::SHORT_TEXT, tail)) => {
                self.rest.rest = tail;
                let length = self.rest.u8()?;
                self.rest.take(length.into())?
            }
            Some((&value::TEXT, tail)) => {
                self.rest.rest = tail;
                self.rest.long_slice()?
            }
            _ => return Ok(None),
        };
        Ok(Some(text(bytes, &mut self.repairs)))
    }

    /// The value that comes next: a scalar as it is, of a container the bytes.
    #[inline]
    fn value(&mut self) -> Result<Found<'a>, Malformed> {
        let whole = self.rest;
        Ok(match self.rest.u8()? {
            value::NULL => Found::Null,
            value::FALSE => Found::Bool(false),
            value::TRUE => Found::Bool(true),
            value::INT32 => Found::Int(self.rest.i32()?.into()),
            value::INT64 => Found::Int(i64::from_le_bytes(self.rest.array()?)),
            value::DOUBLE => Found::Double(self.rest.f64()?),
            value::TEXT => Found::Text(text(self.rest.long_slice()?, &mut self.repairs)),
            value::SHORT_TEXT => {
                let length = self.rest.u8()?;
                Found::Text(text(self.rest.take(length.into())?, &mut self.repairs))
            }
            value::NAME => {
                let id = self.rest.u16()?;
                Found::Text(self.referred(id | INTERNED)?)
            }
            value::BYTES => Found::Bytes(self.rest.long_slice()?),
            value::ARRAY | value::MAP => {
                self.rest = whole;
                self.skip_container()?;
                let length = whole.rest.len() - self.rest.rest.len();
                Found::Container(whole.rest.get(..length).ok_or(Malformed)?)
            }
            _ => return Err(Malformed),
        })
    }

    /// Goes past an array or a map, and checks it on the way.
    fn skip_container(&mut self) -> Result<(), Malformed> {
        let mut open: Vec<(u32, bool)> = Vec::new();
        loop {
            match self.rest.u8()? {
                value::NULL | value::FALSE | value::TRUE => {}
                value::INT32 => {
                    self.rest.take(4)?;
                }
                value::INT64 | value::DOUBLE => {
                    self.rest.take(8)?;
                }
                value::TEXT | value::BYTES => {
                    self.rest.long_slice()?;
                }
                value::SHORT_TEXT => {
                    let length = self.rest.u8()?;
                    self.rest.take(length.into())?;
                }
                value::NAME => {
                    let id = self.rest.u16()?;
                    self.referred(id | INTERNED)?;
                }
                kind @ (value::ARRAY | value::MAP) => open.push((self.rest.u32()?, kind == value::MAP)),
                _ => return Err(Malformed),
            }
            while let Some((0, _)) = open.last() {
                open.pop();
            }
            let Some((left, is_map)) = open.last_mut() else { return Ok(()) };
            *left -= 1;
            if *is_map {
                self.name()?;
            }
        }
    }
}

/// A value in the batch.
enum Found<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
    /// A container that has been gone through.
    Container(&'a [u8]),
}

impl<'a> Found<'a> {
    /// The value, where it is no container.
    #[inline]
    fn scalar(&self) -> Option<ValueRef<'_>> {
        Some(match self {
            Self::Null => ValueRef::Null,
            Self::Bool(value) => ValueRef::Bool(*value),
            Self::Int(value) => ValueRef::Int(*value),
            Self::Double(value) => ValueRef::Double(*value),
            Self::Text(value) => ValueRef::Str(value),
            Self::Bytes(value) => ValueRef::Bytes(value),
            Self::Container(_) => return None,
        })
    }

    // Told in three places; one copy is enough.
    #[inline(never)]
    fn tell(&self, names: &'a [String], repairs: &mut Repairs<'a>, sink: &mut dyn ValueSink) {
        match (self, self.scalar()) {
            (_, Some(scalar)) => scalar.tell(sink),
            (Self::Container(bytes), None) => {
                let mut reader = Reader { names, rest: Cursor { rest: bytes }, repairs: repairs.fork() };
                // The container was gone through before: it does not fail half-way.
                let _ = reader.tell_container(sink);
                repairs.join(reader.repairs);
            }
            _ => sink.null(),
        }
    }
}

impl Reader<'_> {
    /// Tells the container that the reader stands before.
    fn tell_container(&mut self, sink: &mut dyn ValueSink) -> Result<(), Malformed> {
        let mut open: Vec<(u32, bool)> = Vec::new();
        loop {
            let kind = self.rest.rest.first().copied();
            if let Some(kind @ (value::ARRAY | value::MAP)) = kind {
                self.rest.u8()?;
                open.push((self.rest.u32()?, kind == value::MAP));
                if kind == value::MAP { sink.begin_map() } else { sink.begin_array() }
            } else {
                // No container, as those have been dealt with.
                self.value()?.scalar().unwrap_or(ValueRef::Null).tell(sink);
            }
            while let Some((0, is_map)) = open.last().copied() {
                if is_map {
                    sink.end_map()
                } else {
                    sink.end_array()
                }
                open.pop();
            }
            let Some((left, is_map)) = open.last_mut() else { return Ok(()) };
            *left -= 1;
            if *is_map {
                let key = self.name()?;
                sink.key(key);
            }
        }
    }
}

fn span(state: &mut Ingest, content: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let (header, rest) = content.split_first_chunk::<{ SPAN_HEADER_LEN - 4 }>().ok_or(Malformed)?;
    let Ingest { builder, names, counts } = state;
    let place = Repaired::default();
    let mut reader = Reader { names, rest: Cursor { rest }, repairs: Repairs::new(&place) };
    let mut head = Cursor { rest: header };
    let [kind, span_kind, status, trace_flags] = head.array()?;
    let host_flags = head.u16()?;
    let (node_kind, trace_state, name) = (head.u16()?, head.u16()?, head.u16()?);
    let (trace_id, span_id) = (TraceId::from_bytes(head.array()?), SpanId::from_bytes(head.array()?));
    let (parent, workflow) = (SpanId::from_bytes(head.array()?), SpanId::from_bytes(head.array()?));
    let (start, end) = (head.f64()?, head.f64()?);
    let (start, end) = (nanos(start, head.u32()?), nanos(end, head.u32()?));
    let name = reader.referred(name)?;
    let node_kind = reader.referred(node_kind)?;
    let trace_state = reader.rest.take(trace_state.into())?;
    let trace_state = text(trace_state, &mut reader.repairs);
    builder.start(&SpanStart {
        workflow,
        trace_id,
        span_id,
        parent_span_id: parent,
        parent_is_remote: host_flags & crate::record::layout::host_flag::PARENT_IS_REMOTE != 0,
        trace_flags,
        trace_state,
        name,
        span_kind: span_kind_of(span_kind),
        node_kind,
        role: role_of(kind, host_flags),
        start_unix_nano: start,
    });
    let mut status_message = "";
    while !reader.rest.rest.is_empty() {
        one_item(builder, &mut reader, &mut status_message)?;
    }
    builder.status(StatusCode::from_number(status.into()), status_message);
    if reader.repairs.count > 0 {
        builder.note_repair();
    }
    counts.repaired += reader.repairs.count;
    counts.spans += 1;
    put_record(builder, kind, end, out);
    Ok(())
}

#[inline]
fn one_item<'a>(
    builder: &mut SpanBuilder,
    reader: &mut Reader<'a>,
    status_message: &mut &'a str,
) -> Result<(), Malformed> {
    match reader.rest.u8()? {
        item::ATTRIBUTE => {
            let name = reader.name()?;
            // What nearly all attributes are goes the short way.
            if let Some(text) = reader.plain_text()? {
                builder.attribute(name, text);
                return Ok(());
            }
            let found = reader.value()?;
            match found.scalar() {
                Some(scalar) => builder.attribute(name, scalar),
                None => {
                    builder.attribute_told(name, &mut |sink| {
                        found.tell(reader.names, &mut reader.repairs, sink)
                    });
                }
            }
        }
        item::EVENT => {
            let time = reader.time()?;
            let name = reader.name()?;
            let count = reader.rest.u16()?;
            let event = builder.open_event(time, name);
            nested(event, count, reader)?;
        }
        item @ (item::INPUT | item::OUTPUT | item::CONFIG) => {
            let section = match item {
                item::INPUT => Section::Input,
                item::OUTPUT => Section::Output,
                _ => Section::Config,
            };
            let name = reader.name()?;
            let found = reader.value()?;
            builder
                .section_told(section, name, &mut |sink| found.tell(reader.names, &mut reader.repairs, sink));
        }
        item::LINK => {
            let trace_id = TraceId::from_bytes(reader.rest.array()?);
            let span_id = SpanId::from_bytes(reader.rest.array()?);
            let flags = reader.rest.u32()?;
            let trace_state = reader.name()?;
            let count = reader.rest.u16()?;
            let link = builder.open_link(trace_id, span_id, trace_state, flags);
            nested(link, count, reader)?;
        }
        item::USAGE => {
            let mut numbers = [0; 7];
            for number in &mut numbers {
                *number = whole(reader.rest.f64()?);
            }
            let mode = reader.rest.u8()?;
            builder.usage(usage_of(numbers, mode));
        }
        item::FIRST_FRAME => {
            let time = reader.time()?;
            builder.first_frame(time);
        }
        item::NEXT => {
            let id = reader.name()?;
            builder.next(id);
        }
        item::STATUS_MESSAGE => *status_message = reader.name()?,
        item::IDENTITY => {
            let (sid, app_id) = (reader.name()?, reader.name()?);
            let (uid, chat_id) = (reader.name()?, reader.name()?);
            builder.identity(&Identity { sid, app_id, uid, chat_id });
        }
        _ => return Err(Malformed),
    }
    Ok(())
}

/// Reads the attributes of an event or a link; where that one was left out, they are only passed over.
fn nested(target: Option<Nested<'_>>, count: u16, reader: &mut Reader<'_>) -> Result<(), Malformed> {
    let mut target = target;
    for _ in 0..count {
        let name = reader.name()?;
        let found = reader.value()?;
        if let Some(target) = &mut target {
            target.attribute(name, &mut |sink| found.tell(reader.names, &mut reader.repairs, sink));
        }
    }
    if let Some(target) = target {
        target.close();
    }
    Ok(())
}

/// Whole milliseconds, of which there may be a fraction, and nanoseconds behind them.
#[inline]
fn nanos(millis: f64, rest: u32) -> u64 {
    let whole_millis = whole(millis);
    #[expect(clippy::cast_precision_loss, reason = "the difference of neighbours is exact")]
    let fraction = if millis > 0.0 { millis - whole_millis as f64 } else { 0.0 };
    whole_millis.saturating_mul(1_000_000).saturating_add(whole(fraction * 1e6)).saturating_add(rest.into())
}

#[inline]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and NaN becomes 0"
)]
const fn whole(number: f64) -> u64 {
    number as u64
}
