//! Tests of the book, through what a collection tells.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::{SpanId, TraceId};

/// What was told, a line each.
#[derive(Default)]
struct Told(Vec<String>);

impl MetricSink for Told {
    fn stream(&mut self, stream: &Stream<'_>) {
        self.0.push(format!("{} {:?}", stream.name, stream.kind));
    }

    fn point(&mut self, point: &Point<'_>) {
        let exemplars =
            if point.exemplars.is_empty() { String::new() } else { format!(" +{}", point.exemplars.len()) };
        let reading = match point.reading {
            Reading::Number(Number::Int(number)) => number.to_string(),
            Reading::Number(Number::Double(number)) => format!("{number:?}"),
            Reading::Histogram(h) => format!("{:?} sum {:?} {:?}..{:?}", h.counts, h.sum, h.min, h.max),
            Reading::Exponential(e) => format!("scale {} {:?} sum {:?}", e.scale, e.positive.counts, e.sum),
        };
        let (start, time) = (point.start_unix_nano, point.time_unix_nano);
        self.0.push(format!("  {:?} {reading} {start}..{time}{exemplars}", point.labels));
    }
}

fn told(book: &Book, reader: &mut Reader, now: u64) -> Vec<String> {
    let mut told = Told::default();
    book.collect(reader, now, &mut told);
    told.0
}

fn labels(value: &str) -> Labels {
    Labels::new([("k", value.into())])
}

fn counter(name: &str) -> Instrument {
    Instrument::new(name, InstrumentKind::Counter)
}

#[test]
fn readers_do_not_disturb_each_other() {
    let book = Book::default();
    let sums = book.sums::<i64>(counter("c"));
    let (mut whole, mut part) = (Reader::cumulative(), Reader::delta());
    sums.series(&labels("a"), || 1).cell.add(Slot::ONLY, 5);
    const WHOLE: &str = "c Sum { monotonic: true, temporality: Cumulative }";
    const PART: &str = "c Sum { monotonic: true, temporality: Delta }";
    assert_eq!(told(&book, &mut part, 10), [PART, "  {\"k\": \"a\"} 5 1..10"]);
    part.commit();
    assert_eq!(told(&book, &mut whole, 11), [WHOLE, "  {\"k\": \"a\"} 5 1..11"]);
    assert!(told(&book, &mut part, 12).is_empty(), "nothing new");
    part.commit();
    sums.series(&labels("a"), || 13).cell.add(Slot::ONLY, 2);
    sums.series(&labels("b"), || 13).cell.add(Slot::ONLY, 1);
    assert_eq!(told(&book, &mut part, 20), [PART, "  {\"k\": \"a\"} 2 12..20", "  {\"k\": \"b\"} 1 13..20"]);
    assert_eq!(told(&book, &mut whole, 21), [WHOLE, "  {\"k\": \"a\"} 7 1..21", "  {\"k\": \"b\"} 1 13..21"]);
}

#[test]
fn what_did_not_arrive_comes_again() {
    let book = Book::default();
    let histogram = book.distributions(Instrument::new("h", InstrumentKind::Histogram).bounds([1.0]));
    let series = histogram.series(&Labels::none(), || 1);
    let mut reader = Reader::delta();
    series.cell.record(Slot::ONLY, 0.5);
    let first = told(&book, &mut reader, 10);
    assert_eq!(first[1], "  {} [1, 0] sum Some(0.5) Some(0.5)..Some(0.5) 1..10");
    series.cell.record(Slot::ONLY, 3.0);
    let again = told(&book, &mut reader, 20);
    assert_eq!(again[1], "  {} [1, 1] sum Some(3.5) Some(0.5)..Some(3.0) 1..20");
    reader.commit();
    series.cell.record(Slot::ONLY, 2.0);
    assert_eq!(told(&book, &mut reader, 30)[1], "  {} [0, 1] sum Some(2.0) None..None 20..30");
}

