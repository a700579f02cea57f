//! Counters and histograms of other libraries, each in its own idiom.

use std::hint::black_box;
use std::sync::LazyLock;

use metrics::{Key, Label, Level, Metadata, Recorder, with_local_recorder};
use metrics_exporter_prometheus::PrometheusBuilder;
use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::metrics::{ManualReader, SdkMeterProvider};

use crate::harness::Scenario;
use crate::meters::{BOUNDS, LABELS, OPS, VALUES, measured};

static METADATA: Metadata<'static> = Metadata::new("bench", Level::INFO, None);

/// A provider with a reader: without one, nothing is kept.
fn provider() -> SdkMeterProvider {
    SdkMeterProvider::builder().with_reader(ManualReader::builder().build()).build()
}

pub fn otel_counter() -> Scenario<'static> {
    let provider = provider();
    let counter = provider.meter("bench").u64_counter("counter").build();
    Scenario::new(OPS, move || {
        let _keep = &provider;
        (0..OPS).for_each(|_| black_box(&counter).add(1, &[]));
    })
}

pub fn otel_labelled() -> Scenario<'static> {
    let provider = provider();
    let counter = provider.meter("bench").u64_counter("counter").build();
    Scenario::new(OPS, move || {
        let _keep = &provider;
        for _ in 0..OPS {
            let [one, two, three] = black_box(VALUES);
            let labels = [
                KeyValue::new(LABELS[0], one),
                KeyValue::new(LABELS[1], two),
                KeyValue::new(LABELS[2], three),
            ];
            counter.add(1, &labels);
        }
    })
}

pub fn otel_histogram() -> Scenario<'static> {
    let provider = provider();
    let histogram = provider.meter("bench").f64_histogram("h").with_boundaries(BOUNDS.to_vec()).build();
    Scenario::new(OPS, move || {
        let _keep = &provider;
        (0..OPS).for_each(|at| black_box(&histogram).record(measured(at), &[]));
    })
}

pub fn prometheus_counter() -> Scenario<'static> {
    let counter = prometheus::IntCounter::new("counter", "A counter.").expect("the name is valid");
    Scenario::new(OPS, move || (0..OPS).for_each(|_| black_box(&counter).inc_by(1)))
}

/// What two threads add to at once.
pub fn prometheus_shared() -> impl Fn() + Sync {
    let counter = prometheus::IntCounter::new("counter", "A counter.").expect("the name is valid");
    move || black_box(&counter).inc_by(1)
}

pub fn prometheus_labelled() -> Scenario<'static> {
    let opts = prometheus::Opts::new("counter", "A counter.");
    let counter = prometheus::IntCounterVec::new(opts, &LABELS).expect("the names are valid");
    Scenario::new(OPS, move || {
        (0..OPS).for_each(|_| counter.with_label_values(&black_box(VALUES)).inc_by(1));
    })
}

pub fn prometheus_histogram() -> Scenario<'static> {
    let opts = prometheus::HistogramOpts::new("h", "A histogram.").buckets(BOUNDS.to_vec());
    let histogram = prometheus::Histogram::with_opts(opts).expect("the name is valid");
    Scenario::new(OPS, move || (0..OPS).for_each(|at| black_box(&histogram).observe(measured(at))))
}

pub fn client_counter() -> Scenario<'static> {
    let counter = prometheus_client::metrics::counter::Counter::<u64>::default();
    Scenario::new(OPS, move || {
        (0..OPS).for_each(|_| {
            black_box(&counter).inc_by(1);
        });
    })
}

pub fn client_labelled() -> Scenario<'static> {
    use prometheus_client::metrics::{counter::Counter, family::Family};
    let family = Family::<Vec<(&'static str, &'static str)>, Counter>::default();
    Scenario::new(OPS, move || {
        for _ in 0..OPS {
            let values = black_box(VALUES);
            family.get_or_create(&LABELS.into_iter().zip(values).collect()).inc();
        }
    })
}

pub fn client_histogram() -> Scenario<'static> {
    let histogram = prometheus_client::metrics::histogram::Histogram::new(BOUNDS);
    Scenario::new(OPS, move || (0..OPS).for_each(|at| black_box(&histogram).observe(measured(at))))
}

static RECORDER: LazyLock<metrics_exporter_prometheus::PrometheusRecorder> =
    LazyLock::new(|| PrometheusBuilder::new().set_buckets(&BOUNDS).expect("there are some").build_recorder());

pub fn metrics_counter() -> Scenario<'static> {
    let counter = RECORDER.register_counter(&Key::from_static_name("counter"), &METADATA);
    Scenario::new(OPS, move || (0..OPS).for_each(|_| black_box(&counter).increment(1)))
}

pub fn metrics_labelled() -> Scenario<'static> {
    Scenario::new(OPS, || {
        with_local_recorder(&*RECORDER, || {
            for _ in 0..OPS {
                let [one, two, three] = black_box(VALUES);
                let labels: Vec<Label> = LABELS
                    .into_iter()
                    .zip([one, two, three])
                    .map(|(key, value)| Label::new(key, value))
                    .collect();
                metrics::counter!("labelled", labels).increment(1);
            }
        });
    })
}

pub fn metrics_histogram() -> Scenario<'static> {
    let histogram = RECORDER.register_histogram(&Key::from_static_name("h"), &METADATA);
    // What is recorded is kept until somebody renders it.
    Scenario::new(OPS, move || (0..OPS).for_each(|at| black_box(&histogram).record(measured(at))))
        .settling(|| RECORDER.handle().run_upkeep())
}
