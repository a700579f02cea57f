//! What the module remembers between calls, and what the calls do.

use spanloom::otlp::{Resource, Scope, encode_traces};
use spanloom::record::{Ingest, IngestCounts, Limits, finished_spans};

use crate::codes::{Answer, Count, Limit};

/// One recorder: a host makes as many instances of the module as it wants recorders.
#[derive(Debug, Default)]
pub struct Module {
    ingest: Ingest,
    /// Records that the host has not cleared yet.
    pub(crate) records: Vec<u8>,
    /// What the last call answered with.
    pub(crate) answer: Vec<u8>,
    resource: Resource,
    scope: Scope,
    #[cfg(feature = "meter")]
    pub(crate) meter: crate::meter::Meter,
}

impl Module {
    /// Appends the records of a batch in the compact layout.
    pub fn compact(&mut self, batch: &[u8]) -> u32 {
        count(self.ingest.compact(batch, &mut self.records))
    }

    /// Appends the records of a batch that Python marshalled.
    pub fn marshal(&mut self, batch: &[u8]) -> u32 {
        count(self.ingest.marshal(batch, &mut self.records))
    }

    /// Makes the attributes of the last finished span the resource, and forgets all records: a host that writes spans
    /// needs no other layout to say who it is.
    pub fn resource(&mut self) -> Answer {
        let Some(span) = finished_spans(&self.records).last() else { return Answer::Malformed };
        self.resource = Resource::of_span(span);
        self.clear_records();
        Answer::Ok
    }

    /// Sets through what it is recorded: a name, a line feed and a version.
    pub fn scope(&mut self, text: &[u8]) -> Answer {
        let Ok(text) = core::str::from_utf8(text) else { return Answer::Malformed };
        let end = text.bytes().position(|byte| byte == b'\n').unwrap_or(text.len());
        let name = text.get(..end).unwrap_or_default();
        let version = text.get(end + 1..).unwrap_or_default();
        self.scope = Scope::new(name, version);
        Answer::Ok
    }

    /// Sets a limit. Numbers that are none, or too large, leave it as wide as can be.
    pub fn limit(&mut self, number: u32, value: f64) -> Answer {
        let Some(limit) = Limit::from_number(number) else { return Answer::Unknown };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
        let (size, number) =
            if value.is_nan() { (usize::MAX, u32::MAX) } else { (value as usize, value as u32) };
        let mut limits: Limits = *self.ingest.limits();
        match limit {
            Limit::Attributes => limits.attributes = number,
            Limit::Events => limits.events = number,
            Limit::Links => limits.links = number,
            Limit::NestedAttributes => limits.nested_attributes = number,
            Limit::ValueLength => limits.value_length = size,
            Limit::KeyLength => limits.key_length = size,
            Limit::ValueDepth => limits.value_depth = number.min(Limits::default().value_depth),
            Limit::ValueNodes => limits.value_nodes = number,
            Limit::SpanBytes => limits.span_bytes = size.min(MAX_SPAN_BYTES),
        }
        self.ingest.set_limits(limits);
        Answer::Ok
    }

    /// What was counted; doubles hold it exactly up to 2^53.
    #[must_use]
    pub fn counted(&self, number: u32) -> f64 {
        let IngestCounts { spans, malformed, unknown, repaired, metrics, invalid } = self.ingest.counts();
        let counted = match Count::from_number(number) {
            Some(Count::Spans) => spans,
            Some(Count::Malformed) => malformed,
            Some(Count::Unknown) => unknown,
            Some(Count::Repaired) => repaired,
            Some(Count::Metrics) => metrics,
            Some(Count::Invalid) => invalid,
            None => return -1.0,
        };
        #[expect(clippy::cast_precision_loss, reason = "told in the documentation")]
        let counted = counted as f64;
        counted
    }

    /// Adds a batch of metrics that Python marshalled to what is measured; gives how many there were. Nothing of them
    /// becomes part of the records.
    #[cfg(feature = "deltas")]
    pub fn fold_metrics(&mut self, batch: &[u8], now_unix_nano: u64) -> u32 {
        let mut records = Vec::new();
        let metrics = self.ingest.marshal_metrics(batch, &mut records);
        self.meter.fold(&records, now_unix_nano);
        count(metrics)
    }

    /// Appends the records of a batch of metrics that Python marshalled.
    #[cfg(feature = "deltas")]
    pub fn marshal_metrics(&mut self, batch: &[u8]) -> u32 {
        count(self.ingest.marshal_metrics(batch, &mut self.records))
    }

    /// Answers with what everything that is measured stands at, as an OTLP export request.
    #[cfg(feature = "meter")]
    pub fn collect_metrics(&mut self, now_unix_nano: u64, temporality: u32) -> Answer {
        self.answer.clear();
        self.meter.collect(&self.resource, &self.scope, now_unix_nano, temporality, &mut self.answer)
    }

