//! OpenInference's privacy switches: content hidden by what its key means.
//!
//! The switches know OpenInference's keys and those of this crate and of the GenAI conventions that hold the same
//! content. What is hidden becomes the text `__REDACTED__`, whatever it was.

/// What stands in the place of hidden content.
pub const HIDDEN: &str = "__REDACTED__";

/// A switch: what it hides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Hide {
    /// Inputs, input messages, prompts and tools.
    Inputs,
    /// Outputs, output messages and choices.
    Outputs,
    /// Messages that went in.
    InputMessages,
    /// Messages that came out.
    OutputMessages,
    /// Images in messages that went in.
    InputImages,
    /// Texts in messages that went in.
    InputText,
    /// Texts in messages that came out.
    OutputText,
    /// Prompts of the completions interface.
    Prompts,
    /// Choices of the completions interface.
    Choices,
    /// Tools that were offered.
    LlmTools,
    /// How a model was invoked; how a node was configured.
    LlmInvocationParameters,
    /// Vectors of embeddings.
    EmbeddingsVectors,
    /// Texts that were embedded.
    EmbeddingsText,
}

impl Hide {
    /// All switches and the variables that set them.
    pub const ALL: [(Self, &'static str); 13] = [
        (Self::Inputs, "OPENINFERENCE_HIDE_INPUTS"),
        (Self::Outputs, "OPENINFERENCE_HIDE_OUTPUTS"),
        (Self::InputMessages, "OPENINFERENCE_HIDE_INPUT_MESSAGES"),
        (Self::OutputMessages, "OPENINFERENCE_HIDE_OUTPUT_MESSAGES"),
        (Self::InputImages, "OPENINFERENCE_HIDE_INPUT_IMAGES"),
        (Self::InputText, "OPENINFERENCE_HIDE_INPUT_TEXT"),
        (Self::OutputText, "OPENINFERENCE_HIDE_OUTPUT_TEXT"),
        (Self::Prompts, "OPENINFERENCE_HIDE_PROMPTS"),
        (Self::Choices, "OPENINFERENCE_HIDE_CHOICES"),
        (Self::LlmTools, "OPENINFERENCE_HIDE_LLM_TOOLS"),
        (Self::LlmInvocationParameters, "OPENINFERENCE_HIDE_LLM_INVOCATION_PARAMETERS"),
        (Self::EmbeddingsVectors, "OPENINFERENCE_HIDE_EMBEDDINGS_VECTORS"),
        (Self::EmbeddingsText, "OPENINFERENCE_HIDE_EMBEDDINGS_TEXT"),
    ];

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// The variable that bounds images.
pub const IMAGE_MAX_LENGTH: &str = "OPENINFERENCE_BASE64_IMAGE_MAX_LENGTH";

/// The state of all switches.
///
/// ```
/// use spanloom::redact::{Hide, OpenInferenceHide};
/// let environment = |name: &str| (name == "OPENINFERENCE_HIDE_INPUTS").then(|| "true".to_owned());
/// // What the code says is set last, and so counts more.
/// let hide = OpenInferenceHide::from_lookup(environment).set(Hide::Outputs, true);
/// assert!(hide.is_set(Hide::Inputs) && hide.is_set(Hide::Outputs));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenInferenceHide {
    switches: u16,
    max_image: usize,
    ignored: Vec<&'static str>,
}

impl Default for OpenInferenceHide {
    fn default() -> Self {
        Self { switches: 0, max_image: 32_000, ignored: Vec::new() }
    }
}

impl OpenInferenceHide {
    /// The switches as these variables set them; empty ones count as unset.
    #[must_use]
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let set =
            |name: &str| lookup(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let mut hide = Self::default();
        for (switch, name) in Hide::ALL {
            let Some(text) = set(name) else { continue };
            if text.eq_ignore_ascii_case("true") {
                hide = hide.set(switch, true);
            } else if !text.eq_ignore_ascii_case("false") {
                hide.ignored.push(name);
            }
        }
        if let Some(text) = set(IMAGE_MAX_LENGTH) {
            match text.parse() {
                Ok(length) => hide.max_image = length,
                Err(_) => hide.ignored.push(IMAGE_MAX_LENGTH),
            }
        }
        hide
    }

    /// Sets a switch, over what was said before.
    #[must_use]
    pub const fn set(mut self, switch: Hide, on: bool) -> Self {
        self.switches = if on { self.switches | switch.bit() } else { self.switches & !switch.bit() };
        self
    }

    /// Sets how many bytes an image in a data URL may have, over what was said before.
    #[must_use]
    pub const fn max_image_length(mut self, bytes: usize) -> Self {
        self.max_image = bytes;
        self
    }

    /// How many bytes an image in a data URL may have.
    #[must_use]
    pub const fn image_max_length(&self) -> usize {
        self.max_image
    }

    /// True when the switch is set.
    #[must_use]
    pub const fn is_set(&self, switch: Hide) -> bool {
        self.switches & switch.bit() != 0
    }

