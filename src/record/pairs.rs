//! Writes key-value pairs: the attributes of spans, events and links, the entries of maps.
//!
//! [`put_attribute`] writes what nearly all attributes are, short keys with plain values, in the fewest steps; [`put_told`]
//! writes everything.

use super::buffer::{Buffer, SHORT, put_array, put_short};
use crate::otlp::any::AnyWriter;
use crate::otlp::wire::{
    BYTES, bytes_field_len, close_message, open_message, put_bytes_field, put_varint, tag, varint_len,
};
use crate::value::{Bounded, Bounds, ValueRef, ValueSink};

/// The tag of an attribute of a span.
const ATTRIBUTE: u8 = 0x4a;
/// The tags of a pair's key and value.
const KEY: u8 = 0x0a;
const VALUE: u8 = 0x12;
/// Room for a short key, a short value and what stands around both.
pub(super) const WINDOW: usize = 2 * SHORT + 24;

/// Appends an attribute to a span; false, and nothing is written, where it is none of the common ones. Texts must be within
/// the limits.
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
pub(super) fn put_attribute(out: &mut Buffer, name: &str, value: ValueRef<'_>) -> bool {
    let key = name.as_bytes();
    if key.len() > SHORT {
        return false;
    }
    out.make_room(WINDOW + if let ValueRef::Str(text) = value { text.len() } else { 0 });
    match value {
        ValueRef::Str(text) => put_text(out, key, text.as_bytes()),
        ValueRef::Int(value) => put_int(out, key, value.cast_unsigned()),
        ValueRef::Bool(value) => put_plain(out, key, [VALUE, 2, 0x10, value.into()]),
        ValueRef::Double(value) => {
            let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
            put_plain(out, key, [VALUE, 9, 0x21, a, b, c, d, e, f, g, h])
        }
        ValueRef::Null | ValueRef::Large(_) | ValueRef::Bytes(_) | ValueRef::Value(_) => false,
    }
}

/// A pair with the field `value` as it stands.
#[inline]
fn put_plain<const N: usize>(out: &mut Buffer, key: &[u8], value: [u8; N]) -> bool {
    let Some(window) = out.window_in_room::<WINDOW>() else { return false };
    put_array(window, 0, [ATTRIBUTE, low(2 + key.len() + N), KEY, low(key.len())]);
    put_short(window, 4, key);
    put_array(window, 4 + key.len(), value);
    out.advance(4 + key.len() + N);
    true
}

/// A pair with a number.
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
pub(super) fn put_int(out: &mut Buffer, key: &[u8], bits: u64) -> bool {
    if bits < 0x80 {
        return put_plain(out, key, [VALUE, 2, 0x18, low_bits(bits)]);
    }
    let digits = varint_len(bits);
    let Some(window) = out.window_in_room::<WINDOW>() else { return false };
    put_array(window, 0, [ATTRIBUTE, low(2 + key.len() + 3 + digits), KEY, low(key.len())]);
    put_short(window, 4, key);
    let mut at = 4 + key.len();
    put_array(window, at, [VALUE, low(1 + digits), 0x18]);
    at += 3;
    let mut rest = bits;
    while rest >= 0x80 {
        put_array(window, at, [low_bits(rest) | 0x80]);
        rest >>= 7;
        at += 1;
    }
    put_array(window, at, [low_bits(rest)]);
    out.advance(at + 1);
    true
}

/// Texts of fewer bytes have a length of one or two bytes, and so have the messages around them.
pub(super) const PLAIN_TEXT: usize = 0x4000 - 2 * SHORT;

/// True where all lengths in the pair take one byte, or all behind the key's take two.
#[inline(always)]
pub(super) fn is_plain_text(keys: usize, texts: usize) -> bool {
    keys + texts < 0x80 - 6 || (0x80..PLAIN_TEXT).contains(&texts)
}

/// A pair with a text; false, and nothing is written, where it is not plain.
#[inline]
fn put_text(out: &mut Buffer, key: &[u8], text: &[u8]) -> bool {
    if !is_plain_text(key.len(), text.len()) {
        return false;
    }
    if text.len() <= SHORT { put_short_text(out, key, text) } else { put_long_text(out, key, text) }
}

