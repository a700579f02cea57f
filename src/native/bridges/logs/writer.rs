//! The writer of a log, which all threads share.
//!
//! A forked process has a copy of its lock. If nobody held it at the fork, the copy is as good as the original; else it stays
//! locked for ever, and the process does without the writer: its lines go to standard error.

use std::io::{self, Write};
use std::sync::Mutex;
use std::thread;

use crate::native::core::{locked, try_locked};
use crate::native::fork::{self, PerProcess};
use crate::native::stderr::Stderr;

/// How often a forked process looks whether the lock is held. More than once: its own threads may be looking, too.
const LOOKS: usize = 100;

pub(super) struct SharedWriter {
    writer: Mutex<Box<dyn Write + Send>>,
    /// Whether this process can use it.
    usable: PerProcess<bool>,
}

impl SharedWriter {
    pub(super) fn new(writer: Box<dyn Write + Send>) -> Self {
        fork::watch();
        Self { writer: Mutex::new(writer), usable: PerProcess::new(true) }
    }

    pub(super) fn write(&self, line: &[u8]) -> io::Result<()> {
        let usable = self.usable.get(|parents| *parents && self.is_free());
        if *usable { locked(&self.writer).write_all(line) } else { Stderr.write_all(line) }
    }

    fn is_free(&self) -> bool {
        (0..LOOKS).any(|_| {
            let free = try_locked(&self.writer).is_some();
            if !free {
                thread::yield_now();
            }
            free
        })
    }
}
