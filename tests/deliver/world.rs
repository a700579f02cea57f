//! A made-up world: a clock, chance, and records that can be told apart.

use std::time::Duration;

use spanloom::SpanId;
use spanloom::deliver::{Answer, Destination, Next, Options, Parcel, Shipment};
use spanloom::host::{Entropy, SeededEntropy};
use spanloom::record::{Record, RecordKind, finished_spans};

pub const MILLI: u64 = 1_000_000;
pub const SECOND: u64 = 1_000 * MILLI;

/// Chance by seed.
pub struct Chance(SeededEntropy);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(SeededEntropy::new(seed))
    }

    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// From 0 up to but without `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.bits() % end.max(1)
    }

    pub fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }
}

/// A span that has ended: its body begins with its number.
pub fn span(number: u64, length: usize, out: &mut Vec<u8>) {
    record(RecordKind::Finished, number, length, out);
}

pub fn record(kind: RecordKind, number: u64, length: usize, out: &mut Vec<u8>) {
    let mut body = number.to_le_bytes().to_vec();
    body.resize(length.max(8), 0);
    Record { kind, flags: 0, revision: 1, workflow: SpanId::NONE, body: &body }.write(out);
}

/// Spans of so many bytes with these numbers.
pub fn parcel(numbers: std::ops::Range<u64>, length: usize) -> Parcel {
    let mut stream = Vec::new();
    numbers.for_each(|number| span(number, length, &mut stream));
    Parcel::new(stream)
}

/// The numbers of the spans in a shipment.
pub fn numbers(shipment: &Shipment) -> Vec<u64> {
    let records = shipment.records();
    let numbers: Vec<u64> =
        finished_spans(&records).map(|body| u64::from_le_bytes(*body.first_chunk().unwrap())).collect();
    assert_eq!(numbers.len() as u64, shipment.spans);
    numbers
}

/// The next shipment, which is due now.
#[track_caller]
pub fn sent(destination: &mut Destination, now: u64) -> Shipment {
    match destination.next(now) {
        Next::Send(shipment) => shipment,
        other => panic!("{other:?}"),
    }
}

/// The time until which there is nothing to do.
#[track_caller]
pub fn waits(destination: &mut Destination, now: u64) -> u64 {
    match destination.next(now) {
        Next::Wait(until) => until,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
pub fn idle(destination: &mut Destination, now: u64) {
    let next = destination.next(now);
    assert!(matches!(next, Next::Idle), "{next:?}");
}

/// Answers, with the longest pause that chance can give.
#[track_caller]
pub fn answer(destination: &mut Destination, shipment: &Shipment, answer: Answer, now: u64) {
    assert!(destination.answered(shipment.id, answer, now, &mut || u64::MAX), "nobody waits for it");
    assert!(destination.ledger().adds_up(), "{}", destination.ledger());
}

pub fn later(seconds: Option<u64>) -> Answer {
    Answer::Later { after: seconds.map(Duration::from_secs), why: "busy".to_owned() }
}

pub fn batches_of(spans: u64) -> Destination {
    Destination::new(&Options { batch_spans: spans, ..Options::default() })
}
