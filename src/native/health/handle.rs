//! The handle, and what all its clones share.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::builder::HealthBuilder;
use super::endpoint::Endpoint;
use super::monitor::Check;
use crate::config::{Config, ConfigError, LogLevel};
use crate::health::{Answer, Board, Canary, Exporters, Instance, Status};
use crate::native::clock::steady_now;
use crate::native::core::{Core, locked, try_locked};
use crate::native::fork::PerProcess;
use crate::native::loom::say;

/// Gives the page of metrics.
pub(super) type MetricsHook = dyn Fn(&str) -> (String, String) + Send + Sync;
/// Gives the instances that a frontend knows.
pub(super) type InstancesHook = dyn Fn() -> Vec<Instance> + Send + Sync;

/// Whether the program can be used: what it knows of its endpoints, the checks of those that nobody uses, and the answers
/// to probes. Clones are the same; when the last one is gone, checks and servers end.
///
/// ```
/// use spanloom::Health;
/// let health = Health::builder().require(["generate"]).build();
/// assert_eq!(health.answer("GET", "/health").status, 503);
///
/// let generate = health.endpoint("generate"); // it takes requests from now on
/// let answer = health.answer("GET", "/health");
/// assert_eq!(answer.status, 200);
/// assert!(answer.body.starts_with(r#"{"endpoints":{"generate":"ready"},"status":"ready","uptime":{"nanos":"#));
///
/// drop(generate); // and no more
/// assert_eq!(health.answer("GET", "/health").status, 503);
/// ```
#[derive(Clone)]
pub struct Health {
    handle: Arc<Handle>,
}

struct Handle {
    inner: Arc<Inner>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        // What a parent of this process has started is not for us to end.
        if let Some(shared) = self.inner.shared.if_made() {
            shared.close();
        }
    }
}

/// What threads, guards and handles share.
pub(super) struct Inner {
    pub(super) options: HealthBuilder,
    pub(super) started: Instant,
    shared: PerProcess<Shared>,
}

/// What each process has of its own.
pub(super) struct Shared {
    pub(super) state: Mutex<State>,
    pub(super) changed: Condvar,
}

pub(super) struct State {
    pub(super) board: Board,
    pub(super) canary: Canary,
    pub(super) checks: HashMap<String, Check>,
    /// How many guards each endpoint has.
    pub(super) guards: HashMap<String, usize>,
    /// What the last check of each endpoint said that is not well.
    pub(super) failures: HashMap<String, String>,
    /// The canary's thread runs.
    pub(super) watched: bool,
    /// Where servers listen.
    pub(super) servers: Vec<SocketAddr>,
    pub(super) closed: bool,
}

impl Inner {
    pub(super) fn new(options: HealthBuilder) -> Self {
        let settings = &options.settings;
        let board = Board::new(settings.starting, settings.endpoints.iter().cloned());
        let decides = options.canary_decides && settings.canary.enabled;
        let board = if decides { board.canary_decides() } else { board };
        let shared = Shared::new(board, HashMap::new(), &options);
        Self { options, started: steady_now(), shared: PerProcess::new(shared) }
    }

    /// What counts in this process. A forked one begins with what its parent knew, where nobody was busy with it.
    pub(super) fn shared(&self) -> &Shared {
        self.shared.get(|parents| {
            let known = try_locked(&parents.state);
            let known = known.map(|state| (state.board.clone(), state.guards.clone()));
            let (board, guards) = known.unwrap_or_else(|| {
                let settings = &self.options.settings;
                (Board::new(settings.starting, settings.endpoints.iter().cloned()), HashMap::new())
            });
            Shared::new(board, guards, &self.options)
        })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.shared().state)
    }

    /// The time of this handle.
    pub(super) fn now(&self) -> Duration {
        steady_now().saturating_duration_since(self.started)
    }

    pub(super) fn exporters(&self) -> Option<Exporters> {
        self.options.loom.as_ref().and_then(Weak::upgrade).map(|core: Arc<Core>| core.exporters())
    }
}

