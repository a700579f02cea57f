//! What goes before what, and values that depend on others.

use super::*;
use crate::sample::Sampler;

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
fn truth_values_of_ours_are_any_that_people_write() {
    for (word, on) in [("true", true), ("1", true), ("Yes", true), ("on", true), ("0", false), ("off", false)]
    {
        let (config, warnings) = read(&[("SPANLOOM_REDACT", word)]);
        assert_eq!((config.redaction.enabled, warnings.len()), (on, 0), "{word}");
    }
    assert_eq!(read(&[("OTEL_SDK_DISABLED", "1")]).1.len(), 1, "OpenTelemetry knows true and false alone");
}

#[test]
fn a_mistake_for_all_signals_is_told_once() {
    let (_, warnings) =
        read(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "thrift"), ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon")]);
    assert_eq!(warnings.len(), 2, "{warnings:?}");
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
