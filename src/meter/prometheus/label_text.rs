//! The labels of a series as text.
//!
//! A stream's series have mostly the same keys in the same order. So each key's name is made once and found again at
//! the place where it was, by the encoded bytes; and as the keys are sorted, the names mostly are as well and the text is
//! written in one go. Where they are not, or where two keys share a name, the values are written first and then put
//! together in order.

use super::escape::put_label_value;
use super::name::{clean, label_name};
use super::number::{put_i64, put_plain};
use super::{Naming, Scope};
use crate::json::{Style, Writer};
use crate::meter::Labels;
use crate::otlp::any::{AnyView, own_text, split_pair};
use crate::otlp::wire::{put_bytes_field, take_varint};

/// So many keys are remembered; labels with ever new keys must not make looking them up slow.
const MOST_KEYS: usize = 64;

/// The tag of a pair's value.
const VALUE: u8 = 0x12;

#[derive(Debug, Default)]
pub(super) struct LabelText {
    naming: Naming,
    /// Names that the writer needs itself.
    reserved: &'static [&'static str],
    keys: Vec<Key>,
    /// Series with different labels may have had the same text.
    is_ambiguous: bool,
    /// What every series of the stream ends with.
    scope: Vec<u8>,
    /// The labels of the series that was rendered last.
    text: Vec<u8>,
    parts: Vec<Part>,
    values: Vec<u8>,
}

#[derive(Debug)]
struct Key {
    /// How its pairs begin: the key as a field, and the tag of the value.
    head: Vec<u8>,
    key_length: usize,
    /// `",name="`, the quotation mark being that of the value before.
    opening: Vec<u8>,
    /// What its values are, by the first byte of their encoding.
    kind: u8,
    /// The key before it where the names were last found to be in order.
    comes_after: Option<usize>,
}

impl Key {
    fn key(&self) -> &[u8] {
        // One byte behind it is the tag of the value.
        let end = self.head.len() - 1;
        self.head.get(end - self.key_length..end).unwrap_or_default()
    }

    fn name(&self) -> &[u8] {
        self.opening.get(2..self.opening.len() - 2).unwrap_or_default()
    }
}

/// A value that waits for its place.
#[derive(Debug, Clone, Copy)]
struct Part {
    key: usize,
    start: usize,
    end: usize,
}

impl LabelText {
    pub(super) fn new(naming: Naming) -> Self {
        Self { naming, ..Self::default() }
    }

