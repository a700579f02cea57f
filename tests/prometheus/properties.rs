//! Whatever is measured, the text reads back.

use std::collections::BTreeSet;

use proptest::prelude::*;
use spanloom::meter::prometheus::{Format, PrometheusOptions, label_name};
use spanloom::meter::{Labels, StreamKind};

use crate::collected::{COUNTER, Collected, EXPONENTIAL, GAUGE, HISTOGRAM, Value, written};
use crate::reader::read;

/// Texts with what is special in names, in values and in lines.
fn wild() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c._]{0,4}", "[\"\\\\\n\r,={}# a]{0,6}", any::<String>()]
}

fn labels() -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::vec((wild(), wild()), 0..4)
}

fn set(pairs: &[(String, String)]) -> Labels {
    Labels::new(pairs.iter().map(|(key, value)| (key.as_str(), value.as_str().into())))
}

fn kind_and_value() -> impl Strategy<Value = (StreamKind, Value)> {
    let number = || {
        prop_oneof![
            any::<i64>().prop_map(|n| Value::Number(n.into())),
            any::<f64>().prop_map(|n| Value::Number(n.into()))
        ]
    };
    let histogram =
        prop::collection::vec((0.001..1e9_f64, 0..1000_u64), 0..6).prop_map(|mut pairs: Vec<(f64, u64)>| {
            pairs.sort_by(|one, other| one.0.total_cmp(&other.0));
            pairs.dedup_by(|one, other| one.0 == other.0);
            let bounds: Vec<f64> = pairs.iter().map(|pair| pair.0).collect();
            let counts: Vec<u64> = pairs.iter().map(|pair| pair.1).chain([3]).collect();
            Value::Histogram { bounds, counts, sum: 12.5 }
        });
    let buckets = || (any::<i32>(), prop::collection::vec(0..5u64, 0..200));
    let near = || (-100..100i32, prop::collection::vec(0..5u64, 0..200));
    let exponential = (-12..25i32, 0..3u64, prop_oneof![near(), buckets()], prop_oneof![near(), buckets()])
        .prop_map(|(scale, zero, positive, negative)| Value::Exponential {
            scale,
            zero,
            positive,
            negative,
            sum: 1.0,
        });
    prop_oneof![
        number().prop_map(|value| (COUNTER, value)),
        number().prop_map(|value| (GAUGE, value)),
        histogram.prop_map(|value| (HISTOGRAM, value)),
        exponential.prop_map(|value| (EXPONENTIAL, value)),
    ]
}

fn collection() -> impl Strategy<Value = Collected> {
    let stream = (
        wild(),
        prop_oneof!["", "s|By|1|%|By/s|[{}\n/a]{0,3}"],
        wild(),
        kind_and_value(),
        prop::collection::vec(labels(), 0..4),
    );
    prop::collection::vec(stream, 0..6).prop_map(|streams| {
        streams.into_iter().fold(Collected::default(), |all, (name, unit, help, (kind, value), points)| {
            let all = all.stream(&name, &help, kind).unit(&unit);
            let series: BTreeSet<Labels> = points.iter().map(|pairs| set(pairs)).collect();
            series.into_iter().fold(all, |all, labels| all.point(labels, value.clone()))
        })
    })
}

proptest! {
    #[test]
    fn labels_read_back(pairs in labels()) {
        let source = Collected::default().stream("m", "", GAUGE).int(set(&pairs), 1);
        let (text, _) = written(&[&source], &PrometheusOptions::new(Format::Prometheus));
        let read = read(&text);
        let [(_, got, _)] = read.samples.as_slice() else { panic!("{text}") };
        // By the rule: of a key given twice the last value, of keys with one name all values in their order.
        let mut expected = std::collections::BTreeMap::<String, String>::new();
        let last: std::collections::BTreeMap<_, _> = pairs.iter().cloned().collect();
        for (key, value) in last {
            let name = label_name(&key);
            match expected.get_mut(&name) {
                Some(known) => { known.push(';'); known.push_str(&value); }
                None => { expected.insert(name, value); }
            }
        }
        prop_assert_eq!(got, &expected);
    }

    #[test]
    fn every_text_is_valid_and_complete(first in collection(), second in collection()) {
        for format in [Format::Prometheus, Format::OpenMetrics] {
            let (text, count) = written(&[&first, &second], &PrometheusOptions::new(format));
            let read = read(&text);
            prop_assert_eq!(read.ended, format == Format::OpenMetrics);
            prop_assert_eq!(read.families.len() as u64, count.families);
            prop_assert_eq!(text.len() as u64, count.bytes);
            let names: Vec<_> = read.families.iter().map(|family| &family.0).collect();
            prop_assert!(names.is_sorted());
            let told: usize = [&first, &second].iter().flat_map(|all| &all.streams).map(|stream| stream.points.len()).sum();
            prop_assert_eq!(count.series + count.skipped.total(), told as u64);
            let series: BTreeSet<_> = read.samples.iter().map(|(name, labels, _)| (name, labels)).collect();
            prop_assert_eq!(series.len(), read.samples.len(), "a sample comes twice");
            buckets_rise(&read.samples)?;
        }
    }
}

/// Bounds and counts of neighbouring buckets of one series go up, to the count of all.
fn buckets_rise(samples: &[(String, crate::reader::Labels, f64)]) -> Result<(), TestCaseError> {
    let mut before: Option<(f64, f64)> = None;
    for (name, labels, value) in samples {
        let le = labels.get("le").filter(|_| name.ends_with("_bucket"));
        if let Some(le) = le {
            let le: f64 = le.parse().unwrap();
            if let Some((bound, count)) = before {
                prop_assert!(le > bound && *value >= count, "{} {:?}", name, labels);
            }
            before = if le == f64::INFINITY { None } else { Some((le, *value)) };
        } else if name.ends_with("_count") {
            prop_assert!(before.is_none(), "no last bucket");
        }
    }
    Ok(())
}
