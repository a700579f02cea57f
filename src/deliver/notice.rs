//! What people should hear of, once.

use super::reason::Reason;

/// How many characters of what others say are passed on.
const LONGEST: usize = 500;

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum NoticeKind {
    /// The destination cannot be reached, or asks to wait; what is pending is tried again.
    Waiting,
    /// The destination took everything and had something to say.
    Warning,
    /// The destination took everything, by its status; its answer could not be read (`bad_response`).
    BadResponse,
    /// The destination took a request and refused some of its spans.
    Rejected,
    /// Spans were lost for this reason.
    Lost(Reason),
    /// The spool cannot be written: what is recorded waits in memory alone until it can.
    Spool,
}

/// A message for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What it is about.
    pub kind: NoticeKind,
    /// One line without control characters.
    pub text: String,
}

/// Notices that were not fetched yet, and which kinds there were.
#[derive(Debug, Default)]
pub(super) struct Notices {
    seen: Vec<NoticeKind>,
    waiting: Vec<Notice>,
}

impl Notices {
    /// Takes the first notice of its kind.
    pub(super) fn note(&mut self, kind: NoticeKind, text: &str) {
        if self.seen.contains(&kind) {
            return;
        }
        self.seen.push(kind);
        let clean = |c: char| if c.is_control() { ' ' } else { c };
        let text = text.chars().take(LONGEST).map(clean).collect();
        self.waiting.push(Notice { kind, text });
    }

    pub(super) fn take(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.waiting)
    }
}
