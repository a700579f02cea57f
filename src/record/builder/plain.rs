//! What nearly all spans consist of: short names, attributes with plain keys and values, events without attributes.
//!
//! These are written straight behind what is there, after one look at all that could stand against it: a limit, a key that
//! was set before, a text that is too long, a buffer that is too short. Where anything does, nothing has been done yet, and
//! the general way takes over. So the checks of a span's limits cost a handful of instructions an attribute.

use super::{SpanBuilder, SpanStart};
use crate::record::buffer::{SHORT, put_array, put_short};
use crate::record::envelope::ENVELOPE_LEN;
use crate::record::limits::Limits;
#[cfg(not(target_arch = "wasm32"))]
use crate::record::pairs::{PLAIN_TEXT, WINDOW, is_plain_text, put_int, put_long_text, put_short_text};
#[cfg(not(target_arch = "wasm32"))]
use crate::value::ValueRef;

/// Room for all that stands in front of the attributes.
const START: usize = ENVELOPE_LEN + 28 + 10 + 2 + SHORT + 20;

/// How far a span may go on plainly. Zeros: not at all, until [`SpanBuilder::look_around`] has looked.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Open {
    /// So many keys.
    keys: usize,
    /// So many bytes of `out`.
    bytes: usize,
}

/// How many bytes may be written plainly. Where a limit is so low that it could matter for a plain attribute alone: none.
#[cfg(not(target_arch = "wasm32"))]
pub(super) const fn plain_bytes(limits: &Limits) -> usize {
    if limits.value_length >= PLAIN_TEXT && limits.key_length >= SHORT { limits.span_bytes } else { 0 }
}

/// How long a name may be to be written as it is.
pub(super) const fn plain_name(limits: &Limits) -> usize {
    let most = limits.span_bytes / 4;
    let most = if most < limits.value_length { most } else { limits.value_length };
    if most < SHORT { most } else { SHORT }
}

impl SpanBuilder {
    /// Writes what stands in front of the attributes; false where the name or the tracestate asks for more.
    #[cfg_attr(not(target_arch = "wasm32"), inline(always))]
    pub(super) fn start_plainly(&mut self, start: &SpanStart<'_>) -> bool {
        let name = start.name.as_bytes();
        if name.len() > self.plain_name || !start.trace_state.is_empty() {
            return false;
        }
        let Some(window) = self.out.window::<START>() else { return false };
        put_array(window, ENVELOPE_LEN, [0x0a, 16]);
        put_array(window, ENVELOPE_LEN + 2, start.trace_id.to_bytes());
        put_array(window, ENVELOPE_LEN + 18, [0x12, 8]);
        put_array(window, ENVELOPE_LEN + 20, start.span_id.to_bytes());
        let mut at = ENVELOPE_LEN + 28;
        if start.parent_span_id.is_valid() {
            put_array(window, at, [0x22, 8]);
            put_array(window, at + 2, start.parent_span_id.to_bytes());
            at += 10;
        }
        if !name.is_empty() {
            put_array(window, at, [0x2a, low(name.len())]);
            put_short(window, at + 2, name);
            at += 2 + name.len();
        }
        put_array(window, at, [0x30, start.span_kind as u8, 0x39]);
        put_array(window, at + 3, start.start_unix_nano.to_le_bytes());
        put_array(window, at + 11, [0x41]);
        self.out.advance(at + 20);
        true
    }

    /// Appends an event that has nothing but a short name; false where that does not do.
    #[cfg_attr(not(target_arch = "wasm32"), inline(always))]
    pub(super) fn event_plainly(&mut self, time_unix_nano: u64, name: &str) -> bool {
        let name = name.as_bytes();
        let fits = name.len().wrapping_sub(1) < self.plain_name && name.len() + 64 <= self.room();
        if !fits || self.event_count >= self.limits.events {
            return false;
        }
        self.event_count += 1;
        self.grow_beside();
        let mut event = [0; 13 + SHORT];
        let window = &mut event;
        put_array(window, 0, [0x5a, low(11 + name.len()), 0x09]);
        put_array(window, 3, time_unix_nano.to_le_bytes());
        put_array(window, 11, [0x12, low(name.len())]);
        put_short(window, 13, name);
        self.events.extend_from_slice(event.get(..13 + name.len()).unwrap_or_default());
        true
    }

