//! Instruments with labels that are said with each measurement: the handle for them is looked up, without a lock.

use std::sync::{Arc, OnceLock};

use super::Shared;
use super::handles::Handle;
use super::table::{Hash, Table, same};
use crate::meter::{Family, Labels};
use crate::value::ValueRef;

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
    handles: Handles<H>,
}

impl<H: Handle, const L: usize> Labelled<H, L> {
    pub(super) fn new(names: [&str; L], family: Arc<Family<H::Cell>>, shared: &Arc<Shared>) -> Self {
        Self { names: names.map(Into::into), handles: Handles::new(family, shared) }
    }

    /// The handle for these values of the labels, in the order of their names.
    #[inline]
    pub fn with(&self, values: [&str; L]) -> &H {
        let hash = values.iter().fold(Hash::START, |hash, value| hash.and(value.as_bytes())).finish();
        let is = |mut key: &[u8]| {
            values.iter().all(|value| take_same(&mut key, value.as_bytes())) && key.is_empty()
        };
        match self.handles.known.find(hash, is) {
            Some(handle) => handle,
            None => self.make(hash, values),
        }
    }

    #[cold]
    #[inline(never)]
    fn make(&self, hash: u64, values: [&str; L]) -> &H {
        let mut key = Vec::new();
        values.iter().for_each(|value| put(&mut key, value.as_bytes()));
        let pairs = self.names.iter().zip(values).map(|(name, value)| (&**name, value.into()));
        self.handles.make(hash, &key, &Labels::new(pairs))
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
    handles: Handles<H>,
}

impl<H: Handle> AnyLabels<H> {
    pub(super) fn new(family: Arc<Family<H::Cell>>, shared: &Arc<Shared>) -> Self {
        Self { handles: Handles::new(family, shared) }
    }

    /// The handle for these labels.
    #[inline]
    pub fn with(&self, labels: &[(&str, ValueRef<'_>)]) -> &H {
        let mut hash = Hash::START;
        for (name, value) in labels {
            hash = with_value(hash.and(name.as_bytes()), value);
        }
        let hash = hash.finish();
        let is = |mut key: &[u8]| {
            labels
                .iter()
                .all(|(name, value)| take_same(&mut key, name.as_bytes()) && take_same_value(&mut key, value))
                && key.is_empty()
        };
        match self.handles.known.find(hash, is) {
            Some(handle) => handle,
            None => self.make(hash, labels),
        }
    }

    #[cold]
    #[inline(never)]
    fn make(&self, hash: u64, labels: &[(&str, ValueRef<'_>)]) -> &H {
        let mut key = Vec::new();
        for (name, value) in labels {
            put(&mut key, name.as_bytes());
            put_value(&mut key, value);
        }
        self.handles.make(hash, &key, &Labels::new(labels.iter().copied()))
    }
}

/// The handles that were asked for.
struct Handles<H: Handle> {
    family: Arc<Family<H::Cell>>,
    shared: Arc<Shared>,
    /// By the labels as they were given: in another order they are another entry for the same series.
    known: Table<H>,
    /// By the labels of the series, for when there is no room for another order.
    by_series: Table<H>,
    /// For all that goes beyond the limit.
    rest: OnceLock<H>,
}

impl<H: Handle> Handles<H> {
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

    fn make(&self, hash: u64, key: &[u8], labels: &Labels) -> &H {
        let bind = || H::bind(&self.family, labels, &self.shared);
        if let Some(handle) = self.known.add(hash, key, bind) {
            return handle;
        }
        let kept = self.family.kept(labels);
        let hash = Hash::START.and(kept.as_bytes()).finish();
        let by_series = self.by_series.find(hash, |key| key == kept.as_bytes());
        let by_series = by_series.or_else(|| self.by_series.add(hash, kept.as_bytes(), bind));
        by_series.unwrap_or_else(|| self.rest.get_or_init(bind))
    }
}

/// Takes a text off a key, and says whether it is this one.
#[inline]
fn take_same(key: &mut &[u8], text: &[u8]) -> bool {
    let Some((length, rest)) = key.split_first_chunk::<4>() else { return false };
    let Some((known, rest)) = rest.split_at_checked(u32::from_le_bytes(*length) as usize) else {
        return false;
    };
    *key = rest;
    same(known, text)
}

fn put(key: &mut Vec<u8>, text: &[u8]) {
    // A longer text is cut: nobody finds it again, and it is the same series each time.
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    key.extend_from_slice(&length.to_le_bytes());
    key.extend_from_slice(text);
}

/// What a value is known by: its kind, and its bytes.
#[inline]
fn with_parts<T>(value: &ValueRef<'_>, take: impl FnOnce(u8, &[u8]) -> T) -> T {
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

#[inline]
fn with_value(hash: Hash, value: &ValueRef<'_>) -> Hash {
    with_parts(value, |_, bytes| hash.and(bytes))
}

#[inline]
fn take_same_value(key: &mut &[u8], value: &ValueRef<'_>) -> bool {
    with_parts(value, |kind, bytes| match key.split_first() {
        Some((known, rest)) => {
            *key = rest;
            *known == kind && take_same(key, bytes)
        }
        None => false,
    })
}

fn put_value(key: &mut Vec<u8>, value: &ValueRef<'_>) {
    with_parts(value, |kind, bytes| {
        key.push(kind);
        put(key, bytes);
    });
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
