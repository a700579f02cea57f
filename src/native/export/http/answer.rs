//! What a request without a whole answer came to, in the words of delivery. Whole answers are judged there.

use std::fmt::Display;
use std::io;

use rustls::Error as TlsError;
use ureq::http::StatusCode;
use ureq::{Error, Timeout};

use crate::deliver::{Answer, Reason};
use crate::native::export::tls;

pub(super) fn not_encoded(error: &dyn Display) -> Answer {
    Answer::Refused { reason: Reason::EncodeError, why: error.to_string() }
}

/// A whole answer, with the address in front of what went wrong: where a path is wrong that is half of what one wants to know.
pub(super) fn said_by(endpoint: &str, answer: Answer) -> Answer {
    let at = |why: String| format!("{endpoint}: {why}");
    match answer {
        Answer::Later { after, why } => Answer::Later { after, why: at(why) },
        Answer::TooLarge { why } => Answer::TooLarge { why: at(why) },
        Answer::Refused { reason, why } => Answer::Refused { reason, why: at(why) },
        Answer::Unclear { why } => Answer::Unclear { why: at(why) },
        taken @ (Answer::Taken { .. } | Answer::Partly { .. }) => taken,
    }
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
            Some(error) => tls::answer_of(error, endpoint),
            None => later(error),
        },
        Error::Rustls(error) => tls::answer_of(error, endpoint),
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
        Error::Timeout(_) if status.is_success() => unclear(status, "did not end in time", endpoint),
        error => of_error(&error, endpoint),
    }
}

/// An answer was longer than is read.
pub(super) fn too_long(status: StatusCode, endpoint: &str) -> Answer {
    unclear(status, "was longer than 64 KiB", endpoint)
}

fn unclear(status: StatusCode, what: &str, endpoint: &str) -> Answer {
    Answer::Unclear { why: format!("{endpoint}: its answer began with {status} and {what}") }
}

fn tls_error(error: &io::Error) -> Option<&TlsError> {
    error.get_ref()?.downcast_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_refuses_names_the_address() {
        let address = "http://collector:4318/v1/trace";
        let refused = |why: &str| Answer::Refused { reason: Reason::NonRetryable, why: why.to_owned() };
        assert_eq!(
            said_by(address, refused("HTTP 404: no such page")),
            refused("http://collector:4318/v1/trace: HTTP 404: no such page")
        );
        assert_eq!(said_by(address, Answer::taken()), Answer::taken());
    }
}
