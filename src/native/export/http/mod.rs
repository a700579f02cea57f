//! Spans over OTLP/HTTP.
//!
//! One call of `export` is one request and its answer:
//!
//! ```text
//!  records ──▶ protobuf or JSON ──▶ gzip? ──▶ POST ──▶ status, Retry-After, Date, at most 64 KiB of body ──▶ Answer
//!                                              │
//!                                              └── no answer: refused, reset, too late, not trusted ──▶ Answer
//! ```
//!
//! Connections are kept open between calls. Redirects are not followed: they could carry credentials elsewhere. An `https`
//! endpoint is never spoken to in plain text. Certificates are checked against Mozilla's list, which is compiled in, so that
//! trust does not depend on the machine (containers often have no list at all); a private authority is given by its
//! certificate, and then nobody else is trusted.

mod answer;
mod resolve;

use std::fmt;
use std::io::Read as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use ureq::config::Config;
use ureq::http::header::{
    ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT,
};
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Proxy};

use self::resolve::Resolving;
use super::endpoint::Endpoint;
use super::error::ExporterError;
use super::gzip::Gzip;
use super::otlp_options::{self, LONGEST, MOST_REQUEST, OtlpOptions};
use super::proxy::{ProxyUrl, Proxying};
use super::tls::{Pem, Tls};
use super::{Exporter, MetricExporter, Outgoing, OutgoingMetrics};
use crate::config::{OtlpExporting, Protocol};
use crate::deliver::{Answer, HttpResponse, answer_of_http};
use crate::native::suppress::suppress;
use crate::native::system_unix_nanos;
use crate::otlp::DecodeError;
use crate::otlp::json::{metrics_to_json, traces_to_json};

/// More of an answer is not read.
const MOST_ANSWER: u64 = 64 << 10;
/// Buffers that grew beyond this are given back.
const MOST_KEPT: usize = 8 << 20;

/// The form of requests.
///
/// ```
/// assert_eq!(spanloom::native::Encoding::default(), spanloom::native::Encoding::Protobuf);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// Protobuf: records are copied into the request as they are.
    #[default]
    Protobuf,
    /// JSON: larger and slower, for receivers that cannot do otherwise.
    Json,
}

impl Encoding {
    const fn content_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }
}

