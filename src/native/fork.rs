//! What happens when the process forks.
//!
//! A forked process is a copy with one thread: the one that forked. The threads that collect and send are not in it; a lock that
//! one of them held stays locked for ever; random numbers would go on as in the parent, and so would what waits to be sent.
//! Therefore nothing that several threads share is used again in the child. The process counts its forks, and what is shared
//! is kept once for each count:
//!
//! ```text
//!  parent (0)            PerProcess ──▶ [ 0 │ queues, locks, threads ]
//!  child  (1)            PerProcess ──▶ [ 1 │ new ones, made when first asked for ]     [ 0 │ ... ] is left alone, for good
//! ```
//!
//! The handler that the system calls in the child does three things, none of which waits or can fail: it counts, forgets the
//! state of the random numbers, and forgets the buffers of the thread that forked. All else finds out by the count.
//!
//! This file has `unsafe` for three things: the system wants functions for its handler and for its threads, and a value that is
//! replaced without a lock needs a pointer.
#![expect(unsafe_code, reason = "a lock cannot guard what is to outlive locks; see above")]

use std::io;
use std::marker::PhantomData;
#[cfg(unix)]
use std::mem::MaybeUninit;
#[cfg(unix)]
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

/// How many forks there were between the first process and this one, since the first loom.
static FORKS: AtomicU64 = AtomicU64::new(0);

/// A number that is another one in a forked process.
#[inline]
pub(super) fn generation() -> u64 {
    FORKS.load(Ordering::Relaxed)
}

/// From now on forks are noticed.
pub(super) fn watch() {
    static WATCHES: AtomicBool = AtomicBool::new(false);
    // No `Once`: whoever forks in the middle of it would leave the child with one that never ends.
    if !WATCHES.swap(true, Ordering::Relaxed) {
        super::clock::prepare();
        super::sids::prepare();
        register();
    }
}

#[cfg(unix)]
fn register() {
    // SAFETY: the handler is a function of this program, which is there as long as the process. It takes no lock, and does
    // not unwind.
    // Where the system has no memory for it, forks are as if nobody watched.
    let _ = unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
}

#[cfg(not(unix))]
fn register() {}

/// Called by the system in a forked process, before `fork` returns.
#[cfg(unix)]
unsafe extern "C" fn in_child() {
    let now = FORKS.fetch_add(1, Ordering::Relaxed) + 1;
    super::entropy::forget();
    super::here::forget_buffers(now);
}

/// Starts a thread; `Some` where it can be joined.
///
/// The standard library's threads take a lock of its own when they start and end, which a thread of the parent may have held:
/// a forked process starts its threads by the system's means.
pub(super) fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<Option<JoinHandle<()>>> {
    if generation() == 0 {
        return thread::Builder::new().name(name.to_owned()).spawn(run).map(Some);
    }
    spawn_plainly(Box::new(run)).map(|()| None)
}

type Run = Box<dyn FnOnce() + Send>;

#[cfg(unix)]
fn spawn_plainly(run: Run) -> io::Result<()> {
    extern "C" fn start(run: *mut libc::c_void) -> *mut libc::c_void {
        // SAFETY: it comes from the box below, and is given to one thread only.
        let run = unsafe { Box::from_raw(run.cast::<Run>()) };
        let _ = catch_unwind(AssertUnwindSafe(run));
        std::ptr::null_mut()
    }
    let run = Box::into_raw(Box::new(run));
    let mut thread = MaybeUninit::<libc::pthread_t>::uninit();
    // SAFETY: `thread` is there to be written to; what `run` points to is the new thread's from now on.
    let error = unsafe { libc::pthread_create(thread.as_mut_ptr(), std::ptr::null(), start, run.cast()) };
    if error != 0 {
        // SAFETY: there is no thread that has it.
        drop(unsafe { Box::from_raw(run) });
        return Err(io::Error::from_raw_os_error(error));
    }
    // SAFETY: the thread has been made, and nobody joins it.
    unsafe { libc::pthread_detach(thread.assume_init()) };
    Ok(())
}

