//! What is answered to requests: paths, methods, status codes, headers.

use std::borrow::Cow;

use crate::config::percent_decoded;

const TEXT: &str = "text/plain; charset=utf-8";
pub(super) const JSON: &str = "application/json";

/// The answer to a request, for whoever sends it.
///
/// ```
/// use spanloom::health::Answer;
/// let answer = Answer::text(404, "Route not found");
/// assert_eq!(answer.headers()[0], ("content-type", "text/plain; charset=utf-8".to_owned()));
/// assert_eq!(answer.headers()[1], ("content-length", "15".to_owned()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// What the body is.
    pub content_type: Cow<'static, str>,
    /// The body; empty where the request was `HEAD`.
    pub body: String,
    /// The length of the body that `GET` has.
    pub length: usize,
    /// The methods that there are, where the request had another one.
    pub allow: Option<&'static str>,
}

impl Answer {
    /// A body of this type.
    ///
    /// ```
    /// use spanloom::health::Answer;
    /// let answer = Answer::new(200, "application/json", "{}");
    /// assert_eq!((answer.status, answer.body.as_str(), answer.length), (200, "{}", 2));
    /// ```
    #[must_use]
    pub fn new(status: u16, content_type: impl Into<Cow<'static, str>>, body: impl Into<String>) -> Self {
        let body = body.into();
        Self { status, content_type: content_type.into(), length: body.len(), body, allow: None }
    }

    /// A plain text. What a worker answers is JSON under this name, as in Dynamo.
    #[must_use]
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self::new(status, TEXT, body)
    }

    /// What is answered where there is nothing.
    ///
    /// ```
    /// assert_eq!(spanloom::health::Answer::not_found().body, "Route not found");
    /// ```
    #[must_use]
    pub fn not_found() -> Self {
        Self::text(404, "Route not found")
    }

    /// What is answered to a method that there is not.
    ///
    /// ```
    /// assert_eq!(spanloom::health::Answer::method_not_allowed().allow, Some("GET, HEAD"));
    /// ```
    #[must_use]
    pub fn method_not_allowed() -> Self {
        Self { allow: Some("GET, HEAD"), ..Self::text(405, "Method not allowed") }
    }

    /// The same without its body: what `HEAD` is answered.
    ///
    /// ```
    /// use spanloom::health::Answer;
    /// let head = Answer::not_found().without_body();
    /// assert_eq!((head.body.as_str(), head.length), ("", 15));
    /// ```
    #[must_use]
    pub fn without_body(mut self) -> Self {
        self.body.clear();
        self
    }

    /// Names and values of all headers that are to be sent.
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("content-type", self.content_type.to_string()),
            ("content-length", self.length.to_string()),
            // What was true a second ago is of no use here.
            ("cache-control", "no-store".to_owned()),
        ];
        headers.extend(self.allow.map(|allow| ("allow", allow.to_owned())));
        headers
    }
}

/// What a path asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Route {
    /// Whether the program is ready.
    Health,
    /// Whether it is alive.
    Live,
    /// Its metrics.
    Metrics,
    /// Whether this endpoint is ready.
    Endpoint(String),
    /// Nothing that there is.
    Unknown,
}

/// The paths that are answered.
///
/// ```
/// use spanloom::health::{Paths, Route};
/// let paths = Paths::default();
/// assert_eq!(paths.route("/health?verbose"), Route::Health);
/// assert_eq!(paths.route("/health/generate"), Route::Endpoint("generate".to_owned()));
/// assert_eq!(paths.route("/liveness"), Route::Unknown);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// Where readiness is asked for; endpoints are below it.
    pub health: String,
    /// Where it is asked whether the program is alive.
    pub live: String,
    /// Where metrics are.
    pub metrics: String,
}

impl Default for Paths {
    fn default() -> Self {
        Self { health: "/health".into(), live: "/live".into(), metrics: "/metrics".into() }
    }
}

impl Paths {
    /// What this path asks for. A query behind it does not matter.
    #[must_use]
    pub fn route(&self, target: &str) -> Route {
        let path = target.split(['?', '#']).next().unwrap_or_default();
        if path == self.health {
            return Route::Health;
        }
        if path == self.live {
            return Route::Live;
        }
        if path == self.metrics {
            return Route::Metrics;
        }
        let name = path.strip_prefix(self.health.as_str()).map(|rest| match rest.strip_prefix('/') {
            // The path may end with a slash of its own.
            None if self.health.ends_with('/') => rest,
            None => "",
            Some(name) => name,
        });
        match name.filter(|name| !name.is_empty()).and_then(percent_decoded) {
            Some(name) => Route::Endpoint(name),
            None => Route::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let endpoint = |name: &str| Route::Endpoint(name.to_owned());
        let paths = Paths::default();
        for (path, route) in [
            ("/health", Route::Health),
            ("/health?a=/live", Route::Health),
            ("/live", Route::Live),
            ("/live#x", Route::Live),
            ("/metrics", Route::Metrics),
            ("/health/", Route::Unknown),
            ("/healthy", Route::Unknown),
            ("/Health", Route::Unknown),
            ("/live/", Route::Unknown),
            ("/", Route::Unknown),
            ("", Route::Unknown),
            ("health", Route::Unknown),
            ("/health/a", endpoint("a")),
            ("/health/a/b", endpoint("a/b")),
            ("/health/dyn:%2F%2Fns.c.e?x", endpoint("dyn://ns.c.e")),
            ("/health/%ff", Route::Unknown),
            ("/health/a b", endpoint("a b")),
        ] {
            assert_eq!(paths.route(path), route, "{path}");
        }
        let own = Paths { health: "/a/".into(), live: "/a/live".into(), ..Paths::default() };
        assert_eq!((own.route("/a/"), own.route("/a/live")), (Route::Health, Route::Live));
        assert_eq!((own.route("/a/x"), own.route("/health")), (endpoint("x"), Route::Unknown));
    }

    #[test]
    fn headers() {
        let names = |answer: &Answer| answer.headers().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        let three = ["content-type", "content-length", "cache-control"];
        assert_eq!(names(&Answer::not_found()), three);
        assert_eq!(names(&Answer::method_not_allowed()), [three.as_slice(), &["allow"]].concat());
        let (get, head) = (Answer::text(200, "ä"), Answer::text(200, "ä").without_body());
        assert_eq!(get.headers(), head.headers());
        assert_eq!(get.length, 2);
    }
}
