//! What a program wants its health to be like.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::handle::{Health, Inner, InstancesHook, MetricsHook};
use crate::config::{self, Config, ExportersInHealth};
use crate::health::{CanaryOptions, Instance, Paths, Status};
use crate::native::core::Core;
use crate::native::loom::Loom;
use crate::native::meter::{Meter, Registry};

/// Makes a [`Health`]. Everything has a default.
///
/// ```
/// use spanloom::Health;
/// use spanloom::health::Status;
/// let health = Health::builder().starting(Status::Ready).build();
/// assert_eq!(health.answer("GET", "/health").status, 200);
/// ```
#[derive(Default)]
pub struct HealthBuilder {
    pub(super) settings: config::Health,
    pub(super) paths: Paths,
    pub(super) canary: CanaryOptions,
    pub(super) canary_decides: bool,
    pub(super) plain_live: bool,
    pub(super) loom: Option<Weak<Core>>,
    pub(super) metrics: Option<Arc<MetricsHook>>,
    pub(super) instances: Option<Arc<InstancesHook>>,
}

impl HealthBuilder {
    /// Takes everything over that a configuration says of health; what is set afterwards counts more.
    ///
    /// ```
    /// use spanloom::{Config, Health};
    /// let environment = |name: &str| (name == "DYN_SYSTEM_HEALTH_PATH").then(|| "/ready".to_owned());
    /// let (config, _) = Config::from_lookup(environment)?;
    /// let health = Health::builder().config(&config).build();
    /// assert_eq!(health.answer("GET", "/health").status, 404);
    /// assert_eq!(health.answer("GET", "/ready").status, 503);
    /// # Ok::<(), spanloom::config::ConfigError>(())
    /// ```
    #[must_use]
    pub fn config(mut self, config: &Config) -> Self {
        let settings = config.health.clone();
        self.paths.health.clone_from(&settings.path);
        self.paths.live.clone_from(&settings.live_path);
        self.canary.wait = settings.canary.wait;
        self.canary.timeout = settings.canary.timeout;
        self.settings = settings;
        self
    }

    /// What the program is until more is known: not ready by default.
    #[must_use]
    pub const fn starting(mut self, status: Status) -> Self {
        self.settings.starting = status;
        self
    }

    /// The program is ready when all these endpoints are.
    ///
    /// ```
    /// use spanloom::Health;
    /// let health = Health::builder().require(["generate"]).build();
    /// let generate = health.endpoint("generate");
    /// assert!(health.status().is_ready());
    /// ```
    #[must_use]
    pub fn require<N: Into<String>>(mut self, endpoints: impl IntoIterator<Item = N>) -> Self {
        self.settings.endpoints = endpoints.into_iter().map(Into::into).collect();
        self
    }

    /// Where it is answered: `/health`, `/live` and `/metrics` by default.
    ///
    /// ```
    /// use spanloom::Health;
    /// use spanloom::health::Paths;
    /// let health = Health::builder().paths(Paths { health: "/readyz".into(), ..Paths::default() }).build();
    /// assert_eq!(health.answer("GET", "/readyz").status, 503);
    /// ```
    #[must_use]
    pub fn paths(mut self, paths: Paths) -> Self {
        self.paths = paths;
        self
    }

    /// Endpoints that nobody uses are checked, after so long, and a check may take so long. Off by default: then
    /// [`Endpoint::check`](super::Endpoint::check) keeps its check and never calls it.
    ///
    /// ```
    /// use std::time::Duration;
    /// use spanloom::Health;
    /// let health = Health::builder().canary(Duration::from_secs(10), Duration::from_secs(3)).build();
    /// ```
    #[must_use]
    pub const fn canary(mut self, wait: Duration, timeout: Duration) -> Self {
        self.settings.canary.enabled = true;
        self.canary.wait = wait;
        self.canary.timeout = timeout;
        self
    }

    /// Only a check makes a [required](Self::require) endpoint ready: what later versions of Dynamo do. Without canaries it has
    /// no effect.
    #[must_use]
    pub const fn canary_decides(mut self, yes: bool) -> Self {
        self.canary_decides = yes;
        self
    }

    /// A frontend: it is healthy as long as it runs, and `/health` tells the instances that this closure knows.
    ///
    /// ```
    /// use spanloom::Health;
    /// use spanloom::health::Instance;
    /// let health = Health::builder().frontend(|| Ok::<Vec<Instance>, &str>(Vec::new())).build();
    /// assert_eq!(health.answer("GET", "/live").body, r#"{"message":"Service is live","status":"live"}"#);
    /// assert_eq!(health.answer("GET", "/health").status, 200);
    /// ```
    #[must_use]
    pub fn frontend<E>(
        mut self,
        instances: impl Fn() -> Result<Vec<Instance>, E> + Send + Sync + 'static,
    ) -> Self {
        // A frontend that cannot find out tells that it knows nobody.
        self.instances = Some(Arc::new(move || instances().unwrap_or_default()));
        self
    }

