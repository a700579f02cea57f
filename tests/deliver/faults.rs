//! Ten thousand runs with faults by seed. After every step of each the ledger adds up; the rest of the promises is held to
//! what the made-up server knows.

use std::time::Duration;

use spanloom::deliver::{
    Answer, Counts, Destination, Dropped, Mark, Next, Options, Overflow, Parcel, Reason, Shipment,
};
use spanloom::record::RecordKind;

use crate::world::*;

/// How the network is for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weather {
    Fair,
    Refused,
    Busy(u64),
    ResetAfterStoring,
    Partly,
    ServerError,
    NoEntry,
    Garbled,
    Mixed,
}

impl Weather {
    fn by_chance(chance: &mut Chance) -> Self {
        match chance.below(10) {
            0 | 1 => Self::Fair,
            2 => Self::Refused,
            3 => Self::Busy([0, 1, 7, 90, 1_000_000_000][chance.below(5) as usize]),
            4 => Self::ResetAfterStoring,
            5 => Self::Partly,
            6 => Self::ServerError,
            7 => Self::NoEntry,
            8 => Self::Garbled,
            _ => Self::Mixed,
        }
    }
}

struct Request {
    shipment: Shipment,
    numbers: Vec<u64>,
    answer_at: u64,
}

/// A span by its number: in which parcel it was, how often the server stored it, and how often it then was reset before it
/// could say so.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    parcel: usize,
    stored: u32,
    resets: u32,
    settled: bool,
}

