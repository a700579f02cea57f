//! What becomes of spans, as metrics: the ledger of a loom, asked at each collection.
//!
//! A collection runs in a thread of its own choice and asks for the ledger once. The meter knows the loom weakly: a loom that
//! is gone says nothing any more. Where the disk hangs, the state of the spool is told as it was the last time, so that no
//! collection waits for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::Meter;
use super::periodic::Watched;
use crate::deliver::{Dropped, Ledger};
use crate::meter::{Book, Family, GaugeCell, Instrument, InstrumentKind, Labels, Saying};
use crate::native::Loom;
use crate::native::core::{Core, locked};
use crate::spool::SpoolStatus;
use crate::vocabulary::metric as name;

/// What destinations are given: spans, or points of metrics.
const TRACES: &str = "traces";
const METRICS: &str = "metrics";

type Observed = Arc<Family<GaugeCell<i64>>>;

struct Instruments {
    accepted: Observed,
    delivered: Observed,
    rejected: Observed,
    dropped: Observed,
    pending: Observed,
    lost: Observed,
    on_their_way: Observed,
    sampled_out: Observed,
    recovered: Observed,
    misuse: Observed,
    spool_bytes: Observed,
    spool_waiting: Observed,
    spool_unsettled: Observed,
    spool_failures: Observed,
}

impl Meter {
    /// Tells at each collection what became of the spans of a loom: at each destination, before any, and in the spool.
    /// [`LoomBuilder::workflow_metrics`](crate::LoomBuilder::workflow_metrics) does so for the loom's own meter.
    ///
    /// ```
    /// use spanloom::{Loom, MemoryExporter};
    /// let loom = Loom::builder().exporter(MemoryExporter::new()).build();
    /// loom.meter().observe_loom(&loom);
    /// ```
    pub fn observe_loom(&self, loom: &Loom) {
        self.observe_core(loom.core(), loom.watched_metrics());
    }

    pub(in crate::native) fn observe_core(&self, core: &Arc<Core>, metrics: Vec<Watched>) {
        let instruments = Instruments::new(self.book());
        let core = Arc::downgrade(core);
        let spool = Mutex::new(None);
        self.book().observe(move |saying| {
            let Some(core) = core.upgrade() else { return };
            instruments.say(&core, &spool, saying);
            let ledgers =
                metrics.iter().filter_map(|watched| Some((watched.name.clone(), watched.ledger()?)));
            instruments.say_destinations(&ledgers.collect::<Vec<_>>(), METRICS, saying);
        });
    }
}

impl Instruments {
    fn new(book: &Book) -> Self {
        let observed = |kind, name: &str, unit: &str, description: &str| {
            book.gauges(Instrument::new(name, kind).unit(unit).description(description).observed())
        };
        let grows = |name: &str, unit: &str, description: &str| {
            observed(InstrumentKind::Counter, name, unit, description)
        };
        let varies = |name: &str, unit: &str, description: &str| {
            observed(InstrumentKind::UpDownCounter, name, unit, description)
        };
        Self {
            accepted: grows(name::EXPORTER_ACCEPTED, "{item}", "What a destination was given."),
            delivered: grows(name::EXPORTER_DELIVERED, "{item}", "What a destination has."),
            rejected: grows(name::EXPORTER_REJECTED, "{item}", "What a destination refused."),
            dropped: grows(name::EXPORTER_DROPPED, "{item}", "What was lost on its way to a destination."),
            pending: varies(name::EXPORTER_PENDING, "{item}", "What is on its way to a destination."),
            lost: grows(
                name::RECORDER_DROPPED,
                "{span}",
                "Spans that were lost before any destination was given them.",
            ),
            on_their_way: varies(
                name::RECORDER_PENDING,
                "{span}",
                "Spans that ended, and that not all destinations have.",
            ),
            sampled_out: grows(name::RECORDER_SAMPLED_OUT, "{span}", "Spans that sampling left out."),
            recovered: grows(
                name::RECORDER_RECOVERED,
                "{span}",
                "Spans that an earlier process left in the spool.",
            ),
            misuse: grows(name::RECORDER_MISUSE, "{call}", "Calls that made no sense."),
            spool_bytes: varies(name::SPOOL_BYTES, "By", "Bytes of the spool's own files."),
            spool_waiting: varies(name::SPOOL_WAITING, "By", "Bytes that wait to be written into the spool."),
            spool_unsettled: varies(
                name::SPOOL_UNSETTLED,
                "{record}",
                "Records in the spool that are not settled.",
            ),
            spool_failures: grows(
                name::SPOOL_FAILURES,
                "{failure}",
                "How often the file system failed the spool.",
            ),
        }
    }

