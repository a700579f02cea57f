//! Which requests were served well.

use super::ServedRequest;

/// Limits of latencies, in milliseconds. A request that holds all of them was served well.
///
/// ```
/// use spanloom::serving::{Goodput, GoodputError};
/// let goodput = Goodput::default().limit("ttft", 500.0)?.limit("e2el", 1200.0)?;
/// assert_eq!((goodput.ttft(), goodput.tpot()), (Some(500.0), None));
/// assert!(goodput.limit("itl", 20.0).is_err());
/// # Ok::<(), GoodputError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Goodput {
    ttft: Option<f64>,
    tpot: Option<f64>,
    e2el: Option<f64>,
}

/// A limit that cannot be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GoodputError {
    /// There is no limit of this latency.
    #[error("{name:?} has no limit for goodput: use ttft, tpot or e2el")]
    UnknownMetric {
        /// What was asked for.
        name: String,
    },
    /// Nothing is as fast as this.
    #[error("the limit of {name} is {millis}: use a number of milliseconds that is not below 0")]
    NoLimit {
        /// The latency.
        name: String,
        /// Its limit.
        millis: f64,
    },
}

impl Goodput {
    /// Also with this limit, of `ttft`, `tpot` or `e2el`.
    ///
    /// # Errors
    ///
    /// When the latency is another one, or the limit is negative or no number.
    pub fn limit(mut self, name: &str, millis: f64) -> Result<Self, GoodputError> {
        let place = match name {
            "ttft" => &mut self.ttft,
            "tpot" => &mut self.tpot,
            "e2el" => &mut self.e2el,
            _ => return Err(GoodputError::UnknownMetric { name: name.into() }),
        };
        if millis.is_nan() || millis < 0.0 {
            return Err(GoodputError::NoLimit { name: name.into(), millis });
        }
        *place = Some(millis);
        Ok(self)
    }

    /// The limit of the time to the first token.
    #[must_use]
    pub const fn ttft(&self) -> Option<f64> {
        self.ttft
    }

    /// The limit of the time for an output token.
    #[must_use]
    pub const fn tpot(&self) -> Option<f64> {
        self.tpot
    }

    /// The limit of the whole time.
    #[must_use]
    pub const fn e2el(&self) -> Option<f64> {
        self.e2el
    }

    /// True when there are limits and the request holds them. An answer of one token takes no time for a further one.
    pub(super) fn holds(&self, request: &ServedRequest) -> bool {
        let held = |limit: Option<f64>, seconds: f64| limit.is_none_or(|millis| millis / 1000.0 >= seconds);
        *self != Self::default()
            && held(self.ttft, request.ttft)
            && held(self.tpot, request.tpot().unwrap_or(0.0))
            && held(self.e2el, request.latency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(output_tokens: u64) -> ServedRequest {
        ServedRequest { output_tokens, ttft: 0.5, latency: 1.5, ..ServedRequest::default() }
    }

    #[test]
    fn a_limit_that_is_just_met_is_held() {
        let holds = |name, millis| Goodput::default().limit(name, millis).unwrap().holds(&request(11));
        assert!(holds("ttft", 500.0) && !holds("ttft", 499.0));
        assert!(holds("tpot", 100.0) && !holds("tpot", 99.0));
        assert!(holds("e2el", 1500.0) && !holds("e2el", 1499.0));
    }

    #[test]
    fn one_token_holds_every_limit_per_token() {
        let strict = Goodput::default().limit("tpot", 0.0).unwrap();
        assert!(strict.holds(&request(1)) && !strict.holds(&request(2)));
    }

    #[test]
    fn without_limits_nothing_is_good() {
        assert!(!Goodput::default().holds(&request(2)));
    }

    #[test]
    fn limits_that_cannot_be_are_refused() {
        let none = Goodput::default();
        assert_eq!(none.limit("itl", 1.0), Err(GoodputError::UnknownMetric { name: "itl".into() }));
        assert_eq!(
            none.limit("ttft", -1.0),
            Err(GoodputError::NoLimit { name: "ttft".into(), millis: -1.0 })
        );
        assert!(none.limit("ttft", f64::NAN).is_err());
        assert!(none.limit("ttft", 0.0).is_ok());
    }
}