    /// Turns the metrics request in the answer into JSON.
    #[cfg(all(feature = "meter", feature = "views"))]
    pub fn metrics_to_json(&mut self) -> Answer {
        match spanloom::otlp::json::metrics_to_json(&self.answer) {
            Ok(text) => self.answer = text.into_bytes(),
            Err(_) => return Answer::Records,
        }
        Answer::Ok
    }

    /// Answers with the finished spans as an OTLP export request.
    pub fn to_otlp(&mut self) -> Answer {
        self.answer.clear();
        encode_traces(&self.resource, &self.scope, finished_spans(&self.records), &mut self.answer);
        Answer::Ok
    }

    /// Answers with the finished spans as an OTLP export request in JSON.
    #[cfg(feature = "views")]
    pub fn to_otlp_json(&mut self) -> Answer {
        self.to_otlp();
        match spanloom::otlp::json::traces_to_json(&self.answer) {
            Ok(text) => self.answer = text.into_bytes(),
            Err(_) => return Answer::Records,
        }
        Answer::Ok
    }

    /// Answers with the finished spans as the JSON of a `NodeTraceLog`; times in its lines are so many minutes ahead
    /// of UTC.
    #[cfg(feature = "views")]
    pub fn to_trace_log_json(&mut self, utc_offset_minutes: i32) -> Answer {
        use spanloom::otlp::span::SpanView;
        let spans: Result<Vec<_>, _> = finished_spans(&self.records).map(SpanView::read).collect();
        let Ok(spans) = spans else { return Answer::Records };
        let log = spanloom::workflow::from_spans(&spans, utc_offset_minutes);
        self.answer = log.to_json(spanloom::json::Style::Compact).into_bytes();
        Answer::Ok
    }

    /// Forgets the records, and keeps their room unless it is large.
    pub fn clear_records(&mut self) {
        clear(&mut self.records);
    }

    /// Forgets the answer, and keeps its room unless it is large.
    pub fn clear_answer(&mut self) {
        clear(&mut self.answer);
    }
}

/// A record must stay within what its reader accepts.
const MAX_SPAN_BYTES: usize = spanloom::record::envelope::MAX_RECORD_LEN / 2;
/// Room beyond this is given back.
const KEPT_ROOM: usize = 1 << 20;

fn clear(buffer: &mut Vec<u8>) {
    if buffer.capacity() > KEPT_ROOM {
        *buffer = Vec::new();
    }
    buffer.clear();
}

fn count(spans: u64) -> u32 {
    u32::try_from(spans).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::{InstrumentCode, MeterProblem, TemporalityCode};

    #[test]
    fn numbers_of_codes_lead_back_to_their_codes() {
        for number in 0..20 {
            assert!(Limit::from_number(number).is_none_or(|limit| limit as u32 == number));
            assert!(Count::from_number(number).is_none_or(|count| count as u32 == number));
            assert!(InstrumentCode::from_number(number).is_none_or(|code| code as u32 == number));
            assert!(TemporalityCode::from_number(number).is_none_or(|code| code as u32 == number));
            assert!(MeterProblem::from_number(number).is_none_or(|problem| problem as u32 == number));
        }
        assert_eq!((Limit::from_number(9), Count::from_number(6)), (None, None));
        assert_eq!((InstrumentCode::from_number(8), MeterProblem::from_number(6)), (None, None));
        assert_eq!((TemporalityCode::from_number(0), TemporalityCode::from_number(3)), (None, None));
    }

    #[test]
    fn limits_are_set_one_by_one_and_stay_readable() {
        let mut module = Module::default();
        assert_eq!(module.limit(Limit::Attributes as u32, 3.0), Answer::Ok);
        assert_eq!(module.limit(Limit::ValueDepth as u32, f64::NAN), Answer::Ok);
        assert_eq!(module.limit(99, 3.0), Answer::Unknown);
        let limits = module.ingest.limits();
        assert_eq!((limits.attributes, limits.value_depth), (3, Limits::default().value_depth));
    }

    #[test]
    fn the_attributes_of_a_span_become_the_resource() {
        let mut module = Module::default();
        assert_eq!(module.resource(), Answer::Malformed);
        let nothing = "N".repeat(10);
        let span = format!("[\x01\0\0\0(\x0e\0\0\0i\x03\0\0\0{nothing}{{u\x01\0\0\0ku\x01\0\0\0v0NN");
        assert_eq!(module.marshal(span.as_bytes()), 1);
        assert_eq!(module.resource(), Answer::Ok);
        assert_eq!(module.resource.view().attribute("k").and_then(|value| value.as_str()), Some("v"));
        assert!(module.records.is_empty());
        assert_eq!(module.scope(b"\xff"), Answer::Malformed);
    }
}
