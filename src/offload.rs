//! Large texts go to a blob store, and a link takes their place.
//!
//! [`Offload`] stands between a source and a sink: every text *value* that is too long, at any depth, is put into a
//! [`BlobStore`], and the sink hears the link instead; keys pass as they are. What is too long, and what is said of it, is
//! one thing in logs ([`Offload::new`]) and another in events of spans ([`Offload::for_events`]); [`offload_events`] does the
//! latter to a whole `Span` message. The core does no I/O and makes no ids: the store is the host's, and the random bits of
//! each name come from a function.

mod events;

use thiserror::Error;

use crate::value::ValueSink;
use crate::workflow::uuid4_hex;

pub use events::offload_events;

/// A text value of a log goes out when it has more bytes of UTF-8 than this.
pub const LOG_TEXT_LIMIT: usize = 5_087;
/// A text value of a span event goes out when it has so many bytes of UTF-8, or more.
pub const EVENT_TEXT_LIMIT: usize = 10_240;

/// Why a blob was not stored.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BlobError {
    /// A name has other characters than a store takes.
    #[error("blob name {name:?} is not allowed")]
    Name {
        /// The name.
        name: String,
    },
    /// The store said no.
    #[error("blob {name:?} was not stored: {message}")]
    Store {
        /// Name of the blob.
        name: String,
        /// What the store said.
        message: String,
    },
}

/// Keeps large texts somewhere.
pub trait BlobStore {
    /// Keeps these bytes under this name; returns the link at which they can be had.
    ///
    /// # Errors
    /// When they cannot be kept.
    fn put(&self, name: &str, bytes: &[u8]) -> Result<String, BlobError>;
}

/// How many texts were too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Offloaded {
    /// Texts that are in the store now.
    pub stored: u32,
    /// Texts that the store did not take: in a log they stayed where they were, in an event a few words stand for them.
    pub failed: u32,
}

/// Passes a value on to a sink and replaces long texts by links.
///
/// ```
/// use spanloom::offload::{BlobError, BlobStore, Offload};
/// use spanloom::value::{Value, ValueBuilder};
///
/// struct Nowhere;
/// impl BlobStore for Nowhere {
///     fn put(&self, name: &str, _: &[u8]) -> Result<String, BlobError> {
///         Ok(format!("https://blobs.example/{name}"))
///     }
/// }
///
/// let mut target = ValueBuilder::default();
/// let value = Value::from([("text", Value::from("x".repeat(6_000)))]);
/// value.tell(&mut Offload::new(&mut target, &Nowhere, || [7; 16]));
/// assert_eq!(
///     target.finish().get("text").and_then(Value::as_str),
///     Some("https://blobs.example/07070707070747078707070707070707.txt"),
/// );
/// ```
#[derive(Debug)]
pub struct Offload<'a, S: ?Sized, B: ?Sized, R> {
    sink: &'a mut S,
    store: &'a B,
    random: R,
    place: Place,
    count: Offloaded,
}

/// Where the texts stand.
#[derive(Debug, Clone, Copy)]
enum Place {
    Log,
    Event,
}

impl<'a, S, B, R> Offload<'a, S, B, R>
where
    S: ValueSink + ?Sized,
    B: BlobStore + ?Sized,
    R: FnMut() -> [u8; 16],
{
    /// Puts texts over [`LOG_TEXT_LIMIT`] into `store` as `{uuid hex}.txt`; `random` gives the bits of each name. A text that
    /// the store does not take stays.
    pub fn new(sink: &'a mut S, store: &'a B, random: R) -> Self {
        Self { sink, store, random, place: Place::Log, count: Offloaded::default() }
    }

    /// Puts texts from [`EVENT_TEXT_LIMIT`] on into `store` under the hex digits of a UUID; `trace_link: {link}` takes their
    /// place. Of a text that the store does not take nothing is kept but its length.
    pub fn for_events(sink: &'a mut S, store: &'a B, random: R) -> Self {
        Self { sink, store, random, place: Place::Event, count: Offloaded::default() }
    }

    /// What happened so far.
    #[must_use]
    pub const fn count(&self) -> Offloaded {
        self.count
    }
}

