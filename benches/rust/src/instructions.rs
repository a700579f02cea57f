//! Instructions per span, counted by valgrind. The program runs itself under callgrind with the name of a scenario. There
//! it does the scenario for a while, so that pools have grown and tables are full, and then calls [`counted`], the only
//! function in which callgrind counts: start-up is not in the figure, and a scenario without threads gives the same
//! figure each time. A snapshot of the counts is committed, and a check fails on a loss of more than 2 %.
//! The counts depend on the compiler: renew the snapshot when the toolchain changes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use crate::harness::Scenario;
use crate::hosts::repository;
use crate::peers::opentelemetry as otel;
use crate::rows::Make;
use crate::{Outcome, decode, ingest, ours};

/// How much worse a count may be than the snapshot's.
const TOLERANCE: f64 = 0.02;
/// Spans that are counted, about; as many are handled before.
const SPANS: u64 = 20_000;

/// The work of a scenario by its name. Names that start with `peer` are counted for scale and never checked.
const SCENARIOS: &[(&str, Make)] = &[
    ("record", ours::record),
    ("record-encode", ours::record_and_encode),
    ("unsampled", ours::unsampled),
    ("encode", ours::encode),
    ("decode", decode::visit),
    ("decode-owned", decode::own),
    ("ingest-compact", ingest::compact),
    ("ingest-marshal", ingest::marshal),
    ("peer-record", otel::record),
    ("peer-record-encode", otel::collect_and_encode),
    ("peer-unsampled", otel::unsampled),
    ("peer-decode", decode::prost),
];

/// Counts every scenario; writes the snapshot, or compares with it.
pub fn run(check: bool, filter: &str) -> Outcome<()> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("instructions: skipped, valgrind is not installed");
        return Ok(());
    }
    let known = fs::read_to_string(snapshot()).map(|text| parse_snapshot(&text)).unwrap_or_default();
    let mut counts = BTreeMap::new();
    for (name, _) in SCENARIOS.iter().filter(|(name, _)| name.contains(filter)) {
        let count = per_span(name)?;
        println!("{}", describe(name, count, known.get(*name).copied()));
        counts.insert((*name).to_owned(), count);
    }
    if !check {
        let merged = known.into_iter().filter(|(name, _)| find(name).is_ok()).chain(counts).collect();
        fs::write(snapshot(), print_snapshot(&merged))?;
        return Ok(());
    }
    let worse = regressions(&known, &counts);
    if worse.is_empty() { Ok(()) } else { Err(worse.join("\n").into()) }
}

/// Does a scenario, uncounted and then counted: what runs under valgrind. Prints the spans that were counted.
pub fn scenario(name: &str) -> Outcome<()> {
    let mut scenario = find(name)?();
    let calls = (SPANS / u64::from(scenario.items())).max(1);
    scenario.run(calls);
    counted(&mut scenario, calls);
    println!("{}", calls * u64::from(scenario.items()));
    Ok(())
}

/// Callgrind finds it by its name.
#[inline(never)]
fn counted(scenario: &mut Scenario, calls: u64) {
    scenario.run(calls);
}

fn find(name: &str) -> Outcome<Make> {
    let known = SCENARIOS.iter().find(|(known, _)| *known == name);
    known.map(|(_, make)| *make).ok_or_else(|| format!("no scenario is named {name}").into())
}

fn per_span(name: &str) -> Outcome<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no"])
        .arg("--toggle-collect=spanloom_bench::instructions::counted*")
        .arg(env::current_exe()?)
        .args(["scenario", name])
        .output()?;
    let report = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("{name} failed under valgrind: {report}").into());
    }
    let spans: u64 = String::from_utf8_lossy(&output.stdout).trim().parse()?;
    match collected(&report) {
        Some(0) | None => Err(format!("valgrind gave no count for {name}: {report}").into()),
        Some(count) => Ok(count / spans),
    }
}

/// The count in callgrind's report: `==12== Collected : 345`.
fn collected(report: &str) -> Option<u64> {
    let (_, count) = report.lines().find_map(|line| line.split_once("Collected :"))?;
    count.trim().parse().ok()
}

fn describe(name: &str, count: u64, known: Option<u64>) -> String {
    let change = known.map_or("new".to_owned(), |known| {
        format!("{:+.1}% from {known}", (count as f64 / known.max(1) as f64 - 1.0) * 100.0)
    });
    format!("{name:<24} {count:>8} instructions/span  {change}")
}

fn regressions(known: &BTreeMap<String, u64>, counts: &BTreeMap<String, u64>) -> Vec<String> {
    let ours = counts.iter().filter(|(name, _)| !name.starts_with("peer"));
    ours.filter_map(|(name, count)| match known.get(name) {
        None => Some(format!("{name} is not in the snapshot: renew it")),
        Some(known) if *count as f64 > *known as f64 * (1.0 + TOLERANCE) => {
            Some(format!("{name} takes {count} instructions per span, {known} before"))
        }
        Some(_) => None,
    })
    .collect()
}

fn snapshot() -> PathBuf {
    repository().join("benches/snapshots/instructions.txt")
}

fn parse_snapshot(text: &str) -> BTreeMap<String, u64> {
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    lines.filter_map(|(name, count)| Some((name.to_owned(), count.trim().parse().ok()?))).collect()
}

fn print_snapshot(counts: &BTreeMap<String, u64>) -> String {
    let mut text = "# Instructions per span. Renew with: cargo xtask bench --instructions\n".to_owned();
    for (name, count) in counts {
        let _ = writeln!(text, "{name:<24} {count:>8}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(entries: &[(&str, u64)]) -> BTreeMap<String, u64> {
        entries.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    #[test]
    fn the_count_is_found_in_the_report() {
        let report = "==7== Events    : Ir\n==7== Collected : 12345\n==7==\n";
        assert_eq!(collected(report), Some(12345));
        assert_eq!(collected("==7== no such line"), None);
    }

    #[test]
    fn the_snapshot_reads_back() {
        let written = counts(&[("encode", 800), ("a-name-longer-than-the-column", 12)]);
        assert_eq!(parse_snapshot(&print_snapshot(&written)), written);
    }

    #[test]
    fn only_our_losses_beyond_the_tolerance_fail() {
        let known = counts(&[("encode", 1000), ("decode", 1000), ("peer-decode", 1000)]);
        let now = counts(&[("encode", 1020), ("decode", 1021), ("peer-decode", 2000), ("fresh", 1)]);
        let worse = regressions(&known, &now);
        assert_eq!(worse.len(), 2, "{worse:?}");
        assert!(worse.iter().any(|line| line.starts_with("decode takes 1021")));
        assert!(worse.iter().any(|line| line.starts_with("fresh is not in the snapshot")));
    }
}
