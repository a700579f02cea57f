//! Programs that do it wrong: what becomes of their records, and what is counted.

use spanloom::loom::{Loss, Misuse, NodeFlags, Why};
use spanloom::otlp::any::AnyView;
use spanloom::otlp::span::{SpanView, StatusCode};
use spanloom::record::envelope::flags;
use spanloom::record::{Record, RecordKind};
use spanloom::{SpanId, TraceId};

use crate::support::*;

#[test]
fn ends_in_any_order() {
    let orders = [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]];
    for order in orders {
        let records =
            [closed("run", 0, 9), done(2, ROOT, "a", 1, 8), done(3, 2, "b", 2, 7), done(4, 3, "c", 3, 4)];
        let woven = weave(order.map(|place| &records[place]));
        assert_eq!(stable(&woven), "\nrun\n└─ a\n   └─ b\n      └─ c\n", "{order:?}");
    }
}

#[test]
fn an_end_makes_its_start_superfluous_before_and_after_it() {
    for records in [
        [started(2, ROOT, "a", 1), done(2, ROOT, "a", 1, 8), closed("run", 0, 9)],
        [closed("run", 0, 9), done(2, ROOT, "a", 1, 8), started(2, ROOT, "a", 1)],
    ] {
        let woven = weave(&records);
        assert_eq!(picture(&woven), "\nrun  9ms\n└─ a  7ms\n");
        assert_eq!(woven.why(), Why::Closed);
    }
}

#[test]
fn orphans_stand_in_a_group_with_what_is_below_them() {
    let woven = weave(&[
        closed("run", 0, 99),
        done(2, ROOT, "known", 1, 9),
        done(3, 50, "orphan", 2, 9),
        done(4, 3, "its child", 3, 9),
        done(5, 51, "another", 4, 9),
        done(6, 0, "no parent at all", 5, 9),
    ]);
    assert_eq!(
        stable(&woven),
        "
run
├─ known
└─ (missing parent)
   ├─ orphan
   │  └─ its child
   ├─ another
   └─ no parent at all
"
    );
    assert_eq!((woven.marked(NodeFlags::ORPHAN), woven.orphans().count()), (3, 3));
    let depths: Vec<_> = woven.walk().map(|node| node.depth()).collect();
    assert_eq!(depths, [0, 1, 2, 3, 2, 2]);
    assert!(woven.orphans().all(|orphan| orphan.parent().is_none()));
}

#[test]
fn a_tree_without_its_root_is_drawn() {
    let woven =
        weave(&[done(2, ROOT, "a", 1, 9), done(3, 2, "b", 2, 19).failed(""), done(4, ROOT, "c", 3, 4)]);
    assert_eq!(stable(&woven), "\n(missing root)\n├─ a\n│  └─ b  error\n└─ c\n");
    assert!(woven.root().is_none());
    assert_eq!((woven.status(), woven.duration_nanos()), (StatusCode::Unset, 18 * MS));
    assert_eq!(woven.records().count(), 3);
}

#[test]
fn a_late_root_takes_its_place() {
    let mut weaver = weaver();
    take(&mut weaver, &[done(2, ROOT, "a", 1, 2), done(3, 2, "b", 1, 2)], 2);
    take(&mut weaver, &[closed("run", 0, 9)], 3000);
    assert_eq!(stable(&weaver.next_done(at(3000)).unwrap()), "\nrun\n└─ a\n   └─ b\n");
}

#[test]
fn children_of_ended_parents_are_allowed_and_marked() {
    let woven = weave(&[
        closed("run", 0, 99),
        done(2, ROOT, "a", 1, 5),
        done(3, 2, "b", 6, 7),
        done(4, 2, "c", 5, 7),
    ]);
    assert_eq!(stable(&woven), "\nrun\n└─ a\n   ├─ c\n   └─ b  [parent ended]\n! ended parents: 1\n");
}

