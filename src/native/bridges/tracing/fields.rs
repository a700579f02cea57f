//! Fields of tracing spans and events, as values.
//!
//! They are collected before anything is locked: what formats a field is the program's code, and may itself use tracing.

use std::fmt::Debug;

use tracing_core::Field;
use tracing_core::field::Visit;

use crate::value::ValueRef;

/// The value of a field.
pub(in crate::native::bridges) enum Given {
    Bool(bool),
    Int(i64),
    Large(u64),
    Double(f64),
    /// A text that the program gave as one.
    Str(String),
    /// Anything else, as its debug form shows it.
    Shown(String),
    /// An error, as a text.
    Error(String),
}

impl Given {
    pub(in crate::native::bridges) fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Self::Bool(value) => ValueRef::Bool(*value),
            Self::Int(value) => ValueRef::Int(*value),
            Self::Large(value) => ValueRef::Large(*value),
            Self::Double(value) => ValueRef::Double(*value),
            Self::Str(text) | Self::Shown(text) | Self::Error(text) => ValueRef::Str(text),
        }
    }

    /// What it shows to people.
    pub(in crate::native::bridges) fn shown(&self) -> String {
        match self {
            Self::Bool(value) => value.to_string(),
            Self::Int(value) => value.to_string(),
            Self::Large(value) => value.to_string(),
            Self::Double(value) => format!("{value:?}"),
            Self::Str(text) | Self::Shown(text) | Self::Error(text) => text.clone(),
        }
    }

    /// The text, where it is one.
    pub(in crate::native::bridges) const fn text(&self) -> Option<&str> {
        match self {
            Self::Str(text) | Self::Shown(text) | Self::Error(text) => Some(text.as_str()),
            _ => None,
        }
    }
}

/// Fields in the order in which they came.
#[derive(Default)]
pub(in crate::native::bridges) struct Fields(pub(in crate::native::bridges) Vec<(&'static str, Given)>);

impl Fields {
    pub(in crate::native::bridges) fn get(&self, name: &str) -> Option<&Given> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, given)| given)
    }

    pub(in crate::native::bridges) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Given::text)
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.push((field.name(), Given::Double(value)));
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.push((field.name(), Given::Int(value)));
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.push((field.name(), i64::try_from(value).map_or(Given::Large(value), Given::Int)));
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.push((field.name(), Given::Bool(value)));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), Given::Str(value.to_owned())));
    }
    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.0.push((field.name(), Given::Error(value.to_string())));
    }
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push((field.name(), Given::Shown(format!("{value:?}"))));
    }
}
