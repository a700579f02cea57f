//! OTLP `Span` messages, read in place.
//!
//! [`SpanView::read`] goes through a message once: it checks everything in it, down to the last nested value, and keeps
//! the scalars. What repeats (attributes, events, links) is read again from the checked bytes when somebody asks.

use super::any::{AnyView, KeyValues, check_key_value};
use super::wire::{DecodeError, Field, Fields};
use crate::id::{SpanId, TraceId};

/// Field numbers of the `Span` message.
pub mod field {
    /// `trace_id`, 16 bytes.
    pub const TRACE_ID: u32 = 1;
    /// `span_id`, 8 bytes.
    pub const SPAN_ID: u32 = 2;
    /// `trace_state`, a text.
    pub const TRACE_STATE: u32 = 3;
    /// `parent_span_id`, 8 bytes.
    pub const PARENT_SPAN_ID: u32 = 4;
    /// `name`, a text.
    pub const NAME: u32 = 5;
    /// `kind`, an enum.
    pub const KIND: u32 = 6;
    /// `start_time_unix_nano`, fixed64.
    pub const START: u32 = 7;
    /// `end_time_unix_nano`, fixed64.
    pub const END: u32 = 8;
    /// `attributes`, repeated `KeyValue`.
    pub const ATTRIBUTES: u32 = 9;
    /// `dropped_attributes_count`, uint32.
    pub const DROPPED_ATTRIBUTES: u32 = 10;
    /// `events`, repeated `Event`.
    pub const EVENTS: u32 = 11;
    /// `dropped_events_count`, uint32.
    pub const DROPPED_EVENTS: u32 = 12;
    /// `links`, repeated `Link`.
    pub const LINKS: u32 = 13;
    /// `dropped_links_count`, uint32.
    pub const DROPPED_LINKS: u32 = 14;
    /// `status`, a `Status`.
    pub const STATUS: u32 = 15;
    /// `flags`, fixed32.
    pub const FLAGS: u32 = 16;
}

/// What role a span has; the numbers are OTLP's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[repr(u8)]
pub enum SpanKind {
    /// Work inside a program.
    #[default]
    Internal = 1,
    /// The serving side of a call.
    Server = 2,
    /// The calling side of a call.
    Client = 3,
    /// Puts a message into a queue.
    Producer = 4,
    /// Takes a message from a queue.
    Consumer = 5,
}

/// How a span went; the numbers are OTLP's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[repr(u8)]
pub enum StatusCode {
    /// Nobody said.
    #[default]
    Unset = 0,
    /// Somebody said that it went well.
    Ok = 1,
    /// It failed.
    Error = 2,
}

impl StatusCode {
    /// The status with this number; unknown numbers count as unset.
    #[must_use]
    pub const fn from_number(number: u32) -> Self {
        match number {
            1 => Self::Ok,
            2 => Self::Error,
            _ => Self::Unset,
        }
    }
}

/// A span as it stands in its encoded message; nothing is copied.
#[derive(Debug, Clone, Copy, Default)]
pub struct SpanView<'a> {
    /// The whole message.
    pub message: &'a [u8],
    /// The trace it belongs to.
    pub trace_id: TraceId,
    /// Its own id.
    pub span_id: SpanId,
    /// The id of its parent; [`SpanId::NONE`] for a root.
    pub parent_span_id: SpanId,
    /// The W3C tracestate.
    pub trace_state: &'a str,
    /// Its name.
    pub name: &'a str,
    /// The number of its kind: see [`SpanKind`]; 0 when none was set.
    pub kind: u32,
    /// When it started, in nanoseconds since 1970.
    pub start_unix_nano: u64,
    /// When it ended; 0 while it runs.
    pub end_unix_nano: u64,
    /// How many attributes were left out.
    pub dropped_attributes: u32,
    /// How many events were left out.
    pub dropped_events: u32,
    /// How many links were left out.
    pub dropped_links: u32,
    /// The number of its status: see [`StatusCode`].
    pub status_code: u32,
    /// What its status says.
    pub status_message: &'a str,
    /// Its flags: W3C flags in the low byte, "the parent is remote" above.
    pub flags: u32,
    /// The part of the message in which attributes stand; and events; and links.
    attributes: Part,
    events: Part,
    links: Part,
}

