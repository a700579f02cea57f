//! What it costs to turn batches of other languages into records. The batches are written here, byte for byte as the
//! hosts write a burst of W: names interned in the compact layout, version 2 of Python's `marshal` in the other.

use std::hint::black_box;

use spanloom::otlp::span::{SpanKind, StatusCode};
use spanloom::record::layout::{INTERNED, SPAN_HEADER_LEN, entry, host_flag, item, value};
use spanloom::record::{Ingest, Limits, RecordKind};

use crate::harness::Scenario;
use crate::workload::{
    BURST, BURST_SPANS, EVENT, ID, INDEX_KEY, INPUT, INPUT_KEY, MODEL, NODE, NODES, TOKENS_KEY, TYPE,
    WORKFLOW, tokens,
};

/// Some time in 2026.
const START: u64 = 1_790_000_000_000_000_000;

/// A span as its host has it.
struct HostSpan {
    number: u64,
    workflow: u64,
    /// Its place below the root; none is the root itself.
    index: Option<i64>,
}

pub fn compact() -> Scenario<'static> {
    let mut ingest = Ingest::new(Limits::default());
    let mut names = Vec::new();
    NAMES.into_iter().enumerate().for_each(|(id, name)| compact::define(&mut names, id, name));
    ingest.compact(&names, &mut Vec::new());
    let mut batch = Vec::new();
    burst().iter().for_each(|span| compact::put_span(&mut batch, span));
    scenario(move |out| ingest.compact(black_box(&batch), out))
}

pub fn marshal() -> Scenario<'static> {
    let mut ingest = Ingest::new(Limits::default());
    let mut batch = Vec::new();
    marshal::head(&mut batch, b'[', BURST_SPANS);
    burst().iter().for_each(|span| marshal::put_span(&mut batch, span));
    scenario(move |out| ingest.marshal(black_box(&batch), out))
}

fn scenario(mut ingest: impl FnMut(&mut Vec<u8>) -> u64 + 'static) -> Scenario<'static> {
    let mut records = Vec::new();
    Scenario::new(BURST_SPANS, move || {
        records.clear();
        assert_eq!(ingest(&mut records), u64::from(BURST_SPANS), "the batch is not well-formed");
        black_box(&records);
    })
}

/// The spans of a burst, in the order in which they end.
fn burst() -> Vec<HostSpan> {
    let mut spans = Vec::new();
    for run in 1..=u64::from(BURST) {
        let workflow = run << 8;
        let nodes = (0..NODES).zip(workflow + 1..);
        spans.extend(nodes.map(|(index, number)| HostSpan { number, workflow, index: Some(index) }));
        spans.push(HostSpan { number: workflow, workflow, index: None });
    }
    spans
}

impl HostSpan {
    fn name(&self) -> &'static str {
        if self.index.is_some() { NODE } else { WORKFLOW }
    }

    fn kind(&self) -> RecordKind {
        if self.index.is_some() { RecordKind::Finished } else { RecordKind::WorkflowClosed }
    }

    fn flags(&self) -> u16 {
        if self.index.is_some() { host_flag::NODE } else { 0 }
    }

    fn trace_id(&self) -> [u8; 16] {
        let mut id = [7; 16];
        id[8..].copy_from_slice(&self.workflow.to_be_bytes());
        id
    }

    fn parent(&self) -> u64 {
        if self.index.is_some() { self.workflow } else { 0 }
    }
}

/// The names that a host interns.
const NAMES: [&str; 9] = [NODE, WORKFLOW, EVENT, INDEX_KEY, TOKENS_KEY, TYPE.0, MODEL.0, ID.0, INPUT_KEY];

mod compact {
    use super::*;

    pub fn define(out: &mut Vec<u8>, id: usize, name: &str) {
        put_u32(out, 8 + name.len());
        out.extend_from_slice(&[entry::DEFINE_NAME, 0]);
        put_u16(out, u16::try_from(id).expect("there are few names"));
        out.extend_from_slice(name.as_bytes());
    }

    pub fn put_span(out: &mut Vec<u8>, span: &HostSpan) {
        let start = out.len();
        put_u32(out, 0);
        out.extend_from_slice(&[span.kind() as u8, SpanKind::Internal as u8, StatusCode::Ok as u8, 0]);
        // Flags, an empty kind, an empty tracestate, the name.
        for number in [span.flags(), 0, 0, interned(span.name())] {
            put_u16(out, number);
        }
        out.extend_from_slice(&span.trace_id());
        for id in [span.number, span.parent(), span.workflow] {
            out.extend_from_slice(&id.to_be_bytes());
        }
        let millis = (START / 1_000_000) as f64;
        out.extend_from_slice(&millis.to_le_bytes());
        out.extend_from_slice(&(millis + 1.25).to_le_bytes());
        out.extend_from_slice(&[0; 8]);
        assert_eq!(out.len() - start, SPAN_HEADER_LEN);
        if let Some(index) = span.index {
            put_items(out, index, millis);
        }
        let length = u32::try_from(out.len() - start).expect("a span is small");
        out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    }

