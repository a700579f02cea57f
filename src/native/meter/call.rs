//! The workflow engine's measure of one request: a counter of how it ended, and how long it took.
//!
//! [`Meter::call`](super::Meter::call) starts the time of a request. However often it is then told how the request ended, its duration is recorded once;
//! each report is counted. Labels belong to the one call that they were given to.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::handles::{Counter, Histogram};
use super::{AnyLabels, Meter};
use crate::meter::buckets::REQUEST_MICROSECONDS;
use crate::native::Node;
use crate::value::{Value, ValueRef};
use crate::vocabulary::metric as name;

/// Labels, as they are given.
type Pairs<'a> = [(&'a str, ValueRef<'a>)];

/// What all calls of a meter share.
#[derive(Default)]
pub(super) struct Calls {
    /// Labels of every call: where it is answered.
    site: Vec<(&'static str, Value)>,
    instruments: OnceLock<Instruments>,
}

struct Instruments {
    requests: AnyLabels<Counter>,
    microseconds: AnyLabels<Histogram>,
}

impl Calls {
    pub(super) fn at(site: Vec<(&'static str, Value)>) -> Self {
        Self { site, instruments: OnceLock::new() }
    }

    fn instruments(&self, meter: &Meter) -> &Instruments {
        self.instruments.get_or_init(|| Instruments {
            requests: meter
                .counter(name::SERVER_REQUESTS)
                .unit("{request}")
                .description("Requests, by the code with which they were answered.")
                .any_labels(),
            microseconds: meter
                .histogram(name::SERVER_REQUEST_MICROSECONDS)
                .unit("us")
                .description("How long requests took, in microseconds.")
                .bounds(REQUEST_MICROSECONDS)
                .any_labels(),
        })
    }
}

/// What the resource says of where calls are answered: `dc`, `server_host`, and the service as `server_name`.
pub(in crate::native) fn call_site(resource: &[(String, Value)]) -> Vec<(&'static str, Value)> {
    let labels = [
        (name::LABEL_DC, ["dc", "cloud.region"].as_slice()),
        (name::LABEL_SERVER_HOST, &["server_host", "host.ip", "ip"]),
        (name::LABEL_SERVER_NAME, &["server_name", "service.name"]),
    ];
    let find = |keys: &[&str]| {
        keys.iter().find_map(|key| resource.iter().find(|(known, _)| known == key)).map(|(_, value)| value)
    };
    labels.into_iter().filter_map(|(label, keys)| Some((label, find(keys)?.clone()))).collect()
}

/// One request that is being answered.
///
/// ```
/// use spanloom::{Loom, MemoryExporter};
/// let loom = Loom::builder().service("planner").resource("dc", "hf").build();
/// let call = loom.meter().call("answer").app("app-1").label("model", "small");
/// // ... and when it is answered:
/// call.success();
/// ```
pub struct Call {
    meter: Meter,
    start_unix_nano: u64,
    labels: Vec<(Box<str>, Value)>,
    /// Its duration has been recorded.
    timed: AtomicBool,
}

impl Call {
    pub(super) fn start(meter: &Meter, func: &str) -> Self {
        let site = meter.calls.site.iter().map(|(label, value)| ((*label).into(), value.clone()));
        let own = [
            (name::LABEL_FUNC.into(), func.into()),
            // Asked for each time: a forked process has another one.
            (name::LABEL_PID.into(), i64::from(std::process::id()).into()),
        ];
        Self {
            meter: meter.clone(),
            start_unix_nano: meter.shared.time.unix_nanos(),
            labels: site.chain(own).collect(),
            timed: AtomicBool::new(false),
        }
    }

    /// The application on whose behalf it is answered.
    #[must_use]
    pub fn app(self, app_id: &str) -> Self {
        self.label(name::LABEL_APP_ID, app_id)
    }

    /// A label of this call and no other, on top of those that all calls have.
    #[must_use]
    pub fn label(mut self, label: &str, value: impl Into<Value>) -> Self {
        self.labels.push((label.into(), value.into()));
        self
    }

