//! The global allocator of this program: the system's, with counters that are off unless a row asks for them, so that
//! counting does not slow the rows that measure time. Counters are for the whole process.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};

static COUNTING: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static LIVE_BYTES: AtomicI64 = AtomicI64::new(0);
static PEAK_BYTES: AtomicI64 = AtomicI64::new(0);
/// One count at a time: the counters are shared.
static TURN: Mutex<()> = Mutex::new(());

/// The system's allocator, counted.
pub struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; the counters do not touch the memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 0);
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 0);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size, layout.size());
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if COUNTING.load(Relaxed) {
            LIVE_BYTES.fetch_sub(layout.size() as i64, Relaxed);
        }
        unsafe { System.dealloc(block, layout) }
    }
}

#[inline]
fn note(taken: usize, returned: usize) {
    if COUNTING.load(Relaxed) {
        ALLOCATIONS.fetch_add(1, Relaxed);
        let change = taken as i64 - returned as i64;
        let live = LIVE_BYTES.fetch_add(change, Relaxed) + change;
        PEAK_BYTES.fetch_max(live, Relaxed);
    }
}

/// What happened while counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// Calls that took memory, growing a block included.
    pub allocations: u64,
    /// The most bytes that were held at once, beyond those held at the start.
    pub peak_bytes: u64,
}

/// Counts what all threads allocate while `work` runs.
pub fn counted<T>(work: impl FnOnce() -> T) -> Count {
    let _turn = TURN.lock();
    ALLOCATIONS.store(0, Relaxed);
    LIVE_BYTES.store(0, Relaxed);
    PEAK_BYTES.store(0, Relaxed);
    COUNTING.store(true, Relaxed);
    let result = work();
    COUNTING.store(false, Relaxed);
    drop(result);
    Count {
        allocations: ALLOCATIONS.load(Relaxed),
        peak_bytes: u64::try_from(PEAK_BYTES.load(Relaxed)).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_what_was_held_at_once() {
        let count = counted(|| {
            for _ in 0..4 {
                drop(std::hint::black_box(vec![0_u8; 1_000_000]));
            }
        });
        // Four at once would be 4 MB; other tests allocate at the same time, too.
        assert!((1_000_000..3_500_000).contains(&count.peak_bytes), "{count:?}");
        assert!(count.allocations >= 4);
    }
}
