//! One rule at a time.

use std::time::Duration;

use spanloom::deliver::{
    Answer, Counts, Destination, NoticeKind, Offered, Options, Overflow, Parcel, Reason,
};
use spanloom::record::RecordKind;

use crate::world::*;

fn batches_of(spans: u64) -> Destination {
    Destination::new(&Options { batch_spans: spans, ..Options::default() })
}

#[test]
fn a_full_batch_goes_at_once_and_the_rest_after_the_linger() {
    let mut destination = batches_of(512);
    destination.offer(parcel(0..511, 20), 0);
    assert_eq!(waits(&mut destination, 1), 5 * SECOND);
    destination.offer(parcel(511..600, 20), SECOND);
    let first = sent(&mut destination, SECOND);
    assert_eq!(numbers(&first), (0..512).collect::<Vec<_>>());
    idle(&mut destination, SECOND);
    answer(&mut destination, &first, Answer::taken(), 2 * SECOND);
    // The others came with the second parcel.
    assert_eq!(waits(&mut destination, 2 * SECOND), 6 * SECOND);
    let second = sent(&mut destination, 6 * SECOND);
    assert_eq!(numbers(&second), (512..600).collect::<Vec<_>>());
}

#[test]
fn a_batch_has_no_more_bytes_of_otlp_than_it_may() {
    let options = Options { batch_bytes: 1_000, ..Options::default() };
    let mut destination = Destination::new(&options);
    // A body of 98 bytes has a tag and a length of one byte each: ten make 1000 bytes.
    destination.offer(parcel(0..25, 98), 0);
    let first = sent(&mut destination, 0);
    assert_eq!((first.spans, first.encoded), (10, 1_000));
    answer(&mut destination, &first, Answer::taken(), 0);
    let second = sent(&mut destination, 0);
    assert_eq!(second.spans, 10);
    answer(&mut destination, &second, Answer::taken(), 0);
    assert_eq!(waits(&mut destination, 0), 5 * SECOND, "what is left is no full batch");
}

#[test]
fn the_encoded_size_is_that_of_the_request() {
    use spanloom::otlp::{Resource, Scope, encode_traces};
    for length in [8, 126, 127, 128, 129, 16_383, 16_384, 20_000] {
        let mut destination = batches_of(1);
        destination.offer(parcel(0..3, length), 0);
        let shipment = sent(&mut destination, 0);
        let mut request = Vec::new();
        let records = shipment.records();
        let spans = spanloom::record::finished_spans(&records);
        encode_traces(&Resource::default(), &Scope::default(), spans, &mut request);
        let headers = request.len() as u64 - shipment.encoded;
        assert!((2..=10).contains(&headers), "{length}: {headers}");
    }
}

#[test]
fn a_large_span_goes_alone_and_one_that_is_too_large_does_not_go() {
    let options = Options { batch_bytes: 500, request_bytes: 5_000, ..Options::default() };
    let mut destination = Destination::new(&options);
    destination.offer(parcel(0..1, 100), 0);
    destination.offer(parcel(1..2, 4_000), 0);
    destination.offer(parcel(2..3, 5_000), 0);
    destination.offer(parcel(3..4, 100), 0);
    destination.begin_flush(0, SECOND);
    for expected in [0, 1, 3] {
        let shipment = sent(&mut destination, 0);
        assert_eq!(numbers(&shipment), [expected]);
        answer(&mut destination, &shipment, Answer::taken(), 0);
    }
    assert!(destination.flush_done());
    let ledger = destination.ledger();
    assert_eq!((ledger.delivered, ledger.dropped.get(Reason::TooLarge)), (3, 1));
}

