//! The `tracestate` header: a short list of notes, one for each tracing system a trace has met.
//!
//! The list is kept as the one text that goes out, shared between clones. Reading is strict (one wrong member and the
//! whole list is gone, as the W3C test suite demands) and puts the list in its plain form: no white space around members, no empty
//! members, the first of two members with one key. The right end holds what is oldest: it goes first when room is short.

use core::fmt;
use core::str;
use std::sync::Arc;

use thiserror::Error;

use super::trim_ows;

const MAX_MEMBERS: usize = 32;
/// What the W3C asks everybody to carry. More would be paid for by every span below.
const MAX_CHARS: usize = 512;
/// Longer members are the first to go when the list is too long.
const LONG_MEMBER: usize = 128;
const MAX_KEY: usize = 256;
const MAX_VALUE: usize = 256;

/// Why a `tracestate`, or a member of it, was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TraceStateError {
    /// A member without `=`, or not even text.
    #[error("a tracestate member is not of the form key=value")]
    Member,
    /// A key that breaks the grammar of Level 2.
    #[error("a tracestate key is not allowed")]
    Key,
    /// A value that breaks the grammar.
    #[error("a tracestate value is not allowed")]
    Value,
    /// More than 32 members.
    #[error("tracestate has more than 32 members")]
    TooMany,
    /// One member that is longer than the whole list may be.
    #[error("a tracestate member is longer than 512 characters")]
    TooLong,
}

/// The members of `tracestate`, newest first: at most 32, at most 512 characters.
///
/// ```
/// use spanloom::context::TraceState;
/// let mut state: TraceState = "vendor=1, other=x".parse()?;
/// assert_eq!(state.get("other"), Some("x"));
/// state.insert("other", "y")?;                       // what changed moves to the left end
/// assert_eq!(state.as_str(), "other=y,vendor=1");
/// # Ok::<(), spanloom::context::TraceStateError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct TraceState(Option<Arc<str>>);

type Member<'a> = (&'a str, &'a str);

impl TraceState {
    /// No members. Owns nothing.
    pub const EMPTY: Self = Self(None);

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

    /// Keys and values, left to right.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.as_str().split(',').filter_map(|member| member.split_once('='))
    }

    /// The value of this key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.iter().find_map(|(name, value)| (name == key).then_some(value))
    }

    /// Puts a member at the left end, in place of the one with this key if there is one.
    ///
    /// Where the list has become too long, members at the right end are dropped. Some peers know the older key
    /// grammar only and drop a whole list for one key such as `1x` or `a@b@c`: own keys should be plain words.
    ///
    /// # Errors
    /// When key or value break the grammar, or do not fit at all. Nothing changes then.
    pub fn insert(&mut self, key: &str, value: &str) -> Result<(), TraceStateError> {
        check(key, value)?;
        let added = (key, value);
        let room = MAX_CHARS.checked_sub(length(added)).ok_or(TraceStateError::TooLong)?;
        let mut members: Vec<Member> = self.iter().filter(|(name, _)| *name != key).collect();
        members.truncate(MAX_MEMBERS - 1);
        // One character is for the comma between the new member and the rest.
        cut_to_fit(&mut members, room.saturating_sub(1));
        members.insert(0, added);
        *self = Self::join(&members);
        Ok(())
    }

    /// Takes a member away; false where there was none.
    ///
    /// Members of other systems should be left alone.
    pub fn remove(&mut self, key: &str) -> bool {
        let members: Vec<Member> = self.iter().filter(|(name, _)| *name != key).collect();
        let found = members.len() < self.iter().count();
        if found {
            *self = Self::join(&members);
        }
        found
    }

    /// Reads the header, which may come as several fields; also how many members were cut because the list was too long.
    pub(super) fn read<'a>(
        fields: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<(Self, usize), TraceStateError> {
        let mut members: Vec<Member> = Vec::new();
        let mut seen = 0;
        for field in fields {
            for member in field.split(|byte| *byte == b',').map(trim_ows).filter(|member| !member.is_empty())
            {
                seen += 1;
                if seen > MAX_MEMBERS {
                    return Err(TraceStateError::TooMany);
                }
                let text = str::from_utf8(member).map_err(|_| TraceStateError::Member)?;
                let (key, value) = text.split_once('=').ok_or(TraceStateError::Member)?;
                check(key, value)?;
                if members.iter().all(|(name, _)| *name != key) {
                    members.push((key, value));
                }
            }
        }
        let cut = cut_to_fit(&mut members, MAX_CHARS);
        Ok((Self::join(&members), cut))
    }

    fn join(members: &[Member]) -> Self {
        if members.is_empty() {
            return Self::EMPTY;
        }
        let mut text = String::with_capacity(total_length(members));
        for (key, value) in members {
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(key);
            text.push('=');
            text.push_str(value);
        }
        Self(Some(text.into()))
    }
}

impl str::FromStr for TraceState {
    type Err = TraceStateError;

    fn from_str(text: &str) -> Result<Self, TraceStateError> {
        Self::read([text.as_bytes()]).map(|(state, _cut)| state)
    }
}

