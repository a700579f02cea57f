//! The configuration of a whole process: each case is a child of its own, as an environment cannot be shared.
#![cfg(all(feature = "native", feature = "yaml", not(target_arch = "wasm32")))]

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use spanloom::Config;
use spanloom::config::{FILE_VARIABLE, known_settings};

/// Says what the environment of this process makes, where it is a child of the tests below.
#[test]
#[ignore = "the program that the tests below start"]
fn what_this_process_says() {
    match Config::from_env() {
        Ok((config, warnings)) => println!("<<<{config}{warnings:?}>>>"),
        Err(error) => println!("<<<{error}>>>"),
    }
}

/// What a process says that has these variables.
fn said_with(variables: &[(&str, &OsStr)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "what_this_process_says", "--ignored", "--nocapture"]);
    for name in known_settings().into_iter().flat_map(|setting| setting.variables) {
        command.env_remove(name);
    }
    command.env_remove(FILE_VARIABLE).env_remove("OTEL_CONFIG_FILE");
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let (_, said) = text.split_once("<<<").unwrap_or_else(|| panic!("the child said {text}"));
    said.split_once(">>>").unwrap().0.to_owned()
}

/// A file with this text.
fn file(name: &str, text: &[u8]) -> PathBuf {
    let folder =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("config_env_{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn variables_and_the_file_they_name() {
    let path = file("good.yaml", b"spanloom:\n  service: {name: filed}\n  live_view: true\n");
    let said = said_with(&[
        (FILE_VARIABLE, path.as_os_str()),
        ("OTEL_SERVICE_NAME", OsStr::new("planner")),
        ("OTEL_BSP_SCHEDULE_DELAY", OsStr::new("soon")),
    ]);
    assert!(said.contains("service.name = \"planner\"  # OTEL_SERVICE_NAME\n"), "{said}");
    assert!(said.contains("live_view = true  # line 3\n"), "{said}");
    assert!(said.contains("key: \"OTEL_BSP_SCHEDULE_DELAY\""), "{said}");
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let folder = file("in_folder", b"").parent().unwrap().to_owned();
    for (path, why) in [
        (PathBuf::from("/no/such/file.yaml"), ""),
        (folder, "it is no file"),
        (file("binary.yaml", b"\xff\xfe"), "it is no UTF-8 text"),
    ] {
        let said = said_with(&[(FILE_VARIABLE, path.as_os_str())]);
        assert!(said.starts_with(&format!("SPANLOOM_CONFIG: cannot read {path:?}: {why}")), "{said}");
    }
    let said = said_with(&[(FILE_VARIABLE, file("wrong.yaml", b"spanloom:\n  x: 1\n").as_os_str())]);
    assert!(said.starts_with("spanloom.x (line 2): there is no such key"), "{said}");
}

#[test]
fn certificates_are_looked_at() {
    let pem = file("ca.pem", b"-----BEGIN CERTIFICATE-----\n");
    let no_pem = file("no.pem", b"hello");
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", OsStr::new("https://collector"));
    let said_of = |path: &OsStr| said_with(&[endpoint, ("OTEL_EXPORTER_OTLP_CERTIFICATE", path)]);
    assert!(said_of(pem.as_os_str()).contains("ca.pem\"  # OTEL_EXPORTER_OTLP_CERTIFICATE\n"));
    let missing = said_of(OsStr::new("/no/such.pem"));
    assert!(
        missing.starts_with("OTEL_EXPORTER_OTLP_CERTIFICATE: cannot read \"/no/such.pem\": "),
        "{missing}"
    );
    let wrong = said_of(no_pem.as_os_str());
    assert!(wrong.ends_with("it is no PEM file"), "{wrong}");
    let yaml = format!(
        "spanloom:\n  exporters:\n    - endpoint: https://c\n      certificate: {}\n",
        no_pem.display()
    );
    let said = said_with(&[(FILE_VARIABLE, file("cert.yaml", yaml.as_bytes()).as_os_str())]);
    assert!(said.starts_with("spanloom.exporters[0].certificate (line 4): cannot read"), "{said}");
}

#[cfg(feature = "tracing")]
#[test]
fn filters_of_log_lines_are_read_from_their_file() {
    let good = file("log.toml", b"log_level = 'error'\n[log_filters]\n\"app::db\" = 'trace'\n");
    let said = said_with(&[("DYN_LOGGING_CONFIG_PATH", good.as_os_str())]);
    assert!(said.contains("log.toml\"  # DYN_LOGGING_CONFIG_PATH\n") && said.ends_with("[]"), "{said}");
    let broken = file("broken.toml", b"\n[log_filters\n");
    let said = said_with(&[("DYN_LOGGING_CONFIG_PATH", broken.as_os_str())]);
    let wanted = format!("DYN_LOGGING_CONFIG_PATH: cannot read {broken:?}: line 2: it is no TOML: ");
    assert!(said.starts_with(&wanted), "{said}");
    let said = said_with(&[("DYN_LOGGING_CONFIG_PATH", OsStr::new("/no/such.toml"))]);
    assert!(said.contains("is ignored: there is no such file"), "{said}");
}

#[cfg(unix)]
#[test]
fn a_value_that_is_no_text_is_named() {
    use std::os::unix::ffi::OsStrExt;
    let said = said_with(&[("OTEL_SERVICE_NAME", OsStr::from_bytes(b"\xff"))]);
    assert_eq!(said, "OTEL_SERVICE_NAME: *** cannot be used: it must be UTF-8");
}