#[test]
fn what_goes_beyond_the_limit_is_counted_in_one_series() {
    let book = Book::new(BookOptions { limit: 3, ..BookOptions::default() });
    let sums = book.sums::<i64>(counter("c"));
    for value in ["a", "b", "c", "d", "a", "c"] {
        sums.series(&labels(value), || 1).cell.add(Slot::ONLY, 1);
    }
    let told = told(&book, &mut Reader::cumulative(), 9);
    let expected =
        [r#"  {"k": "a"} 2 1..9"#, r#"  {"k": "b"} 1 1..9"#, r#"  {"otel.metric.overflow": true} 3 1..9"#];
    assert_eq!(told[1..], expected);
}

#[test]
fn instruments_beyond_the_limit_work_and_leave_nowhere() {
    let book = Book::new(BookOptions { instruments: 2, ..BookOptions::default() });
    for name in ["a", "b", "c", "d", "a", "c"] {
        book.sums::<i64>(counter(name)).series(&Labels::none(), || 1).cell.add(Slot::ONLY, 1);
    }
    let told = told(&book, &mut Reader::cumulative(), 9);
    assert_eq!(
        told.iter().filter(|line| line.starts_with("  ")).collect::<Vec<_>>(),
        ["  {} 2 1..9", "  {} 1 1..9"]
    );
    assert_eq!(book.problems(), MeterProblems { surplus: 3, ..MeterProblems::default() });
    // What is known goes with its handle.
    let surplus = book.sums::<i64>(counter("e"));
    assert_eq!(Arc::strong_count(&surplus), 1);
}

#[test]
fn observers_beyond_the_limit_are_not_asked() {
    let book = Book::new(BookOptions { instruments: 1, ..BookOptions::default() });
    let asked = Arc::new(AtomicU64::new(0));
    for _ in 0..3 {
        let asked = Arc::clone(&asked);
        book.observe(move |_| {
            asked.fetch_add(1, Ordering::Relaxed);
        });
    }
    told(&book, &mut Reader::cumulative(), 9);
    assert_eq!((asked.load(Ordering::Relaxed), book.problems().surplus), (1, 2));
}

#[test]
fn views_change_what_leaves() {
    let views = vec![
        View::of("secret.*").aggregation(Aggregation::Drop),
        View::of("h").rename("renamed").keep_labels(["k"]).bounds([10.0]),
        View::of("e").aggregation(Aggregation::Exponential { max_size: 4, max_scale: 2 }),
    ];
    let book = Book::new(BookOptions {
        views,
        labels: Labels::new([("host", "x".into())]),
        ..BookOptions::default()
    });
    book.sums::<i64>(counter("secret.c")).series(&labels("a"), || 1).cell.add(Slot::ONLY, 1);
    let histogram = book.distributions(Instrument::new("h", InstrumentKind::Histogram).bounds([1.0, 2.0]));
    let both = Labels::new([("k", "a".into()), ("user", "u".into())]);
    histogram.series(&both, || 1).cell.record(Slot::ONLY, 5.0);
    assert_eq!(histogram.dropped(&both), Labels::new([("user", "u".into())]));
    let exponential = book.distributions(Instrument::new("e", InstrumentKind::Histogram));
    exponential.series(&Labels::none(), || 1).cell.record(Slot::ONLY, 4.0);
    assert_eq!(
        told(&book, &mut Reader::cumulative(), 9),
        [
            "renamed Histogram { temporality: Cumulative }",
            r#"  {"host": "x", "k": "a"} [1, 0] sum Some(5.0) Some(5.0)..Some(5.0) 1..9"#,
            "e Exponential { temporality: Cumulative }",
            r#"  {"host": "x"} scale 2 [1] sum Some(4.0) 1..9"#,
        ]
    );
}

#[test]
fn the_same_instrument_is_one_and_conflicts_are_counted() {
    let book = Book::default();
    let first = book.sums::<i64>(counter("Requests"));
    let again = book.sums::<i64>(counter("requests"));
    assert!(std::sync::Arc::ptr_eq(&first, &again));
    assert_eq!(book.problems(), MeterProblems::default());
    let other = book.sums::<i64>(counter("requests").unit("s"));
    let gauge = book.gauges::<f64>(Instrument::new("requests", InstrumentKind::Gauge));
    let _ = book.sums::<i64>(counter("1 bad name"));
    other.series(&Labels::none(), || 1).cell.add(Slot::ONLY, 1);
    gauge.series(&Labels::none(), || 1).cell.set(2.5);
    let problems = book.problems();
    assert_eq!((problems.conflicts, problems.mended), (2, 1));
    let told = told(&book, &mut Reader::cumulative(), 9);
    assert_eq!(told.len(), 4, "both leave: {told:?}");
}

#[test]
fn what_is_observed_is_told_while_somebody_says_it() {
    let book = Book::default();
    let family = book.gauges::<i64>(counter("c").observed());
    book.observe({
        let family = std::sync::Arc::clone(&family);
        move |saying| {
            let value = i64::try_from(saying.now_unix_nano).unwrap();
            saying.say(&family.series(&labels("always"), || saying.now_unix_nano), value);
            if value < 15 {
                saying.say(&family.series(&labels("once"), || saying.now_unix_nano), 1);
            }
        }
    });
    let mut reader = Reader::delta();
    assert_eq!(
        told(&book, &mut reader, 10)[1..],
        [r#"  {"k": "always"} 10 10..10"#, r#"  {"k": "once"} 1 10..10"#]
    );
    reader.commit();
    assert_eq!(told(&book, &mut reader, 25)[1..], [r#"  {"k": "always"} 15 10..25"#]);
    let whole = told(&book, &mut Reader::low_memory(), 30);
    assert_eq!(whole[0], "c Sum { monotonic: true, temporality: Cumulative }");
}

#[test]
fn examples_are_told_with_their_series() {
    let book = Book::default();
    let series = book.sums::<i64>(counter("c")).series(&Labels::none(), || 1);
    series.cell.add(Slot::ONLY, 1);
    series.offer_example(0, 1, || Exemplar {
        time_unix_nano: 5,
        value: Number::Int(1),
        trace_id: TraceId::NONE,
        span_id: SpanId::NONE,
        labels: Labels::none(),
    });
    assert_eq!(told(&book, &mut Reader::cumulative(), 9)[1], "  {} 1 1..9 +1");
}

#[test]
fn what_another_book_collected_is_folded_in() {
    let (host, book) = (Book::default(), Book::default());
    let sums = host.sums::<f64>(counter("c"));
    let up_down = host.sums::<i64>(Instrument::new("u", InstrumentKind::UpDownCounter));
    let gauge = host.gauges::<i64>(Instrument::new("g", InstrumentKind::Gauge));
    let histogram = host.distributions(Instrument::new("h", InstrumentKind::Histogram).bounds([1.0]));
    let exponential = host.distributions(
        Instrument::new("e", InstrumentKind::Histogram).aggregation(Aggregation::exponential()),
    );
    let mut reader = Reader::delta();
    for round in 0..3 {
        sums.series(&labels("a"), || 1).cell.add(Slot::ONLY, 0.5);
        gauge.series(&labels("a"), || 1).cell.set(round);
        histogram.series(&labels("a"), || 1).cell.record(Slot::ONLY, 2.0);
        exponential.series(&labels("a"), || 1).cell.record(Slot::ONLY, 2.0);
        host.collect(&mut reader, 10, &mut Fold::into(&book, 10));
        reader.commit();
    }
    assert_eq!(
        told(&book, &mut Reader::cumulative(), 99),
        [
            "c Sum { monotonic: true, temporality: Cumulative }",
            r#"  {"k": "a"} 1.5 1..99"#,
            "g Gauge",
            r#"  {"k": "a"} 2 0..99"#,
            "h Histogram { temporality: Cumulative }",
            r#"  {"k": "a"} [0, 3] sum Some(6.0) Some(2.0)..Some(2.0) 1..99"#,
            "e Exponential { temporality: Cumulative }",
            r#"  {"k": "a"} scale 20 [3] sum Some(6.0) 1..99"#,
        ]
    );
    // What is summed since the start cannot be added.
    up_down.series(&labels("a"), || 1).cell.add(Slot::ONLY, 1);
    host.collect(&mut Reader::cumulative(), 11, &mut Fold::into(&book, 11));
    assert_eq!(book.problems().misfits, 4);
}
