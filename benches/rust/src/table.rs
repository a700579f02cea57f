//! The table for people and its twin for machines.

use std::io;

use serde::Serialize;

use crate::harness::Series;

/// What a figure is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    NanosecondsPerSpan,
    MicrosecondsPerSpan,
    AllocationsPerSpan,
    NanosecondsPerCall,
    AllocationsPerCall,
    NanosecondsPerSeries,
    PeakBytesPerSeries,
    NanosecondsPerNode,
    PeakBytesPerNode,
    PeakMebibytes,
    PercentOfTime,
    TimesOneThread,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::NanosecondsPerSpan => "ns/span",
            Self::MicrosecondsPerSpan => "us/span",
            Self::AllocationsPerSpan => "allocations/span",
            Self::NanosecondsPerCall => "ns/call",
            Self::AllocationsPerCall => "allocations/call",
            Self::NanosecondsPerSeries => "ns/series",
            Self::PeakBytesPerSeries => "peak bytes/series",
            Self::NanosecondsPerNode => "ns/node",
            Self::PeakBytesPerNode => "peak bytes/node",
            Self::PeakMebibytes => "peak MiB",
            Self::PercentOfTime => "% of time",
            Self::TimesOneThread => "x one thread",
        }
    }
}

/// What a row is to reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// The peer costs at least so many times as much.
    Ratio(f64),
    /// Our figure is at most this.
    AtMost(f64),
    /// Our figure is at least this.
    AtLeast(f64),
}

/// One line of the table.
#[derive(Clone, Debug)]
pub struct Row {
    pub name: &'static str,
    pub ours: Series,
    pub peer: Option<(&'static str, Series)>,
    pub unit: Unit,
    pub goal: Option<Goal>,
}

impl Row {
    /// How many times cheaper we are. A peer is infinitely dearer than nothing, which no file can hold: then there is
    /// no ratio.
    pub fn ratio(&self) -> Option<f64> {
        let (_, peer) = self.peer.as_ref()?;
        let ratio = peer.median() / self.ours.median();
        ratio.is_finite().then_some(ratio)
    }

    fn reached(&self) -> Option<bool> {
        Some(match self.goal? {
            Goal::Ratio(least) => self.ratio()? >= least,
            Goal::AtMost(most) => self.ours.median() <= most,
            Goal::AtLeast(least) => self.ours.median() >= least,
        })
    }
}

/// What goes above the table.
pub const HEAD: &str = "\
ratio = peer / ours: how many times cheaper spanloom is. Figures are medians of rounds that both sides take in turns;
spread is the distance between the quartiles of the rounds, in percent of the median, ours and the peer's.";

/// The names of the columns.
pub fn header() -> String {
    columns(["row", "ours", "peer", "unit", "ratio", "spread", "goal", "peer is"])
}

/// One line for people.
pub fn line(row: &Row) -> String {
    let percent = |series: &Series| format!("{:.0}%", series.spread() * 100.0);
    let (peer, spread, peer_name) = match &row.peer {
        Some((name, peer)) => {
            (figure(peer.median()), format!("{} {}", percent(&row.ours), percent(peer)), (*name).to_owned())
        }
        None => ("-".to_owned(), percent(&row.ours), "-".to_owned()),
    };
    let ratio = row.ratio().map_or("-".to_owned(), |ratio| format!("{}x", figure(ratio)));
    let goal = match row.goal {
        Some(Goal::Ratio(least)) => format!(">= {}x", short(least)),
        Some(Goal::AtMost(most)) => format!("<= {most}"),
        Some(Goal::AtLeast(least)) => format!(">= {least}"),
        None => "-".to_owned(),
    };
    let verdict = match row.reached() {
        Some(true) => " ok",
        Some(false) => " MISSED",
        None => "",
    };
    let ours = figure(row.ours.median());
    columns([
        row.name,
        &ours,
        &peer,
        row.unit.name(),
        &ratio,
        &spread,
        &format!("{goal}{verdict}"),
        &peer_name,
    ])
}

/// Writes the rows for machines.
pub fn write_json(rows: &[Row], target: impl io::Write) -> serde_json::Result<()> {
    #[derive(Serialize)]
    struct Entry<'a> {
        name: &'a str,
        ours: f64,
        peer: Option<f64>,
        peer_name: Option<&'a str>,
        ratio: Option<f64>,
        unit: &'static str,
    }
    let entries: Vec<_> = rows
        .iter()
        .map(|row| Entry {
            name: row.name,
            ours: row.ours.median(),
            peer: row.peer.as_ref().map(|(_, peer)| peer.median()),
            peer_name: row.peer.as_ref().map(|(name, _)| *name),
            ratio: row.ratio(),
            unit: row.unit.name(),
        })
        .collect();
    serde_json::to_writer_pretty(target, &entries)
}

/// A goal with at most two decimals.
fn short(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

fn columns([name, ours, peer, unit, ratio, spread, goal, peer_name]: [&str; 8]) -> String {
    let line =
        format!("{name:<30} {ours:>9} {peer:>9} {unit:<16} {ratio:>8} {spread:>10}  {goal:<16} {peer_name}");
    line.trim_end().to_owned()
}

/// Three digits that matter.
fn figure(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        value if value < 0.1 => format!("{value:.4}"),
        value if value < 10.0 => format!("{value:.2}"),
        value if value < 100.0 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(ours: f64, peer: f64, goal: Goal) -> Row {
        let series = |figure| {
            let mut series = Series::default();
            series.push(figure);
            series
        };
        Row {
            name: "record",
            ours: series(ours),
            peer: Some(("otel", series(peer))),
            unit: Unit::NanosecondsPerSpan,
            goal: Some(goal),
        }
    }

    #[test]
    fn the_ratio_tells_how_many_times_cheaper_we_are() {
        let row = row(50.0, 600.0, Goal::Ratio(12.0));
        assert_eq!(row.ratio(), Some(12.0));
        assert!(line(&row).contains("12.0x"), "{}", line(&row));
        assert!(line(&row).contains(">= 12x ok"), "{}", line(&row));
    }

    #[test]
    fn a_goal_is_short() {
        assert!(line(&row(1.0, 1.0, Goal::Ratio(10.0 / 12.0))).contains(">= 0.83x ok"));
    }

    #[test]
    fn a_missed_goal_is_said() {
        assert!(line(&row(13.0, 200.0, Goal::AtMost(12.0))).contains("<= 12 MISSED"));
    }

    #[test]
    fn the_file_has_one_object_a_row() {
        let mut file = Vec::new();
        write_json(&[row(50.0, 600.0, Goal::Ratio(2.0)), row(0.0, 6.0, Goal::AtMost(0.0))], &mut file)
            .unwrap();
        let expected = serde_json::json!([
            {"name": "record", "ours": 50.0, "peer": 600.0, "peer_name": "otel", "ratio": 12.0, "unit": "ns/span"},
            {"name": "record", "ours": 0.0, "peer": 6.0, "peer_name": "otel", "ratio": null, "unit": "ns/span"},
        ]);
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&file).unwrap(), expected);
    }
}
