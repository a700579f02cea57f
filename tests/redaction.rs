//! Redaction of whole spans: what goes, what stays byte by byte, what fails closed.

use spanloom::otlp::any::{AnyView, put_key_value};
use spanloom::otlp::span::{SpanView, field};
use spanloom::otlp::wire::{
    close_message, open_message, put_bytes_field, put_fixed64_field, put_varint_field,
};
use spanloom::redact::{
    Hide, HookAction, HookError, KeyRules, OpenInferenceHide, RedactReport, RedactRules, Redactor, Rule,
};
use spanloom::value::Value;

const SECRET: &str = "bob@example.org";

/// A span with these attributes and, around them, a bit of everything.
fn span_of(attributes: &[(&str, Value)]) -> Vec<u8> {
    let mut out = Vec::new();
    put_bytes_field(&mut out, field::TRACE_ID, &[7; 16]);
    put_bytes_field(&mut out, field::SPAN_ID, &[1; 8]);
    put_bytes_field(&mut out, field::NAME, b"planner");
    put_varint_field(&mut out, field::KIND, 1);
    put_fixed64_field(&mut out, field::START, 1_763_719_200_000_000_000);
    for (key, value) in attributes {
        put_key_value(&mut out, field::ATTRIBUTES, key, value);
    }
    let event = open_message(&mut out, field::EVENTS);
    put_bytes_field(&mut out, 2, b"INFO");
    put_key_value(&mut out, 3, "INFO LOG", &"started".into());
    close_message(&mut out, event);
    out
}

fn apply(redactor: &Redactor, span: &[u8]) -> (Vec<u8>, RedactReport) {
    // Something stands there already: a redactor only appends.
    let mut out = b"before".to_vec();
    let report = redactor.apply(span, &mut out);
    assert_eq!(out.drain(..6).as_slice(), b"before");
    SpanView::read(&out).unwrap();
    (out, report)
}

/// What becomes of one attribute; `None` where it is gone.
fn one(redactor: &Redactor, key: &str, value: Value) -> Option<Value> {
    let (out, _) = apply(redactor, &span_of(&[(key, value)]));
    SpanView::read(&out).unwrap().attributes().next().map(|(_, value)| value.to_value())
}

#[test]
fn a_span_without_secrets_is_the_same_bytes() {
    let deep = (0..31).fold(Value::from(1), |value, _| Value::from([("k", Value::Array(vec![value]))]));
    for attributes in [
        vec![],
        vec![("gen_ai.usage.input_tokens", 812.into()), ("ratio", 0.5.into()), ("ok", true.into())],
        vec![("spanloom.input", Value::from([("question", "why?".into()), ("list", Value::Array(vec![]))]))],
        vec![("bytes", Value::Bytes(vec![0, 255, 254])), ("null", Value::Null), ("", "".into())],
        vec![("deep", deep.get("k").unwrap().clone())],
        vec![("password", Value::Null), ("token", false.into())],
    ] {
        let span = span_of(&attributes);
        let (out, report) = apply(&Redactor::default(), &span);
        assert!(out == span && report.is_clean(), "{attributes:?}");
    }
}

