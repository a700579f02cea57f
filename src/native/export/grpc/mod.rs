//! Spans over OTLP/gRPC.
//!
//! As over HTTP, one call of `export` is one request and its answer; tonic and a small runtime of the exporter's own speak
//! HTTP/2. The request is not built from messages: its bytes are written as for OTLP/HTTP, and a codec passes bytes
//! through. The runtime turns only while a request is under way, on the thread that calls `export`. After a request that
//! found no answer in time the connection is given up: what is stuck on it would be stuck again.
//!
//! Where there is a proxy, connections are made through a tunnel in it.

mod answer;
mod codec;
mod tunnel;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use http::header::HeaderMap;
use http::uri::PathAndQuery;
use tokio::runtime::{Builder, Handle, Runtime};
use tonic::client::Grpc;
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataMap;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint as Peer, Identity};
use tonic::{Request, Status};

use self::codec::RawCodec;
use self::tunnel::Tunnel;
use super::endpoint::Endpoint;
use super::error::ExporterError;
use super::otlp_options::{LONGEST, MOST_REQUEST, OtlpOptions, USER_AGENT};
use super::proxy::Proxying;
use super::tls::Pem;
use super::{Exporter, MetricExporter, Outgoing, OutgoingMetrics};
use crate::config::OtlpExporting;
use crate::deliver::Answer;
use crate::native::suppress::suppress;

const TRACES: PathAndQuery =
    PathAndQuery::from_static("/opentelemetry.proto.collector.trace.v1.TraceService/Export");
const METRICS: PathAndQuery =
    PathAndQuery::from_static("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export");
/// A larger answer is not read.
const MOST_ANSWER: usize = 64 << 10;

/// Sends spans over OTLP/gRPC.
///
/// ```
/// use spanloom::Loom;
/// use spanloom::native::OtlpGrpc;
/// // Nothing is sent before there is something to send.
/// let loom = Loom::builder().exporter(OtlpGrpc::builder("http://localhost:4317").build()?).build();
/// # drop(loom);
/// # Ok::<(), spanloom::native::ExporterError>(())
/// ```
pub struct OtlpGrpc {
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
    peer: Peer,
    /// For twins. Not shared with `peer`: sessions of TLS have a lock.
    spare: Peer,
    tunnel: Option<Tunnel>,
    channel: Channel,
    shown: String,
    headers: HeaderMap,
    gzip: bool,
    timeout: Duration,
}

impl OtlpGrpc {
    /// An exporter to this endpoint: `http://host:port` in plain text, `https://host:port` with TLS. Without a scheme it is
    /// TLS, unless [`insecure`](OtlpGrpcBuilder::insecure) is asked for.
    pub fn builder(endpoint: impl Into<String>) -> OtlpGrpcBuilder {
        OtlpGrpcBuilder { options: OtlpOptions::new(endpoint), insecure: false }
    }

    /// Where spans go, for people.
    ///
    /// ```
    /// let exporter = spanloom::native::OtlpGrpc::builder("localhost:4317").insecure(true).build()?;
    /// assert_eq!(exporter.endpoint(), "http://localhost:4317/");
    /// # Ok::<(), spanloom::native::ExporterError>(())
    /// ```
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.shown
    }

    fn send(&mut self, outgoing: &Outgoing<'_>) -> Answer {
        let mut body = Vec::new();
        outgoing.write_otlp(&mut body);
        self.call(TRACES, body, outgoing.within)
    }

    fn call(&mut self, method: PathAndQuery, body: Vec<u8>, within: Duration) -> Answer {
        if body.is_empty() {
            return Answer::taken();
        }
        if body.len() > MOST_REQUEST {
            return Answer::TooLarge { why: "a request may have 64 MiB".to_owned() };
        }
        let Some(runtime) = &self.runtime else { return Answer::later("the exporter is gone") };
        let within = within.min(self.timeout).min(LONGEST);
        let mut request = Request::new(Bytes::from(body));
        *request.metadata_mut() = MetadataMap::from_headers(self.headers.clone());
        request.set_timeout(within);
        let call = call(self.channel.clone(), method, request, self.gzip);
        let in_time = async { tokio::time::timeout(within, call).await };
        let answered = if Handle::try_current().is_ok() {
            // Somebody flushes from inside another runtime, and runtimes do not nest on one thread.
            std::thread::scope(|scope| scope.spawn(|| suppress(|| runtime.block_on(in_time))).join().ok())
        } else {
            Some(runtime.block_on(in_time))
        };
        match answered {
            Some(Ok(Ok(body))) => answer::of_body(&body, &self.shown),
            Some(Ok(Err(status))) => answer::of_status(&status, &self.shown),
            Some(Err(_)) | None => {
                let _inside = runtime.enter();
                self.channel = connect(&self.peer, self.tunnel.as_ref());
                Answer::later(format!("{}: no answer in time", self.shown))
            }
        }
    }
}

