//! Every variable, with a good value and a bad one; how files and variables go together.

use super::*;
use crate::sample::Sampler;

/// The value of a variable in a test.
type Pairs<'a> = &'a [(&'a str, &'a str)];

fn lookup(pairs: Pairs<'_>) -> impl Fn(&str) -> Option<String> {
    move |name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
}

fn read(pairs: Pairs<'_>) -> (Config, Vec<String>) {
    let (config, warnings) = Config::from_lookup(lookup(pairs)).unwrap();
    (config, warnings.iter().map(ToString::to_string).collect())
}

fn refused(pairs: Pairs<'_>) -> String {
    Config::from_lookup(lookup(pairs)).unwrap_err().to_string()
}

fn otlp(config: &Config) -> &OtlpExporting {
    otlp_in(&config.exporters)
}

fn otlp_in(exporters: &[Exporting]) -> &OtlpExporting {
    match exporters {
        [Exporting::Otlp(otlp), ..] => otlp,
        other => panic!("no OTLP exporter in {other:?}"),
    }
}

/// What a bad value does.
#[derive(Debug, PartialEq)]
enum Bad {
    /// There is no bad value.
    None,
    /// It is ignored, and a warning says so.
    Warned(&'static str),
    /// It counts as false, as in the system that the variable is of.
    False(&'static str),
    /// It ends the start.
    Refused(&'static str),
}

/// Variable, a good value, the line that it makes, a bad value.
const VARIABLES: &[(&str, &str, &str, Bad)] = &[
    ("OTEL_SDK_DISABLED", "True", "enabled = false", Bad::Warned("1")),
    ("OTLP_ENABLE", "no", "export = false", Bad::False("maybe")),
    ("OTEL_EXPORT_ENABLED", "on", "export = true", Bad::False("maybe")),
    ("SERVICE_NAME", "astron", r#"tracer.name = "astron""#, Bad::None),
    ("OTEL_RESOURCE_ATTRIBUTES", "a=1%2C2, b = x", r#"resource = a="1,2",b="x""#, Bad::Warned("a=1,b")),
    ("OTEL_SERVICE_NAME", " planner ", r#"service.name = "planner""#, Bad::None),
    ("OTEL_LOG_LEVEL", "WARN", "log_level = warn", Bad::Warned("loud")),
    ("OTEL_PROPAGATORS", "baggage,baggage", "propagators = baggage", Bad::Warned("b3")),
    ("OTEL_TRACES_SAMPLER", "always_off", "sampler.type = AlwaysOffSampler", Bad::Warned("xray")),
    ("OTEL_TRACES_SAMPLER_ARG", "0.5", "sampler.ratio = 0.5", Bad::Warned("1.5")),
    ("OTEL_ATTRIBUTE_COUNT_LIMIT", "7", "limits.attributes = 7", Bad::Warned("-1")),
    ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "7", "limits.attributes = 7", Bad::Warned("many")),
    ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "7", "limits.value_length = 7", Bad::Warned("-1")),
    ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "0", "limits.value_length = 0", Bad::Warned("1.5")),
    ("OTEL_SPAN_EVENT_COUNT_LIMIT", "7", "limits.events = 7", Bad::Warned("x")),
    ("OTEL_SPAN_LINK_COUNT_LIMIT", "7", "limits.links = 7", Bad::Warned("x")),
    ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "7", "limits.nested_attributes = 7", Bad::Warned("x")),
    ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "7", "limits.nested_attributes = 7", Bad::Warned("x")),
    ("OTEL_BSP_SCHEDULE_DELAY", "250", "batch.schedule_delay = 250 ms", Bad::Warned("5s")),
    ("OTEL_BSP_EXPORT_TIMEOUT", "0", "batch.export_timeout = none", Bad::Warned("-1")),
    ("OTEL_BSP_MAX_QUEUE_SIZE", "4096", "batch.max_queue_size = 4096", Bad::Warned("0")),
    ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "64", "batch.max_export_batch_size = 64", Bad::Warned("0")),
    (
        "OTEL_SEMCONV_STABILITY_OPT_IN",
        "http,gen_ai_latest_experimental",
        "wording.convention = gen_ai_latest_experimental",
        Bad::None,
    ),
    ("SPANLOOM_CONVENTION", "openinference", "wording.convention = openinference", Bad::Warned("english")),
    ("SPANLOOM_STRUCTURED_AS_JSON", "true", "wording.structured_as_json = true", Bad::Warned("1")),
    ("SPANLOOM_REDACT", "true", "redaction.enabled = true", Bad::Warned("on")),
    ("OPENINFERENCE_BASE64_IMAGE_MAX_LENGTH", "9", "redaction.image_max_length = 9", Bad::Warned("big")),
    ("SPANLOOM_SPOOL", "/var/spool", r#"spool.path = "/var/spool""#, Bad::None),
    ("SPANLOOM_SPOOL_SIZE", "64 MiB", "spool.size = 64 MiB", Bad::Warned("64 MB")),
    ("SPANLOOM_SPOOL_DURABLE", "true", "spool.durable = true", Bad::Warned("1")),
    ("SPANLOOM_LIVE_VIEW", "true", "live_view = true", Bad::Warned("1")),
    ("SPANLOOM_RANDOM_FLAG", "true", "random_flag = true", Bad::Warned("1")),
    ("DYN_LOGGING_JSONL", "1", "json_logs.enabled = true", Bad::False("2")),
    ("DYN_LOG", "debug,h2=error", r#"json_logs.filter = "debug,h2=error""#, Bad::None),
    ("DYN_LOGGING_CONFIG_PATH", "/etc/log.toml", r#"json_logs.filter_file = "/etc/log.toml""#, Bad::None),
    ("DYN_LOGGING_SPAN_EVENTS", "yes", "json_logs.span_events = true", Bad::False("y")),
    ("DYN_LOG_USE_LOCAL_TZ", "TRUE", "json_logs.local_time = true", Bad::False("local")),
    ("DYN_SDK_DISABLE_ANSI_LOGGING", "on", "json_logs.ansi = false", Bad::None),
    ("DYN_SYSTEM_HOST", "127.0.0.1", r#"health.host = "127.0.0.1""#, Bad::Refused("a b")),
    ("DYN_SYSTEM_PORT", "0", "health.port = 0", Bad::Refused("http")),
    ("DYN_SYSTEM_HEALTH_PATH", "/ready", r#"health.path = "/ready""#, Bad::Refused("ready")),
    ("DYN_SYSTEM_LIVE_PATH", "/liveness", r#"health.live_path = "/liveness""#, Bad::Refused("/a?b")),
    ("DYN_SYSTEM_STARTING_HEALTH_STATUS", "Ready", "health.starting = ready", Bad::Refused("healthy")),
    (
        "DYN_SYSTEM_USE_ENDPOINT_HEALTH_STATUS",
        r#"["generate"]"#,
        r#"health.endpoints = ["generate"]"#,
        Bad::Refused("[1]"),
    ),
    ("DYN_HEALTH_CHECK_ENABLED", "true", "health.canary.enabled = true", Bad::Refused("maybe")),
    ("DYN_CANARY_WAIT_TIME", "5", "health.canary.wait = 5000 ms", Bad::Refused("0")),
    ("DYN_HEALTH_CHECK_REQUEST_TIMEOUT", "1", "health.canary.timeout = 1000 ms", Bad::Refused("1s")),
    ("SPANLOOM_HEALTH_EXPORTERS", "shown", "health.exporters = shown", Bad::Warned("loud")),
    ("OTEL_METRIC_EXPORT_INTERVAL", "1000", "metrics.interval = 1000 ms", Bad::Warned("0")),
    ("OTEL_METRIC_EXPORT_TIMEOUT", "1000", "metrics.timeout = 1000 ms", Bad::Warned("1s")),
    ("OTEL_METRICS_EXEMPLAR_FILTER", "always_off", "metrics.exemplars = always_off", Bad::Warned("some")),
    (
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
        "Delta",
        "metrics.temporality = delta",
        Bad::Warned("gamma"),
    ),
    (
        "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
        "base2_exponential_bucket_histogram",
        "metrics.histogram = base2_exponential_bucket_histogram",
        Bad::Warned("tall"),
    ),
    ("OTEL_TRACES_EXPORTER", "console", "exporters[0] = console", Bad::Warned("zipkin")),
    ("OTEL_METRICS_EXPORTER", "prometheus", "metrics.exporters[0] = prometheus", Bad::Warned("statsd")),
    ("OTEL_LOGS_EXPORTER", "none", "logs.exporters = none", Bad::Warned("syslog")),
];

#[test]
fn every_variable_does_what_it_says() {
    for (name, good, line, bad) in VARIABLES {
        // The ratio needs a sampler that takes it.
        let with =
            ("OTEL_TRACES_SAMPLER", if *name == "OTEL_TRACES_SAMPLER_ARG" { "traceidratio" } else { "" });
        let (config, warnings) = read(&[(name, good), with]);
        // This one works, and is told to be on its way out.
        let deprecated = usize::from(*name == "DYN_SYSTEM_USE_ENDPOINT_HEALTH_STATUS");
        assert_eq!(warnings.len(), deprecated, "{name}: {warnings:?}");
        let printed = config.to_string();
        let wanted = format!("{line}  # {name}");
        assert!(printed.lines().any(|found| found == wanted), "{name}: no line {wanted:?} in\n{printed}");

        assert_eq!(read(&[(name, "  ")]), (Config::default(), Vec::new()), "{name} is empty");
        match bad {
            Bad::None => {}
            Bad::Warned(value) => {
                let (config, warnings) = read(&[(name, value), with]);
                let without = read(&[with]).0;
                assert_eq!(config.to_string(), without.to_string(), "{name}={value}");
                assert_eq!(warnings.len(), 1, "{name}={value}");
                assert!(warnings[0].starts_with(&format!("{name}: ")), "{}", warnings[0]);
                assert!(warnings[0].contains("ignored"), "{}", warnings[0]);
            }
            Bad::False(value) => {
                let (key, _) = line.split_once(" = ").unwrap();
                let printed = read(&[(name, value)]).0.to_string();
                assert!(printed.contains(&format!("{key} = false  # {name}")), "{name}={value}");
            }
            Bad::Refused(value) => {
                let error = refused(&[(name, value)]);
                let shown = format!("{name}: {value:?} cannot be used: ");
                assert!(error.starts_with(&shown) && error.len() > shown.len(), "{error}");
            }
        }
    }
}

#[test]
fn switches_of_openinference() {
    for (switch, name) in crate::redact::Hide::ALL {
        let (config, _) = read(&[(name, "TRUE")]);
        assert!(config.redaction.hide.is_set(switch), "{name}");
        let key = name.trim_start_matches("OPENINFERENCE_HIDE_").to_lowercase();
        assert!(config.to_string().contains(&format!("redaction.hide.{key} = true  # {name}")));
        let (config, warnings) = read(&[(name, "1")]);
        assert!(!config.redaction.hide.is_set(switch) && warnings.len() == 1, "{name}");
    }
}

/// A bad value, and whether it is an error.
type Wrong = Option<(&'static str, bool)>;

/// The end of a variable of OTLP, a good value, the line that it makes, a bad value.
const OTLP: &[(&str, &str, &str, Wrong)] = &[
    ("PROTOCOL", "HTTP/json", "protocol = http/json", Some(("http", false))),
    ("ENDPOINT", "https://c:9", "endpoint = https://c:9/PATH", Some(("c:9", true))),
    ("HEADERS", "a=1,B=2", "headers = a=***,b=***", Some(("a=%0d%0ab:1", true))),
    ("TIMEOUT", "250", "timeout = 250 ms", Some(("250ms", false))),
    ("COMPRESSION", "gzip", "compression = gzip", Some(("zstd", false))),
    ("CERTIFICATE", "/ca.pem", r#"certificate = "/ca.pem""#, None),
];

#[test]
fn every_variable_of_otlp_for_every_signal() {
    for signal in Signal::ALL {
        for (suffix, good, line, bad) in OTLP {
            let general = format!("OTEL_EXPORTER_OTLP_{suffix}");
            let specific = format!("OTEL_EXPORTER_OTLP_{}{suffix}", signal.infix());
            let place = format!("{}[0].", signal.key());
            for (name, is_general) in [(&general, true), (&specific, false)] {
                let https = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c:9");
                let with = if *suffix == "CERTIFICATE" { https } else { ("", "") };
                let (config, warnings) = read(&[(name, good), with]);
                assert_eq!(warnings, [] as [String; 0], "{name}");
                let path = if is_general { signal.path() } else { "" };
                let wanted = format!("{place}{}  # {name}", line.replace("PATH", path));
                let printed = config.to_string();
                assert!(printed.lines().any(|found| found == wanted), "no line {wanted:?} in\n{printed}");
                // What is for one signal leaves the others alone.
                let touched = printed.matches(name.as_str()).count();
                assert_eq!(touched, if is_general { 3 } else { 1 }, "{name}");
                match bad {
                    None => {}
                    Some((value, true)) => {
                        let error = refused(&[(name, value)]);
                        assert!(error.starts_with(&format!("{name}: ")), "{error}");
                    }
                    Some((value, false)) => {
                        let (config, warnings) = read(&[(name, value)]);
                        assert_eq!(config.to_string(), Config::default().to_string(), "{name}={value}");
                        assert!(!warnings.is_empty() && warnings[0].starts_with(&format!("{name}: ")));
                    }
                }
            }
        }
    }
}

#[test]
fn all_variables_are_tested() {
    let mut tested: Vec<String> = VARIABLES.iter().map(|(name, ..)| (*name).into()).collect();
    tested.extend(crate::redact::Hide::ALL.iter().map(|(_, name)| (*name).to_owned()));
    for (suffix, ..) in OTLP {
        tested.push(format!("OTEL_EXPORTER_OTLP_{suffix}"));
        tested.extend(Signal::ALL.map(|signal| format!("OTEL_EXPORTER_OTLP_{}{suffix}", signal.infix())));
    }
    for known in known_settings() {
        // These have tests of their own below.
        if ["insecure", "client_key", "client_certificate"].iter().any(|key| known.key.ends_with(key)) {
            continue;
        }
        for name in known.variables {
            assert!(tested.contains(&name), "{name}");
        }
    }
}

#[test]
fn the_default_is_an_empty_environment() {
    assert_eq!(read(&[]), (Config::default(), Vec::new()));
    for known in known_settings().iter().filter(|known| known.key.starts_with("exporters[].")) {
        let key = known.key.replace("[]", "[0]");
        let line = format!("{key} = {}\n", known.default);
        assert!(key.ends_with("insecure") || Config::default().to_string().contains(&line), "{line}");
    }
}

#[test]
fn the_specific_counts_more_than_the_general() {
    let (config, _) = read(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://all:4318"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://mine/in"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "1"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "soon"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=1"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "b=2"),
        ("OTEL_ATTRIBUTE_COUNT_LIMIT", "1"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "2"),
    ]);
    let traces = otlp(&config);
    assert_eq!(traces.endpoint.reveal(), "http://mine/in");
    // What is ignored counts as unset: the general one is left.
    assert_eq!(traces.timeout, Some(core::time::Duration::from_millis(1)));
    assert_eq!(traces.headers, [("b".to_owned(), Secret::new("2"))]);
    assert_eq!(otlp_in(&config.metrics.exporters).endpoint.reveal(), "http://all:4318/v1/metrics");
    assert_eq!(config.limits.attributes, 2);
    let nested = |event, link| {
        let pairs = [("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", event), ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", link)];
        read(&pairs).0.limits.nested_attributes
    };
    assert_eq!((nested("3", "5"), nested("5", "3")), (5, 5));
}

#[test]
fn grpc() {
    for (endpoint, insecure, url) in [
        ("c:4317", "", "https://c:4317"),
        ("c:4317", "true", "http://c:4317"),
        ("c:4317", "false", "https://c:4317"),
        ("http://c:4317", "", "http://c:4317"),
        ("https://c:4317", "true", "https://c:4317"),
        ("", "", "http://localhost:4317"),
    ] {
        for signal in ["", "TRACES_"] {
            let (config, warnings) = read(&[
                ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
                (&format!("OTEL_EXPORTER_OTLP_{signal}ENDPOINT"), endpoint),
                (&format!("OTEL_EXPORTER_OTLP_{signal}INSECURE"), insecure),
            ]);
            assert_eq!(
                (otlp(&config).endpoint.reveal().as_str(), warnings.len()),
                (url, 0),
                "{endpoint} {insecure}"
            );
        }
    }
    let (_, warnings) = read(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c:4317")]);
    assert_eq!(
        warnings,
        [
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: port 4317 is that of OTLP over gRPC, but the protocol is HTTP: use 4318, or grpc"
        ]
    );
    let pairs =
        [("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c:4318"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")];
    assert_eq!(read(&pairs).1.len(), 1);
    let (_, warnings) = read(&[("OTEL_EXPORTER_OTLP_TRACES_INSECURE", "1")]);
    assert_eq!(warnings, [r#"OTEL_EXPORTER_OTLP_TRACES_INSECURE: "1" is ignored: it must be true or false"#]);
}

#[test]
fn keys_and_certificates_come_in_pairs() {
    let key = ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/key.pem");
    let certificate = ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", "/client.pem");
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c");
    assert_eq!(
        refused(&[key, endpoint]),
        r#"OTEL_EXPORTER_OTLP_CLIENT_KEY: "/key.pem" cannot be used: a client key needs a client certificate, too"#
    );
    assert!(refused(&[certificate, endpoint]).starts_with("OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE: "));
    let (config, warnings) = read(&[key, endpoint, ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/client.pem")]);
    assert_eq!(warnings.len(), 0);
    assert_eq!(otlp(&config).client_key.as_deref(), Some("/key.pem"));
    assert_eq!(otlp(&config).client_certificate.as_deref(), Some("/client.pem"));
    let (_, warnings) = read(&[("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "/ca.pem")]);
    assert_eq!(
        warnings,
        ["OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE: it has no effect: the endpoint is not https"]
    );
}

#[test]
fn addresses_that_cannot_be_used_end_it() {
    for value in
        ["ftp://c", "http://c:0", "http://c:99999", "nonsense", "http://", "http://c/\r\nx: y", "http://c#x"]
    {
        for name in ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] {
            let error = refused(&[(name, value)]);
            assert!(error.starts_with(name) && !error.contains(['\r', '\n']), "{error}");
            // Also where nobody would send to it.
            let metrics_only =
                [(name, value), ("OTEL_TRACES_EXPORTER", "none"), ("OTEL_LOGS_EXPORTER", "none")];
            let read = Config::from_lookup(lookup(&metrics_only));
            assert_eq!(read.is_err(), name == "OTEL_EXPORTER_OTLP_ENDPOINT", "{name}={value}");
        }
    }
}

#[test]
fn kinds_of_exporters() {
    let kinds = |names: &str| {
        let (config, warnings) = read(&[("OTEL_TRACES_EXPORTER", names)]);
        let kinds: Vec<&str> = config.exporters.iter().map(Exporting::kind).collect();
        (kinds.join(" "), warnings.len())
    };
    for (names, made, warned) in [
        ("otlp", "otlp", 0),
        ("OTLP, console", "otlp console", 0),
        ("otlp,otlp", "otlp", 0),
        ("none", "", 0),
        ("none,console", "console", 1),
        ("jaeger", "otlp", 1),
        ("jaeger,console", "console", 1),
        ("prometheus", "otlp", 1),
        ("otlp/stdout,console,logging", "console console", 0),
        (",", "otlp", 0),
    ] {
        assert_eq!(kinds(names), (made.into(), warned), "{names}");
    }
    let (config, _) = read(&[("OTEL_TRACES_EXPORTER", "otlp/stdout")]);
    assert_eq!(config.exporters, [Exporting::Console(ConsoleFormat::OtlpJson)]);
}

#[test]
fn propagators() {
    for (names, kept, warned) in [
        ("tracecontext,baggage", "tracecontext,baggage", 0),
        ("Baggage", "baggage", 0),
        ("none", "none", 0),
        ("none,baggage", "baggage", 1),
        ("b3,tracecontext,jaeger", "tracecontext", 2),
        ("b3", "tracecontext,baggage", 1),
    ] {
        let (config, warnings) = read(&[("OTEL_PROPAGATORS", names)]);
        assert!(config.to_string().contains(&format!("propagators = {kept}")), "{names}");
        assert_eq!(warnings.len(), warned, "{names}: {warnings:?}");
    }
}

#[test]
fn samplers() {
    for (name, ratio, sampler, warned) in [
        ("traceidratio", "0.25", Sampler::ratio(0.25), 0),
        ("traceidratio", "", Sampler::ratio(1.0), 0),
        ("traceidratio", "-1", Sampler::ratio(1.0), 1),
        ("PARENTBASED_ALWAYS_OFF", "", Sampler::parent_based(crate::sample::Root::AlwaysOff), 0),
        ("jaeger_remote", "", Sampler::default(), 1),
        ("", "0.5", Sampler::default(), 1),
    ] {
        let (config, warnings) = read(&[("OTEL_TRACES_SAMPLER", name), ("OTEL_TRACES_SAMPLER_ARG", ratio)]);
        assert_eq!((config.sampler, warnings.len()), (sampler, warned), "{name} {ratio}");
    }
}

#[test]
fn names_of_the_service() {
    for (pairs, name) in [
        (&[("SERVICE_NAME", "a")][..], Some("a")),
        (&[("SERVICE_NAME", "a"), ("OTEL_RESOURCE_ATTRIBUTES", "service.name=b")], Some("b")),
        (&[("OTEL_SERVICE_NAME", "c"), ("OTEL_RESOURCE_ATTRIBUTES", "service.name=b")], Some("c")),
        (&[("OTEL_RESOURCE_ATTRIBUTES", "service.name=b,=x")], None),
        (&[("DYN_LOGGING_JSONL", "true")], Some("dynamo")),
        (&[("OTEL_EXPORT_ENABLED", "false")], Some("dynamo")),
        (&[("OTEL_EXPORT_ENABLED", "true"), ("OTEL_SERVICE_NAME", "c")], Some("c")),
    ] {
        assert_eq!(read(pairs).0.service_name.as_deref(), name, "{pairs:?}");
    }
}

#[test]
fn dynamo() {
    let jsonl = ("DYN_LOGGING_JSONL", "1");
    let endpoint = |value| ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", value);
    let on = ("OTEL_EXPORT_ENABLED", "true");
    // Local only: ids are made, nothing is sent.
    for pairs in [&[jsonl][..], &[jsonl, ("OTEL_EXPORT_ENABLED", "false"), endpoint("http://c:4317")]] {
        let (config, _) = read(pairs);
        assert!(config.enabled && !config.export && config.exporters.is_empty(), "{pairs:?}");
        assert!(config.log_exporters.is_empty());
    }
    for (pairs, url, protocol) in [
        (&[jsonl, on][..], "http://localhost:4317", Protocol::Grpc),
        (&[on, endpoint("http://tempo:4317")], "http://tempo:4317", Protocol::Grpc),
        (&[on, endpoint("http://c:4318")], "http://c:4318/", Protocol::HttpProtobuf),
        (&[on, endpoint("http://c/v1/traces")], "http://c/v1/traces", Protocol::HttpProtobuf),
        (
            &[on, ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")],
            "http://localhost:4318/v1/traces",
            Protocol::HttpJson,
        ),
        // An address that somebody wrote down is meant.
        (&[jsonl, endpoint("http://c:4318/v1/traces")], "http://c:4318/v1/traces", Protocol::HttpProtobuf),
    ] {
        let (config, warnings) = read(pairs);
        assert!(config.export && warnings.is_empty(), "{pairs:?} {warnings:?}");
        assert_eq!(otlp(&config).endpoint.reveal(), url, "{pairs:?}");
        assert_eq!(otlp(&config).protocol, protocol, "{pairs:?}");
    }
}

#[test]
fn astron() {
    let console = ("OTEL_TRACES_EXPORTER", "otlp,console");
    let kinds = |value| {
        let (config, _) = read(&[("OTLP_ENABLE", value), console]);
        config.exporters.iter().map(Exporting::kind).collect::<Vec<_>>().join(" ")
    };
    for (value, left) in [("1", "otlp console"), ("Yes", "otlp console"), ("0", "console"), ("x", "console")]
    {
        assert_eq!(kinds(value), left, "{value}");
    }
    // Where both systems speak, Dynamo's variable counts: it is the name that OpenTelemetry users look for.
    assert!(read(&[("OTLP_ENABLE", "0"), ("OTEL_EXPORT_ENABLED", "1")]).0.export);
}

#[test]
fn a_batch_fits_the_queue() {
    let queue = ("OTEL_BSP_MAX_QUEUE_SIZE", "100");
    let (config, warnings) = read(&[queue]);
    assert_eq!((config.batch.max_export_batch_size, warnings.len()), (100, 0));
    let (config, warnings) = read(&[queue, ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "200")]);
    assert_eq!((config.batch.max_export_batch_size, warnings.len()), (100, 1));
}

#[test]
fn what_delivery_is_told() {
    let delivery = |pairs| {
        let config = read(pairs).0;
        config.delivery(&config.exporters[0])
    };
    assert_eq!(delivery(&[]), crate::deliver::Options::default());
    let options = delivery(&[
        ("OTEL_BSP_MAX_QUEUE_SIZE", "2048"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "7"),
        ("OTEL_BSP_SCHEDULE_DELAY", "9"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "0"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
    ]);
    assert_eq!((options.queue_spans, options.batch_spans, options.linger.as_millis()), (2048, 7, 9));
    assert_eq!(options.timeout, core::time::Duration::MAX);
    assert_eq!(delivery(&[("OTEL_EXPORTER_OTLP_TIMEOUT", "60000")]).timeout.as_secs(), 30);
}

#[test]
fn declarative_configuration_is_told_of() {
    let (config, warnings) = read(&[("OTEL_CONFIG_FILE", "/otel.yaml")]);
    assert_eq!(config, Config::default());
    assert!(
        warnings[0].starts_with("OTEL_CONFIG_FILE: ") && warnings[0].contains("not supported"),
        "{warnings:?}"
    );
}

#[test]
fn what_code_says_counts_most() {
    let (config, _) = read(&[("OTEL_SERVICE_NAME", "a"), ("OTEL_TRACES_SAMPLER", "always_off")]);
    let config = config
        .service("b")
        .resource("k", 1)
        .sampler(Sampler::ALWAYS_ON)
        .limits(crate::record::Limits { events: 3, ..Default::default() })
        .exporters(vec![Exporting::Console(ConsoleFormat::Tree)])
        .spool("/spool")
        .disabled(true);
    let printed = config.to_string();
    for line in [
        "service.name = \"b\"  # code",
        "resource = k=1  # code",
        "sampler.type = AlwaysOnSampler  # code",
        "limits.events = 3  # code",
        "exporters[0] = console",
        "spool.path = \"/spool\"  # code",
        "enabled = false  # code",
    ] {
        assert!(printed.lines().any(|found| found == line), "no line {line:?} in\n{printed}");
    }
}

#[test]
fn secrets_are_in_no_message() {
    const HUSH: &str = "hush";
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=hush"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization: hush"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "hush"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=x,hush=\r\n"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=x,hu sh, hush"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=hush%0a"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "content-length=hush"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://me:hush@c"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c/?key=hush"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://me:hush@c"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "me:hush@c:4317"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://me:hush@c:4317"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://me:hu/sh@c:0?key=hush"),
    ] {
        let seen = match Config::from_lookup(lookup(&[(name, value)])) {
            Ok((config, warnings)) => format!("{config}{config:?}{warnings:?}"),
            Err(error) => format!("{error}{error:?}"),
        };
        // The name of a header is none.
        assert!(!seen.contains(HUSH) || value.contains("hush="), "{value}: {seen}");
    }
}

#[cfg(feature = "yaml")]
mod files {
    use super::*;

    fn read(yaml: &str, pairs: Pairs<'_>) -> (Config, Vec<String>) {
        let (config, warnings) = Config::from_yaml(yaml, lookup(pairs)).unwrap();
        (config, warnings.iter().map(ToString::to_string).collect())
    }

    fn refused(yaml: &str) -> String {
        Config::from_yaml(yaml, |_| None).unwrap_err().to_string()
    }

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
            let config = read(&format!("{yaml}{}\n", good_value(key)), &[]).0;
            let found = config.to_string();
            let line = found.lines().find(|line| line.starts_with(&format!("{key} = "))).unwrap();
            assert!(line.ends_with(&format!("  # line {at}")), "{line}");
            assert!(!defaults.contains(line), "{line}");

            assert_eq!(read(&format!("{yaml}\n"), &[]).0, Config::default(), "{key} without a value");
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
                let error = refused(&format!("{yaml}\"wr ong\"\n"));
                assert!(
                    error.starts_with(&format!("spanloom.{key} (line {at}): \"wr ong\" cannot")),
                    "{error}"
                );
            }
            let error = refused(&format!("{yaml}{{x: 1}}\n"));
            assert!(
                error.starts_with(&format!("spanloom.{key}.x (line {at}): there is no such key")),
                "{error}"
            );
        }
    }

    #[test]
    fn health_in_a_file() {
        let health = |below: &str| read(&format!("spanloom:\n  health:\n{below}"), &[]);
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
        let error = refused("spanloom:\n  health:\n    endpoints:\n      - {a: b}\n");
        assert!(error.starts_with("spanloom.health.endpoints[0].a (line 4): "), "{error}");
        let error = refused("spanloom:\n  health: { prot: 1 }\n");
        assert!(error.contains("did you mean spanloom.health.port?"), "{error}");
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
    fn a_whole_file() {
        let text = WHOLE.replace("unrelated: &x [1, *x ]", "unrelated: [1]");
        let (config, warnings) = read(&text, &[("TOKEN", "t0p=s3cret, yes")]);
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
        let (config, _) = read(
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
        let (config, warnings) = read(&text, &ignored);
        assert!(config.to_string().contains("sampler.ratio = 0.25  # line 10"));
        assert_eq!(warnings.len(), 2);
        // Naming a kind takes those of that kind.
        let (config, _) = read(&text, &[("TOKEN", "t"), ("OTEL_TRACES_EXPORTER", "console,otlp")]);
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
            assert_eq!(refused(yaml), error);
        }
        assert!(refused("spanloom:\n\t- x").starts_with("line 2, column "));
    }

    #[test]
    fn files_of_others() {
        let (config, warnings) = read("spanlom:\n  live_view: true\n", &[]);
        assert_eq!(config, Config::default());
        assert!(warnings[0].contains("is \"spanlom\" meant to be one?"), "{warnings:?}");
        assert_eq!(read("", &[]).1.len(), 1);
        assert_eq!(read("spanloom:\n", &[]), (Config::default(), Vec::new()));
        assert_eq!(
            read("spanloom: {limits: {}, service: ~}\nother: {x: [1]}\n", &[]),
            (Config::default(), Vec::new())
        );
    }

    const ROUTER: &str = "observability:
  metrics: { enabled: true }
  tracing:
    enabled: true
    provider: opentelemetry
    exporter:
      type: otlp
      endpoint: jaeger:4317
      insecure: true
    sampling:
      type: probabilistic
      rate: 0.1
    resource:
      service_name: vllm-semantic-router
      service_version: v0.1.0
      deployment_environment: development
routes: [{name: x}]
";

    fn newer(yaml: &str) -> String {
        let indented: String = yaml.lines().map(|line| format!("    {line}\n")).collect();
        format!("global:\n  services:\n{indented}")
    }

    #[test]
    fn the_semantic_router_in_both_places() {
        for text in [ROUTER.to_owned(), newer(ROUTER)] {
            let (config, warnings) = read(&text, &[]);
            assert_eq!(warnings, [] as [String; 0]);
            assert_eq!(config.service_name.as_deref(), Some("vllm-semantic-router"));
            assert_eq!(
                config.resource,
                [
                    ("service.version".to_owned(), "v0.1.0".into()),
                    ("deployment.environment".to_owned(), "development".into())
                ]
            );
            assert_eq!(config.sampler, Sampler::from_router("probabilistic", 0.1).sampler);
            let otlp = otlp(&config);
            assert_eq!(
                (otlp.protocol, otlp.endpoint.reveal().as_str()),
                (Protocol::Grpc, "http://jaeger:4317")
            );
        }
    }

    #[test]
    fn what_the_semantic_router_leaves_out() {
        let (config, _) =
            read("global: {services: {observability: {tracing: {provider: opentelemetry}}}}", &[]);
        assert!(config.enabled);
        assert_eq!(config.service_name.as_deref(), Some("vllm-sr"));
        assert_eq!(otlp(&config).endpoint.reveal(), "http://vllm-sr-jaeger:4317");
        assert_eq!(config.sampler, Sampler::ALWAYS_ON);
        let (config, _) = read("observability: {tracing: {provider: opentelemetry}}", &[]);
        assert!(!config.enabled && config.propagators.is_empty());
        let (config, _) =
            read("observability: {tracing: {enabled: true, exporter: {endpoint: \"j:4317\"}}}", &[]);
        assert_eq!(otlp(&config).endpoint.reveal(), "https://j:4317");
        // Other parts of the router's file are not ours.
        assert_eq!(read("observability: {metrics: {enabled: true}}", &[]), (Config::default(), Vec::new()));
    }

    #[test]
    fn the_semantic_routers_values() {
        let with = |from: &str, to: &str| ROUTER.replace(from, to);
        let (config, _) = read(&with("type: otlp", "type: stdout"), &[]);
        assert_eq!(config.exporters, [Exporting::Console(ConsoleFormat::Stdouttrace)]);
        let (config, _) = read(&with("insecure: true", "insecure: true\n      protocol: http/json"), &[]);
        assert_eq!(otlp(&config).endpoint.reveal(), "http://jaeger:4317/v1/traces");
        let (config, warnings) = read(&with("type: probabilistic", "type: now_and_then"), &[]);
        assert_eq!(config.sampler, Sampler::ALWAYS_ON);
        assert!(
            warnings[0].starts_with("observability.tracing.sampling.type: tracing_sampling_type_unknown")
        );
        let (config, _) = read(&with("rate: 0.1", "rate: \"1.0\""), &[]);
        assert_eq!(config.sampler, Sampler::from_router("probabilistic", 1.0).sampler);
        // Its exporter takes headers and the like from OpenTelemetry's variables.
        let (config, _) =
            read(ROUTER, &[("OTEL_EXPORTER_OTLP_HEADERS", "a=1"), ("OTEL_TRACES_SAMPLER", "always_off")]);
        assert_eq!((otlp(&config).headers.len(), config.sampler), (1, Sampler::ALWAYS_OFF));
        // Ours counts more than the router's.
        let (config, _) = read(&format!("{ROUTER}spanloom: {{service: {{name: own}}}}\n"), &[]);
        assert_eq!(config.service_name.as_deref(), Some("own"));

        for (from, to, error) in [
            (
                "type: otlp",
                "type: OTLP",
                "observability.tracing.exporter.type (line 7): \"OTLP\" cannot be used: it must be otlp or stdout, in lower case",
            ),
            (
                "rate: 0.1",
                "rate: often",
                "observability.tracing.sampling.rate (line 12): \"often\" cannot be used: it must be a number from 0 to 1",
            ),
            (
                "endpoint: jaeger:4317",
                "endpoint: jaeger:0",
                "observability.tracing.exporter.endpoint (line 8): \"jaeger:0\" cannot be used: the port must be a number from 1 to 65535",
            ),
            (
                "service_name:",
                "servicename:",
                "observability.tracing.resource.servicename (line 14): there is no such key; \
                 did you mean observability.tracing.resource.service_name?",
            ),
            (
                "provider: opentelemetry",
                "enabld: true",
                "observability.tracing.enabld (line 5): there is no such key; did you mean observability.tracing.enabled?",
            ),
            (
                "insecure: true",
                "insecure: perhaps",
                "observability.tracing.exporter.insecure (line 9): \"perhaps\" cannot be used: it must be true or false",
            ),
        ] {
            assert_eq!(refused(&with(from, to)), error);
        }
    }

    #[test]
    fn what_was_filled_in_is_in_no_message() {
        for yaml in [
            "spanloom: {exporters: [{endpoint: \"${HUSH}\"}]}",
            "spanloom: {live_view: \"${HUSH}\"}",
            "spanloom: {sampler: {type: \"${HUSH}\"}}",
            "spanloom: {sampler: {type: traceidratio, ratio: \"${HUSH}\"}}",
            "spanloom: {batch: {schedule_delay: \"${HUSH}\"}}",
            "spanloom: {exporters: [{type: \"${HUSH}\"}]}",
            "spanloom: {propagators: \"${HUSH}\"}",
        ] {
            let error =
                Config::from_yaml(yaml, |name| (name == "HUSH").then(|| "silence".into())).unwrap_err();
            assert!(!format!("{error}{error:?}").contains("silence"), "{error}");
        }
    }
}
