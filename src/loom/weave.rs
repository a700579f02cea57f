//! The weaving itself: from the gathered records of a workflow to its tree. Every step is a loop over a list.

use super::flags::NodeFlags;
use super::gather::{Gathered, Piece, Strand, place_of};
use super::rollup::{add, combine};
use super::tally::Misuse;
use super::woven::{NONE, Node, NodeIndex, Why, Woven, following};
use crate::otlp::any::{AnyView, read_key_value};
use crate::otlp::span::{StatusCode, field, messages};
use crate::otlp::wire::{
    Fields, close_message, open_message, put_bytes_field, put_fixed64_field, put_varint_field,
};
use crate::record::envelope::flags as record_flags;
use crate::usage::{Usage, UsageMode};
use crate::vocabulary as key;

/// What becomes of nodes that have not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unended {
    /// They get an end.
    Abandon,
    /// They stay in progress.
    Keep,
}

/// A start so far ahead of the clock is no mere difference between clocks.
const FUTURE: u64 = 3_600_000_000_000;

pub(super) fn weave(
    gathered: Gathered,
    why: Why,
    unended: Unended,
    streaming_types: &[String],
    now: u64,
) -> Woven {
    let mut misuse = Misuse::default();
    let Skeleton { nodes, root } = skeleton(&gathered, &mut misuse);
    let mut woven = Woven {
        key: gathered.key,
        why,
        part: gathered.part,
        late: gathered.late,
        bytes: gathered.bytes,
        nodes,
        rooted: root,
        first_orphan: NONE,
        usage: Usage::default(),
        start: 0,
        end: 0,
        first_frame: None,
        misuse,
        dropped: [0; 3],
    };
    drop((gathered.index, gathered.strands));
    link(&mut woven);
    let streaming = read_attributes(&mut woven, streaming_types);
    close_from_below(&mut woven, unended, now);
    mark(&mut woven, now);
    sum_up(&mut woven, streaming);
    woven
}

struct Skeleton {
    /// In their final order, parents set.
    nodes: Vec<Node>,
    /// The first one is the root.
    root: bool,
}

/// Finds parents, cuts cycles, decides on the root and orders the nodes.
fn skeleton(gathered: &Gathered, misuse: &mut Misuse) -> Skeleton {
    let strands = &gathered.strands;
    let mut marks = vec![NodeFlags::NONE; strands.len()];
    let named = gathered.index.get(&gathered.key.workflow).copied();
    let mut parents = Vec::with_capacity(strands.len());
    for ((strand, marks), place) in strands.iter().zip(&mut marks).zip(0..) {
        let parent = gathered.index.get(&strand.parent_id).copied().unwrap_or(NONE);
        let is_self = parent == place;
        // The root of a workflow stays on top, whatever its parent is said to be.
        let below_itself = named == Some(place) && parent != NONE;
        marks.set_if(is_self || below_itself, NodeFlags::CYCLE_BROKEN);
        misuse.self_parents += u64::from(is_self);
        misuse.cycles += u64::from(below_itself && !is_self);
        parents.push(if is_self || below_itself { NONE } else { parent });
    }
    misuse.cycles += cut_cycles(strands, &mut parents, &mut marks);
    let root = named
        .or_else(|| if gathered.key.workflow.is_valid() { None } else { root_of_trace(strands, &parents) });

    let mut order: Vec<u32> = (0u32..).take(strands.len()).collect();
    order.sort_unstable_by_key(|&place| {
        (Some(place) != root, strands.get(place as usize).map_or(0, |strand| strand.start), place)
    });
    let mut places = vec![NONE; strands.len()];
    for (&old, new) in order.iter().zip(0..) {
        if let Some(place) = places.get_mut(old as usize) {
            *place = new;
        }
    }
    let mut nodes = Vec::with_capacity(strands.len());
    for &old in &order {
        let old = old as usize;
        let (Some(strand), Some(&marks), Some(&parent)) =
            (strands.get(old), marks.get(old), parents.get(old))
        else {
            continue;
        };
        let parent = places.get(parent as usize).copied().unwrap_or(NONE);
        nodes.push(node_of(strand, marks, parent));
        misuse.double_ends += u64::from(strand.repeats);
        misuse.id_collisions += u64::from(strand.collisions);
        misuse.changes_after_end += u64::from(changed_after_end(strand));
    }
    Skeleton { nodes, root: root.is_some() }
}

const fn changed_after_end(strand: &Strand) -> bool {
    strand.finished && strand.start_revision > strand.revision
}

