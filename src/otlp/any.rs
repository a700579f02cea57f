//! OTLP `AnyValue` and `KeyValue`: read in place, written as they are told.

use super::wire::{
    DecodeError, Fields, check_text, close_message, open_message, put_bytes_field, put_fixed64_field,
    put_varint_field, take_delimited, take_varint, text,
};
use crate::value::{Bounds, Value, ValueBuilder, ValueSink};

use field::{ARRAY, BOOL, BYTES, DOUBLE, INT, MAP, STRING};

/// Field numbers of `AnyValue`'s oneof.
pub(crate) mod field {
    pub const STRING: u32 = 1;
    pub const BOOL: u32 = 2;
    pub const INT: u32 = 3;
    pub const DOUBLE: u32 = 4;
    pub const ARRAY: u32 = 5;
    pub const MAP: u32 = 6;
    pub const BYTES: u32 = 7;
}

/// A value as it stands in an encoded message; nothing is copied.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AnyView<'a> {
    /// Nothing is set.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A floating-point number.
    Double(f64),
    /// A text.
    String(&'a str),
    /// Bytes that are no text.
    Bytes(&'a [u8]),
    /// Values in order: an encoded `ArrayValue`.
    Array(&'a [u8]),
    /// Keys and values: an encoded `KeyValueList`.
    Map(&'a [u8]),
}

impl<'a> AnyView<'a> {
    /// Reads one encoded `AnyValue`; the last field of its oneof counts. Nested values are not looked into.
    ///
    /// # Errors
    /// When the bytes are no `AnyValue`.
    #[inline]
    pub fn read(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        match Self::read_plain(bytes)? {
            Some(view) => Ok(view),
            None => Self::read_any(bytes),
        }
    }

    /// What most values are: one text, or one number; and nothing else.
    #[inline]
    fn read_plain(bytes: &'a [u8]) -> Result<Option<Self>, DecodeError> {
        match bytes {
            [0x0a, rest @ ..] => {
                let mut rest = rest;
                let content = take_delimited(&mut rest)?;
                if rest.is_empty() {
                    return Ok(Some(Self::String(text(content)?)));
                }
            }
            [0x18, rest @ ..] => {
                let mut rest = rest;
                let number = take_varint(&mut rest)?;
                if rest.is_empty() {
                    return Ok(Some(Self::Int(number.cast_signed())));
                }
            }
            _ => {}
        }
        Ok(None)
    }

    #[inline(never)]
    fn read_any(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut view = Self::Null;
        let mut fields = Fields::new(bytes);
        while let Some(field) = fields.next_field()? {
            view = match field.number {
                STRING => Self::String(field.text()?),
                BOOL => Self::Bool(field.varint()? != 0),
                INT => Self::Int(field.varint()?.cast_signed()),
                DOUBLE => Self::Double(f64::from_bits(field.fixed64()?)),
                ARRAY => Self::Array(field.bytes()?),
                MAP => Self::Map(field.bytes()?),
                BYTES => Self::Bytes(field.bytes()?),
                _ => view,
            };
        }
        Ok(view)
    }

    /// The text, where this is one.
    #[must_use]
    pub fn as_str(self) -> Option<&'a str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The whole number, where this is one.
    #[must_use]
    pub fn as_int(self) -> Option<i64> {
        if let Self::Int(number) = self { Some(number) } else { None }
    }

    /// The entries of a map; none where this is no map.
    #[must_use]
    pub fn entries(self) -> KeyValues<'a> {
        KeyValues { fields: Fields::new(if let Self::Map(list) = self { list } else { &[] }), number: 1 }
    }

    /// The values of an array; none where this is no array.
    pub fn values(self) -> impl Iterator<Item = AnyView<'a>> {
        let mut fields = Fields::new(if let Self::Array(list) = self { list } else { &[] });
        core::iter::from_fn(move || {
            next_numbered(&mut fields, 1).map(|bytes| AnyView::read(bytes).unwrap_or(AnyView::Null))
        })
    }

    /// Tells this value to a sink. What is not valid below a checked message's surface does not occur; where this view
    /// was read from unchecked bytes, broken parts are left out and values below 64 levels are told as null.
    pub fn tell<S: ValueSink + ?Sized>(self, sink: &mut S) {
        let mut open: Vec<(Fields<'a>, bool)> = Vec::new();
        let mut next = Some(self);
        loop {
            if let Some(value) = next.take() {
                match value {
                    Self::Null => sink.null(),
                    Self::Bool(value) => sink.bool(value),
                    Self::Int(value) => sink.int(value),
                    Self::Double(value) => sink.double(value),
                    Self::String(value) => sink.string(value),
                    Self::Bytes(value) => sink.bytes(value),
                    Self::Array(_) | Self::Map(_) if open.len() >= Bounds::MAX_DEPTH as usize => sink.null(),
                    Self::Array(list) => {
                        sink.begin_array();
                        open.push((Fields::new(list), false));
                    }
                    Self::Map(list) => {
                        sink.begin_map();
                        open.push((Fields::new(list), true));
                    }
                }
            }
            let Some((fields, is_map)) = open.last_mut() else { return };
            match (next_numbered(fields, 1), *is_map) {
                (Some(bytes), false) => next = Some(Self::read(bytes).unwrap_or(Self::Null)),
                (Some(bytes), true) => {
                    if let Ok((key, value)) = read_key_value(bytes) {
                        sink.key(key);
                        next = Some(value);
                    }
                }
                (None, is_map) => {
                    open.pop();
                    if is_map { sink.end_map() } else { sink.end_array() }
                }
            }
        }
    }

    /// The value as a tree of its own.
    #[must_use]
    pub fn to_value(self) -> Value {
        let mut builder = ValueBuilder::default();
        self.tell(&mut builder);
        builder.finish()
    }

    /// Reads an `AnyValue` and everything nested in it, also what a later field of the oneof hides.
    ///
    /// # Errors
    /// When anything in it is not valid or nests deeper than 64 levels.
    pub fn check(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        if let Some(view) = Self::read_plain(bytes)? {
            return Ok(view);
        }
        // A truth value, a number or nothing, alone: the other values that are common, and hide nothing.
        if !matches!(bytes, [] | [0x10, _] | [0x21, _, _, _, _, _, _, _, _]) {
            check_all(bytes, Level::Any)?;
        }
        Self::read_any(bytes)
    }
}

/// The messages that values are made of.
#[derive(Clone, Copy)]
enum Level {
    Any,
    Array,
    Map,
    Pair,
}

/// Checks a message and everything nested in it.
#[inline(never)]
fn check_all(bytes: &[u8], level: Level) -> Result<(), DecodeError> {
    let mut open = vec![(Fields::new(bytes), level)];
    let mut depth = 0;
    while let Some((fields, level)) = open.last_mut() {
        let Some(found) = fields.next_field()? else {
            depth -= u32::from(matches!(level, Level::Array | Level::Map));
            open.pop();
            continue;
        };
        let below = match (*level, found.number) {
            (Level::Any, STRING) | (Level::Pair, 1) => {
                check_text(found.bytes()?)?;
                continue;
            }
            (Level::Any, BOOL | INT) => {
                found.varint()?;
                continue;
            }
            (Level::Any, DOUBLE) => {
                found.fixed64()?;
                continue;
            }
            (Level::Any, BYTES) => {
                found.bytes()?;
                continue;
            }
            (Level::Any, ARRAY) => Level::Array,
            (Level::Any, MAP) => Level::Map,
            (Level::Map, 1) => Level::Pair,
            (Level::Array, 1) | (Level::Pair, 2) => Level::Any,
            _ => continue,
        };
        let bytes = found.bytes()?;
        if matches!(below, Level::Any) && AnyView::read_plain(bytes)?.is_some() {
            continue;
        }
        depth += u32::from(matches!(below, Level::Array | Level::Map));
        if depth > Bounds::MAX_DEPTH {
            return Err(DecodeError::TooDeep);
        }
        open.push((Fields::new(bytes), below));
    }
    Ok(())
}

/// The content of the next field with this number; `None` at the end or at something broken.
#[inline]
fn next_numbered<'a>(fields: &mut Fields<'a>, number: u32) -> Option<&'a [u8]> {
    loop {
        let field = fields.next_field().ok()??;
        if field.number == number {
            return field.bytes().ok();
        }
    }
}

