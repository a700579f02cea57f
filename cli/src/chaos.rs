//! `spanloom chaos`: plays a scenario until it is interrupted, and tells what it saw.

use std::collections::VecDeque;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use spanloom_chaos::{BUILT_IN, Chaos, Outcome, Report, Request, Scenario};

const EXAMPLES: &str = "\
Examples:
  spanloom chaos --list
  spanloom chaos F08                        throttled, with every Retry-After there is
  spanloom chaos busy.json --for 30 --json > report.json
  spanloom chaos --show F12 > mine.json     a scenario to begin with

Point the program under test to it:
  OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318
  OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf

Exit codes:
  0  it ran until its time was over, or until Ctrl-C
  1  the scenario cannot be read, or the port is taken
  2  the arguments are wrong";

/// Be an OTLP/HTTP receiver that fails on purpose.
///
/// It listens at 127.0.0.1, plays a scenario, writes a line for each request to stderr, and a report to stdout when it
/// ends: how many spans were stored, and how many of them came twice.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Arguments {
    #[command(subcommand)]
    other: Option<Other>,

    /// The name of a built-in scenario, or a file
    #[arg(required_unless_present_any = ["list", "show"])]
    scenario: Option<String>,

    /// Where to listen; 0 takes a free port
    #[arg(long, default_value_t = 4318)]
    port: u16,

    /// Replaces the seed of the scenario
    #[arg(long)]
    seed: Option<u64>,

    /// Ends after so many seconds
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds)]
    time: Option<Duration>,

    /// Writes the report as JSON
    #[arg(long)]
    json: bool,

    /// No line for each request
    #[arg(long)]
    quiet: bool,

    /// Shows the built-in scenarios
    #[arg(long, exclusive = true)]
    list: bool,

    /// Writes a built-in scenario to stdout
    #[arg(long, value_name = "NAME", exclusive = true)]
    show: Option<String>,
}

/// Faults that are not played by a server.
#[derive(clap::Subcommand)]
enum Other {
    NetworkFault(crate::network_fault::Arguments),
}

/// Runs the command.
pub fn run(arguments: Arguments) -> Result<ExitCode> {
    if let Some(Other::NetworkFault(arguments)) = arguments.other {
        return crate::network_fault::run(arguments);
    }
    if arguments.list {
        for name in BUILT_IN {
            say(&format!("{name:8} {}\n", Scenario::built_in(name)?.about))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(name) = &arguments.show {
        say(Scenario::built_in_text(name)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let Some(name) = &arguments.scenario else { bail!("which scenario? `spanloom chaos --list` shows them") };
    let mut scenario = scenario(name)?;
    scenario.seed = arguments.seed.unwrap_or(scenario.seed);
    let report = play(scenario, &arguments)?;
    let text = if arguments.json {
        serde_json::to_string_pretty(&report).context("cannot write the report")? + "\n"
    } else {
        summary(&report)
    };
    say(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// A file where there is one: a built-in name never hides a file.
fn scenario(name: &str) -> Result<Scenario> {
    if !std::path::Path::new(name).exists() {
        return Scenario::built_in(name).with_context(|| format!("there is no file {name:?}"));
    }
    let text = std::fs::read_to_string(name).with_context(|| format!("cannot read {name}"))?;
    Scenario::from_json(&text).with_context(|| name.to_string())
}

fn play(scenario: Scenario, arguments: &Arguments) -> Result<Report> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    ctrlc::set_handler(move || flag.store(true, Ordering::SeqCst)).context("cannot wait for Ctrl-C")?;

    let about = format!("{} (seed {})", scenario.name, scenario.seed);
    let chaos = Chaos::start_at(scenario, arguments.port)?;
    eprintln!("{about}: OTEL_EXPORTER_OTLP_ENDPOINT={}", chaos.endpoint());

    let start = Instant::now();
    let mut log = Log::default();
    loop {
        let left = arguments.time.map_or(Duration::MAX, |time| time.saturating_sub(start.elapsed()));
        if left.is_zero() || interrupted.load(Ordering::SeqCst) {
            break;
        }
        let mut lines = Vec::new();
        let _ = chaos.wait_for(
            |report| {
                lines.extend(log.ended(report));
                !lines.is_empty()
            },
            left.min(Duration::from_millis(100)),
        );
        if !arguments.quiet {
            eprint!("{}", lines.concat());
        }
    }
    let report = chaos.stop();
    if !arguments.quiet {
        eprint!("{}", log.ended(&report).concat());
    }
    Ok(report)
}

/// Which requests have a line already.
#[derive(Default)]
struct Log {
    seen: usize,
    running: VecDeque<usize>,
}

impl Log {
    fn ended(&mut self, report: &Report) -> Vec<String> {
        self.running.extend(self.seen..report.requests.len());
        self.seen = report.requests.len();
        let mut lines = Vec::new();
        self.running.retain(|index| match report.requests.get(*index) {
            Some(request) if request.outcome != Outcome::Running => {
                lines.push(line(request));
                false
            }
            _ => true,
        });
        lines
    }
}

fn line(request: &Request) -> String {
    let end = match (request.outcome, request.status) {
        (Outcome::Answered, Some(status)) => status.to_string(),
        (Outcome::Answered | Outcome::Running, _) => "answered".into(),
        (Outcome::Reset, _) => "reset".into(),
        (Outcome::ClientLeft, _) => "the client left".into(),
        (Outcome::Stopped, _) => "stopped".into(),
    };
    let problem = request.problem.as_ref().map(|problem| format!(" ({problem})")).unwrap_or_default();
    // Paths and problems hold bytes of the client: a terminal must not obey them.
    let text = format!(
        "{:9.3} s  #{} on {}  {} {}  {} B, {} items, {} stored  {}: {end}{problem}",
        request.at.as_secs_f64(),
        request.number,
        request.connection,
        request.method,
        request.path,
        request.body_bytes,
        request.items,
        request.stored,
        request.action,
    );
    text.replace(char::is_control, "?") + "\n"
}

fn summary(report: &Report) -> String {
    let statuses: Vec<String> =
        report.statuses.iter().map(|(status, times)| format!("{status} {times} times")).collect();
    let mut text = format!("{} (seed {})\n", report.scenario, report.seed);
    for (name, value) in [
        ("spans stored", report.spans.stored()),
        ("  different ones", report.spans.unique()),
        ("  duplicates", report.spans.duplicates()),
        ("log records stored", report.log_records),
        ("requests", report.requests_seen),
        ("  undecodable", report.undecodable),
        ("connections", report.connections),
        ("  reset by us", report.resets),
        ("  with TLS", report.tls_hellos),
        ("no HTTP at all", report.bad_requests),
        ("times the door closed", report.closings),
        ("bytes in", report.bytes_in),
        ("bytes out", report.bytes_out),
    ] {
        text.push_str(&format!("{name:22} {value}\n"));
    }
    text.push_str(&format!("{:22} {}\n", "answers", statuses.join(", ")));
    text
}

/// Like `print!`, but a closed pipe is an error and no panic.
pub fn say(text: &str) -> Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("cannot write to stdout")
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or_else(|| "not a number of seconds".into())
}
