//! One connection, byte by byte: slowed down, changed or cut as a scenario says.
//!
//! Sockets wait for a few milliseconds only, and then look whether the server stops or closes its door. So every
//! thread ends soon after it is told to, whatever its client does.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::shared::Shared;

const LOOK_UP: Duration = Duration::from_millis(20);
const PIECE: usize = 64 * 1024;

/// Why a connection cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The client closed or reset it.
    Left,
    /// It is to be reset: the fault of a step, or a door that closed.
    Reset,
    /// The server stops.
    Stopped,
}

/// A connection.
pub(crate) struct Line {
    stream: TcpStream,
    shared: Arc<Shared>,
    /// The door had been closed so often when this connection was accepted.
    closings: u64,
    input: Vec<u8>,
    /// Bytes per second, both ways.
    pub rate: Option<u64>,
    /// The chance of each byte that is sent to be changed.
    pub corrupt: Option<(Rng, f64)>,
    /// How many bytes may be sent before the connection is reset.
    pub send_at_most: Option<u64>,
}

impl Line {
    pub fn new(stream: TcpStream, shared: Arc<Shared>, closings: u64) -> std::io::Result<Self> {
        // The listener does not wait, and some systems hand that on to its connections.
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(LOOK_UP))?;
        stream.set_write_timeout(Some(LOOK_UP))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            shared,
            closings,
            input: Vec::new(),
            rate: None,
            corrupt: None,
            send_at_most: None,
        })
    }

    /// The network is good again.
    pub fn clear_faults(&mut self) {
        (self.rate, self.corrupt, self.send_at_most) = (None, None, None);
    }

    /// What was read and not taken yet.
    pub fn input(&self) -> &[u8] {
        &self.input
    }

    /// Takes bytes from the front of the input.
    pub fn take(&mut self, count: usize) -> Vec<u8> {
        let rest = self.input.split_off(count.min(self.input.len()));
        std::mem::replace(&mut self.input, rest)
    }

    /// Takes as many bytes from the front of the input as the network has brought by now.
    pub fn take_paced(&mut self, count: usize) -> Result<Vec<u8>, Broken> {
        let taken = self.take(count.min(self.piece()));
        self.pace(taken.len())?;
        Ok(taken)
    }

    /// Reads at least one byte more, and no more than `wanted`.
    pub fn fill(&mut self, wanted: usize) -> Result<(), Broken> {
        let mut buffer = [0; PIECE];
        let piece = self.piece().min(wanted.max(1));
        loop {
            self.look_up()?;
            match (&self.stream).read(&mut buffer[..piece]) {
                Ok(0) => return Err(Broken::Left),
                Ok(count) => {
                    self.input.extend_from_slice(&buffer[..count]);
                    self.shared.change(|state| state.report.bytes_in += count as u64);
                    return Ok(());
                }
                Err(error) if is_timeout(error.kind()) => {}
                Err(_) => return Err(Broken::Left),
            }
        }
    }

    /// Sends bytes, with all faults that are set.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        let allowed = self
            .send_at_most
            .map_or(bytes.len(), |most| usize::try_from(most).unwrap_or(usize::MAX).min(bytes.len()));
        for piece in bytes[..allowed].chunks(self.piece()) {
            let mut piece = piece.to_vec();
            if let Some((dice, chance)) = &mut self.corrupt {
                for byte in &mut piece {
                    if dice.f64() < *chance {
                        *byte ^= dice.u8(1..);
                    }
                }
            }
            self.send_all(&piece)?;
            self.pace(piece.len())?;
        }
        if let Some(most) = &mut self.send_at_most {
            *most -= allowed as u64;
            if *most == 0 {
                // What was sent arrives before the reset does: a reset throws away what still waits to be sent.
                self.sleep(Duration::from_millis(50))?;
                return Err(Broken::Reset);
            }
        }
        Ok(())
    }

    /// Waits, but not longer than the server runs.
    pub fn sleep(&self, time: Duration) -> Result<(), Broken> {
        let start = Instant::now();
        loop {
            self.look_up()?;
            let left = time.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(LOOK_UP));
        }
    }

    /// Answers nothing until the client goes away.
    pub fn be_silent(&mut self) -> Broken {
        loop {
            self.input.clear();
            if let Err(broken) = self.fill(PIECE) {
                return broken;
            }
        }
    }

    /// Ends the connection so that the client sees a reset.
    pub fn reset(self) {
        // Without lingering, closing throws everything away and sends RST.
        let _ = socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }

    /// Ends the connection so that the client can read all that was sent.
    pub fn close(mut self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
        // Unread bytes would turn the end into a reset; a client that goes on sending is left after a while.
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(2) && !self.shared.is_stopping() {
            match (&self.stream).read(&mut [0; 4096]) {
                Ok(0) => return,
                Ok(_) => self.input.clear(),
                Err(error) if is_timeout(error.kind()) => {}
                Err(_) => return,
            }
        }
    }

    fn send_all(&self, mut bytes: &[u8]) -> Result<(), Broken> {
        while !bytes.is_empty() {
            self.look_up()?;
            match (&self.stream).write(bytes) {
                Ok(0) => return Err(Broken::Left),
                Ok(count) => {
                    self.shared.change(|state| state.report.bytes_out += count as u64);
                    bytes = &bytes[count..];
                }
                Err(error) if is_timeout(error.kind()) => {}
                Err(_) => return Err(Broken::Left),
            }
        }
        Ok(())
    }

    fn look_up(&self) -> Result<(), Broken> {
        if self.shared.is_stopping() {
            return Err(Broken::Stopped);
        }
        if self.shared.closings() > self.closings { Err(Broken::Reset) } else { Ok(()) }
    }

    /// How many bytes go at once: a twentieth of a second's.
    fn piece(&self) -> usize {
        let rate = self.rate.map_or(PIECE, |rate| usize::try_from(rate / 20).unwrap_or(PIECE));
        rate.clamp(1, PIECE)
    }

    fn pace(&self, count: usize) -> Result<(), Broken> {
        match self.rate {
            Some(rate) => self.sleep(Duration::from_secs_f64(count as f64 / rate.max(1) as f64)),
            None => Ok(()),
        }
    }
}

fn is_timeout(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
