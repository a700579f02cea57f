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
use crate::harness::{Pace, Series};
use crate::table::{Goal, Row, Skipped, Unit};

/// A language whose scripts are measured.
pub struct Host {
    /// Its folder below `benches/` and below the folder of installed packages.
    folder: &'static str,
    row: &'static str,
    /// The file that names the packages and their versions.
    pins: &'static str,
    /// What runs the scripts, given the folder of installed packages.
    program: fn(&Path) -> PathBuf,
    install: fn(&Path, pins: &Path) -> Outcome<()>,
    our_script: &'static str,
    peer_script: &'static str,
    peer: &'static str,
    goal: Goal,
}

pub const NODE: Host = Host {
    folder: "node",
    row: "node-encode",
    pins: "package.json",
    program: |_| "node".into(),
    install: install_node,
    our_script: "spanloom.mjs",
    peer_script: "otel.mjs",
    peer: "OTel JS, batch + protobuf",
    goal: Goal::Ratio(5.0),
};

pub const PYTHON: Host = Host {
    folder: "python",
    row: "python-encode",
    pins: "requirements.txt",
    program: |packages| packages.join("bin/python"),
    install: install_python,
    our_script: "spanloom_bench.py",
    peer_script: "otel.py",
    peer: "OTel Python, batch + protobuf",
    goal: Goal::Ratio(15.0),
};

/// Runs both scripts of a language in turns.
pub fn compare(host: &Host, pace: Pace) -> Result<Row, Skipped> {
    let skipped = |reason: String| Skipped { name: host.row.to_owned(), reason };
    if !host.is_installed() {
        return Err(skipped("its packages are not installed: cargo xtask setup --bench".to_owned()));
    }
    let (mut ours, mut peer) = (Series::default(), Series::default());
    for _ in 0..pace.rounds.div_ceil(5) {
        ours.push(host.run(host.our_script).map_err(|error| skipped(error.to_string()))?);
        peer.push(host.run(host.peer_script).map_err(|error| skipped(error.to_string()))?);
    }
    let peer = Some((host.peer, peer));
    Ok(Row { name: host.row.to_owned(), ours, peer, unit: Unit::MicrosecondsPerSpan, goal: Some(host.goal) })
}

/// Installs the packages of every language that is on this machine.
pub fn install() -> Outcome<()> {
    for host in [NODE, PYTHON] {
        if host.is_installed() {
            println!("{}: installed already", host.row);
            continue;
        }
        fs::create_dir_all(host.packages())?;
        match (host.install)(&host.packages(), &host.pins()) {
            Ok(()) => {
                fs::copy(host.pins(), host.mark())?;
                println!("{}: installed", host.row);
            }
            Err(error) => println!("{}: skipped, {error}", host.row),
        }
    }
    Ok(())
}

/// The root of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).map(Path::to_owned).unwrap_or_default()
}

impl Host {
    fn packages(&self) -> PathBuf {
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), PathBuf::from);
        target.join("bench").join(self.folder)
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
    complete(Command::new(packages.join("bin/python")).args(["-m", "pip", "install", "--quiet", "-r"]).arg(pins))
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
