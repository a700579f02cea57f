//! Why spans were lost: a closed set, so that every loss is counted under one of these names.

/// Why a span was lost.
///
/// ```
/// use spanloom::deliver::Reason;
/// assert_eq!(Reason::QueueFull.name(), "queue_full");
/// assert_eq!(Reason::ALL.len(), Reason::COUNT);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Reason {
    /// The queue in memory was full.
    QueueFull,
    /// The spool had reached its size.
    SpoolFull,
    /// The spool could not be written.
    SpoolIo,
    /// What the spool held was broken.
    SpoolCorrupt,
    /// The span alone is larger than a destination takes.
    TooLarge,
    /// It could not be encoded, or a redactor failed closed.
    EncodeError,
    /// The destination answered with an error that repeating does not mend.
    NonRetryable,
    /// It was tried as often, or as long, as it was to be.
    RetryExhausted,
    /// The destination refused it on its own.
    RejectedByServer,
    /// The destination did not let us in: credentials or certificates.
    Auth,
    /// The program ended before it could be sent.
    ShutdownTimeout,
    /// The page went away and there was more than it may send then.
    UnloadBudget,
    /// It was left behind in a process that forked.
    ForkReset,
    /// The runtime that held it came down.
    RuntimeTrap,
    /// The process was killed before it was written down.
    CrashWindow,
    /// A call that made no sense.
    Misuse,
}

impl Reason {
    /// How many reasons there are.
    pub const COUNT: usize = Self::ALL.len();

    /// All reasons, in the order of their numbers.
    pub const ALL: [Self; 16] = [
        Self::QueueFull,
        Self::SpoolFull,
        Self::SpoolIo,
        Self::SpoolCorrupt,
        Self::TooLarge,
        Self::EncodeError,
        Self::NonRetryable,
        Self::RetryExhausted,
        Self::RejectedByServer,
        Self::Auth,
        Self::ShutdownTimeout,
        Self::UnloadBudget,
        Self::ForkReset,
        Self::RuntimeTrap,
        Self::CrashWindow,
        Self::Misuse,
    ];

    /// Its name in metrics and receipts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::SpoolFull => "spool_full",
            Self::SpoolIo => "spool_io",
            Self::SpoolCorrupt => "spool_corrupt",
            Self::TooLarge => "too_large",
            Self::EncodeError => "encode_error",
            Self::NonRetryable => "non_retryable",
            Self::RetryExhausted => "retry_exhausted",
            Self::RejectedByServer => "rejected_by_server",
            Self::Auth => "auth",
            Self::ShutdownTimeout => "shutdown_timeout",
            Self::UnloadBudget => "unload_budget",
            Self::ForkReset => "fork_reset",
            Self::RuntimeTrap => "runtime_trap",
            Self::CrashWindow => "crash_window",
            Self::Misuse => "misuse",
        }
    }
}
