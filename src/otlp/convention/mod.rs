//! In which words spans leave: a pass that rewrites the attributes of a span while it is copied.
//!
//! Spans live inside in the words of the OpenTelemetry GenAI conventions v1.41.1 (see [`vocabulary`](crate::vocabulary)), so the
//! default is a plain copy. The other conventions look at a span's attributes once for what decides over others, and then copy
//! attribute by attribute: under its own name, under another, as JSON text, or not at all. What a convention does not
//! know is copied. No concept leaves under two names of different conventions.

mod messages;
mod openinference;

use super::any::{AnyView, AnyWriter, read_key_value};
use super::span::{SpanKind, SpanView, field};
use super::wire::{Fields, close_message, open_message, put_bytes_field};
use crate::json::{Style, Writer};
use crate::value::ValueSink;
use crate::vocabulary as key;

/// In which words a span is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Convention {
    /// The GenAI conventions of OpenTelemetry v1.41.1.
    #[default]
    GenAi,
    /// The GenAI conventions as they are developed after that.
    GenAiLatest,
    /// OpenInference.
    OpenInference,
}

impl Convention {
    /// What the value of `OTEL_SEMCONV_STABILITY_OPT_IN` asks for: a list with commas.
    ///
    /// ```
    /// use spanloom::otlp::convention::Convention;
    /// assert_eq!(Convention::from_opt_in("http, gen_ai_latest_experimental"), Convention::GenAiLatest);
    /// assert_eq!(Convention::from_opt_in(""), Convention::GenAi);
    /// ```
    #[must_use]
    pub fn from_opt_in(list: &str) -> Self {
        let asks = list.split(',').any(|name| name.trim() == "gen_ai_latest_experimental");
        if asks { Self::GenAiLatest } else { Self::GenAi }
    }
}

/// How spans are rewritten on their way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Wording {
    /// In which words.
    pub convention: Convention,
    /// Arrays and maps leave as JSON text, for back ends that have no structured attributes. Arrays of scalars stay.
    pub structured_as_json: bool,
}

impl Wording {
    /// True where spans leave as they are.
    #[must_use]
    pub fn is_copy(self) -> bool {
        self == Self::default()
    }

    /// Appends the `Span` message in these words.
    pub fn write_span(self, span: &SpanView<'_>, out: &mut Vec<u8>) {
        if self.is_copy() {
            out.extend_from_slice(span.message);
            return;
        }
        let mut attributes = Attributes { out, number: field::ATTRIBUTES, json: self.structured_as_json };
        match self.convention {
            Convention::GenAi => {
                copy_with(span.message, &mut attributes, |found, attributes| attributes.copy(found), |_| {});
            }
            Convention::GenAiLatest => {
                let facts = LatestFacts::of(span);
                let rewrite = |(key, value): Pair<'_>, attributes: &mut Attributes<'_>| {
                    facts.rewrite(key, value, attributes);
                };
                copy_with(span.message, &mut attributes, rewrite, |_| {});
            }
            Convention::OpenInference => {
                let facts = openinference::Facts::of(span);
                copy_with(
                    span.message,
                    &mut attributes,
                    |(key, value), attributes| facts.rewrite(key, value, attributes),
                    |attributes| facts.put_derived(attributes),
                );
            }
        }
    }
}

type Pair<'a> = (&'a str, AnyView<'a>);

/// Writes attributes of a message.
struct Attributes<'o> {
    out: &'o mut Vec<u8>,
    /// The field number that attributes have in this message.
    number: u32,
    /// Structured values become JSON text.
    json: bool,
}

impl Attributes<'_> {
    fn copy(&mut self, (key, value): Pair<'_>) {
        self.put(key, value);
    }

    fn put(&mut self, key: &str, value: AnyView<'_>) {
        if self.json && is_structured(value) {
            self.put_json(key, value);
        } else {
            self.put_told(key, |writer| value.tell(writer));
        }
    }

    fn put_text(&mut self, key: &str, text: &str) {
        self.put_told(key, |writer| writer.string(text));
    }

    /// A text as it is, anything else as JSON.
    fn put_json(&mut self, key: &str, value: AnyView<'_>) {
        match value {
            AnyView::String(text) => self.put_text(key, text),
            _ => self.put_text(key, &to_json(value)),
        }
    }

    fn put_told(&mut self, key: &str, tell: impl FnOnce(&mut AnyWriter<'_>)) {
        let entry = open_message(self.out, self.number);
        put_bytes_field(self.out, 1, key.as_bytes());
        let value = open_message(self.out, 2);
        tell(&mut AnyWriter::new(self.out));
        close_message(self.out, value);
        close_message(self.out, entry);
    }
}

