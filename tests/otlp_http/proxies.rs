//! Requests through proxies. What the environment says of them is tested next to the code that reads it.

use spanloom::deliver::{Answer, Reason};
use spanloom::native::OtlpHttp;

use crate::support::{Batch, OK, Receiver, assert_later, assert_refused, closed_port};
use crate::tunnel::Tunnel;

#[test]
fn requests_go_through_the_proxy_that_was_given() {
    let (receiver, proxy) = (Receiver::answering(OK), Tunnel::start());
    let batch = Batch::of(3);
    let mut exporter = OtlpHttp::builder(receiver.endpoint())
        .header("x-api-key", "for the receiver")
        .proxy(format!("http://me:p%40ss@{}", proxy.address))
        .build()
        .unwrap();
    assert_eq!(batch.send(&mut exporter), Answer::taken());
    assert_eq!(batch.send(&mut exporter), Answer::taken());
    let asked = proxy.asked();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].starts_with(&format!("CONNECT {} HTTP/1.1\r\n", receiver.address)), "{asked:?}");
    let asked = asked[0].to_lowercase();
    assert!(asked.contains("\r\nproxy-authorization: basic bwu6cebzcw==\r\n"), "{asked}");
    assert!(!asked.contains("x-api-key"), "{asked}");
    let arrived = receiver.requests();
    assert_eq!(arrived.len(), 2);
    assert_eq!(arrived[0].body, batch.otlp());
    assert_eq!(arrived[0].header("proxy-authorization"), None);
    assert_eq!(arrived[0].header("x-api-key"), Some("for the receiver"));
}

#[test]
fn a_proxy_that_does_not_let_us_through() {
    let receiver = Receiver::answering(OK);
    let through = |answer: &str| {
        let proxy = Receiver::answering(format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n"));
        let url = format!("http://me:secret@{}", proxy.address);
        let mut exporter = OtlpHttp::builder(receiver.endpoint()).proxy(url).build().unwrap();
        Batch::of(1).send(&mut exporter)
    };
    let answer = through("407 Proxy Authentication Required");
    assert!(!assert_refused(&answer, Reason::Auth).contains("secret"), "{answer:?}");
    let answer = through("502 Bad Gateway");
    assert!(!assert_later(&answer).contains("secret"), "{answer:?}");
    let (_held, gone) = closed_port();
    let mut exporter =
        OtlpHttp::builder(receiver.endpoint()).proxy(format!("http://{gone}")).build().unwrap();
    assert_later(&Batch::of(1).send(&mut exporter));
    assert!(receiver.requests().is_empty());
}

#[test]
fn a_proxy_of_another_kind_is_refused() {
    let error =
        OtlpHttp::builder("http://localhost:4318").proxy("socks5://me:secret@proxy").build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the proxy of OtlpHttpBuilder::proxy cannot be used: give one that starts with http:// or https://"
    );
}