    /// It went well: counts it under code 0, and records its duration.
    pub fn success(&self) {
        self.in_success_count(&[], 1);
    }

    /// It was answered with this code: counts it, and records its duration.
    pub fn failure(&self, code: i64) {
        self.in_error_count(code, &[], 1, true, None);
    }

    /// As [`Self::failure`], and the node has the code too.
    ///
    /// ```
    /// let loom = spanloom::Loom::builder().build();
    /// let run = loom.workflow("answer").start();
    /// let mut node = run.node("planner").kind("llm").start();
    /// loom.meter().call("plan").failure_of(&mut node, 10_404);
    /// ```
    pub fn failure_of(&self, node: &mut Node, code: i64) {
        self.in_error_count(code, &[], 1, true, Some(node));
    }

    /// How long it takes, up to now.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        let now = self.meter.shared.time.unix_nanos();
        Duration::from_nanos(now.saturating_sub(self.start_unix_nano))
    }

    /// Counts success, so many times, with these labels on top of its own; and records its duration.
    pub fn in_success_count(&self, labels: &Pairs<'_>, count: i64) {
        self.in_error_count(0, labels, count, true, None);
    }

    /// Counts an answer with this code, so many times, with these labels on top of its own. With `is_in_histogram` its duration is
    /// recorded, and the node, where one is given, gets the code.
    ///
    /// ```
    /// let loom = spanloom::Loom::builder().build();
    /// let call = loom.meter().call("answer");
    /// call.in_error_count(500, &[("model", "small".into())], 2, false, None);
    /// ```
    pub fn in_error_count(
        &self,
        code: i64,
        labels: &Pairs<'_>,
        count: i64,
        is_in_histogram: bool,
        node: Option<&mut Node>,
    ) {
        let all = self.with(&[&[(name::LABEL_RET, code.into())], labels].concat());
        self.meter.calls.instruments(&self.meter).requests.with(&all).add(count);
        if is_in_histogram {
            self.in_histogram(labels);
        }
        if let Some(node) = node {
            node.code(code);
        }
    }

    /// Records its duration up to now, in microseconds, with these labels on top of its own; only the first time.
    pub fn in_histogram(&self, labels: &Pairs<'_>) {
        if self.timed.swap(true, Ordering::Relaxed) {
            return;
        }
        let microseconds = self.elapsed().as_secs_f64() * 1e6;
        let instruments = self.meter.calls.instruments(&self.meter);
        instruments.microseconds.with(&self.with(labels)).record(microseconds);
    }

    /// Its labels and these; of two with the same name the later one counts.
    fn with<'a>(&'a self, labels: &Pairs<'a>) -> Vec<(&'a str, ValueRef<'a>)> {
        let mut all: Vec<(&str, ValueRef<'_>)> = Vec::with_capacity(self.labels.len() + labels.len() + 1);
        all.extend(self.labels.iter().map(|(label, value)| (&**label, scalar(value))));
        all.extend(labels.iter().copied());
        all
    }
}

/// A value as labels are looked up by: scalars without a detour.
fn scalar(value: &Value) -> ValueRef<'_> {
    match value {
        Value::String(text) => ValueRef::Str(text),
        Value::Int(number) => ValueRef::Int(*number),
        _ => value.into(),
    }
}

impl Meter {
    /// A request that is being answered: its time begins now. `func` is what answers it, such as the name of a function, a
    /// workflow or a node.
    ///
    /// The workflow engine names the calling function by itself; Rust tells its callers' file and line and not their
    /// name, so it is said here.
    #[must_use]
    pub fn call(&self, func: &str) -> Call {
        Call::start(self, func)
    }

    pub(in crate::native) fn labelling_calls(self, site: Vec<(&'static str, Value)>) -> Self {
        Self { calls: Arc::new(Calls::at(site)), ..self }
    }
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("labels", &self.labels).field("timed", &self.timed).finish()
    }
}
