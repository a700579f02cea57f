//! What is collected arrives, or is told of.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use spanloom::config::Temporality;
use spanloom::deliver::{Answer, NoticeKind, Reason};
use spanloom::native::{MetricExporter, MetricOptions, OutgoingMetrics};
use spanloom::{Loom, MemoryExporter};

use crate::points;

/// Gives the answers that a test tells it, then takes everything.
struct Scripted {
    answers: Receiver<Answer>,
    seen: Sender<Vec<u8>>,
}

impl MetricExporter for Scripted {
    fn export_metrics(&mut self, outgoing: &OutgoingMetrics<'_>) -> Answer {
        let _ = self.seen.send(outgoing.request.to_vec());
        self.answers.try_recv().unwrap_or_else(|_| Answer::taken())
    }
}

fn scripted(answers: impl IntoIterator<Item = Answer>) -> (Scripted, Receiver<Vec<u8>>) {
    let (tell, told) = channel();
    answers.into_iter().for_each(|answer| tell.send(answer).unwrap());
    let (seen, requests) = channel();
    (Scripted { answers: told, seen }, requests)
}

fn delta() -> MetricOptions {
    MetricOptions { temporality: Temporality::Delta, ..MetricOptions::default() }
}

const LONG: Duration = Duration::from_secs(30);

#[test]
fn differences_arrive_once() {
    let memory = MemoryExporter::new();
    let loom = Loom::builder().workflow_metrics(false).metric_exporter_with(memory.clone(), delta()).build();
    let counter = loom.meter().counter("c").build();
    for round in 1..4 {
        counter.add(round);
        assert_eq!(loom.flush(LONG).points.delivered, 1);
        assert_eq!(points(&memory.take_metrics().concat())["c{}"], round as f64);
    }
    assert_eq!(loom.flush(LONG).points, spanloom::native::Points::default(), "nothing new");
    assert!(loom.ledger().adds_up());
}

#[test]
fn what_the_receiver_cannot_take_now_comes_again() {
    let (exporter, requests) = scripted([Answer::later("busy"), Answer::later("busy")]);
    let loom = Loom::builder()
        .workflow_metrics(false)
        .on_notice(|_, _| ())
        .metric_exporter_with(exporter, delta())
        .build();
    loom.meter().counter("c").build().add(7);
    let receipt = loom.flush(LONG);
    assert_eq!((receipt.points.delivered, receipt.points.pending), (1, 0));
    let sent: Vec<_> = requests.try_iter().collect();
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|request| points(request)["c{}"] == 7.0));
}

#[test]
fn too_large_a_request_is_cut_and_all_of_it_arrives() {
    let large = || Answer::TooLarge { why: "413".to_owned() };
    let (exporter, requests) = scripted([large(), large()]);
    let loom = Loom::builder()
        .workflow_metrics(false)
        .on_notice(|_, _| ())
        .metric_exporter_with(exporter, delta())
        .build();
    let counters = loom.meter().counter("c").labelled(["k"]);
    for k in 0..10 {
        counters.with([&k.to_string()]).add(1);
    }
    assert_eq!(loom.flush(LONG).points.delivered, 10);
    let sizes: Vec<usize> = requests.try_iter().map(|request| points(&request).len()).collect();
    assert_eq!(sizes, [10, 5, 3, 2, 5]);
}

#[test]
fn what_is_refused_is_accounted_for() {
    let answers = [
        Answer::Partly { rejected: 1, message: "one of them".to_owned() },
        Answer::Refused { reason: Reason::NonRetryable, why: "no".to_owned() },
    ];
    let (exporter, _requests) = scripted(answers);
    let options = MetricOptions { max_points: 2, ..delta() };
    let loom = Loom::builder()
        .workflow_metrics(false)
        .on_notice(|_, _| ())
        .metric_exporter_with(exporter, options)
        .build();
    let counters = loom.meter().counter("c").labelled(["k"]);
    for k in ["a", "b", "c", "d", "e"] {
        counters.with([k]).add(1);
    }
    let points = loom.flush(LONG).points;
    assert_eq!((points.delivered, points.rejected, points.dropped, points.pending), (2, 1, 2, 0));
    let ledger = loom.ledger();
    assert!(ledger.adds_up(), "{ledger:?}");
    assert_eq!(ledger.metrics[0].1.dropped.get(Reason::NonRetryable), 2);
}

#[test]
fn an_interval_that_is_over_sends_by_itself() {
    let (exporter, requests) = scripted([]);
    let options = MetricOptions { interval: Duration::from_millis(20), ..MetricOptions::default() };
    let loom = Loom::builder().workflow_metrics(false).metric_exporter_with(exporter, options).build();
    let counter = loom.meter().counter("c").build();
    counter.add(3);
    let mut last = 0.0;
    while last < 3.0 {
        last = points(&requests.recv_timeout(LONG).expect("it is sent now and then"))["c{}"];
    }
    counter.add(2);
    while last < 5.0 {
        last = points(&requests.recv_timeout(LONG).expect("it is sent now and then"))["c{}"];
    }
}