impl fmt::Display for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceState({:?})", self.as_str())
    }
}

fn length((key, value): Member) -> usize {
    key.len() + 1 + value.len()
}

fn total_length(members: &[Member]) -> usize {
    let commas = members.len().saturating_sub(1);
    members.iter().map(|member| length(*member)).sum::<usize>() + commas
}

/// Drops whole members until the rest fits: long ones first, then from the right end. Returns how many.
fn cut_to_fit(members: &mut Vec<Member>, room: usize) -> usize {
    let before = members.len();
    while total_length(members) > room {
        match members.iter().rposition(|member| length(*member) > LONG_MEMBER) {
            Some(at) => drop(members.remove(at)),
            None => drop(members.pop()),
        }
    }
    before - members.len()
}

fn check(key: &str, value: &str) -> Result<(), TraceStateError> {
    if !is_key(key.as_bytes()) {
        return Err(TraceStateError::Key);
    }
    if !is_value(value.as_bytes()) {
        return Err(TraceStateError::Value);
    }
    Ok(())
}

/// The grammar of Level 2, in which `@` is a character like any other.
fn is_key(key: &[u8]) -> bool {
    let head = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9');
    let tail = |byte: &u8| head(byte) || matches!(byte, b'_' | b'-' | b'*' | b'/' | b'@');
    key.len() <= MAX_KEY && key.first().is_some_and(head) && key.iter().all(tail)
}

