//! Log lines: a fixed program of spans, events and request headers, as `program` in the case tells it.
//!
//! Ids that were made up are renamed in the order in which they appear; the ids that the case itself has are known from it.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use spanloom::logs::{Options, TraceParent, inject, json_layer};
use spanloom::value::Value;
use spanloom::{Loom, context};
use tracing::{debug_span, info, info_span, warn};
use tracing_subscriber::layer::SubscriberExt as _;

use crate::entries::all;

pub fn claims(_: &Path, case: &Value) -> bool {
    case.get("headers_by_case").is_some() && case.get("with_span_events").is_some()
}

pub fn run(case: &Value) -> Result<(), String> {
    let programs = [("with_span_events", true), ("without_span_events", false)];
    // The ids are the same to a reader whether anything is recorded or not.
    let runs = programs.iter().flat_map(|program| [(program, true), (program, false)]);
    all(runs.map(|((name, span_events), records)| {
        let lines = play(case, *span_events, records)?;
        compare(&lines, list(case, name)?).map_err(|error| format!("{name}, recorded: {records}: {error}"))
    }))
}

fn list<'a>(case: &'a Value, name: &str) -> Result<&'a [Value], String> {
    match case.get(name) {
        Some(Value::Array(list)) => Ok(list),
        _ => Err(format!("no list {name}")),
    }
}

fn entries(map: &Value) -> Result<&[(String, Value)], String> {
    match map {
        Value::Map(entries) => Ok(entries),
        _ => Err(format!("{} is no map", map.to_json())),
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Runs the program and gives its lines.
fn play(case: &Value, span_events: bool, records: bool) -> Result<Vec<String>, String> {
    let lines = Lines::default();
    let logs = json_layer(Options::new().span_events(span_events).writer(lines.clone()));
    let loom = Loom::builder().build();
    let layer = records.then(|| spanloom::tracing::layer(&loom));
    let mut headers = Vec::new();
    for (name, map) in entries(case.get("headers_by_case").unwrap_or(&Value::Null))? {
        let pairs = entries(map)?.iter();
        let pairs = pairs.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()));
        headers.push((name.clone(), pairs.collect::<Vec<_>>()));
    }
    let subscriber = tracing_subscriber::registry().with(layer).with(logs);
    tracing::subscriber::with_default(subscriber, || program(&headers));
    let bytes = lines.0.lock().unwrap().clone();
    let text = String::from_utf8(bytes).map_err(|error| error.to_string())?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// What would be injected, as compact JSON with sorted names.
fn injected() -> String {
    let mut headers = BTreeMap::<String, String>::new();
    inject(&mut headers);
    let pairs = headers.into_iter().map(|(name, value)| (name, Value::from(value.as_str())));
    Value::Map(pairs.collect()).to_json()
}

fn program(headers_by_case: &[(String, Vec<(String, String)>)]) {
    info!(target: "app", "no span plain");
    info!(
        target: "app",
        trace_id = "t",
        span_id = "s",
        parent_id = "p",
        span_name = "n",
        tracestate = "ts",
        x_request_id = "kept",
        "reserved outside span"
    );
    info!(
        target: "app",
        a = 1_u64,
        b = -2_i64,
        c = 1.5_f64,
        d = f64::NAN,
        e = true,
        f = "plain",
        g = "123",
        h = r#"{"k":[1,2]}"#,
        i = "null",
        j = ?Some("dbg"),
        k = %"disp",
        "types"
    );
    warn!(target: "app", only_fields = 1);
    info!(target: "custom::target", "{{\"json\":1}}");
    for (case, headers) in headers_by_case {
        request(case, headers);
    }
    without_parent();
}

fn request(case: &str, headers: &Vec<(String, String)>) {
    let came = TraceParent::read(headers).with_checked_ids();
    let request = spanloom::tracing::below(&context::extract(headers), || {
        info_span!(
            target: "app::logging",
            parent: None,
            "http-request",
            method = "POST",
            uri = "/v1/chat/completions?x=1",
            version = "HTTP/1.1",
            trace_id = came.trace_id,
            parent_id = came.parent_id,
            x_request_id = came.x_request_id,
            x_dynamo_request_id = came.x_dynamo_request_id
        )
    });
    let _request = request.entered();
    info!(target: "app", case, "in http-request");
    info!(target: "app", case, injected = %injected(), "inject");
    {
        let _child = info_span!(target: "app", "child", note = "two words", n = 5, q = "a=b").entered();
        info!(target: "app", case, "in child");
        std::thread::sleep(Duration::from_millis(2));
        info!(target: "app", case, injected = %injected(), "inject child");
    }
    let _payload = payload(&came, 42).entered();
    info!(target: "app", case, "in handle_payload nested nats");
}

fn payload(came: &TraceParent, instance: u64) -> tracing::Span {
    info_span!(
        target: "app::logging",
        "handle_payload",
        x_request_id = came.x_request_id,
        x_dynamo_request_id = came.x_dynamo_request_id,
        trace_id = came.trace_id,
        parent_id = came.parent_id,
        tracestate = came.tracestate,
        component = "comp",
        endpoint = "ep",
        namespace = "ns",
        instance_id = instance
    )
}

const GIVEN_TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

fn without_parent() {
    let headers = [
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("tracestate", "v=1"),
        ("x-dynamo-request-id", "not-a-uuid"),
    ];
    {
        let _payload = payload(&TraceParent::read(&headers), 7).entered();
        info!(target: "app", "tcp root");
        info!(target: "app", injected = %injected(), "tcp inject");
    }
    {
        let _span =
            info_span!(target: "app", "bad_ids", trace_id = "zz", span_id = "abd16e319329445f").entered();
        info!(target: "app", "span id without valid trace id");
    }
    {
        let _span =
            info_span!(target: "app", "given_ids", trace_id = GIVEN_TRACE, span_id = "abd16e319329445f")
                .entered();
        info!(target: "app", "explicit ids");
    }
    {
        let _span = debug_span!(target: "app", "below").entered();
        info!(target: "app", "inside a span below the filter level");
    }
    let twice = info_span!(target: "app", "reenter");
    twice.in_scope(|| ());
    twice.in_scope(|| ());
    drop(twice);
    drop(info_span!(target: "app", "never_entered"));
}

/// Holds lines to what is expected of them, which has neither time nor place.
fn compare(lines: &[String], expected: &[Value]) -> Result<(), String> {
    let mut names = Names::new(expected);
    for (index, line) in lines.iter().enumerate() {
        let got = Value::from_json(line).map_err(|error| format!("{line}: {error}"))?;
        let got = entries(&got)?;
        in_order(got).map_err(|error| format!("line {}: {error}: {line}", index + 1))?;
        let seen: Vec<_> = got.iter().filter_map(|entry| names.seen(entry)).collect();
        let Some(wanted) = expected.get(index) else { return Err(format!("one line too many: {line}")) };
        // Parsed JSON is compared, so the order of names inside of values does not count.
        let sorted = |entries: &[(String, Value)]| {
            entries.iter().map(|(name, value)| (name.clone(), value.to_json())).collect::<BTreeMap<_, _>>()
        };
        let (seen, wanted) = (sorted(&seen), sorted(entries(wanted)?));
        if seen != wanted {
            return Err(format!("line {}\n    expected {wanted:?}\n    got      {seen:?}", index + 1));
        }
    }
    if lines.len() < expected.len() {
        return Err(format!("{} lines, expected {}", lines.len(), expected.len()));
    }
    Ok(())
}

/// Time, level and place first, then all else by name.
fn in_order(entries: &[(String, Value)]) -> Result<(), String> {
    let names: Vec<&str> = entries.iter().map(|(name, _)| name.as_str()).collect();
    let fixed = ["time", "level", "file", "line", "target", "message"];
    if !names.starts_with(&fixed) {
        return Err("the first names are not in their order".to_owned());
    }
    if !names[fixed.len()..].is_sorted() {
        return Err("names are not sorted".to_owned());
    }
    let time = entries[0].1.as_str().unwrap_or_default();
    let form: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    if form != "0000-00-00T00:00:00.000000Z" {
        return Err(format!("{time} is no time"));
    }
    let number = |name: &str| {
        entries
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_int().ok_or("no whole number"))
    };
    if let Some(whole) = number("time.duration_us") {
        let (busy, idle) =
            (number("time.busy_us").ok_or("no busy time")??, number("time.idle_us").ok_or("no idle time")??);
        if whole? != busy + idle {
            return Err("busy and idle time are not the duration".to_owned());
        }
    }
    Ok(())
}

