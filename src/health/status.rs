//! Whether something can be used.

/// Whether an endpoint, or the whole program, can be used.
///
/// ```
/// use spanloom::health::Status;
/// assert_eq!((Status::Ready.name(), Status::NotReady.http()), ("ready", 503));
/// assert!(Status::of(true).is_ready());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Status {
    /// It can be used.
    Ready,
    /// It cannot, or nobody knows.
    #[default]
    NotReady,
}

impl Status {
    pub(crate) const ALL: [Self; 2] = [Self::Ready, Self::NotReady];

    /// Ready where this is true.
    #[must_use]
    pub const fn of(ready: bool) -> Self {
        if ready { Self::Ready } else { Self::NotReady }
    }

    /// True where it can be used.
    #[must_use]
    pub const fn is_ready(self) -> bool {
        matches!(self, Self::Ready)
    }

    /// Its name in answers and settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::NotReady => "notready",
        }
    }

    /// Its name in the [summary of canaries](super::Board::summary).
    #[must_use]
    pub const fn long_name(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::NotReady => "NotReady",
        }
    }

    /// The HTTP status that tells it.
    #[must_use]
    pub const fn http(self) -> u16 {
        match self {
            Self::Ready => 200,
            Self::NotReady => 503,
        }
    }
}
