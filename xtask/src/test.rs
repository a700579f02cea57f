//! `cargo xtask test`: everything that this machine can run.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::args::Args;
use crate::paths;
use crate::report::Report;
use crate::run::{cargo, program};
use crate::toolchain::ensure_toolchain;
use crate::tools;
use crate::wasm::{self, MODULES};

pub const HELP: &str = "
usage: cargo xtask test

Runs all tests: the workspace natively, core and JavaScript face in Node and in headless Chromium, the vectors in Node
and in Python. Installs what is missing (see setup); what cannot be had is skipped by name. The last line counts.";

pub fn command(args: Args) -> Result<ExitCode> {
    args.done()?;
    let mut report = Report::default();
    steps(&mut report);
    Ok(report.finish())
}

/// The steps; `ci` runs them behind its own.
pub fn steps(report: &mut Report) {
    report.tests("workspace", || Ok(()), |()| Ok(cargo(&["test", "--workspace", "--no-fail-fast"])));
    metrics_text(report);
    for module in MODULES {
        let tools = || ensure_toolchain().and_then(|_| tools::wasm_opt());
        report.check_with(&format!("wasm module {}", module.name()), tools, |_| wasm::build(module));
    }
    in_wasm(report, "core", &["--package", "spanloom", "--no-default-features", "--lib"]);
    in_wasm(report, "bindings/js", &["--package", "spanloom-js", "--tests"]);
    vectors(report);
}

/// The tests of Prometheus' text once more, now with the programs that read it.
fn metrics_text(report: &mut Report) {
    let tools = || Ok((tools::promtool()?, tools::python()?));
    report.tests("metrics text in promtool and Python", tools, |(promtool, python)| {
        let mut command = cargo(&["test", "--workspace", "--test", "prometheus"]);
        command.env("SPANLOOM_PROMTOOL", promtool).env("SPANLOOM_PYTHON", python);
        Ok(command)
    });
}

/// Tests of a crate in Node and in Chromium.
fn in_wasm(report: &mut Report, name: &str, crate_words: &[&str]) {
    report.tests(&format!("{name} in Node"), || tools::node().and_then(|_| wasm_tests(crate_words)), Ok);
    let in_browser = || {
        let driver = tools::chromedriver()?;
        let mut command = wasm_tests(crate_words)?;
        command.env("WASM_BINDGEN_USE_BROWSER", "1").env("CHROMEDRIVER", driver);
        let capabilities = paths::root().join("xtask/tools/webdriver.json");
        command.env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", capabilities);
        Ok(command)
    };
    report.tests(&format!("{name} in Chromium"), in_browser, Ok);
}

fn wasm_tests(crate_words: &[&str]) -> Result<Command> {
    let toolchain = ensure_toolchain()?;
    let runner = tools::wasm_test_runner()?;
    let mut command = toolchain.cargo("test");
    command.args(crate_words).env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", runner);
    // Seconds that all tests of a crate may take in a browser.
    command.env("WASM_BINDGEN_TEST_TIMEOUT", "300");
    Ok(command)
}

/// The programs shared by all languages, driven through the plain module by each language's own script.
fn vectors(report: &mut Report) {
    let scripts = [
        ("vectors in Node", "tests/vectors/run.mjs", tools::node as fn() -> Result<std::path::PathBuf>),
        ("vectors in Python", "tests/vectors/run.py", tools::python),
    ];
    for (name, script, interpreter) in scripts {
        if exists(script) {
            report.tests(name, interpreter, |interpreter| {
                let mut command = program(interpreter);
                command.arg(script);
                Ok(command)
            });
        }
    }
}

fn exists(path: &str) -> bool {
    let path = paths::root().join(Path::new(path));
    fs::metadata(path).is_ok_and(|file| file.is_file())
}