#[test]
fn what_does_not_fit_is_dropped_and_counted() {
    let full = |overflow| {
        let options = Options { queue_spans: 2_048, overflow, ..Options::default() };
        let mut destination = Destination::new(&options);
        assert_eq!(destination.offer(parcel(0..2_000, 8), 0), Offered { taken: 2_000, dropped: 0 });
        let offered = destination.offer(parcel(2_000..2_100, 8), 0);
        assert_eq!(destination.room().spans, 0);
        let ledger = destination.ledger();
        assert!(ledger.adds_up());
        assert_eq!((ledger.accepted, ledger.pending), (2_100, 2_048));
        assert_eq!(ledger.dropped.get(Reason::QueueFull), 52);
        let notices = destination.take_notices();
        assert_eq!(notices[0].kind, NoticeKind::Lost(Reason::QueueFull));
        (offered, numbers(&sent(&mut destination, 0))[0])
    };
    assert_eq!(full(Overflow::DropNewest), (Offered { taken: 48, dropped: 52 }, 0));
    assert_eq!(full(Overflow::DropOldest), (Offered { taken: 100, dropped: 52 }, 52));
}

#[test]
fn bytes_bound_the_queue_too() {
    for overflow in [Overflow::DropNewest, Overflow::DropOldest] {
        // A span of 76 bytes makes a record of 100.
        let options = Options { queue_bytes: 1_050, overflow, ..Options::default() };
        let mut destination = Destination::new(&options);
        destination.offer(parcel(0..8, 76), 0);
        let offered = destination.offer(parcel(8..100, 76), 0);
        assert_eq!(offered.dropped, 90, "{overflow:?}");
        assert_eq!(destination.room().bytes, 50);
        assert_eq!(destination.ledger().pending, 10);
    }
}

#[test]
fn what_a_spool_should_have_held_is_lost_under_the_spools_reason() {
    let reasons = |destination: &Destination| destination.ledger().dropped.iter().collect::<Vec<_>>();
    for overflow in [Overflow::DropNewest, Overflow::DropOldest] {
        let mut destination = Destination::new(&Options { queue_spans: 20, overflow, ..Options::default() });
        destination.offer(parcel(0..10, 8).unspooled(Reason::SpoolFull), 0);
        destination.offer(parcel(10..25, 8).unspooled(Reason::SpoolIo), 0);
        destination.offer(parcel(25..40, 8), 0);
        let lost = match overflow {
            Overflow::DropNewest => [(Reason::QueueFull, 15), (Reason::SpoolIo, 5)],
            // 20 of 40 stay: the 10 and the next 10 go.
            Overflow::DropOldest => [(Reason::SpoolFull, 10), (Reason::SpoolIo, 10)],
        };
        assert_eq!(reasons(&destination), lost, "{overflow:?}");
        assert!(destination.ledger().adds_up());
    }
    // The end of the program, for what waits and for what comes later. What a spool holds is not lost.
    let mut destination = batches_of(100);
    destination.offer(parcel(0..3, 8).unspooled(Reason::SpoolFull), 0);
    destination.offer(parcel(3..5, 8), 0);
    destination.offer(parcel(5..9, 8).unspooled(Reason::SpoolFull).in_spool(1), 0);
    destination.shut_down(0, 0);
    destination.offer(parcel(9..10, 8).unspooled(Reason::SpoolIo), 0);
    let lost = [(Reason::SpoolFull, 3), (Reason::SpoolIo, 1), (Reason::ShutdownTimeout, 2)];
    assert_eq!(reasons(&destination), lost);
    assert_eq!(destination.ledger().pending, 4);
    // An answer is not a want of room.
    let mut destination = batches_of(1);
    destination.offer(parcel(0..1, 8).unspooled(Reason::SpoolFull), 0);
    let shipment = sent(&mut destination, 0);
    answer(&mut destination, &shipment, Answer::Refused { reason: Reason::Auth, why: "401".to_owned() }, 0);
    assert_eq!(reasons(&destination), [(Reason::Auth, 1)]);
}

#[test]
fn destinations_share_the_bytes_of_a_parcel() {
    let shared = parcel(0..10, 100);
    let (mut first, mut second) = (batches_of(10), batches_of(10));
    first.offer(shared.clone(), 0);
    second.offer(shared, 0);
    let (first, second) = (sent(&mut first, 0), sent(&mut second, 0));
    assert!(std::ptr::eq(first.parts().next().unwrap(), second.parts().next().unwrap()));
}