    fn put_items(out: &mut Vec<u8>, index: i64, millis: f64) {
        for (key, number) in [(INDEX_KEY, index), (TOKENS_KEY, tokens(index))] {
            attribute(out, key, value::INT32);
            out.extend_from_slice(&i32::try_from(number).expect("numbers are small").to_le_bytes());
        }
        for (key, text) in [TYPE, MODEL, ID] {
            attribute(out, key, value::SHORT_TEXT);
            out.push(u8::try_from(text.len()).expect("the text is short"));
            out.extend_from_slice(text.as_bytes());
        }
        attribute(out, INPUT_KEY, value::TEXT);
        put_u32(out, INPUT.len());
        out.extend_from_slice(INPUT.as_bytes());
        out.push(item::EVENT);
        out.extend_from_slice(&(millis + 1.0).to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        put_u16(out, interned(EVENT));
        put_u16(out, 0);
    }

    fn attribute(out: &mut Vec<u8>, key: &str, kind: u8) {
        out.push(item::ATTRIBUTE);
        put_u16(out, interned(key));
        out.push(kind);
    }

    fn interned(name: &str) -> u16 {
        let id = NAMES.iter().position(|known| *known == name).expect("all names are interned");
        INTERNED | u16::try_from(id).expect("there are few names")
    }

    fn put_u16(out: &mut Vec<u8>, number: u16) {
        out.extend_from_slice(&number.to_le_bytes());
    }

    fn put_u32(out: &mut Vec<u8>, number: usize) {
        out.extend_from_slice(&u32::try_from(number).expect("lengths are small").to_le_bytes());
    }
}

mod marshal {
    use super::*;

    /// A type and the number of what follows.
    pub fn head(out: &mut Vec<u8>, kind: u8, count: u32) {
        out.push(kind);
        out.extend_from_slice(&count.to_le_bytes());
    }

    pub fn put_span(out: &mut Vec<u8>, span: &HostSpan) {
        head(out, b'(', 14);
        let flags = u64::from(span.flags());
        let [status, role] = [StatusCode::Ok as u64, SpanKind::Internal as u64];
        int(out, span.kind() as u64 | role << 8 | status << 16 | flags << 32);
        sized(out, b'u', span.name().as_bytes());
        sized(out, b's', &span.trace_id());
        for id in [span.number, span.parent(), span.workflow] {
            sized(out, b's', &id.to_be_bytes());
        }
        int(out, START);
        int(out, START + 1_250_000);
        // No kind, no tracestate, no identity.
        out.extend_from_slice(b"NNN");
        let Some(index) = span.index else {
            out.extend_from_slice(b"NNN");
            return;
        };
        out.push(b'{');
        for (key, number) in [(INDEX_KEY, index), (TOKENS_KEY, tokens(index))] {
            sized(out, b'u', key.as_bytes());
            int(out, number.cast_unsigned());
        }
        for (key, text) in [TYPE, MODEL, ID, (INPUT_KEY, INPUT)] {
            sized(out, b'u', key.as_bytes());
            sized(out, b'u', text.as_bytes());
        }
        out.push(b'0');
        head(out, b'[', 1);
        head(out, b'(', 3);
        int(out, START + 1_000_000);
        sized(out, b'u', EVENT.as_bytes());
        out.extend_from_slice(b"NN");
    }

    /// What fits into 32 bits is written so, more as digits of 15 bits.
    fn int(out: &mut Vec<u8>, number: u64) {
        if let Ok(small) = i32::try_from(number) {
            out.push(b'i');
            out.extend_from_slice(&small.to_le_bytes());
            return;
        }
        let count = (64 - number.leading_zeros()).div_ceil(15);
        head(out, b'l', count);
        for digit in 0..count {
            let bits = (number >> (15 * digit) & 0x7fff) as u16;
            out.extend_from_slice(&bits.to_le_bytes());
        }
    }

    fn sized(out: &mut Vec<u8>, kind: u8, bytes: &[u8]) {
        head(out, kind, u32::try_from(bytes.len()).expect("texts are short"));
        out.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use spanloom::otlp::span::SpanView;
    use spanloom::record::Records;

    use super::*;

    #[test]
    fn both_layouts_give_the_same_records() {
        let mut ingest = Ingest::default();
        let (mut names, mut packed, mut marshalled) = (Vec::new(), Vec::new(), Vec::new());
        NAMES.into_iter().enumerate().for_each(|(id, name)| compact::define(&mut names, id, name));
        marshal::head(&mut marshalled, b'[', BURST_SPANS);
        for span in burst() {
            compact::put_span(&mut packed, &span);
            marshal::put_span(&mut marshalled, &span);
        }
        let (mut left, mut right) = (Vec::new(), Vec::new());
        ingest.compact(&names, &mut left);
        ingest.compact(&packed, &mut left);
        ingest.marshal(&marshalled, &mut right);
        assert!(left == right);
        let nodes = Records::new(&left).map(|record| SpanView::read(record.unwrap().body).unwrap());
        let nodes: Vec<_> = nodes.filter(|span| span.name == NODE).collect();
        assert_eq!(nodes.len(), usize::try_from(NODES).unwrap() * BURST as usize);
        for node in nodes {
            assert_eq!((node.attributes().count(), node.events().count()), (6, 1));
            assert_eq!(node.attribute(INPUT_KEY).and_then(|input| input.as_str()), Some(INPUT));
        }
    }
}
