//! The table as source text.

use std::fmt::Write;

use crate::table::{Constant, Group};

const HEAD: &str = "Made from the Rust constants by `cargo xtask codegen`; changes here are overwritten.";

pub fn javascript(groups: &[Group]) -> String {
    let mut text = format!("// {HEAD}\n");
    for Group { name, doc, rows } in groups {
        let _ = writeln!(text, "\n/** {doc} */\nexport const {name} = Object.freeze({{");
        for (name, value) in *rows {
            let _ = writeln!(text, "  {}: {},", upper_case(name), literal(value));
        }
        text.push_str("});\n");
    }
    text
}

pub fn python(groups: &[Group]) -> String {
    let mut text = format!("# {HEAD}\n");
    for Group { name, doc, rows } in groups {
        let _ = writeln!(text, "\n\nclass {name}:\n    \"\"\"{doc}\"\"\"\n");
        for (name, value) in *rows {
            let _ = writeln!(text, "    {} = {}", upper_case(name), literal(value));
        }
    }
    text
}

/// Texts here are plain ASCII, so both languages write them alike.
fn literal(value: &Constant) -> String {
    match value {
        Constant::Number(number) => number.to_string(),
        Constant::Text(text) => format!("{text:?}"),
        // As both languages write doubles, and lists of them.
        Constant::Doubles(numbers) => format!("{numbers:?}"),
    }
}

/// Constants are in upper case in both languages, variants of Rust enums are not.
fn upper_case(name: &str) -> String {
    let is_variant = name.contains(|c: char| c.is_ascii_lowercase());
    let mut text = String::new();
    for (at, letter) in name.char_indices() {
        if is_variant && at > 0 && letter.is_ascii_uppercase() {
            text.push('_');
        }
        text.push(letter.to_ascii_uppercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUPS: &[Group] = &[Group {
        name: "Kind",
        doc: "Kinds.",
        rows: &[("JustOpened", Constant::Number(1)), ("IS_CLOSED", Constant::Text("x"))],
    }];

    #[test]
    fn javascript_gets_frozen_objects() {
        let wanted = "\n/** Kinds. */\nexport const Kind = Object.freeze({\n  JUST_OPENED: 1,\n  IS_CLOSED: \"x\",\n});\n";
        assert!(javascript(GROUPS).ends_with(wanted), "{}", javascript(GROUPS));
    }

    #[test]
    fn python_gets_classes() {
        let wanted =
            "\n\nclass Kind:\n    \"\"\"Kinds.\"\"\"\n\n    JUST_OPENED = 1\n    IS_CLOSED = \"x\"\n";
        assert!(python(GROUPS).ends_with(wanted), "{}", python(GROUPS));
    }
}
