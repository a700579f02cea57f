//! Makes `tests/oracle/src/opentelemetry.rs` from the published .proto files beside it.
//!
//! protox compiles the files (no protoc is needed), prost-build writes the types package by package, rustfmt gives them
//! the form of this repository. The same input gives the same bytes. With `--check` nothing is written: the command fails
//! where the committed file differs.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use prost_build::{Config, Module};

const FILES: [&str; 3] = [
    "opentelemetry/proto/collector/logs/v1/logs_service.proto",
    "opentelemetry/proto/collector/metrics/v1/metrics_service.proto",
    "opentelemetry/proto/collector/trace/v1/trace_service.proto",
];

fn main() -> Result<()> {
    let check = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--check") => true,
        Some(other) => bail!("unknown argument {other}: only --check is known"),
    };
    let oracle =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the generator lies in the oracle")?;
    let path = oracle.join("src/opentelemetry.rs");
    let made = rustfmt(&generate(&oracle.join("proto"))?, oracle)?;
    if !check {
        return std::fs::write(&path, made).with_context(|| format!("cannot write {}", path.display()));
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    ensure!(committed == made, "{} is out of date: run `cargo run -p spanloom-oracle-gen`", path.display());
    Ok(())
}

/// The types of all packages, each in the module that its name says.
fn generate(protos: &Path) -> Result<String> {
    let descriptors = protox::compile(FILES, [protos])?;
    let requests =
        descriptors.file.into_iter().map(|file| (Module::from_protobuf_package_name(file.package()), file));
    let mut config = Config::new();
    config.disable_comments(["."]);
    let mut packages: Vec<(Module, String)> = config.generate(requests.collect())?.into_iter().collect();
    packages.sort();

    let mut text = String::from("// Made by `cargo run -p spanloom-oracle-gen`; not edited by hand.\n");
    let mut open: Vec<&str> = Vec::new();
    for (module, types) in &packages {
        // `opentelemetry` is the file itself.
        let parts: Vec<&str> = module.parts().skip(1).collect();
        let shared = open.iter().zip(&parts).take_while(|(a, b)| a == b).count();
        text.push_str(&"}\n".repeat(open.len() - shared));
        for part in parts.get(shared..).unwrap_or_default() {
            writeln!(text, "pub mod {part} {{")?;
        }
        text.push_str(types);
        open = parts;
    }
    text.push_str(&"}\n".repeat(open.len()));
    Ok(text)
}

/// The text as rustfmt with the repository's configuration has it.
fn rustfmt(text: &str, folder: &Path) -> Result<String> {
    let mut child = Command::new("rustfmt")
        .args(["--edition", "2024"])
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start rustfmt")?;
    // rustfmt reads all of its input before it writes.
    child.stdin.take().context("rustfmt has no input")?.write_all(text.as_bytes())?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "rustfmt failed");
    Ok(String::from_utf8(output.stdout)?)
}
