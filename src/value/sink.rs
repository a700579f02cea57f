//! How a value is told: the sink that hears it, and the bounds it is held to.

/// Hears a value as a series of calls.
///
/// A scalar is one call. An array is `begin_array`, its values, `end_array`; a map is `begin_map`, a `key` before
/// each value, `end_map`. Sources keep to this grammar; sinks may rely on it for their results, never for safety.
pub trait ValueSink {
    /// The empty value: JSON's null, OTLP's `AnyValue` with nothing set.
    fn null(&mut self);
    /// A truth value.
    fn bool(&mut self, value: bool);
    /// A whole number.
    fn int(&mut self, value: i64);
    /// A floating-point number.
    fn double(&mut self, value: f64);
    /// A text.
    fn string(&mut self, value: &str);
    /// Bytes that are no text.
    fn bytes(&mut self, value: &[u8]);
    /// Opens an array.
    fn begin_array(&mut self);
    /// Closes the innermost array.
    fn end_array(&mut self);
    /// Opens a map.
    fn begin_map(&mut self);
    /// The key of the value that follows.
    fn key(&mut self, key: &str);
    /// Closes the innermost map.
    fn end_map(&mut self);
}

/// How large a value may grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// How deep arrays and maps may nest; deeper ones become the empty value.
    pub depth: u32,
    /// How many values there may be in all; further ones are left out.
    pub nodes: u32,
    /// How many characters a text (bytes: bytes) may have; longer ones are cut.
    pub text: usize,
    /// How many bytes all keys, texts and byte strings may have together; what goes over is cut or left out.
    pub bytes: usize,
}

impl Bounds {
    /// The depth that OpenTelemetry allows, which is also what our decoders accept.
    pub const MAX_DEPTH: u32 = 64;

    /// Nothing is bounded but the depth.
    pub const WIDE: Self =
        Self { depth: Self::MAX_DEPTH, nodes: u32::MAX, text: usize::MAX, bytes: usize::MAX };
}

impl Default for Bounds {
    /// Room for what people really record: 10,000 values and 16 MiB.
    fn default() -> Self {
        Self { depth: Self::MAX_DEPTH, nodes: 10_000, text: usize::MAX, bytes: 16 << 20 }
    }
}

/// What [`Bounded`] took away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cuts {
    /// Arrays and maps that were too deep.
    pub deep: u32,
    /// Values that were left out.
    pub left_out: u32,
    /// Texts and byte strings that were cut.
    pub shortened: u32,
}

impl Cuts {
    /// True when the value went through whole.
    #[must_use]
    pub fn none(&self) -> bool {
        *self == Self::default()
    }
}

/// Passes a value on to a sink and keeps it within bounds, whatever the source tells.
///
/// ```
/// use spanloom::value::{Bounded, Bounds, Value, ValueBuilder, ValueSink};
/// let mut target = ValueBuilder::default();
/// let mut bounded = Bounded::new(&mut target, Bounds { text: 3, ..Bounds::default() });
/// bounded.string("日本語です");
/// assert_eq!(bounded.cuts().shortened, 1);
/// assert_eq!(target.finish(), Value::from("日本語"));
/// ```
#[derive(Debug)]
pub struct Bounded<'a, S: ?Sized> {
    sink: &'a mut S,
    bounds: Bounds,
    cuts: Cuts,
    depth: u32,
    /// Depth inside a container that is being left out; 0 while values pass.
    skipping: u32,
    /// The key that came last was left out, so its value is too.
    skip_value: bool,
}

impl<'a, S: ValueSink + ?Sized> Bounded<'a, S> {
    /// Holds what is told to `sink` within `bounds`.
    pub fn new(sink: &'a mut S, bounds: Bounds) -> Self {
        Self { sink, bounds, cuts: Cuts::default(), depth: 0, skipping: 0, skip_value: false }
    }

    /// What was taken away so far.
    #[must_use]
    pub fn cuts(&self) -> Cuts {
        self.cuts
    }

    /// Decides over the next value: true when it may pass, and then counts it.
    fn admit(&mut self) -> bool {
        if self.skipping > 0 || core::mem::take(&mut self.skip_value) {
            return false;
        }
        if self.bounds.nodes == 0 {
            self.cuts.left_out = self.cuts.left_out.saturating_add(1);
            return false;
        }
        self.bounds.nodes -= 1;
        true
    }

    /// Decides over a container; true when it is to be opened in the sink.
    fn open(&mut self) -> bool {
        if !self.admit() {
            self.skipping += 1;
            return false;
        }
        if self.depth >= self.bounds.depth {
            self.cuts.deep = self.cuts.deep.saturating_add(1);
            self.sink.null();
            self.skipping += 1;
            return false;
        }
        self.depth += 1;
        true
    }