#[test]
fn f06_a_refusal_drops_the_batch_and_the_next_is_still_tried() {
    for reason in [Reason::NonRetryable, Reason::Auth] {
        let mut destination = batches_of(2);
        destination.offer(parcel(0..4, 8), 0);
        let first = sent(&mut destination, 0);
        answer(&mut destination, &first, Answer::Refused { reason, why: "HTTP 500".to_owned() }, MILLI);
        assert_eq!(destination.ledger().dropped.get(reason), 2);
        let until = waits(&mut destination, MILLI);
        assert_eq!(until, MILLI + SECOND, "there is no hurry");
        let second = sent(&mut destination, until);
        assert_eq!((numbers(&second), second.again), (vec![2, 3], false));
    }
}

#[test]
fn f07_pauses_double_up_to_30_seconds_and_a_success_forgets_them() {
    let mut destination = Destination::new(&Options { retry_for: Duration::MAX, ..Options::default() });
    destination.offer(parcel(0..1, 8), 0);
    let mut now = waits(&mut destination, 0);
    for seconds in [1, 2, 4, 8, 16, 30, 30] {
        let shipment = sent(&mut destination, now);
        answer(&mut destination, &shipment, later(None), now);
        // Chance gives the longest pause here.
        assert_eq!(waits(&mut destination, now), now + seconds * SECOND);
        now += seconds * SECOND;
    }
    let shipment = sent(&mut destination, now);
    assert!(shipment.again);
    answer(&mut destination, &shipment, Answer::taken(), now);
    destination.offer(parcel(1..2, 8), now);
    now = waits(&mut destination, now);
    let shipment = sent(&mut destination, now);
    answer(&mut destination, &shipment, later(None), now);
    assert_eq!(waits(&mut destination, now), now + SECOND);
    assert_eq!(destination.counts(), Counts { requests: 9, retries: 8, ..Counts::default() });
}

/// The pauses after so many failures in a row, in nanoseconds, of many destinations.
fn pauses(failures: usize, chance: &mut Chance) -> Vec<u64> {
    (0..4_000)
        .map(|_| {
            let options =
                Options { batch_spans: 1, retry_first: Duration::from_secs(8), ..Options::default() };
            let mut destination = Destination::new(&options);
            destination.offer(parcel(0..1, 8), 0);
            let (mut now, mut until) = (0, 0);
            for _ in 0..failures {
                now = until;
                let shipment = sent(&mut destination, now);
                assert!(destination.answered(shipment.id, later(None), now, &mut || chance.bits()));
                until = waits(&mut destination, now);
            }
            until - now
        })
        .collect()
}

#[test]
fn f07_pauses_are_spread_evenly() {
    let mut chance = Chance::new(7);
    for (failures, longest) in [(1, 8 * SECOND), (2, 16 * SECOND), (4, 30 * SECOND)] {
        let pauses = pauses(failures, &mut chance);
        let mut tenths = [0u32; 10];
        for pause in &pauses {
            assert!((SECOND / 2..=longest).contains(pause));
            tenths[(pause * 10 / (longest + 1)) as usize] += 1;
        }
        // 400 of 4000 are to be expected in each tenth, give or take five times the square root. What would be shorter
        // than half a second is half a second, which stays in the first tenth.
        for (tenth, count) in tenths.into_iter().enumerate() {
            assert!((300..500).contains(&count), "{failures} failures, tenth {tenth}: {tenths:?}");
        }
    }
}

#[test]
fn f08_retry_after_is_a_minimum_and_has_a_limit() {
    // (asked for, at least, at most), in seconds.
    for (asked, least, most) in [(7, 7, 8), (1, 1, 2), (90, 90, 91), (1_000_000_000, 600, 601)] {
        for bits in [0, u64::MAX / 2, u64::MAX] {
            let mut destination = batches_of(1);
            destination.offer(parcel(0..1, 8), 0);
            let shipment = sent(&mut destination, 0);
            destination.answered(shipment.id, later(Some(asked)), 0, &mut || bits);
            let until = waits(&mut destination, 0);
            assert!((least * SECOND..=most * SECOND).contains(&until), "{asked}: {until}");
            assert_eq!(sent(&mut destination, until).spans, 1);
        }
    }
    // Nothing, and no time at all, leave it to us.
    for asked in [None, Some(0)] {
        let mut destination = batches_of(1);
        destination.offer(parcel(0..1, 8), 0);
        let shipment = sent(&mut destination, 0);
        destination.answered(shipment.id, later(asked), 0, &mut || u64::MAX);
        assert_eq!(waits(&mut destination, 0), SECOND);
    }
}

