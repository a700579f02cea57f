//! Which proxy stands between an exporter and its endpoint: decided once, when the exporter is made.
//!
//! The environment is read as other programs read it: `HTTPS_PROXY` or `HTTP_PROXY` by the endpoint's scheme, else `ALL_PROXY`,
//! in capitals or not; `NO_PROXY` lists hosts, domains, addresses and networks that need none. What runs on this machine is
//! never asked through a proxy of the environment.

use std::net::{IpAddr, SocketAddr};

use super::endpoint::Endpoint;
use super::error::ExporterError;

/// What the user said about proxies.
#[derive(Clone, Default)]
pub(super) enum Proxying {
    #[default]
    Environment,
    None,
    Url(String),
}

/// A proxy that is to be used.
pub(super) struct ProxyUrl {
    /// Who named it: a variable, or a method.
    pub(super) key: &'static str,
    pub(super) text: String,
}

impl ProxyUrl {
    fn read(key: &'static str, text: &str) -> Result<Self, ExporterError> {
        let text = text.trim();
        let url = Self { key, text: text.to_owned() };
        let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        if scheme.is_some_and(|scheme| scheme != "http" && scheme != "https") {
            return Err(url.bad("give one that starts with http:// or https://"));
        }
        Ok(url)
    }

    pub(super) fn bad(&self, fix: &'static str) -> ExporterError {
        ExporterError::Proxy { key: self.key, fix }
    }
}

impl Proxying {
    /// The proxy for this endpoint; `own` is the method that names one.
    pub(super) fn decide(
        &self,
        endpoint: &Endpoint,
        own: &'static str,
    ) -> Result<Option<ProxyUrl>, ExporterError> {
        self.decide_by(endpoint, own, environment)
    }

