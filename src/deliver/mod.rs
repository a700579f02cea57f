//! Delivery: what happens to records between their end and the moment when a destination has them.
//!
//! Each destination has a [`Destination`] of its own, so that one that is slow or gone holds up no other. It is a state
//! machine without sockets, threads, clock or chance: whoever drives it tells the time, does what it says, and tells what
//! came of it.
//!
//! ```text
//!             offer                  next                          answered
//!  Parcel ───────────▶ queue ──────────────────▶ Shipment ──▶ transport ──▶ Answer
//!             │       (bounded)   full batch,        ▲                        │
//!             │                   linger, flush      │ again, after a pause   │ Taken, Unclear ─▶ delivered
//!             ▼                                      ├────────────────────────┤ Partly ─▶ delivered and rejected
//!        queue_full                                  │ in halves              │ Later ──▶ held, or retry_exhausted
//!                                                    └────────────────────────┤ TooLarge ▶ halved, or too_large
//!                                                                             │ Refused ─▶ dropped
//! ```
//!
//! - **Nothing is copied.** A [`Parcel`] is shared by all destinations; a batch is a list of runs of records in parcels.
//! - **Everything is counted.** The [`Ledger`] adds up after every call: a span is pending from [`Destination::offer`] on
//!   until it is delivered, rejected or dropped, and every drop has a [`Reason`].
//! - **A destination that fails is left alone.** After a failure or a refusal there is one request at a time, two a
//!   second at most; the pauses are random up to a bound that doubles (1 s to 30 s), or what the server asked for. The
//!   first request that is taken ends that.
//! - **A batch that is too large is halved**, and again, until what remains fits or is a single span. New batches keep to
//!   the size that was learned, and grow again slowly.
//! - **Ends are bounded.** [`Destination::begin_flush`] and [`Destination::shut_down`] have deadlines. What is pending at
//!   the deadline of a flush stays pending; at that of a shutdown it is dropped, unless a spool has it.
//!
//! Times are nanoseconds of a clock that never goes back, from any start. The repository's `docs/reliability.md` is the
//! contract.
//!
//! ```
//! use spanloom::SpanId;
//! use spanloom::deliver::{Answer, Destination, Next, Options, Parcel};
//! use spanloom::record::{Record, RecordKind};
//!
//! let mut destination = Destination::new(&Options::default());
//! let mut stream = Vec::new();
//! let body = b"\x2a\x04plan"; // an OTLP span with a name
//! Record { kind: RecordKind::Finished, flags: 0, revision: 0, workflow: SpanId::NONE, body }.write(&mut stream);
//!
//! const SECOND: u64 = 1_000_000_000;
//! destination.offer(Parcel::new(stream), 0);
//! assert!(matches!(destination.next(0), Next::Wait(until) if until == 5 * SECOND)); // for a fuller batch
//!
//! destination.begin_flush(SECOND, 4 * SECOND);
//! let mut answers = vec![Answer::taken(), Answer::later("connection refused")];
//! let mut now = SECOND;
//! while !destination.flush_done() {
//!     match destination.next(now) {
//!         // Here a transport sends `shipment.runs()`, within `shipment.within`.
//!         Next::Send(shipment) => {
//!             let answer = answers.pop().unwrap();
//!             destination.answered(shipment.id, answer, now, &mut || 7); // the 7 is random
//!         }
//!         Next::Wait(until) => now = until,
//!         Next::Idle => unreachable!("a flush that is not done has something to do"),
//!     }
//! }
//! assert_eq!(destination.ledger().to_string(), "1 accepted = 1 delivered + 0 rejected + 0 dropped + 0 pending");
//! assert_eq!(destination.take_notices()[0].text, "sending is tried again: connection refused");
//! ```

mod answer;
mod batch;
mod date;
mod destination;
mod health;
mod http;
mod ledger;
mod notice;
mod options;
mod outbox;
mod parcel;
mod queue;
mod reason;
mod runs;
mod settled;

pub use answer::Answer;
pub use batch::{Shipment, ShipmentId};
pub use destination::{Amount, Counts, Destination, Mark, Next, Offered};
pub use http::{HttpResponse, answer_of_http};
pub use ledger::{Dropped, Ledger};
pub use notice::{Notice, NoticeKind};
pub use options::{Options, Overflow};
pub use outbox::{AfterAnswer, MetricRequest, Outbox};
pub use parcel::Parcel;
pub use reason::Reason;
pub use runs::Runs;
