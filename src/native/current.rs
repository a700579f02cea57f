//! The current node: found without being handed on.
//!
//! Each thread keeps a stack of the nodes that it is in. [`Node::enter`](crate::Node::enter) puts a node on it until its guard goes; the top is
//! [`current`]. A [`Current`] is what a child needs of its parent (ids, tracestate, loom, workflow), owned, so it may be
//! carried anywhere: into a thread ([`Current::run`]), into a future that moves from thread to thread ([`InNode::in_node`]
//! enters at each poll), into a callback. It neither keeps the node open nor ends it.
//!
//! A program that never enters pays nothing: starting and ending nodes do not look at the stack.
//!
//! ```
//! let loom = spanloom::Loom::builder().build();
//! let run = loom.workflow("answer").start();
//! let inside = run.enter();
//! // Far away, without a handle:
//! let step = spanloom::current().expect("the run is entered").node("weather").kind("tool").start();
//! assert_eq!(step.context().span.unwrap().trace_id, run.context().span.unwrap().trace_id);
//! drop(inside);
//! assert!(spanloom::current().is_none());
//! ```

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::Arc;

use super::core::Core;
use super::here::Kin;
use super::node::{Ids, NodeBuilder, Parent, ParentIds, context_of};
use crate::context::Context;
use crate::record::SpanRole;

/// A node as its children need it. Cheap to clone, and free to go to other threads.
///
/// ```
/// use spanloom::{Current, Loom};
/// let loom = Loom::builder().build();
/// let run = loom.workflow("answer").start();
/// let here: Current = run.current();
/// std::thread::scope(|scope| {
///     scope.spawn(|| here.run(|| {
///         let step = spanloom::current().unwrap().node("search").start();
///         assert!(step.is_recording());
///     }));
/// });
/// ```
#[derive(Clone)]
#[must_use = "it does nothing until something is started below it"]
pub struct Current {
    /// `None` where nothing is recorded.
    core: Option<Arc<Core>>,
    ids: Ids,
    is_remote: bool,
    kin: Kin,
}

impl Current {
    pub(super) fn of(parent: Parent<'_>) -> Self {
        Self {
            core: parent.core.cloned(),
            ids: *parent.ids.get(),
            is_remote: parent.is_remote,
            kin: Kin {
                workflow: parent.workflow,
                timeline: parent.timeline,
                heritage: parent.heritage.cloned(),
            },
        }
    }

    fn as_parent(&self) -> Parent<'_> {
        Parent {
            core: self.core.as_ref(),
            ids: ParentIds::Kept(&self.ids),
            is_remote: self.is_remote,
            workflow: self.kin.workflow,
            timeline: self.kin.timeline,
            heritage: self.kin.heritage.as_ref(),
            trace_state: None,
        }
    }

    /// A node below this one.
    pub fn node<'a>(&'a self, name: &'a str) -> NodeBuilder<'a> {
        NodeBuilder::new(self.as_parent(), name, SpanRole::Node)
    }

    /// A plain span below this one.
    pub fn span<'a>(&'a self, name: &'a str) -> NodeBuilder<'a> {
        NodeBuilder::new(self.as_parent(), name, SpanRole::Span)
    }

    /// True where what is started below is kept.
    #[must_use]
    pub const fn is_recording(&self) -> bool {
        self.core.is_some()
    }

    /// The node as other programs are to see it.
    #[must_use]
    pub fn context(&self) -> Context {
        context_of(self.ids, self.kin.heritage.as_ref())
    }

    /// Makes this the thread's current node until the guard goes.
    pub fn enter(&self) -> Entered {
        push(self.clone())
    }

    /// Runs `inside` with this as the current node, in whatever thread.
    pub fn run<T>(&self, inside: impl FnOnce() -> T) -> T {
        let _entered = self.enter();
        inside()
    }
}

impl std::fmt::Debug for Current {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Current").field("ids", &self.ids).field("recording", &self.is_recording()).finish()
    }
}

/// While it lives, a node is its thread's current one. It cannot leave the thread.
///
/// Guards usually go in the opposite order of their coming; where they do not, each takes away its own node and no other.
///
/// ```
/// let loom = spanloom::Loom::builder().build();
/// let run = loom.workflow("answer").start();
/// {
///     let _entered: spanloom::Entered = run.enter();
///     assert!(spanloom::current().is_some());
/// }
/// assert!(spanloom::current().is_none());
/// ```
#[must_use = "the node is current only while the guard lives"]
#[derive(Debug)]
pub struct Entered {
    serial: u64,
    /// The stack is the thread's own.
    _stays: PhantomData<*const ()>,
}

