//! The `baggage` header: names and values a program gives to all programs behind it.
//!
//! Like [`TraceState`](super::TraceState) it is kept as the one text that goes out: a list of `key=value;metadata`
//! members in which values are percent-encoded. Reading checks each member, drops the wrong ones, takes the white space out, and
//! leaves the encoding as it came; values are decoded when they are asked for. So what passes through is neither
//! decoded nor encoded, and cannot grow.
//!
//! INVARIANT: the text is what the header may hold: at most 64 members, at most 8192 bytes, every byte printable ASCII.

use core::fmt;
use core::fmt::Write;
use core::str;
use std::borrow::Cow;
use std::sync::Arc;

use thiserror::Error;

use super::trim_ows;
use super::trim_ows_str;

const MAX_MEMBERS: usize = 64;
const MAX_BYTES: usize = 8192;
/// As many as the grammar of the header allows. What follows is not looked at.
const MAX_INCOMING: usize = 180;

/// Why something cannot be put into baggage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BaggageError {
    /// The key is empty or holds a character that header names may not have.
    #[error("a baggage key is not allowed")]
    Key,
    /// The metadata is no list of `key` or `key=value` with `;` between them.
    #[error("baggage metadata is not allowed")]
    Metadata,
    /// There would be more than 64 members.
    #[error("baggage has more than 64 members")]
    TooMany,
    /// The header would have more than 8192 bytes.
    #[error("baggage has more than 8192 bytes")]
    TooLong,
}

/// Names and values that travel with a request. Clones share one text; empty baggage owns nothing.
///
/// Two are equal when their headers are: `a=%41` is not `a=A`, though both mean the same.
///
/// ```
/// use spanloom::context::Baggage;
/// let mut baggage = Baggage::from_header("userId=Am%C3%A9lie,serverNode=DF%2028;ttl=1");
/// assert_eq!(baggage.get("userId").as_deref(), Some("Amélie"));
/// baggage.insert("plan", "50% off")?;
/// assert_eq!(baggage.as_str(), "userId=Am%C3%A9lie,serverNode=DF%2028;ttl=1,plan=50%25%20off");
/// # Ok::<(), spanloom::context::BaggageError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Baggage(Option<Arc<str>>);

/// One member of baggage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BaggageMember<'a> {
    key: &'a str,
    value: &'a str,
    metadata: &'a str,
}

impl<'a> BaggageMember<'a> {
    /// The name. Upper and lower case differ.
    #[must_use]
    pub const fn key(&self) -> &'a str {
        self.key
    }

    /// The value, decoded. Bytes that are no UTF-8 come out as U+FFFD.
    #[must_use]
    pub fn value(&self) -> Cow<'a, str> {
        decode(self.value)
    }

    /// What followed the value, as it travels: properties with `;` between them, empty where there are none.
    #[must_use]
    pub const fn metadata(&self) -> &'a str {
        self.metadata
    }
}

impl Baggage {
    /// No members. Owns nothing.
    pub const EMPTY: Self = Self(None);

    /// Reads the value of a header; members that are wrong or do not fit are left out.
    #[must_use]
    pub fn from_header(value: &str) -> Self {
        Self::read([value.as_bytes()]).0
    }

