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
#[cfg(feature = "meter")]
pub mod meter;
mod module;

use std::cell::RefCell;

pub use memory::{alloc, free};
pub use module::Module;

/// Raised whenever an exported function or a layout changes in a way that an older host would misread.
pub const ABI_VERSION: u32 = 1;

thread_local! {
    /// The one recorder of this instance, which has one thread. A lock in its place would cost each measurement some nanoseconds.
    static MODULE: RefCell<Option<Module>> = const { RefCell::new(None) };
}

#[inline]
fn with<T>(call: impl FnOnce(&mut Module) -> T) -> T {
    MODULE.with_borrow_mut(|module| call(module.get_or_insert_with(made)))
}

/// A new recorder; once in the life of an instance, and so not in the way of what is called all the time.
#[cold]
#[inline(never)]
fn made() -> Module {
    Module::default()
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
        MODULE.set(None);
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

#[cfg(feature = "meter")]
exports! {
    /// Holds instruments that are made from now on to so many series each; asked before the first of them.
    fn meter_limit(series: u32) -> u32 {
        with(|module| module.meter.limit(series) as u32)
    }

    /// Gives the handle of an instrument of this [kind](codes::InstrumentCode), 0 where there are too many. The text has its name, its
    /// unit and its description, with line feeds between them; the numbers are doubles: the bounds of a histogram, or
    /// how many buckets an exponential one has and its first scale. Without any they are OpenTelemetry's.
    fn meter_instrument(kind: u32, text: *const u8, len: usize, numbers: *const u8, count: usize) -> u32 {
        let (text, numbers) = (memory::slice(text, len), memory::slice(numbers, count.saturating_mul(8)));
        with(|module| module.meter.instrument(kind, text, numbers))
    }

    /// Gives the handle of the series of an instrument that has these labels: a map of the compact layout, or nothing. 0 where
    /// there is no such instrument, or these are no labels. The time is when the series begins, where it is new.
    fn meter_series(instrument: u32, labels: *const u8, len: usize, now_unix_nano: u64) -> u32 {
        let labels = memory::slice(labels, len);
        with(|module| module.meter.series(instrument, labels, now_unix_nano))
    }

    /// Adds to a series of a counter, an up-down counter or a gauge. Where these are whole numbers, a fraction is cut off.
    fn meter_add(series: u32, amount: f64) {
        with(|module| module.meter.add(series, amount));
    }

    /// As `meter_add`, with a whole number.
    fn meter_add_int(series: u32, amount: i64) {
        with(|module| module.meter.add_int(series, amount));
    }

    /// Says what a series of a gauge stands at.
    fn meter_set(series: u32, number: f64) {
        with(|module| module.meter.set(series, number));
    }

    /// As `meter_set`, with a whole number.
    fn meter_set_int(series: u32, number: i64) {
        with(|module| module.meter.set_int(series, number));
    }

    /// Counts a number in a series of a histogram.
    fn meter_record(series: u32, number: f64) {
        with(|module| module.meter.record(series, number));
    }

    /// Answers with an OTLP metrics request of this [temporality](codes::TemporalityCode); with nothing where there is
    /// nothing to say.
    fn meter_collect(now_unix_nano: u64, temporality: u32) -> u32 {
        with(|module| module.collect_metrics(now_unix_nano, temporality) as u32)
    }

    /// What was collected last has arrived: the next delta begins there.
    fn meter_commit() {
        with(|module| module.meter.commit());
    }

    /// How often a [problem](codes::MeterProblem) occurred; negative where there is none with this number.
    fn meter_problems(problem: u32) -> f64 {
        with(|module| module.meter.problems(problem))
    }
}

#[cfg(feature = "deltas")]
exports! {
    /// Adds a batch of metrics that Python marshalled to what is measured; gives how many there were.
    fn meter_fold(batch: *const u8, len: usize, now_unix_nano: u64) -> u32 {
        with(|module| module.fold_metrics(memory::slice(batch, len), now_unix_nano))
    }

    /// Turns a batch of metrics that Python marshalled into records; gives how many there were.
    fn ingest_metrics(batch: *const u8, len: usize) -> u32 {
        with(|module| module.marshal_metrics(memory::slice(batch, len)))
    }
}

#[cfg(all(feature = "meter", feature = "views"))]
exports! {
    /// Turns the metrics request in the answer into JSON.
    fn metrics_to_json() -> u32 {
        with(|module| module.metrics_to_json() as u32)
    }
}
