//! The OTLP/gRPC exporter over real sockets on this machine, against a server that does what a test tells it to.

#[path = "common/tunnel.rs"]
mod tunnel;

use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use h2::server::SendResponse;
use http::{HeaderMap, HeaderValue, Response};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use spanloom::deliver::{Answer, Reason};
use spanloom::native::{ExporterError, OtlpGrpc, Pem};
use spanloom::otlp::convention::Wording;
use spanloom::otlp::{Resource, Scope};
use spanloom::{Exporter, Loom, MemoryExporter, Outgoing};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Builder;
use tokio::task::AbortHandle;
use tunnel::Tunnel;

const PATIENCE: Duration = Duration::from_secs(30);

/// What a server does with a request.
#[derive(Clone)]
enum Reply {
    /// A message and the status OK.
    Message(Vec<u8>),
    /// A status that is not OK, with its text and details in base64.
    Status(u32, &'static str, &'static str),
    /// Nothing, for as long as anybody waits.
    Silence,
    /// The connection ends.
    HangUp,
}

#[derive(Clone)]
struct Request {
    path: String,
    headers: HeaderMap,
    /// The message, unpacked.
    body: Vec<u8>,
    packed: bool,
}

/// Lives until the program ends.
struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    fn replying(replies: impl Into<Vec<Reply>>) -> Self {
        Self::start(replies.into(), None)
    }

    /// Gives its replies one after the other, and the last one ever after.
    #[expect(clippy::disallowed_methods, reason = "a server needs a thread")]
    fn start(replies: Vec<Reply>, tls: Option<ServerConfig>) -> Self {
        let runtime = Builder::new_current_thread().enable_io().enable_time().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let server = Self { address: listener.local_addr().unwrap(), seen: Arc::default() };
        let script = Arc::new(Script { seen: server.seen.clone(), replies });
        let tls = tls.map(|config| tokio_rustls::TlsAcceptor::from(Arc::new(config)));
        std::thread::spawn(move || {
            runtime.block_on(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let (script, tls, own) = (script.clone(), tls.clone(), Arc::new(OnceLock::new()));
                    let ends = own.clone();
                    let task = tokio::spawn(async move {
                        match tls {
                            None => serve(stream, script, ends).await,
                            Some(tls) => match tls.accept(stream).await {
                                Ok(stream) => serve(stream, script, ends).await,
                                Err(_) => None,
                            },
                        }
                    });
                    own.set(task.abort_handle()).unwrap();
                }
            });
        });
        server
    }

    fn exporter(&self) -> OtlpGrpc {
        OtlpGrpc::builder(format!("http://{}", self.address)).timeout(PATIENCE).build().unwrap()
    }

    fn requests(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

struct Script {
    seen: Arc<Mutex<Vec<Request>>>,
    replies: Vec<Reply>,
}

/// Speaks on one connection. Requests have tasks of their own, since the connection has to turn while they come in.
async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    script: Arc<Script>,
    connection_task: Arc<OnceLock<AbortHandle>>,
) -> Option<()> {
    let mut connection = h2::server::handshake(stream).await.ok()?;
    while let Some(accepted) = connection.accept().await {
        let (request, respond) = accepted.ok()?;
        tokio::spawn(take(request, respond, script.clone(), connection_task.clone()));
    }
    Some(())
}

