//! What other programs say to the texts: Prometheus' own `promtool`, and the parsers of Python's `prometheus_client`.
//!
//! `cargo xtask test` brings both and names them in `SPANLOOM_PROMTOOL` and `SPANLOOM_PYTHON`; then they must work. Else
//! they are looked for on PATH, and without them these tests say so and do nothing.

use std::ffi::OsString;
use std::io::Write;
use std::process::{Command, Stdio};

use spanloom::meter::prometheus::{Format, PrometheusOptions};
use spanloom::meter::{Exemplar, Labels, Number};
use spanloom::{SpanId, TraceId};

use crate::collected::{COUNTER, Collected, EXPONENTIAL, GAUGE, HISTOGRAM, Value, one, written};
use crate::reader;

/// The program's name, or `None` where it is not there and need not be.
fn tool(variable: &str, name: &str, try_it: &[&str]) -> Option<OsString> {
    let named = std::env::var_os(variable);
    let program = named.clone().unwrap_or_else(|| name.into());
    let works = Command::new(&program).args(try_it).output().is_ok_and(|output| output.status.success());
    assert!(works || named.is_none(), "{variable} is set, but {program:?} does not work");
    if !works {
        println!("skipped: no {name} that takes {try_it:?}; `cargo xtask test` brings one");
    }
    works.then_some(program)
}

fn promtool() -> Option<OsString> {
    tool("SPANLOOM_PROMTOOL", "promtool", &["--version"])
}

fn python() -> Option<OsString> {
    tool("SPANLOOM_PYTHON", "python3", &["-c", "import prometheus_client"])
}

/// Gives the text to the program's input; what it printed, where it was content.
fn feed(command: &mut Command, text: &str) -> String {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    // The whole text fits no pipe: it is written beside the reading.
    let output = std::thread::scope(|threads| {
        threads.spawn(move || input.write_all(text.as_bytes()));
        child.wait_with_output().unwrap()
    });
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{said}{complaint}\n{text}", output.status);
    said
}

fn exemplar(value: f64) -> Exemplar {
    Exemplar {
        time_unix_nano: 1_700_000_000_123_000_000,
        value: Number::Double(value),
        trace_id: TraceId::from_halves(7, 8),
        span_id: SpanId::from_u64(9),
        labels: one("user.id", "u-7"),
    }
}

/// Something of everything, told well enough that promtool's lint has nothing to say either.
fn everything() -> Collected {
    let histogram =
        |sum| Value::Histogram { bounds: vec![0.005, 1.0, 2.5, 1e6], counts: vec![1, 2, 0, 3, 1], sum };
    let exponential = Value::Exponential {
        scale: 5,
        zero: 1,
        positive: (-20, (0..160).map(|n| n % 3).collect()),
        negative: (0, vec![]),
        sum: 99.5,
    };
    let below_zero = Value::Exponential {
        scale: 0,
        zero: 0,
        positive: (0, vec![1, 2]),
        negative: (1, vec![3]),
        sum: -4.0,
    };
    Collected { scope: ("agent \"x\"".into(), "1.0".into()), ..Collected::default() }
        .stream("gen_ai.client.token.usage", "Tokens\nby \"kind\" \\", COUNTER)
        .unit("{token}")
        .point_with(one("gen_ai.token.type", "input"), Value::Number(812.into()), vec![exemplar(3.0)])
        .int(one("gen_ai.token.type", "a\"b\\c\nd é \u{1f980} {}=,#"), i64::MAX)
        .int(Labels::none(), 0)
        .stream("process.cpu.time", "Time of processors", COUNTER)
        .unit("s")
        .double(one("mode", "user"), 12.75)
        .stream("queue.length", "Waiting", GAUGE)
        .int(Labels::none(), -7)
        .stream("temperature", "Numbers of all sizes", GAUGE)
        .unit("Cel")
        .double(one("n", "1"), 1e-7)
        .double(one("n", "2"), 1e21)
        .double(one("n", "3"), f64::NAN)
        .double(one("n", "4"), f64::INFINITY)
        .double(one("n", "5"), f64::NEG_INFINITY)
        .double(one("n", "6"), -0.0)
        .double(one("n", "7"), f64::MAX)
        .double(one("n", "8"), 5e-324)
        .stream("request.duration", "Time of requests", HISTOGRAM)
        .unit("s")
        .point_with(one("http.route", "/ask"), histogram(9.5), vec![exemplar(0.75), exemplar(1e9)])
        .point(Labels::new([("http.route", "/".into()), ("le", "mine".into())]), histogram(0.25))
        .stream("response.size", "Sizes of responses", EXPONENTIAL)
        .unit("By")
        .point_with(Labels::none(), exponential, vec![exemplar(1.0)])
        .stream("balance", "Goes below zero", EXPONENTIAL)
        .point(Labels::none(), below_zero)
}

