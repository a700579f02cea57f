//! How exporters are doing: queues, failures and ledgers.

use super::Status;
use crate::config::ExportersInHealth;
use crate::deliver::{Amount, Destination, Ledger};
use crate::json::Writer;
use crate::spool::SpoolStatus;
use crate::value::ValueSink as _;

/// After so many failures in a row an exporter counts as dead: with the pauses of [`Options`](crate::deliver::Options) that
/// is about a quarter of a minute.
const DEAD_AFTER: u32 = 5;

/// How an exporter is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Condition {
    /// What it was last asked to send has arrived, and there is room for more.
    #[default]
    Ok,
    /// Its last requests failed, or its queue is full.
    Degraded,
    /// It has failed for long, or is gone.
    Dead,
}

impl Condition {
    /// Its name in answers.
    ///
    /// ```
    /// use spanloom::health::Condition;
    /// assert_eq!(Condition::Degraded.name(), "degraded");
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::Dead => "dead",
        }
    }
}

/// One exporter.
///
/// ```
/// use spanloom::deliver::{Destination, Options};
/// use spanloom::health::{Condition, ExporterHealth};
/// let health = ExporterHealth::of("collector", &Destination::new(&Options::default()));
/// assert_eq!((health.condition, health.room.spans), (Condition::Ok, 65_536));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExporterHealth {
    /// Its name.
    pub name: String,
    /// How it is doing.
    pub condition: Condition,
    /// Failures in a row.
    pub failures: u32,
    /// What waits in its queue.
    pub queued: Amount,
    /// For how much more there is room there.
    pub room: Amount,
    /// What is in requests that have no answer, or are to be repeated.
    pub on_its_way: Amount,
    /// What became of its spans.
    pub ledger: Ledger,
}

impl ExporterHealth {
    /// How this destination is doing.
    #[must_use]
    pub fn of(name: &str, destination: &Destination) -> Self {
        let (failures, room) = (destination.failures(), destination.room());
        let condition = if destination.is_over() || failures >= DEAD_AFTER {
            Condition::Dead
        } else if destination.is_unwell() || room.spans == 0 || room.bytes == 0 {
            Condition::Degraded
        } else {
            Condition::Ok
        };
        Self {
            name: name.to_owned(),
            condition,
            failures,
            queued: destination.queued(),
            room,
            on_its_way: destination.on_its_way(),
            ledger: destination.ledger(),
        }
    }

    fn tell(&self, json: &mut Writer<'_>) {
        json.begin_map();
        json.key("failures");
        json.uint(self.failures.into());
        json.key("ledger");
        tell_ledger(&self.ledger, None, json);
        json.key("name");
        json.string(&self.name);
        for (key, amount) in [("on_its_way", self.on_its_way), ("queued", self.queued), ("room", self.room)] {
            json.key(key);
            tell_amount(amount, json);
        }
        json.key("status");
        json.string(self.condition.name());
        json.end_map();
    }
}

/// All exporters of a program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exporters {
    /// Each of them.
    pub destinations: Vec<ExporterHealth>,
    /// What became of all spans.
    pub ledger: Ledger,
    /// Spans that sampling left out.
    pub sampled_out: u64,
    /// The spool, where there is one.
    pub spool: Option<SpoolStatus>,
}

impl Exporters {
    /// The condition of the one that is doing worst; a spool that cannot be written is degraded.
    ///
    /// ```
    /// use spanloom::health::{Condition, Exporters};
    /// assert_eq!(Exporters::default().condition(), Condition::Ok);
    /// ```
    #[must_use]
    pub fn condition(&self) -> Condition {
        let spool = self.spool.as_ref().and_then(|spool| spool.trouble.as_ref());
        let spool = if spool.is_some() { Condition::Degraded } else { Condition::Ok };
        self.destinations.iter().map(|one| one.condition).fold(spool, Condition::max)
    }

