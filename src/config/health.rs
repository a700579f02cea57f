//! Settings of health, and how their texts are read.
//!
//! A probe that asks at the wrong place, or is never told the truth, is worse than a program that does not start: unlike
//! most variables these end the start when they cannot be used, as they do in Dynamo.

use core::time::Duration;

use super::parse::{self, Fault, Parsed};
use super::read::Given;
use crate::health::Status;
use crate::value::Value;

/// What is told of the program's health, and where.
///
/// ```
/// use spanloom::Config;
/// let environment = |name: &str| (name == "DYN_SYSTEM_PORT").then(|| "8081".to_owned());
/// let (config, _) = Config::from_lookup(environment)?;
/// assert_eq!((config.health.host.as_str(), config.health.port), ("0.0.0.0", Some(8081)));
/// # Ok::<(), spanloom::config::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// The address to listen on.
    pub host: String,
    /// The port to listen on, 0 for a free one; `None` for no server.
    pub port: Option<u16>,
    /// Where readiness is asked for.
    pub path: String,
    /// Where it is asked whether the program is alive.
    pub live_path: String,
    /// What the program is until something else is known.
    pub starting: Status,
    /// The endpoints that must be ready, by name; empty for the other rules.
    pub endpoints: Vec<String>,
    /// Checks of endpoints that nobody uses.
    pub canary: Canary,
    /// What exporters have to do with it.
    pub exporters: ExportersInHealth,
}

/// Checks of endpoints that nobody uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    /// They are made.
    pub enabled: bool,
    /// How long an endpoint is idle before it is checked.
    pub wait: Duration,
    /// How long a check may take.
    pub timeout: Duration,
}

/// What exporters have to do with the health of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum ExportersInHealth {
    /// Nothing: the answer is the same as without them.
    #[default]
    Hidden,
    /// They are in the answer, under a key of their own. Readiness is what it is without them.
    Shown,
    /// As `Shown`, and a dead exporter makes the program not ready.
    Decide,
}

impl ExportersInHealth {
    pub(super) const ALL: [Self; 3] = [Self::Hidden, Self::Shown, Self::Decide];

    /// Its name in variables and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hidden => "hidden",
            Self::Shown => "shown",
            Self::Decide => "decide",
        }
    }
}

impl Default for Health {
    fn default() -> Self {
        Self {
            host: "0.0.0.0".into(),
            port: None,
            path: "/health".into(),
            live_path: "/live".into(),
            starting: Status::NotReady,
            endpoints: Vec::new(),
            canary: Canary::default(),
            exporters: ExportersInHealth::default(),
        }
    }
}

impl Default for Canary {
    fn default() -> Self {
        Self { enabled: false, wait: Duration::from_secs(10), timeout: Duration::from_secs(3) }
    }
}

fn refused<T>(why: &str) -> Parsed<T> {
    Err(Fault::Refused(why.into()))
}

/// Below 0 there is no server, whatever the number.
pub(super) fn port(text: &str) -> Parsed<Option<u16>> {
    match text.parse::<i64>() {
        Ok(number) if number < 0 => Ok(None),
        Ok(number) => match u16::try_from(number) {
            Ok(port) => Ok(Some(port)),
            Err(_) => refused("it must be a port up to 65535, 0 for a free one, or -1 for no server"),
        },
        Err(_) => refused("it must be a port up to 65535, 0 for a free one, or -1 for no server"),
    }
}

pub(super) fn show_port(port: Option<u16>) -> String {
    port.map_or_else(|| "-1".into(), |port| port.to_string())
}

pub(super) fn host(text: &str) -> Parsed<String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]%".contains(&byte);
    if text.bytes().all(fits) {
        Ok(text.into())
    } else {
        refused("it must be the name or the address of a host")
    }
}

pub(super) fn path(text: &str) -> Parsed<String> {
    let fits = |byte: u8| byte.is_ascii_graphic() && !b"?#%".contains(&byte);
    if text.starts_with('/') && text.bytes().all(fits) {
        Ok(text.into())
    } else {
        refused("it must begin with / and have no ?, #, % or white space")
    }
}

pub(super) fn status(text: &str) -> Parsed<Status> {
    match Status::ALL.into_iter().find(|status| text.eq_ignore_ascii_case(status.name())) {
        Some(status) => Ok(status),
        None => refused("it must be ready or notready"),
    }
}

/// `["generate","embed"]` or `generate,embed`.
pub(super) fn endpoints(text: &str) -> Parsed<Vec<String>> {
    if !text.starts_with('[') {
        return Ok(parse::members(text).map(str::to_owned).collect());
    }
    let wrong = || Fault::Refused("it must be a list of names: [\"generate\"]".into());
    let read = Value::from_json(text).map_err(|_| wrong())?;
    let Value::Array(members) = &read else { return Err(wrong()) };
    let name = |member: &Value| match member {
        Value::String(name) => Ok(name.clone()),
        _ => Err(wrong()),
    };
    members.iter().map(name).collect()
}

pub(super) fn show_endpoints(endpoints: &[String]) -> String {
    let names: Vec<Value> = endpoints.iter().map(|name| Value::String(name.clone())).collect();
    Value::Array(names).to_json()
}

pub(super) fn switch(text: &str) -> Parsed<bool> {
    parse::loose_truth(text).map_or_else(|| refused("it must be true or false"), Ok)
}

/// Seconds in variables, as all times in files.
pub(super) fn seconds(given: &Given<'_>) -> Parsed<Duration> {
    let time = if given.variable().is_empty() {
        parse::duration(given.text)?
    } else {
        given.text.parse().map(Duration::from_secs).unwrap_or_default()
    };
    if time.is_zero() {
        return refused("it must be a time of more than 0: in variables a whole number of seconds");
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports() {
        for (text, expected) in [
            ("0", Some(Some(0))),
            ("8081", Some(Some(8081))),
            ("65535", Some(Some(65535))),
            ("-1", Some(None)),
            ("-7", Some(None)),
            ("65536", None),
            ("http", None),
            ("80.5", None),
        ] {
            assert_eq!(port(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn names_of_endpoints() {
        let names = |text: &str| endpoints(text).ok();
        let list = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(names(r#"["generate", "ns/embed"]"#), list(&["generate", "ns/embed"]));
        assert_eq!(names("generate, embed,"), list(&["generate", "embed"]));
        assert_eq!(names("[]"), list(&[]));
        for wrong in ["[", "[1]", r#"["a""#, r#"["a"] b"#, r#"[["a"]]"#] {
            assert_eq!(names(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn paths_and_hosts() {
        assert_eq!(path("/custom/health").as_deref(), Ok("/custom/health"));
        for wrong in ["health", "", "/a b", "/a?b", "/a#b", "/a\r\nb", "/ä", "/%41"] {
            assert!(path(wrong).is_err(), "{wrong:?}");
        }
        for good in ["0.0.0.0", "::", "[::1]", "localhost", "fe80::1%eth0"] {
            assert_eq!(host(good).as_deref(), Ok(good));
        }
        for wrong in ["a b", "a/b", "a\n", "a@b"] {
            assert!(host(wrong).is_err(), "{wrong:?}");
        }
    }
}
