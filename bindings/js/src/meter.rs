//! `Meter` and its instruments.

use std::sync::Arc;

use spanloom::meter::{
    Aggregation, Amount, Book, BookOptions, DistributionCell, Family, GaugeCell, Instrument, InstrumentKind,
    Labels, Reader, Series, Slot, SumCell,
};
use spanloom::otlp::{encode_metrics, json};
use spanloom::value::Value;
use spanloom::workflow::Number;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::args::{Options, moment, number};
use crate::error::OrThrow;
use crate::give;
use crate::otlp::{Export, OTLP_ERROR};
use crate::visit::visit;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** Labels of a series. */
export type Labels = Record<string, unknown> | Map<string, unknown>;

/** Who measures, and how much. */
export interface MeterOptions extends OtlpOptions {
  /** So many series of an instrument at most; 2000 where missing. What goes beyond is counted in one of its own. */
  seriesLimit?: number;
}

/** What an instrument is. */
export interface InstrumentOptions {
  /** The unit of its numbers, as UCUM writes it. */
  unit?: string;
  /** What it tells people. */
  description?: string;
  /** Counts in whole numbers; fractions are cut off. */
  whole?: boolean;
}

/** What a histogram is. */
export interface HistogramOptions extends InstrumentOptions {
  /** Upper bounds of its buckets. */
  bounds?: number[];
  /** Buckets that grow by a factor, instead of bounds. */
  exponential?: boolean;
}

/** A collection. */
export interface CollectOptions {
  /** What has come since the last collection that arrived, or since the start; `cumulative` where missing. */
  temporality?: "delta" | "cumulative";
  /** When, in Unix milliseconds; now where missing. */
  now?: number;
}

/** What was not as it should be, counted since the start. */
export interface MeterProblems {
  /** Measurements that are no number, without end, or negative where only growth is possible. */
  invalid: number;
  /** Instruments whose name, unit or bounds had to be mended. */
  mended: number;
  /** Instruments with the name of another one that is declared otherwise. */
  conflicts: number;
  /** Instruments beyond the limit of 10,000. What they measure leaves nowhere. */
  surplus: number;
}
"#;

/// Makes instruments, and collects what they measured. What is measured never throws.
///
/// ```js
/// const meter = new Meter({ serviceName: "planner" });
/// const asked = meter.counter("asked", { unit: "{question}" });
/// asked.add(1, { route: "/ask" });
/// const body = meter.collect({ temporality: "delta" });
/// if ((await send(body)).ok) meter.commit();
/// ```
#[wasm_bindgen]
pub struct Meter {
    book: Arc<Book>,
    export: Export,
    cumulative: Reader,
    delta: Reader,
    collected_delta: bool,
}

#[wasm_bindgen]
impl Meter {
    /// A meter. Throws an `OtlpError` where an option is not what it should be.
    ///
    /// ```js
    /// const meter = new Meter({ serviceName: "planner", seriesLimit: 500 });
    /// ```
    ///
    /// # Errors
    /// When an option is not what it should be.
    #[wasm_bindgen(constructor)]
    pub fn new(
        #[wasm_bindgen(unchecked_optional_param_type = "MeterOptions")] options: &JsValue,
    ) -> Result<Self, JsValue> {
        let export = Export::read(options)?;
        let limit = Options::read(options).int(["seriesLimit", "series_limit"]);
        let limit = limit.and_then(|limit| usize::try_from(limit).ok());
        let usual = BookOptions::default();
        let kept = BookOptions { limit: limit.unwrap_or(usual.limit), ..usual };
        Ok(Self {
            book: Arc::new(Book::new(kept)),
            export,
            cumulative: Reader::cumulative(),
            delta: Reader::delta(),
            collected_delta: false,
        })
    }

    /// Counts what only grows.
    ///
    /// ```js
    /// const asked = meter.counter("asked", { unit: "{question}", whole: true });
    /// ```
    #[must_use]
    pub fn counter(
        &self,
        #[wasm_bindgen(unchecked_param_type = "string")] name: &JsValue,
        #[wasm_bindgen(unchecked_optional_param_type = "InstrumentOptions")] options: &JsValue,
    ) -> Counter {
        self.sum(InstrumentKind::Counter, name, options)
    }