#[test]
fn f08_a_flush_does_not_hurry_a_server_that_asked_for_time() {
    let mut destination = batches_of(1);
    destination.offer(parcel(0..1, 8), 0);
    let shipment = sent(&mut destination, 0);
    destination.answered(shipment.id, later(Some(60)), 0, &mut || 0);
    destination.begin_flush(SECOND, 10 * SECOND);
    assert_eq!(waits(&mut destination, SECOND), 10 * SECOND);
    assert!(!destination.flush_done());
    assert_eq!(waits(&mut destination, 10 * SECOND), 60 * SECOND);
    assert!(destination.flush_done());
    assert_eq!(destination.ledger().pending, 1, "a flush loses nothing");
}

#[test]
fn f09_refused_in_part_is_counted_and_not_sent_again() {
    let mut destination = batches_of(10);
    destination.offer(parcel(0..20, 8), 0);
    for message in ["too old", "also too old"] {
        let shipment = sent(&mut destination, 0);
        let partly = Answer::Partly { rejected: 3, message: message.to_owned() };
        answer(&mut destination, &shipment, partly, 0);
    }
    let ledger = destination.ledger();
    assert_eq!((ledger.delivered, ledger.rejected, ledger.pending), (14, 6, 0));
    let notices = destination.take_notices();
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert_eq!(notices[0].text, "3 spans were rejected: too old");

    // No more can be rejected than were sent.
    destination.offer(parcel(20..30, 8), 0);
    let shipment = sent(&mut destination, 0);
    answer(&mut destination, &shipment, Answer::Partly { rejected: u64::MAX, message: String::new() }, 0);
    assert_eq!(destination.ledger().rejected, 16);
}

#[test]
fn f09_and_f10_odd_words_of_success_are_passed_on_once() {
    let mut destination = batches_of(1);
    destination.offer(parcel(0..4, 8), 0);
    for _ in 0..2 {
        let shipment = sent(&mut destination, 0);
        answer(&mut destination, &shipment, Answer::Taken { warning: "slow\ndown\x1b[2J".to_owned() }, 0);
        let shipment = sent(&mut destination, 0);
        answer(&mut destination, &shipment, Answer::Unclear { why: "<html>".to_owned() }, 0);
    }
    let notices = destination.take_notices();
    let kinds: Vec<_> = notices.iter().map(|notice| notice.kind).collect();
    assert_eq!(kinds, [NoticeKind::Warning, NoticeKind::BadResponse]);
    assert_eq!(notices[0].text, "spans were taken with a warning: slow down [2J");
    assert!(destination.take_notices().is_empty());
    let counts = destination.counts();
    assert_eq!((counts.warnings, counts.bad_responses, destination.ledger().delivered), (2, 2, 4));
}

#[test]
fn a_batch_is_given_up_when_it_was_tried_long_enough() {
    let mut destination = batches_of(1);
    destination.offer(parcel(0..1, 8), 0);
    let mut now = 0;
    while destination.ledger().pending > 0 {
        let shipment = sent(&mut destination, now);
        now += 5 * SECOND;
        answer(&mut destination, &shipment, later(None), now);
        if destination.ledger().pending > 0 {
            now = waits(&mut destination, now);
        }
    }
    assert!((300 * SECOND..345 * SECOND).contains(&now), "{now}");
    assert_eq!(destination.ledger().dropped.get(Reason::RetryExhausted), 1);
}

#[test]
fn a_machine_that_slept_has_not_tried() {
    let mut destination = batches_of(1);
    destination.offer(parcel(0..1, 8), 0);
    let shipment = sent(&mut destination, 0);
    let morning = 8 * 3_600 * SECOND;
    answer(&mut destination, &shipment, later(None), morning);
    assert_eq!(destination.ledger().pending, 1);
    assert_eq!(waits(&mut destination, morning), morning + SECOND);
}

