//! Callbacks whose panics are errors: they do not end the thread that scrapes.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::meter::registry::CallbackError;
use crate::native::suppress::suppress;

/// The same callback, without its panics and without its being traced.
pub(super) fn guarded<T>(
    callback: impl Fn() -> Result<T, CallbackError> + Send + Sync + 'static,
) -> impl Fn() -> Result<T, CallbackError> + Send + Sync + 'static {
    move || {
        let result = catch_unwind(AssertUnwindSafe(|| suppress(&callback)));
        result.unwrap_or_else(|_| Err("it panicked".into()))
    }
}