#[test]
fn what_outlives_its_workflow_is_late() {
    let woven = weave(&[closed("run", 0, 9), done(2, ROOT, "a", 1, 10), done(3, ROOT, "b", 1, 9)]);
    assert_eq!(stable(&woven), "\nrun\n├─ a  [late]\n└─ b\n");
}

#[test]
fn the_first_of_two_ends_counts() {
    let woven = weave(&[
        closed("run", 0, 9),
        done(2, ROOT, "a", 1, 5),
        done(2, ROOT, "a", 1, 8),
        done(2, ROOT, "a", 1, 8),
        closed("run", 0, 20),
    ]);
    assert_eq!(picture(&woven), "\nrun  9ms  [duplicate]\n└─ a  4ms  [duplicate]\n! double ends: 3\n");
}

#[test]
fn the_higher_revision_counts_and_is_no_misuse() {
    for order in [[0, 1], [1, 0]] {
        let ends = [done(2, ROOT, "a", 1, 5).revision(1), done(2, ROOT, "a", 1, 8).revision(2)];
        let mut records = vec![closed("run", 0, 9)];
        records.extend(order.map(|place| ends[place].clone()));
        let woven = weave(&records);
        assert_eq!(picture(&woven), "\nrun  9ms\n└─ a  7ms\n");
        assert!(woven.misuse().is_empty());
        assert_eq!(woven.node(1).unwrap().record().revision, 2);
    }
}

#[test]
fn a_change_after_the_end_is_ignored_and_counted_once() {
    for place in 0..2 {
        let mut records = vec![done(2, ROOT, "a", 1, 5), closed("run", 0, 9)];
        records.insert(place, started(2, ROOT, "zombie", 1).revision(7));
        records.insert(place, started(2, ROOT, "zombie", 1).revision(6));
        let woven = weave(&records);
        assert_eq!(stable(&woven), "\nrun\n└─ a\n! changes after end: 1\n");
    }
}

#[test]
fn heartbeats_replace_each_other() {
    let records: Vec<_> =
        (0..5).map(|beat| started(2, ROOT, &format!("beat {beat}"), 1).revision(beat)).collect();
    let mut weaver = weaver();
    take(&mut weaver, &records, 0);
    take(&mut weaver, records.iter().rev(), 0);
    let woven = weaver.finish(at(8)).next().unwrap();
    assert_eq!(woven.node(0).unwrap().name(), "beat 4");
    assert_eq!(weaver.counts().superseded, 9);
}

#[test]
fn one_id_for_two_spans() {
    let cases = [("another parent", done(2, 3, "a", 1, 5)), ("another name", done(2, ROOT, "b", 1, 5))];
    for (name, second) in cases {
        let woven = weave(&[closed("run", 0, 9), done(3, ROOT, "c", 2, 5), done(2, ROOT, "a", 1, 5), second]);
        assert_eq!(stable(&woven), "\nrun\n├─ a  [id collision]\n└─ c\n! id collisions: 1\n", "{name}");
    }
}

#[test]
fn one_id_for_two_running_spans() {
    let woven = weave(&[opened("run", 0), started(2, ROOT, "a", 1), started(2, ROOT, "b", 1)]);
    assert_eq!((woven.len(), woven.misuse().id_collisions), (2, 1));
    assert_eq!(woven.node(1).unwrap().name(), "a");
}

#[test]
fn equal_span_ids_of_two_traces_do_not_meet() {
    let mut weaver = weaver();
    let records = [closed("one", 0, 9), closed("two", 0, 9).trace(7), done(2, ROOT, "a", 1, 2).trace(7)];
    take(&mut weaver, &records, 9);
    let mut pictures: Vec<_> = weaver.poll(at(9)).map(|woven| stable(&woven)).collect();
    pictures.sort();
    assert_eq!(pictures, ["\none\n", "\ntwo\n└─ a\n"]);
}

