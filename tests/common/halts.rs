//! A clock that stands still while the loom's thread asks it: behind the loom's locks, in the middle of its work, as on a machine
//! that has no time for it.
#![expect(clippy::disallowed_methods, reason = "what stands still has to wait")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use spanloom::host::Clock;

#[derive(Clone, Default)]
pub struct Halts {
    stands: Arc<AtomicBool>,
    goes_on: Arc<AtomicBool>,
}

impl Halts {
    /// Waits until the loom's thread has asked for the time.
    pub fn wait_until_it_stands(&self) {
        let start = Instant::now();
        while !self.stands.load(Ordering::SeqCst) {
            assert!(start.elapsed() < Duration::from_secs(30), "the loom's thread never asks for the time");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Lets the loom's thread go on, from now on always.
    pub fn go_on(&self) {
        self.goes_on.store(true, Ordering::SeqCst);
    }
}

impl Clock for Halts {
    fn unix_nanos(&self) -> u64 {
        let is_the_looms = std::thread::current().name() == Some("spanloom");
        while is_the_looms && !self.goes_on.load(Ordering::SeqCst) {
            self.stands.store(true, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(1));
        }
        1_800_000_000_000_000_000
    }
}
