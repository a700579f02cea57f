//! The way through a proxy: an HTTP request `CONNECT`, and behind its answer the connection is the receiver's.
//!
//! The answer is read byte by byte and no further than its end: what follows may be a receiver's first words already.

use std::fmt::Write as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderValue, Uri};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tower_service::Service;

use crate::native::export::endpoint::Endpoint;
use crate::native::export::error::ExporterError;
use crate::native::export::proxy::{ProxyUrl, port_of};

/// No head of an answer is longer.
const MOST_HEAD: usize = 16 << 10;

/// Connects through a proxy.
#[derive(Clone)]
pub(super) struct Tunnel(Arc<Plan>);

struct Plan {
    proxy: (String, u16),
    request: String,
    authorization: Option<HeaderValue>,
}

/// Why there is no way through the proxy.
#[derive(Debug, Error)]
pub(super) enum TunnelError {
    #[error("the proxy cannot be reached: {0}")]
    Io(#[from] io::Error),
    #[error("the proxy asks who we are: give it user and password")]
    Auth,
    #[error("the proxy lets nobody through: {0}")]
    Refused(String),
}

impl Tunnel {
    pub(super) fn new(url: &ProxyUrl, receiver: &Endpoint) -> Result<Self, ExporterError> {
        let text = if url.text.contains("://") { url.text.clone() } else { format!("http://{}", url.text) };
        let proxy =
            Endpoint::read(&text, None).map_err(|_| url.bad("give an address such as http://proxy:3128"))?;
        if proxy.is_https() {
            return Err(url.bad("gRPC goes through proxies with http:// alone"));
        }
        // Addresses of IPv6 keep their brackets in a request, and lose them where they are looked up.
        let host = |endpoint: &Endpoint| endpoint.uri.host().unwrap_or_default().to_owned();
        let target = format!("{}:{}", host(receiver), port_of(receiver));
        let request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
        let looked_up = host(&proxy).trim_matches(['[', ']']).to_owned();
        let plan = Plan { proxy: (looked_up, port_of(&proxy)), request, authorization: proxy.authorization };
        Ok(Self(Arc::new(plan)))
    }
}

impl Service<Uri> for Tunnel {
    type Response = TokioIo<TcpStream>;
    type Error = TunnelError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, TunnelError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TunnelError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let plan = Arc::clone(&self.0);
        Box::pin(async move { plan.connect().await.map(TokioIo::new) })
    }
}

impl Plan {
    async fn connect(&self) -> Result<TcpStream, TunnelError> {
        let (host, port) = &self.proxy;
        let mut stream = TcpStream::connect((host.as_str(), *port)).await?;
        stream.set_nodelay(true)?;
        let mut request = self.request.clone();
        if let Some(value) = self.authorization.as_ref().and_then(|value| value.to_str().ok()) {
            let _ = write!(request, "Proxy-Authorization: {value}\r\n");
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if head.len() >= MOST_HEAD {
                return Err(TunnelError::Refused("its answer is too long".to_owned()));
            }
            head.push(stream.read_u8().await?);
        }
        match status(&head) {
            Some(200..300) => Ok(stream),
            Some(407) => Err(TunnelError::Auth),
            Some(status) => Err(TunnelError::Refused(format!("HTTP {status}"))),
            None => Err(TunnelError::Refused("its answer is no HTTP".to_owned())),
        }
    }
}

/// The status in the first line of an answer.
fn status(head: &[u8]) -> Option<u16> {
    let mut words = core::str::from_utf8(head).ok()?.lines().next()?.split(' ');
    words.next().filter(|version| version.starts_with("HTTP/1."))?;
    words.next().filter(|status| status.len() == 3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_proxy_says_first_is_its_status() {
        assert_eq!(status(b"HTTP/1.1 200 Connection established\r\n\r\n"), Some(200));
        assert_eq!(status(b"HTTP/1.0 407\r\n\r\n"), Some(407));
        for other in [&b""[..], b"\r\n\r\n", b"SSH-2.0 200\r\n", b"HTTP/1.1 2000 \r\n", b"HTTP/1.1 \xff\r\n"]
        {
            assert_eq!(status(other), None);
        }
    }
}
