//! The words of OpenInference.
//!
//! What goes into and out of a step leaves as `input.value` and `output.value`, tokens as `llm.token_count.*`, messages and
//! documents flattened to one attribute for each scalar (see [`messages`](super::messages)).

use super::Attributes;
use super::messages::{put_documents, put_messages, put_system, put_tools};
use crate::json::{Style, Writer};
use crate::otlp::any::AnyView;
use crate::otlp::span::SpanView;
use crate::usage::Usage;
use crate::value::ValueSink;
use crate::vocabulary as key;

const SPAN_KIND: &str = "openinference.span.kind";
const SESSION: &str = "session.id";
const USER: &str = "user.id";
const CONVERSATION: &str = "gen_ai.conversation.id";
const RESPONSE_MODEL: &str = "gen_ai.response.model";
const PROVIDER: &str = "gen_ai.provider.name";
const FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
const SYSTEM_INSTRUCTIONS: &str = "gen_ai.system_instructions";
const INPUT_MESSAGES: &str = "gen_ai.input.messages";
const OUTPUT_MESSAGES: &str = "gen_ai.output.messages";
const TOOL_DEFINITIONS: &str = "gen_ai.tool.definitions";
const DOCUMENTS: &str = "gen_ai.retrieval.documents";

/// What may be the input of a step, the first that is there.
const INPUTS: [&str; 4] =
    [key::INPUT, key::QUESTION, "gen_ai.tool.call.arguments", "gen_ai.retrieval.query.text"];
/// What may be its output.
const OUTPUTS: [&str; 3] = [key::OUTPUT, key::ANSWER, "gen_ai.tool.call.result"];

/// Attributes that only have another name.
const RENAMES: [(&str, &str); 9] = [
    (key::TOOL_NAME, "tool.name"),
    ("gen_ai.tool.description", "tool.description"),
    ("gen_ai.tool.call.id", "tool.id"),
    (key::AGENT_NAME, "agent.name"),
    (key::USAGE_INPUT, "llm.token_count.prompt"),
    (key::USAGE_OUTPUT, "llm.token_count.completion"),
    (key::USAGE_CACHE_READ, "llm.token_count.prompt_details.cache_read"),
    (key::USAGE_CACHE_WRITE, "llm.token_count.prompt_details.cache_write"),
    (key::USAGE_REASONING, "llm.token_count.completion_details.reasoning"),
];

/// Attributes that are told otherwise by `put_derived`.
const DERIVED: [&str; 5] =
    [key::OPERATION, key::USAGE_TOTAL, CONVERSATION, SYSTEM_INSTRUCTIONS, INPUT_MESSAGES];

/// Parameters of a call that together are one JSON text.
const PARAMETERS: [(&str, &str); 9] = [
    ("gen_ai.request.max_tokens", "max_tokens"),
    ("gen_ai.request.temperature", "temperature"),
    ("gen_ai.request.top_p", "top_p"),
    ("gen_ai.request.top_k", "top_k"),
    ("gen_ai.request.frequency_penalty", "frequency_penalty"),
    ("gen_ai.request.presence_penalty", "presence_penalty"),
    ("gen_ai.request.stop_sequences", "stop"),
    ("gen_ai.request.seed", "seed"),
    ("gen_ai.request.choice.count", "n"),
];

/// GenAI provider; OpenInference system (whose model it is) and provider (who runs it). Other names are kept.
const PROVIDERS: [(&str, &str, &str); 10] = [
    ("aws.bedrock", "amazon", "aws"),
    ("azure.ai.inference", "openai", "azure"),
    ("azure.ai.openai", "openai", "azure"),
    ("gcp.gemini", "vertexai", "google"),
    ("gcp.gen_ai", "vertexai", "google"),
    ("gcp.vertex_ai", "vertexai", "google"),
    ("mistral_ai", "mistralai", "mistralai"),
    ("x_ai", "xai", "xai"),
    ("moonshot_ai", "moonshot", "moonshot"),
    ("ibm.watsonx.ai", "ibm", "ibm"),
];

/// What decides over other attributes, found before any is written.
pub(super) struct Facts<'a> {
    span: SpanView<'a>,
    kind: &'static str,
    /// Names of the attributes that become input and output.
    input: Option<&'static str>,
    output: Option<&'static str>,
    has_config: bool,
    request_model: Option<AnyView<'a>>,
    response_model: Option<AnyView<'a>>,
    has_kind: bool,
    session: Option<AnyView<'a>>,
    user: Option<AnyView<'a>>,
}

/// The span kind of a node, by what its program called it, else by its operation.
fn kind_of(kind: Option<&str>, operation: Option<&str>) -> &'static str {
    match kind {
        Some("reranker" | "rerank") => return "RERANKER",
        Some("guardrail") => return "GUARDRAIL",
        Some("evaluator") => return "EVALUATOR",
        Some("prompt") => return "PROMPT",
        _ => {}
    }
    match operation.or_else(|| kind.and_then(key::operation_of)) {
        Some("chat" | "text_completion" | "generate_content") => "LLM",
        Some("embeddings") => "EMBEDDING",
        Some("retrieval") => "RETRIEVER",
        Some("execute_tool") => "TOOL",
        Some("invoke_agent" | "create_agent") => "AGENT",
        _ => "CHAIN",
    }
}

