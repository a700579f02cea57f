//! Measuring: counters, gauges and histograms of a native program.
//!
//! ```text
//!  Counter, Gauge, Histogram ──▶ cell of their series        no lock, no call into the book
//!        ▲ bound by
//!  Labelled, AnyLabels ──▶ table of handles by labels        no lock; the book where the labels are new
//!                                     │
//!                                    Book ◀──collect── readers
//! ```
//!
//! A handle is bound to one series, and adds to a part of its cell that only its thread writes to. Labels that are said with each
//! measurement are looked up in a table that readers need no lock for.

mod builder;
mod call;
mod delivery;
mod handles;
mod labelled;
mod periodic;
mod registry;
mod slot;
mod table;

use std::sync::Arc;

use super::clock::TimeSource;
use super::current::in_sampled_node;
use crate::config::ExemplarFilter;
use crate::meter::prometheus::{PrometheusOptions, PrometheusText, negotiate};
use crate::meter::{Book, BookOptions, MeterProblems, Reader};

pub(super) use call::call_site;
pub(super) use slot::here as slot_here;

pub use builder::{InstrumentBuilder, Made, Observing};
pub use call::Call;
pub use handles::{Counter, Gauge, Handle, Histogram, UpDownCounter};
pub use labelled::{AnyLabels, Labelled};
pub use periodic::MetricOptions;
pub(super) use periodic::{Periodic, Watched};
pub use registry::{
    FrontendMetrics, FrontendRequest, LabelledBy, Registered, Registry, RegistryMetric, WorkerMetrics,
    WorkerRequest,
};

/// What all instruments of a meter share.
pub struct Shared {
    book: Book,
    time: TimeSource,
    examples: Examples,
}

/// Which measurements are offered as examples.
#[derive(Debug, Clone, Copy)]
struct Examples(ExemplarFilter);

impl Examples {
    #[inline]
    fn wants_this(self) -> bool {
        match self.0 {
            ExemplarFilter::TraceBased => in_sampled_node(),
            ExemplarFilter::AlwaysOn => true,
            ExemplarFilter::AlwaysOff => false,
        }
    }
}

/// Makes instruments. Clones are the same meter.
///
/// ```
/// let loom = spanloom::Loom::builder().build();
/// let meter = loom.meter();
/// let answered = meter.counter("answers").description("Questions that were answered.").build();
/// let waiting = meter.gauge("queue.length").whole().build();
/// let seconds = meter.histogram("answer.duration").unit("s").labelled(["model"]);
/// answered.add(1);
/// waiting.set(3);
/// seconds.with(["small"]).record(0.8);
/// ```
#[derive(Clone)]
pub struct Meter {
    shared: Arc<Shared>,
    calls: Arc<call::Calls>,
}

impl Meter {
    pub(super) fn new(options: BookOptions, time: TimeSource, examples: ExemplarFilter) -> Self {
        let shared = Shared { book: Book::new(options), time, examples: Examples(examples) };
        Self { shared: Arc::new(shared), calls: Arc::default() }
    }

    /// Counts what only grows.
    pub fn counter(&self, name: &str) -> InstrumentBuilder<'_, Counter> {
        InstrumentBuilder::new(&self.shared, name)
    }

    /// Counts what grows and shrinks.
    pub fn up_down_counter(&self, name: &str) -> InstrumentBuilder<'_, UpDownCounter> {
        InstrumentBuilder::new(&self.shared, name)
    }

    /// Keeps the last number.
    pub fn gauge(&self, name: &str) -> InstrumentBuilder<'_, Gauge> {
        InstrumentBuilder::new(&self.shared, name)
    }

    /// Counts how numbers are distributed.
    pub fn histogram(&self, name: &str) -> InstrumentBuilder<'_, Histogram> {
        InstrumentBuilder::new(&self.shared, name)
    }

    /// All that is measured: for readers of your own.
    #[must_use]
    pub fn book(&self) -> &Book {
        &self.shared.book
    }

    /// Everything as text that Prometheus reads, piece by piece, in the form that a request asks for in its header `accept`.
    ///
    /// ```
    /// let loom = spanloom::Loom::builder().build();
    /// loom.meter().counter("answers").build().add(2);
    /// let mut page = Vec::new();
    /// let content_type = loom.meter().prometheus(None, &mut |piece| page.extend_from_slice(piece));
    /// assert!(content_type.starts_with("text/plain; version=0.0.4"));
    /// assert_eq!(String::from_utf8_lossy(&page), "# TYPE answers_total counter\nanswers_total 2\n");
    /// ```
    pub fn prometheus(&self, accept: Option<&str>, tell: &mut dyn FnMut(&[u8])) -> &'static str {
        let format = negotiate(accept);
        let options = PrometheusOptions::new(format);
        let mut text = PrometheusText::new(&options, tell);
        let now = self.shared.time.unix_nanos();
        self.shared.book.collect(&mut Reader::cumulative(), now, &mut text);
        text.finish();
        format.content_type()
    }

    /// What was not as it should be.
    #[must_use]
    pub fn problems(&self) -> MeterProblems {
        self.shared.book.problems()
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("book", &self.book).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Meter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meter").field("book", &self.shared.book).finish()
    }
}