impl<S, B, R> ValueSink for Offload<'_, S, B, R>
where
    S: ValueSink + ?Sized,
    B: BlobStore + ?Sized,
    R: FnMut() -> [u8; 16],
{
    fn string(&mut self, value: &str) {
        let (is_short, ending) = match self.place {
            Place::Log => (value.len() <= LOG_TEXT_LIMIT, ".txt"),
            Place::Event => (value.len() < EVENT_TEXT_LIMIT, ""),
        };
        if is_short {
            return self.sink.string(value);
        }
        let stored = self.store.put(&(uuid4_hex((self.random)()) + ending), value.as_bytes());
        let count = if stored.is_ok() { &mut self.count.stored } else { &mut self.count.failed };
        *count = count.saturating_add(1);
        match (self.place, stored) {
            (Place::Log, Ok(link)) => self.sink.string(&link),
            (Place::Log, Err(_)) => self.sink.string(value),
            (Place::Event, Ok(link)) => self.sink.string(&format!("trace_link: {link}")),
            (Place::Event, Err(_)) => {
                self.sink.string(&format!("trace_link: upload of {} bytes failed", value.len()));
            }
        }
    }

    fn null(&mut self) {
        self.sink.null();
    }
    fn bool(&mut self, value: bool) {
        self.sink.bool(value);
    }
    fn int(&mut self, value: i64) {
        self.sink.int(value);
    }
    fn double(&mut self, value: f64) {
        self.sink.double(value);
    }
    fn bytes(&mut self, value: &[u8]) {
        self.sink.bytes(value);
    }
    fn begin_array(&mut self) {
        self.sink.begin_array();
    }
    fn end_array(&mut self) {
        self.sink.end_array();
    }
    fn begin_map(&mut self) {
        self.sink.begin_map();
    }
    fn key(&mut self, key: &str) {
        self.sink.key(key);
    }
    fn end_map(&mut self) {
        self.sink.end_map();
    }
}

#[cfg(test)]
mod tests {
    use core::cell::RefCell;

    use super::*;
    use crate::value::{Value, ValueBuilder};

    #[derive(Default)]
    struct Shelf {
        full: bool,
        blobs: RefCell<Vec<(String, usize)>>,
    }

    impl BlobStore for Shelf {
        fn put(&self, name: &str, bytes: &[u8]) -> Result<String, BlobError> {
            if self.full {
                return Err(BlobError::Store { name: name.into(), message: "full".into() });
            }
            self.blobs.borrow_mut().push((name.into(), bytes.len()));
            Ok(format!("link-{}", self.blobs.borrow().len()))
        }
    }

    fn through(value: &Value, shelf: &Shelf) -> (Value, Offloaded) {
        let mut target = ValueBuilder::default();
        let mut next = 0;
        let mut offload = Offload::new(&mut target, shelf, || {
            next += 1;
            [next; 16]
        });
        value.tell(&mut offload);
        let count = offload.count();
        (target.finish(), count)
    }

    #[test]
    fn texts_over_the_limit_go_out_at_any_depth_but_keys_stay() {
        let at_limit = "x".repeat(LOG_TEXT_LIMIT);
        let over = "é".repeat(LOG_TEXT_LIMIT / 2 + 1); // fewer characters, more bytes
        let value = Value::Map(vec![
            (over.clone(), at_limit.as_str().into()),
            ("list".into(), Value::Array(vec![Value::from([("deep", over.as_str().into())]), 1.into()])),
            ("top".into(), over.as_str().into()),
        ]);
        let shelf = Shelf::default();
        let (seen, count) = through(&value, &shelf);
        assert_eq!(seen.get(&over), Some(&at_limit.as_str().into()));
        let list = Value::Array(vec![Value::from([("deep", "link-1".into())]), 1.into()]);
        assert_eq!(seen.get("list"), Some(&list));
        assert_eq!(seen.get("top"), Some(&"link-2".into()));
        assert_eq!(count, Offloaded { stored: 2, failed: 0 });
        let names: Vec<_> = shelf.blobs.borrow().iter().map(|(name, _)| name.clone()).collect();
        assert_eq!(names, ["01010101010141018101010101010101.txt", "02020202020242028202020202020202.txt"]);
    }

    #[test]
    fn what_the_store_does_not_take_stays() {
        let value = Value::from("x".repeat(LOG_TEXT_LIMIT + 1));
        let shelf = Shelf { full: true, ..Shelf::default() };
        assert_eq!(through(&value, &shelf), (value, Offloaded { stored: 0, failed: 1 }));
    }

    #[test]
    fn events_have_a_limit_and_texts_of_their_own() {
        let said = |text: &str, shelf: &Shelf| {
            let mut target = ValueBuilder::default();
            Offload::for_events(&mut target, shelf, || [0; 16]).string(text);
            target.finish()
        };
        let shelf = Shelf::default();
        let short = "x".repeat(EVENT_TEXT_LIMIT - 1);
        assert_eq!(said(&short, &shelf), short.as_str().into());
        let long = "x".repeat(EVENT_TEXT_LIMIT);
        assert_eq!(said(&long, &shelf), "trace_link: link-1".into());
        assert_eq!(*shelf.blobs.borrow(), [("00000000000040008000000000000000".into(), EVENT_TEXT_LIMIT)]);
        let full = Shelf { full: true, ..Shelf::default() };
        assert_eq!(said(&long, &full), "trace_link: upload of 10240 bytes failed".into());
    }
}