    /// Finds out how far the span may go on plainly. What grows beside the attributes closes that again.
    #[cfg(not(target_arch = "wasm32"))]
    #[inline(always)]
    pub(super) fn look_around(&mut self) {
        let keys = self.keys.capacity().min(self.limits.attributes as usize);
        let bytes = self.plain_bytes.saturating_sub(self.beside()).min(self.out.room_end());
        self.open = Open { keys, bytes };
    }

    /// Looks at all that could stand against a plain attribute with this key and so many bytes of text. If nothing does,
    /// counts the attribute and notes its key; it is to be written next.
    #[cfg(not(target_arch = "wasm32"))]
    #[inline(always)]
    fn admits_plainly(&mut self, key: &[u8], hash: u32, text: usize) -> bool {
        // An empty key wraps around to the largest number.
        let admitted = key.len().wrapping_sub(1) < SHORT
            && self.out.len() + key.len() + text + WINDOW <= self.open.bytes
            && self.keys.len() < self.open.keys
            && self.keys.is_new(hash);
        if admitted {
            self.keys.add_in_room(hash, self.out.len());
            self.attributes += 1;
        }
        admitted
    }

    // Nothing is left to be done after the last copy, so nothing has to be kept across it.
    #[cfg(not(target_arch = "wasm32"))]
    #[inline(never)]
    pub(super) fn put_text(&mut self, name: &str, hash: u32, text: &str) {
        let (key, bytes) = (name.as_bytes(), text.as_bytes());
        if bytes.len() <= SHORT && self.admits_plainly(key, hash, bytes.len()) {
            put_short_text(&mut self.out, key, bytes);
        } else {
            self.put_longer_text(name, hash, text);
        }
    }

    #[cfg(not(target_arch = "wasm32"))]
    #[inline(never)]
    fn put_longer_text(&mut self, name: &str, hash: u32, text: &str) {
        let (key, bytes) = (name.as_bytes(), text.as_bytes());
        if is_plain_text(key.len(), bytes.len()) && self.admits_plainly(key, hash, bytes.len()) {
            put_long_text(&mut self.out, key, bytes);
        } else {
            self.put_generally(name, hash, ValueRef::Str(text));
        }
    }

    #[cfg(not(target_arch = "wasm32"))]
    #[inline(never)]
    pub(super) fn put_int(&mut self, name: &str, hash: u32, number: i64) {
        let key = name.as_bytes();
        if self.admits_plainly(key, hash, 0) {
            put_int(&mut self.out, key, number.cast_unsigned());
        } else {
            self.put_generally(name, hash, ValueRef::Int(number));
        }
    }

    /// An attribute of the vocabulary, which is not counted.
    #[cfg(not(target_arch = "wasm32"))]
    #[inline(never)]
    pub(super) fn put_own_plainly(&mut self, name: &str, hash: u32, text: &str) {
        let (key, bytes) = (name.as_bytes(), text.as_bytes());
        if bytes.len() <= SHORT && self.admits_plainly(key, hash, bytes.len()) {
            self.attributes -= 1;
            put_short_text(&mut self.out, key, bytes);
        } else {
            self.put_own(name, ValueRef::Str(text));
            self.look_around();
        }
    }

    #[cfg(not(target_arch = "wasm32"))]
    #[cold]
    #[inline(never)]
    fn put_generally(&mut self, name: &str, hash: u32, value: ValueRef<'_>) {
        self.put_limited(name, hash, value);
        self.look_around();
    }
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "names here are short")]
const fn low(length: usize) -> u8 {
    length as u8
}
