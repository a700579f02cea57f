//! Levels: registries that know those below them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::callback::{CallbackError, OnProblem, RegistryProblem, Text, Update};
use super::gathered::Gathered;
use super::shelf::Shelf;
use super::spec::check;
use super::{LevelKind, MetricKind, MetricSpec, Place, RegistryError};
use crate::meter::prometheus::{Families, FamilyError, Format, MetricSource, PrometheusOptions, Written};
use crate::meter::state::{Cell, DistributionCell, Shape};
use crate::meter::view::LabelChoice;
use crate::meter::{Amount, Family, GaugeCell, Instrument, InstrumentKind, SumCell};

/// How the metrics of a tree are made.
///
/// ```
/// use spanloom::meter::registry::RegistryOptions;
/// let options = RegistryOptions { worker_id: Some(0x2a), ..RegistryOptions::default() };
/// assert_eq!(options.prefix, "dynamo_component");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryOptions {
    /// What all names begin with, without the `_` behind it; nothing where it is empty.
    pub prefix: String,
    /// The label `worker_id` of all series, in hexadecimal digits.
    pub worker_id: Option<u64>,
    /// So many series at most, for each metric; what goes beyond is counted in one that is labelled `otel.metric.overflow`.
    pub limit: usize,
}

impl Default for RegistryOptions {
    fn default() -> Self {
        Self { prefix: "dynamo_component".to_owned(), worker_id: None, limit: 2000 }
    }
}

/// What all levels of a tree share.
struct Tree {
    prefix: String,
    worker_id: Option<String>,
    limit: usize,
    on_problem: Mutex<Option<OnProblem>>,
}

struct Node {
    place: Place,
    content: Mutex<Content>,
}

#[derive(Default)]
struct Content {
    shelf: Shelf,
    updates: Vec<Update>,
    texts: Vec<Text>,
    below: Vec<Arc<Node>>,
}

/// A registry of the hierarchy, with all below it. Clones are the same one.
///
/// This is the part that needs no host: [`Registry`](crate::native::meter::Registry) has the handles that a native program measures
/// with.
///
/// ```
/// use spanloom::meter::registry::{Level, LevelKind, MetricSpec, RegistryOptions};
/// use spanloom::meter::{Labels, Slot};
/// let runtime = Level::new(RegistryOptions::default());
/// let router = runtime.below(LevelKind::Namespace, "prod")?.below(LevelKind::Component, "router")?;
/// let requests = router.sums::<i64>(&MetricSpec::new("requests_total", "Requests"))?;
/// requests.series(&Labels::none(), || 0).cell.add(Slot::ONLY, 42);
/// let line = r#"dynamo_component_requests_total{dynamo_component="router",dynamo_namespace="prod"} 42"#;
/// assert_eq!(runtime.to_text(0)?.lines().last(), Some(line));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Level {
    tree: Arc<Tree>,
    node: Arc<Node>,
}

impl Level {
    /// The runtime of a new tree.
    #[must_use]
    pub fn new(options: RegistryOptions) -> Self {
        let tree = Tree {
            prefix: options.prefix,
            worker_id: options.worker_id.map(|id| format!("{id:x}")),
            limit: options.limit,
            on_problem: Mutex::default(),
        };
        Self { tree: Arc::new(tree), node: Node::new(Place::default()) }
    }

    /// A new level below this one. It stays as long as this one does, so make each once: two of one name are two registries, and
    /// of series that both have the first one's count.
    ///
    /// # Errors
    /// When a level of that kind cannot be here, or the name leaves nothing for its label.
    pub fn below(&self, kind: LevelKind, name: &str) -> Result<Self, RegistryError> {
        let node = Node::new(self.node.place.below(kind, name)?);
        self.node.content().below.push(Arc::clone(&node));
        Ok(Self { tree: Arc::clone(&self.tree), node })
    }

