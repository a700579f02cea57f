//! Plays the built-in scenarios of `spanloom chaos` to an SDK and prints what it delivered.
//!
//! Each scenario runs in a process of its own, all at the same time: they wait more than they work, and the peak of
//! memory is that of one scenario. A row has the spans that the program ended and those that the server stored. What
//! is missing was lost, whatever the SDK told; "twice" counts spans that the server stored again.
#![allow(clippy::disallowed_methods, reason = "the lists in clippy.toml bind the core, not its benches")]

mod sdk;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Parser;
use spanloom_chaos::{BUILT_IN, Chaos, Report, Scenario};

/// One span each.
const PAUSE: Duration = Duration::from_millis(10);

/// What SDKs deliver to a receiver that fails.
#[derive(Parser)]
struct Arguments {
    /// Who sends
    #[arg(long, value_enum, default_value = "otel")]
    sdk: sdk::Name,

    /// For how long the program runs before it flushes and shuts down
    #[arg(long, default_value_t = 20)]
    seconds: u64,

    /// Only this scenario, in this process
    #[arg(long, value_name = "SCENARIO")]
    one: Option<String>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Some(name) = &arguments.one {
        println!("{}", row(&arguments, name)?);
        return Ok(());
    }
    let program = std::env::current_exe()?;
    let mut children = Vec::new();
    // F13 is about TLS, which the peer is built without, F16 about a client that is killed.
    for name in BUILT_IN.iter().filter(|name| !["F13", "F16"].contains(name)) {
        let child = Command::new(&program)
            .args(std::env::args().skip(1))
            .args(["--one", name])
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start the process for {name}"))?;
        children.push((name, child));
    }
    println!(
        "| scenario | spans | stored | lost | lost, as told | twice | requests | secret elsewhere | flush said | shutdown said | both took | peak memory |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|---|---|--:|--:|");
    for (name, child) in children {
        let output = child.wait_with_output()?;
        if !output.status.success() {
            bail!("{name} failed");
        }
        print!("{}", String::from_utf8(output.stdout)?);
    }
    Ok(())
}

fn row(arguments: &Arguments, name: &str) -> Result<String> {
    let chaos = Chaos::start(Scenario::built_in(name)?)?;
    let sdk = sdk::start(arguments.sdk, &chaos.endpoint())?;
    let start = Instant::now();
    let mut spans = 0;
    while start.elapsed() < Duration::from_secs(arguments.seconds) {
        spans += 1;
        sdk.span(spans);
        std::thread::sleep(PAUSE);
    }
    let end = Instant::now();
    let flush = sdk.flush();
    let shutdown = sdk.shutdown();
    let took = end.elapsed();
    let report = chaos.stop();
    let stored = report.spans.unique();
    Ok(format!(
        "| {} | {spans} | {stored} | {} | {} | {} | {} | {} | {} | {} | {:.1} s | {} MB |",
        report.scenario,
        spans.saturating_sub(stored),
        shutdown.lost.or(flush.lost).map_or("not told".into(), |lost| lost.to_string()),
        report.spans.duplicates(),
        report.requests_seen,
        leaks(&report),
        cell(&flush.words),
        cell(&shutdown.words),
        took.as_secs_f64(),
        peak_memory_mb()?,
    ))
}

/// How many requests took the secret to where a redirect sent them.
fn leaks(report: &Report) -> usize {
    let elsewhere = report.requests.iter().filter(|request| request.path.starts_with("/elsewhere/"));
    elsewhere.filter(|request| request.header(sdk::SECRET.0).is_some()).count()
}

/// A text that does not break its row.
fn cell(text: &str) -> String {
    text.replace(['|', '\n'], " ")
}

/// The peak of this process, server included.
fn peak_memory_mb() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes / 1024)
}
