//! Workflows on the screen: when they are printed, and what.
#![cfg(feature = "native")]

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use spanloom::Loom;
use spanloom::loom::TextOptions;
use spanloom::native::Console;

const PATIENCE: Duration = Duration::from_secs(30);

/// A screen that can be read.
#[derive(Clone, Default)]
struct Screen(Arc<Mutex<Vec<u8>>>);

impl Screen {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn pretty(screen: &Screen) -> Console {
    Console::pretty().to(screen.clone()).showing(TextOptions::stable())
}

#[test]
fn a_workflow_is_printed_when_all_of_it_has_ended() {
    let screen = Screen::default();
    let loom = Loom::builder().exporter(pretty(&screen)).build();
    let run = loom.workflow("answer").start();
    run.node("plan\u{1b}[2J").kind("llm").start().end();
    loom.flush(PATIENCE);
    assert_eq!(screen.text(), "");
    run.end();
    loom.flush(PATIENCE);
    let expected = "answer  workflow\n└─ plan\\u{1b}[2J  llm\n";
    assert_eq!(screen.text(), expected);
    loom.flush(PATIENCE);
    assert_eq!(screen.text(), expected, "only once");
}

#[test]
fn what_is_left_is_printed_at_the_end() {
    let screen = Screen::default();
    let loom = Loom::builder().exporter(pretty(&screen)).build();
    loom.span("GET /answer", None).start().end();
    loom.flush(PATIENCE);
    loom.shutdown(PATIENCE);
    assert!(screen.text().contains("GET /answer"), "{}", screen.text());
}

#[test]
fn json_is_printed_span_by_span() {
    let screen = Screen::default();
    let loom = Loom::builder().service("planner").exporter(Console::json().to(screen.clone())).build();
    let run = loom.workflow("answer").start();
    run.node("plan").kind("llm").start().end();
    loom.flush(PATIENCE);
    run.end();
    loom.flush(PATIENCE);
    let text = screen.text();
    let spans: Vec<serde_json::Value> =
        serde_json::Deserializer::from_str(&text).into_iter().map(Result::unwrap).collect();
    let names: Vec<_> = spans.iter().map(|span| span["Name"].as_str().unwrap()).collect();
    assert_eq!(names, ["plan", "answer"]);
    assert_eq!(spans[0]["Parent"]["SpanID"], spans[1]["SpanContext"]["SpanID"]);
    assert_eq!(spans[0]["Resource"][0]["Value"]["Value"], "planner");
    assert!(text.starts_with("{\n\t\"Name\": \"plan\",\n") && text.ends_with("\n}\n"), "{text}");
}

#[test]
fn a_screen_that_is_gone_is_counted() {
    struct Gone;
    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    for console in [Console::pretty(), Console::json()] {
        let loom = Loom::builder().exporter(console.to(Gone)).build();
        loom.workflow("answer").start().end();
        assert_eq!(loom.flush(PATIENCE).dropped, 1);
    }
}
