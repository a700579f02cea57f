//! Every variable, with a good value and a bad one.

use super::*;

/// What a bad value does.
#[derive(Debug, PartialEq)]
pub(super) enum Bad {
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
pub(super) const VARIABLES: &[(&str, &str, &str, Bad)] = &[
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
    ("SPANLOOM_STRUCTURED_AS_JSON", "true", "wording.structured_as_json = true", Bad::Warned("maybe")),
    ("SPANLOOM_REDACT", "true", "redaction.enabled = true", Bad::Warned("maybe")),
    ("OPENINFERENCE_BASE64_IMAGE_MAX_LENGTH", "9", "redaction.image_max_length = 9", Bad::Warned("big")),
    ("SPANLOOM_SPOOL", "/var/spool", r#"spool.path = "/var/spool""#, Bad::None),
    ("SPANLOOM_SPOOL_SIZE", "64 MiB", "spool.size = 64 MiB", Bad::Warned("64 MB")),
    ("SPANLOOM_SPOOL_DURABLE", "true", "spool.durable = true", Bad::Warned("maybe")),
    ("SPANLOOM_LIVE_VIEW", "true", "live_view = true", Bad::Warned("maybe")),
    ("SPANLOOM_RANDOM_FLAG", "true", "random_flag = true", Bad::Warned("maybe")),
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