    /// True when the container that ends was opened in the sink.
    fn close(&mut self) -> bool {
        if self.skipping > 0 {
            self.skipping -= 1;
            return false;
        }
        self.depth = self.depth.saturating_sub(1);
        true
    }

    fn shortened(&mut self) {
        self.cuts.shortened = self.cuts.shortened.saturating_add(1);
    }
}

impl<S: ValueSink + ?Sized> ValueSink for Bounded<'_, S> {
    fn null(&mut self) {
        if self.admit() {
            self.sink.null();
        }
    }

    fn bool(&mut self, value: bool) {
        if self.admit() {
            self.sink.bool(value);
        }
    }

    fn int(&mut self, value: i64) {
        if self.admit() {
            self.sink.int(value);
        }
    }

    fn double(&mut self, value: f64) {
        if self.admit() {
            self.sink.double(value);
        }
    }

    fn string(&mut self, value: &str) {
        if !self.admit() {
            return;
        }
        let kept = cut_bytes(cut_chars(value, self.bounds.text), self.bounds.bytes);
        if kept.len() < value.len() {
            self.shortened();
        }
        self.bounds.bytes -= kept.len();
        self.sink.string(kept);
    }

    fn bytes(&mut self, value: &[u8]) {
        if !self.admit() {
            return;
        }
        let room = self.bounds.text.min(self.bounds.bytes);
        let kept = value.get(..room).unwrap_or(value);
        if kept.len() < value.len() {
            self.shortened();
        }
        self.bounds.bytes -= kept.len();
        self.sink.bytes(kept);
    }

    fn begin_array(&mut self) {
        if self.open() {
            self.sink.begin_array();
        }
    }

    fn end_array(&mut self) {
        if self.close() {
            self.sink.end_array();
        }
    }

    fn begin_map(&mut self) {
        if self.open() {
            self.sink.begin_map();
        }
    }

    fn key(&mut self, key: &str) {
        if self.skipping > 0 {
            return;
        }
        // A key is never cut: half a key is another key.
        if self.bounds.nodes == 0 || key.len() > self.bounds.bytes {
            self.cuts.left_out = self.cuts.left_out.saturating_add(1);
            self.skip_value = true;
            return;
        }
        self.bounds.bytes -= key.len();
        self.sink.key(key);
    }

    fn end_map(&mut self) {
        if self.close() {
            self.sink.end_map();
        }
    }
}

/// The first `limit` characters.
pub(crate) fn cut_chars(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    match text.char_indices().nth(limit) {
        Some((at, _)) => text.get(..at).unwrap_or(text),
        None => text,
    }
}

/// At most `limit` bytes, cut between characters.
pub(crate) fn cut_bytes(text: &str, limit: usize) -> &str {
    text.get(..text.floor_char_boundary(limit)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{Value, ValueBuilder};

    fn held(value: &Value, bounds: Bounds) -> (Value, Cuts) {
        let mut target = ValueBuilder::default();
        let mut bounded = Bounded::new(&mut target, bounds);
        value.tell(&mut bounded);
        let cuts = bounded.cuts();
        (target.finish(), cuts)
    }

    #[test]
    fn deep_containers_become_null() {
        let value = Value::Array(vec![Value::Array(vec![Value::Array(vec![1.into()])]), 2.into()]);
        let (kept, cuts) = held(&value, Bounds { depth: 2, ..Bounds::default() });
        assert_eq!(kept, Value::Array(vec![Value::Array(vec![Value::Null]), 2.into()]));
        assert_eq!(cuts, Cuts { deep: 1, ..Cuts::default() });
    }

    #[test]
    fn further_nodes_are_left_out_with_their_keys() {
        let value = Value::Map(vec![
            ("a".into(), 1.into()),
            ("b".into(), Value::Map(vec![("x".into(), 1.into())])),
            ("c".into(), 2.into()),
        ]);
        let (kept, cuts) = held(&value, Bounds { nodes: 2, ..Bounds::default() });
        assert_eq!(kept, Value::Map(vec![("a".into(), 1.into())]));
        assert_eq!(cuts.left_out, 2);
    }

    #[test]
    fn texts_are_cut_between_characters() {
        let (kept, cuts) = held(&Value::from("a😀b"), Bounds { bytes: 3, ..Bounds::default() });
        assert_eq!(kept, Value::from("a"));
        assert_eq!(cuts.shortened, 1);
        assert_eq!(cut_chars("a😀b", 2), "a😀");
    }
}