    /// Counts what grows and shrinks.
    ///
    /// ```js
    /// const open = meter.upDownCounter("connections.open", { whole: true });
    /// open.add(-1);
    /// ```
    #[wasm_bindgen(js_name = upDownCounter)]
    #[must_use]
    pub fn up_down_counter(
        &self,
        #[wasm_bindgen(unchecked_param_type = "string")] name: &JsValue,
        #[wasm_bindgen(unchecked_optional_param_type = "InstrumentOptions")] options: &JsValue,
    ) -> Counter {
        self.sum(InstrumentKind::UpDownCounter, name, options)
    }

    /// Keeps the last number.
    ///
    /// ```js
    /// const heat = meter.gauge("heat", { unit: "Cel" });
    /// ```
    #[must_use]
    pub fn gauge(
        &self,
        #[wasm_bindgen(unchecked_param_type = "string")] name: &JsValue,
        #[wasm_bindgen(unchecked_optional_param_type = "InstrumentOptions")] options: &JsValue,
    ) -> Gauge {
        let (instrument, whole) = declared(InstrumentKind::Gauge, name, options);
        let gauges = if whole {
            Gauges::Int(Bound::to(self.book.gauges(instrument)))
        } else {
            Gauges::Double(Bound::to(self.book.gauges(instrument)))
        };
        Gauge { book: Arc::clone(&self.book), gauges }
    }

    /// Counts how numbers are distributed.
    ///
    /// ```js
    /// const seconds = meter.histogram("answer.duration", { unit: "s", bounds: [0.1, 1, 10] });
    /// ```
    #[must_use]
    pub fn histogram(
        &self,
        #[wasm_bindgen(unchecked_param_type = "string")] name: &JsValue,
        #[wasm_bindgen(unchecked_optional_param_type = "HistogramOptions")] options: &JsValue,
    ) -> Histogram {
        let (instrument, _) = declared(InstrumentKind::Histogram, name, options);
        Histogram { book: Arc::clone(&self.book), bound: Bound::to(self.book.distributions(instrument)) }
    }

    /// What everything stands at, as an OTLP metrics request; no bytes where there is nothing to say.
    ///
    /// ```js
    /// const body = meter.collect({ temporality: "delta" });
    /// ```
    pub fn collect(
        &mut self,
        #[wasm_bindgen(unchecked_optional_param_type = "CollectOptions")] options: &JsValue,
    ) -> Vec<u8> {
        let options = Options::read(options);
        self.collected_delta = options.text(["temporality", "temporality"]) == "delta";
        let now = options.int(["now", "now"]).map_or_else(now, nanos);
        let reader = if self.collected_delta { &mut self.delta } else { &mut self.cumulative };
        let mut request = Vec::new();
        encode_metrics(&self.export.resource, &self.export.scope, &mut request, |sink| {
            self.book.collect(reader, now, sink);
        });
        request
    }

    /// As `collect`, in JSON.
    ///
    /// ```js
    /// console.log(meter.collectJson());
    /// ```
    ///
    /// # Errors
    /// Never: what was collected can be written.
    #[wasm_bindgen(js_name = collectJson)]
    pub fn collect_json(
        &mut self,
        #[wasm_bindgen(unchecked_optional_param_type = "CollectOptions")] options: &JsValue,
    ) -> Result<String, JsValue> {
        json::metrics_to_json(&self.collect(options)).or_throw(OTLP_ERROR)
    }

    /// What was collected last has arrived: the next delta begins there.
    ///
    /// ```js
    /// meter.commit();
    /// ```
    pub fn commit(&mut self) {
        if self.collected_delta { self.delta.commit() } else { self.cumulative.commit() }
    }

    /// What was not as it should be.
    ///
    /// ```js
    /// meter.problems().invalid;   // 0
    /// ```
    #[wasm_bindgen(unchecked_return_type = "MeterProblems")]
    #[must_use]
    pub fn problems(&self) -> JsValue {
        let problems = self.book.problems();
        give::report(&Problems {
            invalid: problems.invalid,
            mended: problems.mended,
            conflicts: problems.conflicts,
            surplus: problems.surplus,
        })
    }

    fn sum(&self, kind: InstrumentKind, name: &JsValue, options: &JsValue) -> Counter {
        let (instrument, whole) = declared(kind, name, options);
        let sums = if whole {
            Sums::Int(Bound::to(self.book.sums(instrument)))
        } else {
            Sums::Double(Bound::to(self.book.sums(instrument)))
        };
        Counter { book: Arc::clone(&self.book), grows: kind == InstrumentKind::Counter, sums }
    }
}

#[derive(serde::Serialize)]
struct Problems {
    invalid: u64,
    mended: u64,
    conflicts: u64,
    surplus: u64,
}

