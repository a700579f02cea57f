//! Runs in Node and, with `WASM_BINDGEN_USE_BROWSER`, in Chromium.
#![cfg(all(target_arch = "wasm32", target_os = "unknown"))]

use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn the_module_knows_its_version() {
    assert_eq!(spanloom_js::version(), env!("CARGO_PKG_VERSION"));
}
