//! What goes out.

use std::io::Read as _;

use spanloom::deliver::Answer;
use spanloom::native::{Encoding, OtlpHttp};
use spanloom::otlp::decode_traces;
use spanloom::otlp::json::traces_from_json;

use crate::support::{Batch, OK, Receiver, closed_port};

fn unpacked(packed: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(packed).read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn what_arrives_is_what_was_sent_in_every_form() {
    let batch = Batch::of(200);
    assert_eq!(decode_traces(&batch.otlp()).unwrap().len(), 201);
    for encoding in [Encoding::Protobuf, Encoding::Json] {
        for gzip in [false, true] {
            let receiver = Receiver::answering(OK);
            let mut exporter =
                OtlpHttp::builder(receiver.endpoint()).encoding(encoding).gzip(gzip).build().unwrap();
            assert_eq!(batch.send(&mut exporter), Answer::taken());
            let request = receiver.only_request();
            assert_eq!(request.line, "POST /v1/traces HTTP/1.1");
            assert_eq!(request.header("content-encoding"), gzip.then_some("gzip"));
            let body = if gzip { unpacked(&request.body) } else { request.body.clone() };
            let (content_type, body) = match encoding {
                Encoding::Protobuf => ("application/x-protobuf", body),
                Encoding::Json => ("application/json", traces_from_json(&body).unwrap()),
            };
            assert_eq!(request.header("content-type"), Some(content_type));
            assert_eq!(body, batch.otlp(), "{encoding:?} {gzip}");
        }
    }
}

#[test]
fn buffers_hold_nothing_of_the_request_before() {
    let receiver = Receiver::answering(OK);
    let mut exporter = OtlpHttp::builder(receiver.endpoint()).gzip(true).build().unwrap();
    let batches = [Batch::of(3000), Batch::of(0), Batch::of(5)];
    for batch in &batches {
        assert_eq!(batch.send(&mut exporter), Answer::taken());
    }
    let arrived: Vec<_> = receiver.requests().iter().map(|request| unpacked(&request.body)).collect();
    assert_eq!(arrived, batches.each_ref().map(Batch::otlp));
}

#[test]
fn nothing_to_send_is_not_sent() {
    let receiver = Receiver::answering(OK);
    let mut exporter = OtlpHttp::builder(receiver.endpoint()).build().unwrap();
    let mut batch = Batch::of(1);
    batch.records.clear();
    assert_eq!(batch.send(&mut exporter), Answer::taken());
    assert!(receiver.requests().is_empty());
}

#[test]
fn headers_are_sent_as_given() {
    let receiver = Receiver::answering(OK);
    let endpoint = format!("http://planner:p%40ss@{}/otlp?key=a", receiver.address);
    let mut exporter = OtlpHttp::builder(endpoint)
        .header("X-Scope-OrgID", "one")
        .header("x-scope-orgid", "two")
        .build()
        .unwrap();
    assert_eq!(Batch::of(1).send(&mut exporter), Answer::taken());
    let request = receiver.only_request();
    assert_eq!(request.line, "POST /otlp?key=a HTTP/1.1");
    assert_eq!(request.header("x-scope-orgid"), Some("two"));
    assert_eq!(request.header("authorization"), Some("Basic cGxhbm5lcjpwQHNz"));
    assert_eq!(request.header("host"), Some(receiver.address.to_string().as_str()));
    assert_eq!(
        request.header("user-agent"),
        Some(concat!("OTel-OTLP-Exporter-spanloom/", env!("CARGO_PKG_VERSION")))
    );
    assert_eq!(request.header("accept-encoding"), None);
}

#[test]
fn one_connection_serves_many_requests() {
    let receiver = Receiver::answering(OK);
    let mut exporter = OtlpHttp::builder(receiver.endpoint()).build().unwrap();
    for _ in 0..10 {
        assert_eq!(Batch::of(1).send(&mut exporter), Answer::taken());
    }
    assert_eq!(receiver.requests().len(), 10);
    assert_eq!(receiver.connections.load(std::sync::atomic::Ordering::SeqCst), 1);
}

#[test]
fn secrets_are_told_by_nobody() {
    let (_held, address) = closed_port();
    let builder =
        OtlpHttp::builder(format!("http://me:secret@{address}/?key=secret")).header("x-api-key", "secret");
    assert!(!format!("{builder:?}").contains("secret"));
    let mut exporter = builder.build().unwrap();
    assert!(!format!("{exporter:?} {}", exporter.endpoint()).contains("secret"));
    let answer = Batch::of(1).send(&mut exporter);
    assert!(!format!("{answer:?}").contains("secret"));
}
