//! What an answer over HTTP means: the rules of OTLP/HTTP, and what they leave open.

use std::time::Duration;

use super::answer::Answer;
use super::date::unix_seconds_of;
use super::reason::Reason;
use crate::otlp::{ExportResponse, RpcStatus, Signal};

/// How many characters of a body are shown to people.
const SHOWN: usize = 200;

/// What an HTTP transport received: a few headers, and the first bytes of the body.
///
/// 64 KiB of the body are more than enough: an answer that is cut there still counts by its status.
///
/// ```
/// use std::time::Duration;
/// use spanloom::deliver::{Answer, HttpResponse, answer_of_http};
/// let busy = HttpResponse { status: 429, retry_after: Some("7"), ..HttpResponse::default() };
/// let Answer::Later { after, .. } = answer_of_http(&busy, Duration::ZERO) else { panic!() };
/// assert_eq!(after, Some(Duration::from_secs(7)));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HttpResponse<'a> {
    /// The status code.
    pub status: u16,
    /// The header `Retry-After`.
    pub retry_after: Option<&'a str>,
    /// The header `Date`.
    pub date: Option<&'a str>,
    /// The header `Content-Type`.
    pub content_type: Option<&'a str>,
    /// The body, or its beginning.
    pub body: &'a [u8],
}

/// What an answer over HTTP means.
///
/// | status | answer |
/// |---|---|
/// | 2xx | taken; what was refused in part, and warnings, are read from the body |
/// | 2xx with a body that cannot be read | taken, but [`Answer::Unclear`] |
/// | 429, 502, 503, 504 | later, after the time in `Retry-After` (seconds or a date) |
/// | 413 | too large |
/// | 401, 403, 407 | refused: [`Reason::Auth`] |
/// | 3xx | refused: redirects are not followed, for the credentials would go with them |
/// | all others, also 500 | refused |
///
/// A date in `Retry-After` counts from the header `Date`, so that a server with a wrong clock is understood; without one
/// it counts from `since_1970`, the time now.
///
/// ```
/// use std::time::Duration;
/// use spanloom::deliver::{Answer, HttpResponse, answer_of_http};
/// let now = Duration::from_nanos(1_772_323_200_000_000_000);
/// let fine = HttpResponse { status: 200, ..HttpResponse::default() };
/// assert_eq!(answer_of_http(&fine, now), Answer::taken());
/// ```
#[must_use]
pub fn answer_of_http(response: &HttpResponse<'_>, since_1970: Duration) -> Answer {
    match response.status {
        204 => Answer::taken(),
        200..=299 => success(response),
        429 | 502..=504 => {
            Answer::Later { after: retry_after(response, since_1970.as_secs()), why: why(response) }
        }
        413 => Answer::TooLarge { why: why(response) },
        401 | 403 | 407 => Answer::Refused { reason: Reason::Auth, why: why(response) },
        300..=399 => Answer::Refused {
            reason: Reason::NonRetryable,
            why: format!(
                "HTTP {}: redirects are not followed; set the endpoint to where it leads",
                response.status
            ),
        },
        _ => Answer::Refused { reason: Reason::NonRetryable, why: why(response) },
    }
}

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Protobuf,
    Json,
    Other,
}

fn form_of(content_type: Option<&str>) -> Form {
    // Without a type it can only be what was asked for.
    let Some(content_type) = content_type else { return Form::Protobuf };
    let media = content_type.split(';').next().unwrap_or_default().trim();
    let is = |names: &[&str]| names.iter().any(|name| media.eq_ignore_ascii_case(name));
    if is(&["", "application/x-protobuf", "application/protobuf", "application/octet-stream"]) {
        Form::Protobuf
    } else if is(&["application/json"]) {
        Form::Json
    } else {
        Form::Other
    }
}

