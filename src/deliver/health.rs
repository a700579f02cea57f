//! How a destination is doing, and when it may be asked again.
//!
//! While all is well nothing waits. After a failure the circuit is open: one request at a time, and none before the pause
//! is over. That next request is the probe: its success closes the circuit, its failure begins a longer pause.

use std::time::Duration;

use super::options::{Options, nanos};

/// While a destination fails, requests to it are at least so far apart: two a second.
const APART: u64 = 500_000_000;
/// So many refusals for size in a row are no search for one span any more.
const PATIENCE: u32 = 16;

#[derive(Debug, Default)]
pub(super) struct Health {
    /// Failures in a row that call for a longer pause each.
    failures: u32,
    /// Requests refused for their size since the last success.
    too_large: u32,
    unwell: bool,
    last_sent: Option<u64>,
    last_failure: Option<u64>,
    /// The end of the pause of our own.
    pause_until: u64,
    /// The end of the pause that the server asked for.
    asked_until: u64,
}

impl Health {
    pub(super) const fn is_unwell(&self) -> bool {
        self.unwell
    }

    pub(super) const fn failures(&self) -> u32 {
        self.failures
    }

    /// The first moment at which the next request may go out.
    pub(super) fn ready_at(&self) -> u64 {
        if !self.unwell {
            return self.asked_until;
        }
        let apart = self.last_sent.map_or(0, |sent| sent.saturating_add(APART));
        self.asked_until.max(self.pause_until).max(apart)
    }

    /// True for a request that went out after the last failure.
    fn is_news(&self, sent: u64) -> bool {
        self.last_failure.is_none_or(|failure| sent > failure)
    }

    pub(super) const fn sent(&mut self, now: u64) {
        self.last_sent = Some(now);
    }

    /// A request was taken. One that went out before the last failure says nothing of the time since.
    pub(super) fn well(&mut self, sent: u64) {
        if self.is_news(sent) {
            *self = Self { last_sent: self.last_sent, ..Self::default() };
        }
    }

    /// There is no point in hurrying, nor in waiting for longer and longer.
    pub(super) const fn slow_down(&mut self) {
        self.unwell = true;
    }

    /// A request was too large, and a smaller one is to follow.
    pub(super) const fn too_large(&mut self) {
        self.too_large = self.too_large.saturating_add(1);
        self.unwell = self.unwell || self.too_large >= PATIENCE;
    }

    /// A request failed: it is to be sent again, or was refused. What is refused is not sent again, but whoever refuses
    /// everything is left alone for longer and longer, too: meanwhile someone may mend it, and less is lost. Gives the
    /// length of the pause.
    pub(super) fn failed(
        &mut self,
        sent: u64,
        now: u64,
        asked: Option<Duration>,
        options: &Options,
        entropy: &mut dyn FnMut() -> u64,
    ) -> u64 {
        // Requests that went out together fail together: that is one failure.
        if self.is_news(sent) {
            self.failures = self.failures.saturating_add(1);
        }
        self.unwell = true;
        self.last_failure = Some(now);
        if let Some(asked) = asked.filter(|asked| !asked.is_zero()) {
            let asked = nanos(asked.min(options.asked_longest));
            // Not all who were sent away come back at the same moment.
            let pause = asked.saturating_add(up_to((asked / 10).min(1_000_000_000), entropy));
            self.asked_until = self.asked_until.max(now.saturating_add(pause));
            return pause;
        }
        let pause = up_to(backoff(self.failures, options), entropy);
        self.pause_until = now.saturating_add(pause);
        pause
    }

    /// A flush or a shutdown does not wait for the end of our own pause; for what the server asked for it does.
    pub(super) fn hurry(&mut self, now: u64) {
        self.pause_until = self.pause_until.min(now);
    }
}

/// The longest pause after so many failures in a row.
fn backoff(failures: u32, options: &Options) -> u64 {
    let doublings = failures.saturating_sub(1).min(62);
    nanos(options.retry_first).saturating_mul(1 << doublings).min(nanos(options.retry_longest))
}

/// A random number from 0 up to and with `most`.
fn up_to(most: u64, entropy: &mut dyn FnMut() -> u64) -> u64 {
    let scaled = (u128::from(entropy()) * (u128::from(most) + 1)) >> 64;
    u64::try_from(scaled).unwrap_or(most)
}