#[test]
fn one_request_at_a_time_while_it_fails() {
    let mut destination = Destination::new(&Options { batch_spans: 1, in_flight: 3, ..Options::default() });
    destination.offer(parcel(0..10, 8), 0);
    let three: Vec<_> = (0..3).map(|_| sent(&mut destination, 0)).collect();
    idle(&mut destination, 0);
    for shipment in &three {
        answer(&mut destination, shipment, later(None), MILLI);
    }
    // Three that failed together are one failure.
    let until = waits(&mut destination, MILLI);
    assert_eq!(until, MILLI + SECOND);
    let probe = sent(&mut destination, until);
    idle(&mut destination, until);
    answer(&mut destination, &probe, Answer::taken(), until);
    for _ in 0..3 {
        sent(&mut destination, until);
    }
    idle(&mut destination, until);
}

#[test]
fn an_old_success_does_not_end_an_outage() {
    let mut destination = Destination::new(&Options { batch_spans: 1, in_flight: 2, ..Options::default() });
    destination.offer(parcel(0..4, 8), 0);
    let (first, second) = (sent(&mut destination, 0), sent(&mut destination, 0));
    answer(&mut destination, &first, later(None), MILLI);
    answer(&mut destination, &second, Answer::taken(), 2 * MILLI);
    assert_eq!(waits(&mut destination, 2 * MILLI), MILLI + SECOND);
}

#[test]
fn the_span_that_is_too_large_is_found() {
    let mut destination = batches_of(512);
    let mut stream = Vec::new();
    for number in 0..512 {
        span(number, if number == 300 { 5_000 } else { 20 }, &mut stream);
    }
    destination.offer(Parcel::new(stream), 0);
    let mut now = 0;
    let mut stored = Vec::new();
    while destination.ledger().pending > 0 {
        let shipment = match destination.next(now) {
            spanloom::deliver::Next::Send(shipment) => shipment,
            spanloom::deliver::Next::Wait(until) => {
                now = until;
                continue;
            }
            spanloom::deliver::Next::Idle => panic!("something is pending"),
        };
        if shipment.encoded > 4_000 {
            answer(&mut destination, &shipment, Answer::TooLarge { why: "HTTP 413".to_owned() }, now);
        } else {
            stored.extend(numbers(&shipment));
            answer(&mut destination, &shipment, Answer::taken(), now);
        }
    }
    assert_eq!(stored, (0..512).filter(|number| *number != 300).collect::<Vec<_>>(), "and in order");
    assert_eq!(destination.ledger().dropped.get(Reason::TooLarge), 1);
    assert!(destination.counts().requests < 30, "{:?}", destination.counts());
}

#[test]
fn a_limit_that_was_learned_is_kept_for_a_while() {
    let mut destination = Destination::new(&Options { batch_spans: 1_000, ..Options::default() });
    let mut refusals = 0;
    for round in 0..64 {
        destination.offer(parcel(round * 100..round * 100 + 100, 98), 0);
        destination.begin_flush(0, SECOND);
        while !destination.flush_done() {
            let shipment = sent(&mut destination, 0);
            let fits = shipment.encoded <= 6_000;
            refusals += u64::from(!fits);
            let too_large = Answer::TooLarge { why: String::new() };
            answer(&mut destination, &shipment, if fits { Answer::taken() } else { too_large }, 0);
        }
    }
    assert_eq!(destination.ledger().delivered, 6_400);
    // One at first, and one for every try to be larger again: 128 requests, 32 in between.
    assert!((2..=5).contains(&refusals), "{refusals}");
}

#[test]
fn a_server_that_finds_everything_too_large_is_not_flooded() {
    let mut destination = batches_of(512);
    destination.offer(parcel(0..512, 20), 0);
    let mut now = 0;
    for _ in 0..200 {
        match destination.next(now) {
            spanloom::deliver::Next::Send(shipment) => {
                answer(&mut destination, &shipment, Answer::TooLarge { why: String::new() }, now);
            }
            spanloom::deliver::Next::Wait(until) => now = until,
            spanloom::deliver::Next::Idle => break,
        }
    }
    let requests = destination.counts().requests;
    assert!(requests <= 16 + 2 * (now / SECOND + 1), "{requests} in {now}");
}

