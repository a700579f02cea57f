//! What an answer leads to, and when it is tried again: one rule at a time.

use std::time::Duration;

use spanloom::deliver::{Answer, Counts, Destination, NoticeKind, Options, Parcel, Reason};

use crate::world::*;

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
