//! `cargo xtask demo`: the example program `demo`.

use std::process::ExitCode;

use anyhow::{Result, ensure};

use crate::args::Args;
use crate::paths;
use crate::run::{cargo, run};

pub const HELP: &str = "
usage: cargo xtask demo [ARGUMENTS]

Traces an agent workflow, prints its tree and writes it as OTLP JSON and as NodeTraceLog JSON. Arguments go to the
program.";

pub fn command(args: Args) -> Result<ExitCode> {
    ensure!(paths::root().join("examples/demo.rs").is_file(), "there is no examples/demo.rs");
    run(cargo(&["run", "--example", "demo", "--"]).args(args.rest()))?;
    Ok(ExitCode::SUCCESS)
}