struct Run {
    chance: Chance,
    options: Options,
    destination: Destination,
    now: u64,
    weather: Weather,
    /// The server takes no request of more bytes.
    largest: u64,
    requests: Vec<Request>,
    spans: Vec<Known>,
    /// The last sequence number of each parcel.
    parcels: Vec<u64>,
    /// No batch has more bytes of records.
    largest_batch: u64,
    sequence: u64,
    settled_up_to: Option<u64>,
    /// Since the last answer the server is known to fail; and when the last request went out.
    failing: bool,
    last_sent: Option<u64>,
    asked_until: u64,
    /// A spool holds what is offered.
    spooled: bool,
    /// The deadline of the shutdown.
    closing: Option<u64>,
    /// Spans that the server said it took, and that it said it refused.
    taken: u64,
    rejected: u64,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let options = Options {
            batch_spans: 1 + chance.below(20),
            batch_bytes: if chance.one_in(3) { 50 + chance.below(2_000) } else { 1 << 20 },
            request_bytes: 1_500,
            linger: Duration::from_millis(chance.below(6) * 1_000),
            queue_spans: 5 + chance.below(100),
            queue_bytes: if chance.one_in(3) { 500 + chance.below(5_000) } else { 1 << 20 },
            overflow: if chance.one_in(2) { Overflow::DropNewest } else { Overflow::DropOldest },
            in_flight: 1 + chance.below(3) as usize,
            retry_for: if chance.one_in(3) { Duration::from_secs(chance.below(100)) } else { Duration::MAX },
            bisect_refused: chance.one_in(2),
            ..Options::default()
        };
        Self {
            destination: Destination::new(&options),
            options,
            now: chance.below(1 << 40),
            weather: Weather::Fair,
            largest: if chance.one_in(3) { 40 + chance.below(800) } else { u64::MAX },
            requests: Vec::new(),
            spans: Vec::new(),
            parcels: Vec::new(),
            largest_batch: 0,
            sequence: chance.below(100),
            settled_up_to: None,
            failing: false,
            last_sent: None,
            asked_until: 0,
            spooled: !chance.one_in(4),
            closing: None,
            taken: 0,
            rejected: 0,
            chance,
        }
    }

    fn offer(&mut self) {
        let mut stream = Vec::new();
        let mut spans = 0;
        for _ in 0..self.chance.below(25) {
            let number = self.spans.len() as u64;
            let large = self.chance.one_in(40);
            let length = if large { 700 + self.chance.below(1_200) } else { 8 + self.chance.below(60) };
            if self.chance.one_in(8) {
                record(RecordKind::Started, 0, length as usize, &mut stream);
                continue;
            }
            self.spans.push(Known { parcel: self.parcels.len(), ..Known::default() });
            spans += 1;
            span(number, length as usize, &mut stream);
        }
        self.sequence += 1 + self.chance.below(20);
        self.parcels.push(self.sequence);
        let before = self.destination.ledger();
        let parcel =
            if self.spooled { Parcel::new(stream).in_spool(self.sequence) } else { Parcel::new(stream) };
        let offered = self.destination.offer(parcel, self.now);
        let after = self.destination.ledger();
        assert_eq!(after.accepted - before.accepted, spans);
        assert_eq!(after.dropped.total() - before.dropped.total(), offered.dropped);
        assert!(offered.taken <= spans);
        if self.options.overflow == Overflow::DropNewest {
            assert_eq!(offered.taken + offered.dropped, spans);
        }
    }

    fn send(&mut self, shipment: Shipment) {
        let unwell = self.failing;
        assert!(self.now >= self.asked_until, "sent before the time that the server asked for");
        if let Some(last) = self.last_sent.filter(|_| unwell) {
            assert!(self.now - last >= SECOND / 2, "more than two requests a second in an outage");
            assert!(self.requests.is_empty(), "a second request in an outage");
        }
        assert!(self.requests.len() < self.options.in_flight);
        assert!(shipment.spans <= self.options.batch_spans);
        assert!(shipment.encoded <= self.options.request_bytes);
        assert!(shipment.within <= self.options.timeout);
        let bytes = shipment.runs().iter().map(<[u8]>::len).sum::<usize>() as u64;
        let records = shipment.runs().records().count();
        assert!(records == 1 || shipment.encoded <= self.options.batch_bytes);
        self.largest_batch = self.largest_batch.max(bytes);
        if let Some(deadline) = self.closing {
            assert!(self.now < deadline && self.now + shipment.within.as_nanos() as u64 <= deadline);
        }
        self.last_sent = Some(self.now);
        let latency = self.chance.below(shipment.within.as_nanos() as u64 + 1);
        let latency = if self.chance.one_in(4) { latency } else { latency / 1_000 };
        let numbers = numbers(&shipment);
        self.requests.push(Request { shipment, numbers, answer_at: self.now + latency });
    }

    /// The server's answer, and what it stored.
    fn serve(&mut self, shipment: &Shipment, numbers: &[u64]) -> Answer {
        if self.weather == Weather::Refused {
            return Answer::later("connection refused");
        }
        if shipment.encoded > self.largest {
            return Answer::TooLarge { why: "HTTP 413".to_owned() };
        }
        let weather = match self.weather {
            Weather::Mixed => loop {
                let weather = Weather::by_chance(&mut self.chance);
                if weather != Weather::Mixed {
                    break weather;
                }
            },
            weather => weather,
        };
        let mut store = |reset: u32| {
            for number in numbers {
                let known = &mut self.spans[*number as usize];
                known.stored += 1;
                known.resets += reset;
            }
        };
        match weather {
            Weather::Fair => {
                store(0);
                self.taken += shipment.spans;
                Answer::taken()
            }
            Weather::Garbled => {
                store(0);
                self.taken += shipment.spans;
                Answer::Unclear { why: "<html>".to_owned() }
            }
            Weather::Partly => {
                store(0);
                let said = self.chance.below(shipment.spans + 5);
                self.rejected += said.min(shipment.spans);
                self.taken += shipment.spans.saturating_sub(said);
                Answer::Partly { rejected: said, message: "no".to_owned() }
            }
            Weather::ResetAfterStoring => {
                store(1);
                Answer::later("connection reset")
            }
            Weather::Busy(seconds) => later(Some(seconds)),
            Weather::ServerError => {
                Answer::Refused { reason: Reason::NonRetryable, why: "HTTP 500".to_owned() }
            }
            Weather::NoEntry => Answer::Refused { reason: Reason::Auth, why: "HTTP 401".to_owned() },
            Weather::Refused | Weather::Mixed => Answer::later("connection refused"),
        }
    }

    fn answer(&mut self, place: usize) {
        let Request { shipment, numbers, .. } = self.requests.remove(place);
        let answer = self.serve(&shipment, &numbers);
        let before = self.destination.ledger();
        let keeps = match &answer {
            Answer::Later { after, .. } => {
                if let Some(after) = after {
                    let longest = self.options.asked_longest.min(*after).as_nanos() as u64;
                    if longest > 0 {
                        self.asked_until = self.asked_until.max(self.now + longest);
                    }
                }
                self.failing = true;
                true
            }
            Answer::Refused { .. } => {
                self.failing = true;
                true
            }
            Answer::TooLarge { .. } => true,
            _ => {
                self.failing = false;
                false
            }
        };
        let chance = &mut self.chance;
        assert!(self.destination.answered(shipment.id, answer, self.now, &mut || chance.bits()));
        let after = self.destination.ledger();
        let settled = before.pending - after.pending;
        assert!(settled <= shipment.spans);
        if !keeps || settled == shipment.spans {
            for number in numbers {
                let known = &mut self.spans[number as usize];
                assert!(!known.settled, "settled twice");
                known.settled = true;
            }
        }
    }

    /// What holds after every step.
    fn check(&mut self) {
        let ledger = self.destination.ledger();
        assert!(ledger.adds_up(), "{ledger}");
        assert_eq!((ledger.delivered, ledger.rejected), (self.taken, self.rejected));
        // Memory: the queue within its bounds, and a batch for every request.
        let (queued, on_its_way) = (self.destination.queued(), self.destination.on_its_way());
        assert!(queued.spans <= self.options.queue_spans && queued.bytes <= self.options.queue_bytes);
        let held = queued.spans + on_its_way.spans;
        assert!(held == ledger.pending || (self.destination.is_over() && held < ledger.pending));
        let requests = self.options.in_flight as u64;
        assert!(on_its_way.spans <= requests * self.options.batch_spans, "{on_its_way:?}");
        assert!(on_its_way.bytes <= requests * self.largest_batch, "{on_its_way:?}");
        let up_to = self.destination.settled_up_to();
        assert!(up_to >= self.settled_up_to, "it went back");
        self.settled_up_to = up_to;
        for request in &self.requests {
            for number in &request.numbers {
                let parcel = self.spans[*number as usize].parcel;
                assert!(up_to.is_none_or(|up_to| up_to < self.parcels[parcel]), "settled while on its way");
            }
        }
    }

    /// Goes on to the next thing that happens, at most to `end`; false when that came first.
    fn step(&mut self, end: u64) -> bool {
        let mut turns = 0;
        let until = loop {
            turns += 1;
            assert!(turns < 100, "it never rests");
            match self.destination.next(self.now) {
                Next::Send(shipment) => self.send(shipment),
                Next::Wait(until) => {
                    assert!(until > self.now, "waits for the past");
                    break until;
                }
                Next::Idle => break u64::MAX,
            }
            self.check();
        };
        let answer = (0..self.requests.len()).min_by_key(|place| self.requests[*place].answer_at);
        let answer_at = answer.map_or(u64::MAX, |place| self.requests[place].answer_at);
        let next = until.min(answer_at).min(end);
        self.now = self.now.max(next);
        if let Some(place) = answer.filter(|_| answer_at <= self.now) {
            self.answer(place);
        }
        self.check();
        self.now < end
    }

    fn go_on_for(&mut self, nanos: u64) {
        let end = self.now.saturating_add(nanos);
        let mut steps = 0;
        while self.step(end) {
            steps += 1;
            assert!(steps < 100_000, "too much to do");
        }
    }

    /// Some time with offers and changes of weather, and now and then a flush.
    fn live(&mut self) {
        for _ in 0..4 + self.chance.below(8) {
            if self.chance.one_in(3) {
                self.weather = Weather::by_chance(&mut self.chance);
            }
            for _ in 0..self.chance.below(4) {
                self.offer();
                self.check();
            }
            if self.chance.one_in(6) {
                let deadline = self.now + self.chance.below(20 * SECOND);
                self.flush(deadline);
            }
            let pause = self.chance.below(20 * SECOND);
            self.go_on_for(pause);
        }
    }

    fn flush(&mut self, deadline: u64) -> Mark {
        let mark = self.destination.begin_flush(self.now, deadline);
        let begun = self.now;
        while !self.destination.flush_done() {
            self.step(deadline);
            if self.now >= deadline {
                // The deadline itself is seen when it is asked what is next.
                self.step(deadline);
                break;
            }
        }
        assert!(self.destination.flush_done(), "begun at {begun}, to end at {deadline}, now {}", self.now);
        assert!(self.now >= deadline || self.destination.is_settled(mark));
        mark
    }

    fn recover(&mut self) {
        self.weather = Weather::Fair;
        // The longest pause that a server was granted, one of our own, and time for the rest.
        self.go_on_for(1_000 * SECOND);
        let deadline = self.now + 100 * SECOND;
        let mark = self.flush(deadline);
        assert!(self.destination.is_settled(mark));
        let ledger = self.destination.ledger();
        assert_eq!(ledger.pending, 0, "{ledger}");
        if self.spooled {
            assert_eq!(self.destination.settled_up_to(), self.parcels.last().copied());
        }
    }

    fn shut_down(&mut self) {
        self.offer();
        let deadline = self.now + self.chance.below(40 * SECOND);
        self.closing = Some(deadline);
        self.destination.shut_down(self.now, deadline);
        while !self.destination.is_over() && self.now < deadline {
            self.step(deadline);
        }
        assert!(matches!(self.destination.next(self.now), Next::Idle));
        self.check();
        assert!(self.destination.is_over(), "the deadline has passed");
        let pending = self.destination.ledger().pending;
        assert!(self.spooled || pending == 0, "{pending}");
        // What comes too late is counted, and not sent.
        self.offer();
        self.check();
        assert!(matches!(self.destination.next(self.now), Next::Idle));
    }

    /// What was stored was stored once; more often only where an answer got lost.
    fn no_needless_duplicates(&self) {
        for (number, known) in self.spans.iter().enumerate() {
            assert!(known.stored <= 1 + known.resets, "span {number}: {known:?}");
        }
    }
}

