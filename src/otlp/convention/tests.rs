//! What a span says in each convention, one attribute a line.

use core::fmt::Write as _;

use super::{Convention, Wording};
use crate::otlp::any::put_key_value;
use crate::otlp::span::{SpanKind, SpanView, field};
use crate::otlp::wire::{close_message, open_message, put_bytes_field, put_fixed32_field, put_varint_field};
use crate::value::Value;
use crate::vocabulary as key;

fn span(kind: SpanKind, attributes: &[(&str, Value)]) -> Vec<u8> {
    let mut out = Vec::new();
    put_bytes_field(&mut out, field::NAME, b"step");
    put_varint_field(&mut out, field::KIND, kind as u64);
    for (key, value) in attributes {
        put_key_value(&mut out, field::ATTRIBUTES, key, value);
    }
    let event = open_message(&mut out, field::EVENTS);
    put_bytes_field(&mut out, 2, b"found");
    put_key_value(&mut out, 3, "where", &Value::from([("line", 3.into())]));
    close_message(&mut out, event);
    put_fixed32_field(&mut out, field::FLAGS, 257);
    out
}

fn told(wording: Wording, message: &[u8]) -> String {
    let mut out = Vec::new();
    wording.write_span(&SpanView::read(message).unwrap(), &mut out);
    let span = SpanView::read(&out).unwrap();
    // What is no attribute stays as it is.
    assert_eq!((span.name, span.flags, span.events().count()), ("step", 257, 1));
    let mut text = String::new();
    for (key, value) in span.attributes() {
        writeln!(text, "{key} = {:?}", value.to_value()).unwrap();
    }
    text
}

fn wording(convention: Convention) -> Wording {
    Wording { convention, structured_as_json: false }
}

fn check(convention: Convention, kind: SpanKind, attributes: &[(&str, Value)], expected: &str) {
    let told = told(wording(convention), &span(kind, attributes));
    let expected: String = expected.trim().lines().map(|line| format!("{}\n", line.trim())).collect();
    assert_eq!(told, expected);
}

#[test]
fn the_default_is_a_copy() {
    let message = span(SpanKind::Internal, &[(key::USAGE_CACHE_WRITE, 1.into()), ("other", Value::Null)]);
    let mut out = Vec::new();
    Wording::default().write_span(&SpanView::read(&message).unwrap(), &mut out);
    assert_eq!(out, message);
}

#[test]
fn opting_in() {
    for (list, convention) in [
        ("", Convention::GenAi),
        ("gen_ai_latest_experimental", Convention::GenAiLatest),
        ("http/dup , gen_ai_latest_experimental,x", Convention::GenAiLatest),
        ("gen_ai_latest", Convention::GenAi),
    ] {
        assert_eq!(Convention::from_opt_in(list), convention, "{list}");
    }
}

#[test]
fn the_newer_genai_names() {
    check(
        Convention::GenAiLatest,
        SpanKind::Client,
        &[
            (key::OPERATION, "chat".into()),
            ("gen_ai.provider.name", "openai".into()),
            (key::USAGE_CACHE_WRITE, 7.into()),
            ("gen_ai.request.top_k", 40.0.into()),
            ("custom", Value::from([("a", 1.into())])),
        ],
        r#"
        gen_ai.operation.name = "chat"
        gen_ai.provider.name = "openai"
        gen_ai.usage.cache_write.input_tokens = 7
        gen_ai.request.top_k = 40
        custom = {"a": 1}
        "#,
    );
    check(
        Convention::GenAiLatest,
        SpanKind::Client,
        &[(key::OPERATION, "retrieval".into()), ("gen_ai.request.top_k", 2.5.into())],
        r#"
        gen_ai.operation.name = "retrieval"
        gen_ai.retrieval.top_k = 2.5
        "#,
    );
    let agent = [
        (key::OPERATION, "invoke_agent".into()),
        (key::AGENT_NAME, "planner".into()),
        ("gen_ai.agent.id", "a1".into()),
        ("gen_ai.provider.name", "openai".into()),
        (key::USAGE_CACHE_READ, 1.into()),
        (key::USAGE_INPUT, 2.into()),
    ];
    check(
        Convention::GenAiLatest,
        SpanKind::Internal,
        &agent,
        r#"
        gen_ai.operation.name = "invoke_agent"
        gen_ai.agent.name = "planner"
        gen_ai.usage.input_tokens = 2
        "#,
    );
    assert_eq!(told(wording(Convention::GenAiLatest), &span(SpanKind::Client, &agent)).lines().count(), 6);
}

