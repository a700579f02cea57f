//! The lines of one series.

use core::fmt::Write as _;

use super::label_text::LabelText;
use super::number::{Utf8, put_double, put_i64, put_seconds, put_u64};
use super::{Format, Scope};
use crate::meter::{Exemplar, Number};
use crate::{SpanId, TraceId};

/// Text goes out when so many bytes of it have come together.
const PIECE: usize = 16 * 1024;

/// Names that an exemplar's ids have.
const IDS: &[&str] = &["trace_id", "span_id"];

/// So many characters may names and values of an exemplar's labels have together.
const EXEMPLAR_CHARACTERS: usize = 128;

/// Text on its way out, in pieces of whole lines.
pub(super) struct Pieces<'a> {
    pub text: Vec<u8>,
    tell: &'a mut dyn FnMut(&[u8]),
    bytes: u64,
}

impl core::fmt::Debug for Pieces<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Pieces")
            .field("waiting", &self.text.len())
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

impl<'a> Pieces<'a> {
    pub(super) fn new(tell: &'a mut dyn FnMut(&[u8])) -> Self {
        Self { text: Vec::new(), tell, bytes: 0 }
    }

    pub(super) fn end_line(&mut self) {
        self.text.push(b'\n');
        if self.text.len() >= PIECE {
            self.flush();
        }
    }

    /// Gives out what is left, and says how many bytes there were in all.
    pub(super) fn flush(&mut self) -> u64 {
        if !self.text.is_empty() {
            self.bytes += self.text.len() as u64;
            (self.tell)(&self.text);
            self.text.clear();
        }
        self.bytes
    }
}

/// Writes the samples of one series.
#[derive(Debug)]
pub(super) struct Samples<'a, 'out> {
    pub out: &'a mut Pieces<'out>,
    pub format: Format,
    /// The name of the family.
    pub name: &'a str,
    /// The labels of the series, without braces.
    pub labels: &'a [u8],
    /// Where the labels of exemplars are made.
    pub exemplar_labels: &'a mut LabelText,
}

impl Samples<'_, '_> {
    /// `name_suffix{labels} `: the value is to follow.
    fn begin(&mut self, suffix: &str, le: Option<&[u8]>) {
        let text = &mut self.out.text;
        text.extend_from_slice(self.name.as_bytes());
        text.extend_from_slice(suffix.as_bytes());
        if !self.labels.is_empty() || le.is_some() {
            text.push(b'{');
            text.extend_from_slice(self.labels);
            if let Some(le) = le {
                text.extend_from_slice(if self.labels.is_empty() { b"le=\"" } else { b",le=\"" });
                text.extend_from_slice(le);
                text.push(b'"');
            }
            text.push(b'}');
        }
        text.push(b' ');
    }

    pub(super) fn number(&mut self, suffix: &str, number: Number, exemplar: Option<&Exemplar>) {
        self.begin(suffix, None);
        put_number(&mut self.out.text, number, self.format);
        self.end(exemplar);
    }

    pub(super) fn count(&mut self, suffix: &str, le: Option<&[u8]>, count: u64, exemplar: Option<&Exemplar>) {
        self.begin(suffix, le);
        put_u64(&mut self.out.text, count);
        self.end(exemplar);
    }

    /// Sum and count of a histogram. OpenMetrics has both or none, and none where the sum may go down.
    pub(super) fn sum_and_count(&mut self, sum: Option<f64>, count: u64, has_negative: bool) {
        let is_open = self.format == Format::OpenMetrics;
        if is_open && (has_negative || sum.is_none_or(f64::is_nan)) {
            return;
        }
        if let Some(sum) = sum {
            self.number("_sum", Number::Double(sum), None);
        }
        self.count("_count", None, count, None);
    }

    /// When the series began, where that is known.
    pub(super) fn created(&mut self, start_unix_nano: u64) {
        if start_unix_nano != 0 {
            self.begin("_created", None);
            put_seconds(&mut self.out.text, start_unix_nano);
            self.end(None);
        }
    }

    fn end(&mut self, exemplar: Option<&Exemplar>) {
        if let Some(exemplar) = exemplar.filter(|_| self.format == Format::OpenMetrics) {
            self.exemplar(exemplar);
        }
        self.out.end_line();
    }

    fn exemplar(&mut self, exemplar: &Exemplar) {
        let text = &mut self.out.text;
        text.extend_from_slice(b" # {");
        let start = text.len();
        if exemplar.trace_id != TraceId::default() {
            put_id(text, "trace_id", exemplar.trace_id);
        }
        if exemplar.span_id != SpanId::default() {
            put_id(text, if text.len() > start { ",span_id" } else { "span_id" }, exemplar.span_id);
        }
        self.exemplar_labels.begin(Scope::default(), IDS);
        self.exemplar_labels.render(&exemplar.labels);
        let more = self.exemplar_labels.text();
        // Quotes and commas are counted as well: rather too few labels than too many.
        if !more.is_empty() && text.len() - start + characters(more) < EXEMPLAR_CHARACTERS {
            if text.len() > start {
                text.push(b',');
            }
            text.extend_from_slice(more);
        }
        text.extend_from_slice(b"} ");
        put_number(text, exemplar.value, self.format);
        if exemplar.time_unix_nano != 0 {
            text.push(b' ');
            put_seconds(text, exemplar.time_unix_nano);
        }
    }
}

fn put_id(text: &mut Vec<u8>, name: &str, id: impl core::fmt::Display) {
    // Writing to bytes cannot fail.
    let _ = write!(Utf8(text), "{name}=\"{id}\"");
}

/// How many characters a text has: the bytes that begin one.
fn characters(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}

fn put_number(text: &mut Vec<u8>, number: Number, format: Format) {
    match number {
        // There all numbers are doubles.
        Number::Int(_) if format == Format::Dynamo => put_double(text, number.as_f64(), format),
        Number::Int(number) => put_i64(text, number),
        Number::Double(number) => put_double(text, number, format),
    }
}

/// The newest of the exemplars whose number lies above `lower` and not above `upper`.
pub(super) fn exemplar_between(exemplars: &[Exemplar], lower: f64, upper: f64) -> Option<&Exemplar> {
    let lies_between = |exemplar: &&Exemplar| {
        let value = exemplar.value.as_f64();
        value > lower && value <= upper
    };
    exemplars.iter().filter(lies_between).max_by_key(|exemplar| exemplar.time_unix_nano)
}