/// Sends spans over OTLP/HTTP.
///
/// ```
/// use std::io::{Read as _, Write as _};
/// use std::time::Duration;
/// use spanloom::Loom;
/// use spanloom::native::OtlpHttp;
/// // A receiver that takes everything.
/// let receiver = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let endpoint = format!("http://{}", receiver.local_addr()?);
/// std::thread::spawn(move || {
///     let (mut stream, _) = receiver.accept()?;
///     let _ = stream.read(&mut [0; 4096])?;
///     stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
/// });
///
/// let loom = Loom::builder().exporter(OtlpHttp::builder(endpoint).build()?).build();
/// loom.workflow("answer").start().end();
/// assert_eq!(loom.flush(Duration::from_secs(5)).delivered, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct OtlpHttp {
    agent: Agent,
    endpoint: Endpoint,
    headers: HeaderMap,
    encoding: Encoding,
    gzip: Option<Gzip>,
    connect_timeout: Duration,
    timeout: Duration,
    /// The request in protobuf.
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl OtlpHttp {
    /// An exporter to this endpoint. Where the address has no path, the path of traces is added: `/v1/traces`.
    pub fn builder(endpoint: impl Into<String>) -> OtlpHttpBuilder {
        OtlpHttpBuilder::of(OtlpOptions::new(endpoint))
    }

    /// Where spans go, for people: without user, password and query.
    ///
    /// ```
    /// let exporter = spanloom::native::OtlpHttp::builder("http://me:secret@localhost:4318").build()?;
    /// assert_eq!(exporter.endpoint(), "http://localhost:4318/v1/traces");
    /// # Ok::<(), spanloom::native::ExporterError>(())
    /// ```
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint.shown
    }

    fn send(&mut self, outgoing: &Outgoing<'_>) -> Answer {
        let mut request = std::mem::take(&mut self.request);
        request.clear();
        outgoing.write_otlp(&mut request);
        let answer = self.post(&request, traces_to_json, outgoing.within);
        self.request = request;
        answer
    }

    /// Sends a request in protobuf, which `to_json` turns into the other form.
    fn post(&mut self, request: &[u8], to_json: ToJson, within: Duration) -> Answer {
        if request.is_empty() {
            return Answer::taken();
        }
        let json;
        let body = match self.encoding {
            Encoding::Protobuf => request,
            Encoding::Json => match to_json(request) {
                Ok(text) => {
                    json = text.into_bytes();
                    &json
                }
                Err(error) => return answer::not_encoded(&error),
            },
        };
        if body.len() > MOST_REQUEST {
            return Answer::TooLarge { why: "a request may have 64 MiB".to_owned() };
        }
        let body = match &mut self.gzip {
            None => body,
            Some(gzip) => match gzip.pack(body) {
                Ok(packed) => packed,
                Err(error) => return answer::not_encoded(&error),
            },
        };
        let within = within.min(self.timeout).min(LONGEST);
        let mut request = self
            .agent
            .post(&self.endpoint.uri)
            .config()
            .timeout_global(Some(within))
            .timeout_connect(Some(within.min(self.connect_timeout)))
            .build();
        if let Some(headers) = request.headers_mut() {
            headers.extend(self.headers.clone());
        }
        let response = match request.send(body) {
            Ok(response) => response,
            Err(error) => return answer::of_error(&error, &self.endpoint.shown),
        };
        self.read_answer(response)
    }

    fn read_answer(&mut self, response: ureq::http::Response<ureq::Body>) -> Answer {
        let (head, body) = response.into_parts();
        self.answer.clear();
        let read = body.into_reader().take(MOST_ANSWER).read_to_end(&mut self.answer);
        if let Err(error) = read {
            return answer::of_broken_answer(head.status, ureq::Error::from(error), &self.endpoint.shown);
        }
        if self.answer.len() as u64 == MOST_ANSWER && head.status.is_success() {
            return answer::too_long(head.status, &self.endpoint.shown);
        }
        let text = |name: HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok());
        // It was not asked for, but nothing keeps a server from it.
        if text(CONTENT_ENCODING).is_some_and(|encoding| encoding.eq_ignore_ascii_case("gzip")) {
            let mut unpacked = Vec::new();
            // What is broken or cut is judged as far as it goes.
            let _ = flate2::read::GzDecoder::new(self.answer.as_slice())
                .take(MOST_ANSWER)
                .read_to_end(&mut unpacked);
            self.answer = unpacked;
        }
        let answer = answer_of_http(
            &HttpResponse {
                status: head.status.as_u16(),
                retry_after: text(RETRY_AFTER),
                date: text(DATE),
                content_type: text(CONTENT_TYPE),
                body: &self.answer,
            },
            Duration::from_nanos(system_unix_nanos()),
        );
        answer::said_by(&self.endpoint.shown, answer)
    }

    /// Gives memory back that an uncommonly large request took.
    fn shrink(&mut self) {
        if self.request.capacity() > MOST_KEPT {
            self.request = Vec::new();
        }
        if let Some(gzip) = &mut self.gzip {
            gzip.shrink(MOST_KEPT);
        }
    }
}

/// Turns a request into JSON.
type ToJson = fn(&[u8]) -> Result<String, DecodeError>;

impl MetricExporter for OtlpHttp {
    fn metrics_name(&self) -> &str {
        "otlp-http"
    }

