//! When workflows are given out, and how much a weaver holds.

use spanloom::SpanId;
use spanloom::loom::{Loss, NodeFlags, Weaver, WeaverOptions, Why, WorkflowKey};
use spanloom::record::RecordKind;

use crate::support::*;

/// Roughly what a span costs by the weaver's estimate, its body included.
const SPAN: usize = 450;

fn with(change: impl FnOnce(&mut WeaverOptions)) -> Weaver {
    let mut options = WeaverOptions::default();
    change(&mut options);
    Weaver::new(options)
}

fn run(number: u64, trace: u128) -> [Rec; 2] {
    let name = format!("run {number}");
    [opened(&name, number).trace(trace), closed(&name, number, number + 5).trace(trace)]
}

#[test]
fn nothing_comes_of_nothing() {
    let mut weaver = weaver();
    assert!(weaver.next_done(at(0)).is_none());
    assert_eq!((weaver.finish(at(0)).count(), weaver.next_wake(), weaver.held()), (0, None, 0));
    assert_eq!(weaver.take_stream(&[], at(0)).read, 0);
}

#[test]
fn a_closed_workflow_whose_nodes_have_ended_is_given_out_at_once() {
    let mut weaver = weaver();
    take(&mut weaver, &[opened("run", 0), started(2, ROOT, "a", 1)], 1);
    assert!(weaver.next_done(at(1)).is_none());
    take(&mut weaver, &[done(2, ROOT, "a", 1, 2)], 2);
    assert!(weaver.next_done(at(2)).is_none());
    take(&mut weaver, &[closed("run", 0, 3)], 3);
    assert_eq!(weaver.next_wake(), Some(at(3)));
    assert_eq!(weaver.next_done(at(3)).unwrap().why(), Why::Closed);
    assert!(weaver.next_done(at(3)).is_none());
    balanced(&weaver);
}

#[test]
fn records_that_come_before_the_next_poll_still_belong_to_it() {
    let mut weaver = weaver();
    take(&mut weaver, &[closed("run", 0, 3)], 3);
    take(&mut weaver, &[done(2, ROOT, "a", 1, 2)], 3);
    assert_eq!(weaver.next_done(at(3)).unwrap().len(), 2);
}

#[test]
fn a_closed_workflow_waits_for_open_nodes_until_its_grace_is_over() {
    let mut weaver = with(|options| options.grace_nanos = 50 * MS);
    take(&mut weaver, &[opened("run", 0), started(2, ROOT, "a", 1), closed("run", 0, 3)], 3);
    assert!(weaver.next_done(at(52)).is_none());
    assert_eq!(weaver.next_wake(), Some(at(53)));
    let woven = weaver.next_done(at(53)).unwrap();
    assert_eq!((woven.why(), woven.marked(NodeFlags::ABANDONED)), (Why::GraceOver, 1));
    assert_eq!(picture(&woven), "\nrun  3ms\n└─ a  2ms  error: abandoned  [abandoned]\n");
}

#[test]
fn the_last_end_within_the_grace_makes_it_ready() {
    let mut weaver = with(|options| options.grace_nanos = 50 * MS);
    take(&mut weaver, &[started(2, ROOT, "a", 1), closed("run", 0, 3)], 3);
    assert!(weaver.next_done(at(30)).is_none());
    take(&mut weaver, &[done(2, ROOT, "a", 1, 30)], 31);
    assert!(weaver.next_wake().unwrap() <= at(31));
    assert_eq!(weaver.next_done(at(31)).unwrap().why(), Why::Closed);
}

#[test]
fn a_settling_time_lets_other_threads_hand_in_theirs() {
    let mut weaver = with(|options| options.settle_nanos = 20 * MS);
    take(&mut weaver, &[closed("run", 0, 3)], 3);
    assert!(weaver.next_done(at(22)).is_none());
    take(&mut weaver, &[done(2, ROOT, "a", 1, 2)], 22);
    let woven = weaver.next_done(at(23)).unwrap();
    assert_eq!((woven.len(), woven.part()), (2, 0));
}