fn success(response: &HttpResponse<'_>) -> Answer {
    let unclear = |what: &str| Answer::Unclear {
        why: format!("HTTP {} with a body that is {what}{}", response.status, shown(response.body)),
    };
    let read = match form_of(response.content_type) {
        Form::Protobuf => ExportResponse::decode(response.body).map_err(|_| "no OTLP answer in protobuf"),
        Form::Json => {
            ExportResponse::from_json(Signal::Traces, response.body).map_err(|_| "no OTLP answer in JSON")
        }
        Form::Other => Err("neither protobuf nor JSON"),
    };
    match read {
        Err(what) => unclear(what),
        Ok(ExportResponse { rejected: 0, message }) => Answer::Taken { warning: message },
        Ok(ExportResponse { rejected, message }) => Answer::Partly { rejected, message },
    }
}

/// The status, and what the server says of it.
fn why(response: &HttpResponse<'_>) -> String {
    let status = match form_of(response.content_type) {
        Form::Protobuf => RpcStatus::decode(response.body).ok(),
        Form::Json => RpcStatus::from_json(response.body).ok(),
        Form::Other => None,
    };
    let said = match status {
        Some(status) => shown(status.message.as_bytes()),
        None => shown(response.body),
    };
    format!("HTTP {}{said}", response.status)
}

/// The beginning of a text, in one line.
fn shown(body: &[u8]) -> String {
    // One character has four bytes at most.
    let start = body.get(..SHOWN * 4).unwrap_or(body);
    let text = String::from_utf8_lossy(start);
    let line = text.split(|c: char| c.is_control() || c.is_whitespace()).filter(|word| !word.is_empty());
    let line = line.collect::<Vec<_>>().join(" ");
    let mut line: String = line.chars().take(SHOWN).collect();
    if !line.is_empty() {
        line.insert_str(0, ": ");
    }
    line
}