/// What happened in all runs together: that nothing of it was left out by chance.
#[derive(Debug, Default)]
struct Seen {
    delivered: u64,
    rejected: u64,
    stored_twice: u64,
    dropped: Dropped,
    counts: Counts,
    pending_at_the_end: u64,
}

impl Seen {
    fn add(&mut self, run: &Run) {
        let ledger = run.destination.ledger();
        self.delivered += ledger.delivered;
        self.rejected += ledger.rejected;
        self.stored_twice += run.spans.iter().filter(|known| known.stored > 1).count() as u64;
        ledger.dropped.iter().for_each(|(reason, count)| self.dropped.add(reason, count));
        let counts = run.destination.counts();
        self.counts.requests += counts.requests;
        self.counts.retries += counts.retries;
        self.counts.splits += counts.splits;
        self.counts.bad_responses += counts.bad_responses;
        self.pending_at_the_end += ledger.pending;
    }
}

#[test]
fn ten_thousand_runs_with_faults() {
    let mut seen = Seen::default();
    for seed in 0..10_000 {
        let mut run = Run::new(seed);
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            run.live();
            if seed % 4 == 0 {
                run.shut_down()
            } else {
                run.recover()
            }
            run.no_needless_duplicates();
        }));
        if let Err(panic) = outcome {
            eprintln!("seed {seed}: {:?}, {}", run.options, run.destination.ledger());
            std::panic::resume_unwind(panic);
        }
        seen.add(&run);
    }
    eprintln!("{seen:?}");
    let reasons = [
        Reason::QueueFull,
        Reason::TooLarge,
        Reason::NonRetryable,
        Reason::Auth,
        Reason::RetryExhausted,
        Reason::ShutdownTimeout,
    ];
    for reason in reasons {
        assert!(seen.dropped.get(reason) > 1_000, "{reason:?}");
    }
    let counts = seen.counts;
    let often = [seen.delivered, seen.rejected, seen.stored_twice, seen.pending_at_the_end];
    let often =
        often.into_iter().chain([counts.requests, counts.retries, counts.splits, counts.bad_responses]);
    assert!(often.min() > Some(1_000), "{seen:?}");
}
