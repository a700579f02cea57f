//! The plain wasm module: what hosts call that only have numbers and a linear memory.
//!
//! A host asks for memory with [`alloc`], writes its batch there, makes one call, reads the answer and gives the
//! memory back with [`free`]. Batches become [records](records_ptr), which stay until the host clears them; other calls
//! leave what they made in the [answer](answer_ptr). Any call may move both and may grow the memory, so a host asks
//! where they are after each call. The module imports nothing; `cargo xtask wasm` holds its import section to an empty
//! list. Names are exported on wasm only: in a native program `free` would take the place of the C library's.
#![deny(missing_docs)]

pub mod codes;
mod memory;
mod module;

use std::sync::{Mutex, PoisonError};

pub use memory::{alloc, free};
pub use module::Module;

/// Raised whenever an exported function or a layout changes in a way that an older host would misread.
pub const ABI_VERSION: u32 = 1;

/// The one recorder of this instance. There is one thread; the lock only tells the compiler so.
static MODULE: Mutex<Option<Module>> = Mutex::new(None);

fn with<T>(call: impl FnOnce(&mut Module) -> T) -> T {
    let mut module = MODULE.lock().unwrap_or_else(PoisonError::into_inner);
    call(module.get_or_insert_default())
}

/// Exports functions: on wasm by their name, natively as functions of this crate.
macro_rules! exports {
    ($($(#[$about:meta])* fn $name:ident($($argument:ident: $kind:ty),*) $(-> $result:ty)? $body:block)+) => {
        $(
            $(#[$about])*
            #[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
            pub extern "C" fn $name($($argument: $kind),*) $(-> $result)? $body
        )+
    };
}

exports! {
    /// The version of this interface; a host refuses a module whose version it does not know.
    fn abi_version() -> u32 {
        ABI_VERSION
    }

    /// Forgets everything: interned names, limits, counts, records, the resource.
    fn reset() {
        *MODULE.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Turns a batch in the compact layout into records; gives how many spans there were.
    fn ingest_compact(batch: *const u8, len: usize) -> u32 {
        with(|module| module.compact(memory::slice(batch, len)))
    }

    /// Turns a batch that Python marshalled into records; gives how many spans there were.
    fn ingest_marshal(batch: *const u8, len: usize) -> u32 {
        with(|module| module.marshal(memory::slice(batch, len)))
    }

    /// Where the records are.
    fn records_ptr() -> *const u8 {
        with(|module| module.records.as_ptr())
    }

    /// How many bytes of records there are.
    fn records_len() -> usize {
        with(|module| module.records.len())
    }

    /// Forgets the records.
    fn clear_records() {
        with(Module::clear_records);
    }

    /// Where the answer of the last call is.
    fn answer_ptr() -> *const u8 {
        with(|module| module.answer.as_ptr())
    }

    /// How many bytes the answer has.
    fn answer_len() -> usize {
        with(|module| module.answer.len())
    }

    /// Forgets the answer.
    fn clear_answer() {
        with(Module::clear_answer);
    }

    /// Makes the attributes of the last finished span the resource, and forgets all records.
    fn take_resource() -> u32 {
        with(|module| module.resource() as u32)
    }

    /// Sets the scope: its name, a line feed, its version, in UTF-8.
    fn scope(text: *const u8, len: usize) -> u32 {
        with(|module| module.scope(memory::slice(text, len)) as u32)
    }

    /// Sets a [limit](codes::Limit).
    fn set_limit(limit: u32, value: f64) -> u32 {
        with(|module| module.limit(limit, value) as u32)
    }

    /// The value of a [counter](codes::Count); negative where there is none with this number.
    fn counted(counter: u32) -> f64 {
        with(|module| module.counted(counter))
    }

    /// Answers with the finished spans among the records as an OTLP export request.
    fn encode_otlp() -> u32 {
        with(|module| module.to_otlp() as u32)
    }
}

#[cfg(feature = "views")]
exports! {
    /// Answers with the finished spans among the records as an OTLP export request in JSON.
    fn to_otlp_json() -> u32 {
        with(|module| module.to_otlp_json() as u32)
    }

    /// Answers with the finished spans among the records as the JSON of a `NodeTraceLog`, whose lines tell times so
    /// many minutes ahead of UTC.
    fn to_trace_log_json(utc_offset_minutes: i32) -> u32 {
        with(|module| module.to_trace_log_json(utc_offset_minutes) as u32)
    }
}
