//! Text from several collections, each told stream by stream.
//!
//! The first pass hears the heads of all streams, gives each its family and sorts the families by name. The second asks
//! for the points of one stream after the other, in that order. So the series of a family stand in one place whoever they
//! came from, and no point is held.

use thiserror::Error;

use super::family::{Family, TakenNames, is_delta};
use super::options::{OnConflict, Reason};
use super::page::Page;
use super::{Format, PrometheusOptions, Scope, Written};
use crate::meter::{Point, Stream};

/// A collection that can be asked for each of its streams.
pub trait MetricSource {
    /// Who measured what is in it.
    fn scope(&self) -> Scope<'_> {
        Scope::default()
    }

    /// Tells each stream. One without points is not written, but its kind and description are held to those of others.
    fn streams(&self, tell: &mut dyn FnMut(&Stream<'_>));

    /// Tells the points of the stream that `streams` told as number `index`, counted from 0; each has labels of its own.
    /// Between calls further streams and points may have come, but a stream must keep its number.
    fn points(&self, index: usize, tell: &mut dyn FnMut(&Point<'_>));
}

/// Why streams cannot be written together.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FamilyError {
    /// Two streams of one name are of different kinds.
    #[error("metric family '{name}' has two kinds, {first} and {other}: give one of them another name")]
    Kinds {
        /// The family.
        name: String,
        /// The kind that came first.
        first: &'static str,
        /// The other kind.
        other: &'static str,
    },
    /// Two streams of one name have different descriptions.
    #[error("metric family '{name}' has two descriptions: give the same everywhere")]
    Descriptions {
        /// The family.
        name: String,
    },
    /// The samples of two families would share a name.
    #[error(
        "metric family '{name}' has samples that are named like those of another family: give it another name"
    )]
    Samples {
        /// The family.
        name: String,
    },
}

/// The families of some collections, sorted by name and ready to be written.
///
/// Streams of one name are one family; their series stand in the order of the collections, and of series with the same
/// labels the first one counts.
///
/// ```
/// use spanloom::meter::prometheus::{Families, Format, MetricSource, PrometheusOptions};
/// use spanloom::meter::{Labels, Number, Point, Reading, Stream, StreamKind};
///
/// /// A program with one gauge.
/// struct Queue(&'static str, i64);
///
/// impl MetricSource for Queue {
///     fn streams(&self, tell: &mut dyn FnMut(&Stream<'_>)) {
///         tell(&Stream { name: "queue", unit: "", description: "", kind: StreamKind::Gauge });
///     }
///     fn points(&self, _index: usize, tell: &mut dyn FnMut(&Point<'_>)) {
///         tell(&Point {
///             labels: &Labels::new([("name", self.0.into())]),
///             start_unix_nano: 0,
///             time_unix_nano: 0,
///             reading: Reading::Number(Number::Int(self.1)),
///             exemplars: &[],
///         });
///     }
/// }
///
/// let options = PrometheusOptions::new(Format::Prometheus);
/// let families = Families::of(&[&Queue("mail", 7), &Queue("print", 0)], &options)?;
/// assert_eq!(families.to_text(), "# TYPE queue gauge\nqueue{name=\"mail\"} 7\nqueue{name=\"print\"} 0\n");
/// # Ok::<(), spanloom::meter::prometheus::FamilyError>(())
/// ```
pub struct Families<'a> {
    sources: &'a [&'a dyn MetricSource],
    options: &'a PrometheusOptions,
    members: Vec<Member>,
}

/// A stream as part of a family.
#[derive(Debug)]
struct Member {
    /// Its family, or why its points are left out.
    family: Result<Family, Reason>,
    source: usize,
    index: usize,
}

impl core::fmt::Debug for Families<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Families")
            .field("options", &self.options)
            .field("members", &self.members)
            .finish_non_exhaustive()
    }
}

