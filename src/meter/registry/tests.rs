//! Trees of levels, on every target.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::builtin::{BLOCK_MANAGER, COMPONENT, FRONTEND};
use super::*;
use crate::meter::prometheus::{FamilyError, Format, PrometheusOptions};
use crate::meter::{Labels, Slot};

fn runtime() -> Level {
    Level::new(RegistryOptions::default())
}

fn component(runtime: &Level) -> Level {
    let namespace = runtime.below(LevelKind::Namespace, "ns").unwrap();
    namespace.below(LevelKind::Component, "comp").unwrap()
}

fn add(level: &Level, spec: &MetricSpec, labels: &[(&str, &str)], amount: i64) {
    let family = level.sums::<i64>(spec).unwrap();
    let labels = Labels::new(labels.iter().map(|(name, value)| (*name, (*value).into())));
    family.series(&labels, || 0).cell.add(Slot::ONLY, amount);
}

fn error(spec: MetricSpec) -> RegistryError {
    component(&runtime()).distributions(&spec).unwrap_err()
}

#[test]
fn what_cannot_be_is_told() {
    let spec = || MetricSpec::new("h", "H");
    assert!(matches!(error(MetricSpec::new("", "H")), RegistryError::MetricName { .. }));
    assert!(matches!(error(MetricSpec::new("@ @", "H")), RegistryError::MetricName { .. }));
    assert!(matches!(error(MetricSpec::new("h", "")), RegistryError::EmptyHelp { .. }));
    for label in AUTO_LABELS {
        assert_eq!(error(spec().label(label, "x")), RegistryError::AutoLabel { label: label.to_owned() });
        assert!(matches!(error(spec().label_names([label])), RegistryError::AutoLabel { .. }));
    }
    for label in ["", "1a", "a-b", "a:b", "ä", "le"] {
        let expected = RegistryError::LabelName { label: label.to_owned() };
        assert_eq!(error(spec().label(label, "x")), expected);
        assert_eq!(error(spec().label_names([label])), expected);
    }
    let twice = RegistryError::DuplicateLabel { label: "k".to_owned() };
    assert_eq!(error(spec().label("k", "x").label("k", "y")), twice);
    assert_eq!(error(spec().label_names(["k", "l", "k"])), twice);
    assert!(matches!(error(spec().label_names([])), RegistryError::NoLabelNames { .. }));
    assert!(matches!(error(spec().buckets([1.0, 0.5])), RegistryError::Bounds { .. }));
    let gauge = runtime().gauges::<f64>(&spec().buckets([])).unwrap_err();
    assert_eq!(gauge.to_string(), "metric `h` is a gauge and has no buckets: leave them out");
}

#[test]
fn a_name_is_there_once_for_each_set_of_constant_labels() {
    let level = component(&runtime());
    let spec = MetricSpec::new("a", "A").label("k", "x");
    level.sums::<i64>(&spec).unwrap();
    assert!(matches!(level.sums::<f64>(&spec), Err(RegistryError::Duplicate { .. })));
    level.sums::<i64>(&MetricSpec::new("a", "A").label("k", "y")).unwrap();
    for other in [
        MetricSpec::new("a", "A"),
        MetricSpec::new("a", "B").label("k", "z"),
        MetricSpec::new("a", "A").label("k", "z").label_names(["l"]),
    ] {
        assert!(matches!(level.sums::<i64>(&other), Err(RegistryError::Mismatch { .. })), "{other:?}");
    }
    let gauge = level.gauges::<i64>(&MetricSpec::new("a", "A").label("k", "z"));
    assert!(matches!(gauge, Err(RegistryError::Mismatch { .. })));
}

