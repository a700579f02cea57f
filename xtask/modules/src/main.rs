//! Looks into wasm modules; called by `cargo xtask wasm` and `size`.
//!
//! - `bindgen MODULE DIR` writes the JavaScript glue and the module without wasm-bindgen's own sections;
//! - `imports MODULE LIST` fails when the module imports what the list does not name;
//! - `parts MODULE N` prints the N largest functions and data segments.

mod imports;
mod parts;

use std::env;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["bindgen", module, dir] => bindgen(Path::new(module), Path::new(dir)),
        ["imports", module, list] => check_imports(module, list),
        ["parts", module, count] => print_parts(module, count),
        _ => bail!("usage: bindgen MODULE DIR | imports MODULE LIST | parts MODULE N"),
    }
}

/// One build serves browsers, bundlers, workers and Node: the caller decides where the bytes come from.
fn bindgen(module: &Path, dir: &Path) -> Result<()> {
    let mut bindgen = Bindgen::new();
    bindgen.input_path(module).web(true)?.typescript(true).omit_default_module_path(true);
    // `parts` makes names readable in its own way.
    bindgen.demangle(false);
    bindgen.generate(dir).with_context(|| format!("wasm-bindgen on {}", module.display()))
}

fn check_imports(module: &str, list: &str) -> Result<()> {
    let allowed = fs::read_to_string(list).with_context(|| format!("cannot read {list}"))?;
    let unknown = imports::not_allowed(&read(module)?, &allowed)?;
    if unknown.is_empty() {
        println!("the imports of {module} are all allowed");
        return Ok(());
    }
    bail!("{module} imports what {list} does not allow:\n  {}", unknown.join("\n  "))
}

fn print_parts(module: &str, count: &str) -> Result<()> {
    let mut parts = parts::of(&read(module)?)?;
    parts.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
    for part in parts.iter().take(count.parse().context("N is a number")?) {
        // Names of generic functions run over many lines.
        let name: String = part.name.chars().take(100).collect();
        println!("{:>6} {name}", part.bytes);
    }
    Ok(())
}

fn read(module: &str) -> Result<Vec<u8>> {
    fs::read(module).with_context(|| format!("cannot read {module}"))
}
