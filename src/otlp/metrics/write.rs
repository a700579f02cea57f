//! From what a collection tells to requests.

use core::ops::Range;

use super::write_point::put_point;
use super::{Told, field};
use crate::meter::{MetricSink, Point, Reading, Stream, StreamKind};
use crate::otlp::export::{GROUPS, ITEMS, Resource, SCHEMA_URL, Scope, WHO};
use crate::otlp::export::{present_len, put_header, put_present};
use crate::otlp::wire::{VARINT, bytes_field_len, put_varint_field, tag, varint_len};

/// Appends `ResourceMetrics` with what `tell` tells to a request, and says how many points there were.
///
/// No points, no bytes: empty envelopes are not sent. Called again, it adds a further resource to the same request.
///
/// ```
/// use spanloom::meter::{Labels, MetricSink, Number, Point, Reading, Stream, StreamKind};
/// use spanloom::otlp::{Resource, Scope, decode_metrics, encode_metrics};
/// let resource = Resource::new([("service.name", "planner".into())]);
/// let mut request = Vec::new();
/// let told = encode_metrics(&resource, &Scope::new("spanloom", ""), &mut request, |sink| {
///     sink.stream(&Stream { name: "queue", unit: "1", description: "", kind: StreamKind::Gauge });
///     sink.point(&Point {
///         labels: &Labels::new([("route", "/ask".into())]),
///         start_unix_nano: 0,
///         time_unix_nano: 5,
///         reading: Reading::Number(Number::Int(3)),
///         exemplars: &[],
///     });
/// });
/// assert_eq!((told.points, told.left_out), (1, 0));
/// let view = decode_metrics(&request)?;
/// assert_eq!(view.metrics().next().map(|found| found.metric.name), Some("queue"));
/// # Ok::<(), spanloom::otlp::DecodeError>(())
/// ```
pub fn encode_metrics(
    resource: &Resource,
    scope: &Scope,
    out: &mut Vec<u8>,
    tell: impl FnOnce(&mut dyn MetricSink),
) -> Told {
    let mut writer =
        MetricsWriter::new(resource, scope, usize::MAX, |request: MetricsRequest<'_>| request.append_to(out));
    tell(&mut writer);
    writer.finish()
}

/// The sink that writes what it is told as metrics requests, each with at most so many points.
///
/// A stream whose points fill more than one request is in each of them with its name. Points before a stream, and
/// points that are of another kind than their stream, are left out and counted.
///
/// ```
/// use spanloom::meter::{Labels, MetricSink, Number, Point, Reading, Stream, StreamKind};
/// use spanloom::otlp::{MetricsWriter, Resource, Scope};
/// let (resource, scope) = (Resource::default(), Scope::default());
/// let mut bodies: Vec<Vec<u8>> = Vec::new();
/// let mut writer = MetricsWriter::new(&resource, &scope, 1000, |request| bodies.push(request.to_vec()));
/// writer.stream(&Stream { name: "rooms", unit: "", description: "", kind: StreamKind::Gauge });
/// for room in 0..2500 {
///     writer.point(&Point {
///         labels: &Labels::new([("room", room.into())]),
///         start_unix_nano: 0,
///         time_unix_nano: 5,
///         reading: Reading::Number(Number::Double(20.5)),
///         exemplars: &[],
///     });
/// }
/// assert_eq!(writer.finish().points, 2500);
/// assert_eq!(bodies.len(), 3);
/// ```
#[derive(Debug)]
pub struct MetricsWriter<'a, F> {
    parts: Parts<'a>,
    scope: &'a Scope,
    /// The kind of the stream that was told last.
    kind: Option<StreamKind>,
    /// Its name and what else stands before its points, for each request that has points of it.
    head: Vec<u8>,
    /// Points of that scope and that stream go into the part that was begun last.
    same_scope: bool,
    same_stream: bool,
    max_points: usize,
    full: F,
    told: Told,
}

/// What a request is made of, before it is put together.
#[derive(Debug)]
struct Parts<'a> {
    resource: &'a Resource,
    scopes: Vec<ScopePart<'a>>,
    metrics: Vec<MetricPart>,
    /// What stands before the points, of one metric behind the other.
    heads: Vec<u8>,
    /// The points of one metric behind those of the other, each as a field.
    points: Vec<u8>,
    count: usize,
}

#[derive(Debug)]
struct ScopePart<'a> {
    scope: &'a Scope,
    metrics: Range<usize>,
}

