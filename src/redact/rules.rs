//! What a redactor is made from: plain data and the user's own functions.

use core::fmt;
use core::ops::Range;

use thiserror::Error;

use super::apply::Redactor;
use super::hide::OpenInferenceHide;
use super::keys::KeyRules;
use super::report::Rule;
use super::scan::ALL;
use crate::otlp::any::AnyView;
use crate::value::Value;

/// What the user's functions must be: shareable between threads, where there are threads.
#[cfg(not(target_arch = "wasm32"))]
pub trait Capability: Send + Sync {}
#[cfg(not(target_arch = "wasm32"))]
impl<T: Send + Sync + ?Sized> Capability for T {}

/// What the user's functions must be: nothing, for here are no threads, and functions of the host cannot be shared.
#[cfg(target_arch = "wasm32")]
pub trait Capability {}
#[cfg(target_arch = "wasm32")]
impl<T: ?Sized> Capability for T {}

/// Finds secrets that only the user knows how to find: a regular expression, a dictionary, the host's own engine.
pub trait Matcher: Capability {
    /// The first secret at or behind `from`. A range that is empty, lies before `from` or cuts a character apart ends
    /// the search.
    fn find(&self, text: &str, from: usize) -> Option<Range<usize>>;
}

impl<F: Fn(&str, usize) -> Option<Range<usize>> + Capability> Matcher for F {
    fn find(&self, text: &str, from: usize) -> Option<Range<usize>> {
        self(text, from)
    }
}

#[cfg(feature = "regex")]
impl Matcher for regex::Regex {
    fn find(&self, text: &str, from: usize) -> Option<Range<usize>> {
        // An empty match would end the search: the next one that holds something counts.
        self.find_iter(text.get(from..)?)
            .map(|found| found.start() + from..found.end() + from)
            .find(|range| !range.is_empty())
    }
}

/// What the user's hook wants done with an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum HookAction {
    /// It stays; the value matchers still look at it.
    Keep,
    /// This stands in its place; the value matchers look at it too.
    Replace(Value),
    /// It goes.
    Drop,
}

/// The user's hook could not decide: the attribute goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the redaction hook failed")]
pub struct HookError;

/// The user's hook.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) type Hook = Box<dyn Fn(&str, AnyView<'_>) -> Result<HookAction, HookError> + Send + Sync>;
/// The user's hook.
#[cfg(target_arch = "wasm32")]
pub(crate) type Hook = Box<dyn Fn(&str, AnyView<'_>) -> Result<HookAction, HookError>>;

/// What a [`Redactor`] looks for. By default: secrets by their look and by the names of their keys.
///
/// ```
/// use spanloom::redact::{HookAction, RedactRules, Rule};
/// let redactor = RedactRules::new()
///     .without(Rule::Email)
///     .matcher("ticket", |text: &str, from: usize| {
///         let at = from + text[from..].find("TICKET-")?;
///         Some(at..at + 7)
///     })
///     .hook(|key, _value| Ok(if key == "debug" { HookAction::Drop } else { HookAction::Keep }))
///     .build();
/// assert_eq!(redactor.redact_text("see TICKET-7, ask bob@example.org"), "see [REDACTED:ticket]7, ask bob@example.org");
/// ```
pub struct RedactRules {
    pub(crate) keys: KeyRules,
    pub(crate) looks: u16,
    pub(crate) hide: Option<OpenInferenceHide>,
    pub(crate) matchers: Vec<(String, Box<dyn Matcher>)>,
    pub(crate) hook: Option<Hook>,
}

impl Default for RedactRules {
    fn default() -> Self {
        Self::new()
    }
}

impl RedactRules {
    /// All built-in matchers and the built-in list of keys.
    #[must_use]
    pub fn new() -> Self {
        Self { keys: KeyRules::attributes(), looks: ALL, hide: None, matchers: Vec::new(), hook: None }
    }

    /// Nothing at all.
    #[must_use]
    pub fn none() -> Self {
        Self { keys: KeyRules::none(), looks: 0, ..Self::new() }
    }

    /// These keys instead of the built-in list.
    #[must_use]
    pub fn keys(mut self, keys: KeyRules) -> Self {
        self.keys = keys;
        self
    }

    /// Also this built-in matcher.
    #[must_use]
    pub const fn with(mut self, rule: Rule) -> Self {
        self.looks |= rule.bit() & ALL;
        self
    }

    /// Not this built-in matcher.
    #[must_use]
    pub const fn without(mut self, rule: Rule) -> Self {
        self.looks &= !rule.bit();
        self
    }

    /// Also OpenInference's switches.
    #[must_use]
    pub fn openinference(mut self, hide: OpenInferenceHide) -> Self {
        self.hide = Some(hide);
        self
    }

    /// Also what this matcher finds; `[REDACTED:label]` stands in its place. It sees every text and key.
    #[must_use]
    pub fn matcher(mut self, label: &str, matcher: impl Matcher + 'static) -> Self {
        self.matchers.push((format!("[REDACTED:{label}]"), Box::new(matcher)));
        self
    }

    /// Asks this function about every attribute that its key has not hidden already: of spans, events and links.
    /// Where it panics (and the platform can tell) or fails, the attribute is dropped and counted.
    #[must_use]
    pub fn hook(
        mut self,
        hook: impl Fn(&str, AnyView<'_>) -> Result<HookAction, HookError> + Capability + 'static,
    ) -> Self {
        self.hook = Some(Box::new(hook));
        self
    }

    /// The redactor with these rules.
    #[must_use]
    pub const fn build(self) -> Redactor {
        Redactor::new(self)
    }
}

impl fmt::Debug for RedactRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedactRules")
            .field("keys", &self.keys)
            .field("looks", &self.looks)
            .field("hide", &self.hide)
            .field("matchers", &self.matchers.iter().map(|(label, _)| label).collect::<Vec<_>>())
            .field("hook", &self.hook.is_some())
            .finish()
    }
}
