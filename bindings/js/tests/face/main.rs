//! The face, used as JavaScript uses it: programs in JavaScript over the real glue. Runs in Node and, with
//! `WASM_BINDGEN_USE_BROWSER`, in Chromium; what needs no JavaScript also runs natively.

#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
#[macro_use]
extern crate wasm_bindgen_test;

mod bytes;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
mod context;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
mod golden;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
mod hostile;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
mod logs;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
mod meter;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
mod program;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
mod sids;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
mod values;