/// Reads one encoded `KeyValue`; nested values are not looked into.
///
/// # Errors
/// When the bytes are no `KeyValue`.
#[inline]
pub fn read_key_value(bytes: &[u8]) -> Result<(&str, AnyView<'_>), DecodeError> {
    match split_pair(bytes) {
        Some((key, value)) => Ok((text(key)?, AnyView::read(value)?)),
        None => read_any_key_value(bytes),
    }
}

/// The text of an encoded `AnyValue` that is one and nothing else; not checked, as in what this crate has written.
#[inline]
pub(crate) fn own_text(value: &[u8]) -> Option<&[u8]> {
    let [0x0a, rest @ ..] = value else { return None };
    let mut rest = rest;
    let content = take_delimited(&mut rest).ok()?;
    rest.is_empty().then_some(content)
}

/// Key and value where they stand as encoders write them: both, in this order, and nothing else.
#[inline]
pub(crate) fn split_pair(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let [0x0a, rest @ ..] = bytes else { return None };
    let mut rest = rest;
    let key = take_delimited(&mut rest).ok()?;
    let [0x12, rest @ ..] = rest else { return None };
    let mut rest = rest;
    let value = take_delimited(&mut rest).ok()?;
    rest.is_empty().then_some((key, value))
}

#[inline(never)]
fn read_any_key_value(bytes: &[u8]) -> Result<(&str, AnyView<'_>), DecodeError> {
    let mut key = "";
    let mut value = AnyView::Null;
    let mut fields = Fields::new(bytes);
    while let Some(field) = fields.next_field()? {
        match field.number {
            1 => key = field.text()?,
            2 => value = AnyView::read(field.bytes()?)?,
            _ => {}
        }
    }
    Ok((key, value))
}