impl Shared {
    fn new(board: Board, guards: HashMap<String, usize>, options: &HealthBuilder) -> Self {
        let state = State {
            board,
            canary: Canary::new(&options.canary),
            checks: HashMap::new(),
            guards,
            failures: HashMap::new(),
            watched: false,
            servers: Vec::new(),
            closed: false,
        };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    pub(super) fn rest<'a>(&self, state: MutexGuard<'a, State>, most: Duration) -> MutexGuard<'a, State> {
        self.changed.wait_timeout(state, most).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Tells all threads to end.
    fn close(&self) {
        let mut state = locked(&self.state);
        state.closed = true;
        // Checks may hold what is to be gone with the handle; those that run are dropped when they have come back.
        let (checks, servers) = (std::mem::take(&mut state.checks), std::mem::take(&mut state.servers));
        self.changed.notify_all();
        drop(state);
        drop(checks);
        for server in servers {
            super::serve::wake(server);
        }
    }
}

impl Health {
    /// A handle to be made.
    #[must_use]
    pub fn builder() -> HealthBuilder {
        HealthBuilder::default()
    }

    pub(super) fn new_with(inner: Arc<Inner>) -> Self {
        Self { handle: Arc::new(Handle { inner }) }
    }

    pub(super) fn inner(&self) -> &Arc<Inner> {
        &self.handle.inner
    }

    /// A handle as the environment says: see the table in the repository's `docs/health.md`. What is odd but can be used is
    /// told on stderr.
    ///
    /// ```no_run
    /// let health = spanloom::Health::from_env()?;
    /// let address = health.serve_as_configured()?; // DYN_SYSTEM_HOST and DYN_SYSTEM_PORT
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When a setting cannot be used; the error names it, its value and what would do.
    pub fn from_env() -> Result<Self, ConfigError> {
        let (config, warnings) = Config::from_env()?;
        if config.log_level >= LogLevel::Warn {
            for warning in warnings {
                say("configuration", &warning.to_string());
            }
        }
        Ok(Self::builder().config(&config).build())
    }

    /// An endpoint that takes requests: it is ready from now on, and not any more when the guard is dropped. Where several
    /// guards are of one name, the last one counts.
    ///
    /// ```
    /// use spanloom::Health;
    /// let health = Health::builder().build();
    /// let generate = health.endpoint("generate");
    /// assert!(health.is_ready("generate"));
    /// drop(generate);
    /// assert!(!health.is_ready("generate"));
    /// ```
    #[must_use = "the endpoint is ready as long as this guard lives"]
    pub fn endpoint(&self, name: &str) -> Endpoint {
        Endpoint::new(self.inner(), name)
    }

    /// Says what an endpoint is, for programs that keep no guards.
    ///
    /// ```
    /// use spanloom::Health;
    /// use spanloom::health::Status;
    /// let health = Health::builder().build();
    /// health.set("generate", Status::Ready);
    /// assert_eq!(health.answer("GET", "/health/generate").status, 200);
    /// ```
    pub fn set(&self, name: &str, status: Status) {
        self.inner().state().board.set(name, status);
    }

    /// Says what the program is where no endpoint counts.
    ///
    /// ```
    /// use spanloom::Health;
    /// use spanloom::health::Status;
    /// let health = Health::builder().build();
    /// health.set_system(Status::Ready);
    /// assert!(health.status().is_ready());
    /// ```
    pub fn set_system(&self, status: Status) {
        self.inner().state().board.set_system(status);
    }

    /// A request to this endpoint was answered to its end: there is no need to check it soon. Not to be told of requests that
    /// were broken off.
    ///
    /// ```
    /// spanloom::Health::builder().build().notify("generate");
    /// ```
    pub fn notify(&self, name: &str) {
        let inner = self.inner();
        inner.state().canary.active(name, inner.now());
    }