#[cfg(not(unix))]
fn spawn_plainly(run: Run) -> io::Result<()> {
    thread::Builder::new().spawn(run).map(|_| ())
}

/// A value of which each process has its own.
pub(super) struct PerProcess<T> {
    newest: AtomicPtr<Entry<T>>,
    owns: PhantomData<T>,
}

struct Entry<T> {
    generation: u64,
    value: T,
}

impl<T: Send + Sync> PerProcess<T> {
    pub(super) fn new(value: T) -> Self {
        let entry = Box::new(Entry { generation: generation(), value });
        Self { newest: AtomicPtr::new(Box::into_raw(entry)), owns: PhantomData }
    }

    /// The value of this process. A forked one makes its own by what it has from its parent, of which it must wait for nothing.
    /// Several threads may make one at the same time; one of these is kept.
    #[inline]
    pub(super) fn get(&self, make: impl FnOnce(&T) -> T) -> &T {
        let newest = self.newest.load(Ordering::Acquire);
        // SAFETY: the pointer comes from a box, and what it points to goes with `self` or never.
        let entry = unsafe { &*newest };
        if entry.generation == generation() { &entry.value } else { self.renew(newest, make) }
    }

    /// The value of this process, if it has one already.
    pub(super) fn if_made(&self) -> Option<&T> {
        // SAFETY: as in `get`.
        let entry = unsafe { &*self.newest.load(Ordering::Acquire) };
        (entry.generation == generation()).then_some(&entry.value)
    }

    #[cold]
    fn renew(&self, known: *mut Entry<T>, make: impl FnOnce(&T) -> T) -> &T {
        // SAFETY: as in `get`.
        let value = make(unsafe { &(*known).value });
        let made = Box::into_raw(Box::new(Entry { generation: generation(), value }));
        let kept = match self.newest.compare_exchange(known, made, Ordering::AcqRel, Ordering::Acquire) {
            // The parent's stays where it is: somebody may have been in the middle of it.
            Ok(_) => made,
            Err(other) => {
                // SAFETY: it was made above, and nobody else has seen it.
                drop(unsafe { Box::from_raw(made) });
                other
            }
        };
        // SAFETY: as in `get`.
        unsafe { &(*kept).value }
    }
}

impl<T: Default + Send + Sync> Default for PerProcess<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> std::fmt::Debug for PerProcess<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PerProcess").finish_non_exhaustive()
    }
}

impl<T> Drop for PerProcess<T> {
    fn drop(&mut self) {
        let newest = *self.newest.get_mut();
        // SAFETY: as in `get`.
        if unsafe { (*newest).generation } == generation() {
            // SAFETY: it comes from a box, nobody else has `self`, and entries are in no second place.
            drop(unsafe { Box::from_raw(newest) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_made_once_and_goes_with_its_owner() {
        let value = std::sync::Arc::new(7);
        let kept = PerProcess::new(std::sync::Arc::clone(&value));
        assert_eq!(**kept.get(|_| unreachable!("no fork")), 7);
        assert!(kept.if_made().is_some());
        drop(kept);
        assert_eq!(std::sync::Arc::strong_count(&value), 1);
    }

    #[test]
    fn another_generation_has_a_value_of_its_own() {
        let kept = PerProcess::new(1);
        // As if it were the parent's.
        let entry = kept.newest.load(Ordering::Relaxed);
        // SAFETY: nobody else has it.
        unsafe { (*entry).generation = u64::MAX };
        assert!(kept.if_made().is_none());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_eq!(*kept.get(|old| old + 1), 2));
            }
        });
        assert_eq!(kept.if_made(), Some(&2));
        // SAFETY: replaced above, and left alone by design; here it is given back for the tools that look for leaks.
        drop(unsafe { Box::from_raw(entry) });
    }
}
