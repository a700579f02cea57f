//! Configuration files, and how they go together with variables.

use super::variables::VARIABLES;
use super::*;

/// Key and value of every setting in the table, as a file may have them.
fn good_value(key: &str) -> &'static str {
    let printed =
        VARIABLES.iter().find(|(_, _, line, _)| line.split_once(" = ").is_some_and(|(k, _)| k == key));
    match (printed, key) {
        (_, "enabled" | "json_logs.ansi") => "off",
        (_, "propagators") => "[baggage]",
        (_, "wording.convention") => "openinference",
        (Some((_, value, ..)), _) => value,
        (None, "limits.span_bytes") => "1 MiB",
        (None, key) if key.starts_with("limits.") => "7",
        (None, key) if key.starts_with("redaction.hide.") => "yes",
        (None, key) => panic!("no value for {key}"),
    }
}

#[test]
fn every_key_is_read_from_a_file() {
    let defaults = Config::default().to_string();
    for known in known_settings() {
        let key = known.key.as_str();
        if key.contains("exporters") || key == "resource" || key == "sampler.ratio" {
            continue;
        }
        let mut yaml = "spanloom:\n".to_owned();
        let steps: Vec<&str> = key.split('.').collect();
        for (depth, step) in steps.iter().enumerate() {
            yaml.push_str(&"  ".repeat(depth + 1));
            yaml.push_str(step);
            yaml.push_str(if depth + 1 < steps.len() { ":\n" } else { ": " });
        }
        let at = steps.len() + 1;
        let config = read_yaml(&format!("{yaml}{}\n", good_value(key)), &[]).0;
        let found = config.to_string();
        let line = found.lines().find(|line| line.starts_with(&format!("{key} = "))).unwrap();
        assert!(line.ends_with(&format!("  # line {at}")), "{line}");
        assert!(!defaults.contains(line), "{line}");

        assert_eq!(read_yaml(&format!("{yaml}\n"), &[]).0, Config::default(), "{key} without a value");
        // Wrong values are errors in a file, if there are any.
        if ![
            "tracer.name",
            "service.name",
            "spool.path",
            "json_logs.filter",
            "json_logs.filter_file",
            "health.endpoints",
        ]
        .contains(&key)
        {
            let error = refused_yaml(&format!("{yaml}\"wr ong\"\n"));
            assert!(error.starts_with(&format!("spanloom.{key} (line {at}): \"wr ong\" cannot")), "{error}");
        }
        let error = refused_yaml(&format!("{yaml}{{x: 1}}\n"));
        assert!(error.starts_with(&format!("spanloom.{key}.x (line {at}): there is no such key")), "{error}");
    }
}

const WHOLE: &str = r#"
spanloom:
  service: { name: planner, version: 1.2, environment: test }
  resource:
    team.name: "rain & sun"
  propagators:
    - tracecontext
  sampler:
    type: parentbased_traceidratio
    ratio: 0.25
  batch: { schedule_delay: 2s }
  exporters:
    - type: otlp
      endpoint: https://collector:4318
      headers:
        Authorization: Bearer ${TOKEN}
        x-tenant: "${TENANT:-none, yet}"
      timeout: 3s
      compression: gzip
      certificate: /ca.pem
    - endpoint: other:4317
      protocol: grpc
      insecure: true
    - type: console
      format: otlp_json
    - type: file
      path: /var/log/spans.jsonl
      rotate_bytes: 64 MiB
      keep: 3
    - console
  metrics:
    interval: 1m
    exporters: []
  logs:
    exporters:
      - endpoint: http://logs/in
unrelated: &x [1, *x ]
"#;

