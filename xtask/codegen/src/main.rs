//! Writes the twins of the constants in [`table`]; with `--check` it only tells which file would change.
//!
//! The constants are imported, not parsed: a renamed one breaks this build, a changed one changes the files.

mod print;
mod table;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::print::{javascript, python};
use crate::table::GROUPS;

fn main() -> Result<()> {
    let check = match env::args().nth(1).as_deref() {
        None => false,
        Some("--check") => true,
        Some(other) => bail!("'{other}' means nothing here; --check does"),
    };
    for (path, text) in
        [("bindings/abi/layout.mjs", javascript(GROUPS)), ("bindings/abi/layout.py", python(GROUPS))]
    {
        let file = root()?.join(path);
        if fs::read_to_string(&file).is_ok_and(|committed| committed == text) {
            println!("{path} is current");
        } else if check {
            bail!("{path} differs from the Rust constants: run `cargo xtask codegen` and commit the file");
        } else {
            fs::write(&file, text).with_context(|| format!("cannot write {path}"))?;
            println!("{path} is written");
        }
    }
    Ok(())
}

fn root() -> Result<PathBuf> {
    let here = env::var_os("CARGO_MANIFEST_DIR").context("call me by `cargo run`")?;
    Path::new(&here).ancestors().nth(2).map(Path::to_path_buf).context("the repository is two folders up")
}
