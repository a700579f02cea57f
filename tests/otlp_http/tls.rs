//! Who may be spoken to, and who may speak.

use std::io::{self, Read, Write};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use spanloom::Loom;
use spanloom::deliver::{Answer, NoticeKind, Reason};
use spanloom::native::{OtlpHttp, Pem};

use crate::support::{Batch, OK, PATIENCE, Receiver, assert_later, assert_refused, read_request};

/// A certificate and its key, as PEM.
struct Signed {
    certificate: String,
    key: String,
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    fn pem(&self) -> Pem {
        Pem::text(self.pem.as_str())
    }

    fn sign(&self, host: &str, change: impl FnOnce(&mut CertificateParams)) -> Signed {
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Signed { certificate, key: key.serialize_pem() }
    }
}

/// A receiver with TLS; with `clients` it asks for certificates by that authority.
fn receiver(signed: &Signed, clients: Option<&Authority>) -> Receiver {
    let provider = Arc::new(ring::default_provider());
    let config =
        ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let config = match clients {
        None => config.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            config.with_client_cert_verifier(verifier)
        }
    };
    let chain = vec![CertificateDer::from_pem_slice(signed.certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(signed.key.as_bytes()).unwrap();
    let config = Arc::new(config.with_single_cert(chain, key).unwrap());
    Receiver::start(move |mut stream, _, seen| {
        let mut connection = ServerConnection::new(config.clone()).map_err(io::Error::other)?;
        if let Err(error) = connection.complete_io(&mut stream) {
            // The alert goes out, and the connection ends in order, so that the other side reads it.
            let _ = connection.write_tls(&mut stream);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = io::copy(&mut stream, &mut io::sink());
            return Err(error);
        }
        let mut stream = StreamOwned::new(connection, stream);
        while let Some(request) = read_request(&mut stream)? {
            seen.keep(&request);
            stream.write_all(OK)?;
            stream.flush()?;
        }
        Ok(())
    })
}

fn endpoint(receiver: &Receiver) -> String {
    format!("https://localhost:{}", receiver.address.port())
}

/// What comes of sending to a receiver with this certificate, by whoever is trusted; never is anything sent to it.
fn refusal(signed: &Signed, trusted: Option<&Authority>) -> String {
    let receiver = receiver(signed, None);
    let mut builder = OtlpHttp::builder(endpoint(&receiver)).header("authorization", "secret");
    if let Some(trusted) = trusted {
        builder = builder.trust(trusted.pem());
    }
    let answer = Batch::of(1).send(&mut builder.build().unwrap());
    assert!(receiver.requests().is_empty());
    assert_refused(&answer, Reason::Auth).to_owned()
}

#[test]
fn a_private_authority_is_trusted_when_it_is_given() {
    let authority = Authority::new();
    let receiver = receiver(&authority.sign("localhost", |_| {}), None);
    let batch = Batch::of(100);
    let path = std::env::temp_dir().join(format!("spanloom-ca-{}.pem", std::process::id()));
    std::fs::write(&path, &authority.pem).unwrap();
    for trusted in [authority.pem(), Pem::file(&path)] {
        let mut exporter = OtlpHttp::builder(endpoint(&receiver)).trust(trusted).gzip(true).build().unwrap();
        assert_eq!(batch.send(&mut exporter), Answer::taken());
        assert_eq!(batch.send(&mut exporter), Answer::taken());
    }
    std::fs::remove_file(&path).unwrap();
    assert_eq!(receiver.requests().len(), 4);
    // By address, where the certificate names it.
    let by_address = self::receiver(&authority.sign("127.0.0.1", |_| {}), None);
    let at = format!("https://{}", by_address.address);
    let mut exporter = OtlpHttp::builder(at).trust(authority.pem()).build().unwrap();
    assert_eq!(batch.send(&mut exporter), Answer::taken());
    assert_eq!(by_address.only_request().body, batch.otlp());
}

#[test]
fn f13_who_is_not_trusted_gets_nothing() {
    let (authority, other) = (Authority::new(), Authority::new());
    let good = authority.sign("localhost", |_| {});
    let expired = authority.sign("localhost", |params| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    });
    let elsewhere = authority.sign("collector.example", |_| {});
    let text = refusal(&expired, Some(&authority));
    assert!(text.contains("expired"), "{text}");
    let text = refusal(&elsewhere, Some(&authority));
    assert!(text.contains("collector.example"), "{text}");
    for trusted in [Some(&other), None] {
        let text = refusal(&good, trusted);
        assert!(text.contains("invalid peer certificate"), "{text}");
    }
}

