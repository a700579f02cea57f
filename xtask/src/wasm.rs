//! `cargo xtask wasm`: the modules, built, shrunk and checked.
//!
//! Each crate is built by a cargo invocation of its own, because features unify within one. Names stay in the modules
//! until `wasm-opt` has run: one copy keeps them for `cargo xtask size`, the shipped one loses them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::args::{Args, usage_error};
use crate::paths;
use crate::run::{cargo, output, program, run};
use crate::toolchain::{TARGET, Toolchain, ensure_toolchain};
use crate::tools;

pub const HELP: &str = "
usage: cargo xtask wasm [abi|meter|views|js]

Builds the modules (all, or the one named) and shrinks them with wasm-opt:

  abi    bindings/abi, numbers and memory only     -> target/wasm/spanloom_abi.wasm
  meter  the same, and metrics by handles          -> target/wasm/spanloom_meter.wasm
  views  all: metric deltas, JSON of requests, logs -> target/wasm/spanloom_views.wasm
  js     bindings/js, with its JavaScript glue     -> pkg/dist/

The import sections of abi, meter and views are held to bindings/abi/imports.txt.
SPANLOOM_WASM_TOOLCHAIN=rustup|debian chooses the compiler.";

/// A module by its name on the command line and in the size snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Module {
    Abi,
    Meter,
    Views,
    Js,
}

pub const MODULES: [Module; 4] = [Module::Abi, Module::Meter, Module::Views, Module::Js];

/// What compilers emit today and Node 20 reads; `--all-features` would let `wasm-opt` use more than that.
const FEATURES: &[&str] = &[
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

pub fn command(mut args: Args) -> Result<ExitCode> {
    let chosen = match args.word() {
        None => MODULES.to_vec(),
        Some(word) => {
            let known = MODULES.into_iter().find(|module| module.name() == word);
            vec![known.ok_or_else(|| usage_error(format!("there is no module '{word}'")))?]
        }
    };
    args.done()?;
    for module in chosen {
        build(module)?;
        let file = module.file();
        println!("{}  {} bytes", file.display(), fs::metadata(&file)?.len());
    }
    Ok(ExitCode::SUCCESS)
}

impl Module {
    pub fn name(self) -> &'static str {
        match self {
            Self::Abi => "abi",
            Self::Meter => "meter",
            Self::Views => "views",
            Self::Js => "js",
        }
    }

    fn package(self) -> &'static str {
        match self {
            Self::Abi | Self::Meter | Self::Views => "spanloom-abi",
            Self::Js => "spanloom-js",
        }
    }

    fn features(self) -> &'static [&'static str] {
        match self {
            Self::Abi | Self::Js => &[],
            Self::Meter => &["--features", "meter"],
            Self::Views => &["--features", "deltas,views"],
        }
    }

    /// The shipped module.
    pub fn file(self) -> PathBuf {
        match self {
            Self::Abi => paths::wasm_out().join("spanloom_abi.wasm"),
            Self::Meter => paths::wasm_out().join("spanloom_meter.wasm"),
            Self::Views => paths::wasm_out().join("spanloom_views.wasm"),
            Self::Js => paths::js_out().join("spanloom_js_bg.wasm"),
        }
    }

    /// The same code with the names of its functions.
    pub fn file_with_names(self) -> PathBuf {
        paths::wasm_out().join(format!("spanloom_{}.names.wasm", self.name()))
    }
}

/// Builds, shrinks and checks one module.
pub fn build(module: Module) -> Result<()> {
    let toolchain = ensure_toolchain()?;
    let wasm_opt = tools::wasm_opt()?;
    fs::create_dir_all(paths::wasm_out())?;
    let compiled = compile(module, &toolchain)?;
    let (with_names, shipped) = (module.file_with_names(), module.file());
    match module {
        Module::Abi | Module::Meter | Module::Views => shrink(&wasm_opt, &compiled, &with_names)?,
        Module::Js => {
            run(inspect().arg("bindgen").arg(&compiled).arg(paths::js_out()))?;
            shrink(&wasm_opt, &shipped, &with_names)?;
        }
    }
    strip(&wasm_opt, &with_names, &shipped)?;
    check_loads(&shipped)?;
    match module {
        Module::Abi | Module::Meter | Module::Views => check_imports(&shipped),
        Module::Js => Ok(()),
    }
}

fn compile(module: Module, toolchain: &Toolchain) -> Result<PathBuf> {
    run(toolchain
        .cargo_build_small()
        .args(["--profile", "wasm", "--lib", "--package", module.package()])
        .args(module.features()))?;
    let name = module.package().replace('-', "_");
    let file = toolchain.target_dir().join(TARGET).join("wasm").join(format!("{name}.wasm"));
    file.is_file().then_some(file).with_context(|| format!("{} has made no module", module.package()))
}

fn shrink(wasm_opt: &Path, from: &Path, to: &Path) -> Result<()> {
    let mut command = program(wasm_opt);
    command.args(["-Oz", "--debuginfo", "--strip-dwarf", "--strip-producers"]).args(FEATURES);
    run(command.arg(from).arg("--output").arg(to))
}

/// Without `--debuginfo` the names are not written.
fn strip(wasm_opt: &Path, from: &Path, to: &Path) -> Result<()> {
    let mut command = program(wasm_opt);
    command.args(["--strip-debug", "--strip-target-features"]).args(FEATURES);
    run(command.arg(from).arg("--output").arg(to))
}

/// Fails when Node does not understand the module: then `wasm-opt` has used what `FEATURES` should not have allowed.
fn check_loads(module: &Path) -> Result<()> {
    const LOAD: &str = "new WebAssembly.Module(require('fs').readFileSync(process.argv[1]))";
    output(program(tools::node()?).args(["-e", LOAD]).arg(module)).map(drop)
}

/// Fails when the plain module asks its host for anything that the list does not name.
fn check_imports(module: &Path) -> Result<()> {
    run(inspect().arg("imports").arg(module).arg(paths::root().join("bindings/abi/imports.txt")))
}

/// The crate that reads modules; apart, because wasm-bindgen's library takes long to build.
pub fn inspect() -> std::process::Command {
    cargo(&["run", "--quiet", "--package", "xtask-modules", "--"])
}
