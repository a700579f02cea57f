//! The fuzz targets with their seeds: what a fuzzer would do first, on every machine and every run.

#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::fs;
use std::path::Path;

#[test]
fn seeds_of_every_target_hold() {
    for (name, target) in targets::TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
        let mut seeds = 0;
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let seed = fs::read(entry.unwrap().path()).unwrap();
            // Cut and changed seeds are the fuzzer's next inputs.
            for length in [seed.len(), seed.len() / 2, seed.len().saturating_sub(1)] {
                target(&seed[..length]);
            }
            for at in (0..seed.len()).step_by(seed.len() / 50 + 1) {
                let mut changed = seed.clone();
                changed[at] ^= 0x41;
                target(&changed);
            }
            seeds += 1;
        }
        assert!(seeds >= 3, "{name} has {seeds} seeds");
    }
}
