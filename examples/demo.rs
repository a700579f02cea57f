//! A travel agent answers one question, and spanloom watches it.
//!
//! The agent itself is make-believe: what it would wait for, it sleeps through. The tracing is real, and this file is
//! meant to be read: each step shows another thing that a node can tell.
//!
//! ```sh
//! cargo xtask demo                 # or: cargo run --example demo -- --out some/folder
//! ```

use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::{scope, sleep};
use std::time::Duration;

use spanloom::json::Style;
use spanloom::loom::TextOptions;
use spanloom::otlp::json::traces_to_json;
use spanloom::value::Value;
use spanloom::{Ledger, Loom, MemoryExporter, Node, Receipt, Usage, UsageMode, Workflow};

const QUESTION: &str = "Can I walk from the Louvre to Notre-Dame this afternoon?";

const USAGE: &str = "usage: demo [--out FOLDER]";

fn main() -> ExitCode {
    if std::env::args().skip(1).any(|word| word == "--help" || word == "-h") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let Some(folder) = folder_from(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match demo(&folder) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has seen enough, as `head` has.
        Err(error) if is_broken_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error}");
            ExitCode::FAILURE
        }
    }
}

fn demo(folder: &Path) -> Result<(), Box<dyn Error>> {
    // A program makes one loom, at its start. This one keeps what it records in memory, so that we can look at it below.
    let kept = MemoryExporter::new();
    let loom = Loom::builder()
        .service("travel-agent")
        .resource("service.version", "1.4.0")
        .exporter(kept.clone())
        .build();

    answer(&loom)?;

    // Nothing leaves a program unseen: the receipt says what this flush did, the ledger what became of every span so far.
    let receipt = loom.flush(Duration::from_secs(5));
    show(&kept, folder, receipt, loom.ledger())
}

/// One run of the workflow: plan, ask two tools at once, write the answer.
fn answer(loom: &Loom) -> Result<(), Box<dyn Error>> {
    let run =
        loom.workflow("answer-question").app("travel").user("u-7").chat("c-42").question(QUESTION).start();
    run.tag("channel", "web");

    plan(&run)?;

    // A workflow can be shared between threads. Both nodes become its children, whoever makes them.
    let (walk, weather) = scope(|threads| {
        let walk = threads.spawn(|| find_way(&run));
        let weather = threads.spawn(|| ask_weather(&run));
        (walk.join(), weather.join())
    });
    let (walk, weather) =
        (walk.map_err(|_| "find_way panicked")??, weather.map_err(|_| "ask_weather panicked")??);

    let text = write_answer(&run, &walk, &weather);
    run.answer(&text).status(0, "");
    run.end();
    Ok(())
}

/// A call of a model, wrapped: `run` starts the node and ends it, whatever the closure returns.
fn plan(run: &Workflow) -> Result<(), String> {
    run.node("plan").kind("llm").run(|node| {
        node.attribute("gen_ai.request.model", "small-1")
            .config("temperature", 0.2)
            .input("question", QUESTION);
        sleep(Duration::from_millis(120));
        node.output("tools", &Value::Array(vec!["find_way".into(), "ask_weather".into()]));
        node.usage(Usage { prompt: 412, completion: 38, cache_read: 256, ..Usage::default() });
        node.next("find_way").next("ask_weather");
        Ok(())
    })
}

/// A tool with steps of its own. A node below a node is made like one below the workflow.
fn find_way(run: &Workflow) -> Result<String, String> {
    run.node("find_way").kind("tool").run(|node| {
        node.input("from", "Louvre").input("to", "Notre-Dame");
        for part in ["geocode", "route"] {
            let step = node.span(part).start();
            sleep(Duration::from_millis(45));
            step.end();
        }
        node.output("metres", 1_600).output("minutes", 21);
        Ok("21 minutes on foot".to_owned())
    })
}

