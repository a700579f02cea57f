//! The protobuf wire format: varints, tags, length-delimited fields.
//!
//! Writing appends to a `Vec<u8>`. Where the length of a message is not known before its content is,
//! [`open_message`] leaves one byte for it and [`close_message`] widens that where it does not suffice, so that the
//! bytes are always the shortest form, the same that other encoders write. Reading is a [`Fields`] iterator over borrowed
//! bytes: it never allocates, never recurses (unknown groups are skipped with a counter) and never reads past its slice.

use thiserror::Error;

/// Why bytes are no OTLP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// A field ends behind its message.
    #[error("the message is shorter than its fields say")]
    Truncated,
    /// A varint has more than ten bytes or more than 64 bits.
    #[error("a varint is longer than 64 bits")]
    Varint,
    /// A tag names field number 0, or a wire type that does not exist, or an end of a group that is not open.
    #[error("a field tag is not valid")]
    Tag,
    /// A known field came with another wire type than it has.
    #[error("field {field} has the wrong wire type")]
    WireType {
        /// Number of the field.
        field: u32,
    },
    /// A text is no UTF-8.
    #[error("a text is not valid UTF-8")]
    Utf8,
    /// An id has neither its length nor none.
    #[error("an id has {length} bytes")]
    IdLength {
        /// How many bytes it has.
        length: usize,
    },
    /// Values or groups nest deeper than [`Bounds::MAX_DEPTH`](crate::value::Bounds::MAX_DEPTH).
    #[error("values nest deeper than 64 levels")]
    TooDeep,
}

/// How many bytes a varint takes.
#[inline]
#[must_use]
pub fn varint_len(value: u64) -> usize {
    // 9 bits of every 64 leading zeros' complement: the division by seven without dividing.
    (((64 - (value | 1).leading_zeros()) * 9 + 64) / 64) as usize
}

/// Appends a varint.
#[inline]
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(low_byte(value) | 0x80);
        value >>= 7;
    }
    out.push(low_byte(value));
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the low byte is what is wanted")]
const fn low_byte(value: u64) -> u8 {
    value as u8
}

/// The tag of a field: its number and wire type in one varint.
#[inline]
#[must_use]
pub const fn tag(field: u32, wire_type: u32) -> u64 {
    ((field << 3) | wire_type) as u64
}

/// Wire type of varints.
pub const VARINT: u32 = 0;
/// Wire type of eight little-endian bytes.
pub const FIXED64: u32 = 1;
/// Wire type of a length and that many bytes.
pub const BYTES: u32 = 2;
/// Wire type of four little-endian bytes.
pub const FIXED32: u32 = 5;

/// Appends a varint field, also when it is zero.
#[inline]
pub fn put_varint_field(out: &mut Vec<u8>, field: u32, value: u64) {
    put_varint(out, tag(field, VARINT));
    put_varint(out, value);
}

/// Appends a fixed64 field, also when it is zero.
#[inline]
pub fn put_fixed64_field(out: &mut Vec<u8>, field: u32, value: u64) {
    put_varint(out, tag(field, FIXED64));
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends a fixed32 field, also when it is zero.
#[inline]
pub fn put_fixed32_field(out: &mut Vec<u8>, field: u32, value: u32) {
    put_varint(out, tag(field, FIXED32));
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends a length-delimited field, also when it is empty.
#[inline]
pub fn put_bytes_field(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    put_varint(out, tag(field, BYTES));
    put_varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// How many bytes a length-delimited field with so much content takes.
#[inline]
#[must_use]
pub fn bytes_field_len(field: u32, content: usize) -> usize {
    varint_len(tag(field, BYTES)) + varint_len(content as u64) + content
}

/// Starts a message field whose length is not known yet; give the result to [`close_message`].
#[inline]
pub fn open_message(out: &mut Vec<u8>, field: u32) -> usize {
    put_varint(out, tag(field, BYTES));
    out.push(0);
    out.len()
}

/// Ends the message field that `open_message` started: writes its length, moving the content where that needs room.
pub fn close_message(out: &mut Vec<u8>, start: usize) {
    let length = out.len().saturating_sub(start);
    let extra = varint_len(length as u64) - 1;
    if extra > 0 {
        out.resize(out.len() + extra, 0);
        out.copy_within(start..start + length, start + extra);
    }
    let mut rest = length as u64;
    for (index, byte) in out.iter_mut().skip(start - 1).take(extra + 1).enumerate() {
        *byte = low_byte(rest) & 0x7f | if index < extra { 0x80 } else { 0 };
        rest >>= 7;
    }
}

/// The content of a field, as far as the wire tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldValue<'a> {
    /// A varint.
    Varint(u64),
    /// Eight bytes, little-endian.
    Fixed64(u64),
    /// Length-delimited: bytes, a text, a message or packed numbers.
    Bytes(&'a [u8]),
    /// Four bytes, little-endian.
    Fixed32(u32),
}

/// A field of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its number.
    pub number: u32,
    /// Its content.
    pub value: FieldValue<'a>,
}

impl<'a> Field<'a> {
    fn wrong_type(self) -> DecodeError {
        DecodeError::WireType { field: self.number }
    }

    /// The bytes of a length-delimited field.
    ///
    /// # Errors
    /// When it has another wire type.
    #[inline]
    pub fn bytes(self) -> Result<&'a [u8], DecodeError> {
        if let FieldValue::Bytes(bytes) = self.value { Ok(bytes) } else { Err(self.wrong_type()) }
    }

    /// The text of a length-delimited field.
    ///
    /// # Errors
    /// When it has another wire type or is no UTF-8.
    #[inline]
    pub fn text(self) -> Result<&'a str, DecodeError> {
        text(self.bytes()?)
    }

    /// The number of a varint field.
    ///
    /// # Errors
    /// When it has another wire type.
    #[inline]
    pub fn varint(self) -> Result<u64, DecodeError> {
        if let FieldValue::Varint(value) = self.value { Ok(value) } else { Err(self.wrong_type()) }
    }

    /// The number of a varint field of 32 bits: the low half, as protobuf has it.
    ///
    /// # Errors
    /// When it has another wire type.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "protobuf defines 32-bit varints as the low half")]
    pub fn varint32(self) -> Result<u32, DecodeError> {
        self.varint().map(|value| value as u32)
    }

    /// The number of a fixed64 field.
    ///
    /// # Errors
    /// When it has another wire type.
    #[inline]
    pub fn fixed64(self) -> Result<u64, DecodeError> {
        if let FieldValue::Fixed64(value) = self.value { Ok(value) } else { Err(self.wrong_type()) }
    }

    /// The number of a fixed32 field.
    ///
    /// # Errors
    /// When it has another wire type.
    #[inline]
    pub fn fixed32(self) -> Result<u32, DecodeError> {
        if let FieldValue::Fixed32(value) = self.value { Ok(value) } else { Err(self.wrong_type()) }
    }
}

