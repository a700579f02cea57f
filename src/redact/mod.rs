//! Redaction: what must not leave the program is taken out of spans before anybody stores or sends them.
//!
//! A [`Redactor`] goes through the bytes of a `Span` message once. Each attribute is judged by its key first ([`hide`],
//! [`keys`], the user's hook); what is left is searched for secrets by their look ([`scan`]): texts and keys at any
//! depth, and also names, status messages, events and links. What is clean is copied as it stands, so a span without
//! secrets comes out byte by byte the same; only fields that change are written anew.
//!
//! Redaction fails closed. What cannot be read, what a hook panics over and what a matcher panics over does not pass.

mod apply;
pub mod env;
pub mod hide;
pub mod keys;
mod report;
mod rules;
pub mod scan;

pub use apply::Redactor;
pub use env::{CaptureOptions, capture_environment};
pub use hide::{Hide, OpenInferenceHide};
pub use keys::KeyRules;
pub use report::{RedactReport, Rule};
pub use rules::{Capability, HookAction, HookError, Matcher, RedactRules};
