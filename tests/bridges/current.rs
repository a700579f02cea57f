//! The current node follows scopes, threads and futures.

use std::task::{Context, Poll, Waker};

use spanloom::loom::TextOptions;
use spanloom::sample::{Root, Sampler};
use spanloom::{InNode, Loom, MemoryExporter, current};

use crate::support::PATIENCE;

/// A future that is not ready at once.
fn yields() -> impl Future<Output = ()> + Send {
    let mut polled = false;
    std::future::poll_fn(
        move |_| if std::mem::replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending },
    )
}

fn loom() -> (Loom, MemoryExporter) {
    let memory = MemoryExporter::new();
    (Loom::builder().exporter(memory.clone()).build(), memory)
}

fn leaf(name: &str) {
    current().expect("there is a current node").node(name).start().end();
}

#[test]
fn steps_and_threads_find_their_node() {
    let (loom, memory) = loom();
    let run = loom.workflow("answer").start();
    run.node("plan")
        .run(|_| {
            leaf("in the step");
            let here = current().expect("the step is entered");
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    assert!(current().is_none());
                    here.run(|| leaf("in a thread"));
                    assert!(current().is_none());
                });
            });
            Ok::<(), std::fmt::Error>(())
        })
        .unwrap();
    assert!(current().is_none());
    run.end();
    loom.flush(PATIENCE);
    assert_eq!(
        memory.tree_text(&TextOptions::stable()),
        "answer  workflow\n└─ plan\n   ├─ in the step\n   └─ in a thread\n"
    );
}

#[test]
fn futures_that_take_turns_keep_their_nodes_apart() {
    let (loom, memory) = loom();
    let run = loom.workflow("answer").start();
    let step = |name: &'static str| {
        run.node(name).run_async(async move |_| {
            yields().await;
            leaf("below");
            Ok::<(), std::fmt::Error>(())
        })
    };
    let mut steps = [Box::pin(step("a")), Box::pin(step("b"))];
    let mut context = Context::from_waker(Waker::noop());
    for ready in [false, true] {
        for step in &mut steps {
            assert_eq!(step.as_mut().poll(&mut context).is_ready(), ready);
            assert!(current().is_none(), "a future that is not polled is not current");
        }
    }
    run.end();
    loom.flush(PATIENCE);
    let text = memory.tree_text(&TextOptions::stable());
    assert_eq!(text, "answer  workflow\n├─ a\n│  └─ below\n└─ b\n   └─ below\n");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a future may outlive the scope of its first poll")]
fn a_future_takes_its_node_to_another_thread() {
    let (loom, memory) = loom();
    let run = loom.workflow("answer").start();
    let mut future = Box::pin(
        async {
            yields().await;
            leaf("fetch");
        }
        .in_node(run.current()),
    );
    let mut context = Context::from_waker(Waker::noop());
    assert!(future.as_mut().poll(&mut context).is_pending());
    std::thread::spawn(move || {
        assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    })
    .join()
    .unwrap();
    run.end();
    loom.flush(PATIENCE);
    assert_eq!(memory.tree_text(&TextOptions::stable()), "answer  workflow\n└─ fetch\n");
}

#[test]
fn what_is_not_sampled_stays_so_below() {
    let memory = MemoryExporter::new();
    let loom = Loom::builder().sampler(Sampler::Root(Root::AlwaysOff)).exporter(memory.clone()).build();
    let run = loom.workflow("answer").start();
    let _inside = run.enter();
    let step = current().expect("ids go on also where nothing is recorded").node("plan").start();
    assert!(!step.is_recording());
    let ids = |context: spanloom::context::Context| context.span.expect("a valid context").trace_id;
    assert_eq!(ids(step.current().context()), ids(run.context()));
    drop((step, _inside, run));
    loom.flush(PATIENCE);
    assert_eq!(memory.span_count(), 0);
}

#[test]
fn a_workflow_starts_a_trace_of_its_own_also_inside_a_node() {
    let (loom, _memory) = loom();
    let run = loom.workflow("outer").start();
    let _inside = run.enter();
    let other = loom.workflow("inner").start();
    let trace = |run: &spanloom::Workflow| run.context().span.map(|span| span.trace_id);
    assert_ne!(trace(&run), trace(&other));
}
