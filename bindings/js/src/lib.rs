//! The face for JavaScript: classes and objects over the core, bound by wasm-bindgen.
//!
//! It holds no logic: each class wraps a type of the core. Built by `cargo xtask wasm`, apart from the plain module,
//! because features unify within one cargo invocation.
#![deny(missing_docs)]

use wasm_bindgen::prelude::wasm_bindgen;

/// The version of spanloom in this module.
#[wasm_bindgen]
#[must_use]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