fn poisoned(bisect_refused: bool, poison: &[u64]) -> (Vec<u64>, Destination) {
    let options = Options { batch_spans: 64, bisect_refused, ..Options::default() };
    let mut destination = Destination::new(&options);
    destination.offer(parcel(0..64, 8), 0);
    let (mut now, mut stored) = (0, Vec::new());
    while destination.ledger().pending > 0 {
        match destination.next(now) {
            spanloom::deliver::Next::Send(shipment) => {
                let inside = numbers(&shipment);
                if inside.iter().any(|number| poison.contains(number)) {
                    let refused =
                        Answer::Refused { reason: Reason::NonRetryable, why: "HTTP 400".to_owned() };
                    answer(&mut destination, &shipment, refused, now);
                } else {
                    stored.extend(inside);
                    answer(&mut destination, &shipment, Answer::taken(), now);
                }
            }
            spanloom::deliver::Next::Wait(until) => now = until,
            spanloom::deliver::Next::Idle => panic!("something is pending"),
        }
    }
    (stored, destination)
}

#[test]
fn a_span_at_fault_is_found_where_that_is_asked_for() {
    let (stored, destination) = poisoned(false, &[17]);
    assert_eq!((stored.len(), destination.counts().requests), (0, 1));
    assert_eq!(destination.ledger().dropped.get(Reason::NonRetryable), 64);

    let (stored, destination) = poisoned(true, &[17]);
    assert_eq!(stored, (0..64).filter(|number| *number != 17).collect::<Vec<_>>());
    assert_eq!(destination.counts().requests, 13, "the batch, and two for every halving");

    // With all of them at fault the search gives up.
    let (stored, destination) = poisoned(true, &(0..64).collect::<Vec<_>>());
    assert_eq!((stored.len(), destination.ledger().dropped.get(Reason::NonRetryable)), (0, 64));
    assert!(destination.counts().requests <= 17, "{:?}", destination.counts());
}

#[test]
fn a_flush_waits_for_what_was_offered_before_it() {
    let mut destination = batches_of(10);
    destination.offer(parcel(0..3, 8), 0);
    let mark = destination.begin_flush(0, 9 * SECOND);
    let shipment = sent(&mut destination, 0);
    destination.offer(parcel(3..6, 8), 0);
    assert!(!destination.is_settled(mark));
    answer(&mut destination, &shipment, Answer::taken(), MILLI);
    assert!(destination.is_settled(mark) && destination.flush_done());
    assert_eq!(destination.ledger().pending, 3, "what came later is no part of it");
    assert_eq!(waits(&mut destination, MILLI), 5 * SECOND);
    // With nothing pending a flush is over before it begins.
    let mut empty = batches_of(10);
    empty.begin_flush(0, SECOND);
    assert!(empty.flush_done());
    idle(&mut empty, 0);
}

#[test]
fn two_flushes_have_a_mark_each() {
    let mut destination = batches_of(2);
    destination.offer(parcel(0..2, 8), 0);
    let first = destination.begin_flush(0, SECOND);
    destination.offer(parcel(2..4, 8), 0);
    let second = destination.begin_flush(0, 2 * SECOND);
    let shipment = sent(&mut destination, 0);
    answer(&mut destination, &shipment, Answer::taken(), 0);
    assert!(destination.is_settled(first) && !destination.is_settled(second) && !destination.flush_done());
    let shipment = sent(&mut destination, 0);
    answer(&mut destination, &shipment, Answer::taken(), 0);
    assert!(destination.is_settled(second) && destination.flush_done());
}

#[test]
fn a_flush_does_not_wait_for_the_end_of_our_own_pause() {
    let mut destination = batches_of(1);
    destination.offer(parcel(0..1, 8), 0);
    let shipment = sent(&mut destination, 0);
    answer(&mut destination, &shipment, later(None), 0);
    assert_eq!(waits(&mut destination, 0), SECOND);
    destination.begin_flush(0, 9 * SECOND);
    assert_eq!(waits(&mut destination, 0), SECOND / 2, "but keeps to two requests a second");
    let shipment = sent(&mut destination, SECOND / 2);
    answer(&mut destination, &shipment, Answer::taken(), SECOND / 2);
    assert!(destination.flush_done());
}

