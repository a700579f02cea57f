//! `cargo xtask setup`: makes sure of every tool and prints each with its place or the reason why it is missing.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use crate::args::Args;
use crate::bench;
use crate::toolchain::ensure_toolchain;
use crate::tools;

pub const HELP: &str = "
usage: cargo xtask setup [--bench]

Installs what is missing for tests and builds and prints where everything is. Can be called again at any time.
The other commands make sure of what they need themselves; this one does all of it at once.
--bench also installs the official SDKs for Node and Python that `cargo xtask bench` measures against.

Debian packages are installed only by root; npm, Python and Rust programs go into target/tools.
SPANLOOM_WASM_TOOLCHAIN=rustup|debian chooses the compiler for wasm (rustup, if it has the target).";

/// A tool by the name under which a missing one is reported.
struct Tool {
    name: &'static str,
    serves: &'static str,
    ensure: fn() -> Result<String>,
}

const TOOLS: &[Tool] = &[
    Tool { name: "wasm toolchain", serves: "wasm modules", ensure: || ensure_toolchain()?.name() },
    Tool { name: "node", serves: "wasm tests, sizes", ensure: || place(tools::node()) },
    Tool { name: "wasm-opt", serves: "wasm modules", ensure: || place(tools::wasm_opt()) },
    Tool { name: "python", serves: "vectors in Python, metrics text", ensure: || place(tools::python()) },
    Tool { name: "chromium", serves: "wasm tests in a browser", ensure: || place(tools::chromedriver()) },
    Tool {
        name: "wasm-bindgen-test-runner",
        serves: "wasm tests",
        ensure: || place(tools::wasm_test_runner()),
    },
    Tool { name: "cargo-deny", serves: "licences (ci)", ensure: || place(tools::cargo_deny()) },
    Tool { name: "promtool", serves: "metrics text", ensure: || place(tools::promtool()) },
    Tool { name: "valgrind", serves: "instruction counts (bench)", ensure: || place(tools::valgrind()) },
];

fn place(found: Result<PathBuf>) -> Result<String> {
    Ok(found?.display().to_string())
}

pub fn command(mut args: Args) -> Result<ExitCode> {
    let peers = args.flag("--bench");
    args.done()?;
    let mut missing = 0;
    for tool in TOOLS {
        match (tool.ensure)() {
            Ok(place) => println!("have     {:<26} {place}", tool.name),
            Err(reason) => {
                missing += 1;
                println!(
                    "MISSING  {:<26} {reason:#}\n         skipped without it: {}",
                    tool.name, tool.serves
                );
            }
        }
    }
    println!("\n{} tools, {missing} missing", TOOLS.len());
    if peers {
        bench::install_peers()?;
    }
    Ok(ExitCode::SUCCESS)
}
