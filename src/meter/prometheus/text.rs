//! Text from one collection that is told once.

use super::family::{Family, TakenNames, is_delta};
use super::options::Reason;
use super::page::Page;
use super::{PrometheusOptions, Scope, Written};
use crate::meter::{MetricSink, Point, Stream};

/// Writes what a collection tells, in the order in which it is told.
///
/// A family has its lines in one place, so a stream whose family was written before, with another stream behind it, is left
/// out and counted; [`Families`](super::Families) puts such streams together. The pieces that are given out hold
/// whole lines, some 16 KiB each.
///
/// ```
/// use spanloom::meter::prometheus::{Format, PrometheusOptions, PrometheusText};
/// use spanloom::meter::{Labels, MetricSink, Number, Point, Reading, Stream, StreamKind};
///
/// let mut text = Vec::new();
/// let options = PrometheusOptions::new(Format::Prometheus);
/// let mut write = |piece: &[u8]| text.extend_from_slice(piece);
/// let mut prometheus = PrometheusText::new(&options, &mut write);
/// prometheus.stream(&Stream { name: "queue.length", unit: "", description: "Waiting", kind: StreamKind::Gauge });
/// prometheus.point(&Point {
///     labels: &Labels::new([("queue.name", "mail".into())]),
///     start_unix_nano: 0,
///     time_unix_nano: 0,
///     reading: Reading::Number(Number::Int(7)),
///     exemplars: &[],
/// });
/// assert_eq!(prometheus.finish().series, 1);
/// assert_eq!(
///     String::from_utf8(text)?,
///     "# HELP queue_length Waiting\n# TYPE queue_length gauge\nqueue_length{queue_name=\"mail\"} 7\n"
/// );
/// # Ok::<(), std::string::FromUtf8Error>(())
/// ```
#[derive(Debug)]
pub struct PrometheusText<'a> {
    page: Page<'a>,
    options: &'a PrometheusOptions,
    taken: TakenNames,
    scope: (String, String),
    /// Why the points of the stream are left out.
    skips: Option<Reason>,
}

impl<'a> PrometheusText<'a> {
    /// Gives the text to `tell`, piece by piece.
    #[must_use]
    pub fn new(options: &'a PrometheusOptions, tell: &'a mut dyn FnMut(&[u8])) -> Self {
        let mut this = Self {
            page: Page::new(options, tell),
            options,
            taken: TakenNames::default(),
            scope: Default::default(),
            skips: None,
        };
        this.page.target(&options.resource);
        if let Some(target) = this.page.family() {
            this.taken.take(target, options.format);
        }
        this
    }

    /// The streams that follow were measured by this library.
    pub fn scope(&mut self, scope: Scope<'_>) {
        self.scope = (scope.name.to_owned(), scope.version.to_owned());
    }

    /// Ends the text: OpenMetrics has a last line. Without it a reader knows that something is missing.
    pub fn finish(self) -> Written {
        self.page.finish()
    }

    /// Why the points of this stream are left out, if they are; else its family has begun.
    fn begin(&mut self, stream: &Stream<'_>) -> Option<Reason> {
        if is_delta(stream.kind) {
            return Some(Reason::Delta);
        }
        let Some(family) = Family::of(stream, self.options.format, self.options.naming) else {
            return Some(Reason::Unnamed);
        };
        let goes_on =
            self.page.family().is_some_and(|now| now.name == family.name && now.kind == family.kind);
        if !goes_on {
            if !self.taken.take(&family, self.options.format) {
                return Some(Reason::Conflict);
            }
            self.page.begin_family(family, true);
        }
        self.page.begin_stream(Scope { name: &self.scope.0, version: &self.scope.1 });
        None
    }
}

impl MetricSink for PrometheusText<'_> {
    fn stream(&mut self, stream: &Stream<'_>) {
        self.skips = self.begin(stream);
    }

    fn point(&mut self, point: &Point<'_>) {
        match self.skips {
            Some(reason) => self.page.skipped().add(reason),
            None => self.page.point(point),
        }
    }
}
