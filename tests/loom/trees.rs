//! Trees of well-behaved workflows, and how they are drawn.

use spanloom::loom::{NodeFlags, TextOptions, Weaver, WeaverOptions, Why, tree_text};
use spanloom::otlp::span::StatusCode;
use spanloom::record::RecordKind;
use spanloom::vocabulary as key;

use crate::support::*;

fn agent_run() -> Vec<Rec> {
    vec![
        opened("answer", 0).kind("workflow"),
        started(2, ROOT, "planner", 1),
        done(2, ROOT, "planner", 1, 351).kind("llm").tokens(812, 64).with(key::FIRST_FRAME, 0.12),
        done(4, 3, "fetch", 361, 400).kind("tool").failed("no route"),
        done(5, 3, "fetch", 410, 480).kind("tool").ok(),
        done(3, ROOT, "weather", 360, 490).kind("agent"),
        done(6, ROOT, "message:1", 500, 1200).kind("message").tokens(100, 20),
        closed("answer", 0, 1250).kind("workflow").ok(),
    ]
}

#[test]
fn an_agent_run_as_a_picture() {
    assert_eq!(
        picture(&weave(&agent_run())),
        "
answer  workflow  1.25s  912 in, 84 out  ok
├─ planner  llm  350ms  first frame 120ms  812 in, 64 out
├─ weather  agent  130ms
│  ├─ fetch  tool  39ms  error: no route
│  └─ fetch  tool  70ms  ok
└─ message:1  message  700ms  100 in, 20 out
"
    );
}

#[test]
fn a_picture_without_times_for_snapshots() {
    assert_eq!(
        stable(&weave(&agent_run())),
        "
answer  workflow  912 in, 84 out  ok
├─ planner  llm  812 in, 64 out
├─ weather  agent
│  ├─ fetch  tool  error: no route
│  └─ fetch  tool  ok
└─ message:1  message  100 in, 20 out
"
    );
}

#[test]
fn what_a_tree_tells_of_its_workflow() {
    let woven = weave(&agent_run());
    assert_eq!((woven.len(), woven.errors(), woven.why()), (6, 1, Why::Closed));
    assert_eq!((woven.status(), woven.duration_nanos()), (StatusCode::Ok, 1250 * MS));
    assert_eq!((woven.start_unix_nano(), woven.end_unix_nano()), (at(0), at(1250)));
    assert_eq!(woven.usage().total_tokens(), 996);
    assert_eq!((woven.key().trace_id, woven.key().workflow.to_u64()), (trace_id(), ROOT));
    assert!(woven.misuse().is_empty() && !woven.is_late() && woven.part() == 0 && !woven.is_empty());
    assert!(woven.nodes().all(|node| node.flags().is_empty()));
}

#[test]
fn nodes_know_their_relatives() {
    let woven = weave(&agent_run());
    let root = woven.root().unwrap();
    let names: Vec<_> = root.children().map(|child| child.name()).collect();
    assert_eq!(names, ["planner", "weather", "message:1"]);
    let weather = root.children().nth(1).unwrap();
    assert_eq!(weather.parent().unwrap().index(), root.index());
    assert_eq!((weather.depth(), weather.children().count()), (1, 2));
    assert_eq!(weather.children().next().unwrap().depth(), 2);
    assert_eq!(
        (weather.kind(), weather.span_id().to_u64(), weather.parent_span_id().to_u64()),
        ("agent", 3, ROOT)
    );
    assert_eq!((weather.start_unix_nano(), weather.end_unix_nano()), (at(360), at(490)));
    assert!(root.is_root() && root.parent().is_none() && woven.node(6).is_none());
    assert_eq!(woven.orphans().count(), 0);
}

#[test]
fn final_records_come_root_first_then_by_start() {
    let run = agent_run();
    let woven = weave(&run);
    let records: Vec<_> = woven.records().collect();
    let kinds: Vec<_> = records.iter().map(|record| record.kind).collect();
    assert_eq!(kinds[0], RecordKind::WorkflowClosed);
    assert!(kinds[1..].iter().all(|kind| *kind == RecordKind::Finished));
    assert_eq!(records[0].body, run[7].body());
    let names: Vec<_> = woven.spans().map(|span| span.name).collect();
    assert_eq!(names, ["answer", "planner", "weather", "fetch", "fetch", "message:1"]);
    assert!(records.iter().all(|record| record.revision == 1 && record.workflow.to_u64() == ROOT));
}

