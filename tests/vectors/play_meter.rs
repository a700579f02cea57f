//! Plays a program of the meter on the native handles.

use serde_json::Value as Json;
use spanloom::Loom;
use spanloom::host::{Clock, ManualClock};
use spanloom::meter::{Aggregation, Reader};
use spanloom::native::meter::{Counter, Gauge, Histogram, Meter, UpDownCounter};
use spanloom::otlp::{Resource, Scope, encode_metrics, json::metrics_to_json};
use spanloom::value::Value;

use crate::play::{index, number, text, value, with_pairs};

/// What a program collects, one request after the other.
#[derive(Default)]
pub struct Played {
    pub otlp: Vec<Vec<u8>>,
    pub json: Vec<String>,
}

/// A handle of the SDK, bound to its labels.
enum Series {
    CounterInt(Counter<i64>),
    CounterDouble(Counter<f64>),
    UpDownInt(UpDownCounter<i64>),
    UpDownDouble(UpDownCounter<f64>),
    GaugeInt(Gauge<i64>),
    GaugeDouble(Gauge<f64>),
    Histogram(Histogram),
}

/// Runs a program.
pub fn play(program: &Json) -> Played {
    let clock = ManualClock::at(1_700_000_000_000_000_000);
    let mut loom = Loom::builder().clock(clock.clone());
    if let Some(limit) = program["limit"].as_u64() {
        loom = loom.series_limit(usize::try_from(limit).unwrap());
    }
    let loom = loom.build();
    let (mut cumulative, mut delta) = (Reader::cumulative(), Reader::delta());
    let (mut instruments, mut series, mut played) = (Vec::new(), Vec::new(), Played::default());
    let mut collected_delta = false;
    for op in program["ops"].as_array().unwrap() {
        match op[0].as_str().unwrap() {
            "instrument" => instruments.push(op),
            "series" => series.push(bind(loom.meter(), instruments[index(&op[1])], &op[2])),
            "advance" => clock.advance(number(&op[1])),
            "collect" => {
                collected_delta = op[1] == "delta";
                let reader = if collected_delta { &mut delta } else { &mut cumulative };
                let otlp = collect(loom.meter(), reader, clock.unix_nanos());
                played.json.push(metrics_to_json(&otlp).unwrap());
                played.otlp.push(otlp);
            }
            "commit" if collected_delta => delta.commit(),
            "commit" => cumulative.commit(),
            verb => measure(&series[index(&op[1])], verb, &value(&op[2])),
        }
    }
    played
}

fn bind(meter: &Meter, declared: &Json, labels: &Json) -> Series {
    let [kind, name, unit, description] = [1, 2, 3, 4].map(|at| text(&declared[at]));
    let numbers: Vec<f64> =
        declared[5].as_array().into_iter().flatten().map(|number| text(number).parse().unwrap()).collect();
    let mut bound = None;
    with_pairs(labels, |labels| {
        macro_rules! bind {
            ($builder:expr) => {
                $builder.unit(&unit).description(&description).bind(labels)
            };
        }
        bound = Some(match kind.as_str() {
            "counter_int" => Series::CounterInt(bind!(meter.counter(&name))),
            "counter_double" => Series::CounterDouble(bind!(meter.counter(&name).fractional())),
            "up_down_counter_int" => Series::UpDownInt(bind!(meter.up_down_counter(&name))),
            "up_down_counter_double" => {
                Series::UpDownDouble(bind!(meter.up_down_counter(&name).fractional()))
            }
            "gauge_int" => Series::GaugeInt(bind!(meter.gauge(&name).whole())),
            "gauge_double" => Series::GaugeDouble(bind!(meter.gauge(&name))),
            "histogram" if numbers.is_empty() => Series::Histogram(bind!(meter.histogram(&name))),
            "histogram" => {
                let kept = Aggregation::Bounds(numbers.as_slice().into());
                Series::Histogram(bind!(meter.histogram(&name).kept(kept)))
            }
            "exponential" => {
                Series::Histogram(bind!(meter.histogram(&name).kept(Aggregation::exponential())))
            }
            other => panic!("no instrument {other}"),
        });
    });
    bound.unwrap()
}

fn measure(series: &Series, verb: &str, value: &Value) {
    match (series, verb, value) {
        (Series::CounterInt(counter), "add", Value::Int(amount)) => counter.add(*amount),
        (Series::CounterDouble(counter), "add", Value::Double(amount)) => counter.add(*amount),
        (Series::UpDownInt(counter), "add", Value::Int(amount)) => counter.add(*amount),
        (Series::UpDownDouble(counter), "add", Value::Double(amount)) => counter.add(*amount),
        (Series::GaugeInt(gauge), "add", Value::Int(amount)) => gauge.add(*amount),
        (Series::GaugeDouble(gauge), "add", Value::Double(amount)) => gauge.add(*amount),
        (Series::GaugeInt(gauge), "set", Value::Int(number)) => gauge.set(*number),
        (Series::GaugeDouble(gauge), "set", Value::Double(number)) => gauge.set(*number),
        (Series::Histogram(histogram), "record", Value::Double(number)) => histogram.record(*number),
        _ => panic!("a series cannot {verb} {value:?}"),
    }
}

fn collect(meter: &Meter, reader: &mut Reader, now: u64) -> Vec<u8> {
    let resource =
        Resource::new([("service.name", Value::from("vectors")), ("telemetry.sdk.language", "any".into())]);
    let mut otlp = Vec::new();
    encode_metrics(&resource, &Scope::new("vectors", "1"), &mut otlp, |sink| {
        meter.book().collect(reader, now, sink);
    });
    otlp
}