#[test]
fn series_of_a_level_are_sorted_by_their_values() {
    let runtime = runtime();
    let spec = |zone| MetricSpec::new("a:b", "A").label("zone", zone).label_names(["b", "a"]);
    let level = component(&runtime);
    let late = level.gauges::<i64>(&spec("2")).unwrap();
    let early = level.gauges::<i64>(&spec("1")).unwrap();
    assert_eq!(runtime.to_text(0).unwrap(), "");
    for (family, b, a) in [(&late, "1", "1"), (&early, "10", "2"), (&early, "9", "2"), (&early, "7", "1")] {
        family.series(&Labels::new([("a", a.into()), ("b", b.into())]), || 0);
    }
    let line = |a: &str, b: &str, zone: &str| {
        format!(
            "dynamo_component_a:b{{a=\"{a}\",b=\"{b}\",dynamo_component=\"comp\",dynamo_namespace=\"ns\",zone=\"{zone}\"}} 0\n"
        )
    };
    let lines = [line("1", "1", "2"), line("1", "7", "1"), line("2", "10", "1"), line("2", "9", "1")];
    assert_eq!(
        runtime.to_text(0).unwrap(),
        format!("# HELP dynamo_component_a:b A\n# TYPE dynamo_component_a:b gauge\n{}", lines.concat())
    );
}

#[test]
fn levels_that_do_not_fit_together_have_no_text() {
    let runtime = runtime();
    let component = component(&runtime);
    let [one, two] = ["one", "two"].map(|name| component.below(LevelKind::Endpoint, name).unwrap());
    add(&one, &MetricSpec::new("a", "A"), &[], 1);
    let other = MetricSpec::new("a", "B").label_names(["k"]);
    let unused = two.sums::<i64>(&other).unwrap();
    assert!(runtime.to_text(0).is_ok(), "it has no series");
    unused.series(&Labels::new([("k", "v".into())]), || 0);
    let mut told = false;
    let options = PrometheusOptions::new(Format::Dynamo);
    let result = runtime.write(&options, 0, &mut |_| told = true);
    assert!(matches!(result, Err(FamilyError::Descriptions { .. })) && !told);
    assert!(two.to_text(0).unwrap().contains("# HELP dynamo_component_a B\n"));
}

#[test]
fn callbacks_run_at_their_levels_and_their_errors_are_told() {
    let runtime = runtime();
    let component = component(&runtime);
    let problems: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&problems);
    runtime.on_problem(move |problem| seen.lock().unwrap().push(problem.to_string()));

    let runs = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&runs);
    component.on_scrape(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        Ok(())
    });
    component.on_scrape(|| Err("no device".into()));
    component.add_text(|| Ok("b 2\n".to_owned()));
    component.add_text(|| Err("no text".into()));
    component.add_text(|| Ok("c 3".to_owned()));
    runtime.add_text(|| Ok("a 1".to_owned()));
    runtime.add_text(|| Ok(String::new()));

    assert_eq!(runtime.to_text(0).unwrap(), "\na 1\nb 2\nc 3");
    assert_eq!(component.to_text(0).unwrap(), "\nb 2\nc 3");
    assert_eq!(runs.load(Ordering::Relaxed), 2);
    let expected =
        ["an update callback of ns/comp failed: no device", "a text callback of ns/comp failed: no text"];
    assert_eq!(*problems.lock().unwrap(), [expected, expected].concat());

    let mut text = String::new();
    let mut tell = |piece: &[u8]| text.push_str(std::str::from_utf8(piece).unwrap());
    runtime.write(&PrometheusOptions::new(Format::OpenMetrics), 0, &mut tell).unwrap();
    assert_eq!(text, "# EOF\n");
}

#[test]
fn a_callback_may_make_metrics_and_levels() {
    let runtime = runtime();
    let (made, at) = (Mutex::new(false), runtime.clone());
    runtime.on_scrape(move || {
        if !std::mem::replace(&mut *made.lock().unwrap(), true) {
            add(&component(&at), &MetricSpec::new("a", "A"), &[], 7);
        }
        Ok(())
    });
    let text = runtime.to_text(0).unwrap();
    assert!(text.ends_with("{dynamo_component=\"comp\",dynamo_namespace=\"ns\"} 7\n"), "{text}");
}

