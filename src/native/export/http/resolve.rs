//! From names to addresses.
//!
//! An address needs nobody to be asked. To ask for a name can take any time, so a thread does, and is left alone when it takes
//! too long. In a forked process that is [one of our own](fork::spawn).

use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::mpsc::sync_channel;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;
use ureq::{Error, Timeout};

use crate::native::fork;

/// More addresses of one name are not tried.
const MOST: usize = 8;

#[derive(Debug)]
pub(super) struct Resolving;

impl Resolver for Resolving {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let default_port = match uri.scheme_str() {
            Some("http") => Some(80),
            Some("https") => Some(443),
            _ => None,
        };
        let (Some(host), Some(port)) = (uri.host(), uri.port_u16().or(default_port)) else {
            return DefaultResolver::default().resolve(uri, config, timeout);
        };
        let mut found = self.empty();
        if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
            found.push(SocketAddr::new(address, port));
            return Ok(found);
        }
        if fork::generation() == 0 {
            return DefaultResolver::default().resolve(uri, config, timeout);
        }
        let (tell, told) = sync_channel(1);
        let name = host.to_owned();
        fork::spawn("", move || drop(tell.send((name.as_str(), port).to_socket_addrs())))?;
        let addresses = told.recv_timeout(*timeout.after).map_err(|_| Error::Timeout(Timeout::Resolve))??;
        for address in config.ip_family().keep_wanted(addresses).take(MOST) {
            found.push(address);
        }
        if found.is_empty() { Err(Error::HostNotFound) } else { Ok(found) }
    }
}
