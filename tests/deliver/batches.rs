//! Batches, and the room for them: one rule at a time.

use spanloom::deliver::{Answer, Destination, NoticeKind, Offered, Options, Overflow, Reason};

use crate::world::*;

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
    assert!(std::ptr::eq(first.runs().iter().next().unwrap(), second.runs().iter().next().unwrap()));
}
