//! Receivers that do not answer as they should. The names are those of the fault matrix.

use std::io::{self, Read as _, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use spanloom::deliver::{Answer, Reason};
use spanloom::native::OtlpHttp;

use crate::support::{
    Batch, OK, PATIENCE, Receiver, assert_later, assert_refused, closed_port, read_head, read_request, reset,
};

fn exporter(receiver: &Receiver) -> OtlpHttp {
    OtlpHttp::builder(receiver.endpoint()).timeout(PATIENCE).build().unwrap()
}

/// Short enough to wait for.
const SOON: Duration = Duration::from_millis(300);
/// Long enough for a connection, a request and the head of an answer on the busiest machine, and waited for as a whole.
const IN_TIME: Duration = Duration::from_secs(3);

/// Sends with all the time there is, and finds that much less of it was taken.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "how long it takes is what is tested")]
fn send_soon(exporter: &mut OtlpHttp) -> Answer {
    let start = Instant::now();
    let answer = Batch::of(1).send(exporter);
    assert!(start.elapsed() < PATIENCE / 2, "its own limit is far shorter: {:?}", start.elapsed());
    answer
}

#[test]
fn f01_nobody_listens() {
    let (_held, address) = closed_port();
    let mut exporter = OtlpHttp::builder(format!("http://{address}")).build().unwrap();
    let answer = Batch::of(1).send(&mut exporter);
    assert!(assert_later(&answer).starts_with(&format!("http://{address}/v1/traces: ")), "{answer:?}");
}

#[test]
fn f02_f04_a_receiver_that_says_nothing_costs_no_more_than_the_time_there_is() {
    let receiver = Receiver::start(|mut stream, _, _| {
        read_request(&mut stream)?;
        // Until the other side has enough of it.
        let _ = stream.read(&mut [0]);
        Ok(())
    });
    let why = Batch::of(1).send_within(&mut exporter(&receiver), SOON);
    assert!(assert_later(&why).ends_with("no answer in time"), "{why:?}");
    let mut short = OtlpHttp::builder(receiver.endpoint()).timeout(SOON).build().unwrap();
    assert_later(&send_soon(&mut short));
}

#[test]
fn f02_a_host_that_swallows_connections() {
    // A listener whose queue of connections is full takes no more of them, and says nothing.
    let (listener, address) = closed_port();
    listener.listen(1).unwrap();
    let mut held = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, SOON) {
        held.push(stream);
        if held.len() > 50 {
            eprintln!("not tested: queues of connections have no end here");
            return;
        }
    }
    let endpoint = format!("http://{address}");
    for (connect, total) in [(SOON, PATIENCE), (PATIENCE, SOON)] {
        let builder = OtlpHttp::builder(&endpoint).connect_timeout(connect).timeout(total).no_proxy();
        let answer = send_soon(&mut builder.build().unwrap());
        assert!(assert_later(&answer).ends_with(" in time"), "{answer:?}");
    }
}

#[test]
fn f03_a_name_that_nobody_knows() {
    let mut exporter = OtlpHttp::builder("http://collector.invalid").no_proxy().build().unwrap();
    assert_later(&Batch::of(1).send_within(&mut exporter, PATIENCE / 2));
}

#[test]
fn f06_f07_f08_the_status_tells_what_to_do() {
    for (status, expected) in [
        (200, "taken"),
        (202, "taken"),
        (204, "taken"),
        (400, "refused"),
        (401, "auth"),
        (403, "auth"),
        (404, "refused"),
        (413, "too large"),
        (429, "later"),
        (500, "refused"),
        (501, "refused"),
        (502, "later"),
        (503, "later"),
        (504, "later"),
    ] {
        let body = if status == 204 { "" } else { "content-length: 0\r\n" };
        let receiver = Receiver::answering(format!("HTTP/1.1 {status} Whatever\r\n{body}\r\n"));
        let answer = Batch::of(1).send(&mut exporter(&receiver));
        let outcome = match &answer {
            Answer::Taken { .. } => "taken",
            Answer::Unclear { .. } => "unclear",
            Answer::Partly { .. } => "partly",
            Answer::Later { .. } => "later",
            Answer::TooLarge { .. } => "too large",
            Answer::Refused { reason: Reason::Auth, .. } => "auth",
            Answer::Refused { .. } => "refused",
        };
        assert_eq!(outcome, expected, "{status}: {answer:?}");
        assert_eq!(receiver.requests().len(), 1, "{status}: an exporter tries once");
    }
    let receiver = Receiver::answering("HTTP/1.1 429 Slow\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n");
    let answer = Batch::of(1).send(&mut exporter(&receiver));
    assert!(matches!(answer, Answer::Later { after: Some(after), .. } if after == Duration::from_secs(7)));
}