/// A pair with a text of up to [`SHORT`] bytes.
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
pub(super) fn put_short_text(out: &mut Buffer, key: &[u8], text: &[u8]) -> bool {
    let (keys, texts) = (key.len(), text.len());
    let Some(window) = out.window_in_room::<WINDOW>() else { return false };
    put_array(window, 0, [ATTRIBUTE, low(keys + texts + 6), KEY, low(keys)]);
    put_short(window, 4, key);
    put_array(window, 4 + keys, [VALUE, low(texts + 2), 0x0a, low(texts)]);
    put_short(window, 8 + keys, text);
    out.advance(8 + keys + texts);
    true
}

/// A pair with a plain text of more bytes.
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
pub(super) fn put_long_text(out: &mut Buffer, key: &[u8], text: &[u8]) -> bool {
    let (keys, texts) = (key.len(), text.len());
    let Some(window) = out.window_in_room::<WINDOW>() else { return false };
    if texts < 0x80 {
        put_array(window, 0, [ATTRIBUTE, low(keys + texts + 6), KEY, low(keys)]);
        put_short(window, 4, key);
        put_array(window, 4 + keys, [VALUE, low(texts + 2), 0x0a, low(texts)]);
        out.advance(8 + keys);
    } else {
        let [p0, p1] = two_bytes(keys + texts + 8);
        let [v0, v1] = two_bytes(texts + 3);
        let [t0, t1] = two_bytes(texts);
        put_array(window, 0, [ATTRIBUTE, p0, p1, KEY, low(keys)]);
        put_short(window, 5, key);
        put_array(window, 5 + keys, [VALUE, v0, v1, 0x0a, t0, t1]);
        out.advance(11 + keys);
    }
    out.put_in_room(text);
    true
}

/// A length from 128 to 16,383 as a varint.
#[inline]
const fn two_bytes(length: usize) -> [u8; 2] {
    [low(length) | 0x80, low(length >> 7)]
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the low byte is what is wanted")]
const fn low(length: usize) -> u8 {
    length as u8
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the low byte is what is wanted")]
const fn low_bits(bits: u64) -> u8 {
    bits as u8
}

/// Appends the tag, lengths and key of a pair, and the tag and length of its value.
pub(super) fn put_pair_head(out: &mut Vec<u8>, number: u32, name: &str, value: usize) {
    put_varint(out, tag(number, BYTES));
    put_varint(out, (bytes_field_len(1, name.len()) + bytes_field_len(2, value)) as u64);
    put_bytes_field(out, 1, name.as_bytes());
    put_varint(out, tag(2, BYTES));
    put_varint(out, value as u64);
}

/// Appends a key-value pair whose value `tell` tells; gives how many values were cut.
pub(super) fn put_told(
    out: &mut Vec<u8>,
    number: u32,
    name: &str,
    bounds: Bounds,
    tell: &mut dyn FnMut(&mut dyn ValueSink),
) -> u32 {
    let pair = open_message(out, number);
    put_bytes_field(out, 1, name.as_bytes());
    let value = open_message(out, 2);
    let mut writer = AnyWriter::new(out);
    let mut bounded = Bounded::new(&mut writer, bounds);
    tell(&mut bounded);
    let cuts = bounded.cuts();
    writer.finish();
    close_message(out, value);
    close_message(out, pair);
    cuts.deep.saturating_add(cuts.left_out).saturating_add(cuts.shortened)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_attributes_are_written_as_all_others() {
        let texts: Vec<String> =
            [0, 1, 3, 4, 7, 8, 15, 16, 31, 33, 40, 41, 90, 121, 122, 127, 128, 200, 5_000, 16_303, 16_304]
                .map(|length| "y".repeat(length))
                .into();
        let ints = [0, 1, 127, 128, 300, 1 << 14, 1 << 21, i64::MAX, -1, i64::MIN];
        let mut values: Vec<ValueRef<'_>> = texts.iter().map(Into::into).collect();
        values.extend(ints.map(ValueRef::Int));
        values.extend([ValueRef::Bool(true), ValueRef::Bool(false), ValueRef::Double(1.5)]);
        for keys in [1, 2, 5, 8, 12, 16, 17, 31, 32, 33, 40, 41] {
            let name = "k".repeat(keys);
            for value in &values {
                let mut fast = Buffer::default();
                if !put_attribute(&mut fast, &name, *value) {
                    assert!(keys > SHORT || !matches!(value, ValueRef::Str(text) if text.len() <= SHORT));
                    continue;
                }
                let mut told = Vec::new();
                put_told(&mut told, 9, &name, Bounds::WIDE, &mut |sink| value.tell(sink));
                assert_eq!(fast.as_slice(), told, "{keys}: {value:?}");
            }
        }
    }
}