#[derive(Debug)]
struct MetricPart {
    kind: StreamKind,
    head: Range<usize>,
    points: Range<usize>,
}

/// A request that is ready to be put together.
#[derive(Debug, Clone, Copy)]
pub struct MetricsRequest<'a> {
    parts: &'a Parts<'a>,
}

impl MetricsRequest<'_> {
    /// How many points it has.
    #[must_use]
    pub const fn points(&self) -> usize {
        self.parts.count
    }

    /// How many bytes it has.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        bytes_field_len(GROUPS, self.parts.resource_len())
    }

    /// Appends it.
    pub fn append_to(&self, out: &mut Vec<u8>) {
        self.parts.append_to(out);
    }

    /// Its bytes, in a buffer that is as long as they are.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_len());
        self.append_to(&mut out);
        out
    }
}

impl<'a, F: FnMut(MetricsRequest<'_>)> MetricsWriter<'a, F> {
    /// Begins with this scope. `full` is given each request when it has `max_points` points (at least one), and the last
    /// one at the end.
    #[must_use]
    pub fn new(resource: &'a Resource, scope: &'a Scope, max_points: usize, full: F) -> Self {
        let parts = Parts {
            resource,
            scopes: Vec::new(),
            metrics: Vec::new(),
            heads: Vec::new(),
            points: Vec::new(),
            count: 0,
        };
        Self {
            parts,
            scope,
            kind: None,
            head: Vec::new(),
            same_scope: false,
            same_stream: false,
            max_points,
            full,
            told: Told::default(),
        }
    }

    /// The streams that follow are of this scope.
    pub fn scope(&mut self, scope: &'a Scope) {
        self.scope = scope;
        self.kind = None;
        self.same_scope = false;
        self.same_stream = false;
    }

    /// Gives out the last request, and says how many points there were in all.
    pub fn finish(mut self) -> Told {
        self.give_out();
        self.told
    }

    fn give_out(&mut self) {
        if self.parts.count > 0 {
            (self.full)(MetricsRequest { parts: &self.parts });
            self.parts.clear();
        }
        self.same_scope = false;
        self.same_stream = false;
    }
}