async fn take(
    request: http::Request<h2::RecvStream>,
    respond: SendResponse<Bytes>,
    script: Arc<Script>,
    connection_task: Arc<OnceLock<AbortHandle>>,
) -> Option<()> {
    let (head, mut body) = request.into_parts();
    let mut bytes = Vec::new();
    while let Some(data) = body.data().await {
        let data = data.ok()?;
        body.flow_control().release_capacity(data.len()).ok()?;
        bytes.extend_from_slice(&data);
    }
    let (frame, message) = bytes.split_at(5);
    assert_eq!(u32::from_be_bytes(frame[1..].try_into().unwrap()) as usize, message.len());
    let packed = frame[0] == 1;
    let mut unpacked = Vec::new();
    if packed {
        flate2::read::GzDecoder::new(message).read_to_end(&mut unpacked).ok()?;
    } else {
        unpacked = message.to_vec();
    }
    let path = head.uri.path().to_owned();
    let number = {
        let mut seen = script.seen.lock().unwrap();
        seen.push(Request { path, headers: head.headers, body: unpacked, packed });
        seen.len() - 1
    };
    match script.replies.get(number).or(script.replies.last())? {
        Reply::HangUp => {
            connection_task.get()?.abort();
            Some(())
        }
        reply => answer(respond, reply),
    }
}

fn answer(mut respond: SendResponse<Bytes>, reply: &Reply) -> Option<()> {
    let head = || Response::builder().status(200).header("content-type", "application/grpc");
    let mut trailers = HeaderMap::new();
    match reply {
        Reply::Message(message) => {
            let mut stream = respond.send_response(head().body(()).ok()?, false).ok()?;
            let length = u32::try_from(message.len()).ok()?.to_be_bytes();
            stream.send_data([&[0], &length[..], message].concat().into(), false).ok()?;
            trailers.insert("grpc-status", HeaderValue::from_static("0"));
            stream.send_trailers(trailers).ok()
        }
        Reply::Status(code, message, details) => {
            let head = head()
                .header("grpc-status", *code)
                .header("grpc-message", *message)
                .header("grpc-status-details-bin", *details);
            respond.send_response(head.body(()).ok()?, true).ok().map(drop)
        }
        Reply::Silence => {
            // Dropped, it would end the stream.
            std::mem::forget(respond);
            Some(())
        }
        Reply::HangUp => None,
    }
}

struct Batch {
    records: Vec<u8>,
    resource: Resource,
    scope: Scope,
}

impl Batch {
    fn of(nodes: usize) -> Self {
        let memory = MemoryExporter::new();
        let loom = Loom::builder().exporter(memory.clone()).build();
        let run = loom.workflow("answer").start();
        for _ in 0..nodes {
            let mut node = run.node("step").kind("tool").start();
            node.attribute("text", "ein „Text“ mit \u{1f9f6}");
            node.end();
        }
        run.end();
        loom.flush(PATIENCE);
        let resource = Resource::new([("service.name", "planner".into())]);
        Self { records: memory.records(), resource, scope: Scope::new("spanloom", "1") }
    }

    fn outgoing(&self, within: Duration) -> Outgoing<'_> {
        let (resource, scope) = (&self.resource, &self.scope);
        Outgoing {
            runs: self.records.as_slice().into(),
            resource,
            scope,
            wording: Wording::default(),
            within,
            running: false,
        }
    }

    fn send(&self, exporter: &mut OtlpGrpc) -> Answer {
        exporter.export(&self.outgoing(PATIENCE))
    }
}

fn ok() -> Reply {
    Reply::Message(Vec::new())
}

#[track_caller]
fn assert_refused(answer: &Answer, expected: Reason) {
    assert!(matches!(answer, Answer::Refused { reason, .. } if *reason == expected), "{answer:?}");
}

#[track_caller]
fn assert_later(answer: &Answer) {
    assert!(matches!(answer, Answer::Later { .. }), "{answer:?}");
}

