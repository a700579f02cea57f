//! The receiver of the rows that send: this program once more, in a process of its own, so that what receiving costs is
//! not counted. It reads requests, forgets them and says yes; or it reads nothing at all, as a receiver does that hangs.

use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::{env, thread};

use crate::Outcome;

/// How a receiver behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Manner {
    /// Takes everything.
    Takes,
    /// Lets everybody in, and never answers.
    Stalls,
}

/// A receiver in another process, which ends with this.
pub struct Sink {
    process: Child,
    endpoint: String,
}

impl Sink {
    pub fn start(manner: Manner) -> Outcome<Self> {
        let name = match manner {
            Manner::Takes => "takes",
            Manner::Stalls => "stalls",
        };
        let mut process = Command::new(env::current_exe()?)
            .args(["sink", name])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut address = String::new();
        let printed = process.stdout.take().ok_or("the receiver has no output")?;
        BufReader::new(printed).read_line(&mut address)?;
        Ok(Self { process, endpoint: format!("http://{}/v1/traces", address.trim()) })
    }

    /// Where it takes traces.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Receives until whoever started it is gone.
pub fn serve(manner: Manner) -> Outcome<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    thread::spawn(move || {
        let mut stalled = Vec::new();
        for stream in listener.incoming().flatten() {
            match manner {
                Manner::Takes => drop(thread::spawn(move || answer_all(&stream))),
                Manner::Stalls => stalled.push(stream),
            }
        }
    });
    // It ends when the pipe does: with the program at its other end.
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

/// Answers the requests of one connection.
fn answer_all(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut requests = BufReader::with_capacity(64 << 10, stream);
    while let Some(length) = read_head(&mut requests)? {
        io::copy(&mut requests.by_ref().take(length), &mut io::sink())?;
        (&*stream).write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
    }
    Ok(())
}

/// Reads a request up to its body; gives back how long that is, or `None` where nothing more comes.
fn read_head(requests: &mut impl BufRead) -> io::Result<Option<u64>> {
    let mut length = 0;
    let mut line = String::new();
    loop {
        line.clear();
        if requests.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        if line.trim().is_empty() {
            return Ok(Some(length));
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_the_body_is_in_the_head() {
        let mut request =
            "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nbodyPOST / HTTP/1.1\r\n\r\n".as_bytes();
        assert_eq!(read_head(&mut request).unwrap(), Some(4));
        request.consume(4);
        assert_eq!(read_head(&mut request).unwrap(), Some(0));
        assert_eq!(read_head(&mut request).unwrap(), None);
    }
}
