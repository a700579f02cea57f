//! The loom: from records to workflow trees.
//!
//! Records come in any order: children before their parents, ends before starts, some twice, some never. A [`Weaver`]
//! gathers them by workflow (spans outside any workflow by trace). A workflow is *given out* as a [`Woven`] tree when it
//! was closed and everything that started in it has ended, when nothing more came for a while, when memory runs short,
//! or when the program ends. Only then is the tree built, in one go:
//!
//! 1. Of all records of a span one counts: an end before a start, then the higher revision, then a real end before an
//!    abandoned one, then the one that came first.
//! 2. Parents are found by id. Cycles are cut. What has no known parent goes into the "missing parent" group.
//! 3. Nodes are put in the order of their starts (equal ones as they came), the root first, and linked by index.
//! 4. From the leaves up: usage is summed, and what never ended gets an end and becomes `abandoned`.
//! 5. Flags and counters say what was wrong with the input. Nothing is refused because it is odd.
//!
//! Nothing here recurses, so a chain of 100,000 nodes is as good as a row of them. There is no clock: the time is an
//! argument, in nanoseconds since 1970.
//!
//! # Usage
//! A parent may report tokens of its own, or the sum of what is below it. If every number that it reports is at least
//! the sum of its children's totals, it is taken to contain them; else both are added. So a leaf is never counted twice
//! by a parent that sums up. The price: a parent whose own call outweighs everything below it in every number hides
//! what is below.
//!
//! # First frame
//! The first node, in order of start, whose type is a streaming one (`message` and `node-end`, unless told otherwise)
//! sets the first frame of its workflow: the time from the workflow's start to the node's. The type is `spanloom.kind`, or
//! the name up to its first `:`. A first frame that the root itself reports wins. Each node keeps its own besides.
//!
//! # Abandoned nodes
//! A node without an end when its workflow is given out ends with the last of what is below it; without any such, with
//! the root; without that, now. Its record is its start record with this end and the status "error: abandoned" added, its
//! flags say so, and its revision stays: a real end that comes later outranks it.

mod flags;
mod gather;
mod options;
mod rollup;
mod tally;
mod text;
mod weave;
mod weaver;
mod woven;

pub use flags::NodeFlags;
pub use options::WeaverOptions;
pub(crate) use rollup::combine;
pub use tally::{Loss, Losses, Misuse, StreamReport, WeaverCounts};
pub use text::{TextOptions, tree_text};
pub(crate) use weave::write_abandoned;
pub use weaver::{Weaver, WorkflowKey};
pub use woven::{Children, NodeIndex, NodeRef, Walk, Why, Woven};
