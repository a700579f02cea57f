//! Measures spanloom next to the official SDKs, all in one run. `cargo xtask bench` calls it.
#![allow(clippy::disallowed_methods, reason = "it measures time and starts programs")]
#![allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "statistics")]

mod alloc;
mod decode;
mod harness;
mod hosts;
mod instructions;
mod peers;
mod table;
mod workload;

fn main() {
    let pace = harness::Pace::QUICK;
    use harness::Measure::*;
    use peers::*;
    for (name, measure, make) in [
        ("batch", ProcessCpu, opentelemetry::batch_and_encode as fn() -> harness::Scenario<'static>),
        ("inline", ProcessCpu, opentelemetry::collect_and_encode),
        ("record", CallingThread, opentelemetry::record),
        ("record", Allocations, opentelemetry::record),
        ("unsampled", CallingThread, opentelemetry::unsampled),
        ("decode", CallingThread, decode::prost),
        ("fastrace", CallingThread, fastrace::record),
        ("fastrace unsampled", CallingThread, fastrace::unsampled),
    ] {
        let series = harness::measure(pace, measure, make());
        println!("{name} {measure:?} {:.1} {:.2}", series.median(), series.spread());
    }
}

/// What a command gives back.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

#[global_allocator]
static ALLOCATOR: alloc::Counting = alloc::Counting;