#[test]
fn a_shutdown_ends_with_the_last_span_or_at_its_deadline() {
    let mut destination = batches_of(10);
    destination.offer(parcel(0..3, 8), 0);
    destination.shut_down(0, 3 * SECOND);
    let shipment = sent(&mut destination, 0);
    assert_eq!(shipment.within, Duration::from_secs(3), "no longer than the program waits");
    answer(&mut destination, &shipment, Answer::taken(), SECOND);
    assert!(destination.is_over());
    assert_eq!(destination.ledger().delivered, 3);

    let mut destination = batches_of(10);
    destination.offer(parcel(0..15, 8), 0);
    let late = sent(&mut destination, 0);
    destination.shut_down(SECOND, 3 * SECOND);
    assert!(!destination.is_over());
    assert_eq!(waits(&mut destination, SECOND), 3 * SECOND);
    idle(&mut destination, 3 * SECOND);
    assert!(destination.is_over());
    let ledger = destination.ledger();
    assert_eq!((ledger.pending, ledger.dropped.get(Reason::ShutdownTimeout)), (0, 15));
    // An answer that comes now changes nothing of it.
    assert!(destination.answered(late.id, Answer::taken(), 4 * SECOND, &mut || 0));
    assert_eq!(destination.ledger(), ledger);
    // Nor is anything sent that comes now.
    assert_eq!(destination.offer(parcel(15..16, 8), 4 * SECOND), Offered { taken: 0, dropped: 1 });
    assert_eq!(destination.ledger().dropped.get(Reason::ShutdownTimeout), 16);
    idle(&mut destination, 5 * SECOND);
}

#[test]
fn what_a_spool_holds_stays_pending_at_the_end() {
    let mut destination = batches_of(4);
    destination.offer(parcel(0..3, 8).in_spool(30), 0);
    destination.offer(parcel(3..6, 8), 0);
    destination.offer(parcel(6..9, 8).in_spool(90), 0);
    let flying = sent(&mut destination, 0);
    destination.shut_down(0, SECOND);
    idle(&mut destination, SECOND);
    let ledger = destination.ledger();
    assert!(destination.is_over() && ledger.adds_up());
    assert_eq!((ledger.pending, ledger.dropped.get(Reason::ShutdownTimeout)), (6, 3));
    assert_eq!(destination.settled_up_to(), None);
    // An answer that came just in time still spares the next start the work.
    answer(&mut destination, &flying, Answer::taken(), SECOND);
    assert_eq!((destination.ledger().delivered, destination.ledger().pending), (3, 3));
    assert_eq!(destination.settled_up_to(), Some(30));
}

#[test]
fn starts_of_spans_travel_and_are_not_counted() {
    let mut destination = batches_of(2);
    let mut stream = Vec::new();
    record(RecordKind::Started, 1, 30, &mut stream);
    span(1, 40, &mut stream);
    record(RecordKind::Started, 2, 30, &mut stream);
    let parcel = Parcel::new(stream);
    assert_eq!((parcel.records(), parcel.spans(), parcel.broken()), (3, 1, 0));
    destination.offer(parcel, 0);
    destination.begin_flush(0, SECOND);
    let shipment = sent(&mut destination, 0);
    assert_eq!((shipment.spans, shipment.encoded), (1, 2 * 32 + 42));
    answer(&mut destination, &shipment, Answer::taken(), 0);
    assert!(destination.flush_done());
    assert_eq!(destination.ledger().accepted, 1);
}

