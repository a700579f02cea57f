//! What an exporter does itself is not traced.
//!
//! Sending spans makes requests, and these are the business of instrumented libraries: left alone, each export would
//! record the spans of the next one. While an exporter works its thread is marked; who records on behalf of others (a
//! layer, a bridge, an instrumented client) asks for the mark first and records nothing.

use std::cell::Cell;

thread_local! {
    /// How many calls of [`suppress`] this thread is in.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Leaves the mark, also when what ran inside panics.
struct Mark;

impl Drop for Mark {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get().saturating_sub(1));
    }
}

/// Runs this with the thread marked: nothing in it is to be traced.
///
/// ```
/// use spanloom::native::{is_suppressed, suppress};
/// assert!(suppress(is_suppressed));
/// assert!(!is_suppressed());
/// ```
pub fn suppress<T>(run: impl FnOnce() -> T) -> T {
    DEPTH.set(DEPTH.get().saturating_add(1));
    let _mark = Mark;
    run()
}

/// True while this thread does work that is not to be traced: see [`suppress`].
///
/// ```
/// assert!(!spanloom::native::is_suppressed());
/// ```
#[must_use]
pub fn is_suppressed() -> bool {
    DEPTH.get() > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_nest_and_are_left_by_panics() {
        suppress(|| {
            suppress(|| assert!(is_suppressed()));
            assert!(is_suppressed());
        });
        assert!(!is_suppressed());
        let panicked = std::panic::catch_unwind(|| suppress(|| panic!("on purpose")));
        assert!(panicked.is_err());
        assert!(!is_suppressed());
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "threads are what is tested")]
    fn other_threads_are_not_marked() {
        suppress(|| assert!(!std::thread::spawn(is_suppressed).join().unwrap()));
    }
}
