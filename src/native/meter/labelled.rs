//! Instruments with labels that are said with each measurement: the handle for them is looked up, without a lock.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use super::Shared;
use super::handles::Handle;
use super::table::{SHORT, Table, Words, hash_of, words};
use crate::meter::{Family, Labels};
use crate::value::ValueRef;

/// So many names and values are looked up as they come.
const ROOM: usize = 32;

/// An instrument whose labels have fixed names.
///
/// ```
/// let loom = spanloom::Loom::builder().build();
/// let requests = loom.meter().counter("requests").labelled(["route", "code"]);
/// requests.with(["/ask", "200"]).add(1);
/// // What is needed often is kept: that is the cheapest way.
/// let asked = requests.with(["/ask", "200"]).clone();
/// asked.add(1);
/// assert_eq!(asked.total(), 2);
/// ```
pub struct Labelled<H: Handle, const L: usize> {
    names: [Box<str>; L],
    handles: Handles<H, [Words; L]>,
}

impl<H: Handle, const L: usize> Labelled<H, L> {
    pub(super) fn new(names: [&str; L], family: Arc<Family<H::Cell>>, shared: &Arc<Shared>) -> Self {
        Self { names: names.map(Into::into), handles: Handles::new(family, shared) }
    }

    /// The handle for these values of the labels, in the order of their names.
    #[inline]
    pub fn with(&self, values: [&str; L]) -> &H {
        let all = values.map(|value| words(value.as_bytes()));
        let hash = hash_of(&all);
        let is = |key: &Key<[Words; L]>| {
            key.words == all
                && (key.long.is_empty() || key.has_long(values.iter().map(|value| value.as_bytes())))
        };
        match self.handles.known.find(hash, is) {
            Some(handle) => handle,
            None => self.make(hash, all, values),
        }
    }

    #[cold]
    #[inline(never)]
    fn make(&self, hash: u64, all: [Words; L], values: [&str; L]) -> &H {
        let key = Key::new(all, values.iter().map(|value| value.as_bytes()));
        let pairs = self.names.iter().zip(values).map(|(name, value)| (&**name, value.into()));
        self.handles.make(hash, key, &Labels::new(pairs))
    }
}

/// An instrument whose labels may be any.
///
/// ```
/// let loom = spanloom::Loom::builder().build();
/// let requests = loom.meter().counter("requests").any_labels();
/// requests.with(&[("route", "/ask".into()), ("code", 200.into())]).add(1);
/// // The order does not matter.
/// assert_eq!(requests.with(&[("code", 200.into()), ("route", "/ask".into())]).total(), 1);
/// ```
pub struct AnyLabels<H: Handle> {
    handles: Handles<H, Box<[Words]>>,
}

impl<H: Handle> AnyLabels<H> {
    pub(super) fn new(family: Arc<Family<H::Cell>>, shared: &Arc<Shared>) -> Self {
        Self { handles: Handles::new(family, shared) }
    }