#[test]
fn cycles_are_cut_at_the_node_that_started_last() {
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let cycle = [done(2, 4, "a", 1, 9), done(3, 2, "b", 2, 9), done(4, 3, "c", 3, 9)];
        let mut records = vec![done(5, 2, "hangs on it", 4, 5)];
        records.extend(order.map(|place| cycle[place].clone()));
        records.push(closed("run", 0, 9));
        assert_eq!(
            stable(&weave(&records)),
            "
run
└─ (missing parent)
   └─ c  [cycle broken]
      └─ a  [clock suspect]
         ├─ b
         └─ hangs on it
! cycles: 1
! suspect clocks: 1
",
            "{order:?}"
        );
    }
}

#[test]
fn cycles_of_equal_starts_are_cut_the_same_way_in_any_order() {
    let cycle = [done(2, 3, "a", 1, 9), done(3, 2, "b", 1, 9)];
    let mut pictures = Vec::new();
    for order in [[0, 1], [1, 0]] {
        let mut records = vec![closed("run", 0, 9)];
        records.extend(order.map(|place| cycle[place].clone()));
        pictures.push(stable(&weave(&records)));
    }
    assert_eq!(pictures[0], pictures[1]);
    assert!(pictures[0].contains("b  [cycle broken]"), "{}", pictures[0]);
}

#[test]
fn several_cycles_and_self_parents() {
    let woven = weave(&[
        closed("run", 0, 9),
        done(2, 3, "a", 1, 9),
        done(3, 2, "b", 2, 9),
        done(4, 5, "c", 3, 9),
        done(5, 4, "d", 4, 9),
        done(6, 6, "me", 5, 9),
        done(7, 6, "below me", 6, 9),
    ]);
    assert_eq!((woven.misuse().cycles, woven.misuse().self_parents), (2, 1));
    assert_eq!(woven.marked(NodeFlags::CYCLE_BROKEN), 3);
    assert_eq!(woven.walk().count(), 7);
    assert_eq!(woven.walk().find(|node| node.name() == "below me").unwrap().depth(), 3);
}

#[test]
fn the_root_stays_on_top_whatever_its_parent() {
    let mut root = closed("run", 0, 9);
    root.parent = 3;
    let woven = weave(&[root.clone(), done(2, ROOT, "a", 1, 5), done(3, 2, "b", 2, 5)]);
    assert_eq!(stable(&woven), "\nrun  [cycle broken]\n└─ a\n   └─ b\n! cycles: 1\n");
    root.parent = ROOT;
    assert_eq!(stable(&weave(&[root.clone()])), "\nrun  [cycle broken]\n! self parents: 1\n");
    // A parent in another process is no news.
    root.parent = 999;
    assert_eq!(stable(&weave(&[root])), "\nrun\n");
}

#[test]
fn a_foreign_trace_that_is_one_cycle() {
    let mut weaver = weaver();
    for span in [done(2, 3, "a", 1, 9), done(3, 2, "b", 4, 9)] {
        weaver.take_span(&span.body(), at(0)).unwrap();
    }
    let woven = weaver.finish(at(9)).next().unwrap();
    assert_eq!(
        stable(&woven),
        "\nb  [cycle broken]\n└─ a  [clock suspect]\n! cycles: 1\n! suspect clocks: 1\n"
    );
}

#[test]
fn clocks_that_went_wrong() {
    let woven = weave(&[
        closed("run", 10, 20),
        done(2, ROOT, "ends before it starts", 15, 12),
        done(3, ROOT, "starts before its parent", 5, 12),
        done(4, ROOT, "from the future", 3_700_000_000, 3_700_000_001),
        done(5, ROOT, "said so", 15, 15).flags(flags::CLOCK_SUSPECT),
        done(6, ROOT, "takes no time", 15, 15),
    ]);
    let suspect: Vec<_> = woven
        .nodes()
        .filter(|node| node.flags().contains(NodeFlags::CLOCK_SUSPECT))
        .map(|node| node.name())
        .collect();
    assert_eq!(suspect, ["starts before its parent", "ends before it starts", "said so", "from the future"]);
    assert_eq!(woven.misuse().suspect_clocks, 4);
    let early = woven.nodes().find(|node| node.name().starts_with("ends")).unwrap();
    assert_eq!((early.duration_nanos(), early.end_unix_nano()), (0, at(15)));
    // The record keeps what was said, and says that it is suspect.
    assert_eq!((early.span().end_unix_nano, early.record().flags), (at(12), flags::CLOCK_SUSPECT));
}