#[test]
fn broken_records_are_left_where_they_are() {
    let mut stream = Vec::new();
    span(1, 20, &mut stream);
    let end = stream.len();
    span(2, 20, &mut stream);
    stream[end + 10] |= 1; // sealed, with a checksum of zeros
    span(3, 20, &mut stream);
    let whole = stream.len();
    span(4, 20, &mut stream);
    stream.truncate(stream.len() - 1);
    let parcel = Parcel::new(stream);
    assert_eq!((parcel.spans(), parcel.broken(), parcel.bytes()), (2, 2, whole));
    let mut destination = batches_of(1);
    destination.offer(parcel.in_spool(7), 0);
    for expected in [1, 3] {
        let shipment = sent(&mut destination, 5 * SECOND);
        assert_eq!(numbers(&shipment), [expected]);
        answer(&mut destination, &shipment, Answer::taken(), 5 * SECOND);
    }
    assert_eq!(destination.settled_up_to(), Some(7));
    // A parcel in which nothing can be read is settled as it comes.
    assert_eq!(destination.offer(Parcel::new(vec![1; 30]).in_spool(8), 0), Offered { taken: 0, dropped: 0 });
    assert_eq!(destination.settled_up_to(), Some(8));
}

#[test]
fn who_refuses_everything_is_left_alone_for_longer_and_longer() {
    let mut destination = batches_of(1);
    destination.offer(parcel(0..1_000, 8), 0);
    let mut now = 0;
    while now < 600 * SECOND {
        let shipment = sent(&mut destination, now);
        let refused = Answer::Refused { reason: Reason::Auth, why: "HTTP 401".to_owned() };
        answer(&mut destination, &shipment, refused, now);
        now = waits(&mut destination, now);
    }
    // With the longest pauses: 1, 2, 4, 8, 16, 30, 30...
    assert_eq!(destination.ledger().dropped.get(Reason::Auth), 24);
    assert_eq!(destination.take_notices().len(), 1);
}

#[test]
fn flushes_do_not_add_up_in_an_outage() {
    let mut destination = batches_of(1);
    destination.offer(parcel(0..10, 8), 0);
    for now in (0..10 * SECOND).step_by(10 * MILLI as usize) {
        destination.begin_flush(now, now + SECOND);
        while let spanloom::deliver::Next::Send(shipment) = destination.next(now) {
            answer(&mut destination, &shipment, later(None), now);
        }
    }
    assert_eq!(destination.counts().requests, 20);
}

#[test]
fn a_backlog_goes_out_without_pauses() {
    let mut destination = batches_of(10);
    destination.offer(parcel(0..1_000, 8), 0);
    let shipment = sent(&mut destination, 0);
    answer(&mut destination, &shipment, later(None), 0);
    let now = waits(&mut destination, 0);
    for _ in 0..100 {
        let shipment = sent(&mut destination, now);
        answer(&mut destination, &shipment, Answer::taken(), now);
    }
    idle(&mut destination, now);
    assert_eq!(destination.ledger().delivered, 1_000);
}

#[test]
fn f29_ends_within_ends() {
    // A second shutdown can only bring the deadline nearer.
    for (second, deadline) in [(9, 5), (3, 3)] {
        let mut destination = batches_of(1);
        destination.offer(parcel(0..2, 8), 0);
        sent(&mut destination, 0);
        destination.shut_down(0, 5 * SECOND);
        destination.shut_down(SECOND, second * SECOND);
        assert_eq!(waits(&mut destination, SECOND), deadline * SECOND);
        idle(&mut destination, deadline * SECOND);
        assert!(destination.is_over());
    }

    // A flush during a shutdown ends with it, and one after it has nothing to wait for.
    let mut destination = batches_of(1);
    destination.offer(parcel(0..2, 8).in_spool(1), 0);
    sent(&mut destination, 0);
    destination.shut_down(0, SECOND);
    let mark = destination.begin_flush(0, 9 * SECOND);
    assert!(!destination.flush_done());
    idle(&mut destination, SECOND);
    assert!(destination.flush_done() && !destination.is_settled(mark), "the spool still has it");
    destination.begin_flush(2 * SECOND, 9 * SECOND);
    assert!(destination.flush_done());
    destination.shut_down(3 * SECOND, 9 * SECOND);
    idle(&mut destination, 3 * SECOND);
    assert_eq!(destination.ledger().pending, 2);

    // With nothing pending a shutdown is over as it begins.
    let mut empty = batches_of(1);
    empty.shut_down(0, SECOND);
    assert!(empty.is_over());
}