    /// Where it stands.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.node.place
    }

    /// A metric that sums what only grows.
    ///
    /// # Errors
    /// When it cannot be as it is wished, or is there already.
    pub fn sums<N: Amount>(&self, spec: &MetricSpec) -> Result<Arc<Family<SumCell<N>>>, RegistryError> {
        self.family(spec, MetricKind::Counter)
    }

    /// A metric that keeps the last number, at first zero.
    ///
    /// # Errors
    /// When it cannot be as it is wished, or is there already.
    pub fn gauges<N: Amount>(&self, spec: &MetricSpec) -> Result<Arc<Family<GaugeCell<N>>>, RegistryError> {
        self.family(spec, MetricKind::Gauge)
    }

    /// A metric that counts how numbers are distributed.
    ///
    /// # Errors
    /// When it cannot be as it is wished, or is there already.
    pub fn distributions(&self, spec: &MetricSpec) -> Result<Arc<Family<DistributionCell>>, RegistryError> {
        self.family(spec, MetricKind::Histogram)
    }

    fn family<C: Cell>(&self, spec: &MetricSpec, kind: MetricKind) -> Result<Arc<Family<C>>, RegistryError> {
        let Tree { prefix, worker_id, limit, .. } = &*self.tree;
        let metric = check(spec, kind, &self.node.place, prefix, worker_id.as_deref())?;
        let mut content = self.node.content();
        content.shelf.check(&metric, kind)?;
        let instrument = match kind {
            MetricKind::Counter => InstrumentKind::Counter,
            MetricKind::Gauge => InstrumentKind::Gauge,
            MetricKind::Histogram => InstrumentKind::Histogram,
        };
        let instrument = Instrument::new(metric.name.clone(), instrument).description(metric.help.clone());
        let shape = Shape { bounds: metric.bounds.as_slice().into(), exponential: None };
        let constant = metric.constant.clone();
        // One more: the last one takes all the rest.
        let limit = limit.saturating_add(1);
        let family = Arc::new(Family::new(instrument, shape, LabelChoice::All, constant, limit));
        content.shelf.add(metric, kind, Arc::clone(&family) as _);
        Ok(family)
    }

    /// Has metrics brought up to date before each scrape of this level or one above.
    pub fn on_scrape(&self, update: impl Fn() -> Result<(), CallbackError> + Send + Sync + 'static) {
        self.node.content().updates.push(Arc::new(update));
    }

    /// Has text put behind the metrics, as it is, at each scrape of this level or one above. OpenMetrics has no place for it.
    pub fn add_text(&self, text: impl Fn() -> Result<String, CallbackError> + Send + Sync + 'static) {
        self.node.content().texts.push(Arc::new(text));
    }

    /// Who is told what goes wrong at scrapes anywhere in the tree. Nobody by default.
    pub fn on_problem(&self, hook: impl Fn(&RegistryProblem) + Send + Sync + 'static) {
        *locked(&self.tree.on_problem) = Some(Arc::new(hook));
    }

    /// Gives the text of this level and all below it to `tell`, in pieces. The time matters only to what tells when it was
    /// measured.
    ///
    /// # Errors
    /// When metrics of one name have different kinds or help texts, and the options say that this is an error. Nothing is told
    /// then.
    pub fn write(
        &self,
        options: &PrometheusOptions,
        now_unix_nano: u64,
        tell: &mut dyn FnMut(&[u8]),
    ) -> Result<Written, FamilyError> {
        self.nodes().iter().for_each(|node| self.update(node));
        // Once more: an update may have made levels.
        let nodes = self.nodes();
        let gather = |node: &Arc<Node>| Gathered::new(&node.content().shelf.named, now_unix_nano);
        let gathered: Vec<Gathered> = nodes.iter().map(gather).collect();
        let sources: Vec<&dyn MetricSource> = gathered.iter().map(|one| one as &dyn MetricSource).collect();
        let families = Families::of(&sources, options)?;
        let mut ends_a_line = false;
        let mut written = families.write(&mut |piece| {
            ends_a_line = piece.ends_with(b"\n");
            tell(piece);
        });
        if written.skipped.duplicate > 0 {
            self.report(&RegistryProblem::DuplicateSeries { count: written.skipped.duplicate });
        }
        if options.format == Format::OpenMetrics {
            return Ok(written);
        }
        for text in nodes.iter().flat_map(|node| self.texts(node)) {
            if !ends_a_line {
                tell(b"\n");
                written.bytes += 1;
            }
            tell(text.as_bytes());
            written.bytes += text.len() as u64;
            ends_a_line = text.ends_with('\n');
        }
        Ok(written)
    }

    /// The text of this level and all below it, byte by byte as Dynamo's registry has it.
    ///
    /// # Errors
    /// When metrics of one name have different kinds or help texts.
    pub fn to_text(&self, now_unix_nano: u64) -> Result<String, FamilyError> {
        let mut text = Vec::new();
        let options = PrometheusOptions::new(Format::Dynamo);
        self.write(&options, now_unix_nano, &mut |piece| text.extend_from_slice(piece))?;
        // All pieces are whole texts, so it is one.
        Ok(String::from_utf8(text).unwrap_or_default())
    }

    /// This level and all below it, each before those below it.
    fn nodes(&self) -> Vec<Arc<Node>> {
        let mut nodes = Vec::new();
        let mut waiting = vec![Arc::clone(&self.node)];
        while let Some(node) = waiting.pop() {
            waiting.extend(node.content().below.iter().rev().cloned());
            nodes.push(node);
        }
        nodes
    }

    fn update(&self, node: &Node) {
        // Copied: a callback may make metrics.
        let updates = node.content().updates.clone();
        for update in updates {
            if let Err(error) = update() {
                self.report(&RegistryProblem::Update { place: node.place.to_string(), error });
            }
        }
    }

    /// What the text callbacks of a level give, but for what is empty.
    fn texts(&self, node: &Node) -> Vec<String> {
        let texts = node.content().texts.clone();
        let text = |text: Text| match text() {
            Ok(text) => Some(text).filter(|text| !text.is_empty()),
            Err(error) => {
                self.report(&RegistryProblem::Text { place: node.place.to_string(), error });
                None
            }
        };
        texts.into_iter().filter_map(text).collect()
    }

    /// Tells whoever wants to know what goes wrong.
    pub(crate) fn report(&self, problem: &RegistryProblem) {
        let hook = locked(&self.tree.on_problem).clone();
        if let Some(hook) = hook {
            hook(problem);
        }
    }
}

impl core::fmt::Debug for Level {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let content = self.node.content();
        let metrics: Vec<_> = content.shelf.named.iter().map(|named| &*named.name).collect();
        f.debug_struct("Level")
            .field("place", &self.node.place)
            .field("metrics", &metrics)
            .field("below", &content.below.len())
            .finish_non_exhaustive()
    }
}

impl Node {
    fn new(place: Place) -> Arc<Self> {
        Arc::new(Self { place, content: Mutex::default() })
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        locked(&self.content)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
