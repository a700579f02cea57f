//! A life of a destination, on every target. Its rules have tests of their own in `tests/deliver`.

use super::*;
use crate::deliver::answer::Answer;
use crate::id::SpanId;
use crate::record::{Record, RecordKind};

const SECOND: u64 = 1_000_000_000;

fn spans(many: usize) -> Parcel {
    let mut stream = Vec::new();
    let span =
        Record { kind: RecordKind::Finished, flags: 0, revision: 0, workflow: SpanId::NONE, body: b"span" };
    (0..many).for_each(|_| span.write(&mut stream));
    Parcel::new(stream)
}

#[test]
fn a_life() {
    let mut destination = Destination::new(&Options { batch_spans: 4, ..Options::default() });
    destination.offer(spans(10), 0);
    let answers = [
        Answer::later("connection refused"),
        Answer::TooLarge { why: "HTTP 413".to_owned() },
        Answer::taken(),
        Answer::Partly { rejected: 1, message: "too old".to_owned() },
        Answer::Refused { reason: Reason::NonRetryable, why: "HTTP 500".to_owned() },
    ];
    let (mut now, mut sizes) = (0, Vec::new());
    for answer in answers {
        let shipment = loop {
            match destination.next(now) {
                Next::Send(shipment) => break shipment,
                Next::Wait(until) => now = until,
                Next::Idle => panic!("there is something to do"),
            }
        };
        sizes.push((shipment.spans, shipment.records().len(), shipment.again));
        assert!(destination.answered(shipment.id, answer, now, &mut || u64::MAX));
        assert!(destination.ledger().adds_up());
    }
    let record = 28;
    assert_eq!(
        sizes,
        [
            (4, 4 * record, false),
            (4, 4 * record, true),
            (2, 2 * record, true),
            (2, 2 * record, true),
            // The size that was learned: half of four spans.
            (2, 2 * record, false),
        ]
    );
    assert_eq!(now, SECOND + SECOND / 2, "one pause, and no hurry until something was taken");
    assert_eq!(
        destination.ledger().to_string(),
        "10 accepted = 3 delivered + 1 rejected + 2 dropped (2 non_retryable) + 4 pending"
    );
    destination.shut_down(now, now + SECOND / 4);
    assert!(matches!(destination.next(now), Next::Wait(until) if until == now + SECOND / 4));
    assert!(matches!(destination.next(now + SECOND), Next::Idle));
    assert_eq!(destination.ledger().dropped.get(Reason::ShutdownTimeout), 4);
    assert!(destination.is_over());
    let kinds: Vec<_> = destination.take_notices().into_iter().map(|notice| notice.kind).collect();
    let expected = [
        NoticeKind::Waiting,
        NoticeKind::Rejected,
        NoticeKind::Lost(Reason::NonRetryable),
        NoticeKind::Lost(Reason::ShutdownTimeout),
    ];
    assert_eq!(kinds, expected);
}