#[test]
fn health_in_a_file() {
    let health = |below: &str| read_yaml(&format!("spanloom:\n  health:\n{below}"), &[]);
    let (config, warnings) = health(
        "    port: 8081\n    exporters: decide\n    endpoints:\n      - generate\n      - embed\n    canary: {wait: 2s}\n",
    );
    assert_eq!(warnings, [] as [String; 0]);
    let Health { port, exporters, endpoints, canary, .. } = config.health;
    assert_eq!((port, exporters), (Some(8081), ExportersInHealth::Decide));
    assert_eq!(endpoints, ["generate", "embed"]);
    assert_eq!(canary.wait, core::time::Duration::from_secs(2));
    assert_eq!(health("    endpoints: []\n").0.health.endpoints, [] as [String; 0]);
    assert_eq!(health("    endpoints: generate\n").0.health.endpoints, ["generate"]);
    let error = refused_yaml("spanloom:\n  health:\n    endpoints:\n      - {a: b}\n");
    assert!(error.starts_with("spanloom.health.endpoints[0].a (line 4): "), "{error}");
    let error = refused_yaml("spanloom:\n  health: { prot: 1 }\n");
    assert!(error.contains("did you mean spanloom.health.port?"), "{error}");
}

#[test]
fn a_whole_file() {
    let text = WHOLE.replace("unrelated: &x [1, *x ]", "unrelated: [1]");
    let (config, warnings) = read_yaml(&text, &[("TOKEN", "t0p=s3cret, yes")]);
    assert_eq!(warnings, [] as [String; 0]);
    let printed = config.to_string();
    for line in [
        "service.name = \"planner\"  # line 3",
        "resource = service.version=\"1.2\",deployment.environment.name=\"test\",team.name=\"rain & sun\"  # line 5",
        "propagators = tracecontext  # line 7",
        "sampler.ratio = 0.25  # line 10",
        "batch.schedule_delay = 2000 ms  # line 11",
        "exporters[0] = otlp  # line 13",
        "exporters[0].endpoint = https://collector:4318/v1/traces  # line 14",
        "exporters[0].headers = authorization=***,x-tenant=***  # line 17",
        "exporters[0].timeout = 3000 ms  # line 18",
        "exporters[0].certificate = \"/ca.pem\"  # line 20",
        "exporters[1].endpoint = http://other:4317  # line 21",
        "exporters[2].format = otlp_json  # line 25",
        "exporters[3].path = \"/var/log/spans.jsonl\"  # line 27",
        "exporters[3].rotate_bytes = 64 MiB  # line 28",
        "exporters[3].keep = 3  # line 29",
        "exporters[4].format = tree",
        "metrics.interval = 60000 ms  # line 32",
        "metrics.exporters = none",
        "logs.exporters[0].endpoint = http://logs/in  # line 36",
    ] {
        assert!(printed.lines().any(|found| found == line), "no line {line:?} in\n{printed}");
    }
    let headers = &otlp(&config).headers;
    assert_eq!(headers[0].1.reveal(), "Bearer t0p=s3cret, yes");
    assert_eq!(headers[1].1.reveal(), "none, yet");
    assert!(!format!("{printed}{config:?}").contains("s3cret"));
}