impl<'a> Families<'a> {
    /// Gathers the streams of all sources.
    ///
    /// # Errors
    /// Where streams do not fit together and the options say [`OnConflict::Fail`].
    pub fn of(
        sources: &'a [&'a dyn MetricSource],
        options: &'a PrometheusOptions,
    ) -> Result<Self, FamilyError> {
        let mut members = Vec::new();
        for (source, metrics) in sources.iter().enumerate() {
            let mut index = 0;
            metrics.streams(&mut |stream| {
                members.push(Member::of(stream, source, index, options));
                index += 1;
            });
        }
        sort(&mut members);
        settle(&mut members, options)?;
        // Once more: those that are left out now have no name, and may have stood between others.
        sort(&mut members);
        Ok(Self { sources, options, members })
    }

    /// Gives the text to `tell` in pieces of whole lines, some 16 KiB each.
    pub fn write(&self, tell: &mut dyn FnMut(&[u8])) -> Written {
        let mut page = Page::new(self.options, tell);
        page.target(&self.options.resource);
        let mut rest = self.members.as_slice();
        while let Some(first) = rest.first() {
            let end = rest.iter().position(|member| member.name() != first.name()).unwrap_or(rest.len());
            let (together, others) = rest.split_at_checked(end).unwrap_or((rest, &[]));
            self.write_family(&mut page, together);
            rest = others;
        }
        page.finish()
    }

    /// Writes the streams of one family.
    fn write_family(&self, page: &mut Page<'_>, members: &[Member]) {
        let is_alone = members.len() == 1;
        let mut has_begun = false;
        for member in members {
            let Some(source) = self.sources.get(member.source) else { continue };
            let family = match &member.family {
                Ok(family) => family,
                Err(reason) => {
                    source.points(member.index, &mut |_| page.skipped().add(*reason));
                    continue;
                }
            };
            if !has_begun {
                page.begin_family(family.clone(), !is_alone);
                has_begun = true;
            }
            page.begin_stream(source.scope());
            if is_alone {
                // Cheaper than to remember every series that is written.
                source.points(member.index, &mut |point| page.preview(point));
            }
            source.points(member.index, &mut |point| page.point(point));
        }
    }

    /// The whole text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = Vec::new();
        self.write(&mut |piece| text.extend_from_slice(piece));
        // Names and labels are texts, so it is one.
        String::from_utf8(text).unwrap_or_default()
    }
}

impl Member {
    fn of(stream: &Stream<'_>, source: usize, index: usize, options: &PrometheusOptions) -> Self {
        let family = if is_delta(stream.kind) {
            Err(Reason::Delta)
        } else {
            Family::of(stream, options.format, options.naming).ok_or(Reason::Unnamed)
        };
        Self { family, source, index }
    }

    fn name(&self) -> Option<&str> {
        self.family.as_ref().ok().map(|family| family.name.as_str())
    }
}

/// By name. The streams of a family stay in the order in which they came.
fn sort(members: &mut [Member]) {
    members.sort_by(|one, other| one.name().cmp(&other.name()));
}

/// Finds out which streams of a family, and which families, do not fit to those before them.
fn settle(members: &mut [Member], options: &PrometheusOptions) -> Result<(), FamilyError> {
    let mut taken = TakenNames::default();
    if !options.resource.is_empty() {
        taken.take(&Family::of_target(options.format), options.format);
    }
    let mut first: Option<(Family, bool)> = None;
    for member in members {
        let Ok(family) = &member.family else { continue };
        let conflict = match &first {
            Some((first, is_written)) if first.name == family.name => {
                if *is_written {
                    differs(first, family)
                } else {
                    Some(clash(first))
                }
            }
            _ => {
                // Dynamo's registry does not look at the names of samples.
                let is_free = options.format == Format::Dynamo || taken.take(family, options.format);
                first = Some((family.clone(), is_free));
                (!is_free).then(|| clash(family))
            }
        };
        match (conflict, options.on_conflict) {
            (Some(conflict), OnConflict::Fail) => return Err(conflict),
            (None | Some(FamilyError::Descriptions { .. }), _) => {}
            (Some(_), OnConflict::KeepFirst) => member.family = Err(Reason::Conflict),
        }
    }
    Ok(())
}

fn clash(family: &Family) -> FamilyError {
    FamilyError::Samples { name: family.name.clone() }
}

fn differs(first: &Family, other: &Family) -> Option<FamilyError> {
    let name = || first.name.clone();
    if first.kind != other.kind {
        return Some(FamilyError::Kinds { name: name(), first: first.kind.word(), other: other.kind.word() });
    }
    (first.help != other.help).then(|| FamilyError::Descriptions { name: name() })
}
