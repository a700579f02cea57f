//! A collection in memory.

use spanloom::meter::prometheus::{Families, MetricSource, PrometheusOptions, Scope, Written};
use spanloom::meter::{
    Buckets, Exemplar, ExponentialPoint, HistogramPoint, Labels, Number, Point, Reading, Stream, StreamKind,
    Temporality,
};

const CUMULATIVE: Temporality = Temporality::Cumulative;
pub const COUNTER: StreamKind = StreamKind::Sum { monotonic: true, temporality: CUMULATIVE };
pub const HISTOGRAM: StreamKind = StreamKind::Histogram { temporality: CUMULATIVE };
pub const EXPONENTIAL: StreamKind = StreamKind::Exponential { temporality: CUMULATIVE };
pub const GAUGE: StreamKind = StreamKind::Gauge;

#[derive(Debug, Clone, Default)]
pub struct Collected {
    pub scope: (String, String),
    pub streams: Vec<CollectedStream>,
}

#[derive(Debug, Clone)]
pub struct CollectedStream {
    pub name: String,
    pub unit: String,
    pub help: String,
    pub kind: StreamKind,
    pub points: Vec<CollectedPoint>,
}

#[derive(Debug, Clone)]
pub struct CollectedPoint {
    pub labels: Labels,
    pub value: Value,
    pub exemplars: Vec<Exemplar>,
}

#[derive(Debug, Clone)]
pub enum Value {
    Number(Number),
    Histogram { bounds: Vec<f64>, counts: Vec<u64>, sum: f64 },
    Exponential { scale: i32, zero: u64, positive: (i32, Vec<u64>), negative: (i32, Vec<u64>), sum: f64 },
}

pub fn one<'a>(key: &'a str, value: &'a str) -> Labels {
    Labels::new([(key, value.into())])
}

impl Collected {
    pub fn stream(mut self, name: &str, help: &str, kind: StreamKind) -> Self {
        let (name, unit, help) = (name.to_owned(), String::new(), help.to_owned());
        self.streams.push(CollectedStream { name, unit, help, kind, points: Vec::new() });
        self
    }

    pub fn unit(mut self, unit: &str) -> Self {
        self.streams.last_mut().unwrap().unit = unit.to_owned();
        self
    }

    pub fn point(self, labels: Labels, value: Value) -> Self {
        self.point_with(labels, value, Vec::new())
    }

    pub fn point_with(mut self, labels: Labels, value: Value, exemplars: Vec<Exemplar>) -> Self {
        self.streams.last_mut().unwrap().points.push(CollectedPoint { labels, value, exemplars });
        self
    }

    pub fn int(self, labels: Labels, number: i64) -> Self {
        self.point(labels, Value::Number(Number::Int(number)))
    }

    pub fn double(self, labels: Labels, number: f64) -> Self {
        self.point(labels, Value::Number(Number::Double(number)))
    }
}

impl MetricSource for Collected {
    fn scope(&self) -> Scope<'_> {
        Scope { name: &self.scope.0, version: &self.scope.1 }
    }

    fn streams(&self, tell: &mut dyn FnMut(&Stream<'_>)) {
        for stream in &self.streams {
            let CollectedStream { name, unit, help, kind, .. } = stream;
            tell(&Stream { name, unit, description: help, kind: *kind });
        }
    }

    fn points(&self, index: usize, tell: &mut dyn FnMut(&Point<'_>)) {
        for point in &self.streams[index].points {
            tell(&Point {
                labels: &point.labels,
                start_unix_nano: 1_700_000_000_000_000_000,
                time_unix_nano: 1_700_000_060_000_000_000,
                reading: reading(&point.value),
                exemplars: &point.exemplars,
            });
        }
    }
}

fn reading(value: &Value) -> Reading<'_> {
    match value {
        Value::Number(number) => Reading::Number(*number),
        Value::Histogram { bounds, counts, sum } => {
            Reading::Histogram(HistogramPoint { bounds, counts, sum: Some(*sum), min: None, max: None })
        }
        Value::Exponential { scale, zero, positive, negative, sum } => {
            Reading::Exponential(ExponentialPoint {
                scale: *scale,
                zero_count: *zero,
                zero_threshold: 0.0,
                positive: Buckets { offset: positive.0, counts: &positive.1 },
                negative: Buckets { offset: negative.0, counts: &negative.1 },
                count: zero + positive.1.iter().sum::<u64>() + negative.1.iter().sum::<u64>(),
                sum: Some(*sum),
                min: None,
                max: None,
            })
        }
    }
}

pub fn written(sources: &[&dyn MetricSource], options: &PrometheusOptions) -> (String, Written) {
    let mut text = Vec::new();
    let written = Families::of(sources, options).unwrap().write(&mut |piece| text.extend_from_slice(piece));
    (String::from_utf8(text).unwrap(), written)
}
