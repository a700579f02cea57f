//! Usage from the leaves up, each token once.

use spanloom::loom::{NodeFlags, Woven};
use spanloom::value::Value;
use spanloom::vocabulary as key;
use spanloom::{Usage, UsageMode};

use crate::support::*;

fn usage(input: u64, output: u64) -> Usage {
    Usage { prompt: input, completion: output, ..Usage::default() }
}

fn of<'a>(woven: &'a Woven, name: &str) -> spanloom::loom::NodeRef<'a> {
    woven.nodes().find(|node| node.name() == name).unwrap()
}

#[test]
fn leaves_are_summed_level_by_level() {
    let woven = weave(&[
        closed("run", 0, 9),
        done(2, ROOT, "agent", 1, 9),
        done(3, 2, "llm 1", 2, 3).tokens(10, 1),
        done(4, 2, "llm 2", 3, 4).tokens(20, 2),
        done(5, ROOT, "llm 3", 4, 5).tokens(300, 30),
    ]);
    assert_eq!(of(&woven, "agent").total_usage(), usage(30, 3));
    assert_eq!(of(&woven, "agent").usage(), Usage::default());
    assert_eq!(woven.usage(), usage(330, 33));
    assert_eq!(woven.root().unwrap().total_usage(), woven.usage());
}

#[test]
fn parents_that_report_the_sum_are_not_counted_twice() {
    let woven = weave(&[
        closed("run", 0, 9).tokens(30, 3),
        done(2, ROOT, "agent", 1, 9).tokens(30, 3),
        done(3, 2, "chain", 1, 9).tokens(30, 3),
        done(4, 3, "llm 1", 2, 3).tokens(10, 1),
        done(5, 3, "llm 2", 3, 4).tokens(20, 2),
    ]);
    assert_eq!(woven.usage(), usage(30, 3));
    assert_eq!(woven.marked(NodeFlags::USAGE_CONTAINS), 3);
}

#[test]
fn a_parent_with_a_call_of_its_own_is_added() {
    let woven = weave(&[
        closed("run", 0, 9),
        done(2, ROOT, "llm", 1, 9).tokens(5, 100),
        done(3, 2, "llm below", 2, 3).tokens(50, 10),
    ]);
    assert_eq!((of(&woven, "llm").total_usage(), woven.usage()), (usage(55, 110), usage(55, 110)));
    assert_eq!(woven.marked(NodeFlags::USAGE_CONTAINS), 0);
}

#[test]
fn a_sum_given_as_a_total_alone() {
    let woven =
        weave(&[closed("run", 0, 9).with(key::USAGE_TOTAL, 33), done(2, ROOT, "llm", 1, 9).tokens(30, 3)]);
    assert_eq!(woven.usage().total_tokens(), 33);
    assert_eq!((woven.usage().prompt, woven.usage().completion), (30, 3));
}

#[test]
fn odd_numbers() {
    let cases: [(&str, Value, u64); 8] = [
        ("negative", (-5).into(), 0),
        ("a float", 7.9.into(), 7),
        ("a negative float", (-7.9).into(), 0),
        ("not a number", f64::NAN.into(), 0),
        ("infinite", f64::INFINITY.into(), u64::MAX),
        ("above 2^31", (5i64 << 31).into(), 5 << 31),
        ("a text", "12".into(), 0),
        ("nothing", Value::Null, 0),
    ];
    for (name, value, expected) in cases {
        let woven = weave(&[
            closed("run", 0, 9),
            done(2, ROOT, "llm", 1, 2).with(key::USAGE_INPUT, value).with(key::USAGE_OUTPUT, 3),
        ]);
        assert_eq!(woven.usage(), usage(expected, 3), "{name}");
    }
}

#[test]
fn sums_do_not_overflow() {
    let huge = i64::MAX;
    let mut records = vec![closed("run", 0, 9)];
    records.extend((2..6).map(|id| done(id, ROOT, "llm", 1, 2).tokens(huge, huge)));
    let woven = weave(&records);
    assert_eq!((woven.usage().prompt, woven.usage().total_tokens()), (u64::MAX, u64::MAX));
    assert!(stable(&woven).contains("18446744073709551615 in"), "{}", stable(&woven));
}

#[test]
fn running_totals_are_marked_up_to_the_root() {
    let woven = weave(&[
        closed("run", 0, 9),
        done(2, ROOT, "stream", 1, 2).tokens(4, 5).with(key::USAGE_CUMULATIVE, true),
        done(3, ROOT, "llm", 1, 2).tokens(1, 1).with(key::USAGE_CUMULATIVE, false),
    ]);
    assert_eq!(woven.usage(), Usage { mode: UsageMode::Cumulative, ..usage(5, 6) });
    assert_eq!(of(&woven, "stream").flags(), NodeFlags::USAGE_CUMULATIVE);
    assert!(of(&woven, "llm").flags().is_empty());
}

#[test]
fn sub_buckets_are_summed_like_the_others() {
    let cached =
        |id, cache: i64| done(id, ROOT, "llm", 1, 2).tokens(10, 5).with(key::USAGE_CACHE_READ, cache);
    let woven = weave(&[
        closed("run", 0, 9),
        cached(2, 8),
        cached(3, 4).with(key::USAGE_REASONING, 2),
        cached(4, 0).with(key::USAGE_QUESTION, 6).with(key::USAGE_CACHE_WRITE, 1),
    ]);
    let expected = Usage { cache_read: 12, cache_write: 1, reasoning: 2, question: 6, ..usage(30, 15) };
    assert_eq!((woven.usage(), woven.usage().total_tokens()), (expected, 45));
}

#[test]
fn orphans_count_for_the_root_once() {
    let below = [done(2, ROOT, "a", 1, 2).tokens(10, 1), done(3, 77, "orphan", 1, 2).tokens(20, 2)];
    let silent = weave([&closed("run", 0, 9), &below[0], &below[1]]);
    let summing = weave([&closed("run", 0, 9).tokens(30, 3), &below[0], &below[1]]);
    let rootless = weave([&below[0], &below[1]]);
    for woven in [silent, summing, rootless] {
        assert_eq!(woven.usage(), usage(30, 3), "{woven}");
    }
}

#[test]
fn an_open_node_reports_what_it_has() {
    let woven = weave(&[opened("run", 0), started(2, ROOT, "llm", 1).tokens(7, 0)]);
    assert_eq!(woven.usage(), usage(7, 0));
}