#[test]
fn what_arrives_is_what_was_sent() {
    let batch = Batch::of(500);
    for gzip in [false, true] {
        let server = Server::replying([ok()]);
        let endpoint = format!("http://me:secret@{}/a/path", server.address);
        let builder = OtlpGrpc::builder(endpoint).gzip(gzip).header("X-Scope-OrgID", "one").timeout(PATIENCE);
        assert!(!format!("{builder:?}").contains("secret"));
        let mut exporter = builder.build().unwrap();
        assert_eq!(batch.send(&mut exporter), Answer::taken());
        assert_eq!(batch.send(&mut exporter), Answer::taken());
        let requests = server.requests();
        assert_eq!(requests.len(), 2);
        for request in requests {
            assert_eq!(request.path, "/opentelemetry.proto.collector.trace.v1.TraceService/Export");
            assert_eq!(request.body, batch.outgoing(PATIENCE).to_otlp());
            assert_eq!(request.packed, gzip);
            assert_eq!(request.headers["content-type"], "application/grpc");
            assert_eq!(request.headers["x-scope-orgid"], "one");
            assert_eq!(request.headers["authorization"], "Basic bWU6c2VjcmV0");
            let agent = request.headers["user-agent"].to_str().unwrap();
            assert!(agent.starts_with("OTel-OTLP-Exporter-spanloom/"), "{agent}");
        }
    }
}

#[test]
fn nothing_to_send_is_not_sent() {
    let server = Server::replying([ok()]);
    let mut batch = Batch::of(0);
    batch.records.clear();
    assert_eq!(batch.send(&mut server.exporter()), Answer::taken());
    assert!(server.requests().is_empty());
}

#[test]
fn answers_are_read() {
    let partly = b"\x0a\x08\x08\x03\x12\x04late".to_vec();
    let server = Server::replying([
        Reply::Message(partly),
        Reply::Message(b"<html>".to_vec()),
        Reply::Message(vec![0; 100_000]),
        Reply::Status(14, "busy", ""),
        // RetryInfo of 7 s.
        Reply::Status(8, "slow", "CAgaMAoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLlJldHJ5SW5mbxIECgIIBw"),
        Reply::Status(16, "who", ""),
        Reply::Status(3, "bad", ""),
        ok(),
    ]);
    let (batch, mut exporter) = (Batch::of(3), server.exporter());
    assert_eq!(batch.send(&mut exporter), Answer::Partly { rejected: 3, message: "late".into() });
    assert!(matches!(batch.send(&mut exporter), Answer::Unclear { .. }));
    assert!(matches!(batch.send(&mut exporter), Answer::Unclear { .. }));
    assert_later(&batch.send(&mut exporter));
    let slow = batch.send(&mut exporter);
    assert!(matches!(slow, Answer::Later { after: Some(after), .. } if after.as_secs() == 7), "{slow:?}");
    assert_refused(&batch.send(&mut exporter), Reason::Auth);
    assert_refused(&batch.send(&mut exporter), Reason::NonRetryable);
    assert_eq!(batch.send(&mut exporter), Answer::taken());
}

#[test]
fn a_connection_that_ends_is_made_anew() {
    let server = Server::replying([Reply::HangUp, ok(), Reply::HangUp, ok()]);
    let (batch, mut exporter) = (Batch::of(3), server.exporter());
    for _ in 0..2 {
        assert_later(&batch.send(&mut exporter));
        assert_eq!(batch.send(&mut exporter), Answer::taken());
    }
}

#[test]
fn silence_costs_no_more_than_the_time_there_is() {
    let server = Server::replying([Reply::Silence, ok()]);
    let (batch, mut exporter) = (Batch::of(3), server.exporter());
    assert_later(&exporter.export(&batch.outgoing(Duration::from_millis(300))));
    assert_eq!(batch.send(&mut exporter), Answer::taken());
}

