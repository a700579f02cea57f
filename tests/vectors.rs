//! The vectors: programs that give the same bytes in every language.
//!
//! `tests/vectors/programs.jsonl` has a program a line, `golden.json` the SHA-256 of what each gives, `full/` the whole of
//! some, so that a difference can be looked at. `meter.jsonl` and `meter_golden.json` are the same for what is measured; there
//! the hashes are those of all collections of a program, each behind its length. The scripts beside them play the same programs in Node and in Python.
//! `UPDATE_VECTORS=1 cargo test --test vectors` writes all of them anew.

#[path = "vectors/generate.rs"]
mod generate;
#[path = "vectors/generate_meter.rs"]
mod generate_meter;
#[path = "vectors/play.rs"]
mod play;
#[path = "vectors/play_meter.rs"]
mod play_meter;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

fn updating() -> bool {
    std::env::var_os("UPDATE_VECTORS").is_some()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The text of `golden.json`: a program a line.
fn golden_text(golden: &Map<String, Value>) -> String {
    let lines: Vec<String> =
        golden.iter().map(|(name, hashes)| format!("{}:{hashes}", json!(name))).collect();
    format!("{{\n{}\n}}\n", lines.join(",\n"))
}

#[test]
fn programs_are_those_of_the_generator() {
    let lines: String = generate::programs().iter().map(|program| format!("{program}\n")).collect();
    let file = folder().join("programs.jsonl");
    if updating() {
        return fs::write(file, lines).unwrap();
    }
    assert!(fs::read_to_string(file).unwrap() == lines, "programs.jsonl is not what generate.rs makes");
}

#[test]
fn every_program_gives_its_golden_bytes() {
    let programs = generate::programs();
    let file = folder().join("golden.json");
    let known: Map<String, Value> =
        fs::read_to_string(&file).map_or_else(|_| Map::new(), |text| serde_json::from_str(&text).unwrap());
    let (mut golden, mut differing) = (Map::new(), Vec::new());
    for (index, program) in programs.iter().enumerate() {
        let name = program["name"].as_str().unwrap();
        let played = play::play(program);
        let hashes = json!({
            "records": sha256(&played.records),
            "otlp": sha256(&played.otlp),
            "json": sha256(played.json.as_bytes()),
            "log": sha256(played.log.as_bytes()),
        });
        if known.get(name) != Some(&hashes) {
            differing.push(name.to_owned());
        }
        if updating() && index % FULL_EVERY == 0 && played.otlp.len() < 8_000 {
            let full = json!({
                "records": hex(&played.records), "otlp": hex(&played.otlp), "json": played.json, "log": played.log,
            });
            fs::create_dir_all(folder().join("full")).unwrap();
            fs::write(folder().join("full").join(format!("{name}.json")), format!("{full:#}\n")).unwrap();
        }
        assert!(golden.insert(name.to_owned(), hashes).is_none(), "two programs are called {name}");
    }
    if updating() {
        return fs::write(file, golden_text(&golden)).unwrap();
    }
    assert!(differing.is_empty(), "{} programs give other bytes: {differing:?}", differing.len());
    assert_eq!(golden.len(), known.len());
    assert!(golden.len() >= 200);
    println!("{0} programs, {0} passed", golden.len());
}

/// Of each so-manieth program the whole is kept, unless it is large.
const FULL_EVERY: usize = 11;

/// Several results as one: each behind its length.
fn joined<T: AsRef<[u8]>>(parts: &[T]) -> Vec<u8> {
    let part = |part: &T| {
        let part = part.as_ref();
        [u32::try_from(part.len()).unwrap().to_le_bytes().as_slice(), part].concat()
    };
    parts.iter().flat_map(part).collect()
}

#[test]
fn programs_of_the_meter_are_those_of_the_generator() {
    let lines: String = generate_meter::programs().iter().map(|program| format!("{program}\n")).collect();
    let file = folder().join("meter.jsonl");
    if updating() {
        return fs::write(file, lines).unwrap();
    }
    assert!(fs::read_to_string(file).unwrap() == lines, "meter.jsonl is not what generate_meter.rs makes");
}

#[test]
fn every_program_of_the_meter_gives_its_golden_bytes() {
    let programs = generate_meter::programs();
    let file = folder().join("meter_golden.json");
    let known: Map<String, Value> =
        fs::read_to_string(&file).map_or_else(|_| Map::new(), |text| serde_json::from_str(&text).unwrap());
    let (mut golden, mut differing) = (Map::new(), Vec::new());
    for (index, program) in programs.iter().enumerate() {
        let name = program["name"].as_str().unwrap();
        let played = play_meter::play(program);
        let hashes = json!({
            "otlp": sha256(&joined(&played.otlp)),
            "json": sha256(&joined(&played.json)),
        });
        if known.get(name) != Some(&hashes) {
            differing.push(name.to_owned());
        }
        if updating() && index % FULL_EVERY == 0 {
            let otlp: Vec<String> = played.otlp.iter().map(|otlp| hex(otlp)).collect();
            let full = json!({ "otlp": otlp, "json": played.json });
            fs::write(folder().join("full").join(format!("meter-{name}.json")), format!("{full:#}\n"))
                .unwrap();
        }
        assert!(golden.insert(name.to_owned(), hashes).is_none(), "two programs are called {name}");
    }
    if updating() {
        return fs::write(file, golden_text(&golden)).unwrap();
    }
    assert!(differing.is_empty(), "{} programs give other bytes: {differing:?}", differing.len());
    assert_eq!(golden.len(), known.len());
    assert!(golden.len() >= 50);
    println!("{0} programs of the meter, {0} passed", golden.len());
}