/// Bytes as the text that they have to be.
#[inline]
pub(super) fn text(bytes: &[u8]) -> Result<&str, DecodeError> {
    core::str::from_utf8(bytes).map_err(|_| DecodeError::Utf8)
}

/// Checks that bytes are text. Nearly all are ASCII, which is faster to tell.
#[inline]
pub(super) fn check_text(bytes: &[u8]) -> Result<(), DecodeError> {
    if bytes.is_ascii() { Ok(()) } else { text(bytes).map(|_| ()) }
}

/// The fields of a message, in the order in which they stand; unknown groups are passed over.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Reads the fields of this message.
    #[must_use]
    pub const fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// What has not been read yet.
    #[inline]
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next field; `None` at the end of the message.
    ///
    /// Inlined where speed counts more than size: the caller then keeps the field in registers.
    ///
    /// # Errors
    /// When the bytes are no message. What follows an error is not defined (but safe).
    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    pub fn next_field(&mut self) -> Result<Option<Field<'a>>, DecodeError> {
        let [tag, rest @ ..] = self.rest else { return Ok(None) };
        let number = u32::from(*tag >> 3);
        // Fields 1 to 15 have tags of one byte; the rest is rare.
        if *tag >= 0x80 || number == 0 {
            return self.next_uncommon_field();
        }
        let mut rest = rest;
        let value = match *tag & 7 {
            0 => FieldValue::Varint(take_varint(&mut rest)?),
            1 => FieldValue::Fixed64(u64::from_le_bytes(take_array(&mut rest)?)),
            2 => FieldValue::Bytes(take_delimited(&mut rest)?),
            5 => FieldValue::Fixed32(u32::from_le_bytes(take_array(&mut rest)?)),
            _ => return self.next_uncommon_field(),
        };
        self.rest = rest;
        Ok(Some(Field { number, value }))
    }

    /// Like `next_field`, for tags of any length, and groups.
    #[inline(never)]
    fn next_uncommon_field(&mut self) -> Result<Option<Field<'a>>, DecodeError> {
        while !self.rest.is_empty() {
            let tag = take_varint(&mut self.rest)?;
            let number = u32::try_from(tag >> 3).map_err(|_| DecodeError::Tag)?;
            if number == 0 || number > 0x1fff_ffff {
                return Err(DecodeError::Tag);
            }
            let value = match tag & 7 {
                0 => FieldValue::Varint(take_varint(&mut self.rest)?),
                1 => FieldValue::Fixed64(u64::from_le_bytes(take_array(&mut self.rest)?)),
                2 => FieldValue::Bytes(take_delimited(&mut self.rest)?),
                3 => {
                    self.skip_group(number)?;
                    continue;
                }
                5 => FieldValue::Fixed32(u32::from_le_bytes(take_array(&mut self.rest)?)),
                _ => return Err(DecodeError::Tag),
            };
            return Ok(Some(Field { number, value }));
        }
        Ok(None)
    }

    /// Passes over a group, whatever is nested in it, without recursing.
    #[cold]
    fn skip_group(&mut self, number: u32) -> Result<(), DecodeError> {
        let mut open = [0u32; crate::value::Bounds::MAX_DEPTH as usize];
        let mut depth = 1usize;
        *open.first_mut().ok_or(DecodeError::TooDeep)? = number;
        while depth > 0 {
            let tag = take_varint(&mut self.rest)?;
            let number = u32::try_from(tag >> 3).map_err(|_| DecodeError::Tag)?;
            match tag & 7 {
                0 => {
                    take_varint(&mut self.rest)?;
                }
                1 => {
                    take(&mut self.rest, 8)?;
                }
                2 => {
                    take_delimited(&mut self.rest)?;
                }
                3 => {
                    *open.get_mut(depth).ok_or(DecodeError::TooDeep)? = number;
                    depth += 1;
                }
                4 => {
                    depth -= 1;
                    if open.get(depth) != Some(&number) {
                        return Err(DecodeError::Tag);
                    }
                }
                5 => {
                    take(&mut self.rest, 4)?;
                }
                _ => return Err(DecodeError::Tag),
            }
        }
        Ok(())
    }
}