fn text(format: Format) -> String {
    let resource = Labels::new([("service.name", "planner".into()), ("host.cpus", 8.into())]);
    let (text, written) =
        written(&[&everything()], &PrometheusOptions { resource, ..PrometheusOptions::new(format) });
    assert_eq!((written.families, written.skipped.total()), (8, 0));
    text
}

#[test]
fn promtool_has_no_complaint() {
    let Some(promtool) = promtool() else { return };
    let said = feed(Command::new(promtool).args(["check", "metrics"]), &text(Format::Prometheus));
    assert_eq!(said, "");
}

#[test]
fn prometheus_reads_the_open_metrics() {
    let Some(promtool) = promtool() else { return };
    // It writes what it read as a block of its database, for which each sample needs a moment.
    let folder = std::env::temp_dir().join(format!("spanloom-prometheus-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("metrics.txt");
    let text = text(Format::OpenMetrics);
    let samples = reader::read(&text).samples.len();
    std::fs::write(&file, with_moments(&text)).unwrap();
    let mut command = Command::new(promtool);
    command.args(["tsdb", "create-blocks-from", "openmetrics"]).arg(&file).arg(folder.join("data"));
    let said = feed(&mut command, "");
    std::fs::remove_dir_all(&folder).unwrap();
    // The table's row: block, first and last moment, duration, samples, chunks, series, size.
    let row: Vec<&str> = said.lines().last().unwrap_or_default().split_whitespace().collect();
    assert!(row.contains(&samples.to_string().as_str()), "{samples} samples were written\n{said}");
}

/// The same with a moment behind each value.
fn with_moments(text: &str) -> String {
    let line_with_moment = |line: &str| {
        if line.starts_with('#') {
            return format!("{line}\n");
        }
        let (sample, exemplar) =
            line.split_once(" # {").map_or((line, None), |(sample, rest)| (sample, Some(rest)));
        let exemplar = exemplar.map(|rest| format!(" # {{{rest}")).unwrap_or_default();
        format!("{sample} 1700000060{exemplar}\n")
    };
    text.split_terminator('\n').map(line_with_moment).collect()
}

/// Prints name, labels and value of each sample, and how many exemplars there were.
const PARSE: &str = r"
import json, sys
from importlib import import_module
text = sys.stdin.buffer.read().decode()
families = list(import_module(sys.argv[1]).text_string_to_metric_families(text))
samples = [[s.name, s.labels, repr(float(s.value))] for f in families for s in f.samples]
exemplars = sum(s.exemplar is not None for f in families for s in f.samples)
json.dump({'families': len(families), 'samples': samples, 'exemplars': exemplars}, sys.stdout)
";

#[test]
fn python_reads_what_was_written() {
    let Some(python) = python() else { return };
    for (format, module, exemplars) in [
        (Format::Prometheus, "prometheus_client.parser", 0),
        (Format::OpenMetrics, "prometheus_client.openmetrics.parser", 4),
    ] {
        let text = text(format);
        let said = feed(Command::new(&python).args(["-c", PARSE, module]), &text);
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert_eq!((&said["families"], &said["exemplars"]), (&8.into(), &exemplars.into()), "{module}");
        let got: Vec<(String, reader::Labels, String)> =
            serde_json::from_value(said["samples"].clone()).unwrap();
        let expected = reader::read(&text).samples;
        assert_eq!(got.len(), expected.len(), "{module}");
        for ((name, labels, value), (our_name, our_labels, our_value)) in got.iter().zip(&expected) {
            assert_eq!((name, labels), (our_name, our_labels), "{module}");
            let value: f64 = value.parse().unwrap();
            assert!(
                value == *our_value || (value.is_nan() && our_value.is_nan()),
                "{module} {name}: {value} {our_value}"
            );
        }
    }
}
