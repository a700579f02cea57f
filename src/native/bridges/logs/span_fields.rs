//! The fields of a span as its lines show them.
//!
//! Dynamo's logger keeps a span's fields as one text, `key=value` by `key=value` with texts in quotes, and splits it at spaces
//! again for each line. What is readable afterwards is part of the format: all values are texts, and a text with spaces keeps
//! its first word.

use core::fmt::Write as _;

use super::super::tracing::{Fields, Given};

/// What a line shows of these fields.
pub(super) fn shown(fields: &Fields) -> Vec<(String, String)> {
    let mut text = String::new();
    for (name, given) in &fields.0 {
        let name = name.strip_prefix("r#").unwrap_or(name);
        if !text.is_empty() {
            text.push(' ');
        }
        if *name != *"message" {
            text.push_str(name);
            text.push('=');
        }
        // Writing to a String cannot fail.
        let _ = match given {
            Given::Bool(value) => write!(text, "{value:?}"),
            Given::Int(value) => write!(text, "{value:?}"),
            Given::Large(value) => write!(text, "{value:?}"),
            Given::Double(value) => write!(text, "{value:?}"),
            Given::Str(value) if *name == *"message" => write!(text, "{value}"),
            Given::Str(value) => write!(text, "{value:?}"),
            Given::Shown(value) | Given::Error(value) => write!(text, "{value}"),
        };
    }
    let words = text.split(' ').filter_map(|word| word.split_once('='));
    words.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned())).collect()
}
