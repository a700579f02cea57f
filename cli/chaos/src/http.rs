//! The part of HTTP/1.1 that a server needs to read requests: heads, bodies by length and in chunks.
//!
//! Everything has a limit. What is not clear (two lengths, a length and chunks) is refused, not guessed.

use crate::line::{Broken, Line};

const HEAD_BYTES: usize = 64 * 1024;
const CHUNK_LINE: usize = 4 * 1024;
/// How large the body of a request may be.
pub(crate) const BODY_BYTES: usize = 64 * 1024 * 1024;

/// The head of a request.
#[derive(Debug, Default)]
pub(crate) struct Head {
    pub method: String,
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub keep_alive: bool,
    length: Length,
}

#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum Length {
    #[default]
    None,
    Known(usize),
    Chunks,
}

/// Why a request could not be read.
#[derive(Debug)]
pub(crate) enum ReadError {
    Broken(Broken),
    /// A TLS handshake.
    Tls,
    /// Not HTTP, or beyond the limits: the status that says so.
    Bad(u16),
}

impl From<Broken> for ReadError {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

impl Head {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.0 == name).map(|header| header.1.as_str())
    }

    pub fn has_body(&self) -> bool {
        !matches!(self.length, Length::None | Length::Known(0))
    }
}

/// Reads the head of the next request.
pub(crate) fn read_head(line: &mut Line) -> Result<Head, ReadError> {
    let mut looked_at = 0;
    loop {
        let input = line.input();
        if input.first() == Some(&0x16) {
            return Err(ReadError::Tls);
        }
        if let Some(end) = find(&input[looked_at..], b"\r\n\r\n") {
            let bytes = line.take(looked_at + end + 4);
            return std::str::from_utf8(&bytes).ok().and_then(parse_head).ok_or(ReadError::Bad(400));
        }
        if input.len() > HEAD_BYTES {
            return Err(ReadError::Bad(431));
        }
        looked_at = input.len().saturating_sub(3);
        line.fill(HEAD_BYTES)?;
    }
}

/// Reads the body. With `stop_at` the connection counts as to be reset after so many bytes, or at its end.
pub(crate) fn read_body(line: &mut Line, head: &Head, stop_at: Option<u64>) -> Result<Vec<u8>, ReadError> {
    let mut body = Body { bytes: Vec::new(), stop_at };
    if stop_at == Some(0) {
        return Err(ReadError::Broken(Broken::Reset));
    }
    match head.length {
        Length::None => {}
        Length::Known(length) if length > BODY_BYTES => return Err(ReadError::Bad(413)),
        Length::Known(length) => body.read(line, length)?,
        Length::Chunks => loop {
            let size = chunk_size(&read_line(line)?).ok_or(ReadError::Bad(400))?;
            if size > BODY_BYTES - body.bytes.len() {
                return Err(ReadError::Bad(413));
            }
            if size == 0 {
                // Trailers, up to an empty line.
                let mut left = HEAD_BYTES;
                loop {
                    let trailer = read_line(line)?;
                    if trailer.is_empty() {
                        break;
                    }
                    left = left.checked_sub(trailer.len()).ok_or(ReadError::Bad(431))?;
                }
                break;
            }
            body.read(line, size)?;
            if !read_line(line)?.is_empty() {
                return Err(ReadError::Bad(400));
            }
        },
    }
    if stop_at.is_some() { Err(ReadError::Broken(Broken::Reset)) } else { Ok(body.bytes) }
}

struct Body {
    bytes: Vec<u8>,
    stop_at: Option<u64>,
}

impl Body {
    fn read(&mut self, line: &mut Line, mut count: usize) -> Result<(), ReadError> {
        while count > 0 {
            if line.input().is_empty() {
                line.fill(count)?;
            }
            let taken = line.take_paced(count)?;
            count -= taken.len();
            self.bytes.extend_from_slice(&taken);
            if self.stop_at.is_some_and(|stop_at| self.bytes.len() as u64 >= stop_at) {
                return Err(ReadError::Broken(Broken::Reset));
            }
        }
        Ok(())
    }
}