    /// What the program is, by this status of its own and its exporters.
    ///
    /// ```
    /// use spanloom::config::ExportersInHealth;
    /// use spanloom::health::{Exporters, Status};
    /// assert_eq!(Exporters::default().judge(Status::Ready, ExportersInHealth::Decide), Status::Ready);
    /// ```
    #[must_use]
    pub fn judge(&self, own: Status, role: ExportersInHealth) -> Status {
        let dead = self.condition() == Condition::Dead;
        Status::of(own.is_ready() && !(dead && role == ExportersInHealth::Decide))
    }

    pub(super) fn tell(&self, json: &mut Writer<'_>) {
        json.begin_map();
        json.key("destinations");
        json.begin_array();
        for one in &self.destinations {
            one.tell(json);
        }
        json.end_array();
        json.key("ledger");
        tell_ledger(&self.ledger, Some(self.sampled_out), json);
        if let Some(spool) = &self.spool {
            json.key("spool");
            tell_spool(spool, json);
        }
        json.key("status");
        json.string(self.condition().name());
        json.end_map();
    }
}

fn tell_ledger(ledger: &Ledger, sampled_out: Option<u64>, json: &mut Writer<'_>) {
    json.begin_map();
    for (key, spans) in [("accepted", ledger.accepted), ("delivered", ledger.delivered)] {
        json.key(key);
        json.uint(spans);
    }
    json.key("dropped");
    json.begin_map();
    let mut reasons: Vec<_> = ledger.dropped.iter().map(|(reason, spans)| (reason.name(), spans)).collect();
    reasons.sort_unstable();
    for (reason, spans) in reasons {
        json.key(reason);
        json.uint(spans);
    }
    json.end_map();
    let rest = [
        ("pending", Some(ledger.pending)),
        ("rejected", Some(ledger.rejected)),
        ("sampled_out", sampled_out),
    ];
    for (key, spans) in rest {
        if let Some(spans) = spans {
            json.key(key);
            json.uint(spans);
        }
    }
    json.end_map();
}

fn tell_amount(amount: Amount, json: &mut Writer<'_>) {
    json.begin_map();
    json.key("bytes");
    json.uint(amount.bytes);
    json.key("spans");
    json.uint(amount.spans);
    json.end_map();
}