/// A part of a message: from the first field of a number to the last one.
#[derive(Debug, Clone, Copy, Default)]
struct Part {
    start: usize,
    end: usize,
}

impl Part {
    /// Takes in the field that was just read.
    #[inline]
    fn add(&mut self, message: &[u8], before: &[u8], fields: &Fields<'_>) {
        if self.end == 0 {
            self.start = message.len() - before.len();
        }
        self.end = message.len() - fields.rest().len();
    }

    #[inline]
    fn of<'a>(&self, message: &'a [u8]) -> &'a [u8] {
        message.get(self.start..self.end).unwrap_or_default()
    }
}

impl<'a> SpanView<'a> {
    /// Reads a `Span` message and checks all of it.
    ///
    /// # Errors
    /// When anything in it is not valid.
    #[inline]
    pub fn read(message: &'a [u8]) -> Result<Self, DecodeError> {
        Self::go_through::<true>(message)
    }

    /// Reads the scalars of a message that was checked before.
    #[inline]
    pub(crate) fn read_checked(message: &'a [u8]) -> Result<Self, DecodeError> {
        Self::go_through::<false>(message)
    }

    #[inline]
    fn go_through<const CHECK: bool>(message: &'a [u8]) -> Result<Self, DecodeError> {
        let mut span = Self { message, ..Self::default() };
        let mut fields = Fields::new(message);
        loop {
            let before = fields.rest();
            let Some(found) = fields.next_field()? else { break };
            match found.number {
                field::ATTRIBUTES => {
                    if CHECK {
                        check_key_value(found.bytes()?)?;
                    }
                    span.attributes.add(message, before, &fields);
                }
                field::TRACE_ID => span.trace_id = trace_id(found)?,
                field::SPAN_ID => span.span_id = span_id(found)?,
                field::PARENT_SPAN_ID => span.parent_span_id = span_id(found)?,
                field::TRACE_STATE => span.trace_state = found.text()?,
                field::NAME => span.name = found.text()?,
                field::KIND => span.kind = found.varint32()?,
                field::START => span.start_unix_nano = found.fixed64()?,
                field::END => span.end_unix_nano = found.fixed64()?,
                field::EVENTS => {
                    if CHECK {
                        EventView::check(found.bytes()?)?;
                    }
                    span.events.add(message, before, &fields);
                }
                field::LINKS => {
                    if CHECK {
                        LinkView::check(found.bytes()?)?;
                    }
                    span.links.add(message, before, &fields);
                }
                field::DROPPED_ATTRIBUTES => span.dropped_attributes = found.varint32()?,
                field::DROPPED_EVENTS => span.dropped_events = found.varint32()?,
                field::DROPPED_LINKS => span.dropped_links = found.varint32()?,
                field::STATUS => {
                    let mut status = Fields::new(found.bytes()?);
                    while let Some(found) = status.next_field()? {
                        match found.number {
                            2 => span.status_message = found.text()?,
                            3 => span.status_code = found.varint32()?,
                            _ => {}
                        }
                    }
                }
                field::FLAGS => span.flags = found.fixed32()?,
                _ => {}
            }
        }
        Ok(span)
    }

    /// The attributes, in the order in which they stand.
    #[must_use]
    pub fn attributes(&self) -> KeyValues<'a> {
        KeyValues::new(self.attributes.of(self.message), field::ATTRIBUTES)
    }

    /// The last attribute with this key.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<AnyView<'a>> {
        self.attributes().filter(|(name, _)| *name == key).last().map(|(_, value)| value)
    }

    /// The events, in the order in which they stand.
    pub fn events(&self) -> impl Iterator<Item = EventView<'a>> + use<'a> {
        messages(self.events.of(self.message), field::EVENTS)
            .filter_map(|message| EventView::read(message).ok())
    }

    /// The links, in the order in which they stand.
    pub fn links(&self) -> impl Iterator<Item = LinkView<'a>> + use<'a> {
        messages(self.links.of(self.message), field::LINKS).filter_map(|message| LinkView::read(message).ok())
    }

    /// The status, unknown numbers as unset.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        StatusCode::from_number(self.status_code)
    }
}