#[test]
fn every_place_of_a_span_is_looked_at() {
    let mut span = Vec::new();
    put_bytes_field(&mut span, field::TRACE_ID, &[7; 16]);
    put_bytes_field(&mut span, field::TRACE_STATE, b"vendor=bob@example.org");
    put_bytes_field(&mut span, field::NAME, b"mail bob@example.org");
    put_key_value(&mut span, field::ATTRIBUTES, "to bob@example.org", &1.into());
    put_key_value(
        &mut span,
        field::ATTRIBUTES,
        "nested",
        &Value::Array(vec![Value::from([("bob@example.org", Value::Array(vec![SECRET.into()]))])]),
    );
    put_key_value(&mut span, field::ATTRIBUTES, "raw", &Value::Bytes(b"\xff bob@example.org".to_vec()));
    put_key_value(&mut span, field::ATTRIBUTES, "card", &4_111_111_111_111_111_i64.into());
    put_key_value(&mut span, field::ATTRIBUTES, "cardd", &4_111_111_111_111_111.0.into());
    let event = open_message(&mut span, field::EVENTS);
    put_bytes_field(&mut span, 2, b"exception of bob@example.org");
    put_key_value(&mut span, 3, "exception.message", &"no mailbox bob@example.org".into());
    close_message(&mut span, event);
    let link = open_message(&mut span, field::LINKS);
    put_bytes_field(&mut span, 1, &[3; 16]);
    put_bytes_field(&mut span, 3, b"vendor=bob@example.org");
    put_key_value(&mut span, 4, "who", &SECRET.into());
    close_message(&mut span, link);
    let status = open_message(&mut span, field::STATUS);
    put_bytes_field(&mut span, 2, b"bob@example.org is not known");
    put_varint_field(&mut span, 3, 2);
    close_message(&mut span, status);

    let (out, report) = apply(&Redactor::default(), &span);
    let view = SpanView::read(&out).unwrap();
    assert_eq!(view.name, "mail [REDACTED:email]");
    assert_eq!(view.trace_state, "vendor=bob@example.org");
    assert_eq!(view.status_message, "[REDACTED:email] is not known");
    assert_eq!(view.status_code, 2);
    let attributes: Vec<_> = view.attributes().map(|(key, value)| (key, value.to_value())).collect();
    let hidden = || Value::from("[REDACTED:email]");
    assert_eq!(attributes[0], ("to [REDACTED:email]", 1.into()));
    let inner = Value::from([("[REDACTED:email]", Value::Array(vec![hidden()]))]);
    assert_eq!(attributes[1], ("nested", Value::Array(vec![inner])));
    assert_eq!(attributes[2].1, Value::Bytes(b"\xff [REDACTED:email]".to_vec()));
    assert_eq!(attributes[3].1, "[REDACTED:card]".into());
    assert_eq!(attributes[4].1, "[REDACTED:card]".into());
    let event = view.events().next().unwrap();
    assert_eq!(event.name, "exception of [REDACTED:email]");
    assert_eq!(event.attributes().next().unwrap().1.as_str(), Some("no mailbox [REDACTED:email]"));
    let link = view.links().next().unwrap();
    assert_eq!(link.trace_state, "vendor=bob@example.org");
    assert_eq!(link.attributes().next().unwrap().1.as_str(), Some("[REDACTED:email]"));
    assert_eq!(report.count(Rule::Email), 9);
    assert_eq!(report.count(Rule::Card), 2);
    assert_eq!(report.total(), 11);
    assert_eq!(apply(&Redactor::default(), &out).0, out, "a second time changes nothing");
}

#[test]
fn sensitive_keys_hide_whole_values() {
    let redactor = Redactor::default();
    let map = Value::from([("api_key", Value::from([("deep", 1.into())])), ("n", 1.into())]);
    let hidden = || Value::from("[REDACTED:key]");
    assert_eq!(one(&redactor, "db.password", 1234.into()), Some(hidden()));
    assert_eq!(one(&redactor, "credentials", map.clone()), Some(hidden()));
    assert_eq!(one(&redactor, "config", map), Some(Value::from([("api_key", hidden()), ("n", 1.into())])));
    let dynamo = RedactRules::none().keys(KeyRules::dynamo()).build();
    assert_eq!(one(&dynamo, "NCCL_AUTHOR", "a".into()), Some("<REDACTED>".into()));
    assert_eq!(one(&dynamo, "mail", SECRET.into()), Some(SECRET.into()));
}

