//! On wasm, `#[test]` becomes `wasm_bindgen_test`, without a word in the test.
//!
//! A crate that imports this one with `#[macro_use]` finds the attribute below before the one of the prelude.
#![cfg(all(target_arch = "wasm32", target_os = "unknown"))]

pub use wasm_bindgen_test::wasm_bindgen_test as test;