fn to_json(value: AnyView<'_>) -> String {
    let mut text = String::new();
    value.tell(&mut Writer::new(&mut text, Style::Compact));
    text
}

/// True for maps and for arrays of anything but scalars.
fn is_structured(value: AnyView<'_>) -> bool {
    match value {
        AnyView::Map(_) => true,
        AnyView::Array(_) => {
            value.values().any(|element| matches!(element, AnyView::Array(_) | AnyView::Map(_)))
        }
        _ => false,
    }
}

/// Copies the fields of a span; each attribute goes through `rewrite`, and behind the last one comes `add`.
fn copy_with(
    message: &[u8],
    attributes: &mut Attributes<'_>,
    rewrite: impl Fn(Pair<'_>, &mut Attributes<'_>),
    add: impl FnOnce(&mut Attributes<'_>),
) {
    let mut add = Some(add);
    let mut fields = Fields::new(message);
    loop {
        let before = fields.rest();
        // The message was checked when its view was made.
        let Ok(Some(found)) = fields.next_field() else { break };
        let raw = before.get(..before.len() - fields.rest().len()).unwrap_or_default();
        if found.number > field::ATTRIBUTES
            && let Some(add) = add.take()
        {
            add(attributes);
        }
        match found.number {
            field::ATTRIBUTES => {
                if let Ok(pair) = found.bytes().and_then(read_key_value) {
                    rewrite(pair, attributes);
                }
            }
            field::EVENTS if attributes.json => copy_nested(found.number, found.bytes(), 3, attributes.out),
            field::LINKS if attributes.json => copy_nested(found.number, found.bytes(), 4, attributes.out),
            _ => attributes.out.extend_from_slice(raw),
        }
    }
    if let Some(add) = add {
        add(attributes);
    }
}

/// Copies an event or a link; structured values of its attributes become JSON text.
fn copy_nested(
    number: u32,
    message: Result<&[u8], super::wire::DecodeError>,
    attributes: u32,
    out: &mut Vec<u8>,
) {
    let start = open_message(out, number);
    let mut nested = Attributes { out, number: attributes, json: true };
    let mut fields = Fields::new(message.unwrap_or_default());
    loop {
        let before = fields.rest();
        let Ok(Some(found)) = fields.next_field() else { break };
        match found.bytes().and_then(read_key_value) {
            Ok(pair) if found.number == attributes => nested.copy(pair),
            _ => nested
                .out
                .extend_from_slice(before.get(..before.len() - fields.rest().len()).unwrap_or_default()),
        }
    }
    close_message(out, start);
}

/// What decides over names in the newer GenAI conventions.
struct LatestFacts {
    is_retrieval: bool,
    /// An agent inside the program: the span of its model calls says what this one would repeat.
    is_internal_agent: bool,
}

/// What a span of an agent inside the program no longer says.
const NOT_ON_INTERNAL_AGENTS: [&str; 5] = [
    "gen_ai.agent.id",
    "gen_ai.agent.version",
    "gen_ai.provider.name",
    key::USAGE_CACHE_READ,
    key::USAGE_CACHE_WRITE,
];

const TOP_K: &str = "gen_ai.request.top_k";

impl LatestFacts {
    fn of(span: &SpanView<'_>) -> Self {
        let operation = span.attribute(key::OPERATION).and_then(AnyView::as_str);
        Self {
            is_retrieval: operation == Some("retrieval"),
            is_internal_agent: operation == Some("invoke_agent") && span.kind == SpanKind::Internal as u32,
        }
    }

    fn rewrite(&self, name: &str, value: AnyView<'_>, attributes: &mut Attributes<'_>) {
        if self.is_internal_agent && NOT_ON_INTERNAL_AGENTS.contains(&name) {
            return;
        }
        match name {
            key::USAGE_CACHE_WRITE => attributes.put("gen_ai.usage.cache_write.input_tokens", value),
            TOP_K => {
                let name = if self.is_retrieval { "gen_ai.retrieval.top_k" } else { TOP_K };
                attributes.put(name, whole(value));
            }
            _ => attributes.put(name, value),
        }
    }
}

/// The whole number where a double is one: the type of `top_k` changed.
#[expect(clippy::cast_possible_truncation, reason = "the number was found whole and small")]
fn whole(value: AnyView<'_>) -> AnyView<'_> {
    match value {
        AnyView::Double(number) if number.fract() == 0.0 && number.abs() < 1e15 => {
            AnyView::Int(number as i64)
        }
        _ => value,
    }
}

#[cfg(test)]
mod tests;
