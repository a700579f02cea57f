//! Words to people, on standard error.
//!
//! The standard library has a lock of its own around it, which a thread of the parent may have held when the process forked. A
//! forked process writes past that lock, each time by the number that the system knows standard error by.

use std::io::{self, Write};

use super::fork;

/// Standard error, for writers that are to work in forked processes, too.
#[derive(Debug, Default)]
pub(super) struct Stderr;

impl Write for Stderr {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        if fork::generation() == 0 { io::stderr().write(text) } else { past_the_lock(text) }
    }

    fn flush(&mut self) -> io::Result<()> {
        // Nothing is held back.
        Ok(())
    }
}

#[cfg(unix)]
fn past_the_lock(text: &[u8]) -> io::Result<usize> {
    use std::os::fd::AsFd as _;
    std::fs::File::from(io::stderr().as_fd().try_clone_to_owned()?).write(text)
}

#[cfg(not(unix))]
fn past_the_lock(text: &[u8]) -> io::Result<usize> {
    io::stderr().write(text)
}
