//! Debian packages: installed when they are missing, by root, where apt is.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};

use crate::paths;
use crate::run::{output, program, run};

/// Makes sure of these packages.
pub fn ensure_installed(packages: &[&str]) -> Result<()> {
    let missing: Vec<&str> = packages.iter().copied().filter(|name| !is_installed(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    update()?;
    println!("install  {}", missing.join(" "));
    let mut apt = program("apt-get");
    apt.env("DEBIAN_FRONTEND", "noninteractive");
    run(apt.args(["install", "--yes", "--quiet", "--no-install-recommends"]).args(missing))
}

/// Unpacks a package into a folder of its own, without installing it: for programs that come with a server which an
/// installation would start.
pub fn unpack(package: &str, folder: &Path) -> Result<()> {
    ensure!(paths::program("apt-get").is_some(), "this machine has no apt-get");
    fs::create_dir_all(folder)?;
    let download = || run(program("apt-get").args(["download", "--quiet", package]).current_dir(folder));
    download().or_else(|_| update().and_then(|()| download()))?;
    let mut files = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    let archive = files.find(|file| file.extension().is_some_and(|end| end == "deb"));
    let archive = archive.with_context(|| format!("apt-get brought no package {package}"))?;
    run(program("dpkg-deb").arg("--extract").arg(archive).arg(folder))
}

/// The names in the archive that match a regular expression.
pub fn search(pattern: &str) -> Result<Vec<String>> {
    update()?;
    let found = output(program("apt-cache").args(["search", "--names-only", pattern]))?;
    Ok(found.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}

fn is_installed(package: &str) -> bool {
    output(program("dpkg-query").args(["--show", "--showformat=${db:Status-Status}", package]))
        .is_ok_and(|status| status == "installed")
}

/// Reads the archive's lists, once a run.
fn update() -> Result<()> {
    static DONE: OnceLock<bool> = OnceLock::new();
    ensure!(paths::program("apt-get").is_some(), "this machine has no apt-get");
    ensure!(output(program("id").arg("-u"))?.trim() == "0", "only root can install Debian packages");
    let done = *DONE
        .get_or_init(|| run(program("apt-get").args(["update", "--quiet"]).stdout(Stdio::null())).is_ok());
    ensure!(done, "apt-get update failed");
    Ok(())
}
