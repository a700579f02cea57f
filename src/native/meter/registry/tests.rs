//! The registry with handles and clocks.

use super::*;
use crate::host::ManualClock;
use crate::{Health, Loom};

#[test]
fn series_begin_where_their_handles_are_made() {
    let registry = Registry::new();
    let gauge = registry.gauge("a", "A").build().unwrap();
    let labelled = registry.gauge("b", "B").labelled(["k"]).unwrap();
    let labelled_by = registry.histogram("c", "C").buckets([1.0]).labelled_by(&["k"]).unwrap();
    let head = "# HELP dynamo_component_a A\n# TYPE dynamo_component_a gauge\ndynamo_component_a 0\n";
    assert_eq!(registry.scrape().unwrap(), head);
    gauge.set(f64::NEG_INFINITY);
    let _ = labelled.with(["x"]);
    labelled_by.with(&["y"]).unwrap().record(2.0);
    let text = registry.scrape().unwrap();
    for line in [
        "dynamo_component_a -inf\n",
        "dynamo_component_b{k=\"x\"} 0\n",
        "dynamo_component_c_bucket{k=\"y\",le=\"1\"} 0\n",
        "dynamo_component_c_sum{k=\"y\"} 2\n",
    ] {
        assert!(text.contains(line), "{line} {text}");
    }
}

#[test]
fn many_labels_and_wrong_numbers_of_values() {
    let registry = Registry::new();
    let names: Vec<String> = (0..20).map(|number| format!("l{number}")).collect();
    let many = registry.counter("a", "A").labelled_by(&names).unwrap();
    let values: Vec<&str> = names.iter().map(String::as_str).collect();
    many.with(&values).unwrap().add(1);
    many.with(&values).unwrap().add(1);
    assert_eq!(many.with(&values).unwrap().total(), 2);
    let wrong = many.with(&values[1..]).unwrap_err();
    assert_eq!(wrong, RegistryError::LabelValues { name: "a".to_owned(), wanted: 20, given: 19 }, "{wrong}");
}

#[test]
fn a_wish_is_made_as_what_it_is() {
    let registry = Registry::new();
    let wish = MetricSpec::new("a", "A").label_names(["k", "l"]);
    let other_labels = RegistryError::LabelNames { name: "a".to_owned() };
    assert_eq!(registry.metric::<Counter>(wish.clone()).build().unwrap_err(), other_labels);
    assert_eq!(registry.metric::<Counter>(wish.clone()).labelled(["l", "k"]).unwrap_err(), other_labels);
    assert_eq!(registry.metric::<Counter>(wish.clone()).labelled_by(&["k"]).unwrap_err(), other_labels);
    registry.metric::<Counter>(wish).labelled(["k", "l"]).unwrap().with(["1", "2"]).add(1);
    assert!(registry.scrape().unwrap().ends_with("{k=\"1\",l=\"2\"} 1\n"));
    let bucketed = registry.metric::<Gauge>(MetricSpec::new("b", "B").buckets([1.0])).build().unwrap_err();
    assert!(matches!(bucketed, RegistryError::Buckets { .. }));
}

#[test]
fn a_callback_that_panics_is_a_problem_and_no_more() {
    let registry = Registry::new();
    let (told, problems) = std::sync::mpsc::channel();
    registry.on_problem(move |problem| drop(told.send(problem.to_string())));
    registry.on_scrape(|| panic!("what a callback does wrong"));
    registry.add_text(|| panic!("what a callback does wrong"));
    registry.gauge("a", "A").build().unwrap();
    assert!(registry.scrape().unwrap().ends_with("dynamo_component_a 0\n"));
    let problems: Vec<String> = problems.try_iter().collect();
    assert_eq!(
        problems,
        [
            "an update callback of runtime failed: it panicked",
            "a text callback of runtime failed: it panicked"
        ]
    );
}