/// Through a whole loom: what was refused for its certificate is counted as such, tried once, and the next batch is no better.
#[test]
fn f13_a_loom_counts_what_nobody_trustworthy_took() {
    let (authority, other) = (Authority::new(), Authority::new());
    let expired = |params: &mut CertificateParams| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    };
    for (signed, trusted, delivered) in [
        (authority.sign("localhost", |_| {}), &authority, true),
        (authority.sign("localhost", expired), &authority, false),
        (authority.sign("collector.example", |_| {}), &authority, false),
        (authority.sign("localhost", |_| {}), &other, false),
    ] {
        let receiver = receiver(&signed, None);
        let exporter = OtlpHttp::builder(endpoint(&receiver)).trust(trusted.pem()).build().unwrap();
        let told = Arc::new(std::sync::Mutex::new(Vec::new()));
        let hears = Arc::clone(&told);
        let loom = Loom::builder()
            .exporter(exporter)
            .on_notice(move |_, notice| hears.lock().unwrap().push(notice.kind))
            .build();
        for round in 1..=2 {
            (0..5).for_each(|_| loom.span("s", None).start().end());
            assert_eq!(loom.flush(PATIENCE).pending, 0, "{:?}", loom.ledger());
            let ledger = loom.ledger();
            let arrived = if delivered { 5 * round } else { 0 };
            assert!(ledger.adds_up(), "{ledger:?}");
            assert_eq!((ledger.accepted, ledger.delivered), (5 * round, arrived), "{ledger:?}");
            assert_eq!(ledger.reasons.get(Reason::Auth), 5 * round - arrived, "{ledger:?}");
        }
        let told = told.lock().unwrap();
        if delivered {
            assert!(told.is_empty(), "{told:?}");
            continue;
        }
        assert_eq!(*told, [NoticeKind::Lost(Reason::Auth)], "told once");
        // Nothing was sent, nor in plain text, and there was about one connection a batch: no busy loop.
        assert!(receiver.requests().is_empty());
        let connections = receiver.connections.load(std::sync::atomic::Ordering::SeqCst);
        assert!((2..=4).contains(&connections), "{connections}");
    }
}

#[test]
fn f13_a_receiver_without_tls_is_not_spoken_to_in_plain_text() {
    let plain = Receiver::answering(OK);
    let mut exporter = OtlpHttp::builder(endpoint(&plain)).header("authorization", "secret").build().unwrap();
    // It waits for a head that never comes, or closes: in no case was a request seen.
    let answer = Batch::of(1).send_within(&mut exporter, std::time::Duration::from_secs(1));
    assert!(!matches!(answer, Answer::Taken { .. } | Answer::Partly { .. }), "{answer:?}");
    assert!(plain.requests().is_empty());
    // One that answers in plain text, whatever it is asked.
    let downgrade = Receiver::start(|mut stream, _, _| {
        stream.read_exact(&mut [0; 16])?;
        stream.write_all(b"HTTP/1.1 400 this port speaks plain HTTP\r\n\r\n")?;
        stream.shutdown(std::net::Shutdown::Write)?;
        io::copy(&mut stream, &mut io::sink()).map(|_| ())
    });
    let mut exporter = OtlpHttp::builder(endpoint(&downgrade)).build().unwrap();
    assert_refused(&Batch::of(1).send(&mut exporter), Reason::Auth);
}

#[test]
fn a_connection_that_breaks_off_in_the_handshake_is_tried_again() {
    let receiver = Receiver::start(|mut stream, _, _| {
        stream.read_exact(&mut [0; 16])?;
        crate::support::reset(stream)
    });
    let mut exporter = OtlpHttp::builder(endpoint(&receiver)).build().unwrap();
    assert_later(&Batch::of(1).send(&mut exporter));
}

#[test]
fn a_receiver_that_asks_who_we_are_is_told() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let receiver = receiver(&authority.sign("localhost", |_| {}), Some(&clients));
    let batch = Batch::of(3);
    let builder = OtlpHttp::builder(endpoint(&receiver)).trust(authority.pem());
    let as_signed = |signed: &Signed| {
        let (certificate, key) = (Pem::text(signed.certificate.as_str()), Pem::text(signed.key.as_str()));
        builder.clone().identity(certificate, key).build().unwrap()
    };
    assert_eq!(batch.send(&mut as_signed(&clients.sign("planner", |_| {}))), Answer::taken());
    assert_eq!(receiver.only_request().body, batch.otlp());
    // Without a certificate, and with one by somebody else.
    assert_refused(&batch.send(&mut builder.clone().build().unwrap()), Reason::Auth);
    assert_refused(&batch.send(&mut as_signed(&authority.sign("planner", |_| {}))), Reason::Auth);
    assert_eq!(receiver.requests().len(), 1);
}
