//! Runs the golden cases: every case file below the folder in the environment's `SPANLOOM_GOLDEN`, else below
//! `tests/golden`. Prints one line a case; fails when a case does, and when there is none.
//!
//! A reader says which files are its cases and runs them; a further kind of case is a further entry in [`READERS`].

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use spanloom::value::Value;

#[path = "golden_readers/astron.rs"]
mod astron;
#[path = "golden_readers/entries.rs"]
mod entries;
#[path = "golden_readers/environment.rs"]
mod environment;
#[cfg(feature = "tracing")]
#[path = "golden_readers/logs.rs"]
mod logs;
#[path = "golden_readers/network.rs"]
mod network;
#[path = "golden_readers/registry.rs"]
mod registry;
#[path = "golden_readers/runtime.rs"]
mod runtime;
#[path = "golden_readers/serving.rs"]
mod serving;

struct Reader {
    /// Whether this JSON file is a case of this reader.
    claims: fn(&Path, &Value) -> bool,
    /// Runs a case; the error tells people what is wrong.
    run: fn(&Value) -> Result<(), String>,
}

const READERS: &[Reader] = &[
    Reader { claims: astron::claims, run: astron::run },
    #[cfg(feature = "tracing")]
    Reader { claims: logs::claims, run: logs::run },
    Reader { claims: runtime::claims, run: runtime::run },
    Reader { claims: registry::claims, run: registry::run },
    Reader { claims: environment::claims, run: environment::run },
    Reader { claims: serving::claims, run: serving::run },
    Reader { claims: network::claims, run: network::run },
];

fn main() -> ExitCode {
    // Words that are no switches are filters, as with other tests.
    let filters: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let root = std::env::var_os("SPANLOOM_GOLDEN")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden"), PathBuf::from);
    let mut passed = 0;
    let mut failed = 0;
    for path in files_below(&root) {
        let name = path.strip_prefix(&root).unwrap_or(&path).with_extension("").display().to_string();
        if !filters.is_empty() && !filters.iter().any(|filter| name.contains(filter.as_str())) {
            continue;
        }
        match run_file(&path) {
            None => {}
            Some(Ok(())) => {
                passed += 1;
                println!("golden {name} ... ok");
            }
            Some(Err(error)) => {
                failed += 1;
                println!("golden {name} ... FAILED\n    {error}");
            }
        }
    }
    let found = passed + failed;
    if found == 0 && filters.is_empty() {
        println!("no golden cases below {}", root.display());
    }
    let ok = failed == 0 && (found > 0 || !filters.is_empty());
    println!("{found} cases, {passed} passed");
    println!("\ntest result: {}. {passed} passed; {failed} failed", if ok { "ok" } else { "FAILED" });
    if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The result of a case; `None` for files that are no cases.
fn run_file(path: &Path) -> Option<Result<(), String>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return Some(Err(format!("cannot be read: {error}"))),
    };
    let folder = path.parent().and_then(Path::file_name);
    let all_are_cases = folder.is_some_and(|folder| folder == "astron" || folder == "vectors");
    let case = match Value::from_json(&text) {
        Ok(case) => case,
        // Other kinds of golden data have broken files on purpose.
        Err(_) if !all_are_cases => return None,
        Err(error) => return Some(Err(error.to_string())),
    };
    let reader = READERS.iter().find(|reader| (reader.claims)(path, &case))?;
    Some((reader.run)(&case))
}

/// All JSON files below a folder, sorted.
fn files_below(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "json") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}
