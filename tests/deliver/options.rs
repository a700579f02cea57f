//! Options at their limits.

use std::time::Duration;

use proptest::prelude::*;
use spanloom::deliver::{Answer, Destination, Next, Options, Overflow, Parcel, Reason};
use spanloom::record::RecordKind;

use crate::world::*;

/// Nothing, one, a few, huge.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just(1), 2u64..100, 100u64..5_000, Just(u64::MAX), Just(u64::MAX - 1)]
}

fn duration() -> impl Strategy<Value = Duration> {
    prop_oneof![
        Just(Duration::ZERO),
        Just(Duration::from_nanos(1)),
        (1u64..100_000).prop_map(Duration::from_millis),
        Just(Duration::MAX),
        Just(Duration::from_secs(u64::MAX)),
    ]
}

fn options() -> impl Strategy<Value = Options> {
    let sizes = (number(), number(), number(), number(), number(), 0usize..4);
    let times = (duration(), duration(), duration(), duration(), duration(), duration());
    (sizes, times, any::<bool>(), any::<bool>()).prop_map(|(sizes, times, bisect_refused, oldest)| Options {
        batch_spans: sizes.0,
        batch_bytes: sizes.1,
        request_bytes: sizes.2,
        queue_spans: sizes.3,
        queue_bytes: sizes.4,
        in_flight: if sizes.5 == 3 { usize::MAX } else { sizes.5 },
        linger: times.0,
        timeout: times.1,
        retry_first: times.2,
        retry_longest: times.3,
        retry_for: times.4,
        asked_longest: times.5,
        bisect_refused,
        overflow: if oldest { Overflow::DropOldest } else { Overflow::DropNewest },
    })
}

fn reply() -> impl Strategy<Value = Answer> {
    let why = String::new;
    prop_oneof![
        4 => Just(Answer::taken()),
        1 => Just(Answer::Unclear { why: why() }),
        1 => number().prop_map(move |rejected| Answer::Partly { rejected, message: why() }),
        2 => proptest::option::of(duration()).prop_map(move |after| Answer::Later { after, why: why() }),
        2 => Just(Answer::TooLarge { why: why() }),
        1 => Just(Answer::Refused { reason: Reason::NonRetryable, why: why() }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn no_options_break_the_ledger(
        options in options(),
        start in prop_oneof![Just(0), Just(u64::MAX - 1), any::<u64>()],
        offers in proptest::collection::vec((0u64..40, 8usize..200), 0..8),
        replies in proptest::collection::vec(reply(), 0..60),
        bits in any::<u64>(),
    ) {
        let mut destination = Destination::new(&options);
        let (mut now, mut number) = (start, 0);
        for (spans, length) in offers {
            let mut stream = Vec::new();
            record(RecordKind::Started, 0, length, &mut stream);
            for _ in 0..spans {
                span(number, length, &mut stream);
                number += 1;
            }
            destination.offer(Parcel::new(stream), now);
            prop_assert!(destination.ledger().adds_up());
        }
        prop_assert_eq!(destination.ledger().accepted, number);
        let mut replies = replies.into_iter();
        for _ in 0..2_000 {
            match destination.next(now) {
                Next::Send(shipment) => {
                    prop_assert!(shipment.runs().iter().next().is_some());
                    prop_assert_eq!(numbers(&shipment).len() as u64, shipment.spans);
                    let reply = replies.next().unwrap_or_else(Answer::taken);
                    destination.answered(shipment.id, reply, now, &mut || bits);
                }
                Next::Wait(until) => {
                    prop_assert!(until > now);
                    now = until;
                }
                Next::Idle => break,
            }
            prop_assert!(destination.ledger().adds_up());
        }
        // Unless the clock is at its end, everything was settled.
        prop_assert!(destination.ledger().pending == 0 || now > u64::MAX / 2, "{}", destination.ledger());
        destination.shut_down(now, now);
        prop_assert!(destination.is_over());
        prop_assert_eq!(destination.ledger().pending, 0);
        prop_assert!(destination.ledger().adds_up());
    }

    #[test]
    fn the_parts_of_a_parcel_are_the_parcel(
        records in proptest::collection::vec((0u8..4, 8usize..40), 0..40),
        batch_spans in 1u64..5,
        splits in proptest::collection::vec(any::<bool>(), 200),
    ) {
        let mut stream = Vec::new();
        for (kind, length) in records {
            let start = stream.len();
            span(7, length, &mut stream);
            match kind {
                0 => stream[start + 9] = 99, // a kind that is not known
                1 => stream[start + 10] |= 1, // sealed, with a wrong checksum
                2 => stream[start + 9] = RecordKind::Started as u8,
                _ => {}
            }
        }
        let mut destination = Destination::new(&Options { batch_spans, ..Options::default() });
        destination.offer(Parcel::new(stream.clone()).in_spool(1), 0);
        destination.begin_flush(0, u64::MAX);
        let mut out = Vec::new();
        let mut splits = splits.into_iter();
        let mut now = 0;
        while destination.settled_up_to().is_none() {
            match destination.next(now) {
                Next::Send(shipment) => {
                    let many = Parcel::new(shipment.records().into_owned()).records() > 1;
                    let answer = if many && splits.next() == Some(true) {
                        Answer::TooLarge { why: String::new() }
                    } else {
                        out.extend_from_slice(&shipment.records());
                        Answer::taken()
                    };
                    destination.answered(shipment.id, answer, now, &mut || 0);
                }
                Next::Wait(until) => now = until,
                Next::Idle => panic!("something is left"),
            }
        }
        prop_assert_eq!(out, stream);
    }
}
