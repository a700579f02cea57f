//! What came back for records that were sent out: the one thing that a transport tells the state machine.

use std::time::Duration;

use super::reason::Reason;

/// What a destination said of the records that it was given.
///
/// ```
/// use spanloom::deliver::Answer;
/// let answer = Answer::Partly { rejected: 3, message: "too old".to_owned() };
/// assert_ne!(answer, Answer::taken());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It took all of them, and may have had something to say.
    Taken {
        /// A warning for people; empty for none.
        warning: String,
    },
    /// By its status it took all of them; what it said besides cannot be read. They count as delivered.
    Unclear {
        /// What is wrong with the answer, for people.
        why: String,
    },
    /// It took all but some, which are not to be sent again.
    Partly {
        /// How many spans it refused.
        rejected: u64,
        /// Why, for people.
        message: String,
    },
    /// It could not take them now: they are to be sent again.
    Later {
        /// How long it asked to be left alone, if it did.
        after: Option<Duration>,
        /// Why, for people.
        why: String,
    },
    /// There were too many at once, or one of them is too large.
    TooLarge {
        /// Why, for people.
        why: String,
    },
    /// It will not take them, now or later.
    Refused {
        /// Under which reason the ledger counts them.
        reason: Reason,
        /// Why, for people.
        why: String,
    },
}

impl Answer {
    /// It took all of them and had nothing to say.
    #[must_use]
    pub const fn taken() -> Self {
        Self::Taken { warning: String::new() }
    }

    /// Try again, after a pause of the sender's choice.
    #[must_use]
    pub fn later(why: impl Into<String>) -> Self {
        Self::Later { after: None, why: why.into() }
    }
}
