//! The import section against a list of allowed names.

use anyhow::Result;
use wasmparser::{Parser, Payload};

/// What the module imports and `allowed` does not name: `module.name` a line, `#` starts a comment.
pub fn not_allowed(module: &[u8], allowed: &str) -> Result<Vec<String>> {
    let allowed: Vec<&str> =
        allowed.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let mut found = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        let Payload::ImportSection(section) = payload? else { continue };
        for import in section.into_imports() {
            let import = import?;
            let name = format!("{}.{}", import.module, import.name);
            if !allowed.contains(&name.as_str()) {
                found.push(name);
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `(module (import "env" "now" (func)) (import "env" "log" (func)))`
    const MODULE: &[u8] =
        b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x02\x15\x02\x03env\x03now\0\0\x03env\x03log\0\0";

    #[test]
    fn what_the_list_does_not_name_is_found() {
        assert_eq!(not_allowed(MODULE, "").unwrap(), ["env.now", "env.log"]);
        assert_eq!(not_allowed(MODULE, "# clock\n env.now \n").unwrap(), ["env.log"]);
        assert!(not_allowed(MODULE, "env.log\nenv.now").unwrap().is_empty());
    }

    #[test]
    fn a_module_without_imports_passes_and_a_broken_one_does_not() {
        assert!(not_allowed(b"\0asm\x01\0\0\0", "").unwrap().is_empty());
        assert!(not_allowed(&MODULE[..20], "env.now\nenv.log").is_err());
    }
}