#[test]
fn openinference_switches() {
    let text = || Value::from("some words");
    let hidden = Value::from("__REDACTED__");
    let long_image = || Value::from(format!("data:image/png;base64,{}", "A".repeat(40_000)));
    let image = || Value::from("data:image/png;base64,AAAA");
    let image_key = "llm.input_messages.0.message.contents.1.message_content.image.image.url";
    let text_key = "llm.input_messages.0.message.contents.0.message_content.text";
    use Hide::*;
    for (switches, key, value, is_hidden) in [
        (vec![], "input.value", text(), false),
        (vec![Inputs], "input.value", text(), true),
        (vec![Inputs], "output.value", text(), false),
        (vec![Inputs], "llm.input_messages.0.message.content", text(), true),
        (vec![Inputs], "llm.tools.0.tool.json_schema", text(), true),
        (vec![Inputs], "gen_ai.input.messages", Value::Array(vec![]), true),
        (vec![Inputs], "spanloom.input", Value::from([("q", text())]), true),
        (vec![Inputs], "spanloom.question", text(), true),
        (vec![Inputs], "gen_ai.tool.definitions", text(), true),
        (vec![Inputs], "spanloom.output", text(), false),
        (vec![InputMessages], "input.value", text(), false),
        (vec![InputMessages], "llm.input_messages.0.message.role", text(), true),
        (vec![InputMessages], "gen_ai.input.messages", text(), true),
        (vec![InputMessages], "llm.tools.0.tool.json_schema", text(), false),
        (vec![Outputs], "output.value", text(), true),
        (vec![Outputs], "llm.output_messages.0.message.content", text(), true),
        (vec![Outputs], "spanloom.answer", text(), true),
        (vec![Outputs], "spanloom.output", 5.into(), true),
        (vec![Outputs], "gen_ai.output.messages", text(), true),
        (vec![Outputs], "llm.input_messages.0.message.content", text(), false),
        (vec![OutputMessages], "gen_ai.output.messages", text(), true),
        (vec![OutputMessages], "output.value", text(), false),
        (vec![InputText], "llm.input_messages.0.message.content", text(), true),
        (vec![InputText], text_key, text(), true),
        (vec![InputText], "llm.input_messages.0.message.role", text(), false),
        (vec![InputText], image_key, image(), false),
        (vec![InputText], "gen_ai.input.messages", "[{\"role\":\"user\"}]".into(), true),
        (vec![OutputText], "llm.output_messages.0.message.content", text(), true),
        (vec![OutputText], "llm.input_messages.0.message.content", text(), false),
        (vec![InputImages], image_key, image(), true),
        (vec![InputImages], text_key, text(), false),
        (vec![], image_key, image(), false),
        (vec![], image_key, long_image(), true),
        (vec![Prompts], "llm.prompts.0.prompt.text", text(), true),
        (vec![Choices], "llm.choices.0.completion.text", text(), true),
        (vec![LlmTools], "llm.tools.0.tool.json_schema", text(), true),
        (vec![LlmInvocationParameters], "llm.invocation_parameters", text(), true),
        (
            vec![EmbeddingsVectors],
            "embedding.embeddings.0.embedding.vector",
            Value::Array(vec![0.5.into()]),
            true,
        ),
        (vec![EmbeddingsVectors], "embedding.embeddings.0.embedding.text", text(), false),
        (vec![EmbeddingsText], "embedding.embeddings.0.embedding.text", text(), true),
    ] {
        let hide = switches.iter().fold(OpenInferenceHide::default(), |hide, switch| hide.set(*switch, true));
        let redactor = RedactRules::new().openinference(hide).build();
        let expected = if is_hidden { hidden.clone() } else { value.clone() };
        assert_eq!(one(&redactor, key, value), Some(expected), "{switches:?} {key}");
    }
}

#[test]
fn parts_of_structured_messages() {
    let part = |entries: Value| {
        Value::Array(vec![Value::from([
            ("role", Value::from("user")),
            ("parts", Value::Array(vec![entries])),
        ])])
    };
    let words = |content: &str| part(Value::from([("type", "text".into()), ("content", content.into())]));
    let picture = |uri: &str| {
        part(Value::from([("type", "uri".into()), ("modality", "image".into()), ("uri", uri.into())]))
    };
    let blob = |content: String| {
        part(Value::from([("type", Value::from("blob")), ("content", Value::from(content))]))
    };
    let key = "gen_ai.input.messages";
    let with =
        |switch| RedactRules::new().openinference(OpenInferenceHide::default().set(switch, true)).build();
    let text = with(Hide::InputText);
    assert_eq!(one(&text, key, words("hello")), Some(words("__REDACTED__")));
    assert_eq!(one(&text, key, picture("https://x/y.png")), Some(picture("https://x/y.png")));
    let images = with(Hide::InputImages);
    assert_eq!(one(&images, key, words("hello")), Some(words("hello")));
    assert_eq!(one(&images, key, picture("https://x/y.png")), Some(picture("__REDACTED__")));
    assert_eq!(one(&images, key, blob("iVBORw0KGgo".repeat(10))), Some(blob("__REDACTED__".into())));
}

