//! Small functions of a runtime, recorded from the original: what goes in, and what comes out (`null` for an error).

use std::path::Path;

use spanloom::context::loose_ids;
use spanloom::meter::buckets::LogBuckets;
use spanloom::meter::name::{frontend_prefix, label_value, metric_name};
use spanloom::value::Value;

use crate::entries::{all, each, equal, is_vector, list, map, member, number, numbers, text, whole};

/// A group of entries, and what runs one of them.
type Group = (&'static str, fn(&Value) -> Result<(), String>);

const GROUPS: &[Group] = &[
    ("sanitize", sanitize),
    ("log_buckets", log_buckets),
    ("traceparent", traceparent),
    ("tracing_duration_us", tracing_duration),
];

pub fn claims(path: &Path, case: &Value) -> bool {
    is_vector(path, "runtime_vectors") || GROUPS.iter().any(|(name, _)| case.get(name).is_some())
}

pub fn run(case: &Value) -> Result<(), String> {
    all(map(case)?.iter().map(|(name, entries)| {
        let group = GROUPS.iter().find(|(known, _)| known == name);
        let (name, run) = group.ok_or_else(|| format!("no reader of {name:?}"))?;
        each(name, list(entries)?, run)
    }))
}

fn sanitize(entry: &Value) -> Result<(), String> {
    let given = text(entry, "in")?;
    all([
        equal("name", metric_name(given).ok().as_deref(), member(entry, "name")?.as_str()),
        equal("label", label_value(given).ok().as_deref(), member(entry, "label")?.as_str()),
        equal("frontend_prefix", frontend_prefix(Some(given)).as_str(), text(entry, "frontend_prefix")?),
    ])
}

fn log_buckets(entry: &Value) -> Result<(), String> {
    let count = u32::try_from(whole(entry, "count")?).map_err(|error| error.to_string())?;
    let range =
        LogBuckets { min: number(member(entry, "min")?)?, max: number(member(entry, "max")?)?, count };
    match member(entry, "buckets")? {
        Value::Null => equal("valid", range.is_valid(), false),
        buckets => equal("buckets", range.bounds(), numbers(buckets)?),
    }
}

fn traceparent(entry: &Value) -> Result<(), String> {
    let (trace_id, parent_id) = loose_ids(text(entry, "in")?).unzip();
    all([
        equal("trace_id", trace_id, member(entry, "trace_id")?.as_str()),
        equal("parent_id", parent_id, member(entry, "parent_id")?.as_str()),
    ])
}

#[cfg(feature = "tracing")]
fn tracing_duration(entry: &Value) -> Result<(), String> {
    let micros = spanloom::logs::duration_micros(text(entry, "in")?);
    let expected = match member(entry, "us")? {
        Value::Null => None,
        _ => Some(whole(entry, "us")?),
    };
    equal("us", micros, expected)
}

/// Log lines are a bridge's work.
#[cfg(not(feature = "tracing"))]
fn tracing_duration(_: &Value) -> Result<(), String> {
    Ok(())
}
