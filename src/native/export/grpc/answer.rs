//! What a call came to, in the words of delivery: the rules of OTLP/gRPC.
//!
//! | status | answer |
//! |---|---|
//! | OK | taken; what was refused in part, and warnings, are read from the message |
//! | CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, UNAVAILABLE, DATA_LOSS | later, after the delay in `RetryInfo` |
//! | RESOURCE_EXHAUSTED | later where there is a `RetryInfo`; too large where it says so; else refused |
//! | UNAUTHENTICATED, PERMISSION_DENIED | refused: auth |
//! | all others | refused |
//!
//! A status that no server sent, because the connection broke, is "later"; unless TLS found the server wanting.

use std::error::Error;
use std::io;
use std::time::Duration;

use tonic::{Code, Status};

use super::tunnel::TunnelError;
use crate::deliver::{Answer, Reason};
use crate::native::export::tls;
use crate::otlp::ExportResponse;
use crate::otlp::wire::{DecodeError, Fields};

/// How much of what a server says is shown to people.
const SHOWN: usize = 200;

pub(super) fn of_body(body: &[u8], endpoint: &str) -> Answer {
    match ExportResponse::decode(body) {
        Ok(ExportResponse { rejected: 0, message }) => Answer::Taken { warning: message },
        Ok(ExportResponse { rejected, message }) => Answer::Partly { rejected, message },
        Err(error) => Answer::Unclear { why: format!("{endpoint}: its answer cannot be read: {error}") },
    }
}

pub(super) fn of_status(status: &Status, endpoint: &str) -> Answer {
    if let Some(source) = status.source() {
        return match find(source, tls_error) {
            Some(error) => tls::answer_of(error, endpoint),
            None if matches!(find(source, tunnel_error), Some(TunnelError::Auth)) => {
                Answer::Refused { reason: Reason::Auth, why: format!("{endpoint}: {}", innermost(source)) }
            }
            None => Answer::later(format!("{endpoint}: {}", innermost(source))),
        };
    }
    let said: String = status.message().escape_debug().take(SHOWN).collect();
    let why = format!("{endpoint}: gRPC {:?}: {said}", status.code());
    let refused = |reason, why| Answer::Refused { reason, why };
    match status.code() {
        // tonic's word for an answer above the limit that it was given.
        Code::OutOfRange if status.message().contains("decoded message length too large") => {
            Answer::Unclear { why: format!("{endpoint}: its answer was longer than 64 KiB") }
        }
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => Answer::Later { after: retry_delay(status.details()).ok().flatten(), why },
        Code::ResourceExhausted => match retry_delay(status.details()).ok().flatten() {
            Some(after) => Answer::Later { after: Some(after), why },
            // What gRPC servers say of a message above their limit.
            None if status.message().contains("larger than max") => Answer::TooLarge { why },
            None => refused(Reason::NonRetryable, why),
        },
        Code::Unauthenticated | Code::PermissionDenied => refused(Reason::Auth, why),
        _ => refused(Reason::NonRetryable, why),
    }
}

/// The first one in a chain of causes that is of this kind.
fn find<'a, T>(
    mut error: &'a (dyn Error + 'static),
    kind: impl Fn(&'a (dyn Error + 'static)) -> Option<&'a T>,
) -> Option<&'a T> {
    loop {
        if let Some(found) = kind(error) {
            return Some(found);
        }
        error = error.source()?;
    }
}

fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    inside.and_then(|inside| inside.downcast_ref()).or(error.downcast_ref())
}

fn tunnel_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a TunnelError> {
    error.downcast_ref()
}

/// The last of a chain of causes says most.
fn innermost<'a>(mut error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    while let Some(source) = error.source() {
        error = source;
    }
    error
}

/// The delay of a `RetryInfo` among the details of a status. It is there even where it is zero: then without a delay.
fn retry_delay(details: &[u8]) -> Result<Option<Duration>, DecodeError> {
    let mut status = Fields::new(details);
    while let Some(found) = status.next_field()? {
        if found.number != 3 {
            continue;
        }
        let (mut any, mut name, mut value) = (Fields::new(found.bytes()?), "", [].as_slice());
        while let Some(found) = any.next_field()? {
            match found.number {
                1 => name = found.text()?,
                2 => value = found.bytes()?,
                _ => {}
            }
        }
        if name.rsplit('/').next() != Some("google.rpc.RetryInfo") {
            continue;
        }
        let (mut info, mut delay) = (Fields::new(value), Duration::ZERO);
        while let Some(found) = info.next_field()? {
            if found.number == 1 {
                delay = duration(found.bytes()?)?;
            }
        }
        return Ok(Some(delay));
    }
    Ok(None)
}

