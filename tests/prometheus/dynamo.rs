//! Texts that NVIDIA Dynamo's registry wrote: `tests/golden/dynamo/vectors/metrics_vectors.json`.
//!
//! The streams are given here as that registry has them after its own rules for names and labels.

use serde_json::Value as Json;
use spanloom::meter::Labels;
use spanloom::meter::prometheus::{Families, FamilyError, Format, MetricSource, PrometheusOptions};

use crate::collected::{COUNTER, Collected, GAUGE, HISTOGRAM, Value, written};

fn recorded(case: &str) -> Json {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/dynamo/vectors/metrics_vectors.json");
    let file: Json = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let results = file["results"].as_array().unwrap();
    results.iter().find(|result| result["case"] == case).unwrap().clone()
}

fn place<'a>(names: &[&'a str], more: &[(&'a str, &'a str)]) -> Labels {
    let keys = ["dynamo_namespace", "dynamo_component", "dynamo_endpoint"];
    let own = keys.into_iter().zip(names.iter().copied());
    Labels::new(own.chain(more.iter().copied()).map(|(key, value)| (key, value.into())))
}

fn assert_recorded(case: &str, sources: &[&dyn MetricSource]) {
    let (text, _) = written(sources, &PrometheusOptions::new(Format::Dynamo));
    assert_eq!(text, recorded(case)["text"].as_str().unwrap());
}

#[test]
fn a_tree() {
    let all = ["ns_1", "comp_x", "ep_z"];
    let at = |more: &[(&'static str, &'static str)]| place(&all, more);
    let name = |name: &str| format!("dynamo_component_{name}");
    let buckets = Value::Histogram { bounds: vec![0.1, 1.0, 2.5], counts: vec![2, 1, 0, 1], sum: 3.85 };
    let endpoint = Collected::default()
        .stream(&name("requests_total"), "Requests", COUNTER)
        .int(at(&[]), 42)
        .stream(&name("latency_seconds"), "Latency\nwith \\ newline", HISTOGRAM)
        .point(at(&[("zone", "a\"b\\c\nd")]), buckets)
        .stream(&name("cv"), "CV", COUNTER)
        .double(at(&[("k", "v")]), 2.5)
        .stream(&name("nan"), "N", GAUGE)
        .double(at(&[]), f64::NAN)
        .stream(&name("inf"), "I", GAUGE)
        .double(at(&[]), f64::INFINITY)
        .stream(&name("small"), "S", GAUGE)
        .double(at(&[]), 1e-7);
    let component =
        Collected::default().stream(&name("_9temp"), "Gauge", GAUGE).double(place(&all[..2], &[]), -0.5);
    let vec = |b, a| place(&all[..1], &[("svc", "x"), ("b", b), ("a", a)]);
    let namespace =
        Collected::default().stream(&name("vec"), "Vec", GAUGE).int(vec("1", "1"), -3).int(vec("2", "1"), 7);
    let root = Collected::default().stream(&name("uptime_seconds"), "Up", GAUGE).double(Labels::none(), 1e21);
    assert_recorded("tree", &[&root, &namespace, &component, &endpoint]);
}

fn requests(endpoint: &str, help: &str, number: i64) -> Collected {
    let labels = place(&["ns", "comp", endpoint], &[]);
    Collected::default().stream("dynamo_component_requests_total", help, COUNTER).int(labels, number)
}

#[test]
fn the_later_one_of_two_equal_series_is_dropped() {
    let (one, two, again) =
        (requests("ep1", "Total", 100), requests("ep2", "Total", 200), requests("ep2", "Total", 999));
    assert_recorded("same_name_two_endpoints", &[&one, &two]);
    assert_recorded("duplicate_series_later_dropped", &[&one, &two, &again]);
    let (_, count) = written(&[&one, &two, &again], &PrometheusOptions::new(Format::Dynamo));
    assert_eq!(count.skipped.duplicate, 1);
}

#[test]
fn what_does_not_fit_is_an_error() {
    let options = PrometheusOptions::new(Format::Dynamo);
    let (one, other) = (requests("ep1", "Total", 1), requests("ep4", "Another", 1));
    assert!(recorded("help_mismatch")["error"].is_string());
    assert!(matches!(Families::of(&[&one, &other], &options), Err(FamilyError::Descriptions { .. })));
    let counter = Collected::default().stream("dynamo_component_x", "X", COUNTER).int(Labels::none(), 1);
    let gauge = Collected::default().stream("dynamo_component_x", "X", GAUGE).int(Labels::none(), 1);
    assert!(recorded("type_mismatch")["error"].is_string());
    assert!(matches!(Families::of(&[&counter, &gauge], &options), Err(FamilyError::Kinds { .. })));
}

#[test]
fn nothing_and_zeros() {
    assert_recorded("empty_registry", &[&Collected::default()]);
    let defaults = vec![0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
    let zeros = Value::Histogram { counts: vec![0; 12], bounds: defaults, sum: 0.0 };
    let labels = place(&["ns", "comp", "ep"], &[]);
    let source = Collected::default().stream("dynamo_component_h2", "H", HISTOGRAM).point(labels, zeros);
    assert_recorded("empty_buckets_default", &[&source]);
}