#[test]
fn a_workflow_that_is_never_closed_is_given_out_when_it_has_been_quiet() {
    let mut weaver = with(|options| options.linger_nanos = 100 * MS);
    take(&mut weaver, &[opened("run", 0)], 0);
    take(&mut weaver, &[done(2, ROOT, "a", 1, 2)], 60);
    assert!(weaver.next_done(at(100)).is_none());
    assert_eq!(weaver.next_wake(), Some(at(160)));
    let woven = weaver.next_done(at(160)).unwrap();
    assert_eq!(picture(&woven), "\nrun  2ms  error: abandoned  [abandoned]\n└─ a  1ms\n");
    assert_eq!(woven.why(), Why::Quiet);
}

#[test]
fn late_records_make_a_late_tree() {
    let mut weaver = weaver();
    take(&mut weaver, &[closed("run", 0, 3)], 3);
    assert!(!weaver.next_done(at(3)).unwrap().is_late());
    take(&mut weaver, &[done(2, ROOT, "a", 1, 8), done(3, 2, "b", 1, 2)], 8);
    let woven = weaver.next_done(at(8)).unwrap();
    assert_eq!(
        stable(&woven),
        "\n(missing root)\n└─ a  [late]\n   └─ b  [late]\n! parts before this one: 1\n"
    );
    assert!(woven.is_late());
    // Only so many are remembered: after that it counts as a workflow of its own.
    let mut weaver = with(|options| options.remembered = 1);
    for trace in [1, 2] {
        take(&mut weaver, &[closed("run", 0, 3).trace(trace)], 3);
    }
    assert_eq!(weaver.poll(at(3)).count(), 2);
    take(&mut weaver, &[done(2, ROOT, "a", 1, 8).trace(1), done(2, ROOT, "a", 1, 8).trace(2)], 8);
    let late: Vec<_> =
        weaver.finish(at(9)).map(|woven| (woven.key().trace_id.low_half(), woven.is_late())).collect();
    assert_eq!(late.len(), 2);
    assert!(late.contains(&(1, false)) && late.contains(&(2, true)), "{late:?}");
}

#[test]
fn several_workflows_come_in_the_order_in_which_they_were_done() {
    let mut weaver = weaver();
    for number in [3, 1, 2] {
        take(&mut weaver, &run(number, number.into()), number);
    }
    let names: Vec<_> = weaver.poll(at(9)).map(|woven| woven.root().unwrap().name().to_owned()).collect();
    assert_eq!(names, ["run 1", "run 2", "run 3"]);
    balanced(&weaver);
}

#[test]
fn at_the_end_of_the_program_everything_is_given_out() {
    let mut weaver = weaver();
    take(&mut weaver, &[opened("open", 0).trace(1)], 0);
    take(&mut weaver, &[closed("closed", 0, 1).trace(2)], 1);
    take(&mut weaver, &[closed("waiting", 0, 2).trace(3), started(2, ROOT, "a", 1).trace(3)], 2);
    weaver.take_span(&done(2, 0, "foreign", 0, 1).trace(4).body(), at(2)).unwrap();
    let mut whys: Vec<_> =
        weaver.finish(at(3)).map(|woven| (woven.root().unwrap().name().to_owned(), woven.why())).collect();
    whys.sort_by(|one, other| one.0.cmp(&other.0));
    let expected =
        [("closed", Why::Closed), ("foreign", Why::Finish), ("open", Why::Finish), ("waiting", Why::Finish)];
    assert_eq!(whys, expected.map(|(name, why)| (name.to_owned(), why)));
    assert_eq!((weaver.held(), weaver.held_bytes()), (0, 0));
    balanced(&weaver);
}

#[test]
fn a_snapshot_shows_what_is_in_progress_and_takes_nothing() {
    let mut weaver = weaver();
    take(&mut weaver, &[opened("run", 0), started(2, ROOT, "a", 1).kind("llm"), done(3, 2, "b", 2, 4)], 4);
    let key = WorkflowKey { trace_id: trace_id(), workflow: SpanId::from_u64(ROOT) };
    assert_eq!(weaver.open_workflows().collect::<Vec<_>>(), [key]);
    let woven = weaver.snapshot(key, at(21)).unwrap();
    assert_eq!(picture(&woven), "\nrun  21ms  [in progress]\n└─ a  llm  20ms  [in progress]\n   └─ b  2ms\n");
    assert_eq!(woven.why(), Why::Snapshot);
    let kinds: Vec<_> = woven.records().map(|record| record.kind).collect();
    assert_eq!(kinds, [RecordKind::WorkflowOpened, RecordKind::Started, RecordKind::Finished]);
    balanced(&weaver);
    take(&mut weaver, &[done(2, ROOT, "a", 1, 30), closed("run", 0, 31)], 31);
    assert_eq!(picture(&weaver.next_done(at(31)).unwrap()), "\nrun  31ms\n└─ a  29ms\n   └─ b  2ms\n");
    assert!(weaver.snapshot(key, at(31)).is_none());
}

