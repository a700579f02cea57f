//! A workflow tree as it is given out.
//!
//! Nodes stand in one list, the root first, the others in the order of their starts, and know each other by index:
//! parent, first child, next sibling. That is enough to go through the tree in any order without a stack. Their records
//! stay encoded in one buffer; a node lends views of them.

use core::fmt;

use super::flags::NodeFlags;
use super::gather::Piece;
use super::tally::Misuse;
use super::text::{TextOptions, tree_text};
use super::weaver::WorkflowKey;
use crate::id::SpanId;
use crate::otlp::span::{SpanView, StatusCode};
use crate::record::{Record, RecordKind};
use crate::usage::Usage;

/// The place of a node in its tree.
pub type NodeIndex = u32;

/// No node.
pub(super) const NONE: NodeIndex = NodeIndex::MAX;

/// Why a tree was given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Why {
    /// The workflow was closed and all its nodes had ended.
    Closed,
    /// The workflow was closed, and its other nodes did not end in time.
    GraceOver,
    /// Nothing came for a while.
    Quiet,
    /// The program ends.
    Finish,
    /// The workflow has reached its limits: this is one part of it.
    Full,
    /// It had to make room for others.
    PushedOut,
    /// Somebody looks at it while it goes on.
    Snapshot,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    pub span_id: SpanId,
    pub parent_id: SpanId,
    pub start: u64,
    pub end: u64,
    pub body: Piece,
    /// Within the body.
    pub name: Piece,
    /// Within the body.
    pub kind: Piece,
    pub first_frame: Option<u64>,
    pub usage: Usage,
    pub total: Usage,
    pub dropped: [u32; 3],
    pub parent: NodeIndex,
    pub first_child: NodeIndex,
    /// Behind the root: the first node of the "missing parent" group.
    pub next_sibling: NodeIndex,
    pub depth: u32,
    pub revision: u32,
    pub record_flags: u16,
    pub flags: NodeFlags,
    pub status: StatusCode,
}

/// A workflow tree.
#[derive(Debug, Clone)]
pub struct Woven {
    pub(super) key: WorkflowKey,
    pub(super) why: Why,
    pub(super) part: u32,
    pub(super) late: bool,
    pub(super) bytes: Vec<u8>,
    pub(super) nodes: Vec<Node>,
    /// The first node is the root.
    pub(super) rooted: bool,
    pub(super) first_orphan: NodeIndex,
    pub(super) usage: Usage,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) first_frame: Option<u64>,
    pub(super) misuse: Misuse,
    pub(super) dropped: [u64; 3],
}

impl Woven {
    /// What the records of this tree were gathered by.
    #[must_use]
    pub const fn key(&self) -> WorkflowKey {
        self.key
    }

    /// Why it was given out.
    #[must_use]
    pub const fn why(&self) -> Why {
        self.why
    }

    /// How many parts of the workflow were given out before this one: 0 where it is the first, mostly the only one.
    #[must_use]
    pub const fn part(&self) -> u32 {
        self.part
    }

    /// True where these records came after their workflow had been closed and given out.
    #[must_use]
    pub const fn is_late(&self) -> bool {
        self.late
    }