#[test]
fn of_two_series_with_one_name_the_first_counts() {
    let runtime = runtime();
    let duplicates = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&duplicates);
    runtime.on_problem(move |problem| {
        if let RegistryProblem::DuplicateSeries { count } = problem {
            seen.fetch_add(*count, Ordering::Relaxed);
        }
    });
    let namespace = runtime.below(LevelKind::Namespace, "ns").unwrap();
    for amount in [1, 2] {
        let component = namespace.below(LevelKind::Component, "comp").unwrap();
        add(&component, &MetricSpec::new("a", "A"), &[], amount);
    }
    assert_eq!(runtime.to_text(0).unwrap().matches("} 1\n").count(), 1);
    assert_eq!(duplicates.load(Ordering::Relaxed), 1);
}

#[test]
fn a_worker_has_its_id_everywhere() {
    let options =
        RegistryOptions { worker_id: Some(0xAB), prefix: String::new(), ..RegistryOptions::default() };
    let runtime = Level::new(options);
    add(&runtime, &MetricSpec::new("a", "A"), &[], 1);
    assert_eq!(runtime.to_text(0).unwrap(), "# HELP a A\n# TYPE a counter\na{worker_id=\"ab\"} 1\n");
    let taken = runtime.sums::<i64>(&MetricSpec::new("b", "B").label_names(["worker_id"]));
    assert!(matches!(taken, Err(RegistryError::AutoLabel { .. })));
}

#[test]
fn series_beyond_the_limit_share_one_at_each_level() {
    let runtime = Level::new(RegistryOptions { limit: 2, ..RegistryOptions::default() });
    for name in ["x", "y"] {
        let namespace = runtime.below(LevelKind::Namespace, name).unwrap();
        let family = namespace.sums::<i64>(&MetricSpec::new("a", "A").label_names(["k"])).unwrap();
        for k in ["1", "2", "3", "4"] {
            family.series(&Labels::new([("k", k.into())]), || 0).cell.add(Slot::ONLY, 1);
        }
    }
    let text = runtime.to_text(0).unwrap();
    for line in [
        "{dynamo_namespace=\"x\",k=\"2\"} 1\n",
        "{dynamo_namespace=\"x\",otel_metric_overflow=\"true\"} 2\n",
        "{dynamo_namespace=\"y\",otel_metric_overflow=\"true\"} 2\n",
    ] {
        assert!(text.contains(line), "{line} {text}");
    }
}

#[test]
fn metrics_of_the_tables_can_be_made() {
    for (table, prefix) in
        [(COMPONENT, "dynamo_component"), (FRONTEND, "dynamo_frontend"), (BLOCK_MANAGER, "kvbm")]
    {
        let level = Level::new(RegistryOptions { prefix: prefix.to_owned(), ..RegistryOptions::default() });
        for metric in table {
            let spec = metric.spec(|_| None);
            match metric.kind {
                MetricKind::Counter => drop(level.sums::<i64>(&spec).unwrap()),
                MetricKind::Gauge => drop(level.gauges::<f64>(&spec).unwrap()),
                MetricKind::Histogram => drop(level.distributions(&spec).unwrap()),
            }
        }
    }
}

#[test]
fn variables_change_the_buckets_of_a_frontend() {
    let look_up = |name: &str| match name {
        "DYN_HISTOGRAM_DYN_METRICS_TTFT_MAX" => Some("8".to_owned()),
        "DYN_HISTOGRAM_DYN_METRICS_TTFT_COUNT" => Some("3".to_owned()),
        _ => None,
    };
    let bounds = |name| builtin::find(FRONTEND, name).unwrap().spec(look_up).buckets;
    assert_eq!(bounds("time_to_first_token_seconds"), Some(vec![0.0, 0.089, 8.0]));
    assert_eq!(bounds("inter_token_latency_seconds").map(|bounds| bounds.len()), Some(13));
    assert_eq!(bounds("tokenizer_latency_ms"), None);
}
