//! F24: a program whose whole tracing goes into a loom, also that of the client by which the loom sends.

use std::io::Read as _;
use std::net::TcpListener;
use std::time::Duration;

use spanloom::Loom;
use spanloom::native::OtlpGrpc;
use tracing::info_span;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::support::PATIENCE;

/// Set in the process that this test runs in, for what is traced everywhere is traced until the end.
const OWN: &str = "SPANLOOM_TEST_TRACED_EVERYWHERE";

#[test]
#[expect(clippy::disallowed_methods, reason = "a test that starts itself as another program")]
fn f24_a_client_that_is_traced_itself_sends_nothing_of_its_own() {
    if std::env::var_os(OWN).is_none() {
        let mut own = std::process::Command::new(std::env::current_exe().unwrap());
        own.args(["--exact", "exporters::f24_a_client_that_is_traced_itself_sends_nothing_of_its_own"]);
        let run = own.env(OWN, "1").output().unwrap();
        let said = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    // A receiver that takes connections and what comes, and says nothing: client and connection are busy until the end.
    let receiver = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", receiver.local_addr().unwrap());
    let (told, connected) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in receiver.incoming().flatten() {
            let told = told.clone();
            std::thread::spawn(move || {
                let mut stream = stream;
                let mut bytes = [0; 4096];
                while stream.read(&mut bytes).is_ok_and(|read| read > 0) {
                    let _ = told.send(());
                }
            });
        }
    });
    let exporter = OtlpGrpc::builder(endpoint).timeout(Duration::from_millis(300)).build().unwrap();
    let loom = Loom::builder().exporter(exporter).on_notice(|_, _| ()).build();
    let everywhere = tracing_subscriber::registry().with(spanloom::tracing::layer(&loom));
    tracing::subscriber::set_global_default(everywhere).unwrap();

    info_span!("work").in_scope(|| ());
    loom.flush(Duration::from_millis(100));
    connected.recv_timeout(PATIENCE).unwrap();
    // It is tried again, and each time the client makes a connection and a request.
    connected.recv_timeout(PATIENCE).unwrap();
    loom.flush(Duration::from_secs(1));
    loom.shutdown(Duration::from_millis(100));
    assert_eq!(loom.ledger().accepted, 1, "the work alone: {:?}", loom.ledger());
}
