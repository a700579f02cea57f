//! `cargo xtask bench`: runs the benchmark program of `benches/rust`.

use std::env;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::args::Args;
use crate::run::{cargo, run};

pub const HELP: &str = "
usage: cargo xtask bench [--json FILE] [--filter NAME] [--quick]
       cargo xtask bench --instructions [--check] [--filter NAME]

Measures spanloom and its peers in one run and prints a table with ratios. --json writes the same for machines.
The peers of Node and Python are measured where `cargo xtask setup --bench` has installed them.

--instructions counts instructions per span under valgrind and renews benches/snapshots/instructions.txt; with --check
it fails instead, if a count is more than 2 % worse than there.";

pub fn command(mut args: Args) -> Result<ExitCode> {
    let mut command = program();
    if args.flag("--instructions") {
        command.arg("instructions");
    }
    if let Some(file) = args.value("--json")? {
        // Relative to where the caller stands, not to the repository, where the program runs.
        command.arg("--json").arg(env::current_dir()?.join(Path::new(&file)));
    }
    run(command.args(args.rest()))?;
    Ok(ExitCode::SUCCESS)
}

/// Installs the peers of other languages.
pub fn install_peers() -> Result<()> {
    run(program().arg("setup"))
}

fn program() -> Command {
    cargo(&["run", "--release", "--package", "spanloom-bench", "--"])
}
