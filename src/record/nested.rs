//! Events and links while they are written.

use super::keys::{find_key_value, replace_range};
use super::limits::Limits;
use super::pairs::put_told;
use crate::otlp::wire::{close_message, put_fixed32_field, put_varint_field};
use crate::value::ValueSink;

/// An event or a link that is being written.
#[derive(Debug)]
pub struct Nested<'b> {
    pub(super) out: &'b mut Vec<u8>,
    pub(super) cut: &'b mut u32,
    pub(super) limits: &'b Limits,
    pub(super) room: usize,
    /// Where the message starts.
    pub(super) start: usize,
    /// Where its attributes start.
    pub(super) attributes: usize,
    /// Field number of its attributes.
    pub(super) number: u32,
    pub(super) count: u32,
    pub(super) dropped: u32,
    /// The flags that a link ends with.
    pub(super) flags: Option<u32>,
}

impl Nested<'_> {
    /// Adds an attribute; a second value of the same key takes the place of the first.
    pub fn attribute(&mut self, name: &str, tell: &mut dyn FnMut(&mut dyn ValueSink)) {
        let existing = find_key_value(self.out, self.attributes, self.number, name);
        let full = existing.is_none() && self.count >= self.limits.nested_attributes;
        let used = self.out.len() - self.start;
        let room = self.room.saturating_sub(used);
        if full || name.is_empty() || name.len() > self.limits.key_length || name.len() + 32 > room {
            self.dropped = self.dropped.saturating_add(1);
            return;
        }
        match existing {
            Some(range) => {
                let mut pair = Vec::new();
                let cut = put_told(&mut pair, self.number, name, self.limits.bounds(room, name), tell);
                *self.cut = self.cut.saturating_add(cut);
                replace_range(self.out, range, &pair);
            }
            None => {
                self.count += 1;
                let cut = put_told(self.out, self.number, name, self.limits.bounds(room, name), tell);
                *self.cut = self.cut.saturating_add(cut);
            }
        }
    }

    /// Ends the event or link, as dropping it does.
    #[inline]
    pub fn close(self) {}
}

impl Drop for Nested<'_> {
    #[inline]
    fn drop(&mut self) {
        put_count(self.out, self.number + 1, self.dropped);
        if let Some(link_flags) = self.flags.filter(|flags| *flags != 0) {
            put_fixed32_field(self.out, 6, link_flags);
        }
        close_message(self.out, self.start);
    }
}

/// Appends a count where it is not zero.
#[inline]
pub(super) fn put_count(out: &mut Vec<u8>, number: u32, count: u32) {
    if count > 0 {
        put_varint_field(out, number, count.into());
    }
}