fn duration(message: &[u8]) -> Result<Duration, DecodeError> {
    let (mut fields, mut seconds, mut nanos) = (Fields::new(message), 0, 0);
    while let Some(found) = fields.next_field()? {
        match found.number {
            // Negative delays are none.
            1 => seconds = u64::try_from(found.varint()?.cast_signed()).unwrap_or(0),
            2 => nanos = u32::try_from(found.varint32()?.cast_signed()).unwrap_or(0).min(999_999_999),
            _ => {}
        }
    }
    Ok(Duration::new(seconds, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A status with a `RetryInfo` of 7.5 s, behind another detail.
    fn with_delay() -> Vec<u8> {
        let field = |number: u8, content: &[u8]| {
            [&[number << 3 | 2, u8::try_from(content.len()).unwrap()], content].concat()
        };
        let delay = field(1, &[0x08, 7, 0x10, 0x80, 0xca, 0xb5, 0xee, 0x01]);
        let info = [field(1, b"type.googleapis.com/google.rpc.RetryInfo"), field(2, &delay)].concat();
        let other = field(1, b"type.googleapis.com/google.rpc.DebugInfo");
        [vec![0x08, 8], field(2, b"slow down"), field(3, &other), field(3, &info)].concat()
    }

    #[test]
    fn delays_are_found_among_the_details() {
        assert_eq!(retry_delay(&with_delay()), Ok(Some(Duration::from_millis(7500))));
        assert_eq!(retry_delay(b""), Ok(None));
        assert!(retry_delay(b"\x1a\x05x").is_err());
    }

    #[test]
    fn the_status_tells_what_to_do() {
        let later = |after| Answer::Later { after, why: String::new() };
        let refused = |reason| Answer::Refused { reason, why: String::new() };
        let delay = Some(Duration::from_millis(7500));
        for (code, plain, delayed) in [
            (Code::Cancelled, later(None), later(delay)),
            (Code::DeadlineExceeded, later(None), later(delay)),
            (Code::Aborted, later(None), later(delay)),
            (Code::OutOfRange, later(None), later(delay)),
            (Code::Unavailable, later(None), later(delay)),
            (Code::DataLoss, later(None), later(delay)),
            (Code::ResourceExhausted, refused(Reason::NonRetryable), later(delay)),
            (Code::Unauthenticated, refused(Reason::Auth), refused(Reason::Auth)),
            (Code::PermissionDenied, refused(Reason::Auth), refused(Reason::Auth)),
            (Code::Unknown, refused(Reason::NonRetryable), refused(Reason::NonRetryable)),
            (Code::InvalidArgument, refused(Reason::NonRetryable), refused(Reason::NonRetryable)),
            (Code::NotFound, refused(Reason::NonRetryable), refused(Reason::NonRetryable)),
            (Code::AlreadyExists, refused(Reason::NonRetryable), refused(Reason::NonRetryable)),
            (Code::FailedPrecondition, refused(Reason::NonRetryable), refused(Reason::NonRetryable)),
            (Code::Unimplemented, refused(Reason::NonRetryable), refused(Reason::NonRetryable)),
            (Code::Internal, refused(Reason::NonRetryable), refused(Reason::NonRetryable)),
        ] {
            let of = |status: &Status| match of_status(status, "e") {
                Answer::Later { after, .. } => later(after),
                Answer::Refused { reason, .. } => refused(reason),
                other => other,
            };
            assert_eq!(of(&Status::new(code, "why")), plain, "{code:?}");
            assert_eq!(of(&Status::with_details(code, "why", with_delay().into())), delayed, "{code:?}");
        }
        let too_large =
            Status::resource_exhausted("grpc: received message larger than max (5000000 vs. 4194304)");
        assert!(matches!(of_status(&too_large, "e"), Answer::TooLarge { .. }));
    }
}
