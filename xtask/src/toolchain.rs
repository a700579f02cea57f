//! Which compiler builds for wasm32-unknown-unknown.
//!
//! The target of the running toolchain if it is there; else rustup fetches it; else, or when the environment says
//! `SPANLOOM_WASM_TOOLCHAIN=debian`, Debian's own compiler builds the standard library from its source package.
//! That compiler is another version, so its files have a target directory of their own.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, bail};

use crate::apt;
use crate::paths;
use crate::run::{output, program, run};

pub const TARGET: &str = "wasm32-unknown-unknown";
const SWITCH: &str = "SPANLOOM_WASM_TOOLCHAIN";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";

#[derive(Debug, Clone)]
pub enum Toolchain {
    /// The toolchain that runs this program, with rustup's standard library.
    Rustup,
    /// Debian's rustc-web, linking with this program.
    Debian { linker: String },
}

/// The toolchain for this run; chosen, and installed where needed, once.
pub fn ensure_toolchain() -> Result<Toolchain> {
    static CHOSEN: OnceLock<Result<Toolchain, String>> = OnceLock::new();
    let chosen = CHOSEN.get_or_init(|| choose().map_err(|error| format!("{error:#}")));
    chosen.clone().map_err(|reason| anyhow!(reason))
}

fn choose() -> Result<Toolchain> {
    match env::var(SWITCH).as_deref() {
        Err(_) | Ok("") => rustup().or_else(|why_not| {
            eprintln!("no {TARGET} from rustup ({why_not:#}); using Debian's compiler");
            debian()
        }),
        Ok("debian") => debian(),
        Ok("rustup") => rustup(),
        Ok(other) => bail!("{SWITCH} is '{other}'; it can be 'rustup' or 'debian'"),
    }
}

fn rustup() -> Result<Toolchain> {
    let library = output(program("rustc").args(["--print", "target-libdir", "--target", TARGET]))?;
    if !Path::new(library.trim()).is_dir() {
        println!("install  {TARGET} by rustup");
        run(program("rustup").args(["target", "add", TARGET]))?;
    }
    Ok(Toolchain::Rustup)
}

fn debian() -> Result<Toolchain> {
    apt::ensure_installed(&["rustc-web", "cargo-web", "rust-web-src"])?;
    let llvm = llvm_major(&output(program(DEBIAN_RUSTC).arg("-vV"))?)
        .with_context(|| format!("{DEBIAN_RUSTC} does not tell its LLVM version"))?;
    let installed = (llvm..llvm + 10).rev().find(|n| paths::program(&format!("wasm-ld-{n}")).is_some());
    let version = match installed {
        Some(version) => version,
        None => install_linker()?,
    };
    Ok(Toolchain::Debian { linker: format!("wasm-ld-{version}") })
}

/// The newest linker of the archive: an older one may not read the objects of a newer LLVM.
fn install_linker() -> Result<u32> {
    let names = apt::search("^lld-[0-9]+$")?;
    let newest = names.iter().filter_map(|name| name.strip_prefix("lld-")?.parse::<u32>().ok()).max();
    let newest = newest.context("the archive has no lld-NN")?;
    apt::ensure_installed(&[&format!("lld-{newest}")])?;
    Ok(newest)
}

/// From a line like `LLVM version: 22.1.8`.
fn llvm_major(version: &str) -> Option<u32> {
    let line = version.lines().find_map(|line| line.strip_prefix("LLVM version: "))?;
    line.split('.').next()?.parse().ok()
}

impl Toolchain {
    /// `cargo <action> --target ...` with this compiler.
    pub fn cargo(&self, action: &str) -> Command {
        match self {
            Self::Rustup => {
                let mut cargo = program("cargo");
                cargo.args([action, "--target", TARGET]);
                cargo
            }
            Self::Debian { linker } => {
                let mut cargo = program(DEBIAN_CARGO);
                cargo.args([action, "--target", TARGET, "-Zbuild-std=std,panic_abort"]);
                cargo.env("RUSTC", DEBIAN_RUSTC).env("RUSTC_BOOTSTRAP", "1");
                cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
                cargo.env("CARGO_TARGET_DIR", self.target_dir());
                // Set by rustup for the compiler that runs this program.
                cargo.env_remove("LD_LIBRARY_PATH").env_remove("RUSTDOC").env_remove("RUSTUP_TOOLCHAIN");
                cargo
            }
        }
    }

    /// `cargo build` for the modules that are shipped.
    ///
    /// Where the standard library is built anyway, a panic becomes a bare trap: no host could read its message, and
    /// what formats messages is some 6 kB.
    pub fn cargo_build_small(&self) -> Command {
        let mut cargo = self.cargo("build");
        if let Self::Debian { .. } = self {
            cargo.env(
                "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS",
                "-Zunstable-options -Cpanic=immediate-abort",
            );
        }
        cargo
    }

    /// Where this compiler's cargo puts its files.
    pub fn target_dir(&self) -> PathBuf {
        match self {
            Self::Rustup => paths::target(),
            Self::Debian { .. } => paths::target().join("debian-wasm"),
        }
    }

    /// Kind and version, as the size snapshot names it.
    pub fn name(&self) -> Result<String> {
        let (kind, rustc) = match self {
            Self::Rustup => ("rustup", "rustc"),
            Self::Debian { .. } => ("debian", DEBIAN_RUSTC),
        };
        let version = output(program(rustc).arg("--version"))?;
        let number = version.split_whitespace().nth(1).context("rustc prints no version")?;
        Ok(format!("{kind} {number}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_llvm_version_is_found() {
        assert_eq!(llvm_major("host: x86_64\nrelease: 1.96.0\nLLVM version: 22.1.8\n"), Some(22));
        assert_eq!(llvm_major("release: 1.96.0\n"), None);
    }
}