    /// `/live` of a worker says whether the program runs, as that of a frontend. By default it says the same as `/health`,
    /// as in Dynamo: there, a liveness probe kills a worker that is not ready for long.
    ///
    /// ```
    /// use spanloom::Health;
    /// let health = Health::builder().plain_live(true).build();
    /// assert_eq!((health.answer("GET", "/health").status, health.answer("GET", "/live").status), (503, 200));
    /// ```
    #[must_use]
    pub const fn plain_live(mut self, yes: bool) -> Self {
        self.plain_live = yes;
        self
    }

    /// The loom whose exporters [`Self::exporters`] is about. It does not live longer for this.
    #[must_use]
    pub fn loom(mut self, loom: &Loom) -> Self {
        self.loom = Some(Arc::downgrade(loom.core()));
        self
    }

    /// What the exporters of the [loom](Self::loom) have to do with health: nothing by default.
    ///
    /// ```
    /// use spanloom::config::ExportersInHealth;
    /// use spanloom::health::Status;
    /// use spanloom::{Health, Loom, MemoryExporter};
    /// let loom = Loom::builder().exporter(MemoryExporter::new()).build();
    /// let health =
    ///     Health::builder().starting(Status::Ready).loom(&loom).exporters(ExportersInHealth::Shown).build();
    /// assert!(health.answer("GET", "/health").body.contains(r#""exporters":{"destinations":[{"#));
    /// ```
    #[must_use]
    pub const fn exporters(mut self, role: ExportersInHealth) -> Self {
        self.settings.exporters = role;
        self
    }

    /// What `/metrics` answers: the closure is given the request's `Accept` header, and gives the type of the page and the page.
    /// Without it there is no such path.
    ///
    /// ```
    /// use spanloom::Health;
    /// let page = |_accept: &str| ("text/plain; version=0.0.4".to_owned(), "up 1\n".to_owned());
    /// let health = Health::builder().with_metrics(page).build();
    /// assert_eq!(health.answer("GET", "/metrics").body, "up 1\n");
    /// ```
    #[must_use]
    pub fn with_metrics(mut self, page: impl Fn(&str) -> (String, String) + Send + Sync + 'static) -> Self {
        self.metrics = Some(Arc::new(move |accept| Some(page(accept))));
        self
    }

    /// `/metrics` answers with all that this meter measures, in the form that the scraper asks for.
    ///
    /// ```
    /// use spanloom::{Health, Loom};
    /// let loom = Loom::builder().build();
    /// loom.meter().counter("answers").build().add(1);
    /// let health = Health::builder().with_meter(loom.meter()).build();
    /// assert!(health.answer("GET", "/metrics").body.ends_with("answers_total 1\n"));
    /// ```
    #[must_use]
    pub fn with_meter(self, meter: &Meter) -> Self {
        let meter = meter.clone();
        self.with_metrics(move |accept| {
            let mut page = Vec::new();
            let content_type = meter.prometheus(Some(accept), &mut |piece| page.extend_from_slice(piece));
            (content_type.to_owned(), String::from_utf8_lossy(&page).into_owned())
        })
    }

    /// `/metrics` answers with the text of this registry and all below it, as Dynamo's server does. Where its metrics do not fit
    /// together the answer is status 500.
    ///
    /// ```
    /// use spanloom::Health;
    /// use spanloom::native::meter::Registry;
    /// let registry = Registry::new();
    /// registry.counter("requests_total", "Requests").build()?.add(1);
    /// let health = Health::builder().with_registry(&registry).build();
    /// let answer = health.answer("GET", "/metrics");
    /// assert!(answer.body.ends_with("\ndynamo_component_requests_total 1\n"));
    /// # Ok::<(), spanloom::meter::registry::RegistryError>(())
    /// ```
    #[must_use]
    pub fn with_registry(mut self, registry: &Registry) -> Self {
        let registry = registry.clone();
        self.metrics = Some(Arc::new(move |_accept| registry.page()));
        self
    }

    /// Makes the handle.
    #[must_use]
    pub fn build(self) -> Health {
        crate::native::fork::watch();
        Health::new_with(Arc::new(Inner::new(self)))
    }
}

impl std::fmt::Debug for HealthBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HealthBuilder")
            .field("settings", &self.settings)
            .field("paths", &self.paths)
            .finish_non_exhaustive()
    }
}
