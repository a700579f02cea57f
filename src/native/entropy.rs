//! Random ids: a generator for each thread, seeded by the system.

use std::cell::Cell;
use std::sync::Arc;

use super::fork;
use crate::host::Entropy;
use crate::id::{SpanId, TraceId};

/// The state of xoshiro256++. Words of their own, not an array: that is copied in larger pieces than it was written in, for
/// which the processor waits when numbers are drawn one after the other.
struct State {
    a: Cell<u64>,
    b: Cell<u64>,
    c: Cell<u64>,
    d: Cell<u64>,
}

impl State {
    #[inline]
    fn set(&self, [a, b, c, d]: [u64; 4]) {
        self.a.set(a);
        self.b.set(b);
        self.c.set(c);
        self.d.set(d);
    }
}

thread_local! {
    /// All zeros until it is seeded.
    static STATE: State =
        const { State { a: Cell::new(0), b: Cell::new(0), c: Cell::new(0), d: Cell::new(0) } };
}

/// The thread's next random number: xoshiro256++, whose 256 bits of state come from the system.
#[inline]
pub(super) fn system_u64() -> u64 {
    STATE.with(|state| {
        if state.a.get() | state.b.get() | state.c.get() | state.d.get() == 0 {
            state.set(seed());
        }
        let (mut a, mut b, mut c, mut d) = (state.a.get(), state.b.get(), state.c.get(), state.d.get());
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let shifted = b << 17;
        c ^= a;
        d ^= b;
        b ^= c;
        a ^= d;
        c ^= shifted;
        d = d.rotate_left(45);
        state.set([a, b, c, d]);
        result
    })
}

/// This thread begins anew, as in a process that was forked.
#[cfg(unix)]
pub(super) fn forget() {
    STATE.with(|state| state.set([0; 4]));
}

#[cold]
#[inline(never)]
fn seed() -> [u64; 4] {
    let mut bytes = [0; 32];
    if getrandom::fill(&mut bytes).is_err() {
        // A system without randomness: ids from the time and the thread's place in memory are better than equal ones.
        let here = std::ptr::from_ref(&bytes).addr() as u64;
        let entropy =
            crate::host::SeededEntropy::new(super::clock::system_unix_nanos() ^ here.rotate_left(32));
        return std::array::from_fn(|_| entropy.next_u64() | 1);
    }
    let mut words = bytes.chunks_exact(8).map(|word| word.try_into().map_or(1, u64::from_le_bytes));
    std::array::from_fn(|_| words.next().unwrap_or(1))
}

/// Where a loom gets its ids.
#[derive(Clone, Default)]
pub(super) enum IdSource {
    #[default]
    System,
    /// In a forked process such a source would give the parent's ids once more, so there it is the system's.
    Given { entropy: Arc<dyn Entropy>, generation: u64 },
}

impl IdSource {
    pub(super) fn given(entropy: impl Entropy + 'static) -> Self {
        Self::Given { entropy: Arc::new(entropy), generation: fork::generation() }
    }

    #[inline]
    pub(super) fn next_u64(&self) -> u64 {
        match self {
            Self::System => system_u64(),
            Self::Given { entropy, generation } if *generation == fork::generation() => entropy.next_u64(),
            Self::Given { .. } => system_u64(),
        }
    }

    /// A new span id.
    #[inline]
    pub(super) fn span_id(&self) -> SpanId {
        let id = SpanId::from_u64(self.next_u64());
        // Zeros are no id. A source that gives nothing else must not hold the program up.
        if id.is_valid() { id } else { SpanId::from_u64(system_u64() | 1) }
    }

    /// A new trace id: two numbers, the most significant first.
    #[inline]
    pub(super) fn trace_id(&self) -> TraceId {
        let high = self.next_u64();
        let id = TraceId::from_halves(high, self.next_u64());
        if id.is_valid() { id } else { TraceId::from_halves(system_u64(), system_u64() | 1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_draw_different_ids() {
        #[expect(clippy::disallowed_methods, reason = "threads are what is tested")]
        let draw = || std::thread::spawn(|| (0..1000).map(|_| system_u64()).collect::<Vec<_>>());
        let threads: Vec<_> = (0..8).map(|_| draw()).collect();
        let mut ids: Vec<u64> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 8000);
    }
}
