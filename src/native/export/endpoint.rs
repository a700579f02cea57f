//! Where spans are sent to: addresses and headers, checked before anything is sent.

use http::uri::{Authority, Parts, PathAndQuery, Scheme};
use http::{HeaderName, HeaderValue, Uri};

use super::error::ExporterError;
use crate::json::put_base64;

/// What an exporter sets itself; a second one of these would contradict it or change where the request ends.
const OURS: [&str; 9] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// A checked address.
#[derive(Clone)]
pub(super) struct Endpoint {
    /// Without user and password.
    pub(super) uri: Uri,
    /// User and password of the address, as an `Authorization` header.
    pub(super) authorization: Option<HeaderValue>,
    /// The address for people: no user, no password, no query.
    pub(super) shown: String,
}

impl Endpoint {
    /// Reads an address. With `default_path` an address without a path gets this one.
    pub(super) fn read(text: &str, default_path: Option<&str>) -> Result<Self, ExporterError> {
        let bad = |fix| ExporterError::Endpoint { endpoint: without_secrets(text), fix };
        let uri: Uri =
            text.trim().parse().map_err(|_| bad("it is not an address such as http://localhost:4318"))?;
        let scheme = uri.scheme().filter(|scheme| **scheme == Scheme::HTTP || **scheme == Scheme::HTTPS);
        let scheme = scheme.ok_or_else(|| bad("give one that starts with http:// or https://"))?.clone();
        let authority = uri.authority().ok_or_else(|| bad("it names no host"))?;
        let (user, place) = match authority.as_str().rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, authority.as_str()),
        };
        let authorization = user.map(basic).transpose().map_err(|()| {
            bad("user and password in it are not percent-encoded UTF-8; use a header instead")
        })?;
        let place: Authority = place.parse().map_err(|_| bad("its host is not valid"))?;
        if place.host().is_empty() {
            return Err(bad("it names no host"));
        }
        let port_is_named = place.as_str().len() > place.host().len();
        if port_is_named && place.port_u16().is_none_or(|port| port == 0) {
            return Err(bad("its port is not a number from 1 to 65535"));
        }
        let path = match (uri.path_and_query(), default_path) {
            (None, Some(default)) => PathAndQuery::try_from(default).ok(),
            (Some(path), Some(default)) if matches!(path.path(), "" | "/") => {
                let query = path.query().map(|query| format!("?{query}")).unwrap_or_default();
                PathAndQuery::try_from(format!("{default}{query}")).ok()
            }
            (path, _) => Some(path.cloned().unwrap_or_else(|| PathAndQuery::from_static("/"))),
        };
        let path = path.ok_or_else(|| bad("its path is not valid"))?;
        let shown = format!("{scheme}://{place}{}", path.path());
        let mut parts = Parts::default();
        (parts.scheme, parts.authority, parts.path_and_query) = (Some(scheme), Some(place), Some(path));
        let uri =
            Uri::from_parts(parts).map_err(|_| bad("it is not an address such as http://localhost:4318"))?;
        Ok(Self { uri, authorization, shown })
    }

    pub(super) fn is_https(&self) -> bool {
        self.uri.scheme() == Some(&Scheme::HTTPS)
    }
}

/// An address for people, also where it is not valid: what stands before an `@` and behind a `?` is left out.
pub(super) fn without_secrets(text: &str) -> String {
    let shown = text.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = shown.split_once("://").map_or(("", shown), |(scheme, rest)| (scheme, rest));
    let rest = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
    let text = if scheme.is_empty() { rest.to_owned() } else { format!("{scheme}://{rest}") };
    text.escape_debug().take(200).collect()
}

/// `user:password` of an address as a header.
fn basic(user: &str) -> Result<HeaderValue, ()> {
    let mut plain = percent_decoded(user).ok_or(())?;
    if !user.contains(':') {
        plain.push(b':');
    }
    let mut text = "Basic ".to_owned();
    put_base64(&mut text, &plain);
    let mut value = HeaderValue::from_str(&text).map_err(|_| ())?;
    value.set_sensitive(true);
    Ok(value)
}

fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (high, low) = (rest.next()?, rest.next()?);
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        bytes.push(digit(high)? << 4 | digit(low)?);
    }
    core::str::from_utf8(&bytes).is_ok().then_some(bytes)
}