#[test]
fn invalid_ids_are_counted_and_left_out() {
    let mut weaver = weaver();
    let cases = [done(0, ROOT, "no span id", 1, 2), done(2, ROOT, "no trace id", 1, 2).trace(0)];
    for case in &cases {
        let body = case.body();
        assert_eq!(weaver.take_span(&body, at(0)), Err(Loss::InvalidId));
    }
    let report = weaver.take_stream(&stream(&cases), at(0));
    assert_eq!((report.read, report.lost.invalid_id), (2, 2));
    assert_eq!((weaver.counts().lost.invalid_id, weaver.held(), weaver.next_wake()), (4, 0, None));
    assert_eq!(weaver.finish(at(1)).count(), 0);
}

#[test]
fn broken_bodies_are_counted_and_left_out() {
    let mut weaver = weaver();
    let body = done(2, ROOT, "a", 1, 2).body();
    for cut in 1..body.len() {
        // Some cuts leave a shorter span that is whole.
        let _ = weaver.take_span(&body[..cut], at(0));
        balanced(&weaver);
    }
    assert!(weaver.counts().lost.undecodable > 30, "{:?}", weaver.counts());
}

#[test]
fn other_kinds_are_not_for_the_weaver() {
    let mut weaver = weaver();
    let metric =
        Record { kind: RecordKind::MetricDelta, flags: 0, revision: 0, workflow: SpanId::NONE, body: b"?" };
    assert_eq!(weaver.take(metric, at(0)), Ok(()));
    assert_eq!((weaver.counts().other_records, weaver.counts().records), (1, 0));
}

#[test]
fn a_stream_with_unknown_and_broken_records_is_read_on() {
    let mut bytes = stream(&[closed("run", 0, 9)]);
    let mut unknown = stream(&[done(2, ROOT, "later kind", 1, 2)]);
    unknown[9] = 99;
    let mut broken = stream(&[done(3, ROOT, "bit flipped", 1, 2)]);
    spanloom::record::envelope::seal(&mut broken);
    *broken.last_mut().unwrap() ^= 1;
    bytes.extend(unknown);
    bytes.extend(broken);
    bytes.extend(stream(&[done(4, ROOT, "good", 1, 2)]));
    bytes.extend([1, 2, 3]);
    let mut weaver = weaver();
    let report = weaver.take_stream(&bytes, at(9));
    assert_eq!((report.read, report.unknown, report.broken, report.lost.total()), (2, 1, 2, 0));
    assert_eq!(stable(&weaver.next_done(at(9)).unwrap()), "\nrun\n└─ good\n");
}

#[test]
fn a_node_that_nobody_ends_is_abandoned() {
    // (records besides the root, expected end of node 2): its children's last end, else the root's, else now.
    let run_closed = closed("run", 0, 100);
    let cases: [(&str, Vec<Rec>, u64); 5] = [
        ("children", vec![run_closed.clone(), done(3, 2, "c", 2, 40), done(4, 2, "d", 3, 30)], 40),
        ("grandchildren", vec![run_closed.clone(), started(3, 2, "c", 2), done(4, 3, "d", 3, 30)], 30),
        ("no children", vec![run_closed], 100),
        ("root open", vec![opened("run", 0)], 10_000),
        ("no root", vec![], 10_000),
    ];
    for (name, mut records, end) in cases {
        records.push(started(2, ROOT, "a", 1).kind("llm"));
        let woven = weave(&records);
        let node = woven.nodes().find(|node| node.name() == "a").unwrap();
        assert_eq!((node.end_unix_nano(), node.span().end_unix_nano), (at(end), at(end)), "{name}");
        assert_eq!((node.flags(), node.kind()), (node.flags() | NodeFlags::ABANDONED, "llm"), "{name}");
        assert_eq!((node.status(), node.span().status_message), (StatusCode::Error, "abandoned"), "{name}");
        let record = node.record();
        assert_eq!((record.kind, record.flags, record.revision), (RecordKind::Finished, flags::ABANDONED, 0));
    }
}

