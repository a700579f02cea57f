//! `cargo xtask codegen`: the files that are made from Rust definitions, and committed.

use std::process::ExitCode;

use anyhow::Result;

use crate::args::Args;
use crate::run::{cargo, run};

pub const HELP: &str = "
usage: cargo xtask codegen [--check]

Writes the JavaScript and Python twins of the constants that are defined in Rust. With --check nothing is written, and
a file that would change is a failure.";

/// Crates that write files; each takes `--check`.
const GENERATORS: &[&str] = &["xtask-codegen", "spanloom-oracle-gen"];

pub fn command(mut args: Args) -> Result<ExitCode> {
    let check = args.flag("--check");
    args.done()?;
    generate(check)?;
    Ok(ExitCode::SUCCESS)
}

/// Runs all generators.
pub fn generate(check: bool) -> Result<()> {
    for package in GENERATORS {
        let mut command = cargo(&["run", "--quiet", "--package", package]);
        if check {
            command.args(["--", "--check"]);
        }
        run(&mut command)?;
    }
    Ok(())
}
