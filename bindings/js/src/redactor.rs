//! `Redactor`.

use spanloom::redact::{RedactRules, Redactor as Rules, Rule};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::args::{Options, text};
use crate::error::named;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** The matchers of secrets by their look. */
export type RedactRule =
  | "api_key" | "bearer" | "jwt" | "private_key" | "url_credentials" | "card" | "email" | "secret";

/** What a redactor looks for. */
export interface RedactOptions {
  /** Built-in matchers that are not to look. */
  without?: RedactRule[];
}
"#;

/// Takes out of texts what must not leave the program.
///
/// ```js
/// const redactor = new Redactor({ without: ["email"] });
/// redactor.redactText("Bearer sk-0123456789abcdef0123");   // "Bearer [REDACTED:...]"
/// ```
#[wasm_bindgen]
pub struct Redactor {
    rules: Rules,
}

#[wasm_bindgen]
impl Redactor {
    /// A redactor with all built-in rules, and what the options say. Throws a `RedactError` for a rule that there is not:
    /// a misspelt one would let secrets pass.
    ///
    /// ```js
    /// const redactor = new Redactor();
    /// ```
    ///
    /// # Errors
    /// When a rule is not known.
    #[wasm_bindgen(constructor)]
    pub fn new(
        #[wasm_bindgen(unchecked_optional_param_type = "RedactOptions")] options: &JsValue,
    ) -> Result<Self, JsValue> {
        let options = Options::read(options);
        let mut rules = RedactRules::new();
        for name in options.texts(["without", "without"]).unwrap_or_default() {
            let rule = Rule::ALL.into_iter().find(|rule| rule.name() == name);
            let unknown = || named("RedactError")(&format!("there is no rule {name:?}"));
            rules = rules.without(rule.ok_or_else(unknown)?);
        }
        Ok(Self { rules: rules.build() })
    }

    /// The text with each secret in it replaced by the name of its rule.
    ///
    /// ```js
    /// redactor.redactText("mail bob@example.org");   // "mail [REDACTED:email]"
    /// ```
    #[wasm_bindgen(js_name = redactText)]
    #[must_use]
    pub fn redact_text(&self, #[wasm_bindgen(unchecked_param_type = "string")] secret: &JsValue) -> String {
        self.rules.redact_text(&text(secret))
    }
}
