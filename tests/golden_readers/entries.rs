//! What readers of files with many entries share: looking into JSON, and telling of all entries that failed.

use spanloom::value::Value;

/// True for the file of this name in a folder `vectors`: it may hold too little to be known by what is in it.
pub fn is_vector(path: &std::path::Path, name: &str) -> bool {
    let folder = path.parent().and_then(|folder| folder.file_name());
    path.file_stem().is_some_and(|stem| stem == name) && folder.is_some_and(|folder| folder == "vectors")
}

pub fn list(value: &Value) -> Result<&[Value], String> {
    match value {
        Value::Array(list) => Ok(list),
        other => Err(format!("{} is no list", other.to_json())),
    }
}

pub fn map(value: &Value) -> Result<&[(String, Value)], String> {
    match value {
        Value::Map(entries) => Ok(entries),
        other => Err(format!("{} is no map", other.to_json())),
    }
}

pub fn member<'a>(value: &'a Value, name: &str) -> Result<&'a Value, String> {
    value.get(name).ok_or_else(|| format!("no {name:?}"))
}

pub fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, String> {
    member(value, name)?.as_str().ok_or_else(|| format!("{name:?} is no text"))
}

/// A number, also where it is written without a point.
pub fn number(value: &Value) -> Result<f64, String> {
    match value {
        Value::Int(number) => Ok(*number as f64),
        Value::Double(number) => Ok(*number),
        other => Err(format!("{} is no number", other.to_json())),
    }
}

pub fn whole(value: &Value, name: &str) -> Result<u64, String> {
    let number = member(value, name)?.as_int().and_then(|number| u64::try_from(number).ok());
    number.ok_or_else(|| format!("{name:?} is no whole number"))
}

pub fn numbers(value: &Value) -> Result<Vec<f64>, String> {
    list(value)?.iter().map(number).collect()
}

pub fn equal<T: PartialEq + std::fmt::Debug>(what: &str, got: T, expected: T) -> Result<(), String> {
    if got == expected { Ok(()) } else { Err(format!("{what}: expected {expected:?}, got {got:?}")) }
}

/// Runs all entries of a group; the error names each that failed.
pub fn each<'a>(
    group: &str,
    entries: &'a [Value],
    run: impl Fn(&'a Value) -> Result<(), String>,
) -> Result<(), String> {
    let results = entries.iter().enumerate().map(|(index, entry)| {
        run(entry).map_err(|error| {
            let name = entry
                .get("name")
                .or_else(|| entry.get("in"))
                .map_or_else(String::new, |name| format!(" {name:?}"));
            format!("{group} {index}{name}: {error}")
        })
    });
    all(results)
}

/// One error of all errors.
pub fn all(results: impl IntoIterator<Item = Result<(), String>>) -> Result<(), String> {
    let errors: Vec<String> = results.into_iter().filter_map(Result::err).collect();
    if errors.is_empty() { Ok(()) } else { Err(errors.join("\n    ")) }
}
