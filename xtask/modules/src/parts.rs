//! What a module is made of: the bytes of each function and data segment, and of each other section.

use std::collections::HashMap;

use anyhow::Result;
use wasmparser::{KnownCustom, Name, Parser, Payload};

#[derive(Debug, PartialEq, Eq)]
pub struct Part {
    pub name: String,
    pub bytes: usize,
}

/// The parts in the order of the module; the name section gives names and does not count itself.
pub fn of(module: &[u8]) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    let mut bodies = Vec::new();
    let mut imported = 0;
    let mut names = HashMap::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        match &payload {
            Payload::ImportSection(section) => imported = count_functions(section.clone())?,
            Payload::CodeSectionEntry(body) => bodies.push(body.range().len()),
            Payload::DataSection(section) => {
                for (at, data) in section.clone().into_iter().enumerate() {
                    parts.push(Part { name: format!("data segment {at}"), bytes: data?.range.len() });
                }
            }
            Payload::CustomSection(section) => {
                if let KnownCustom::Name(section) = section.as_known() {
                    names = function_names(section)?;
                }
            }
            _ => {}
        }
        if let Some((id, range)) = payload.as_section()
            && let Some(name) = other_section(id)
        {
            parts.push(Part { name: format!("section of {name}"), bytes: range.len() });
        }
    }
    parts.extend(bodies.into_iter().zip(imported..).map(|(bytes, index)| Part {
        name: names.remove(&index).unwrap_or_else(|| format!("function {index}")),
        bytes,
    }));
    Ok(parts)
}

/// Sections that are parts as a whole; code and data are told apart by their items.
fn other_section(id: u8) -> Option<&'static str> {
    match id {
        1 => Some("types"),
        2 => Some("imports"),
        3 => Some("function types"),
        4 => Some("tables"),
        6 => Some("globals"),
        7 => Some("exports"),
        9 => Some("table elements"),
        _ => None,
    }
}

fn count_functions(section: wasmparser::ImportSectionReader<'_>) -> Result<u32> {
    let mut count = 0;
    for import in section.into_imports() {
        if matches!(import?.ty, wasmparser::TypeRef::Func(_) | wasmparser::TypeRef::FuncExact(_)) {
            count += 1;
        }
    }
    Ok(count)
}

fn function_names(section: wasmparser::NameSectionReader<'_>) -> Result<HashMap<u32, String>> {
    let mut names = HashMap::new();
    for subsection in section {
        let Name::Function(map) = subsection? else { continue };
        for naming in map {
            let naming = naming?;
            names.insert(naming.index, readable(naming.name));
        }
    }
    Ok(names)
}

/// Without the hash, which changes with every compiler.
fn readable(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Types, one imported and one own function (`nop; nop; end`), data "abc", and names for the two functions.
    const MODULE: &[u8] = b"\0asm\x01\0\0\0\
        \x01\x04\x01\x60\0\0\
        \x02\x07\x01\x01e\x01f\0\0\
        \x03\x02\x01\0\
        \x05\x03\x01\0\x01\
        \x0a\x06\x01\x04\0\x01\x01\x0b\
        \x0b\x09\x01\0\x41\0\x0b\x03abc\
        \0\x11\x04name\x01\x0a\x02\0\x03out\x01\x02me";

    #[test]
    fn functions_are_named_past_the_imported_ones() {
        let parts = of(MODULE).unwrap();
        let bytes = |name: &str| parts.iter().find(|part| part.name == name).map(|part| part.bytes);
        assert_eq!(bytes("me"), Some(4));
        assert_eq!(bytes("out"), None);
        assert_eq!(bytes("section of imports"), Some(7));
        assert!(bytes("data segment 0") >= Some(3));
    }

    #[test]
    fn names_lose_their_hash() {
        assert_eq!(readable("_ZN8spanloom2id5parse17h0123456789abcdefE"), "spanloom::id::parse");
        assert_eq!(readable("alloc"), "alloc");
    }
}