#[test]
fn f09_a_part_is_refused() {
    let protobuf = b"\x0a\x08\x08\x03\x12\x04late";
    let json = br#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"late"}}"#;
    let expected = Answer::Partly { rejected: 3, message: "late".into() };
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(protobuf).unwrap();
    let packed = packed.finish().unwrap();
    for (headers, body) in [
        ("content-type: application/x-protobuf\r\n", protobuf.as_slice()),
        ("content-type: application/json\r\n", json),
        ("content-type: application/x-protobuf\r\ncontent-encoding: gzip\r\n", &packed),
    ] {
        let head = format!("HTTP/1.1 200 OK\r\n{headers}content-length: {}\r\n\r\n", body.len());
        let receiver = Receiver::answering([head.as_bytes(), body].concat());
        assert_eq!(Batch::of(5).send(&mut exporter(&receiver)), expected, "{headers}");
    }
}

#[test]
fn f10_an_answer_that_makes_no_sense_still_says_taken() {
    for (content_type, body) in [
        ("text/html", b"<html>".as_slice()),
        ("application/x-protobuf", b"\x0a\x08\x08"),
        ("application/json", b"{\"partialSuccess\""),
    ] {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let receiver = Receiver::answering([head.as_bytes(), body].concat());
        let answer = Batch::of(1).send(&mut exporter(&receiver));
        assert!(matches!(answer, Answer::Unclear { .. }), "{content_type} {answer:?}");
    }
}

/// Answers with a head and then with these bytes, again and again, until `most` of them are written or nobody listens.
fn flood(head: &'static str, part: Vec<u8>, most: u64) -> (Receiver, Arc<AtomicU64>) {
    let written = Arc::new(AtomicU64::new(0));
    let counter = written.clone();
    let receiver = Receiver::start(move |mut stream, _, _| {
        read_request(&mut stream)?;
        stream.write_all(head.as_bytes())?;
        while counter.load(Ordering::SeqCst) < most {
            stream.write_all(&part)?;
            counter.fetch_add(part.len() as u64, Ordering::SeqCst);
        }
        Ok(())
    });
    (receiver, written)
}

#[test]
fn f11_of_an_endless_answer_only_the_beginning_is_read() {
    let chunk = [b"10000\r\n".as_slice(), &vec![b'x'; 0x10000], b"\r\n"].concat();
    for (head, part) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n", vec![b'x'; 0x10000]),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", chunk.clone()),
        ("HTTP/1.1 200 OK\r\n\r\n", vec![b'x'; 0x10000]),
        ("HTTP/1.1 400 No\r\ntransfer-encoding: chunked\r\n\r\n", chunk),
    ] {
        const MOST: u64 = 1_000_000_000;
        let (receiver, written) = flood(head, part, MOST);
        let answer = Batch::of(1).send(&mut exporter(&receiver));
        let unclear = matches!(answer, Answer::Unclear { .. });
        assert_eq!(unclear, head.contains("200"), "{head} {answer:?}");
        assert!(unclear || matches!(answer, Answer::Refused { .. }), "{head} {answer:?}");
        // What the sockets buffer goes beyond what is read; but not by much.
        assert!(written.load(Ordering::SeqCst) < MOST / 10, "{head}");
        // The rest of that answer must not be taken for the next one.
        assert!(!matches!(Batch::of(1).send(&mut exporter(&receiver)), Answer::Later { .. }), "{head}");
    }
}

#[test]
fn f11_an_answer_that_unpacks_to_a_thousand_times_its_size() {
    // Whoever unpacked all of it would find a whole answer with an unknown field, and call it taken.
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    bomb.write_all(b"\x7a\x80\x80\x40").unwrap();
    bomb.write_all(&[0; 1 << 20]).unwrap();
    let bomb = bomb.finish().unwrap();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        bomb.len()
    );
    let receiver = Receiver::answering([head.as_bytes(), &bomb].concat());
    let answer = Batch::of(1).send(&mut exporter(&receiver));
    assert!(matches!(&answer, Answer::Unclear { .. }), "{answer:?}");
}

#[test]
fn f11_an_answer_that_trickles_ends_in_time() {
    let trickle = |head: &'static [u8]| {
        Receiver::start(move |mut stream, _, _| {
            read_request(&mut stream)?;
            stream.write_all(head)?;
            loop {
                stream.write_all(b"1\r\nx\r\n")?;
                pause();
            }
        })
    };
    let receiver = trickle(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
    let answer = Batch::of(1).send_within(&mut exporter(&receiver), IN_TIME);
    assert!(matches!(&answer, Answer::Unclear { .. }), "{answer:?}");
    let receiver = trickle(b"HTTP/1.1 503 Busy\r\ntransfer-encoding: chunked\r\n\r\n");
    assert_later(&Batch::of(1).send_within(&mut exporter(&receiver), SOON));
    // A head that never ends.
    let receiver = trickle(b"HTTP/1.1 200 OK\r\n");
    assert_later(&Batch::of(1).send_within(&mut exporter(&receiver), SOON));
}