/// Two clocks of one machine may be so far apart, in nanoseconds, without anything being wrong.
const CLOCKS_APART: u64 = 1_000_000;

fn node_of(strand: &Strand, mut flags: NodeFlags, parent: NodeIndex) -> Node {
    let ends_early = strand.finished && strand.end < strand.start;
    let said = strand.flags & record_flags::CLOCK_SUSPECT != 0;
    flags.set_if(ends_early || said, NodeFlags::CLOCK_SUSPECT);
    flags.set_if(strand.flags & record_flags::ABANDONED != 0, NodeFlags::ABANDONED);
    flags.set_if(!strand.finished, NodeFlags::IN_PROGRESS);
    flags.set_if(strand.repeats > 0, NodeFlags::DUPLICATE);
    flags.set_if(strand.collisions > 0, NodeFlags::COLLISION);
    let suspect = if ends_early { record_flags::CLOCK_SUSPECT } else { 0 };
    Node {
        span_id: strand.span_id,
        parent_id: strand.parent_id,
        start: strand.start,
        end: strand.end.max(strand.start),
        body: strand.body,
        name: strand.name,
        kind: Piece::default(),
        first_frame: None,
        usage: Usage::default(),
        total: Usage::default(),
        dropped: strand.dropped,
        parent,
        first_child: NONE,
        next_sibling: NONE,
        depth: 0,
        revision: strand.revision,
        record_flags: strand.flags | suspect,
        flags,
        status: strand.status,
    }
}

/// Cuts each cycle of parents at its node that started last.
fn cut_cycles(strands: &[Strand], parents: &mut [u32], marks: &mut [NodeFlags]) -> u64 {
    let mut cycles = 0;
    // In which walk each was met first; 0 is none.
    let mut met = vec![0u32; strands.len()];
    for (from, walk) in (0..strands.len()).zip(1..) {
        let mut at = from;
        while let Some(met) = met.get_mut(at).filter(|met| **met == 0 || **met == walk) {
            if *met == walk {
                let last = last_of_cycle(strands, parents, at);
                if let (Some(parent), Some(marks)) = (parents.get_mut(last), marks.get_mut(last)) {
                    *parent = NONE;
                    marks.set_if(true, NodeFlags::CYCLE_BROKEN);
                }
                cycles += 1;
                break;
            }
            *met = walk;
            at = parents.get(at).map_or(usize::MAX, |parent| *parent as usize);
        }
    }
    cycles
}

fn last_of_cycle(strands: &[Strand], parents: &[u32], from: usize) -> usize {
    let started = |at: usize| strands.get(at).map(|strand| (strand.start, strand.span_id));
    let mut last = from;
    let mut at = from;
    while let Some(&parent) = parents.get(at) {
        at = parent as usize;
        if at == from {
            break;
        }
        if started(at) > started(last) {
            last = at;
        }
    }
    last
}

/// The root of spans outside any workflow: the first one without a parent, else the only one whose parent is elsewhere.
fn root_of_trace(strands: &[Strand], parents: &[u32]) -> Option<u32> {
    let tops =
        || (0u32..).zip(strands).zip(parents).filter(|(_, parent)| **parent == NONE).map(|(top, _)| top);
    let first = tops()
        .filter(|(_, strand)| !strand.parent_id.is_valid())
        .min_by_key(|(place, strand)| (strand.start, *place));
    let only = || tops().next().filter(|_| tops().nth(1).is_none());
    first.or_else(only).map(|(place, _)| place)
}

/// Links children to their parents in the order of the list, and tells each node its depth.
fn link(woven: &mut Woven) {
    let rooted = woven.rooted;
    for index in (0u32..).take(woven.nodes.len()).collect::<Vec<_>>().into_iter().rev() {
        let Some(node) = woven.nodes.get_mut(index as usize) else { continue };
        if rooted && index == 0 {
            node.next_sibling = woven.first_orphan;
            continue;
        }
        let parent = node.parent;
        let next = if parent == NONE {
            node.flags.set_if(true, NodeFlags::ORPHAN);
            core::mem::replace(&mut woven.first_orphan, index)
        } else {
            woven
                .nodes
                .get_mut(parent as usize)
                .map_or(NONE, |parent| core::mem::replace(&mut parent.first_child, index))
        };
        if let Some(node) = woven.nodes.get_mut(index as usize) {
            node.next_sibling = next;
        }
    }
    let group = if rooted { 2 } else { 1 };
    for index in reading_order(woven) {
        let Some(node) = woven.nodes.get(index as usize) else { continue };
        let depth = match woven.nodes.get(node.parent as usize) {
            Some(parent) => parent.depth.saturating_add(1),
            None if rooted && index == 0 => 0,
            None => group,
        };
        if let Some(node) = woven.nodes.get_mut(index as usize) {
            node.depth = depth;
        }
    }
}

