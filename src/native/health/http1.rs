//! As much of HTTP/1.1 as a probe needs: the head of a request, and an answer after which the connection ends.

use std::fmt::Write as _;

use crate::health::Answer;

/// The longest head of a request that is read.
pub(super) const LONGEST_HEAD: usize = 8 << 10;

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request<'h> {
    pub(super) method: &'h str,
    pub(super) target: &'h str,
    pub(super) accept: String,
}

/// Where the head ends in what was read, if it has.
pub(super) fn head_end(read: &[u8]) -> Option<usize> {
    let lines = read.windows(4).position(|four| four == b"\r\n\r\n");
    // Written by hand.
    let bare = read.windows(2).position(|two| two == b"\n\n");
    match (lines, bare) {
        (Some(at), None) => Some(at),
        (Some(at), Some(other)) => Some(at.min(other)),
        (None, bare) => bare,
    }
}

/// Reads a head; else what is to be answered.
pub(super) fn parse(head: &[u8]) -> Result<Request<'_>, Answer> {
    let bad = || Answer::text(400, "Bad request");
    let head = std::str::from_utf8(head).map_err(|_| bad())?;
    let mut lines = head.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(bad());
    };
    let is_method =
        !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-');
    if !is_method || target.bytes().any(|byte| !byte.is_ascii_graphic()) {
        return Err(bad());
    }
    if !matches!(version, "HTTP/1.1" | "HTTP/1.0") {
        let known = version.strip_prefix("HTTP/").is_some();
        return Err(if known { Answer::text(505, "HTTP version not supported") } else { bad() });
    }
    let mut accept = String::new();
    for line in lines {
        let Some((name, value)) = line.split_once(':') else { return Err(bad()) };
        if value.contains(['\r', '\0'])
            || name.is_empty()
            || name.bytes().any(|byte| !byte.is_ascii_graphic())
        {
            return Err(bad());
        }
        if name.eq_ignore_ascii_case("accept") {
            if !accept.is_empty() {
                accept.push_str(", ");
            }
            accept.push_str(value.trim());
        }
    }
    Ok(Request { method, target: path_of(target), accept })
}

/// A proxy names the whole address.
fn path_of(target: &str) -> &str {
    match target.split_once("://") {
        Some((_, rest)) if !target.starts_with('/') => {
            rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")
        }
        _ => target,
    }
}

/// The head of an answer.
pub(super) fn head_of(answer: &Answer) -> String {
    let mut head = format!("HTTP/1.1 {} {}\r\n", answer.status, reason(answer.status));
    for (name, value) in answer.headers() {
        // The type of a page of metrics comes from outside: it must not end its line.
        let value: String = value.chars().filter(|letter| !letter.is_control()).collect();
        let _ = write!(head, "{name}: {value}\r\n");
    }
    head.push_str("connection: close\r\n\r\n");
    head
}

const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{Entropy as _, SeededEntropy};

    #[test]
    fn where_heads_end() {
        assert_eq!(head_end(b"GET / HTTP/1.1\r\nA: b\r\n\r\nbody"), Some(20));
        assert_eq!(head_end(b"GET / HTTP/1.1\n\n\r\n\r\n"), Some(14));
        for part in [&b""[..], b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nA: b\r\n\r"] {
            assert_eq!(head_end(part), None);
        }
    }

    #[test]
    fn heads() {
        let read = |head: &'static str| {
            parse(head.as_bytes())
                .map(|Request { method, target, accept }| (method, target, accept))
                .map_err(|answer| answer.status)
        };
        let ok = |method, target, accept: &str| Ok((method, target, accept.to_owned()));
        assert_eq!(read("GET /health HTTP/1.1\r\nHost: x"), ok("GET", "/health", ""));
        assert_eq!(read("HEAD /live?x HTTP/1.0"), ok("HEAD", "/live?x", ""));
        assert_eq!(read("GET /m HTTP/1.1\r\nACCEPT: a;q=1\r\naccept:b"), ok("GET", "/m", "a;q=1, b"));
        assert_eq!(read("GET http://host:1/health HTTP/1.1"), ok("GET", "/health", ""));
        assert_eq!(read("GET http://host HTTP/1.1"), ok("GET", "/", ""));
        assert_eq!(read("GET /a://b HTTP/1.1"), ok("GET", "/a://b", ""));
        assert_eq!(read("OPTIONS * HTTP/1.1"), ok("OPTIONS", "*", ""));
        for (head, status) in [
            ("", 400),
            ("GET", 400),
            ("GET /", 400),
            ("GET  / HTTP/1.1", 400),
            ("GET / HTTP/1.1 x", 400),
            ("G{T / HTTP/1.1", 400),
            ("GET /\u{1} HTTP/1.1", 400),
            ("GET /ä HTTP/1.1", 400),
            ("GET / FTP/1.1", 400),
            ("GET / HTTP/1.1\r\nno colon", 400),
            ("GET / HTTP/1.1\r\n : x", 400),
            ("GET / HTTP/1.1\r\nfol ded: x", 400),
            ("GET / HTTP/1.1\r\na: b\rc: d", 400),
            ("PRI * HTTP/2.0", 505),
        ] {
            assert_eq!(read(head), Err(status), "{head:?}");
        }
        assert!(parse(b"GET /\xff HTTP/1.1").is_err());
    }

    #[test]
    fn a_type_cannot_break_out_of_its_line() {
        let head = head_of(&Answer::new(200, "text/plain\r\nevil: 1", "x"));
        assert_eq!(
            head,
            "HTTP/1.1 200 OK\r\ncontent-type: text/plainevil: 1\r\ncontent-length: 1\r\n\
             cache-control: no-store\r\nconnection: close\r\n\r\n"
        );
        for status in [200, 400, 404, 405, 408, 431, 500, 503, 505] {
            assert!(!reason(status).is_empty());
        }
    }

    #[test]
    fn any_bytes_are_a_request_or_have_an_answer() {
        let chance = SeededEntropy::new(1);
        let parts = [
            "GET", " ", "/", "health", "HTTP/1.1", "\r\n", "\n", ":", "accept", "\u{0}", "ä", "://", "%",
            "\r",
        ];
        let mut requests = 0;
        for _ in 0..20_000 {
            let mut head = b"GET /health HTTP/1.1".to_vec();
            if chance.next_u64().is_multiple_of(2) {
                head.clear();
            }
            for _ in 0..chance.next_u64() % 12 {
                let number = usize::try_from(chance.next_u64() % 20).unwrap();
                match parts.get(number) {
                    Some(part) => head.extend_from_slice(part.as_bytes()),
                    None => head.push(chance.next_u64().to_le_bytes()[0]),
                }
            }
            match parse(&head) {
                Ok(request) => {
                    requests += 1;
                    assert!(
                        !request.method.is_empty()
                            && request.target.bytes().all(|byte| byte.is_ascii_graphic())
                    );
                    assert!(!request.accept.contains(['\r', '\n', '\0']));
                }
                Err(answer) => assert!(matches!(answer.status, 400 | 505)),
            }
        }
        assert!(requests > 100, "{requests}");
    }
}
