//! What is counted: misuse, losses, and what went through.

/// Why a record of a span is in no tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Loss {
    /// Its body is no OTLP span.
    Undecodable,
    /// Its trace id or span id is missing or all zeros.
    InvalidId,
    /// It alone is larger than a workflow may be.
    TooLarge,
    /// Another record of its span with the same revision came first.
    Repeated,
    /// Nobody fetched the workflows that were ready, and memory ran out.
    QueueFull,
}

impl Loss {
    /// The reason as the ledger of deliveries names it.
    #[must_use]
    pub const fn ledger_reason(self) -> &'static str {
        match self {
            Self::Undecodable => "encode_error",
            Self::InvalidId | Self::Repeated => "misuse",
            Self::TooLarge => "too_large",
            Self::QueueFull => "queue_full",
        }
    }
}

/// How many records were lost, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Losses {
    /// See [`Loss::Undecodable`].
    pub undecodable: u64,
    /// See [`Loss::InvalidId`].
    pub invalid_id: u64,
    /// See [`Loss::TooLarge`].
    pub too_large: u64,
    /// See [`Loss::Repeated`].
    pub repeated: u64,
    /// See [`Loss::QueueFull`].
    pub queue_full: u64,
}

impl Losses {
    pub(super) fn add(&mut self, loss: Loss, records: u64) {
        let counter = match loss {
            Loss::Undecodable => &mut self.undecodable,
            Loss::InvalidId => &mut self.invalid_id,
            Loss::TooLarge => &mut self.too_large,
            Loss::Repeated => &mut self.repeated,
            Loss::QueueFull => &mut self.queue_full,
        };
        *counter = counter.saturating_add(records);
    }

    /// All of them together.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.undecodable
            .saturating_add(self.invalid_id)
            .saturating_add(self.too_large)
            .saturating_add(self.repeated)
            .saturating_add(self.queue_full)
    }
}

/// What a weaver did since it was made. At every moment
/// `records + carried = given_out + superseded + lost.total() + Weaver::held()`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WeaverCounts {
    /// Records of spans that came.
    pub records: u64,
    /// Records of other kinds, which are not for a weaver.
    pub other_records: u64,
    /// Nodes in the trees that were given out.
    pub given_out: u64,
    /// Records that another one of the same span replaced: a start by its end, a revision by a higher one.
    pub superseded: u64,
    /// Unended nodes that went into two parts of a workflow that was too large for one.
    pub carried: u64,
    /// Records that are in no tree.
    pub lost: Losses,
    /// Trees that were given out.
    pub workflows: u64,
}

/// What became of a stream of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StreamReport {
    /// Records that were taken.
    pub read: u64,
    /// Records of unknown kinds or versions, passed over.
    pub unknown: u64,
    /// Records whose envelope or checksum is broken. A broken length also ends the stream.
    pub broken: u64,
    /// Records that were read but are in no tree.
    pub lost: Losses,
}

/// What was wrong with the records of one workflow, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Misuse {
    /// Further ends of a span with the same revision; the first one counts.
    pub double_ends: u64,
    /// Spans that were changed after their end.
    pub changes_after_end: u64,
    /// Spans with the id of another one, but another parent or name; the first one counts.
    pub id_collisions: u64,
    /// Chains of parents that led back to their start.
    pub cycles: u64,
    /// Spans that name themselves as their parent.
    pub self_parents: u64,
    /// Spans that started after their parent had ended.
    pub ended_parents: u64,
    /// Spans whose clock went wrong.
    pub suspect_clocks: u64,
}

impl Misuse {
    /// The counters with their names, in the order of the fields.
    #[must_use]
    pub const fn named(&self) -> [(&'static str, u64); 7] {
        [
            ("double ends", self.double_ends),
            ("changes after end", self.changes_after_end),
            ("id collisions", self.id_collisions),
            ("cycles", self.cycles),
            ("self parents", self.self_parents),
            ("ended parents", self.ended_parents),
            ("suspect clocks", self.suspect_clocks),
        ]
    }

    /// True when nothing was wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_loss_has_its_counter_and_a_reason_of_the_ledger() {
        let known = ["encode_error", "misuse", "too_large", "queue_full"];
        let mut losses = Losses::default();
        let all = [Loss::Undecodable, Loss::InvalidId, Loss::TooLarge, Loss::Repeated, Loss::QueueFull];
        for (index, loss) in all.into_iter().enumerate() {
            assert!(known.contains(&loss.ledger_reason()));
            losses.add(loss, 1 << index);
        }
        assert_eq!(losses.total(), 31);
        losses.add(Loss::TooLarge, u64::MAX);
        assert_eq!((losses.too_large, losses.total()), (u64::MAX, u64::MAX));
    }
}