/// F24: where a program traces everything, it traces the client by which its loom sends, too: its calls, and its end. None of that
/// may be recorded, or each export would make the next one.
#[test]
#[cfg(feature = "tracing")]
#[expect(clippy::disallowed_methods, reason = "a test that starts itself as another program")]
fn f24_a_client_that_is_traced_itself_sends_nothing_of_its_own() {
    use tracing_subscriber::layer::SubscriberExt as _;
    const ENDPOINT: &str = "SPANLOOM_TEST_TRACED_EVERYWHERE";
    let Ok(endpoint) = std::env::var(ENDPOINT) else {
        // What is traced everywhere is traced until the end, and the server is not to be.
        let server = Server::replying([Reply::Silence, ok()]);
        let mut own = std::process::Command::new(std::env::current_exe().unwrap());
        own.args(["--exact", "f24_a_client_that_is_traced_itself_sends_nothing_of_its_own"]);
        let run = own.env(ENDPOINT, format!("http://{}", server.address)).output().unwrap();
        let said = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success() && said.contains("1 passed"), "{said}");
        // Of spans and of metrics; and one more of those that had no answer.
        assert!(server.requests().len() >= 3, "{}", server.requests().len());
        return;
    };
    let exporter = || OtlpGrpc::builder(&endpoint).timeout(Duration::from_secs(1)).build().unwrap();
    let loom = Loom::builder()
        .exporter(exporter())
        .metric_exporter(exporter())
        .workflow_metrics(false)
        .on_notice(|_, _| ())
        .build();
    let everywhere = tracing_subscriber::registry().with(spanloom::tracing::layer(&loom));
    tracing::subscriber::set_global_default(everywhere).unwrap();
    let mut worked = 0;
    while loom.ledger().delivered == 0 {
        worked += 1;
        tracing::info_span!("work").in_scope(|| ());
        loom.meter().counter("work").build().add(1);
        loom.flush(PATIENCE);
    }
    let receipt = loom.shutdown(PATIENCE);
    assert_eq!(receipt.pending, 0, "{receipt}");
    // The clients are gone, with the connections that they had.
    assert_eq!(loom.ledger().accepted, worked, "the work alone: {:?}", loom.ledger());
}

/// A port where nobody listens, and nobody else can while the socket is kept.
fn closed_port() -> (socket2::Socket, SocketAddr) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

#[test]
fn nobody_listens() {
    let (_held, address) = closed_port();
    let mut exporter = OtlpGrpc::builder(format!("http://{address}")).build().unwrap();
    let answer = Batch::of(1).send(&mut exporter);
    assert!(matches!(&answer, Answer::Later { why, .. } if why.contains("refused")), "{answer:?}");
    assert_later(&Batch::of(1).send(&mut exporter));
}

#[test]
fn inside_another_runtime_it_works_as_well() {
    let server = Server::replying([ok()]);
    let runtime = Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut exporter = server.exporter();
        assert_eq!(Batch::of(3).send(&mut exporter), Answer::taken());
    });
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn what_cannot_work_is_refused_at_once() {
    let error = |builder: spanloom::native::OtlpGrpcBuilder| builder.build().err().unwrap();
    assert!(matches!(error(OtlpGrpc::builder("unix:///run/otel")), ExporterError::Endpoint { .. }));
    assert!(matches!(error(OtlpGrpc::builder("")), ExporterError::Endpoint { .. }));
    for name in ["grpc-timeout", "trace-bin", "a b", ""] {
        let builder = OtlpGrpc::builder("http://localhost:4317").header(name, "value");
        assert!(matches!(error(builder), ExporterError::Header { .. }), "{name}");
    }
    let builder = OtlpGrpc::builder("https://localhost:4317").trust(Pem::text("nothing"));
    assert!(matches!(error(builder), ExporterError::Tls { .. }));
}

fn with_tls(certificate: &rcgen::Certificate, key: &rcgen::KeyPair) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