fn pause() {
    std::thread::sleep(Duration::from_millis(10));
}

#[test]
fn f11_a_head_without_end() {
    let (receiver, written) =
        flood("HTTP/1.1 200 OK\r\n", b"x-more: and more of it\r\n".repeat(1000), 1 << 30);
    assert_later(&Batch::of(1).send(&mut exporter(&receiver)));
    assert!(written.load(Ordering::SeqCst) < 1 << 27);
    // The same as a single line.
    let (receiver, written) = flood("HTTP/1.1 200 OK\r\nx-more: ", vec![b'x'; 0x10000], 1 << 30);
    let answer = Batch::of(1).send(&mut exporter(&receiver));
    let written = written.load(Ordering::SeqCst);
    assert!(written < 1 << 27, "{written} {answer:?}");
    assert!(matches!(answer, Answer::Later { .. } | Answer::Refused { .. }), "{answer:?}");
}

#[test]
fn f11_no_http_at_all() {
    let receiver = Receiver::answering("SSH-2.0-OpenSSH_9.2p1\r\n\r\n");
    assert_later(&Batch::of(1).send(&mut exporter(&receiver)));
}

/// Resets its first connection in its own way, and takes what comes over all others.
fn resetting(first: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static) -> Receiver {
    Receiver::start(move |mut stream, number, seen| {
        if number == 0 {
            return first(stream);
        }
        while let Some(request) = read_request(&mut stream)? {
            seen.keep(&request);
            stream.write_all(OK)?;
        }
        Ok(())
    })
}

#[test]
fn f12_a_reset_anywhere_is_tried_again_and_nothing_is_lost() {
    let batch = Batch::of(300);
    let size = batch.otlp().len();
    assert!(size > 20_000);
    let check = |what: String, receiver: &Receiver| {
        let mut exporter = exporter(receiver);
        assert_later(&batch.send(&mut exporter));
        assert_eq!(batch.send(&mut exporter), Answer::taken(), "{what}");
        assert_eq!(receiver.only_request().body, batch.otlp(), "{what}");
    };
    check("before the head is read".into(), &resetting(reset));
    for read in [0, 1, 2, 100, 4095, 4096, 16_384, size - 1] {
        let receiver = resetting(move |mut stream| {
            read_head(&mut stream)?;
            stream.read_exact(&mut vec![0; read])?;
            reset(stream)
        });
        check(format!("at byte {read} of the body"), &receiver);
    }
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n\x0a\x02";
    for written in [1, 12, 17, answer.len() - 3, answer.len() - 2, answer.len()] {
        let receiver = resetting(move |mut stream| {
            read_head(&mut stream)?;
            stream.read_exact(&mut vec![0; size - 1])?;
            stream.write_all(&answer[..written])?;
            reset(stream)
        });
        check(format!("at byte {written} of the answer"), &receiver);
    }
}

#[test]
fn f12_a_connection_that_was_closed_while_nobody_looked() {
    let receiver = Receiver::start(|mut stream, _, seen| {
        // One request for each connection, and no word about it.
        if let Some(request) = read_request(&mut stream)? {
            seen.keep(&request);
            stream.write_all(OK)?;
        }
        Ok(())
    });
    let mut exporter = exporter(&receiver);
    let mut taken = 0;
    // Whether the end is seen before the next request is a matter of luck; that it comes to "later" or to a new
    // connection is not.
    for _ in 0..10 {
        match Batch::of(1).send(&mut exporter) {
            Answer::Taken { .. } => taken += 1,
            other => assert_ne!(assert_later(&other), ""),
        }
    }
    assert_eq!(receiver.requests().len(), taken);
    assert!(taken > 0);
}

#[test]
fn f14_redirects_are_not_followed() {
    let elsewhere = Receiver::answering(OK);
    for status in [301, 302, 303, 307, 308] {
        let receiver = Receiver::answering(format!(
            "HTTP/1.1 {status} Moved\r\nlocation: {}/v1/traces\r\ncontent-length: 0\r\n\r\n",
            elsewhere.endpoint()
        ));
        let mut exporter =
            OtlpHttp::builder(receiver.endpoint()).header("authorization", "secret").build().unwrap();
        assert_refused(&Batch::of(1).send(&mut exporter), Reason::NonRetryable);
        assert_eq!(receiver.requests().len(), 1);
    }
    assert!(elsewhere.requests().is_empty());
}