/// A tool that fails once. Each attempt is a node, so the failure stays to be seen when the second one works.
fn ask_weather(run: &Workflow) -> Result<String, String> {
    run.node("ask_weather").kind("tool").run(|node| {
        node.input("city", "Paris");
        for attempt in 1..=2 {
            let result = node.node("attempt").run(|attempt_node| {
                attempt_node.attribute("attempt", attempt);
                call_weather_service(attempt)
            });
            match result {
                Ok(sky) => {
                    node.output("sky", &sky);
                    return Ok(sky);
                }
                // `run` has noted the error on the attempt: its status, and an exception event.
                Err(error) => node.info(&format!("attempt {attempt} failed, trying again: {error}")),
            };
        }
        Err("the weather service is down".to_owned())
    })
}

fn call_weather_service(attempt: u32) -> Result<String, String> {
    sleep(Duration::from_millis(60));
    if attempt == 1 { Err("503 Service Unavailable".to_owned()) } else { Ok("dry, 18 °C".to_owned()) }
}

/// A model that streams. A node can also be started and ended by hand, where a closure does not fit.
fn write_answer(run: &Workflow, walk: &str, weather: &str) -> String {
    let mut node: Node = run.node("write_answer").kind("llm").start();
    node.attribute("gen_ai.request.model", "large-2").input("walk", walk).input("weather", weather);
    sleep(Duration::from_millis(140));

    let mut text = String::new();
    for (count, word) in ["Yes: ", walk, ", and it stays ", weather, "."].into_iter().enumerate() {
        node.first_frame(); // Only the first call counts.
        text.push_str(word);
        sleep(Duration::from_millis(35));
        // This model reports running totals with each piece. The largest counts, not the sum.
        let completion = 6 * (count as u64 + 1);
        node.usage(Usage { prompt: 530, completion, mode: UsageMode::Cumulative, ..Usage::default() });
    }
    node.info("the answer is complete").output("text", &text);
    node.end();
    text
}

/// Shows what was recorded: as a picture, as OTLP, as a workflow log.
fn show(
    kept: &MemoryExporter,
    folder: &Path,
    receipt: Receipt,
    ledger: Ledger,
) -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout().lock();

    // The records, woven into a tree.
    writeln!(out, "{}", kept.tree_text(&TextOptions::default()))?;

    // What a collector would be sent, in OTLP's JSON form.
    let otlp = folder.join("otlp.json");
    write(&otlp, &traces_to_json(&kept.to_otlp())?)?;

    // The same run as astron-agent's NodeTraceLog. Any OTLP trace can be read as one.
    let log = folder.join("node_trace_log.json");
    let logs: Vec<String> = kept.trace_logs().iter().map(|log| log.to_json(Style::Compact)).collect();
    write(&log, &logs.join("\n"))?;

    writeln!(out, "Receipt: {receipt}.")?;
    writeln!(out, "Ledger: {ledger}.\n")?;
    writeln!(out, "OTLP JSON:     {}", otlp.display())?;
    writeln!(out, "NodeTraceLog:  {}\n", log.display())?;
    writeln!(
        out,
        "Next: read examples/demo.rs, which made this, and the README. OTLP files can be sent to any collector:"
    )?;
    writeln!(
        out,
        "curl -H 'content-type: application/json' -d @{} http://localhost:4318/v1/traces",
        otlp.display()
    )?;
    Ok(())
}

/// Writes a file, and makes its folder where there is none.
fn write(path: &Path, text: &str) -> Result<(), String> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(path, text))
        .map_err(|error| format!("cannot write {}: {error}", path.display()))
}

fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Where the files go; `None` where the arguments make no sense.
fn folder_from(mut args: impl Iterator<Item = String>) -> Option<PathBuf> {
    match (args.next().as_deref(), args.next(), args.next()) {
        (None, None, None) => Some("target/demo".into()),
        (Some("--out"), Some(folder), None) => Some(folder.into()),
        _ => None,
    }
}