    /// A stream begins: what is known of the one before may not hold for it.
    pub(super) fn begin(&mut self, scope: Scope<'_>, reserved: &'static [&'static str]) {
        self.keys.clear();
        self.is_ambiguous = false;
        self.reserved = reserved;
        self.scope.clear();
        for (name, value) in [("otel_scope_name", scope.name), ("otel_scope_version", scope.version)] {
            if !value.is_empty() {
                put_comma(&mut self.scope);
                self.scope.extend_from_slice(name.as_bytes());
                self.scope.extend_from_slice(b"=\"");
                put_label_value(&mut self.scope, value.as_bytes());
                self.scope.push(b'"');
            }
        }
    }

    /// The labels without the braces around them.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// True where series of the stream with different labels may have had the same text: two keys share a name, or the
    /// values of a key are not all texts, or all numbers, and so on.
    pub(super) const fn is_ambiguous(&self) -> bool {
        self.is_ambiguous
    }

    /// Renders the labels of a series.
    pub(super) fn render(&mut self, labels: &Labels) {
        self.forget_many();
        self.text.clear();
        if !self.render_in_order(labels) {
            self.render_sorted(labels);
        }
        if !self.scope.is_empty() {
            put_comma(&mut self.text);
            self.text.extend_from_slice(&self.scope);
        }
    }

    /// Gets to know the labels of a series, without rendering them.
    pub(super) fn preview(&mut self, labels: &Labels) {
        self.forget_many();
        let mut rest = labels.as_bytes();
        let mut place = 0;
        while self.take(&mut rest, place).is_some() {
            place += 1;
        }
    }

    /// False where the names are not in order.
    fn render_in_order(&mut self, labels: &Labels) -> bool {
        let mut rest = labels.as_bytes();
        let mut before = None;
        let mut place = 0;
        while let Some((at, value)) = self.take(&mut rest, place) {
            if place > 0 && !self.is_in_order(before, at) {
                return false;
            }
            let Some(known) = self.keys.get(at) else { return false };
            // The first has no value before it to be closed.
            let skipped = if place == 0 { 2 } else { 0 };
            self.text.extend_from_slice(known.opening.get(skipped..).unwrap_or_default());
            put_value(&mut self.text, value);
            before = Some(at);
            place += 1;
        }
        if place > 0 {
            self.text.push(b'"');
        }
        true
    }

    #[inline]
    fn is_in_order(&mut self, before: Option<usize>, at: usize) -> bool {
        if self.keys.get(at).is_some_and(|key| key.comes_after == before) {
            return true;
        }
        let name = |at: usize| self.keys.get(at).map(Key::name);
        let in_order = before.and_then(name) < name(at);
        if let Some(key) = self.keys.get_mut(at).filter(|_| in_order) {
            key.comes_after = before;
        }
        in_order
    }

    #[cold]
    fn render_sorted(&mut self, labels: &Labels) {
        self.text.clear();
        self.values.clear();
        self.parts.clear();
        let mut rest = labels.as_bytes();
        while let Some((key, value)) = self.take(&mut rest, self.parts.len()) {
            let start = self.values.len();
            put_value(&mut self.values, value);
            self.parts.push(Part { key, start, end: self.values.len() });
        }
        let keys = &self.keys;
        let name = |part: &Part| keys.get(part.key).map_or(&[] as &[u8], Key::name);
        // Stable: values that share a name stay in the order of their keys.
        self.parts.sort_by(|one, other| name(one).cmp(name(other)));
        let mut before = None;
        for part in &self.parts {
            if before == Some(name(part)) {
                self.text.push(b';');
            } else {
                if before.is_some() {
                    self.text.extend_from_slice(b"\",");
                }
                self.text.extend_from_slice(name(part));
                self.text.extend_from_slice(b"=\"");
            }
            self.text.extend_from_slice(self.values.get(part.start..part.end).unwrap_or_default());
            before = Some(name(part));
        }
        if before.is_some() {
            self.text.push(b'"');
        }
    }

    /// Takes the pair at `place` of the labels: where its key is, and the encoded value. The key is likely the one that was
    /// there before. Labels are always written by this crate, so what they consist of is not checked.
    #[inline]
    fn take<'l>(&mut self, rest: &mut &'l [u8], place: usize) -> Option<(usize, &'l [u8])> {
        let pair = take_field(rest)?;
        if let Some(known) = self.keys.get(place)
            && let Some([length, value @ ..]) = pair.strip_prefix(known.head.as_slice())
            && usize::from(*length) == value.len()
            && *length < 0x80
            && value.first() == Some(&known.kind)
        {
            return Some((place, value));
        }
        let (key, value) = split_pair(pair)?;
        Some((self.find(key, value.first().copied().unwrap_or(0)), value))
    }

    #[inline(never)]
    fn find(&mut self, key: &[u8], kind: u8) -> usize {
        if let Some(at) = self.keys.iter().position(|known| known.key() == key) {
            self.is_ambiguous |= self.keys.get(at).is_some_and(|known| known.kind != kind);
            return at;
        }
        // Text, bool, int and double; others may look like a text when they are one.
        self.is_ambiguous |= !matches!(kind, 0x0a | 0x10 | 0x18 | 0x21);
        let name = self.name_of(&String::from_utf8_lossy(key));
        self.is_ambiguous |= self.keys.iter().any(|known| known.name() == name.as_bytes());
        let opening = format!("\",{name}=\"").into_bytes();
        let mut head = Vec::with_capacity(key.len() + 4);
        put_bytes_field(&mut head, 1, key);
        head.push(VALUE);
        self.keys.push(Key { head, key_length: key.len(), opening, kind, comes_after: None });
        self.keys.len() - 1
    }

    fn forget_many(&mut self) {
        if self.keys.len() > MOST_KEYS {
            self.keys.clear();
            self.is_ambiguous = true;
        }
    }

    fn name_of(&self, key: &str) -> String {
        let name = match self.naming {
            Naming::Translate => label_name(key),
            Naming::Exact => clean(key, false),
        };
        let is_scope = matches!(name.as_str(), "otel_scope_name" | "otel_scope_version");
        let is_ours = self.reserved.contains(&name.as_str()) || (is_scope && !self.scope.is_empty());
        // What Prometheus calls a label whose name it needs itself.
        if is_ours { format!("exported_{name}") } else { name }
    }
}

/// Takes the content of a length-delimited field off the front.
#[inline]
fn take_field<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, tail) = match *rest {
        // A tag, and a length, of one byte each.
        [_, length, tail @ ..] if *length < 0x80 => (usize::from(*length), tail),
        _ => {
            let mut tail = *rest;
            take_varint(&mut tail).ok()?;
            (usize::try_from(take_varint(&mut tail).ok()?).ok()?, tail)
        }
    };
    let (content, others) = tail.split_at_checked(length)?;
    *rest = others;
    Some(content)
}

