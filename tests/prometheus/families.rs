//! Streams of several sources in one text.

use spanloom::meter::prometheus::{Families, FamilyError, Format, OnConflict, PrometheusOptions, Skipped};
use spanloom::meter::{Labels, StreamKind, Temporality};
use spanloom::value::Value as Any;

use crate::collected::{COUNTER, Collected, GAUGE, HISTOGRAM, Value, one, written};

#[test]
fn families_are_merged_and_sorted_by_name_and_series_stay_as_met() {
    let first = Collected::default()
        .stream("z", "Last", GAUGE)
        .int(one("from", "first"), 1)
        .stream("a.requests", "Requests", COUNTER)
        .int(one("from", "b"), 2)
        .int(one("from", "a"), 3);
    let second = Collected { scope: ("lib".into(), String::new()), ..Collected::default() }
        .stream("a_requests", "Requests", COUNTER)
        .int(one("from", "c"), 4)
        .stream("m", "Middle", GAUGE)
        .double(Labels::none(), 0.5);
    let (text, count) = written(&[&first, &second, &first], &PrometheusOptions::new(Format::Prometheus));
    assert_eq!(
        text,
        r#"# HELP a_requests_total Requests
# TYPE a_requests_total counter
a_requests_total{from="b"} 2
a_requests_total{from="a"} 3
a_requests_total{from="c",otel_scope_name="lib"} 4
# HELP m Middle
# TYPE m gauge
m{otel_scope_name="lib"} 0.5
# HELP z Last
# TYPE z gauge
z{from="first"} 1
"#
    );
    assert_eq!((count.families, count.series), (3, 5));
    assert_eq!(count.skipped, Skipped { duplicate: 3, ..Skipped::default() });
}

#[test]
fn streams_that_do_not_fit_are_left_out_or_an_error() {
    let sources = Collected::default()
        .stream("a", "One", GAUGE)
        .int(one("x", "1"), 1)
        .stream("a", "Other", GAUGE)
        .int(one("x", "2"), 2)
        .stream("a", "One", HISTOGRAM)
        .point(Labels::none(), Value::Histogram { bounds: vec![1.0], counts: vec![1, 0], sum: 1.0 })
        .stream("a", "", GAUGE)
        .int(one("x", "3"), 3)
        .stream("h", "", HISTOGRAM)
        .point(Labels::none(), Value::Histogram { bounds: vec![], counts: vec![1], sum: 1.0 })
        .stream("h_count", "", GAUGE)
        .int(Labels::none(), 1)
        .int(one("x", "2"), 2)
        .stream("delta", "", StreamKind::Sum { monotonic: true, temporality: Temporality::Delta })
        .int(Labels::none(), 1)
        .stream("", "", GAUGE)
        .int(Labels::none(), 1);
    let options = PrometheusOptions::new(Format::Prometheus);
    let (text, count) = written(&[&sources], &options);
    assert_eq!(
        text,
        "# HELP a One\n# TYPE a gauge\na{x=\"1\"} 1\na{x=\"2\"} 2\na{x=\"3\"} 3\n\
         # TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n"
    );
    assert_eq!(count.skipped, Skipped { conflict: 3, delta: 1, unnamed: 1, ..Skipped::default() });

    let strict = PrometheusOptions { on_conflict: OnConflict::Fail, ..options };
    let error = |from: usize, to: usize| {
        let streams = sources.streams[from..to].to_vec();
        let source = Collected { streams, ..Collected::default() };
        Families::of(&[&source], &strict).map(|_| ()).unwrap_err()
    };
    assert_eq!(error(0, 2), FamilyError::Descriptions { name: "a".into() });
    let kinds = error(1, 3);
    assert_eq!(kinds, FamilyError::Kinds { name: "a".into(), first: "gauge", other: "histogram" });
    assert_eq!(
        kinds.to_string(),
        "metric family 'a' has two kinds, gauge and histogram: give one of them another name"
    );
    assert_eq!(error(4, 6), FamilyError::Samples { name: "h_count".into() });
}

#[test]
fn the_resource_keeps_its_name() {
    let source = Collected::default().stream("target_info", "", GAUGE).int(Labels::none(), 1);
    for format in [Format::Prometheus, Format::OpenMetrics] {
        let resource = one("service.name", "planner");
        let options = PrometheusOptions { resource, ..PrometheusOptions::new(format) };
        let (text, count) = written(&[&source], &options);
        assert_eq!(text.matches("target_info{service_name=\"planner\"} 1\n").count(), 1, "{text}");
        assert_eq!((count.series, count.skipped.conflict), (1, 1));
    }
}

#[test]
fn different_labels_with_one_text_are_one_series() {
    let number = |key: &'static str| Labels::new([(key, 1.into())]);
    for (first, second, text) in [
        (one("a.b", "1"), one("a_b", "1"), "m{a_b=\"1\"}"),
        (one("a_b", "1"), number("a_b"), "m{a_b=\"1\"}"),
        (one("a", "[1]"), Labels::new([("a", (&Any::Array(vec![1.into()])).into())]), "m{a=\"[1]\"}"),
    ] {
        for (first, second) in [(first.clone(), second.clone()), (second, first)] {
            let source = Collected::default()
                .stream("m", "", GAUGE)
                .int(one("other", "1"), 0)
                .int(first, 1)
                .int(one("other", "2"), 0)
                .int(second, 2);
            let (got, count) = written(&[&source], &PrometheusOptions::new(Format::Prometheus));
            assert!(got.contains(&format!("{text} 1\n")) && !got.contains(&format!("{text} 2\n")), "{got}");
            assert_eq!((count.series, count.skipped.duplicate), (3, 1));
        }
    }
}
