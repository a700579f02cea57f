//! A span that a bridge holds open: a node, or the root of a workflow.

use crate::native::current::Current;
use crate::native::here::Live;
use crate::native::{Node, Workflow};

pub(super) enum Open {
    Node(Node),
    Workflow(Workflow),
}

impl Open {
    /// Changes what is recorded, where anything is.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut Live)) {
        match self {
            Self::Node(node) => {
                if let Some(live) = node.live() {
                    change(live);
                }
            }
            Self::Workflow(run) => {
                run.change(change);
            }
        }
    }

    pub(super) fn current(&self) -> Current {
        match self {
            Self::Node(node) => node.current(),
            Self::Workflow(run) => run.current(),
        }
    }
}