#[test]
fn variables_count_more_than_the_file() {
    let text = WHOLE.replace("unrelated: &x [1, *x ]", "");
    let (config, _) = read_yaml(
        &text,
        &[
            ("TOKEN", "t"),
            ("OTEL_SERVICE_NAME", "other"),
            ("OTEL_RESOURCE_ATTRIBUTES", "team.name=x"),
            ("OTEL_TRACES_SAMPLER", "always_off"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://first/x"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a=1"),
            ("OTEL_BSP_SCHEDULE_DELAY", "1"),
        ],
    );
    let printed = config.to_string();
    for line in [
        "service.name = \"other\"  # OTEL_SERVICE_NAME",
        "sampler.type = AlwaysOffSampler  # OTEL_TRACES_SAMPLER",
        "batch.schedule_delay = 1 ms  # OTEL_BSP_SCHEDULE_DELAY",
        // The first one is the one that variables speak of.
        "exporters[0].endpoint = http://first/x  # OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "exporters[0].headers = a=***  # OTEL_EXPORTER_OTLP_HEADERS",
        "exporters[0].timeout = 3000 ms  # line 18",
        "exporters[1].headers = none",
    ] {
        assert!(printed.lines().any(|found| found == line), "no line {line:?} in\n{printed}");
    }
    assert!(printed.contains("team.name=\"x\""));
    // What is ignored leaves what the file says.
    let ignored = [("TOKEN", "t"), ("OTEL_TRACES_SAMPLER", "xray"), ("OTEL_TRACES_SAMPLER_ARG", "2")];
    let (config, warnings) = read_yaml(&text, &ignored);
    assert!(config.to_string().contains("sampler.ratio = 0.25  # line 10"));
    assert_eq!(warnings.len(), 2);
    // Naming a kind takes those of that kind.
    let (config, _) = read_yaml(&text, &[("TOKEN", "t"), ("OTEL_TRACES_EXPORTER", "console,otlp")]);
    let kinds: Vec<&str> = config.exporters.iter().map(Exporting::kind).collect();
    assert_eq!(kinds, ["console", "console", "otlp", "otlp"]);
}

#[test]
fn what_is_wrong_in_a_file_is_named_with_its_line() {
    for (yaml, error) in [
        (
            "spanloom:\n  exporters:\n    - endpont: http://c\n",
            "spanloom.exporters[0].endpont (line 3): there is no such key; did you mean spanloom.exporters[0].endpoint?",
        ),
        (
            "spanloom:\n  batch: {schedul_delay: 1}\n",
            "spanloom.batch.schedul_delay (line 2): there is no such key; did you mean spanloom.batch.schedule_delay?",
        ),
        ("spanloom:\n  colour: red\n", "spanloom.colour (line 2): there is no such key"),
        (
            "spanloom:\n  exporters:\n    - endpoint: ftp://me:hush@c\n",
            "spanloom.exporters[0].endpoint (line 3): \"ftp://***@c\" cannot be used: the scheme must be http or https",
        ),
        (
            "spanloom:\n  exporters:\n    - headers:\n        authorization: \"a\\r\\nhush: 1\"\n",
            "spanloom.exporters[0].headers.authorization (line 4): *** cannot be used: the value of header \
                 \"authorization\" holds a line break, another control character or one that is not ASCII",
        ),
        (
            "spanloom:\n  exporters:\n    - headers: {\"\": hush}\n",
            "spanloom.exporters[0].headers. (line 3): *** cannot be used: a header must have a name",
        ),
        (
            "spanloom:\n  exporters:\n    - type: carrier\n",
            "spanloom.exporters[0].type (line 3): \"carrier\" cannot be used: it must be otlp, console, file or prometheus",
        ),
        (
            "spanloom:\n  exporters:\n    - type: file\n",
            "spanloom.exporters[0].path (line 3): nothing cannot be used: an exporter to a file needs its path",
        ),
        (
            "spanloom:\n  exporters: {type: otlp}\n",
            "spanloom.exporters.type (line 2): a text cannot be used: it must be a list of exporters: lines that begin with -",
        ),
        ("spanloom: 7\n", "spanloom (line 1): a text cannot be used: it must be a map of settings"),
        ("spanloom: [1]\n", "spanloom[0] (line 1): there is no such key"),
        (
            "spanloom:\n  service: {name: \"${NOT_SET}\"}\n",
            "spanloom.service.name (line 2): *** cannot be used: the variable NOT_SET is not set: \
                 set it, or write ${NOT_SET:-instead}",
        ),
        (
            "spanloom:\n  sampler: {type: xray}\n",
            "spanloom.sampler.type (line 2): \"xray\" cannot be used: it needs a sampling server, \
                 which is not supported; use always_on, always_off or traceidratio, or one of them with parentbased_ in front",
        ),
        (
            "x: &x 1\nspanloom:\n  live_view: *x\n",
            "spanloom.live_view (line 3): a reference with * cannot be used: it must be a text",
        ),
    ] {
        assert_eq!(refused_yaml(yaml), error);
    }
    assert!(refused_yaml("spanloom:\n\t- x").starts_with("line 2, column "));
}

#[test]
fn files_of_others() {
    let (config, warnings) = read_yaml("spanlom:\n  live_view: true\n", &[]);
    assert_eq!(config, Config::default());
    assert!(warnings[0].contains("is \"spanlom\" meant to be one?"), "{warnings:?}");
    assert_eq!(read_yaml("", &[]).1.len(), 1);
    assert_eq!(read_yaml("spanloom:\n", &[]), (Config::default(), Vec::new()));
    assert_eq!(
        read_yaml("spanloom: {limits: {}, service: ~}\nother: {x: [1]}\n", &[]),
        (Config::default(), Vec::new())
    );
}