#[test]
fn a_model_call_in_openinference() {
    check(
        Convention::OpenInference,
        SpanKind::Client,
        &[
            (key::KIND, "llm".into()),
            (key::OPERATION, "chat".into()),
            ("gen_ai.provider.name", "azure.ai.openai".into()),
            (key::REQUEST_MODEL, "gpt-4o".into()),
            ("gen_ai.response.model", "gpt-4o-2024".into()),
            (key::USAGE_INPUT, 10.into()),
            (key::USAGE_OUTPUT, 5.into()),
            (key::USAGE_CACHE_READ, 4.into()),
            (key::USAGE_CACHE_WRITE, 3.into()),
            (key::USAGE_REASONING, 2.into()),
            ("gen_ai.request.temperature", 0.5.into()),
            ("gen_ai.request.stop_sequences", Value::Array(vec!["\n".into()])),
            ("gen_ai.response.finish_reasons", Value::Array(vec!["stop".into()])),
            (key::INPUT, Value::from([("q", "hi".into())])),
            (key::OUTPUT, "hello".into()),
            (key::CHAT_ID, "c-9".into()),
            (key::UID, "u-7".into()),
            ("custom", true.into()),
        ],
        r#"
        spanloom.kind = "llm"
        llm.system = "openai"
        llm.provider = "azure"
        llm.request.model_name = "gpt-4o"
        llm.model_name = "gpt-4o-2024"
        llm.response.model_name = "gpt-4o-2024"
        llm.token_count.prompt = 10
        llm.token_count.completion = 5
        llm.token_count.prompt_details.cache_read = 4
        llm.token_count.prompt_details.cache_write = 3
        llm.token_count.completion_details.reasoning = 2
        llm.finish_reason = "stop"
        input.value = "{\"q\":\"hi\"}"
        input.mime_type = "application/json"
        output.value = "hello"
        output.mime_type = "text/plain"
        chat_id = "c-9"
        uid = "u-7"
        custom = true
        openinference.span.kind = "LLM"
        llm.token_count.total = 15
        session.id = "c-9"
        user.id = "u-7"
        llm.invocation_parameters = "{\"temperature\":0.5,\"stop\":[\"\\n\"]}"
        "#,
    );
}