    /// How many nodes there are, the root included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// True without any node; a weaver gives out no such tree.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The root; `None` where its record is missing.
    #[must_use]
    pub fn root(&self) -> Option<NodeRef<'_>> {
        self.node(0).filter(|_| self.rooted)
    }

    /// The node at this place: the root at 0, where there is one, the others by their starts.
    #[must_use]
    pub fn node(&self, index: NodeIndex) -> Option<NodeRef<'_>> {
        let node = self.nodes.get(index as usize)?;
        Some(NodeRef { woven: self, node, index })
    }

    /// The nodes, the root first, then in the order of their starts.
    pub fn nodes(&self) -> impl Iterator<Item = NodeRef<'_>> {
        self.nodes.iter().zip(0..).map(|(node, index)| NodeRef { woven: self, node, index })
    }

    /// The nodes whose parent is missing; children of theirs are below them.
    #[must_use]
    pub const fn orphans(&self) -> Children<'_> {
        Children { woven: self, next: self.first_orphan }
    }

    /// The nodes as a tree is read: each before its children; the "missing parent" group at the end.
    #[must_use]
    pub const fn walk(&self) -> Walk<'_> {
        Walk { woven: self, next: if self.nodes.is_empty() { NONE } else { self.first() } }
    }

    const fn first(&self) -> NodeIndex {
        if self.rooted { 0 } else { self.first_orphan }
    }

    /// The final records in a stable order: the root first, then by their starts. What has not ended yet, in a part or
    /// a snapshot, comes as it began.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        self.nodes().map(|node| node.record())
    }

    /// The spans, in the order of [`records`](Self::records).
    pub fn spans(&self) -> impl Iterator<Item = SpanView<'_>> {
        self.nodes().map(|node| node.span())
    }

    /// The usage of the whole workflow, each token once.
    #[must_use]
    pub const fn usage(&self) -> Usage {
        self.usage
    }

    /// When it started, in nanoseconds since 1970: the root, else the first node.
    #[must_use]
    pub const fn start_unix_nano(&self) -> u64 {
        self.start
    }

    /// When it ended: the root, else the last node.
    #[must_use]
    pub const fn end_unix_nano(&self) -> u64 {
        self.end
    }

    /// How long it took, in nanoseconds.
    #[must_use]
    pub const fn duration_nanos(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// The time to the first frame, in nanoseconds; see the [module](super).
    #[must_use]
    pub const fn first_frame_nanos(&self) -> Option<u64> {
        self.first_frame
    }

    /// The status of the root; unset where it is missing.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.root().map_or(StatusCode::Unset, |root| root.status())
    }

    /// How many nodes ended with an error.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.nodes.iter().filter(|node| node.status == StatusCode::Error).count()
    }

    /// How many nodes have all of these marks.
    #[must_use]
    pub fn marked(&self, marks: NodeFlags) -> usize {
        self.nodes.iter().filter(|node| node.flags.contains(marks)).count()
    }

    /// What was wrong with the records.
    #[must_use]
    pub const fn misuse(&self) -> &Misuse {
        &self.misuse
    }

    /// How many attributes, events and links the spans say were left out.
    #[must_use]
    pub const fn dropped(&self) -> [u64; 3] {
        self.dropped
    }
}

impl fmt::Display for Woven {
    /// The tree as a picture: see [`tree_text`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&tree_text(self, &TextOptions::default()))
    }
}

/// A node of a tree.
#[derive(Debug, Clone, Copy)]
pub struct NodeRef<'a> {
    woven: &'a Woven,
    node: &'a Node,
    index: NodeIndex,
}

impl<'a> NodeRef<'a> {
    /// Its place in the tree.
    #[must_use]
    pub const fn index(&self) -> NodeIndex {
        self.index
    }

    /// True for the root of the tree.
    #[must_use]
    pub const fn is_root(&self) -> bool {
        self.index == 0 && self.woven.rooted
    }

    /// Its id.
    #[must_use]
    pub const fn span_id(&self) -> SpanId {
        self.node.span_id
    }

    /// The id of its parent as its record says, known or not.
    #[must_use]
    pub const fn parent_span_id(&self) -> SpanId {
        self.node.parent_id
    }