#[test]
fn what_does_not_fit_together_is_a_failed_page() {
    let registry = Registry::new();
    let (told, problems) = std::sync::mpsc::channel();
    registry.on_problem(move |problem| drop(told.send(problem.to_string())));
    let health = Health::builder().with_registry(&registry).build();
    registry.counter("a", "A").build().unwrap();
    let answer = health.answer("GET", "/metrics");
    assert_eq!((answer.status, &*answer.content_type), (200, "text/plain; version=0.0.4"));
    registry.namespace("ns").unwrap().gauge("a", "A").build().unwrap();
    let answer = health.answer("GET", "/metrics");
    assert_eq!((answer.status, &*answer.body), (500, "Failed to get metrics"));
    let problems: Vec<String> = problems.try_iter().collect();
    assert!(problems.len() == 1 && problems[0].contains("dynamo_component_a"), "{problems:?}");
}

#[test]
fn the_time_of_a_program_and_of_its_requests() {
    let clock = ManualClock::at(1_000_000_000);
    let loom = Loom::builder().clock(clock.clone()).build();
    let runtime = Registry::of(loom.meter(), RegistryOptions::default());
    runtime.uptime().unwrap();
    assert!(matches!(runtime.uptime(), Err(RegistryError::Duplicate { .. })));
    let metrics = WorkerMetrics::new(&runtime).unwrap();
    let request = metrics.request(u64::MAX);
    clock.advance(2_500_000_000);
    request.responded(7);
    drop(request);
    let text = runtime.scrape().unwrap();
    for line in [
        "dynamo_component_uptime_seconds 2.5\n",
        "dynamo_component_request_duration_seconds_bucket{le=\"1\"} 0\n",
        "dynamo_component_request_duration_seconds_sum 2.5\n",
        // All numbers are doubles to Dynamo's text.
        "dynamo_component_request_bytes_total 9223372036854776000\n",
        "dynamo_component_response_bytes_total 7\n",
        "dynamo_component_inflight_requests 0\n",
    ] {
        assert!(text.contains(line), "{line} {text}");
    }
    assert!(!text.contains("errors_total"), "nobody used it: {text}");
}

#[test]
fn a_request_waits_streams_and_ends() {
    let clock = ManualClock::at(1_000_000_000);
    let loom = Loom::builder().clock(clock.clone()).build();
    let (registry, metrics) = FrontendMetrics::of(loom.meter(), |_| None).unwrap();
    let expect = |lines: &[&str]| {
        let text = registry.scrape().unwrap();
        for line in lines {
            assert!(text.contains(&format!("\ndynamo_frontend_{line}\n")), "{line} {text}");
        }
    };

    let mut request = metrics.request("Llama", "completions", "stream");
    request.input(100, 40);
    request.responded(0);
    expect(&["queued_requests{model=\"llama\"} 1", "inflight_requests{model=\"llama\"} 1"]);
    clock.advance(500_000_000);
    request.responded(3);
    clock.advance(250_000_000);
    request.responded(2);
    expect(&[
        "queued_requests{model=\"llama\"} 0",
        "time_to_first_token_seconds_count{model=\"Llama\"} 1",
        "time_to_first_token_seconds_sum{model=\"Llama\"} 0.5",
        "inter_token_latency_seconds_count{model=\"Llama\"} 2",
        "inter_token_latency_seconds_sum{model=\"Llama\"} 0.25",
        "input_sequence_tokens_sum{model=\"Llama\"} 100",
        "cached_tokens_sum{model=\"Llama\"} 40",
        "output_tokens_total{model=\"Llama\"} 5",
    ]);
    request.succeed();
    drop(request);
    drop(metrics.request("Llama", "completions", "unary"));
    metrics.client_went_away();
    metrics.tokenizer_took("tokenize", std::time::Duration::from_micros(2500));
    metrics.migrated("Llama", "new_request");
    expect(&[
        "inflight_requests{model=\"llama\"} 0",
        "queued_requests{model=\"llama\"} 0",
        "output_sequence_tokens_count{model=\"Llama\"} 2",
        "output_sequence_tokens_sum{model=\"Llama\"} 5",
        "request_duration_seconds_sum{model=\"Llama\"} 0.75",
        "requests_total{endpoint=\"completions\",model=\"Llama\",request_type=\"stream\",status=\"success\"} 1",
        "requests_total{endpoint=\"completions\",model=\"Llama\",request_type=\"unary\",status=\"error\"} 1",
        "disconnected_clients 1",
        "tokenizer_latency_ms_sum{operation=\"tokenize\"} 2.5",
        "model_migration_total{migration_type=\"new_request\",model=\"Llama\"} 1",
    ]);
}
