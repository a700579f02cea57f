//! Many threads measure at once: nothing is lost, whatever is new to whom.

use std::time::Duration;

use spanloom::{Loom, MemoryExporter};

use crate::points;

#[test]
fn what_threads_measure_adds_up() {
    let memory = MemoryExporter::new();
    let loom = Loom::builder().workflow_metrics(false).metric_exporter(memory.clone()).build();
    let meter = loom.meter();
    let counter = meter.counter("counter").build();
    let labelled = meter.counter("labelled").labelled(["who", "what"]);
    let any = meter.up_down_counter("any").any_labels();
    let histogram = meter.histogram("histogram").bounds([10.0, 100.0]).build();
    const THREADS: usize = 8;
    const ROUNDS: usize = 2_000;
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for round in 0..ROUNDS {
                    let who = if round % 2 == 0 { "even" } else { "odd" };
                    counter.add(1);
                    labelled.with([who, "a value that is longer than sixteen bytes"]).add(1);
                    // In either order they are the same labels.
                    let (one, other) = (("a", 1.into()), ("b", who.into()));
                    let labels = if round % 3 == 0 { [one, other] } else { [other, one] };
                    any.with(&labels).add(if round % 2 == 0 { 2 } else { -1 });
                    histogram.record(round as f64);
                }
            });
        }
    });
    let receipt = loom.flush(Duration::from_secs(30));
    assert_eq!((receipt.points.delivered, receipt.points.pending), (6, 0));
    let all = points(&memory.take_metrics().concat());
    let total = (THREADS * ROUNDS) as f64;
    let long = "what=\"a value that is longer than sixteen bytes\"";
    assert_eq!(all["counter{}"], total);
    assert_eq!(all[&format!("labelled{{{long},who=\"even\"}}")], total / 2.0);
    assert_eq!(all[&format!("labelled{{{long},who=\"odd\"}}")], total / 2.0);
    assert_eq!(all["any{a=1,b=\"even\"}"], total);
    assert_eq!(all["any{a=1,b=\"odd\"}"], -total / 2.0);
    assert_eq!(all["histogram{}"], total);
}

#[test]
fn what_goes_beyond_the_limit_is_not_lost() {
    let memory = MemoryExporter::new();
    let loom =
        Loom::builder().workflow_metrics(false).metric_exporter(memory.clone()).series_limit(10).build();
    let labelled = loom.meter().counter("c").labelled(["user"]);
    let any = loom.meter().counter("d").any_labels();
    for user in 0..200 {
        labelled.with([&user.to_string()]).add(1);
        any.with(&[("user", user.into()), ("more", "x".into())]).add(1);
    }
    // A known one is still known, also in an order that there is no room for.
    for _ in 0..5 {
        labelled.with(["3"]).add(1);
        any.with(&[("more", "x".into()), ("user", 3.into())]).add(1);
    }
    loom.flush(Duration::from_secs(30));
    let all = points(&memory.take_metrics().concat());
    assert_eq!(all.len(), 20);
    assert_eq!((all["c{user=\"3\"}"], all["d{more=\"x\",user=3}"]), (6.0, 6.0));
    assert_eq!((all["c{otel.metric.overflow=true}"], all["d{otel.metric.overflow=true}"]), (191.0, 191.0));
}

#[test]
fn measurements_that_are_none_are_left_out_and_counted() {
    let loom = Loom::builder().build();
    let meter = loom.meter();
    let counter = meter.counter("c").fractional().build();
    let histogram = meter.histogram("h").build();
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        counter.add(bad);
    }
    for bad in [f64::NAN, f64::NEG_INFINITY] {
        histogram.record(bad);
    }
    meter.up_down_counter("u").fractional().build().add(f64::NAN);
    counter.add(0.5);
    assert_eq!(counter.total(), 0.5);
    assert_eq!(meter.problems().invalid, 6);
}

#[test]
fn examples_tell_the_span_that_was_current() {
    let memory = MemoryExporter::new();
    let loom = Loom::builder().workflow_metrics(false).metric_exporter(memory.clone()).build();
    let counter = loom.meter().counter("c").build();
    counter.add(1);
    let run = loom.workflow("answer").start();
    {
        let _entered = run.enter();
        counter.add(1);
    }
    let span = run.context().span.unwrap();
    loom.flush(Duration::from_secs(30));
    let requests = memory.take_metrics();
    let view = spanloom::otlp::decode_metrics(&requests[0]).unwrap();
    let metric = view.metrics().next().unwrap().metric;
    let point = metric.points().next().unwrap();
    let exemplars: Vec<_> = point.exemplars().map(|one| (one.trace_id, one.span_id)).collect();
    assert_eq!(exemplars, [(span.trace_id, span.span_id)]);
}
