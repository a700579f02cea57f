//! The labels of a series as text.
//!
//! A stream's series have mostly the same keys in the same order. So each key's name is made once and found again at
//! the place where it was; and as the keys are sorted, the names mostly are as well and the text is written in one go.
//! Where they are not, or where two keys share a name, the values are written first and then put together in order.

use core::fmt::Write as _;

use super::escape::put_label_value;
use super::name::{clean, label_name};
use super::number::{put_i64, put_plain};
use super::{Naming, Scope};
use crate::json::{Style, Writer};
use crate::meter::Labels;
use crate::otlp::any::AnyView;

/// So many keys are remembered; labels with ever new keys must not make looking them up slow.
const MOST_KEYS: usize = 64;

#[derive(Debug, Default)]
pub(super) struct LabelText {
    naming: Naming,
    /// Names that the writer needs itself.
    reserved: &'static [&'static str],
    keys: Vec<Key>,
    /// What every series of the stream ends with.
    scope: String,
    /// The labels of the series that was rendered last.
    text: String,
    parts: Vec<Part>,
    values: String,
}

#[derive(Debug)]
struct Key {
    key: String,
    name: String,
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
        self.reserved = reserved;
        self.scope.clear();
        for (name, value) in [("otel_scope_name", scope.name), ("otel_scope_version", scope.version)] {
            if !value.is_empty() {
                put_comma(&mut self.scope);
                let _ = write!(self.scope, "{name}=\"");
                put_label_value(&mut self.scope, value);
                self.scope.push('"');
            }
        }
    }

    /// The labels without the braces around them.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Renders the labels of a series.
    pub(super) fn render(&mut self, labels: &Labels) {
        if self.keys.len() > MOST_KEYS {
            self.keys.clear();
        }
        self.text.clear();
        if !self.render_in_order(labels) {
            self.render_sorted(labels);
        }
        if !self.scope.is_empty() {
            put_comma(&mut self.text);
            self.text.push_str(&self.scope);
        }
    }

    /// False where the names are not in order.
    fn render_in_order(&mut self, labels: &Labels) -> bool {
        let mut before: Option<usize> = None;
        for (place, (key, value)) in labels.iter().enumerate() {
            let at = self.find(place, key);
            let Some(known) = self.keys.get(at) else { return false };
            if before.and_then(|before| self.keys.get(before)).is_some_and(|before| before.name >= known.name)
            {
                return false;
            }
            if before.is_some() {
                self.text.push(',');
            }
            self.text.push_str(&known.name);
            self.text.push_str("=\"");
            put_value(&mut self.text, value);
            self.text.push('"');
            before = Some(at);
        }
        true
    }

    #[cold]
    fn render_sorted(&mut self, labels: &Labels) {
        self.text.clear();
        self.values.clear();
        self.parts.clear();
        for (place, (key, value)) in labels.iter().enumerate() {
            let key = self.find(place, key);
            let start = self.values.len();
            put_value(&mut self.values, value);
            self.parts.push(Part { key, start, end: self.values.len() });
        }
        let keys = &self.keys;
        let name = |part: &Part| keys.get(part.key).map_or("", |key| key.name.as_str());
        // Stable: values that share a name stay in the order of their keys.
        self.parts.sort_by(|one, other| name(one).cmp(name(other)));
        let mut before = None;
        for part in &self.parts {
            if before == Some(name(part)) {
                self.text.push(';');
            } else {
                if before.is_some() {
                    self.text.push_str("\",");
                }
                self.text.push_str(name(part));
                self.text.push_str("=\"");
            }
            self.text.push_str(self.values.get(part.start..part.end).unwrap_or_default());
            before = Some(name(part));
        }
        if before.is_some() {
            self.text.push('"');
        }
    }

    /// Where the key's name is. The key at `place` of the labels is likely the one that was there before.
    fn find(&mut self, place: usize, key: &str) -> usize {
        if self.keys.get(place).is_some_and(|known| known.key == key) {
            return place;
        }
        if let Some(at) = self.keys.iter().position(|known| known.key == key) {
            return at;
        }
        let name = self.name_of(key);
        self.keys.push(Key { key: key.to_owned(), name });
        self.keys.len() - 1
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

fn put_comma(text: &mut String) {
    if !text.is_empty() {
        text.push(',');
    }
}

/// Appends the value of a label, escaped. What is no scalar is its JSON.
fn put_value(out: &mut String, value: AnyView<'_>) {
    match value {
        AnyView::String(text) => put_label_value(out, text),
        AnyView::Int(number) => put_i64(out, number),
        AnyView::Bool(true) => out.push_str("true"),
        AnyView::Bool(false) => out.push_str("false"),
        AnyView::Double(number) => put_plain(out, number),
        AnyView::Null => {}
        AnyView::Bytes(_) | AnyView::Array(_) | AnyView::Map(_) => {
            let mut json = String::new();
            value.tell(&mut Writer::new(&mut json, Style::Compact));
            put_label_value(out, &json);
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
        text.text().to_owned()
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