/// The places of all nodes, each before its children.
fn reading_order(woven: &Woven) -> Vec<NodeIndex> {
    let mut order = Vec::with_capacity(woven.nodes.len());
    let mut at = if woven.rooted { 0 } else { woven.first_orphan };
    while at != NONE {
        order.push(at);
        at = following(&woven.nodes, at);
    }
    order
}

/// Reads what the attributes tell. The result is the start of the first node of a streaming type.
fn read_attributes(woven: &mut Woven, streaming_types: &[String]) -> Option<u64> {
    let Woven { nodes, bytes, rooted, .. } = woven;
    let mut streaming = None;
    for (index, node) in nodes.iter_mut().enumerate() {
        let body = node.body.of(bytes);
        for (name, value) in own_attributes(body) {
            match (name, value) {
                (key::KIND, AnyView::String(kind)) => node.kind = place_of(kind, body),
                (key::FIRST_FRAME, AnyView::Double(seconds)) => node.first_frame = nanos(seconds),
                (key::FIRST_FRAME, AnyView::Int(seconds)) => {
                    node.first_frame =
                        u64::try_from(seconds).ok().map(|seconds| seconds.saturating_mul(1_000_000_000));
                }
                (name, value) => node.usage.read_attribute(name, value),
            }
        }
        if streaming.is_none() && !(*rooted && index == 0) {
            let kind = node.kind.of(body);
            let id = node.name.of(body).split(|byte| *byte == b':').next().unwrap_or_default();
            let streams = streaming_types.iter().any(|name| [kind, id].contains(&name.as_bytes()));
            streaming = streams.then_some(node.start);
        }
    }
    streaming
}

