//! Where things are.
//!
//! Results lie below the repository (`target/wasm`, `pkg/dist`), so that scripts find them without asking. Tools lie
//! in cargo's target directory, which several checkouts may share.

use std::env;
use std::path::{Path, PathBuf};

/// The repository. `cargo run` names the manifest of the checkout it was called in.
pub fn root() -> PathBuf {
    let manifest = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let manifest = PathBuf::from(manifest);
    manifest.parent().map(Path::to_path_buf).unwrap_or(manifest)
}

/// Cargo's target directory.
pub fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// What `setup` installs without the system's package manager.
pub fn tools() -> PathBuf {
    target().join("tools")
}

/// The finished plain module and the copies with names.
pub fn wasm_out() -> PathBuf {
    root().join("target/wasm")
}

/// The finished JavaScript module with its glue.
pub fn js_out() -> PathBuf {
    root().join("pkg/dist")
}

/// The first program of this name on PATH.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}
