//! The tools of tests and builds: one function per tool makes sure of it and says where it is.
//!
//! A tool that is there is used; one that is missing is installed if that is possible here. The error tells why not,
//! and the callers skip what needs the tool, by name.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};

use crate::apt;
use crate::paths;
use crate::run::{output, program, run};

const WASM_BINDGEN: &str = "0.2.130";
const CARGO_DENY: &str = "0.20.2";
const OLDEST_NODE: u32 = 20;

pub fn node() -> Result<PathBuf> {
    let node = paths::program("node").context("Node is not on PATH: install Node 20 or newer, with npm")?;
    let version = output(program(&node).arg("--version"))?;
    let major = version.trim().trim_start_matches('v').split('.').next().and_then(|n| n.parse::<u32>().ok());
    ensure!(major >= Some(OLDEST_NODE), "Node {} is too old: install Node 20 or newer", version.trim());
    Ok(node)
}

/// `wasm-opt` of the pinned npm package.
pub fn wasm_opt() -> Result<PathBuf> {
    node()?;
    let here = paths::root().join("xtask/tools");
    let there = paths::tools().join("npm");
    let program_file = there.join("node_modules/.bin/wasm-opt");
    let lock = fs::read_to_string(here.join("package-lock.json"))?;
    keep_current(&there.join("installed-lock.json"), &lock, || {
        println!("install  npm packages into {}", there.display());
        fs::create_dir_all(&there)?;
        for file in ["package.json", "package-lock.json"] {
            fs::copy(here.join(file), there.join(file))?;
        }
        run(program("npm").args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&there))
    })?;
    ensure!(program_file.is_file(), "{} is missing after npm ci", program_file.display());
    Ok(program_file)
}

/// The interpreter of an environment with the pinned packages.
pub fn python() -> Result<PathBuf> {
    paths::program("python3").context("python3 is not on PATH: install Python 3.10 or newer")?;
    let home = paths::tools().join("python");
    let interpreter = home.join("bin/python");
    let wanted = fs::read_to_string(paths::root().join("xtask/tools/requirements.txt"))?;
    keep_current(&home.join("installed-requirements.txt"), &wanted, || {
        println!("install  Python packages into {}", home.display());
        make_environment(&home)?;
        let mut pip = program(&interpreter);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
        run(pip.arg("xtask/tools/requirements.txt"))
    })?;
    Ok(interpreter)
}

/// Debian keeps the module that makes environments in a package of its own.
fn make_environment(home: &Path) -> Result<()> {
    let make = || run(program("python3").args(["-m", "venv", "--clear"]).arg(home));
    make().or_else(|first| {
        apt::ensure_installed(&["python3-venv"])
            .map_err(|error| anyhow!("{first:#}; python3-venv: {error:#}"))?;
        make()
    })
}

/// The driver of a headless Chromium; both are Debian packages.
pub fn chromedriver() -> Result<PathBuf> {
    from_debian("chromium", "chromium")?;
    from_debian("chromedriver", "chromium-driver")
}

pub fn valgrind() -> Result<PathBuf> {
    from_debian("valgrind", "valgrind")
}

/// Prometheus' checker. Debian has it in one package with the server, so it alone is taken from there.
pub fn promtool() -> Result<PathBuf> {
    if let Some(found) = paths::program("promtool") {
        return Ok(found);
    }
    let program_file = paths::tools().join("bin/promtool");
    if !program_file.is_file() {
        println!("install  promtool of Debian's package prometheus");
        let unpacked = paths::tools().join("unpacked-prometheus");
        if unpacked.exists() {
            fs::remove_dir_all(&unpacked)?;
        }
        apt::unpack("prometheus", &unpacked)?;
        fs::create_dir_all(paths::tools().join("bin"))?;
        fs::rename(unpacked.join("usr/bin/promtool"), &program_file)
            .context("the package prometheus has no promtool")?;
        fs::remove_dir_all(&unpacked)?;
    }
    output(program(&program_file).arg("--version"))?;
    Ok(program_file)
}

fn from_debian(name: &str, package: &str) -> Result<PathBuf> {
    if let Some(found) = paths::program(name) {
        return Ok(found);
    }
    apt::ensure_installed(&[package])?;
    paths::program(name).with_context(|| format!("{package} brought no program {name}"))
}

/// What runs wasm tests; it must be of the same version as the crate.
pub fn wasm_test_runner() -> Result<PathBuf> {
    from_crate("wasm-bindgen-cli", "wasm-bindgen-test-runner", WASM_BINDGEN)
}

pub fn cargo_deny() -> Result<PathBuf> {
    from_crate("cargo-deny", "cargo-deny", CARGO_DENY)
}

fn from_crate(package: &str, name: &str, version: &str) -> Result<PathBuf> {
    let program_file = paths::tools().join("bin").join(name);
    let is_right = || {
        output(program(&program_file).arg("--version"))
            .is_ok_and(|text| text.split_whitespace().any(|w| w == version))
    };
    if !is_right() {
        println!("install  {package} {version} (takes some minutes)");
        cargo_install(package, version, &["--locked"]).or_else(|_| {
            println!("{package}: not with its own lock file; once more with the newest dependencies");
            cargo_install(package, version, &[])
        })?;
        ensure!(is_right(), "{package} brought no {name} {version}");
    }
    Ok(program_file)
}

fn cargo_install(package: &str, version: &str, more: &[&str]) -> Result<()> {
    let mut cargo = program("cargo");
    cargo.args(["install", package, "--quiet", "--force", "--version", &format!("={version}")]).args(more);
    // A target directory of its own, so that a build beside it need not wait.
    cargo.arg("--root").arg(paths::tools()).env_remove("CARGO_TARGET_DIR");
    run(&mut cargo)
}

/// Calls `install` unless `stamp` tells that this very list is installed.
fn keep_current(stamp: &Path, wanted: &str, install: impl FnOnce() -> Result<()>) -> Result<()> {
    if fs::read_to_string(stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    install()?;
    fs::write(stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_installed_once() {
        let stamp = std::env::temp_dir().join(format!("spanloom-xtask-stamp-{}", std::process::id()));
        let mut calls = 0;
        for (wanted, calls_then) in [("a", 1), ("a", 1), ("b", 2)] {
            keep_current(&stamp, wanted, || {
                calls += 1;
                Ok(())
            })
            .unwrap();
            assert_eq!(calls, calls_then);
        }
        fs::remove_file(&stamp).unwrap();
        assert!(keep_current(&stamp, "c", || Err(anyhow!("no network"))).is_err());
        assert!(!stamp.exists(), "a failed installation leaves no stamp");
    }
}
