//! Health as a tower service, for whoever has an HTTP server already.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::ACCEPT;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use tower_service::Service;

use super::handle::Health;
use crate::health::Answer;

/// Answers requests with the health of a program. To be mounted in a router, with the paths that it
/// [has](super::HealthBuilder::paths); the rest of the router's paths are its own.
///
/// Answers are made at once, without waiting for anything but a page of metrics.
///
/// ```
/// use spanloom::Health;
/// let health = Health::builder().build();
/// let app: axum::Router = axum::Router::new()
///     .route_service("/health", health.service())
///     .route_service("/health/{*endpoint}", health.service())
///     .route_service("/live", health.service());
/// ```
#[derive(Debug, Clone)]
pub struct HealthService {
    health: Health,
}

impl Health {
    /// This handle as a tower service.
    #[must_use]
    pub fn service(&self) -> HealthService {
        HealthService { health: self.clone() }
    }
}

impl<B> Service<Request<B>> for HealthService {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let accept: Vec<&str> =
            request.headers().get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
        let path = request.uri().path();
        let answer = self.health.answer_accepting(request.method().as_str(), path, &accept.join(", "));
        ready(Ok(response(answer)))
    }
}

fn response(answer: Answer) -> Response<Full<Bytes>> {
    let headers = answer.headers();
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        // The type of a page of metrics comes from outside, and may be none.
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}