#[inline]
/// The length-delimited fields with this number of a message that this crate has written: without groups, so that who
/// reads only its own messages does not pay for them.
pub(crate) fn own_messages(message: &[u8], number: u32) -> impl Iterator<Item = &[u8]> {
    let mut rest = message;
    core::iter::from_fn(move || {
        loop {
            let tag = take_varint(&mut rest).ok()?;
            match tag & 7 {
                0 => {
                    take_varint(&mut rest).ok()?;
                }
                1 => {
                    take(&mut rest, 8).ok()?;
                }
                2 => {
                    let content = take_delimited(&mut rest).ok()?;
                    if tag >> 3 == u64::from(number) {
                        return Some(content);
                    }
                }
                5 => {
                    take(&mut rest, 4).ok()?;
                }
                _ => return None,
            }
        }
    })
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], DecodeError> {
    let (head, tail) = rest.split_at_checked(length).ok_or(DecodeError::Truncated)?;
    *rest = tail;
    Ok(head)
}

/// Takes a length and that many bytes.
#[inline]
pub(super) fn take_delimited<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], DecodeError> {
    let length = take_varint(rest)?;
    take(rest, usize::try_from(length).map_err(|_| DecodeError::Truncated)?)
}

#[inline]
fn take_array<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], DecodeError> {
    let (head, tail) = rest.split_first_chunk::<N>().ok_or(DecodeError::Truncated)?;
    *rest = tail;
    Ok(*head)
}

/// Takes a varint off the front of a slice.
#[inline]
pub(crate) fn take_varint(rest: &mut &[u8]) -> Result<u64, DecodeError> {
    // Tags and most lengths have one byte, the other lengths two.
    match *rest {
        [byte, tail @ ..] if *byte < 0x80 => {
            *rest = tail;
            Ok(u64::from(*byte))
        }
        [low, high, tail @ ..] if *high < 0x80 => {
            *rest = tail;
            Ok(u64::from(low & 0x7f) | u64::from(*high) << 7)
        }
        _ => take_long_varint(rest),
    }
}

#[cold]
fn take_long_varint(rest: &mut &[u8]) -> Result<u64, DecodeError> {
    let mut value = 0u64;
    for (index, &byte) in rest.iter().enumerate().take(10) {
        if index == 9 && byte > 1 {
            return Err(DecodeError::Varint);
        }
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            *rest = rest.get(index + 1..).unwrap_or_default();
            return Ok(value);
        }
    }
    Err(if rest.len() < 10 { DecodeError::Truncated } else { DecodeError::Varint })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_both_ways() {
        for value in [0, 1, 127, 128, 300, 16_383, 16_384, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, value);
            assert_eq!(bytes.len(), varint_len(value));
            let mut rest = bytes.as_slice();
            assert_eq!(take_varint(&mut rest), Ok(value));
            assert!(rest.is_empty());
        }
        assert_eq!(take_varint(&mut [0xff; 11].as_slice()), Err(DecodeError::Varint));
        assert_eq!(take_varint(&mut [0xff; 3].as_slice()), Err(DecodeError::Truncated));
    }

    #[test]
    fn lengths_are_written_in_their_shortest_form() {
        for length in [0usize, 1, 127, 128, 16_383, 16_384, 3_000_000] {
            let content = vec![7u8; length];
            let mut direct = vec![9];
            put_bytes_field(&mut direct, 2, &content);
            let mut patched = vec![9];
            let start = open_message(&mut patched, 2);
            patched.extend_from_slice(&content);
            close_message(&mut patched, start);
            assert!(direct == patched, "length {length}");
            assert_eq!(direct.len() - 1, bytes_field_len(2, length));
        }
    }

    #[test]
    fn groups_are_skipped_without_recursion() {
        let mut bytes = vec![0x0b; 60]; // sixty groups of field 1, nested
        bytes.extend([0x0c; 60]);
        bytes.extend([0x10, 5]);
        let mut fields = Fields::new(&bytes);
        assert_eq!(fields.next_field(), Ok(Some(Field { number: 2, value: FieldValue::Varint(5) })));
        assert_eq!(Fields::new(&[0x0b; 100_000]).next_field(), Err(DecodeError::TooDeep));
        assert_eq!(Fields::new(&[0x0b, 0x14]).next_field(), Err(DecodeError::Tag));
    }
}
