//! Measures spanloom next to the official SDKs, all in one run. `cargo xtask bench` calls it.
#![allow(clippy::disallowed_methods, reason = "it measures time and starts programs")]

mod alloc;
mod decode;
mod harness;
mod hosts;
mod ingest;
mod instructions;
mod meters;
mod ours;
mod overhead;
mod peers;
mod pipeline;
mod rows;
mod sink;
mod table;
mod threads;
mod tree;
mod workload;

use std::fs::File;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use harness::Pace;

/// What a command gives back.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

#[global_allocator]
static ALLOCATOR: alloc::Counting = alloc::Counting;

/// Measures spanloom next to the official SDKs.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    table: TableArgs,
}

#[derive(Args)]
struct TableArgs {
    /// Also write the rows to this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Only rows whose name contains this
    #[arg(long, default_value = "")]
    filter: String,
    /// Fewer and shorter rounds: shows that all runs, not how fast
    #[arg(long)]
    quick: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Count instructions per span under valgrind and renew the snapshot
    Instructions {
        /// Compare with the snapshot instead, and fail if a count is more than 2 % worse
        #[arg(long)]
        check: bool,
        /// Only scenarios whose name contains this
        #[arg(long, default_value = "")]
        filter: String,
    },
    /// Install the official SDKs for Node and Python below the target folder
    Setup,
    /// Do one scenario of `instructions`
    #[command(hide = true)]
    Scenario { name: String },
    /// Receive what the rows send
    #[command(hide = true)]
    Sink { manner: sink::Manner },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        None => print_table(&cli.table),
        Some(Command::Instructions { check, filter }) => instructions::run(check, &filter),
        Some(Command::Setup) => hosts::install(),
        Some(Command::Scenario { name }) => instructions::scenario(&name),
        Some(Command::Sink { manner }) => sink::serve(manner),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn print_table(args: &TableArgs) -> Outcome<()> {
    let pace = if args.quick { Pace::QUICK } else { Pace::FULL };
    println!("{}\n\n{}", table::HEAD, table::header());
    let mut measured = Vec::new();
    let mut skipped = Vec::new();
    for entry in rows::ALL.iter().filter(|entry| entry.name.contains(&args.filter)) {
        match entry.measure(pace) {
            Ok(row) => {
                println!("{}", table::line(&row));
                measured.push(row);
            }
            Err(reason) => skipped.push(format!("skipped: {} ({reason})", entry.name)),
        }
    }
    for line in skipped {
        println!("{line}");
    }
    if let Some(path) = &args.json {
        table::write_json(&measured, File::create(path)?)?;
    }
    Ok(())
}
