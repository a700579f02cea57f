//! What holds for any input.

use proptest::prelude::*;
use spanloom::Usage;
use spanloom::loom::{NodeFlags, Weaver, WeaverOptions, Woven};

use crate::support::*;

/// A workflow of up to 40 spans with parents of every kind: earlier ones, later ones (cycles), itself, unknown ones.
/// Starts differ; some nodes have a start record, some of those no end; some ends come in two revisions.
fn records() -> impl Strategy<Value = Vec<Rec>> {
    let node = (0u64..48, 0u64..200, 0u8..8, 0i64..50, 0i64..50);
    (proptest::collection::vec(node, 0..40), any::<bool>(), any::<bool>()).prop_map(
        |(nodes, has_open, has_close)| {
            let mut records = Vec::new();
            if has_open {
                records.push(opened("run", 0));
            }
            if has_close {
                records.push(closed("run", 0, 500));
            }
            for (index, (parent, length, shape, input, output)) in (0u64..).zip(nodes) {
                let (id, start) = (index + 2, 1 + index * 7 % 41 * 10 + index);
                let name = format!("n{id}");
                let end = done(id, parent, &name, start, start + length).tokens(input, output);
                match shape {
                    0 => records.push(started(id, parent, &name, start)),
                    1 => records.extend([started(id, parent, &name, start), end]),
                    2 => records.extend([end.clone().revision(2), end]),
                    3 => records.extend([started(id, parent, &name, start).revision(9), end]),
                    _ => records.push(end),
                }
            }
            records
        },
    )
}

fn shuffled() -> impl Strategy<Value = (Vec<Rec>, Vec<Rec>)> {
    records().prop_flat_map(|records| (Just(records.clone()), Just(records).prop_shuffle()))
}

fn all(records: &[Rec]) -> Vec<Woven> {
    let mut weaver = weaver();
    take(&mut weaver, records, 0);
    let woven = weaver.finish(at(10_000)).collect();
    balanced(&weaver);
    woven
}

