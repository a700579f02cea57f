//! Health over real sockets, with checks on real threads, and with a loom whose collector is gone.
#![cfg(all(feature = "native", not(target_arch = "wasm32")))]
#![expect(clippy::disallowed_methods, reason = "threads and time are what is tested")]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use spanloom::config::ExportersInHealth;
use spanloom::deliver::{Answer, Options};
use spanloom::health::{Condition, Instance, Status};
use spanloom::native::Outgoing;
use spanloom::value::Value;
use spanloom::{Config, Exporter, Health, Loom, MemoryExporter};

const LONG: Duration = Duration::from_secs(30);
const MOMENT: Duration = Duration::from_millis(5);

#[track_caller]
fn wait_until(what: &str, done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < LONG, "waited in vain until {what}");
        thread::sleep(MOMENT);
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

/// Sends this as it is, and gives all that comes back.
fn exchange(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = connect(address);
    stream.write_all(request).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let answer = exchange(address, format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n").as_bytes());
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn served(health: &Health) -> SocketAddr {
    health.serve(("127.0.0.1", 0)).unwrap()
}

/// Without the uptime, which nobody can foresee.
fn without_uptime(body: &str) -> &str {
    body.split_once(r#","uptime":"#).unwrap().0
}

#[test]
fn a_worker_over_a_socket() {
    let page = |accept: &str| (accept.to_owned(), "up 1\n".to_owned());
    let health = Health::builder().require(["generate"]).with_metrics(page).build();
    let address = served(&health);
    for path in ["/health", "/live", "/health?x"] {
        let (status, body) = get(address, path);
        let expected = r#"{"endpoints":{"generate":"notready"},"status":"notready""#;
        assert_eq!((status, without_uptime(&body)), (503, expected), "{path}");
    }
    let generate = health.endpoint("generate");
    let (status, body) = get(address, "/health");
    let expected = r#"{"endpoints":{"generate":"ready"},"status":"ready""#;
    assert_eq!((status, without_uptime(&body)), (200, expected));
    let one = (200, r#"{"endpoint":"generate","status":"ready"}"#.to_owned());
    assert_eq!(get(address, "/health/generate"), one);
    assert_eq!(get(address, "/health/embed"), (404, "Route not found".to_owned()));
    assert_eq!(get(address, "/liveness"), (404, "Route not found".to_owned()));

    let head = exchange(address, b"HEAD /health/generate HTTP/1.1\r\n\r\n");
    let expected = "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 40\r\n\
                    cache-control: no-store\r\nconnection: close\r\n\r\n";
    assert_eq!(head, expected);
    // What comes behind the head does not cost the client its answer.
    let body = "x".repeat(10_000);
    let post = format!("POST /health HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let answer = exchange(address, post.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"), "{answer}");
    assert!(answer.contains("\r\nallow: GET, HEAD\r\n"), "{answer}");
    let metrics = exchange(address, b"GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text\r\n\r\n");
    assert!(metrics.contains("\r\ncontent-type: application/openmetrics-text\r\n"), "{metrics}");
    assert!(metrics.ends_with("\r\n\r\nup 1\n"), "{metrics}");

    health.end();
    assert_eq!((get(address, "/health").0, get(address, "/health/generate").0), (503, 503));
    drop(generate);
}

#[test]
fn requests_that_are_none() {
    let health = Health::builder().build();
    let address = served(&health);
    let long = format!("GET /{} HTTP/1.1\r\n", "x".repeat(9_000));
    for (request, status) in [
        ("\r\n\r\n", "400"),
        ("hello\r\n\r\n", "400"),
        ("GET /\u{1} HTTP/1.1\r\n\r\n", "400"),
        ("PRI * HTTP/2.0\r\n\r\n", "505"),
        (&long, "431"),
    ] {
        let answer = exchange(address, request.as_bytes());
        assert_eq!(answer.split(' ').nth(1), Some(status), "{request:?}: {answer}");
    }
    // A client that goes away without a word, and one that says half a word, stop nobody.
    drop(connect(address));
    let half = connect(address);
    half.shutdown(Shutdown::Write).unwrap();
    assert_eq!(get(address, "/health").0, 503);
}

#[test]
fn slow_clients_do_not_stop_a_probe() {
    let health = Health::builder().plain_live(true).build();
    let address = served(&health);
    let slow: Vec<TcpStream> = (0..4)
        .map(|_| {
            let mut stream = connect(address);
            stream.write_all(b"GET /live").unwrap();
            stream
        })
        .collect();
    assert_eq!(get(address, "/live").0, 200);
    // Nor do more of them than there are places: these are freed when their time is over.
    let slower: Vec<TcpStream> = (0..6).map(|_| connect(address)).collect();
    assert_eq!(get(address, "/live").0, 200);
    let mut answer = String::new();
    (&slow[0]).read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
    drop(slower);
}

#[test]
fn a_frontend_over_a_socket() {
    let known = Arc::new(Mutex::new(Ok(vec![])));
    let finds = Arc::clone(&known);
    let health = Health::builder().frontend(move || finds.lock().unwrap().clone()).build();
    let address = served(&health);
    let nobody = r#"{"endpoints":[],"instances":[],"status":"healthy"}"#.to_owned();
    assert_eq!(get(address, "/health"), (200, nobody.clone()));
    *known.lock().unwrap() = Ok(vec![Instance {
        namespace: "ns".into(),
        component: "backend".into(),
        endpoint: "generate".into(),
        instance_id: 7,
        transport: Value::from([("tcp", Value::from("10.0.0.1:9"))]),
    }]);
    let expected = r#"{"endpoints":["dyn://ns.backend.generate"],"instances":[{"component":"backend","endpoint":"generate","instance_id":7,"namespace":"ns","transport":{"tcp":"10.0.0.1:9"}}],"status":"healthy"}"#;
    assert_eq!(get(address, "/health"), (200, expected.to_owned()));
    *known.lock().unwrap() = Err("no discovery");
    assert_eq!(get(address, "/health"), (200, nobody));
    let answer = exchange(address, b"GET /live HTTP/1.1\r\n\r\n");
    assert!(answer.contains("\r\ncontent-type: application/json\r\n"), "{answer}");
    assert!(answer.ends_with(r#"{"message":"Service is live","status":"live"}"#), "{answer}");
    health.end();
    let ending = r#"{"message":"Service is shutting down","status":"shutting_down"}"#;
    assert_eq!(get(address, "/live"), (503, ending.to_owned()));
    assert_eq!(get(address, "/health").0, 200);
}

#[test]
fn the_configuration_says_where() {
    let health = |pairs: &'static [(&'static str, &'static str)]| {
        let lookup =
            |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Health::builder().config(&Config::from_lookup(lookup).unwrap().0).build()
    };
    assert_eq!(health(&[]).serve_as_configured().unwrap(), None);
    assert_eq!(health(&[("DYN_SYSTEM_PORT", "-1")]).serve_as_configured().unwrap(), None);
    let pairs = &[
        ("DYN_SYSTEM_PORT", "0"),
        ("DYN_SYSTEM_HOST", "127.0.0.1"),
        ("DYN_SYSTEM_HEALTH_PATH", "/custom/health"),
        ("DYN_SYSTEM_LIVE_PATH", "/custom/live"),
        ("DYN_SYSTEM_STARTING_HEALTH_STATUS", "ready"),
    ];
    let ready = health(pairs);
    let address = ready.serve_as_configured().unwrap().unwrap();
    assert_eq!((get(address, "/custom/health").0, get(address, "/custom/live").0), (200, 200));
    assert_eq!((get(address, "/health").0, get(address, "/live").0), (404, 404));
}

#[test]
fn an_address_that_is_taken_is_an_error_that_names_it() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = taken.local_addr().unwrap();
    let error = Health::builder().build().serve(address).unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot listen on {address}: ")), "{error}");
    let error = Health::builder().build().serve("no such address").unwrap_err().to_string();
    assert!(error.starts_with("cannot listen on the given address: "), "{error}");
}

#[test]
fn servers_and_checks_end_with_the_last_handle() {
    let health = Health::builder().canary(MOMENT, LONG).build();
    let held = Arc::new(());
    let (calls, in_check) = (Arc::new(AtomicUsize::new(0)), Arc::clone(&held));
    let called = Arc::clone(&calls);
    health.check("generate", move || {
        let _ = &in_check;
        called.fetch_add(1, Ordering::Relaxed);
        Ok::<(), String>(())
    });
    let address = served(&health);
    let clone = health.clone();
    drop(health);
    wait_until("it is checked", || calls.load(Ordering::Relaxed) > 1);
    assert_eq!(get(address, "/health").0, 200);
    drop(clone);
    // The check is dropped, and the address is free again.
    wait_until("the check is gone", || Arc::strong_count(&held) == 1);
    wait_until("nobody listens", || TcpStream::connect(address).is_err());
}

#[test]
fn checks_make_ready_and_not_ready() {
    let health = Health::builder().canary(MOMENT, LONG).build();
    let well = Arc::new(AtomicBool::new(true));
    let says = Arc::clone(&well);
    health.check(
        "generate",
        move || {
            if says.load(Ordering::Relaxed) { Ok(()) } else { Err("the model is gone") }
        },
    );
    assert!(!health.is_ready("generate"), "nothing is known of it");
    wait_until("a check succeeds", || health.is_ready("generate"));
    assert!(health.status().is_ready());
    well.store(false, Ordering::Relaxed);
    wait_until("a check fails", || !health.is_ready("generate"));
    assert_eq!(health.failure("generate").as_deref(), Some("the model is gone"));
    let summary = r#"{"endpoint_statuses":{"generate":{"healthy":false,"status":"NotReady"}},"endpoints_checked":1,"status":"notready"}"#;
    assert_eq!(health.summary(), summary);
    well.store(true, Ordering::Relaxed);
    wait_until("a check succeeds again", || health.is_ready("generate"));
    assert_eq!(health.failure("generate"), None);
}

#[test]
fn a_check_that_hangs_stops_no_other_and_is_not_made_twice() {
    let health = Health::builder().canary(MOMENT, Duration::from_millis(50)).build();
    let (release, hangs) = mpsc::channel::<()>();
    let begun = Arc::new(AtomicUsize::new(0));
    let begins = Arc::clone(&begun);
    let stuck = health.endpoint("stuck");
    stuck.check(move || {
        begins.fetch_add(1, Ordering::Relaxed);
        let _ = hangs.recv();
        Ok::<(), String>(())
    });
    let rounds = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&rounds);
    health.check("well", move || {
        counts.fetch_add(1, Ordering::Relaxed);
        Ok::<(), String>(())
    });
    wait_until("the time is over", || !health.is_ready("stuck"));
    assert_eq!(health.failure("stuck").as_deref(), Some("it has not answered within 50ms"));
    let before = rounds.load(Ordering::Relaxed);
    wait_until("the other one goes on", || rounds.load(Ordering::Relaxed) > before + 3);
    assert_eq!(begun.load(Ordering::Relaxed), 1);
    drop(release);
    wait_until("it is checked again, and well", || health.is_ready("stuck"));
    assert!(begun.load(Ordering::Relaxed) > 1);
}

#[test]
fn a_check_that_panics_has_failed() {
    let health = Health::builder().canary(MOMENT, LONG).build();
    let panics = Arc::new(AtomicBool::new(true));
    let does = Arc::clone(&panics);
    let generate = health.endpoint("generate");
    generate.check(move || {
        assert!(!does.load(Ordering::Relaxed), "on purpose");
        Ok::<(), String>(())
    });
    wait_until("it has failed", || health.failure("generate").as_deref() == Some("the check panicked"));
    panics.store(false, Ordering::Relaxed);
    wait_until("it is well", || health.is_ready("generate"));
}

#[test]
fn an_endpoint_in_use_is_checked_less() {
    let health = Health::builder().canary(Duration::from_millis(200), LONG).build();
    let counted = |endpoint: &str| {
        let checks = Arc::new(AtomicUsize::new(0));
        let counts = Arc::clone(&checks);
        health.check(endpoint, move || {
            counts.fetch_add(1, Ordering::Relaxed);
            Ok::<(), String>(())
        });
        checks
    };
    let (used, broken_off) = (health.endpoint("used"), health.endpoint("broken off"));
    let (of_used, of_broken_off, of_idle) = (counted("used"), counted("broken off"), counted("idle"));
    wait_until("the idle one was checked often", || {
        used.request().done();
        // Says nothing: the endpoint is checked like an idle one.
        drop(broken_off.request());
        of_idle.load(Ordering::Relaxed) >= 5 && of_broken_off.load(Ordering::Relaxed) >= 5
    });
    assert!(of_used.load(Ordering::Relaxed) < of_idle.load(Ordering::Relaxed));
}

#[test]
fn without_canaries_nothing_is_checked() {
    let health = Health::builder().build();
    assert!(health.check("generate", || -> Result<(), String> { panic!("nobody asked for it") }));
    let generate = health.endpoint("generate");
    assert!(health.status().is_ready(), "what is registered is ready");
    assert!(!generate.check(|| Ok::<(), String>(())));
    assert_eq!(health.duplicates(), 1);
    drop(generate);
    assert!(!health.status().is_ready());
}

#[test]
fn the_last_guard_of_a_name_counts_and_an_endpoint_may_come_back() {
    let health = Health::builder().canary(MOMENT, LONG).build();
    let (first, second) = (health.endpoint("generate"), health.endpoint("generate"));
    assert!(first.check(|| Ok::<(), String>(())));
    drop(first);
    assert!(health.is_ready("generate"));
    drop(second);
    assert!(!health.is_ready("generate"));
    assert!(!health.status().is_ready(), "it was checked, and counts still");
    let again = health.endpoint("generate");
    assert!(health.status().is_ready());
    assert!(again.check(|| Err("gone")), "its check went with the last guard");
    assert_eq!(health.duplicates(), 0);
    wait_until("the new check is made", || health.failure("generate").as_deref() == Some("gone"));
}

#[test]
fn many_threads_at_once() {
    let health = Health::builder().canary(MOMENT, LONG).build();
    let address = served(&health);
    let together = Barrier::new(4);
    thread::scope(|scope| {
        for number in 0..4 {
            let (health, together) = (&health, &together);
            scope.spawn(move || {
                together.wait();
                for round in 0..50 {
                    let endpoint = health.endpoint(&format!("e{}", (number + round) % 3));
                    endpoint.check(|| Ok::<(), String>(()));
                    endpoint.request().done();
                    let answer = health.answer("GET", "/health");
                    assert!(answer.status == 200 || answer.status == 503);
                }
                assert_ne!(get(address, "/health").1, "");
            });
        }
    });
    let known = health.answer("GET", "/health");
    let expected = r#"{"endpoints":{"e0":"notready","e1":"notready","e2":"notready"},"status":"notready""#;
    assert_eq!(without_uptime(&known.body), expected);
}

#[test]
fn a_page_of_metrics_that_panics_is_an_answer() {
    let page = |_: &str| -> (String, String) { panic!("on purpose") };
    let health = Health::builder().with_metrics(page).build();
    let answer = health.answer("GET", "/metrics");
    assert_eq!((answer.status, answer.body.as_str()), (500, "Failed to get metrics"));
    assert_eq!(Health::builder().build().answer("GET", "/metrics").status, 404);
}

/// A collector that answers as it is told.
struct Collector(Arc<AtomicBool>);

impl Exporter for Collector {
    fn name(&self) -> &str {
        "collector"
    }

    fn export(&mut self, _: &Outgoing<'_>) -> Answer {
        if self.0.load(Ordering::Relaxed) { Answer::taken() } else { Answer::later("connection refused") }
    }
}

fn with_collector(up: &Arc<AtomicBool>) -> Loom {
    // No pause between failures: what is to be seen is that there were some.
    let options = Options {
        linger: MOMENT,
        retry_first: Duration::from_millis(1),
        retry_longest: Duration::from_millis(1),
        ..Options::default()
    };
    Loom::builder().exporter_with(Collector(Arc::clone(up)), options).on_notice(|_, _| ()).build()
}

#[test]
fn a_dead_exporter_is_shown_and_decides_only_where_it_is_told_to() {
    let up = Arc::new(AtomicBool::new(false));
    let loom = with_collector(&up);
    let health = |role| Health::builder().starting(Status::Ready).loom(&loom).exporters(role).build();
    let hidden = health(ExportersInHealth::Hidden);
    let shown = health(ExportersInHealth::Shown);
    let decides = health(ExportersInHealth::Decide);
    let condition = |health: &Health| health.exporters().unwrap().condition();
    assert_eq!(condition(&shown), Condition::Ok);
    assert_eq!(decides.answer("GET", "/health").status, 200);

    loom.workflow("answer").start().end();
    wait_until("it has failed often", || condition(&shown) == Condition::Dead);
    let body = hidden.answer("GET", "/health").body;
    assert_eq!(
        without_uptime(&body),
        r#"{"endpoints":{},"status":"ready""#,
        "the shape is as without a loom"
    );
    let answer = shown.answer("GET", "/health");
    assert_eq!(answer.status, 200);
    for part in [
        r#"{"endpoints":{},"exporters":{"destinations":[{"failures":"#,
        r#""ledger":{"accepted":1,"delivered":0,"dropped":{},"pending":1,"rejected":0},"name":"collector""#,
        r#""pending":1,"rejected":0,"sampled_out":0},"status":"dead"},"status":"ready","uptime":"#,
    ] {
        assert!(answer.body.contains(part), "no {part} in {}", answer.body);
    }
    let answer = decides.answer("GET", "/health");
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains(r#""status":"dead"},"status":"notready""#), "{}", answer.body);
    assert_eq!(decides.status(), Status::NotReady);

    up.store(true, Ordering::Relaxed);
    wait_until("it is well again", || condition(&decides) == Condition::Ok);
    assert_eq!(decides.answer("GET", "/health").status, 200);
    drop(loom);
    assert_eq!(shown.exporters(), None, "health keeps no loom alive");
    assert_eq!(without_uptime(&shown.answer("GET", "/health").body), r#"{"endpoints":{},"status":"ready""#);
}

#[test]
fn a_loom_that_has_shut_down_has_no_exporters_that_live() {
    let loom = Loom::builder().exporter(MemoryExporter::new()).build();
    let health = Health::builder().loom(&loom).build();
    loom.workflow("answer").start().end();
    loom.shutdown(LONG);
    let exporters = health.exporters().unwrap();
    assert_eq!((exporters.condition(), exporters.ledger.delivered), (Condition::Dead, 1));
}