/// The attributes whose names are among ours. The others, which are the most and the largest, are not looked into.
fn own_attributes(body: &[u8]) -> impl Iterator<Item = (&str, AnyView<'_>)> {
    messages(body, field::ATTRIBUTES).filter_map(|pair| {
        // The key, field 1, stands first with every encoder; where it does not, the pair is read in full.
        let foreign = match pair {
            [0x0a, length, key @ ..] if *length < 0x80 => {
                !key.starts_with(b"gen_ai.") && !key.starts_with(b"spanloom.")
            }
            _ => false,
        };
        if foreign { None } else { read_key_value(pair).ok() }
    })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
fn nanos(seconds: f64) -> Option<u64> {
    (seconds >= 0.0 && seconds.is_finite()).then(|| (seconds * 1e9).round() as u64)
}

/// From the leaves up: sums usage and ends what has no end.
fn close_from_below(woven: &mut Woven, unended: Unended, now: u64) {
    let order = reading_order(woven);
    let mut scratch = Vec::new();
    let root_end = woven.nodes.first().filter(|root| woven.rooted && !is_open(root)).map(|root| root.end);
    let mut below = vec![(Usage::default(), None::<u64>); woven.nodes.len()];
    for &index in order.iter().rev() {
        let (Some(node), Some((usage_below, last_below))) =
            (woven.nodes.get_mut(index as usize), below.get(index as usize).copied())
        else {
            continue;
        };
        let (total, contains) = combine(node.usage, usage_below);
        node.total = total;
        node.flags.set_if(contains, NodeFlags::USAGE_CONTAINS);
        node.flags.set_if(node.usage.mode == UsageMode::Cumulative, NodeFlags::USAGE_CUMULATIVE);
        if is_open(node) {
            match unended {
                Unended::Keep => node.end = now.max(node.start),
                Unended::Abandon => {
                    node.end = last_below.or(root_end).unwrap_or(now).max(node.start);
                    abandon(node, &mut woven.bytes, &mut scratch);
                }
            }
        }
        let (end, is_root) = (node.end, woven.rooted && index == 0);
        // What has no parent counts for the root, which may report a sum; without a root, for the workflow alone.
        let up = if node.parent == NONE && woven.rooted && !is_root { 0 } else { node.parent };
        match below.get_mut(up as usize) {
            Some((usage, last)) => {
                *usage = add(*usage, total);
                *last = Some(last.map_or(end, |last| last.max(end)));
            }
            None => woven.usage = add(woven.usage, total),
        }
    }
}

fn is_open(node: &Node) -> bool {
    node.flags.contains(NodeFlags::IN_PROGRESS)
}

/// Makes the record of a node's start into one of its end.
fn abandon(node: &mut Node, bytes: &mut Vec<u8>, scratch: &mut Vec<u8>) {
    scratch.clear();
    let texts = [&mut node.name, &mut node.kind];
    write_ended(node.body.of(bytes), node.end, texts, scratch);
    node.body = Piece { at: bytes.len(), len: scratch.len() };
    bytes.extend_from_slice(scratch);
    node.status = StatusCode::Error;
    node.record_flags |= record_flags::ABANDONED;
    node.flags = node.flags.without(NodeFlags::IN_PROGRESS) | NodeFlags::ABANDONED;
}

/// Copies a span that nobody ended, with this end and the status of abandoned ones.
pub(crate) fn write_abandoned(body: &[u8], end: u64, out: &mut Vec<u8>) {
    write_ended(body, end, [&mut Piece::default(), &mut Piece::default()], out);
}

/// Copies a span with another end and the status of abandoned ones, both at the places where encoders put them.
/// `texts` are places in the span, which may move.
fn write_ended(body: &[u8], end: u64, mut texts: [&mut Piece; 2], out: &mut Vec<u8>) {
    let old = texts.each_ref().map(|text| **text);
    let mut fields = Fields::new(body);
    let (mut end_written, mut status_written) = (false, false);
    loop {
        let rest = fields.rest();
        let next = fields.next_field().ok().flatten();
        let number = next.map_or(u32::MAX, |found| found.number);
        if number > field::END && !core::mem::replace(&mut end_written, true) {
            put_fixed64_field(out, field::END, end);
        }
        if number > field::STATUS && !core::mem::replace(&mut status_written, true) {
            let status = open_message(out, field::STATUS);
            put_bytes_field(out, 2, b"abandoned");
            put_varint_field(out, 3, StatusCode::Error as u64);
            close_message(out, status);
        }
        if next.is_none() {
            return;
        }
        if number == field::END || number == field::STATUS {
            continue;
        }
        let from = body.len() - rest.len();
        let to = body.len() - fields.rest().len();
        for (text, old) in texts.iter_mut().zip(old) {
            if (from..to).contains(&old.at) {
                text.at = old.at - from + out.len();
            }
        }
        out.extend_from_slice(body.get(from..to).unwrap_or_default());
    }
}

/// Sets the marks that come of comparing a node with its parent, the root and the clock.
fn mark(woven: &mut Woven, now: u64) {
    let unended = |node: &Node| is_open(node) || node.flags.contains(NodeFlags::ABANDONED);
    // A trace may well go on when its first root is done; a workflow is over with it.
    let has_close = woven.rooted && woven.key.workflow.is_valid();
    let closed = woven.nodes.first().filter(|root| has_close && !unended(root)).map(|root| root.end);
    let mut marks = Vec::with_capacity(woven.nodes.len());
    for (index, node) in woven.nodes.iter().enumerate() {
        let parent = woven.nodes.get(node.parent as usize);
        let is_root = woven.rooted && index == 0;
        let mut flags = node.flags;
        let after_parent = parent.is_some_and(|parent| !unended(parent) && node.start > parent.end);
        flags.set_if(after_parent, NodeFlags::PARENT_ENDED);
        let before_parent =
            parent.is_some_and(|parent| node.start.saturating_add(CLOCKS_APART) < parent.start);
        flags.set_if(before_parent || node.start > now.saturating_add(FUTURE), NodeFlags::CLOCK_SUSPECT);
        let after_root = closed.is_some_and(|closed| !is_root && !unended(node) && node.end > closed);
        flags.set_if(woven.late || after_root, NodeFlags::LATE);
        woven.misuse.ended_parents += u64::from(after_parent);
        woven.misuse.suspect_clocks += u64::from(flags.contains(NodeFlags::CLOCK_SUSPECT));
        marks.push(flags);
    }
    for (node, flags) in woven.nodes.iter_mut().zip(marks) {
        node.flags = flags;
    }
}

/// What is said about the workflow as a whole.
fn sum_up(woven: &mut Woven, streaming: Option<u64>) {
    let Some(first) = woven.nodes.first() else { return };
    woven.start = first.start;
    let last = woven.nodes.iter().map(|node| node.end).max().unwrap_or_default();
    woven.end = if woven.rooted { first.end } else { last };
    let reported = first.first_frame.filter(|_| woven.rooted);
    woven.first_frame = reported.or_else(|| streaming.map(|start| start.saturating_sub(woven.start)));
    for node in &woven.nodes {
        for (sum, dropped) in woven.dropped.iter_mut().zip(node.dropped) {
            *sum = sum.saturating_add(dropped.into());
        }
    }
}
