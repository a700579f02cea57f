//! The rows of the table, in its order. Rows of processor time come first: `fastrace` starts a thread of its own when it
//! is first used, and that thread would be counted in them.

use crate::harness::Measure::{Allocations, CallingThread, PeakBytes, ProcessCpu};
use crate::harness::{self, Measure, Pace, Scenario, Series, compare};
use crate::hosts::{self, Host};
use crate::peers::{fastrace, meters as peer_meters, opentelemetry as otel, otlp};
use crate::table::{Goal, Row, Unit};
use crate::{Outcome, decode, meters, ours, pipeline, threads, tree};

/// Makes what a row measures.
pub type Make = fn() -> Scenario<'static>;

/// A row that can be measured.
pub struct Entry {
    pub name: &'static str,
    how: How,
    unit: Unit,
    peer: Option<&'static str>,
    goal: Option<Goal>,
}

enum How {
    InTurns { measure: Measure, ours: Make, peer: Make },
    Alone { measure: Measure, ours: Make },
    Figures { ours: fn(Pace) -> Series, peer: Option<fn(Pace) -> Series> },
    Scripts(&'static Host),
}

/// At most 1.2 times what the peer costs.
const AT_MOST_A_FIFTH_DEARER: Goal = Goal::Ratio(1.0 / 1.2);

/// Every row.
pub const ALL: &[Entry] = &[
    in_turns("encode-cpu", ProcessCpu, ours::record_and_hand_over, otel::batch_and_encode)
        .against("opentelemetry_sdk, batch processor + prost")
        .reaching(Goal::Ratio(12.0)),
    in_turns("encode-cpu-no-queue", ProcessCpu, ours::record_and_encode, otel::collect_and_encode)
        .against("opentelemetry_sdk, list + prost")
        .reaching(Goal::Ratio(12.0)),
    in_turns("caller-otel", CallingThread, ours::record, otel::record)
        .against("opentelemetry_sdk, no-op processor")
        .reaching(Goal::Ratio(3.0)),
    in_turns("allocations", Allocations, ours::record_long, otel::record)
        .against("opentelemetry_sdk, no-op processor")
        // None a span; a hand-over and the flush of a burst take some.
        .reaching(Goal::AtMost(0.01)),
    in_turns("unsampled-otel", CallingThread, ours::unsampled, otel::unsampled)
        .against("opentelemetry_sdk, AlwaysOff")
        .reaching(Goal::AtMost(12.0)),
    in_turns("decode", CallingThread, decode::views, decode::prost)
        .against("prost, opentelemetry-proto")
        .reaching(Goal::Ratio(3.0)),
    in_turns("decode-visit", CallingThread, decode::visit, decode::prost)
        .against("prost, opentelemetry-proto"),
    in_turns("decode-owned", CallingThread, decode::own, decode::prost).against("prost, opentelemetry-proto"),
    alone("tree-1k-cpu", ProcessCpu, || tree::assemble_and_encode(1_000)),
    alone("tree-10k-cpu", ProcessCpu, || tree::assemble_and_encode(10_000)),
    alone("tree-100k-cpu", ProcessCpu, || tree::assemble_and_encode(100_000)),
    alone("tree-1k-memory", PeakBytes, || tree::assemble_and_encode(1_000)),
    alone("tree-10k-memory", PeakBytes, || tree::assemble_and_encode(10_000)),
    alone("tree-100k-memory", PeakBytes, || tree::assemble_and_encode(100_000)),
    in_turns("pipeline-caller", CallingThread, pipeline::send, otlp::send)
        .against("opentelemetry_sdk + opentelemetry-otlp")
        .reaching(Goal::Ratio(4.0)),
    in_turns("pipeline-cpu", ProcessCpu, pipeline::send, otlp::send)
        .against("opentelemetry_sdk + opentelemetry-otlp")
        .reaching(Goal::Ratio(5.0)),
    in_turns("durable-caller", CallingThread, pipeline::send_durably, otlp::send)
        .against("opentelemetry_sdk + opentelemetry-otlp, in memory only")
        .reaching(Goal::Ratio(1.0)),
    in_turns("durable-cpu", ProcessCpu, pipeline::send_durably, otlp::send)
        .against("opentelemetry_sdk + opentelemetry-otlp, in memory only")
        .reaching(Goal::Ratio(1.0)),
    figures("overhead-1ms", Unit::PercentOfTime, |pace| pipeline::overhead(pace, 1.0))
        .beside(|pace| otlp::overhead(pace, 1.0), "opentelemetry_sdk + opentelemetry-otlp")
        .reaching(Goal::AtMost(0.05)),
    figures("overhead-1ms-tenth", Unit::PercentOfTime, |pace| pipeline::overhead(pace, 0.1))
        .beside(|pace| otlp::overhead(pace, 0.1), "opentelemetry_sdk + opentelemetry-otlp")
        .reaching(Goal::AtMost(0.01)),
    figures("two-threads", Unit::TimesOneThread, threads::speed).reaching(Goal::AtLeast(1.7)),
    figures("two-threads-cpu", Unit::TimesOneThread, threads::by_processor_time).reaching(Goal::AtLeast(1.7)),
    figures("two-threads-apart-cpu", Unit::TimesOneThread, threads::apart),
    figures("memory-at-cap", Unit::PeakMebibytes, pipeline::memory_at_cap)
        .reaching(Goal::AtMost(pipeline::MOST_MEBIBYTES)),
    in_turns("counter-otel", CallingThread, meters::counter, peer_meters::otel_counter)
        .per(Unit::NanosecondsPerCall)
        .against("opentelemetry_sdk")
        .reaching(AT_MOST_A_FIFTH_DEARER),
    in_turns("counter-prometheus", CallingThread, meters::counter, peer_meters::prometheus_counter)
        .per(Unit::NanosecondsPerCall)
        .against("prometheus")
        .reaching(AT_MOST_A_FIFTH_DEARER),
    in_turns("counter-prometheus-client", CallingThread, meters::counter, peer_meters::client_counter)
        .per(Unit::NanosecondsPerCall)
        .against("prometheus-client")
        .reaching(AT_MOST_A_FIFTH_DEARER),
    in_turns("counter-metrics", CallingThread, meters::counter, peer_meters::metrics_counter)
        .per(Unit::NanosecondsPerCall)
        .against("metrics + exporter-prometheus")
        .reaching(AT_MOST_A_FIFTH_DEARER),
    figures("counter-two-threads", Unit::NanosecondsPerCall, meters::shared_counter)
        .beside(|pace| meters::by_two_threads(pace, peer_meters::prometheus_shared()), "prometheus")
        .reaching(Goal::Ratio(2.0)),
    in_turns("labels-otel", CallingThread, meters::labelled, peer_meters::otel_labelled)
        .per(Unit::NanosecondsPerCall)
        .against("opentelemetry_sdk")
        .reaching(AT_MOST_A_FIFTH_DEARER),
    in_turns("labels-prometheus", CallingThread, meters::labelled, peer_meters::prometheus_labelled)
        .per(Unit::NanosecondsPerCall)
        .against("prometheus")
        .reaching(AT_MOST_A_FIFTH_DEARER),
    in_turns("labels-prometheus-client", CallingThread, meters::labelled, peer_meters::client_labelled)
        .per(Unit::NanosecondsPerCall)
        .against("prometheus-client")
        .reaching(AT_MOST_A_FIFTH_DEARER),
    in_turns("labels-metrics", CallingThread, meters::labelled, peer_meters::metrics_labelled)
        .per(Unit::NanosecondsPerCall)
        .against("metrics + exporter-prometheus")
        .reaching(AT_MOST_A_FIFTH_DEARER),
    in_turns("any-labels-otel", CallingThread, meters::any_labels, peer_meters::otel_labelled)
        .per(Unit::NanosecondsPerCall)
        .against("opentelemetry_sdk"),
    in_turns("histogram-otel", CallingThread, meters::histogram, peer_meters::otel_histogram)
        .per(Unit::NanosecondsPerCall)
        .against("opentelemetry_sdk")
        .reaching(AT_MOST_A_FIFTH_DEARER),
    in_turns("histogram-prometheus", CallingThread, meters::histogram, peer_meters::prometheus_histogram)
        .per(Unit::NanosecondsPerCall)
        .against("prometheus")
        .reaching(AT_MOST_A_FIFTH_DEARER),
    in_turns("histogram-prometheus-client", CallingThread, meters::histogram, peer_meters::client_histogram)
        .per(Unit::NanosecondsPerCall)
        .against("prometheus-client")
        .reaching(AT_MOST_A_FIFTH_DEARER),
    in_turns("histogram-metrics", CallingThread, meters::histogram, peer_meters::metrics_histogram)
        .per(Unit::NanosecondsPerCall)
        .against("metrics + exporter-prometheus")
        .reaching(AT_MOST_A_FIFTH_DEARER),
    alone("meter-allocations", Allocations, meters::all_kinds)
        .per(Unit::AllocationsPerCall)
        .reaching(Goal::AtMost(0.0)),
    alone("exposition-10k", CallingThread, || meters::exposition(10_000)).per(Unit::NanosecondsPerSeries),
    alone("exposition-100k", CallingThread, || meters::exposition(100_000)).per(Unit::NanosecondsPerSeries),
    alone("exposition-1m", CallingThread, || meters::exposition(1_000_000)).per(Unit::NanosecondsPerSeries),
    alone("exposition-1m-memory", PeakBytes, || meters::exposition(1_000_000)).per(Unit::PeakBytesPerSeries),
    in_turns("caller-fastrace", CallingThread, ours::record, fastrace::record)
        .against("fastrace, bursts")
        .reaching(Goal::Ratio(2.0)),
    in_turns("unsampled-fastrace", CallingThread, ours::unsampled, fastrace::unsampled)
        .against("fastrace, unsampled parent")
        .reaching(Goal::AtMost(12.0)),
    scripts("node-encode", &hosts::NODE).against("OTel JS, batch + protobuf").reaching(Goal::Ratio(5.0)),
    scripts("python-encode", &hosts::PYTHON)
        .against("OTel Python, batch + protobuf")
        .reaching(Goal::Ratio(15.0)),
];

const fn in_turns(name: &'static str, measure: Measure, ours: Make, peer: Make) -> Entry {
    let unit = if let Allocations = measure { Unit::AllocationsPerSpan } else { Unit::NanosecondsPerSpan };
    Entry { name, how: How::InTurns { measure, ours, peer }, unit, peer: None, goal: None }
}

const fn alone(name: &'static str, measure: Measure, ours: Make) -> Entry {
    let unit = if let PeakBytes = measure { Unit::PeakBytesPerNode } else { Unit::NanosecondsPerNode };
    Entry { name, how: How::Alone { measure, ours }, unit, peer: None, goal: None }
}

const fn figures(name: &'static str, unit: Unit, ours: fn(Pace) -> Series) -> Entry {
    Entry { name, how: How::Figures { ours, peer: None }, unit, peer: None, goal: None }
}

const fn scripts(name: &'static str, host: &'static Host) -> Entry {
    Entry { name, how: How::Scripts(host), unit: Unit::MicrosecondsPerSpan, peer: None, goal: None }
}

impl Entry {
    const fn per(self, unit: Unit) -> Self {
        Self { unit, ..self }
    }