fn is_value(value: &[u8]) -> bool {
    let allowed = |byte: &u8| matches!(byte, 0x20..=0x7e) && !matches!(byte, b',' | b'=');
    value.len() <= MAX_VALUE && value.iter().all(allowed) && value.last().is_some_and(|last| *last != b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Result<String, TraceStateError> {
        text.parse::<TraceState>().map(|state| state.to_string())
    }

    fn numbered(count: usize) -> String {
        (1..=count).map(|n| format!("bar{n:02}={n:02}")).collect::<Vec<_>>().join(",")
    }

    #[test]
    fn accepted_lists_and_their_plain_form() {
        let values: String = (' '..='~').filter(|c| !matches!(c, ',' | '=')).collect();
        let all_values = format!("foo={values}");
        let longest_key = format!("{}=1", "z".repeat(256));
        let tenant_key = format!("{}@{}=1", "t".repeat(240), "v".repeat(15));
        let longest_value = format!("a={}", "v".repeat(256));
        let table = [
            ("", ""),
            (" \t", ""),
            (",", ""),
            ("foo=1", "foo=1"),
            ("foo=1,bar=2", "foo=1,bar=2"),
            ("foo=1 \t , \t bar=2, \t baz=3", "foo=1,bar=2,baz=3"),
            ("foo=1\t \t,\t \tbar=2,\t \tbaz=3", "foo=1,bar=2,baz=3"),
            (" foo=1", "foo=1"),
            ("\tfoo=1\t", "foo=1"),
            ("foo=1,,,bar=2,", "foo=1,bar=2"),
            ("foo=  1", "foo=  1"),
            ("foo=1,foo=1", "foo=1"),
            ("foo=1,foo=2", "foo=1"),
            ("foo@=1,bar=2", "foo@=1,bar=2"),
            ("foo@@bar=1,bar=2", "foo@@bar=1,bar=2"),
            ("foo@bar@baz=1,bar=2", "foo@bar@baz=1,bar=2"),
            ("0-_*/@=1", "0-_*/@=1"),
            ("abcdefghijklmnopqrstuvwxyz0123456789_-*/=1", "abcdefghijklmnopqrstuvwxyz0123456789_-*/=1"),
            (&all_values, &all_values),
            (&longest_key, &longest_key),
            (&tenant_key, &tenant_key),
            (&longest_value, &longest_value),
        ];
        for (came, goes) in table {
            assert_eq!(plain(came).as_deref(), Ok(goes), "{came:?}");
        }
        assert_eq!(plain(&numbered(32)), Ok(numbered(32)));
    }

    #[test]
    fn one_wrong_member_and_the_list_is_gone() {
        use TraceStateError::{Key, Member, TooMany, Value};
        let long_key = format!("{}=1", "z".repeat(257));
        let long_value = format!("a={}", "v".repeat(257));
        let too_many = numbered(33);
        let table = [
            ("foo", Member),
            ("foo=1,bar", Member),
            ("=1", Key),
            ("foo =1", Key),
            ("FOO=1", Key),
            ("foo.bar=1", Key),
            ("@foo=1,bar=2", Key),
            ("_foo=1", Key),
            (&long_key, Key),
            ("foo=bar=baz", Value),
            ("foo=,bar=3", Value),
            ("foo= ,bar=3", Value),
            ("foo=a\tb", Value),
            ("foo=\u{7f}", Value),
            ("foo=é", Value),
            ("foo=a\r\nx: y", Value),
            (&long_value, Value),
            (&too_many, TooMany),
        ];
        for (came, why) in table {
            assert_eq!(plain(came), Err(why), "{came:?}");
            assert!(plain(&format!("ok=1,{came}")).is_err(), "{came:?}");
        }
        assert_eq!(TraceState::read([&b"a=\xff"[..]]), Err(Member));
    }

    #[test]
    fn fields_are_joined_before_they_are_counted() {
        let read = |fields: &[&str]| TraceState::read(fields.iter().map(|field| field.as_bytes()));
        let (state, cut) = read(&["foo=1,bar=2", "", "rojo=1,congo=2", "baz=3"]).unwrap();
        assert_eq!((state.as_str(), cut), ("foo=1,bar=2,rojo=1,congo=2,baz=3", 0));
        assert_eq!(read(&["foo=1", "foo=2"]).unwrap().0.as_str(), "foo=1");
        assert_eq!(read(&[&numbered(32), "x=1"]), Err(TraceStateError::TooMany));
        assert_eq!(read(&["foo=1", "BAR=2"]), Err(TraceStateError::Key));
    }

    #[test]
    fn clones_share_the_text() {
        let state: TraceState = "a=1".parse().unwrap();
        assert_eq!(state.clone().as_str().as_ptr(), state.as_str().as_ptr());
        assert_eq!(size_of::<TraceState>(), size_of::<&str>());
    }

    #[test]
    fn too_long_lists_lose_long_members_then_the_right_end() {
        let member = |key: &str, chars: usize| format!("{key}={}", "v".repeat(chars - key.len() - 1));
        let keys = |text: &str| {
            let (state, cut) = TraceState::read([text.as_bytes()]).unwrap();
            assert!(state.as_str().len() <= MAX_CHARS);
            (state.iter().map(|(key, _)| key.to_owned()).collect::<String>(), cut)
        };
        let list = |members: &[(&str, usize)]| {
            members.iter().map(|(key, chars)| member(key, *chars)).collect::<Vec<_>>().join(",")
        };
        assert_eq!(keys(&list(&[("a", 128), ("b", 128), ("c", 128), ("d", 125)])), ("abcd".to_owned(), 0));
        assert_eq!(keys(&list(&[("a", 128), ("b", 128), ("c", 128), ("d", 126)])), ("abc".to_owned(), 1));
        assert_eq!(keys(&list(&[("a", 128), ("b", 129), ("c", 128), ("d", 128)])), ("acd".to_owned(), 1));
        assert_eq!(keys(&list(&[("a", 200), ("b", 200), ("c", 100), ("d", 100)])), ("acd".to_owned(), 1));
        let key = "k".repeat(256);
        assert_eq!(keys(&format!("{key}={}", "v".repeat(256))), (String::new(), 1));
    }

    #[test]
    fn what_changes_moves_to_the_left_end() {
        let mut state: TraceState = "a=1,b=2,c=3".parse().unwrap();
        state.insert("b", "9").unwrap();
        assert_eq!(state.as_str(), "b=9,a=1,c=3");
        state.insert("ot", "th:8").unwrap();
        assert_eq!((state.as_str(), state.get("ot")), ("ot=th:8,b=9,a=1,c=3", Some("th:8")));
        assert!(state.remove("a") && !state.remove("a"));
        assert_eq!(state.as_str(), "ot=th:8,b=9,c=3");
        for key in ["ot", "b", "c"] {
            assert!(state.remove(key));
        }
        assert_eq!(state, TraceState::EMPTY);
    }

    #[test]
    fn the_33rd_member_drops_the_right_most() {
        let mut state: TraceState = numbered(32).parse().unwrap();
        state.insert("ot", "th:8").unwrap();
        assert_eq!(state.as_str(), format!("ot=th:8,{}", numbered(31)));
        state.insert("bar31", "new").unwrap();
        assert_eq!(state.as_str(), format!("bar31=new,ot=th:8,{}", numbered(30)));
    }

    #[test]
    fn a_new_member_makes_room_for_itself() {
        let mut state: TraceState = format!("a={},b=2", "v".repeat(256)).parse().unwrap();
        state.insert("c", &"w".repeat(256)).unwrap();
        assert_eq!(state.iter().map(|(key, _)| key).collect::<String>(), "cb");
        // 512 characters in all are kept, 513 are not: the comma counts.
        for (value, kept) in [(122, "cab"), (123, "ca")] {
            let text = format!("a={},b={}", "v".repeat(126), "v".repeat(value));
            let mut state: TraceState = text.parse().unwrap();
            state.insert("c", &"w".repeat(256)).unwrap();
            assert_eq!(state.iter().map(|(key, _)| key).collect::<String>(), kept);
        }

        let before = state.clone();
        let key = "k".repeat(256);
        assert_eq!(state.insert(&key, &"v".repeat(256)), Err(TraceStateError::TooLong));
        assert_eq!(state.insert("A", "1"), Err(TraceStateError::Key));
        assert_eq!(state.insert("a", "1 "), Err(TraceStateError::Value));
        assert_eq!(state, before);
        state.insert(&key, &"v".repeat(255)).unwrap();
        assert_eq!(state.as_str().len(), MAX_CHARS);
    }
}