#[test]
fn final_records_weave_the_same_tree_again() {
    let woven = weave(&agent_run());
    let mut weaver = weaver();
    for record in woven.records() {
        weaver.take(record, at(0)).unwrap();
    }
    let again = weaver.next_done(at(0)).unwrap();
    assert_eq!(picture(&again), picture(&woven));
    assert!(again.records().eq(woven.records()));
}

#[test]
fn siblings_with_equal_starts_stand_as_they_came() {
    let woven = weave(&[
        closed("run", 0, 9),
        done(9, ROOT, "b", 5, 6),
        done(2, ROOT, "a", 5, 6),
        done(5, ROOT, "first", 4, 6),
    ]);
    assert_eq!(stable(&woven), "\nrun\n├─ first\n├─ b\n└─ a\n");
}

#[test]
fn the_first_frame_is_the_start_of_the_first_streaming_node() {
    let cases: [(&str, Vec<Rec>, Option<u64>); 7] = [
        ("by kind", vec![done(2, ROOT, "x", 40, 50).kind("message")], Some(40)),
        ("by the id before the colon", vec![done(2, ROOT, "node-end:77", 30, 50)], Some(30)),
        ("no other part of the id", vec![done(2, ROOT, "x:message", 30, 50)], None),
        (
            "the first by start, not by arrival",
            vec![done(2, ROOT, "message:2", 40, 50), done(3, ROOT, "message:1", 20, 60)],
            Some(20),
        ),
        ("deep down", vec![done(2, ROOT, "a", 1, 50), done(3, 2, "message", 25, 30)], Some(25)),
        ("an orphan's too", vec![done(3, 99, "message", 25, 30)], Some(25)),
        (
            "not a node's own",
            vec![done(2, ROOT, "llm", 10, 50).kind("llm").with(key::FIRST_FRAME, 0.003)],
            None,
        ),
    ];
    for (name, mut records, first_frame) in cases {
        records.push(closed("run", 0, 100));
        let woven = weave(&records);
        assert_eq!(woven.first_frame_nanos(), first_frame.map(|ms| ms * MS), "{name}");
    }
}

#[test]
fn a_root_of_streaming_name_is_no_first_frame_but_what_it_reports_is() {
    assert_eq!(weave(&[closed("message:run", 0, 9)]).first_frame_nanos(), None);
    let records = [closed("run", 0, 9).with(key::FIRST_FRAME, 0.002), done(2, ROOT, "message", 5, 6)];
    assert_eq!(weave(&records).first_frame_nanos(), Some(2 * MS));
}

#[test]
fn own_first_frames_are_kept_where_they_make_sense() {
    let cases: [(spanloom::value::Value, Option<u64>); 6] = [
        (0.25.into(), Some(250 * MS)),
        (2.into(), Some(2 * SECOND)),
        ((-1).into(), None),
        ((-1.0).into(), None),
        (f64::NAN.into(), None),
        ("soon".into(), None),
    ];
    for (value, expected) in cases {
        let text = format!("{value:?}");
        let woven = weave(&[closed("run", 0, 9), done(2, ROOT, "n", 1, 2).with(key::FIRST_FRAME, value)]);
        assert_eq!(woven.node(1).unwrap().first_frame_nanos(), expected, "{text}");
    }
}

#[test]
fn streaming_types_can_be_chosen() {
    let options = WeaverOptions { streaming_types: vec!["speak".into()], ..WeaverOptions::default() };
    let mut weaver = Weaver::new(options);
    take(
        &mut weaver,
        &[done(2, ROOT, "message", 1, 2), done(3, ROOT, "speak:1", 7, 8), closed("run", 0, 9)],
        9,
    );
    assert_eq!(weaver.next_done(at(9)).unwrap().first_frame_nanos(), Some(7 * MS));
}