#[test]
fn switches_come_from_a_lookup() {
    let vars = [
        ("OPENINFERENCE_HIDE_INPUTS", "TRUE"),
        ("OPENINFERENCE_HIDE_OUTPUTS", "false"),
        ("OPENINFERENCE_HIDE_PROMPTS", "1"),
        ("OPENINFERENCE_HIDE_CHOICES", ""),
        ("OPENINFERENCE_BASE64_IMAGE_MAX_LENGTH", "many"),
    ];
    let lookup =
        |name: &str| vars.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    let hide = OpenInferenceHide::from_lookup(lookup);
    assert!(hide.is_set(Hide::Inputs));
    assert!(!hide.is_set(Hide::Outputs) && !hide.is_set(Hide::Prompts) && !hide.is_set(Hide::Choices));
    assert_eq!(hide.ignored(), ["OPENINFERENCE_HIDE_PROMPTS", "OPENINFERENCE_BASE64_IMAGE_MAX_LENGTH"]);
    assert!(!hide.set(Hide::Inputs, false).is_set(Hide::Inputs));
}

#[test]
fn a_hook_that_fails_loses_the_value() {
    let redactor = RedactRules::new()
        .hook(|key, value| match (key, value) {
            ("panics", _) => panic!("the hook went wrong"),
            ("fails", _) => Err(HookError),
            ("drops", _) => Ok(HookAction::Drop),
            ("masks", AnyView::String(text)) => Ok(HookAction::Replace(text.len().to_string().into())),
            ("leaks", _) => Ok(HookAction::Replace(Value::from([("mail", SECRET.into())]))),
            _ => Ok(HookAction::Keep),
        })
        .build();
    let keys = ["panics", "fails", "drops", "masks", "leaks", "keeps"];
    let span = span_of(&keys.map(|key| (key, Value::from("value"))));
    let (out, report) = apply(&redactor, &span);
    let left: Vec<_> = SpanView::read(&out)
        .unwrap()
        .attributes()
        .map(|(key, value)| (key.to_owned(), value.to_value()))
        .collect();
    let expected = [
        ("masks".to_owned(), Value::from("5")),
        ("leaks".to_owned(), Value::from([("mail", "[REDACTED:email]".into())])),
        ("keeps".to_owned(), Value::from("value")),
    ];
    assert_eq!(left, expected);
    assert_eq!((report.count(Rule::HookFailed), report.count(Rule::Hook)), (2, 3));

    let keeps = RedactRules::new().hook(|_, _| Ok(HookAction::Keep)).build();
    assert_eq!(apply(&keeps, &span).0, span);
}

#[test]
fn matchers_of_the_user() {
    let word = |word: &'static str| {
        move |text: &str, from: usize| {
            let at = from + text.get(from..)?.find(word)?;
            Some(at..at + word.len())
        }
    };
    let redactor = RedactRules::new().matcher("name", word("Bob")).matcher("part", word("ob@ex")).build();
    for (text, expected) in [
        ("Bob and Bob", "[REDACTED:name] and [REDACTED:name]"),
        ("日Bob本", "日[REDACTED:name]本"),
        // overlaps with an address: one replacement for both
        ("Bob@example.org.", "[REDACTED:email]."),
        ("nobody", "nobody"),
    ] {
        assert_eq!(redactor.redact_text(text), expected);
    }
    let broken = |range: core::ops::Range<usize>| {
        RedactRules::new().matcher("broken", move |_: &str, _: usize| Some(range.clone())).build()
    };
    // empty, behind the end, through a character: each ends the search
    for range in [0..0, 5..99, 0..1] {
        assert_eq!(broken(range).redact_text("日本"), "日本");
    }
    let panics = RedactRules::new().matcher("panics", |_: &str, _: usize| panic!("went wrong")).build();
    assert_eq!(panics.redact_text("anything"), "[REDACTED:panics]");
}

