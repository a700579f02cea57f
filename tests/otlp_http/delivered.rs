//! A whole loom, through the exporter, to a server that fails by a script: nothing is lost, and the loom knows.

use std::time::Duration;

use spanloom::Loom;
use spanloom::native::{Encoding, OtlpHttp};
use spanloom_chaos::{Action, Chaos, RetryAfter, Scenario, Step};

use crate::support::PATIENCE;

#[test]
fn what_fails_at_first_is_delivered_in_the_end() {
    let scenario = Scenario::new("troubled")
        .step(Step::new(Action::retry_after(503, RetryAfter::Seconds(1))).times(1))
        .step(Step::new(Action::store_then_reset()).times(1));
    for (encoding, gzip) in [(Encoding::Protobuf, true), (Encoding::Json, false)] {
        let chaos = Chaos::start(scenario.clone()).unwrap();
        let exporter = OtlpHttp::builder(chaos.endpoint()).encoding(encoding).gzip(gzip).build().unwrap();
        let loom = Loom::builder().exporter(exporter).build();
        let run = loom.workflow("answer").start();
        for _ in 0..20 {
            run.node("step").kind("tool").start().end();
        }
        run.end();
        // Longer than any pause in between.
        let receipt = loom.flush(PATIENCE * 2);
        assert_eq!((receipt.delivered, receipt.dropped, receipt.pending), (21, 0, 0), "{receipt:?}");
        assert!(chaos.wait_for(|report| report.spans.unique() == 21, PATIENCE));
        let report = chaos.stop();
        // What was stored before the connection broke came again.
        assert!(report.spans.duplicates() >= 21);
        let waited: Duration = report.gaps().iter().sum();
        assert!(waited >= Duration::from_secs(1), "{waited:?}");
    }
}
