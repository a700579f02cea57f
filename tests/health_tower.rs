//! Health as a tower service, mounted in a router, over a real socket.
#![cfg(not(target_arch = "wasm32"))]
#![expect(clippy::disallowed_methods, reason = "the server has a thread of its own")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use spanloom::Health;
use tokio::sync::oneshot;

/// Serves this router until the sender is dropped.
fn serve(router: Router) -> (SocketAddr, oneshot::Sender<()>) {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let stopped = async {
                let _ = stopped.await;
            };
            axum::serve(listener, router).with_graceful_shutdown(stopped).await.unwrap();
        });
    });
    (address, stop)
}

fn ask(address: SocketAddr, method: &str, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: test\r\naccept: text/a\r\naccept: text/b\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

fn status(answer: &(String, String)) -> &str {
    answer.0.split(' ').nth(1).unwrap()
}

#[test]
fn beside_the_routes_of_a_program() {
    let health = Health::builder().require(["generate"]).build();
    let router = Router::new()
        .route("/", get(|| async { "the program's own" }))
        .route_service("/health", health.service())
        .route_service("/health/{*endpoint}", health.service())
        .route_service("/live", health.service());
    let (address, _stop) = serve(router);
    assert_eq!(ask(address, "GET", "/").1, "the program's own");
    assert_eq!(status(&ask(address, "GET", "/health")), "503");
    let generate = health.endpoint("generate");
    let answer = ask(address, "GET", "/health?verbose");
    assert_eq!(status(&answer), "200");
    assert!(answer.0.contains("content-type: text/plain; charset=utf-8"), "{}", answer.0);
    let expected = r#"{"endpoints":{"generate":"ready"},"status":"ready","uptime":{"nanos":"#;
    assert!(answer.1.starts_with(expected), "{}", answer.1);
    assert_eq!(ask(address, "GET", "/health/generate").1, r#"{"endpoint":"generate","status":"ready"}"#);
    assert_eq!(status(&ask(address, "GET", "/live")), "200");
    let head = ask(address, "HEAD", "/health/generate");
    assert!(head.0.contains("content-length: 40") && head.1.is_empty(), "{head:?}");
    let post = ask(address, "POST", "/health");
    assert_eq!(status(&post), "405");
    assert!(post.0.contains("allow: GET, HEAD"), "{}", post.0);
    assert_eq!(status(&ask(address, "GET", "/metrics")), "404");
    drop(generate);
    assert_eq!(status(&ask(address, "GET", "/live")), "503");
}

#[test]
fn as_the_whole_of_a_server() {
    let page = |accept: &str| (accept.to_owned(), "up 1\n".to_owned());
    let health = Health::builder().with_metrics(page).build();
    let (address, _stop) = serve(Router::new().fallback_service(health.service()));
    let answer = ask(address, "GET", "/metrics");
    assert!(answer.0.contains("content-type: text/a, text/b"), "{}", answer.0);
    assert_eq!(answer.1, "up 1\n");
    assert_eq!(ask(address, "GET", "/nothing").1, "Route not found");

    // A type that is none is left out.
    let broken = Health::builder().with_metrics(|_| ("a\nb: c".to_owned(), "up 1\n".to_owned())).build();
    let (address, _stop) = serve(Router::new().fallback_service(broken.service()));
    let answer = ask(address, "GET", "/metrics");
    assert_eq!((status(&answer), answer.1.as_str()), ("200", "up 1\n"));
    assert!(!answer.0.contains("content-type"), "{}", answer.0);
}
