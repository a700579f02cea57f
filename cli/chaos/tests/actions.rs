//! Every action as a client sees it on its socket, and as the report tells it.
#![allow(clippy::disallowed_methods, reason = "a client needs clock and threads")]

mod client;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use client::{
    PATIENCE, PROTOBUF, connect, export, head, post, read_all, read_answer, trace_id, traces, try_export,
};
use spanloom::SpanId;
use spanloom::otlp::ExportResponse;
use spanloom_chaos::{
    Action, AfterPause, Chaos, Cors, Garbage, Huge, HugeKind, Network, Outcome, PartialSuccess,
    PauseAfterStore, Redirect, Refuse, Report, Reset, ResetAt, RetryAfter, Scenario, Stall, Status, Step,
};

fn chaos(action: Action) -> Chaos {
    Chaos::start(Scenario::new("test").step(action)).unwrap()
}

/// The report when all requests have ended.
fn settled(chaos: &Chaos) -> Report {
    let ended = |report: &Report| {
        report.requests_seen > 0 && report.requests.iter().all(|request| request.outcome != Outcome::Running)
    };
    assert!(chaos.wait_for(ended, PATIENCE));
    chaos.report()
}

#[test]
fn accepts_and_knows_what_came_twice() {
    let chaos = Chaos::start(Scenario::new("test")).unwrap();
    let mut stream = connect(chaos.address());
    for (ids, body) in [(1..=3, b"".as_slice()), (3..=4, b"")] {
        post(&mut stream, PROTOBUF, &traces(ids));
        let seen = read_answer(&mut stream);
        assert_eq!((seen.status(), seen.body()), (200, body));
        assert_eq!(seen.header("content-type").as_deref(), Some("application/x-protobuf"));
    }
    let report = settled(&chaos);
    assert_eq!((report.connections, report.requests_seen, report.answered(200)), (1, 2, 2));
    assert_eq!((report.spans.stored(), report.spans.unique(), report.spans.duplicates()), (5, 4, 1));
    assert_eq!(report.spans.times(trace_id(), SpanId::from_u64(3)), 2);
    assert_eq!(report.spans.ids().count(), 4);
    assert_eq!(report.gaps().len(), 1);
    let first = &report.requests[0];
    assert_eq!((first.method.as_str(), first.path.as_str(), first.action), ("POST", "/v1/traces", "accept"));
    assert_eq!((first.items, first.stored, first.outcome), (3, 3, Outcome::Answered));
    assert_eq!(first.header("host"), Some("test"));
    assert_eq!(first.body_bytes, traces(1..=3).len() as u64);
}

#[test]
fn json_and_gzip_and_chunks() {
    let chaos = Chaos::start(Scenario::new("test")).unwrap();
    let text = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"00000000000000010000000000000002","spanId":"0000000000000001"}]}]}]}"#;
    let mut stream = connect(chaos.address());
    post(&mut stream, "Content-Type: application/json; charset=utf-8\r\n", text);
    let seen = read_answer(&mut stream);
    assert_eq!((seen.status(), seen.body()), (200, b"{}".as_slice()));
    assert_eq!(seen.header("content-type").as_deref(), Some("application/json"));

    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(&traces([2])).unwrap();
    let packed = packer.finish().unwrap();
    post(&mut stream, &format!("{PROTOBUF}Content-Encoding: gzip\r\n"), &packed);
    assert_eq!(read_answer(&mut stream).status(), 200);

    let body = traces([3]);
    let (one, two) = body.split_at(5);
    write!(stream, "POST /v1/traces HTTP/1.1\r\n{PROTOBUF}Transfer-Encoding: chunked\r\n\r\n").unwrap();
    for chunk in [one, two] {
        write!(stream, "{:x};some=thing\r\n", chunk.len()).unwrap();
        stream.write_all(chunk).unwrap();
        write!(stream, "\r\n").unwrap();
    }
    write!(stream, "0\r\nTrailer: yes\r\n\r\n").unwrap();
    assert_eq!(read_answer(&mut stream).status(), 200);

    let report = settled(&chaos);
    assert_eq!((report.connections, report.spans.unique()), (1, 3));
    assert_eq!(report.requests[1].body_bytes, packed.len() as u64);
    assert_eq!(report.requests[1].unpacked_bytes, traces([2]).len() as u64);
}