/// That the links, depths and orders of a tree agree with each other.
fn sound(woven: &Woven) {
    let walked: Vec<_> = woven.walk().collect();
    let mut seen = vec![false; woven.len()];
    for node in &walked {
        assert!(!std::mem::replace(&mut seen[node.index() as usize], true), "walked twice");
        if let Some(parent) = node.parent() {
            assert!(seen[parent.index() as usize], "a child before its parent");
            assert_eq!(node.depth(), parent.depth() + 1);
            assert!(parent.children().any(|child| child.index() == node.index()));
        } else {
            assert_ne!(node.is_root(), node.flags().contains(NodeFlags::ORPHAN));
        }
        assert!(node.end_unix_nano() >= node.start_unix_nano());
        assert_eq!(node.span().span_id, node.span_id());
        assert!(!node.flags().contains(NodeFlags::IN_PROGRESS));
    }
    assert!(seen.iter().all(|seen| *seen), "a node is in no branch");
    let starts: Vec<_> =
        woven.nodes().skip(usize::from(woven.root().is_some())).map(|node| node.start_unix_nano()).collect();
    assert!(starts.is_sorted());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_records_does_not_matter((one, other) in shuffled()) {
        let (one, other) = (all(&one), all(&other));
        prop_assert_eq!(one.len(), other.len());
        for (one, other) in one.iter().zip(&other) {
            sound(one);
            prop_assert_eq!(picture(one), picture(other));
            prop_assert!(one.records().eq(other.records()));
            prop_assert_eq!(one.usage(), other.usage());
            prop_assert_eq!(one.why(), other.why());
        }
    }

    #[test]
    fn garbage_does_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut weaver = weaver();
        weaver.take_stream(&bytes, at(0));
        let _ = weaver.take_span(&bytes, at(0));
        balanced(&weaver);
        for woven in weaver.finish(at(1)) {
            sound(&woven);
            let _ = picture(&woven);
        }
    }

    #[test]
    fn damaged_streams_do_no_harm(
        records in records(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
    ) {
        let mut bytes = stream(&records);
        for (place, byte) in damage {
            if !bytes.is_empty() {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
        }
        let mut weaver = weaver();
        weaver.take_stream(&bytes, at(0));
        balanced(&weaver);
        for woven in weaver.finish(at(1)) {
            sound(&woven);
            let _ = picture(&woven);
        }
        balanced(&weaver);
    }

    #[test]
    fn small_limits_hold_and_lose_nothing_that_is_fetched(
        (records, spans, open, bytes) in (records(), 1usize..20, 1usize..4, 2_000usize..20_000),
    ) {
        let options = WeaverOptions {
            workflow_spans: spans,
            open_workflows: open,
            workflow_bytes: bytes,
            total_bytes: bytes,
            ..WeaverOptions::default()
        };
        let mut weaver = Weaver::new(options);
        for (index, record) in records.iter().enumerate() {
            let record = record.clone().trace(1 + (index % 5) as u128);
            take(&mut weaver, [&record], 0);
            prop_assert!(weaver.open_workflows().count() <= open);
            for woven in weaver.poll(at(0)) {
                prop_assert!(woven.len() <= spans);
            }
        }
        weaver.finish(at(9)).for_each(drop);
        balanced(&weaver);
        prop_assert_eq!((weaver.held(), weaver.held_bytes()), (0, 0));
        prop_assert_eq!((weaver.counts().lost.queue_full, weaver.counts().lost.too_large), (0, 0));
    }

    /// Leaves report, and any parents may report the very sum of what is below them.
    #[test]
    fn usage_is_the_sum_of_the_leaves(
        nodes in proptest::collection::vec((any::<prop::sample::Index>(), 0i64..1 << 40, 0i64..1 << 40, any::<bool>()), 1..40),
    ) {
        let parents: Vec<usize> =
            nodes.iter().enumerate().map(|(index, (parent, ..))| parent.index(index + 1)).collect();
        let mut sums = vec![(0, 0); nodes.len() + 1];
        let mut is_parent = vec![false; nodes.len() + 1];
        parents.iter().for_each(|parent| is_parent[*parent] = true);
        let mut records = Vec::new();
        let mut leaves = (0, 0);
        for (index, (_, input, output, sums_up)) in nodes.iter().enumerate().rev() {
            let place = index + 1;
            if !is_parent[place] {
                sums[place] = (*input, *output);
                leaves = (leaves.0 + input, leaves.1 + output);
            }
            let (input, output) = sums[place];
            let up = &mut sums[parents[index]];
            *up = (up.0 + input, up.1 + output);
            let (id, parent) = (place as u64 + 1, parents[index] as u64 + 1);
            let record = done(id, parent, "n", id, 100);
            records.push(if *sums_up || !is_parent[place] { record.tokens(input, output) } else { record });
        }
        records.push(closed("run", 0, 100));
        let woven = weave(&records);
        let expected = Usage {
            prompt: u64::try_from(leaves.0).unwrap(),
            completion: u64::try_from(leaves.1).unwrap(),
            ..Usage::default()
        };
        prop_assert_eq!(woven.usage(), expected);
    }

    /// Whatever nodes report: at least what its largest child has, at most everything added up, and no overflow.
    #[test]
    fn usage_stays_between_its_bounds(
        nodes in proptest::collection::vec((any::<prop::sample::Index>(), any::<i64>(), any::<i64>()), 1..20),
    ) {
        let mut records = vec![closed("run", 0, 100)];
        for (index, (parent, input, output)) in nodes.iter().enumerate() {
            let id = index as u64 + 2;
            records.push(done(id, parent.index(index + 1) as u64 + 1, "n", id, 100).tokens(*input, *output));
        }
        let woven = weave(&records);
        for node in woven.nodes() {
            let total = node.total_usage().numbers();
            let mut most = node.usage().numbers();
            let least = most;
            for child in node.children() {
                for ((most, total), child) in most.iter_mut().zip(total).zip(child.total_usage().numbers()) {
                    *most = most.saturating_add(child);
                    prop_assert!(total >= child);
                }
            }
            for place in [0, 1] {
                prop_assert!((least[place]..=most[place]).contains(&total[place]));
            }
        }
    }
}