    fn export_metrics(&mut self, outgoing: &OutgoingMetrics<'_>) -> Answer {
        let send = || suppress(|| self.post(outgoing.request, metrics_to_json, outgoing.within));
        let answer = catch_unwind(AssertUnwindSafe(send))
            .unwrap_or_else(|_| Answer::later(format!("{}: the client panicked", self.endpoint.shown)));
        self.shrink();
        answer
    }
}

impl Exporter for OtlpHttp {
    fn name(&self) -> &str {
        "otlp-http"
    }

    fn export(&mut self, outgoing: &Outgoing<'_>) -> Answer {
        // The client looks names up on a thread of its own, and panics where the system has none to give: that passes.
        let answer = catch_unwind(AssertUnwindSafe(|| suppress(|| self.send(outgoing))))
            .unwrap_or_else(|_| Answer::later(format!("{}: the client panicked", self.endpoint.shown)));
        self.shrink();
        answer
    }

    fn twin(&self) -> Option<Box<dyn Exporter>> {
        Some(Box::new(Self {
            // Connections belong to an agent; this one has none yet.
            agent: agent(self.agent.config().clone()),
            endpoint: self.endpoint.clone(),
            headers: self.headers.clone(),
            encoding: self.encoding,
            gzip: self.gzip.is_some().then(Gzip::new),
            connect_timeout: self.connect_timeout,
            timeout: self.timeout,
            request: Vec::new(),
            answer: Vec::new(),
        }))
    }
}

impl fmt::Debug for OtlpHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtlpHttp").field("endpoint", &self.endpoint.shown).finish_non_exhaustive()
    }
}

/// Makes an [`OtlpHttp`].
///
/// ```
/// use std::time::Duration;
/// use spanloom::native::{Encoding, OtlpHttp};
/// let exporter = OtlpHttp::builder("https://collector.example:4318")
///     .header("x-api-key", "kept secret")
///     .encoding(Encoding::Json)
///     .gzip(true)
///     .timeout(Duration::from_secs(3))
///     .build()?;
/// assert_eq!(exporter.endpoint(), "https://collector.example:4318/v1/traces");
/// # Ok::<(), spanloom::native::ExporterError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct OtlpHttpBuilder {
    options: OtlpOptions,
    as_is: bool,
    /// What an address gets that has none.
    path: &'static str,
    encoding: Encoding,
}

impl OtlpHttpBuilder {
    fn of(options: OtlpOptions) -> Self {
        Self { options, as_is: false, path: "/v1/traces", encoding: Encoding::default() }
    }

    /// As a configuration says.
    pub(crate) fn configured(otlp: &OtlpExporting) -> Self {
        let encoding = match otlp.protocol {
            Protocol::HttpJson => Encoding::Json,
            Protocol::HttpProtobuf | Protocol::Grpc => Encoding::Protobuf,
        };
        Self::of(OtlpOptions::configured(otlp)).as_is().encoding(encoding)
    }

    /// Uses the endpoint as it is, also without a path: what `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` asks for.
    pub const fn as_is(mut self) -> Self {
        self.as_is = true;
        self
    }

    /// The form of requests: protobuf unless told otherwise.
    pub const fn encoding(mut self, encoding: Encoding) -> Self {
        self.encoding = encoding;
        self
    }

    /// Packs requests with gzip. Off by default: on one machine it costs more than it saves.
    pub const fn gzip(mut self, on: bool) -> Self {
        self.options.gzip = on;
        self
    }

