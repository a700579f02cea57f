//! The least that a program needs: a loom as the environment says, one workflow, one flush.
//!
//! ```sh
//! cargo run --example hello                                              # to a collector on this machine
//! OTEL_TRACES_EXPORTER=console OTEL_METRICS_EXPORTER=none cargo run --example hello    # to the screen, and nowhere else
//! OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318 cargo run --example hello
//! ```
//!
//! Metrics go where OpenTelemetry has them go, to a collector on this machine, unless `OTEL_METRICS_EXPORTER` says otherwise.

use std::error::Error;
use std::time::Duration;

use spanloom::{Loom, Usage};

fn main() -> Result<(), Box<dyn Error>> {
    let loom = Loom::from_env()?;

    let run = loom.workflow("hello").question("Who is there?").start();
    let mut node = run.node("greet").kind("llm").start();
    node.input("name", "world").usage(Usage { prompt: 4, completion: 2, ..Usage::default() });
    node.end();
    run.answer("Hello, world").end();

    let receipt = loom.flush(Duration::from_secs(5));
    println!("{receipt}");
    if !receipt.is_complete() {
        let ledger = loom.ledger();
        for (name, spans) in ledger.destinations {
            println!("spans to {name}: {spans}");
        }
        for (name, points) in ledger.metrics {
            println!("metrics to {name}: {points}");
        }
        return Err("not everything arrived".into());
    }
    Ok(())
}
