//! Log lines hold what they promise, whatever is logged. Their form is held by the golden case.

use std::io::Write;
use std::sync::{Arc, Mutex};

use spanloom::host::ManualClock;
use spanloom::logs::{Filter, Options, inject, json_layer};
use spanloom::value::Value;
use tracing::{Dispatch, info, info_span, trace};
use tracing_subscriber::layer::SubscriberExt as _;

use crate::support::{loom, of_span};

/// Takes one line a call, and nothing else.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().push(String::from_utf8(line.to_vec()).expect("lines are text"));
        Ok(line.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// The lines behind the first one, which tells of the export.
    fn parsed(&self) -> Vec<Value> {
        let lines = self.0.lock().unwrap();
        let own = lines.iter().skip(1).map(|line| {
            let body = line.strip_suffix('\n').expect("a line ends");
            assert!(!body.contains('\n'), "{body}");
            Value::from_json(body).expect("a line is JSON")
        });
        own.collect()
    }
}

fn logged(options: Options, run: impl FnOnce()) -> Lines {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::registry().with(json_layer(options.writer(lines.clone())));
    tracing::subscriber::with_default(subscriber, run);
    lines
}

fn text<'a>(line: &'a Value, name: &str) -> Option<&'a str> {
    line.get(name).and_then(Value::as_str)
}

