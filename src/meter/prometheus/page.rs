//! Writes families one after the other: their head once, then the lines of their series.

use super::escape::put_help;
use super::exponential::put_exponential;
use super::family::{Family, FamilyKind};
use super::histogram::{BoundTexts, put_histogram};
use super::label_text::LabelText;
use super::samples::{Pieces, Samples};
use super::seen::SeenSeries;
use super::{Format, PrometheusOptions, Scope, Skipped, Written};
use crate::meter::{Labels, Number, Point, Reading};

#[derive(Debug)]
pub(super) struct Page<'a> {
    options: &'a PrometheusOptions,
    out: Pieces<'a>,
    family: Option<Family>,
    /// The family's head stands already.
    has_head: bool,
    /// Series of the family may come more than once.
    repeats: bool,
    labels: LabelText,
    exemplar_labels: LabelText,
    seen: SeenSeries,
    bounds: BoundTexts,
    le: Vec<u8>,
    written: Written,
}

impl<'a> Page<'a> {
    pub(super) fn new(options: &'a PrometheusOptions, tell: &'a mut dyn FnMut(&[u8])) -> Self {
        Self {
            options,
            out: Pieces::new(tell),
            family: None,
            has_head: false,
            repeats: false,
            labels: LabelText::new(options.naming),
            exemplar_labels: LabelText::new(options.naming),
            seen: SeenSeries::default(),
            bounds: BoundTexts::default(),
            le: Vec::new(),
            written: Written::default(),
        }
    }

    /// A family begins; its head is written with its first series.
    ///
    /// `repeats` says that its series may come more than once. The series of one stream have different labels, so that two
    /// of them can only be the same where different labels have one text.
    pub(super) fn begin_family(&mut self, family: Family, repeats: bool) {
        self.family = Some(family);
        self.repeats = repeats;
        self.has_head = false;
        self.seen.clear();
    }

    pub(super) const fn family(&self) -> Option<&Family> {
        self.family.as_ref()
    }

    /// A stream of the family begins.
    pub(super) fn begin_stream(&mut self, scope: Scope<'_>) {
        let is_histogram = self.family.as_ref().is_some_and(|family| family.kind == FamilyKind::Histogram);
        self.labels.begin(scope, if is_histogram { &["le"] } else { &[] });
    }

    pub(super) const fn skipped(&mut self) -> &mut Skipped {
        &mut self.written.skipped
    }

    /// Looks at the labels of a series that will follow: whether its text may be that of another one.
    pub(super) fn preview(&mut self, point: &Point<'_>) {
        self.labels.preview(point.labels);
    }

    /// A series of the stream that began last.
    pub(super) fn point(&mut self, point: &Point<'_>) {
        let format = self.options.format;
        let Some(family) = &self.family else { return };
        if !fits(family.kind, &point.reading, format) {
            self.written.skipped.unfit += 1;
            return;
        }
        self.labels.render(point.labels);
        if (self.repeats || self.labels.is_ambiguous()) && !self.seen.is_new(self.labels.text()) {
            self.written.skipped.duplicate += 1;
            return;
        }
        if !self.has_head {
            put_head(&mut self.out, family, format);
            self.has_head = true;
            self.written.families += 1;
        }
        self.written.series += 1;
        let mut samples = Samples {
            out: &mut self.out,
            format,
            name: &family.name,
            labels: self.labels.text(),
            exemplar_labels: &mut self.exemplar_labels,
        };
        let is_open = format == Format::OpenMetrics;
        match point.reading {
            Reading::Number(number) => match family.kind {
                FamilyKind::Counter if is_open => {
                    let newest = point.exemplars.iter().max_by_key(|exemplar| exemplar.time_unix_nano);
                    samples.number("_total", number, newest);
                }
                FamilyKind::Info => samples.number("_info", number, None),
                _ => samples.number("", number, None),
            },
            Reading::Histogram(histogram) => {
                put_histogram(&mut samples, &histogram, point.exemplars, &mut self.bounds);
            }
            Reading::Exponential(histogram) => {
                let scale = self.options.exponential_scale;
                put_exponential(&mut samples, &histogram, point.exemplars, scale, &mut self.le);
            }
        }
        if is_open
            && self.options.created
            && matches!(family.kind, FamilyKind::Counter | FamilyKind::Histogram)
        {
            samples.created(point.start_unix_nano);
        }
    }

    /// The family that tells the attributes of the resource, where there are any.
    pub(super) fn target(&mut self, resource: &Labels) {
        if resource.is_empty() {
            return;
        }
        self.begin_family(Family::of_target(self.options.format), false);
        self.begin_stream(Scope::default());
        self.point(&Point {
            labels: resource,
            start_unix_nano: 0,
            time_unix_nano: 0,
            reading: Reading::Number(Number::Int(1)),
            exemplars: &[],
        });
    }

    /// Ends the text.
    pub(super) fn finish(mut self) -> Written {
        if self.options.format == Format::OpenMetrics {
            self.out.text.extend_from_slice(b"# EOF");
            self.out.end_line();
        }
        self.written.bytes = self.out.flush();
        self.written
    }
}

/// True for a reading of this kind, and one that the format can hold.
fn fits(kind: FamilyKind, reading: &Reading<'_>, format: Format) -> bool {
    match (kind, reading) {
        // OpenMetrics forbids counters that are no number or below zero.
        (FamilyKind::Counter, Reading::Number(number)) => {
            format != Format::OpenMetrics || number.as_f64() >= 0.0
        }
        (FamilyKind::Gauge | FamilyKind::Info, Reading::Number(_))
        | (FamilyKind::Histogram, Reading::Histogram(_) | Reading::Exponential(_)) => true,
        _ => false,
    }
}

fn put_head(out: &mut Pieces<'_>, family: &Family, format: Format) {
    let is_open = format == Format::OpenMetrics;
    if !family.help.is_empty() {
        put_words(out, &["# HELP ", &family.name, " "]);
        put_help(&mut out.text, family.help.as_bytes(), is_open);
        out.end_line();
    }
    put_words(out, &["# TYPE ", &family.name, " ", family.kind.word()]);
    out.end_line();
    if is_open && !family.unit.is_empty() {
        put_words(out, &["# UNIT ", &family.name, " ", &family.unit]);
        out.end_line();
    }
}

fn put_words(out: &mut Pieces<'_>, words: &[&str]) {
    for word in words {
        out.text.extend_from_slice(word.as_bytes());
    }
}
