//! A worker with a health server: readiness by endpoint, a check of the idle one, and its exporters in the answer.
//!
//! ```sh
//! DYN_SYSTEM_PORT=8081 DYN_HEALTH_CHECK_ENABLED=true SPANLOOM_HEALTH_EXPORTERS=shown cargo run --example health
//! curl -i localhost:8081/health
//! curl -i localhost:8081/health/generate
//! ```

use std::error::Error;
use std::time::Duration;

use spanloom::{Config, Health, Loom};

fn main() -> Result<(), Box<dyn Error>> {
    let (config, warnings) = Config::from_env()?;
    for warning in warnings {
        eprintln!("{warning}");
    }
    let loom = Loom::builder().config(&config)?.build();
    let health = Health::builder().config(&config).loom(&loom).build();
    let Some(address) = health.serve_as_configured()? else {
        return Err("set DYN_SYSTEM_PORT, to 0 for a free port".into());
    };
    println!("http://{address}/health");

    // Ready as long as this guard lives; asked whether it is well when nobody uses it.
    let generate = health.endpoint("generate");
    generate.check(|| answer("ping").map(|_| ()));

    for number in 1..=60 {
        let request = generate.request();
        let run = loom.workflow("generate").start();
        answer(&format!("question {number}"))?;
        run.end();
        request.done();
        std::thread::sleep(Duration::from_secs(1));
    }
    health.end(); // the orchestrator sends nobody any more
    loom.shutdown(Duration::from_secs(5));
    Ok(())
}

/// Stands for a model.
fn answer(question: &str) -> Result<String, String> {
    Ok(format!("{question}? Yes."))
}