fn read_line(line: &mut Line) -> Result<String, ReadError> {
    loop {
        if let Some(end) = find(line.input(), b"\r\n") {
            let mut bytes = line.take(end + 2);
            bytes.truncate(end);
            return String::from_utf8(bytes).map_err(|_| ReadError::Bad(400));
        }
        if line.input().len() > CHUNK_LINE {
            return Err(ReadError::Bad(400));
        }
        line.fill(CHUNK_LINE)?;
    }
}

fn chunk_size(line: &str) -> Option<usize> {
    let digits = line.split(';').next()?.trim();
    // `from_str_radix` would take a sign.
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    usize::from_str_radix(digits, 16).ok().filter(|_| is_number)
}

fn parse_head(text: &str) -> Option<Head> {
    let mut lines = text.trim_end_matches("\r\n").split("\r\n");
    let mut request = lines.next()?.split(' ');
    let (method, path, version) = (request.next()?, request.next()?, request.next()?);
    if request.next().is_some() || method.is_empty() || path.is_empty() {
        return None;
    }
    let newer = match version {
        "HTTP/1.1" => true,
        "HTTP/1.0" => false,
        _ => return None,
    };
    let mut head = Head { method: method.into(), path: path.into(), ..Head::default() };
    for line in lines {
        let (name, value) = line.split_once(':')?;
        if name.is_empty() || name.bytes().any(|byte| byte <= b' ' || byte == 127) {
            return None;
        }
        head.headers.push((name.to_ascii_lowercase(), value.trim_matches([' ', '\t']).into()));
    }
    head.length = length_of(&head)?;
    let connection = head.header("connection").unwrap_or_default().to_ascii_lowercase();
    head.keep_alive = if newer { !connection.contains("close") } else { connection.contains("keep-alive") };
    Some(head)
}

fn length_of(head: &Head) -> Option<Length> {
    let all = |name: &'static str| {
        head.headers.iter().filter(move |header| header.0 == name).map(|header| &header.1)
    };
    let mut lengths = all("content-length");
    let mut codings = all("transfer-encoding");
    match (lengths.next(), codings.next()) {
        (None, None) => Some(Length::None),
        (Some(length), None)
            if lengths.next().is_none() && length.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            length.parse().ok().map(Length::Known)
        }
        (None, Some(coding)) if codings.next().is_none() && coding.eq_ignore_ascii_case("chunked") => {
            Some(Length::Chunks)
        }
        _ => None,
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads() {
        let head = parse_head("POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Length:  12 \r\n\r\n").unwrap();
        assert_eq!((head.method.as_str(), head.path.as_str()), ("POST", "/v1/traces"));
        assert_eq!((head.header("host"), head.length, head.keep_alive), (Some("a"), Length::Known(12), true));
        let head = parse_head("GET / HTTP/1.0\r\ntransfer-encoding: Chunked\r\n\r\n").unwrap();
        assert_eq!((head.length, head.keep_alive), (Length::Chunks, false));
        for bad in [
            "",
            "GET /\r\n\r\n",
            "GET / HTTP/2.0\r\n\r\n",
            "GET / HTTP/1.1 x\r\n\r\n",
            "GET / HTTP/1.1\r\nno colon\r\n\r\n",
            "GET / HTTP/1.1\r\na b: c\r\n\r\n",
            "GET / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
            "GET / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\n",
            "GET / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
            "GET / HTTP/1.1\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
        ] {
            assert!(parse_head(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn chunk_sizes() {
        assert_eq!(chunk_size("1a;name=value"), Some(26));
        assert_eq!(chunk_size("0"), Some(0));
        for bad in ["", "-1", "+1", "x", "fffffffffffffffff"] {
            assert_eq!(chunk_size(bad), None, "{bad:?}");
        }
    }
}
