//! The command `spanloom`. Each subcommand is a module: its arguments, and a function that runs it.
#![allow(clippy::disallowed_methods, reason = "the lists in clippy.toml bind the core, not its tools")]

mod chaos;
mod network_fault;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tools around traces.
#[derive(Parser)]
#[command(name = "spanloom", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Chaos(chaos::Arguments),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Chaos(arguments) => chaos::run(arguments),
    };
    done.unwrap_or_else(|error| {
        eprintln!("spanloom: {error:#}");
        ExitCode::FAILURE
    })
}
