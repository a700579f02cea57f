//! The committed sizes: a line per module, behind it the largest parts for the reader of a diff.
//!
//! ```text
//! # Written by ...
//! toolchain debian 1.96.0
//! abi raw 1000 gzip 600 brotli 500
//!     120 dlmalloc::malloc
//! ```

use std::fmt::Write;

use anyhow::{Context, Result};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sizes {
    pub module: String,
    pub raw: u64,
    pub gzip: u64,
    pub brotli: u64,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub toolchain: String,
    pub modules: Vec<Sizes>,
}

/// Parts are not read back: they say where bytes went, the sizes are what is held.
pub fn parse(text: &str) -> Result<Snapshot> {
    let mut toolchain = None;
    let mut modules = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with([' ', '#']) && !line.is_empty()) {
        match line.strip_prefix("toolchain ") {
            Some(name) => toolchain = Some(name.to_owned()),
            None => modules.push(parse_sizes(line).with_context(|| format!("no sizes: '{line}'"))?),
        }
    }
    Ok(Snapshot { toolchain: toolchain.context("no toolchain is named")?, modules })
}

fn parse_sizes(line: &str) -> Option<Sizes> {
    let words: Vec<&str> = line.split(' ').collect();
    let [module, "raw", raw, "gzip", gzip, "brotli", brotli] = words[..] else { return None };
    let sizes = (raw.parse().ok()?, gzip.parse().ok()?, brotli.parse().ok()?);
    Some(Sizes { module: module.to_owned(), raw: sizes.0, gzip: sizes.1, brotli: sizes.2 })
}

/// The text of a snapshot; `parts` belong to the modules in their order.
pub fn print(snapshot: &Snapshot, parts: &[String]) -> String {
    let mut text = format!("# Written by `cargo xtask size --bless`.\ntoolchain {}\n", snapshot.toolchain);
    for (module, parts) in snapshot.modules.iter().zip(parts) {
        let Sizes { module, raw, gzip, brotli } = module;
        let _ = writeln!(text, "\n{module} raw {raw} gzip {gzip} brotli {brotli}");
        for part in parts.lines() {
            let _ = writeln!(text, "    {part}");
        }
    }
    text
}

/// What differs by more than one percent, in either direction: a gain is committed too, or the next loss hides in it.
pub fn differences(committed: &Snapshot, now: &Snapshot) -> Vec<String> {
    let mut found = Vec::new();
    for sizes in &now.modules {
        let Some(before) = committed.modules.iter().find(|before| before.module == sizes.module) else {
            found.push(format!("{} is new", sizes.module));
            continue;
        };
        let rows = [
            ("raw", before.raw, sizes.raw),
            ("gzip", before.gzip, sizes.gzip),
            ("brotli", before.brotli, sizes.brotli),
        ];
        for (kind, before, after) in rows {
            if before.abs_diff(after) * 100 > before {
                found.push(format!("{} {kind}: {before} is committed, {after} is built", sizes.module));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(raw: u64) -> Snapshot {
        let sizes = Sizes { module: "abi".to_owned(), raw, gzip: 600, brotli: 500 };
        Snapshot { toolchain: "debian 1.96.0".to_owned(), modules: vec![sizes] }
    }

    #[test]
    fn what_is_printed_can_be_read() {
        let text = print(&snapshot(1000), &["120 malloc\n 80 free\n".to_owned()]);
        assert!(text.contains("\n    120 malloc\n"), "{text}");
        assert_eq!(parse(&text).unwrap(), snapshot(1000));
    }

    #[test]
    fn one_percent_is_tolerated() {
        for (now, found) in [(1000, 0), (1010, 0), (990, 0), (1011, 1), (989, 1)] {
            assert_eq!(differences(&snapshot(1000), &snapshot(now)).len(), found, "{now}");
        }
    }

    #[test]
    fn broken_snapshots_are_refused() {
        for text in ["", "abi raw 1 gzip 1 brotli 1", "toolchain x\nabi raw many", "toolchain x\nabi"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