fn tell_spool(spool: &SpoolStatus, json: &mut Writer<'_>) {
    json.begin_map();
    for (key, number) in [
        ("accepted", spool.accepted),
        ("bytes", spool.bytes),
        ("failures", spool.failures),
        ("settled", spool.settled),
        ("synced", spool.synced),
    ] {
        json.key(key);
        json.uint(number);
    }
    if let Some(trouble) = &spool.trouble {
        json.key("trouble");
        json.string(&trouble.to_string());
    }
    json.key("waiting");
    json.uint(u64::try_from(spool.waiting).unwrap_or(u64::MAX));
    json.key("written");
    json.uint(spool.written);
    json.end_map();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SpanId;
    use crate::deliver::{Answer, Next, Options, Parcel, Reason};
    use crate::json::Style;
    use crate::record::{Record, RecordKind};

    const SECOND: u64 = 1_000_000_000;

    fn spans(number: usize) -> Parcel {
        let mut stream = Vec::new();
        let kind = RecordKind::Finished;
        let span = Record { kind, flags: 0, revision: 0, workflow: SpanId::NONE, body: b"\x2a\x01a" };
        (0..number).for_each(|_| span.write(&mut stream));
        Parcel::new(stream)
    }

    fn condition(destination: &Destination) -> Condition {
        ExporterHealth::of("d", destination).condition
    }

    /// Lets the next request end so, and gives the time at which it did.
    fn answer(destination: &mut Destination, mut now: u64, answer: Answer) -> u64 {
        loop {
            match destination.next(now) {
                Next::Send(shipment) => {
                    destination.answered(shipment.id, answer, now, &mut || u64::MAX);
                    return now;
                }
                Next::Wait(until) => now = until,
                Next::Idle => panic!("there is nothing to send"),
            }
        }
    }

    #[test]
    fn failures_degrade_and_kill_and_a_success_mends() {
        let mut destination = Destination::new(&Options::default());
        destination.offer(spans(1), 0);
        assert_eq!(condition(&destination), Condition::Ok);
        let mut now = 0;
        for failures in 1..DEAD_AFTER {
            now = answer(&mut destination, now, Answer::later("refused"));
            let health = ExporterHealth::of("d", &destination);
            assert_eq!((health.failures, health.condition), (failures, Condition::Degraded));
        }
        now = answer(&mut destination, now, Answer::later("refused"));
        assert_eq!(condition(&destination), Condition::Dead);
        assert!(now > 5 * SECOND, "so much is no hiccup");
        answer(&mut destination, now, Answer::taken());
        assert_eq!(condition(&destination), Condition::Ok);
        destination.shut_down(now, now);
        assert_eq!(condition(&destination), Condition::Dead, "it has gone");
    }

    #[test]
    fn a_full_queue_degrades() {
        let mut destination = Destination::new(&Options { queue_spans: 2, ..Options::default() });
        destination.offer(spans(3), 0);
        let health = ExporterHealth::of("d", &destination);
        assert_eq!((health.condition, health.room.spans, health.queued.spans), (Condition::Degraded, 0, 2));
        assert_eq!(health.ledger.dropped.get(Reason::QueueFull), 1);
    }

    #[test]
    fn only_where_they_decide_a_dead_one_counts() {
        let one = |condition| ExporterHealth {
            condition,
            ..ExporterHealth::of("d", &Destination::new(&Options::default()))
        };
        let all = |conditions: &[Condition]| Exporters {
            destinations: conditions.iter().map(|condition| one(*condition)).collect(),
            ..Exporters::default()
        };
        for (conditions, role, expected) in [
            (vec![], ExportersInHealth::Decide, Status::Ready),
            (vec![Condition::Ok], ExportersInHealth::Decide, Status::Ready),
            (vec![Condition::Degraded], ExportersInHealth::Decide, Status::Ready),
            (vec![Condition::Ok, Condition::Dead], ExportersInHealth::Decide, Status::NotReady),
            (vec![Condition::Dead], ExportersInHealth::Shown, Status::Ready),
            (vec![Condition::Dead], ExportersInHealth::Hidden, Status::Ready),
        ] {
            let exporters = all(&conditions);
            assert_eq!(exporters.judge(Status::Ready, role), expected, "{conditions:?} {role:?}");
            assert_eq!(exporters.judge(Status::NotReady, role), Status::NotReady);
        }
    }

    #[test]
    fn what_is_told() {
        let mut destination = Destination::new(&Options { queue_spans: 2, ..Options::default() });
        destination.offer(spans(3), 0);
        let one = ExporterHealth::of("otlp", &destination);
        let bytes = one.queued.bytes;
        let room = Options::default().queue_bytes - bytes;
        let exporters =
            Exporters { ledger: one.ledger, destinations: vec![one], sampled_out: 4, ..Exporters::default() };
        let mut text = String::new();
        exporters.tell(&mut Writer::new(&mut text, Style::Compact));
        let ledger = r#"{"accepted":3,"delivered":0,"dropped":{"queue_full":1},"pending":2,"rejected":0"#;
        let expected = format!(
            concat!(
                r#"{{"destinations":[{{"failures":0,"ledger":{ledger}}},"name":"otlp","#,
                r#""on_its_way":{{"bytes":0,"spans":0}},"queued":{{"bytes":{bytes},"spans":2}},"#,
                r#""room":{{"bytes":{room},"spans":0}},"status":"degraded"}}],"#,
                r#""ledger":{ledger},"sampled_out":4}},"status":"degraded"}}"#
            ),
            ledger = ledger,
            bytes = bytes,
            room = room
        );
        assert_eq!(text, expected);
        let spool = SpoolStatus {
            accepted: 9,
            written: 8,
            synced: 7,
            settled: 6,
            bytes: 5,
            waiting: 4,
            failures: 3,
            trouble: None,
        };
        let with_spool = Exporters { spool: Some(spool), ..Exporters::default() };
        let mut text = String::new();
        with_spool.tell(&mut Writer::new(&mut text, Style::Compact));
        let spool = r#""spool":{"accepted":9,"bytes":5,"failures":3,"settled":6,"synced":7,"waiting":4,"written":8},"status":"ok""#;
        assert!(text.contains(spool), "{text}");
    }
}