    const fn against(self, peer: &'static str) -> Self {
        Self { peer: Some(peer), ..self }
    }

    /// Adds a peer's figure, which is made in a way of its own, too.
    const fn beside(self, peer: fn(Pace) -> Series, name: &'static str) -> Self {
        let How::Figures { ours, .. } = self.how else { panic!("this row measures in turns") };
        Self { how: How::Figures { ours, peer: Some(peer) }, peer: Some(name), ..self }
    }

    const fn reaching(self, goal: Goal) -> Self {
        Self { goal: Some(goal), ..self }
    }

    /// Measures the row; fails when this machine lacks what it takes.
    pub fn measure(&self, pace: Pace) -> Outcome<Row> {
        let (ours, peer) = match &self.how {
            How::InTurns { measure, ours, peer } => compare(pace, *measure, ours(), peer()),
            How::Alone { measure, ours } => (harness::measure(pace, *measure, ours()), Series::default()),
            How::Figures { ours, peer } => (ours(pace), peer.map(|peer| peer(pace)).unwrap_or_default()),
            How::Scripts(host) => host.compare(pace.rounds.div_ceil(5))?,
        };
        let peer = self.peer.map(|name| (name, peer));
        Ok(Row { name: self.name, ours, peer, unit: self.unit, goal: self.goal })
    }
}
