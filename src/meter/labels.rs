//! The labels of a series: a set of keys and values, in one form whoever wrote it.

use crate::otlp::any::{AnyView, AnyWriter, KeyValues, read_key_value};
use crate::otlp::wire::{close_message, open_message, own_messages, put_bytes_field};
use crate::value::ValueRef;

/// Field number of the pairs: that of a `KeyValueList`.
const PAIR: u32 = 1;

/// A set of labels: each key once, in the order of the keys' bytes. Of a key that is given twice the last value counts.
///
/// It is kept as the bytes of an OTLP `KeyValueList`, which is what exporters copy.
///
/// ```
/// use spanloom::meter::Labels;
/// let labels = Labels::new([("route", "/ask".into()), ("code", 200.into())]);
/// assert_eq!(labels, Labels::new([("code", 200.into()), ("route", "/ask".into())]));
/// assert_eq!(labels.get("code").and_then(|code| code.as_int()), Some(200));
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Labels {
    message: Box<[u8]>,
}

impl Labels {
    /// No labels.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// The set of these pairs.
    #[must_use]
    pub fn new<'a>(pairs: impl IntoIterator<Item = (&'a str, ValueRef<'a>)>) -> Self {
        Self::of(pairs.into_iter().collect(), |value, writer| value.tell(writer))
    }

    /// The set of these pairs, which were read in place.
    pub(crate) fn of_views<'a>(pairs: Vec<(&'a str, AnyView<'a>)>) -> Self {
        Self::of(pairs, |value, writer| value.tell(writer))
    }

    /// The set of one pair.
    pub(super) fn one(key: &str, value: ValueRef<'_>) -> Self {
        let mut message = Vec::new();
        put_pair(&mut message, key, |writer| value.tell(writer));
        Self { message: message.into() }
    }

    fn of<T: Copy>(mut pairs: Vec<(&str, T)>, tell: impl Fn(T, &mut AnyWriter<'_>)) -> Self {
        // Of equal keys the last one given stays last, and is the one that is written.
        sort(&mut pairs);
        let mut message = Vec::new();
        let mut rest = pairs.iter().peekable();
        while let Some((key, value)) = rest.next() {
            if rest.peek().is_none_or(|(next, _)| next != key) {
                put_pair(&mut message, key, |writer| tell(*value, writer));
            }
        }
        Self { message: message.into() }
    }

    /// The same with these too; of a key that both have, the value in `others` counts.
    #[must_use]
    pub fn and(&self, others: &Self) -> Self {
        let mut message = Vec::with_capacity(self.message.len() + others.message.len());
        let mut theirs = others.keyed().peekable();
        for (key, pair) in self.keyed() {
            while let Some((_, pair)) = theirs.next_if(|(other, _)| *other < key) {
                put_bytes_field(&mut message, PAIR, pair);
            }
            if theirs.peek().is_none_or(|(other, _)| *other != key) {
                put_bytes_field(&mut message, PAIR, pair);
            }
        }
        theirs.for_each(|(_, pair)| put_bytes_field(&mut message, PAIR, pair));
        Self { message: message.into() }
    }

    /// Only the pairs whose key `keeps` says yes to.
    #[must_use]
    pub fn keeping(&self, keeps: impl Fn(&str) -> bool) -> Self {
        let mut message = Vec::new();
        for (key, pair) in self.keyed() {
            if keeps(key) {
                put_bytes_field(&mut message, PAIR, pair);
            }
        }
        Self { message: message.into() }
    }

    /// The pairs, in the order of their keys.
    #[must_use]
    pub fn iter(&self) -> KeyValues<'_> {
        KeyValues::new(&self.message, PAIR)
    }

    /// The value of a label.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<AnyView<'_>> {
        self.iter().find_map(|(known, value)| (known == key).then_some(value))
    }

    /// The bytes of the `KeyValueList`: the same for equal sets.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        &self.message
    }

    /// True where there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.message.is_empty()
    }

    /// The keys with the encoded pairs, in the order of the keys.
    fn keyed(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.pairs().filter_map(|pair| Some((read_key_value(pair).ok()?.0, pair)))
    }

    /// The pairs as encoded `KeyValue` messages.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = &[u8]> {
        own_messages(&self.message, PAIR)
    }
}

impl std::fmt::Debug for Labels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter().map(|(key, value)| (key, value.to_value()))).finish()
    }
}

/// Brings pairs into the order of their keys; equal ones stay as they stand.
#[cfg(not(target_arch = "wasm32"))]
fn sort<T>(pairs: &mut [(&str, T)]) {
    pairs.sort_by_key(|(key, _)| *key);
}

/// The same in a fraction of the code, where every byte of the module is paid for: there are few pairs.
#[cfg(any(test, target_arch = "wasm32"))]
fn sort_few<T>(pairs: &mut [(&str, T)]) {
    for end in 1..pairs.len() {
        let Some((before, [new, ..])) = pairs.split_at_mut_checked(end) else { return };
        let place = before.partition_point(|(key, _)| *key <= new.0);
        if let Some(moved) = pairs.get_mut(place..=end) {
            moved.rotate_right(1);
        }
    }
}

#[cfg(target_arch = "wasm32")]
use sort_few as sort;

fn put_pair(out: &mut Vec<u8>, key: &str, tell: impl FnOnce(&mut AnyWriter<'_>)) {
    let pair = open_message(out, PAIR);
    put_bytes_field(out, 1, key.as_bytes());
    let start = open_message(out, 2);
    tell(&mut AnyWriter::new(out));
    close_message(out, start);
    close_message(out, pair);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(labels: &Labels) -> Vec<&str> {
        labels.iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn the_last_value_of_a_key_counts() {
        let labels = Labels::new([("b", 1.into()), ("a", true.into()), ("b", "two".into())]);
        assert_eq!(keys(&labels), ["a", "b"]);
        assert_eq!(labels.get("b").and_then(|b| b.as_str()), Some("two"));
        assert_eq!(format!("{labels:?}"), r#"{"a": true, "b": "two"}"#);
    }

    #[test]
    fn both_ways_of_sorting_are_the_same() {
        for pairs in [
            vec![],
            vec![("a", 0)],
            vec![("b", 0), ("a", 1), ("b", 2), ("", 3), ("a", 4), ("c", 5), ("b", 6)],
        ] {
            let (mut one, mut other) = (pairs.clone(), pairs);
            one.sort_by_key(|(key, _)| *key);
            sort_few(&mut other);
            assert_eq!(one, other);
        }
        assert_eq!(Labels::one("a", true.into()), Labels::new([("a", true.into())]));
    }

    #[test]
    fn sets_are_joined_and_cut() {
        let labels = Labels::new([("a", 1.into()), ("b", 2.into())]);
        let more = labels.and(&Labels::new([("0", 0.into()), ("b", 3.into()), ("c", 4.into())]));
        assert_eq!(keys(&more), ["0", "a", "b", "c"]);
        assert_eq!(more.get("b").and_then(|b| b.as_int()), Some(3));
        assert_eq!(labels.and(&Labels::none()), labels);
        assert_eq!(more.keeping(|key| key > "b"), Labels::new([("c", 4.into())]));
        assert!(more.keeping(|_| false).is_empty());
        assert_eq!(Labels::none(), Labels::new([]));
    }
}
