//! `spanloom chaos` as a user runs it.
#![allow(clippy::disallowed_methods, reason = "a test of a program needs processes and files")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

fn spanloom(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spanloom"));
    command.arg("chaos").args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn output(arguments: &[&str]) -> Output {
    spanloom(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A running server and its address.
fn start(arguments: &[&str]) -> (Child, String, BufReader<std::process::ChildStderr>) {
    let mut child = spanloom(arguments).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    let address = line.trim().rsplit_once("http://").unwrap_or_else(|| panic!("{line}")).1.to_string();
    (child, address, stderr)
}

fn post(address: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = b"POST /v1/traces HTTP/1.1\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    stream.write_all(request).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.lines().next().unwrap_or_default().into()
}

#[test]
fn lists_and_shows() {
    let list = output(&["--list"]);
    assert!(list.status.success());
    assert!(text(&list.stdout).contains("F08      429 with every Retry-After"));
    let shown = output(&["--show", "f08"]);
    assert!(shown.status.success());
    assert!(serde_json::from_slice::<Value>(&shown.stdout).is_ok());
}

#[test]
fn wrong_arguments() {
    for (arguments, code, message) in [
        (&["F99", "--port", "0"] as &[&str], 1, "--list"),
        (&[], 2, "Usage"),
        (&["F01", "--for", "soon"], 2, "not a number of seconds"),
        (&["F01", "--prot", "0"], 2, "--port"),
    ] {
        let output = output(arguments);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        assert!(stderr.contains(message), "{stderr}");
    }
}

#[test]
fn a_file_with_a_wrong_key() {
    let file = std::env::temp_dir().join(format!("spanloom-chaos-{}.json", std::process::id()));
    std::fs::write(&file, "{\n  \"name\": \"x\",\n  \"sead\": 1\n}").unwrap();
    let output = output(&[file.to_str().unwrap(), "--port", "0"]);
    std::fs::remove_file(&file).unwrap();
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr.contains("`sead`") && stderr.contains("line 3"), "{stderr}");
}

#[test]
fn runs_for_a_time() {
    let output = output(&["F30", "--port", "0", "--for", "0.2", "--json", "--seed", "7"]);
    assert!(output.status.success());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((report["seed"].as_u64(), report["requests_seen"].as_u64()), (Some(7), Some(0)));
}

/// An interrupt is what ends it outside tests.
#[cfg(unix)]
#[test]
fn reports_when_interrupted() {
    let (child, address, mut stderr) = start(&["F07", "--port", "0", "--json"]);
    let answers: Vec<String> = (0..4).map(|_| post(&address)).collect();
    assert_eq!(
        answers,
        [
            "HTTP/1.1 502 Bad Gateway",
            "HTTP/1.1 503 Service Unavailable",
            "HTTP/1.1 504 Gateway Timeout",
            "HTTP/1.1 200 OK"
        ]
    );
    let mut lines = String::new();
    while lines.lines().count() < 4 {
        stderr.read_line(&mut lines).unwrap();
    }
    assert!(lines.contains("POST /v1/traces") && lines.contains("status: 503"), "{lines}");

    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["requests_seen"], 4);
    assert_eq!(report["statuses"], serde_json::json!({"200": 1, "502": 1, "503": 1, "504": 1}));
}

const FAULT: [&str; 7] =
    ["network-fault", "--partition-type", "worker_nats", "--source", "dynamo", "--label", "app=worker"];

#[test]
fn writes_a_network_fault() {
    let more =
        ["--param", "target_pod_prefix=7", "--param", "delay_ms=100", "--duration", "60", "--id", "01234567"];
    let output = output(&[&FAULT[..], &more].concat());
    let stderr = text(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert!(
        stderr.contains("network-chaos-worker-nats-01234567 created in dynamo (delay: 100ms)"),
        "{stderr}"
    );
    let resource: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(resource["spec"]["selector"]["labelSelectors"]["app"], "worker");
    assert_eq!(
        (&resource["spec"]["delay"]["latency"], &resource["spec"]["duration"]),
        (&"100ms".into(), &"60s".into())
    );
}

#[test]
fn network_faults_without_an_id_have_different_names() {
    let name = || {
        let output = output(&[&FAULT[..], &["--param", "target_pod_prefix=w"]].concat());
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["metadata"]["name"].to_string()
    };
    let names: std::collections::BTreeSet<String> = (0..3).map(|_| name()).collect();
    assert!(names.len() > 1, "{names:?}");
}

#[test]
fn wrong_network_faults() {
    for (arguments, code, message) in [
        (&[] as &[&str], 1, "target_pod_prefix parameter is required"),
        (&["--param", "target_pod_prefix=w", "--param", "delay_ms=soon"], 1, "use a number"),
        (&["--param", "delay=5"], 1, "packet_loss_percent"),
        (&["--param", "delay"], 2, "not of the form KEY=VALUE"),
        (&["--partition-type", "nobody"], 2, "use frontend_worker"),
    ] {
        let arguments = match arguments {
            ["--partition-type", ..] => [&FAULT[..1], arguments, &FAULT[3..]].concat(),
            _ => [&FAULT[..], arguments].concat(),
        };
        let output = output(&arguments);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        assert!(stderr.contains(message), "{stderr}");
    }
}