    /// Checks an endpoint when nobody has used it for the wait time, on a thread of its own. Without
    /// [`canary`](HealthBuilder::canary) the check is kept and never made. An endpoint of which nothing is known is not ready
    /// until a check has succeeded, or the program says so.
    ///
    /// False where the endpoint has a check already, which stays, or where there are too many endpoints.
    ///
    /// ```
    /// use std::time::Duration;
    /// use spanloom::Health;
    /// let health = Health::builder().canary(Duration::from_secs(10), Duration::from_secs(3)).build();
    /// assert!(health.check("generate", || Ok::<(), std::io::Error>(())));
    /// assert!(!health.check("generate", || Err("never called")));
    /// assert_eq!(health.duplicates(), 1);
    /// ```
    pub fn check<E: std::fmt::Display>(
        &self,
        name: &str,
        check: impl FnMut() -> Result<(), E> + Send + 'static,
    ) -> bool {
        super::monitor::add(self.inner(), name, check)
    }

    /// The program ends: `/health` of a worker and `/live` of a frontend say so, and nothing is ready any more. Servers go on
    /// until the last handle is gone, so that probes hear of it.
    ///
    /// ```
    /// use spanloom::Health;
    /// use spanloom::health::Status;
    /// let health = Health::builder().starting(Status::Ready).build();
    /// health.end();
    /// assert_eq!(health.answer("GET", "/health").status, 503);
    /// ```
    pub fn end(&self) {
        self.inner().state().board.end();
    }

    /// Whether the program as a whole can be used.
    #[must_use]
    pub fn status(&self) -> Status {
        self.inner().status().0
    }

    /// Whether this endpoint can be used.
    #[must_use]
    pub fn is_ready(&self, name: &str) -> bool {
        let state = self.inner().state();
        !state.board.is_ending() && state.board.status_of(name).is_some_and(Status::is_ready)
    }

    /// What the last check of this endpoint said, where it was not well. No answer to a probe has it, for it may say more than
    /// strangers should know.
    #[must_use]
    pub fn failure(&self, name: &str) -> Option<String> {
        self.inner().state().failures.get(name).cloned()
    }

    /// What checks have found, as JSON.
    ///
    /// ```
    /// let health = spanloom::Health::builder().build();
    /// assert_eq!(health.summary(), r#"{"endpoint_statuses":{},"endpoints_checked":0,"status":"ready"}"#);
    /// ```
    #[must_use]
    pub fn summary(&self) -> String {
        self.inner().state().board.summary()
    }

    /// How often an endpoint was to be checked that was checked already. The first one is told on stderr.
    #[must_use]
    pub fn duplicates(&self) -> u64 {
        self.inner().state().board.duplicates()
    }

    /// How the exporters of the loom are doing; `None` without a loom, or when it is gone.
    ///
    /// ```
    /// use spanloom::health::Condition;
    /// use spanloom::{Health, Loom, MemoryExporter};
    /// let loom = Loom::builder().exporter(MemoryExporter::new()).build();
    /// let health = Health::builder().loom(&loom).build();
    /// assert_eq!(health.exporters().map(|exporters| exporters.condition()), Some(Condition::Ok));
    /// ```
    #[must_use]
    pub fn exporters(&self) -> Option<Exporters> {
        self.inner().exporters()
    }

    /// Answers a request, for servers of any kind. A query behind the path does not matter.
    ///
    /// ```
    /// let health = spanloom::Health::builder().build();
    /// assert_eq!(health.answer("GET", "/nothing").body, "Route not found");
    /// assert_eq!(health.answer("POST", "/health").status, 405);
    /// let head = health.answer("HEAD", "/health");
    /// assert!(head.body.is_empty() && head.length > 0);
    /// ```
    #[must_use]
    pub fn answer(&self, method: &str, path: &str) -> Answer {
        self.inner().answer(method, path, "")
    }

    /// As [`Self::answer`], with the request's `Accept` header, which the page of metrics may depend on.
    #[must_use]
    pub fn answer_accepting(&self, method: &str, path: &str, accept: &str) -> Answer {
        self.inner().answer(method, path, accept)
    }
}

impl std::fmt::Debug for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Health").field("status", &self.status()).finish_non_exhaustive()
    }
}
