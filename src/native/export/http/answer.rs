//! What a request came to, in the words of delivery.

use std::fmt::Display;
use std::io;

use rustls::{AlertDescription, Error as TlsError};
use ureq::http::StatusCode;
use ureq::{Error, Timeout};

use crate::deliver::{Answer, Reason};

pub(super) fn not_encoded(error: &dyn Display) -> Answer {
    Answer::Refused { reason: Reason::EncodeError, why: error.to_string() }
}

/// No answer came.
pub(super) fn of_error(error: &Error, endpoint: &str) -> Answer {
    let later = |why: &dyn Display| Answer::later(format!("{endpoint}: {why}"));
    let refused = |reason, why: &dyn Display| Answer::Refused { reason, why: format!("{endpoint}: {why}") };
    match error {
        Error::Timeout(timeout) => later(&match timeout {
            Timeout::Resolve => "its name was not resolved in time",
            Timeout::Connect => "no connection in time",
            _ => "no answer in time",
        }),
        Error::HostNotFound => later(&"its name is not known"),
        Error::Io(error) => match tls_error(error) {
            Some(error) => of_tls_error(error, endpoint),
            None => later(error),
        },
        Error::Rustls(error) => of_tls_error(error, endpoint),
        Error::Tls(_) | Error::TlsRequired | Error::Pem(_) => refused(Reason::Auth, error),
        // The text is the library's own around the proxy's status.
        Error::ConnectProxyFailed(text) if text.contains("407") => refused(Reason::Auth, error),
        Error::LargeResponseHeader(..) => {
            refused(Reason::NonRetryable, &"the head of its answer is too large")
        }
        // None of these can be mended by time; the address, which could stand in their text, was checked before.
        Error::BadUri(_) | Error::RequireHttpsOnly(_) => refused(Reason::NonRetryable, &"it cannot be used"),
        Error::Http(_) | Error::InvalidProxyUrl => refused(Reason::NonRetryable, error),
        _ => later(error),
    }
}

/// An answer began and did not end.
pub(super) fn of_broken_answer(status: StatusCode, error: Error, endpoint: &str) -> Answer {
    match error {
        // The status says that the spans are there; to wait for the rest longer would only send them again.
        Error::Timeout(_) if status.is_success() => Answer::Taken {
            warning: format!(
                "{endpoint}: bad_response: its answer began with {status} and did not end in time"
            ),
        },
        error => of_error(&error, endpoint),
    }
}

/// An answer was longer than is read.
pub(super) fn too_long(status: StatusCode, endpoint: &str) -> Answer {
    bad_response(status, "was longer than 64 KiB", endpoint)
}

fn bad_response(status: StatusCode, what: &str, endpoint: &str) -> Answer {
    Answer::Taken { warning: format!("{endpoint}: bad_response: its answer began with {status} and {what}") }
}

fn tls_error(error: &io::Error) -> Option<&TlsError> {
    error.get_ref()?.downcast_ref()
}

/// A receiver that is not who it should be, or that does not want us, is not asked again: time mends no certificate.
fn of_tls_error(error: &TlsError, endpoint: &str) -> Answer {
    match error {
        // Bytes that the network damaged, or a receiver that gave up in the middle.
        TlsError::DecryptError
        | TlsError::AlertReceived(
            AlertDescription::CloseNotify
            | AlertDescription::UserCanceled
            | AlertDescription::InternalError
            | AlertDescription::BadRecordMac,
        ) => Answer::later(format!("{endpoint}: TLS: {error}")),
        _ => Answer::Refused { reason: Reason::Auth, why: format!("{endpoint}: TLS: {error}") },
    }
}

/// Stands in for what delivery knows of HTTP.
pub(super) struct HttpResponse<'a> {
    pub(super) status: u16,
    pub(super) retry_after: Option<&'a str>,
    pub(super) date: Option<&'a str>,
    pub(super) content_type: &'a str,
    pub(super) body: &'a [u8],
}

pub(super) fn of_http(response: &HttpResponse<'_>, _unix_now: u64) -> Answer {
    use crate::otlp::{ExportResponse, Signal};
    let why = format!("HTTP {}", response.status);
    let _ = response.date;
    match response.status {
        200..300 => {
            let read = if response.content_type.starts_with("application/json") {
                ExportResponse::from_json(Signal::Traces, response.body).map_err(|error| error.to_string())
            } else {
                ExportResponse::decode(response.body).map_err(|error| error.to_string())
            };
            match read {
                Ok(read) if read.rejected > 0 => {
                    Answer::Partly { rejected: read.rejected, message: read.message }
                }
                Ok(read) => Answer::Taken { warning: read.message },
                Err(error) => Answer::Taken { warning: format!("bad_response: {error}") },
            }
        }
        429 | 502 | 503 | 504 => Answer::Later {
            after: response
                .retry_after
                .and_then(|text| text.parse().ok())
                .map(std::time::Duration::from_secs),
            why,
        },
        413 => Answer::TooLarge { why },
        401 | 403 | 407 => Answer::Refused { reason: Reason::Auth, why },
        _ => Answer::Refused { reason: Reason::NonRetryable, why },
    }
}
