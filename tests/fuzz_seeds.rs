//! The committed seeds of the fuzz targets, run through the same functions on a stable toolchain.
#![cfg(feature = "native")]

#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::fs;
use std::path::Path;

#[test]
fn every_target_has_seeds_and_survives_them() {
    type Target = fn(&[u8]);
    let all: [(&str, Target); 10] = [
        ("records", targets::records),
        ("compact", targets::compact),
        ("marshal", targets::marshal),
        ("otlp_proto", targets::otlp_proto),
        ("otlp_json", targets::otlp_json),
        ("otlp_metrics", targets::otlp_metrics),
        ("context", targets::context),
        ("json", targets::json),
        ("redact", targets::redact),
        ("spool", targets::spool),
    ];
    for (name, target) in all {
        let folder = Path::new("fuzz/corpus").join(name);
        let seeds: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(!seeds.is_empty(), "{} has no seeds", folder.display());
        for seed in seeds {
            let bytes = fs::read(&seed).unwrap();
            target(&bytes);
            // A few damaged variants of each seed, so that this is more than a check of well-formed input.
            for at in (0..bytes.len()).step_by(1 + bytes.len() / 64) {
                let mut damaged = bytes.clone();
                damaged[at] ^= 0x55;
                target(&damaged);
                target(&bytes[..at]);
            }
        }
    }
}