#[test]
fn who_is_not_trusted_gets_nothing() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let server = Server::start(vec![ok()], Some(with_tls(&made.cert, &made.signing_key)));
    let endpoint = format!("https://localhost:{}", server.address.port());
    let batch = Batch::of(3);
    let mut trusting =
        OtlpGrpc::builder(&endpoint).trust(Pem::text(made.cert.pem())).timeout(PATIENCE).build().unwrap();
    assert_eq!(batch.send(&mut trusting), Answer::taken());
    assert_eq!(server.requests().len(), 1);
    let mut wary = OtlpGrpc::builder(&endpoint).timeout(PATIENCE).build().unwrap();
    assert_refused(&batch.send(&mut wary), Reason::Auth);
    // Plain text where TLS is spoken.
    let mut plain = server.exporter();
    assert_later(&batch.send(&mut plain));
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn requests_go_through_the_proxy_that_was_given() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let secure = Server::start(vec![ok()], Some(with_tls(&made.cert, &made.signing_key)));
    let plain = Server::replying([ok(), Reply::HangUp, ok()]);
    let batch = Batch::of(3);
    for (server, scheme, answers) in [(&plain, "http", &[true, false, true][..]), (&secure, "https", &[true])]
    {
        let (proxy, target) = (Tunnel::start(), format!("localhost:{}", server.address.port()));
        let builder = OtlpGrpc::builder(format!("{scheme}://{target}"))
            .header("x-api-key", "for the receiver")
            .proxy(format!("http://me:p%40ss@{}", proxy.address))
            .timeout(PATIENCE);
        let builder = if scheme == "https" { builder.trust(Pem::text(made.cert.pem())) } else { builder };
        let mut exporter = builder.build().unwrap();
        for taken in answers {
            assert_eq!(batch.send(&mut exporter) == Answer::taken(), *taken, "{scheme}");
        }
        // One tunnel a connection; a connection that ended was made anew.
        let asked = proxy.asked();
        assert_eq!(asked.len(), 1 + answers.iter().filter(|taken| !**taken).count());
        let authorization = "Proxy-Authorization: Basic bWU6cEBzcw==";
        let head = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{authorization}\r\n\r\n");
        assert!(asked.iter().all(|asked| *asked == head), "{asked:?}");
        let request = &server.requests()[0];
        assert_eq!(request.body, batch.outgoing(PATIENCE).to_otlp());
        assert_eq!(request.headers["x-api-key"], "for the receiver");
        assert!(!request.headers.contains_key("proxy-authorization"));
    }
}

/// A proxy that answers everything with these words.
#[expect(clippy::disallowed_methods, reason = "a proxy needs a thread")]
fn proxy_saying(words: &'static str) -> SocketAddr {
    use std::io::Write as _;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let _ = client.read(&mut [0; 4096]).and_then(|_| client.write_all(words.as_bytes()));
        }
    });
    address
}

#[test]
fn a_proxy_that_does_not_let_us_through() {
    let server = Server::replying([ok()]);
    let through = |proxy: SocketAddr| {
        let builder = OtlpGrpc::builder(format!("http://{}", server.address)).timeout(PATIENCE);
        let mut exporter = builder.proxy(format!("http://me:secret@{proxy}")).build().unwrap();
        let answer = Batch::of(1).send(&mut exporter);
        assert!(!format!("{answer:?}").contains("secret"), "{answer:?}");
        answer
    };
    assert_refused(
        &through(proxy_saying("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")),
        Reason::Auth,
    );
    let busy = through(proxy_saying("HTTP/1.1 502 Bad Gateway\r\n\r\n"));
    assert!(matches!(&busy, Answer::Later { why, .. } if why.ends_with("HTTP 502")), "{busy:?}");
    assert_later(&through(proxy_saying("what?\r\n\r\n")));
    assert_later(&through(proxy_saying("HTTP/1.1 200 OK\r\n")));
    let (_held, gone) = closed_port();
    assert_later(&through(gone));
    assert!(server.requests().is_empty());
    for (url, fix) in [
        ("socks5://me:secret@proxy", "give one that starts with http:// or https://"),
        ("https://proxy", "gRPC goes through proxies with http:// alone"),
        ("http://me:secret@", "give an address such as http://proxy:3128"),
    ] {
        let error = OtlpGrpc::builder("http://collector:4317").proxy(url).build().unwrap_err();
        assert_eq!(error.to_string(), format!("the proxy of OtlpGrpcBuilder::proxy cannot be used: {fix}"));
    }
}