/// An instrument, and the series that is written to where a call says no labels.
struct Bound<C> {
    family: Arc<Family<C>>,
    labels: Labels,
    series: Option<Arc<Series<C>>>,
}

impl<C: spanloom::meter::Cell> Bound<C> {
    fn to(family: Arc<Family<C>>) -> Self {
        Self { family, labels: Labels::none(), series: None }
    }

    /// The same with further labels.
    fn with(&self, labels: &JsValue) -> Self {
        let labels = self.labels.and(&labels_of(labels));
        let series = self.family.series(&labels, now);
        Self { family: Arc::clone(&self.family), labels, series: Some(series) }
    }

    /// Writes to the series for these labels, which come on top of those that it is bound to.
    fn write(&self, labels: &JsValue, write: impl FnOnce(&C)) {
        match &self.series {
            Some(series) if labels.is_undefined() => write(&series.cell),
            _ => write(&self.family.series(&self.labels.and(&labels_of(labels)), now).cell),
        }
    }
}

/// Sums what only grows, or what grows and shrinks.
///
/// ```js
/// const asked = meter.counter("asked").bind({ route: "/ask" });
/// asked.add(1);
/// asked.add(1, { cached: true });
/// ```
#[wasm_bindgen]
pub struct Counter {
    book: Arc<Book>,
    grows: bool,
    sums: Sums,
}

enum Sums {
    Int(Bound<SumCell<i64>>),
    Double(Bound<SumCell<f64>>),
}

#[wasm_bindgen]
impl Counter {
    /// Adds a number. What is none, or without end, or negative where only growth is possible, is left out and counted.
    ///
    /// ```js
    /// asked.add(2, { route: "/ask" });
    /// ```
    pub fn add(
        &self,
        #[wasm_bindgen(unchecked_param_type = "number | bigint")] amount: &JsValue,
        #[wasm_bindgen(unchecked_optional_param_type = "Labels")] labels: &JsValue,
    ) {
        match measured(amount).filter(|amount| is_finite(*amount) && !(self.grows && is_negative(*amount))) {
            Some(amount) => match &self.sums {
                Sums::Int(bound) => bound.write(labels, |cell| cell.add(Slot::ONLY, of(amount))),
                Sums::Double(bound) => bound.write(labels, |cell| cell.add(Slot::ONLY, of(amount))),
            },
            None => self.book.count_invalid(),
        }
    }

    /// The same counter with labels: they are looked up once instead of with each number.
    ///
    /// ```js
    /// const asked = meter.counter("asked").bind({ route: "/ask" });
    /// ```
    #[must_use]
    pub fn bind(&self, #[wasm_bindgen(unchecked_param_type = "Labels")] labels: &JsValue) -> Counter {
        let sums = match &self.sums {
            Sums::Int(bound) => Sums::Int(bound.with(labels)),
            Sums::Double(bound) => Sums::Double(bound.with(labels)),
        };
        Counter { book: Arc::clone(&self.book), grows: self.grows, sums }
    }
}

/// Keeps the last number.
///
/// ```js
/// meter.gauge("heat", { unit: "Cel" }).set(36.5, { room: "kitchen" });
/// ```
#[wasm_bindgen]
pub struct Gauge {
    book: Arc<Book>,
    gauges: Gauges,
}

enum Gauges {
    Int(Bound<GaugeCell<i64>>),
    Double(Bound<GaugeCell<f64>>),
}

#[wasm_bindgen]
impl Gauge {
    /// Says what it stands at.
    ///
    /// ```js
    /// heat.set(36.5);
    /// ```
    pub fn set(
        &self,
        #[wasm_bindgen(unchecked_param_type = "number | bigint")] number: &JsValue,
        #[wasm_bindgen(unchecked_optional_param_type = "Labels")] labels: &JsValue,
    ) {
        match (measured(number), &self.gauges) {
            (Some(number), Gauges::Int(bound)) => bound.write(labels, |cell| cell.set(of(number))),
            (Some(number), Gauges::Double(bound)) => bound.write(labels, |cell| cell.set(of(number))),
            (None, _) => self.book.count_invalid(),
        }
    }

    /// Moves it up or down.
    ///
    /// ```js
    /// heat.add(-0.5);
    /// ```
    pub fn add(
        &self,
        #[wasm_bindgen(unchecked_param_type = "number | bigint")] amount: &JsValue,
        #[wasm_bindgen(unchecked_optional_param_type = "Labels")] labels: &JsValue,
    ) {
        match (measured(amount), &self.gauges) {
            (Some(amount), Gauges::Int(bound)) => bound.write(labels, |cell| cell.add(of(amount))),
            (Some(amount), Gauges::Double(bound)) => bound.write(labels, |cell| cell.add(of(amount))),
            (None, _) => self.book.count_invalid(),
        }
    }

