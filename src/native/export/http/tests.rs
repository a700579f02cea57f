//! What only the inside of the exporter can be asked to do.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};

use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::*;
use crate::deliver::Options;
use crate::native::Loom;

#[test]
fn a_proxy_that_cannot_be_used_is_named_by_who_named_it() {
    for url in ["http://", "http://u:secret@"] {
        let error = OtlpHttp::builder("http://collector").proxy(url).build().unwrap_err().to_string();
        assert_eq!(
            error,
            "the proxy of OtlpHttpBuilder::proxy cannot be used: give an address such as http://proxy:3128"
        );
    }
    assert!(OtlpHttp::builder("http://collector").proxy("proxy:3128").build().is_ok());
}

/// Knows no name at first, and every one later.
#[derive(Debug)]
struct Forgetful {
    asked: Arc<AtomicUsize>,
    knows: SocketAddr,
}

const UNKNOWN: usize = 4;

impl Resolver for Forgetful {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        if asked < UNKNOWN {
            let nobody = std::io::Error::other("Temporary failure in name resolution");
            return Err(if asked.is_multiple_of(2) { ureq::Error::HostNotFound } else { nobody.into() });
        }
        let mut found = self.empty();
        found.push(self.knows);
        Ok(found)
    }
}

/// Takes everything; tells of the host that was asked for.
#[expect(clippy::disallowed_methods, reason = "a receiver needs a thread")]
fn receiver() -> (SocketAddr, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = vec![0; 64 << 10];
            let read = stream.read(&mut request).unwrap_or(0);
            let head = String::from_utf8_lossy(&request[..read]).to_lowercase();
            let host = head.lines().find_map(|line| line.strip_prefix("host: ").map(str::to_owned));
            let _ = tell.send(host.unwrap_or_default());
            let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
            let _ = stream.write_all(answer);
            // Closed before all was read, the connection would be reset, and the answer with it.
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        }
    });
    (address, told)
}

#[test]
fn f03_a_name_that_is_not_known_for_a_while_is_asked_for_until_it_is() {
    let (knows, told) = receiver();
    let asked = Arc::new(AtomicUsize::new(0));
    let mut exporter = OtlpHttp::builder("http://collector.example:4318").no_proxy().build().unwrap();
    let resolver = Forgetful { asked: Arc::clone(&asked), knows };
    exporter.agent = Agent::with_parts(exporter.agent.config().clone(), DefaultConnector::new(), resolver);
    let quick = Options {
        linger: Duration::from_millis(1),
        retry_first: Duration::from_millis(1),
        retry_longest: Duration::from_millis(10),
        ..Options::default()
    };
    let loom = Loom::builder().exporter_with(exporter, quick).on_notice(|_, _| ()).build();
    (0..7).for_each(|_| loom.span("s", None).start().end());
    let receipt = loom.flush(Duration::from_secs(60));
    assert_eq!((receipt.delivered, receipt.dropped, receipt.pending), (7, 0, 0), "{:?}", loom.ledger());
    // All went in one request: names that nobody knows have cost a repeat each, and no span.
    assert!(asked.load(Ordering::SeqCst) > UNKNOWN);
    assert_eq!(told.recv().unwrap(), "collector.example:4318");
}