    /// True where there are no members.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The value of the header; empty where there are no members.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    /// The members in their order.
    pub fn iter(&self) -> impl Iterator<Item = BaggageMember<'_>> {
        self.as_str().split(',').filter_map(split_member)
    }

    /// The decoded value of this key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Cow<'_, str>> {
        self.iter().find(|member| member.key == key).map(|member| member.value())
    }

    /// Sets a value, which may be any text.
    ///
    /// # Errors
    /// When the key is not allowed or there is no room. Nothing changes then.
    pub fn insert(&mut self, key: &str, value: &str) -> Result<(), BaggageError> {
        self.insert_with_metadata(key, value, "")
    }

    /// Sets a value and its metadata: `key` or `key=value` with `;` between them, already encoded.
    ///
    /// # Errors
    /// When key or metadata are not allowed or there is no room. Nothing changes then.
    pub fn insert_with_metadata(
        &mut self,
        key: &str,
        value: &str,
        metadata: &str,
    ) -> Result<(), BaggageError> {
        if !is_token(key) {
            return Err(BaggageError::Key);
        }
        if !properties(metadata).all(is_property) {
            return Err(BaggageError::Metadata);
        }
        let value = encode(value);
        let mut members: Vec<BaggageMember> = self.iter().collect();
        put(&mut members, BaggageMember { key, value: &value, metadata })?;
        *self = Self::join(&members);
        Ok(())
    }

    /// Takes a member away; false where there was none.
    pub fn remove(&mut self, key: &str) -> bool {
        let mut members: Vec<BaggageMember> = self.iter().collect();
        let before = members.len();
        members.retain(|member| member.key != key);
        let found = members.len() < before;
        if found {
            *self = Self::join(&members);
        }
        found
    }

    /// Reads the header, which may come as several fields; also how many members were dropped.
    pub(super) fn read<'a>(fields: impl IntoIterator<Item = &'a [u8]>) -> (Self, usize) {
        let mut members: Vec<BaggageMember> = Vec::new();
        let (mut seen, mut dropped) = (0_usize, 0_usize);
        for field in fields {
            for member in field.split(|byte| *byte == b',').map(trim_ows).filter(|member| !member.is_empty())
            {
                seen += 1;
                let taken = seen <= MAX_INCOMING
                    && read_member(member).is_some_and(|member| put(&mut members, member).is_ok());
                dropped += usize::from(!taken);
            }
        }
        (Self::join(&members), dropped)
    }

    fn join(members: &[BaggageMember]) -> Self {
        if members.is_empty() {
            return Self::EMPTY;
        }
        let mut text = String::with_capacity(total_length(members));
        for member in members {
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(member.key);
            text.push('=');
            text.push_str(member.value);
            for property in properties(member.metadata) {
                text.push(';');
                push_property(&mut text, property);
            }
        }
        Self(Some(text.into()))
    }
}

impl fmt::Display for Baggage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Baggage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Baggage({:?})", self.as_str())
    }
}

/// Sets a member where its key stands, or at the end, if there is room.
fn put<'a>(members: &mut Vec<BaggageMember<'a>>, member: BaggageMember<'a>) -> Result<(), BaggageError> {
    let place = members.iter().position(|other| other.key == member.key);
    let replaced = place.and_then(|at| members.get(at)).map_or(0, |other| length(other) + 1);
    if place.is_none() && members.len() == MAX_MEMBERS {
        return Err(BaggageError::TooMany);
    }
    // The others are counted with a comma each; the new one, as the last of the list, has none.
    if total_length(members) - replaced + length(&member) > MAX_BYTES {
        return Err(BaggageError::TooLong);
    }
    match place.and_then(|at| members.get_mut(at)) {
        Some(slot) => *slot = member,
        None => members.push(member),
    }
    Ok(())
}

/// The members with a comma each.
fn total_length(members: &[BaggageMember]) -> usize {
    members.iter().map(|member| length(member) + 1).sum()
}

fn length(member: &BaggageMember) -> usize {
    let metadata: usize = properties(member.metadata).map(|property| 1 + property_length(property)).sum();
    member.key.len() + 1 + member.value.len() + metadata
}

/// Splits what may be a member, without white space around its parts; `None` where there is no `=`.
fn split_member(text: &str) -> Option<BaggageMember<'_>> {
    let (pair, metadata) = text.split_once(';').unwrap_or((text, ""));
    let (key, value) = pair.split_once('=')?;
    Some(BaggageMember { key: trim_ows_str(key), value: trim_ows_str(value), metadata })
}

fn read_member(bytes: &[u8]) -> Option<BaggageMember<'_>> {
    let member = split_member(str::from_utf8(bytes).ok()?)?;
    let right =
        is_token(member.key) && is_value(member.value) && properties(member.metadata).all(is_property);
    right.then_some(member)
}

type Property<'a> = (&'a str, Option<&'a str>);

/// The properties of metadata, without white space around their parts. Empty ones are passed over.
fn properties(metadata: &str) -> impl Iterator<Item = Property<'_>> {
    metadata.split(';').map(trim_ows_str).filter(|property| !property.is_empty()).map(|property| {
        match property.split_once('=') {
            Some((key, value)) => (trim_ows_str(key), Some(trim_ows_str(value))),
            None => (property, None),
        }
    })
}

fn is_property((key, value): Property) -> bool {
    is_token(key) && value.is_none_or(is_value)
}

fn property_length((key, value): Property) -> usize {
    key.len() + value.map_or(0, |value| 1 + value.len())
}

