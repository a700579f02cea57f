//! `cargo xtask fuzz`: each fuzz target for a while.
//!
//! Seeds are committed in `fuzz/corpus/<target>`; what a run finds of interest goes to `fuzz/corpus-grown/<target>`.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};

use crate::args::{Args, usage_error};
use crate::paths;
use crate::run::{cargo, output, run};

pub const HELP: &str = "
usage: cargo xtask fuzz [TARGET] [--seconds N]

Runs one fuzz target, or all in turn, N seconds each (default 60). Needs rustup's nightly toolchain and cargo-fuzz.
An input that breaks something is kept in fuzz/artifacts/.";

pub fn command(mut args: Args) -> Result<ExitCode> {
    let seconds = match args.value("--seconds")? {
        None => 60,
        Some(text) => text.parse::<u32>().map_err(|_| usage_error("--seconds takes a whole number"))?,
    };
    let wanted = args.word();
    args.done()?;
    ensure!(paths::root().join("fuzz/Cargo.toml").is_file(), "there are no fuzz targets in fuzz/");
    let targets = targets()?;
    let chosen = match wanted {
        None => targets,
        Some(name) if targets.contains(&name) => vec![name],
        Some(name) => bail!("there is no fuzz target '{name}'; there are: {}", targets.join(", ")),
    };
    for target in &chosen {
        fuzz(target, seconds)?;
    }
    println!("\n{} targets, {seconds} seconds each, nothing found", chosen.len());
    Ok(ExitCode::SUCCESS)
}

fn targets() -> Result<Vec<String>> {
    output(&mut cargo(&["+nightly", "--version"]))
        .context("install a nightly: rustup toolchain install nightly")?;
    let listed = output(&mut cargo(&["+nightly", "fuzz", "list"]))
        .context("install cargo-fuzz: cargo install cargo-fuzz --version =0.13.2")?;
    Ok(listed.lines().map(str::to_owned).collect())
}

fn fuzz(target: &str, seconds: u32) -> Result<()> {
    let grown = paths::root().join("fuzz/corpus-grown").join(target);
    let seeds = paths::root().join("fuzz/corpus").join(target);
    fs::create_dir_all(&grown)?;
    let mut command = cargo(&["+nightly", "fuzz", "run", target]);
    command.arg(&grown);
    if seeds.is_dir() {
        command.arg(&seeds);
    }
    run(command.args(["--", &format!("-max_total_time={seconds}"), "-rss_limit_mb=2048", "-timeout=10"]))
}