fn put_comma(text: &mut Vec<u8>) {
    if !text.is_empty() {
        text.push(b',');
    }
}

/// Appends an encoded value as that of a label, escaped. What is no scalar is its JSON.
#[inline]
fn put_value(out: &mut Vec<u8>, value: &[u8]) {
    match own_text(value) {
        Some(text) => put_label_value(out, text),
        None => put_other(out, AnyView::read(value).unwrap_or(AnyView::Null)),
    }
}

fn put_other(out: &mut Vec<u8>, value: AnyView<'_>) {
    match value {
        AnyView::String(text) => put_label_value(out, text.as_bytes()),
        AnyView::Int(number) => put_i64(out, number),
        AnyView::Bool(is_true) => out.extend_from_slice(if is_true { b"true" } else { b"false" }),
        AnyView::Double(number) => put_plain(out, number),
        AnyView::Null => {}
        AnyView::Bytes(_) | AnyView::Array(_) | AnyView::Map(_) => {
            let mut json = String::new();
            value.tell(&mut Writer::new(&mut json, Style::Compact));
            put_label_value(out, json.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{Value, ValueRef};

    fn rendered<'a>(
        text: &mut LabelText,
        pairs: impl IntoIterator<Item = (&'a str, ValueRef<'a>)>,
    ) -> String {
        text.render(&Labels::new(pairs));
        String::from_utf8(text.text().to_owned()).unwrap()
    }

    fn translated() -> LabelText {
        let mut text = LabelText::new(Naming::Translate);
        text.begin(Scope::default(), &[]);
        text
    }

    #[test]
    fn values_of_all_kinds() {
        let list = Value::Array(vec![1.into(), "a\"".into()]);
        let text = rendered(
            &mut translated(),
            [
                ("a", "x\"y\\z\n".into()),
                ("b", 7.into()),
                ("c", true.into()),
                ("d", 2.0.into()),
                ("e", ValueRef::Value(&Value::Null)),
                ("f", ValueRef::Value(&list)),
            ],
        );
        assert_eq!(text, r#"a="x\"y\\z\n",b="7",c="true",d="2",e="",f="[1,\"a\\\"\"]""#);
        assert_eq!(rendered(&mut translated(), []), "");
    }

    #[test]
    fn names_are_sorted_and_shared_names_join_their_values() {
        let mut text = translated();
        // As keys "a.z" comes before "aB", as names it comes behind.
        assert_eq!(rendered(&mut text, [("a.z", "1".into()), ("aB", "2".into())]), r#"aB="2",a_z="1""#);
        assert_eq!(
            rendered(
                &mut text,
                [("a_b", "3".into()), ("a-b", "1".into()), ("a.b", "2".into()), ("c", "4".into())]
            ),
            r#"a_b="1;2;3",c="4""#
        );
    }

    #[test]
    fn series_of_one_stream_may_have_other_keys() {
        let mut text = translated();
        for _ in 0..2 {
            assert_eq!(rendered(&mut text, [("a", 1.into()), ("b", 2.into())]), r#"a="1",b="2""#);
            assert_eq!(rendered(&mut text, [("b", 2.into()), ("c", 3.into())]), r#"b="2",c="3""#);
            assert_eq!(rendered(&mut text, [("a.b", 1.into()), ("b", 3.into())]), r#"a_b="1",b="3""#);
        }
        for number in 0..1000 {
            let key = format!("k{number}");
            assert_eq!(rendered(&mut text, [(key.as_str(), 1.into())]), format!("{key}=\"1\""));
        }
        assert!(text.keys.len() <= MOST_KEYS + 1);
    }

    #[test]
    fn names_that_the_writer_needs_give_way() {
        let mut text = LabelText::new(Naming::Translate);
        text.begin(Scope { name: "http\"", version: "1" }, &["le"]);
        assert_eq!(
            rendered(&mut text, [("le", 1.into()), ("otel.scope.name", 2.into())]),
            r#"exported_le="1",exported_otel_scope_name="2",otel_scope_name="http\"",otel_scope_version="1""#
        );
        text.begin(Scope::default(), &[]);
        assert_eq!(
            rendered(&mut text, [("le", 1.into()), ("otel.scope.name", 2.into())]),
            r#"le="1",otel_scope_name="2""#
        );
    }
}