impl<'a> Facts<'a> {
    pub(super) fn of(span: &SpanView<'a>) -> Self {
        let get = |name: &str| span.attribute(name);
        let text = |name: &'static str| get(name).and_then(AnyView::as_str);
        let first = |names: &[&'static str]| names.iter().copied().find(|name| get(name).is_some());
        let or_own =
            |own: &'static str, other: Option<AnyView<'a>>| if get(own).is_some() { None } else { other };
        Self {
            span: *span,
            kind: kind_of(text(key::KIND), text(key::OPERATION)),
            input: if get("input.value").is_some() { None } else { first(&INPUTS) },
            output: if get("output.value").is_some() { None } else { first(&OUTPUTS) },
            has_config: get(key::CONFIG).is_some(),
            request_model: get(key::REQUEST_MODEL),
            response_model: get(RESPONSE_MODEL),
            has_kind: get(SPAN_KIND).is_some(),
            session: or_own(SESSION, get(CONVERSATION).or_else(|| get(key::CHAT_ID))),
            user: or_own(USER, get(key::UID)),
        }
    }

    fn is_embedding(&self) -> bool {
        self.kind == "EMBEDDING"
    }

    fn parameters(&self) -> Option<&'static str> {
        match self.kind {
            "LLM" => Some("llm.invocation_parameters"),
            "EMBEDDING" => Some("embedding.invocation_parameters"),
            _ => None,
        }
    }

    /// Writes one attribute in the words of OpenInference.
    pub(super) fn rewrite(&self, name: &str, value: AnyView<'_>, attributes: &mut Attributes<'_>) {
        if self.input == Some(name) {
            return put_content(attributes, "input.value", "input.mime_type", value);
        }
        if self.output == Some(name) {
            return put_content(attributes, "output.value", "output.mime_type", value);
        }
        if let Some((_, other)) = RENAMES.iter().find(|(known, _)| *known == name) {
            return attributes.put(other, value);
        }
        if DERIVED.contains(&name) {
            return;
        }
        match name {
            key::REQUEST_MODEL | RESPONSE_MODEL => self.put_model(name, value, attributes),
            PROVIDER if !self.is_embedding() => put_provider(value, attributes),
            PROVIDER => {}
            FINISH_REASONS => {
                let reason = value.values().next().unwrap_or(value);
                attributes.put("llm.finish_reason", reason);
            }
            key::TAGS => attributes.put_json("metadata", value),
            key::CONFIG => match self.parameters() {
                Some(name) => attributes.put_json(name, value),
                None => attributes.put(name, value),
            },
            OUTPUT_MESSAGES => {
                put_messages(attributes, "llm.output_messages", 0, value);
            }
            TOOL_DEFINITIONS => put_tools(attributes, value),
            DOCUMENTS => put_documents(attributes, value),
            _ if !self.has_config && self.parameters().is_some() && is_parameter(name) => {}
            _ => attributes.put(name, value),
        }
    }

    fn put_model(&self, name: &str, value: AnyView<'_>, attributes: &mut Attributes<'_>) {
        if self.is_embedding() {
            if name == key::REQUEST_MODEL || self.request_model.is_none() {
                attributes.put("embedding.model_name", value);
            }
            return;
        }
        if name == RESPONSE_MODEL || self.response_model.is_none() {
            attributes.put("llm.model_name", value);
        }
        if self.request_model.is_some() && self.response_model.is_some() {
            let other =
                if name == RESPONSE_MODEL { "llm.response.model_name" } else { "llm.request.model_name" };
            attributes.put(other, value);
        }
    }

    /// Writes what follows from several attributes, or from none.
    pub(super) fn put_derived(&self, attributes: &mut Attributes<'_>) {
        if !self.has_kind {
            attributes.put_text(SPAN_KIND, self.kind);
        }
        let usage = Usage::of_span(&self.span);
        if usage.total_tokens() > 0 {
            let total = i64::try_from(usage.total_tokens()).unwrap_or(i64::MAX);
            attributes.put("llm.token_count.total", AnyView::Int(total));
        }
        for (name, value) in [(SESSION, self.session), (USER, self.user)] {
            if let Some(value) = value {
                attributes.put(name, value);
            }
        }
        self.put_parameters(attributes);
        let mut index = 0;
        if let Some(instructions) = self.span.attribute(SYSTEM_INSTRUCTIONS) {
            index = put_system(attributes, instructions);
        }
        if let Some(messages) = self.span.attribute(INPUT_MESSAGES) {
            put_messages(attributes, "llm.input_messages", index, messages);
        }
    }

    /// The parameters of a call as one JSON text, unless a configuration says it all.
    fn put_parameters(&self, attributes: &mut Attributes<'_>) {
        let Some(name) = self.parameters().filter(|_| !self.has_config) else { return };
        if !self.span.attributes().any(|(name, _)| is_parameter(name)) {
            return;
        }
        let mut text = String::new();
        let mut json = Writer::new(&mut text, Style::Compact);
        json.begin_map();
        for (name, short) in PARAMETERS {
            if let Some(value) = self.span.attribute(name) {
                json.key(short);
                value.tell(&mut json);
            }
        }
        json.end_map();
        attributes.put_text(name, &text);
    }
}

fn is_parameter(name: &str) -> bool {
    PARAMETERS.iter().any(|(known, _)| *known == name)
}

fn put_content(attributes: &mut Attributes<'_>, name: &str, mime_type: &str, value: AnyView<'_>) {
    attributes.put_json(name, value);
    let is_text = matches!(value, AnyView::String(_));
    attributes.put_text(mime_type, if is_text { "text/plain" } else { "application/json" });
}

fn put_provider(value: AnyView<'_>, attributes: &mut Attributes<'_>) {
    let Some(name) = value.as_str() else { return attributes.put(PROVIDER, value) };
    let known = PROVIDERS.iter().find(|(known, ..)| *known == name);
    let (system, provider) = known.map_or((name, name), |(_, system, provider)| (system, provider));
    attributes.put_text("llm.system", system);
    attributes.put_text("llm.provider", provider);
}
