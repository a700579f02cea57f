//! Guards: of endpoints, and of requests to them.

use std::sync::Arc;

use super::handle::Inner;
use crate::health::Status;

/// An endpoint that takes requests. When the last guard of its name is dropped it is not ready, and not checked, any more.
///
/// ```
/// use spanloom::Health;
/// let health = Health::builder().build();
/// let generate = health.endpoint("generate");
/// generate.not_ready(); // the model is loaded anew
/// assert!(!health.is_ready("generate"));
/// generate.ready();
/// assert!(health.is_ready("generate"));
/// ```
#[must_use = "the endpoint is ready as long as this guard lives"]
pub struct Endpoint {
    inner: Arc<Inner>,
    name: String,
}

impl Endpoint {
    pub(super) fn new(inner: &Arc<Inner>, name: &str) -> Self {
        let mut state = inner.state();
        *state.guards.entry(name.to_owned()).or_default() += 1;
        state.board.register(name);
        drop(state);
        Self { inner: Arc::clone(inner), name: name.to_owned() }
    }

    /// Its name.
    ///
    /// ```
    /// assert_eq!(spanloom::Health::builder().build().endpoint("generate").name(), "generate");
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// It can be used.
    pub fn ready(&self) {
        self.inner.state().board.set(&self.name, Status::Ready);
    }

    /// It cannot be used for now.
    pub fn not_ready(&self) {
        self.inner.state().board.set(&self.name, Status::NotReady);
    }

    /// Checks it when nobody uses it: see [`Health::check`](super::Health::check).
    ///
    /// ```
    /// use std::time::Duration;
    /// use spanloom::Health;
    /// # fn ask_the_model() -> std::io::Result<()> { Ok(()) }
    /// let health = Health::builder().canary(Duration::from_secs(10), Duration::from_secs(3)).build();
    /// let generate = health.endpoint("generate");
    /// assert!(generate.check(ask_the_model));
    /// ```
    pub fn check<E: std::fmt::Display>(&self, check: impl FnMut() -> Result<(), E> + Send + 'static) -> bool {
        super::monitor::add(&self.inner, &self.name, check)
    }

    /// A request to it begins: [`Activity::done`] says that it was answered to its end.
    ///
    /// ```
    /// let health = spanloom::Health::builder().build();
    /// let generate = health.endpoint("generate");
    /// let request = generate.request();
    /// // ... the stream of answers goes out ...
    /// request.done();
    /// ```
    pub fn request(&self) -> Activity {
        Activity { inner: Arc::clone(&self.inner), name: self.name.clone() }
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        let mut state = self.inner.state();
        let left = state.guards.get(&self.name).map_or(0, |guards| guards.saturating_sub(1));
        if left > 0 {
            state.guards.insert(self.name.clone(), left);
            return;
        }
        state.guards.remove(&self.name);
        state.failures.remove(&self.name);
        state.board.unregister(&self.name);
        state.canary.unwatch(&self.name);
        let check = state.checks.remove(&self.name);
        // A check may hold anything, a guard of ours, too.
        drop(state);
        drop(check);
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A request that is being answered. One that is dropped without [`Self::done`] was broken off, and says nothing of the
/// endpoint's health.
///
/// ```
/// let health = spanloom::Health::builder().build();
/// let broken_off = health.endpoint("generate").request();
/// drop(broken_off);
/// ```
#[must_use = "say when the request was answered to its end"]
pub struct Activity {
    inner: Arc<Inner>,
    name: String,
}

impl Activity {
    /// It was answered to its end: the endpoint works, and need not be checked soon.
    pub fn done(self) {
        self.inner.state().canary.active(&self.name, self.inner.now());
    }
}

impl std::fmt::Debug for Activity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Activity").field("name", &self.name).finish_non_exhaustive()
    }
}
