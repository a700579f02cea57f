//! `cargo xtask size`: what the modules weigh, against the committed snapshot and the budget.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::args::Args;
use crate::paths;
use crate::run::{output, program};
use crate::snapshot::{self, Sizes, Snapshot};
use crate::toolchain::ensure_toolchain;
use crate::tools;
use crate::wasm::{self, MODULES, Module};

pub const HELP: &str = "
usage: cargo xtask size [--bless]

Builds the modules, prints their raw, gzip and brotli sizes and their largest parts, and fails when a size is more
than 1 % away from bindings/size.snap or a module is over its budget. A snapshot made by another toolchain is only
shown beside. --bless writes the snapshot.";

const SNAPSHOT: &str = "bindings/size.snap";

/// Raw bytes that the plain modules may have.
const BUDGETS: [(Module, u64); 2] = [(Module::Abi, 70_000), (Module::Meter, 135_000)];

pub fn command(mut args: Args) -> Result<ExitCode> {
    let bless = args.flag("--bless");
    args.done()?;
    for module in MODULES {
        wasm::build(module)?;
    }
    check(bless)?;
    Ok(ExitCode::SUCCESS)
}

/// Measures the modules as they are built.
pub fn check(bless: bool) -> Result<()> {
    let modules = MODULES.into_iter().map(measure).collect::<Result<Vec<_>>>()?;
    let parts = MODULES.into_iter().map(largest_parts).collect::<Result<Vec<_>>>()?;
    let now = Snapshot { toolchain: ensure_toolchain()?.name()?, modules };
    let text = snapshot::print(&now, &parts);
    println!("\n{text}");
    check_budget(&now)?;
    let file = paths::root().join(SNAPSHOT);
    if bless {
        return fs::write(&file, text).with_context(|| format!("cannot write {SNAPSHOT}"));
    }
    compare(&file, &now)
}

fn check_budget(now: &Snapshot) -> Result<()> {
    for (module, budget) in BUDGETS {
        let over = now.modules.iter().find(|sizes| sizes.module == module.name() && sizes.raw > budget);
        if let Some(sizes) = over {
            bail!("the {} module has {} raw bytes, its budget is {budget}", sizes.module, sizes.raw);
        }
    }
    Ok(())
}

fn compare(file: &Path, now: &Snapshot) -> Result<()> {
    let text =
        fs::read_to_string(file).with_context(|| format!("{SNAPSHOT} is missing: write it with --bless"))?;
    let committed = snapshot::parse(&text).with_context(|| format!("cannot read {SNAPSHOT}"))?;
    let found = snapshot::differences(&committed, now);
    if found.is_empty() {
        println!("all sizes are within 1 % of {SNAPSHOT}");
        return Ok(());
    }
    let found = found.join("\n  ");
    if committed.toolchain != now.toolchain {
        println!("{SNAPSHOT} was made by {}, which differs:\n  {found}", committed.toolchain);
        return Ok(());
    }
    bail!("sizes differ from {SNAPSHOT}:\n  {found}\nIf that is meant: cargo xtask size --bless")
}

fn measure(module: Module) -> Result<Sizes> {
    const COMPRESS: &str = "const z = require('zlib'), b = require('fs').readFileSync(process.argv[1]); \
        console.log(b.length, z.gzipSync(b, { level: 9 }).length, z.brotliCompressSync(b).length)";
    let printed = output(program(tools::node()?).args(["-e", COMPRESS]).arg(module.file()))?;
    let numbers = printed.split_whitespace().map(str::parse).collect::<Result<Vec<u64>, _>>()?;
    let [raw, gzip, brotli] = numbers[..] else { bail!("three sizes were expected, got '{printed}'") };
    Ok(Sizes { module: module.name().to_owned(), raw, gzip, brotli })
}

fn largest_parts(module: Module) -> Result<String> {
    output(wasm::inspect().arg("parts").arg(module.file_with_names()).arg("12"))
}