    /// The handle for these labels.
    pub fn with(&self, labels: &[(&str, ValueRef<'_>)]) -> &H {
        let mut room = [[0; 3]; ROOM];
        let Some(all) = room.get_mut(..labels.len() * 2) else { return self.find_in_order(labels) };
        for (pair, (name, value)) in all.chunks_exact_mut(2).zip(labels) {
            if let [name_words, value_words] = pair {
                *name_words = words(name.as_bytes());
                *value_words = with_parts(value, |kind, bytes| {
                    let [length, first, last] = words(bytes);
                    [length | kind << 56, first, last]
                });
            }
        }
        let (all, hash) = (&*all, hash_of(all));
        let is = |key: &Key<Box<[Words]>>| {
            *key.words == *all && (key.long.is_empty() || key.has_long(texts_of(labels)))
        };
        match self.handles.known.find(hash, is) {
            Some(handle) => handle,
            None => self.make(hash, all, labels),
        }
    }

    #[cold]
    #[inline(never)]
    fn make(&self, hash: u64, all: &[Words], labels: &[(&str, ValueRef<'_>)]) -> &H {
        let labels_of_series = Labels::new(labels.iter().copied());
        self.handles.make(hash, Key::new(all.into(), texts_of(labels)), &labels_of_series)
    }

    /// For more labels than are looked up as they come.
    #[cold]
    fn find_in_order(&self, labels: &[(&str, ValueRef<'_>)]) -> &H {
        self.handles.by_labels(&Labels::new(labels.iter().copied()))
    }
}

/// The texts of some labels, one after the other: names, and the bytes of values.
fn texts_of<'a>(labels: &'a [(&str, ValueRef<'_>)]) -> impl Iterator<Item = Cow<'a, [u8]>> {
    labels.iter().flat_map(|(name, value)| {
        let value = with_parts(value, |_, bytes| bytes.to_vec());
        [Cow::Borrowed(name.as_bytes()), Cow::Owned(value)]
    })
}

/// What a handle is known by: the words of its texts, and those of them that are longer than their words.
#[derive(PartialEq)]
struct Key<W> {
    words: W,
    long: Box<[Box<[u8]>]>,
}

impl<W> Key<W> {
    fn new<T: AsRef<[u8]>>(words: W, texts: impl Iterator<Item = T>) -> Self {
        let long = texts.filter(|text| text.as_ref().len() > SHORT).map(|text| text.as_ref().into());
        Self { words, long: long.collect() }
    }

    #[cold]
    #[inline(never)]
    fn has_long<T: AsRef<[u8]>>(&self, texts: impl Iterator<Item = T>) -> bool {
        let mut known = self.long.iter();
        let mut texts = texts.filter(|text| text.as_ref().len() > SHORT);
        texts.all(|text| known.next().is_some_and(|known| **known == *text.as_ref()))
            && known.next().is_none()
    }
}

/// The handles that were asked for.
struct Handles<H: Handle, W> {
    family: Arc<Family<H::Cell>>,
    shared: Arc<Shared>,
    /// By the labels as they were given: in another order they are another entry for the same series.
    known: Table<Key<W>, H>,
    /// By the labels of the series, for when there is no room for another order.
    by_series: Table<Box<[u8]>, H>,
    /// For all that goes beyond the limit.
    rest: OnceLock<H>,
}

impl<H: Handle, W: PartialEq> Handles<H, W> {
    fn new(family: Arc<Family<H::Cell>>, shared: &Arc<Shared>) -> Self {
        let limit = family.limit();
        Self {
            family,
            shared: Arc::clone(shared),
            known: Table::new(limit.saturating_mul(4)),
            by_series: Table::new(limit),
            rest: OnceLock::new(),
        }
    }

    fn make(&self, hash: u64, key: Key<W>, labels: &Labels) -> &H {
        let bind = || H::bind(&self.family, labels, &self.shared);
        self.known.add(hash, key, bind).unwrap_or_else(|| self.by_labels(labels))
    }

    fn by_labels(&self, labels: &Labels) -> &H {
        let kept = self.family.kept(labels);
        let hash = kept.as_bytes().chunks(SHORT).fold(0, |hash, part| hash_of(&[words(part), [hash; 3]]));
        if let Some(known) = self.by_series.find(hash, |key| **key == *kept.as_bytes()) {
            return known;
        }
        let handle = H::bind(&self.family, labels, &self.shared);
        // Only series of their own are kept here, so there is room for all of them.
        if handle.is_overflow() {
            return self.rest.get_or_init(|| handle);
        }
        let added = self.by_series.add(hash, kept.as_bytes().into(), || handle.clone());
        added.unwrap_or_else(|| self.rest.get_or_init(|| handle))
    }
}

/// What a value is known by: its kind, and its bytes.
#[inline]
fn with_parts<T>(value: &ValueRef<'_>, take: impl FnOnce(u64, &[u8]) -> T) -> T {
    match value {
        ValueRef::Str(text) => take(0, text.as_bytes()),
        ValueRef::Int(number) => take(1, &number.to_le_bytes()),
        ValueRef::Bool(value) => take(2, &[u8::from(*value)]),
        ValueRef::Double(number) => take(3, &number.to_bits().to_le_bytes()),
        ValueRef::Null => take(4, &[]),
        ValueRef::Large(number) => take(5, &number.to_le_bytes()),
        ValueRef::Bytes(bytes) => take(6, bytes),
        ValueRef::Value(value) => take(7, Labels::new([("", (*value).into())]).as_bytes()),
    }
}

impl<H: Handle, const L: usize> std::fmt::Debug for Labelled<H, L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Labelled")
            .field("instrument", &self.handles.family.instrument().name)
            .field("labels", &self.names)
            .field("series", &self.handles.family.len())
            .finish()
    }
}

impl<H: Handle> std::fmt::Debug for AnyLabels<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AnyLabels")
            .field("instrument", &self.handles.family.instrument().name)
            .field("series", &self.handles.family.len())
            .finish()
    }
}