    /// Variables whose values are no truth value or no number and had no effect: worth a warning.
    #[must_use]
    pub fn ignored(&self) -> &[&'static str] {
        &self.ignored
    }

    const fn any(&self, first: Hide, second: Hide) -> bool {
        self.switches & (first.bit() | second.bit()) != 0
    }

    /// What happens to the attribute with this key.
    pub(crate) fn cover_of(&self, key: &[u8]) -> Cover {
        let whole = |hidden: bool| if hidden { Cover::Whole } else { Cover::None };
        match key {
            b"input.value"
            | b"spanloom.input"
            | b"spanloom.question"
            | b"gen_ai.tool.call.arguments"
            | b"gen_ai.retrieval.query.text" => whole(self.is_set(Hide::Inputs)),
            b"output.value"
            | b"spanloom.output"
            | b"spanloom.answer"
            | b"gen_ai.tool.call.result"
            | b"gen_ai.retrieval.documents" => whole(self.is_set(Hide::Outputs)),
            b"gen_ai.input.messages" | b"gen_ai.system_instructions" => self.input_messages(None),
            b"gen_ai.output.messages" => self.output_messages(None),
            b"gen_ai.tool.definitions" => whole(self.any(Hide::Inputs, Hide::LlmTools)),
            b"llm.invocation_parameters" | b"embedding.invocation_parameters" | b"spanloom.config" => {
                whole(self.is_set(Hide::LlmInvocationParameters))
            }
            _ if key.starts_with(b"llm.input_messages") => self.input_messages(Some(key)),
            _ if key.starts_with(b"llm.output_messages") => self.output_messages(Some(key)),
            _ if key.starts_with(b"llm.tools") => whole(self.any(Hide::Inputs, Hide::LlmTools)),
            _ if key.starts_with(b"llm.prompts") => whole(self.any(Hide::Inputs, Hide::Prompts)),
            _ if key.starts_with(b"llm.choices") => whole(self.any(Hide::Outputs, Hide::Choices)),
            _ if key.ends_with(b".embedding.vector") => whole(self.is_set(Hide::EmbeddingsVectors)),
            _ if key.ends_with(b".embedding.text") => whole(self.is_set(Hide::EmbeddingsText)),
            _ => Cover::None,
        }
    }

    /// `key` is the whole of a flattened key, or none for messages that are one structured value.
    fn input_messages(&self, key: Option<&[u8]>) -> Cover {
        if self.any(Hide::Inputs, Hide::InputMessages) {
            return Cover::Whole;
        }
        let (text, images) = (self.is_set(Hide::InputText), self.is_set(Hide::InputImages));
        let Some(key) = key else { return Cover::Parts { text, images, max_image: self.max_image } };
        if text && is_text(key) || images && is_image(key) {
            Cover::Whole
        } else if is_image(key) {
            Cover::Parts { text: false, images: false, max_image: self.max_image }
        } else {
            Cover::None
        }
    }

    fn output_messages(&self, key: Option<&[u8]>) -> Cover {
        if self.any(Hide::Outputs, Hide::OutputMessages) {
            return Cover::Whole;
        }
        let text = self.is_set(Hide::OutputText);
        match key {
            None if text => Cover::Parts { text, images: false, max_image: usize::MAX },
            Some(key) if text && is_text(key) => Cover::Whole,
            _ => Cover::None,
        }
    }
}

/// What is hidden of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cover {
    /// Nothing.
    None,
    /// All of it.
    Whole,
    /// Parts of messages.
    Parts { text: bool, images: bool, max_image: usize },
}

impl Cover {
    /// True when the entry with this key inside structured messages is hidden.
    pub(crate) fn hides_entry(self, key: &[u8]) -> bool {
        let Self::Parts { text, images, .. } = self else { return self == Self::Whole };
        (text && matches!(key, b"content" | b"text"))
            || (images
                && matches!(key, b"uri" | b"url" | b"image" | b"image_url" | b"file_id" | b"data" | b"blob"))
    }

    /// True when this text inside messages is hidden, wherever it stands.
    pub(crate) fn hides_text(self, text: &[u8]) -> bool {
        let Self::Parts { images, max_image, .. } = self else { return self == Self::Whole };
        let is_data_url = text.starts_with(b"data:image/");
        is_data_url && (images || text.len() > max_image) || images && is_base64(text)
    }

    /// True when messages that are one text have to be hidden whole, because their parts cannot be told apart.
    pub(crate) fn hides_json(self) -> bool {
        matches!(self, Self::Parts { text: true, .. } | Self::Parts { images: true, .. } | Self::Whole)
    }
}

fn is_text(key: &[u8]) -> bool {
    key.ends_with(b".message.content") || key.ends_with(b".message_content.text")
}

fn is_image(key: &[u8]) -> bool {
    key.windows(MESSAGE_IMAGE.len()).any(|part| part == MESSAGE_IMAGE)
}

const MESSAGE_IMAGE: &[u8] = b".message_content.image";

/// Long and of nothing but base64's letters: data, no prose.
fn is_base64(text: &[u8]) -> bool {
    let letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=');
    text.len() >= 64 && text.iter().all(letter)
}
