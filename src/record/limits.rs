//! How much one span may hold.

/// Limits of a span. What goes over is left out or cut, and counted in the span itself.
///
/// The defaults are OpenTelemetry's, where it has one. Attributes that tell what a span *is* (its ids, kind, usage, input and
/// output) are never left out, whatever else there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Attributes of a span; entries of an input, output or configuration; nodes that follow.
    pub attributes: u32,
    /// Events of a span.
    pub events: u32,
    /// Links of a span.
    pub links: u32,
    /// Attributes of an event or a link.
    pub nested_attributes: u32,
    /// Characters of a text, bytes of a byte string.
    pub value_length: usize,
    /// Bytes of a key, of the id of a node that follows, of a tracestate; what is longer is left out, as half a key is
    /// another key. More than a quarter of [`Self::MOST_SPAN_BYTES`] count as so many.
    pub key_length: usize,
    /// How deep arrays and maps nest; deeper ones become the empty value.
    pub value_depth: u32,
    /// Values within one attribute.
    pub value_nodes: u32,
    /// Bytes of a span in all. What would go over is left out. More than [`Self::MOST_SPAN_BYTES`] count as so many.
    pub span_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            attributes: 128,
            events: 128,
            links: 128,
            nested_attributes: 128,
            value_length: 1 << 20,
            key_length: 4096,
            value_depth: crate::value::Bounds::MAX_DEPTH,
            value_nodes: 10_000,
            span_bytes: 16 << 20,
        }
    }
}

impl Limits {
    /// The most that a span may be allowed: with all that stands around its values it still fits a record, of which none is
    /// longer than 64 MiB.
    pub const MOST_SPAN_BYTES: usize = 16 << 20;

    /// What of these limits can be held.
    pub(crate) const fn kept(mut self) -> Self {
        if self.span_bytes > Self::MOST_SPAN_BYTES {
            self.span_bytes = Self::MOST_SPAN_BYTES;
        }
        if self.key_length > Self::MOST_SPAN_BYTES / 4 {
            self.key_length = Self::MOST_SPAN_BYTES / 4;
        }
        self
    }

    /// The bounds of the value of this key when `room` bytes are left in its span.
    pub(crate) fn bounds(&self, room: usize, key: &str) -> crate::value::Bounds {
        let room = room.saturating_sub(key.len());
        // Values that hold no bytes of their own take some, too: up to 16 for an entry of a map in a map. So many as there are
        // by default do no harm.
        let nodes = u32::try_from(room / 16).unwrap_or(u32::MAX).max(10_000);
        crate::value::Bounds {
            depth: self.value_depth,
            nodes: self.value_nodes.min(nodes),
            text: self.value_length,
            bytes: room,
        }
    }
}