    /// The same gauge with labels.
    ///
    /// ```js
    /// const kitchen = heat.bind({ room: "kitchen" });
    /// ```
    #[must_use]
    pub fn bind(&self, #[wasm_bindgen(unchecked_param_type = "Labels")] labels: &JsValue) -> Gauge {
        let gauges = match &self.gauges {
            Gauges::Int(bound) => Gauges::Int(bound.with(labels)),
            Gauges::Double(bound) => Gauges::Double(bound.with(labels)),
        };
        Gauge { book: Arc::clone(&self.book), gauges }
    }
}

/// Counts how numbers are distributed.
///
/// ```js
/// meter.histogram("answer.duration", { unit: "s" }).record(0.25, { model: "small" });
/// ```
#[wasm_bindgen]
pub struct Histogram {
    book: Arc<Book>,
    bound: Bound<DistributionCell>,
}

#[wasm_bindgen]
impl Histogram {
    /// Counts a number. What is none, or without end, is left out and counted.
    ///
    /// ```js
    /// seconds.record(0.25);
    /// ```
    pub fn record(
        &self,
        #[wasm_bindgen(unchecked_param_type = "number | bigint")] number: &JsValue,
        #[wasm_bindgen(unchecked_optional_param_type = "Labels")] labels: &JsValue,
    ) {
        match measured(number).filter(|number| is_finite(*number)) {
            Some(number) => self.bound.write(labels, |cell| cell.record(Slot::ONLY, of(number))),
            None => self.book.count_invalid(),
        }
    }

    /// The same histogram with labels.
    ///
    /// ```js
    /// const small = seconds.bind({ model: "small" });
    /// ```
    #[must_use]
    pub fn bind(&self, #[wasm_bindgen(unchecked_param_type = "Labels")] labels: &JsValue) -> Histogram {
        Histogram { book: Arc::clone(&self.book), bound: self.bound.with(labels) }
    }
}

/// An instrument, and whether it counts in whole numbers.
fn declared(kind: InstrumentKind, name: &JsValue, options: &JsValue) -> (Instrument, bool) {
    let options = Options::read(options);
    let instrument = Instrument::new(crate::args::text(name), kind)
        .unit(options.text(["unit", "unit"]))
        .description(options.text(["description", "description"]));
    let instrument = match options.get(["bounds", "bounds"]) {
        _ if options.bool(["exponential", "exponential"]) == Some(true) => {
            instrument.aggregation(Aggregation::exponential())
        }
        Some(Value::Array(bounds)) => instrument.bounds(bounds.iter().map(bound_of).collect::<Vec<_>>()),
        _ => instrument,
    };
    (instrument, options.bool(["whole", "whole"]) == Some(true))
}

/// A bound; what is no number is one that cannot be, so that the instrument is mended and counted.
fn bound_of(bound: &Value) -> f64 {
    match bound {
        Value::Int(bound) => *bound as f64,
        Value::Double(bound) => *bound,
        _ => f64::NAN,
    }
}

fn labels_of(labels: &JsValue) -> Labels {
    if labels.is_undefined() {
        return Labels::none();
    }
    let value = visit(labels).value;
    let Value::Map(entries) = &value else { return Labels::none() };
    Labels::new(entries.iter().map(|(key, value)| (key.as_str(), value.into())))
}

/// The number that somebody measured; the short way for what nearly all are.
fn measured(argument: &JsValue) -> Option<Number> {
    argument.as_f64().map(Number::Double).or_else(|| number(argument))
}

const fn is_finite(number: Number) -> bool {
    match number {
        Number::Int(_) => true,
        Number::Double(number) => number.is_finite(),
    }
}

fn is_negative(number: Number) -> bool {
    match number {
        Number::Int(number) => number < 0,
        Number::Double(number) => number < 0.0,
    }
}

fn of<N: Amount>(number: Number) -> N {
    N::of(match number {
        Number::Int(number) => number.into(),
        Number::Double(number) => number.into(),
    })
}

/// Unix nanoseconds, to the millisecond.
fn now() -> u64 {
    nanos(moment(&JsValue::UNDEFINED))
}

fn nanos(unix_ms: i64) -> u64 {
    u64::try_from(unix_ms).unwrap_or(0).saturating_mul(1_000_000)
}