#[test]
fn the_first_line_tells_where_traces_go() {
    let lines = logged(Options::new().service("shop"), || ());
    let first = lines.0.lock().unwrap()[0].clone();
    assert!(first.contains("traces local only") && first.contains(r#""service":"shop""#), "{first}");
    let lookup = |name: &str| match name {
        "OTEL_EXPORT_ENABLED" => Some("TRUE".to_owned()),
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" => Some("http://collector:4317".to_owned()),
        _ => None,
    };
    let lines = logged(Options::from_lookup(lookup), || ());
    let first = lines.0.lock().unwrap()[0].clone();
    assert!(first.contains(r#""message":"OpenTelemetry OTLP export enabled""#), "{first}");
    assert!(first.contains(r#""endpoint":"http://collector:4317","service":"dynamo""#), "{first}");
    // Nobody who asked for warnings wants it.
    let quiet = logged(Options::from_lookup(|name| (name == "DYN_LOG").then(|| "warn".to_owned())), || ());
    assert!(quiet.0.lock().unwrap().is_empty());
}

#[test]
fn hostile_texts_stay_inside_of_their_line() {
    let deep = "[".repeat(100_000);
    let lines = logged(Options::new(), || {
        let _span = info_span!("a\n\"b", note = "x\ny=z", x_request_id = "r\r\nset-cookie: 1").entered();
        info!(bad = "\u{0}\u{1b}\u{2028}\n", deep = deep.as_str(), big = "1e999", "two\nlines \"quoted\"");
        let mut headers: Vec<(String, String)> = Vec::new();
        inject(&mut headers);
        assert_eq!(headers.len(), 1, "a text that could end a header line stays here: {headers:?}");
    });
    let parsed = lines.parsed();
    assert_eq!(parsed.len(), 1);
    assert_eq!(text(&parsed[0], "message"), Some("two\nlines \"quoted\""));
    assert_eq!(text(&parsed[0], "bad"), Some("\u{0}\u{1b}\u{2028}\n"));
    assert_eq!(text(&parsed[0], "deep").map(str::len), Some(100_000));
    assert_eq!(text(&parsed[0], "span_name"), Some("a\n\"b"));
}

#[test]
fn a_line_leads_to_the_recorded_span() {
    let (loom, memory) = loom();
    let lines = Lines::default();
    let subscriber = tracing_subscriber::registry()
        .with(spanloom::tracing::layer(&loom))
        .with(json_layer(Options::new().writer(lines.clone())));
    tracing::subscriber::with_default(subscriber, || {
        info_span!("order").in_scope(|| info_span!("pay").in_scope(|| info!("paid")));
    });
    let line = lines.parsed().remove(0);
    of_span(&loom, &memory, "pay", |span| {
        assert_eq!(text(&line, "trace_id"), Some(span.trace_id.to_string().as_str()));
        assert_eq!(text(&line, "span_id"), Some(span.span_id.to_string().as_str()));
        assert_eq!(text(&line, "parent_id"), Some(span.parent_span_id.to_string().as_str()));
    });
}

#[test]
fn lines_of_threads_are_whole_and_keep_to_their_span() {
    let lines = Lines::default();
    let dispatch =
        Dispatch::new(tracing_subscriber::registry().with(json_layer(Options::new().writer(lines.clone()))));
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let dispatch = &dispatch;
            scope.spawn(move || {
                tracing::dispatcher::with_default(dispatch, || {
                    let _span = info_span!("worker", thread).entered();
                    (0..50_u64).for_each(|step| info!(own = thread, step, "did"));
                });
            });
        }
    });
    let parsed = lines.parsed();
    assert_eq!(parsed.len(), 200);
    for line in &parsed {
        let own = line.get("own").and_then(Value::as_int).map(|own| own.to_string());
        assert_eq!(text(line, "thread"), own.as_deref());
    }
}

#[test]
fn busy_and_idle_time_are_apart() {
    let clock = ManualClock::at(1_700_000_000_000_000_000);
    let lines = logged(Options::new().span_events(true).clock(clock.clone()), || {
        let span = info_span!("work");
        clock.advance(5_000_000);
        span.in_scope(|| {
            clock.advance(2_000_000);
            // Entered twice at once, it is busy once.
            span.in_scope(|| clock.advance(1_000_000));
        });
        clock.advance(4_000_000);
        span.in_scope(|| clock.advance(500));
    });
    let closed = lines.parsed().pop().unwrap();
    assert_eq!(
        (text(&closed, "message"), text(&closed, "time")),
        (Some("SPAN_CLOSED"), Some("2023-11-14T22:13:20.012000Z"))
    );
    let micros = |name| closed.get(name).and_then(Value::as_int);
    assert_eq!(micros("time.busy_us"), Some(3_000));
    assert_eq!(micros("time.idle_us"), Some(9_000));
    assert_eq!(micros("time.duration_us"), Some(12_000));
}

#[test]
fn filters_and_local_times_are_as_asked_for() {
    let (filter, refused) = Filter::parse("info,noisy=off");
    assert!(refused.is_empty());
    let lines = logged(Options::new().filter(&filter).utc_offset_minutes(330), || {
        trace!("too fine");
        info!(target: "noisy::part", "too much");
        info_span!(target: "noisy", "hidden").in_scope(|| info!(span_id = "x", "seen"));
    });
    let parsed = lines.parsed();
    assert_eq!(parsed.len(), 1);
    assert_eq!((text(&parsed[0], "message"), parsed[0].get("span_id")), (Some("seen"), None));
    assert!(text(&parsed[0], "time").is_some_and(|time| time.ends_with("+05:30")));
}

#[test]
fn a_writer_that_logs_does_not_wait_for_itself() {
    struct Chatty(Lines);
    impl Write for Chatty {
        fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
            info!("from the writer");
            self.0.write(line)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let lines = Lines::default();
    let layer = json_layer(Options::new().writer(Chatty(lines.clone())));
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || info!("once"));
    assert_eq!(lines.parsed().len(), 1);
}

#[test]
fn a_configuration_says_how_to_log() {
    let vars = [("DYN_LOGGING_JSONL", "1"), ("OTEL_EXPORT_ENABLED", "true"), ("DYN_LOG", "warn,app=info")];
    let lookup =
        |name: &str| vars.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    let (mut config, warnings) = spanloom::config::Config::from_lookup(lookup).expect("it can be used");
    assert!(warnings.is_empty(), "{warnings:?}");
    let lines = logged(Options::from_config(&config), || {
        info!(target: "app", "seen");
        info!(target: "other", "not seen");
    });
    // The first line is for those who asked for information.
    let lines = lines.0.lock().unwrap();
    assert_eq!(lines.len(), 1);
    assert!(lines[0].contains(r#""message":"seen""#));
    config.json_logs.filter = "info".to_owned();
    let lines = logged(Options::from_config(&config), || ());
    let first = lines.0.lock().unwrap()[0].clone();
    assert!(first.contains(r#""endpoint":"http://localhost:4317","service":"dynamo""#), "{first}");
}
