//! Addresses of collectors, and how OpenTelemetry makes them out of what is written.

use core::fmt;
use core::net::Ipv6Addr;

use super::secret::{MASK, masked_url};

/// The address of a collector: a URL with `http` or `https`. Prints itself without password and query.
///
/// ```
/// use spanloom::config::Endpoint;
/// let endpoint: Endpoint = "https://me:secret@collector:4318/v1/traces?key=secret".parse()?;
/// assert_eq!(endpoint.to_string(), "https://***@collector:4318/v1/traces?***");
/// assert_eq!((endpoint.host(), endpoint.port(), endpoint.is_https()), ("collector", 4318, true));
/// assert_eq!(endpoint.reveal(), "https://me:secret@collector:4318/v1/traces?key=secret");
/// assert!("http://collector:0".parse::<Endpoint>().is_err());
/// # Ok::<(), spanloom::config::EndpointError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    https: bool,
    /// Empty, or with its `@`.
    user: String,
    /// Without brackets.
    host: String,
    port: Option<u16>,
    /// Empty, or with a `/` in front.
    path: String,
    /// Empty, or with its `?`.
    query: String,
}

/// Why a text is no [`Endpoint`].
///
/// ```
/// use spanloom::config::{Endpoint, EndpointError};
/// assert_eq!("collector:4318".parse::<Endpoint>(), Err(EndpointError::NoScheme));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// It does not say how to connect.
    #[error("it needs http:// or https:// in front")]
    NoScheme,
    /// It says to connect in another way.
    #[error("the scheme must be http or https")]
    Scheme,
    /// There is no host, or its name holds a character that names may not have.
    #[error("it needs the name or the address of a host")]
    Host,
    /// The port is no number from 1 to 65535.
    #[error("the port must be a number from 1 to 65535")]
    Port,
    /// There is an `@` in the path, which may be the one behind a password with a slash in it.
    #[error("an @ behind the host, and a / in a password, must be percent-encoded")]
    At,
    /// There is a `#` part, which no server ever sees.
    #[error("it must not have a # part")]
    Fragment,
    /// It holds white space, a control character or one that is not ASCII.
    #[error("white space, control characters, \\ and what is not ASCII must be percent-encoded")]
    Character,
}

impl core::str::FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        if !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
            return Err(EndpointError::Character);
        }
        let (scheme, rest) = text.split_once("://").ok_or(EndpointError::NoScheme)?;
        let https = match scheme {
            _ if scheme.eq_ignore_ascii_case("http") => false,
            _ if scheme.eq_ignore_ascii_case("https") => true,
            _ => return Err(EndpointError::Scheme),
        };
        if rest.contains('#') {
            return Err(EndpointError::Fragment);
        }
        let (rest, query) = split_before(rest, '?');
        let (authority, path) = split_before(rest, '/');
        if path.contains('@') {
            return Err(EndpointError::At);
        }
        let (user, address) = match authority.rfind('@') {
            Some(at) => authority.split_at_checked(at + 1).unwrap_or(("", authority)),
            None => ("", authority),
        };
        let (host, port) = split_port(address)?;
        Ok(Self { https, user: user.into(), host: host.into(), port, path: path.into(), query: query.into() })
    }
}

/// The text up to this mark, and the rest with it.
fn split_before(text: &str, mark: char) -> (&str, &str) {
    text.find(mark).and_then(|at| text.split_at_checked(at)).unwrap_or((text, ""))
}

fn split_port(address: &str) -> Result<(&str, Option<u16>), EndpointError> {
    let (host, port) = if let Some(rest) = address.strip_prefix('[') {
        let (host, behind) = rest.split_once(']').ok_or(EndpointError::Host)?;
        host.parse::<Ipv6Addr>().map_err(|_| EndpointError::Host)?;
        let port = behind.strip_prefix(':');
        if port.is_none() && !behind.is_empty() {
            return Err(EndpointError::Host);
        }
        (host, port)
    } else {
        let (host, port) = match address.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (address, None),
        };
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if host.is_empty() || !host.bytes().all(fits) {
            return Err(EndpointError::Host);
        }
        (host, port)
    };
    let Some(port) = port else { return Ok((host, None)) };
    // `parse` would take a sign.
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(EndpointError::Port);
    }
    match port.parse::<u16>() {
        Ok(number) if number > 0 => Ok((host, Some(number))),
        _ => Err(EndpointError::Port),
    }
}

impl Endpoint {
    /// The whole URL, with what may be secret: for the one who connects.
    #[must_use]
    pub fn reveal(&self) -> String {
        self.write(&self.user, &self.query)
    }

    /// True for `https`.
    #[must_use]
    pub const fn is_https(&self) -> bool {
        self.https
    }

