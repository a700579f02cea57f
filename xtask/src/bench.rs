//! `cargo xtask bench`: runs the benchmark program.

use std::env;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, ensure};

use crate::args::Args;
use crate::paths;
use crate::run::{cargo, run};

pub const HELP: &str = "
usage: cargo xtask bench [--json FILE] [ARGUMENTS]

Measures spanloom and its peers in one run and prints a table with ratios. --json writes the same for machines.
Other arguments go to the benchmark program.";

pub fn command(mut args: Args) -> Result<ExitCode> {
    let json = args.value("--json")?;
    ensure!(paths::root().join("benches/Cargo.toml").is_file(), "there is no benchmark program in benches/");
    let mut command = cargo(&["run", "--release", "--package", "spanloom-bench", "--"]);
    if let Some(file) = json {
        // Relative to where the caller stands, not to the repository, where the program runs.
        command.arg("--json").arg(env::current_dir()?.join(Path::new(&file)));
    }
    run(command.args(args.rest()))?;
    Ok(ExitCode::SUCCESS)
}