#[test]
fn waits_for_continue() {
    let chaos = Chaos::start(Scenario::new("test")).unwrap();
    let body = traces([1]);
    let mut stream = connect(chaos.address());
    let head = head(&format!("{PROTOBUF}Expect: 100-continue\r\n"), body.len());
    stream.write_all(head.as_bytes()).unwrap();
    let mut first = [0; 25];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(&body).unwrap();
    assert_eq!(read_answer(&mut stream).status(), 200);
}

#[test]
fn refuses_what_a_receiver_would_refuse() {
    let chaos = Chaos::start(Scenario::new("test")).unwrap();
    let mut stream = connect(chaos.address());
    for (headers, body, status) in [
        (PROTOBUF, b"<html>".as_slice(), 400),
        ("Content-Type: application/json\r\n", b"{", 400),
        ("Content-Type: application/x-protobuf\r\nContent-Encoding: gzip\r\n", b"no gzip", 400),
        ("Content-Type: text/plain\r\n", b"", 415),
        ("Content-Type: application/x-protobuf\r\nContent-Encoding: br\r\n", b"", 415),
    ] {
        post(&mut stream, headers, body);
        assert_eq!(read_answer(&mut stream).status(), status, "{headers}");
    }
    stream.write_all(b"POST /nothing HTTP/1.1\r\nContent-Length: 0\r\n\r\n").unwrap();
    assert_eq!(read_answer(&mut stream).status(), 404);
    stream.write_all(b"GET /v1/traces HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(read_answer(&mut stream).status(), 405);
    let report = settled(&chaos);
    assert_eq!((report.undecodable, report.spans.stored()), (3, 0));
    assert!(report.requests[3].problem.as_ref().unwrap().contains("text/plain"));
}

#[test]
fn what_is_no_request() {
    let chaos = Chaos::start(Scenario::new("test")).unwrap();
    for (bytes, status) in [
        (b"nonsense\r\n\r\n".to_vec(), 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n".to_vec(), 413),
        ([b"GET / HTTP/1.1\r\nA: ".to_vec(), vec![b'a'; 70_000]].concat(), 431),
    ] {
        let mut stream = connect(chaos.address());
        stream.write_all(&bytes).unwrap();
        let seen = read_all(&mut stream);
        assert_eq!((seen.status(), seen.was_reset), (status, false));
    }
    let mut stream = connect(chaos.address());
    stream.write_all(&[0x16, 3, 1, 0, 5, 1, 2, 3, 4, 5]).unwrap();
    assert!(read_all(&mut stream).bytes.is_empty());
    let report = chaos.report();
    assert_eq!((report.bad_requests, report.tls_hellos), (4, 1));
}

#[test]
fn statuses_and_retry_after() {
    let skewed = Status {
        retry_after: Some(RetryAfter::DateInSeconds(7)),
        date_skew_seconds: -86_400 * 20_000,
        ..Status::new(503)
    };
    let body = Status { body: Some("busy".into()), store: true, ..Status::new(502) };
    let scenario = Scenario::new("test")
        .step(Step::new(Action::retry_after(429, RetryAfter::Seconds(-1))).times(1))
        .step(Step::new(Action::retry_after(429, RetryAfter::Text("soon".into()))).times(1))
        .step(Step::new(Action::Status(skewed)).times(1))
        .step(Step::new(Action::Status(body)).times(1));
    let chaos = Chaos::start(scenario).unwrap();
    let seen: Vec<_> = (0..5).map(|_| export(chaos.address(), [1])).collect();
    let statuses: Vec<u16> = seen.iter().map(client::Seen::status).collect();
    assert_eq!(statuses, [429, 429, 503, 502, 200]);
    assert_eq!(seen[0].header("retry-after").as_deref(), Some("-1"));
    assert_eq!(seen[0].body()[..2], [8, 8], "google.rpc.Status with RESOURCE_EXHAUSTED");
    assert_eq!(seen[1].header("retry-after").as_deref(), Some("soon"));
    let (date, again) = (seen[2].header("date").unwrap(), seen[2].header("retry-after").unwrap());
    assert_eq!((date.len(), again.len()), (29, 29));
    assert_ne!(date, again);
    assert!(date.contains(" 197"), "{date}");
    assert_eq!(seen[3].body(), b"busy");
    // The 502 stored all the same.
    assert_eq!(chaos.report().spans.duplicates(), 1);
}

#[test]
fn partial_success() {
    let scenario = Scenario::new("test")
        .step(Action::PartialSuccess(PartialSuccess { rejected: 3, message: "too old".into() }));
    let chaos = Chaos::start(scenario).unwrap();
    let seen = export(chaos.address(), 1..=5);
    let answer = ExportResponse::decode(seen.body()).unwrap();
    assert_eq!((answer.rejected, answer.message.as_str()), (3, "too old"));
    assert_eq!(chaos.report().spans.unique(), 2);

    let mut stream = connect(chaos.address());
    post(&mut stream, "Content-Type: application/json\r\n", b"{}");
    let seen = read_answer(&mut stream);
    let answer = ExportResponse::from_json(spanloom::otlp::Signal::Traces, seen.body()).unwrap();
    assert_eq!(answer.rejected, 3);
}

#[test]
fn garbage() {
    let kinds = [Garbage::Empty, Garbage::Html, Garbage::TruncatedProto, Garbage::WrongContentType];
    let mut scenario = Scenario::new("test");
    for kind in kinds {
        scenario = scenario.step(Step::new(Action::Garbage(kind)).times(1));
    }
    let chaos = Chaos::start(scenario).unwrap();
    let seen: Vec<_> = (1..=4).map(|id| export(chaos.address(), [id])).collect();
    assert!(seen.iter().all(|seen| seen.status() == 200));
    assert_eq!((seen[0].body(), seen[0].header("content-type")), (b"".as_slice(), None));
    assert!(seen[1].text().contains("<!doctype html>"));
    assert!(ExportResponse::decode(seen[2].body()).is_err());
    assert_eq!(seen[3].header("content-type").as_deref(), Some("application/json"));
    assert_eq!(chaos.report().spans.unique(), 4);
}

#[test]
fn a_closed_door() {
    let scenario = Scenario::new("test").step(Action::Refuse(Refuse { seconds: None }));
    let chaos = Chaos::start(scenario).unwrap();
    for _ in 0..3 {
        let error = TcpStream::connect(chaos.address()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    }
    let report = chaos.report();
    assert_eq!((report.connections, report.closings), (0, 1));
}

#[test]
fn a_door_closes_and_opens_again() {
    let scenario = Scenario::new("test")
        .step(Step::new(Action::Accept).times(1))
        .step(Action::Refuse(Refuse { seconds: Some(0.5) }));
    let chaos = Chaos::start(scenario).unwrap();
    let mut stream = connect(chaos.address());
    post(&mut stream, PROTOBUF, &traces([1]));
    assert_eq!(read_answer(&mut stream).status(), 200);
    // The connection stays open, until the door closes.
    assert!(read_all(&mut stream).was_reset);
    let start = Instant::now();
    loop {
        match TcpStream::connect(chaos.address()) {
            Ok(_) => break,
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionRefused),
        }
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(export(chaos.address(), [2]).status(), 200);
    let report = chaos.stop();
    assert_eq!((report.closings, report.spans.unique()), (1, 2));
}

#[test]
fn a_flapping_server_and_a_client_that_tries_again() {
    let refuse = Step::new(Action::Refuse(Refuse::default())).during(0.1, 0.2).every(0.2);
    let chaos = Chaos::start(Scenario::new("test").step(refuse)).unwrap();
    let start = Instant::now();
    let (mut sent, mut failed) = (0, 0);
    while chaos.report().closings < 3 {
        sent += 1;
        while try_export(chaos.address(), sent) != Some(200) {
            failed += 1;
            std::thread::sleep(Duration::from_millis(5));
            assert!(start.elapsed() < PATIENCE);
        }
    }
    let spans = chaos.stop().spans;
    assert_eq!(spans.unique(), sent);
    assert!(failed > 0 && spans.duplicates() <= failed, "{} after {failed}", spans.duplicates());
}

#[test]
fn stalls() {
    let think = Stall { think_seconds: 0.3, bytes_per_second: None };
    let trickle = Stall { think_seconds: 0.0, bytes_per_second: Some(400) };
    let scenario = Scenario::new("test")
        .step(Step::new(Action::Stall(think)).times(1))
        .step(Step::new(Action::Stall(trickle)).times(1));
    let chaos = Chaos::start(scenario).unwrap();
    let start = Instant::now();
    assert_eq!(export(chaos.address(), [1]).status(), 200);
    assert!(start.elapsed() >= Duration::from_millis(300));
    let start = Instant::now();
    let seen = export(chaos.address(), [2]);
    assert_eq!(seen.status(), 200);
    let expected = Duration::from_secs_f64(seen.bytes.len() as f64 / 400.0);
    assert!(start.elapsed() >= expected, "{:?} for {expected:?}", start.elapsed());
    assert_eq!(chaos.report().spans.unique(), 2);
}

#[test]
fn a_black_hole_says_nothing() {
    let chaos = chaos(Action::BlackHole);
    let mut stream = connect(chaos.address());
    post(&mut stream, PROTOBUF, &traces([1]));
    assert!(chaos.wait_for(|report| report.requests_seen == 1, PATIENCE));
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let error = stream.read(&mut [0]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
    drop(stream);
    let report = settled(&chaos);
    assert_eq!((report.requests[0].outcome, report.spans.stored()), (Outcome::ClientLeft, 0));
}

#[test]
fn resets() {
    let scenario = [
        (ResetAt::BodyByte(0), false),
        (ResetAt::BodyByte(10), false),
        (ResetAt::BodyByte(1_000_000), false),
        (ResetAt::BeforeHeaders, false),
        (ResetAt::BeforeHeaders, true),
        (ResetAt::ResponseByte(1), true),
        (ResetAt::ResponseByte(20), true),
        (ResetAt::ResponseByte(1_000_000), true),
    ]
    .into_iter()
    .fold(Scenario::new("test"), |scenario, (when, store)| {
        scenario.step(Step::new(Action::Reset(Reset { when, store })).times(1))
    });
    let chaos = Chaos::start(scenario).unwrap();
    let mut got = Vec::new();
    for id in 1..=8 {
        let seen = export(chaos.address(), [id]);
        assert!(seen.was_reset, "{id}");
        got.push(seen.bytes.len());
    }
    assert_eq!(got[..7], [0, 0, 0, 0, 0, 1, 20]);
    assert!(got[7] > 20);
    let report = settled(&chaos);
    let stored: Vec<u64> = (1..=8).map(|id| report.spans.times(trace_id(), SpanId::from_u64(id))).collect();
    assert_eq!(stored, [0, 0, 0, 0, 1, 1, 1, 1]);
    assert_eq!(report.resets, 8);
    assert!(report.requests.iter().all(|request| request.outcome == Outcome::Reset));
}

#[test]
fn a_reset_in_the_middle_of_a_body_that_is_still_on_its_way() {
    let chaos = chaos(Action::reset(ResetAt::BodyByte(4)));
    let mut stream = connect(chaos.address());
    stream.write_all(head(PROTOBUF, 1000).as_bytes()).unwrap();
    stream.write_all(&[0; 3]).unwrap();
    assert!(chaos.wait_for(|report| report.requests_seen == 1, PATIENCE));
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert_ne!(stream.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&[0]).unwrap();
    assert!(read_all(&mut stream).was_reset);
}

#[test]
fn huge_answers() {
    let bytes = 3 * 64 * 1024;
    let scenario = [HugeKind::Bytes, HugeKind::GzipBomb, HugeKind::EndlessChunks]
        .into_iter()
        .fold(Scenario::new("test"), |scenario, kind| {
            scenario.step(Step::new(Action::Huge(Huge { kind, bytes })).times(1))
        });
    let chaos = Chaos::start(scenario).unwrap();
    let seen = export(chaos.address(), [1]);
    assert_eq!((seen.status(), seen.body().len() as u64), (200, bytes));

    let seen = export(chaos.address(), [2]);
    assert_eq!(seen.header("content-encoding").as_deref(), Some("gzip"));
    assert_eq!(seen.header("content-length"), Some(seen.body().len().to_string()));
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(seen.body()).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked.len() as u64, bytes);

    let mut stream = connect(chaos.address());
    post(&mut stream, PROTOBUF, &traces([3]));
    let mut some = vec![0; 1 << 20];
    stream.read_exact(&mut some).unwrap();
    assert!(String::from_utf8_lossy(&some[..300]).contains("Transfer-Encoding: chunked"));
    drop(stream);
    assert_eq!(settled(&chaos).spans.unique(), 3);
}

#[test]
fn a_server_stops_in_the_middle_of_an_endless_answer() {
    let chaos = chaos(Action::Huge(Huge { kind: HugeKind::EndlessChunks, bytes: 0 }));
    let mut stream = connect(chaos.address());
    post(&mut stream, PROTOBUF, &traces([1]));
    assert!(chaos.wait_for(|report| report.bytes_out > 100, PATIENCE));
    let report = chaos.stop();
    assert_eq!(report.requests[0].outcome, Outcome::Stopped);
}

#[test]
fn redirects() {
    let to = "http://localhost:{port}/elsewhere/v1/traces".to_string();
    let chaos = chaos(Action::Redirect(Redirect { code: 308, to }));
    let seen = export(chaos.address(), [1]);
    let expected = format!("http://localhost:{}/elsewhere/v1/traces", chaos.address().port());
    assert_eq!((seen.status(), seen.header("location")), (308, Some(expected)));
    assert_eq!(chaos.report().spans.stored(), 0);
}

#[test]
fn stored_before_the_answer() {
    let pause = PauseAfterStore { seconds: 3600.0, then: AfterPause::Reset };
    let chaos = chaos(Action::PauseAfterStore(pause));
    let mut stream = connect(chaos.address());
    post(&mut stream, PROTOBUF, &traces([1]));
    assert!(chaos.wait_for(|report| report.spans.stored() == 1, PATIENCE));
    let report = chaos.stop();
    assert_eq!((report.bytes_out, report.requests[0].outcome), (0, Outcome::Stopped));

    let pause = PauseAfterStore { seconds: 0.1, then: AfterPause::Answer };
    let chaos = self::chaos(Action::PauseAfterStore(pause));
    assert_eq!(export(chaos.address(), [1]).status(), 200);
}

#[test]
fn a_bad_network() {
    let slow = Network { latency_ms: 200, jitter_ms: 50, ..Network::default() };
    let chaos = Chaos::start(Scenario::new("test").with_network(slow)).unwrap();
    let start = Instant::now();
    assert_eq!(export(chaos.address(), [1]).status(), 200);
    assert!(start.elapsed() >= Duration::from_millis(150));

    let narrow = Network { bytes_per_second: Some(1000), ..Network::default() };
    let chaos = Chaos::start(Scenario::new("test").with_network(narrow)).unwrap();
    let start = Instant::now();
    assert_eq!(export(chaos.address(), 1..=10).status(), 200);
    assert!(start.elapsed() >= Duration::from_secs_f64(traces(1..=10).len() as f64 / 1000.0 / 2.0));

    let lossy = Network { loss_percent: 100.0, ..Network::default() };
    let chaos = Chaos::start(Scenario::new("test").with_network(lossy)).unwrap();
    let mut stream = connect(chaos.address());
    post(&mut stream, PROTOBUF, &traces([1]));
    assert!(
        chaos.wait_for(|report| report.requests.iter().any(|request| request.action == "loss"), PATIENCE)
    );
    assert_eq!(chaos.stop().spans.stored(), 0);
}

#[test]
fn changed_bytes_are_the_same_for_the_same_seed() {
    let noisy = Network { corrupt_percent: 50.0, ..Network::default() };
    // A fixed body: the date in the head may change between two runs.
    let status = Status { body: Some("x".repeat(1000)), ..Status::new(200) };
    let scenario = Scenario::new("test").with_network(noisy).step(Action::Status(status));
    let body = |seed: u64| {
        let chaos = Chaos::start(scenario.clone().with_seed(seed)).unwrap();
        let bytes = export(chaos.address(), [1]).bytes;
        bytes[bytes.len() - 1000..].to_vec()
    };
    let first = body(1);
    let changed = first.iter().filter(|byte| **byte != b'x').count();
    assert!((300..700).contains(&changed), "{changed}");
    assert_eq!(body(1), first);
    assert_ne!(body(2), first);
}

#[test]
fn browsers() {
    let mut scenario =
        Scenario::new("test").step(Step::new(Action::retry_after(429, RetryAfter::Seconds(7))).times(1));
    for cors in [Cors::Off, Cors::On, Cors::WithoutExpose] {
        scenario.cors = cors;
        let chaos = Chaos::start(scenario.clone()).unwrap();
        let mut stream = connect(chaos.address());
        if cors != Cors::Off {
            let preflight =
                "OPTIONS /v1/traces HTTP/1.1\r\nAccess-Control-Request-Headers: content-type\r\n\r\n";
            stream.write_all(preflight.as_bytes()).unwrap();
            let seen = read_answer(&mut stream);
            assert_eq!(seen.status(), 204);
            assert_eq!(seen.header("access-control-allow-headers").as_deref(), Some("content-type"));
        }
        post(&mut stream, PROTOBUF, &traces([1]));
        let seen = read_answer(&mut stream);
        assert_eq!(seen.status(), 429, "a preflight is no request of the scenario");
        assert_eq!(seen.header("access-control-allow-origin").is_some(), cors != Cors::Off);
        assert_eq!(seen.header("access-control-expose-headers").is_some(), cors == Cors::On);
    }
}

#[test]
fn a_port_that_is_taken() {
    let chaos = Chaos::start(Scenario::new("test")).unwrap();
    let error = Chaos::start_at(Scenario::new("test"), chaos.address().port()).err().unwrap();
    assert!(error.to_string().contains(&chaos.address().port().to_string()));
}

#[test]
fn secrets_are_masked_in_json() {
    let chaos = Chaos::start(Scenario::new("test")).unwrap();
    let mut stream = connect(chaos.address());
    post(&mut stream, "Authorization: Bearer abc\r\nX-Api-Key: def\r\nAccept: ghi\r\n", b"");
    let _ = read_answer(&mut stream);
    let report = settled(&chaos);
    assert_eq!(report.requests[0].header("authorization"), Some("Bearer abc"));
    let text = serde_json::to_string(&report).unwrap();
    assert!(!text.contains("abc") && !text.contains("def") && text.contains("ghi"));
}