/// The names of ids: those of the case stay, others get names in the order in which they come.
struct Names {
    known: BTreeMap<String, String>,
    traces: u32,
    spans: u32,
}

impl Names {
    fn new(expected: &[Value]) -> Self {
        let ids =
            expected.iter().flat_map(|line| ["trace_id", "span_id", "parent_id"].map(|name| line.get(name)));
        let given = ids.flatten().filter_map(Value::as_str).filter(|id| id.len() >= 16);
        let known = given.map(|id| (id.to_owned(), id.to_owned())).collect();
        Self { known, traces: 0, spans: 0 }
    }

    /// How the case shows an entry; `None` for what it leaves out.
    fn seen(&mut self, (name, value): &(String, Value)) -> Option<(String, Value)> {
        let text = value.as_str().unwrap_or_default();
        let shown = match name.as_str() {
            "time" | "file" | "line" => return None,
            "time.busy_us" | "time.idle_us" | "time.duration_us" => "<us>".to_owned(),
            "target" if text == "spanloom::logs" => "app::logging".to_owned(),
            "trace_id" | "span_id" | "parent_id" => self.name(text),
            "injected" => self.known.iter().fold(text.to_owned(), |text, (id, name)| text.replace(id, name)),
            _ => return Some((name.clone(), value.clone())),
        };
        Some((name.clone(), Value::from(shown.as_str())))
    }

    fn name(&mut self, id: &str) -> String {
        if id.len() < 16 || id.bytes().all(|byte| byte.is_ascii_digit()) && id.len() != 32 && id.len() != 16 {
            return "<decimal>".to_owned();
        }
        if let Some(name) = self.known.get(id) {
            return name.clone();
        }
        let name = if id.len() == 32 {
            self.traces += 1;
            format!("T{}", self.traces)
        } else {
            self.spans += 1;
            format!("S{}", self.spans)
        };
        self.known.insert(id.to_owned(), name.clone());
        name
    }
}