#[test]
fn too_many_workflows_push_out_the_quietest() {
    let mut weaver = with(|options| options.open_workflows = 3);
    for trace in 1..=3 {
        take(
            &mut weaver,
            &[opened(&format!("run {trace}"), 0).trace(trace)],
            10 * u64::try_from(trace).unwrap(),
        );
    }
    take(&mut weaver, &[started(2, ROOT, "a", 1).trace(1)], 40);
    take(&mut weaver, &[opened("run 4", 0).trace(4)], 50);
    assert_eq!(weaver.open_workflows().count(), 3);
    assert_eq!(weaver.next_wake(), Some(0));
    let woven = weaver.next_done(at(50)).unwrap();
    assert_eq!((woven.root().unwrap().name(), woven.why()), ("run 2", Why::PushedOut));
    assert_eq!(woven.marked(NodeFlags::ABANDONED), 1);
    balanced(&weaver);
}

#[test]
fn too_many_spans_make_parts_and_lose_nothing() {
    let mut weaver = with(|options| options.workflow_spans = 10);
    take(&mut weaver, &[opened("run", 0), started(2, ROOT, "long", 0)], 0);
    let nodes: Vec<_> = (3..33).map(|id| done(id, 2, &format!("n{id}"), id, id + 1)).collect();
    take(&mut weaver, &nodes, 33);
    take(&mut weaver, &[done(2, ROOT, "long", 0, 90), closed("run", 0, 91)], 91);
    let parts: Vec<_> = weaver.poll(at(91)).collect();
    balanced(&weaver);
    assert_eq!(parts.iter().map(|part| part.part()).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert!(parts.iter().all(|part| part.len() <= 10 && part.root().is_some() && !part.is_late()));
    // What was open in a part goes on in the next, so its children always find it.
    assert_eq!(parts[0].marked(NodeFlags::IN_PROGRESS), 2);
    assert!(parts.iter().all(|part| part.orphans().count() == 0));
    let whys: Vec<_> = parts.iter().map(|part| part.why()).collect();
    assert_eq!(whys, [Why::Full, Why::Full, Why::Full, Why::Closed]);
    let finished: usize = parts
        .iter()
        .flat_map(|part| part.records())
        .filter(|record| matches!(record.kind, RecordKind::Finished | RecordKind::WorkflowClosed))
        .count();
    assert_eq!(finished, 32);
    assert_eq!((weaver.counts().lost.total(), weaver.counts().carried), (0, 6));
}

#[test]
fn nodes_that_are_started_and_forgotten_do_not_pile_up() {
    let mut weaver = with(|options| options.workflow_spans = 100);
    let mut abandoned = 0;
    for id in 2..5002 {
        take(&mut weaver, &[started(id, ROOT, "forgotten", 1)], 1);
        abandoned += weaver.poll(at(1)).map(|woven| woven.marked(NodeFlags::ABANDONED)).sum::<usize>();
        assert!(weaver.held() <= 100);
    }
    abandoned += weaver.finish(at(2)).map(|woven| woven.marked(NodeFlags::ABANDONED)).sum::<usize>();
    assert_eq!(abandoned, 5000);
    balanced(&weaver);
}

#[test]
fn too_many_bytes_in_a_workflow_make_parts() {
    let mut weaver = with(|options| options.workflow_bytes = 20 * SPAN);
    let large = "x".repeat(SPAN * 5);
    for id in 2..12 {
        take(&mut weaver, &[done(id, ROOT, &large, 1, 2)], 1);
        assert!(weaver.held_bytes() <= 20 * SPAN + 20 * SPAN);
        for woven in weaver.poll(at(1)) {
            assert_eq!(woven.why(), Why::Full);
        }
    }
    balanced(&weaver);
    assert!(weaver.counts().workflows >= 3);
    assert_eq!(weaver.counts().lost.total(), 0);
}

#[test]
fn replaced_records_make_room_before_a_part_is_closed() {
    let mut weaver = with(|options| options.workflow_bytes = 20 * SPAN);
    let large = "x".repeat(SPAN * 5);
    for beat in 0..100 {
        take(&mut weaver, &[started(2, ROOT, &large, 1).revision(beat)], 1);
    }
    assert_eq!((weaver.held(), weaver.counts().workflows, weaver.next_done(at(1)).is_none()), (1, 0, true));
}

#[test]
fn a_record_larger_than_any_workflow_is_refused() {
    let mut weaver = with(|options| options.workflow_bytes = 20 * SPAN);
    let body = done(2, ROOT, &"x".repeat(21 * SPAN), 1, 2).body();
    assert_eq!(weaver.take_span(&body, at(0)), Err(Loss::TooLarge));
    assert_eq!((weaver.held(), weaver.counts().lost.too_large), (0, 1));
    balanced(&weaver);
}

#[test]
fn all_workflows_together_are_bounded() {
    let mut weaver = with(|options| options.total_bytes = 10 * SPAN);
    let mut given_out = 0;
    for trace in 1..=50 {
        take(&mut weaver, &[opened("run", 0).trace(trace)], 1);
        assert!(weaver.held_bytes() <= 10 * SPAN + SPAN, "{}", weaver.held_bytes());
        given_out += weaver.poll(at(1)).count();
    }
    assert!(given_out >= 38, "{given_out}");
    assert_eq!(weaver.counts().lost.total(), 0);
    assert_eq!(given_out + weaver.finish(at(2)).count(), 50);
}

#[test]
fn what_nobody_fetches_is_dropped_and_counted() {
    let mut weaver = with(|options| options.total_bytes = 10 * SPAN);
    for trace in 1..=50 {
        take(&mut weaver, &[opened("run", 0).trace(trace)], 1);
        assert!(weaver.held_bytes() <= 20 * SPAN, "{}", weaver.held_bytes());
    }
    let dropped = weaver.counts().lost.queue_full;
    assert!((20..50).contains(&dropped), "{dropped}");
    let rest = weaver.finish(at(2)).count();
    assert_eq!(u64::try_from(rest).unwrap() + dropped, 50);
    balanced(&weaver);
}

#[test]
fn limits_of_zero_still_work() {
    let mut weaver = with(|options| {
        options.open_workflows = 0;
        options.workflow_spans = 0;
        options.remembered = 0;
    });
    take(&mut weaver, &[done(2, ROOT, "a", 1, 2), done(3, 2, "b", 1, 2), closed("run", 0, 9)], 9);
    assert_eq!(weaver.finish(at(9)).map(|woven| woven.len()).sum::<usize>(), 3);
    balanced(&weaver);
    let mut weaver = with(|options| options.total_bytes = 0);
    assert_eq!(weaver.take_span(&done(2, ROOT, "a", 1, 2).body(), at(0)), Err(Loss::TooLarge));
}

#[test]
fn a_clock_that_runs_backwards_or_to_its_end_does_no_harm() {
    let mut weaver = weaver();
    for now in [u64::MAX, 0, u64::MAX - 1, at(0)] {
        weaver.take_stream(&stream(&[opened("run", 0), started(2, ROOT, "a", 1)]), now);
        assert!(weaver.next_done(0).is_none());
    }
    balanced(&weaver);
    assert_eq!(weaver.finish(0).count(), 1);
}

#[test]
fn polling_often_or_never_gives_the_same_trees() {
    let mut records = Vec::new();
    for trace in 1..20 {
        records.extend(run(1, trace));
        records.insert(records.len() - 1, done(2, ROOT, "a", 1, 2).trace(trace));
    }
    let mut often = weaver();
    let mut pictures = Vec::new();
    for record in &records {
        take(&mut often, [record], 5);
        pictures.extend(often.poll(at(5)).map(|woven| (woven.key(), picture(&woven))));
    }
    pictures.sort_by_key(|(key, _)| *key);
    let mut once = weaver();
    take(&mut once, &records, 5);
    let at_once: Vec<_> = once.poll(at(5)).map(|woven| (woven.key(), picture(&woven))).collect();
    assert_eq!(pictures, at_once);
    assert_eq!(pictures.len(), 19);
}