#[test]
fn an_abandoned_node_never_ends_before_its_start() {
    let woven = weave(&[closed("run", 0, 5), started(2, ROOT, "a", 7), started(3, ROOT, "b", 20_000)]);
    assert!(woven.nodes().all(|node| node.end_unix_nano() >= node.start_unix_nano()));
}

#[test]
fn the_record_of_an_abandoned_node_is_the_canonical_one() {
    // Started as the span builder writes it: an end of zero in its place, a status, flags behind it.
    let mut begun = started(2, ROOT, "a", 1).kind("llm").with("x", 5).failed("so far");
    begun.dropped = [1, 2, 3];
    let mut body = begun.body();
    spanloom::otlp::wire::put_fixed32_field(&mut body, 16, 0x101);
    let with_end = |end: u64| {
        let mut ended = begun.clone();
        ended.end = Some(end);
        ended.status.1 = "abandoned";
        let mut body = ended.body();
        spanloom::otlp::wire::put_fixed32_field(&mut body, 16, 0x101);
        body
    };
    let mut zero_end = with_end(0);
    let place = zero_end.windows(8).position(|bytes| bytes == T0.to_le_bytes()).unwrap();
    zero_end[place..place + 8].fill(0);
    for body in [body, zero_end] {
        let mut weaver = weaver();
        let workflow = SpanId::from_u64(ROOT);
        weaver
            .take(Record { kind: RecordKind::Started, flags: 0, revision: 0, workflow, body: &body }, at(0))
            .unwrap();
        let woven = weaver.finish(at(77)).next().unwrap();
        let node = woven.node(0).unwrap();
        assert_eq!(node.record().body, with_end(77), "{:?}", node.span());
        assert_eq!((node.name(), node.kind()), ("a", "llm"));
        assert_eq!(node.span().attribute("x"), Some(AnyView::Int(5)));
    }
}

#[test]
fn a_real_end_outranks_an_abandoned_one() {
    for order in [[0, 1], [1, 0]] {
        let ends =
            [done(2, ROOT, "a", 1, 5), done(2, ROOT, "a", 1, 9).flags(flags::ABANDONED).failed("abandoned")];
        let mut records = vec![closed("run", 0, 9)];
        records.extend(order.map(|place| ends[place].clone()));
        let woven = weave(&records);
        assert_eq!(picture(&woven), "\nrun  9ms\n└─ a  4ms\n");
    }
}

#[test]
fn an_abandoned_workflow() {
    let woven = weave(&[opened("run", 0), started(2, ROOT, "a", 1), done(3, 2, "b", 2, 30)]);
    assert_eq!(
        picture(&woven),
        "
run  30ms  error: abandoned  [abandoned]
└─ a  29ms  error: abandoned  [abandoned]
   └─ b  28ms
"
    );
    assert_eq!(woven.why(), Why::Finish);
    assert_eq!(woven.records().next().unwrap().kind, RecordKind::WorkflowClosed);
    assert_eq!(woven.status(), StatusCode::Error);
}

#[test]
fn ids_and_misuse_have_names() {
    let misuse = Misuse { cycles: 2, ..Misuse::default() };
    let named: Vec<_> = misuse.named().into_iter().filter(|(_, count)| *count > 0).collect();
    assert_eq!(named, [("cycles", 2)]);
    let marks = NodeFlags::LATE | NodeFlags::ORPHAN | NodeFlags::DUPLICATE;
    assert_eq!(marks.names().collect::<Vec<_>>(), ["orphan", "duplicate", "late"]);
    assert!(!marks.without(NodeFlags::LATE).contains(NodeFlags::LATE));
    assert_ne!(TraceId::NONE, trace_id());
    assert!(SpanView::default().name.is_empty());
}
