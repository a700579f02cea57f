//! What several of these tests need.

use std::time::Duration;

use spanloom::{Ledger, Loom};

/// How long a test waits for what has to come.
pub const LONG: Duration = Duration::from_secs(30);

pub fn spans(loom: &Loom, number: usize) {
    (0..number).for_each(|_| loom.span("s", None).start().end());
}

/// P1: every span that was accepted is somewhere, at each destination.
#[track_caller]
pub fn adds_up(loom: &Loom) -> Ledger {
    let ledger = loom.ledger();
    assert!(ledger.adds_up(), "{ledger:?}");
    ledger
}
