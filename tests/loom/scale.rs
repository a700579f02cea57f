//! Large trees: no recursion, linear time.

use std::time::Instant;

use spanloom::loom::{NodeFlags, TextOptions, Weaver, WeaverOptions, Woven, tree_text};
use spanloom::otlp::span::field;
use spanloom::otlp::wire::{close_message, open_message, put_bytes_field, put_fixed64_field};

use crate::support::*;

fn chain(nodes: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    for id in 2..=nodes {
        let node = done(id, id - 1, "n", id, 2 * nodes - id);
        let node = if id == nodes { node.tokens(1, 1) } else { node };
        node.write(&mut bytes);
    }
    closed("run", 0, 2 * nodes).write(&mut bytes);
    bytes
}

fn row(nodes: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    for id in 2..=nodes {
        done(id, ROOT, "n", id, id + 1).tokens(1, 1).write(&mut bytes);
    }
    closed("run", 0, 2 * nodes).write(&mut bytes);
    bytes
}

/// Every parent a child of the last: one cycle through all.
fn ring(nodes: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    for id in 2..=nodes {
        done(id, if id == 2 { nodes } else { id - 1 }, "n", id, id + 1).write(&mut bytes);
    }
    closed("run", 0, 2 * nodes).write(&mut bytes);
    bytes
}

/// Nothing ends, and starts come before those of parents.
fn forgotten(nodes: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    for id in (2..=nodes).rev() {
        started(id, id - 1, "n", id).write(&mut bytes);
    }
    bytes
}

fn weave_stream(stream: &[u8]) -> Woven {
    let mut weaver = weaver();
    assert_eq!(weaver.take_stream(stream, at(0)).lost.total(), 0);
    let mut woven: Vec<_> = weaver.finish(at(1_000_000)).collect();
    assert_eq!(woven.len(), 1);
    woven.remove(0)
}

#[test]
fn a_hundred_thousand_deep() {
    let woven = weave_stream(&chain(100_000));
    assert_eq!(woven.walk().map(|node| node.depth()).max(), Some(99_999));
    assert_eq!(woven.usage().total_tokens(), 2);
    let text = tree_text(&woven, &TextOptions { nodes: usize::MAX, ..TextOptions::default() });
    assert_eq!(text.lines().count(), 100_000);
    assert!(text.len() < 300 * 100_000, "{}", text.len());
    assert_eq!(woven.records().count(), 100_000);
}

#[test]
fn a_hundred_thousand_wide() {
    let woven = weave_stream(&row(100_000));
    assert_eq!(woven.root().unwrap().children().count(), 99_999);
    assert_eq!(woven.usage().total_tokens(), 2 * 99_999);
    assert_eq!(woven.to_string().lines().count(), 10_001);
}

#[test]
fn a_hundred_thousand_in_a_ring() {
    let woven = weave_stream(&ring(100_000));
    assert_eq!((woven.misuse().cycles, woven.marked(NodeFlags::CYCLE_BROKEN)), (1, 1));
    assert_eq!(woven.walk().count(), 100_000);
    assert_eq!(woven.orphans().next().unwrap().span_id().to_u64(), 100_000);
}

#[test]
fn a_hundred_thousand_forgotten() {
    let woven = weave_stream(&forgotten(100_000));
    assert_eq!(woven.marked(NodeFlags::ABANDONED), 99_999);
    assert!(woven.spans().all(|span| span.end_unix_nano == at(1_000_000)));
}

#[test]
fn a_span_with_a_million_events() {
    let mut body = done(ROOT, 0, "busy", 0, 9).body();
    for _ in 0..1_000_000 {
        let event = open_message(&mut body, field::EVENTS);
        put_fixed64_field(&mut body, 1, T0);
        put_bytes_field(&mut body, 2, b"e");
        close_message(&mut body, event);
    }
    let mut weaver = weaver();
    weaver.take_span(&body, at(0)).unwrap();
    let woven = weaver.finish(at(9)).next().unwrap();
    assert_eq!(woven.spans().next().unwrap().events().count(), 1_000_000);
}

#[test]
fn one_id_a_hundred_thousand_times_next_to_a_large_span() {
    let mut weaver = weaver();
    let large = done(2, ROOT, &"x".repeat(1 << 20), 0, 9).body();
    weaver.take_span(&large, at(0)).unwrap();
    let small = done(2, ROOT, "y", 0, 9).body();
    for _ in 0..100_000 {
        assert!(weaver.take_span(&small, at(0)).is_err());
    }
    let woven = weaver.finish(at(9)).next().unwrap();
    assert_eq!((woven.len(), woven.misuse().id_collisions), (1, 100_000));
}

/// Ten times the nodes may take ten times the time; forty times is what a busy machine is forgiven, and far from the
/// hundred times that quadratic work would take. A run that a stall made slow is repeated.
#[test]
fn time_grows_with_the_nodes() {
    #[expect(clippy::disallowed_methods, reason = "it is time that is measured here")]
    fn seconds(stream: &[u8]) -> f64 {
        let start = Instant::now();
        let woven = weave_stream(stream);
        assert!(!tree_text(&woven, &TextOptions::default()).is_empty());
        start.elapsed().as_secs_f64()
    }
    type Make = fn(u64) -> Vec<u8>;
    let shapes: [(&str, Make); 4] =
        [("chain", chain), ("row", row), ("ring", ring), ("forgotten", forgotten)];
    for (name, make) in shapes {
        let streams = [1_000, 10_000, 100_000].map(make);
        let mut times = [f64::INFINITY; 3];
        let linear = (0..8).any(|_| {
            for (time, stream) in times.iter_mut().zip(&streams) {
                *time = time.min(seconds(stream));
            }
            let [small, middle, large] = times;
            middle < small * 40.0 && large < middle * 40.0
        });
        println!("{name}: 1k, 10k, 100k nodes in {times:.4?} s");
        assert!(linear, "{name}: {times:?}");
    }
}

#[test]
fn many_small_workflows_at_once() {
    let mut weaver = Weaver::new(WeaverOptions { open_workflows: 1000, ..WeaverOptions::default() });
    let mut given_out = 0;
    for trace in 1..=20_000 {
        take_unchecked(&mut weaver, &opened("run", 0).trace(trace));
        given_out += weaver.poll(at(0)).count();
    }
    assert_eq!((given_out, weaver.held()), (19_000, 1000));
    balanced(&weaver);
}

fn take_unchecked(weaver: &mut Weaver, record: &Rec) {
    let mut bytes = Vec::new();
    record.write(&mut bytes);
    weaver.take_stream(&bytes, at(0));
}
