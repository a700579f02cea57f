//! The file of the semantic router.

use super::*;
use crate::sample::Sampler;

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
        let (config, warnings) = read_yaml(&text, &[]);
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
        assert_eq!((otlp.protocol, otlp.endpoint.reveal().as_str()), (Protocol::Grpc, "http://jaeger:4317"));
    }
}

#[test]
fn what_the_semantic_router_leaves_out() {
    let (config, _) =
        read_yaml("global: {services: {observability: {tracing: {provider: opentelemetry}}}}", &[]);
    assert!(config.enabled);
    assert_eq!(config.service_name.as_deref(), Some("vllm-sr"));
    assert_eq!(otlp(&config).endpoint.reveal(), "http://vllm-sr-jaeger:4317");
    assert_eq!(config.sampler, Sampler::ALWAYS_ON);
    let (config, _) = read_yaml("observability: {tracing: {provider: opentelemetry}}", &[]);
    assert!(!config.enabled && config.propagators.is_empty());
    let (config, _) =
        read_yaml("observability: {tracing: {enabled: true, exporter: {endpoint: \"j:4317\"}}}", &[]);
    assert_eq!(otlp(&config).endpoint.reveal(), "https://j:4317");
    // Other parts of the router's file are not ours.
    assert_eq!(read_yaml("observability: {metrics: {enabled: true}}", &[]), (Config::default(), Vec::new()));
}

#[test]
fn the_semantic_routers_values() {
    let with = |from: &str, to: &str| ROUTER.replace(from, to);
    let (config, _) = read_yaml(&with("type: otlp", "type: stdout"), &[]);
    assert_eq!(config.exporters, [Exporting::Console(ConsoleFormat::Stdouttrace)]);
    let (config, _) = read_yaml(&with("insecure: true", "insecure: true\n      protocol: http/json"), &[]);
    assert_eq!(otlp(&config).endpoint.reveal(), "http://jaeger:4317/v1/traces");
    let (config, warnings) = read_yaml(&with("type: probabilistic", "type: now_and_then"), &[]);
    assert_eq!(config.sampler, Sampler::ALWAYS_ON);
    assert!(warnings[0].starts_with("observability.tracing.sampling.type: tracing_sampling_type_unknown"));
    let (config, _) = read_yaml(&with("rate: 0.1", "rate: \"1.0\""), &[]);
    assert_eq!(config.sampler, Sampler::from_router("probabilistic", 1.0).sampler);
    // Its exporter takes headers and the like from OpenTelemetry's variables.
    let (config, _) =
        read_yaml(ROUTER, &[("OTEL_EXPORTER_OTLP_HEADERS", "a=1"), ("OTEL_TRACES_SAMPLER", "always_off")]);
    assert_eq!((otlp(&config).headers.len(), config.sampler), (1, Sampler::ALWAYS_OFF));
    // Ours counts more than the router's.
    let (config, _) = read_yaml(&format!("{ROUTER}spanloom: {{service: {{name: own}}}}\n"), &[]);
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
        assert_eq!(refused_yaml(&with(from, to)), error);
    }
}
