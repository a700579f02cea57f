//! Header maps: what trace context is read from and written to.
//!
//! Two small traits stand for every map there is. Reading lists all values of a name, since a repeated `traceparent`
//! must be seen to be refused and a repeated `tracestate` must be joined. Writing replaces a name as a whole. Both
//! match names without regard to ASCII case: HTTP asks for it, and on NATS, whose names are case-sensitive, it finds
//! what peers wrote in their own way and keeps `Traceparent` and `traceparent` from standing side by side.
//!
//! Lists of pairs and the usual maps are served here. For a foreign map, write the trait for a wrapper of it:
//!
//! ```
//! use spanloom::context::{ReadHeaders, extract};
//! # struct ForeignMap(Vec<(String, Vec<u8>)>);
//! # impl ForeignMap { fn get_all(&self, name: &str) -> Vec<&Vec<u8>> { self.0.iter().filter(|p| p.0 == name).map(|p| &p.1).collect() } }
//! struct Headers<'a>(&'a ForeignMap);
//!
//! impl ReadHeaders for Headers<'_> {
//!     fn header_values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
//!         self.0.get_all(name).into_iter().map(|value| value.as_slice())
//!     }
//! }
//! # let map = ForeignMap(vec![("x-request-id".into(), b"r-1".to_vec())]);
//! assert_eq!(extract(&Headers(&map)).request_id.unwrap().as_str(), "r-1");
//! ```

use core::hash::BuildHasher;
use std::collections::BTreeMap;
use std::collections::HashMap;

/// A header map that can be read.
pub trait ReadHeaders {
    /// All values of a name, in the order they came. `name` is in lower case and matches any case.
    ///
    /// Values are bytes: what strangers send need not be text.
    fn header_values(&self, name: &str) -> impl Iterator<Item = &[u8]>;
}

/// A header map that can be written.
pub trait WriteHeaders {
    /// Makes this the one value of a name. `name` is in lower case; a name of other case is replaced too.
    ///
    /// `value` is printable ASCII.
    fn set_header(&mut self, name: &str, value: &str);

    /// Takes all values of a name away, whatever its case.
    fn remove_header(&mut self, name: &str);
}

fn same(name: impl AsRef<[u8]>, wanted: &str) -> bool {
    name.as_ref().eq_ignore_ascii_case(wanted.as_bytes())
}

impl<K: AsRef<[u8]>, V: AsRef<[u8]>> ReadHeaders for [(K, V)] {
    fn header_values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.iter().filter(move |(key, _)| same(key, name)).map(|(_, value)| value.as_ref())
    }
}

impl<K: AsRef<[u8]>, V: AsRef<[u8]>, const N: usize> ReadHeaders for [(K, V); N] {
    fn header_values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.as_slice().header_values(name)
    }
}

impl<K: AsRef<[u8]>, V: AsRef<[u8]>> ReadHeaders for Vec<(K, V)> {
    fn header_values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.as_slice().header_values(name)
    }
}

impl WriteHeaders for Vec<(String, String)> {
    fn set_header(&mut self, name: &str, value: &str) {
        self.remove_header(name);
        self.push((name.to_owned(), value.to_owned()));
    }

    fn remove_header(&mut self, name: &str) {
        self.retain(|(key, _)| !same(key, name));
    }
}

/// What a map holds for a name: one value or several. Not exported: the two kinds below are all there are.
pub trait MapValue {
    /// All values.
    fn all(&self) -> impl Iterator<Item = &[u8]>;
    /// A single value.
    fn one(value: &str) -> Self;
}

impl MapValue for String {
    fn all(&self) -> impl Iterator<Item = &[u8]> {
        core::iter::once(self.as_bytes())
    }

    fn one(value: &str) -> Self {
        value.to_owned()
    }
}

impl MapValue for Vec<String> {
    fn all(&self) -> impl Iterator<Item = &[u8]> {
        self.iter().map(String::as_bytes)
    }

    fn one(value: &str) -> Self {
        vec![value.to_owned()]
    }
}

impl<V: MapValue> ReadHeaders for BTreeMap<String, V> {
    fn header_values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.iter().filter(move |(key, _)| same(key, name)).flat_map(|(_, value)| value.all())
    }
}

impl<V: MapValue> WriteHeaders for BTreeMap<String, V> {
    fn set_header(&mut self, name: &str, value: &str) {
        self.remove_header(name);
        self.insert(name.to_owned(), V::one(value));
    }

    fn remove_header(&mut self, name: &str) {
        self.retain(|key, _| !same(key, name));
    }
}

/// A map without order: names that differ in case only are read in any order.
impl<V: MapValue, S> ReadHeaders for HashMap<String, V, S> {
    fn header_values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.iter().filter(move |(key, _)| same(key, name)).flat_map(|(_, value)| value.all())
    }
}

impl<V: MapValue, S: BuildHasher> WriteHeaders for HashMap<String, V, S> {
    fn set_header(&mut self, name: &str, value: &str) {
        self.remove_header(name);
        self.insert(name.to_owned(), V::one(value));
    }

    fn remove_header(&mut self, name: &str) {
        self.retain(|key, _| !same(key, name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &(impl ReadHeaders + ?Sized), name: &str) -> Vec<String> {
        headers.header_values(name).map(|value| String::from_utf8_lossy(value).into_owned()).collect()
    }

    #[test]
    fn lists_of_pairs_give_all_values_in_order() {
        let pairs = [("Baggage", "a=1"), ("x", "y"), ("bAGGAGE", "b=2"), ("baggage2", "no")];
        assert_eq!(read(&pairs, "baggage"), ["a=1", "b=2"]);
        assert_eq!(read(&pairs[..2], "baggage"), ["a=1"]);
        assert_eq!(read(&pairs.to_vec(), "baggage"), ["a=1", "b=2"]);
        assert_eq!(read(&[(b"\xff".to_vec(), vec![0xff])], "baggage"), [""; 0]);
    }

    #[test]
    fn maps_give_all_values() {
        let several = BTreeMap::from([("Baggage".to_owned(), vec!["a=1".to_owned(), "b=2".to_owned()])]);
        assert_eq!(read(&several, "baggage"), ["a=1", "b=2"]);
        let single = HashMap::from([("BAGGAGE".to_owned(), "a=1".to_owned())]);
        assert_eq!(read(&single, "baggage"), ["a=1"]);
    }

    fn writing_replaces_every_spelling(mut headers: impl ReadHeaders + WriteHeaders) {
        assert_eq!(read(&headers, "traceparent").len(), 2);
        headers.set_header("traceparent", "new");
        assert_eq!(read(&headers, "traceparent"), ["new"]);
        assert_eq!(read(&headers, "other"), ["stays"]);
        headers.remove_header("traceparent");
        assert_eq!(read(&headers, "traceparent"), [""; 0]);
        assert_eq!(read(&headers, "other"), ["stays"]);
    }

    #[test]
    fn every_map_is_written_the_same_way() {
        let pairs = [("Traceparent", "1"), ("other", "stays"), ("TRACEPARENT", "2")];
        let owned = || pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let lists = || owned().map(|(name, value)| (name, vec![value]));
        writing_replaces_every_spelling(owned().collect::<Vec<_>>());
        writing_replaces_every_spelling(owned().collect::<BTreeMap<_, _>>());
        writing_replaces_every_spelling(owned().collect::<HashMap<_, _>>());
        writing_replaces_every_spelling(lists().collect::<BTreeMap<_, _>>());
        writing_replaces_every_spelling(lists().collect::<HashMap<_, _>>());
    }
}