    /// The host, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, or the one that the scheme has by default.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.https { 443 } else { 80 })
    }

    /// The path; empty where none was given.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// This address with `path` behind its own path, and one `/` between them.
    #[must_use]
    pub(super) fn joined(mut self, path: &str) -> Self {
        if !self.path.ends_with('/') {
            self.path.push('/');
        }
        self.path.push_str(path);
        self
    }

    /// This address with at least `/` as its path.
    #[must_use]
    pub(super) fn with_path(mut self) -> Self {
        if self.path.is_empty() {
            self.path.push('/');
        }
        self
    }

    fn write(&self, user: &str, query: &str) -> String {
        let scheme = if self.https { "https" } else { "http" };
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        let port = self.port.map_or_else(String::new, |port| format!(":{port}"));
        format!("{scheme}://{user}{open}{}{close}{port}{}{query}", self.host, self.path)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = if self.user.is_empty() { String::new() } else { format!("{MASK}@") };
        let query = if self.query.is_empty() { String::new() } else { format!("?{MASK}") };
        f.write_str(&self.write(&user, &query))
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A collector on this machine that speaks OTLP over HTTP.
pub(super) fn local(signal_path: &str) -> Endpoint {
    Endpoint {
        https: false,
        user: String::new(),
        host: "localhost".into(),
        port: Some(4318),
        path: format!("/{signal_path}"),
        query: String::new(),
    }
}

/// A collector on this machine that speaks OTLP over gRPC.
pub(super) fn local_grpc() -> Endpoint {
    Endpoint { port: Some(4317), path: String::new(), ..local("") }
}

/// What was written for an endpoint, until it is known by which protocol it is spoken to.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) text: String,
    pub(super) rule: PathRule,
}

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&masked_url(&self.text))
    }
}

/// What becomes of the path of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PathRule {
    /// The signal's path is put behind it: `OTEL_EXPORTER_OTLP_ENDPOINT`.
    Base,
    /// It stays as it is: `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`.
    Exact,
    /// The signal's path, where none is written: files.
    #[cfg_attr(not(feature = "yaml"), allow(dead_code, reason = "only files say it"))]
    WhereMissing,
}

impl Written {
    /// The address that OTLP over HTTP sends this signal to.
    pub(super) fn http(&self, signal_path: &str) -> Result<Endpoint, EndpointError> {
        let endpoint: Endpoint = self.text.parse()?;
        Ok(match self.rule {
            PathRule::Base => endpoint.joined(signal_path),
            PathRule::WhereMissing if matches!(endpoint.path.as_str(), "" | "/") => {
                endpoint.joined(signal_path)
            }
            PathRule::WhereMissing | PathRule::Exact => endpoint.with_path(),
        })
    }

    /// The address that OTLP over gRPC connects to; without a scheme `insecure` says which it is.
    pub(super) fn grpc(&self, insecure: bool) -> Result<Endpoint, EndpointError> {
        if self.text.contains("://") {
            return self.text.parse();
        }
        let scheme = if insecure { "http" } else { "https" };
        format!("{scheme}://{}", self.text).parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str, rule: PathRule) -> Written {
        Written { text: text.into(), rule }
    }

    #[test]
    fn paths() {
        use PathRule::{Base, Exact, WhereMissing};
        for (text, rule, url) in [
            ("http://c:4318", Base, "http://c:4318/v1/traces"),
            ("http://c:4318/", Base, "http://c:4318/v1/traces"),
            ("http://c/mycollector", Base, "http://c/mycollector/v1/traces"),
            ("http://c/mycollector/", Base, "http://c/mycollector/v1/traces"),
            ("https://c/x?key=1", Base, "https://c/x/v1/traces?key=1"),
            ("http://c:4318", Exact, "http://c:4318/"),
            ("http://c:4318/x", Exact, "http://c:4318/x"),
            ("http://c:4318/x/", Exact, "http://c:4318/x/"),
            ("http://c:4318", WhereMissing, "http://c:4318/v1/traces"),
            ("http://c:4318/", WhereMissing, "http://c:4318/v1/traces"),
            ("http://c:4318/x", WhereMissing, "http://c:4318/x"),
            ("HTTPS://[::1]:4318/v1/traces", Exact, "https://[::1]:4318/v1/traces"),
        ] {
            assert_eq!(written(text, rule).http("v1/traces").unwrap().reveal(), url, "{text} {rule:?}");
        }
        for (text, insecure, url) in [
            ("jaeger:4317", true, "http://jaeger:4317"),
            ("jaeger:4317", false, "https://jaeger:4317"),
            ("http://jaeger:4317", false, "http://jaeger:4317"),
            ("https://jaeger", true, "https://jaeger"),
        ] {
            assert_eq!(written(text, PathRule::Base).grpc(insecure).unwrap().reveal(), url);
        }
    }

    #[test]
    fn what_is_no_address() {
        use EndpointError::{At, Character, Fragment, Host, NoScheme, Port, Scheme};
        for (text, error) in [
            ("", NoScheme),
            ("collector:4318", NoScheme),
            ("://c", Scheme),
            ("ftp://c", Scheme),
            ("unix:///run/c.sock", Scheme),
            ("http://", Host),
            ("http:///x", Host),
            ("http://:4318", Host),
            ("http://me@", Host),
            ("http://[::1", Host),
            ("http://[zz]", Host),
            ("http://[::1]x", Host),
            ("http://a,b", Host),
            ("http://c:0", Port),
            ("http://c:65536", Port),
            ("http://c:+80", Port),
            ("http://c:", Port),
            ("http://c:80:80", Port),
            ("http://token/x@c", At),
            ("http://c#x", Fragment),
            ("http://c/a b", Character),
            ("http://c/\r\nx: y", Character),
            ("http://c\\x", Character),
            ("http://bücher", Character),
        ] {
            assert_eq!(text.parse::<Endpoint>(), Err(error), "{text}");
        }
    }

    #[test]
    fn secrets_stay_inside() {
        let endpoint: Endpoint = "http://me:hush@c/x?k=hush".parse().unwrap();
        assert!(!format!("{endpoint} {endpoint:?}").contains("hush"));
        assert!(!format!("{:?}", written("http://me:hush@c/x?k=hush", PathRule::Base)).contains("hush"));
    }
}
