//! Messages, tools and documents, flattened as OpenInference has them: one attribute for each scalar, lists by index.
//!
//! GenAI has a message as a role and a list of parts, structured or as JSON text. A message of one text becomes its content;
//! other parts become numbered contents; calls of tools have a list of their own; an answer of a tool is a message of
//! its own.

use super::Attributes;
use crate::otlp::any::AnyView;
use crate::value::Value;

/// A structured value, also where it came as JSON text; other text stays text.
fn structured(value: AnyView<'_>) -> Value {
    match value {
        AnyView::String(text) => Value::from_json(text).unwrap_or_else(|_| text.into()),
        _ => value.to_value(),
    }
}

fn elements(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) => values,
        Value::Null => &[],
        single => core::slice::from_ref(single),
    }
}

fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key).and_then(Value::as_str)
}

/// A text as it is, anything else as JSON.
fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_json(), String::from)
}

/// The system instructions as the first message; says how many messages that made.
pub(super) fn put_system(attributes: &mut Attributes<'_>, instructions: AnyView<'_>) -> usize {
    let parts = structured(instructions);
    let parts: Vec<&Value> = elements(&parts).iter().collect();
    if parts.is_empty() {
        return 0;
    }
    attributes.put_text("llm.input_messages.0.message.role", "system");
    put_parts(attributes, "llm.input_messages.0.message", &parts);
    1
}

/// Messages under `prefix`, numbered from `index`.
pub(super) fn put_messages(
    attributes: &mut Attributes<'_>,
    prefix: &str,
    mut index: usize,
    messages: AnyView<'_>,
) {
    for message in elements(&structured(messages)) {
        let parts = message.get("parts").map_or(&[][..], elements);
        let is_answer = |part: &&Value| text(part, "type") == Some("tool_call_response");
        let own: Vec<&Value> = parts.iter().filter(|part| !is_answer(part)).collect();
        let answers: Vec<&Value> = parts.iter().filter(is_answer).collect();
        if !own.is_empty() || answers.is_empty() {
            let at = format!("{prefix}.{index}.message");
            put_head(attributes, &at, message, text(message, "role").unwrap_or_default());
            put_parts(attributes, &at, &own);
            index += 1;
        }
        for answer in answers {
            let at = format!("{prefix}.{index}.message");
            put_head(attributes, &at, message, "tool");
            if let Some(id) = text(answer, "id") {
                attributes.put_text(&format!("{at}.tool_call_id"), id);
            }
            let response = answer.get("response").or_else(|| answer.get("result"));
            attributes.put_text(&format!("{at}.content"), &response.map(as_text).unwrap_or_default());
            index += 1;
        }
    }
}

fn put_head(attributes: &mut Attributes<'_>, at: &str, message: &Value, role: &str) {
    attributes.put_text(&format!("{at}.role"), role);
    if let Some(name) = text(message, "name") {
        attributes.put_text(&format!("{at}.name"), name);
    }
}

fn put_parts(attributes: &mut Attributes<'_>, at: &str, parts: &[&Value]) {
    let is_call = |part: &&&Value| text(part, "type") == Some("tool_call");
    let contents: Vec<&&Value> = parts.iter().filter(|part| !is_call(part)).collect();
    match contents.as_slice() {
        // Content or contents, never both.
        [only] if plain_text(only).is_some() => {
            attributes.put_text(&format!("{at}.content"), plain_text(only).unwrap_or_default());
        }
        several => {
            for (index, part) in several.iter().enumerate() {
                put_content(attributes, &format!("{at}.contents.{index}.message_content"), part);
            }
        }
    }
    for (index, call) in parts.iter().filter(is_call).enumerate() {
        let at = format!("{at}.tool_calls.{index}.tool_call");
        if let Some(id) = text(call, "id") {
            attributes.put_text(&format!("{at}.id"), id);
        }
        attributes.put_text(&format!("{at}.function.name"), text(call, "name").unwrap_or_default());
        if let Some(arguments) = call.get("arguments") {
            attributes.put_text(&format!("{at}.function.arguments"), &as_text(arguments));
        }
    }
}

/// The text of a part that is nothing but text.
fn plain_text(part: &Value) -> Option<&str> {
    part.as_str().or_else(|| text(part, "content").filter(|_| text(part, "type") == Some("text")))
}

fn put_content(attributes: &mut Attributes<'_>, at: &str, part: &Value) {
    let kind = text(part, "type");
    let modality = text(part, "modality");
    match (kind, modality) {
        (Some("reasoning"), _) => {
            attributes.put_text(&format!("{at}.type"), "reasoning");
            attributes.put_text(&format!("{at}.text"), text(part, "content").unwrap_or_default());
        }
        (Some("blob" | "uri" | "file"), Some(modality @ ("image" | "audio"))) => {
            attributes.put_text(&format!("{at}.type"), modality);
            attributes.put_text(&format!("{at}.{modality}.{modality}.url"), &url_of(part));
        }
        _ => {
            attributes.put_text(&format!("{at}.type"), "text");
            let content = plain_text(part).map_or_else(|| part.to_json(), String::from);
            attributes.put_text(&format!("{at}.text"), &content);
        }
    }
}

/// Where a picture or a sound is; what came whole is a data URL.
fn url_of(part: &Value) -> String {
    match (text(part, "content"), text(part, "uri").or_else(|| text(part, "file_id"))) {
        (Some(content), _) => {
            let mime_type = text(part, "mime_type").unwrap_or("application/octet-stream");
            format!("data:{mime_type};base64,{content}")
        }
        (None, place) => place.unwrap_or_default().into(),
    }
}

/// The tools that a model may call.
pub(super) fn put_tools(attributes: &mut Attributes<'_>, tools: AnyView<'_>) {
    for (index, tool) in elements(&structured(tools)).iter().enumerate() {
        attributes.put_text(&format!("llm.tools.{index}.tool.json_schema"), &as_text(tool));
    }
}

/// The documents that were found.
pub(super) fn put_documents(attributes: &mut Attributes<'_>, documents: AnyView<'_>) {
    for (index, document) in elements(&structured(documents)).iter().enumerate() {
        let at = format!("retrieval.documents.{index}.document");
        for key in ["id", "content"] {
            if let Some(value) = document.get(key) {
                attributes.put_text(&format!("{at}.{key}"), &as_text(value));
            }
        }
        match document.get("score") {
            Some(Value::Double(score)) => attributes.put(&format!("{at}.score"), AnyView::Double(*score)),
            Some(Value::Int(score)) => attributes.put(&format!("{at}.score"), AnyView::Int(*score)),
            _ => {}
        }
        if let Some(metadata) = document.get("metadata") {
            attributes.put_text(&format!("{at}.metadata"), &as_text(metadata));
        }
    }
}
