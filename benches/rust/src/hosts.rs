//! The rows of other languages. For each there are two scripts that record W and print, as their last line, JSON with
//! `us_per_span`: the official SDK's and ours. They are run in turns, each time in a fresh process, so that one does
//! not spoil what the other's just-in-time compiler has learnt. [`install`] puts the packages at pinned versions below
//! the target folder, and leaves a copy of the pins there when it is done; a language whose copy is missing or out of
//! date is skipped by name.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use serde::Deserialize;

use crate::Outcome;
use crate::harness::Series;

/// A language whose scripts are measured.
pub struct Host {
    /// Its folder below `benches/` and below the folder of installed packages.
    folder: &'static str,
    /// The file that names the packages and their versions.
    pins: &'static str,
    /// What runs the scripts, given the folder of installed packages.
    program: fn(&Path) -> PathBuf,
    install: fn(&Path, pins: &Path) -> Outcome<()>,
    our_script: &'static str,
    peer_script: &'static str,
}

pub const NODE: Host = Host {
    folder: "node",
    pins: "package.json",
    program: |_| "node".into(),
    install: install_node,
    our_script: "spanloom.mjs",
    peer_script: "otel.mjs",
};

pub const PYTHON: Host = Host {
    folder: "python",
    pins: "requirements.txt",
    program: |packages| packages.join("bin/python"),
    install: install_python,
    our_script: "spanloom_bench.py",
    peer_script: "otel.py",
};

/// Installs the packages of every language that is on this machine.
pub fn install() -> Outcome<()> {
    for host in [NODE, PYTHON] {
        if host.is_installed() {
            println!("{}: installed already", host.folder);
            continue;
        }
        fs::create_dir_all(host.packages())?;
        match (host.install)(&host.packages(), &host.pins()) {
            Ok(()) => {
                fs::copy(host.pins(), host.mark())?;
                println!("{}: installed", host.folder);
            }
            Err(error) => println!("{}: skipped, {error}", host.folder),
        }
    }
    Ok(())
}

/// The root of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).map(Path::to_owned).unwrap_or_default()
}

impl Host {
    /// Runs our script and the peer's in turns.
    pub fn compare(&self, rounds: u32) -> Outcome<(Series, Series)> {
        if !self.is_installed() {
            return Err("its packages are not installed: cargo xtask setup --bench".into());
        }
        for script in [self.our_script, self.peer_script] {
            if !self.scripts().join(script).is_file() {
                return Err(format!("there is no benches/{}/{script}", self.folder).into());
            }
        }
        let (mut ours, mut peer) = (Series::default(), Series::default());
        for _ in 0..rounds {
            ours.push(self.run(self.our_script)?);
            peer.push(self.run(self.peer_script)?);
        }
        Ok((ours, peer))
    }

    fn packages(&self) -> PathBuf {
        let target = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
        repository().join(target).join("bench").join(self.folder)
    }

    fn scripts(&self) -> PathBuf {
        repository().join("benches").join(self.folder)
    }

    fn pins(&self) -> PathBuf {
        self.scripts().join(self.pins)
    }

    fn mark(&self) -> PathBuf {
        self.packages().join("installed-pins")
    }

    fn is_installed(&self) -> bool {
        fs::read(self.mark()).is_ok_and(|mark| fs::read(self.pins()).is_ok_and(|pins| pins == mark))
    }

    /// Runs a script with the folder of packages as its argument.
    fn run(&self, script: &str) -> Outcome<f64> {
        let output = Command::new((self.program)(&self.packages()))
            .arg(self.scripts().join(script))
            .arg(self.packages())
            .current_dir(repository())
            .output()
            .map_err(|error| format!("{script} does not start: {error}"))?;
        let printed = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            return Err(format!("{script} failed: {}", String::from_utf8_lossy(&output.stderr).trim()).into());
        }
        cost(&printed).ok_or_else(|| format!("{script} printed no cost: {printed}").into())
    }
}

fn cost(printed: &str) -> Option<f64> {
    #[derive(Deserialize)]
    struct Cost {
        us_per_span: f64,
    }
    serde_json::from_str::<Cost>(printed.trim().lines().last()?).ok().map(|cost| cost.us_per_span)
}

fn install_node(packages: &Path, pins: &Path) -> Outcome<()> {
    fs::copy(pins, packages.join("package.json"))?;
    let flags = ["install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"];
    complete(Command::new("npm").args(flags).current_dir(packages))
}

fn install_python(packages: &Path, pins: &Path) -> Outcome<()> {
    complete(Command::new("python3").args(["-m", "venv"]).arg(packages))?;
    complete(
        Command::new(packages.join("bin/python")).args(["-m", "pip", "install", "--quiet", "-r"]).arg(pins),
    )
}

fn complete(command: &mut Command) -> Outcome<()> {
    let status = command.status().map_err(|error| format!("{:?}: {error}", command.get_program()))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?} ended with {status}").into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cost_is_on_the_last_line() {
        assert_eq!(cost("node 20\n{\"us_per_span\": 6.5, \"bytes_per_span\": 463}\n"), Some(6.5));
        assert_eq!(cost("{\"us_per_span\": 6.5}\ndone"), None);
        assert_eq!(cost(""), None);
    }

    #[test]
    fn scripts_and_pins_of_the_peers_are_there() {
        for host in [NODE, PYTHON] {
            assert!(host.pins().is_file(), "{:?}", host.pins());
            assert!(host.scripts().join(host.peer_script).is_file());
        }
    }
}
