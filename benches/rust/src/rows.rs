//! The rows of the table, in its order. Rows of processor time come first: `fastrace` starts a thread of its own when it
//! is first used, and that thread would be counted in them.

use crate::harness::Measure::{Allocations, CallingThread};
use crate::harness::{Measure, Pace, Scenario, Series, compare};
use crate::hosts::{self, Host};
use crate::table::{Goal, Row, Unit};
use crate::{Outcome, decode, peers};

/// Makes what a row measures.
pub type Make = fn() -> Scenario<'static>;

/// A row that can be measured.
pub struct Entry {
    pub name: &'static str,
    how: How,
    unit: Unit,
    peer: Option<&'static str>,
    goal: Option<Goal>,
}

enum How {
    InTurns { measure: Measure, ours: Make, peer: Make },
    Scripts(&'static Host),
}

/// Every row.
pub const ALL: &[Entry] = &[
    entry("peers", CallingThread, peers::opentelemetry::record, peers::fastrace::record)
        .against(peers::fastrace::NAME)
        .reaching(Goal::Ratio(2.0)),
    scripts("node-encode", &hosts::NODE).against("OTel JS, batch + protobuf").reaching(Goal::Ratio(5.0)),
    scripts("python-encode", &hosts::PYTHON)
        .against("OTel Python, batch + protobuf")
        .reaching(Goal::Ratio(15.0)),
];

const fn entry(name: &'static str, measure: Measure, ours: Make, peer: Make) -> Entry {
    let unit = if let Allocations = measure { Unit::AllocationsPerSpan } else { Unit::NanosecondsPerSpan };
    Entry { name, how: How::InTurns { measure, ours, peer }, unit, peer: None, goal: None }
}

const fn scripts(name: &'static str, host: &'static Host) -> Entry {
    Entry { name, how: How::Scripts(host), unit: Unit::MicrosecondsPerSpan, peer: None, goal: None }
}

impl Entry {
    const fn against(self, peer: &'static str) -> Self {
        Self { peer: Some(peer), ..self }
    }

    const fn reaching(self, goal: Goal) -> Self {
        Self { goal: Some(goal), ..self }
    }

    /// Measures the row; fails when this machine lacks what it takes.
    pub fn measure(&self, pace: Pace) -> Outcome<Row> {
        let (ours, peer): (Series, Series) = match &self.how {
            How::InTurns { measure, ours, peer } => compare(pace, *measure, ours(), peer()),
            How::Scripts(host) => host.compare(pace.rounds.div_ceil(5))?,
        };
        let peer = self.peer.map(|name| (name, peer));
        Ok(Row { name: self.name, ours, peer, unit: self.unit, goal: self.goal })
    }
}