/// A connection that is made when it is needed.
fn connect(peer: &Peer, tunnel: Option<&Tunnel>) -> Channel {
    match tunnel {
        Some(tunnel) => peer.connect_with_connector_lazy(tunnel.clone()),
        None => peer.connect_lazy(),
    }
}

async fn call(
    channel: Channel,
    method: PathAndQuery,
    request: Request<Bytes>,
    gzip: bool,
) -> Result<Bytes, Status> {
    let mut client = Grpc::new(channel).max_decoding_message_size(MOST_ANSWER);
    if gzip {
        client = client.send_compressed(CompressionEncoding::Gzip);
    }
    client.ready().await.map_err(|error| Status::from_error(error.into()))?;
    Ok(client.unary(request, method, RawCodec).await?.into_inner())
}

impl MetricExporter for OtlpGrpc {
    fn metrics_name(&self) -> &str {
        "otlp-grpc"
    }

    fn export_metrics(&mut self, outgoing: &OutgoingMetrics<'_>) -> Answer {
        suppress(|| self.call(METRICS, outgoing.request.to_vec(), outgoing.within))
    }
}

impl Exporter for OtlpGrpc {
    fn name(&self) -> &str {
        "otlp-grpc"
    }

    fn export(&mut self, outgoing: &Outgoing<'_>) -> Answer {
        suppress(|| self.send(outgoing))
    }

    fn twin(&self) -> Option<Box<dyn Exporter>> {
        let (peer, tunnel) = (self.spare.clone(), self.tunnel.clone());
        let (shown, headers) = (self.shown.clone(), self.headers.clone());
        let plan = Plan { peer, tunnel, shown, headers, gzip: self.gzip, timeout: self.timeout };
        Some(Box::new(Twin { plan, made: None }))
    }
}

/// What an exporter is made by.
#[derive(Clone)]
struct Plan {
    peer: Peer,
    tunnel: Option<Tunnel>,
    shown: String,
    headers: HeaderMap,
    gzip: bool,
    timeout: Duration,
}

impl Plan {
    fn make(self, spare: Peer) -> Result<OtlpGrpc, ExporterError> {
        let Self { peer, tunnel, shown, headers, gzip, timeout } = self;
        let runtime = Builder::new_current_thread().enable_io().enable_time().build();
        let runtime = runtime.map_err(|error| setup(&error))?;
        let channel = {
            let _inside = runtime.enter();
            connect(&peer, tunnel.as_ref())
        };
        Ok(OtlpGrpc { runtime: Some(runtime), peer, spare, tunnel, channel, shown, headers, gzip, timeout })
    }
}

/// An exporter that is made when it is first used: what a runtime waits at is shared by all processes that have it.
struct Twin {
    plan: Plan,
    made: Option<OtlpGrpc>,
}

impl Exporter for Twin {
    fn name(&self) -> &str {
        "otlp-grpc"
    }

    fn export(&mut self, outgoing: &Outgoing<'_>) -> Answer {
        if self.made.is_none() {
            match self.plan.clone().make(self.plan.peer.clone()) {
                Ok(made) => self.made = Some(made),
                Err(error) => return Answer::later(error.to_string()),
            }
        }
        match &mut self.made {
            Some(made) => made.export(outgoing),
            None => Answer::later("there is no exporter"),
        }
    }

    fn twin(&self) -> Option<Box<dyn Exporter>> {
        Some(Box::new(Self { plan: self.plan.clone(), made: None }))
    }
}

impl Drop for OtlpGrpc {
    fn drop(&mut self) {
        // Dropped as it is, a runtime waits for look-ups of names, and panics inside another one.
        if let Some(runtime) = self.runtime.take() {
            // What ends with it is traced by the libraries that did it.
            suppress(|| runtime.shutdown_background());
        }
    }
}

impl fmt::Debug for OtlpGrpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtlpGrpc").field("endpoint", &self.shown).finish_non_exhaustive()
    }
}

/// Makes an [`OtlpGrpc`].
///
/// ```
/// use std::time::Duration;
/// use spanloom::native::OtlpGrpc;
/// let exporter = OtlpGrpc::builder("https://collector.example:4317")
///     .header("x-api-key", "kept secret")
///     .gzip(true)
///     .timeout(Duration::from_secs(3))
///     .build()?;
/// # drop(exporter);
/// # Ok::<(), spanloom::native::ExporterError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct OtlpGrpcBuilder {
    options: OtlpOptions,
    insecure: bool,
}

