//! `cargo xtask ci`: what holds before a change is merged.

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::args::Args;
use crate::codegen;
use crate::report::Report;
use crate::run::{cargo, output, program, run};
use crate::size;
use crate::test;
use crate::tools;

pub const HELP: &str = "
usage: cargo xtask ci

Formatting, lints, docs, generated files, licences and sources of dependencies, known vulnerabilities (skipped where
their database cannot be reached), then all of `cargo xtask test`, then the sizes of the modules.";

pub fn command(args: Args) -> Result<ExitCode> {
    args.done()?;
    let mut report = Report::default();
    report.command("format", cargo(&["fmt", "--all", "--check"]));
    let lints = ["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"];
    report.command("lints", cargo(&lints));
    // The workspace as a whole has all features: what the core alone has too much shows only here.
    let core =
        ["clippy", "--package", "spanloom", "--no-default-features", "--lib", "--", "--deny", "warnings"];
    report.command("lints of the core alone", cargo(&core));
    let bridges = "spanloom/opentelemetry-sdk,spanloom/tower,spanloom/tracing";
    let mut docs = cargo(&["doc", "--workspace", "--no-deps", "--features", bridges]);
    docs.env("RUSTDOCFLAGS", "--deny warnings");
    report.command("docs", docs);
    report.check("generated files", || codegen::generate(true));
    report.check_with("licences and sources", tools::cargo_deny, |deny| {
        run(program(deny).args(["--log-level", "warn", "check", "licenses", "bans", "sources"]))
    });
    report.check_with("advisories", advisories, |deny| {
        run(program(deny).args(["--offline", "check", "--disable-fetch", "advisories"]))
    });
    test::steps(&mut report);
    report.check_with("module sizes", tools::node, |_| size::check(false));
    Ok(report.finish())
}

/// cargo-deny with the database at hand.
fn advisories() -> Result<std::path::PathBuf> {
    let deny = tools::cargo_deny()?;
    output(program(&deny).args(["fetch", "db"])).context("the database cannot be fetched")?;
    Ok(deny)
}