/// How long `Retry-After` asks to wait; `None` where there is none that makes sense.
fn retry_after(response: &HttpResponse<'_>, now: u64) -> Option<Duration> {
    let text = response.retry_after?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number that is too large for any clock still asks for a long time.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let until = unix_seconds_of(text, now)?;
    let sent = response.date.and_then(|date| unix_seconds_of(date.trim(), now)).unwrap_or(now);
    Some(Duration::from_secs(until.saturating_sub(sent)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 784_111_777;

    fn answered(response: HttpResponse<'_>) -> Answer {
        answer_of_http(&response, Duration::new(NOW, 999_999_999))
    }

    fn status(status: u16) -> Answer {
        answered(HttpResponse { status, ..HttpResponse::default() })
    }

    #[test]
    fn f06_other_failures_are_not_repeated() {
        for code in [100, 400, 404, 408, 409, 415, 422, 425, 431, 500, 501, 505, 508, 511, 599, 0, 999] {
            let why = format!("HTTP {code}");
            assert_eq!(status(code), Answer::Refused { reason: Reason::NonRetryable, why });
        }
        for code in [401, 403, 407] {
            let why = format!("HTTP {code}");
            assert_eq!(status(code), Answer::Refused { reason: Reason::Auth, why });
        }
        assert_eq!(status(413), Answer::TooLarge { why: "HTTP 413".to_owned() });
    }

    #[test]
    fn f07_four_codes_are_repeated() {
        for code in [429, 502, 503, 504] {
            assert_eq!(status(code), Answer::later(format!("HTTP {code}")));
        }
    }

    fn asked(retry_after: &str, date: Option<&str>) -> Option<u64> {
        let response =
            HttpResponse { status: 429, retry_after: Some(retry_after), date, ..HttpResponse::default() };
        let Answer::Later { after, .. } = answered(response) else { panic!("{retry_after}") };
        after.map(|after| after.as_secs())
    }

    #[test]
    fn f08_retry_after_in_seconds() {
        for (text, seconds) in [
            ("7", Some(7)),
            (" 7 ", Some(7)),
            ("0", Some(0)),
            ("1000000000", Some(1_000_000_000)),
            ("99999999999999999999999999", Some(u64::MAX)),
            ("-1", None),
            ("1e9", None),
            ("7.5", None),
            ("+7", None),
            ("", None),
            ("soon", None),
            ("\u{0667}", None),
        ] {
            assert_eq!(asked(text, None), seconds, "{text:?}");
        }
    }

    #[test]
    fn f08_retry_after_as_a_date() {
        let date = "Sun, 06 Nov 1994 08:49:44 GMT";
        assert_eq!(asked(date, None), Some(7), "from our clock");
        assert_eq!(asked(date, Some("Sun, 06 Nov 1994 08:49:04 GMT")), Some(40), "from the server's");
        assert_eq!(asked(date, Some("garbage")), Some(7));
        assert_eq!(asked("Sun, 06 Nov 1994 00:00:00 GMT", None), Some(0), "a date of the past");
        assert_eq!(asked("Sunday, 06-Nov-94 08:49:44 GMT", None), Some(7));
        // A clock of the server that is a day ahead makes no day of seven seconds.
        assert_eq!(asked("Mon, 07 Nov 1994 08:49:44 GMT", Some("Mon, 07 Nov 1994 08:49:37 GMT")), Some(7));
    }

    fn ok<'a>(content_type: Option<&'a str>, body: &'a [u8]) -> Answer {
        answered(HttpResponse { status: 200, content_type, body, ..HttpResponse::default() })
    }

    #[test]
    fn f09_refused_in_part() {
        let partly = Answer::Partly { rejected: 3, message: "no".to_owned() };
        assert_eq!(ok(Some("application/x-protobuf"), b"\x0a\x06\x08\x03\x12\x02no"), partly);
        let json = br#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"no"}}"#;
        assert_eq!(ok(Some("Application/JSON; charset=utf-8"), json), partly);
        let warning = Answer::Taken { warning: "no".to_owned() };
        assert_eq!(ok(None, b"\x0a\x04\x12\x02no"), warning);
    }

    #[test]
    fn f10_bodies_that_cannot_be_read() {
        for (content_type, body) in [
            (Some("text/html"), b"<html>hello</html>".as_slice()),
            (None, b"<html>hello</html>"),
            (Some("application/x-protobuf"), b"\x0a\x06\x08\x03\x12"),
            (Some("application/json"), b""),
            (Some("application/json"), b"{"),
            (Some("application/json"), b"\x0a\x06\x08\x03\x12\x02no"),
            (Some("application/x-protobuf"), b"{}"),
            (Some("text/plain"), b""),
        ] {
            let answer = ok(content_type, body);
            assert!(matches!(answer, Answer::Unclear { .. }), "{content_type:?} {body:?}: {answer:?}");
        }
        assert_eq!(
            ok(Some("text/html"), b"<b>\r\n  hello\x1b[2J\0</b>"),
            Answer::Unclear {
                why: "HTTP 200 with a body that is neither protobuf nor JSON: <b> hello [2J </b>".to_owned()
            }
        );
        // An empty message has no bytes: that is how most servers say that all is well.
        for content_type in [None, Some("application/x-protobuf"), Some("")] {
            assert_eq!(ok(content_type, b""), Answer::taken());
        }
        assert_eq!(ok(Some("application/json"), b"{}"), Answer::taken());
        assert_eq!(status(204), Answer::taken());
        assert_eq!(status(202), Answer::taken());
    }

    #[test]
    fn f14_redirects_are_not_followed() {
        for code in [301, 302, 303, 307, 308] {
            let Answer::Refused { reason: Reason::NonRetryable, why } = status(code) else {
                panic!("{code}")
            };
            assert!(why.contains("redirects are not followed"), "{why}");
        }
    }

    #[test]
    fn what_the_server_says_is_passed_on_and_short() {
        let said = |content_type, body| {
            let response = HttpResponse { status: 503, content_type, body, ..HttpResponse::default() };
            let Answer::Later { why, .. } = answered(response) else { panic!() };
            why
        };
        assert_eq!(said(None, b"\x08\x0e\x12\x04busy"), "HTTP 503: busy");
        assert_eq!(said(Some("application/json"), br#"{"code":14,"message":"busy"}"#), "HTTP 503: busy");
        assert_eq!(said(Some("text/plain"), b"busy\n"), "HTTP 503: busy");
        assert_eq!(said(Some("application/json"), b"busy"), "HTTP 503: busy");
        assert_eq!(said(None, b"\xff\xfe"), "HTTP 503: \u{fffd}\u{fffd}");
        let long = "\u{1f600}".repeat(100_000);
        assert_eq!(said(Some("text/plain"), long.as_bytes()).chars().count(), "HTTP 503: ".len() + SHOWN);
    }
}
