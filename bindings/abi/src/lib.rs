//! The plain wasm module: what hosts call that only have numbers and a linear memory.
//!
//! A host asks for memory with [`alloc`], writes its batch there, makes one call, reads the answer and gives the
//! memory back with [`free`]. The module imports nothing; `cargo xtask wasm` holds its import section to an empty
//! list. Names are exported on wasm only: in a native program `free` would take the place of the C library's.
#![deny(missing_docs)]

mod memory;

pub use memory::{alloc, free};

/// Raised whenever an exported function or a layout changes in a way that an older host would misread.
pub const ABI_VERSION: u32 = 1;

/// The version of this interface; a host refuses a module whose version it does not know.
#[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
pub extern "C" fn abi_version() -> u32 {
    ABI_VERSION
}