/// Checks one encoded `KeyValue` and everything nested in it.
///
/// # Errors
/// When anything in it is not valid or nests deeper than 64 levels.
#[inline]
pub(crate) fn check_key_value(bytes: &[u8]) -> Result<(), DecodeError> {
    if let Some((key, value)) = split_pair(bytes) {
        check_text(key)?;
        // A text and nothing else, as most values are.
        if let [0x0a, rest @ ..] = value {
            let mut rest = rest;
            let content = take_delimited(&mut rest)?;
            if rest.is_empty() {
                return check_text(content);
            }
        }
        return AnyView::check(value).map(|_| ());
    }
    check_all(bytes, Level::Pair)
}

/// The key-value pairs of a message that stand under one field number; what is broken is left out.
#[derive(Debug, Clone, Copy)]
pub struct KeyValues<'a> {
    fields: Fields<'a>,
    number: u32,
}

impl<'a> KeyValues<'a> {
    /// The pairs under field `number` of this message.
    #[must_use]
    pub const fn new(message: &'a [u8], number: u32) -> Self {
        Self { fields: Fields::new(message), number }
    }
}

impl<'a> Iterator for KeyValues<'a> {
    type Item = (&'a str, AnyView<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let bytes = next_numbered(&mut self.fields, self.number)?;
            if let Ok(pair) = read_key_value(bytes) {
                return Some(pair);
            }
        }
    }
}

/// The sink that writes what it is told as an encoded `AnyValue`.
///
/// A scalar writes the field of the oneof; a container opens messages that are closed, and get their lengths, at its end.
#[derive(Debug)]
pub struct AnyWriter<'a> {
    out: &'a mut Vec<u8>,
    /// For each open container: where its `ArrayValue` or `KeyValueList` starts.
    open: Vec<Container>,
    /// The `AnyValue` of the element that is being written, opened by `begin`.
    pending_key: bool,
}

#[derive(Debug)]
struct Container {
    list: usize,
    /// Where the element's own messages start: the `KeyValue` of a map's entry and the `AnyValue`.
    entry: usize,
    value: usize,
    is_map: bool,
}

impl<'a> AnyWriter<'a> {
    /// Appends the value to `out`: the content of an `AnyValue` message, without tag and length.
    #[must_use]
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, open: Vec::new(), pending_key: false }
    }

    /// Closes what a source has left open, so that the messages around the value can be closed.
    pub fn finish(mut self) {
        while !self.open.is_empty() {
            if core::mem::take(&mut self.pending_key) {
                // A key without a value: its value is the empty one.
                self.pending_key = true;
                self.null();
            }
            self.close_container();
        }
    }

    /// Opens the messages around an element of the innermost container.
    fn begin(&mut self) {
        let Some(container) = self.open.last_mut() else { return };
        if container.is_map {
            if !core::mem::take(&mut self.pending_key) {
                // A value without a key: the grammar is broken, the result is still a message.
                container.entry = open_message(self.out, 1);
                put_bytes_field(self.out, 1, b"");
            }
            container.value = open_message(self.out, 2);
        } else {
            container.value = open_message(self.out, 1);
        }
    }

    fn end(&mut self) {
        let Some(container) = self.open.last() else { return };
        close_message(self.out, container.value);
        if container.is_map {
            close_message(self.out, container.entry);
        }
    }

    fn open_container(&mut self, field: u32, is_map: bool) {
        self.begin();
        let list = open_message(self.out, field);
        self.open.push(Container { list, entry: 0, value: 0, is_map });
    }

    fn close_container(&mut self) {
        if let Some(container) = self.open.pop() {
            close_message(self.out, container.list);
            self.end();
        }
    }
}