/// Checks a header. A line break in it would begin another header, so it is refused, not escaped.
pub(super) fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), ExporterError> {
    let bad = |fix| ExporterError::Header { name: name.escape_debug().take(100).collect(), fix };
    let name = name.trim();
    if name.is_empty() {
        return Err(bad("give it a name"));
    }
    let checked = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| bad("its name may have letters, digits and -_.!#$%&'*+^`|~ only"))?;
    if OURS.contains(&checked.as_str()) {
        return Err(bad("the exporter sets it; leave it out"));
    }
    let mut value = HeaderValue::from_str(value)
        .ok()
        .filter(|value| value.as_bytes().iter().all(u8::is_ascii))
        .ok_or_else(|| bad("its value may have no line breaks, no control characters and ASCII only"))?;
    // What users put into headers are keys and tokens, mostly.
    value.set_sensitive(true);
    Ok((checked, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Endpoint, String> {
        Endpoint::read(text, Some("/v1/traces")).map_err(|error| error.to_string())
    }

    #[test]
    fn an_address_without_a_path_gets_the_signals_path() {
        for (text, uri) in [
            ("http://localhost:4318", "http://localhost:4318/v1/traces"),
            ("http://localhost:4318/", "http://localhost:4318/v1/traces"),
            ("https://collector", "https://collector/v1/traces"),
            ("HTTPS://collector?key=a", "https://collector/v1/traces?key=a"),
            ("http://[::1]:4318", "http://[::1]:4318/v1/traces"),
            ("http://collector/otlp", "http://collector/otlp"),
            ("http://collector/otlp/v1/traces?key=a", "http://collector/otlp/v1/traces?key=a"),
            (" http://collector/v1/traces ", "http://collector/v1/traces"),
        ] {
            assert_eq!(read(text).map(|endpoint| endpoint.uri.to_string()).as_deref(), Ok(uri), "{text}");
        }
        let as_is = Endpoint::read("http://collector", None).unwrap();
        assert_eq!(as_is.uri.to_string(), "http://collector/");
    }

    #[test]
    fn addresses_that_are_no_use_are_named_without_their_secrets() {
        for text in [
            "",
            "collector",
            "collector:4318",
            "/v1/traces",
            "ftp://u:secret@collector",
            "http://",
            "http://u:secret@",
            "http://collector:0",
            "http://collector:65536",
            "http://collector:",
            "http://collector:secret",
            "http://u:%zzsecret@collector",
            "http://u:secret@exa mple",
            "http://u:se\r\ncret@collector?token=secret",
            "unix:///run/secret",
            "http://u:%ffsecret@collector",
        ] {
            let error = read(text).map(|endpoint| endpoint.uri).expect_err(text);
            let names_itself = text.contains("unix") || text.ends_with(":secret");
            assert!(names_itself || !error.contains("secret"), "{error}");
            assert!(error.starts_with("the endpoint \""), "{error}");
            assert!(!error.contains(['\r', '\n']), "{error}");
        }
    }

    #[test]
    fn user_and_password_become_a_header_and_are_shown_nowhere() {
        let endpoint = read("https://planner:p%40ss@collector:4318/otlp?token=x").unwrap();
        assert_eq!(endpoint.uri.to_string(), "https://collector:4318/otlp?token=x");
        assert_eq!(endpoint.shown, "https://collector:4318/otlp");
        let header = endpoint.authorization.unwrap();
        assert_eq!(header.to_str().unwrap(), "Basic cGxhbm5lcjpwQHNz");
        assert!(header.is_sensitive());
        let only_user = read("http://token@collector").unwrap().authorization.unwrap();
        assert_eq!(only_user.to_str().unwrap(), "Basic dG9rZW46");
    }

    #[test]
    fn headers_are_checked_and_their_values_never_told() {
        let (name, value) = header(" X-Api-Key ", "abc=").unwrap();
        assert_eq!((name.as_str(), value.to_str().unwrap()), ("x-api-key", "abc="));
        assert!(value.is_sensitive());
        for (name, value) in [
            ("", "secret"),
            ("  ", "secret"),
            ("a b", "secret"),
            ("a\r\nb", "secret"),
            ("a:", "secret"),
            ("ключ", "secret"),
            ("key", "secret\r\nx: y"),
            ("key", "secret\nx: y"),
            ("key", "secret\0"),
            ("key", "secretй"),
            ("Content-Length", "secret"),
            ("Host", "secret"),
            ("transfer-encoding", "secret"),
        ] {
            let error = header(name, value).unwrap_err().to_string();
            assert!(!error.contains("secret") && !error.contains(['\r', '\n']), "{error}");
        }
    }
}
