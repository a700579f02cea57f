//! Points as messages, fields in ascending order and without defaults.
//!
//! Ascending also where a whole number excludes a double: the former stands behind the exemplars, the latter before them.

use crate::meter::{Buckets, Exemplar, ExponentialPoint, HistogramPoint, Labels, Number, Point, Reading};
use crate::otlp::export::put_header;
use crate::otlp::wire::{
    bytes_field_len, close_message, open_message, put_bytes_field, put_fixed64_field, put_varint,
    put_varint_field, tag, varint_len,
};

/// Appends a point as field `number`.
///
/// A point is short: where its length takes more than one byte, moving it by that byte costs less than knowing the
/// length before.
pub(super) fn put_point(out: &mut Vec<u8>, number: u32, point: &Point<'_>) {
    let start = open_message(out, number);
    match &point.reading {
        Reading::Number(number) => put_number_point(out, point, *number),
        Reading::Histogram(histogram) => put_histogram_point(out, point, histogram),
        Reading::Exponential(histogram) => put_exponential_point(out, point, histogram),
    }
    close_message(out, start);
}

fn put_number_point(out: &mut Vec<u8>, point: &Point<'_>, number: Number) {
    put_times(out, point);
    if let Number::Double(number) = number {
        put_double(out, 4, number);
    }
    put_exemplars(out, 5, point.exemplars);
    if let Number::Int(number) = number {
        put_fixed64_field(out, 6, number.cast_unsigned());
    }
    put_labels(out, 7, point.labels);
}

fn put_histogram_point(out: &mut Vec<u8>, point: &Point<'_>, histogram: &HistogramPoint<'_>) {
    put_times(out, point);
    put_count(out, 4, histogram.count());
    put_some_double(out, 5, histogram.sum);
    put_packed(out, 6, histogram.counts, |count| count.to_le_bytes());
    put_packed(out, 7, histogram.bounds, |bound| bound.to_le_bytes());
    put_exemplars(out, 8, point.exemplars);
    put_labels(out, 9, point.labels);
    put_some_double(out, 11, histogram.min);
    put_some_double(out, 12, histogram.max);
}

fn put_exponential_point(out: &mut Vec<u8>, point: &Point<'_>, histogram: &ExponentialPoint<'_>) {
    put_labels(out, 1, point.labels);
    put_times(out, point);
    put_count(out, 4, histogram.count);
    put_some_double(out, 5, histogram.sum);
    if histogram.scale != 0 {
        put_varint_field(out, 6, zigzag(histogram.scale));
    }
    put_count(out, 7, histogram.zero_count);
    put_buckets(out, 8, histogram.positive);
    put_buckets(out, 9, histogram.negative);
    put_exemplars(out, 11, point.exemplars);
    put_some_double(out, 12, histogram.min);
    put_some_double(out, 13, histogram.max);
    if histogram.zero_threshold.to_bits() != 0 {
        put_double(out, 14, histogram.zero_threshold);
    }
}

/// Start and end have the same numbers in points of all kinds.
fn put_times(out: &mut Vec<u8>, point: &Point<'_>) {
    put_count(out, 2, point.start_unix_nano);
    put_count(out, 3, point.time_unix_nano);
}

/// A fixed64 field that is left out when it is zero.
fn put_count(out: &mut Vec<u8>, field: u32, count: u64) {
    if count != 0 {
        put_fixed64_field(out, field, count);
    }
}

fn put_double(out: &mut Vec<u8>, field: u32, number: f64) {
    put_fixed64_field(out, field, number.to_bits());
}

/// A double that says something when it is zero.
fn put_some_double(out: &mut Vec<u8>, field: u32, number: Option<f64>) {
    if let Some(number) = number {
        put_double(out, field, number);
    }
}

fn put_labels(out: &mut Vec<u8>, field: u32, labels: &Labels) {
    for pair in labels.pairs() {
        put_bytes_field(out, field, pair);
    }
}

/// Numbers of eight bytes, one behind the other.
fn put_packed<T: Copy>(out: &mut Vec<u8>, field: u32, numbers: &[T], bytes: impl Fn(T) -> [u8; 8]) {
    if numbers.is_empty() {
        return;
    }
    let length = size_of::<[u8; 8]>() * numbers.len();
    put_header(out, field, length);
    let start = out.len();
    out.resize(start + length, 0);
    let (places, _) = out.get_mut(start..).unwrap_or_default().as_chunks_mut();
    for (place, number) in places.iter_mut().zip(numbers) {
        *place = bytes(*number);
    }
}

/// Buckets that count nothing are left out: an offset alone says nothing.
fn put_buckets(out: &mut Vec<u8>, field: u32, buckets: Buckets<'_>) {
    if buckets.counts.is_empty() {
        return;
    }
    let packed = buckets.counts.iter().map(|count| varint_len(*count)).sum();
    let offset = zigzag(buckets.offset);
    let offset_len = if offset == 0 { 0 } else { varint_len(tag(1, 0)) + varint_len(offset) };
    put_header(out, field, offset_len + bytes_field_len(2, packed));
    if offset != 0 {
        put_varint_field(out, 1, offset);
    }
    put_header(out, 2, packed);
    for count in buckets.counts {
        put_varint(out, *count);
    }
}

fn put_exemplars(out: &mut Vec<u8>, field: u32, exemplars: &[Exemplar]) {
    for exemplar in exemplars {
        let start = open_message(out, field);
        put_count(out, 2, exemplar.time_unix_nano);
        if let Number::Double(number) = exemplar.value {
            put_double(out, 3, number);
        }
        if exemplar.span_id.is_valid() {
            put_bytes_field(out, 4, exemplar.span_id.as_bytes());
        }
        if exemplar.trace_id.is_valid() {
            put_bytes_field(out, 5, exemplar.trace_id.as_bytes());
        }
        if let Number::Int(number) = exemplar.value {
            put_fixed64_field(out, 6, number.cast_unsigned());
        }
        put_labels(out, 7, &exemplar.labels);
        close_message(out, start);
    }
}

/// A signed number of 32 bits so that small magnitudes are short.
fn zigzag(number: i32) -> u64 {
    ((number << 1) ^ (number >> 31)).cast_unsigned().into()
}
