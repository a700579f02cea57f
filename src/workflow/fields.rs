//! Reading logs from values: field by field, by name, in any order.
//!
//! What is missing has its default, what is not known is passed over, of repeated fields the last counts. A field of
//! the wrong type is an error; only where printed logs are known to differ (whole numbers printed as doubles, the
//! one-element array that some print for an untouched duration) the reader is lenient.

use thiserror::Error;

use super::parts::{Entries, Number, Status, TokenUsage};
use crate::json::JsonError;
use crate::value::Value;

/// Why a JSON text is no log.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LogError {
    /// The text is not JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// A field has the wrong type.
    #[error("field {field}: expected {expected}")]
    Field {
        /// Name of the field.
        field: &'static str,
        /// The type that it has.
        expected: &'static str,
    },
}

/// The fields of a map that have not been taken yet.
pub(crate) struct Fields {
    entries: Entries,
}

impl Fields {
    /// The fields of the map `value`, which stands in the field `name`.
    pub(crate) fn of(mut value: Value, name: &'static str) -> Result<Self, LogError> {
        match &mut value {
            Value::Map(entries) => Ok(Self { entries: core::mem::take(entries) }),
            _ => Err(LogError::Field { field: name, expected: "an object" }),
        }
    }

    /// Hands the last field of this name to `read`; `None` where there is no such field.
    fn take<T>(
        &mut self,
        field: &'static str,
        expected: &'static str,
        read: impl FnOnce(Value) -> Option<T>,
    ) -> Result<Option<T>, LogError> {
        let Some(at) = self.entries.iter().rposition(|(name, _)| name == field) else { return Ok(None) };
        let (_, value) = self.entries.swap_remove(at);
        read(value).map(Some).ok_or(LogError::Field { field, expected })
    }

    pub(crate) fn text(&mut self, field: &'static str) -> Result<String, LogError> {
        Ok(self.optional_text(field)?.unwrap_or_default())
    }

    pub(crate) fn optional_text(&mut self, field: &'static str) -> Result<Option<String>, LogError> {
        self.take(field, "a string", text)
    }

    pub(crate) fn int(&mut self, field: &'static str, default: i64) -> Result<i64, LogError> {
        Ok(self.take(field, "an integer", |value| whole(&value))?.unwrap_or(default))
    }

    pub(crate) fn number(&mut self, field: &'static str, default: Number) -> Result<Number, LogError> {
        let read = |value: Value| match value {
            Value::Int(number) => Some(Number::Int(number)),
            Value::Double(number) => Some(Number::Double(number)),
            _ => None,
        };
        Ok(self.take(field, "a number", read)?.unwrap_or(default))
    }

    pub(crate) fn bool(&mut self, field: &'static str, default: bool) -> Result<bool, LogError> {
        let read = |value| if let Value::Bool(value) = value { Some(value) } else { None };
        Ok(self.take(field, "a boolean", read)?.unwrap_or(default))
    }

    pub(crate) fn values(&mut self, field: &'static str) -> Result<Vec<Value>, LogError> {
        Ok(self.take(field, "an array", values)?.unwrap_or_default())
    }

    pub(crate) fn texts(&mut self, field: &'static str) -> Result<Vec<String>, LogError> {
        let read = |value| values(value)?.into_iter().map(text).collect();
        Ok(self.take(field, "an array of strings", read)?.unwrap_or_default())
    }

    pub(crate) fn entries(&mut self, field: &'static str) -> Result<Entries, LogError> {
        Ok(self.map(field)?.entries)
    }

    pub(crate) fn text_map(&mut self, field: &'static str) -> Result<Vec<(String, String)>, LogError> {
        let expected = "an object of strings";
        let entries = self.entries(field)?;
        let read = |(key, value)| text(value).map(|text| (key, text));
        entries.into_iter().map(read).collect::<Option<_>>().ok_or(LogError::Field { field, expected })
    }

    /// The fields of the map in this field; none where it is missing.
    pub(crate) fn map(&mut self, field: &'static str) -> Result<Self, LogError> {
        let read = |value| Self::of(value, field).ok();
        Ok(self.take(field, "an object", read)?.unwrap_or(Self { entries: Entries::new() }))
    }

    pub(crate) fn usage(&mut self, field: &'static str) -> Result<TokenUsage, LogError> {
        let mut fields = self.map(field)?;
        Ok(TokenUsage {
            question_tokens: fields.int("question_tokens", 0)?,
            prompt_tokens: fields.int("prompt_tokens", 0)?,
            completion_tokens: fields.int("completion_tokens", 0)?,
            total_tokens: fields.int("total_tokens", 0)?,
        })
    }

    pub(crate) fn status(&mut self, field: &'static str) -> Result<Status, LogError> {
        let mut fields = self.map(field)?;
        Ok(Status { code: fields.int("code", 0)?, message: fields.text("message")? })
    }
}

fn text(mut value: Value) -> Option<String> {
    if let Value::String(text) = &mut value { Some(core::mem::take(text)) } else { None }
}

fn values(mut value: Value) -> Option<Vec<Value>> {
    if let Value::Array(values) = &mut value { Some(core::mem::take(values)) } else { None }
}

fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        Value::Double(number) => whole_double(*number),
        Value::Array(values) => match values.as_slice() {
            [Value::Int(number)] => Some(*number),
            _ => None,
        },
        _ => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "whole and in range, as checked")]
fn whole_double(number: f64) -> Option<i64> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0; // 2^63
    (number.trunc() == number && (-LIMIT..LIMIT).contains(&number)).then_some(number as i64)
}