    /// Sends this header along. A second one of the same name replaces the first.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.headers.push((name.into(), value.into()));
        self
    }

    /// How long it may take to reach the receiver, TLS and proxy included: 5 s unless told otherwise.
    pub const fn connect_timeout(mut self, most: Duration) -> Self {
        self.options.connect_timeout = most;
        self
    }

    /// How long a request may take as a whole: 10 s unless told otherwise, and never longer than the caller has time.
    pub const fn timeout(mut self, most: Duration) -> Self {
        self.options.timeout = most;
        self
    }

    /// Sends through this proxy, also to this machine. By default `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`
    /// are read when the exporter is made. All requests go through a tunnel (`CONNECT`), plain ones too.
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

    /// It is for metrics: where the address has no path, it gets theirs, `/v1/metrics`.
    ///
    /// ```
    /// use spanloom::native::OtlpHttp;
    /// let exporter = OtlpHttp::builder("http://localhost:4318").metrics().build()?;
    /// assert_eq!(exporter.endpoint(), "http://localhost:4318/v1/metrics");
    /// let loom = spanloom::Loom::builder().metric_exporter(exporter);
    /// # Ok::<(), spanloom::native::ExporterError>(())
    /// ```
    pub const fn metrics(mut self) -> Self {
        self.path = "/v1/metrics";
        self
    }

    /// Makes the exporter. Nothing is sent yet; that the receiver is not there is found out later, and may change.
    ///
    /// # Errors
    /// When the address, a header, the proxy, a certificate or a key cannot be used.
    pub fn build(self) -> Result<OtlpHttp, ExporterError> {
        let endpoint = Endpoint::read(&self.options.endpoint, (!self.as_is).then_some(self.path))?;
        let proxy = self.options.proxying.decide(&endpoint, "OtlpHttpBuilder::proxy")?;
        let proxy = proxy.map(|url| http_proxy(&url)).transpose()?;
        let headers = self.all_headers(&endpoint)?;
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .https_only(endpoint.is_https())
            .max_redirects(0)
            .proxy(proxy)
            .tls_config(tls_config(&self.options.tls.read()?)?)
            .user_agent(otlp_options::USER_AGENT)
            .accept_encoding("")
            .max_response_header_size(64 << 10)
            .input_buffer_size(16 << 10)
            .max_idle_connections(1)
            .build();
        Ok(OtlpHttp {
            agent: agent(config),
            endpoint,
            headers,
            encoding: self.encoding,
            gzip: self.options.gzip.then(Gzip::new),
            connect_timeout: self.options.connect_timeout,
            timeout: self.options.timeout,
            request: Vec::new(),
            answer: Vec::new(),
        })
    }

    /// What every request carries.
    fn all_headers(&self, endpoint: &Endpoint) -> Result<HeaderMap, ExporterError> {
        let content_type = HeaderValue::from_static(self.encoding.content_type());
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static(otlp_options::USER_AGENT));
        headers.insert(ACCEPT, content_type.clone());
        headers.insert(CONTENT_TYPE, content_type);
        if self.options.gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        self.options.put_headers(endpoint, &mut headers)?;
        Ok(headers)
    }
}

impl fmt::Debug for OtlpHttpBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.options.show("OtlpHttpBuilder", f)
    }
}

#[cfg(test)]
mod tests;

fn agent(config: Config) -> Agent {
    Agent::with_parts(config, DefaultConnector::new(), Resolving)
}

fn tls_config(tls: &Tls) -> Result<TlsConfig, ExporterError> {
    let unusable = |error: ureq::Error| ExporterError::Setup { problem: error.to_string() };
    let certificates = |pem: &[u8]| -> Result<Vec<Certificate<'static>>, ureq::Error> {
        let items = parse_pem(pem).filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        });
        items.collect()
    };
    let roots = match &tls.trusted {
        Some(trusted) => certificates(trusted).map_err(unusable)?.into(),
        None => RootCerts::WebPki,
    };
    let identity = tls.identity.as_ref().map(|(chain, key)| {
        Ok(ClientCert::new_with_certs(&certificates(chain)?, PrivateKey::from_pem(key)?))
    });
    Ok(TlsConfig::builder()
        .root_certs(roots)
        .client_cert(identity.transpose().map_err(unusable)?)
        // Whatever other provider the program has installed: what was checked is what is used.
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build())
}

fn http_proxy(url: &ProxyUrl) -> Result<Proxy, ExporterError> {
    Proxy::new(&url.text).map_err(|_| url.bad("give an address such as http://proxy:3128"))
}