#[test]
fn steps_of_other_kinds_in_openinference() {
    for (attributes, expected) in [
        (
            vec![
                (key::KIND, Value::from("workflow")),
                (key::OPERATION, "invoke_workflow".into()),
                (key::QUESTION, "why?".into()),
                (key::ANSWER, "because".into()),
                (key::TAGS, Value::from([("team", "blue".into())])),
                (key::CONFIG, Value::from([("depth", 2.into())])),
                ("gen_ai.conversation.id", "c-1".into()),
                (key::CHAT_ID, "c-9".into()),
            ],
            r#"
            spanloom.kind = "workflow"
            input.value = "why?"
            input.mime_type = "text/plain"
            output.value = "because"
            output.mime_type = "text/plain"
            metadata = "{\"team\":\"blue\"}"
            spanloom.config = {"depth": 2}
            chat_id = "c-9"
            openinference.span.kind = "CHAIN"
            session.id = "c-1"
            "#,
        ),
        (
            vec![
                (key::OPERATION, "execute_tool".into()),
                (key::TOOL_NAME, "weather".into()),
                ("gen_ai.tool.call.id", "t1".into()),
                ("gen_ai.tool.call.arguments", r#"{"city":"Paris"}"#.into()),
                (key::INPUT, Value::from([("city", "Paris".into())])),
            ],
            r#"
            tool.name = "weather"
            tool.id = "t1"
            gen_ai.tool.call.arguments = "{\"city\":\"Paris\"}"
            input.value = "{\"city\":\"Paris\"}"
            input.mime_type = "application/json"
            openinference.span.kind = "TOOL"
            "#,
        ),
        (
            vec![
                (key::OPERATION, "embeddings".into()),
                ("gen_ai.provider.name", "openai".into()),
                (key::REQUEST_MODEL, "e-3".into()),
                (key::CONFIG, Value::from([("size", 9.into())])),
            ],
            r#"
            embedding.model_name = "e-3"
            embedding.invocation_parameters = "{\"size\":9}"
            openinference.span.kind = "EMBEDDING"
            "#,
        ),
        (
            vec![
                (key::KIND, "knowledge".into()),
                ("gen_ai.retrieval.query.text", "tea".into()),
                (
                    "gen_ai.retrieval.documents",
                    r#"[{"id":"d1","score":0.5,"content":"green","metadata":{"p":1}},{"id":"d2","score":1}]"#
                        .into(),
                ),
            ],
            r#"
            spanloom.kind = "knowledge"
            input.value = "tea"
            input.mime_type = "text/plain"
            retrieval.documents.0.document.id = "d1"
            retrieval.documents.0.document.content = "green"
            retrieval.documents.0.document.score = 0.5
            retrieval.documents.0.document.metadata = "{\"p\":1}"
            retrieval.documents.1.document.id = "d2"
            retrieval.documents.1.document.score = 1
            openinference.span.kind = "RETRIEVER"
            "#,
        ),
        (
            vec![
                (key::OPERATION, "invoke_agent".into()),
                (key::AGENT_NAME, "planner".into()),
                ("openinference.span.kind", "AGENT".into()),
                ("session.id", "mine".into()),
                (key::CHAT_ID, "c".into()),
            ],
            r#"
            agent.name = "planner"
            openinference.span.kind = "AGENT"
            session.id = "mine"
            chat_id = "c"
            "#,
        ),
        (
            vec![(key::KIND, "guardrail".into())],
            "spanloom.kind = \"guardrail\"\nopeninference.span.kind = \"GUARDRAIL\"",
        ),
        (vec![], "openinference.span.kind = \"CHAIN\""),
    ] {
        check(Convention::OpenInference, SpanKind::Internal, &attributes, expected);
    }
}

#[test]
fn a_conversation_flattened() {
    let input = r#"[
        {"role":"user","name":"ann","parts":[
            {"type":"text","content":"look"},
            {"type":"blob","modality":"image","mime_type":"image/png","content":"aGk="},
            {"type":"uri","modality":"audio","uri":"https://a/b.mp3"},
            {"type":"odd","x":1}]},
        {"role":"assistant","parts":[
            {"type":"reasoning","content":"hm"},
            {"type":"tool_call","id":"t1","name":"weather","arguments":{"city":"Paris"}}]},
        {"role":"tool","parts":[
            {"type":"tool_call_response","id":"t1","response":{"c":21}},
            {"type":"tool_call_response","id":"t2","response":"no"}]}
    ]"#;
    let output = Value::Array(vec![Value::from([
        ("role", "assistant".into()),
        ("parts", Value::Array(vec![Value::from([("type", "text".into()), ("content", "21 °C".into())])])),
        ("finish_reason", "stop".into()),
    ])]);
    check(
        Convention::OpenInference,
        SpanKind::Client,
        &[
            (key::OPERATION, "chat".into()),
            ("gen_ai.system_instructions", r#"[{"type":"text","content":"be kind"}]"#.into()),
            ("gen_ai.input.messages", input.into()),
            ("gen_ai.output.messages", output),
            ("gen_ai.tool.definitions", r#"[{"type":"function","name":"weather"}]"#.into()),
        ],
        r#"
        llm.output_messages.0.message.role = "assistant"
        llm.output_messages.0.message.content = "21 °C"
        llm.tools.0.tool.json_schema = "{\"type\":\"function\",\"name\":\"weather\"}"
        openinference.span.kind = "LLM"
        llm.input_messages.0.message.role = "system"
        llm.input_messages.0.message.content = "be kind"
        llm.input_messages.1.message.role = "user"
        llm.input_messages.1.message.name = "ann"
        llm.input_messages.1.message.contents.0.message_content.type = "text"
        llm.input_messages.1.message.contents.0.message_content.text = "look"
        llm.input_messages.1.message.contents.1.message_content.type = "image"
        llm.input_messages.1.message.contents.1.message_content.image.image.url = "data:image/png;base64,aGk="
        llm.input_messages.1.message.contents.2.message_content.type = "audio"
        llm.input_messages.1.message.contents.2.message_content.audio.audio.url = "https://a/b.mp3"
        llm.input_messages.1.message.contents.3.message_content.type = "text"
        llm.input_messages.1.message.contents.3.message_content.text = "{\"type\":\"odd\",\"x\":1}"
        llm.input_messages.2.message.role = "assistant"
        llm.input_messages.2.message.contents.0.message_content.type = "reasoning"
        llm.input_messages.2.message.contents.0.message_content.text = "hm"
        llm.input_messages.2.message.tool_calls.0.tool_call.id = "t1"
        llm.input_messages.2.message.tool_calls.0.tool_call.function.name = "weather"
        llm.input_messages.2.message.tool_calls.0.tool_call.function.arguments = "{\"city\":\"Paris\"}"
        llm.input_messages.3.message.role = "tool"
        llm.input_messages.3.message.tool_call_id = "t1"
        llm.input_messages.3.message.content = "{\"c\":21}"
        llm.input_messages.4.message.role = "tool"
        llm.input_messages.4.message.tool_call_id = "t2"
        llm.input_messages.4.message.content = "no"
        "#,
    );
}

#[test]
fn structured_values_as_json_text() {
    let message = span(
        SpanKind::Internal,
        &[
            (key::INPUT, Value::from([("q", Value::Array(vec![1.into(), Value::Null]))])),
            ("list", Value::Array(vec!["a".into(), "b".into()])),
            ("nested", Value::Array(vec![Value::Array(vec![])])),
            ("text", "{}".into()),
        ],
    );
    let json = Wording { convention: Convention::GenAi, structured_as_json: true };
    assert_eq!(
        told(json, &message),
        "spanloom.input = \"{\\\"q\\\":[1,null]}\"\nlist = [\"a\", \"b\"]\nnested = \"[[]]\"\ntext = \"{}\"\n"
    );
    let mut out = Vec::new();
    json.write_span(&SpanView::read(&message).unwrap(), &mut out);
    let event = SpanView::read(&out).unwrap().events().next().unwrap();
    let attributes: Vec<_> = event.attributes().map(|(key, value)| (key, value.to_value())).collect();
    assert_eq!((event.name, attributes), ("found", vec![("where", Value::from(r#"{"line":3}"#))]));
}