#[cfg(feature = "regex")]
#[test]
fn regular_expressions_are_matchers() {
    let redactor =
        RedactRules::new().matcher("ticket", regex::Regex::new(r"[A-Z]*-?\d{0,4}\b").unwrap()).build();
    assert_eq!(redactor.redact_text("see AB-12 ok"), "see [REDACTED:ticket] ok");
}

#[test]
fn nothing_hides_in_unusual_encodings() {
    let with = |build: &dyn Fn(&mut Vec<u8>)| {
        let mut span = span_of(&[]);
        build(&mut span);
        span
    };
    let pair = |out: &mut Vec<u8>, content: &dyn Fn(&mut Vec<u8>)| {
        let start = open_message(out, field::ATTRIBUTES);
        content(out);
        close_message(out, start);
    };
    let any = |out: &mut Vec<u8>, content: &dyn Fn(&mut Vec<u8>)| {
        let start = open_message(out, 2);
        content(out);
        close_message(out, start);
    };
    let group = |out: &mut Vec<u8>| {
        out.push(100 << 3 & 0x7f | 0x80 | 3);
        out.push(6);
        put_bytes_field(out, 1, SECRET.as_bytes());
        out.push(100 << 3 & 0x7f | 0x80 | 4);
        out.push(6);
    };
    let spans = [
        // a field of a later version
        with(&|out| put_bytes_field(out, 99, SECRET.as_bytes())),
        // a key twice, a value twice, something beside both
        with(&|out| {
            pair(out, &|out| {
                put_bytes_field(out, 1, SECRET.as_bytes());
                put_bytes_field(out, 1, b"key");
            });
        }),
        with(&|out| {
            pair(out, &|out| {
                any(out, &|out| put_bytes_field(out, 1, SECRET.as_bytes()));
                any(out, &|out| put_varint_field(out, 3, 5));
            });
        }),
        with(&|out| pair(out, &|out| put_bytes_field(out, 7, SECRET.as_bytes()))),
        // two kinds of one value, a kind of a later version
        with(&|out| {
            pair(out, &|out| {
                any(out, &|out| {
                    put_bytes_field(out, 1, SECRET.as_bytes());
                    put_varint_field(out, 3, 5);
                });
            });
        }),
        with(&|out| pair(out, &|out| any(out, &|out| put_bytes_field(out, 9, SECRET.as_bytes())))),
        // something unknown inside an array
        with(&|out| {
            pair(out, &|out| {
                any(out, &|out| {
                    let list = open_message(out, 5);
                    put_bytes_field(out, 2, SECRET.as_bytes());
                    close_message(out, list);
                });
            });
        }),
        // a group, before a field and at the end
        with(&|out| {
            group(out);
            put_varint_field(out, field::DROPPED_EVENTS, 1);
        }),
        with(&group),
        // a name that a later one replaces
        with(&|out| {
            put_bytes_field(out, field::NAME, SECRET.as_bytes());
            put_bytes_field(out, field::NAME, b"name");
        }),
    ];
    for (index, span) in spans.iter().enumerate() {
        assert!(SpanView::read(span).is_ok(), "row {index}");
        let (out, _) = apply(&Redactor::default(), span);
        assert!(!contains(&out, SECRET.as_bytes()), "row {index}");
    }
}

