//! Writes key-value pairs: the attributes of spans, events and links, the entries of maps.

use crate::otlp::any::AnyWriter;
use crate::otlp::wire::{
    BYTES, bytes_field_len, close_message, open_message, put_bytes_field, put_fixed64_field, put_varint, tag,
    varint_len,
};
use crate::value::{Bounded, Bounds, ValueRef, ValueSink, cut_bytes, cut_chars};

/// Appends a key-value pair; gives how many values were cut.
#[inline]
pub(super) fn put_pair(
    out: &mut Vec<u8>,
    number: u32,
    name: &str,
    value: ValueRef<'_>,
    bounds: Bounds,
) -> u32 {
    match value {
        ValueRef::Str(text) if text.len() <= bounds.text.min(bounds.bytes) => {
            put_text_pair(out, number, name, text.as_bytes());
            0
        }
        ValueRef::Str(text) => {
            let kept = cut_bytes(cut_chars(text, bounds.text), bounds.bytes);
            put_text_pair(out, number, name, kept.as_bytes());
            u32::from(kept.len() < text.len())
        }
        ValueRef::Int(value) => {
            let bits = value.cast_unsigned();
            put_pair_head(out, number, name, 1 + varint_len(bits));
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
pub(super) fn put_pair_head(out: &mut Vec<u8>, number: u32, name: &str, value: usize) {
    let key = name.len();
    let pair = bytes_field_len(1, key) + bytes_field_len(2, value);
    if pair < 0x80 {
        // Every length fits one byte.
        out.extend_from_slice(&[low_byte(number << 3 | 2), low_byte_of(pair), 0x0a, low_byte_of(key)]);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(&[0x12, low_byte_of(value)]);
    } else {
        put_varint(out, tag(number, BYTES));
        put_varint(out, pair as u64);
        put_bytes_field(out, 1, name.as_bytes());
        out.push(0x12);
        put_varint(out, value as u64);
    }
}

#[inline]
fn put_text_pair(out: &mut Vec<u8>, number: u32, name: &str, text: &[u8]) {
    let (key, length) = (name.len(), text.len());
    if key + length < 0x80 - 6 {
        // Every length fits one byte.
        let pair = [low_byte(number << 3 | 2), low_byte_of(key + length + 6), 0x0a, low_byte_of(key)];
        out.extend_from_slice(&pair);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(&[0x12, low_byte_of(length + 2), 0x0a, low_byte_of(length)]);
    } else {
        put_pair_head(out, number, name, bytes_field_len(1, length));
        out.push(0x0a);
        put_varint(out, length as u64);
    }
    out.extend_from_slice(text);
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the callers have checked the size")]
const fn low_byte(number: u32) -> u8 {
    number as u8
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the callers have checked the size")]
const fn low_byte_of(length: usize) -> u8 {
    length as u8
}

/// Appends a key-value pair whose value `tell` tells; gives how many values were cut.
pub(super) fn put_told(
    out: &mut Vec<u8>,
    number: u32,
    name: &str,
    bounds: Bounds,
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
