//! The commands of this repository: `cargo xtask <command>`.
//!
//! Each command is a module with one `command` function; this file only finds it. A command makes sure of what it
//! needs itself (`setup` has the one function per tool that does so), runs other programs and says what went wrong.
#![allow(clippy::disallowed_methods, reason = "the lists in clippy.toml bind the core, not its tools")]

mod apt;
mod args;
mod bench;
mod ci;
mod codegen;
mod demo;
mod fuzz;
mod paths;
mod report;
mod run;
mod setup;
mod size;
mod snapshot;
mod test;
mod toolchain;
mod tools;
mod wasm;

use std::process::ExitCode;

use anyhow::Result;

use crate::args::Args;

struct Command {
    name: &'static str,
    summary: &'static str,
    help: &'static str,
    run: fn(Args) -> Result<ExitCode>,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "setup",
        summary: "install what tests and builds need",
        help: setup::HELP,
        run: setup::command,
    },
    Command {
        name: "demo",
        summary: "trace an agent workflow and show it",
        help: demo::HELP,
        run: demo::command,
    },
    Command {
        name: "test",
        summary: "run everything this machine can run",
        help: test::HELP,
        run: test::command,
    },
    Command {
        name: "ci",
        summary: "style, docs, licences, sizes, then test",
        help: ci::HELP,
        run: ci::command,
    },
    Command { name: "wasm", summary: "build the wasm modules", help: wasm::HELP, run: wasm::command },
    Command {
        name: "codegen",
        summary: "write the files made from Rust",
        help: codegen::HELP,
        run: codegen::command,
    },
    Command { name: "bench", summary: "measure against the peers", help: bench::HELP, run: bench::command },
    Command { name: "size", summary: "print and check module sizes", help: size::HELP, run: size::command },
    Command { name: "fuzz", summary: "run the fuzz targets", help: fuzz::HELP, run: fuzz::command },
];

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let Some(name) = words.next() else {
        eprintln!("{}", usage());
        return ExitCode::from(2);
    };
    if matches!(name.as_str(), "--help" | "-h" | "help") {
        println!("{}", usage());
        return ExitCode::SUCCESS;
    }
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        eprintln!("there is no command '{name}'\n\n{}", usage());
        return ExitCode::from(2);
    };
    let args = Args::new(words);
    if args.asks_for_help() {
        println!("{}", command.help.trim());
        return ExitCode::SUCCESS;
    }
    (command.run)(args).unwrap_or_else(|error| {
        eprintln!("\ncargo xtask {name}: {error:#}");
        ExitCode::from(if error.is::<args::UsageError>() { 2 } else { 1 })
    })
}

fn usage() -> String {
    let mut text = String::from("usage: cargo xtask <command> [--help]\n");
    for command in COMMANDS {
        text.push_str(&format!("\n  {:<8} {}", command.name, command.summary));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_listed_and_shows_how_to_call_it() {
        for command in COMMANDS {
            assert!(usage().contains(command.summary), "{}", command.name);
            let call = format!("usage: cargo xtask {}", command.name);
            assert!(command.help.trim().starts_with(&call), "{}", command.name);
        }
    }
}