#[test]
fn what_cannot_be_read_does_not_pass() {
    let mut span = span_of(&[]);
    let whole = span.len();
    put_bytes_field(&mut span, field::STATUS, SECRET.as_bytes());
    span.extend_from_slice(&[0xff; 12]);
    let mut out = Vec::new();
    let report = Redactor::default().apply(&span, &mut out);
    assert!(report.count(Rule::Unreadable) > 0);
    assert!(!contains(&out, SECRET.as_bytes()) && out.starts_with(&span[..whole]));
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use super::*;
    use proptest::prelude::*;

    /// Secrets that no text around them makes harmless.
    const SECRETS: [&str; 8] = [
        "bob@example.org",
        "sk-proj-A1b2C3d4E5f6G7h8A1b2C3d4E5f6G7h8",
        "4111 1111 1111 1111",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "Bearer abcdef1234567890",
        "postgres://app:hunter2@db/x",
        "-----BEGIN PRIVATE KEY-----MIIBhunter2-----END PRIVATE KEY-----",
        "api_key=hunter2",
    ];
    /// What must not be found afterwards.
    const TRACES: [&str; 8] = [
        "bob@example",
        "A1b2C3d4E5f6",
        "1111 1111",
        "eyJzdWIiOiIxIn0",
        "abcdef1234567890",
        "hunter2",
        "hunter2",
        "hunter2",
    ];

    fn clean_text() -> impl Strategy<Value = String> {
        "[ a-zäß日😀.,!?(){}\\[\\]\"'\\\\/-]{0,24}"
    }

    /// Without consonants, of which names such as `ssn` and `pwd` are made: their values count as secrets, whatever they are.
    fn clean_name() -> impl Strategy<Value = String> {
        "[ aeiouäß日😀.,!?(){}\\[\\]\"'\\\\/-]{0,24}"
    }

    fn dirty_text() -> impl Strategy<Value = String> {
        let around = "[ ä日😀,!?(){}\n]{0,8}";
        (around, 0..SECRETS.len(), around)
            .prop_map(|(before, index, after)| format!("{before} {} {after}", SECRETS[index]))
    }

    fn value(name: BoxedStrategy<String>, text: BoxedStrategy<String>) -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            (-1_000_000i64..1_000_000).prop_map(Value::Int),
            (0.0f64..1.0).prop_map(Value::Double),
            text.clone().prop_map(Value::String),
            text.clone().prop_map(|text| Value::Bytes(text.into_bytes())),
        ];
        leaf.prop_recursive(4, 24, 4, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                proptest::collection::vec((name.clone(), inner), 0..4).prop_map(Value::Map),
            ]
        })
    }

    fn span(name: BoxedStrategy<String>, text: BoxedStrategy<String>) -> impl Strategy<Value = Vec<u8>> {
        let pairs = proptest::collection::vec((name.clone(), value(name, text.clone())), 0..6);
        (text.clone(), pairs, text).prop_map(|(name, pairs, message)| {
            let mut out = Vec::new();
            put_bytes_field(&mut out, field::TRACE_ID, &[7; 16]);
            put_bytes_field(&mut out, field::NAME, name.as_bytes());
            for (key, value) in &pairs {
                put_key_value(&mut out, field::ATTRIBUTES, key, value);
            }
            let event = open_message(&mut out, field::EVENTS);
            put_bytes_field(&mut out, 2, message.as_bytes());
            for (key, value) in &pairs {
                put_key_value(&mut out, 3, key, value);
            }
            close_message(&mut out, event);
            let status = open_message(&mut out, field::STATUS);
            put_bytes_field(&mut out, 2, message.as_bytes());
            close_message(&mut out, status);
            out
        })
    }

    fn any_span() -> impl Strategy<Value = Vec<u8>> {
        let text = || prop_oneof![clean_text(), dirty_text()].boxed();
        span(text(), text())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_secret_survives(span in any_span()) {
            let (out, report) = apply(&Redactor::default(), &span);
            for trace in TRACES {
                prop_assert!(!contains(&out, trace.as_bytes()), "{trace}");
            }
            prop_assert_eq!(report.is_clean(), out == span);
            let (again, _) = apply(&Redactor::default(), &out);
            prop_assert!(again == out);
        }

        #[test]
        fn spans_without_secrets_are_the_same_bytes(span in span(clean_name().boxed(), clean_text().boxed())) {
            let (out, report) = apply(&Redactor::default(), &span);
            prop_assert!(out == span && report.is_clean());
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut out = Vec::new();
            Redactor::default().apply(&bytes, &mut out);
            if SpanView::read(&bytes).is_ok() {
                prop_assert!(SpanView::read(&out).is_ok());
            }
        }

        #[test]
        fn damaged_spans_stay_readable(
            span in span(dirty_text().boxed(), dirty_text().boxed()), at in any::<prop::sample::Index>(), byte in any::<u8>(),
        ) {
            let mut span = span;
            let at = at.index(span.len());
            span[at] = byte;
            let mut out = Vec::new();
            Redactor::default().apply(&span, &mut out);
            if SpanView::read(&span).is_ok() {
                prop_assert!(SpanView::read(&out).is_ok());
            }
        }
    }
}