    /// Its parent in the tree; none for the root and in the "missing parent" group.
    #[must_use]
    pub fn parent(&self) -> Option<NodeRef<'a>> {
        self.woven.node(self.node.parent)
    }

    /// Its children in the order of their starts, equal ones in the order in which they came.
    #[must_use]
    pub const fn children(&self) -> Children<'a> {
        Children { woven: self.woven, next: self.node.first_child }
    }

    /// The level at which it is drawn: 0 for the root; the "missing parent" group takes a level of its own.
    #[must_use]
    pub const fn depth(&self) -> u32 {
        self.node.depth
    }

    /// What is odd about it.
    #[must_use]
    pub const fn flags(&self) -> NodeFlags {
        self.node.flags
    }

    pub(super) const fn is_last_sibling(&self) -> bool {
        self.node.next_sibling == NONE
    }

    fn text(&self, place: Piece) -> &'a str {
        core::str::from_utf8(place.of(self.node.body.of(&self.woven.bytes))).unwrap_or_default()
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.text(self.node.name)
    }

    /// What kind of step it is (`llm`, `tool`, ...); empty where its program did not say.
    #[must_use]
    pub fn kind(&self) -> &'a str {
        self.text(self.node.kind)
    }

    /// When it started, in nanoseconds since 1970.
    #[must_use]
    pub const fn start_unix_nano(&self) -> u64 {
        self.node.start
    }

    /// When it ended, never before its start; the time of looking where it is in progress.
    #[must_use]
    pub const fn end_unix_nano(&self) -> u64 {
        self.node.end
    }

    /// How long it took, in nanoseconds.
    #[must_use]
    pub const fn duration_nanos(&self) -> u64 {
        self.node.end.saturating_sub(self.node.start)
    }

    /// The time to its first frame as it reports it, in nanoseconds.
    #[must_use]
    pub const fn first_frame_nanos(&self) -> Option<u64> {
        self.node.first_frame
    }

    /// The usage that it reports itself.
    #[must_use]
    pub const fn usage(&self) -> Usage {
        self.node.usage
    }

    /// The usage of it and everything below it, each token once.
    #[must_use]
    pub const fn total_usage(&self) -> Usage {
        self.node.total
    }

    /// Its status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.node.status
    }

    /// How many attributes, events and links its span says were left out.
    #[must_use]
    pub const fn dropped(&self) -> [u32; 3] {
        self.node.dropped
    }

    /// Its span, read in place.
    #[must_use]
    pub fn span(&self) -> SpanView<'a> {
        SpanView::read(self.node.body.of(&self.woven.bytes)).unwrap_or_default()
    }

    /// Its record: an end, or a start where it is in progress.
    #[must_use]
    pub fn record(&self) -> Record<'a> {
        let of_workflow = self.is_root() && self.woven.key.workflow.is_valid();
        let kind = match (self.node.flags.contains(NodeFlags::IN_PROGRESS), of_workflow) {
            (true, true) => RecordKind::WorkflowOpened,
            (true, false) => RecordKind::Started,
            (false, true) => RecordKind::WorkflowClosed,
            (false, false) => RecordKind::Finished,
        };
        Record {
            kind,
            flags: self.node.record_flags,
            revision: self.node.revision,
            workflow: self.woven.key.workflow,
            body: self.node.body.of(&self.woven.bytes),
        }
    }
}

/// Siblings, in order.
#[derive(Debug, Clone, Copy)]
pub struct Children<'a> {
    woven: &'a Woven,
    next: NodeIndex,
}

impl<'a> Iterator for Children<'a> {
    type Item = NodeRef<'a>;

    fn next(&mut self) -> Option<NodeRef<'a>> {
        let node = self.woven.node(self.next)?;
        self.next = node.node.next_sibling;
        Some(node)
    }
}

/// All nodes, each before its children.
#[derive(Debug, Clone, Copy)]
pub struct Walk<'a> {
    woven: &'a Woven,
    next: NodeIndex,
}

impl<'a> Iterator for Walk<'a> {
    type Item = NodeRef<'a>;

    fn next(&mut self) -> Option<NodeRef<'a>> {
        let node = self.woven.node(self.next)?;
        self.next = following(&self.woven.nodes, self.next);
        Some(node)
    }
}

/// The node after this one, where each comes before its children.
pub(super) fn following(nodes: &[Node], index: NodeIndex) -> NodeIndex {
    let Some(mut node) = nodes.get(index as usize) else { return NONE };
    if node.first_child != NONE {
        return node.first_child;
    }
    while node.next_sibling == NONE {
        let Some(parent) = nodes.get(node.parent as usize) else { return NONE };
        node = parent;
    }
    node.next_sibling
}