/// The contents of the fields with this number, up to the first broken one.
pub(crate) fn messages(message: &[u8], number: u32) -> impl Iterator<Item = &[u8]> + Clone {
    let mut fields = Fields::new(message);
    core::iter::from_fn(move || {
        loop {
            let found = fields.next_field().ok()??;
            if found.number == number {
                return found.bytes().ok();
            }
        }
    })
}

/// An event of a span, read in place.
#[derive(Debug, Clone, Copy, Default)]
pub struct EventView<'a> {
    /// The whole message.
    pub message: &'a [u8],
    /// When it happened, in nanoseconds since 1970.
    pub time_unix_nano: u64,
    /// Its name.
    pub name: &'a str,
    /// How many attributes were left out.
    pub dropped_attributes: u32,
}

impl<'a> EventView<'a> {
    fn read(message: &'a [u8]) -> Result<Self, DecodeError> {
        Self::go_through(message, |_| Ok(()))
    }

    fn check(message: &'a [u8]) -> Result<Self, DecodeError> {
        Self::go_through(message, check_key_value)
    }

    #[inline]
    fn go_through(
        message: &'a [u8],
        attribute: impl Fn(&'a [u8]) -> Result<(), DecodeError>,
    ) -> Result<Self, DecodeError> {
        let mut event = Self { message, ..Self::default() };
        let mut fields = Fields::new(message);
        while let Some(found) = fields.next_field()? {
            match found.number {
                1 => event.time_unix_nano = found.fixed64()?,
                2 => event.name = found.text()?,
                3 => attribute(found.bytes()?)?,
                4 => event.dropped_attributes = found.varint32()?,
                _ => {}
            }
        }
        Ok(event)
    }

    /// Its attributes.
    #[must_use]
    pub const fn attributes(&self) -> KeyValues<'a> {
        KeyValues::new(self.message, 3)
    }
}

/// A link of a span to another, read in place.
#[derive(Debug, Clone, Copy, Default)]
pub struct LinkView<'a> {
    /// The whole message.
    pub message: &'a [u8],
    /// The trace of the other span.
    pub trace_id: TraceId,
    /// The id of the other span.
    pub span_id: SpanId,
    /// The tracestate of the other span.
    pub trace_state: &'a str,
    /// How many attributes were left out.
    pub dropped_attributes: u32,
    /// Flags of the other span.
    pub flags: u32,
}

impl<'a> LinkView<'a> {
    fn read(message: &'a [u8]) -> Result<Self, DecodeError> {
        Self::go_through(message, |_| Ok(()))
    }

    fn check(message: &'a [u8]) -> Result<Self, DecodeError> {
        Self::go_through(message, check_key_value)
    }

    #[inline]
    fn go_through(
        message: &'a [u8],
        attribute: impl Fn(&'a [u8]) -> Result<(), DecodeError>,
    ) -> Result<Self, DecodeError> {
        let mut link = Self { message, ..Self::default() };
        let mut fields = Fields::new(message);
        while let Some(found) = fields.next_field()? {
            match found.number {
                1 => link.trace_id = trace_id(found)?,
                2 => link.span_id = span_id(found)?,
                3 => link.trace_state = found.text()?,
                4 => attribute(found.bytes()?)?,
                5 => link.dropped_attributes = found.varint32()?,
                6 => link.flags = found.fixed32()?,
                _ => {}
            }
        }
        Ok(link)
    }

    /// Its attributes.
    #[must_use]
    pub const fn attributes(&self) -> KeyValues<'a> {
        KeyValues::new(self.message, 4)
    }
}

/// Reads a trace id; no bytes mean no id.
pub(crate) fn trace_id(found: Field<'_>) -> Result<TraceId, DecodeError> {
    let bytes = found.bytes()?;
    if bytes.is_empty() {
        return Ok(TraceId::NONE);
    }
    TraceId::from_slice(bytes).ok_or(DecodeError::IdLength { length: bytes.len() })
}

/// Reads a span id; no bytes mean no id.
pub(crate) fn span_id(found: Field<'_>) -> Result<SpanId, DecodeError> {
    let bytes = found.bytes()?;
    if bytes.is_empty() {
        return Ok(SpanId::NONE);
    }
    SpanId::from_slice(bytes).ok_or(DecodeError::IdLength { length: bytes.len() })
}
