//! An environment, and what is captured of it under several options.

use std::path::Path;

use spanloom::redact::{CaptureOptions, capture_environment};
use spanloom::value::Value;

use crate::entries::{each, is_vector, list, map, member};

pub fn claims(path: &Path, case: &Value) -> bool {
    is_vector(path, "env_redaction") || (case.get("environment").is_some() && case.get("cases").is_some())
}

pub fn run(case: &Value) -> Result<(), String> {
    let vars = pairs(member(case, "environment")?)?;
    each("case", list(member(case, "cases")?)?, |entry| {
        let options = options(member(entry, "options")?)?;
        let captured = capture_environment(vars.iter().copied(), &options);
        let mut captured: Vec<(&str, &str)> =
            captured.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut expected = pairs(member(entry, "expected")?)?;
        captured.sort_unstable();
        expected.sort_unstable();
        if captured == expected {
            return Ok(());
        }
        let only = |these: &[(&str, &str)], those: &[(&str, &str)]| {
            format!("{:?}", these.iter().filter(|pair| !those.contains(pair)).collect::<Vec<_>>())
        };
        Err(format!("missing {}, too many {}", only(&expected, &captured), only(&captured, &expected)))
    })
}

fn pairs(value: &Value) -> Result<Vec<(&str, &str)>, String> {
    let pairs = map(value)?.iter().map(|(name, value)| {
        Ok((name.as_str(), value.as_str().ok_or_else(|| format!("{name:?} is no text"))?))
    });
    pairs.collect()
}

fn options(value: &Value) -> Result<CaptureOptions, String> {
    let texts = |value: &Value| -> Result<Vec<String>, String> {
        let texts =
            list(value)?.iter().map(|text| text.as_str().map(str::to_owned).ok_or("no text".to_owned()));
        texts.collect()
    };
    let mut options = CaptureOptions::default();
    for (name, value) in map(value)? {
        match (name.as_str(), value) {
            // Nothing said is the default.
            (_, Value::Null) => {}
            ("prefixes", value) => options.prefixes = texts(value)?,
            ("additional_vars", value) => options.additional = texts(value)?,
            ("include_sensitive", Value::Bool(value)) => options.include_sensitive = *value,
            (other, _) => return Err(format!("option {other:?} is not known, or not of this kind")),
        }
    }
    Ok(options)
}