fn push_property(text: &mut String, (key, value): Property) {
    text.push_str(key);
    if let Some(value) = value {
        text.push('=');
        text.push_str(value);
    }
}

/// A token as header names are: no white space, no separators.
fn is_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}

fn is_value(text: &str) -> bool {
    text.bytes().all(is_value_byte)
}

/// Visible ASCII without `"`, `,`, `;` and `\`.
const fn is_value_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\')
}

/// Encodes what must be: all bytes a value may not have, and `%` itself.
fn encode(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if is_value_byte(byte) && byte != b'%' {
            text.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// Decodes what is encoded; a `%` without two hex digits behind it stands for itself.
fn decode(value: &str) -> Cow<'_, str> {
    if !value.contains('%') {
        return Cow::Borrowed(value);
    }
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [first, tail @ ..] = rest {
        if let [b'%', high, low, after @ ..] = rest
            && let Some(byte) = hex_pair(*high, *low)
        {
            bytes.push(byte);
            rest = after;
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

fn hex_pair(high: u8, low: u8) -> Option<u8> {
    let digit = |byte| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(header: &str) -> Vec<(String, String, String)> {
        let (baggage, dropped) = Baggage::read([header.as_bytes()]);
        assert_eq!(dropped, 0, "{header:?}");
        let owned = |member: BaggageMember| {
            (member.key().to_owned(), member.value().into_owned(), member.metadata().to_owned())
        };
        baggage.iter().map(owned).collect()
    }

    #[test]
    fn members_keys_values_and_metadata() {
        type Expected = &'static [(&'static str, &'static str, &'static str)];
        let table: &[(&str, Expected)] = &[
            ("", &[]),
            ("SomeKey=SomeValue", &[("SomeKey", "SomeValue", "")]),
            ("SomeKey=SomeValue;SomeProp", &[("SomeKey", "SomeValue", "SomeProp")]),
            (
                "SomeKey=SomeValue;SomePropKey=SomePropValue",
                &[("SomeKey", "SomeValue", "SomePropKey=SomePropValue")],
            ),
            ("SomeKey \t = \t SomeValue \t ; \t SomeProp", &[("SomeKey", "SomeValue", "SomeProp")]),
            ("SomeKey=SomeValue; a = b ;c", &[("SomeKey", "SomeValue", "a=b;c")]),
            ("a=1;;p;", &[("a", "1", "p")]),
            ("a=1;p=", &[("a", "1", "p=")]),
            ("a=1;p=x=y", &[("a", "1", "p=x=y")]),
            ("a=1,b=2", &[("a", "1", ""), ("b", "2", "")]),
            (" a = 1 \t,\tb=2 , ,", &[("a", "1", ""), ("b", "2", "")]),
            ("SomeKey=equals=signs", &[("SomeKey", "equals=signs", "")]),
            ("a=", &[("a", "", "")]),
            ("a==", &[("a", "=", "")]),
            (
                "userId=Am%C3%A9lie,serverNode=DF%2028,isProduction=false",
                &[("userId", "Amélie", ""), ("serverNode", "DF 28", ""), ("isProduction", "false", "")],
            ),
            (
                "k=%09%20%22%27%3B%3Dasdf%21%40%23%24%25%5E%26%2a%28%29",
                &[("k", "\t \"';=asdf!@#$%^&*()", "")],
            ),
            ("k=a+b", &[("k", "a+b", "")]),
            ("k=%C3%28%ff", &[("k", "\u{fffd}(\u{fffd}", "")]),
            ("k=100%,l=%zz,m=%4", &[("k", "100%", ""), ("l", "%zz", ""), ("m", "%4", "")]),
            ("k%41=1", &[("k%41", "1", "")]),
            ("K=1,k=2", &[("K", "1", ""), ("k", "2", "")]),
            ("a=1;old,b=2,a=3;new", &[("a", "3", "new"), ("b", "2", "")]),
            ("!#$%&'*+-.^_`|~09azAZ=1", &[("!#$%&'*+-.^_`|~09azAZ", "1", "")]),
            ("k=!#$&'()*+-./:<=>?@[]^_`{|}~", &[("k", "!#$&'()*+-./:<=>?@[]^_`{|}~", "")]),
        ];
        for (header, expected) in table {
            let expected: Vec<_> = expected
                .iter()
                .map(|(k, v, m)| ((*k).to_owned(), (*v).to_owned(), (*m).to_owned()))
                .collect();
            assert_eq!(members(header), expected, "{header:?}");
        }
    }

    #[test]
    fn wrong_members_are_dropped_and_counted() {
        let bad: [&[u8]; 15] = [
            b"noequals",
            b"=1",
            b"a b=1",
            b"a(=1",
            b"\"a\"=1",
            b"a=b c",
            b"a=\"1\"",
            b"a=b\\c",
            b"a=\x7f",
            b"a=\r\nx: y",
            b"a=1;b c",
            b"a=1;=c",
            b"a=1;b=\"c\"",
            "a=é".as_bytes(),
            b"a=\xff",
        ];
        for member in bad {
            let header = [b"ok=1,", member, b",also=2"].concat();
            let (baggage, dropped) = Baggage::read([&header[..]]);
            assert_eq!(
                (baggage.as_str(), dropped),
                ("ok=1,also=2", 1),
                "{:?}",
                member.escape_ascii().to_string()
            );
        }
    }

    #[test]
    fn fields_are_joined() {
        let (baggage, dropped) = Baggage::read([&b"a=1,b=2"[..], b"", b"c=3,bad", b"a=4"]);
        assert_eq!((baggage.as_str(), dropped), ("a=4,b=2,c=3", 1));
    }

    #[test]
    fn at_most_64_members() {
        let list = |count| (0..count).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join(",");
        for (came, kept) in [(63, 63), (64, 64), (65, 64), (180, 64), (200, 64)] {
            let (baggage, dropped) = Baggage::read([list(came).as_bytes()]);
            assert_eq!((baggage.as_str(), dropped), (&list(kept)[..], came - kept));
        }
        let mut full = Baggage::from_header(&list(64));
        assert_eq!(full.insert("one-more", "x"), Err(BaggageError::TooMany));
        full.insert("k63", "changed").unwrap();
        assert_eq!((full.iter().count(), full.get("k63").as_deref()), (64, Some("changed")));
    }

    #[test]
    fn at_most_8192_bytes_and_whole_members_only() {
        let value = |chars| "v".repeat(chars);
        let fits = format!("a={}", value(8190));
        assert_eq!(Baggage::from_header(&fits).as_str(), fits);
        let (none, dropped) = Baggage::read([format!("a={}", value(8191)).as_bytes()]);
        assert_eq!((none, dropped), (Baggage::EMPTY, 1));

        let two = format!("a={},b={}", value(4000), value(4187));
        assert_eq!((two.len(), Baggage::from_header(&two).as_str()), (8192, &two[..]));
        let (one, dropped) = Baggage::read([format!("a={},b={},c=3", value(4000), value(4188)).as_bytes()]);
        assert_eq!((one.as_str(), dropped), (&format!("a={},c=3", value(4000))[..], 1));

        let mut baggage = Baggage::from_header(&two);
        assert_eq!(baggage.insert("c", ""), Err(BaggageError::TooLong));
        assert_eq!(baggage.insert("b", &value(4188)), Err(BaggageError::TooLong));
        assert_eq!(baggage.insert("b", &"é".repeat(697)), Ok(()));
        assert_eq!(baggage.as_str().len(), 4005 + 6 * 697);
    }

    #[test]
    fn what_is_set_is_encoded_and_comes_back() {
        let mut baggage = Baggage::default();
        let every: String = (0..=0x7f_u8).map(char::from).chain("é∆🦀".chars()).collect();
        baggage.insert("every", &every).unwrap();
        assert!(baggage.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
        assert_eq!(Baggage::from_header(baggage.as_str()).get("every").as_deref(), Some(&every[..]));

        let mut baggage = Baggage::default();
        baggage.insert_with_metadata("a", "x, y;\"z\"\\ 5%", " p = 1 ; q ").unwrap();
        assert_eq!(baggage.as_str(), "a=x%2C%20y%3B%22z%22%5C%205%25;p=1;q");
        assert_eq!(baggage.insert("a b", "1"), Err(BaggageError::Key));
        assert_eq!(baggage.insert("", "1"), Err(BaggageError::Key));
        assert_eq!(baggage.insert_with_metadata("b", "1", "p q"), Err(BaggageError::Metadata));
        assert_eq!(baggage.insert_with_metadata("b", "1", "p,c=1"), Err(BaggageError::Metadata));
        assert!(baggage.remove("a") && !baggage.remove("a"));
        assert_eq!(baggage, Baggage::EMPTY);
    }
}