    fn say(&self, core: &Core, spool: &Mutex<Option<SpoolStatus>>, saying: &Saying) {
        let ledger = core.ledger();
        self.say_destinations(&ledger.destinations, TRACES, saying);
        let none = Labels::none();
        for (family, number) in [
            (&self.on_their_way, ledger.pending),
            (&self.sampled_out, ledger.sampled_out),
            (&self.recovered, ledger.recovered),
            (&self.misuse, ledger.misuse),
        ] {
            say(family, &none, number, saying);
        }
        say_dropped(&self.lost, &none, &core.lost_before(), saying);
        if !core.has_store {
            return;
        }
        let mut last = locked(spool);
        if let Some(now) = core.spool_status_soon() {
            *last = Some(now);
        }
        let Some(status) = &*last else { return };
        for (family, number) in [
            (&self.spool_bytes, status.bytes),
            (&self.spool_waiting, status.waiting as u64),
            (&self.spool_unsettled, status.accepted.saturating_sub(status.settled)),
            (&self.spool_failures, status.failures),
        ] {
            say(family, &none, number, saying);
        }
    }

    fn say_destinations(&self, destinations: &[(String, Ledger)], signal: &str, saying: &Saying) {
        for (destination, ledger) in by_name(destinations) {
            self.say_destination(destination, &ledger, signal, saying);
        }
    }

    fn say_destination(&self, destination: &str, ledger: &Ledger, signal: &str, saying: &Saying) {
        let labels =
            Labels::new([(name::LABEL_DESTINATION, destination.into()), (name::LABEL_SIGNAL, signal.into())]);
        for (family, number) in [
            (&self.accepted, ledger.accepted),
            (&self.delivered, ledger.delivered),
            (&self.rejected, ledger.rejected),
            (&self.pending, ledger.pending),
        ] {
            say(family, &labels, number, saying);
        }
        say_dropped(&self.dropped, &labels, &ledger.dropped, saying);
    }
}

/// The ledgers of destinations; those with the same name together, for they would be one series.
fn by_name(destinations: &[(String, Ledger)]) -> BTreeMap<&str, Ledger> {
    let mut named: BTreeMap<&str, Ledger> = BTreeMap::new();
    for (destination, ledger) in destinations {
        let sum = named.entry(destination).or_default();
        sum.accepted = sum.accepted.saturating_add(ledger.accepted);
        sum.delivered = sum.delivered.saturating_add(ledger.delivered);
        sum.rejected = sum.rejected.saturating_add(ledger.rejected);
        sum.pending = sum.pending.saturating_add(ledger.pending);
        sum.dropped.add_all(&ledger.dropped);
    }
    named
}

fn say_dropped(family: &Observed, labels: &Labels, dropped: &Dropped, saying: &Saying) {
    for (reason, spans) in dropped.iter() {
        let labels = labels.and(&Labels::new([(name::LABEL_REASON, reason.name().into())]));
        say(family, &labels, spans, saying);
    }
}

fn say(family: &Observed, labels: &Labels, number: u64, saying: &Saying) {
    let series = family.series(labels, || saying.now_unix_nano);
    saying.say(&series, i64::try_from(number).unwrap_or(i64::MAX));
}