impl ValueSink for AnyWriter<'_> {
    fn null(&mut self) {
        self.begin();
        self.end();
    }
    fn bool(&mut self, value: bool) {
        self.begin();
        put_varint_field(self.out, BOOL, value.into());
        self.end();
    }
    fn int(&mut self, value: i64) {
        self.begin();
        put_varint_field(self.out, INT, value.cast_unsigned());
        self.end();
    }
    fn double(&mut self, value: f64) {
        self.begin();
        put_fixed64_field(self.out, DOUBLE, value.to_bits());
        self.end();
    }
    fn string(&mut self, value: &str) {
        self.begin();
        put_bytes_field(self.out, STRING, value.as_bytes());
        self.end();
    }
    fn bytes(&mut self, value: &[u8]) {
        self.begin();
        put_bytes_field(self.out, BYTES, value);
        self.end();
    }
    fn begin_array(&mut self) {
        self.open_container(ARRAY, false);
    }
    fn end_array(&mut self) {
        self.close_container();
    }
    fn begin_map(&mut self) {
        self.open_container(MAP, true);
    }
    fn key(&mut self, key: &str) {
        if let Some(container) = self.open.last_mut() {
            container.entry = open_message(self.out, 1);
            put_bytes_field(self.out, 1, key.as_bytes());
            self.pending_key = true;
        }
    }
    fn end_map(&mut self) {
        self.close_container();
    }
}

/// Appends a `KeyValue` message under field `number`.
pub fn put_key_value(out: &mut Vec<u8>, number: u32, key: &str, value: &Value) {
    let entry = open_message(out, number);
    put_bytes_field(out, 1, key.as_bytes());
    let start = open_message(out, 2);
    value.tell(&mut AnyWriter::new(out));
    close_message(out, start);
    close_message(out, entry);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(value: &Value) -> Vec<u8> {
        let mut out = Vec::new();
        value.tell(&mut AnyWriter::new(&mut out));
        out
    }

    #[test]
    fn values_go_through_the_wire_and_back() {
        let long = "x".repeat(300);
        let value = Value::from([
            ("null", Value::Null),
            ("bool", false.into()),
            ("int", i64::MIN.into()),
            ("double", (-0.0).into()),
            ("text", long.as_str().into()),
            ("bytes", Value::Bytes(vec![0, 255])),
            ("empty", Value::Array(vec![])),
            (
                "nested",
                Value::from([("list", Value::Array(vec![1.into(), Value::from([("k", "v".into())])]))]),
            ),
        ]);
        let bytes = encoded(&value);
        assert_eq!(AnyView::check(&bytes).unwrap().to_value(), value);
    }

    #[test]
    fn depth_is_bounded_when_reading() {
        let mut value = Value::from(1);
        for _ in 0..64 {
            value = Value::Array(vec![value]);
        }
        assert!(AnyView::check(&encoded(&value)).is_ok());
        value = Value::Array(vec![value]);
        assert_eq!(AnyView::check(&encoded(&value)), Err(DecodeError::TooDeep));
    }

    #[test]
    fn broken_values_are_refused() {
        assert_eq!(AnyView::check(&[0x0a, 1, 0xff]), Err(DecodeError::Utf8));
        assert_eq!(AnyView::check(&[0x0a, 5, 1]), Err(DecodeError::Truncated));
        assert_eq!(AnyView::check(&[0x08, 1]), Err(DecodeError::WireType { field: 1 }));
        // broken, and hidden by a later value
        assert_eq!(AnyView::check(&[0x2a, 2, 0x0a, 1, 0x10, 1]), Err(DecodeError::Truncated));
        assert_eq!(check_key_value(&[0x12, 4, 0x2a, 2, 0x0a, 1, 0x12, 0]), Err(DecodeError::Truncated));
        // broken inside a list
        assert_eq!(AnyView::check(&[0x2a, 4, 0x0a, 2, 0x0a, 1]), Err(DecodeError::Truncated));
    }
}
