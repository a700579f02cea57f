//! What redaction did, in numbers.

/// Why something was taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Rule {
    /// A key of a service, by its prefix: `sk-`, `AKIA`, `ghp_`, ...
    ApiKey,
    /// What follows the word `Bearer`.
    Bearer,
    /// A JSON web token.
    Jwt,
    /// A PEM block with a private key.
    PrivateKey,
    /// User and password in a URL.
    UrlCredentials,
    /// The number of a payment card.
    Card,
    /// An e-mail address.
    Email,
    /// What is assigned to a sensitive name inside a text: `api_key=...`, `"password": "..."`.
    Assigned,
    /// What a matcher of the user found, or a matcher that panicked.
    User,
    /// The value of a sensitive key.
    Key,
    /// Content hidden by an OpenInference switch.
    Hidden,
    /// An attribute that the user's hook replaced or dropped.
    Hook,
    /// An attribute that was dropped because the user's hook failed over it.
    HookFailed,
    /// Something that could not be read, or not be known, and was left out.
    Unreadable,
}

impl Rule {
    /// All rules, in the order of their numbers.
    pub const ALL: [Self; 14] = [
        Self::ApiKey,
        Self::Bearer,
        Self::Jwt,
        Self::PrivateKey,
        Self::UrlCredentials,
        Self::Card,
        Self::Email,
        Self::Assigned,
        Self::User,
        Self::Key,
        Self::Hidden,
        Self::Hook,
        Self::HookFailed,
        Self::Unreadable,
    ];

    /// The rule's name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::Bearer => "bearer",
            Self::Jwt => "jwt",
            Self::PrivateKey => "private_key",
            Self::UrlCredentials => "url_credentials",
            Self::Card => "card",
            Self::Email => "email",
            Self::Assigned => "secret",
            Self::User => "user",
            Self::Key => "key",
            Self::Hidden => "hidden",
            Self::Hook => "hook",
            Self::HookFailed => "hook_failed",
            Self::Unreadable => "unreadable",
        }
    }

    pub(crate) const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// How often each rule took something out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RedactReport {
    counts: [u32; Rule::ALL.len()],
}

impl RedactReport {
    /// How often this rule did.
    #[must_use]
    pub fn count(&self, rule: Rule) -> u32 {
        self.counts.get(rule as usize).copied().unwrap_or_default()
    }

    /// How often all rules together did.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().map(|count| u64::from(*count)).sum()
    }

    /// True when nothing was taken out.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.counts == [0; Rule::ALL.len()]
    }

    /// Adds the numbers of another report.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts) {
            *mine = mine.saturating_add(theirs);
        }
    }

    pub(crate) fn note(&mut self, rule: Rule) {
        if let Some(count) = self.counts.get_mut(rule as usize) {
            *count = count.saturating_add(1);
        }
    }
}
