//! F18: what bridges share between threads is not waited for in a forked process.

use std::io::Write;
use std::os::fd::AsRawFd as _;
use std::sync::mpsc::{Receiver, Sender, channel};

use opentelemetry::Context;
use opentelemetry::trace::{Span as _, TraceContextExt as _, Tracer as _, TracerProvider as _};
use spanloom::logs::{Options as LogOptions, json_layer};
use tracing::{Dispatch, dispatcher, info};
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;

/// Runs this with standard error in a file; gives what was written there. For a child, whose standard error nobody else has.
fn stderr_of(name: &str, run: impl FnOnce()) -> String {
    let folder = Folder::new(name);
    std::fs::create_dir(&folder.0).unwrap();
    let file = std::fs::File::create(folder.0.join("stderr")).unwrap();
    // SAFETY: both are open.
    assert_eq!(unsafe { libc::dup2(file.as_raw_fd(), 2) }, 2);
    run();
    std::fs::read_to_string(folder.0.join("stderr")).unwrap()
}

/// Stops in the middle of the first line: says so, and waits until it may go on.
struct Stops {
    says: Sender<()>,
    waits: Option<Receiver<()>>,
}

impl Write for Stops {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        if let Some(waits) = self.waits.take() {
            self.says.send(()).unwrap();
            let _ = waits.recv_timeout(2 * LONG);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn f18_a_log_that_was_being_written_at_the_fork_goes_to_standard_error() {
    let _alone = alone();
    let (says, said) = channel();
    let (go_on, waits) = channel();
    let filter = spanloom::logs::Filter::parse("off,fork=info").0;
    let writer = Stops { says, waits: Some(waits) };
    let layer = json_layer(LogOptions::new().filter(&filter).writer(writer));
    let log = Dispatch::new(tracing_subscriber::registry().with(layer));
    let line = |text: &str| dispatcher::with_default(&log, || info!(target: "fork", "{text}"));
    std::thread::scope(|scope| {
        // However a child ends, the line is written in the end.
        let go_on = go_on;
        scope.spawn(|| line("held"));
        said.recv_timeout(LONG).unwrap();
        in_child(|| {
            let written = stderr_of("fork-log", || {
                line("from the child");
                line("and another one");
            });
            assert_eq!(written.lines().count(), 2, "{written}");
            assert!(written.contains(r#""message":"from the child""#), "{written}");
        });
        drop(go_on);
    });
    // Nobody is writing now: a child has the writer.
    in_child(|| {
        let written = stderr_of("fork-log", || line("into the writer"));
        assert_eq!(written, "");
    });
}

#[test]
fn f18_a_child_writes_to_standard_error_though_its_parent_was_writing_there() {
    let _alone = alone();
    let log = Dispatch::new(tracing_subscriber::registry().with(json_layer(LogOptions::new())));
    let collector = Chaos::start(Scenario::new("no").step(Step::new(Action::status(400)))).unwrap();
    let exporter = OtlpHttp::builder(collector.endpoint()).no_proxy().build().unwrap();
    let loom = Loom::builder().exporter(exporter).build();
    let (says, said) = channel();
    let (go_on, waits) = channel::<()>();
    std::thread::scope(|scope| {
        let go_on = go_on;
        scope.spawn(move || {
            let _held = std::io::stderr().lock();
            says.send(()).unwrap();
            let _ = waits.recv_timeout(2 * LONG);
        });
        said.recv_timeout(LONG).unwrap();
        in_child(|| {
            let written = stderr_of("fork-stderr", || {
                dispatcher::with_default(&log, || info!("from the child"));
                // Notices go the same way.
                spans(&loom, 1);
                assert_eq!(loom.flush(LONG).dropped, 1);
            });
            assert!(written.contains(r#""message":"from the child""#), "{written}");
        });
        drop(go_on);
    });
}

/// Takes everything, and keeps nothing.
struct Forgets;

impl spanloom::Exporter for Forgets {
    fn export(&mut self, _: &spanloom::Outgoing<'_>) -> spanloom::deliver::Answer {
        spanloom::deliver::Answer::taken()
    }

    fn twin(&self) -> Option<Box<dyn spanloom::Exporter>> {
        Some(Box::new(Self))
    }
}

#[test]
fn f18_children_of_a_program_whose_bridge_is_busy() {
    const FORKS: usize = 200;
    let _alone = alone();
    let loom = Loom::builder().exporter(Forgets).build();
    let tracer = spanloom::opentelemetry::provider(&loom).tracer("fork");
    let run = loom.workflow("answer").start();
    let _entered = run.enter();
    let open = Context::current_with_span(tracer.start("open"));
    let busy = AtomicBool::new(true);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                // Each start and end is a change of what the bridge's threads share.
                let _entered = run.enter();
                while busy.load(Ordering::Relaxed) {
                    tracer.start("s").end();
                }
            });
        }
        let _ends = Ends(&busy);
        for _ in 0..FORKS {
            in_child(|| {
                let below = tracer.start_with_context("below", &open);
                let context = Context::current_with_span(below);
                tracer.start_with_context("further below", &context).end();
                context.span().end();
                flushed(&loom, 2);
            });
        }
    });
}