#[test]
fn left_out_things_are_summed_up_and_shown() {
    let woven = weave(&[
        closed("run", 0, 9).dropped([3, 0, 1]),
        done(2, ROOT, "n", 1, 2).dropped([u64::from(u32::MAX), 2, 0]),
    ]);
    assert_eq!(woven.dropped(), [u64::from(u32::MAX) + 3, 2, 1]);
    assert_eq!(woven.node(1).unwrap().dropped(), [u32::MAX, 2, 0]);
    assert_eq!(
        stable(&woven),
        "\nrun\n└─ n\n! attributes left out: 4294967298\n! events left out: 2\n! links left out: 1\n"
    );
}

#[test]
fn foreign_spans_are_gathered_by_trace() {
    let mut weaver = weaver();
    for span in [done(3, 2, "query", 2, 4), done(2, 0, "GET /", 1, 5), done(4, 2, "render", 4, 5)] {
        weaver.take_span(&span.body(), at(5)).unwrap();
    }
    assert!(weaver.next_done(at(5004)).is_none());
    let woven = weaver.next_done(at(5005)).unwrap();
    assert_eq!(woven.why(), Why::Quiet);
    assert_eq!(picture(&woven), "\nGET /  4ms\n├─ query  2ms\n└─ render  1ms\n");
    assert_eq!(woven.records().next().unwrap().kind, RecordKind::Finished);
    assert!(!woven.key().workflow.is_valid());
}

#[test]
fn the_root_of_a_foreign_trace() {
    let remote = [done(2, 77, "only top, parent elsewhere", 1, 5), done(3, 2, "below", 2, 4)];
    let two_roots = [done(2, 0, "later", 3, 5), done(3, 0, "earlier", 1, 4), done(4, 88, "stray", 0, 1)];
    let none = [done(2, 77, "a", 1, 5), done(3, 77, "b", 2, 4)];
    let cases: [(&[Rec], &str); 3] = [
        (&remote, "\nonly top, parent elsewhere\n└─ below\n"),
        (&two_roots, "\nearlier\n└─ (missing parent)\n   ├─ stray\n   └─ later\n"),
        (&none, "\n(missing root)\n├─ a\n└─ b\n"),
    ];
    for (records, expected) in cases {
        let mut weaver = weaver();
        for record in records {
            weaver.take_span(&record.body(), at(0)).unwrap();
        }
        assert_eq!(stable(&weaver.finish(at(9)).next().unwrap()), expected);
    }
}

#[test]
fn deep_nodes_show_their_depth_as_a_number() {
    let mut records = vec![closed("run", 0, 99)];
    records.extend((2..8).map(|id| done(id, id - 1, &format!("n{id}"), id, 90)));
    records.push(done(20, 3, "side", 50, 60));
    let woven = weave(&records);
    let options = TextOptions { indent: 2, ..TextOptions::stable() };
    let expected = "\
run
└─ n2
   └─ n3
      ⋯3 n4
      ⋯4 n5
      ⋯5 n6
      ⋯6 n7
      ⋯3 side
";
    assert_eq!(tree_text(&woven, &options), expected);
    let flat = tree_text(&woven, &TextOptions { indent: 0, ..TextOptions::stable() });
    assert!(flat.starts_with("run\n⋯1 n2\n⋯2 n3\n"), "{flat}");
}

#[test]
fn long_trees_and_names_are_cut_and_the_rest_is_counted() {
    let mut records = vec![closed("run", 0, 99)];
    records.extend((2..12).map(|id| done(id, ROOT, "a rather long name", id, 90)));
    let options = TextOptions { nodes: 3, width: 8, ..TextOptions::stable() };
    let expected = "run\n├─ a rather…\n├─ a rather…\n… and 8 more nodes\n";
    assert_eq!(tree_text(&weave(&records), &options), expected);
}

#[test]
fn pictures_keep_terminals_safe() {
    let woven = weave(&[
        closed("\u{1b}]0;owned\u{7}", 0, 9).kind("\u{1b}[31mred"),
        done(2, ROOT, "", 1, 2).failed("line\r\n└─ forged"),
    ]);
    assert_eq!(
        stable(&woven),
        "\n\\u{1b}]0;owned\\u{7}  \\u{1b}[31mred\n└─ (no name)  error: line\\r\\n└─ forged\n"
    );
    assert_eq!(format!("\n{woven}"), picture(&woven));
    assert_eq!(woven.marked(NodeFlags::ORPHAN), 0);
}