impl OtlpGrpcBuilder {
    /// As a configuration says.
    pub(crate) fn configured(otlp: &OtlpExporting) -> Self {
        Self { options: OtlpOptions::configured(otlp), insecure: false }
    }

    /// Speaks plain text with an endpoint that names no scheme. A scheme outweighs this.
    pub const fn insecure(mut self, on: bool) -> Self {
        self.insecure = on;
        self
    }

    /// Packs requests with gzip.
    pub const fn gzip(mut self, on: bool) -> Self {
        self.options.gzip = on;
        self
    }

    /// Sends this header (metadata) along. A second one of the same name replaces the first.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.headers.push((name.into(), value.into()));
        self
    }

    /// How long it may take to reach the receiver: 5 s unless told otherwise.
    pub const fn connect_timeout(mut self, most: Duration) -> Self {
        self.options.connect_timeout = most;
        self
    }

    /// How long a request may take as a whole: 10 s unless told otherwise, and never longer than the caller has time.
    pub const fn timeout(mut self, most: Duration) -> Self {
        self.options.timeout = most;
        self
    }

    /// Sends through this proxy, also to this machine: one with `http://`, which makes tunnels (`CONNECT`). By default
    /// `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` are read when the exporter is made.
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.options.proxying = Proxying::Url(url.into());
        self
    }

    /// Sends through no proxy, whatever the environment says.
    pub fn no_proxy(mut self) -> Self {
        self.options.proxying = Proxying::None;
        self
    }

    /// Trusts receivers with a certificate by one of these authorities, and no others.
    pub fn trust(mut self, authorities: Pem) -> Self {
        self.options.tls.trusted = Some(authorities);
        self
    }

    /// Shows this certificate to a receiver that asks for one (mTLS), with the key of it.
    pub fn identity(mut self, certificate: Pem, key: Pem) -> Self {
        self.options.tls.identity = Some((certificate, key));
        self
    }

    /// Makes the exporter. Nothing is sent yet; that the receiver is not there is found out later, and may change.
    ///
    /// # Errors
    /// When the address, a header, the proxy, a certificate or a key cannot be used, or the system gives no means to wait for sockets.
    pub fn build(self) -> Result<OtlpGrpc, ExporterError> {
        let endpoint = self.read_endpoint()?;
        let mut headers = HeaderMap::new();
        self.options.put_headers(&endpoint, &mut headers)?;
        let kept = |name: &str| name.starts_with("grpc-") || name.ends_with("-bin");
        if let Some(name) = headers.keys().find(|name| kept(name.as_str())) {
            let fix = "gRPC keeps names that begin with grpc- or end with -bin for itself";
            return Err(ExporterError::Header { name: name.to_string(), fix });
        }
        let (peer, spare) = (self.peer(&endpoint)?, self.peer(&endpoint)?);
        let proxy = self.options.proxying.decide(&endpoint, "OtlpGrpcBuilder::proxy")?;
        let tunnel = proxy.map(|url| Tunnel::new(&url, &endpoint)).transpose()?;
        let OtlpOptions { gzip, timeout, .. } = self.options;
        Plan { peer, tunnel, shown: endpoint.shown, headers, gzip, timeout }.make(spare)
    }

    fn read_endpoint(&self) -> Result<Endpoint, ExporterError> {
        let endpoint = &self.options.endpoint;
        if endpoint.contains("://") {
            return Endpoint::read(endpoint, None);
        }
        let scheme = if self.insecure { "http" } else { "https" };
        Endpoint::read(&format!("{scheme}://{endpoint}"), None)
    }

    fn peer(&self, endpoint: &Endpoint) -> Result<Peer, ExporterError> {
        // gRPC has paths of its own.
        let mut parts = endpoint.uri.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::from_static("/"));
        let uri = Uri::from_parts(parts).map_err(|error| setup(&error))?;
        let peer = Peer::from(uri).connect_timeout(self.options.connect_timeout);
        let peer = peer.user_agent(USER_AGENT).map_err(|error| setup(&error))?;
        let checked = self.options.tls.clone().read()?;
        if !endpoint.is_https() {
            return Ok(peer);
        }
        let mut tls = match &checked.trusted {
            Some(trusted) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(trusted)),
            None => ClientTlsConfig::new().with_webpki_roots(),
        };
        if let Some((chain, key)) = &checked.identity {
            tls = tls.identity(Identity::from_pem(chain, key));
        }
        peer.tls_config(tls).map_err(|error| setup(&error))
    }
}

fn setup(error: &dyn fmt::Display) -> ExporterError {
    ExporterError::Setup { problem: error.to_string() }
}

impl fmt::Debug for OtlpGrpcBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.options.show("OtlpGrpcBuilder", f)
    }
}