#[test]
fn the_last_loom_that_goes_sends_what_is_left() {
    let memory = MemoryExporter::new();
    let loom = Loom::builder()
        .workflow_metrics(false)
        .metric_exporter(memory.clone())
        .shutdown_timeout(LONG)
        .build();
    loom.meter().counter("c").build().add(4);
    drop(loom);
    assert_eq!(points(&memory.take_metrics().concat())["c{}"], 4.0);
}

#[test]
fn an_end_tells_of_points_that_could_not_be_sent() {
    struct Away;
    impl MetricExporter for Away {
        fn export_metrics(&mut self, _: &OutgoingMetrics<'_>) -> Answer {
            Answer::later("nobody is there")
        }
    }
    let (hear, heard) = channel();
    let loom = Loom::builder()
        .workflow_metrics(false)
        .metric_exporter(Away)
        .shutdown_timeout(Duration::from_millis(10))
        .on_notice(move |_, notice| {
            let _ = hear.send((notice.kind, notice.text.clone()));
        })
        .build();
    loom.meter().counter("c").build().add(1);
    drop(loom);
    assert_eq!(heard.recv_timeout(LONG).unwrap().0, NoticeKind::Waiting);
    assert_eq!(
        heard.recv_timeout(LONG).unwrap(),
        (
            NoticeKind::Lost(Reason::ShutdownTimeout),
            "metrics are lost (shutdown_timeout): the program ended before 1 points could be sent".to_owned()
        )
    );
}

#[test]
fn a_dead_receiver_holds_up_nobody() {
    struct Hangs(Receiver<()>);
    impl MetricExporter for Hangs {
        fn export_metrics(&mut self, _: &OutgoingMetrics<'_>) -> Answer {
            let _ = self.0.recv_timeout(LONG);
            Answer::later("it hung")
        }
    }
    let (let_go, hangs) = channel();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&heard);
    let loom = Loom::builder()
        .workflow_metrics(false)
        .on_notice(move |_, notice| hears.lock().unwrap().push(notice.kind))
        .shutdown_timeout(Duration::from_millis(50))
        .metric_exporter(Hangs(hangs))
        .build();
    loom.meter().counter("c").build().add(1);
    let started = std::time::Instant::now();
    let receipt = loom.flush(Duration::from_millis(50));
    assert!(started.elapsed() < LONG / 2, "it waited for the receiver");
    assert_eq!((receipt.points.delivered, receipt.points.pending), (0, 1));
    assert!(!receipt.is_complete());
    // Nor after a shutdown that has given it up, however much time there is.
    loom.shutdown(Duration::from_millis(50));
    loom.flush(2 * LONG);
    loom.shutdown(2 * LONG);
    assert!(started.elapsed() < LONG / 2, "it waited for the receiver");
    drop(loom);
    assert_eq!(*heard.lock().unwrap(), [NoticeKind::Lost(Reason::ShutdownTimeout)], "told before the end");
    let _ = let_go.send(());
}

#[cfg(feature = "otlp-http")]
#[test]
fn it_goes_over_http_as_protobuf_and_json() {
    use spanloom::native::{Encoding, OtlpHttp};
    for encoding in [Encoding::Protobuf, Encoding::Json] {
        let receiver = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", receiver.local_addr().unwrap());
        let served = std::thread::spawn(move || serve_one(&receiver));
        let exporter = OtlpHttp::builder(endpoint).metrics().encoding(encoding).build().unwrap();
        let loom = Loom::builder().workflow_metrics(false).metric_exporter(exporter).build();
        loom.meter().counter("c").build().add(9);
        assert_eq!(loom.flush(LONG).points.delivered, 1);
        let (head, body) = served.join().unwrap();
        assert!(head.starts_with("POST /v1/metrics HTTP/1.1\r\n"), "{head}");
        let request = match encoding {
            Encoding::Protobuf => body,
            Encoding::Json => spanloom::otlp::json::metrics_from_json(&body).unwrap(),
        };
        assert_eq!(points(&request)["c{}"], 9.0);
    }
}

/// Answers one request; gives back its head and its body.
#[cfg(feature = "otlp-http")]
fn serve_one(receiver: &std::net::TcpListener) -> (String, Vec<u8>) {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    let (stream, _) = receiver.accept().unwrap();
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        reader.read_line(&mut head).unwrap();
    }
    let length = head.to_ascii_lowercase().lines().find_map(|line| {
        line.strip_prefix("content-length:").map(|length| length.trim().parse::<usize>().unwrap())
    });
    let mut body = vec![0; length.unwrap()];
    reader.read_exact(&mut body).unwrap();
    reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
    (head, body)
}