/// A node on a thread's stack, with the serial number of its guard.
struct Level {
    serial: u64,
    current: Current,
}

thread_local! {
    static LEVELS: RefCell<Vec<Level>> = const { RefCell::new(Vec::new()) };
    static NEXT: Cell<u64> = const { Cell::new(0) };
    /// Whether the top of the stack is a node that is kept: apart, because each measurement asks.
    static SAMPLED: Cell<bool> = const { Cell::new(false) };
}

/// True where the current node is kept.
#[inline]
pub(super) fn in_sampled_node() -> bool {
    SAMPLED.get()
}

fn note_top(levels: &[Level]) {
    let sampled = |level: &Level| level.current.core.is_some() && level.current.ids.flags.bits() & 1 == 1;
    SAMPLED.set(levels.last().is_some_and(sampled));
}

fn push(current: Current) -> Entered {
    let serial = NEXT.get();
    NEXT.set(serial + 1);
    // Where the thread is ending there is no stack any more, and nobody to ask it.
    let _ = LEVELS.try_with(|levels| {
        let mut levels = levels.borrow_mut();
        levels.push(Level { serial, current });
        note_top(&levels);
    });
    Entered { serial, _stays: PhantomData }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let gone = LEVELS.try_with(|levels| {
            let mut levels = levels.borrow_mut();
            let at = levels.iter().rposition(|level| level.serial == self.serial)?;
            let gone = levels.remove(at);
            note_top(&levels);
            Some(gone)
        });
        // Outside of the borrow: the last handle of a loom may go here, and what that does may ask for the current node.
        drop(gone);
    }
}

/// The thread's current node, where there is one: the one that was entered last.
///
/// ```
/// assert!(spanloom::current().is_none());
/// ```
#[must_use]
pub fn current() -> Option<Current> {
    LEVELS.try_with(|levels| levels.borrow().last().map(|level| level.current.clone())).ok().flatten()
}

/// Carries a node along with a future: for all futures.
///
/// ```
/// # use std::task::{Context, Poll, Waker};
/// use spanloom::{InNode, Loom};
/// let loom = Loom::builder().build();
/// let run = loom.workflow("answer").start();
/// let fetch = async { spanloom::current().expect("polled inside the run").node("fetch").start().end() };
/// let fetch = fetch.in_node(run.current());
/// # let done = std::pin::pin!(fetch).poll(&mut Context::from_waker(Waker::noop()));
/// # assert_eq!(done, Poll::Ready(()));
/// ```
pub trait InNode: Future + Sized {
    /// The same future; at each poll this node is the current one.
    fn in_node(self, node: Current) -> impl Future<Output = Self::Output>;
}

impl<F: Future> InNode for F {
    fn in_node(self, node: Current) -> impl Future<Output = F::Output> {
        polled_in(node, self)
    }
}

/// The future, polled inside the node.
async fn polled_in<F: Future>(current: Current, future: F) -> F::Output {
    let mut future = pin!(future);
    std::future::poll_fn(move |context| {
        let _entered = current.enter();
        future.as_mut().poll(context)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Loom, SpanId};

    fn id() -> Option<SpanId> {
        Some(current()?.context().span?.span_id)
    }

    #[test]
    fn guards_may_go_in_any_order() {
        let loom = Loom::builder().build();
        let run = loom.workflow("answer").start();
        let (outer, inner) = (run.node("outer").start(), run.node("inner").start());
        let ids = [&outer, &inner].map(|node| node.context().span.map(|span| span.span_id));
        let first = outer.enter();
        let second = inner.enter();
        assert_eq!(id(), ids[1]);
        drop(first);
        assert_eq!(id(), ids[1]);
        drop(second);
        assert_eq!(id(), None);
    }

    #[test]
    fn a_panic_leaves_the_node() {
        let loom = Loom::builder().build();
        let current = loom.workflow("answer").start().current();
        let result =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| current.run(|| panic!("on purpose"))));
        assert!(result.is_err());
        assert_eq!(id(), None);
    }

    #[test]
    fn what_is_carried_may_cross_threads() {
        fn crosses<T: Send + Sync>(_: &T) {}
        fn is_send<T: Send>(_: &T) {}
        let loom = Loom::builder().build();
        let current = loom.workflow("answer").start().current();
        crosses(&current);
        is_send(&async {}.in_node(current));
    }
}