    fn decide_by(
        &self,
        endpoint: &Endpoint,
        own: &'static str,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<ProxyUrl>, ExporterError> {
        match self {
            Self::None => Ok(None),
            Self::Url(url) => ProxyUrl::read(own, url).map(Some),
            Self::Environment => from_environment(endpoint, environment),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "proxies are found by the environment, in every program")]
fn environment(key: &str) -> Option<String> {
    std::env::var(key).ok()
}

fn from_environment(
    endpoint: &Endpoint,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<Option<ProxyUrl>, ExporterError> {
    if is_this_machine(host_of(endpoint)) {
        return Ok(None);
    }
    let value = |key: &str| environment(key).filter(|value| !value.trim().is_empty());
    let excepted = value("NO_PROXY").or_else(|| value("no_proxy")).unwrap_or_default();
    if excepted.split(',').any(|entry| covers(entry.trim(), endpoint)) {
        return Ok(None);
    }
    // A server that runs programs per request hands them a header named "Proxy" as HTTP_PROXY.
    let is_cgi = environment("REQUEST_METHOD").is_some();
    let keys: [&'static str; 4] = match (endpoint.is_https(), is_cgi) {
        (true, _) => ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"],
        (false, false) => ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"],
        (false, true) => ["http_proxy", "http_proxy", "ALL_PROXY", "all_proxy"],
    };
    let found = keys.into_iter().find_map(|key| value(key).map(|url| (key, url)));
    found.map(|(key, url)| ProxyUrl::read(key, &url)).transpose()
}

/// The host without the brackets of IPv6.
fn host_of(endpoint: &Endpoint) -> &str {
    endpoint.uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']')
}

pub(super) fn port_of(endpoint: &Endpoint) -> u16 {
    endpoint.uri.port_u16().unwrap_or(if endpoint.is_https() { 443 } else { 80 })
}

fn is_this_machine(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// True when an entry of `NO_PROXY` means this endpoint.
fn covers(entry: &str, endpoint: &Endpoint) -> bool {
    let host = host_of(endpoint);
    if entry == "*" {
        return true;
    }
    if let Ok(address) = host.parse::<IpAddr>() {
        let bare = entry.trim_start_matches('[').trim_end_matches(']');
        let with_port = SocketAddr::new(address, port_of(endpoint));
        return bare.parse() == Ok(address) || entry.parse() == Ok(with_port) || in_network(bare, address);
    }
    let domain = entry.trim_start_matches('*').trim_start_matches('.');
    if domain.is_empty() {
        return false;
    }
    is_host_and_port(entry, endpoint) || is_in_domain(host, domain)
}

fn is_in_domain(host: &str, domain: &str) -> bool {
    let (host, domain) = (host.to_ascii_lowercase(), domain.to_ascii_lowercase());
    host.strip_suffix(&domain).is_some_and(|above| above.is_empty() || above.ends_with('.'))
}

fn is_host_and_port(entry: &str, endpoint: &Endpoint) -> bool {
    entry.rsplit_once(':').is_some_and(|(host, port)| {
        let host = host.trim_start_matches(['*', '.']);
        port.parse() == Ok(port_of(endpoint)) && !host.is_empty() && is_in_domain(host_of(endpoint), host)
    })
}

/// True for an address in a network such as `10.0.0.0/8`.
fn in_network(entry: &str, address: IpAddr) -> bool {
    let Some((network, bits)) = entry.split_once('/') else { return false };
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else { return false };
    let (of_network, of_address, width) = match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            (network.to_bits().into(), address.to_bits().into(), 32)
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => (network.to_bits(), address.to_bits(), 128),
        _ => return false,
    };
    let differing: u128 = of_network ^ of_address;
    bits <= width && differing.checked_shr(width - bits).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(endpoint: &str, environment: &[(&str, &str)]) -> Result<Option<String>, String> {
        let endpoint = Endpoint::read(endpoint, None).unwrap();
        let lookup = |key: &str| {
            environment.iter().find(|(name, _)| *name == key).map(|(_, value)| (*value).to_owned())
        };
        let proxy = Proxying::Environment.decide_by(&endpoint, "", lookup);
        Ok(proxy.map_err(|error| error.to_string())?.map(|proxy| proxy.text))
    }

    #[test]
    fn the_scheme_of_the_endpoint_chooses_the_variable() {
        let all = [("HTTPS_PROXY", "http://s:1"), ("HTTP_PROXY", "http://p:2"), ("ALL_PROXY", "http://a:3")];
        assert_eq!(chosen("https://collector", &all), Ok(Some("http://s:1".into())));
        assert_eq!(chosen("http://collector", &all), Ok(Some("http://p:2".into())));
        assert_eq!(chosen("http://collector", &all[2..]), Ok(Some("http://a:3".into())));
        assert_eq!(chosen("http://collector", &[("http_proxy", "p:2")]), Ok(Some("p:2".into())));
        assert_eq!(chosen("http://collector", &all[..1]), Ok(None));
        assert_eq!(chosen("https://collector", &[("HTTPS_PROXY", " ")]), Ok(None));
        let of_a_request = [("HTTP_PROXY", "http://evil"), ("REQUEST_METHOD", "GET")];
        assert_eq!(chosen("http://collector", &of_a_request), Ok(None));
    }

    #[test]
    fn this_machine_and_what_is_excepted_need_no_proxy() {
        for host in ["localhost", "127.0.0.1", "127.9.9.9", "[::1]"] {
            let endpoint = format!("https://{host}:4318");
            assert_eq!(chosen(&endpoint, &[("HTTPS_PROXY", "http://s:1")]), Ok(None), "{host}");
        }
        for (excepted, endpoint, needs_one) in [
            ("example.com", "https://example.com", false),
            ("example.com", "https://otel.example.com", false),
            (".example.com", "https://otel.example.com", false),
            ("*.example.com", "https://otel.example.com", false),
            ("EXAMPLE.com", "https://otel.Example.COM", false),
            ("example.com", "https://badexample.com", true),
            ("a, example.com ,b", "https://example.com", false),
            ("example.com:4318", "https://example.com:4318", false),
            ("example.com:4318", "https://example.com", true),
            ("*", "https://example.com", false),
            ("", "https://example.com", true),
            (".", "https://example.com", true),
            ("10.0.0.0/8", "https://10.200.1.1", false),
            ("10.0.0.0/8", "https://11.0.0.1", true),
            ("0.0.0.0/0", "https://11.0.0.1", false),
            ("10.0.0.1/33", "https://10.0.0.1", true),
            ("10.0.0.1", "https://10.0.0.1", false),
            ("10.0.0.1:443", "https://10.0.0.1", false),
            ("fd00::/8", "https://[fd00::1]", false),
            ("fd00::1", "https://[fd00::1]", false),
            ("fd00::2", "https://[fd00::1]", true),
        ] {
            let proxy = chosen(endpoint, &[("HTTPS_PROXY", "http://s:1"), ("NO_PROXY", excepted)]).unwrap();
            assert_eq!(proxy.is_some(), needs_one, "{excepted:?} {endpoint}");
        }
    }

    #[test]
    fn a_proxy_of_another_kind_is_named_by_its_variable() {
        let error = "the proxy of HTTPS_PROXY cannot be used: give one that starts with http:// or https://"
            .to_owned();
        let environment = [("HTTPS_PROXY", "socks5://u:secret@proxy")];
        assert_eq!(chosen("https://collector", &environment), Err(error));
    }
}