impl<F: FnMut(MetricsRequest<'_>)> MetricSink for MetricsWriter<'_, F> {
    fn stream(&mut self, stream: &Stream<'_>) {
        self.kind = Some(stream.kind);
        self.same_stream = false;
        self.head.clear();
        put_head(&mut self.head, stream);
    }

    fn point(&mut self, point: &Point<'_>) {
        let Some(kind) = self.kind.filter(|kind| fits(*kind, &point.reading)) else {
            self.told.left_out += 1;
            return;
        };
        if !self.same_scope {
            self.parts.begin_scope(self.scope);
            self.same_scope = true;
        }
        if !self.same_stream {
            self.parts.begin_metric(kind, &self.head);
            self.same_stream = true;
        }
        self.parts.add(point);
        self.told.points += 1;
        if self.parts.count >= self.max_points {
            self.give_out();
        }
    }
}

/// Appends a `Metric` message with points that [`put_metric_point`] has put together.
pub(crate) fn put_metric(out: &mut Vec<u8>, stream: &Stream<'_>, points: &[u8]) {
    put_head(out, stream);
    let metric = MetricPart { kind: stream.kind, head: 0..0, points: 0..points.len() };
    put_header(out, metric.data_field(), metric.data_len());
    out.extend_from_slice(points);
    metric.put_tail(out);
}

/// Appends a point to those of a metric.
pub(crate) fn put_metric_point(points: &mut Vec<u8>, point: &Point<'_>) {
    put_point(points, field::POINTS, point);
}

/// What stands before the points of a metric.
fn put_head(out: &mut Vec<u8>, stream: &Stream<'_>) {
    put_present(out, field::NAME, stream.name.as_bytes());
    put_present(out, field::DESCRIPTION, stream.description.as_bytes());
    put_present(out, field::UNIT, stream.unit.as_bytes());
}

const fn fits(kind: StreamKind, reading: &Reading<'_>) -> bool {
    matches!(
        (kind, reading),
        (StreamKind::Gauge | StreamKind::Sum { .. }, Reading::Number(_))
            | (StreamKind::Histogram { .. }, Reading::Histogram(_))
            | (StreamKind::Exponential { .. }, Reading::Exponential(_))
    )
}

impl<'a> Parts<'a> {
    fn begin_scope(&mut self, scope: &'a Scope) {
        let next = self.metrics.len();
        self.scopes.push(ScopePart { scope, metrics: next..next });
    }

    fn begin_metric(&mut self, kind: StreamKind, head: &[u8]) {
        let start = self.heads.len();
        self.heads.extend_from_slice(head);
        let points = self.points.len();
        self.metrics.push(MetricPart { kind, head: start..self.heads.len(), points: points..points });
        if let Some(scope) = self.scopes.last_mut() {
            scope.metrics.end = self.metrics.len();
        }
    }

    fn add(&mut self, point: &Point<'_>) {
        put_point(&mut self.points, field::POINTS, point);
        self.count += 1;
        if let Some(metric) = self.metrics.last_mut() {
            metric.points.end = self.points.len();
        }
    }

    /// Empty again; the memory stays for the next request.
    fn clear(&mut self) {
        self.scopes.clear();
        self.metrics.clear();
        self.heads.clear();
        self.points.clear();
        self.count = 0;
    }

    fn metrics_of(&self, scope: &ScopePart<'_>) -> &[MetricPart] {
        self.metrics.get(scope.metrics.clone()).unwrap_or_default()
    }

    fn scope_len(&self, scope: &ScopePart<'_>) -> usize {
        let metrics = self.metrics_of(scope).iter().map(|metric| bytes_field_len(ITEMS, metric.len()));
        let around = present_len(scope.scope.message()) + present_len(scope.scope.schema_url().as_bytes());
        around + metrics.sum::<usize>()
    }

    fn resource_len(&self) -> usize {
        let scopes = self.scopes.iter().map(|scope| bytes_field_len(ITEMS, self.scope_len(scope)));
        let around =
            present_len(self.resource.message()) + present_len(self.resource.schema_url().as_bytes());
        around + scopes.sum::<usize>()
    }

    fn append_to(&self, out: &mut Vec<u8>) {
        let length = self.resource_len();
        out.reserve(bytes_field_len(GROUPS, length));
        put_header(out, GROUPS, length);
        put_present(out, WHO, self.resource.message());
        for scope in &self.scopes {
            put_header(out, ITEMS, self.scope_len(scope));
            put_present(out, WHO, scope.scope.message());
            for metric in self.metrics_of(scope) {
                put_header(out, ITEMS, metric.len());
                out.extend_from_slice(self.heads.get(metric.head.clone()).unwrap_or_default());
                put_header(out, metric.data_field(), metric.data_len());
                out.extend_from_slice(self.points.get(metric.points.clone()).unwrap_or_default());
                metric.put_tail(out);
            }
            put_present(out, SCHEMA_URL, scope.scope.schema_url().as_bytes());
        }
        put_present(out, SCHEMA_URL, self.resource.schema_url().as_bytes());
    }
}

impl MetricPart {
    fn len(&self) -> usize {
        self.head.len() + bytes_field_len(self.data_field(), self.data_len())
    }

    fn data_len(&self) -> usize {
        self.points.len() + self.tail_len()
    }

    const fn data_field(&self) -> u32 {
        match self.kind {
            StreamKind::Gauge => field::GAUGE,
            StreamKind::Sum { .. } => field::SUM,
            StreamKind::Histogram { .. } => field::HISTOGRAM,
            StreamKind::Exponential { .. } => field::EXPONENTIAL,
        }
    }

    /// What stands behind the points, as number and value of varint fields.
    fn tail(&self) -> impl Iterator<Item = (u32, u64)> + use<> {
        let (temporality, monotonic) = match self.kind {
            StreamKind::Gauge => (None, false),
            StreamKind::Sum { monotonic, temporality } => (Some(temporality), monotonic),
            StreamKind::Histogram { temporality } | StreamKind::Exponential { temporality } => {
                (Some(temporality), false)
            }
        };
        let temporality = temporality.map(|temporality| (field::TEMPORALITY, temporality as u64));
        temporality.into_iter().chain(monotonic.then_some((field::MONOTONIC, 1)))
    }

    fn tail_len(&self) -> usize {
        self.tail().map(|(field, value)| varint_len(tag(field, VARINT)) + varint_len(value)).sum()
    }

    fn put_tail(&self, out: &mut Vec<u8>) {
        for (field, value) in self.tail() {
            put_varint_field(out, field, value);
        }
    }
}

#[cfg(test)]
mod tests;
