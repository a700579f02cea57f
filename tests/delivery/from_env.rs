//! A program that is told by its environment alone where its spans go: this test runs itself again as that program.

use std::process::{Command, Output};
use std::time::Duration;

use spanloom::Loom;
use spanloom_chaos::{Action, Chaos, Scenario, Step};

#[test]
#[ignore = "the program that the tests below start"]
fn child() {
    let loom = match Loom::from_env() {
        Ok(loom) => loom,
        Err(error) => {
            println!("error: {error}");
            return;
        }
    };
    let run = loom.workflow("hello").start();
    run.node("greet").start().end();
    run.end();
    println!("receipt: {}", loom.flush(Duration::from_secs(30)));
}

fn program(settings: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "from_env::child", "--ignored", "--nocapture"]).env_clear();
    let Output { stdout, stderr, .. } = command.envs(settings.iter().copied()).output().unwrap();
    String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap()
}

#[test]
fn the_environment_says_where_spans_go() {
    let collector = Chaos::start(Scenario::new("well").step(Step::new(Action::Accept))).unwrap();
    let endpoint = collector.endpoint();
    let said = program(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint),
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=secret"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_SERVICE_NAME", "greeter"),
    ]);
    assert!(said.contains("receipt: 2 delivered, 0 rejected, 0 dropped, 0 pending"), "{said}");
    let report = collector.report();
    assert_eq!(report.spans.stored(), 2);
    // Spans and metrics go their own ways, in no order.
    for path in ["/v1/traces", "/v1/metrics"] {
        let request = report.requests.iter().find(|request| request.path == path);
        let request = request.unwrap_or_else(|| panic!("nothing came to {path}"));
        assert_eq!(request.header("api-key"), Some("secret"));
        assert_eq!(request.header("content-encoding"), Some("gzip"));
    }
}

#[test]
fn other_settings_need_no_collector() {
    let said = program(&[("OTEL_TRACES_EXPORTER", "console"), ("OTEL_METRICS_EXPORTER", "none")]);
    assert!(said.contains("hello  workflow") && said.contains("└─ greet"), "{said}");
    let said = program(&[("OTEL_SDK_DISABLED", "true")]);
    assert!(said.contains("receipt: 0 delivered, 0 rejected, 0 dropped, 0 pending"), "{said}");
}

#[test]
fn what_cannot_be_used_is_named() {
    let said = program(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://user:hidden@collector")]);
    assert!(said.contains("error: ") && said.contains("OTEL_EXPORTER_OTLP_ENDPOINT"), "{said}");
    assert!(!said.contains("hidden"), "{said}");
}
