//! Flushes, ends and long outages: one rule at a time.

use std::time::Duration;

use spanloom::deliver::{Answer, Offered, Parcel, Reason};
use spanloom::record::RecordKind;

use crate::world::*;

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
